"""Seconds of an epoch on mini-batches, dense and sparse, and what callbacks add.

python examples/benchmarks/bench_epoch.py [--quick]
"""

import io
import os
from contextlib import redirect_stdout
from functools import partial
from importlib.util import find_spec
from unittest import mock

import numba
import numpy as np
from measuring import (
    epochs_in_turns,
    fit_epochs,
    in_turns,
    judged,
    make_data,
    make_sparse_data,
    measure_pass,
    run,
    shape_name,
    sklopt_model,
)
from pandas import DataFrame
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.linear_model import SGDRegressor

from sklopt.engine._types import Data
from sklopt.kernels._batches import ask_for_row, rows_ahead
from sklopt.kernels._prefetching import CACHE_LINE

LONG = 6  # epochs of the longer of the two fits that an epoch is measured by

# (samples, features, batch size, target: times as fast as SGDRegressor)
EPOCH_JOBS = [
    (1_000_000, 50, 32, 4.0),
    (1_000_000, 50, 1, 3.0),
    (1_000_000, 10, 32, 6.0),
    (1_000_000, 10, 1, 3.0),
    (200_000, 200, 32, 2.2),
    (200_000, 200, 1, 1.8),
]
# (samples, features, batch size, times SGDRegressor, passes of X @ w)
BLOCK_JOBS = [(1_000_000, 50, 32, 7.0, None), (1_000_000, 50, 256, None, 3.0)]
FLOAT32_TARGET = 1.5
# (samples, features, non-zeros a row), and (batch size, penalty)
SPARSE_SHAPE = 200_000, 50_000, 50
SPARSE_JOBS = [(1, None), (1, "l2"), (32, None), (32, "l2")]
SPARSE_TARGET = 2.0
WATCHING = "Callbacks, the history and the path"
# (samples, features, epochs, how many times as many turns)
WATCHED_JOBS = [(10_000, 10, 50, 10), (1_000_000, 50, 5, 1)]


def sgd_regressor(**changes):
    """The same job for scikit-learn; its loss has a half, so its rate is doubled."""
    settings = {"penalty": None, "learning_rate": "constant", "eta0": 2e-3}
    return SGDRegressor(**settings | {"tol": None, "random_state": 0} | changes)


def compared(n_turns, **sides):
    """An epoch and a whole fit of one epoch of two sides, each a model, X and y."""
    fits = {
        name: partial(fit_epochs, model=model, X=X, y=y)
        for name, (model, X, y) in sides.items()
    }
    epoch, fit = epochs_in_turns(fits, LONG, n_turns)
    first, second = sides
    return {
        f"{first} (s)": epoch[first].median(),
        f"{second} (s)": epoch[second].median(),
        "epoch ratio": (epoch[second] / epoch[first]).median(),
        "fit ratio": (fit[second] / fit[first]).median(),
    }


def in_passes(epoch, X, n_turns):
    """Two cells: a pass of X @ w, and how many of them an epoch takes."""
    one = measure_pass(X, n_turns)
    return {"X @ w (s)": one, "passes": epoch / one}


@numba.njit(nogil=True, fastmath=True)
def look_at_rows(data, order):
    """Fetch every cache line of the rows as epochs do; compute nothing."""
    X, ahead = data.X, rows_ahead(data, order)
    total, step, last = 0.0, CACHE_LINE // X.itemsize, len(order) - 1
    for place, row in enumerate(order):
        ask_for_row(data, order[min(place + ahead, last)])
        total += data.y[row, 0] + X[row, X.shape[1] - 1]
        for column in range(0, X.shape[1], step):
            total += X[row, column]
    return total


def measure_gathering(X, y, n_turns):
    """Looking at all rows in random order, with which a shuffled epoch begins."""
    order = np.random.default_rng(0).permutation(len(X)).astype(np.int32)
    job = partial(look_at_rows, Data(X, y[:, None], np.empty(0)), order)
    job()
    return in_turns({"rows": job}, n_turns)["rows"].median()


def measure_epochs(jobs, n_turns, **changes):
    """An epoch, and a whole fit of one epoch, against SGDRegressor.

    How fast an epoch can be is told by a pass in order, and if the rows are shuffled by
    looking at them in random order.
    """
    for n_samples, n_features, batch_size, target in jobs:
        X, y = make_data(n_samples, n_features)
        ours = sklopt_model(batch_size=batch_size, **changes)
        row = compared(
            n_turns, sklopt=(ours, X, y), SGDRegressor=(sgd_regressor(), X, y)
        )
        if not changes:
            row["rows (s)"] = measure_gathering(X, y, n_turns)
        yield {
            "data": shape_name(n_samples, n_features),
            "batch": batch_size,
            **row,
            **in_passes(row["sklopt (s)"], X, n_turns),
            **judged(row["epoch ratio"], ">=", target),
        }


def measure_blocks(jobs, n_turns):
    """The same with the rows in blocks of a random order."""
    for *job, target, most_passes in jobs:
        (row,) = measure_epochs([(*job, target)], n_turns, shuffle="blocks")
        if most_passes is not None:
            row |= judged(row["passes"], "<=", most_passes)
            row["target"] += " passes"
        yield row


def measure_float32(jobs, n_turns):
    """An epoch in float32 against the same in float64."""
    for n_samples, n_features, batch_size, _ in jobs:
        model = sklopt_model(batch_size=batch_size)
        narrow = model, *make_data(n_samples, n_features, np.float32)
        wide = model, *make_data(n_samples, n_features)
        row = compared(n_turns, float32=narrow, float64=wide)
        narrow_rows, wide_rows = (
            measure_gathering(*side[1:], n_turns) for side in (narrow, wide)
        )
        yield {
            "data": shape_name(n_samples, n_features),
            "batch": batch_size,
            **row,
            "rows ratio": wide_rows / narrow_rows,
            **in_passes(row["float32 (s)"], narrow[1], n_turns),
            **judged(row["epoch ratio"], ">=", FLOAT32_TARGET),
        }


def measure_sparse(shape, jobs, n_turns):
    """An epoch on compressed sparse rows against SGDRegressor, with and without L2."""
    n_samples, n_features, n_nonzeros = shape
    X, y = make_sparse_data(*shape)
    for batch_size, penalty in jobs:
        ours = sklopt_model(batch_size=batch_size, penalty=penalty)
        theirs = sgd_regressor(penalty=penalty, alpha=ours.alpha / 2)
        row = compared(n_turns, sklopt=(ours, X, y), SGDRegressor=(theirs, X, y))
        yield {
            "data": f"{shape_name(n_samples, n_features)}, {n_nonzeros} a row",
            "batch": batch_size,
            "penalty": str(penalty),
            **row,
            **in_passes(row["sklopt (s)"], X, n_turns),
            **judged(row["epoch ratio"], ">=", SPARSE_TARGET),
        }


class Idle:
    """A callback that does nothing, so that only calling it takes time."""

    def setup(self, estimator, context):
        """A fit begins."""

    def teardown(self, estimator, context):
        """A fit is over."""

    def on_fit_task_begin(self, estimator, context):
        """An epoch, or the fit, begins."""

    def on_fit_task_end(self, estimator, context):
        """An epoch, or the fit, is over."""


def watched_models(**settings):
    """The same training with what may look at it, by name; what is absent left out."""

    def model(*callbacks, **changes):
        return sklopt_model(**settings | changes).set_callbacks(*callbacks)

    models = {
        "nobody": model(),
        "nobody, again": model(),
        "a callback that does nothing": model(Idle()),
        "ProgressBar": model(ProgressBar()) if find_spec("rich") else None,
        "ScoringMonitor, R²": model(ScoringMonitor(scoring="r2")),
        'store_path="epoch"': model(store_path="epoch"),
        "store_path=100": model(store_path=100),
        'store_path="step"': model(store_path="step"),
    }
    return {name: model for name, model in models.items() if model is not None}


def fit_and_read(model, X, y):
    """A fit, and the frame of its history."""
    return model.fit(X, y).history_


def measure_watching(jobs, n_turns):
    """Whole fits that are watched, or keep their path, against one that is not."""
    for n_samples, n_features, n_epochs, more_turns in jobs:
        X, y = make_data(n_samples, n_features)
        models = watched_models(batch_size=32, max_iter=n_epochs)
        fits = {name: partial(model.fit, X, y) for name, model in models.items()}
        fits["nobody, and reading history_"] = partial(
            fit_and_read, models["nobody"], X, y
        )
        # Bars are drawn where they think they are seen, here into memory.
        seen = mock.patch.dict(os.environ, FORCE_COLOR="1")
        with seen, redirect_stdout(io.StringIO()):
            times = in_turns(fits, more_turns * n_turns)
        for name in times:
            more = times[name] - times["nobody"]
            yield {
                "data": shape_name(n_samples, n_features),
                "epochs": n_epochs,
                "who watches": name,
                "fit (s)": times[name].median(),
                "to nobody": (times[name] / times["nobody"]).median(),
                "more an epoch (ms)": 1e3 * more.median() / n_epochs,
            }


def warm_up():
    """Compile, or load, all that is timed later."""
    for dtype in (np.float64, np.float32):
        for batch_size in (1, 32):
            model = sklopt_model(batch_size=batch_size)
            fit_epochs(1, model, *make_data(100, 2, dtype))
    fit_epochs(1, sklopt_model(), *make_sparse_data(300, 10_000, 3))


def tables(quick=False, *, shrink=None, n_turns=None):
    """Pairs of a title and a table; quick is a tenth of the samples.

    Parameters
    ----------
    quick : bool
    shrink : int, default=None
        What the numbers of samples are divided by; None is 1 or 10.
    n_turns : int, default=None
        None is 7 or 3.
    """
    shrink = shrink or (10 if quick else 1)
    n_turns = n_turns or (3 if quick else 7)
    warm_up()
    jobs = [(n_samples // shrink, *rest) for n_samples, *rest in EPOCH_JOBS]
    yield "One shuffled epoch", DataFrame(measure_epochs(jobs, n_turns))
    yield "One shuffled epoch in float32", DataFrame(measure_float32(jobs, n_turns))
    jobs = [(n_samples // shrink, *rest) for n_samples, *rest in BLOCK_JOBS]
    title = 'One epoch with shuffle="blocks"'
    yield title, DataFrame(measure_blocks(jobs, n_turns))
    n_samples, *width = SPARSE_SHAPE
    sparse = measure_sparse((n_samples // shrink, *width), SPARSE_JOBS, n_turns)
    yield "One shuffled epoch of sparse rows", DataFrame(sparse)
    jobs = [(n_samples // shrink, *rest) for n_samples, *rest in WATCHED_JOBS]
    yield WATCHING, DataFrame(measure_watching(jobs, n_turns))


if __name__ == "__main__":
    run(__doc__, tables)
