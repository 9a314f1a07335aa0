"""Rows times parameters, and what rows add to a gradient: four rows, two candidates."""

from unittest.mock import patch

import numba
import numpy as np
import pytest
from cases import interpreted
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from sklopt.engine._types import Data
from sklopt.kernels import _matrices
from sklopt.kernels._prefetching import CACHE_LINE

N_SAMPLES, N_CANDIDATES = 40, 3
ROUNDING = {"rtol": 1e-12, "atol": 1e-12}


@numba.njit
def product(X, row, phi, k):
    """What Python calls: kernels are only ever part of other compiled code."""
    return _matrices.row_product(X, row, phi, k)


@numba.njit
def products(X, rows, n_rows, phi, k, result):
    _matrices.row_products(X, rows, n_rows, phi, k, result)


@numba.njit
def products_of_two(X, rows, n_rows, phi, k, m, result):
    _matrices.row_products_of_two(X, rows, n_rows, phi, k, m, result)


@numba.njit
def add(X, rows, n_rows, pulls, gradient, k):
    _matrices.add_rows(X, rows, n_rows, pulls, gradient, k)


@numba.njit
def add_to_two(X, rows, n_rows, pulls, gradient, k, m):
    _matrices.add_rows_to_two(X, rows, n_rows, pulls, gradient, k, m)


@st.composite
def problems(draw):
    """X, as it is and as kernels take it, rows of it in any order, and numbers."""
    n_features, n_rows = draw(st.integers(0, 70)), draw(st.integers(1, 23))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    X = rng.normal(size=(N_SAMPLES, n_features))
    X = X.astype(draw(st.sampled_from([np.float32, np.float64])))
    rows = rng.integers(0, N_SAMPLES, size=n_rows)
    phi = rng.normal(size=(N_CANDIDATES, n_features + 1))
    pulls = rng.normal(size=(N_CANDIDATES, n_rows))
    if draw(st.booleans()):
        X[rng.random(X.shape) < 0.7] = 0.0
        compiled = Data(csr_array(X), np.empty((N_SAMPLES, 1)), np.empty(0)).compiled.X
    else:
        compiled = X
    return X.astype(float), compiled, rows, phi, pulls


@settings(max_examples=60, deadline=None)
@given(problem=problems())
def test_products_are_those_of_numpy(problem):
    X, compiled, rows, phi, pulls = problem
    expected = phi[:, 1:] @ X[rows].T
    one, two = np.full((2, *pulls.shape), np.nan)
    products(compiled, rows, len(rows), phi, 1, one)
    assert_allclose(one[1], expected[1], **ROUNDING)
    assert np.isnan(one[[0, 2]]).all()  # of other candidates
    products_of_two(compiled, rows, len(rows), phi, 2, 0, two)
    assert_allclose(two[[0, 2]], expected[[0, 2]], **ROUNDING)
    assert np.isnan(two[1]).all()
    assert_allclose(product(compiled, rows[0], phi, 1), expected[1, 0], **ROUNDING)


@settings(max_examples=60, deadline=None)
@given(problem=problems())
def test_no_digit_of_a_product_tells_the_partner(problem):
    _, compiled, rows, phi, pulls = problem
    alone, first, second = np.empty((3, *pulls.shape))
    products_of_two(compiled, rows, len(rows), phi, 1, 1, alone)
    products_of_two(compiled, rows, len(rows), phi, 1, 2, first)
    products_of_two(compiled, rows, len(rows), phi, 0, 1, second)
    assert_array_equal(first[1], alone[1])
    assert_array_equal(second[1], alone[1])


@settings(max_examples=60, deadline=None)
@given(problem=problems())
def test_multiples_are_those_of_numpy_and_the_same_for_two(problem):
    X, compiled, rows, phi, pulls = problem
    before = phi[::-1].copy()
    expected = before[:, 1:] + pulls @ X[rows]
    one, two = before.copy(), before.copy()
    for k in range(2):
        add(compiled, rows, len(rows), pulls, one, k)
    assert_allclose(one[:2, 1:], expected[:2], **ROUNDING)
    add_to_two(compiled, rows, len(rows), pulls, two, 0, 1)
    assert_array_equal(two, one)
    assert_array_equal(one[:, 0], before[:, 0])  # that of the intercept
    assert_array_equal(one[2], before[2])  # that of the third candidate


@pytest.mark.parametrize("n_rows", range(1, 10))
def test_only_the_rows_asked_for_count(n_rows):
    rng = np.random.default_rng(n_rows)
    X, phi = rng.normal(size=(N_SAMPLES, 5)), rng.normal(size=(N_CANDIDATES, 6))
    rows, result = np.arange(10), np.full((N_CANDIDATES, 10), np.nan)
    products_of_two(X, rows, n_rows, phi, 0, 1, result)
    assert np.isfinite(result[:2]).sum() == 2 * n_rows
    gradient = np.zeros_like(phi)
    add_to_two(X, rows, n_rows, result, gradient, 0, 1)
    assert np.isfinite(gradient).all()


@given(
    n_features=st.integers(1, 70),
    row=st.integers(0, 40),
    start=st.integers(0, 3).map(lambda n: n * _matrices.ALIGNMENT),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_every_cache_line_of_a_row_is_asked_for(n_features, row, start, dtype):
    X = np.empty((row + 1, n_features), dtype)

    def note(X, place, offset):
        asked.append(int(start + np.dot(place, X.strides) + offset) // CACHE_LINE)

    def lines_at(address):
        last = address + X.strides[0] - 1
        return range(address // CACHE_LINE, last // CACHE_LINE + 1)

    asked = []
    lines_of_row = interpreted(_matrices.lines_of_row)
    with patch.multiple(_matrices, prefetch=note, lines_of_row=lines_of_row):
        _matrices._prefetch_dense_row(X, row)
    assert set(asked) == set(lines_at(start + row * X.strides[0]))
    # No more than some row in aligned memory needs.
    starts = range(0, 64 * X.strides[0], X.strides[0])
    shifts = range(0, CACHE_LINE, _matrices.ALIGNMENT)
    assert len(asked) == max(len(lines_at(a + b)) for a in starts for b in shifts)
