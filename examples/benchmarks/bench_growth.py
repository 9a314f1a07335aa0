"""Full batch beside what solves at once; growth with n and d; peak memory.

python examples/benchmarks/bench_growth.py [--quick]
"""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
from measuring import (
    fit_epochs,
    in_turns,
    judged,
    make_data,
    run,
    seconds,
    shape_name,
    sklopt_model,
    slope,
)
from pandas import DataFrame
from sklearn.linear_model import LinearRegression, Ridge

from sklopt import GradientRegressor

EPOCHS = 1000
FEW = 10  # epochs on the samples, from which those of 1000 are computed
PRECOMPUTE_TARGET = 100.0
SLOPE_TOLERANCE = 0.05
PASSES = 3  # over the largest data; smaller ones are trained for more epochs
BYTES_A_SAMPLE = 16

WAYS = {
    "batch 32": {"batch_size": 32},
    "batch 1": {"batch_size": 1},
    "batch 32, blocks": {"batch_size": 32, "shuffle": "blocks"},
    "batch 1, blocks": {"batch_size": 1, "shuffle": "blocks"},
    "full batch on the samples": {"solver": "gd", "precompute": False},
    "1000 epochs of nesterov, whole fit": None,
}
MEMORY_WAYS = {
    "batch 32": {"solver": "sgd", "batch_size": 32, "learning_rate": 1e-3},
    "full batch, precompute": {
        "solver": "nesterov",
        "batch_size": None,
        "precompute": True,
    },
    "full batch on the samples": {"solver": "gd", "precompute": False},
}


def full_batch(n_epochs=EPOCHS, **changes):
    """Nesterov with the rate left to sklopt."""
    model = GradientRegressor("nesterov", batch_size=None, tol=None)
    return model.set_params(max_iter=n_epochs, **changes)


def measure_full_batch(n_samples, n_features, n_turns):
    """1000 epochs on sufficient statistics, on the samples, and two direct solvers."""
    X, y = make_data(n_samples, n_features)
    ours = f"{EPOCHS} epochs on sufficient statistics"
    on_samples = f"{EPOCHS} epochs on the samples (computed from {FEW})"
    few = {"learning_rate": 0.1, "precompute": False}
    times = in_turns(
        {
            ours: partial(full_batch().fit, X, y),
            "one Gram product X.T @ X": lambda: X.T @ X,
            'Ridge(solver="cholesky")': partial(Ridge(solver="cholesky").fit, X, y),
            "LinearRegression()": partial(LinearRegression().fit, X, y),
            "one": partial(full_batch(1, **few).fit, X, y),
            "more": partial(full_batch(1 + FEW, **few).fit, X, y),
        },
        n_turns,
    )
    an_epoch = (times.pop("more") - times.pop("one")) / FEW
    times[on_samples] = EPOCHS * an_epoch
    for name, column in times.items():
        ratio = (column / times[ours]).median()
        target = PRECOMPUTE_TARGET if name == on_samples else None
        yield {
            "data": shape_name(n_samples, n_features),
            "fit": name,
            "seconds": column.median(),
            "ratio to the first": ratio,
            **judged(ratio, ">=", target),
        }


def one_unit(changes, X, y, largest):
    """Seconds of an epoch, or of a whole fit of a thousand on the statistics.

    Whatever the samples, as many rows are gone through as by a few epochs on the
    largest data.
    """
    if changes is None:
        return seconds(partial(full_batch(precompute=True).fit, X, y))
    n_epochs = PASSES * largest // len(X)
    model = sklopt_model(**changes)
    longer = seconds(partial(fit_epochs, 1 + n_epochs, model, X, y))
    return (longer - seconds(partial(fit_epochs, 1, model, X, y))) / n_epochs


def measure_growth(shapes, n_turns, along, has_target=False):
    """The exponent p in seconds ∝ sizeᵖ, with the seconds at every size.

    Parameters
    ----------
    shapes : list of (int, int)
        Samples and features, of which one grows.
    n_turns : int
        The sizes are gone through in turns; medians are what counts.
    along : {0, 1}
        Which of them grows.
    has_target : bool
        Whether growth has to be linear.
    """
    times = {(way, shape): [] for way in WAYS for shape in shapes}
    largest = max(n_samples for n_samples, _ in shapes)
    for _ in range(n_turns):
        for shape in shapes:
            X, y = make_data(*shape)
            for way, changes in WAYS.items():
                times[way, shape].append(one_unit(changes, X, y, largest))
    sizes = [shape[along] for shape in shapes]
    for way in WAYS:
        medians = [np.median(times[way, shape]) for shape in shapes]
        # Differences of small times may be lost in noise.
        power = slope(sizes, medians) if min(medians) > 0 else np.nan
        # A thousand epochs are a cost of their own, whatever the samples.
        is_linear = has_target and WAYS[way] is not None
        cells = {
            f"{shape_name(*shape)} (s)": median
            for shape, median in zip(shapes, medians, strict=True)
        }
        yield {
            "training": way,
            **cells,
            "slope": power,
            **judged(abs(power - 1), "<=", SLOPE_TOLERANCE if is_linear else None),
            "target": f"1 ± {SLOPE_TOLERANCE}" if is_linear else "",
        }


# Run by itself, so that nothing that came before has raised the peak.
MEMORY = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from measuring import make_data
from sklopt import GradientRegressor

def status(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(l.split()[1]) for l in lines if l.startswith(field))

n_samples, n_features, dtype, parameters = json.loads(sys.argv[2])
model = GradientRegressor(tol=None, max_iter=2, **parameters)
small = make_data(2000, n_features, dtype)
model.fit(*small)  # compiled, with BLAS's own buffers
X, y = make_data(n_samples, n_features, dtype)
before = status("VmRSS")
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
model.fit(X, y)
print(json.dumps([X.nbytes, status("VmHWM") - before]))
"""


def measure_memory(shapes):
    """Peak of the resident memory of a fit beyond what it was with X and y."""
    if not Path("/proc/self/clear_refs").exists():
        return
    here = str(Path(__file__).parent)
    for n_samples, n_features in shapes:
        # O(d²) for the statistics and a block of rows under way, with room.
        allowed = BYTES_A_SAMPLE * n_samples + 16 * 8 * n_features**2 + 2**22
        for way, parameters in MEMORY_WAYS.items():
            for dtype in ("float64", "float32"):
                job = json.dumps([n_samples, n_features, dtype, parameters])
                command = [sys.executable, "-c", MEMORY, here, job]
                size, peak = json.loads(subprocess.check_output(command))
                yield {
                    "X": f"{shape_name(n_samples, n_features)} {dtype}",
                    "training": way,
                    "X (MB)": size / 1e6,
                    "beyond it (MB)": peak / 1e6,
                    "bytes a sample": peak / n_samples,
                    "allowed (MB)": allowed / 1e6,
                    "met": "yes" if peak <= allowed else "no",
                }


def warm_up():
    """Compile, or load, all that is timed later."""
    X, y = make_data(100, 2)
    for changes in WAYS.values():
        fit_epochs(1, sklopt_model(**changes or {}), X, y)
    for precompute in (True, False):
        full_batch(2, precompute=precompute).fit(X, y)


def tables(quick=False, *, shrink=None, n_turns=None):
    """Pairs of a title and a table; quick is a tenth of the samples.

    Parameters
    ----------
    quick : bool
    shrink : int, default=None
        What the numbers of samples are divided by; None is 1 or 10.
    n_turns : int, default=None
        None is 5 or 3.
    """
    shrink = shrink or (10 if quick else 1)
    n_turns = n_turns or (3 if quick else 5)
    warm_up()
    largest = 1_000_000 // shrink, 50
    yield "Full batch", DataFrame(measure_full_batch(*largest, n_turns))
    by_n = [(n // shrink, 50) for n in (10_000, 30_000, 100_000, 300_000, 1_000_000)]
    growth = measure_growth(by_n, n_turns, along=0, has_target=True)
    title = "Growth with the samples: seconds an epoch, |slope − 1| within the target"
    yield title, DataFrame(growth)
    by_d = [(100_000 // shrink, d) for d in (10, 30, 100, 300)]
    growth = measure_growth(by_d, n_turns, along=1)
    yield "Growth with the features: seconds an epoch", DataFrame(growth)
    shapes = [largest, (200_000 // shrink, 200)]
    yield (
        "Peak memory of a fit, in a process of its own",
        DataFrame(measure_memory(shapes)),
    )


if __name__ == "__main__":
    run(__doc__, tables)
