"""How fast, how frugal and how interruptible sklopt trains; see README.md beside it.

Whatever is compared is timed in turns, A B A B …, in one process, and the ratio is the
median of the ratios of the turns: what disturbs the machine disturbs both sides.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import warnings
from datetime import date
from functools import partial
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, Ridge, SGDRegressor
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

import sklopt
from sklopt import GradientRegressor

LONG = 6  # epochs of the longer of the two fits that an epoch is measured by

# (samples, features, batch size, target: times as fast as SGDRegressor)
EPOCH_JOBS = [
    (1_000_000, 50, 32, 3.5),
    (1_000_000, 50, 1, 2.5),
    (1_000_000, 10, 32, 5.0),
    (200_000, 200, 32, None),
]
INTERRUPTED = {
    "full batch": {"solver": "gd", "precompute": False},
    "sufficient statistics": {"solver": "gd", "precompute": True},
    "mini-batch": {"solver": "sgd", "batch_size": 32},
    "line search": {
        "solver": "gd",
        "schedule": "line_search",
        "precompute": False,
    },
    "automatic rate": {"solver": "gd", "learning_rate": "auto"},
}

START_UP = """
import json, time
start = time.perf_counter()
import sklearn.linear_model
peer = time.perf_counter()
from sklopt import GradientRegressor
own = time.perf_counter()
X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
fits = []
for _ in range(2):
    begin = time.perf_counter()
    GradientRegressor().fit(X, y)
    fits.append(time.perf_counter() - begin)
print(json.dumps([peer - start, own - peer, fits[0] - fits[1]]))
"""


def sklopt_model(**changes):
    """Plain SGD at a rate that neither diverges nor has to be worked out."""
    settings = {"solver": "sgd", "learning_rate": 1e-3, "tol": None, "random_state": 0}
    return GradientRegressor(**settings | changes)


def sgd_regressor(**changes):
    """The same job for scikit-learn; its loss has a half, so its rate is doubled."""
    settings = {"penalty": None, "learning_rate": "constant", "eta0": 2e-3}
    return SGDRegressor(**settings | {"tol": None, "random_state": 0} | changes)


def make_data(n_samples, n_features, dtype=np.float64):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features), dtype=dtype)
    noise = rng.standard_normal(n_samples, dtype=dtype)
    return X, X @ np.ones(n_features, dtype=dtype) + noise


def seconds(job):
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def in_turns(jobs, n_turns):
    """Seconds of each job, a column, in each turn, a row."""
    return pd.DataFrame(
        [{name: seconds(job) for name, job in jobs.items()} for _ in range(n_turns)]
    )


def compared(n_turns, **sides):
    """An epoch and a whole fit of one epoch of two sides, each a model, X and y.

    The epoch is a fifth of what a fit of six takes beyond a fit of one.
    """
    jobs = {
        (name, n_epochs): partial(fit_epochs, n_epochs, *side)
        for n_epochs in (LONG, 1)
        for name, side in sides.items()
    }
    times = in_turns(jobs, n_turns)
    epoch = {side: (times[side, LONG] - times[side, 1]) / (LONG - 1) for side in sides}
    first, second = sides
    return {
        f"{first} (s)": epoch[first].median(),
        f"{second} (s)": epoch[second].median(),
        "epoch ratio": (epoch[second] / epoch[first]).median(),
        "fit ratio": (times[second, 1] / times[first, 1]).median(),
    }


def fit_epochs(n_epochs, model, X, y):
    model.set_params(max_iter=n_epochs).fit(X, y)


def measure_pass(X, n_turns):
    """One pass of X @ w on one thread: as fast as the memory can be read."""
    w = np.ones(X.shape[1], dtype=X.dtype)
    with threadpool_limits(1):
        return in_turns({"pass": lambda: X @ w}, n_turns)["pass"].median()


def measure_epochs(jobs, n_turns):
    """An epoch, and a whole fit of one epoch, against SGDRegressor."""
    for n_samples, n_features, batch_size, target in jobs:
        X, y = make_data(n_samples, n_features)
        ours, theirs = sklopt_model(batch_size=batch_size), sgd_regressor()
        yield {
            "data": f"{n_samples:,} × {n_features}",
            "batch": batch_size,
            **compared(n_turns, sklopt=(ours, X, y), SGDRegressor=(theirs, X, y)),
            "epoch target": f">= {target}" if target else "",
            "X @ w (s)": measure_pass(X, n_turns),
        }


def measure_float32(jobs, n_turns):
    """An epoch in float32 against the same in float64."""
    for n_samples, n_features, batch_size, _ in jobs:
        model = sklopt_model(batch_size=batch_size)
        narrow = model, *make_data(n_samples, n_features, np.float32)
        wide = model, *make_data(n_samples, n_features)
        yield {
            "data": f"{n_samples:,} × {n_features}",
            "batch": batch_size,
            **compared(n_turns, float32=narrow, float64=wide),
            "X @ w (s)": measure_pass(narrow[1], n_turns),
        }


def measure_full_batch(n_samples, n_features, n_turns):
    """1000 epochs on sufficient statistics, on the samples, and two direct solvers."""
    X, y = make_data(n_samples, n_features)

    def fit(n_epochs, **changes):
        model = GradientRegressor("nesterov", batch_size=None, tol=None)
        model.set_params(max_iter=n_epochs, **changes)
        return partial(model.fit, X, y)

    few = {"learning_rate": 0.1, "precompute": False}
    times = in_turns(
        {
            "1000 epochs on sufficient statistics": fit(1000),
            'Ridge(solver="cholesky")': partial(Ridge(solver="cholesky").fit, X, y),
            "LinearRegression()": partial(LinearRegression().fit, X, y),
            "one": fit(1, **few),
            "eleven": fit(11, **few),
        },
        n_turns,
    )
    first = times.iloc[:, 0]
    an_epoch = (times.pop("eleven") - times.pop("one")) / 10
    times["1000 epochs on the samples (from 10)"] = 1000 * an_epoch
    for name, column in times.items():
        yield {
            "fit": f"{n_samples:,} × {n_features}, {name}",
            "seconds": column.median(),
            "ratio to the first": (column / first).median(),
        }


def measure_memory(n_samples, n_features):
    """Peak of what a fit allocates beyond X and y, in bytes a sample."""
    for dtype in (np.float64, np.float32):
        X, y = make_data(n_samples, n_features, dtype)
        tracemalloc.start()
        sklopt_model(batch_size=32, max_iter=2).fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        yield {
            "X": f"{n_samples:,} × {n_features} {np.dtype(dtype)}",
            "size of X (MB)": X.nbytes / 1e6,
            "peak beyond it (MB)": peak / 1e6,
            "bytes a sample": peak / n_samples,
            "target": "<= 16",
        }


def measure_small_fit(n_turns):
    """Ten epochs on 100 × 5, where all is overhead."""
    X, y = make_data(100, 5)
    network = MLPRegressor(
        hidden_layer_sizes=(), alpha=0.0, solver="sgd", momentum=0.0, batch_size=32
    )
    models = {
        "sklopt, mini-batches of 32": sklopt_model(batch_size=32),
        "sklopt, default parameters": GradientRegressor(tol=None),
        "SGDRegressor": sgd_regressor(),
        "MLPRegressor, mini-batches of 32": network,
    }
    jobs = {
        name: partial(model.set_params(max_iter=10).fit, X, y)
        for name, model in models.items()
    }
    with warnings.catch_warnings():
        # MLPRegressor warns at max_iter whatever its tol.
        warnings.simplefilter("ignore", ConvergenceWarning)
        in_turns(jobs, 3)
        times = in_turns(jobs, n_turns)
    for name in times:
        yield {
            "model": name,
            "fit (ms)": 1e3 * times[name].median(),
            "to the first": (times[name] / times.iloc[:, 0]).median(),
            "target (ms)": "< 1.5" if name.startswith("sklopt") else "",
        }


def interrupt_latency(model, X, y, delay):
    """Seconds from a SIGINT, sent after a delay, until fit has given way."""
    sent = []

    def interrupt():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(delay, interrupt)
    timer.start()
    try:
        model.fit(X, y)
    except KeyboardInterrupt:
        return time.perf_counter() - sent[0]
    raise RuntimeError("training ended before the interrupt")


def measure_interrupts(n_samples, n_features, n_times):
    """Latency of Ctrl-C at different moments of a long training."""
    # A shell's background jobs are born deaf to Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    X, y = make_data(n_samples, n_features)
    delays = np.linspace(0.05, 1.0, n_times)
    for name, changes in INTERRUPTED.items():
        model = sklopt_model(max_iter=1_000_000, **changes)
        latency = [1e3 * interrupt_latency(model, X, y, delay) for delay in delays]
        yield {
            "training": name,
            "median (ms)": np.median(latency),
            "longest (ms)": max(latency),
            "target (ms)": "<= 50",
        }


def measure_start_up(n_times):
    """The first fit of a process, with an empty cache and with a filled one."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}
        command = [sys.executable, "-c", START_UP]
        outcomes = [
            json.loads(subprocess.check_output(command, env=environment))
            for _ in range(1 + n_times)
        ]
    rows = {"empty": outcomes[0], "filled": np.median(outcomes[1:], axis=0)}
    for name, (peer, own, first) in rows.items():
        yield {
            "cache": name,
            "import sklearn (s)": peer,
            "import sklopt beyond it (s)": own,
            "first fit − second (s)": first,
        }


def warm_up():
    """Compile, or load, all that is timed later."""
    for dtype in (np.float64, np.float32):
        for changes in INTERRUPTED.values():
            sklopt_model(max_iter=1, **changes).fit(*make_data(100, 2, dtype))


def describe_machine():
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    cpu = names[0] if names else platform.processor()
    modules = (np, sklearn, numba, sklopt)
    versions = ", ".join(f"{m.__name__} {m.__version__}" for m in modules)
    print(f"{date.today()}; {cpu}, {os.cpu_count()} cores, {platform.system()}")
    print(f"Python {platform.python_version()}, {versions}")


def show(title, rows):
    table = pd.DataFrame(list(rows))
    print(f"\n{title}\n{table.to_string(index=False, float_format='{:.3g}'.format)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller, fewer turns")
    shrink, n_turns = (10, 3) if parser.parse_args().quick else (1, 7)
    jobs = [(n_samples // shrink, *rest) for n_samples, *rest in EPOCH_JOBS]
    largest = jobs[0][:2]

    describe_machine()
    warm_up()
    show("One shuffled epoch", measure_epochs(jobs, n_turns))
    show("One shuffled epoch in float32", measure_float32(jobs, n_turns))
    show("Full batch", measure_full_batch(*largest, n_turns))
    show("Memory of a fit beyond X and y", measure_memory(*largest))
    show("100 × 5, ten epochs", measure_small_fit(200 // shrink))
    show("Ctrl-C during a fit", measure_interrupts(*largest, n_turns + 3))
    show("Start-up of a process", measure_start_up(n_turns))


if __name__ == "__main__":
    main()
