"""What GradientRegressor publishes, when it stops, and what it refuses to return."""

import math
import pickle

import joblib
import numpy as np
import pytest
from cases import make_problem, make_weights, model_of
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklopt import GradientRegressor
from sklopt.schedules import SCHEDULES, ExponentialDecay, LineSearch, StepDecay
from sklopt.solvers import SOLVERS, Adam, Momentum, Nesterov

X, Y = make_problem()
WEIGHTS = make_weights()
N_SAMPLES, N_FEATURES = X.shape

every_solver = pytest.mark.parametrize("solver", SOLVERS)


def objective(phi, X=X, y=Y, weights=None, alpha=0.0):
    """J(φ) as the documentation prints it."""
    squares = (phi[0] + X @ phi[1:] - y) ** 2
    return np.average(squares, weights=weights) + alpha * 0.5 * phi[1:] @ phi[1:]


def parameters(model):
    return np.r_[model.intercept_, model.coef_]


@every_solver
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_loss_is_the_objective_at_the_solution(solver, weights, alpha):
    penalty = "l2" if alpha else None
    model = model_of(solver, penalty=penalty, alpha=alpha or 99.0)
    model.fit(X, Y, sample_weight=weights)
    expected = objective(parameters(model), weights=weights, alpha=alpha)
    assert model.loss_ == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_loss_curve_of_gd_is_the_objective_along_the_path(weights):
    model = model_of(penalty="l2", alpha=0.3, store_path="epoch")
    model.fit(X, Y, sample_weight=weights)
    J = [objective(phi, weights=weights, alpha=0.3) for phi in model.path_]
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


def test_a_batch_without_weight_is_no_step():
    model = model_of("sgd", shuffle=False, store_path="step")
    model.fit(X, Y, sample_weight=WEIGHTS)
    assert model.t_ == 12 * 6  # of 7 mini-batches an epoch
    assert model.path_.shape == (12 * 6 + 1, 4)


def test_history_shows_the_last_gradient():
    model = model_of("gd", store_path="epoch", penalty="l2", alpha=0.3).fit(X, Y)
    phi = model.path_[-2]
    gradient = 2 * np.c_[np.ones(N_SAMPLES), X].T @ (phi[0] + X @ phi[1:] - Y)
    gradient = gradient / N_SAMPLES + 0.3 * np.r_[0, phi[1:]]
    norm = model.history_["gradient_norm"].iloc[-1]
    assert norm == pytest.approx(np.linalg.norm(gradient), rel=1e-11)


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


def test_warm_start_refuses_other_shapes():
    model = model_of(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match=r"warm start .*\(4,\).*ask for \(3,\)"):
        model.fit(X[:, :2], Y)
    with pytest.raises(ValueError, match=r"warm start .*4,?\).*ask for \(2, 4\)"):
        model.fit(X, np.c_[Y, Y])
    model = model_of(warm_start=True).fit(X, np.c_[Y, Y])
    with pytest.raises(ValueError, match=r"warm start .*\(2, 4\).*ask for"):
        model.fit(X, Y)
    model = model_of(warm_start=True).fit(X, Y).set_params(fit_intercept=False)
    with pytest.raises(ValueError, match="warm start has an intercept other than 0"):
        model.fit(X, Y)


def combinations():
    for solver in SOLVERS:
        for schedule in SCHEDULES:
            if schedule != "line_search" or solver in ("gd", "sgd"):
                batch_size = None if schedule == "line_search" else 7
                yield solver, schedule, batch_size


every_combination = pytest.mark.parametrize(
    ("solver", "schedule", "batch_size"), list(combinations())
)


@every_combination
def test_without_intercept(solver, schedule, batch_size):
    model = model_of(solver, schedule=schedule, batch_size=batch_size)
    model.set_params(fit_intercept=False, store_path="step").fit(X, Y + 10)
    assert model.intercept_ == 0.0
    assert_array_equal(model.path_[:, 0], 0.0)
    assert (model.coef_ != 0).all()
    assert_allclose(model.predict(X), X @ model.coef_, rtol=1e-12)
    with_column = model_of(solver, schedule=schedule, batch_size=batch_size).fit(X, Y)
    assert with_column.intercept_ != 0.0


@every_combination
def test_strings_are_objects(solver, schedule, batch_size):
    model = model_of(solver, schedule=schedule, batch_size=batch_size).fit(X, Y)
    twin = clone(model).set_params(
        solver=SOLVERS[solver](), schedule=SCHEDULES[schedule]()
    )
    twin.fit(X, Y)
    assert_array_equal(twin.coef_, model.coef_)
    assert_array_equal(twin.loss_curve_, model.loss_curve_)
    assert_array_equal(twin.history_, model.history_)
    restored = pickle.loads(pickle.dumps(model))
    assert_array_equal(restored.predict(X), model.predict(X))
    assert_array_equal(restored.partial_fit(X, Y).coef_, model.partial_fit(X, Y).coef_)


def test_without_shuffling_rows_come_in_order():
    model = model_of("sgd", shuffle=False, store_path="step", max_iter=2).fit(X, Y)
    phi, Z = np.zeros(4), np.c_[np.ones(N_SAMPLES), X]
    expected = [phi]
    for start in [*range(0, N_SAMPLES, 7)] * 2:
        batch = slice(start, start + 7)
        residual = Z[batch] @ phi - Y[batch]
        phi = phi - 0.02 * 2 * Z[batch].T @ residual / len(residual)
        expected.append(phi)
    assert_allclose(model.path_, expected, rtol=1e-11, atol=1e-14)
    other = model_of("sgd", shuffle=False, random_state=1).fit(X, Y)
    assert_array_equal(other.coef_, model_of("sgd", shuffle=False).fit(X, Y).coef_)


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


def test_joblib_round_trip(tmp_path):
    model = model_of("adam", store_path="step").fit(X, Y)
    joblib.dump(model, tmp_path / "model")
    restored = joblib.load(tmp_path / "model")
    assert vars(restored).keys() == vars(model).keys()
    for name in ("coef_", "intercept_", "path_", "loss_curve_", "history_", "t_"):
        assert_array_equal(getattr(restored, name), getattr(model, name))
    assert repr(restored) == repr(model)
    assert_array_equal(restored.partial_fit(X, Y).coef_, model.partial_fit(X, Y).coef_)
