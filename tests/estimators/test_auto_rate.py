"""`learning_rate="auto"`: its size, and data of every kind that it must get right."""

import warnings

import numpy as np
import pytest
import reference
from cases import every_solver, make_problem, make_weights, model_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression

from sklopt import GradientRegressor
from sklopt.engine._curvature import untapped_gain
from sklopt.engine._types import Data
from sklopt.schedules import SCHEDULES
from sklopt.solvers import GD, SOLVERS

X, Y = make_problem()
WEIGHTS = make_weights()
N_SAMPLES, N_FEATURES = X.shape


def top_curvature(X, weights=None, fit_intercept=True):
    Z = np.c_[np.ones(len(X)), X] if fit_intercept else X
    weights = np.ones(len(X)) if weights is None else weights / weights.mean()
    scaled = np.sqrt(weights)[:, None] * Z
    return 2 * np.linalg.svd(scaled, compute_uv=False)[0] ** 2 / len(X)


def first_rate(model, X, y, weights=None):
    model = clone(model).set_params(max_iter=1, tol=None)
    return model.fit(X, y, sample_weight=weights).history_["learning_rate"][0]


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_auto_rate_of_gd_is_the_inverse_curvature(fit_intercept, weights):
    model = GradientRegressor(GD(), fit_intercept=fit_intercept)
    L = top_curvature(X, weights, fit_intercept)
    assert first_rate(model, X, Y, weights) == pytest.approx(1 / L, rel=1e-9)
    model.set_params(penalty="l2", alpha=3.0)
    assert first_rate(model, X, Y, weights) == pytest.approx(1 / (L + 3), rel=1e-9)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(
    ("n_samples", "kind"),
    [(30, "plain"), (1100, "plain"), (1100, "centred"), (1100, "rows sum to 0")],
)
def test_auto_rate_of_many_features(n_samples, kind, fit_intercept):
    wide = np.random.default_rng(0).integers(-9, 10, size=(n_samples, 1010)) / 2
    if kind == "centred":
        wide -= wide.mean(axis=0)
        wide -= wide.mean(axis=1, keepdims=True)
    elif kind == "rows sum to 0":
        wide[:, -1] -= wide.sum(axis=1)
    y = wide @ np.ones(1010) + wide[:, 0]
    model = GradientRegressor("gd", fit_intercept=fit_intercept)
    L = top_curvature(wide, fit_intercept=fit_intercept)
    # Few rows are exact; Lanczos promises a thousandth, on the safe side.
    rel = 1e-9 if n_samples < 1000 else 2e-3
    rate = first_rate(model, wide, y)
    assert rate == pytest.approx(1 / L, rel=rel)
    assert rate <= (1 + 1e-9) / L


def test_no_features_that_matter_among_many():
    y = np.arange(1100.0) % 7
    model = GradientRegressor("gd", fit_intercept=False)
    assert_array_equal(model.fit(np.zeros((1100, 1010)), y).coef_, 0.0)


@st.composite
def problems(draw):
    """Data of all shapes and scales, awkward columns and weights."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.one_of(st.integers(1, 20), st.integers(100, 260)))
    d = draw(st.integers(1, 12))
    X = rng.normal(size=(n, d)) * 10 ** rng.uniform(-1, 1, size=d)
    kind = draw(st.sampled_from(["plain", "constant", "far", "outlier", "copies"]))
    if kind == "constant":
        X[:, 0] = 3.0
    elif kind == "far":
        X += 50.0
    elif kind == "outlier":
        X[draw(st.sampled_from([0, n - 1]))] *= 100.0
    elif kind == "copies":
        X[:] = X[:, :1]
    X *= 10.0 ** draw(st.integers(-3, 3))
    y = rng.normal(size=n) * 10.0 ** draw(st.integers(-3, 3)) + draw(
        st.sampled_from([0.0, 1.0, 1e3])
    )
    if draw(st.booleans()):
        y[:] = y[0]
    weights = draw(st.sampled_from([None, "even", "uneven", "mostly zero"]))
    if weights is not None:
        weights = {
            "even": np.full(n, 1e3),
            "uneven": rng.exponential(size=n) ** 3 + 1e-9,
            "mostly zero": np.eye(n)[0] + (rng.random(n) < 0.2),
        }[weights]
    return X, y, weights


settings_of_models = st.fixed_dictionaries(
    {
        "batch_size": st.one_of(st.none(), st.integers(1, 300), st.just("all but one")),
        "shuffle": st.booleans(),
        "fit_intercept": st.booleans(),
        "penalty": st.sampled_from([None, "l2", "l1", "elasticnet"]),
        "alpha": st.sampled_from([1e-4, 1.0, 100.0]),
        "max_iter": st.sampled_from([1, 200]),
    }
)


# One test draws them all: derandomised, each of several would draw the same data.
@settings(max_examples=1000, deadline=None, derandomize=True, print_blob=False)
@given(
    solver=st.sampled_from(sorted(SOLVERS)),
    schedule=st.sampled_from(sorted(SCHEDULES)),
    problem=problems(),
    params=settings_of_models,
)
def test_auto_rate_never_diverges(solver, schedule, problem, params):
    X, y, weights = problem
    if schedule == "line_search":
        solver, params = "gd", params | {"batch_size": None, "penalty": "l2"}
    elif params["batch_size"] == "all but one":
        params = params | {"batch_size": max(1, len(X) - 1)}
    model = GradientRegressor(solver, schedule=schedule, tol=None, random_state=0)
    model.set_params(**params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y, sample_weight=weights)
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite(model.loss_curve_).all()
    # Twice, as the gradient's noise may cost something where there is nothing to learn.
    # Nothing is promised of adam, whose steps are as long on noise as on a slope, nor
    # where a smaller last mini-batch has as much to say as the others.
    is_even = (
        not params["batch_size"] or len(X) % min(params["batch_size"], len(X)) == 0
    )
    if solver != "adam" and is_even:
        assert model.loss_ <= 2 * np.average(y**2, weights=weights)


@pytest.mark.parametrize("solver", ["sgd", "momentum", "nesterov"])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_one_row_left_over_does_no_harm(solver, shuffle, scale):
    """257 rows in mini-batches of 256: the last row is a mini-batch of its own."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(257, 10))
    X[-1] *= scale
    y = X @ rng.normal(size=10) + 0.1 * rng.normal(size=257)
    model = GradientRegressor(solver, shuffle=shuffle, max_iter=3000, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    assert model.score(X, y) > (0.999 if scale == 1.0 else 0.98)


@every_solver
@pytest.mark.parametrize("value", [0.0, 1e-5, 0.1, -1e3])
def test_constant_target(solver, value):
    model = GradientRegressor(solver, max_iter=20000, random_state=0)
    model.fit(X, np.full(N_SAMPLES, value))
    assert_allclose(model.predict(X), value, rtol=0.02, atol=1e-300)


@every_solver
@pytest.mark.parametrize("target", [np.ones(1), np.array([0.0]), np.array([[1.0, -2]])])
def test_one_row(solver, target):
    model = GradientRegressor(solver, max_iter=20000, tol=1e-9, random_state=0)
    model.fit([[1.0, -2.0]], target)
    assert_allclose(model.predict([[1.0, -2.0]]), target, rtol=0.02)


@every_solver
def test_one_feature(solver):
    model = GradientRegressor(solver, max_iter=20000, random_state=0)
    model.fit(X[:, :1], Y)
    lowest = LinearRegression().fit(X[:, :1], Y)
    assert model.coef_.shape == (1,)
    assert model.score(X[:, :1], Y) > lowest.score(X[:, :1], Y) - 0.01


@pytest.mark.parametrize("factor", [1e3, 1e-3])
@pytest.mark.parametrize("rate", ["auto", 0.02])
def test_gd_is_equivariant_in_y(factor, rate):
    model = model_of(learning_rate=rate, tol=1e-6, max_iter=5000).fit(X, Y)
    scaled = clone(model).fit(X, factor * Y)
    assert scaled.n_iter_ == model.n_iter_
    assert_allclose(scaled.coef_, factor * model.coef_, rtol=1e-10)
    assert scaled.loss_ == pytest.approx(factor**2 * model.loss_, rel=1e-10)


@pytest.mark.parametrize("scale", [1e-140, 1e140])
def test_extreme_targets(scale):
    model = model_of(learning_rate="auto", max_iter=300).fit(X, Y)
    scaled = clone(model).fit(X, scale * Y)
    assert_allclose(scaled.coef_ / scale, model.coef_, rtol=1e-9)


@pytest.mark.parametrize("solver", ["gd", "sgd", "momentum", "nesterov"])
@pytest.mark.parametrize("offset", [0.0, 1e5, 1e7])
def test_tol_does_not_depend_on_the_offset_of_y(offset, solver):
    """The objective at the start says nothing of what can be reached."""
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    model = GradientRegressor(solver, batch_size=16, random_state=0)
    lowest = LinearRegression().fit(Z, Y)
    assert model.fit(Z, Y + offset).score(Z, Y + offset) > 0.99 * lowest.score(Z, Y)


def test_a_standstill_far_from_the_minimum_is_told():
    """A year against a trend: the loss hardly moves, and nothing is learnt."""
    years = np.random.default_rng(1).integers(1990, 2020, size=(500, 1))
    y = 3.0 * years[:, 0] - 5970
    model = GradientRegressor()
    with pytest.warns(ConvergenceWarning, match="by 100%: features are of very diff"):
        model.fit(years, y)
    assert model.stop_reason_ == "tol"
    # A minimum is none of it, nor is a target that has nothing to do with X.
    GradientRegressor().fit(years - years.mean(), y)
    noise = np.random.default_rng(2).standard_normal((30, 4))
    GradientRegressor().fit(noise[:, :3], noise[:, 3])


@pytest.mark.parametrize("l1", [0.0, 0.4])
def test_untapped_gain_is_that_of_the_best_single_coefficient(l1):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)) + 5.0, rng.normal(size=(40, 1))
    weight, alpha, phi = rng.uniform(0.5, 1.5, size=40), 0.3, rng.normal(size=(1, 4))
    phi[0, 2] = 0.0
    data = Data(X, y, weight / weight.mean())

    def lowest(j):
        """J with the intercept and coefficient j at their best."""

        def objective(step):
            moved = phi.copy()
            moved[0, [0, j + 1]] += step
            return reference.objective(moved[0], X, y[:, 0], weight, alpha, l1=l1)

        search = {"method": "Nelder-Mead", "tol": 1e-12}  # whatever kinks there are
        start = minimize(lambda c: objective([c[0], 0.0]), [0.0], **search)
        both = minimize(objective, [start.x[0], 0.0], **search)
        return start.fun - both.fun

    expected = max(lowest(j) for j in range(3))
    assert_allclose(untapped_gain(data, phi, True, alpha, l1), [expected], rtol=1e-4)
