"""Sufficient statistics: the steps of the samples, at the price of a few rows."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import numpy as np
import pytest
from cases import SCHEDULES, SOLVERS, is_allowed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from sklopt import GradientRegressor
from sklopt.engine import _cores, _full_batch, _products, _rows, _train
from sklopt.engine._full_batch import condensed, pays
from sklopt.engine._types import Data

CASES = [
    (solver, schedule)
    for solver in SOLVERS
    for schedule in SCHEDULES
    if is_allowed(solver, schedule, None)
]


def make_problem(n_samples=400, n_features=6, n_targets=1, offset=3.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features)) * rng.uniform(0.3, 2, n_features)
    X += offset
    y = X @ rng.standard_normal((n_features, n_targets)) + 5.0
    y += 0.1 * rng.standard_normal((n_samples, n_targets))
    return X, y if n_targets > 1 else y[:, 0], rng.uniform(0.5, 2.0, n_samples)


def both_ways(X, y, weights, *, is_condensed=True, **params):
    """The same training on sufficient statistics and on the samples."""
    defaults = {"batch_size": None, "max_iter": 60, "tol": None, "store_path": "epoch"}
    model = GradientRegressor(precompute=True).set_params(**(defaults | params))
    direct = clone(model).set_params(precompute=False)
    outcomes = []

    def watched(data):
        outcomes.append(condensed(data))
        return outcomes[-1]

    with patch("sklopt.estimators._gradient.condensed", watched):
        model.fit(X, y, weights)
    assert any(few is not None for few in outcomes) == is_condensed
    return model, direct.fit(X, y, weights)


def assert_same_training(model, direct, rtol=1e-8):
    scale = np.abs(direct.path_).max()
    assert_allclose(model.path_, direct.path_, rtol=rtol, atol=rtol * scale)
    assert_allclose(model.loss_curve_, direct.loss_curve_, rtol=rtol)
    assert_allclose(model.loss_, direct.loss_, rtol=rtol)
    assert_array_equal(model.n_iter_, direct.n_iter_)
    rates = [m.history_["learning_rate"] for m in (model, direct)]
    assert_allclose(*rates, rtol=rtol)


@pytest.mark.parametrize("is_weighted", [True, False])
@pytest.mark.parametrize(("solver", "schedule"), CASES)
def test_same_steps(solver, schedule, is_weighted):
    X, y, weights = make_problem()
    params = {"solver": SOLVERS[solver], "schedule": SCHEDULES[schedule]}
    weights = weights if is_weighted else None
    model, direct = both_ways(X, y, weights, **params)
    # A bracket narrows to where objectives differ by rounding only: its tolerance, of
    # 1e-3, is what two line searches have in common, and what they come to.
    if schedule == "line_search":
        assert_allclose(model.loss_curve_[:3], direct.loss_curve_[:3], rtol=1e-3)
        assert_allclose(model.loss_, direct.loss_, rtol=0.05)
    else:
        assert_same_training(model, direct)


@pytest.mark.parametrize(
    "params",
    [
        {"penalty": "l2", "alpha": 0.3},
        {"penalty": "l1", "alpha": 0.5},
        {"penalty": "elasticnet", "alpha": 0.5},
        {"fit_intercept": False},
        {"init": [1.0, 2, 3, 4, 5, 6, 7]},
    ],
    ids=str,
)
@pytest.mark.parametrize("solver", ["gd", "nesterov", "adam"])
def test_same_steps_with(solver, params):
    X, y, weights = make_problem()
    assert_same_training(*both_ways(X, y, weights, solver=solver, **params))


def test_same_stop():
    X, y, weights = make_problem(offset=0.0)
    params = {"solver": "nesterov", "tol": 1e-5, "max_iter": 1000}
    model, direct = both_ways(X, y, weights, **params)
    assert_same_training(model, direct)
    assert model.stop_reason_ == direct.stop_reason_ == "tol"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_steps_for_several_targets(dtype):
    X, y, weights = (a.astype(dtype) for a in make_problem(n_targets=3))
    model, direct = both_ways(X, y, weights, solver="momentum")
    assert_same_training(model, direct)
    assert model.coef_.dtype == dtype


@pytest.mark.parametrize("offset", [0.0, 1e2, 1e3])
def test_the_loss_keeps_its_digits(offset):
    """Of a target that is nearly a function of features far from 0."""
    X, y, _ = make_problem(offset=offset)
    rng = np.random.default_rng(1)
    w = rng.standard_normal(6)
    y = X @ w + 1e-5 * rng.standard_normal(400)
    data = Data(X, y[:, None], np.empty(0))
    small = condensed(data)
    for phi in (np.r_[0.0, w], np.r_[1e-4, w], np.r_[0.0, w + 1e-5]):
        expected = ((phi[0] + X @ phi[1:] - y) ** 2).mean()
        z = small.bias * phi[0] + small.X @ phi[1:]
        J = ((z - small.y[:, 0]) ** 2).mean()
        assert_allclose(J, expected, rtol=1e-7)


def test_columns_that_depend_on_each_other():
    X, y, weights = make_problem()
    X = np.column_stack([X, X[:, 0], np.full(len(X), 2.0), np.zeros(len(X))])
    assert_same_training(*both_ways(X, y, weights, solver="nesterov"))


def test_a_perfect_fit_of_columns_that_depend_on_each_other_stays_one():
    """What rounding makes of an eigenvalue of 0 would be a loss nobody can fit."""
    X, y, weights = make_problem(n_samples=3000)
    weights[:] = 0.0
    weights[5:9] = 1.0
    params = {"solver": "nesterov", "max_iter": 400}
    model, direct = both_ways(X - 3.0, y, weights, **params)
    assert direct.loss_ < 1e-20
    assert_allclose(model.loss_, direct.loss_, rtol=0.01)


def test_columns_of_zeros_stay_zeros_among_others_that_depend_on_each_other():
    """Categories that no sample is of, or one, beside an intercept."""
    rng = np.random.default_rng(0)
    categories = np.minimum(rng.geometric(0.1, 3000), 59)
    X = np.column_stack([np.eye(60)[categories], rng.standard_normal((3000, 12))])
    is_empty = ~X.any(axis=0)
    assert is_empty.any()
    y = X @ rng.standard_normal(72) + 0.1 * rng.standard_normal(3000)
    few = condensed(Data(X, y[:, None], np.empty(0)))
    assert_array_equal(few.X[:, is_empty], 0.0)
    assert_same_training(*both_ways(X, y, None, solver="adam"))


def test_every_digit_is_the_same_at_any_number_of_threads(monkeypatch):
    X, y, weights = make_problem(n_samples=5000)
    monkeypatch.setattr(_rows, "NUMBERS_AT_ONCE", 4000)
    data = Data(X, y[:, None], weights / weights.mean())
    expected = condensed(data)  # so little work starts no thread
    monkeypatch.setattr(_cores, "LITTLE_WORK", 0)
    for n_threads in (1, 2, 7):
        monkeypatch.setattr(_cores, "cpu_count", lambda n=n_threads: n)
        with threadpool_limits(n_threads):
            for array, other in zip(condensed(data), expected, strict=True):
                assert_array_equal(array, other)


def data_of_shape(n_samples, n_features):
    """Data of which nothing but the size matters; they take no memory."""
    X = np.broadcast_to(0.0, (n_samples, n_features))
    return Data(X, X[:, :1], np.empty(0))


@pytest.mark.parametrize(
    ("shape", "fewest"),
    [((40_000, 10), 3), ((200_000, 50), 4), ((200_000, 200), 9), ((200_000, 500), 18)],
)
def test_it_is_taken_from_as_many_epochs_on_as_it_costs(shape, fewest):
    """The products, and two passes."""
    data = data_of_shape(*shape)
    assert not pays(data, fewest - 1)
    assert pays(data, fewest)


@pytest.mark.parametrize(
    ("shape", "is_taken"),
    [
        ((13_000, 10), False),  # small anyway
        ((14_000, 10), True),
        ((1500, 499), False),  # three times as many rows as columns
        ((2100, 499), True),
        ((40_000, 600), True),
        ((20_000, 2000), True),
        ((20_000, 4000), False),  # products of a fifth of the memory of X
        ((400_000, 4000), True),
    ],
)
def test_products_are_small_beside_the_data(shape, is_taken):
    assert pays(data_of_shape(*shape), 1000) == is_taken


@pytest.mark.parametrize("kind", ["any", "one-hot"])
def test_same_steps_for_many_features(kind):
    X, y, weights = make_problem(n_samples=2000, n_features=520, offset=1.0)
    if kind == "one-hot":
        X[:, 20:] = np.eye(500)[np.random.default_rng(1).integers(0, 500, 2000)]
    assert_same_training(*both_ways(X, y, weights, solver="nesterov"))


@pytest.mark.parametrize(
    ("params", "is_small"),
    [
        ({}, True),
        ({"solver": "nesterov", "batch_size": None}, True),
        ({"solver": "nesterov", "batch_size": 64}, False),
        ({"precompute": False}, False),
    ],
    ids=str,
)
def test_an_epoch_costs_as_many_rows_as_there_are_columns(
    params, is_small, monkeypatch
):
    rows, advance = set(), _train.advance

    def counted(data, *others):
        rows.add(len(data.X))
        return advance(data, *others)

    monkeypatch.setattr(_train, "advance", counted)
    X, y, _ = make_problem(n_samples=30_000)
    GradientRegressor(max_iter=20, tol=None).set_params(**params).fit(X, y)
    assert rows == ({8} if is_small else {30_000})


def test_memory_is_that_of_a_few_blocks():
    X, y, _ = make_problem(n_samples=400_000)
    tracemalloc.start()
    try:
        GradientRegressor(max_iter=20, tol=None, precompute=True).fit(X, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * len(X) + 20 * 2**20


def test_pieces_equal_the_whole_that_was_condensed():
    X, y, _ = make_problem(n_samples=30_000)
    model = GradientRegressor(max_iter=20, tol=None, precompute=True)
    pieces = clone(model).set_params(precompute=False)
    for _ in range(20):
        pieces.partial_fit(X, y)
    assert_allclose(pieces.coef_, model.fit(X, y).coef_, rtol=1e-10)


def mse(model, X, y):
    return ((model.predict(X) - y) ** 2).mean()


@pytest.mark.parametrize("seed", range(3))
def test_nearly_the_same_column_twice(seed):
    """Degrees Celsius and Fahrenheit, rounded: whatever rows a rough fit looks at."""
    rng = np.random.default_rng(seed)
    celsius = 15 + 8 * rng.standard_normal(5000)
    X = np.column_stack([celsius, np.round(1.8 * celsius + 32, 9)])
    X = np.column_stack([X, rng.standard_normal((5000, 3))])
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = 0.5 * celsius + rng.standard_normal(5000)
    model, direct = both_ways(X, y, None, is_condensed=False, solver="gd")
    assert_allclose(model.loss_curve_, direct.loss_curve_, rtol=1e-10)
    assert_allclose(model.loss_, mse(model, X, y), rtol=1e-10)


def test_rough_fits_follow_all_but_the_flattest_directions():
    """What is held back of the first solution, later ones make up for."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 4))
    X[:, 1] = X[:, 0] + 0.01 * X[:, 1]
    y = X @ [[1.0], [-2.0], [3.0], [0.5]] + 7.0
    with _cores.Cores(1) as cores:
        phi, _ = _products.rough_shift(cores, Data(X, y, np.empty(0)))
    assert_allclose(phi, [[7.0, 1.0, -2.0, 3.0, 0.5]], rtol=1e-8)


@pytest.mark.parametrize("garbage", [1e6, 9e9, 1e200])
def test_leading_rows_without_weight_are_not_there(garbage):
    X, y, weights = make_problem()
    X[:40], y[:40], weights[:40] = -garbage, garbage, 0.0
    model, direct = both_ways(X, y, weights, solver="nesterov")
    assert_allclose(model.coef_, direct.coef_, rtol=1e-10)
    assert_allclose(model.loss_, direct.loss_, rtol=1e-10)


def test_rows_of_another_magnitude_further_down():
    X, y, _ = make_problem(offset=0.0)
    X[30:] += 1e6
    y[30:] += 1e6
    model, direct = both_ways(X, y, None, is_condensed=False, solver="adam")
    assert_allclose(model.loss_curve_, direct.loss_curve_, rtol=1e-7)


@pytest.mark.parametrize("batch_size", ["auto", 100, None])
def test_fewer_samples_than_columns_are_left_alone(batch_size):
    X, y, _ = make_problem(n_samples=100, n_features=150)
    model, direct = both_ways(
        X, y, None, is_condensed=False, solver="sgd", batch_size=batch_size
    )
    assert model.t_ == direct.t_ == 60
    assert_array_equal(model.coef_, direct.coef_)


@pytest.mark.parametrize(
    ("X_scale", "y_scale", "message"),
    [(1e160, 1.0, "X is too large in magnitude"), (1.0, 1e160, "y, X or init is too")],
)
def test_overflow_is_named(X_scale, y_scale, message):
    X, y, _ = make_problem()
    with pytest.raises(ValueError, match=message):
        GradientRegressor(precompute=True).fit(X_scale * X, y_scale * y)


def test_overflow_among_blocks_is_left_to_the_samples(monkeypatch):
    """Products of a block are finite here, and their sums are not."""
    monkeypatch.setattr(_rows, "NUMBERS_AT_ONCE", 400)
    X, y, _ = make_problem()
    X[1, :2] = X[301] = 1e154
    X[301, 1] = -1e154
    data = Data(X, y[:, None], np.empty(0))
    assert condensed(data) is None
    assert _full_batch.complements(data, [np.arange(10, 20)]) == [None]


@pytest.mark.parametrize("n_cores", [1, 16])
def test_memory_does_not_grow_with_the_cores_for_ever(n_cores, monkeypatch):
    n_features = 100
    most = 10 * 4 * (n_features + 2) ** 2
    monkeypatch.setattr(_full_batch, "NUMBERS_IN_WORK", most)
    monkeypatch.setattr(_rows, "NUMBERS_AT_ONCE", 1)
    monkeypatch.setattr(_cores, "cpu_count", lambda: n_cores)
    data = Data(*make_problem(20_000, n_features, n_targets=1)[:2], np.empty(0))
    data = data._replace(y=data.y[:, None])
    with patch.object(_cores, "ThreadPoolExecutor", wraps=ThreadPoolExecutor) as pool:
        assert condensed(data) is not None
    pool.assert_called_once_with(min(n_cores, 10))


def with_a_row_that_outweighs_all_others(X, y):
    X[5] = 1e9


def far_from_0(X, y):
    X += 1e6


def with_squares_that_underflow(X, y):
    X[:, 3] *= 1e-170


def with_an_inverse_that_overflows(X, y):
    X[:, 3] *= 1e-310


def nearly_known_from_features_nearly_alike(X, y):
    """The products lose what is seen where J is lowest only."""
    X[:, 1] = X[:, 0] + 2e-7 * X[:, 1]
    y[:] = X.sum(axis=1) + 1e-3 * np.random.default_rng(1).standard_normal(len(y))


@pytest.mark.parametrize("solver", ["gd", "nesterov"])
@pytest.mark.parametrize(
    "spoil",
    [
        with_a_row_that_outweighs_all_others,
        far_from_0,
        with_squares_that_underflow,
        with_an_inverse_that_overflows,
        nearly_known_from_features_nearly_alike,
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_samples_are_used_where_products_lose_digits(spoil, solver):
    X, y, _ = make_problem(n_samples=4000, offset=0.0)
    spoil(X, y)
    assert condensed(Data(X, y[:, None], np.empty(0))) is None
    model = GradientRegressor(solver, batch_size=None, precompute=True).fit(X, y)
    direct = clone(model).set_params(precompute=False).fit(X, y)
    assert_allclose(model.loss_, np.mean((model.predict(X) - y) ** 2), rtol=1e-9)
    assert_allclose(model.loss_, direct.loss_, rtol=1e-9)


def with_years(X, y):
    X[:, 0] = np.random.default_rng(1).integers(1950, 2030, len(X))


def with_a_constant_that_products_hold_but_for_rounding(X, y):
    X[:, 2] = 1e6 / 3


@pytest.mark.parametrize(
    "change", [with_years, with_a_constant_that_products_hold_but_for_rounding]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_products_are_used_where_they_hold_all_digits(change):
    X, y, _ = make_problem(n_samples=4000, offset=0.0)
    change(X, y)
    few = condensed(Data(X, y[:, None], np.empty(0)))
    assert len(few.X) < 10
    model = GradientRegressor("nesterov", batch_size=None, precompute=True).fit(X, y)
    assert_allclose(model.loss_, np.mean((model.predict(X) - y) ** 2), rtol=1e-9)
