"""scikit-learn's own suite, and what it leaves out: float32 and several targets."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
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
