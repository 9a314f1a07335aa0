"""scikit-learn's own suite, and what it leaves out: float32 and several targets."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklopt import GradientRegressor
from sklopt.schedules import SCHEDULES
from sklopt.solvers import SOLVERS

# The suite fits pure noise, few rows and few epochs; whether such a training has come
# to its end is not what it asks.
unfinished_is_fine = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"
)

VARIANTS = [
    GradientRegressor(solver, batch_size=batch_size, schedule=schedule)
    for solver in SOLVERS
    for batch_size in ("auto", None)
    for schedule in ("constant", "step_decay")
]
EXTRAS = [
    estimator_checks.check_param_validation,
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_inplace_ensure_writeable,
]


@unfinished_is_fine
@parametrize_with_checks([GradientRegressor(), *VARIANTS])
def test_estimator(estimator, check):
    check(estimator)


@unfinished_is_fine
@pytest.mark.parametrize("check", EXTRAS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("solver", SOLVERS)
def test_extra_checks(solver, check):
    check("GradientRegressor", GradientRegressor(solver))


def make_data(n_samples=70, n_targets=3):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n_samples, 4))
    Y = X @ rng.normal(size=(4, n_targets)) + 0.1 * rng.normal(
        size=(n_samples, n_targets)
    )
    return X, Y + np.arange(n_targets)


def short_model(solver, schedule="constant", **params):
    batch_size = None if schedule == "line_search" else 16
    settings = {"batch_size": batch_size, "max_iter": 20, "tol": None}
    settings |= {"random_state": 0, "schedule": schedule}
    return GradientRegressor(solver, **(settings | params))


COMBINATIONS = [
    (solver, schedule)
    for solver in SOLVERS
    for schedule in SCHEDULES
    if schedule != "line_search" or solver in ("gd", "sgd")
]
all_combinations = pytest.mark.parametrize(("solver", "schedule"), COMBINATIONS)


@all_combinations
def test_float32_stays_float32_and_agrees_with_float64(solver, schedule):
    X, Y = make_data()
    X, y = X.astype(np.float32), Y[:, 0].astype(np.float32)
    model = short_model(solver, schedule)
    single = clone(model).fit(X, y)
    double = clone(model).fit(X.astype(np.float64), y.astype(np.float64))
    assert single.coef_.dtype == np.float32
    assert np.asarray(single.intercept_).dtype == np.float32
    assert double.coef_.dtype == np.float64
    assert single.predict(X).dtype == np.float32
    # Training runs in float64 on the same numbers; only the result is rounded.
    assert_allclose(single.coef_, double.coef_, rtol=1e-6, atol=1e-7)
    assert_allclose(single.predict(X), double.predict(X), rtol=1e-5, atol=1e-5)
    assert single.loss_ == pytest.approx(double.loss_, rel=1e-9)


@pytest.mark.parametrize(
    ("x_dtype", "y_dtype", "expected"),
    [
        (np.float32, np.float64, np.float32),
        (np.float32, np.int64, np.float32),
        (np.float64, np.float32, np.float64),
        (np.int64, np.float32, np.float64),
        (np.float16, np.float32, np.float64),
    ],
)
def test_x_decides_the_dtype(x_dtype, y_dtype, expected):
    X, Y = make_data()
    X, y = np.round(4 * X).astype(x_dtype), np.round(4 * Y[:, 0]).astype(y_dtype)
    model = short_model("gd").fit(X, y, sample_weight=np.ones(len(y)))
    clean = short_model("gd").fit(X.astype(float), y.astype(float))
    assert model.coef_.dtype == expected
    assert_allclose(model.predict(X), clean.predict(X.astype(float)), rtol=1e-5)


@all_combinations
def test_each_target_is_trained_as_if_alone(solver, schedule):
    X, Y = make_data()
    n_targets, n_params = Y.shape[1], X.shape[1] + 1
    init = np.random.default_rng(0).normal(size=(n_targets, n_params))
    model = short_model(solver, schedule, store_path="epoch")
    together = clone(model).set_params(init=init).fit(X, Y)
    assert together.coef_.shape == (n_targets, n_params - 1)
    assert together.intercept_.shape == (n_targets,)
    assert together.predict(X).shape == Y.shape
    assert together.path_.shape == (21, n_targets, n_params)
    for k in range(n_targets):
        alone = clone(model).set_params(init=init[k]).fit(X, Y[:, k])
        assert_allclose(together.coef_[k], alone.coef_, rtol=1e-12)
        assert_allclose(together.path_[:, k], alone.path_, rtol=1e-11, atol=1e-13)
        assert_allclose(together.loss_curve_[:, k], alone.loss_curve_, rtol=1e-12)
        assert together.loss_[k] == pytest.approx(alone.loss_, rel=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
def test_targets_stop_on_their_own(solver):
    X, Y = make_data()
    Y = np.column_stack([Y[:, 0], np.zeros(len(Y)), 100 * Y[:, 1]])
    model = GradientRegressor(solver, max_iter=4000, tol=1e-4, random_state=0)
    together = clone(model).fit(X, Y)
    alone = [clone(model).fit(X, y) for y in Y.T]
    assert_array_equal(together.n_iter_, [m.n_iter_ for m in alone])
    assert len(set(together.n_iter_)) > 1
    assert_array_equal(together.t_, [m.t_ for m in alone])
    assert_array_equal(together.stop_reason_, ["tol"] * 3)
    assert_allclose(together.loss_, [m.loss_ for m in alone], rtol=1e-12)
    assert together.loss_curve_.shape == (together.n_iter_.max(), 3)
    history = together.history_
    for k, m in enumerate(alone):
        curve = together.loss_curve_[:, k]
        assert_allclose(curve[: m.n_iter_], m.loss_curve_, rtol=1e-12)
        assert np.isnan(curve[m.n_iter_ :]).all()
        rows = history[history["target"] == k]
        assert_array_equal(rows["epoch"], np.arange(m.n_iter_))
        assert_allclose(rows["loss"], m.loss_curve_, rtol=1e-12)
        assert rows["update"].iloc[-1] == m.t_


def test_history_goes_on_for_targets_that_had_stopped():
    X, Y = make_data()
    Y = np.column_stack([Y[:, 0], np.zeros(len(Y))])
    model = GradientRegressor("gd", tol=1e-8, max_iter=5000).fit(X, Y)
    first, second = model.n_iter_
    assert first > second
    model.partial_fit(X, Y)
    assert_array_equal(model.n_iter_, [first + 1, second + 1])
    history = model.history_
    assert len(history) == model.n_iter_.sum()
    assert history.notna().all(axis=None)
    last = history.groupby("target").tail(1)
    assert_array_equal(last["update"], model.t_)


@pytest.mark.parametrize("solver", SOLVERS)
def test_one_column_keeps_its_axis(solver):
    X, Y = make_data(n_targets=1)
    column = short_model(solver).fit(X, Y)
    flat = short_model(solver).fit(X, Y[:, 0])
    assert column.coef_.shape == (1, 4)
    assert column.intercept_.shape == column.loss_.shape == (1,)
    assert column.n_iter_.shape == column.stop_reason_.shape == (1,)
    assert column.loss_curve_.shape == (20, 1)
    assert_allclose(column.predict(X)[:, 0], flat.predict(X), rtol=1e-12)
    assert flat.coef_.shape == (4,)
    assert np.ndim(flat.intercept_) == 0
    assert isinstance(flat.loss_, float)
    assert isinstance(flat.n_iter_, int)
    assert isinstance(flat.stop_reason_, str)
