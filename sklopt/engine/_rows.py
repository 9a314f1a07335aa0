"""Rows a block at a time, so that no pass over the data needs memory of their size.

Pages of a mapped file (`numpy.memmap`) that a process has looked at count as its memory
until the system wants them back. So they are let go of after every block: a file larger
than memory is read as it is needed, and again from the system's cache where that
still holds it.
"""

import mmap

import numpy as np
from scipy.sparse import issparse

# Numbers of a block: some megabytes in double precision, with what is made of them.
NUMBERS_AT_ONCE = 2**18

# Places of a mapped file that are looked at before its pages are let go of.
PLACES_AT_ONCE = 16


def rows_at_once(n_numbers, at_least=1):
    """Rows of a block, of each of which so many numbers are made."""
    return max(at_least, NUMBERS_AT_ONCE // n_numbers)


def row_blocks(X, n_numbers, at_least=1):
    """Slices of the rows of X, of each of which so many numbers are made."""
    n_rows = rows_at_once(n_numbers, at_least)
    for first in range(0, X.shape[0], n_rows):
        yield slice(first, first + n_rows)
        let_go(X)


def rows_from_all_over(X, rows):
    """Those rows of X, read a few at a time from a mapped file.

    The system maps about a megabyte at each place that is looked at.
    """
    if mapped_file(X) is None:
        return X[rows]
    taken = np.empty((len(rows), X.shape[1]), X.dtype)
    for first in range(0, len(rows), PLACES_AT_ONCE):
        some = slice(first, first + PLACES_AT_ONCE)
        taken[some] = X[rows[some]]
        let_go(X)
    return taken


def row_size(X):
    """Numbers that a row of X holds, in the mean and rounded up."""
    return -(-X.nnz // X.shape[0]) if issparse(X) else X.shape[1]


def as_dense(X):
    """X, or the array that a sparse matrix stands for."""
    return X.toarray() if issparse(X) else X


def mapped_file(array):
    """The mapped file that a `numpy.memmap` or a view of one shows, else None.

    A copy-on-write mapping holds changes that are nowhere else: it counts as memory.
    So does a mapping that is no `numpy.memmap`, of which nobody can tell.
    """
    is_shared = False
    while isinstance(array, np.ndarray):
        is_shared = isinstance(array, np.memmap) and array.mode != "c"
        array = array.base
    return array if is_shared and isinstance(array, mmap.mmap) else None


def let_go(*arrays):
    """Drop from this process's memory the pages of files that arrays are views of."""
    for array in arrays:
        file = mapped_file(array)
        if file is not None and hasattr(mmap, "MADV_DONTNEED"):
            file.madvise(mmap.MADV_DONTNEED)
