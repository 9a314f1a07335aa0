"""GaborRegressor on data that a wave cannot follow, or that are far from the usual."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning

from sklopt import GaborRegressor
from sklopt.datasets import make_gabor
from sklopt.inspection import curvature

BOTH = {"fit_amplitude": True, "fit_offset": True}


# What can still be gained


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("amplitude", "offset"), [(1.0, 1.0), (3.0, 1.0), (1.0, 1e3)])
def test_a_wave_below_its_data_is_no_stall(amplitude, offset, seed):
    X, y = make_gabor(80, amplitude=amplitude, offset=offset, random_state=seed)
    # Warnings are errors.
    assert GaborRegressor(random_state=0).fit(X, y).stop_reason_ == "tol"


def test_a_constant_above_the_wave_is_no_stall():
    X, _ = make_gabor(80, random_state=0)
    GaborRegressor(random_state=0).fit(X, np.full(80, 3.0))


@pytest.mark.parametrize(
    ("solver", "batch_size"),
    [("gd", None), ("gd", 20), ("sgd", "auto"), ("sgd", 120), ("sgd", 500)],
)
def test_a_stall_in_full_batch_is_told_however_it_is_asked_for(solver, batch_size):
    X, y = make_gabor(120, random_state=39)
    near = GaborRegressor(random_state=0).fit(X, y).phi_ + np.array([0.15, 0.0])
    model = GaborRegressor(solver, learning_rate=1e-6, init=near, batch_size=batch_size)
    with pytest.warns(ConvergenceWarning, match="could easily be lower"):
        model.fit(X, y)
    # What mini-batches leave is no stall yet.
    model.set_params(solver="sgd", batch_size=20, random_state=0).fit(X, y)


# Origins and units


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e4, 1e6])
@pytest.mark.parametrize("origin", [0.0, 1e3])
def test_the_kind_of_a_minimum_does_not_depend_on_the_origins(origin, offset):
    X, y = make_gabor(100, random_state=1)
    model = GaborRegressor(random_state=0, **BOTH).fit(X + origin, y + offset)
    assert curvature(model, X + origin, y + offset).kind == "minimum"


@pytest.mark.parametrize("offset", [1e9, 1e11])
def test_the_loss_is_that_of_the_data_however_far_from_0(offset):
    X, y = make_gabor(100, random_state=1)
    model = GaborRegressor(random_state=0, fit_offset=True).fit(X, y + offset)
    residual = (model.predict(X) - model.offset_) - (y + offset - model.offset_)
    assert_allclose(model.loss_, (residual**2).mean(), rtol=1e-3)


def test_the_norm_of_a_large_gradient_is_finite():
    X, y = make_gabor(100, random_state=1)
    y = 1e100 * (y + 1e3)
    point = curvature(GaborRegressor(random_state=0, **BOTH).fit(X, y), X, y)
    assert point.gradient_norm == math.hypot(*point.gradient)
    assert np.isfinite(point.gradient_norm)


# Starts


def test_a_start_that_was_dropped_stays_dropped():
    X, y = make_gabor(100, random_state=1)
    starts = [[200.0, 1.0], *([0.5, 13.0 + i] for i in range(7))]
    model = GaborRegressor(init=starts, random_state=0).fit(X, y)
    before = model.init_results_.loc[0]
    assert before["stop_reason"] == "dropped"
    after = model.partial_fit(X, y).init_results_.loc[0]
    assert (after["stop_reason"], after["n_iter"]) == ("dropped", before["n_iter"])
