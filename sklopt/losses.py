"""Losses: how `GradientRegressor` judges a prediction.

A loss is a description: it holds hyperparameters under scikit-learn's rules for
parameters, so that ``clone``, ``set_params`` and any search reach them
(``loss__delta=2.0``). With prediction f, target y and residual r = f − y, the loss
ℓ(f, y) of one sample is:

=========================== ======================================= ========
`SquaredError`              r²                                      mean
`AbsoluteError`             |r|                                     median
`Huber`                     ½ r² if |r| <= δ, else δ|r| − ½ δ²      between
`EpsilonInsensitive`        max(0, |r| − ε)                         median
`SquaredEpsilonInsensitive` max(0, |r| − ε)²                        mean
`Quantile`                  q(y − f) if f <= y, else (1 − q)(f − y) quantile
`Poisson`                   μ − y log μ + y log y − y, μ = exp(z)   mean
`Gamma`                     log μ + y/μ − log y − 1, μ = exp(z)     mean
=========================== ======================================= ========

The last column tells what of y's distribution at x is fitted, about so for the losses
with ε. For the last two, the linear model z is the logarithm of the mean μ, which
``predict`` returns, and the loss is half of the deviance.

Factors are those of `sklearn.linear_model.SGDRegressor` and of scikit-learn's own loss
functions, with two differences. `SquaredError` has no ½. And the terms of y alone are
part of `Poisson` and `Gamma`: they change no gradient, but make every loss here at
least 0, and 0 for a perfect fit, so that ``loss_`` says how far a fit is from perfect
and ``tol``, a share of the objective, means the same for all losses.

Where a loss has a kink, 0 is taken for its derivative.
"""

from numbers import Real

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

__all__ = [
    "AbsoluteError",
    "EpsilonInsensitive",
    "Gamma",
    "Huber",
    "Poisson",
    "Quantile",
    "SquaredEpsilonInsensitive",
    "SquaredError",
]

_WIDTH = [Interval(Real, 0, None, closed="left")]


class SquaredError(BaseEstimator):
    """The square of the residual, (f − y)², without a factor ½.

    References
    ----------
    Prince, S. J. D. (2023). Understanding Deep Learning, section 2.2. MIT Press.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.losses import SquaredError
    >>> model = GradientRegressor(loss=SquaredError())
    >>> model.fit([[-1.0], [0.0], [1.0]], [0.0, 0.0, 3.0]).predict([[0.0]]).round(2)
    array([1.])
    """

    _parameter_constraints: dict = {}


class AbsoluteError(BaseEstimator):
    """The size of the residual, |f − y|: fits the median.

    References
    ----------
    Koenker, R. and Bassett, G. (1978). Regression quantiles. Econometrica, 46(1).

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.losses import AbsoluteError
    >>> model = GradientRegressor(loss=AbsoluteError(), schedule="cosine", tol=None)
    >>> model.fit([[0.0], [0.0], [0.0]], [1.0, 2.0, 30.0]).predict([[0.0]]).round(1)
    array([2.])
    """

    _parameter_constraints: dict = {}


class Huber(BaseEstimator):
    """Squared error near the target, absolute error far from it.

    ½ r² where |r| <= δ, else δ|r| − ½ δ², with r = f − y.

    Parameters
    ----------
    delta : float, default=1.35
        Where the loss becomes linear, δ > 0, in units of y. 1.35 loses 5 % against
        least squares where the noise is normal and of variance 1. `SGDRegressor` calls
        it epsilon and takes 0.1.

    References
    ----------
    Huber, P. J. (1964). Robust estimation of a location parameter. Annals of
    Mathematical Statistics, 35(1).

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.losses import Huber
    >>> GradientRegressor(loss=Huber(delta=2.0)).set_params(loss__delta=0.5).loss
    Huber(delta=0.5)
    """

    _parameter_constraints: dict = {
        "delta": [Interval(Real, 0, None, closed="neither")]
    }

    def __init__(self, delta=1.35):
        self.delta = delta


class EpsilonInsensitive(BaseEstimator):
    """Absolute error beyond a tube that costs nothing, max(0, |f − y| − ε).

    Parameters
    ----------
    epsilon : float, default=0.1
        Half width ε >= 0 of the tube, in units of y. 0 is `AbsoluteError`.

    References
    ----------
    Vapnik, V. (1995). The Nature of Statistical Learning Theory. Springer.

    Examples
    --------
    >>> from sklopt.losses import EpsilonInsensitive
    >>> EpsilonInsensitive(epsilon=0.5)
    EpsilonInsensitive(epsilon=0.5)
    """

    _parameter_constraints: dict = {"epsilon": _WIDTH}

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon


class SquaredEpsilonInsensitive(BaseEstimator):
    """Squared error beyond a tube that costs nothing, max(0, |f − y| − ε)².

    Parameters
    ----------
    epsilon : float, default=0.1
        Half width ε >= 0 of the tube, in units of y. 0 is `SquaredError`.

    References
    ----------
    Vapnik, V. (1995). The Nature of Statistical Learning Theory. Springer.

    Examples
    --------
    >>> from sklopt.losses import SquaredEpsilonInsensitive
    >>> SquaredEpsilonInsensitive(epsilon=0.5)
    SquaredEpsilonInsensitive(epsilon=0.5)
    """

    _parameter_constraints: dict = {"epsilon": _WIDTH}

    def __init__(self, epsilon=0.1):
        self.epsilon = epsilon


class Quantile(BaseEstimator):
    """The pinball loss, q(y − f) below the target, (1 − q)(f − y) above it.

    Parameters
    ----------
    quantile : float, default=0.5
        The quantile q to be fitted, in (0, 1). 0.5 is half of `AbsoluteError`.

    References
    ----------
    Koenker, R. and Bassett, G. (1978). Regression quantiles. Econometrica, 46(1).

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.losses import Quantile
    >>> model = GradientRegressor(loss=Quantile(quantile=0.9), schedule="cosine")
    >>> X, y = [[0.0]] * 101, range(101)
    >>> model.fit(X, y).predict([[0.0]]).round()
    array([90.])
    """

    _parameter_constraints: dict = {
        "quantile": [Interval(Real, 0, 1, closed="neither")]
    }

    def __init__(self, quantile=0.5):
        self.quantile = quantile


class Poisson(BaseEstimator):
    """Half of the Poisson deviance, for counts y >= 0 with the mean μ = exp(z).

    μ − y log μ + y log y − y, where the linear model z is the logarithm of the mean.

    References
    ----------
    McCullagh, P. and Nelder, J. A. (1989). Generalized Linear Models, chapter 6.
    Chapman and Hall.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.losses import Poisson
    >>> model = GradientRegressor(loss=Poisson())
    >>> model.fit([[-1.0], [0.0], [1.0]], [1, 2, 4]).predict([[2.0]]).round(1)
    array([8.])
    """

    _parameter_constraints: dict = {}


class Gamma(BaseEstimator):
    """Half of the gamma deviance, for y > 0 with the mean μ = exp(z).

    log μ + y/μ − log y − 1, where the linear model z is the logarithm of the mean.

    Training begins at μ = 1. Where y is of quite another size, its steps there are of
    quite another length as well: divide y by its mean first.

    References
    ----------
    McCullagh, P. and Nelder, J. A. (1989). Generalized Linear Models, chapter 8.
    Chapman and Hall.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.losses import Gamma
    >>> model = GradientRegressor(loss=Gamma())
    >>> model.fit([[-1.0], [0.0], [1.0]], [0.5, 1, 2]).predict([[2.0]]).round(1)
    array([4.])
    """

    _parameter_constraints: dict = {}


LOSSES = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "epsilon_insensitive": EpsilonInsensitive,
    "squared_epsilon_insensitive": SquaredEpsilonInsensitive,
    "quantile": Quantile,
    "poisson": Poisson,
    "gamma": Gamma,
}
