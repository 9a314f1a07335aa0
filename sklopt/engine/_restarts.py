"""Several starts of one model: where they begin, and which of them go on.

A nonconvex objective has many valleys. Starts are drawn at random, the best of them by
their objective are trained together as candidates on the same mini-batches, and after
every rung the worse half of those still running is dropped.
"""

import numpy as np

from ..kernels._codes import Status
from ._train import join_histories, objective, train
from ._types import Data, History

# Starts drawn for each one that is trained, and the samples that they are judged on.
DRAWN_PER_START = 512
JUDGED_ON = 1000

# The phase that a wave runs through over half the range of the data, in radians.
SLOWEST_PHASE, FASTEST_PHASE = 1.5, 25.0

# Epochs until the first drop; each next rung is twice as far.
FIRST_RUNG = 25


def draw_starts(rng, data, n_starts):
    """Random φ₀…φ_d of waves that lie within the data; (n_starts, n_features + 1).

    The direction of w is uniform. Along it the wave's centre z = 0 is uniform over the
    range of the data, and the phase that z runs through over half of that range is
    log-uniform between 1.5 and 25. z is φ₀ + w·x, without an input scale.
    """
    n_features = data.X.shape[1]
    directions = rng.standard_normal((n_starts, n_features))
    X = data.X[data.weight > 0] if data.weight.size else data.X
    along = directions @ X.T.astype(np.float64)
    low, high = along.min(axis=1), along.max(axis=1)
    phase = np.exp(
        rng.uniform(np.log(SLOWEST_PHASE), np.log(FASTEST_PHASE), size=n_starts)
    )
    half = np.where(high > low, (high - low) / 2, 1.0)
    slope = phase / half
    centre = rng.uniform(low, high)
    return np.column_stack([-slope * centre, slope[:, np.newaxis] * directions])


def some_rows(rng, data):
    """At most `JUDGED_ON` rows of the training set, drawn at random."""
    n_samples = len(data.y)
    if n_samples <= JUDGED_ON:
        return data
    rows = np.sort(rng.choice(n_samples, JUDGED_ON, replace=False))
    weight = data.weight[rows] if data.weight.size else data.weight
    parts = data.X[rows], data.y[rows], weight
    for part in parts:
        part.flags.writeable = False
    return Data(*parts)


def best_starts(data, plan, candidates, phi, n_best):
    """The n_best of many starts (M, P) with the lowest objective, best first.

    `candidates` are as many as there are starts.
    """
    J = objective(data, plan, candidates, phi)
    J = np.where(np.isfinite(J), J, np.inf)
    return phi[np.argsort(J, kind="stable")[:n_best]]


def race(data, plan, candidates, state, max_epochs, *, drops):
    """Train all starts; drop the worse half of the running ones at every rung.

    Parameters
    ----------
    data : Data
    plan : Plan
    candidates : Candidates
    state : State
        Changed in place.
    max_epochs : int
    drops : bool
        Whether any is dropped at all.

    Returns
    -------
    History
    """
    history = History.empty(state.phi, is_path_kept=False)
    rung = FIRST_RUNG if drops else max_epochs
    n_epochs = 0
    while n_epochs < max_epochs and _running(state).any():
        n_more = min(rung, max_epochs) - n_epochs
        more = train(data, plan, candidates, state, n_more, is_divergence_fatal=False)
        history = join_histories(history, more)
        n_epochs, rung = n_epochs + n_more, 2 * rung
        if n_epochs < max_epochs:
            _drop_worse_half(state)
    return history


def _running(state):
    return state.progress["status"] == Status.RUNNING


def _drop_worse_half(state):
    running = np.flatnonzero(_running(state))
    order = np.argsort(state.progress["last"][running], kind="stable")
    n_kept = -(-len(running) // 2)
    state.progress["status"][running[order[n_kept:]]] = Status.DROPPED
