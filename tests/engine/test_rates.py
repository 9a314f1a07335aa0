"""learning_rate="auto": the curvature it measures and what it promises."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklopt import GradientRegressor
from sklopt.engine import _curvature, _rates, _rows
from sklopt.engine._curvature import Measures, top_eigenvalue
from sklopt.engine._lowering import lower_batch_size
from sklopt.engine._rates import AutoRate
from sklopt.engine._types import Data
from sklopt.kernels._codes import Loss, Model
from sklopt.losses import Huber
from sklopt.schedules import Constant
from sklopt.solvers import GD, SGD, Adam, Momentum, Nesterov


def make_data(n_samples, n_features, weighted=False, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features)) + 1.0
    y = rng.standard_normal((n_samples, 1))
    weight = rng.lognormal(size=n_samples) if weighted else np.empty(0)
    if weighted:
        weight /= weight.mean()
    return Data(X.astype(dtype), y.astype(dtype), weight.astype(dtype))


def measured(data, solver, batch_size, fit_intercept=True):
    """What the rate of a linear model trained by the squared error depends on."""
    automatic = AutoRate(
        solver,
        Constant(),
        batch_size,
        l2=0.0,
        model=Model.LINEAR,
        window=0.0,
        has_head=False,
        fit_intercept=fit_intercept,
        loss=Loss.SQUARED_ERROR,
        loss_parameter=0.0,
    )
    return automatic.measured(data)


def dense_gram(data, fit_intercept):
    """Σ s z zᵀ / n as the formula has it."""
    n_samples = len(data.X)
    Z = np.column_stack([np.full(n_samples, float(fit_intercept)), data.X])
    s = data.weight if data.weight.size else np.ones(n_samples)
    return (Z * s[:, np.newaxis]).T @ Z / n_samples, s * (Z**2).sum(axis=1)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("shape", [(60, 4), (5000, 7), (8, 30)])
def test_curvature_is_the_formula(shape, weighted, fit_intercept, monkeypatch):
    monkeypatch.setattr(_rows, "NUMBERS_AT_ONCE", 300)  # more than one block
    data = make_data(*shape, weighted=weighted)
    gram, row_curvature = dense_gram(data, fit_intercept)
    measures = measured(data, SGD(), 2, fit_intercept)
    assert_allclose(measures.largest, np.linalg.eigvalsh(gram)[-1], rtol=1e-10)
    assert_allclose(measures.trace, np.trace(gram), rtol=1e-10)
    assert_allclose(measures.worst_row, row_curvature.max(), rtol=1e-10)
    measures = measured(data, Adam(), 2, fit_intercept)
    assert_allclose(measures.reach, np.sqrt(np.diag(gram)).sum(), rtol=1e-10)
    weight = data.weight if weighted else None
    rms = np.sqrt(np.average(data.y**2, axis=0, weights=weight))
    assert_allclose(measures.steepness, 1 / rms, rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("shape", [(12, 40), (40, 30)])
def test_wide_data_take_another_way_to_the_same_eigenvalue(
    shape, weighted, fit_intercept, dtype, monkeypatch
):
    data = make_data(*shape, weighted=weighted, dtype=dtype)
    exact = top_eigenvalue(data, fit_intercept)
    monkeypatch.setattr(_curvature, "NUMBERS_AT_ONCE", 100)
    monkeypatch.setattr(_curvature, "LARGEST_DENSE", 20)
    # Fewer rows than the limit stay exact; otherwise Lanczos, which is raised by its
    # tolerance so as not to come out below.
    tolerance = 1e-10 if shape[0] <= 20 else 2 * _curvature.LANCZOS_TOLERANCE
    # A product of rows adds weights in single precision in another order.
    tolerance = max(tolerance, 10 * np.finfo(dtype).eps)
    largest = top_eigenvalue(data, fit_intercept)
    assert_allclose(largest, exact, rtol=tolerance)
    assert largest >= exact * (1 - 10 * np.finfo(dtype).eps)


def test_only_what_the_rate_uses_is_measured():
    data = make_data(60, 4)
    assert measured(data, Adam(), 8).largest == 0.0
    full = measured(data, Momentum(), 60)
    assert full == Measures(largest=full.largest)
    assert full.largest > 0.0


@pytest.mark.parametrize("solver", [GD(), SGD(), Adam()])
def test_wide_data_are_measured_without_a_copy(solver):
    data = make_data(600, 5000)
    tracemalloc.start()
    try:
        measured(data, solver, 64)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < data.X.nbytes / 2


def spectral_radius(solver, alpha_L):
    """Of the rule's linear recurrence on a quadratic with curvature 1, rate α·L."""
    match solver:
        case GD() | SGD():
            return abs(1 - alpha_L)
        case Momentum(beta=beta):
            x = alpha_L * (1 - beta)
            matrix = [[beta, x], [-beta, 1 - x]]
        case Nesterov(beta=beta):
            x = alpha_L * (1 - beta)
            matrix = [[beta - x, x], [-(beta - x), 1 - x]]
    return np.abs(np.linalg.eigvals(np.array(matrix))).max()


@pytest.mark.parametrize(
    "solver", [GD(), SGD(), Momentum(), Nesterov(), Momentum(0.5), Nesterov(0.99)]
)
def test_full_batch_rate_is_half_of_the_stability_limit(solver):
    data = make_data(50, 3)
    gram, _ = dense_gram(data, True)
    L = 2.0 * np.linalg.eigvalsh(gram)[-1]
    model = GradientRegressor(solver, batch_size=None, max_iter=1, tol=None)
    rate = model.fit(data.X, data.y.ravel()).history_["learning_rate"][0]
    assert spectral_radius(solver, rate * L) < 1
    assert spectral_radius(solver, 1.999 * rate * L) < 1
    assert spectral_radius(solver, 2.001 * rate * L) > 1


def test_the_penalty_lowers_the_rate():
    data = make_data(50, 3)
    gram, _ = dense_gram(data, True)
    model = GradientRegressor("gd", penalty="l2", alpha=3.0, max_iter=1, tol=None)
    rate = model.fit(data.X, data.y.ravel()).history_["learning_rate"][0]
    assert_allclose(rate, 1 / (2 * np.linalg.eigvalsh(gram)[-1] + 3.0), rtol=1e-10)


def test_mini_batch_rate_obeys_expected_smoothness_and_noise():
    n, b = 96, 8
    data = make_data(n, 3)
    gram, row_curvature = dense_gram(data, True)
    expected = n * (b - 1) / (b * (n - 1)) * np.linalg.eigvalsh(gram)[-1]
    expected += (n - b) / (b * (n - 1)) * row_curvature.max()
    noise = np.trace(gram) * (n - b) / (b * (n - 1))
    model = GradientRegressor("sgd", batch_size=b, max_iter=1, tol=None)
    rate = model.fit(data.X, data.y.ravel()).history_["learning_rate"][0]
    assert_allclose(rate, min(1 / (4 * expected), _rates.NOISE_SHARE / noise))


def test_the_smallest_batch_of_an_epoch_sets_the_rate():
    n, b = 90, 89
    data = make_data(n, 3)
    gram, row_curvature = dense_gram(data, True)
    model = GradientRegressor("sgd", batch_size=b, max_iter=1, tol=None)
    rate = model.fit(data.X, data.y.ravel()).history_["learning_rate"][0]
    quiet = _rates.NOISE_SHARE / np.trace(gram)
    assert_allclose(rate, min(1 / (4 * row_curvature.max()), quiet))


@pytest.mark.parametrize("n_samples", [1, 200, 256, 257, 442, 512, 513, 1000, 256_001])
def test_automatic_batches_are_of_about_one_size(n_samples):
    size = lower_batch_size("auto", SGD(), n_samples)
    last = n_samples % size or size
    assert size == min(256, n_samples) or n_samples % 256 < 128
    assert 128 < size <= 256 or size == n_samples
    assert last >= size / 2


def test_sgd_noise_stays_within_its_share():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((2000, 10))
    y = X.sum(axis=1) + 3.0 * rng.standard_normal(2000)
    model = GradientRegressor("sgd", batch_size=16, max_iter=300, tol=None)
    model.set_params(store_path="step", random_state=0).fit(X, y)
    Z = np.column_stack([np.ones(2000), X])
    lowest = ((Z @ np.linalg.lstsq(Z, y)[0] - y) ** 2).mean()
    # Every 61st update: all places of an epoch of 125 are seen, none preferred.
    settled = model.path_[100 * 125 :: 61]
    excess = ((settled @ Z.T - y) ** 2).mean() / lowest - 1
    # Sampling without replacement makes it less than the bound, yet not far less.
    assert 0.1 * _rates.NOISE_SHARE < excess < _rates.NOISE_SHARE


def test_adam_rate_is_a_share_of_the_targets_size():
    data = make_data(50, 3)
    gram, _ = dense_gram(data, True)
    y = np.column_stack([data.y, 100 * data.y])
    model = GradientRegressor(Adam(), max_iter=1, tol=None).fit(data.X, y)
    rates = model.history_["learning_rate"].to_numpy()
    reach = np.sqrt(np.diag(gram)).sum()
    rms = np.sqrt((y**2).mean(axis=0))
    assert_allclose(rates, _rates.ADAM_SHARE * rms / reach, rtol=1e-12)


def test_nothing_to_learn_from_takes_any_rate():
    X, y = np.zeros((5, 2)), np.zeros(5)
    for solver in ("gd", "adam"):
        model = GradientRegressor(solver, fit_intercept=False).fit(X, y)
        assert_allclose(model.predict(X), 0.0)


def test_overflowing_squares_are_named():
    with pytest.raises(
        ValueError, match=r"X is too large in magnitude.*StandardScaler"
    ):
        GradientRegressor().fit([[1e200], [2e200]], [0.0, 1.0])


def rates(model):
    return model.history_["learning_rate"].to_list()


def test_partial_fit_remembers_the_steepest_data():
    small, large = make_data(50, 3), make_data(50, 3, seed=1)
    model = GradientRegressor("gd").partial_fit(10 * large.X, large.y.ravel())
    model.partial_fit(small.X, small.y.ravel())
    first, second = rates(model)
    assert second == first
    model.set_params(solver=Nesterov()).partial_fit(small.X, small.y.ravel())
    assert_allclose(rates(model)[-1], first * 1.9 / (3 * 0.1))


def test_partial_fit_with_larger_batches_takes_a_larger_rate():
    data = make_data(50, 3)
    model = GradientRegressor("sgd", batch_size=1).partial_fit(data.X, data.y.ravel())
    model.set_params(batch_size=25).partial_fit(data.X, data.y.ravel())
    alone = GradientRegressor("sgd", batch_size=25, max_iter=1, tol=None)
    alone.fit(data.X, data.y.ravel())
    assert rates(model)[1] == rates(alone)[0] > rates(model)[0]


def test_partial_fit_of_adam_remembers_the_smallest_targets():
    data = make_data(50, 3)
    y = np.column_stack([data.y, data.y])
    model = GradientRegressor("adam").partial_fit(data.X, y)
    model.partial_fit(data.X, y * [0.1, 10.0])
    history = model.history_.pivot(index="epoch", columns="target")
    first, second = history["learning_rate"].to_numpy()
    assert_allclose(second, [0.1 * first[0], first[1]])


# --- losses without a largest second derivative --------------------------------------


def rate_of(loss, data, y, solver="gd", **params):
    model = GradientRegressor(solver, loss=loss, max_iter=1, tol=None, **params)
    return model.fit(data.X, y, data.weight if data.weight.size else None)


def first_rate(*args, **params):
    return rate_of(*args, **params).history_["learning_rate"][0]


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_rows_count_by_the_curvature_on_their_way_to_a_fit(loss, weighted):
    data = make_data(60, 3, weighted=weighted)
    y = np.random.default_rng(1).lognormal(size=60)
    s = data.weight if weighted else np.ones(60)
    on_the_way = data._replace(weight=s * np.maximum(1.0, y))
    gram, _ = dense_gram(on_the_way, True)
    L = np.linalg.eigvalsh(gram)[-1]
    assert_allclose(first_rate(loss, data, y), 1 / L, rtol=1e-10)
    # Averages overshoot the fit, to where the curvature is larger.
    for solver in ("momentum", "nesterov"):
        rate = first_rate(loss, data, y, solver, batch_size=None)
        assert_allclose(rate, 1 / L, rtol=1e-10)
    gram, _ = dense_gram(data, True)
    flattest = np.linalg.eigvalsh(gram)[-1] * min(1.0, np.average(y, weights=s))
    search = rate_of(loss, data, y, schedule="line_search")
    data = data._replace(y=y[:, None])
    _, task = search._lowered(data, None, search._training, None)
    assert_allclose(task.candidates["first_rate"], 4 / flattest, rtol=1e-10)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("offset", [0.0, 100.0])
@pytest.mark.parametrize(
    ("loss", "kink"),
    [
        ("absolute_error", 1.0),
        ("epsilon_insensitive", 1.0),
        ("quantile", 0.5),
        (Huber(delta=1e-3), 1e-3),
    ],
)
def test_kinks_are_rounded_off_by_the_spread_of_the_targets(
    loss, kink, offset, fit_intercept
):
    data = make_data(61, 3)
    y = data.y[:, 0] + offset
    middle = np.median(y) if fit_intercept else 0.0
    size = max(np.abs(y - middle).mean(), np.abs(y).mean() / 10)
    gram, _ = dense_gram(data, fit_intercept)
    L = np.linalg.eigvalsh(gram)[-1] * kink / (_rates.KINK_SHARE * size)
    rate = first_rate(loss, data, y, fit_intercept=fit_intercept)
    assert_allclose(rate, 1 / L, rtol=1e-10)


def test_a_wide_huber_loss_has_the_curvature_1():
    data = make_data(60, 3)
    gram, _ = dense_gram(data, True)
    rate = first_rate(Huber(delta=50.0), data, data.y[:, 0])
    assert_allclose(rate, 1 / np.linalg.eigvalsh(gram)[-1], rtol=1e-10)


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_adam_moves_logarithms_by_their_own_size(loss):
    data = make_data(60, 3)
    y = np.random.default_rng(1).lognormal(2.0, size=60)
    gram, _ = dense_gram(data, True)
    size = 1 + np.log(y.mean())
    expected = _rates.ADAM_SHARE * size / np.sqrt(np.diag(gram)).sum()
    assert_allclose(first_rate(loss, data, y, "adam"), expected, rtol=1e-10)
