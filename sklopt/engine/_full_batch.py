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

import numpy as np
from scipy.linalg import eigh
from sklearn.utils.parallel import _threadpool_controller_decorator

from ._curvature import LARGEST_DENSE, refuse_overflow
from ._rows import let_go, row_blocks
from ._train import TOO_LARGE
from ._types import Data, read_only

# It pays from so many numbers in X on, and if rows are so much fewer afterwards.
SMALLEST_DATA = 2**17
SMALLEST_GAIN = 4

# What a multiply-add of the products costs, in those of the loop.
COST_OF_PRODUCT = 1 / 8

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
    return (
        is_possible(data)
        and data.X.size >= SMALLEST_DATA
        and n_features < LARGEST_DENSE
        and n_samples >= SMALLEST_GAIN * n_columns
        and max_epochs >= COST_OF_PRODUCT * n_columns
    )


# On one thread a product: the sums of BLAS depend on how many there are.
@_threadpool_controller_decorator(limits=1, user_api="blas")
def condensed(data):
    """A data set of d + 1 + n_targets rows with the same J at every φ.

    One pass over X, in blocks of rows that share the cores; the order of the sums, and
    with it every digit, is the same for any number of them.
    """
    n_samples, n_features = data.X.shape
    with np.errstate(over="ignore", invalid="ignore"):
        rough, centre = _rough_fit(data)
        products = sum(_products_by_block(data, rough, centre))
    refuse_overflow(products.diagonal()[: n_features + 1])
    if not np.isfinite(products).all():
        raise ValueError(TOO_LARGE)
    root = _root(products)
    n_rows = len(root)
    root *= np.sqrt(n_rows / n_samples)
    Z, y = root[:, : n_features + 1], root[:, n_features + 1 :]
    Z[:, 1:] += np.outer(Z[:, 0], centre)
    y = y + Z @ rough.T
    return Data(*map(read_only, (Z[:, 1:], y, data.weight[:0].astype(float), Z[:, 0])))


def _rough_fit(data):
    """Least squares of a few rows (n_targets, d + 1), and their mean (d,).

    Rows with weight, from all over the data. Directions in which they hardly vary are
    left out: a large coefficient would amplify the rounding that it is to spare.
    """
    rows = np.flatnonzero(data.weight) if data.weight.size else np.arange(len(data.X))
    n_rows = min(len(rows), 4 * (data.X.shape[1] + 1))
    rows = rows[np.linspace(0, len(rows) - 1, n_rows).astype(int)]
    X, y = data.X[rows].astype(np.float64), data.y[rows].astype(np.float64)
    centre = X.mean(axis=0)
    X -= centre
    size = np.abs(X).max(axis=0)
    size = np.where(size > 0, size, 1.0)
    mean = y.mean(axis=0)
    w = np.linalg.lstsq(X / size, y - mean, rcond=ROUGH)[0].T / size
    return np.column_stack([mean - w @ centre, w]), centre


def _products_by_block(data, rough, centre):
    """[1, X − c, y − rough fit]ᵀ S […] of every block of rows, in order."""
    n_features = data.X.shape[1]
    n_columns = n_features + 1 + data.y.shape[1]

    def products(rows):
        X = data.X[rows]
        B = np.empty((len(X), n_columns))
        B[:, 0] = 1.0
        np.subtract(X, centre, out=B[:, 1 : n_features + 1])
        shifted = rough[:, 0] + rough[:, 1:] @ centre
        fit = B[:, 1 : n_features + 1] @ rough[:, 1:].T + shifted
        np.subtract(data.y[rows], fit, out=B[:, n_features + 1 :])
        if data.weight.size:
            B *= np.sqrt(data.weight[rows], dtype=np.float64)[:, np.newaxis]
            B[data.weight[rows] == 0] = 0.0  # 0 times what overflows
        return B.T @ B

    def quiet(rows):
        with np.errstate(over="ignore", invalid="ignore"):  # each thread has its own
            return products(rows)

    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for block in pool.map(quiet, row_blocks(data.X, n_columns)):
            yield block
            let_go(data.X)
    finally:
        pool.shutdown(cancel_futures=True)  # or Ctrl-C would wait for all of them


def _root(products):
    """R with RᵀR = products, which may be singular; every column to its own scale."""
    size = np.sqrt(products.diagonal())
    size = np.where(size > 0, size, 1.0)
    values, vectors = eigh(products / np.outer(size, size))
    return np.sqrt(np.maximum(values, 0.0))[:, np.newaxis] * vectors.T * size
