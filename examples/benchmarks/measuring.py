"""How everything here is timed and shown.

Whatever is compared is timed in turns, A B A B …, in one process, and the ratio is the
median of the ratios of the turns: what disturbs the machine disturbs both sides.
"""

import argparse
import os
import platform
import time
from datetime import date
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

import sklopt
from sklopt import GradientRegressor

PACKAGES = [
    "numpy",
    "scipy",
    "numba",
    "scikit-learn",
    "pandas",
    "torch",
    "cyanure",
    "river",
    "rich",
]


def seconds(job):
    """How long a call takes."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def in_turns(jobs, n_turns):
    """Seconds of each job, a column, in each turn, a row.

    Parameters
    ----------
    jobs : dict of str to callable
    n_turns : int

    Returns
    -------
    DataFrame of shape (n_turns, n_jobs)
    """
    return pd.DataFrame(
        [{name: seconds(job) for name, job in jobs.items()} for _ in range(n_turns)]
    )


def make_data(n_samples, n_features, dtype=np.float64):
    """Independent normal features, whose coefficients are all 1, and noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features), dtype=dtype)
    noise = rng.standard_normal(n_samples, dtype=dtype)
    return X, X @ np.ones(n_features, dtype=dtype) + noise


def make_sparse_data(n_samples, n_features, n_nonzeros):
    """So many normal non-zeros in places drawn for each row, and y without noise."""
    rng = np.random.default_rng(0)
    columns = rng.integers(0, n_features, (n_samples, n_nonzeros), dtype=np.int32)
    starts = np.arange(0, columns.size + 1, n_nonzeros, dtype=np.int32)
    values = rng.standard_normal(columns.size)
    X = csr_array((values, columns.ravel(), starts), shape=(n_samples, n_features))
    X.sum_duplicates()
    return X, X @ rng.standard_normal(n_features)


def sklopt_model(**changes):
    """Plain SGD at a rate that neither diverges nor has to be worked out."""
    settings = {"solver": "sgd", "learning_rate": 1e-3, "tol": None, "random_state": 0}
    return GradientRegressor(**settings | changes)


def fit_epochs(n_epochs, model, X, y):
    """A whole fit of so many epochs."""
    model.set_params(max_iter=n_epochs).fit(X, y)


def epochs_in_turns(sides, n_epochs, n_turns):
    """An epoch, and a whole fit of one epoch, of each side.

    The epoch is a share of what a fit of more epochs takes beyond a fit of one.

    Parameters
    ----------
    sides : dict of str to callable
        Each takes how many epochs it is to train for.
    n_epochs : int
        Of the longer of the two fits.
    n_turns : int

    Returns
    -------
    DataFrame of shape (n_turns, n_sides), twice
    """
    jobs = {
        (length, name): partial(side, length)
        for length in (n_epochs, 1)
        for name, side in sides.items()
    }
    times = in_turns(jobs, n_turns)
    times.columns = pd.MultiIndex.from_tuples(times.columns)
    return (times[n_epochs] - times[1]) / (n_epochs - 1), times[1]


def measure_pass(X, n_turns):
    """One pass of X @ w on one thread: as fast as the memory can be read."""
    w = np.ones(X.shape[1], dtype=X.dtype)
    with threadpool_limits(1):
        return in_turns({"pass": lambda: X @ w}, n_turns)["pass"].median()


def shape_name(n_samples, n_features):
    """1_000_000, 50 → "1M × 50"."""
    for unit, name in ((1_000_000, "M"), (1000, "k")):
        if n_samples >= unit and n_samples % unit == 0:
            return f"{n_samples // unit}{name} × {n_features}"
    return f"{n_samples:,} × {n_features}"


def judged(value, sign, target):
    """Two cells of a table: what must hold, and whether it does.

    Parameters
    ----------
    value : float
    sign : {">=", "<="}
    target : float or None
        None is no target at all.
    """
    if target is None:
        return {"target": "", "met": ""}
    is_met = value >= target if sign == ">=" else value <= target
    return {"target": f"{sign} {target:g}", "met": "yes" if is_met else "no"}


def slope(sizes, times):
    """Exponent p of times ∝ sizesᵖ, by least squares on the logarithms."""
    return np.polyfit(np.log(sizes), np.log(times), 1)[0]


def machine():
    """Date, processor and versions, a line each."""
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    cpu = names[0] if names else platform.processor()
    versions = [f"{name} {_version(name)}" for name in PACKAGES]
    versions.insert(0, f"sklopt {sklopt.__version__}")
    return [
        f"{date.today()}; {cpu}, {os.cpu_count()} cores, {platform.system()}",
        f"Python {platform.python_version()}, {', '.join(versions)}",
    ]


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def cell(value):
    """A figure to three digits; a figure that there is not, a dash."""
    if isinstance(value, float | np.floating):
        return "–" if np.isnan(value) else f"{value:.3g}"
    return str(value)


def show(title, table):
    """Print a table."""
    text = table.map(cell).to_string(index=False)
    print(f"\n{title}\n{text}", flush=True)


def markdown(table):
    """A table for a page."""
    rows = [list(table.columns), ["---"] * table.shape[1], *table.map(cell).to_numpy()]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def run(description, tables, quick="smaller, fewer turns", **options):
    """The command line of a benchmark: print machine and tables.

    Parameters
    ----------
    description : str
        Docstring of the benchmark.
    tables : callable
        Takes `quick` and what the options are called; yields titles and tables.
    quick : str
        What ``--quick`` does.
    **options : tuple of type and str
        Further options, and what they are.
    """
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help=quick)
    for name, (kind, meaning) in options.items():
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, type=kind, default=argparse.SUPPRESS, help=meaning)
    chosen = vars(parser.parse_args())
    print("\n".join(machine()))
    for title, table in tables(**chosen):
        show(title, table)
