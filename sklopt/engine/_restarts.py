"""Several starts of one model: where they begin, and which of them go on.

A nonconvex objective has many valleys. Starts are drawn at random, the best of them by
their objective are trained together as candidates on the same mini-batches, and after
every rung the worse half of those still running is dropped.
"""

import numpy as np

from ..kernels._codes import Status
from ._blas import one_blas_thread
from ._objective import PREDICTIONS_AT_ONCE, least_visible, visible_part
from ._threads import running, train_in_threads
from ._train import join_histories
from ._types import History

# Starts that are drawn at least for one feature, by how much more for each further one
# and where that ends, since directions grow in number like powers; and the least for
# each start that is trained.
N_DRAWN = 2048
GROWTH_PER_FEATURE = 8
MOST_DRAWN = 65_536
DRAWN_PER_START = 2

# The samples that starts are judged on, and those that more than `N_DRAWN` of several
# features are sifted on before.
JUDGED_ON = 1000
SIFTED_ON = 150

# The phase that a wave runs through over half the range of the data, in radians.
SLOWEST_PHASE, FASTEST_PHASE = 1.5, 25.0

# Values of a feature further from its quartiles than this many times what lies between
# these are outliers.
WHISKER = 1.5

# A feature that varies by less than this share of its size has no weight at the start.
CONSTANT = 1e-12

# What a start ends as, or still is, that is to be told when no sample sees its wave.
JUDGED = (Status.RUNNING, Status.CONVERGED, Status.STOPPED, Status.STOPPED_EARLY)

# Epochs until the first drop; each next rung is twice as far.
FIRST_RUNG = 25


# On one thread: the sums of BLAS depend on how many there are.
@one_blas_thread()
def draw_best_starts(objective, head_flags, n_starts, seed):
    """φ₀…φ_d of the best of many random starts by their objective on some rows."""
    rng = np.random.default_rng(seed)
    some = _some_rows(rng, objective, JUDGED_ON)
    least = DRAWN_PER_START * n_starts
    n_drawn = max(number_drawn(objective.X.shape[1]), least)
    phi = _draw_starts(rng, some, n_drawn)
    n_judged = max(N_DRAWN, least)
    if n_drawn > n_judged:
        few = _some_rows(rng, some, SIFTED_ON)
        phi = _lowest(few, phi, head_flags, n_judged)
    return _lowest(some, phi, head_flags, n_starts)


def number_drawn(n_features):
    """How many random starts are drawn at least."""
    growth = GROWTH_PER_FEATURE ** min(n_features - 1, 20)
    return min(MOST_DRAWN, N_DRAWN * growth)


def _lowest(objective, phi, head_flags, n_kept):
    """Those φ₀…φ_d of the lowest objective, the lowest first."""
    points = phi
    if objective.has_head:
        # In blocks, since all waves at once may be large.
        n_at_once = max(1, PREDICTIONS_AT_ONCE // len(objective.y))
        blocks = np.split(phi, range(n_at_once, len(phi), n_at_once))
        heads = [_fit_heads(objective, block, *head_flags) for block in blocks]
        points = np.hstack([phi, np.concatenate(heads)])
    J = objective.value(points)
    order = np.argsort(np.where(np.isfinite(J), J, np.inf), kind="stable")
    return phi[order[:n_kept]]


def _some_rows(rng, objective, n_most):
    """The objective on at most `n_most` rows of positive weight, drawn at random."""
    rows = np.flatnonzero(objective.weight > 0)
    if len(rows) > n_most:
        rows = np.sort(rng.choice(rows, n_most, replace=False))
    weight = objective.weight[rows]
    return objective._replace(
        X=objective.X[rows], y=objective.y[rows], weight=weight / weight.mean()
    )


def _draw_starts(rng, objective, n_starts):
    """Random φ₀…φ_d of waves that lie within the data; (n_starts, n_features + 1).

    The direction of w is uniform. Along it the wave's centre z = 0 is uniform over the
    range of the data, and the phase that z runs through over half of that range is
    log-uniform. Every other start takes the range without outliers, or a single sample
    far away would make all waves too wide for the others to tell apart.
    """
    X = objective.X
    directions = rng.standard_normal((n_starts, X.shape[1]))
    directions[:, np.ptp(X, axis=0) <= CONSTANT * np.abs(X).max(axis=0)] = 0.0
    ends = np.empty((n_starts, 2))
    ends[::2] = _range_along(directions[::2], _without_outliers(X))
    ends[1::2] = _range_along(directions[1::2], X)
    low, high = ends.T
    bounds = np.log([SLOWEST_PHASE, FASTEST_PHASE])
    phase = np.exp(rng.uniform(*bounds, size=n_starts))
    slope = phase / np.where(high > low, (high - low) / 2, 1.0)
    centre = rng.uniform(low, high)
    w = slope[:, np.newaxis] * directions / objective.input_scale
    return np.column_stack([-slope * centre, w])


def _range_along(directions, X):
    """The least and the largest of the samples along each direction, (M, 2)."""
    n_at_once = max(1, PREDICTIONS_AT_ONCE // len(X))
    ends = np.empty((len(directions), 2))
    for first in range(0, len(directions), n_at_once):
        block = slice(first, first + n_at_once)
        along = directions[block] @ X.T
        ends[block, 0], ends[block, 1] = along.min(axis=1), along.max(axis=1)
    return ends


def _without_outliers(X):
    """X with the outliers of each feature moved to the next value that is none."""
    return np.column_stack([np.clip(x, *_whiskers(x)) for x in X.T])


def _whiskers(x):
    """The ends of a box plot's whiskers, of the distinct values.

    Of these, since neither repeated samples nor weights change what starts there are.
    """
    x = np.unique(x)
    lower, upper = np.quantile(x, [0.25, 0.75])
    reach = WHISKER * (upper - lower)
    x = x[(x >= lower - reach) & (x <= upper + reach)]
    return x[0], x[-1]


@one_blas_thread()
def with_heads(objective, phi, head_flags):
    """Waves φ₀…φ_d (K, d + 1) with amplitude and offset of least squares, (K, d + 3).

    One by one, since what a sum of BLAS rounds to depends on how many it takes at once,
    and a long training makes much of the last digit of its start.
    """
    heads = [_fit_heads(objective, row[np.newaxis], *head_flags) for row in phi]
    return np.hstack([phi, np.concatenate(heads)])


def _fit_heads(objective, phi, fit_amplitude, fit_offset):
    """Amplitude and offset of least squares for waves φ₀…φ_d (M, d + 1); (M, 2)."""
    y, s = objective.y, objective.weight / objective.weight.sum()
    f = objective._replace(has_head=False).prediction(phi)
    f_mean, y_mean = (f @ s, y @ s) if fit_offset else (np.zeros(len(phi)), 0.0)
    deviation = f - f_mean[:, np.newaxis]
    power = (deviation * deviation) @ s
    amplitude = np.ones(len(phi))
    if fit_amplitude:
        product = deviation @ (s * (y - y_mean))
        np.divide(product, power, out=amplitude, where=power > 0)
    return np.column_stack([amplitude, y_mean - amplitude * f_mean])


def best_of(loss, targets, status):
    """The candidate of the lowest objective for each target, of those that held out.

    A dropped one may have been a trifle lower where a survivor swung about its minimum,
    and one that diverged may have been so before.
    """
    is_lost = np.isin(status, (Status.DROPPED, Status.DIVERGED))
    is_second_rate = ~np.isfinite(loss) | is_lost
    order = np.lexsort((loss, is_second_rate, targets))
    _, first = np.unique(targets[order], return_index=True)
    return order[first]


def mark_saturated(task, state, *, is_chunk):
    """Tell the starts whose wave no sample sees, though there is something to fit.

    A chunk of the data cannot judge the rest: there the wave and its slope must be 0.
    One that was dropped stays so, or it would wake in the next chunk.
    """
    data, plan = task.data, task.plan
    X, y, reached = data.X, data.y[:, 0], state.outcome(plan.stops_early)
    if data.weight.size:
        X, y = X[data.weight > 0], y[data.weight > 0]
    for phi, progress in zip(reached, state.progress, strict=True):
        amplitude, offset = phi[-2:] if plan.has_head else (1.0, 0.0)
        with np.errstate(all="ignore"):
            z = phi[0] + plan.input_scale * (X @ phi[1 : plan.n_weights + 1])
            least = 0.0 if is_chunk else least_visible(y - offset, amplitude)
            is_seen = visible_part(z, plan.window) > least or (y == offset).all()
        if progress["status"] in JUDGED and not is_seen:
            progress["status"] = Status.SATURATED


def race(task, state, max_epochs, *, drops, n_threads, on_epoch=None):
    """Train all starts; drop the worse half of the running ones at every rung.

    Worse are those of a higher objective or, with early stopping, of a higher lowest
    validation loss.

    Parameters
    ----------
    task : Task
    state : State
        Changed in place.
    max_epochs : int
    drops : bool
        Whether any is dropped at all.
    n_threads : int
        How many threads share the candidates; the outcome is the same for any number.
    on_epoch : callable, optional
        Called after every epoch with its entries (K,), all candidates in one thread;
        whether it was the last.

    Returns
    -------
    History
    """
    history = History.empty(state.phi, is_path_kept=False)
    rung = FIRST_RUNG if drops else max_epochs
    n_epochs = 0
    while n_epochs < max_epochs and running(state).any():
        n_more = min(rung, max_epochs) - n_epochs
        more = train_in_threads(
            task,
            state,
            n_more,
            n_threads=n_threads,
            is_divergence_fatal=False,
            on_epoch=on_epoch,
        )
        history = join_histories(history, more)
        n_epochs, rung = n_epochs + n_more, 2 * rung
        if n_epochs < max_epochs:
            by = "lowest" if task.plan.stops_early else "last"
            _drop_worse_half(state.progress, by)
    return history


def _drop_worse_half(progress, by):
    left = np.flatnonzero(progress["status"] == Status.RUNNING)
    order = np.argsort(progress[by][left], kind="stable")
    n_kept = -(-len(left) // 2)
    progress["status"][left[order[n_kept:]]] = Status.DROPPED
