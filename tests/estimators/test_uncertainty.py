"""covariance_ and standard_errors_: scipy's at the same minimum, the textbook's."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import curve_fit
from sklearn.base import clone

from sklopt import GaborRegressor, GradientRegressor
from sklopt.solvers import Nesterov


def wave(x, phi_0, phi_1, amplitude=1.0, offset=0.0):
    z = phi_0 + 0.06 * phi_1 * x
    return offset + amplitude * np.sin(z) * np.exp(-(z**2) / 8)


def make_wave(seed=0, n_samples=60):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-15, 15, size=n_samples)
    y = wave(x, 0.8, 14.0) + 0.1 * rng.standard_normal(n_samples)
    return x, y, rng.uniform(0.5, 2.0, size=n_samples)


@pytest.mark.parametrize("is_weighted", [True, False])
@pytest.mark.parametrize("head", ["none", "amplitude", "offset", "both"])
def test_gabor_agrees_with_curve_fit(head, is_weighted):
    x, y, weights = make_wave()
    amplitude, offset = head in ("amplitude", "both"), head in ("offset", "both")
    model = GaborRegressor(fit_amplitude=amplitude, fit_offset=offset, random_state=0)
    weights_given = weights if is_weighted else None
    model.fit(x[:, None], y, weights_given)
    model.set_params(warm_start=True, solver=Nesterov(0.95), tol=None, max_iter=30000)
    model.fit(x[:, None], y, weights_given)
    trained = [True, True] + ([amplitude, offset] if amplitude or offset else [])

    def function(x, *phi):
        full = np.array([0.0, 0.0, 1.0, 0.0], dtype=np.asarray(phi).dtype)
        full[np.flatnonzero(trained)] = phi
        return wave(x, *full)

    def derivative(x, *phi):
        """By complex steps: scipy's differences are good to 1e-8 only."""
        steps = np.array(phi) + 1e-30j * np.eye(len(phi))
        return np.column_stack([function(x, *step).imag / 1e-30 for step in steps])

    start = np.array([*model.phi_, model.amplitude_, model.offset_])[: len(trained)]
    sigma = 1 / np.sqrt(weights) if is_weighted else None
    phi, expected = curve_fit(
        function,
        x,
        y,
        p0=start[trained],
        sigma=sigma,
        jac=derivative,
        ftol=1e-15,
        xtol=1e-15,
    )
    assert_allclose(start[trained], phi, rtol=1e-6)
    # At scipy's φ, where amplitude and offset start at scipy's as well.
    model = clone(model).set_params(init=phi[:2], warm_start=False, solver="gd")
    model.set_params(learning_rate=1e-12, max_iter=1).fit(x[:, None], y, weights_given)
    covariance = model.covariance_[np.ix_(trained, trained)]
    assert_allclose(covariance, expected, rtol=1e-6)
    errors = np.zeros(len(trained))
    errors[trained] = np.sqrt(np.diag(expected))
    assert_allclose(model.standard_errors_, errors, rtol=1e-6)


@pytest.mark.parametrize("is_weighted", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_linear_is_the_textbook(fit_intercept, is_weighted):
    rng = np.random.default_rng(0)
    X, weights = rng.standard_normal((50, 3)) + 1.0, rng.uniform(0.5, 2.0, size=50)
    weights[:5] = 0.0
    if not is_weighted:
        weights[:] = 1.0
    y = X @ [1.0, -2.0, 0.5] + rng.standard_normal(50)
    model = GradientRegressor("nesterov", batch_size=None, fit_intercept=fit_intercept)
    model.set_params(tol=None, max_iter=3000, compute_covariance=True)
    model.fit(X, y, weights)
    Z = np.column_stack([np.ones(50), X])[:, 0 if fit_intercept else 1 :]
    residual = model.predict(X) - y
    n, p = (weights > 0).sum(), Z.shape[1]
    variance = (weights * residual**2).sum() / (n - p)
    expected = variance * np.linalg.inv(Z.T @ (weights[:, None] * Z))
    trained = slice(0 if fit_intercept else 1, None)
    assert_allclose(model.covariance_[trained, trained], expected, rtol=1e-6)
    if not fit_intercept:
        assert (model.covariance_[0] == 0).all()


def test_several_targets_have_each_their_own():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 2)), rng.standard_normal((30, 2))
    model = GradientRegressor(compute_covariance=True).fit(X, y)
    for k in range(2):
        alone = GradientRegressor(compute_covariance=True).fit(X, y[:, k])
        assert_allclose(model.covariance_[k], alone.covariance_, rtol=1e-12)
        assert_allclose(model.standard_errors_[k], alone.standard_errors_, rtol=1e-12)


@pytest.mark.parametrize(
    "X",
    [
        np.column_stack([np.arange(9.0), 2 * np.arange(9.0)]),  # dependent
        np.eye(9)[:, :8],  # as many parameters as samples
        np.zeros((9, 1)),  # of no effect
    ],
)
def test_what_data_do_not_determine_is_nan(X):
    y = np.arange(9.0)
    model = GradientRegressor(compute_covariance=True, tol=None, max_iter=50).fit(X, y)
    with pytest.warns(RuntimeWarning, match="do not determine the parameters"):
        covariance = model.covariance_
    assert np.isnan(covariance).all()


def test_it_is_there_only_on_demand():
    model = GradientRegressor().fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0])
    assert not hasattr(model, "covariance_")
    with pytest.raises(AttributeError, match="compute_covariance=True"):
        _ = model.standard_errors_


def test_it_does_not_outlive_its_fit():
    X = [[0.0], [1.0], [2.0], [4.0]]
    model = GradientRegressor(compute_covariance=True).fit(X, [0.0, 1.0, 2.0, 3.0])
    assert model.covariance_.shape == (2, 2)
    model.set_params(compute_covariance=False).fit(X, [0.0, 1.0, 2.0, 3.0])
    assert not hasattr(model, "covariance_")


def test_a_penalty_holds_the_coefficients():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 2))
    y = X[:, 0] + rng.standard_normal(40)
    model = GradientRegressor("gd", compute_covariance=True, penalty="l2", alpha=0.5)
    model.fit(X, y)
    Z = np.column_stack([np.ones(40), X])
    residual = model.predict(X) - y
    ridge = 40 * 0.5 / 2 * np.diag([0.0, 1.0, 1.0])
    expected = (residual**2).sum() / 37 * np.linalg.inv(Z.T @ Z + ridge)
    assert_allclose(model.covariance_, expected, rtol=1e-10)
