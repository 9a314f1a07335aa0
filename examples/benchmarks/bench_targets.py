"""Seconds of an epoch that trains many targets at once.

python examples/benchmarks/bench_targets.py [--quick]
"""

import warnings
from functools import partial

import numba
import numpy as np
from measuring import epochs_in_turns, fit_epochs, run, shape_name, sklopt_model
from pandas import DataFrame
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from sklopt.kernels._matrices import prefetch_row

LONG = 4  # epochs of the longer of the two fits that an epoch is measured by
BATCH_SIZE = 32

SIDES = ["sklopt", "two threads", "np.dot", "MLPRegressor"]

# (samples, features, targets)
JOBS = [
    (100_000, 50, 1),
    (100_000, 50, 8),
    (100_000, 50, 50),
    (100_000, 10, 50),
    (64_000, 200, 50),
]


def make_targets(n_samples, n_features, n_targets):
    """Independent normal features, and targets with coefficients of their own."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    Y = X @ rng.standard_normal((n_features, n_targets))
    return X, Y + rng.standard_normal(Y.shape)


def our_model(**changes):
    """Plain descent on the same mini-batches."""
    return sklopt_model(batch_size=BATCH_SIZE, **changes)


def network():
    """The same model for scikit-learn; its loss has a half, so its rate is doubled."""
    return MLPRegressor(
        hidden_layer_sizes=(),
        solver="sgd",
        momentum=0.0,
        alpha=0.0,
        batch_size=BATCH_SIZE,
        learning_rate_init=2e-3,
        tol=0.0,
        n_iter_no_change=LONG,
        random_state=0,
    )


@numba.njit(nogil=True, fastmath=True)
def descend_by_dot(X, Y, order, weights, rate):
    """An epoch of descent on mini-batches with the products of np.dot, and no more.

    There is no intercept, no choice of loss, rule or penalty, and no curve.
    """
    batch = np.empty((BATCH_SIZE, X.shape[1]))
    errors = np.empty((BATCH_SIZE, Y.shape[1]))
    gradient, last = np.empty_like(weights), len(order) - 1
    for start in range(0, len(order) - BATCH_SIZE + 1, BATCH_SIZE):
        for i in range(BATCH_SIZE):
            upcoming = order[min(start + i + BATCH_SIZE, last)]
            prefetch_row(X, upcoming)
            prefetch_row(Y, upcoming)
            batch[i] = X[order[start + i]]
        np.dot(batch, weights.T, errors)
        for i in range(BATCH_SIZE):
            errors[i] -= Y[order[start + i]]
        np.dot(errors.T, batch, gradient)
        weights -= (2 * rate / BATCH_SIZE) * gradient


def by_dot(n_epochs, X, Y, orders):
    """So many epochs of that, in orders that were drawn before."""
    weights = np.zeros((Y.shape[1], X.shape[1]))
    for order in orders[:n_epochs]:
        descend_by_dot(X, Y, order, weights, 1e-3)


def by_network(n_epochs, X, Y):
    """So many epochs of scikit-learn's, which warns that these are few."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit_epochs(n_epochs, network(), X, Y[:, 0] if Y.shape[1] == 1 else Y)


def measure_targets(jobs, n_turns):
    """An epoch in one thread and in two, by np.dot, and of a network of no layers."""
    rng = np.random.default_rng(0)
    for n_samples, n_features, n_targets in jobs:
        X, Y = make_targets(n_samples, n_features, n_targets)
        orders = [rng.permutation(n_samples).astype(np.int32) for _ in range(LONG)]
        sides = {
            "sklopt": partial(fit_epochs, model=our_model(), X=X, y=Y),
            "np.dot": partial(by_dot, X=X, Y=Y, orders=orders),
            "MLPRegressor": partial(by_network, X=X, Y=Y),
        }
        if n_targets > 1:
            sides["two threads"] = partial(
                fit_epochs, model=our_model(n_jobs=2), X=X, y=Y
            )
        with threadpool_limits(1):  # of BLAS
            epoch, _ = epochs_in_turns(sides, LONG, n_turns)
        seconds = epoch.median().reindex(SIDES)  # of one target, no two threads
        ratio = epoch.div(epoch["sklopt"], axis=0).median()
        yield {
            "data": shape_name(n_samples, n_features),
            "targets": n_targets,
            **seconds.add_suffix(" (s)"),
            "ns a row and target": 1e9 * seconds["sklopt"] / (n_samples * n_targets),
            "MLPRegressor ratio": ratio["MLPRegressor"],
            "np.dot ratio": ratio["np.dot"],
        }


def warm_up():
    """Compile, or load, all that is timed later."""
    X, Y = make_targets(100, 2, 2)
    fit_epochs(1, our_model(), X, Y)
    by_dot(1, X, Y, [np.arange(100, dtype=np.int32)])


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
    warm_up()
    jobs = [(n_samples // shrink, *rest) for n_samples, *rest in JOBS]
    title = "One shuffled epoch of many targets, batch 32"
    yield title, DataFrame(measure_targets(jobs, n_turns or (3 if quick else 5)))


if __name__ == "__main__":
    run(__doc__, tables)
