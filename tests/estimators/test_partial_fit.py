"""k × `partial_fit` is one `fit` of k epochs, and pickling in between is no matter."""

import pickle

import numpy as np
import pandas as pd
import pytest
from cases import (
    N_EPOCHS,
    PENALTIES,
    every_pair,
    every_solver,
    history_of,
    make_model,
    make_problem,
    make_weights,
)
from numpy.testing import assert_allclose

from sklopt import GaborRegressor, GradientRegressor
from sklopt.engine import _train
from sklopt.estimators._training import DivergenceError
from sklopt.solvers import Adam


def trained_in_pieces(model, X, y, sample_weight=None, n_epochs=N_EPOCHS):
    """One `partial_fit` an epoch, each by a copy that has been on disk."""
    for _ in range(n_epochs):
        model = pickle.loads(pickle.dumps(model))
        model.partial_fit(X, y, sample_weight)
    return model


def assert_same_training(pieces, whole):
    """Equal to the last bit: the same operations on the same numbers."""
    np.testing.assert_array_equal(pieces.coef_, whole.coef_)
    np.testing.assert_array_equal(pieces.intercept_, whole.intercept_)
    np.testing.assert_array_equal(pieces.loss_curve_, whole.loss_curve_)
    np.testing.assert_array_equal(pieces.path_, whole.path_)
    np.testing.assert_array_equal(pieces.loss_, whole.loss_)
    np.testing.assert_array_equal(pieces.n_iter_, whole.n_iter_)
    np.testing.assert_array_equal(pieces.t_, whole.t_)
    np.testing.assert_array_equal(pieces.stop_reason_, whole.stop_reason_)
    pd.testing.assert_frame_equal(
        history_of(pieces), history_of(whole), check_exact=True
    )


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
@every_pair
def test_pieces_equal_the_whole(solver, schedule, batch_size, shuffle, is_weighted):
    X, y = make_problem()
    weights = make_weights() if is_weighted else None
    model = make_model(solver, schedule, batch_size, shuffle=shuffle)
    whole = make_model(solver, schedule, batch_size, shuffle=shuffle)
    whole.fit(X, y, weights)
    pieces = trained_in_pieces(model, X, y, weights)
    assert whole.n_iter_ == N_EPOCHS
    assert_same_training(pieces, whole)


@pytest.mark.parametrize("params", [{"batch_size": 1}, {"store_path": "step"}])
@pytest.mark.parametrize("penalty", PENALTIES)
@every_solver
def test_pieces_equal_the_whole_at_every_step(solver, penalty, params):
    X, y = make_problem()
    params = PENALTIES[penalty] | params
    schedule = "inverse_scaling_per_update"
    pieces = trained_in_pieces(make_model(solver, schedule, **params), X, y)
    assert_same_training(pieces, make_model(solver, schedule, **params).fit(X, y))


@every_solver
def test_pieces_equal_the_whole_at_the_auto_rate(solver):
    X, y = make_problem()
    Y = np.column_stack([y, 0.1 * y[::-1]])
    params = {"learning_rate": "auto"}
    pieces = trained_in_pieces(make_model(solver, "plateau", **params), X, Y)
    assert_same_training(pieces, make_model(solver, "plateau", **params).fit(X, Y))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@every_solver
def test_pieces_equal_the_whole_for_several_targets(solver, dtype):
    X, y = make_problem()
    Y = np.column_stack([y, np.zeros_like(y), 10 * y[::-1]]).astype(dtype)
    X = X.astype(dtype)
    pieces = trained_in_pieces(make_model(solver, "plateau"), X, Y)
    assert_same_training(pieces, make_model(solver, "plateau").fit(X, Y))


def test_pieces_equal_the_whole_beyond_one_record():
    # Enough epochs that `fit` itself keeps more than one piece of history.
    X, y = make_problem(n_samples=9)
    params = {"max_iter": 150, "learning_rate": 0.01}
    pieces = make_model("momentum", "plateau", 2, **params)
    pieces = trained_in_pieces(pieces, X, y, n_epochs=150)
    assert_same_training(
        pieces, make_model("momentum", "plateau", 2, **params).fit(X, y)
    )


@pytest.mark.reduced
@every_solver
def test_pieces_equal_the_whole_uncompiled(solver):
    X, y = make_problem(n_samples=15)
    weights = make_weights(n_samples=15)
    params = {"max_iter": 4}
    pieces = make_model(solver, "exponential", 7, **params)
    pieces = trained_in_pieces(pieces, X, y, weights, n_epochs=4)
    whole = make_model(solver, "exponential", 7, **params).fit(X, y, weights)
    assert_same_training(pieces, whole)


@every_solver
def test_partial_fit_goes_on_after_fit(solver):
    # Momentum, bias correction, clock and order of rows are those of one training.
    X, y = make_problem()
    model = make_model(solver, "inverse_scaling", max_iter=5).fit(X, y)
    for _ in range(N_EPOCHS - 5):
        model.partial_fit(X, y)
    assert_same_training(model, make_model(solver, "inverse_scaling").fit(X, y))


@pytest.mark.parametrize("solver", ["momentum", "nesterov", "adam"])
def test_fresh_fits_in_sequence_are_not_one_training(solver):
    # The optimizer's memory is what a warm start forgets and `partial_fit` keeps.
    X, y = make_problem()
    restarted = make_model(solver, "constant", None, max_iter=1, warm_start=True)
    for _ in range(N_EPOCHS):
        restarted.fit(X, y)
    pieces = trained_in_pieces(make_model(solver, "constant", None), X, y)
    assert not np.allclose(pieces.coef_, restarted.coef_, rtol=1e-2)


def test_pickled_model_predicts_and_goes_on():
    X, y = make_problem()
    model = make_model("adam", "cosine").fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.predict(X), model.predict(X))
    assert_same_training(copy.partial_fit(X, y), model.partial_fit(X, y))


def test_partial_fit_leaves_the_pickled_original_alone():
    X, y = make_problem()
    model = make_model("momentum", "plateau").fit(X, y)
    before = pickle.dumps(model)
    pickle.loads(before).partial_fit(X, y)
    assert_same_training(model, pickle.loads(before))


def test_published_arrays_are_not_what_training_goes_on_with():
    X, y = make_problem()
    model = make_model("momentum", "plateau").fit(X, y)
    twin = make_model("momentum", "plateau").fit(X, y)
    for published in (model.coef_, model.loss_curve_, model.path_):
        published[:] = 1e3
    assert_same_training(model.partial_fit(X, y), twin.partial_fit(X, y))


def test_a_change_of_solver_begins_its_averages_anew():
    X, y = make_problem()
    model = GradientRegressor("sgd", learning_rate=0.02, store_path="epoch")
    for _ in range(50):
        model.partial_fit(X, y)
    adam = Adam(beta_2=0.999)
    model.set_params(solver=adam, batch_size=None, learning_rate=1e-3).partial_fit(X, y)
    # Adam's first step is α in every parameter, whatever its averages will forget.
    assert_allclose(np.abs(np.diff(model.path_, axis=0)[-1]), 1e-3, rtol=1e-6)


def test_path_begins_anew_where_it_was_not_kept():
    X, y = make_problem()
    model = GradientRegressor("sgd", learning_rate=0.02).partial_fit(X, y)
    start = np.append(model.intercept_, model.coef_)
    for store_path in ("epoch", False, "epoch"):
        model.set_params(store_path=store_path).partial_fit(X, y)
        assert hasattr(model, "path_") == bool(store_path)
    assert model.path_.shape == (2, 4)
    np.testing.assert_array_equal(model.path_[-1][1:], model.coef_)
    assert not np.array_equal(model.path_[0], start)


def test_a_last_batch_without_weight_has_no_gradient_norm():
    X, y = make_problem()
    weights = np.ones(45)
    weights[42:] = 0.0
    model = GradientRegressor("sgd", learning_rate=0.02, batch_size=7, shuffle=False)
    model.partial_fit(X, y, weights)
    assert np.isnan(model.history_["gradient_norm"][0])


def test_data_of_another_scale_are_no_divergence():
    X, y = make_problem()
    model = GradientRegressor().partial_fit(X, y)
    model.partial_fit(1e6 * X, y)
    first, second = model.loss_curve_
    assert second > 1e10 * first
    assert model.n_iter_ == 2


@pytest.mark.parametrize("average", [False, True])
def test_chunks_that_go_back_and_forth_raise_no_bar(average):
    """What tells a divergence stays a number that some chunk had at its start."""
    rng = np.random.default_rng(0)
    model = GradientRegressor("sgd", learning_rate=0.01, average=average)
    largest = 0.0
    for i in range(40):
        X = rng.standard_normal((500, 3))
        y = X @ [1.0, 2.0, 3.0] + rng.standard_normal(500) * (0.01 if i % 2 else 100)
        if i:
            largest = max(largest, np.mean((model.predict(X) - y) ** 2))
        largest = max(largest, np.mean(y**2))
        model.partial_fit(X, y)
    assert model._training.state.progress["reference"] <= (1 + 1e-9) * largest


@pytest.mark.parametrize("chunk", ["first", "second"])
def test_a_change_of_scale_is_seen_behind_rows_without_weight(chunk):
    X, y = make_problem()
    X, y = np.tile(X, (50, 1)), np.tile(y, 50)
    weights = np.ones(len(y))
    weights[:1500] = 0.0
    first, second = (weights, None) if chunk == "first" else (None, weights)
    model = GradientRegressor("gd", learning_rate=1e-3, tol=None)
    model.partial_fit(X, y, first)
    model.set_params(learning_rate=1e-21).partial_fit(1e9 * X, y, second)
    assert model.loss_ > 1e10 * np.mean(y**2)


def test_scales_too_far_apart_for_a_ratio_are_no_trouble():
    X, y = make_problem()
    model = GradientRegressor("gd", learning_rate=0.1, tol=None)
    model.partial_fit(X, y)
    model._training.state.progress["leading"] = 1e-309
    with np.errstate(all="raise"):
        model.partial_fit(X, y)
    assert model._training.state.progress["reference"] <= 1.5 * np.mean(y**2)


@pytest.mark.parametrize("average", [False, True])
def test_first_rows_unlike_the_others_hide_no_divergence(average, monkeypatch):
    monkeypatch.setattr(_train, "LEADING", 20)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((120_000, 1))
    y = X[:, 0] + rng.standard_normal(120_000)
    y[5] = 1e8
    model = GradientRegressor("gd", learning_rate=1.5, average=average, tol=None)
    for _ in range(20):
        model.partial_fit(X, y)
    assert model.loss_curve_[-1] > 10 * np.mean(y**2)
    reference = model._training.state.progress["reference"]
    assert reference == pytest.approx(np.mean(y**2), rel=1e-3)

    def go_on():
        for _ in range(40):
            model.partial_fit(X, y)

    with pytest.raises(DivergenceError):
        go_on()


def test_what_had_grown_before_the_data_changed_has_still_grown():
    X, y = make_problem()
    model = GradientRegressor("gd", learning_rate=1.0, tol=None)
    while len(getattr(model, "loss_curve_", ())) < 2 or model.loss_ < 1e5 * np.var(y):
        model.partial_fit(X, y)
    before = model._training.state.progress["reference"].copy()
    had_grown = model.loss_ / before
    start = np.mean((model.predict(1e3 * X) - y) ** 2)
    model.set_params(learning_rate=1e-9).partial_fit(1e3 * X, y)
    reference = model._training.state.progress["reference"]
    assert_allclose(start / reference, had_grown, rtol=1e-6)


def test_objectives_are_in_the_units_of_the_last_training():
    """Those of a wave at an automatic rate are of y as large as its deviation."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-3, 3, (200, 1))
    y = 10 * np.sin(2 * X[:, 0]) + rng.standard_normal(200)
    model = GaborRegressor(fit_amplitude=True, random_state=0).partial_fit(X, y)
    before = model._training
    model.set_params(learning_rate=1e-6).partial_fit(X, y)
    unit = (before.coordinates.size / model._training.coordinates.size) ** 2
    assert unit == pytest.approx(np.var(y), rel=0.1)
    moved = before.moved(model._training.coordinates).state.progress
    for name in ("reference", "trivial", "final", "leading", "best", "last"):
        assert_allclose(moved[name], unit * before.state.progress[name], rtol=1e-12)
        assert (moved[name] > 0).all()
