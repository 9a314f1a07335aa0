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
from operator import iadd

import numpy as np

from ._blas import one_blas_thread
from ._cores import by_blocks, cores_for
from ._products import (
    n_columns,
    products,
    products_of_folds,
    rough_shift,
)
from ._roots import equivalent, points
from ._rows import row_blocks, row_size

# It pays from so many numbers in X on, and if rows are so much fewer afterwards.
SMALLEST_DATA = 2**17
SMALLEST_GAIN = 4

# Without being asked for, A has at most so many numbers, which are 32 MB, or this share
# of those of X. Some four matrices of its size are held, and four more by each thread.
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

# A decomposition of size² numbers takes so many times size³ multiply-adds at most.
COST_OF_DECOMPOSITION = 10

# Blocks and products that all threads hold together, 1 GB.
NUMBERS_IN_WORK = 2**27


def pays(data, max_epochs):
    """Whether training for that many epochs is faster from sufficient statistics."""
    n_samples, n_products = len(data.y), n_columns(data) ** 2
    n_numbers = n_samples * (row_size(data.X) + 1 + data.y.shape[1])  # an epoch's cost
    return (
        data.X.size >= SMALLEST_DATA
        and n_products <= max(SMALL_PRODUCTS, SHARE_OF_DATA * n_numbers)
        and n_numbers >= SMALLEST_GAIN * n_products
        and (max_epochs - COST_OF_PASSES) * n_numbers
        >= COST_OF_PRODUCT * n_samples * n_products
    )


@one_blas_thread()
def condensed(data):
    """A data set of d + 1 + n_targets rows with the same J at every φ, or None.

    Two passes over X, in blocks of rows that share the cores; the order of the sums,
    and with it every digit, is the same for any number of them.

    None where products in double precision cannot hold J: a row that outweighs all
    others, or a column whose squares underflow, leaves of the rest not enough digits.
    None as well if there are no more samples than that.
    """
    # Not the complement of no fold: rows are sliced here, and there they are copied.
    n_samples = len(data.y)
    if n_samples < n_columns(data):
        return None
    is_trained = np.broadcast_to(True, (1, n_samples))
    with np.errstate(all="ignore"), _cores_for(data, n_sets=1) as cores:
        shift = rough_shift(cores, data)
        whole = products(cores, data, shift)
        few = cores.run(equivalent, shift, whole, n_samples)
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
        them second. Folds may overlap, and need not make up the whole. Memory for
        n_folds × n_samples truth values and for two matrices of products a fold is
        taken.

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
    is_enough = is_trained.sum(axis=1) >= n_columns(data)
    with np.errstate(all="ignore"), _cores_for(data, len(tests)) as cores:
        shift = rough_shift(cores, data)
        whole, folds = products_of_folds(cores, data, shift, is_trained)
        weights = whole[0, 0] - folds[:, 0, 0]  # Σ s, as the first column is of ones

        def of_complement(k):
            if is_enough[k]:
                return equivalent(shift, whole - folds[k], weights[k])
            return None

        sets = list(cores.map(of_complement, range(len(tests))))
        return _confirmed(cores, data, sets, is_trained, weights)


def _cores_for(data, n_sets):
    """Threads that each may hold a block of rows, one made of it, and two products.

    They make products of rows, decompose those of each set and check them on the rows.
    """
    size, (n_samples, n_targets) = n_columns(data), data.y.shape
    of_row = size**2 + len(AGREEMENT) * n_sets * n_targets * size
    work = n_samples * of_row + COST_OF_DECOMPOSITION * n_sets * size**3
    return cores_for(work, most=max(1, NUMBERS_IN_WORK // (4 * size**2)))


def _confirmed(cores, data, sets, is_trained, weights):
    """The sets of few rows, but None for one with another J than its training set.

    J is compared where it is lowest on the few rows: digits that the products have lost
    are free for the fit to few rows to make use of; the samples know nothing of them.
    And it is compared off there, where it depends on every column.

    `is_trained` (n_sets, n_samples) tells what is in each training set, and `weights`
    (n_sets,) how much that weighs.
    """
    present = np.array([few is not None for few in sets])
    if not present.any():
        return sets
    checked = [few for few in sets if few is not None]
    phi, on_few = map(np.array, zip(*cores.map(points, checked), strict=True))
    squares = partial(_squares, data, phi, is_trained[present])
    blocks = row_blocks(data.X, max(n_columns(data), phi[..., 0].size))
    sums = reduce(iadd, by_blocks(cores, data.X, squares, blocks))
    on_all, of_y = sums / weights[present, np.newaxis, np.newaxis]
    agreement = np.array(AGREEMENT)[:, np.newaxis]
    is_near = np.abs(on_all - on_few) <= agreement * on_all + ROUNDING * of_y
    present[present] = is_near.all(axis=(1, 2))
    return [few if agrees else None for few, agrees in zip(sets, present, strict=True)]


def _squares(data, phi, is_trained, rows):
    """Σ s r² and Σ s y² of the block's rows, (2, n_sets, n_points, n_targets).

    Each set has points of its own, φ (n_sets, n_points, n_targets, d + 1).
    """
    y = data.y[rows].astype(np.float64).T
    flat = phi.reshape(-1, phi.shape[-1])
    prediction = flat[:, 1:] @ data.X[rows].T + flat[:, :1]
    residual = prediction.reshape(*phi.shape[:-1], -1) - y
    weight = data.weight[rows].astype(np.float64) if data.weight.size else 1.0
    weight = (weight * is_trained[:, rows])[:, np.newaxis, np.newaxis]

    def total(values):
        # Not the product alone: 0 times what overflows.
        return np.where(weight > 0, weight * values**2, 0.0).sum(axis=-1)

    return np.array([total(residual), np.broadcast_to(total(y), residual.shape[:-1])])
