"""GaborRegressor on data that a wave cannot follow, or that are far from the usual."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklopt import GaborRegressor, GradientRegressor
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


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("far", [[40.0], [300.0], [-900.0], [300.0, -250.0, 400.0]])
@pytest.mark.parametrize("is_repeated", [False, True])
def test_a_few_samples_far_away_spoil_no_start(seed, far, is_repeated):
    X, y = make_gabor(80, random_state=seed)
    if is_repeated:
        # All quartiles of the samples are one value.
        X, y = np.r_[X, np.repeat(X[:1], 240, axis=0)], np.r_[y, np.repeat(y[:1], 240)]
    lowest = GaborRegressor(random_state=0).fit(X, y).loss_ * len(y)
    # What is far away has nothing of the wave.
    X, y = np.r_[X, np.c_[far]], np.r_[y, np.zeros(len(far))]
    assert GaborRegressor(random_state=0).fit(X, y).loss_ * len(y) < 1.01 * lowest


@pytest.mark.parametrize("seed", range(5))
def test_a_wave_beyond_a_crowd_is_found(seed):
    """Where most samples are in one place, the rest look like outliers."""
    X, y = make_gabor(80, random_state=seed)
    lowest = GaborRegressor(random_state=0).fit(X, y).loss_ * len(y)
    crowd = np.linspace(20, 20.1, 400)
    X, y = np.r_[X, crowd[:, np.newaxis]], np.r_[y, np.zeros(400)]
    assert GaborRegressor(random_state=0).fit(X, y).loss_ * len(y) < 1.01 * lowest


@pytest.mark.parametrize("unit", [1e-200, 1e-300])
def test_the_best_starts_are_known_where_a_square_of_w_overflows(unit):
    X, y = make_gabor(60, random_state=0)
    model = GaborRegressor(learning_rate=0.1, random_state=0, max_iter=1, tol=None)
    names = ["start_0", "start_1"]
    starts = model.fit(X, y).init_results_[names]
    # Warnings are errors.
    scaled = model.fit(unit * X, y).init_results_[names]
    assert_allclose(scaled * [1, unit], starts, rtol=1e-10)


def test_outliers_depend_on_neither_repeats_nor_units():
    X, y = make_gabor(80, random_state=0)
    X = np.r_[X, [[300.0]]]
    x, y = X[:, 0], np.r_[y, 0.0]
    model = GaborRegressor(random_state=0).fit(X, y)
    times = np.arange(81) % 3 + 1
    weighted = GaborRegressor(random_state=0).fit(X, y, times)
    repeated = GaborRegressor(random_state=0)
    repeated.fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert_allclose(repeated.phi_, weighted.phi_, rtol=1e-6)
    moved = GaborRegressor(random_state=0).fit(70.0 - 1e3 * x[:, np.newaxis], y)
    assert_allclose(moved.loss_, model.loss_, rtol=1e-6)


def test_a_start_that_was_dropped_stays_dropped():
    X, y = make_gabor(100, random_state=1)
    starts = [[200.0, 1.0], *([0.5, 13.0 + i] for i in range(7))]
    model = GaborRegressor(init=starts, random_state=0).fit(X, y)
    before = model.init_results_.loc[0]
    assert before["stop_reason"] == "dropped"
    after = model.partial_fit(X, y).init_results_.loc[0]
    assert (after["stop_reason"], after["n_iter"]) == ("dropped", before["n_iter"])


# Predictions


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_far_away_the_prediction_is_the_offset(dtype):
    X, y = make_gabor(60, random_state=0)
    model = GaborRegressor(random_state=0, fit_offset=True).fit(X.astype(dtype), y)
    far = np.finfo(dtype).max
    # Of these z overflows, then its square. Warnings are errors.
    X = np.array([[far], [-far], [far**0.6], [-(far**0.6)]], dtype=dtype)
    assert_allclose(model.predict(X), model.offset_, rtol=1e-6)
    assert model.predict(X).dtype == dtype


# Uncertainty


@pytest.mark.parametrize("unit", [1e-163, 1e-161, 1e-100, 1e100, 1e150])
def test_the_covariance_of_a_wave_does_not_depend_on_the_unit_of_y(unit):
    X, y = make_gabor(100, random_state=1)
    model = GaborRegressor(random_state=0, **BOTH)
    expected = model.fit(X, y).covariance_[:2, :2]
    assert_allclose(model.fit(X, unit * y).covariance_[:2, :2], expected, rtol=1e-3)
    # Products of two units are in range only where they are.
    expected = model.standard_errors_[:2]
    assert_allclose(np.sqrt(np.diagonal(model.covariance_))[:2], expected)


# Rows of weight 0


@pytest.mark.parametrize("value", [1e155, 1e200, -1e308])
@pytest.mark.parametrize("where", ["X", "y", "both"])
@pytest.mark.parametrize("head", [{}, {"fit_amplitude": True}, BOTH])
def test_rows_of_weight_0_are_absent_whatever_is_in_them(head, where, value):
    X, y = make_gabor(100, random_state=1)
    y = 1e-10 * y if head else y
    weight = np.ones(100)
    weight[:4] = 0
    model = GaborRegressor(random_state=0, **head).fit(X[4:], y[4:])
    if where != "y":
        X = np.where(weight[:, np.newaxis] > 0, X, value)
    if where != "X":
        y = np.where(weight > 0, y, value)
    weighted = GaborRegressor(random_state=0, **head).fit(X, y, weight)
    # Warnings are errors.
    assert_allclose(weighted.phi_, model.phi_, rtol=1e-6)
    assert_allclose(weighted.covariance_, model.covariance_, rtol=1e-5)
    assert curvature(weighted, X, y, weight).kind == "minimum"


@pytest.mark.parametrize("value", [1e200, -1e308])
@pytest.mark.parametrize("where", ["X", "y", "both"])
@pytest.mark.parametrize(
    ("solver", "batch_size"),
    [("sgd", 1), ("sgd", 7), ("adam", 32), ("nesterov", 7), ("gd", None)],
)
@pytest.mark.parametrize("schedule", ["constant", "line_search"])
@pytest.mark.parametrize(
    "model",
    [
        GaborRegressor(init=[0.3, 12.0]),
        GaborRegressor(init=[0.3, 12.0], **BOTH),
        GradientRegressor(),
    ],
)
def test_the_textbook_sees_no_row_of_weight_0(
    model, schedule, solver, batch_size, where, value
):
    """In φ itself, where nobody replaces such rows, to the last digit."""
    if schedule == "line_search" and solver != "gd":
        return
    X, y = make_gabor(100, random_state=1)
    weight = np.ones(100)
    weight[[3, 17, 50, 51, 99]] = 0
    settings = {"learning_rate": 1e-3, "max_iter": 4, "tol": None, "random_state": 0}
    model = clone(model).set_params(solver=solver, batch_size=batch_size, **settings)
    model.set_params(schedule=schedule)
    expected = model.fit(X, y, weight).history_.drop(columns="seconds")
    J = model.loss_
    if where != "y":
        X = np.where(weight[:, np.newaxis] > 0, X, value)
    if where != "X":
        y = np.where(weight > 0, y, value)
    # Warnings are errors.
    history = model.fit(X, y, weight).history_.drop(columns="seconds")
    assert history.equals(expected)
    assert model.loss_ == J


@pytest.mark.parametrize("batch_size", [1, 16, None])
def test_a_row_that_is_met_pulls_nothing_even_where_its_wave_is_none(batch_size):
    """Slope 0 times a derivative that overflows is 0."""
    X, _ = make_gabor(60, random_state=0)
    model = GaborRegressor("sgd", init=[1.2e308, 0.3], batch_size=batch_size)
    model.set_params(learning_rate=1e-2, max_iter=5, tol=None, random_state=0)
    model.fit(X, np.zeros(60))
    assert model.loss_ == 0
    assert model.phi_[0] == 1.2e308
