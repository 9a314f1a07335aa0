"""GaborRegressor where it is easily wrong: units, starts, stalls, chunks, refusals."""

import numpy as np
import pytest
from cases import make_weights
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from sklopt import GaborRegressor
from sklopt.datasets import make_gabor
from sklopt.engine._restarts import number_drawn

BOTH = {"fit_amplitude": True, "fit_offset": True}


def wave(x, phi_0, phi_1):
    z = phi_0 + 0.06 * phi_1 * x
    return np.sin(z) * np.exp(-(z**2) / 8)


def make_wave(n_samples=45, noise=0.1, n_features=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-15, 15, size=(n_samples, n_features))
    return X, wave(X[:, 0], 0.8, 14.0) + noise * rng.standard_normal(n_samples)


# Units of the target


@pytest.mark.parametrize("is_weighted", [True, False])
@pytest.mark.parametrize("offset", [50.0, -100.0, 1e6])
def test_origin_of_y_changes_nothing(offset, is_weighted):
    X, y = make_wave()
    weights = make_weights() if is_weighted else None
    model = GaborRegressor(random_state=0, **BOTH).fit(X, y, weights)
    moved = GaborRegressor(random_state=0, **BOTH).fit(X, offset + y, weights)
    assert_allclose(moved.loss_, model.loss_, rtol=1e-6)
    assert_allclose(moved.phi_, model.phi_, rtol=1e-3)
    assert_allclose(moved.offset_ - offset, model.offset_, atol=1e-3)
    assert_allclose(moved.predict(X) - offset, model.predict(X), atol=1e-3)


def test_origin_of_y_without_an_amplitude():
    X, y = make_wave()
    model = GaborRegressor(random_state=0, fit_offset=True).fit(X, 200.0 + y)
    assert model.score(X, 200.0 + y) > 0.85
    assert_allclose(model.offset_, 200.0, atol=0.1)


def test_a_first_offset_is_where_the_training_goes_on():
    X, y = make_wave()
    model = GaborRegressor(random_state=0, **BOTH).fit(X, y + 30.0)
    at = [*model.phi_, model.amplitude_, model.offset_]
    model.set_params(learning_rate=1e-12, solver="gd", store_path="epoch")
    model.partial_fit(X, y + 30.0)
    assert_allclose(model.path_[0], at, rtol=1e-10)


def test_a_constant_target_is_its_offset():
    X, _ = make_wave()
    model = GaborRegressor(random_state=0, **BOTH, max_iter=5, tol=None)
    model.fit(X, np.full(45, 0.1))
    assert_allclose(model.predict(X), 0.1, rtol=1e-9)


def test_tiny_targets_fit_in_silence():
    X, y = make_wave()
    model = GaborRegressor(fit_amplitude=True, random_state=0).fit(X, y * 1e-300)
    assert_allclose(model.score(X * 1.0, y * 1e-300), 1.0, atol=0.2)


# Starts


@pytest.mark.parametrize("is_weighted", [True, False])
@pytest.mark.parametrize("init", ["random", "given"])
@pytest.mark.parametrize("learning_rate", ["auto", 0.05])
@pytest.mark.parametrize("head", [{}, {"fit_amplitude": True}, BOTH])
def test_a_restart_is_its_solo_fit_after_a_thousand_epochs(
    head, learning_rate, init, is_weighted
):
    X, y = make_wave(n_features=2, seed=3)
    X, y, weights = X + 7.0, y + 2.0, make_weights() if is_weighted else None
    params = {"learning_rate": learning_rate, "tol": None, "max_iter": 1000}
    params |= {"random_state": 0, **head}
    starts = np.random.default_rng(1).normal([0, 12, 0], [1, 4, 4], size=(5, 3))
    model = GaborRegressor(init=init, n_init=5, **params)
    if init == "given":
        model.set_params(init=starts)
    results = model.fit(X, y, weights).init_results_
    for k in range(5):
        start = results.loc[k, ["start_0", "start_1", "start_2"]].astype(float)
        given = start.to_numpy() if init == "random" else starts[k]
        alone = GaborRegressor(init=given, **params).fit(X, y, weights)
        phi = results.filter(like="phi_").loc[k]
        expected = [*alone.phi_, alone.amplitude_, alone.offset_][: len(phi)]
        assert_allclose(phi, expected, rtol=1e-10)
        assert_allclose(results.loc[k, "loss"], alone.loss_, rtol=1e-10)


@pytest.mark.parametrize(("n_features", "length"), [(2, 20.0), (3, 15.0)])
def test_defaults_find_the_wave_of_several_features(n_features, length):
    for seed in range(4):
        rng = np.random.default_rng(100 + seed)
        w = rng.standard_normal(n_features)
        truth = np.append(rng.uniform(-2, 2), length * w / np.linalg.norm(w))
        X, y = make_gabor(300, phi=truth, noise=0.1, random_state=seed)
        model = GaborRegressor(random_state=0).fit(X, y)
        at_truth = GaborRegressor(init=truth).fit(X, y)
        assert model.loss_ <= 1.01 * at_truth.loss_


@pytest.mark.parametrize(("n_features", "n_drawn"), [(1, 2048), (2, 16384), (9, 65536)])
def test_more_starts_are_drawn_for_more_features(n_features, n_drawn):
    assert number_drawn(n_features) == n_drawn


# Stalls and saturation


@pytest.mark.parametrize(("solver", "batch_size"), [("gd", None), ("sgd", 16)])
def test_a_rate_too_small_is_told(solver, batch_size):
    X, y = make_wave()
    model = GaborRegressor(solver, learning_rate=1e-6, init=[0.0, 10.0])
    model.set_params(batch_size=batch_size, random_state=0)
    with pytest.warns(ConvergenceWarning, match="could easily be lower by 8"):
        model.fit(X, y)


@pytest.mark.parametrize("phi_0", [6.0, 7.0, -7.5])
def test_a_stall_on_the_way_to_saturation_is_told(phi_0):
    X, y = make_wave()
    with pytest.warns(ConvergenceWarning, match="could easily be lower"):
        GaborRegressor("gd", init=[phi_0, 0.0]).fit(X, y)


def test_a_rate_too_large_is_told():
    X, y = make_wave()
    model = GaborRegressor("gd", learning_rate=100.0, random_state=3, n_init=1)
    with pytest.warns(ConvergenceWarning, match="could easily be lower"):
        model.fit(X, y)


@pytest.mark.parametrize("head", [{}, BOTH])
@pytest.mark.parametrize("noise", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(5))
def test_a_fit_that_ended_well_is_not_warned_of(seed, noise, head):
    X, y = make_wave(seed=seed, noise=noise)
    # Warnings are errors.
    assert GaborRegressor(random_state=seed, **head).fit(X, y).stop_reason_ == "tol"


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_gain_that_is_looked_for_has_no_units(scale):
    X, y = make_wave(n_features=2)
    gains = []
    for unit in (1.0, scale):
        objective = GaborRegressor()._objective(X * unit, y)
        at = np.array([0.2, 11.0 / unit, -3.0 / unit])
        gains.append(objective.gauss_newton_gain(at))
    assert 0.5 * objective.value(at) < gains[0] < objective.value(at)
    assert_allclose(gains[0], gains[1], rtol=1e-6)


def test_a_penalty_counts_in_what_is_gained():
    X, y = make_wave()
    model = GaborRegressor(penalty="l2", alpha=1e-3, random_state=0).fit(X, y)
    objective = model._objective(X, y)
    start = np.array([0.7, 12.0])
    best = minimize(objective.value, model.phi_, method="Nelder-Mead", tol=1e-10).fun
    gain = objective.gauss_newton_gain(start)
    assert_allclose(gain, objective.value(start) - best, rtol=1e-3)


@pytest.mark.parametrize("learning_rate", [0.1, "auto"])
@pytest.mark.parametrize("phi_0", [8.0, 9.0, 10.0, -9.0])
def test_saturation_never_returns_as_converged(phi_0, learning_rate):
    X, y = make_wave()
    model = GaborRegressor("gd", learning_rate=learning_rate, init=[phi_0, 0.0])
    with pytest.warns(ConvergenceWarning, match="no sample sees the wave"):
        model.fit(X, y)
    assert model.stop_reason_ == "saturated"
    with pytest.warns(RuntimeWarning, match="do not determine the parameters"):
        covariance = model.covariance_
    assert np.isnan(covariance).all()


def test_an_amplitude_may_show_a_far_wave():
    X, y = make_wave()
    model = GaborRegressor(init=[12.0, 0.0], fit_amplitude=True, max_iter=3, tol=None)
    model.fit(X, y)
    assert abs(model.amplitude_) > 1e4
    assert model.stop_reason_ == "max_iter"


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_saturation_points_at_the_line_that_trains(method):
    X, y = make_wave()
    model = GaborRegressor(init=[500.0, 5.0], learning_rate=0.1)
    with pytest.warns(ConvergenceWarning, match="no sample sees the wave") as found:
        getattr(model, method)(X, y)
    assert [warning.filename for warning in found] == [__file__]


def test_a_high_local_minimum_is_told_as_one():
    model = GaborRegressor(init=[5.5, 6.8])
    with pytest.warns(ConvergenceWarning, match="local minimum: start elsewhere"):
        model.fit(*make_gabor(60, random_state=0, return_X_y=True))


def test_no_wave_is_no_saturation_where_there_is_nothing_to_fit():
    X, _ = make_wave()
    model = GaborRegressor(init=[200.0, 0.0]).fit(X, np.zeros(45))
    assert (model.stop_reason_, model.loss_) == ("tol", 0.0)


# Chunks


def test_a_chunk_cannot_judge_the_rest():
    x = np.linspace(-15, 15, 200)
    X, y = x[:, np.newaxis], wave(x, 0.8, 14.0)
    model = GaborRegressor(random_state=0).fit(X, y)
    for _ in range(3):
        for rows in np.array_split(np.arange(200), 20):
            model.partial_fit(X[rows], y[rows])
    assert model.stop_reason_ != "saturated"


def test_a_chunk_without_any_gradient_is_told():
    X, y = make_wave()
    model = GaborRegressor(init=[300.0, 0.0])
    with pytest.warns(ConvergenceWarning, match="no sample sees the wave"):
        model.partial_fit(X, y)


@pytest.mark.parametrize("rows", [[0], [0, 0, 0]])
@pytest.mark.parametrize("params", [{}, {"learning_rate": 0.1}, {"init": [0.0, 9.0]}])
def test_a_first_chunk_of_one_row_is_refused(rows, params):
    X, y = make_wave(n_features=1)
    model = GaborRegressor(**params)
    with pytest.raises(ValueError, match="No feature varies in the first chunk of X"):
        model.partial_fit(X[rows], y[rows])
    assert not hasattr(model, "phi_")
    model.partial_fit(X, y).partial_fit(X[rows], y[rows])


def test_the_textbook_may_begin_with_one_row():
    X, y = make_wave()
    model = GaborRegressor("gd", learning_rate=0.1, init=[0.0, 9.0])
    assert model.partial_fit(X[:1], y[:1]).t_ == 1


# What is handed out, and what is refused


def test_covariance_is_a_copy():
    X, y = make_wave()
    model = GaborRegressor(random_state=0).fit(X, y)
    before = model.covariance_.copy()
    model.covariance_[:] = 0.0
    assert_array_equal(model.covariance_, before)
    assert (model.standard_errors_ > 0).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("head", [{}, BOTH])
def test_the_head_is_of_plain_numbers(head, dtype):
    X, y = make_wave()
    model = GaborRegressor(random_state=0, **head)
    model.fit(X.astype(dtype), y.astype(dtype))
    assert type(model.amplitude_) is type(model.offset_) is float
    assert model.predict(X.astype(dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("params", "name"),
    [({"init": [[1, 2], [3]]}, "init"), ({"n_jobs": 0}, "The 'n_jobs' parameter")],
)
def test_refusals_name_the_parameter(params, name):
    X, y = make_wave()
    with pytest.raises(ValueError, match=f"^{name}"):
        GaborRegressor(**params).fit(X, y)
