"""Averages of the iterates equal their twin, and SGDRegressor's where it has them."""

import pickle
import re

import numpy as np
import pytest
import reference
from cases import (
    BATCH_SIZES,
    LOSSES,
    N_EPOCHS,
    every_pair,
    every_solver,
    history_of,
    loss_twin,
    make_model,
    make_problem,
    make_targets,
    make_weights,
    parameters,
    train_twin,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDRegressor

from sklopt import GaborRegressor, GradientRegressor
from sklopt.datasets import make_gabor
from sklopt.engine import _train
from sklopt.engine._types import Data
from sklopt.solvers import Adam

X, Y = make_problem()
WEIGHTS = make_weights()
CLOSE = {"rtol": 1e-10, "atol": 1e-12}
every_average = pytest.mark.parametrize("average", [True, 20, 10**6, "exponential"])


def objective_of(model, phi, weights=None):
    alpha = model.alpha if model.penalty == "l2" else 0.0
    return reference.objective(phi, X, Y, weights, alpha, loss_twin(model))


def assert_equals_twin(model, weights=None):
    twin = train_twin(model, X, Y, weights)
    model.fit(X, Y, weights)
    path = twin.steps if model.store_path == "step" else twin.path
    assert_allclose(model.path_, path, **CLOSE)
    assert_allclose(model.loss_curve_, twin.losses, **CLOSE)
    assert_allclose(parameters(model), twin.averages[-1], **CLOSE)
    J = [objective_of(model, phi, weights) for phi in twin.averages]
    assert_allclose(model.history_["averaged_loss"], J, **CLOSE)
    assert model.loss_ == model.history_["averaged_loss"].iloc[-1]


# --- the twins -------------------------------------------------------------------


@pytest.mark.reduced
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@every_average
@every_solver
def test_equals_twin(solver, average, batch_size):
    model = make_model(solver, "exponential", batch_size, average=average)
    assert_equals_twin(model.set_params(penalty="l2", alpha=0.3), WEIGHTS)


@every_pair
def test_equals_twin_on_every_schedule(solver, schedule, batch_size):
    average = "exponential" if batch_size else 5
    assert_equals_twin(make_model(solver, schedule, batch_size, average=average))


@every_average
@pytest.mark.parametrize("batch_size", [1, 7])
def test_equals_twin_at_every_step(batch_size, average):
    params = {"average": average, "store_path": "step", "fit_intercept": False}
    model = make_model("sgd", "constant", batch_size, **params)
    assert_equals_twin(model)
    assert model.intercept_ == 0.0


def test_equals_twin_of_another_loss():
    model = make_model("adam", "constant", 7, average=True, loss=LOSSES["huber"])
    assert_equals_twin(model, WEIGHTS)


def test_exponential_average_of_many_updates_forgets():
    """The window grows to a thousand updates, and no further."""
    params = {"average": "exponential", "max_iter": 220}
    model = make_model("sgd", "constant", 1, **params)
    twin = train_twin(model.set_params(store_path="step"), X, Y)
    model.fit(X, Y)
    weights = reference.averaging_weights("exponential", model.t_)
    assert weights[-1] / weights.sum() == pytest.approx(1 / 1000)

    assert_allclose(parameters(model), twin.averages[-1], **CLOSE)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("penalty", ["l2", None])
@pytest.mark.parametrize("average", [True, 1, 2, 44, 45, 46, 100, 315, 316, 10**6])
def test_equals_sgd_regressor(average, penalty, is_weighted):
    """Its squared error has a factor ½, so that its rate is twice ours."""
    shared = {"penalty": penalty, "max_iter": 7, "tol": None, "shuffle": False}
    shared["average"] = average
    weights = WEIGHTS + 0.1 if is_weighted else np.ones(len(Y))
    weights /= weights.mean()
    model = GradientRegressor(
        "sgd", learning_rate=0.01, batch_size=1, alpha=0.4, **shared
    ).fit(X, Y, weights)
    theirs = SGDRegressor(eta0=0.02, learning_rate="constant", alpha=0.2, **shared)
    theirs.fit(X, Y, sample_weight=weights)
    assert_allclose(model.coef_, theirs.coef_, rtol=1e-10)
    assert_allclose(model.intercept_, theirs.intercept_.item(), rtol=1e-10)


def test_training_itself_does_not_change():
    last = make_model("momentum", "plateau", 7).fit(X, Y)
    for average in (True, 20, "exponential"):
        model = make_model("momentum", "plateau", 7, average=average).fit(X, Y)
        assert_array_equal(model.path_, last.path_)
        assert_array_equal(model.loss_curve_, last.loss_curve_)
        assert not np.array_equal(model.coef_, last.coef_)
        others = history_of(model).drop(columns="averaged_loss")
        assert others.equals(history_of(last))


def test_averaging_gets_nearer_to_the_minimum_at_a_constant_rate():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 5))
    y = X @ np.ones(5) + rng.normal(size=2000)
    Z = np.column_stack([np.ones(len(X)), X])
    least = np.linalg.lstsq(Z, y, rcond=None)[0]
    lowest = reference.objective(least, X, y)

    def excess(average):
        model = GradientRegressor("sgd", learning_rate=0.01, batch_size=1, max_iter=20)
        model.set_params(tol=None, random_state=0, average=average)
        return model.fit(X, y).loss_ / lowest - 1

    last = excess(False)
    assert excess(True) < last / 100
    assert excess("exponential") < last / 5


# --- with all else ---------------------------------------------------------------


def in_pieces(model, *data, n_epochs=N_EPOCHS, **held_out):
    for _ in range(n_epochs):
        model = pickle.loads(pickle.dumps(model))
        model.partial_fit(*data, **held_out)
    return model


@pytest.mark.parametrize("batch_size", [None, 1, 7])
@every_average
@every_solver
def test_pieces_equal_the_whole(solver, average, batch_size):
    X, Y = make_targets()
    params = {"average": average, "early_stopping": solver == "adam"}
    schedule = "plateau"
    pieces = in_pieces(make_model(solver, schedule, batch_size, **params), X, Y)
    whole = make_model(solver, schedule, batch_size, **params).fit(X, Y)
    assert_array_equal(pieces.coef_, whole.coef_)
    assert_array_equal(pieces.intercept_, whole.intercept_)
    assert_array_equal(pieces.loss_, whole.loss_)
    assert history_of(pieces).equals(history_of(whole))


@every_average
def test_several_targets_equal_each_alone(average):
    X, Y = make_targets()
    together = make_model("sgd", "constant", 1, average=average).fit(X, Y)
    for k, y in enumerate(Y.T):
        alone = make_model("sgd", "constant", 1, average=average).fit(X, y)
        assert_array_equal(together.coef_[k], alone.coef_)
        assert together.loss_[k] == alone.loss_


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@every_average
def test_validation_judges_the_average(solver, average):
    held_out = {"X_val": X[:15] + 0.1, "y_val": Y[:15]}
    model = make_model(solver, "constant", 7, average=average, early_stopping=True)
    twin = train_twin(model, X, Y)
    model.fit(X, Y, **held_out)
    losses = [reference.objective(phi, *held_out.values()) for phi in twin.averages]
    assert_allclose(model.validation_loss_curve_, losses, **CLOSE)
    best = np.argmin(losses)
    assert_allclose(parameters(model), twin.averages[best], **CLOSE)


def test_warm_start_begins_at_the_average():
    model = make_model("sgd", "constant", 7, average=True, warm_start=True).fit(X, Y)
    first = parameters(model)
    model.fit(X, Y)
    assert_array_equal(model.path_[0], first)
    twin = train_twin(model.set_params(init=first), X, Y)
    assert_allclose(parameters(model), twin.averages[-1], **CLOSE)


def test_averaging_may_begin_and_end_between_pieces():
    model = make_model("sgd", "constant", 7, store_path="step")
    model.partial_fit(X, Y).partial_fit(X, Y)
    assert "averaged_loss" not in model.history_
    model.set_params(average=True).partial_fit(X, Y).partial_fit(X, Y)
    n_before = model.t_ // 2
    mean = model.path_[n_before + 1 :].mean(axis=0)
    assert_allclose(parameters(model), mean, **CLOSE)
    assert model.history_["averaged_loss"].isna().tolist() == [True] * 2 + [False] * 2
    model.set_params(average="exponential").partial_fit(X, Y)
    last_epoch = reference.averaged(model.path_[-1 - n_before // 2 :], "exponential")
    assert_allclose(parameters(model), last_epoch, **CLOSE)
    model.set_params(average=False).partial_fit(X, Y)
    assert_array_equal(parameters(model), model.path_[-1])


def test_averaging_from_sufficient_statistics():
    params = {"average": 3, "max_iter": 20, "learning_rate": 0.1, "tol": None}
    direct = GradientRegressor(precompute=False, **params).fit(X, Y, WEIGHTS)
    condensed = GradientRegressor(precompute=True, **params).fit(X, Y, WEIGHTS)
    assert_allclose(parameters(condensed), parameters(direct), rtol=1e-12)
    expected = direct.history_["averaged_loss"]
    assert_allclose(condensed.history_["averaged_loss"], expected, rtol=1e-12)


def test_averaged_loss_of_many_rows_is_that_of_some(monkeypatch):
    monkeypatch.setattr(_train, "SAMPLED", 9)
    model = make_model("sgd", "constant", 7, average=True, penalty="l2", alpha=0.3)
    twin = train_twin(model, X, Y, WEIGHTS)
    model.fit(X, Y, WEIGHTS)
    sample = _train.sample_of(Data(X, Y[:, None], WEIGHTS))
    part = sample.X, sample.y[:, 0], np.ones(9), 0.3
    told = [reference.objective(phi, *part) for phi in twin.averages]
    assert_allclose(model.history_["averaged_loss"], told, **CLOSE)
    J = objective_of(model, twin.averages[-1], WEIGHTS)
    assert model.loss_ == pytest.approx(J, rel=1e-12)


@pytest.mark.parametrize("learning_rate", ["auto", 0.02])
@every_average
def test_waves_are_averaged_too(average, learning_rate):
    data = make_gabor(60, noise=0.1, random_state=0)
    params = {"learning_rate": learning_rate, "max_iter": 30, "tol": None}
    params |= {"random_state": 0, "n_init": 3, "batch_size": 8, "fit_amplitude": True}
    params |= {"store_path": "step", "average": average}
    wave = GaborRegressor(**params).fit(*data)
    expected = reference.averaged(wave.path_, average)
    assert_allclose([*wave.phi_, wave.amplitude_], expected[:-1], rtol=1e-9)
    assert wave.offset_ == 0.0
    threads = GaborRegressor(n_jobs=2, **params).fit(*data)
    assert_array_equal(threads.phi_, wave.phi_)
    pieces = in_pieces(GaborRegressor(**params), *data, n_epochs=30)
    assert_array_equal(pieces.phi_, wave.phi_)


def test_callbacks_see_the_average():
    model = make_model("sgd", "constant", 7, average=True).fit(X, Y)
    seen = model._parameters_of(model._training)
    assert_array_equal(seen["coef_"], model.coef_)


# --- how it ends -----------------------------------------------------------------


def test_an_average_that_lags_behind_is_told():
    model = GradientRegressor(average=True, init=np.full(4, 50.0))
    with pytest.warns(ConvergenceWarning, match=r"worse than the last\. Average from"):
        model.fit(X, Y)
    model.set_params(average="exponential").fit(X, Y)


def test_average_and_last_parameters_are_compared_on_the_same_rows(monkeypatch):
    monkeypatch.setattr(_train, "SAMPLED", 9)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 2))
    noise = rng.standard_normal(300)
    sampled = _train.sample_of(Data(np.arange(300.0)[:, None], X, np.empty(0))).X[:, 0]
    noise[sampled.astype(int)] = 0.0  # nothing is lost on the sample
    y = X.sum(axis=1) + noise
    GradientRegressor(average="exponential", precompute=False).fit(X, y)
    lagging = GradientRegressor(average=True, precompute=False, init=np.full(3, 50.0))
    with pytest.warns(ConvergenceWarning, match=r"worse than the last\. Average from"):
        lagging.fit(X, y)


def test_a_jump_of_the_scale_is_seen_behind_the_average(monkeypatch):
    """J of the last parameters may be far below that of the average."""
    monkeypatch.setattr(_train, "SAMPLED", 300)
    rng = np.random.default_rng(1)
    X = rng.standard_normal((3000, 5)) + 1
    y = X @ rng.standard_normal(5)
    model = GradientRegressor("sgd", average=True, batch_size=32, random_state=0)
    for _ in range(5):
        model.partial_fit(X, y)
    final = model._training.state.progress["final"]
    last = model._training.state.phi[0]
    assert_allclose(final, reference.objective(last, X, y), rtol=0.5)
    model.partial_fit(1e6 * X, y).partial_fit(1e6 * X, y)


@pytest.mark.parametrize("average", [True, "exponential"])
def test_divergence_is_seen_behind_the_average(average):
    params = {"learning_rate": 10.0, "max_iter": 4, "tol": None, "batch_size": None}
    messages = []
    for shown in (False, average):
        with pytest.raises(ValueError, match="diverged in epoch 4") as caught:
            GradientRegressor("sgd", average=shown, **params).fit(X, Y)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_verbose_tells_of_the_average(capsys):
    model = make_model(Adam(), "constant", 7, average=True, verbose=1).fit(X, Y)
    told = re.findall(r"averaged loss = ([\d.]+)", capsys.readouterr().out)
    expected = model.history_["averaged_loss"]
    assert_allclose(np.array(told, dtype=float), expected, rtol=1e-5)
