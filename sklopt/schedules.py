"""Schedules: how the learning rate changes with time.

Like a solver, a schedule is a description that holds hyperparameters
(``schedule__factor=0.3`` in a search); the estimator runs it. α₀ is the estimator's
``learning_rate`` and t the epoch, counted from 0:

=================== =====================================================
`Constant`          α₀
`StepDecay`         α₀ · c^⌊t/s⌋
`ExponentialDecay`  α₀ · c^t
`InverseScaling`    α₀ / (t+1)^p
`Cosine`            α₀ · ½(1 + cos(πt/T))
`Plateau`           α₀, times a factor whenever the objective stands still
`LineSearch`        the step that lowers the objective most, up to α₀
=================== =====================================================
"""

from numbers import Integral, Real

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

__all__ = [
    "Constant",
    "Cosine",
    "ExponentialDecay",
    "InverseScaling",
    "LineSearch",
    "Plateau",
    "StepDecay",
]

_FACTOR = [Interval(Real, 0, 1, closed="right")]
_COUNT = [Interval(Integral, 0, None, closed="left")]


class Constant(BaseEstimator):
    """The same rate at all times: α₀.

    Examples
    --------
    >>> from sklopt.schedules import Constant
    >>> Constant()
    Constant()
    """

    _parameter_constraints: dict = {}


class StepDecay(BaseEstimator):
    """A rate that drops every few epochs: α₀ · c^⌊t/s⌋.

    Parameters
    ----------
    factor : float, default=0.5
        What the rate is multiplied by, c in (0, 1].
    every : int, default=100
        Epochs s between two drops.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.schedules import StepDecay
    >>> model = GradientRegressor("gd", learning_rate=0.2, max_iter=4, tol=None,
    ...                           schedule=StepDecay(factor=0.1, every=2))
    >>> history = model.fit([[0.0], [1.0]], [0.0, 1.0]).history_
    >>> history["learning_rate"].round(6).to_list()
    [0.2, 0.2, 0.02, 0.02]
    """

    _parameter_constraints: dict = {
        "factor": _FACTOR,
        "every": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, factor=0.5, every=100):
        self.factor = factor
        self.every = every


class ExponentialDecay(BaseEstimator):
    """A rate that drops by the same factor every epoch: α₀ · c^t.

    Parameters
    ----------
    factor : float, default=0.99
        What the rate is multiplied by each epoch, c in (0, 1].

    Examples
    --------
    >>> from sklopt.schedules import ExponentialDecay
    >>> ExponentialDecay(factor=0.9)
    ExponentialDecay(factor=0.9)
    """

    _parameter_constraints: dict = {"factor": _FACTOR}

    def __init__(self, factor=0.99):
        self.factor = factor


class InverseScaling(BaseEstimator):
    """A rate that falls as a power of time: α₀ / (t+1)^p.

    Parameters
    ----------
    power : float, default=0.25
        The power p > 0.
    per : {"epoch", "update"}, default="epoch"
        What t counts. ``"update"`` is scikit-learn's ``learning_rate="invscaling"``.

    Examples
    --------
    >>> from sklopt.schedules import InverseScaling
    >>> InverseScaling(power=0.5, per="update")
    InverseScaling(per='update', power=0.5)
    """

    _parameter_constraints: dict = {
        "power": [Interval(Real, 0, None, closed="neither")],
        "per": [StrOptions({"epoch", "update"})],
    }

    def __init__(self, power=0.25, per="epoch"):
        self.power = power
        self.per = per


class Cosine(BaseEstimator):
    """A rate that falls along half a cosine wave: α₀ · ½(1 + cos(πt/T)), then 0.

    Parameters
    ----------
    epochs : int or None, default=None
        Epochs T until the rate is zero; None takes the estimator's ``max_iter``.

    References
    ----------
    Loshchilov, I. and Hutter, F. (2017). SGDR: stochastic gradient descent with warm
    restarts. ICLR. One wave, without restarts.

    Examples
    --------
    >>> from sklopt.schedules import Cosine
    >>> Cosine(epochs=100)
    Cosine(epochs=100)
    """

    _parameter_constraints: dict = {
        "epochs": [Interval(Integral, 1, None, closed="left"), None]
    }

    def __init__(self, epochs=None):
        self.epochs = epochs


class Plateau(BaseEstimator):
    """A rate that drops whenever the objective stands still.

    With ``early_stopping`` it is the validation loss that is looked at.

    After more than `patience` epochs without an improvement larger than `threshold`,
    the rate is multiplied by `factor`, as torch's ``ReduceLROnPlateau`` does. A drop
    also renews the patience of the estimator's ``tol``, so that training ends at a
    plateau that a lower rate does not leave. The rate falls no lower than `min_rate`,
    nor than a millionth of its first value.

    Parameters
    ----------
    factor : float, default=0.5
        What the rate is multiplied by, in (0, 1].
    patience : int, default=3
        Epochs without improvement that are borne. One that is not smaller than the
        estimator's ``n_iter_no_change`` may never act, for training may end before.
    cooldown : int, default=0
        Epochs after a drop that are not counted.
    min_rate : float, default=0.0
        The lowest rate.
    threshold : float, default=1e-4
        The smallest improvement that counts, relative to the best objective so far.

    Examples
    --------
    >>> from sklopt.schedules import Plateau
    >>> Plateau(patience=2)
    Plateau(patience=2)
    """

    _parameter_constraints: dict = {
        "factor": _FACTOR,
        "patience": _COUNT,
        "cooldown": _COUNT,
        "min_rate": [Interval(Real, 0, None, closed="left")],
        "threshold": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self, factor=0.5, patience=3, cooldown=0, min_rate=0.0, threshold=1e-4
    ):
        self.factor = factor
        self.patience = patience
        self.cooldown = cooldown
        self.min_rate = min_rate
        self.threshold = threshold


class LineSearch(BaseEstimator):
    """The step along −∇J that a bracketing search finds lowest.

    Four steps a < b < c < d, from a = 0 to d = ``learning_rate``, b and c at the
    thirds. If a is lowest, b, c and d are halved toward it; else if J(b) < J(c), c
    becomes d; else b becomes a; and the thirds are placed anew, until |b − c| is
    small. The step is (b + c)/2, or nothing where that would not lower J.

    For full-batch descent only: ``solver="gd"``, or ``"sgd"`` with
    ``batch_size=None``.

    Parameters
    ----------
    tolerance : float, default=1e-5
        The search ends when |b − c| is below this fraction of c, so that the step is
        found to that accuracy whatever its length.

    References
    ----------
    Prince, S. J. D. (2023). Understanding Deep Learning, section 6.1 and notebook 6.1.
    MIT Press.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> model = GradientRegressor("gd", learning_rate=1.0, schedule="line_search")
    >>> model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).predict([[3.0]]).round(3)
    array([7.])
    """

    _parameter_constraints: dict = {
        "tolerance": [Interval(Real, 0, 1, closed="neither")]
    }

    def __init__(self, tolerance=1e-5):
        self.tolerance = tolerance


SCHEDULES = {
    "constant": Constant,
    "step_decay": StepDecay,
    "exponential": ExponentialDecay,
    "inverse_scaling": InverseScaling,
    "cosine": Cosine,
    "plateau": Plateau,
    "line_search": LineSearch,
}
