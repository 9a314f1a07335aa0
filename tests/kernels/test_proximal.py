"""The proximal operator of the l1 penalty: what it is, and what it is for."""

import math

import numba
import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

from sklopt.kernels._compilation import _OPTIONS
from sklopt.kernels._proximal import soft_threshold


# As the loop compiles it: fast mathematics must leave NaN what it is.
@numba.njit(**_OPTIONS)
def soft(u, threshold):
    """Kernels can be called by compiled code only."""
    return soft_threshold(u, threshold)


numbers = st.floats(-1e6, 1e6)
thresholds = st.floats(0, 1e6)


def test_known_values():
    assert soft(3.0, 1.0) == 2.0
    assert soft(-3.0, 1.0) == -2.0
    assert soft(1.0, 1.0) == 0.0
    assert soft(-1.0, 1.0) == 0.0
    assert soft(0.5, 1.0) == 0.0
    assert soft(0.5, 0.0) == 0.5
    assert soft(0.0, 0.0) == 0.0
    assert soft(math.inf, 1.0) == math.inf
    assert soft(0.5, math.inf) == 0.0


@pytest.mark.parametrize("threshold", [0.0, 1.0, math.inf])
def test_what_is_not_a_number_does_not_become_one(threshold):
    # Else a diverged coefficient would pass for one that is not needed.
    assert math.isnan(soft(math.nan, threshold))


@given(numbers, thresholds)
def test_equals_the_textbook(u, threshold):
    assert soft(u, threshold) == reference.soft(u, threshold)


@given(numbers, thresholds)
def test_zero_inside_the_threshold_and_only_there(u, threshold):
    assert (soft(u, threshold) == 0) == (abs(u) <= threshold)


@given(numbers, numbers, thresholds)
def test_no_two_points_move_apart(u, v, threshold):
    distance = abs(soft(u, threshold) - soft(v, threshold))
    assert distance <= abs(u - v) + 1e-9  # rounding, at a million


@given(numbers, thresholds)
def test_it_is_odd(u, threshold):
    assert soft(-u, threshold) == -soft(u, threshold)


@given(st.floats(-10, 10), st.floats(0, 10))
def test_it_minimises_what_it_is_defined_by(u, threshold):
    def moreau(w):
        return 0.5 * (w - u) ** 2 + threshold * abs(w)

    found = minimize_scalar(moreau, bounds=(-11, 11), method="bounded")
    assert moreau(soft(u, threshold)) <= found.fun + 1e-12


def test_it_is_that_of_each_coordinate_in_the_metric_of_the_step():
    """argmin Σⱼ (wⱼ − uⱼ)²/(2 rateⱼ) + l1·‖w‖₁, coordinate by coordinate."""
    u, rates, l1 = np.array([1.0, -0.4, 0.1]), np.array([0.5, 0.1, 2.0]), 0.3
    w = [soft(u_j, rate * l1) for u_j, rate in zip(u, rates, strict=True)]
    # 0 is a subgradient at the minimum: (u − w)/rate = l1·sign(w), or less at w = 0.
    pull = (u - w) / rates
    assert_allclose(pull[:2], l1 * np.sign(w[:2]))
    assert w[2] == 0
    assert abs(pull[2]) <= l1
