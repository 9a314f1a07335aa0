"""The benchmarks run on tiny problems, and what they say of levels is true.

Nothing here looks at a time.
"""

import warnings
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression

ROOT = Path(__file__).parents[1]

# Settings of peers that diverge on problems so small, and say so.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*encountered in:RuntimeWarning", "ignore::UserWarning"
)


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples" / "benchmarks")


def mean_square(phi, X, y):
    return ((phi[0] + X @ phi[1:] - y) ** 2).mean()


@pytest.fixture
def problem():
    from problems import make_problem

    return make_problem(1200, 4, condition=5.0)


def test_excess_is_that_of_the_loss(problem):
    X, y = problem.X, problem.y
    least = LinearRegression().fit(X, y)
    phi = np.append(least.intercept_, least.coef_)
    assert problem.excess(phi) == pytest.approx(0.0, abs=1e-15)
    away = phi + 0.1
    expected = mean_square(away, X, y) / mean_square(phi, X, y) - 1
    assert problem.excess(away) == pytest.approx(expected, rel=1e-9)
    np.testing.assert_array_equal(
        problem.excess([phi, away]), [problem.excess(phi), problem.excess(away)]
    )


def test_problem_has_the_condition_it_says():
    from problems import make_problem

    problem = make_problem(20_000, 10)
    assert np.linalg.cond(problem.X) == pytest.approx(80, rel=0.1)
    assert problem.excess(np.zeros(11)) == pytest.approx(1.0, rel=0.1)


def test_every_learner_gets_where_its_race_says(problem):
    from bench_peers import all_learners, races, ratios_table, settings_table

    learners = all_learners(report=lambda line: None)
    results = list(races(problem, learners, (1e-1, 1e-3), budget=0.3, n_turns=2))
    assert [result.level for result in results] == [1e-1, 1e-3]
    X, y = problem.X, problem.y
    for level, entries, times, excess in results:
        assert list(times) == list(entries)
        assert len(times) == 2
        for name, entry in entries.items():
            data = entry.learner.prepared(X, y)
            phi = entry.learner.fit(entry.setting, *data, entry.n_epochs)
            bound = (1 + level) * problem.least * (1 + 1e-12)
            assert mean_square(phi, X, y) <= bound, (name, level)
            assert excess[name] <= level
    # Those that no budget keeps from it.
    assert {"sklopt, full batch", "LinearRegression()"} <= set(results[-1].entries)
    table = settings_table(results)
    assert (table["excess reached"] <= table["level"].astype(float)).all()
    assert set(ratios_table(problem, results, learners)["sklopt"]) == {
        "full batch",
        "mini-batch",
    }


def test_fewest_epochs_are_found_behind_gaps(problem):
    from bench_peers import Entry, settle
    from learners import FullBatch

    learner, setting = FullBatch(), FullBatch.settings[0]
    X, y = problem.X, problem.y
    exact = settle(Entry(learner, setting, 0, 500, 0.0), problem, 1e-3)
    late = settle(Entry(learner, setting, 0, 1, 0.0), problem, 1e-1)
    assert problem.excess(learner.fit(setting, X, y, exact.n_epochs)) <= 1e-3
    assert problem.excess(learner.fit(setting, X, y, exact.n_epochs - 1)) > 1e-3
    assert late.n_epochs < exact.n_epochs
    assert settle(Entry(learner, setting, 0, 1, 0.0), problem, -1.0) is None


@pytest.mark.parametrize("name", ["FullBatch", "MiniBatch", "Sgd", "Network"])
def test_trails_are_what_fits_come_to(problem, name):
    import learners

    learner = getattr(learners, name)()
    setting = learner.settings[0]
    steps = []
    for step in learner.trail(setting, problem.X, problem.y, budget=60.0):
        steps.append(step)
        if step.n_epochs == 5:
            break
    assert [step.n_epochs for step in steps] == [1, 2, 3, 4, 5]
    fitted = learner.fit(setting, problem.X, problem.y, 5)
    excess = problem.excess(fitted), problem.excess(steps[-1].phi)
    assert excess[0] == pytest.approx(excess[1], rel=0.5, abs=0.05)
    if name in {"FullBatch", "MiniBatch"}:
        np.testing.assert_allclose(steps[-1].phi, fitted, rtol=1e-9, atol=1e-12)


def test_a_peer_that_is_absent_is_left_out_with_a_line(monkeypatch):
    import importlib.util

    from peer_learners import peer_learners

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    lines = []
    assert peer_learners(lines.append) == []
    assert [line.split()[0] for line in lines] == ["torch", "cyanure", "river"]


def test_tables_of_epochs():
    import bench_epoch

    tables = dict(bench_epoch.tables(shrink=10_000, n_turns=1))
    assert len(tables["One shuffled epoch"]) == len(bench_epoch.EPOCH_JOBS)
    sparse = tables["One shuffled epoch of sparse rows"]
    assert sparse["penalty"].to_list() == ["None", "l2"] * 2
    watching = tables.pop(bench_epoch.WATCHING)
    for table in tables.values():
        assert {"epoch ratio", "passes", "target", "met"} <= set(table)
    assert (watching.loc[watching["who watches"] == "nobody", "to nobody"] == 1).all()


def test_tables_of_targets():
    import bench_targets

    ((_, table),) = bench_targets.tables(shrink=1000, n_turns=1)
    assert table["targets"].to_list() == [job[-1] for job in bench_targets.JOBS]
    assert {"sklopt (s)", "np.dot (s)", "np.dot ratio"} <= set(table)


def test_all_that_train_many_targets_train_the_same():
    """The loop over np.dot and the network take the same steps as ours."""
    import bench_targets

    X, Y = bench_targets.make_targets(320, 3, 2)
    order, weights = np.arange(len(X), dtype=np.int32), np.zeros((2, 3))
    bench_targets.descend_by_dot(X, Y, order, weights, 1e-3)
    ours = bench_targets.our_model(max_iter=1, shuffle=False)
    without = clone(ours).set_params(fit_intercept=False).fit(X, Y)
    np.testing.assert_allclose(without.coef_, weights, rtol=1e-10)
    network = bench_targets.network()
    network.set_params(max_iter=1, shuffle=False, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(X, Y)
        network.coefs_[0][:], network.intercepts_[0][:] = 0, 0
        network.fit(X, Y)
    coef = ours.fit(X, Y).coef_
    np.testing.assert_allclose(network.coefs_[0].T, coef, rtol=1e-10)


def test_sparse_rows_are_sparse():
    from measuring import make_sparse_data

    X, y = make_sparse_data(1000, 500, 4)
    assert X.shape == (1000, 500)
    assert 3.9 < X.nnz / 1000 <= 4
    assert X.has_canonical_format
    assert len(y) == 1000


def test_watchers_watch_and_others_keep_their_path(monkeypatch):
    import bench_epoch

    watchers = bench_epoch.Idle(), bench_epoch.ScoringMonitor(scoring="r2")
    ends = mock.create_autospec(bench_epoch.Idle.on_fit_task_end, return_value=None)
    monkeypatch.setattr(bench_epoch.Idle, "on_fit_task_end", ends)
    monkeypatch.setattr(bench_epoch, "Idle", lambda: watchers[0])
    monkeypatch.setattr(bench_epoch, "ScoringMonitor", lambda scoring: watchers[1])
    lengths = {}
    for name, model in bench_epoch.watched_models(batch_size=2, max_iter=3).items():
        history = bench_epoch.fit_and_read(model, np.eye(4), np.arange(4.0))
        assert history["epoch"].to_list() == [0, 1, 2]
        lengths[name] = len(getattr(model, "path_", ()))
    assert len(watchers[1].get_logs().data) == ends.call_count == 4
    assert lengths["nobody"] == lengths["nobody, again"] == 0
    assert (lengths['store_path="epoch"'], lengths['store_path="step"']) == (4, 7)


def test_tables_of_growth(monkeypatch):
    import bench_growth

    monkeypatch.setattr(bench_growth, "MEMORY_WAYS", {})
    full, by_n, by_d, _ = dict(bench_growth.tables(shrink=1000, n_turns=1)).values()
    assert full["fit"].str.contains("computed").sum() == 1
    for table in (by_n, by_d):
        assert table["training"].to_list() == list(bench_growth.WAYS)
        assert "slope" in table


def test_memory_is_that_of_a_process_of_its_own(monkeypatch):
    import bench_growth

    way = "batch 32"
    settings = bench_growth.MEMORY_WAYS[way]
    monkeypatch.setattr(bench_growth, "MEMORY_WAYS", {way: settings})
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    rows = list(bench_growth.measure_memory([(1000, 5)]))
    # None where the system does not tell the peak.
    assert [row["X (MB)"] for row in rows] in ([], [0.04, 0.02])
    assert all(row["beyond it (MB)"] >= 0 for row in rows)


def test_slope_of_a_power_is_its_exponent():
    from measuring import slope

    sizes = np.array([10.0, 100.0, 1000.0])
    assert slope(sizes, 3 * sizes**1.5) == pytest.approx(1.5)


def test_page_has_every_table_and_the_reasons(monkeypatch):
    import bench_gabor
    import pandas as pd
    import run_all

    class Part:
        @staticmethod
        def tables(quick):
            yield (
                "times",
                pd.DataFrame({"fit": ["x", "first"], "0.01 (s)": [1, "torch"]}),
            )
            ways, peers = ["full batch", "mini-batch"] * 2, ["torch", "cyanure"] * 2
            ratios = {"sklopt": ways, "best of them": peers, "ratio": [0.5, 2, 0.7, 1]}
            yield "ratios", pd.DataFrame(ratios)
            yield from bench_gabor.tables(quick, n_problems=1)

    monkeypatch.setattr(run_all, "defaults", lambda quick: ())
    page = run_all.page(True, {"Part": Part})
    assert "torch is first at 0.01." in page
    assert page.count(run_all.REASONS["torch"]) == 2
    assert page.count("Ahead of sklopt, full batch: torch.") == 1
    assert run_all.REASONS["cyanure"] not in page
    assert "### 1 Gabor waves" in page
    assert "| fit | 0.01 (s) |\n| --- | --- |" in page


def test_figures_are_judged_by_their_target():
    from measuring import judged

    assert judged(4.1, ">=", 4.0) == {"target": ">= 4", "met": "yes"}
    assert judged(0.06, "<=", 0.05)["met"] == "no"
    assert judged(np.nan, ">=", 1.0)["met"] == "no"
    assert judged(1.0, ">=", None) == {"target": "", "met": ""}


def test_small_fits_are_compared():
    from bench_overhead import measure_small_fit

    rows = list(measure_small_fit(1))
    assert sum("target" in row and row["target"] != "" for row in rows) == 2


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="reads /proc for peak memory"
)
def test_a_file_is_measured_for_every_way():
    import bench_files

    ((_, table),) = bench_files.tables(n_samples=2000)
    assert list(table["training"]) == list(bench_files.WAYS)
    assert (table["file (MB)"] == 2000 * 50 * 4 / 1e6).all()
