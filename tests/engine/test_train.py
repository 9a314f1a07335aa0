"""J in parts, and rows that stand for all: samples, and leading ones."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
import reference
from cases import make_targets, make_weights
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from sklopt import GradientRegressor
from sklopt.engine import _cores, _train
from sklopt.engine._train import leading_rows, sample_of
from sklopt.engine._types import Data, Task, read_only

NOTHING = np.empty(0)


def numbered(n_samples, weight=NOTHING, is_sparse=False):
    """Data whose rows tell their numbers."""
    X = np.arange(n_samples, dtype=float)[:, None]
    return Data(csr_array(X) if is_sparse else X, read_only(-X), weight)


@pytest.fixture
def parts_of_seven_rows(monkeypatch):
    """J of three features is taken in parts, which threads share."""
    monkeypatch.setattr(_train, "PART_COST", 6 * (3 + _train.COSTLIEST_ROW))
    monkeypatch.setattr(_cores, "LITTLE_WORK", 0)


@pytest.mark.parametrize("penalty", ["l2", "l1"])
@pytest.mark.parametrize("budget", [1, 1000, 10**6])
def test_parts_make_the_objective(penalty, budget, parts_of_seven_rows, monkeypatch):
    """Each row counts once, and so does the penalty; in whatever calls it is done."""
    monkeypatch.setattr(_train, "CALL_BUDGET", budget)
    calls, add_objective = [], _train.add_objective

    def noted(data, plan, candidates, phi, first, stop, total):
        calls.append((first // 7 == (stop - 1) // 7, threading.current_thread()))
        add_objective(data, plan, candidates, phi, first, stop, total)

    monkeypatch.setattr(_train, "add_objective", noted)
    X, Y = make_targets()
    weights = make_weights()
    model = GradientRegressor(penalty=penalty, alpha=0.1, max_iter=5, tol=None)
    model.fit(X, Y, weights)
    assert len(calls) >= 45 / 7
    assert all(is_in_one_part for is_in_one_part, _ in calls)
    assert threading.main_thread() not in {thread for _, thread in calls}
    share = {"l2": {"alpha": 0.1}, "l1": {"l1": 0.1}}[penalty]
    twins = [
        reference.objective(phi, X, y, weights, **share)
        for phi, y in zip(parameters_of_all(model), Y.T, strict=True)
    ]
    assert_allclose(model.loss_, twins, rtol=1e-13)


def parameters_of_all(model):
    """φ of each target."""
    return np.column_stack([model.intercept_, model.coef_])


def test_no_digit_of_the_objective_depends_on_who_shares_it(
    parts_of_seven_rows, monkeypatch, tmp_path
):
    """Cores, threads, other targets; whether X is a file."""
    X, Y = make_targets()
    params = {"solver": "sgd", "average": True, "max_iter": 3, "random_state": 0}
    model = GradientRegressor(tol=None, **params).fit(X, Y)
    X.tofile(tmp_path / "X")
    for n_cores, n_jobs, budget in ((1, 1, 1), (2, 2, 500), (5, 3, 10**6)):
        monkeypatch.setattr(_cores, "cpu_count", lambda n_cores=n_cores: n_cores)
        monkeypatch.setattr(_train, "CALL_BUDGET", budget)
        other = GradientRegressor(tol=None, n_jobs=n_jobs, **params).fit(X, Y)
        assert_array_equal(other.loss_, model.loss_)
        losses = model.history_["averaged_loss"]
        assert_array_equal(other.history_["averaged_loss"], losses)
    file = np.memmap(tmp_path / "X", np.float64, "r", shape=X.shape)
    alone = GradientRegressor(tol=None, **params).fit(file, Y[:, 0])
    assert alone.loss_ == model.loss_[0]


def test_no_call_for_the_objective_follows_an_interrupt(monkeypatch):
    """A part of it that was begun would take seconds with many candidates."""
    cores, stops = SimpleNamespace(is_left=False), []

    def interrupted(data, plan, candidates, phi, first, stop, total):
        stops.append(stop)
        cores.is_left = len(stops) == 3

    monkeypatch.setattr(_train, "add_objective", interrupted)
    monkeypatch.setattr(_train, "CALL_BUDGET", 1)
    task = Task(numbered(45), None, None, None)
    _train._part_of_objective(cores, task, np.zeros((1, 2)), range(20, 40))
    assert stops == [21, 22, 23]


def test_a_call_for_the_objective_is_work_for_milliseconds(monkeypatch):
    """However many candidates make a part of it long."""
    calls, add_objective = [], _train.add_objective

    def noted(data, plan, candidates, phi, first, stop, total):
        calls.append((stop - first) * len(phi))
        add_objective(data, plan, candidates, phi, first, stop, total)

    monkeypatch.setattr(_train, "add_objective", noted)
    X = np.random.default_rng(0).standard_normal((200_000, 4))
    GradientRegressor(max_iter=1, tol=None).fit(X, X)
    assert sum(calls) >= 3 * X.size
    assert max(calls) <= 100_000


@pytest.mark.parametrize(
    "params", [{}, {"average": True}, {"early_stopping": True}], ids=str
)
@pytest.mark.parametrize("n_samples", [11, 90])
def test_a_sample_is_drawn_once_where_it_is_needed(params, n_samples, monkeypatch):
    X, Y = (np.concatenate([part, part])[:n_samples] for part in make_targets())
    drawn, rows = [], _train.rows_from_all_over
    monkeypatch.setattr(_train, "SAMPLED", 20)
    monkeypatch.setattr(
        _train, "rows_from_all_over", lambda *of: drawn.append(of) or rows(*of)
    )
    GradientRegressor("sgd", max_iter=3, tol=None, n_jobs=2, **params).fit(X, Y)
    assert len(drawn) == (bool(params) and n_samples > 20)


@pytest.mark.parametrize("is_sparse", [False, True])
def test_few_rows_are_their_own_sample(is_sparse):
    data = numbered(10_000, is_sparse=is_sparse)
    assert sample_of(data) is data
    data = numbered(1000, is_sparse=is_sparse)
    assert leading_rows(data) is data
    condensed = Data(np.eye(20_000, 1), np.ones((20_000, 1)), NOTHING, np.ones(20_000))
    assert sample_of(condensed) is condensed
    assert leading_rows(condensed) is condensed


@pytest.mark.parametrize("n_samples", [10_001, 20_000, 123_457])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_a_sample_is_from_all_over_and_has_no_period(n_samples, is_weighted):
    data = numbered(n_samples, np.ones(n_samples) if is_weighted else NOTHING)
    sample = sample_of(data)
    rows = sample.X[:, 0].astype(int)
    assert_array_equal(sample.y[:, 0], -rows)
    assert len(rows) == 10_000
    stretches = np.floor(np.arange(10_001) * n_samples / 10_000).astype(int)
    assert (stretches[:-1] <= rows).all()
    assert (rows <= stretches[1:]).all()
    for period in (2, 3, 10):
        share = np.bincount(rows % period) / len(rows)
        assert_allclose(share, 1 / period, atol=0.02)
    assert_array_equal(sample_of(data).X, sample.X)


def test_a_sample_is_in_proportion_to_the_weights():
    """Also to those of a few rows that outweigh all others."""
    rng = np.random.default_rng(0)
    weight = rng.uniform(size=50_000) * (rng.uniform(size=50_000) < 0.5)
    weight[-3:] = 0.0
    weight[100] = weight.sum()
    rows = sample_of(numbered(50_000, weight / weight.mean())).X[:, 0].astype(int)
    assert (weight[rows] > 0).all()
    assert (rows == 100).sum() == pytest.approx(5000, abs=1)
    halves = weight[:25_000].sum() / weight.sum()
    assert (rows < 25_000).mean() == pytest.approx(halves, abs=2e-4)


def test_the_last_row_with_weight_is_the_last_that_can_be_drawn(monkeypatch):
    class Highest:
        def random(self, size):
            return np.full(size, np.nextafter(1.0, 0.0))

    monkeypatch.setattr(_train.np.random, "default_rng", lambda seed: Highest())
    weight = np.zeros(30_000)
    weight[:20_000] = 1 / 3
    assert sample_of(numbered(30_000, weight)).X.max() == 19_999
    assert sample_of(numbered(30_000)).X.max() == 29_999


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_leading_rows_are_the_first_with_weight(dtype, is_sparse):
    data = leading_rows(numbered(5000, is_sparse=is_sparse))
    assert_array_equal(data.X[[0, 999]].sum(), 999)
    assert len(data.y) == 1000
    weight = np.arange(5000.0, dtype=dtype)
    weight[100:2000] = 0.0
    data = leading_rows(numbered(5000, weight, is_sparse))
    rows = np.r_[1:100, 2000:2901]
    assert_array_equal(data.X[:, [0]].sum(), rows.sum())
    assert_array_equal(data.y[:, 0], -rows)
    assert data.weight.dtype == dtype
    assert_allclose(data.weight, rows / rows.mean(), rtol=1e-6)


@pytest.mark.parametrize("is_weighted", [False, True])
def test_sparse_rows_are_sampled_as_dense_ones_are(is_weighted):
    weight = np.linspace(0, 2, 30_000, dtype=np.float32) if is_weighted else NOTHING
    sparse = sample_of(numbered(30_000, weight, is_sparse=True))
    dense = sample_of(numbered(30_000, weight))
    assert_array_equal(sparse.X.toarray(), dense.X)
    assert_array_equal(sparse.y, dense.y)
    assert sparse.weight.size == 0
