"""Restarts of GaborRegressor: each a training of its own, the best one published."""

import numpy as np
import pytest
from estimators.waves import make_wave, textbook
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sklopt import GaborRegressor
from sklopt.engine import _train
from sklopt.engine._restarts import best_of
from sklopt.kernels._codes import Status


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("learning_rate", ["auto", 0.05])
@pytest.mark.parametrize(("solver", "batch_size"), [("adam", None), ("sgd", 7)])
def test_a_restart_is_a_training_of_its_own(solver, batch_size, learning_rate, dtype):
    X, y = (array.astype(dtype) for array in make_wave())
    starts = np.random.default_rng(1).normal([0.0, 12.0], [1.0, 4.0], size=(5, 2))
    settings = {"learning_rate": learning_rate, "batch_size": batch_size}
    model = textbook(solver, **settings).set_params(init=starts).fit(X, y)
    results = model.init_results_
    for k, start in enumerate(starts):
        alone = textbook(solver, **settings).set_params(init=start).fit(X, y)
        row = results.loc[k]
        tolerance = 1e-10 if dtype == np.float64 else 1e-6
        assert_allclose(row[["start_0", "start_1"]].astype(float), start, rtol=1e-10)
        phi = row[["phi_0", "phi_1"]].astype(float)
        assert_allclose(phi, alone.phi_.astype(float), rtol=tolerance)
        assert_allclose(row["loss"], alone.loss_, rtol=1e-10)
    assert model.loss_ == results["loss"].min()
    best = results.loc[results["loss"].idxmin()]
    assert_allclose(model.phi_, best[["phi_0", "phi_1"]].astype(float), rtol=1e-6)


@pytest.mark.parametrize("n_jobs", [2, 3, -1])
def test_threads_change_nothing(n_jobs):
    X, y = make_wave()
    alone = GaborRegressor(random_state=0, store_path="epoch").fit(X, y)
    shared = clone(alone).set_params(n_jobs=n_jobs).fit(X, y)
    assert_array_equal(shared.phi_, alone.phi_)
    assert_array_equal(shared.path_, alone.path_)
    assert_array_equal(shared.loss_curve_, alone.loss_curve_)
    assert shared.init_results_.equals(alone.init_results_)


def test_the_worse_half_is_dropped_at_every_rung():
    X, y = make_wave()
    results = GaborRegressor(random_state=0, n_init=8).fit(X, y).init_results_
    dropped = results[results["stop_reason"] == "dropped"]
    assert set(dropped["n_iter"]) <= {25, 50, 100, 200}
    assert (dropped["n_iter"] == 25).sum() == 4
    kept = GaborRegressor(random_state=0, n_init=8, tol=None, max_iter=60).fit(X, y)
    assert set(kept.init_results_["stop_reason"]) == {"max_iter"}
    assert set(kept.init_results_["n_iter"]) == {60}


def test_a_saturated_start_is_never_a_converged_one():
    X, y = make_wave()
    # It stands still before the worse half is dropped.
    model = GaborRegressor("gd", init=[[200.0, 1.0], [0.5, 13.0]], max_iter=9000)
    model.fit(X, y)
    assert model.stop_reason_ == "tol"
    assert list(model.init_results_["stop_reason"]) == ["saturated", "tol"]


def test_curves_end_where_the_best_start_does():
    """Also where others went on; the path is cut as well."""
    X, y = make_wave()
    # The first is done at once, the second climbs out of a far valley.
    init = [GaborRegressor(random_state=0).fit(X, y).phi_, [3.0, 30.0]]
    model = GaborRegressor("gd", init=init, batch_size=None)
    for store_path in ("epoch", "step"):
        model.set_params(store_path=store_path).fit(X, y)
        others = model.init_results_["n_iter"]
        assert model.n_iter_ == others[0] < others[1]
        assert model.loss_curve_.shape == (model.n_iter_,)
        assert np.isfinite(model.loss_curve_).all()
        assert model.path_.shape == (model.n_iter_ + 1, 2)
        assert len(model.history_) == model.n_iter_


def test_dropped_starts_stay_dropped():
    X, y = make_wave()
    model = GaborRegressor(random_state=0).fit(X, y)
    before = model.init_results_
    after = model.partial_fit(X, y).init_results_
    was_dropped = before["stop_reason"] == "dropped"
    assert was_dropped.any()
    assert after[was_dropped].equals(before[was_dropped])
    assert (after["n_iter"] - before["n_iter"])[~was_dropped].eq(1).all()
    assert np.isfinite(model.loss_curve_).all()


def test_all_starts_lost_is_a_divergence_and_one_is_not():
    X, y = make_wave()
    model = textbook("gd", learning_rate=50.0, fit_amplitude=True, fit_offset=True)
    model.set_params(max_iter=2000)
    with pytest.raises(ValueError, match="GaborRegressor diverged in epoch"):
        model.fit(X, y)
    assert not hasattr(model, "phi_")


@pytest.mark.parametrize("lost", [Status.DROPPED, Status.DIVERGED])
def test_one_that_held_out_is_published_before_a_lower_one_that_did_not(lost):
    loss, status = np.array([1.0, 2.0, 3.0, np.nan]), [lost] + 3 * [Status.RUNNING]
    targets = np.array([0, 0, 1, 0])
    assert_array_equal(best_of(loss, targets, status), [1, 2])
    assert_array_equal(best_of(loss, targets, 4 * [lost]), [0, 2])


def leap(epoch):
    """A schedule under which nothing survives that still trains after 40 epochs."""
    return 1.0 if epoch < 40 else 1e300


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("budget", [1, _train.CALL_BUDGET])
@pytest.mark.parametrize(("solver", "batch_size"), [("sgd", 1), ("momentum", 7)])
def test_a_start_lost_within_an_epoch_leaves_no_trace(
    solver, batch_size, budget, n_jobs, monkeypatch
):
    monkeypatch.setattr(_train, "CALL_BUDGET", budget)
    X, y = make_wave()
    good = GaborRegressor(random_state=0).fit(X, y).phi_
    model = GaborRegressor(solver, schedule=leap, penalty="l2", alpha=1e-6, tol=1e-3)
    model.set_params(batch_size=batch_size, store_path="step", n_jobs=n_jobs)
    model.set_params(random_state=0)
    alone = clone(model).set_params(init=good).fit(X, y)
    # The other one has a long way to go, and is still on it.
    beside = model.set_params(init=[good, [0.0, 8.0]]).fit(X, y)
    assert list(beside.init_results_["stop_reason"]) == ["tol", "diverged"]
    assert beside.n_iter_ < 40 < beside.init_results_["n_iter"][1]
    assert beside.path_.shape == (beside.t_ + 1, 2)
    assert_array_equal(beside.path_, alone.path_)
    told = [model.history_.drop(columns="seconds") for model in (beside, alone)]
    assert_array_equal(*told)
