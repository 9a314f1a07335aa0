"""How soon the training loss is near that of least squares: sklopt and its peers.

    python examples/benchmarks/bench_peers.py [--quick] [--budget 10] [--n-turns 5]

For each problem and level of excess loss (see problems.py):

1. scout: each setting of each learner leaves a trail of parameters, until all levels
   are reached or a fit would take longer than the budget; the setting that seems
   soonest is the learner's for that level. No loss is computed while a clock runs.
2. settle: the fewest epochs by which a whole fit of that setting truly gets there.
3. race: whole fits of so many epochs, in turns, A B A B …. That is what counts: it has
   validation, set-up and training in it, as a user has, and no look at the loss.

Whatever a first call costs is told apart: every learner has fitted a small problem
before. On sparse data there is no race; bench_epoch.py times their epochs.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from learners import Learner, own_learners, scikit_learners
from measuring import in_turns, judged, run, seconds
from peer_learners import peer_learners
from problems import make_problem

LEVELS = (1e-2, 1e-3, 1e-4, 1e-6)
SIZES = [(1_000_000, 50), (200_000, 500), (20_000, 20)]
QUICK_SIZES = [(5000, 8)]
SETTLING = 8  # times that a few more epochs are tried

# Whom mini-batches are measured against: those that go through the data by rows.
BY_ROWS = ("SGDRegressor", "MLPRegressor", "torch", "cyanure")
MINI_BATCH_TARGETS = {1e-2: 3.0, 1e-3: 10.0}
RIDGE = 'Ridge(solver="cholesky")'
TARGET_PROBLEM = "1M × 50"  # where full batch must win


class Entry(NamedTuple):
    """A learner's way to a level: the epochs lie in (`too_few`, `n_epochs`]."""

    learner: Learner
    setting: dict
    too_few: int
    n_epochs: int
    seconds: float


def all_learners(report=print):
    """sklopt, scikit-learn, and of the other libraries those installed."""
    return [*own_learners(), *scikit_learners(), *peer_learners(report)]


def scout(learner, problem, levels, budget):
    """The entry of a learner at each level that it reaches within the budget.

    Parameters
    ----------
    learner : Learner
    problem : Problem
    levels : sequence of float
    budget : float
        Seconds of a fit.

    Returns
    -------
    dict of float to Entry
    """
    entries = {}
    X, y = learner.prepared(problem.X, problem.y)
    for setting in learner.settings:
        found = _scout_setting(learner, setting, problem, (X, y), levels, budget)
        for level, entry in found.items():
            if level not in entries or entry.seconds < entries[level].seconds:
                entries[level] = entry
        if len(found) == len(levels):
            # Where this setting has reached all, a slower one reaches none sooner.
            budget = min(budget, found[min(levels)].seconds)
    return entries


def _scout_setting(learner, setting, problem, data, levels, budget):
    found, too_few = {}, 0
    try:
        for step in learner.trail(setting, *data, budget):
            excess = problem.excess(step.phi)
            if not np.isfinite(excess) or step.seconds > budget:
                break
            for level in levels:
                if level not in found and excess <= level:
                    entry = learner, setting, too_few, step.n_epochs, step.seconds
                    found[level] = Entry(*entry)
            if len(found) == len(levels):
                break
            too_few = step.n_epochs
    except ValueError:
        pass  # diverged: no further than this
    return found


def settle(entry, problem, level):
    """The entry with the fewest epochs by which a whole fit reaches the level, or None.

    Trails with gaps are searched for it, by bisection. Others may differ from a fit in
    the order of the rows, and then need a few epochs more.
    """
    X, y = entry.learner.prepared(problem.X, problem.y)

    def reaches(n_epochs):
        phi = entry.learner.fit(entry.setting, X, y, n_epochs)
        return problem.excess(phi) <= level

    too_few, enough = entry.too_few, entry.n_epochs
    for _ in range(SETTLING):
        if reaches(enough):
            break
        too_few, enough = enough, max(enough + 1, int(1.1 * enough))
    else:
        return None
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if reaches(middle):
            enough = middle
        else:
            too_few = middle
    return entry._replace(too_few=too_few, n_epochs=enough)


class Race(NamedTuple):
    """What came of a level.

    Attributes
    ----------
    level : float
    entries : dict of str to Entry
    times : DataFrame of shape (n_turns, n_learners)
        Seconds.
    excess : dict of str to float
        The largest that any of the timed fits came to.
    """

    level: float
    entries: dict
    times: pd.DataFrame
    excess: dict


def race(entries, problem, level, n_turns):
    """Whole fits in turns; what they return is judged after the clock has stopped."""
    outcomes = {name: [] for name in entries}
    data = {
        name: entry.learner.prepared(problem.X, problem.y)
        for name, entry in entries.items()
    }

    def fit_once(name):
        entry = entries[name]
        phi = entry.learner.fit(entry.setting, *data[name], entry.n_epochs)
        outcomes[name].append(phi)

    times = in_turns({name: partial(fit_once, name) for name in entries}, n_turns)
    excess = {name: problem.excess(phi).max() for name, phi in outcomes.items()}
    return Race(level, entries, times, excess)


def races(problem, learners, levels, budget, n_turns):
    """The race of each level, among those who reach it."""
    scouted = {
        learner.name: scout(learner, problem, levels, budget)
        for learner in learners
        if learner.takes(problem)
    }
    for level in levels:
        settled = {
            name: settle(found[level], problem, level)
            for name, found in scouted.items()
            if level in found
        }
        settled = {name: entry for name, entry in settled.items() if entry}
        yield race(settled, problem, level, n_turns)


def times_table(results, names):
    """A row a learner, and at each level its seconds; below, who was first."""
    table = pd.DataFrame({"fit": [*names, "first"]})
    for level, _, times, _ in results:
        medians = times.median()
        cells = [medians.get(name, np.nan) for name in names]
        first = medians.idxmin() if len(medians) else "nobody"
        table[f"{level:g} (s)"] = pd.Series([*cells, first], dtype=object)
    return table


def settings_table(results):
    """With which setting and how many epochs each learner reached each level."""
    rows = [
        {
            "level": f"{level:g}",
            "fit": name,
            "setting": describe(entry.setting),
            "epochs": entry.n_epochs,
            "excess reached": excess[name],
        }
        for level, entries, _, excess in results
        for name, entry in entries.items()
    ]
    columns = ["level", "fit", "setting", "epochs", "excess reached"]
    return pd.DataFrame(rows, columns=columns)


def ratios_table(problem, results, learners):
    """By how much sklopt is sooner than the best of others: peer's time over its own.

    Full batch is set against every learner that is not sklopt's, and at the last level
    against Ridge; mini-batches against those that go through the data by rows. Where
    only others reach a level within the budget, the ratio is 0.
    """
    foreign = [one.name for one in learners if one.kind in ("iterative", "exact")]
    by_rows = [name for name in foreign if name in BY_ROWS]
    must_win = 1.0 if problem.name == TARGET_PROBLEM else None
    rows = []
    for result in results:
        target = MINI_BATCH_TARGETS.get(result.level)
        rows.append(_ratio(result, "full batch", "all", foreign, must_win))
        rows.append(_ratio(result, "mini-batch", "learners by rows", by_rows, target))
    rows.append(_ratio(results[-1], "full batch", RIDGE, [RIDGE], must_win))
    return pd.DataFrame([row for row in rows if row])


def _ratio(result, own, against, others, target):
    times = result.times
    mine = times.get(f"sklopt, {own}")
    theirs = times[[name for name in others if name in times]]
    if mine is None and theirs.empty:
        return None
    best = "nobody" if theirs.empty else theirs.median().idxmin()
    if mine is None:
        ratio = 0.0
    else:
        ratio = np.inf if theirs.empty else (theirs[best] / mine).median()
    row = {"level": f"{result.level:g}", "sklopt": own, "against": against}
    return row | {"best of them": best, "ratio": ratio} | judged(ratio, ">=", target)


def describe(setting):
    """{"solver": "sgd", "batch_size": 32} → "solver=sgd, batch_size=32"."""
    return ", ".join(f"{name}={value}" for name, value in setting.items()) or "–"


def first_fits(learners):
    """What the first fit of a process takes beyond the second, on a small problem."""
    problem = make_problem(1500, 20)
    rows = []
    for learner in learners:
        X, y = learner.prepared(problem.X, problem.y)
        takes = []
        for setting in learner.settings:
            job = partial(learner.fit, setting, X, y, 2)
            takes += [seconds(job) - seconds(job)]
        rows.append({"fit": learner.name, "settings": len(takes), "s": sum(takes)})
    return pd.DataFrame(rows)


def grids(learners):
    """All that was tried."""
    rows = [
        {"fit": learner.name, "setting": describe(setting)}
        for learner in learners
        for setting in learner.settings
    ]
    return pd.DataFrame(rows)


def tables(quick=False, *, budget=None, n_turns=None, sizes=None):
    """Pairs of a title and a table.

    Parameters
    ----------
    quick : bool
        A small problem, a budget of half a second and three turns.
    budget : float, default=None
        Seconds that a fit may take to reach a level; None is 0.5 or 10.
    n_turns : int, default=None
        None is 3 or 5.
    sizes : list of (int, int), default=None
        Samples and features.
    """
    budget = budget or (0.5 if quick else 10.0)
    n_turns = n_turns or (3 if quick else 5)
    learners = all_learners()
    yield (
        "First fits of all settings: seconds beyond second ones (compilation, import)",
        first_fits(learners),
    )
    yield "Settings tried (rate: times 1/d)", grids(learners)
    for size in sizes or (QUICK_SIZES if quick else SIZES):
        problem = make_problem(*size)
        results = list(races(problem, learners, LEVELS, budget, n_turns))
        names = [learner.name for learner in learners if learner.takes(problem)]
        what = f"{problem.name}, excess training loss"
        yield f"{what}: time of a whole fit", times_table(results, names)
        yield (
            f"{what}: best peer's time over sklopt's",
            ratios_table(problem, results, learners),
        )
        yield f"{what}: settings", settings_table(results)


if __name__ == "__main__":
    run(
        __doc__,
        tables,
        quick="small problems",
        budget=(float, "seconds a fit may take"),
        n_turns=(int, "times that each fit is timed"),
    )
