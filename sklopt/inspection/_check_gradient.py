"""Gradients against differences of the function."""

from numbers import Real

import numpy as np
from sklearn.utils import check_array
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import Interval, validate_params

from .._naming import naming
from ._parameters import objective_of, parameter_names, parameters_at

STEPS = np.logspace(-1, -12, 12)


@validate_params(
    {
        "function": [callable],
        "x": [Real, "array-like"],
        "h": [Interval(Real, 0, None, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def central_difference(function, x, h=1e-3):
    """Derivative by central differences, (f(x + h) − f(x − h)) / 2h.

    The error of the formula is f'''(x)·h²/6 + O(h⁴), nothing for a quadratic; rounding
    adds about ε·|f(x)|/h with ε = 2.2e-16. The best h is of the size of ∛(ε|f|/|f'''|).

    Parameters
    ----------
    function : callable
        f, of what `x` is, to a number.
    x : float or array-like of shape (n,)
        Where the derivative is taken.
    h : float, default=1e-3
        Half of the distance between the two points, > 0.

    Returns
    -------
    float or ndarray of shape (n,)
        f'(x), or the gradient for an array: each of its components moves one of x.

    Raises
    ------
    ValueError
        If `x` is not finite, or of more than one dimension.

    References
    ----------
    Press, W. H. et al. (2007). Numerical Recipes, section 5.7. Cambridge.

    Examples
    --------
    >>> from sklopt.inspection import central_difference
    >>> slope = central_difference(lambda x: x**2 - 4 * x, 3.0, h=0.001)
    >>> abs(slope - 2) < 1e-10
    True
    """
    is_number, h = np.ndim(x) == 0, float(h)  # a float32 h would round x + h
    with naming("x"):
        x = np.atleast_1d(x)
        x = check_array(x, dtype=np.float64, ensure_2d=False, input_name="x")
    if x.ndim != 1:
        raise ValueError(
            f"x must be a number or of one dimension, got shape {x.shape}."
        )
    if is_number:
        x = float(x[0])
        return (function(x + h) - function(x - h)) / (2 * h)
    shifts = h * np.eye(len(x))
    return np.array([function(x + s) - function(x - s) for s in shifts]) / (2 * h)


def check_gradient(estimator, X, y, sample_weight=None, *, at=None, h=STEPS):
    """Compare the gradient of an estimator's objective with central differences.

    ∂J/∂φⱼ ≈ (J(φ + h eⱼ) − J(φ − h eⱼ)) / 2h, for each trained parameter and each h.
    As h falls, the error first falls with it like h² (truncation: ∂³J/∂φⱼ³·h²/6, which
    is 0 for a linear model) and then rises like ε·J/h (rounding, ε = 2.2e-16). Where no
    h gives a small error, the gradient is wrong.

    An l1 penalty has a kink where a coefficient is 0: there both sides are the middle
    of two slopes, and a coefficient less than h from 0 has an error of the size of the
    penalty's weight.

    Parameters
    ----------
    estimator : GradientRegressor or GaborRegressor
        Fitted, unless `at` is given.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples; sparse ones are made dense.
    y : array-like of shape (n_samples,)
        Targets.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample, >= 0.
    at : array-like of shape (n_params,), default=None
        The point φ, as `curvature` takes it. None is the fitted parameters.
    h : float or array-like, default=1e-1, 1e-2, …, 1e-12
        Steps, > 0.

    Returns
    -------
    DataFrame
        A row for each parameter and step, with the columns ``parameter`` ("phi_0", …),
        ``h``, ``analytic``, ``numeric`` and ``error``, the size of numeric − analytic.

    Raises
    ------
    NotFittedError
        If `at` is None and the estimator is not fitted.
    ValueError
        If `at` has another shape or moves a parameter that is not trained, or if J or
        its gradient overflows there or a step `h` away.

    See Also
    --------
    central_difference : The same for any function.

    References
    ----------
    Press, W. H. et al. (2007). Numerical Recipes, section 5.7. Cambridge.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.datasets import load_line
    >>> from sklopt.inspection import check_gradient
    >>> X, y = load_line(return_X_y=True)
    >>> table = check_gradient(GradientRegressor(), X, y, at=[0.6, -0.2], h=1e-3)
    >>> table[["parameter", "analytic", "numeric"]].round(6)
      parameter  analytic   numeric
    0     phi_0 -1.825333 -1.825333
    1     phi_1 -2.236703 -2.236703
    """
    pd = check_pandas_support("check_gradient")
    steps = _checked_steps(h)
    J = objective_of(estimator, X, y, sample_weight).seen()
    phi = parameters_at(estimator, J, at)
    with np.errstate(over="ignore", invalid="ignore"):
        analytic = J.gradient(phi)
        numeric = [central_difference(J.value, phi, h=float(h)) for h in steps]
    _refuse_overflow(analytic, numeric, steps)
    names = np.array(parameter_names(J))[J.is_trained]
    numeric = np.array(numeric)[:, J.is_trained].T.ravel()
    analytic = np.repeat(analytic[J.is_trained], len(steps))
    return pd.DataFrame(
        {
            "parameter": np.repeat(names, len(steps)),
            "h": np.tile(steps, len(names)),
            "analytic": analytic,
            "numeric": numeric,
            "error": np.abs(numeric - analytic),
        }
    )


def _refuse_overflow(analytic, numeric, steps):
    """A refusal of what is not finite: NaN would pass for no error in many a test."""
    if not np.isfinite(analytic).all():
        raise ValueError("The gradient of the objective overflows at this point.")
    for h, differences in zip(steps, numeric, strict=True):
        if not np.isfinite(differences).all():
            raise ValueError(
                f"The objective overflows at a distance of h = {h:g} from this point."
            )


def _checked_steps(h):
    with naming("h"):
        h = np.atleast_1d(h)
        h = check_array(h, dtype=np.float64, ensure_2d=False, input_name="h")
    if h.ndim != 1 or (h <= 0).any():
        raise ValueError(f"h must be one or several steps > 0, got {h}.")
    return h
