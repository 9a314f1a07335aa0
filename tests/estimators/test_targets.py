"""Several targets: each is trained, stopped and reported as if it were alone."""

from functools import partial

import numpy as np
import pytest
from cases import (
    N_EPOCHS,
    assert_refused,
    every_pair,
    every_solver,
    history_of,
    make_model,
    make_problem,
    make_targets,
    make_weights,
    model_of,
)
from numpy.testing import assert_array_equal
from sklearn.base import clone

from sklopt.engine import _threads

X, Y = make_targets()
N_TARGETS, N_PARAMS = Y.shape[1], X.shape[1] + 1


@every_pair
def test_each_target_equals_its_solo_fit(solver, schedule, batch_size):
    """To the last bit: what is trained beside a target never touches its numbers."""
    weights = make_weights()
    init = np.random.default_rng(0).normal(size=(N_TARGETS, N_PARAMS))
    params = {"penalty": "l2", "alpha": 0.1}
    model = make_model(solver, schedule, batch_size, init=init, **params)
    model.fit(X, Y, weights)
    assert model.coef_.shape == (N_TARGETS, N_PARAMS - 1)
    assert model.intercept_.shape == (N_TARGETS,)
    assert model.path_.shape == (N_EPOCHS + 1, N_TARGETS, N_PARAMS)
    assert model.predict(X).shape == Y.shape
    history = history_of(model).groupby("target")
    for k in range(N_TARGETS):
        solo = make_model(solver, schedule, batch_size, init=init[k], **params)
        solo.fit(X, Y[:, k], weights)
        assert_array_equal(model.path_[:, k], solo.path_)
        assert_array_equal(model.coef_[k], solo.coef_)
        assert_array_equal(model.intercept_[k], solo.intercept_)
        assert_array_equal(model.loss_[k], solo.loss_)
        assert_array_equal(model.loss_curve_[:, k], solo.loss_curve_)
        rows = history.get_group(k).drop(columns="target")
        assert_array_equal(rows, history_of(solo))


def make_stopping(solver, **params):
    """A model that `tol` stops, and targets that it stops at different epochs."""
    # A target that is all noise has its best parameters near the start.
    noise = np.random.default_rng(5).normal(size=len(X))
    params = {"tol": 1e-3, "n_iter_no_change": 2, "max_iter": 2000} | params
    return make_model(solver, "constant", **params), np.c_[Y, noise]


@every_solver
def test_targets_stop_on_their_own(solver):
    model, targets = make_stopping(solver)
    model.fit(X, targets)
    assert len(set(model.n_iter_)) > 1
    assert model.loss_curve_.shape == (model.n_iter_.max(), targets.shape[1])
    history = history_of(model).groupby("target")
    for k, y in enumerate(targets.T):
        solo, _ = make_stopping(solver)
        solo.fit(X, y)
        n_iter = solo.n_iter_
        assert (model.n_iter_[k], model.t_[k]) == (n_iter, solo.t_)
        assert model.stop_reason_[k] == solo.stop_reason_ == "tol"
        assert_array_equal(model.coef_[k], solo.coef_)
        assert_array_equal(model.loss_[k], solo.loss_)
        assert_array_equal(model.loss_curve_[:n_iter, k], solo.loss_curve_)
        assert np.isnan(model.loss_curve_[n_iter:, k]).all()
        rows = history.get_group(k).drop(columns="target")
        assert_array_equal(rows, history_of(solo))
        # It stays where it stopped while the others go on.
        assert_array_equal(model.path_[:n_iter, k], solo.path_[:-1])
        after = model.path_[n_iter:, k]
        assert_array_equal(after, np.broadcast_to(solo.path_[-1], after.shape))


def test_history_goes_on_for_a_target_that_had_stopped():
    model, targets = make_stopping("sgd")
    n_iter = model.fit(X, targets).n_iter_
    assert len(set(n_iter)) > 1
    model.partial_fit(X, targets)
    assert_array_equal(model.n_iter_, n_iter + 1)
    for k, history in history_of(model).groupby("target"):
        assert len(history) == n_iter[k] + 1
        assert history["update"].iloc[-1] == model.t_[k]
        assert history["loss"].iloc[-1] == model.loss_curve_[-1, k]
        assert history.notna().all(axis=None)


@every_solver
def test_one_column_keeps_its_axis(solver):
    X, y = make_problem()
    column, flat = model_of(solver).fit(X, y[:, None]), model_of(solver).fit(X, y)
    assert_array_equal(column.coef_, flat.coef_[None])
    assert_array_equal(column.intercept_, [flat.intercept_])
    assert_array_equal(column.loss_, [flat.loss_])
    assert_array_equal(column.n_iter_, [flat.n_iter_])
    assert_array_equal(column.t_, [flat.t_])
    assert_array_equal(column.stop_reason_, [flat.stop_reason_])
    assert_array_equal(column.loss_curve_, flat.loss_curve_[:, None])
    assert column.predict(X).shape == (len(X), 1)
    assert flat.coef_.shape == (3,)
    assert flat.predict(X).shape == (len(X),)
    assert np.ndim(flat.intercept_) == 0
    assert isinstance(flat.loss_, float)
    assert isinstance(flat.n_iter_, int)
    assert isinstance(flat.stop_reason_, str)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (Y[:, 0], Y[:, :1], "y of one dimension, but got y of 1 column"),
        (Y[:, :1], Y[:, 0], "y of 1 column, but got y of one dimension"),
        (Y[:, 0], Y[:, :2], "y of one dimension, but got y of 2 columns"),
        (Y[:, :2], Y, "y of 2 columns, but got y of 3 columns"),
    ],
    ids=["1-D, column", "column, 1-D", "1-D, two", "two, three"],
)
def test_targets_cannot_change(first, second, message):
    model = model_of().partial_fit(X, first)
    message = f"GradientRegressor was fitted with {message}"
    assert_refused(lambda: model.partial_fit(X, second), model, ValueError, message)


def test_divergence_of_one_target_is_told_as_if_alone():
    model = model_of(learning_rate=50.0, max_iter=200)
    with pytest.raises(ValueError, match=r"diverged in epoch") as alone:
        model.fit(X, Y[:, 0])
    with pytest.raises(ValueError, match=r"diverged in epoch") as beside:
        model.fit(X, Y[:, 1::-1])
    assert str(beside.value) == str(alone.value)


@pytest.mark.parametrize("batch_size", [1, 7, None])
@pytest.mark.parametrize("solver", ["sgd", "nesterov"])
def test_threads_share_targets_and_change_no_digit(solver, batch_size, monkeypatch):
    """Also where targets stop in different epochs."""
    n_at_work = []

    def watched(work, task, *arguments, **settings):
        n_at_work.append(len(task.candidates))
        return work(task, *arguments, **settings)

    train = partial(watched, _threads.train)
    model = make_model(solver, "constant", batch_size, tol=1e-2, max_iter=1000)
    alone = clone(model).fit(X, Y)
    monkeypatch.setattr(_threads, "train", train)
    shared = clone(model).set_params(n_jobs=2).fit(X, Y)
    assert sorted(n_at_work) == [N_TARGETS // 2, N_TARGETS - N_TARGETS // 2]
    assert len(set(alone.n_iter_)) > 1
    for name in ("coef_", "intercept_", "n_iter_", "t_", "loss_curve_", "path_"):
        assert_array_equal(getattr(shared, name), getattr(alone, name), err_msg=name)


def test_a_divergence_in_a_thread_is_told_as_ever():
    model = model_of("sgd", learning_rate=1e3, n_jobs=2)
    with pytest.raises(ValueError, match="diverged in epoch"):
        model.fit(X, Y)


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
def test_a_line_search_of_several_targets_is_that_of_each(loss):
    """Also where it pauses at other rows, since there are more of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 5))
    Y = X @ rng.normal(size=(5, 3)) + rng.normal(size=(20_000, 3))
    model = model_of("gd", schedule="line_search", loss=loss, max_iter=5)
    model.set_params(precompute=False)
    together = clone(model).fit(X, Y).coef_
    assert_array_equal(clone(model).set_params(n_jobs=2).fit(X, Y).coef_, together)
    assert_array_equal(clone(model).fit(X, Y[:, 1]).coef_, together[1])
