"""Full batches of squared error from sufficient statistics.

J depends on the data only through the matrix of products A = [Z Y]ᵀ S [Z Y] with
Z = (1, X). So does any other data set with the same A, and one with as many rows as A
has is at hand: a square root R of A, RᵀR = A. Trained on its rows instead of the
samples, an epoch costs O(d²) instead of O(nd), and takes the same steps.

Products lose digits where columns are far from 0, or y is nearly a function of X. So A
is taken of X − c and of the residuals of a rough fit, and R is shifted back: its rows
hold the data in full precision, not their squares.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from scipy.linalg import eigh

from ._blas import one_blas_thread
from ._curvature import LARGEST_DENSE
from ._rows import as_dense, let_go, row_blocks, row_size
from ._types import Data, read_only

# It pays from so many numbers in X on, and if rows are so much fewer afterwards.
SMALLEST_DATA = 2**17
SMALLEST_GAIN = 4

# What a multiply-add of the products costs, in those of the loop.
COST_OF_PRODUCT = 1 / 8

# How well J of few rows and J of the samples agree, as a share of J and of the mean
# of y²; the latter is what rounding makes of a perfect fit.
AGREEMENT = 1e-7
ROUNDING = 1e-26

# Singular values below this share of the largest count as none in the rough fit.
ROUGH = 1e-4


def is_possible(data):
    """Whether the equivalent rows are no more than the samples."""
    n_samples, n_features = data.X.shape
    return n_samples >= n_features + 1 + data.y.shape[1]


def pays(data, max_epochs):
    """Whether training for that many epochs is faster from sufficient statistics."""
    n_samples, n_features = data.X.shape
    n_columns = n_features + 1 + data.y.shape[1]
    epoch = n_samples * (row_size(data.X) + 1 + data.y.shape[1])
    return (
        is_possible(data)
        and data.X.size >= SMALLEST_DATA
        and n_features < LARGEST_DENSE
        and epoch >= SMALLEST_GAIN * n_columns**2
        and max_epochs * epoch >= COST_OF_PRODUCT * n_samples * n_columns**2
    )


@one_blas_thread()
def condensed(data):
    """A data set of d + 1 + n_targets rows with the same J at every φ, or None.

    Two passes over X, in blocks of rows that share the cores; the order of the sums,
    and with it every digit, is the same for any number of them.

    None where products in double precision cannot hold J: a row that outweighs all
    others, or a column whose squares underflow, leaves of the rest not enough digits.
    """
    n_samples, n_features = data.X.shape
    # What leaves the range of double precision shows as what is not finite.
    with np.errstate(all="ignore"):
        rough, centre = _rough_fit(data)
        products = sum(_by_blocks(data, partial(_products, data, rough, centre)))
        if not np.isfinite(products).all():
            return None
        root = _root(products)
        n_rows = len(root)
        root *= np.sqrt(n_rows / n_samples)
        Z, y = root[:, : n_features + 1], root[:, n_features + 1 :]
        Z[:, 1:] += np.outer(Z[:, 0], centre)
        y = y + Z @ rough.T
    if not (np.isfinite(Z).all() and np.isfinite(y).all()):
        return None
    no_weight = data.weight[:0].astype(np.float64)
    result = Data(*map(read_only, (Z[:, 1:], y, no_weight, Z[:, 0])))
    return result if _has_the_objective_of(data, result) else None


def _has_the_objective_of(data, few):
    """Whether J agrees where it is lowest on the few rows.

    Digits that the products have lost are free for the fit to few rows to make use of;
    the samples know nothing of them.
    """
    Z = np.column_stack([few.bias, few.X])
    size = np.abs(Z).max(axis=0)
    size = np.where(size > 0, size, 1.0)
    with np.errstate(all="ignore"):
        phi = np.linalg.lstsq(Z / size, few.y, rcond=None)[0].T / size
        on_few = ((Z @ phi.T - few.y) ** 2).mean(axis=0)
        on_all, of_y = sum(_by_blocks(data, partial(_squares, data, phi))) / len(data.y)
    tolerance = AGREEMENT * on_all + ROUNDING * of_y
    return bool((np.abs(on_all - on_few) <= tolerance).all())


def _squares(data, phi, rows):
    """Σ s r² and Σ s y² of a block of rows, (2, n_targets)."""
    y = data.y[rows].astype(np.float64)
    residual = data.X[rows] @ phi[:, 1:].T + phi[:, 0] - y
    weight = data.weight[rows] if data.weight.size else np.ones(len(y))
    is_there = weight > 0  # 0 times what overflows
    weight = weight[is_there].astype(np.float64)
    return np.array([weight @ part[is_there] ** 2 for part in (residual, y)])


def _rough_fit(data):
    """Least squares of a few rows (n_targets, d + 1), and their mean (d,).

    Rows with weight, from all over the data. Directions in which they hardly vary are
    left out: a large coefficient would amplify the rounding that it is to spare.
    """
    rows = np.flatnonzero(data.weight) if data.weight.size else np.arange(len(data.y))
    n_rows = min(len(rows), 4 * (data.X.shape[1] + 1))
    rows = rows[np.linspace(0, len(rows) - 1, n_rows).astype(int)]
    X = as_dense(data.X[rows]).astype(np.float64)
    y = data.y[rows].astype(np.float64)
    centre = X.mean(axis=0)
    X -= centre
    size = np.abs(X).max(axis=0)
    size = np.where(size > 0, size, 1.0)
    mean = y.mean(axis=0)
    w = np.linalg.lstsq(X / size, y - mean, rcond=ROUGH)[0].T / size
    return np.column_stack([mean - w @ centre, w]), centre


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


def _by_blocks(data, part):
    """What `part` makes of every block of rows, in order; the cores share them."""

    def quiet(rows):
        with np.errstate(all="ignore"):  # each thread has its own
            return part(rows)

    n_columns = data.X.shape[1] + 1 + data.y.shape[1]
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for result in pool.map(quiet, row_blocks(data.X, n_columns)):
            yield result
            let_go(data.X)
    finally:
        pool.shutdown(cancel_futures=True)  # or Ctrl-C would wait for all of them


def _root(products):
    """R with RᵀR = products, which may be singular; every column to its own scale."""
    size = np.sqrt(products.diagonal())
    size = np.where(size > 0, size, 1.0)
    values, vectors = eigh(products / size / size[:, np.newaxis])
    return np.sqrt(np.maximum(values, 0.0))[:, np.newaxis] * vectors.T * size
