"""Data of the course: twelve points on a line, and samples of a Gabor wave."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import Bunch, check_array, check_random_state
from sklearn.utils._optional_dependencies import check_pandas_support
from sklearn.utils._param_validation import Interval, validate_params

from ._naming import naming

__all__ = ["load_line", "make_gabor"]

_LINE_X = (0.03, 0.19, 0.34, 0.46, 0.78, 0.81, 1.08, 1.18, 1.39, 1.60, 1.65, 1.90)
_LINE_Y = (0.67, 0.85, 1.05, 1.00, 1.40, 1.50, 1.30, 1.54, 1.55, 1.68, 1.73, 1.60)

_LINE_DESCR = """\
Twelve points that lie about a line, of one feature x and a target y.

Prince, S. J. D. (2023). Understanding Deep Learning, chapter 6. MIT Press.
"""

_GABOR_DESCR = """\
Samples of a Gabor wave with Gaussian noise.

y = offset + amplitude·sin(z)·exp(−z²/window) + noise, z = φ₀ + input_scale·φ₁…d·x.
"""


@validate_params(
    {"return_X_y": ["boolean"], "as_frame": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def load_line(*, return_X_y=False, as_frame=False):
    """Load the twelve points that the course fits a line to.

    Σᵢ (φ₀ + φ₁xᵢ − yᵢ)² is 12.367 at φ = (0.6, −0.2).

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return (data, target) instead of a Bunch.
    as_frame : bool, default=False
        Whether data is a DataFrame and target a Series.

    Returns
    -------
    Bunch or tuple
        A tuple (data, target) with `return_X_y`, else a Bunch of

        data : {ndarray, DataFrame} of shape (12, 1)
            x.
        target : {ndarray, Series} of shape (12,)
            y.
        frame : DataFrame of shape (12, 2)
            Both; None unless `as_frame`.
        feature_names, target_name : list of str, str
            ``["x"]`` and ``"y"``.
        DESCR : str
            What these data are.

    References
    ----------
    Prince, S. J. D. (2023). Understanding Deep Learning, chapter 6. MIT Press.

    Examples
    --------
    >>> from sklopt.datasets import load_line
    >>> X, y = load_line(return_X_y=True)
    >>> float(round(sum((0.6 - 0.2 * X[:, 0] - y) ** 2), 3))
    12.367
    """
    X, y = np.array(_LINE_X)[:, np.newaxis], np.array(_LINE_Y)
    return _packed(X, y, ["x"], return_X_y, as_frame, DESCR=_LINE_DESCR)


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "phi": ["array-like"],
        "window": [Interval(Real, 0, None, closed="neither")],
        "input_scale": [Interval(Real, 0, None, closed="neither")],
        "amplitude": [Interval(Real, None, None, closed="neither")],
        "offset": [Interval(Real, None, None, closed="neither")],
        "noise": [Interval(Real, 0, None, closed="left")],
        "x_range": [tuple, list],
        "random_state": ["random_state"],
        "return_X_y": ["boolean"],
        "as_frame": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_gabor(
    n_samples=100,
    *,
    phi=(0.5, 15.0),
    window=8.0,
    input_scale=0.06,
    amplitude=1.0,
    offset=0.0,
    noise=0.1,
    x_range=(-15, 15),
    random_state=None,
    return_X_y=True,
    as_frame=False,
):
    """Sample a Gabor wave with noise.

    y = offset + amplitude·sin(z)·exp(−z²/window) + noise·N(0, 1), where
    z = φ₀ + input_scale·(φ₁x₁ + … + φ_d x_d) and every xⱼ is uniform over `x_range`.

    Parameters
    ----------
    n_samples : int, default=100
        Number of samples.
    phi : array-like of shape (n_features + 1,), default=(0.5, 15.0)
        φ₀, then the coefficient of each feature.
    window : float, default=8.0
        Width of the wave, > 0; Prince prints 32.
    input_scale : float, default=0.06
        What w·x is multiplied by, > 0.
    amplitude, offset : float, default=1.0 and 0.0
        Of the wave.
    noise : float, default=0.1
        Standard deviation of the Gaussian noise of y.
    x_range : tuple of two floats, default=(-15, 15)
        Lowest and highest value of a feature.
    random_state : int, RandomState instance or None, default=None
        Where x and noise come from.
    return_X_y : bool, default=True
        Whether to return (data, target) instead of a Bunch.
    as_frame : bool, default=False
        Whether data is a DataFrame and target a Series.

    Returns
    -------
    Bunch or tuple
        A tuple (data, target) with `return_X_y`, else a Bunch of

        data : {ndarray, DataFrame} of shape (n_samples, n_features)
            x.
        target : {ndarray, Series} of shape (n_samples,)
            y.
        frame : DataFrame of shape (n_samples, n_features + 1)
            Both; None unless `as_frame`.
        feature_names, target_name : list of str, str
            ``["x"]``, or ``["x1", "x2", …]`` for several features, and ``"y"``.
        phi : ndarray of shape (n_features + 1,)
            The true parameters.
        DESCR : str
            What these data are.

    Raises
    ------
    ValueError
        If `phi` or `x_range` has another shape, or if y overflows.

    References
    ----------
    Prince, S. J. D. (2023). Understanding Deep Learning, chapter 6. MIT Press.

    Examples
    --------
    >>> from sklopt.datasets import make_gabor
    >>> X, y = make_gabor(30, phi=(0.5, 15.0), noise=0.2, random_state=0)
    >>> X.shape, y.shape
    ((30, 1), (30,))
    """
    with naming("phi"):
        phi = check_array(phi, dtype=np.float64, ensure_2d=False, input_name="phi")
    if phi.ndim != 1 or len(phi) < 2:
        raise ValueError(
            f"phi must be φ₀ and a coefficient for each feature, got shape {phi.shape}."
        )
    low, high = _checked_range(x_range)
    rng = check_random_state(random_state)
    X = rng.uniform(low, high, size=(n_samples, len(phi) - 1))
    # Far from its middle a wave is 0, though z² overflows there.
    with np.errstate(over="ignore", invalid="ignore"):
        z = phi[0] + input_scale * (X @ phi[1:])
        y = offset + amplitude * np.sin(z) * np.exp(-(z**2) / window)
        y += noise * rng.standard_normal(n_samples)
    if not np.isfinite(y).all():
        raise ValueError(
            "y overflows: make phi, input_scale, x_range, amplitude, offset or noise "
            "smaller."
        )
    is_single = X.shape[1] == 1
    names = ["x"] if is_single else [f"x{j + 1}" for j in range(X.shape[1])]
    return _packed(X, y, names, return_X_y, as_frame, phi=phi, DESCR=_GABOR_DESCR)


def _checked_range(x_range):
    with naming("x_range"):
        limits = check_array(
            x_range, dtype=np.float64, ensure_2d=False, input_name="x_range"
        )
    if limits.shape != (2,) or limits[0] > limits[1]:
        raise ValueError(
            f"x_range must be a lowest and a highest value, got {x_range}."
        )
    with np.errstate(over="ignore"):
        width = limits[1] - limits[0]
    if not np.isfinite(width):
        raise ValueError(f"x_range is too wide for floating point, got {x_range}.")
    return limits


def _packed(X, y, names, return_X_y, as_frame, **others):
    """As scikit-learn's loaders return their data."""
    frame = None
    if as_frame:
        pd = check_pandas_support("as_frame=True")
        frame = pd.DataFrame(X, columns=names).assign(y=y)
        X, y = frame[names], frame["y"]
    if return_X_y:
        return X, y
    return Bunch(
        data=X, target=y, frame=frame, feature_names=names, target_name="y", **others
    )
