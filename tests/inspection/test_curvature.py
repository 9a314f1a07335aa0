"""Curvature: derivatives, known values, kinds of points, rates."""

import dataclasses
import math
import re

import numpy as np
import pytest
import reference
from cases import make_problem, make_weights, parameters
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.differentiate import hessian as scipy_hessian
from scipy.optimize import brentq
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from surfaces import SURFACES, Wave, naive_value, wave_surface

from sklopt import GaborRegressor, GradientRegressor
from sklopt.datasets import make_gabor
from sklopt.inspection import curvature, learning_rate_range

every_surface = pytest.mark.parametrize("name", SURFACES)


def look(J, phi):
    """`curvature` of an objective in a point of it."""
    return curvature(Wave(J), J.X, J.y, at=phi)


def random_problem(seed, n_samples=30, n_features=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)) + rng.normal(size=n_features)
    return X, rng.normal(size=n_samples) + X @ rng.normal(size=n_features), rng


# --- derivatives -----------------------------------------------------------------


@every_surface
def test_loss_is_the_formula(name):
    J, phi = SURFACES[name]
    assert look(J, phi).loss == pytest.approx(naive_value(J, phi), rel=1e-13)


@every_surface
def test_gradient_is_the_complex_step(name):
    J, phi = SURFACES[name]
    steps = 1e-30j * np.eye(len(phi))
    expected = np.array([naive_value(J, phi + h).imag for h in steps]) / 1e-30
    point = look(J, phi)
    expected = expected * J.is_trained
    np.testing.assert_allclose(point.gradient, expected, rtol=1e-12)
    assert point.gradient_norm == pytest.approx(np.linalg.norm(expected), rel=1e-12)


@every_surface
def test_hessian_is_that_of_finite_differences(name):
    J, phi = SURFACES[name]
    found = scipy_hessian(
        lambda x: naive_value(J, x), phi, initial_step=0.5, order=10, maxiter=8
    )
    expected = found.ddf * np.outer(J.is_trained, J.is_trained)
    H = look(J, phi).hessian
    np.testing.assert_allclose(H, expected, rtol=0, atol=1e-10 * np.abs(H).max())


@every_surface
def test_hessian_is_the_complex_step_of_the_gradient(name):
    J, phi = SURFACES[name]
    steps = 1e-30j * np.eye(len(phi))
    expected = np.array([J.gradient(phi + h).imag for h in steps]) / 1e-30
    expected = expected * np.outer(J.is_trained, J.is_trained)
    H = look(J, phi).hessian
    np.testing.assert_allclose(H, expected, rtol=1e-12, atol=1e-13 * np.abs(H).max())


@every_surface
def test_eigenvalues_are_those_of_the_trained_parameters(name):
    J, phi = SURFACES[name]
    point, trained = look(J, phi), np.flatnonzero(J.is_trained)
    expected = np.linalg.eigvalsh(point.hessian[np.ix_(trained, trained)])
    assert (np.diff(point.eigenvalues) >= 0).all()
    np.testing.assert_allclose(point.eigenvalues, expected, rtol=1e-10)
    size = np.abs(expected)
    assert point.condition_number == pytest.approx(size.max() / size.min(), rel=1e-9)


# --- known values ----------------------------------------------------------------

# Rows (1, −1) and (1, 3): H = [[2, 2], [2, 10]], λ = 6 ± √20, μL = 16.
X_TWO, Y_TWO = [[-1.0], [3.0]], [0.0, 4.0]
LOW, HIGH = 6 - math.sqrt(20), 6 + math.sqrt(20)


def test_numbers_of_two_points_by_hand():
    point = curvature(GradientRegressor(), X_TWO, Y_TWO, at=[2, 1])
    # Residuals 1 and 1.
    assert point.loss == 1.0
    np.testing.assert_array_equal(point.at, [2.0, 1.0])
    np.testing.assert_allclose(point.gradient, [2, 2], rtol=1e-14)
    np.testing.assert_allclose(point.hessian, [[2, 2], [2, 10]], rtol=1e-14)
    np.testing.assert_allclose(point.eigenvalues, [LOW, HIGH], rtol=1e-13)
    assert point.gradient_norm == pytest.approx(math.sqrt(8), rel=1e-14)
    assert point.newton_gain == pytest.approx(1.0, rel=1e-12)  # the line fits both
    assert point.condition_number == pytest.approx(HIGH / LOW, rel=1e-12)
    assert point.largest_stable_rate == pytest.approx(2 / HIGH, rel=1e-13)
    assert point.suggested_rate == pytest.approx(1 / 4, rel=1e-12)
    beta = (
        (math.sqrt(HIGH) - math.sqrt(LOW)) / (math.sqrt(HIGH) + math.sqrt(LOW))
    ) ** 2
    assert point.suggested_momentum == pytest.approx(beta, rel=1e-12)
    assert (point.kind, point.is_convex) == ("not critical", True)
    assert curvature(GradientRegressor(), X_TWO, Y_TWO, at=[1, 1]).kind == "minimum"


def test_weights_count():
    X, y = make_problem()
    weights = make_weights()
    at = np.arange(4.0)
    point = curvature(GradientRegressor(), X, y, weights, at=at)
    assert point.loss == pytest.approx(reference.objective(at, X, y, weights))
    assert point.loss != pytest.approx(reference.objective(at, X, y))


def test_the_fitted_parameters_are_the_default():
    X, y = make_problem()
    model = GradientRegressor().fit(X, y)
    point = curvature(model, X, y)
    np.testing.assert_array_equal(point.at, parameters(model))
    assert point.loss == pytest.approx(model.loss_, rel=1e-12)
    assert point.kind == "minimum"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("has_head", [False, True])
def test_the_fitted_parameters_of_a_wave(has_head, dtype):
    X, y = make_gabor(60, amplitude=2.0 if has_head else 1.0, random_state=0)
    model = GaborRegressor(
        fit_amplitude=has_head, window=9.0, input_scale=0.07, random_state=0
    ).fit(X.astype(dtype), y.astype(dtype))
    point = curvature(model, X.astype(dtype), y.astype(dtype))
    head = [model.amplitude_, model.offset_] if has_head else []
    np.testing.assert_array_equal(point.at, [*model.phi_, *head])
    assert point.at.dtype == np.float64
    assert point.loss == pytest.approx(model.loss_, rel=1e-5)
    assert (point.kind, len(point.eigenvalues)) == ("minimum", 2 + has_head)


def test_the_gradient_is_that_of_the_history_where_phi_itself_is_trained():
    X, y = make_gabor(60, random_state=0)
    model = GaborRegressor("gd", init=[0.5, 11.0], max_iter=3, tol=None)
    model.set_params(learning_rate=0.1, store_path="epoch").fit(X, y)
    norms = [curvature(model, X, y, at=phi).gradient_norm for phi in model.path_[:-1]]
    np.testing.assert_allclose(norms, model.history_["gradient_norm"], rtol=1e-10)
    model.set_params(learning_rate="auto").fit(X, y)
    here = curvature(model, X, y, at=model.path_[0]).gradient_norm
    assert abs(here / model.history_["gradient_norm"][0] - 1) > 0.01


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    alpha=st.sampled_from([0.0, 0.5]),
    log_scale=st.floats(-6, 6),
)
def test_a_linear_model_is_convex_and_a_newton_step_from_its_minimum(
    seed, alpha, log_scale
):
    X, y, rng = random_problem(seed)
    X = X * [1.0, 10**log_scale, 1.0]
    model = GradientRegressor(penalty="l2", alpha=alpha)
    at = rng.normal(size=4) / [1.0, 1.0, 10**log_scale, 1.0]
    here = curvature(model, X, y, at=at)
    Z = np.column_stack([np.ones(len(X)), X])
    lowest = np.linalg.lstsq(
        np.vstack([Z, np.sqrt(alpha * len(y) / 2) * np.eye(4)[1:]]),
        np.append(y, np.zeros(3)),
        rcond=None,
    )[0]
    there = curvature(model, X, y, at=lowest)
    assert (here.is_convex, there.is_convex) == (True, True)
    assert (here.kind, there.kind) == ("not critical", "minimum")
    gain = here.loss - there.loss
    assert here.newton_gain == pytest.approx(gain, rel=1e-6, abs=1e-9 * here.loss)


# --- kinds of points -------------------------------------------------------------

# A wave that is constant over x, at the peak of sin(z) exp(−z²/8). There f' = 0, so
# that ∇J = 0 and H = 2/n Σ r f'' (1, κx)(1, κx)ᵀ. With f'' < 0 and x = −1, 0, 1, the
# residuals (a, b, a) make that −c·diag(2a + b, 2aκ²), c > 0.
PEAK = brentq(lambda z: math.cos(z) - z / 4 * math.sin(z), 0.5, 2.0, xtol=1e-15)
CREST = math.sin(PEAK) * math.exp(-(PEAK**2) / 8)
KINDS = {
    "minimum": (-1.0, -1.0),
    "maximum": (1.0, 1.0),
    "saddle point": (-1.0, 3.0),
    "degenerate": (0.0, 1.0),
}


def crest(kind):
    a, b = KINDS[kind]
    J = wave_surface([[-1.0], [0.0], [1.0]], CREST - np.array([a, b, a]), scale=0.5)
    return look(J, np.array([PEAK, 0.0]))


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_by_hand(kind):
    point = crest(kind)
    assert point.kind == kind
    assert point.gradient_norm < 1e-14
    assert point.is_convex == (kind == "minimum")


def test_signs_of_a_maximum():
    # All eigenvalues negative: where the course's slide has minimum.
    point = crest("maximum")
    assert (point.eigenvalues < 0).all()
    assert point.largest_stable_rate == np.inf
    assert math.isnan(point.suggested_rate)
    assert math.isnan(point.suggested_momentum)
    assert "none" in repr(point)


def test_a_saddle_has_a_stable_rate_but_no_momentum():
    point = crest("saddle point")
    assert point.eigenvalues[0] < 0 < point.eigenvalues[1]
    assert point.largest_stable_rate == pytest.approx(2 / point.eigenvalues[1])
    assert math.isnan(point.suggested_rate)


def test_a_slope_is_not_critical():
    J, phi = SURFACES["wave of 1, window 8, head None"]
    assert look(J, phi).kind == "not critical"


@pytest.mark.parametrize("distance", [15.0, 30.0, 1e3])
@pytest.mark.parametrize("head", [None, (True, True)])
def test_a_wave_out_of_sight_is_degenerate(distance, head):
    X, y, _ = random_problem(0, n_features=1)
    J = wave_surface(X, y - y.mean(), head=head)
    phi = [distance, 1.0, 5.0, 0.0] if head else [distance, 1.0]
    point = look(J, np.array(phi))
    assert point.kind == "degenerate"


@pytest.mark.parametrize("scale", [1e-100, 1e-8, 1e8, 1e60])
def test_kind_does_not_depend_on_units(scale):
    X, y = make_problem()
    unit = np.array([1.0, scale, 1.0])
    exact = LinearRegression().fit(X, y)
    for shift, kind in [(0.0, "minimum"), (1.0, "not critical")]:
        at = np.append(exact.intercept_, (exact.coef_ + shift) / unit)
        assert curvature(GradientRegressor(), X * unit, y, at=at).kind == kind
        scaled = curvature(
            GradientRegressor(), X, scale * y, at=scale * at * [1, *unit]
        )
        assert scaled.kind == kind


@pytest.mark.parametrize("offset", [[0, 0], [1e-9, -1e-9]])
def test_a_perfect_fit_is_a_minimum(offset):
    X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    assert curvature(GradientRegressor(), X, y, at=np.add([1, 2], offset)).kind == (
        "minimum"
    )


@pytest.mark.parametrize("seed", range(6))  # rounding leaves 0 of either sign
def test_a_collinear_feature_makes_a_minimum_degenerate(seed):
    X, y = make_problem(seed=seed)
    exact = LinearRegression().fit(X, y)
    at = np.r_[exact.intercept_, exact.coef_, 0.0]
    point = curvature(GradientRegressor(), np.c_[X, X[:, 0]], y, at=at)
    lean = curvature(GradientRegressor(), X, y, at=at[:4])
    assert (point.kind, point.is_convex) == ("degenerate", True)
    assert point.condition_number == np.inf
    # Nothing moves along the flat direction.
    mu, L = point.eigenvalues[[1, -1]]
    assert point.suggested_rate == pytest.approx(1 / math.sqrt(mu * L))
    assert (lean.kind, point.loss) == ("minimum", pytest.approx(lean.loss))


def test_no_curvature_at_all():
    model = GradientRegressor(fit_intercept=False)
    point = curvature(model, [[0.0], [0.0]], [1.0, 2.0], at=[0, 1])
    assert (point.kind, point.is_convex) == ("degenerate", True)
    assert (point.newton_gain, point.largest_stable_rate) == (0.0, np.inf)
    assert point.condition_number == np.inf
    assert math.isnan(point.suggested_rate)


@pytest.mark.parametrize("tol", [0.2, 0.3])
def test_tol_is_the_share_of_the_loss_that_can_be_gained(tol):
    # Residuals ±1 at the minimum; with φ₀ off by d, J = 1 + d² and the gain is d².
    d = 0.6
    assert 0.2 < d**2 / (1 + d**2) < 0.3
    point = curvature(GradientRegressor(), [[0.0]] * 2, [1, -1], at=[d, 0], tol=tol)
    assert (point.kind == "not critical") == (tol < d**2 / (1 + d**2))


# --- result and faults -----------------------------------------------------------


def test_the_result_is_frozen():
    point = curvature(GradientRegressor(), X_TWO, Y_TWO, at=[0, 0])
    with pytest.raises(dataclasses.FrozenInstanceError):
        point.kind = "minimum"


def test_the_result_of_many_parameters_prints_briefly():
    X = np.eye(50)
    point = curvature(GradientRegressor(), X, X[0], at=np.zeros(51))
    lines = repr(point).splitlines()
    assert len(lines) == 9
    assert max(map(len, lines)) <= 88


def test_looking_leaves_the_estimator_as_it_is():
    X, y = make_problem()
    for model in (GradientRegressor(), GradientRegressor().fit(X, y)):
        before = dict(vars(model))
        curvature(model, X, y, at=np.zeros(4))
        assert vars(model) == before


def test_unfitted():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        curvature(GradientRegressor(), *make_problem())


BAD_POINTS = {
    "at has shape (3,), but there are 4 parameters: phi_0, phi_1, phi_2, phi_3": [0]
    * 3,
    "at has shape (1, 4)": [[0] * 4],
    "at contains NaN": [0, 0, np.nan, 0],
    "overflows at this point": [0, 1e300, 0, 0],
}


@pytest.mark.parametrize("message", BAD_POINTS)
def test_bad_points(message):
    with pytest.raises(ValueError, match=re.escape(message)):
        curvature(GradientRegressor(), *make_problem(), at=BAD_POINTS[message])


def test_a_complex_point():
    with pytest.raises(TypeError, match="at: "):
        curvature(GradientRegressor(), *make_problem(), at=[0, 0, 1j, 0])


def test_parameters_that_are_not_trained_stay_where_they_are():
    X, y = make_problem()
    model = GradientRegressor(fit_intercept=False)
    with pytest.raises(
        ValueError, match="at has phi_0 = 2, which is not trained: it s"
    ):
        curvature(model, X, y, at=[2, 0, 0, 0])
    J = wave_surface(X, y, head=(False, True))
    assert len(curvature(Wave(J), X, y, at=[0, 0, 0, 0, 1, 5]).eigenvalues) == 5
    with pytest.raises(ValueError, match=r"amplitude = 0, which is not .* stays 1"):
        curvature(Wave(J), X, y, at=[0, 0, 0, 0, 0, 5])


def test_bad_data():
    X, y = make_problem()
    at = np.zeros(4)
    with pytest.raises(ValueError, match="NaN"):
        curvature(GradientRegressor(), np.where(X > 0, X, np.nan), y, at=at)
    with pytest.raises(ValueError, match="several targets"):
        curvature(GradientRegressor(), X, np.c_[y, y], at=at)
    with pytest.raises(ValueError, match="sample_weight"):
        curvature(GradientRegressor(), X, y, -np.ones(len(y)), at=at)
    several = GradientRegressor().fit(X, np.c_[y, y])
    with pytest.raises(ValueError, match="fitted with y of two dimensions"):
        curvature(several, X, y)
    with pytest.raises(ValueError, match="'tol' parameter of curvature"):
        curvature(GradientRegressor(), X, y, at=at, tol=-1)
    with pytest.raises(ValueError, match="'alpha' parameter of GradientRegressor"):
        curvature(GradientRegressor(alpha=-1), X, y, at=at)


def test_estimators_of_others():
    X, y = make_problem()
    with pytest.raises(TypeError, match="LinearRegression is not an estimator of skl"):
        curvature(LinearRegression(), X, y)
    pipeline = make_pipeline(StandardScaler(), GradientRegressor()).fit(X, y)
    seen = curvature(pipeline[-1], pipeline[:-1].transform(X), y)
    assert_array_equal(curvature(pipeline, X, y).hessian, seen.hessian)
    range_of = learning_rate_range(pipeline, X, y, rates=[0.1, 0.2])
    assert np.isfinite(range_of.losses).all()
