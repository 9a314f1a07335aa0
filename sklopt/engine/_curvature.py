"""What ``learning_rate="auto"`` asks of the data, with z = √s·(1, x) of each row.

Every number is measured only for the solvers that use it, in blocks of rows, so that
neither X in double precision nor z is ever held as a whole.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import hstack, issparse
from scipy.sparse.linalg import LinearOperator, eigsh

from ..kernels._codes import Loss
from ._blas import one_blas_thread
from ._losses import FORMULAS
from ._rows import NUMBERS_AT_ONCE, as_dense, row_blocks, row_size

# Up to this size a matrix of products is small change, and its eigenvalues exact.
LARGEST_DENSE = 500
LANCZOS_TOLERANCE = 1e-3


class Measures(NamedTuple):
    """Measures of one or more training sets; 0 where not measured.

    One number for all targets, or one for each.

    A larger number always asks for a lower rate.
    """

    largest: float = 0.0  # top eigenvalue of Σ zᵢzᵢᵀ / n
    worst_row: float = 0.0  # max ‖zᵢ‖²
    trace: float = 0.0  # Σ ‖zᵢ‖² / n
    reach: float = 0.0  # Σⱼ rms(zⱼ)
    steepness: float | np.ndarray = 0.0  # 1 / S of each target

    def worse(self, other):
        """The larger of each number."""
        return Measures(*map(np.maximum, self, other))


@one_blas_thread()
def top_eigenvalue(data, fit_intercept):
    """Top eigenvalue of Σ zᵢzᵢᵀ / n: exact if the smaller side is, else by Lanczos."""
    n_samples, n_features = data.X.shape
    with np.errstate(over="ignore", invalid="ignore"):
        if n_features < LARGEST_DENSE:
            largest = _largest_of(_gram_of_columns(data, fit_intercept))
        elif n_samples <= LARGEST_DENSE:
            largest = _largest_of(_gram_of_rows(data, fit_intercept))
        else:
            largest = _largest_by_lanczos(data, fit_intercept)
    return largest / n_samples


def mean_squares(data, fit_intercept):
    """Mean of zⱼ² of every parameter, (n_params,)."""
    n_samples, n_features = data.X.shape
    total = np.zeros(n_features + 1)
    with np.errstate(over="ignore"):
        for Z in _blocks(data, fit_intercept):
            total += _squares(Z, axis=0)
    return refuse_overflow(total) / n_samples


def worst_row(data, fit_intercept):
    """The largest ‖zᵢ‖²."""
    with np.errstate(over="ignore"):
        return max(_squares(Z, axis=1).max() for Z in _blocks(data, fit_intercept))


def _squares(Z, axis):
    """Σ z² along an axis."""
    if issparse(Z):
        return Z.power(2).sum(axis=axis)
    return np.einsum("ij,ij->j" if axis == 0 else "ij,ij->i", Z, Z)


def largest_entries(data):
    """max |xⱼ| of every feature, over rows of positive weight."""
    largest = np.zeros(data.X.shape[1])
    for rows in row_blocks(data.X, row_size(data.X)):
        X = data.X[rows]
        X = X[data.weight[rows] > 0] if data.weight.size else X
        if X.shape[0]:
            largest = np.maximum(largest, as_dense(abs(X).max(axis=0)).ravel())
    return largest


def steepness(data):
    """1 / rms(y) of every target, whatever its magnitude; 0 where y is 0."""
    return np.array([_inverse_rms(y, data.weight) for y in data.y.T])


def _inverse_rms(values, weight):
    def blocks():
        for rows in row_blocks(values, 1):
            share = weight[rows].astype(np.float64) if weight.size else 1.0
            yield values[rows].astype(np.float64) * (share > 0), share

    largest = max(np.abs(block).max() for block, _ in blocks())
    if largest == 0:
        return 0.0
    total = sum((share * (block / largest) ** 2).sum() for block, share in blocks())
    return 1 / (largest * np.sqrt(total / len(values)))


def sharpness(data, fit_intercept):
    """1 / size of the deviations of each target; 0 where y is 0.

    The mean absolute deviation from the median, or from 0 without an intercept, and no
    less than a tenth of the mean of |y|.
    """
    weights = data.weight if data.weight.size else None

    def mean_size(values):
        return np.average(np.abs(values), weights=weights)

    result = np.zeros(data.y.shape[1])
    for k, y in enumerate(data.y.T.astype(np.float64)):
        middle = fit_intercept * _median(y, weights)
        size = max(mean_size(y - middle), 0.1 * mean_size(y))
        result[k] = 1 / size if size > 0 else 0.0
    return result


def _median(values, weights):
    return np.quantile(values, 0.5, weights=weights, method="inverted_cdf")


def log_steepness(means):
    """1 / (1 + |log mean y|) of each target."""
    return 1 / (1 + np.abs(np.log(np.where(means > 0, means, 1.0))))


def untapped_gain(
    data, phi, fit_intercept, l2, l1, loss=Loss.SQUARED_ERROR, loss_parameter=0.0
):
    """By how much one coefficient alone, with the intercept, could lower J; (K,).

    Of the linear model at φ of shape (K, P), the largest of (∂J/∂φⱼ)² / 2(∂²J/∂φⱼ²) for
    the squared error without an l1 penalty; with one, what a step to the lowest point
    along φⱼ gains, which is none where a zero coefficient is held by its kink. For a
    loss whose ℓ'' varies its largest value is taken, so that J can be lowered by no
    less. It shows a loss that stands still only because features are of very different
    scales, or far from 0.
    """
    derivative, steepest = FORMULAS[loss].derivative, FORMULAS[loss].steepest
    n_samples, n_features = data.X.shape
    sums = np.zeros((3, len(phi), n_features))  # of x, x² and −x·ℓ', each times s
    pull = np.zeros(len(phi))
    some_row = data.weight.argmax() if data.weight.size else 0
    # Less an origin, X would be sparse no more.
    is_centred = fit_intercept and not issparse(data.X)
    origin = data.X[some_row].astype(np.float64) if is_centred else 0.0
    for rows in row_blocks(data.X, row_size(data.X) + 1):
        X, y = data.X[rows].astype(np.float64), data.y[rows]
        weight = data.weight[rows] if data.weight.size else np.ones(len(y))
        if not weight.all():  # 0 times what overflows
            X, y, weight = X[weight > 0], y[weight > 0], weight[weight > 0]
        downhill = -derivative(X @ phi[:, 1:].T + phi[:, 0], y, loss_parameter)
        if is_centred:
            X -= origin
        sums[0] += weight @ X
        sums[1] += weight @ (X * X)
        sums[2] += (weight[:, np.newaxis] * downhill).T @ X
        pull += weight @ downhill
    mean, square, product = sums / n_samples
    if fit_intercept:
        square = square - mean**2
        product = product - mean * (pull / n_samples)[:, np.newaxis]
    w = phi[:, 1:]
    slope = product - l2 * w  # of all but the l1 penalty, downhill
    bend = steepest * square + l2
    # What rounding leaves of the variance of a constant column is no variance.
    has_bend = bend > 1e-12 * (steepest * sums[1] / n_samples + l2)
    with np.errstate(over="ignore", invalid="ignore"):
        peak = bend * w + slope
        lowest = np.sign(peak) * np.maximum(np.abs(peak) - l1, 0.0)
        step = np.divide(lowest, bend, out=w.copy(), where=has_bend) - w
        gain = (slope - bend * step / 2) * step - l1 * (np.abs(w + step) - np.abs(w))
    return gain.max(axis=1, initial=0.0)


def _blocks(data, fit_intercept):
    """The z of a few rows at a time; 0 for 1 where there is no intercept."""
    n_features = data.X.shape[1]
    for rows in row_blocks(data.X, row_size(data.X) + 1):
        X = data.X[rows]
        bias = fit_intercept * (data.bias[rows] if data.bias.size else 1.0)
        if issparse(X):
            column = np.full((X.shape[0], 1), bias)
            Z = hstack([column, X.astype(np.float64)], format="csr")
        else:
            Z = np.empty((len(X), n_features + 1))
            Z[:, 0] = bias
            Z[:, 1:] = X
        if data.weight.size:
            Z *= np.sqrt(data.weight[rows], dtype=np.float64)[:, np.newaxis]
        yield Z


def _gram_of_columns(data, fit_intercept):
    """Σ zᵢzᵢᵀ."""
    return sum(as_dense(Z.T @ Z) for Z in _blocks(data, fit_intercept))


def _gram_of_rows(data, fit_intercept):
    """The products zᵢᵀzₖ, which have the same eigenvalues other than 0."""
    n_samples, n_features = data.X.shape
    bias = data.bias if data.bias.size else np.ones(n_samples)
    gram = fit_intercept * np.outer(bias, bias)
    n_columns = n_features if issparse(data.X) else max(1, NUMBERS_AT_ONCE // n_samples)
    for first in range(0, n_features, n_columns):
        X = data.X[:, first : first + n_columns].astype(np.float64)
        gram += as_dense(X @ X.T)
    if data.weight.size:
        root = np.sqrt(data.weight, dtype=np.float64)
        gram *= np.outer(root, root)
    return gram


def _largest_of(gram):
    last = len(gram) - 1
    refuse_overflow(gram.diagonal())
    return eigh(gram, eigvals_only=True, subset_by_index=[last, last])[0]


def _largest_by_lanczos(data, fit_intercept):
    n_params = data.X.shape[1] + 1
    if not mean_squares(data, fit_intercept).any():
        return 0.0

    def multiply(vector):
        return _gram_times(vector.ravel(), data, fit_intercept)

    operator = LinearOperator((n_params, n_params), multiply, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(n_params)
    (largest,) = eigsh(
        operator, k=1, v0=start, tol=LANCZOS_TOLERANCE, return_eigenvectors=False
    )
    # Lanczos comes from below.
    return largest * (1 + LANCZOS_TOLERANCE)


def _gram_times(vector, data, fit_intercept):
    """Σ zᵢzᵢᵀ · vector."""
    if not issparse(data.X):
        return sum(Z.T @ (Z @ vector) for Z in _blocks(data, fit_intercept))
    product = data.X @ vector[1:] + fit_intercept * vector[0]
    if data.weight.size:
        product *= data.weight
    return np.append(fit_intercept * product.sum(), data.X.T @ product)


def refuse_overflow(squares):
    """The squares of features, or a refusal of features too large for them."""
    if not np.isfinite(squares.sum()):
        raise ValueError(
            "X is too large in magnitude: its squares overflow. Scale the features, "
            "e.g. with StandardScaler."
        )
    return squares
