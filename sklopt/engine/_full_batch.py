"""Full batches of squared error from sufficient statistics.

J depends on the data only through the matrix of products A = [Z Y]ᵀ S [Z Y] with
Z = (1, X). So does any other data set with the same A, and one with as many rows as A
has is at hand: a square root R of A, RᵀR = A. Trained on its rows instead of the
samples, an epoch costs O(d²) instead of O(nd), and takes the same steps.

Products lose digits where columns are far from 0, or y is nearly a function of X. So A
is taken of X − c and of the residuals of a rough fit, and R is shifted back: its rows
hold the data in full precision, not their squares.

A is a sum over rows: the A of all rows but those of a fold is that of all less the
fold's. So the training sets of a cross-validation cost the products of one.
"""

from functools import partial, reduce
from itertools import compress
from operator import iadd

import numpy as np
from scipy.linalg import bandwidth, cho_solve, solve_triangular

from ._blas import one_blas_thread
from ._cores import Cores
from ._rows import as_dense, let_go, row_blocks, row_size, rows_at_once
from ._types import Data, read_only

# It pays from so many numbers in X on, and if rows are so much fewer afterwards.
SMALLEST_DATA = 2**17
SMALLEST_GAIN = 4

# Without being asked for, A has at most so many numbers, which are 32 MB, or this share
# of those of X. Some four matrices of its size are held, and three more by each thread.
SMALL_PRODUCTS = 2**22
SHARE_OF_DATA = 1 / 16

# What looking at X for the products and the check costs, in epochs, and what a
# multiply-add of the products does, in those of the loop, if one core makes them.
COST_OF_PASSES = 2
COST_OF_PRODUCT = 1 / 32

# How well J of few rows and J of the samples agree, as a share of J and of the mean
# of y²; the latter is what rounding makes of a perfect fit.
AGREEMENT = 1e-7, 1e-9  # where it is lowest on the few rows, and off there
ROUNDING = 1e-26

# A feature varies if it does by more than this share of its size.
SMALLEST_SPREAD = 1e-6

# Blocks and products that all threads hold together, 1 GB.
NUMBERS_IN_WORK = 2**27

# Singular values well below this share of the largest, times √d, count for little in
# the rough fit. In all other directions each solution after the first gains digits,
# some eight of a few features and five of hundreds.
ROUGH = 1e-4
N_SOLUTIONS = 3


def is_possible(data):
    """Whether the equivalent rows are no more than the samples."""
    return data.X.shape[0] >= _n_columns(data)


def pays(data, max_epochs):
    """Whether training for that many epochs is faster from sufficient statistics."""
    n_samples = data.X.shape[0]
    n_products = _n_columns(data) ** 2
    epoch = n_samples * (row_size(data.X) + 1 + data.y.shape[1])
    return (
        is_possible(data)
        and data.X.size >= SMALLEST_DATA
        and n_products <= max(SMALL_PRODUCTS, SHARE_OF_DATA * epoch)
        and epoch >= SMALLEST_GAIN * n_products
        and (max_epochs - COST_OF_PASSES) * epoch
        >= COST_OF_PRODUCT * n_samples * n_products
    )


@one_blas_thread()
def condensed(data):
    """A data set of d + 1 + n_targets rows with the same J at every φ, or None.

    Two passes over X, in blocks of rows that share the cores; the order of the sums,
    and with it every digit, is the same for any number of them.

    None where products in double precision cannot hold J: a row that outweighs all
    others, or a column whose squares underflow, leaves of the rest not enough digits.
    """
    n_samples = len(data.y)
    is_trained = np.broadcast_to(True, (1, n_samples))
    with np.errstate(all="ignore"), _cores(data) as cores:
        fit = _rough_fit(cores, data)
        part = partial(_products, data, *fit)
        products = reduce(iadd, _by_blocks(cores, data, part))
        few = cores.run(_equivalent, *fit, products, n_samples)
        return _confirmed(cores, data, [few], is_trained, np.array([n_samples]))[0]


@one_blas_thread()
def complements(data, tests):
    """What `condensed` makes of all rows but those of each fold, for the price of one.

    X is multiplied in one pass and checked in another; rows of folds that overlap are
    multiplied once for each.

    Parameters
    ----------
    data : Data
        All rows. The weights of each training set count relative to their mean, as if
        they had been divided by it.
    tests : sequence of arrays of row numbers
        The rows that each fold leaves out, as `split` of scikit-learn's splitters gives
        them second. Folds may overlap, and need not make up the whole.

    Returns
    -------
    list of Data or None
        One data set a fold, with the J of a training on its complement. None where
        products in double precision cannot hold that, or if the complement has fewer
        rows than are needed.
    """
    is_trained = np.ones((len(tests), len(data.y)), dtype=bool)
    for k, rows in enumerate(tests):
        is_trained[k, rows] = False
    is_enough = is_trained.sum(axis=1) >= _n_columns(data)
    with np.errstate(all="ignore"), _cores(data) as cores:
        fit = _rough_fit(cores, data)
        whole, folds = _products_of_folds(cores, data, fit, is_trained)
        weights = whole[0, 0] - folds[:, 0, 0]  # Σ s, as the first column is of ones

        def of_complement(k):
            if is_enough[k]:
                return _equivalent(*fit, whole - folds[k], weights[k])
            return None

        few = list(cores.map(of_complement, range(len(tests))))
        return _confirmed(cores, data, few, is_trained, weights)


def _cores(data):
    """Threads that each may hold a block of rows, one made of it, and its products."""
    return Cores(max(1, NUMBERS_IN_WORK // (3 * _n_columns(data) ** 2)))


def _n_columns(data):
    """Columns of [Z Y], which are the rows of a square root of A."""
    return data.X.shape[1] + 1 + data.y.shape[1]


def _rough_fit(cores, data):
    """Least squares of a few rows (n_targets, d + 1), and their mean (d,)."""
    sample, middle, centre, size = cores.run(_sample, data)
    n_targets, n_features = sample.y.shape[1], sample.X.shape[1]
    nothing = np.zeros((n_targets, n_features + 1)), np.zeros(n_features)
    part = partial(_products, sample, *nothing)
    products = reduce(iadd, _by_blocks(cores, sample, part))
    w = cores.run(_rough_coefficients, sample, products)
    w /= size  # what is not finite then shows in the products
    return np.column_stack([middle - w @ centre, w]), centre


def _sample(data):
    """Rows with weight, from all over the data, less their mean and on one scale."""
    rows = np.flatnonzero(data.weight) if data.weight.size else np.arange(len(data.y))
    n_rows = min(len(rows), 4 * (data.X.shape[1] + 1))
    rows = rows[np.linspace(0, len(rows) - 1, n_rows).astype(int)]
    X = as_dense(data.X[rows]).astype(np.float64, copy=False)
    y = data.y[rows].astype(np.float64)
    centre, middle = X.mean(axis=0), y.mean(axis=0)
    X -= centre
    size = _or_one(np.maximum(X.max(axis=0), -X.min(axis=0)))
    X /= size
    return Data(X, y - middle, data.weight[:0]), middle, centre, size


def _rough_coefficients(sample, products):
    """Least squares without an intercept, (n_targets, d), or 0 where there is none.

    Directions in which the rows hardly vary are held back: a large coefficient would
    amplify the rounding that the fit is to spare. What that costs in the others is made
    up for by fitting what is left of y again.
    """
    X, y = sample.X, sample.y
    n_features = X.shape[1]
    gram, size = _on_one_scale(products[1 : n_features + 1, 1 : n_features + 1])
    gram.flat[:: n_features + 1] += ROUGH**2 * n_features
    root = _triangular_root(gram)
    w = np.zeros((n_features, y.shape[1]))
    if root is not None:
        for _ in range(N_SOLUTIONS):
            pull = (X.T @ (y - X @ w)) / size[:, np.newaxis]
            w += cho_solve((root, False), pull) / size[:, np.newaxis]
    return w.T


def _products(data, rough, centre, rows):
    """[1, X − c, y − rough fit]ᵀ S […] of a block of rows."""
    X = as_dense(data.X[rows])
    n_features = X.shape[1]
    B = np.empty((len(X), n_features + 1 + data.y.shape[1]))
    B[:, 0] = 1.0
    np.subtract(X, centre, out=B[:, 1 : n_features + 1])
    shifted = rough[:, 0] + rough[:, 1:] @ centre
    fit = B[:, 1 : n_features + 1] @ rough[:, 1:].T + shifted
    np.subtract(data.y[rows], fit, out=B[:, n_features + 1 :])
    if data.weight.size:
        B *= np.sqrt(data.weight[rows], dtype=np.float64)[:, np.newaxis]
        B[data.weight[rows] == 0] = 0.0  # 0 times what overflows
    return B.T @ B


def _products_of_folds(cores, data, fit, is_trained):
    """A of all rows, and of those of each fold (n_folds, …), in one pass.

    That of all is the sum of folds that share no row, and of the rows in none of these.
    """
    folds = [np.flatnonzero(~trained) for trained in is_trained]
    is_summed = np.zeros(len(data.y), dtype=bool)
    adds_up = np.ones(len(folds) + 1, dtype=bool)
    for k, rows in enumerate(folds):
        adds_up[k] = not is_summed[rows].any()
        is_summed[rows] |= adds_up[k]
    groups = [*folds, np.flatnonzero(~is_summed)]
    n_columns = _n_columns(data)
    blocks, owners = _in_order(groups, rows_at_once(n_columns, at_least=n_columns))
    products = np.zeros((len(groups), n_columns, n_columns))
    part = partial(_products, data, *fit)
    for k, result in zip(owners, _by_blocks(cores, data, part, blocks), strict=True):
        products[k] += result
    whole = reduce(iadd, compress(products, adds_up), np.zeros((n_columns, n_columns)))
    return whole, products[:-1]


def _in_order(groups, n_rows):
    """Blocks of rows of each group, and its number; as they lie in X one after another.

    So X, which may be a file, is gone through once.
    """
    blocks = [
        (rows[first : first + n_rows], k)
        for k, rows in enumerate(groups)
        for first in range(0, len(rows), n_rows)
    ]
    blocks.sort(key=lambda block: block[0][0])
    return tuple(zip(*blocks, strict=True))


def _equivalent(rough, centre, products, total):
    """Few rows with those products, as the mean of rows of that total weight, or None.

    None where a number leaves the range of double precision.
    """
    if not np.isfinite(products).all():
        return None
    n_features = len(centre)
    root = _root(products)
    root *= np.sqrt(len(root) / total)
    Z, y = root[:, : n_features + 1], root[:, n_features + 1 :]
    Z[:, 1:] += np.outer(Z[:, 0], centre)
    y = y + Z @ rough.T
    if not (np.isfinite(Z).all() and np.isfinite(y).all()):
        return None
    return Data(*map(read_only, (Z[:, 1:], y, np.empty(0), Z[:, 0])))


def _root(products):
    """R with RᵀR = products, which may be singular; every column to its own scale.

    Cholesky's, or where that would take roots of mere rounding, one of eigenvectors.
    """
    scaled, _ = _on_one_scale(products)
    root = _triangular_root(scaled)
    if root is None:
        values, vectors = np.linalg.eigh(scaled)
        root = np.sqrt(np.maximum(values, 0.0))[:, np.newaxis] * vectors.T
    return root * np.sqrt(products.diagonal())  # a column of 0 stays one


def _triangular_root(products):
    """Cholesky's upper triangle, or None where not every pivot is above rounding."""
    try:
        root = np.linalg.cholesky(products, upper=True)
    except np.linalg.LinAlgError:
        return None
    rounding = len(root) * np.finfo(np.float64).eps
    return root if root.diagonal().min() ** 2 > rounding else None


def _on_one_scale(products):
    """The products of columns of length 1, and the lengths; 1 for a column of 0."""
    size = _or_one(np.sqrt(products.diagonal()))
    return products / size / size[:, np.newaxis], size


def _or_one(size):
    """Sizes to divide by, 1 where there is none."""
    return np.where(size > 0, size, 1.0)


def _confirmed(cores, data, few, is_trained, weights):
    """The sets of few rows, but None for one with another J than its training set.

    J is compared where it is lowest on the few rows: digits that the products have lost
    are free for the fit to few rows to make use of; the samples know nothing of them.
    And it is compared off there, where it depends on every column.

    `is_trained` (n_sets, n_samples) tells what is in each training set, and `weights`
    (n_sets,) how much that weighs.
    """
    present = np.array([part is not None for part in few])
    if not present.any():
        return few
    checked = [part for part in few if part is not None]
    phi, on_few = map(np.array, zip(*cores.map(_points, checked), strict=True))
    part = partial(_squares, data, phi, is_trained[present])
    sums = reduce(iadd, _by_blocks(cores, data, part, n_numbers=phi[..., 0].size))
    on_all, of_y = sums / weights[present, np.newaxis, np.newaxis]
    agreement = np.array(AGREEMENT)[:, np.newaxis]
    is_near = np.abs(on_all - on_few) <= agreement * on_all + ROUNDING * of_y
    present[present] = is_near.all(axis=(1, 2))
    return [part if agrees else None for part, agrees in zip(few, present, strict=True)]


def _points(few):
    """Where J is lowest, and a point off there, (2, n_targets, d + 1); and J at both.

    Off there predictions differ by as much as y is large, and each feature's part in it
    is the same, up or down at random. One that is constant but for rounding has none.
    """
    Z = np.column_stack([few.bias, few.X])
    lowest = _lowest(Z, few)
    weight = few.bias @ few.bias
    mean = few.bias @ few.X / weight
    spread = np.sqrt(((few.X - np.outer(few.bias, mean)) ** 2).sum(axis=0) / weight)
    size = np.sqrt((few.X**2).sum(axis=0) / weight)
    is_varied = spread > SMALLEST_SPREAD * size
    w = np.random.default_rng(0).choice([-1.0, 1.0], len(mean))
    w = np.divide(w, spread, out=np.zeros_like(w), where=is_varied)
    off = np.sqrt((few.y**2).mean(axis=0))[:, np.newaxis] * np.append(-w @ mean, w)
    points = np.array([lowest, lowest + off])
    return points, ((points @ Z.T - few.y.T) ** 2).mean(axis=-1)


def _lowest(Z, few):
    """Where J is lowest, (n_targets, d + 1)."""
    n_params = Z.shape[1]
    # Cholesky's root stays triangular when it is shifted, as only its first row has a
    # bias. An SVD takes seconds of thousands of columns.
    if bandwidth(Z)[0] == 0 and Z.diagonal().all():
        upper, y = Z[:n_params], few.y[:n_params]
        return solve_triangular(upper, y, check_finite=False).T
    size = _or_one(np.abs(Z).max(axis=0))
    return np.linalg.lstsq(Z / size, few.y, rcond=None)[0].T / size


def _squares(data, phi, is_trained, rows):
    """Σ s r² and Σ s y² of the block's rows, (2, n_sets, n_points, n_targets).

    Each set has points of its own, φ (n_sets, n_points, n_targets, d + 1).
    """
    y = data.y[rows].astype(np.float64).T
    flat = phi.reshape(-1, phi.shape[-1])
    fit = flat[:, 1:] @ data.X[rows].T + flat[:, :1]
    residual = fit.reshape(*phi.shape[:-1], -1) - y
    weight = data.weight[rows].astype(np.float64) if data.weight.size else 1.0
    weight = (weight * is_trained[:, rows])[:, np.newaxis, np.newaxis]

    def total(values):
        # Not the product alone: 0 times what overflows.
        return np.where(weight > 0, weight * values**2, 0.0).sum(axis=-1)

    return np.array([total(residual), np.broadcast_to(total(y), residual.shape[:-1])])


def _by_blocks(cores, data, part, blocks=None, n_numbers=0):
    """What `part` makes of every block of rows, in order; the cores share them.

    Of a row it makes `n_numbers`, or as many as there are columns.
    """
    n_columns = _n_columns(data)
    if blocks is None and n_numbers > n_columns:
        blocks = row_blocks(data.X, n_numbers)
    elif blocks is None:
        # Products of fewer rows than columns are slow to make, and to add up.
        blocks = row_blocks(data.X, n_columns, at_least=n_columns)
    for result in cores.map(part, blocks):
        yield result
        let_go(data.X)
