"""What GradientRegressor publishes, when it stops, and how its parameters behave."""

import math

import joblib
import numpy as np
import pytest
import reference
from cases import (
    every_named_pair,
    every_pair,
    every_solver,
    history_of,
    make_model,
    make_problem,
    make_weights,
    model_of,
    parameters,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklopt import GaborRegressor, GradientRegressor
from sklopt.schedules import SCHEDULES, ExponentialDecay, LineSearch, StepDecay
from sklopt.solvers import SOLVERS, Adam, Momentum, Nesterov

X, Y = make_problem()
WEIGHTS = make_weights()
N_SAMPLES, N_FEATURES = X.shape


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_loss_curve_of_gd_is_the_objective_along_the_path(weights):
    model = model_of(penalty="l2", alpha=0.3, store_path="epoch")
    model.fit(X, Y, sample_weight=weights)
    J = [reference.objective(phi, X, Y, weights, alpha=0.3) for phi in model.path_]
    assert_allclose(model.loss_curve_, J[:-1], rtol=1e-12)
    assert model.loss_ == pytest.approx(J[-1], rel=1e-12)
    assert (np.diff(J) < 0).all()


@every_solver
@pytest.mark.parametrize("batch_size", [None, 1, 7, 45, 1000])
def test_counters_and_shapes(solver, batch_size):
    model = model_of(solver, batch_size=batch_size, store_path="epoch").fit(X, Y)
    is_full = solver == "gd" or batch_size in (None, 45, 1000)
    per_epoch = 1 if is_full else -(-N_SAMPLES // batch_size)
    assert (model.n_iter_, model.t_) == (12, 12 * per_epoch)
    assert model.loss_curve_.shape == (12,)
    assert model.stop_reason_ == "max_iter"
    assert model.path_.shape == (13, N_FEATURES + 1)
    history = model.history_
    columns = ["epoch", "update", "loss", "learning_rate", "gradient_norm"]
    columns += ["step_norm", "seconds"]
    assert history.columns.to_list() == columns
    assert_array_equal(history["epoch"], range(12))
    assert_array_equal(history["update"], per_epoch * np.arange(1, 13))
    assert_array_equal(history["loss"], model.loss_curve_)
    assert_array_equal(history["learning_rate"], 0.02)
    steps = clone(model).set_params(store_path="step").fit(X, Y).path_
    assert steps.shape == (12 * per_epoch + 1, N_FEATURES + 1)
    assert_array_equal(steps[::per_epoch], model.path_)


@pytest.mark.parametrize("store_path", ["epoch", "step"])
@every_solver
def test_path_leads_from_init_to_the_solution(solver, store_path):
    init = [0.5, -1.0, 2.0, 0.25]
    model = model_of(solver, init=init, store_path=store_path).fit(X, Y)
    assert_array_equal(model.path_[0], init)
    assert_array_equal(model.path_[-1], parameters(model))
    assert_array_equal(model_of(solver, init=init).fit(X, Y).coef_, model.coef_)
    from_zero = model_of(solver, store_path=store_path).fit(X, Y)
    assert_array_equal(from_zero.path_[0], 0.0)
    from_zero.set_params(store_path=False).fit(X, Y)
    assert not hasattr(from_zero, "path_")


def naive_stop(curve, tol, patience):
    """The epochs after which a loop over the losses ends, or None."""
    best, stale = curve[0], 0
    for n_epochs, loss in enumerate(curve[1:], start=2):
        is_better = loss < best - tol * best
        best, stale = (loss, 0) if is_better else (best, stale + 1)
        if stale >= patience:
            return n_epochs
    return None


@pytest.mark.parametrize("tol", [0.0, 1e-8, 1e-3, 0.05, 0.5])
@pytest.mark.parametrize("patience", [1, 5, 12])
@pytest.mark.parametrize(("solver", "rate"), [("gd", 0.2), ("sgd", 0.02)])
def test_tol_stops_where_a_naive_loop_does(solver, rate, patience, tol):
    endless = model_of(solver, max_iter=3000, learning_rate=rate)
    curve = clone(endless).fit(X, Y).loss_curve_
    expected = naive_stop(curve, tol, patience)
    assert expected is not None
    model = clone(endless).set_params(tol=tol, n_iter_no_change=patience).fit(X, Y)
    assert (model.n_iter_, model.stop_reason_) == (expected, "tol")
    assert_array_equal(model.loss_curve_, curve[:expected])


@pytest.mark.parametrize("kind", [Momentum, Nesterov, Adam])
@pytest.mark.parametrize("beta", [0.5, 0.875])  # 5/(1 − β) = 10 and 40, exactly
@pytest.mark.parametrize(("batch_size", "n_updates"), [(None, 1), (7, 7)])
def test_averages_are_given_time_to_come_back(kind, beta, batch_size, n_updates):
    solver = Adam(beta_1=beta) if kind is Adam else kind(beta=beta)
    endless = model_of(solver, max_iter=4000, batch_size=batch_size)
    curve = clone(endless).fit(X, Y).loss_curve_
    patience = max(5, math.ceil(5 / (1 - beta) / n_updates))
    model = clone(endless).set_params(tol=1e-4, n_iter_no_change=5).fit(X, Y)
    assert model.stop_reason_ == "tol"
    assert model.n_iter_ == naive_stop(curve, 1e-4, patience)


@every_solver
def test_tol_none_neither_stops_nor_warns(solver):
    X_flat, y_flat = np.zeros((20, 2)), np.zeros(20)
    for data in ((X, Y), (X_flat, y_flat)):
        model = model_of(solver, max_iter=300, tol=None).fit(*data)
        assert (model.n_iter_, model.stop_reason_) == (300, "max_iter")


@every_solver
def test_convergence_warning(solver):
    model = model_of(solver, tol=1e-9, max_iter=3)
    with pytest.warns(ConvergenceWarning, match=r"stopped at max_iter=3.*StandardSc"):
        model.fit(X, Y)
    assert (model.n_iter_, model.stop_reason_) == (3, "max_iter")
    assert np.isfinite(model.predict(X)).all()
    assert model.partial_fit(X, Y).n_iter_ == 4  # and one epoch warns of nothing


@every_solver
def test_warm_start(solver):
    model = model_of(solver, warm_start=True, store_path="epoch").fit(X, Y)
    first = parameters(model)
    model.fit(X, Y)
    assert_array_equal(model.path_[0], first)
    assert (model.n_iter_, len(model.path_)) == (12, 13)
    fresh = model_of(solver, init=first).fit(X, Y)
    assert_array_equal(model.coef_, fresh.coef_)
    cold = model.set_params(warm_start=False).fit(X, Y)
    assert_array_equal(parameters(cold), first)


@every_pair
def test_without_intercept(solver, schedule, batch_size):
    params = {"fit_intercept": False, "store_path": "step"}
    model = make_model(solver, schedule, batch_size, **params).fit(X, Y + 10)
    assert model.intercept_ == 0.0
    assert_array_equal(model.path_[:, 0], 0.0)
    assert (model.coef_ != 0).all()
    assert_allclose(model.predict(X), X @ model.coef_, rtol=1e-12)


@every_named_pair
def test_strings_are_objects(solver, schedule, batch_size):
    params = {"batch_size": batch_size, "store_path": "step"}
    model = model_of(solver, schedule=schedule, **params).fit(X, Y)
    objects = {"solver": SOLVERS[solver](), "schedule": SCHEDULES[schedule]()}
    twin = clone(model).set_params(**objects).fit(X, Y)
    assert_array_equal(twin.path_, model.path_)
    assert_array_equal(twin.loss_curve_, model.loss_curve_)
    assert_array_equal(history_of(twin), history_of(model))


@pytest.mark.parametrize("solver", ["sgd", "momentum", "nesterov", "adam"])
def test_random_state(solver):
    def coef(seed):
        return model_of(solver, random_state=seed).fit(X, Y).coef_

    assert_array_equal(coef(3), coef(3))
    assert not np.array_equal(coef(3), coef(4))
    assert not np.array_equal(coef(None), coef(None))
    rng = np.random.RandomState(3)
    assert_array_equal(coef(rng), coef(3))
    assert not np.array_equal(coef(rng), coef(3))
    shuffled, ordered = coef(3), model_of(solver, shuffle=False).fit(X, Y).coef_
    assert not np.array_equal(shuffled, ordered)


@every_solver
def test_large_batches_are_full_batches(solver):
    for rate in (0.02, "auto"):
        model = model_of(solver, batch_size=None, learning_rate=rate).fit(X, Y)
        for batch_size in (N_SAMPLES, N_SAMPLES + 1, 10**12, "auto"):
            twin = clone(model).set_params(batch_size=batch_size, random_state=5)
            assert_array_equal(twin.fit(X, Y).coef_, model.coef_)
    small = clone(model).set_params(batch_size=7).fit(X, Y)
    assert np.array_equal(small.coef_, model.coef_) == (solver == "gd")


def test_parameters_the_way_scikit_learn_wants_them():
    model = GradientRegressor(Momentum(beta=0.8), schedule=StepDecay(every=7))
    assert model.get_params()["solver__beta"] == 0.8
    assert model.get_params()["schedule__every"] == 7
    copy = clone(model).set_params(solver__beta=0.5, schedule__factor=0.25)
    assert (copy.solver.beta, copy.schedule.factor) == (0.5, 0.25)
    assert (model.solver.beta, model.schedule.factor) == (0.8, 0.5)
    shown = repr(copy).replace("\n", "").replace(" ", "")
    for part in ("solver=Momentum(beta=0.5)", "StepDecay(every=7,factor=0.25)"):
        assert part in shown
    copy.set_params(solver=Adam(), solver__beta_1=0.1)
    assert copy.get_params()["solver__beta_1"] == 0.1
    with pytest.raises(ValueError, match="Invalid parameter 'beta'"):
        copy.set_params(solver__beta=0.5)
    before = joblib.hash(copy.get_params())
    copy.set_params(max_iter=5, tol=None)
    assert joblib.hash(copy.get_params()) != before
    before = joblib.hash(copy.get_params())
    copy.fit(X, Y)
    assert joblib.hash(copy.get_params()) == before


@pytest.mark.parametrize(
    ("params", "other"),
    [
        ({"solver": Momentum(beta=0.5)}, {"solver__beta": 0.9}),
        ({"solver": Adam()}, {"solver__epsilon": 1.0}),
        ({"solver": Adam()}, {"solver__beta_2": 0.5}),
        ({"schedule": StepDecay(every=2)}, {"schedule__factor": 0.1}),
        ({"schedule": ExponentialDecay()}, {"schedule__factor": 0.1}),
        (
            {"schedule": LineSearch(), "learning_rate": 4.0},
            {"schedule__tolerance": 0.5},
        ),
    ],
    ids=str,
)
def test_nested_parameters_change_the_training(params, other):
    model = model_of(**params).fit(X, Y)
    assert not np.array_equal(
        clone(model).set_params(**other).fit(X, Y).coef_, model.coef_
    )


@pytest.mark.parametrize("model", [GradientRegressor(), GaborRegressor()], ids=str)
def test_a_warning_points_at_the_line_that_fits(model):
    """Python shows a warning once a place, and a wrapper is one for all fits."""
    with pytest.warns(ConvergenceWarning, match="max_iter=1") as found:
        clone(model).set_params(max_iter=1).fit(X, Y)
    assert [warning.filename for warning in found] == [__file__]


def test_joblib_round_trip(tmp_path):
    model = model_of("adam", store_path="step").fit(X, Y)
    joblib.dump(model, tmp_path / "model")
    restored = joblib.load(tmp_path / "model")
    assert vars(restored).keys() == vars(model).keys()
    for name in ("coef_", "intercept_", "path_", "loss_curve_", "history_", "t_"):
        assert_array_equal(getattr(restored, name), getattr(model, name))
    assert repr(restored) == repr(model)
    assert_array_equal(restored.partial_fit(X, Y).coef_, model.partial_fit(X, Y).coef_)
