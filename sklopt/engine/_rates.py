"""``learning_rate="auto"``: the largest rate that theory vouches for.

With ℓ'' the curvature of the loss in the prediction and z = (1, x), the objective has
the Hessian H = ℓ''·Σ sᵢ zᵢzᵢᵀ / n, whose largest eigenvalue is L. Full-batch rules are
linear recurrences on a quadratic; their stability limit in α·L follows from the Jury
criterion on each eigenvalue, and half of it is taken, as 1/L is half of gradient
descent's 2/L:

========== ==============================
descent    α < 2 / L
momentum   α < 2(1+β) / ((1−β) L)
nesterov   α < 2(1+β) / (3 (1−β) L)
========== ==============================

On mini-batches of b rows drawn without replacement, the smoothness that counts is the
expected one (Gower et al., 2019, proposition 3.8),

    𝓛 = n(b−1)/(b(n−1)) · L + (n−b)/(b(n−1)) · max L_i,   L_i = ℓ'' sᵢ ‖zᵢ‖²,

which guarantees α = 1/(2𝓛). An epoch's last mini-batch may be smaller than the others;
its size is the b that counts for 𝓛. Their theorem 3.1 lowers the rate further for the
sake of the noise that remains. Here that noise may cost no more than `NOISE_SHARE` of
the lowest loss J*: to first order α·tr(H)·(n−b)/(2b(n−1)) · J*. Both hold for the
(1−β) averages of momentum and nesterov as for sgd.

Adam's step in a coordinate is about α whatever the curvature. It is chosen so that
one update moves the predictions by no more than `ADAM_SHARE` of the targets' scale:
α·Σⱼ rms(zⱼ) = share · rms(y).

References
----------
Gower, R. M. et al. (2019). SGD: general analysis and improved rates. ICML.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import LinearOperator, eigsh
from sklearn.utils.parallel import _threadpool_controller_decorator

from ..schedules import LineSearch
from ..solvers import Adam, Momentum, Nesterov

# The curvature ℓ'' of the squared error (f − y)², the only loss so far.
LOSS_CURVATURE = 2.0

NOISE_SHARE = 0.002
ADAM_SHARE = 0.05

# The far end of a line search, in units of 1/L: twice what gradient descent survives.
SEARCHED_LENGTH = 4.0

# The rate where there is nothing to learn from: no curvature, or no variation in y.
FREE_RATE = 1.0

# Up to this size a matrix of products is small change, and its eigenvalues exact.
LARGEST_DENSE = 500
LANCZOS_TOLERANCE = 1e-3
ROWS_AT_ONCE = 4096


class Curvature(NamedTuple):
    """What the rates ask of the data; the curvature of the mean of ½‖η‖²."""

    largest: float  # top eigenvalue of Σ sᵢ zᵢzᵢᵀ / n
    worst_row: float  # max sᵢ ‖zᵢ‖²
    mean_square: np.ndarray  # Σ sᵢ zᵢⱼ² / n of each parameter

    @property
    def trace(self):
        return self.mean_square.sum()


def auto_rate(data, solver, schedule, penalty_curvature, batch_size, fit_intercept):
    """Rate of each target for ``learning_rate="auto"``.

    Parameters
    ----------
    data : Data
    solver : Solver
    schedule : Schedule
    penalty_curvature : float
        What the penalty adds to every eigenvalue.
    batch_size : int
    fit_intercept : bool

    Returns
    -------
    float or ndarray of shape (n_targets,)
    """
    curvature = measure_curvature(data, fit_intercept)
    if isinstance(solver, Adam):
        return _adam_rate(data, curvature)
    smoothness = LOSS_CURVATURE * curvature.largest + penalty_curvature
    if isinstance(schedule, LineSearch):
        return _inverse(smoothness, SEARCHED_LENGTH)
    n_samples = len(data.X)
    if batch_size < n_samples:
        smallest = n_samples % batch_size or batch_size
        stable = _stable_rate(curvature, penalty_curvature, smallest, n_samples)
        return min(stable, _quiet_rate(curvature, batch_size, n_samples))
    return _inverse(smoothness, _half_stability_limit(solver))


def _half_stability_limit(solver):
    """Half of the largest stable α·L of a full-batch rule."""
    match solver:
        case Momentum(beta=beta):
            return (1 + beta) / (1 - beta)
        case Nesterov(beta=beta):
            return (1 + beta) / (3 * (1 - beta))
    return 1.0


def _stable_rate(curvature, penalty_curvature, b, n):
    """1/(2𝓛) of b of n rows."""
    expected = n * (b - 1) / (b * (n - 1)) * curvature.largest
    expected += (n - b) / (b * (n - 1)) * curvature.worst_row
    return _inverse(LOSS_CURVATURE * expected + penalty_curvature, 0.5)


def _quiet_rate(curvature, b, n):
    """The rate at which noise costs NOISE_SHARE of the lowest loss."""
    noise = LOSS_CURVATURE * curvature.trace * (n - b) / (2 * b * (n - 1))
    return _inverse(noise, NOISE_SHARE)


def _adam_rate(data, curvature):
    """ADAM_SHARE · rms(y) / Σⱼ rms(zⱼ), for each target."""
    scale = np.array([_rms(target, data.weight) for target in data.y.T])
    reach = np.sqrt(curvature.mean_square).sum()
    has_scale = (scale > 0) & (reach > 0)
    rate = np.full(scale.shape, FREE_RATE)
    rate[has_scale] = ADAM_SHARE * scale[has_scale] / reach
    return rate


def _rms(values, weight):
    """Weighted root mean square, whatever the magnitude."""
    values = values.astype(np.float64)
    largest = np.abs(values).max()
    if largest == 0:
        return 0.0
    weights = weight if weight.size else None
    return largest * np.sqrt(np.average((values / largest) ** 2, weights=weights))


def _inverse(curvature, share):
    return share / curvature if curvature > 0 else FREE_RATE


@_threadpool_controller_decorator(limits=1, user_api="blas")
def measure_curvature(data, fit_intercept):
    """`Curvature` of a training set, in one pass where its smaller side is small.

    On one thread, as the sums of BLAS, and with them the rate, depend on how many
    there are.
    """
    n_samples, n_features = data.X.shape
    n_params = n_features + 1
    is_dense = n_params <= LARGEST_DENSE
    gram = np.zeros((n_params, n_params)) if is_dense else None
    mean_square = np.zeros(n_params)
    worst_row = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for Z in _weighted_blocks(data, fit_intercept):
            squares = Z * Z
            mean_square += squares.sum(axis=0) / n_samples
            worst_row = max(worst_row, squares.sum(axis=1).max())
            if is_dense:
                gram += Z.T @ Z
    if not np.isfinite(mean_square.sum() * n_samples):
        raise ValueError(
            "X is too large in magnitude: its squares overflow. Scale the features, "
            "e.g. with StandardScaler."
        )
    if not mean_square.any():
        largest = 0.0
    elif is_dense:
        largest = _top_eigenvalue(gram) / n_samples
    else:
        largest = _top_eigenvalue_of_wide(data, fit_intercept) / n_samples
    return Curvature(largest, worst_row, mean_square)


def _weighted_blocks(data, fit_intercept):
    """√s·(1, x) of a few rows at a time; 0 for 1 where there is no intercept."""
    for first in range(0, len(data.X), ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        X = data.X[rows]
        Z = np.empty((len(X), X.shape[1] + 1))
        Z[:, 0] = fit_intercept
        Z[:, 1:] = X
        if data.weight.size:
            Z *= np.sqrt(data.weight[rows], dtype=np.float64)[:, np.newaxis]
        yield Z


def _top_eigenvalue(matrix):
    last = len(matrix) - 1
    return eigh(matrix, eigvals_only=True, subset_by_index=[last, last])[0]


def _top_eigenvalue_of_wide(data, fit_intercept):
    """Top eigenvalue of ZᵀZ for many columns: exact for few rows, else by Lanczos."""
    n_samples, n_features = data.X.shape
    if n_samples <= LARGEST_DENSE:
        (Z,) = _weighted_blocks(data, fit_intercept)
        return _top_eigenvalue(Z @ Z.T)

    def multiply(vector):
        product = np.zeros(n_features + 1)
        for Z in _weighted_blocks(data, fit_intercept):
            product += Z.T @ (Z @ vector.ravel())
        return product

    shape = n_features + 1, n_features + 1
    operator = LinearOperator(shape, matvec=multiply, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(n_features + 1)
    (largest,) = eigsh(
        operator, k=1, v0=start, tol=LANCZOS_TOLERANCE, return_eigenvectors=False
    )
    # Lanczos comes from below.
    return largest * (1 + LANCZOS_TOLERANCE)
