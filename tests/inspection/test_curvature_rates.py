"""Rates and momentum that `curvature` suggests: none is better, and they train."""

import math

import numpy as np
import pytest
import reference
from cases import make_problem
from hypothesis import given, settings
from hypothesis import strategies as st

from sklopt import GradientRegressor
from sklopt.inspection import curvature
from sklopt.solvers import Momentum


def contraction(rate, beta, eigenvalues):
    """Spectral radius of the update of (φ, m) on a quadratic with these eigenvalues."""
    radii = []
    for eigenvalue in eigenvalues:
        columns = [
            reference.momentum(phi, m, None, eigenvalue * phi, rate, 0, beta)[:2]
            for phi, m in [(1.0, 0.0), (0.0, 1.0)]
        ]
        radii.append(np.abs(np.linalg.eigvals(np.array(columns).T)).max())
    return max(radii)


def line_of(low, high):
    """Two points of which H is diag(low, high) up to a factor 2/low."""
    return [[-math.sqrt(high / low)], [math.sqrt(high / low)]], [0.0, 1.0]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    log_condition=st.floats(0.01, 4),
    rate_factor=st.floats(0.2, 3.0),
    beta=st.floats(0, 0.999),
)
def test_no_other_momentum_contracts_faster(log_condition, rate_factor, beta):
    X, y = line_of(1.0, 10**log_condition)
    point = curvature(GradientRegressor(), X, y, at=[0, 0])
    best = contraction(
        point.suggested_rate, point.suggested_momentum, point.eigenvalues
    )
    # A double root is known to half of the digits only.
    assert best == pytest.approx(math.sqrt(point.suggested_momentum), abs=1e-6)
    other = contraction(rate_factor * point.suggested_rate, beta, point.eigenvalues)
    assert best <= other + 1e-6


def test_training_with_the_suggested_momentum():
    X, y = line_of(1.0, 1e4)
    point = curvature(GradientRegressor(), X, y, at=[0, 0])

    def loss(solver, rate):
        params = {"learning_rate": rate, "max_iter": 1000, "tol": None}
        return GradientRegressor(solver, **params).fit(X, y).loss_

    solver = Momentum(beta=point.suggested_momentum)
    assert loss(solver, point.suggested_rate) < 1e-10
    assert loss("gd", point.largest_stable_rate / 2) > 1e-2


@pytest.mark.parametrize("alpha", [0.0, 2.0])
def test_gradient_descent_is_stable_below_that_rate_only(alpha):
    X, y = make_problem()
    model = GradientRegressor("gd", penalty="l2", alpha=alpha, max_iter=100, tol=None)
    rate = curvature(model, X, y, at=np.zeros(4)).largest_stable_rate
    below = model.set_params(learning_rate=0.98 * rate).fit(X, y).loss_curve_
    above = model.set_params(learning_rate=1.02 * rate).fit(X, y).loss_curve_
    assert below[-1] < below[0]
    assert above[-1] > 100 * above[0]
