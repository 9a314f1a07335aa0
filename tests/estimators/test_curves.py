"""What a training writes down: thinned paths and the columns of the history."""

import pickle
from time import perf_counter

import numpy as np
import pytest
from cases import (
    N_EPOCHS,
    every_solver,
    history_of,
    make_model,
    make_problem,
    make_targets,
    make_weights,
)
from numpy.testing import assert_allclose, assert_array_equal

from sklopt import GaborRegressor, GradientRegressor
from sklopt.datasets import make_gabor
from sklopt.engine import _train

X, Y = make_problem()
WEIGHTS = make_weights()
EVERY = [1, 2, 5, 7, 1000]
every = pytest.mark.parametrize("every", EVERY)

# --- paths -----------------------------------------------------------------------


@every
@pytest.mark.parametrize("batch_size", [None, 1, 7])
@every_solver
def test_thinned_paths_are_rows_of_the_full_one(solver, batch_size, every):
    full = make_model(solver, "constant", batch_size, store_path="step")
    thinned = make_model(solver, "constant", batch_size, store_path=every)
    full.fit(X, Y, WEIGHTS)
    thinned.fit(X, Y, WEIGHTS)
    assert thinned.path_.shape == (1 + thinned.t_ // every, X.shape[1] + 1)
    assert_array_equal(thinned.path_, full.path_[::every])


@every
def test_thinned_paths_of_a_line_search(every):
    full = make_model("gd", "line_search", store_path="step").fit(X, Y)
    thinned = make_model("gd", "line_search", store_path=every).fit(X, Y)
    assert_array_equal(thinned.path_, full.path_[::every])


@pytest.mark.parametrize("every", [2, 5, 50])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_thinned_paths_in_pieces_and_beyond_one_record(batch_size, every, monkeypatch):
    model = make_model("adam", "constant", batch_size, store_path=every)
    full = make_model("adam", "constant", batch_size, store_path="step").fit(X, Y)
    monkeypatch.setattr(_train, "LARGEST_PATH", 300)
    monkeypatch.setattr(_train, "CALL_BUDGET", 500)
    pieces = pickle.loads(pickle.dumps(model))
    for _ in range(N_EPOCHS):
        pieces = pickle.loads(pickle.dumps(pieces)).partial_fit(X, Y)
    assert_array_equal(model.fit(X, Y).path_, full.path_[::every])
    assert_array_equal(pieces.path_, full.path_[::every])


def test_thinned_paths_of_targets_that_stop_apart():
    X, Y = make_targets()
    params = {"tol": 1e-3, "n_iter_no_change": 2, "max_iter": 2000}
    full = make_model("sgd", "constant", store_path="step", **params).fit(X, Y)
    thinned = make_model("sgd", "constant", store_path=3, **params).fit(X, Y)
    assert len(set(thinned.n_iter_)) > 1
    assert_array_equal(thinned.path_, full.path_[::3])


def test_thinned_path_of_a_wave():
    params = {"solver": "sgd", "batch_size": 7, "random_state": 0, "max_iter": 60}
    params |= {"tol": 1e-2}
    data = make_gabor(60, random_state=0)
    full = GaborRegressor(store_path="step", **params).fit(*data)
    thinned = GaborRegressor(store_path=4, **params).fit(*data)
    assert len(full.path_) == full.t_ + 1
    assert_array_equal(thinned.path_, full.path_[::4])


def test_a_path_of_other_points_begins_anew():
    model = make_model("sgd", "constant", 7, store_path="step", max_iter=2).fit(X, Y)
    last = model.path_[-1]
    model.set_params(store_path=5).partial_fit(X, Y)
    assert_array_equal(model.path_[0], last)
    assert len(model.path_) == 1 + model.t_ // 5 - 14 // 5


def test_of_more_updates_than_there_can_be_only_the_start_is_kept():
    model = make_model("sgd", "constant", 7, store_path=2**70).fit(X, Y)
    assert_array_equal(model.path_, np.zeros((1, X.shape[1] + 1)))


def test_numbers_of_any_kind_thin():
    model = make_model("sgd", "constant", 7, store_path=np.int32(5)).fit(X, Y)
    assert len(model.path_) == 1 + model.t_ // 5


# --- history ---------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["step_decay", "line_search"])
def test_the_step_of_descent_is_rate_times_gradient(schedule):
    history = make_model("gd", schedule).fit(X, Y).history_
    expected = history["learning_rate"] * history["gradient_norm"]
    assert_allclose(history["step_norm"], expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 7])
def test_the_step_is_the_last_of_the_epoch(batch_size):
    model = make_model("adam", "constant", batch_size, store_path="step").fit(X, Y)
    steps = np.linalg.norm(np.diff(model.path_, axis=0), axis=1)
    history = model.history_
    assert_allclose(history["step_norm"], steps[history["update"] - 1])


def test_a_last_batch_without_weight_makes_no_step():
    weights = np.ones(45)
    weights[42:] = 0.0
    model = make_model("sgd", "constant", 7, shuffle=False).fit(X, Y, weights)
    assert model.history_["step_norm"].isna().all()


@pytest.mark.parametrize("n_samples", [45, 20_000])
def test_seconds_add_up(n_samples):
    X, y = make_problem(n_samples)
    model = GradientRegressor("sgd", max_iter=50, tol=None, random_state=0).fit(X, y)
    begin = perf_counter()
    seconds = model.fit(X, y).history_["seconds"]
    assert (seconds > 0).all()
    assert seconds.sum() < perf_counter() - begin


def test_pieces_of_history_with_all_columns():
    params = {"max_iter": 6, "early_stopping": True, "tol": None}
    whole = make_model("momentum", "plateau", **params).fit(X, Y, WEIGHTS)
    columns = ["epoch", "update", "loss", "validation_loss", "validation_score"]
    columns += ["learning_rate", "gradient_norm", "step_norm"]
    assert history_of(whole).columns.to_list() == columns
    pieces = make_model("momentum", "plateau", **params)
    for _ in range(6):
        pieces.partial_fit(X, Y, WEIGHTS)
    assert_array_equal(history_of(pieces), history_of(whole))
