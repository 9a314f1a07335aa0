"""Few rows in place of many: square roots of matrices of products.

Everything here is of the size of the parameters; the data are nowhere seen.
"""

import numpy as np
from scipy.linalg import bandwidth, solve_triangular

from ._types import Data, read_only

# A feature varies if it does by more than this share of its size. One that does by less
# than the other share is so far from 0 that its deviations are rounded away in the
# distance: parameters would then differ by more than 1e-8 from those of the samples.
SMALLEST_SPREAD = 1e-12
SMALLEST_NEAR_0 = 1e-4


def equivalent(shift, products, total):
    """Few rows with those products, as the mean of rows of that total weight, or None.

    None where a number leaves the range of double precision, or a feature is far from 0
    for its spread.
    """
    if not np.isfinite(products).all():
        return None
    n_features = len(shift.centre)
    root = square_root(products)
    root *= np.sqrt(len(root) / total)
    Z, y = root[:, : n_features + 1], root[:, n_features + 1 :]
    Z[:, 1:] += np.outer(Z[:, 0], shift.centre)
    y = y + Z @ shift.phi.T
    if not (np.isfinite(Z).all() and np.isfinite(y).all()):
        return None
    few = Data(*map(read_only, (Z[:, 1:], y, np.empty(0), Z[:, 0])))
    _, spread, size = _extent(few)
    is_far = (spread > SMALLEST_SPREAD * size) & (spread < SMALLEST_NEAR_0 * size)
    return None if is_far.any() or not np.isfinite(size).all() else few


def _extent(few):
    """Mean of each feature, root of its variance, and of its mean square."""
    weight = few.bias @ few.bias
    mean = few.bias @ few.X / weight
    variance = ((few.X - np.outer(few.bias, mean)) ** 2).sum(axis=0) / weight
    return mean, np.sqrt(variance), np.sqrt((few.X**2).sum(axis=0) / weight)


def square_root(products):
    """R with RᵀR = products, which may be singular; every column to its own scale.

    Cholesky's, or where that would take roots of mere rounding, one of eigenvectors.
    """
    scaled, _ = on_one_scale(products)
    root = triangular_root(scaled)
    if root is None:
        values, vectors = np.linalg.eigh(scaled)
        values[values < _rounding(scaled)] = 0.0
        root = np.sqrt(values)[:, np.newaxis] * vectors.T
    return root * np.sqrt(products.diagonal())  # a column of 0 stays one


def triangular_root(products):
    """Cholesky's upper triangle, or None where not every pivot is above rounding."""
    try:
        root = np.linalg.cholesky(products, upper=True)
    except np.linalg.LinAlgError:
        return None
    return root if root.diagonal().min() ** 2 > _rounding(products) else None


def _rounding(products):
    """What rounding makes of an eigenvalue that is 0."""
    return len(products) * np.finfo(np.float64).eps


def on_one_scale(products):
    """The products of columns of length 1, and the lengths; 1 for a column of 0."""
    size = or_one(np.sqrt(products.diagonal()))
    return products / size / size[:, np.newaxis], size


def or_one(size):
    """Sizes to divide by, 1 where there is none."""
    return np.where(size > 0, size, 1.0)


def points(few):
    """Where J is lowest, and a point off there, (2, n_targets, d + 1); and J at both.

    The second is off there by steps of random sign that change predictions by about the
    size of y, every feature as much as any other. One that is constant but for rounding
    takes no step.
    """
    Z = np.column_stack([few.bias, few.X])
    lowest = _lowest(Z, few)
    mean, spread, size = _extent(few)
    is_varied = spread > SMALLEST_SPREAD * size
    w = np.random.default_rng(0).choice([-1.0, 1.0], len(mean))
    w = np.divide(w, spread, out=np.zeros_like(w), where=is_varied)
    off = np.sqrt((few.y**2).mean(axis=0))[:, np.newaxis] * np.append(-w @ mean, w)
    phi = np.array([lowest, lowest + off])
    return phi, ((phi @ Z.T - few.y.T) ** 2).mean(axis=-1)


def _lowest(Z, few):
    """Where J is lowest, (n_targets, d + 1)."""
    n_params = Z.shape[1]
    # Cholesky's root stays triangular when it is shifted, as only its first row has a
    # bias. An SVD takes seconds of thousands of columns.
    if bandwidth(Z)[0] == 0 and Z.diagonal().all():
        upper, y = Z[:n_params], few.y[:n_params]
        return solve_triangular(upper, y, check_finite=False).T
    size = or_one(np.abs(Z).max(axis=0))
    return np.linalg.lstsq(Z / size, few.y, rcond=None)[0].T / size
