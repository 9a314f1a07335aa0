"""What gradient and Hessian say of one point of the surface."""

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
from scipy.linalg import eigh
from sklearn.utils._param_validation import Interval, validate_params

from ._frozen import FrozenArrays
from ._parameters import objective_of, parameter_names, parameters_at

# Eigenvalues below this share of the largest are zero, parameters taken in units in
# which each has a curvature of about 1.
FLAT = 1e-10

# A loss below this share of that of the prediction 0 counts as one of that size.
NEGLIGIBLE = 1e-6


@dataclass(frozen=True, repr=False, eq=False)
class Curvature(FrozenArrays):
    """The objective J around one point φ; what `curvature` returns.

    Its arrays are copies that cannot be written to.

    Parameters
    ----------
    at : ndarray of shape (n_params,)
        The point φ, intercept first.
    loss : float
        J(φ).
    gradient : ndarray of shape (n_params,)
        ∇J(φ), 0 where a parameter is not trained.
    gradient_norm : float
        ‖∇J(φ)‖.
    newton_gain : float
        ½ Σₖ (vₖᵀ∇J)²/|λₖ|: by how much the nearest critical point of the quadratic that
        touches J in φ differs from J(φ).
    hessian : ndarray of shape (n_params, n_params)
        ∇²J(φ), 0 where a parameter is not trained.
    eigenvalues : ndarray of shape (n_trained,)
        Eigenvalues λ of the Hessian of the trained parameters, ascending.
    condition_number : float
        Largest |λ| over smallest; inf where rounding leaves nothing of the smallest.
    kind : str
        ``"minimum"``, ``"maximum"``, ``"saddle point"``, ``"degenerate"`` or
        ``"not critical"``.
    is_convex : bool
        Whether the Hessian is positive semidefinite in φ. That of a linear model is,
        everywhere.
    largest_stable_rate : float
        2/λ_max, above which ``solver="gd"`` moves away from a minimum; inf where no
        eigenvalue is positive.
    suggested_rate, suggested_momentum : float
        α = 1/√(μL) and β = ((√L − √μ)/(√L + √μ))², the fastest for
        ``solver=Momentum(beta)`` on a quadratic with eigenvalues from μ to L; NaN where
        J is not convex. Zero eigenvalues are left out, as nothing moves along them.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.inspection import curvature
    >>> point = curvature(GradientRegressor(), [[-1.0], [3.0]], [0.0, 4.0], at=[1, 1])
    >>> point.eigenvalues.round(2)
    array([ 1.53, 10.47])
    """

    at: np.ndarray
    loss: float
    gradient: np.ndarray
    gradient_norm: float
    newton_gain: float
    hessian: np.ndarray
    eigenvalues: np.ndarray
    condition_number: float
    kind: str
    is_convex: bool
    largest_stable_rate: float
    suggested_rate: float
    suggested_momentum: float

    def __repr__(self):
        rates = f"{self.suggested_rate:.4g} with beta={self.suggested_momentum:.4g}"
        rows = {
            "at": _brief(self.at),
            "loss": f"{self.loss:.6g}",
            "gradient norm": f"{self.gradient_norm:.3g}",
            "gain of a Newton step": f"{self.newton_gain:.3g}",
            "eigenvalues": _brief(self.eigenvalues),
            "condition number": f"{self.condition_number:.4g}",
            "largest stable rate": f"{self.largest_stable_rate:.4g} of gd",
            "suggested momentum": rates if self.suggested_rate > 0 else "none",
        }
        convexity = "convex here" if self.is_convex else "not convex here"
        lines = [f"  {name:<23}{value}" for name, value in rows.items()]
        return "\n".join([f"Curvature: {self.kind}, {convexity}", *lines])


@validate_params(
    {"tol": [Interval(Real, 0, None, closed="left")]},
    prefer_skip_nested_validation=True,
)
def curvature(estimator, X, y, sample_weight=None, *, at=None, tol=1e-2):
    """Gradient, Hessian and kind of one point of an estimator's objective.

    With λ and v the eigenvalues and eigenvectors of the Hessian ∇²J(φ), a point is
    critical if the gradient vanishes, and then it is

    - all λ > 0: a minimum;
    - all λ < 0: a maximum;
    - some λ > 0, some λ < 0: a saddle point;
    - some λ = 0, the others of one sign: degenerate, as the second derivatives do not
      tell. So is a point from which no sample sees a `GaborRegressor`'s wave.

    Training ends near a minimum rather than in it. Here the gradient counts as zero if
    a Newton step would change J by no more than a share `tol` of it,
    ½ Σₖ (vₖᵀ∇J)²/|λₖ| <= tol·J, where a J below a millionth of that of the prediction 0
    counts as one of that size. An eigenvalue counts as zero below 1e-10 of the largest,
    after every parameter was scaled to a curvature of about 1: that changes no sign
    (Sylvester's law of inertia), and the answer does not depend on the units of X.

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
        The point φ: intercept first, then a coefficient for each feature; amplitude and
        offset after them where the estimator fits one of these. None is the fitted
        parameters.
    tol : float, default=1e-2
        Share of J that a Newton step may still gain in a critical point.

    Returns
    -------
    Curvature
        Its attributes are what the name says; printing it shows the most of them.

    Raises
    ------
    NotFittedError
        If `at` is None and the estimator is not fitted.
    ValueError
        If `at` has another shape or moves a parameter that is not trained, or if J or
        a derivative of it overflows there, or does not exist, as where a coefficient is
        0 and has an l1 penalty.

    See Also
    --------
    check_gradient : Compares the gradient with differences of J.

    Notes
    -----
    A heavy ball φ ← φ − a g + β(φ − φ_before) is fastest on a quadratic with
    eigenvalues from μ to L at a = 4/(√L + √μ)² and β = ((√L − √μ)/(√L + √μ))² [1]_: all
    errors shrink by √β a step in the end. `Momentum` averages, m ← βm + (1−β)g with
    φ ← φ − αm, so that a = α(1−β). As 1−β = 4√(μL)/(√L + √μ)², its rate is α = 1/√(μL).
    Both numbers are for full batches.

    Derivatives are those in the published φ, on the whole of the data. So
    `gradient_norm` is that of ``history_`` only for full batches, and only where φ
    itself is trained: a `GaborRegressor` with ``learning_rate="auto"`` trains on
    standardised data, and ``history_`` has the norm in these units.

    References
    ----------
    .. [1] Polyak, B. T. (1964). Some methods of speeding up the convergence of
       iteration methods. USSR Computational Mathematics and Mathematical Physics, 4(5).
    .. [2] Prince, S. J. D. (2023). Understanding Deep Learning, section 6.1. MIT Press.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.datasets import load_line
    >>> from sklopt.inspection import curvature
    >>> X, y = load_line(return_X_y=True)
    >>> curvature(GradientRegressor(), X, y, at=[0.6, -0.2])
    Curvature: not critical, convex here
      at                     [ 0.6 -0.2]
      loss                   1.03058
      gradient norm          2.89
      gain of a Newton step  1.01
      eigenvalues            [0.3328 4.1692]
      condition number       12.53
      largest stable rate    0.4797 of gd
      suggested momentum     0.8489 with beta=0.3129
    """
    J = objective_of(estimator, X, y, sample_weight).seen()
    if not J.has_hessian:
        raise ValueError(
            "This loss consists of straight pieces: it has no second derivative to "
            "tell of, and a gradient other than 0 in its minimum."
        )
    phi = parameters_at(estimator, J, at)
    _refuse_kinks(J, phi)
    with np.errstate(over="ignore", invalid="ignore"):
        loss, g, H = float(J.value(phi)), J.gradient(phi), J.hessian(phi)
    if not (np.isfinite(loss) and np.isfinite(g).all() and np.isfinite(H).all()):
        raise ValueError("The objective or a derivative of it overflows at this point.")
    is_trained = J.is_trained
    g_trained, H_trained = g[is_trained], H[np.ix_(is_trained, is_trained)]
    unit = _units(J.curvature_size(phi)[is_trained])
    gain, signs = _newton_gain_and_signs(unit * g_trained, _scaled(H_trained, unit))
    eigenvalues = eigh(H_trained, eigvals_only=True)
    rate, momentum = _heavy_ball(eigenvalues, signs)
    is_critical = gain <= tol * max(loss, NEGLIGIBLE * J.value_at_zero)
    return Curvature(
        at=phi,
        loss=loss,
        gradient=g,
        gradient_norm=math.hypot(*g),
        newton_gain=gain,
        hessian=H,
        eigenvalues=eigenvalues,
        condition_number=_condition_number(eigenvalues),
        kind=_kind(signs, J.is_visible(phi)) if is_critical else "not critical",
        is_convex=not (signs < 0).any(),
        largest_stable_rate=_stable_rate(eigenvalues),
        suggested_rate=rate,
        suggested_momentum=momentum,
    )


def _refuse_kinks(J, phi):
    has_kink = J.kinks(phi)
    if has_kink.any():
        names = [parameter_names(J)[p] for p in np.flatnonzero(has_kink)]
        raise ValueError(
            f"The l1 penalty has a kink where a coefficient is exactly 0, as "
            f"{', '.join(names)} at this point: there is no Hessian. Pass another "
            "point in `at`, or take penalty='l2' or None."
        )


def _units(size):
    """Units of the parameters in which all curvatures are of size 1."""
    return 1 / np.sqrt(np.where(size > 0, size, 1.0))


def _scaled(H, unit):
    return unit[:, np.newaxis] * H * unit


def _newton_gain_and_signs(g, H):
    """½ Σₖ (vₖᵀg)²/|λₖ|, and the signs of λ; flat directions count as nearly flat."""
    eigenvalues, V = eigh(H)
    size, pull = np.abs(eigenvalues), V.T @ g
    floor = FLAT * size.max()
    signs = np.sign(eigenvalues) * (size > floor)
    if floor == 0:
        return (np.inf if pull.any() else 0.0), signs
    return float(0.5 * (pull**2 / np.maximum(size, floor)).sum()), signs


def _kind(signs, is_visible):
    rises, falls = (signs > 0).any(), (signs < 0).any()
    if not is_visible:
        return "degenerate"
    if rises and falls:
        return "saddle point"
    if (signs == 0).any():
        return "degenerate"
    return "minimum" if rises else "maximum"


def _rounding(eigenvalues):
    """What the eigenvalues of a symmetric matrix are uncertain by."""
    return np.finfo(float).eps * len(eigenvalues) * np.abs(eigenvalues).max()


def _condition_number(eigenvalues):
    size = np.abs(eigenvalues)
    if size.min() <= _rounding(eigenvalues):
        return np.inf
    return float(size.max() / size.min())


def _stable_rate(eigenvalues):
    """2/λ_max of gradient descent."""
    return 2 / float(eigenvalues[-1]) if eigenvalues[-1] > 0 else np.inf


def _heavy_ball(eigenvalues, signs):
    """α = 1/√(μL) and β = ((√L − √μ)/(√L + √μ))², or NaN where J is no bowl."""
    bowl = eigenvalues[eigenvalues > _rounding(eigenvalues)]
    if (signs < 0).any() or not len(bowl):
        return np.nan, np.nan
    low, high = np.sqrt(bowl[0]), np.sqrt(bowl[-1])
    return float(1 / (low * high)), float(((high - low) / (high + low)) ** 2)


def _brief(values):
    return np.array2string(values, precision=4, threshold=6, edgeitems=2)
