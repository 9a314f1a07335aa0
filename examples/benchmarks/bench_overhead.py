"""What a user waits for besides training: overhead, Ctrl-C, the start of a process.

python examples/benchmarks/bench_overhead.py [--quick]
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from functools import partial

import numpy as np
from measuring import in_turns, judged, make_data, run, sklopt_model
from pandas import DataFrame
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDRegressor
from sklearn.neural_network import MLPRegressor

from sklopt import GradientRegressor

SMALL_FIT_TARGET = 1.5  # ms
INTERRUPT_TARGET = 50.0  # ms
IMPORT_TARGET = {"empty": 8.0, "filled": 1.0}  # s, with the first fit

FITS_IN_A_ROW = 20

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


def fit_in_a_row(model, X, y, n_fits):
    """So many fits, one after the other."""
    for _ in range(n_fits):
        model.fit(X, y)


def measure_small_fit(n_turns):
    """Ten epochs on 100 × 5, where all is overhead.

    In a row, as a search or a loop makes them, and each after a fit of the others,
    which leave little of its code in the caches.
    """
    X, y = make_data(100, 5)
    network = MLPRegressor(
        hidden_layer_sizes=(), alpha=0.0, solver="sgd", momentum=0.0, batch_size=32
    )
    models = {
        "sklopt, mini-batches of 32": sklopt_model(batch_size=32),
        "sklopt, default parameters": GradientRegressor(tol=None),
        "SGDRegressor": SGDRegressor(penalty=None, tol=None, random_state=0),
        "MLPRegressor, mini-batches of 32": network,
    }
    for model in models.values():
        model.set_params(max_iter=10)

    def jobs(n_fits):
        return {
            name: partial(fit_in_a_row, model, X, y, n_fits)
            for name, model in models.items()
        }

    with warnings.catch_warnings():
        # MLPRegressor warns at max_iter whatever its tol.
        warnings.simplefilter("ignore", ConvergenceWarning)
        in_turns(jobs(1), 3)
        in_a_row = in_turns(jobs(FITS_IN_A_ROW), n_turns) / FITS_IN_A_ROW
        after_others = in_turns(jobs(1), n_turns)
    for name in models:
        took = 1e3 * in_a_row[name].median()
        is_ours = name.startswith("sklopt")
        yield {
            "model": name,
            "fit in a row (ms)": took,
            "to the first": (in_a_row[name] / in_a_row.iloc[:, 0]).median(),
            "after other models (ms)": 1e3 * after_others[name].median(),
            **judged(took, "<=", SMALL_FIT_TARGET if is_ours else None),
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
            **judged(max(latency), "<=", INTERRUPT_TARGET),
        }


def start_up(cache):
    """Seconds of importing scikit-learn, sklopt, and of its first fit − its second."""
    environment = os.environ | {"NUMBA_CACHE_DIR": cache}
    command = [sys.executable, "-c", START_UP]
    return json.loads(subprocess.check_output(command, env=environment))


def measure_start_up(n_times):
    """The first fit of a process, with an empty cache and, twice, with a filled one."""
    starts = {"empty": [], "filled": []}
    for _ in range(n_times):
        with tempfile.TemporaryDirectory() as cache:
            for name in ("empty", "filled", "filled"):
                starts[name].append(start_up(cache))
    for name, outcomes in starts.items():
        peer, own, first = np.median(outcomes, axis=0)
        yield {
            "cache": name,
            "import sklearn (s)": peer,
            "import sklopt beyond it (s)": own,
            "first fit − second (s)": first,
            **judged(own + first, "<=", IMPORT_TARGET[name]),
        }


def warm_up():
    """Compile, or load, all that is timed later."""
    for changes in INTERRUPTED.values():
        sklopt_model(max_iter=1, **changes).fit(*make_data(100, 2))


def tables(quick=False, *, shrink=None, n_turns=None):
    """Pairs of a title and a table.

    Parameters
    ----------
    quick : bool
    shrink : int, default=None
        What the numbers of samples and of turns are divided by; None is 1 or 10.
    n_turns : int, default=None
        Moments of an interrupt; a third as many starts with an empty cache. None is 10
        or 5.
    """
    shrink = shrink or (10 if quick else 1)
    n_turns = n_turns or (5 if quick else 10)
    warm_up()
    small = measure_small_fit(max(3, 50 // shrink))
    yield "100 × 5, ten epochs", DataFrame(small)
    interrupts = measure_interrupts(1_000_000 // shrink, 50, n_turns)
    yield "Ctrl-C during a fit of 50 features", DataFrame(interrupts)
    starts = measure_start_up(max(1, n_turns // 3))
    yield "Start-up of a process", DataFrame(starts)


if __name__ == "__main__":
    run(__doc__, tables)
