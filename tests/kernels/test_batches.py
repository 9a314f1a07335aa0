"""The random order of an epoch, row by row and block by block."""

from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import numba
import numpy as np
import pytest
from cases import interpreted, make_model, parameters
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from reference import draw_block_order, shuffled_orders
from sklearn.base import clone

from sklopt import GradientRegressor
from sklopt.engine import _lowering, _train
from sklopt.engine._types import Data, Plan
from sklopt.kernels import _batches

NOTHING = dict.fromkeys(Plan._fields, 0)


@numba.njit
def draw(order, blocks, plan, n_rows, epoch, first, stop):
    """What Python calls: kernels are only ever part of other compiled code."""
    _batches.draw_order(order, blocks, plan, n_rows, epoch, first, stop)


def block_order(n_rows, block_size, n_pooled, seed, epoch, stops=()):
    """The order of an epoch, drawn in steps that end at `stops` and at every pool."""
    sizes = {"block_size": block_size, "pool_size": n_pooled * block_size}
    plan = Plan(**NOTHING | {"seed": seed} | sizes)
    n_blocks = n_rows // block_size
    blocks = np.full(n_blocks + 1 if n_blocks else 0, -1, dtype=np.int32)
    pool = np.full(min(plan.pool_size, n_rows), -1, dtype=np.int32)
    last = n_rows + blocks.size
    pool_stops = [*range(blocks.size + plan.pool_size, last, plan.pool_size), last]
    places = {0, *pool_stops, *(stop for stop in stops if stop < last)}
    order = []
    for first, stop in pairwise(sorted(places)):
        draw(pool, blocks, plan, n_rows, epoch, first, stop)
        if stop in pool_stops:
            order += list(pool[: min(plan.pool_size, n_rows - len(order))])
    return np.array(order)


@given(
    n_rows=st.integers(1, 200),
    block_size=st.integers(1, 20),
    n_pooled=st.integers(1, 5),
    seed=st.integers(0, 2**31 - 2),
    epoch=st.integers(0, 2**40),
    stops=st.lists(st.integers(0, 400), max_size=3),
)
@settings(deadline=None)  # the first example compiles
def test_block_order_equals_the_twin(n_rows, block_size, n_pooled, seed, epoch, stops):
    order = block_order(n_rows, block_size, n_pooled, seed, epoch, stops)
    twin = draw_block_order(n_rows, seed, epoch, block_size, n_pooled * block_size)
    assert_array_equal(order, twin)
    assert_array_equal(np.sort(order), np.arange(n_rows))


def test_a_pool_holds_whole_blocks():
    order = block_order(1000, block_size=10, n_pooled=5, seed=3, epoch=0)
    for pool in order.reshape(-1, 50):
        starts = np.sort(pool)[np.diff(np.sort(pool), prepend=-2) != 1]
        # A block may lie around the end of the rows, or beside another one.
        assert len(starts) <= 6


def test_rows_are_at_every_place_equally_often():
    """Mean and variance of a row's place over epochs, as in a full shuffle."""
    n_rows, n_epochs = 90, 2000
    places = np.array(
        [np.argsort(block_order(n_rows, 8, 3, 0, epoch)) for epoch in range(n_epochs)]
    )
    spread = (n_rows**2 - 1) / 12
    # Five standard errors.
    assert_allclose(
        places.mean(axis=0),
        (n_rows - 1) / 2,
        atol=5 * np.sqrt(spread / n_epochs),
    )
    assert_allclose(places.var(axis=0), spread, rtol=5 * np.sqrt(0.8 / n_epochs))


def test_rows_are_asked_for_some_places_before_their_own(monkeypatch):
    asked, pool = [], np.random.default_rng(0).permutation(30)
    monkeypatch.setattr(_batches, "ask_for_row", lambda data, row: asked.append(row))
    data = SimpleNamespace(X=np.empty((30, 2)), y=np.empty((30, 1)))
    row_at = interpreted(_batches.row_at)
    rows = [row_at(data, pool, 60, place, ahead=7) for place in range(60, 90)]
    assert_array_equal(rows, pool)
    assert_array_equal(asked, [*pool[7:], *[pool[-1]] * 7])


def test_rows_in_their_own_order_are_not_asked_for(monkeypatch):
    monkeypatch.setattr(_batches, "ask_for_row", None)  # no function to be called
    no_order = np.empty(0, np.int32)
    assert interpreted(_batches.row_at)(None, no_order, 60, 64, ahead=7) == 64


@pytest.mark.parametrize("n_weights", [0, 9])
def test_a_row_is_asked_for_with_its_target_and_weight(n_weights, monkeypatch):
    data = Data(np.empty((9, 2)), np.empty((9, 1)), np.empty(n_weights))
    names = {id(array): name for name, array in data._asdict().items()}

    def note(array, place, *_):
        asked.append((names[id(array)], place))

    asked = []
    monkeypatch.setattr(_batches, "prefetch_row", note)
    monkeypatch.setattr(_batches, "prefetch", note)
    interpreted(_batches.ask_for_row)(data, 4)
    weight = [("weight", (4,))] if n_weights else []
    assert sorted(asked) == sorted([("X", 4), ("y", 4), *weight])


@pytest.mark.parametrize(
    ("row_bytes", "n_pooled", "expected"),
    [
        (8, 10**6, 256),
        (63, 10**6, 256),
        (400, 10**6, 36),
        (64 * 300, 10**6, 1),
        (400, 960, 7),
        (400, 0, 1),
    ],
)
def test_fewer_of_wide_rows_and_of_small_pools_are_asked_for(
    row_bytes, n_pooled, expected, monkeypatch
):
    monkeypatch.setattr(_batches, "bytes_of_row", lambda data: row_bytes)
    order = np.empty(n_pooled, np.int32)
    assert interpreted(_batches.rows_ahead)(None, order) == expected


@pytest.fixture
def small_blocks(monkeypatch):
    for name in ("SMALLEST_BLOCK", "SMALLEST_OF_FEW_FEATURES", "LARGEST_BLOCK"):
        monkeypatch.setattr(_lowering, name, 4)
    monkeypatch.setattr(_lowering, "LARGEST_POOL", 12)
    monkeypatch.setattr(_lowering, "FEWEST_BLOCKS", 3)
    return partial(draw_block_order, block_size=4, pool_size=12)


@pytest.mark.parametrize(
    ("n_features", "block_size", "n_blocks"),
    [(0, 16, 1000), (10, 16, 304), (20, 20, 122), (50, 48, 20), (384, 8, 16)],
)
def test_blocks_and_pools_of_wide_rows_are_shorter(n_features, block_size, n_blocks):
    X = np.broadcast_to(0.0, (320_000, n_features))
    order = _lowering.lower_order("blocks", 1, X)
    pool_size = n_blocks * block_size
    assert order == {
        "is_shuffled": True,
        "block_size": block_size,
        "pool_size": pool_size,
    }
    assert _lowering.lower_order("blocks", 1, X.astype(np.float32)) == order
    assert pool_size * n_features <= _lowering.NUMBERS_OF_A_POOL


def test_pools_of_very_wide_rows_still_mix_some_blocks():
    X = np.broadcast_to(0.0, (320_000, 10_000))
    order = _lowering.lower_order("blocks", 1, X)
    assert order["block_size"] == 8
    assert order["pool_size"] == 16 * 8


@pytest.mark.parametrize("n_samples", [2, 31, 960, 961, 1000, 100_001])
def test_pools_have_one_size(n_samples):
    """Or an epoch would end with few rows, which are unlike the others."""
    order = _lowering.lower_order("blocks", 1, np.broadcast_to(0.0, (n_samples, 50)))
    n_pools = -(-n_samples // order["pool_size"])
    assert order["pool_size"] * n_pools < n_samples + n_pools * order["block_size"]
    assert n_pools == -(-n_samples // 960)


@pytest.mark.parametrize("batch_size", [1, 5])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_training_walks_in_that_order(small_blocks, solver, batch_size):
    X, y = sorted_problem(41)
    (order,) = shuffled_orders(len(y), 1, 0, small_blocks)
    model = GradientRegressor(
        solver, learning_rate=0.01, batch_size=batch_size, max_iter=1, tol=None
    )
    blocks = clone(model).set_params(shuffle="blocks", random_state=0).fit(X, y)
    reordered = clone(model).set_params(shuffle=False).fit(X[order], y[order])
    assert_allclose(parameters(blocks), parameters(reordered), rtol=1e-12)


def test_pauses_change_nothing(small_blocks, monkeypatch):
    X, y = sorted_problem(41)
    model = make_model("momentum", "constant", 5).set_params(shuffle="blocks")
    whole = parameters(model.fit(X, y))
    monkeypatch.setattr(_train, "CALL_BUDGET", 1)
    assert_array_equal(parameters(model.fit(X, y)), whole)


def sorted_problem(n_rows):
    """Rows sorted by the target, as files often are."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 3))
    y = X @ [1.0, 2.0, -1.0] + rng.normal(size=n_rows)
    order = np.argsort(y)
    return X[order], y[order]


def test_sorted_data_are_learnt_as_well_as_shuffled():
    X, y = sorted_problem(20_000)
    best = np.linalg.lstsq(np.c_[np.ones(len(X)), X], y)[1][0] / len(y)

    def excess(shuffle):
        model = GradientRegressor(
            "sgd", learning_rate=1e-3, batch_size=32, max_iter=20, tol=None
        )
        return model.set_params(shuffle=shuffle, random_state=0).fit(X, y).loss_ - best

    fully, by_blocks, not_at_all = map(excess, [True, "blocks", False])
    assert fully < 1e-4 * best
    assert by_blocks < 1e-3 * best
    assert not_at_all > 1e-2 * best


@pytest.mark.parametrize("n_features", [1, 3, 10, 50])
def test_automatic_rates_bear_sorted_data(n_features):
    """Where neighbours have about the same target, and a pool mixes what there is.

    Noise may cost 0.2 % of the lowest loss at the automatic rate, in the mean over the
    updates. Pools of 16 blocks of 64 rows would cost several per cent of few features.
    """
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100_000, n_features))
    y = 0.6 * X.sum(axis=1) + rng.normal(size=len(X))
    order = np.argsort(y)
    X, y = X[order], y[order]
    best = np.linalg.lstsq(np.c_[np.ones(len(X)), X], y)[1][0] / len(y)

    def excess(shuffle):
        model = GradientRegressor("sgd", shuffle=shuffle, max_iter=10, tol=None)
        losses = [model.set_params(random_state=k).fit(X, y).loss_ for k in range(4)]
        return np.mean(losses) / best - 1

    assert excess(True) < 4e-3
    assert excess("blocks") < 8e-3


@pytest.mark.parametrize("loss", ["squared_error", "huber"])
@pytest.mark.parametrize(("solver", "batch_size"), [("gd", 7), ("momentum", None)])
def test_full_batches_see_all_rows(small_blocks, solver, batch_size, loss):
    X, y = sorted_problem(200)
    model = GradientRegressor(solver, batch_size=batch_size, loss=loss, max_iter=20)
    model.set_params(tol=None, precompute=False)
    expected = parameters(model.fit(X, y))
    assert_array_equal(
        parameters(model.set_params(shuffle="blocks").fit(X, y)), expected
    )
