"""Penalties: zeros and coefficients of Lasso and ElasticNet, and what they refuse."""

from itertools import product

import numpy as np
import pytest
import reference
from cases import (
    LEARNING_RATE,
    PENALTIES,
    SOLVERS,
    assert_refused,
    both_states,
    every_solver,
    make_problem,
    make_targets,
    make_weights,
    model_in,
    model_of,
    parameters,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import ElasticNet, Lasso, SGDRegressor

from sklopt import GaborRegressor, GradientRegressor
from sklopt.engine._lowering import lower_candidates, lower_penalty
from sklopt.inspection import check_gradient, curvature, learning_rate_range
from sklopt.losses import Huber

RATIOS = {"l1": 1.0, "elasticnet": 0.4}
both_penalties = pytest.mark.parametrize("penalty", RATIOS)


def make_sparse_problem(n_samples=120, seed=0):
    """Correlated features, most of which y has nothing to do with; weights."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 10)) + 0.5 * rng.normal(size=(n_samples, 1)) + 0.3
    w = np.r_[3.0, -2.0, 1.0, 0.5, np.zeros(6)]
    y = 1.5 + X @ w + rng.normal(size=n_samples)
    return X, y, rng.uniform(0.5, 2.0, size=n_samples)


def by_scikit_learn(X, y, penalty, alpha, weights=None, **params):
    """Its loss has the factor ½, so that its alpha is half of ours."""
    kind = ElasticNet(l1_ratio=RATIOS[penalty]) if penalty != "l1" else Lasso()
    kind.set_params(alpha=alpha / 2, tol=1e-14, max_iter=100_000, **params)
    return kind.fit(X, y, sample_weight=weights)


def to_the_end(solver, penalty, alpha, **params):
    """A training of all rows that ends in the minimum."""
    model = GradientRegressor(solver, penalty=penalty, alpha=alpha, batch_size=None)
    model.set_params(l1_ratio=RATIOS[penalty], max_iter=20_000, tol=1e-13)
    return model.set_params(**params)


def assert_same_selection(model, expected):
    assert_array_equal(model.coef_ == 0, expected.coef_ == 0)
    scale = np.abs(expected.coef_).max(initial=1e-300)
    assert_allclose(model.coef_, expected.coef_, rtol=1e-4, atol=1e-6 * scale)
    assert_allclose(model.intercept_, expected.intercept_, rtol=1e-4)


# --- the minimum -----------------------------------------------------------------


# 0.05 holds few coefficients at 0, 2 most, 50 all of them.
@pytest.mark.parametrize("alpha", [0.05, 0.5, 2.0, 50.0])
@both_penalties
@every_solver
def test_same_zeros_and_coefficients_as_scikit_learn(solver, penalty, alpha):
    X, y, weights = make_sparse_problem()
    expected = by_scikit_learn(X, y, penalty, alpha, weights)
    model = to_the_end(solver, penalty, alpha).fit(X, y, weights)
    assert model.stop_reason_ == "tol"
    assert_same_selection(model, expected)
    n_zero = (model.coef_ == 0).sum()
    assert n_zero == 10 if alpha == 50 else n_zero < 10


@pytest.mark.parametrize("solver", ["gd", "nesterov", "adam"])
@pytest.mark.parametrize(
    "params", [{"precompute": True}, {"fit_intercept": False}], ids=str
)
def test_same_minimum_with(solver, params):
    X, y, _ = make_sparse_problem()
    model = to_the_end(solver, "l1", 0.5, **params).fit(X, y)
    theirs = {k: v for k, v in params.items() if k == "fit_intercept"}
    assert_same_selection(model, by_scikit_learn(X, y, "l1", 0.5, **theirs))


def test_more_features_than_samples():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 60))
    y = X[:, :3] @ [3.0, -2.0, 1.0] + 0.1 * rng.standard_normal(30)
    model = to_the_end("nesterov", "l1", 0.5).fit(X, y)
    assert_same_selection(model, by_scikit_learn(X, y, "l1", 0.5))
    assert 0 < (model.coef_ != 0).sum() < 30


@pytest.mark.parametrize("solver", ["sgd", "momentum", "nesterov", "adam"])
def test_mini_batches_come_close_as_the_rate_falls(solver):
    X, y, _ = make_sparse_problem()
    model = to_the_end(solver, "l1", 0.5, batch_size=10, schedule="cosine", tol=None)
    model.set_params(max_iter=500, learning_rate=0.02, random_state=0).fit(X, y)
    expected = by_scikit_learn(X, y, "l1", 0.5)
    assert_allclose(model.coef_, expected.coef_, atol=0.02)
    # A gradient of few rows exceeds the threshold at any rate, its average does not.
    is_same = (model.coef_ == 0) == (expected.coef_ == 0)
    assert is_same.all() == (solver != "sgd")


@every_solver
def test_other_losses_stand_still_where_the_subgradient_vanishes(solver):
    X, y, _ = make_sparse_problem()
    model = to_the_end(solver, "elasticnet", 0.4, loss=Huber(delta=0.7)).fit(X, y)
    J = model._objective(X, y)
    slope = J._replace(l1=0.0).gradient(parameters(model))[1:]
    w = model.coef_
    assert 0 < (w == 0).sum() < 10
    assert_allclose(slope[w != 0], -J.l1 * np.sign(w[w != 0]), atol=1e-4)
    assert (np.abs(slope[w == 0]) < J.l1).all()


# --- single updates --------------------------------------------------------------


def test_single_rows_take_plain_proximal_steps():
    """φ ← φ − αg, w ← soft(w, α·alpha); SGDRegressor clips by all that is owed."""
    X, y = make_problem()
    settings = {"shuffle": False, "max_iter": 3, "tol": None, "penalty": "l1"}
    model = GradientRegressor(
        "sgd", batch_size=1, learning_rate=0.02, alpha=0.5, **settings
    ).fit(X, y)
    phi = np.zeros(4)
    for _ in range(3):
        for x, target in zip(X, y, strict=True):
            slope = 2 * (phi[0] + x @ phi[1:] - target)
            phi = phi - 0.02 * slope * np.r_[1.0, x]
            for j in (1, 2, 3):
                phi[j] = np.sign(phi[j]) * max(0.0, abs(phi[j]) - 0.02 * 0.5)
    assert_allclose(parameters(model), phi, rtol=1e-12)
    theirs = SGDRegressor(
        alpha=0.25, eta0=0.04, learning_rate="constant", **settings
    ).fit(X, y)
    assert not np.allclose(theirs.coef_, model.coef_, rtol=1e-3)
    assert_allclose(theirs.coef_, model.coef_, atol=0.2)


def test_the_first_step_of_adam():
    """m̃ = g and √ṽ = |g|: it moves w by α, and the threshold is α·l1/|g|."""
    X, y = make_problem()
    init = np.array([0.0, 0.5, -0.5, 0.001])
    g = reference.gradient(init, X, y)
    model = model_of("adam", penalty="l1", alpha=0.3, batch_size=None, max_iter=1)
    model.set_params(init=init).fit(X, y)
    u = init - LEARNING_RATE * g / (np.abs(g) + 1e-8)
    threshold = LEARNING_RATE * 0.3 / (np.abs(g) + 1e-8) * [0, 1, 1, 1]
    assert_allclose(parameters(model), reference.soft(u, threshold), rtol=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_empty_column_has_the_coefficient_zero(solver):
    X, y = make_problem()
    X[:, 1] = 0.0
    init = [0.0, 0.5, 0.5, 0.5]
    model = model_of(solver, penalty="l1", alpha=0.2, init=init, max_iter=200)
    assert model.fit(X, y).coef_[1] == 0


@pytest.mark.parametrize(
    ("penalty", "same"),
    [
        ({"penalty": "elasticnet", "l1_ratio": 1.0}, {"penalty": "l1"}),
        ({"penalty": "elasticnet", "l1_ratio": 0}, {"penalty": "l2"}),
        ({"penalty": "elasticnet", "alpha": 0}, {"penalty": None}),
        ({"penalty": "l1", "alpha": 0}, {"penalty": None}),
    ],
    ids=str,
)
@every_solver
def test_special_cases_are_one_another(solver, penalty, same):
    X, y = make_problem()
    one, other = model_of(solver, alpha=0.3), model_of(solver, alpha=0.3)
    one.set_params(**penalty).fit(X, y)
    other.set_params(**same).fit(X, y)
    assert_array_equal(parameters(one), parameters(other))
    assert one.loss_ == other.loss_


@both_penalties
@every_solver
def test_several_targets_equal_each_alone(solver, penalty):
    X, Y = make_targets()
    model = model_of(solver, **PENALTIES[penalty]).fit(X, Y)
    for k, y in enumerate(Y.T):
        alone = model_of(solver, **PENALTIES[penalty]).fit(X, y)
        assert_array_equal(model.coef_[k], alone.coef_)


@both_penalties
def test_objective_and_curve_hold_the_penalty(penalty):
    X, y = make_problem()
    weights = make_weights()
    model = model_of(store_path="epoch", **PENALTIES[penalty]).fit(X, y, weights)
    w = model.path_[:, 1:]
    R = {
        "l1": 0.8 * np.abs(w).sum(axis=1),
        "elasticnet": 0.24 * (w**2).sum(axis=1) + 0.72 * np.abs(w).sum(axis=1),
    }[penalty]
    J = R + [reference.objective(phi, X, y, weights) for phi in model.path_]
    assert_allclose(model.loss_curve_, J[:-1], rtol=1e-12)
    assert_allclose(model.loss_, J[-1], rtol=1e-12)


@both_penalties
def test_auto_rate_heeds_the_smooth_part_only(penalty):
    X, y = make_problem()

    def rate(penalty, alpha):
        model = GradientRegressor(penalty=penalty, alpha=alpha, max_iter=1, tol=None)
        return model.fit(X, y).history_["learning_rate"][0]

    share = 0.0 if penalty == "l1" else 0.85  # l1_ratio is 0.15 by default
    assert_allclose(1 / rate(penalty, 3.0), 1 / rate(None, 0.0) + share * 3.0)


def test_zeros_that_a_threshold_holds_are_no_stall():
    # Each of the noise's features could lower the loss, but not the objective.
    X, y, _ = make_sparse_problem()
    GradientRegressor(penalty="l1", alpha=5.0).fit(X, y)  # or a warning


def test_candidates_keep_to_their_own_penalties(monkeypatch):
    """Candidates on the same mini-batches, each with another penalty."""
    X, y = make_problem()
    each = [{"penalty": None}, *PENALTIES.values()]
    weights = [lower_penalty(**({"alpha": 0.0} | params)) for params in each]

    def lowered(n_candidates, **fields):
        fields |= {name: [one[name] for one in weights] for name in ("l2", "l1")}
        return lower_candidates(n_candidates, **fields)

    together = {}
    for solver, batch_size in product(SOLVERS, (1, 7)):
        with monkeypatch.context() as patch:
            scope = GradientRegressor._lowered.__globals__
            patch.setitem(scope, "lower_candidates", lowered)
            model = model_of(solver, batch_size=batch_size)
            together[solver, batch_size] = model.fit(X, np.column_stack([y] * 4)).coef_
    for (solver, batch_size), coef in together.items():
        for params, one in zip(each, coef, strict=True):
            alone = model_of(solver, batch_size=batch_size, **params).fit(X, y)
            assert_array_equal(one, alone.coef_)


# --- what does not go together ----------------------------------------------------


@both_penalties
@both_states
def test_line_search_is_refused(state, penalty):
    X, y = make_problem()
    model = model_in(state).set_params(schedule="line_search", penalty=penalty)
    message = "schedule='line_search' searches along a straight line"
    assert_refused(lambda: model.fit(X, y), model, ValueError, message)
    model.set_params(penalty="elasticnet", l1_ratio=0.0).fit(X, y)


@both_states
def test_covariance_is_refused(state):
    X, y = make_problem()
    model = model_in(state).set_params(compute_covariance=True, penalty="l1")
    message = "compute_covariance=True goes with penalty='l2' or None, not with "
    text = assert_refused(lambda: model.fit(X, y), model, ValueError, message)
    assert "penalty='l1'" in text


@pytest.mark.parametrize("penalty", RATIOS)
def test_a_wave_has_l2_only(penalty):
    with pytest.raises(ValueError, match=r"'penalty' parameter of GaborRegressor"):
        GaborRegressor(penalty=penalty).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 0.0])


@pytest.mark.parametrize("l1_ratio", [-0.1, 1.1, np.nan, "half", None])
def test_l1_ratio_is_a_share(l1_ratio):
    with pytest.raises(ValueError, match=r"'l1_ratio' parameter of GradientRegressor"):
        model_of(l1_ratio=l1_ratio).fit(*make_problem())


# --- inspection -------------------------------------------------------------------


def test_gradient_has_the_sign_of_the_coefficients():
    X, y = make_problem()
    model = GradientRegressor(penalty="l1", alpha=0.7)
    at = [0.3, 1.0, -2.0, 0.0]
    table = check_gradient(model, X, y, at=at, h=1e-4)
    expected = reference.gradient(np.array(at), X, y) + 0.7 * np.sign([0, 1, -2, 0])
    assert_allclose(table["analytic"], expected, rtol=1e-10)
    assert (table["error"] < 1e-6).all()  # in the kink too: both take the middle


def test_curvature_is_that_of_the_smooth_part_where_no_coefficient_is_zero():
    X, y = make_problem()
    at = [0.3, 1.0, -2.0, 0.5]
    model = GradientRegressor(penalty="elasticnet", alpha=0.8, l1_ratio=0.25)
    point = curvature(model, X, y, at=at)
    smooth = curvature(GradientRegressor(penalty="l2", alpha=0.6), X, y, at=at)
    assert_allclose(point.hessian, smooth.hessian, rtol=1e-12)
    assert_allclose(point.gradient - smooth.gradient, 0.2 * np.sign([0, 1, -2, 0.5]))
    assert_allclose(point.loss - smooth.loss, 0.2 * 3.5)
    expected = r"exactly 0, as phi_1, phi_3 at this point"
    with pytest.raises(ValueError, match=expected):
        curvature(model, X, y, at=[0.0, 0.0, 1.0, 0.0])


def test_learning_rate_range_knows_the_penalty():
    X, y = make_problem()
    model = GradientRegressor(penalty="l1", alpha=0.3)
    assert learning_rate_range(model, X, y).suggestion > 0
