"""Matrices of products [1, X − c, y − rough fit]ᵀ S […], summed over blocks of rows."""

from functools import partial, reduce
from itertools import compress
from operator import iadd
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_solve

from ._cores import by_blocks
from ._roots import on_one_scale, or_one, triangular_root
from ._rows import (
    as_dense,
    row_blocks,
    rows_at_once,
    rows_from_all_over,
)
from ._types import Data

# Singular values well below this share of the largest, times √d, count for little in
# the rough fit. In all other directions each solution after the first gains digits,
# some eight of a few features and five of hundreds.
ROUGH = 1e-4
N_SOLUTIONS = 3


class Shift(NamedTuple):
    """What is subtracted from the data, so that their products keep digits.

    Attributes
    ----------
    phi : ndarray of shape (n_targets, d + 1)
        A rough fit, whose predictions y is taken less.
    centre : ndarray of shape (d,)
        What X is taken less.
    """

    phi: np.ndarray
    centre: np.ndarray


def n_columns(data):
    """Columns of [Z Y], which are the rows of a square root of their products."""
    return data.X.shape[1] + 1 + data.y.shape[1]


def products(cores, data, shift):
    """Those of all rows."""
    # Products of fewer rows than columns are slow to make, and to add up.
    blocks = row_blocks(data.X, n_columns(data), at_least=n_columns(data))
    part = partial(products_of_rows, data, shift)
    return reduce(iadd, by_blocks(cores, data.X, part, blocks))


def products_of_folds(cores, data, shift, is_trained):
    """Those of all rows, and those of each fold (n_folds, …), in one pass.

    That of all is the sum of folds that share no row, and of the rows in none of these.
    """
    folds = [np.flatnonzero(~trained) for trained in is_trained]
    is_summed = np.zeros(len(data.y), dtype=bool)
    adds_up = np.ones(len(folds) + 1, dtype=bool)
    for k, rows in enumerate(folds):
        adds_up[k] = not is_summed[rows].any()
        is_summed[rows] |= adds_up[k]
    groups = [*folds, np.flatnonzero(~is_summed)]
    size = n_columns(data)
    blocks, owners = _in_order(groups, rows_at_once(size, at_least=size))
    sums = np.zeros((len(groups), size, size))
    part = partial(products_of_rows, data, shift)
    for k, result in zip(owners, by_blocks(cores, data.X, part, blocks), strict=True):
        sums[k] += result
    whole = reduce(iadd, compress(sums, adds_up), np.zeros((size, size)))
    return whole, sums[:-1]


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


def products_of_rows(data, shift, rows):
    """Those of a block of rows."""
    X = as_dense(data.X[rows])
    n_features = X.shape[1]
    B = np.empty((len(X), n_columns(data)))
    B[:, 0] = 1.0
    np.subtract(X, shift.centre, out=B[:, 1 : n_features + 1])
    intercept = shift.phi[:, 0] + shift.phi[:, 1:] @ shift.centre
    prediction = B[:, 1 : n_features + 1] @ shift.phi[:, 1:].T + intercept
    np.subtract(data.y[rows], prediction, out=B[:, n_features + 1 :])
    if data.weight.size:
        B *= np.sqrt(data.weight[rows], dtype=np.float64)[:, np.newaxis]
        B[data.weight[rows] == 0] = 0.0  # 0 times what overflows
    return B.T @ B


def rough_shift(cores, data):
    """The mean of a few rows, and least squares of them."""
    sample, middle, centre, size = cores.run(_sample, data)
    n_targets, n_features = sample.y.shape[1], sample.X.shape[1]
    nothing = Shift(np.zeros((n_targets, n_features + 1)), np.zeros(n_features))
    w = cores.run(_rough_coefficients, sample, products(cores, sample, nothing))
    w /= size  # what is not finite then shows in the products
    return Shift(np.column_stack([middle - w @ centre, w]), centre)


def _sample(data):
    """Rows with weight, from all over the data, less their mean and on one scale."""
    rows = np.flatnonzero(data.weight) if data.weight.size else np.arange(len(data.y))
    n_rows = min(len(rows), 4 * (data.X.shape[1] + 1))
    rows = rows[np.linspace(0, len(rows) - 1, n_rows).astype(np.intp)]
    X = as_dense(rows_from_all_over(data.X, rows)).astype(np.float64, copy=False)
    y = data.y[rows].astype(np.float64)
    centre, middle = X.mean(axis=0), y.mean(axis=0)
    X -= centre
    size = or_one(np.maximum(X.max(axis=0), -X.min(axis=0)))
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
    gram, size = on_one_scale(products[1 : n_features + 1, 1 : n_features + 1])
    gram.flat[:: n_features + 1] += ROUGH**2 * n_features
    root = triangular_root(gram)
    w = np.zeros((n_features, y.shape[1]))
    if root is not None:
        for _ in range(N_SOLUTIONS):
            pull = (X.T @ (y - X @ w)) / size[:, np.newaxis]
            w += cho_solve((root, False), pull) / size[:, np.newaxis]
    return w.T
