"""Training: give the compiled loop its memory, call it in slices, join its records."""

from functools import partial, reduce
from operator import iadd
from time import perf_counter

import numpy as np

from ..kernels import _costs as cost
from ..kernels._codes import (
    Bracket,
    Clock,
    Filled,
    Loss,
    Model,
    Phase,
    Ray,
    Status,
    Store,
)
from ..kernels._epoch import (
    add_objective,
    advance,
    advance_by_nonzeros,
    advance_by_row,
)
from ..kernels._line_search import search_line
from ..kernels._matrices import GROUP_SIZE
from ..kernels._validation import validate
from ._cores import cores_for
from ._losses import best_constant
from ._rows import let_go, mapped_file, row_size, rows_from_all_over
from ._types import TALLY, Data, History, Record, Scratch, empty_entries, read_only

TOO_LARGE = (
    "The objective is not finite at the start: y, X or init is too large in magnitude."
)

# One call of the compiled loop, in multiply-adds: about 10 ms, so that Ctrl-C is heard.
CALL_BUDGET = 8_000_000
# A mapped file is let go of between calls: shorter ones leave less of it in memory.
BUDGET_SHARE_OF_FILES = 4

# Size of the rows that one candidate sees before the next one does: what stays in the
# first cache, beside parameters and gradient. Beyond so many groups nothing is gained.
BYTES_TOGETHER = 2**14
MOST_GROUPS = 16

# What a part of J costs, each candidate: some milliseconds.
PART_COST = 8_000_000
# What a row costs at most beside its multiply-adds.
COSTLIEST_ROW = cost.ROW + cost.WAVE + cost.LINK

# Epochs that the first record holds; each next one holds twice as many, up to a limit.
FIRST_RECORD = 32
LONGEST_RECORD = 4096
LARGEST_PATH = 2**23  # numbers

# Rows that the averaged parameters are judged on after every epoch, of which all would
# cost a fifth; and the last parameters beside published ones that are others.
SAMPLED = 10_000

# Rows that tell whether new data are of another scale, and what J rises by if so.
LEADING = 1000
SMALLEST_JUMP = 1e3


def objective(task, phi):
    """J(φ) of every candidate, at parameters of shape (K, P); shape (K,).

    A sum of parts that the cores share. How many rows are in one depends on the width
    of X alone, so that no digit does on who else is trained, by how many threads.
    """
    n_samples, row_cost = len(task.data.y), most_of_row(task.data.X)
    n_rows = PART_COST // row_cost + 1
    parts = (
        range(first, min(first + n_rows, n_samples))
        for first in range(0, n_samples, n_rows)
    )
    work = n_samples * row_cost * len(phi) if n_samples > n_rows else 0
    with np.errstate(all="ignore"), cores_for(work) as cores:
        part_of = partial(_part_of_objective, cores, task, phi)
        return reduce(iadd, cores.map(part_of, parts))


def _part_of_objective(cores, task, phi, rows):
    """What some rows have in J(φ), (K,), in calls after which Ctrl-C is heeded."""
    data, part = task.data, np.zeros(len(phi))
    compiled = data.compiled
    row_cost = len(phi) * most_of_row(data.X)
    step = budget_for(data.X, CALL_BUDGET) // row_cost + 1
    for first in rows[::step]:
        if cores.is_left:
            break
        stop = min(first + step, rows.stop)
        add_objective(compiled, task.plan, task.candidates, phi, first, stop, part)
        let_go(data.X, data.y)
    return part


def most_of_row(X):
    """What a row of X costs a candidate at most."""
    return row_size(X) + COSTLIEST_ROW


def budget_for(X, budget):
    """What is done on X in one go: less on a mapped file, which is then let go of."""
    return budget // BUDGET_SHARE_OF_FILES if mapped_file(X) is not None else budget


def objectives(task, published, last):
    """J at the published parameters; on the sample at these and at the last ones.

    And on the leading rows at the last ones.
    """
    J = sampled = final = objective(task, published)
    if task.sample is not task.data:
        sampled = objective(task.on_sample, published)
    if not task.plan.publishes_last:
        final = objective(task.on_sample, last)
    rows = leading_rows(task.data)
    is_sample = rows is task.sample
    leading = final if is_sample else objective(task._replace(data=rows), last)
    return J, sampled, final, leading


def sample_of(data):
    """The data, or `SAMPLED` rows that tell J of all.

    They are drawn in proportion to their weights, one from each of as many stretches of
    equal weight: no row is missed that outweighs the others, and no period of the rows
    is that of the sample.
    """
    n_samples = len(data.y)
    if n_samples <= SAMPLED or data.is_condensed:
        return data
    places = np.arange(SAMPLED) + np.random.default_rng(0).random(SAMPLED)
    if data.weight.size:
        until = np.cumsum(data.weight, dtype=np.float64)
        until *= SAMPLED / until[-1]
        rows = np.searchsorted(until, places, side="right")
        rows = np.minimum(rows, np.flatnonzero(data.weight)[-1])
    else:
        rows = np.minimum(places * (n_samples / SAMPLED), n_samples - 1).astype(np.intp)
    X = rows_from_all_over(data.X, rows)
    return Data(*map(read_only, (X, data.y[rows], data.weight[:0])))


def leading_rows(data):
    """The data, or the first rows with weight, by which new data are known as such."""
    if len(data.y) <= LEADING or data.is_condensed:
        return data
    rows, weight = slice(LEADING), data.weight
    if weight.size:
        rows = np.flatnonzero(weight)[:LEADING]
        weight = weight[rows] / weight[rows].mean(dtype=np.float64)
        weight = weight.astype(data.weight.dtype)
    return Data(*map(read_only, (data.X[rows], data.y[rows], weight)))


def judge_averages(task, state, scratch):
    """Take J of the averaged parameters, on the sample, where it is due."""
    if state.clock[Clock.PHASE] != Phase.AVERAGE:
        return
    scratch.tally["averaged_loss"] = objective(task.on_sample, state.average)
    is_validated = task.plan.validates
    state.clock[Clock.PHASE] = Phase.VALIDATE if is_validated else Phase.CLOSE


def judge_start(task, state, is_new):
    """Set what later objectives are measured by.

    `reference` is the largest J(0) of all data so far, and J(φ) at the first start or
    where the data have moved away from it (see `_moved`);
    `trivial` the lowest J of a prediction that heeds no feature.
    """
    constant = np.zeros((len(state.phi), 1))
    featureless = _featureless(task)
    reference = objective(featureless, constant)
    if is_new and state.phi.any():
        reference = np.maximum(reference, objective(task, state.phi))
    elif not is_new:
        reference = np.maximum(reference, _moved(task, state))
    if not np.isfinite(reference).all():
        raise ValueError(TOO_LARGE)
    if _has_constant(task.plan):
        constants = _best_constants(task.data, task.plan)
        constant[:, 0] = constants[task.candidates["target"]]
    progress = state.progress
    progress["reference"] = np.maximum(progress["reference"], reference)
    progress["trivial"] = objective(featureless, constant)


def _best_constants(data, plan):
    """φ₀ of the lowest objective without features, for each target."""
    if data.is_condensed:  # which is for squared error
        return data.bias @ data.y / (data.bias @ data.bias)
    loss = Loss(plan.loss), plan.loss_parameter
    return np.array([best_constant(*loss, y, data.weight) for y in data.y.T])


def _moved(task, state):
    """What `reference` is on new data, if these are of another scale.

    Where J rises at once, as no training does, it is the data that have changed, and
    the reference with them, by the same factor: what J had grown by before, it has
    still grown by. Yet it is J at the start at most, as that of a first training.
    """
    before, reference = state.progress["leading"], state.progress["reference"]
    now = objective(task._replace(data=leading_rows(task.data)), state.phi)
    with np.errstate(over="ignore"):
        has_jumped = (before > 0.0) & (now > SMALLEST_JUMP * before)
        jump = np.divide(now, before, out=np.ones_like(now), where=has_jumped)
        moved = jump * reference
    if has_jumped.any():
        moved = np.minimum(moved, objective(task, state.phi))
    return np.where(has_jumped, moved, reference)


def _featureless(task):
    """The same with φ₀ as the prediction; every model predicts 0 at φ = 0."""
    data = task.data._replace(X=task.data.X[:, :0])
    constant = {"model": int(Model.LINEAR), "has_head": False, "n_weights": 0}
    return task._replace(data=data, plan=task.plan._replace(**constant))


def _has_constant(plan):
    """Whether the model can learn to predict any constant."""
    if plan.has_head:
        return plan.is_trained[-1]
    return plan.model == Model.LINEAR and plan.is_trained[0]


def train(
    task,
    state,
    max_epochs,
    *,
    is_divergence_fatal,
    is_cancelled=lambda: False,
    on_epoch=None,
):
    """Train every candidate for at most `max_epochs` more epochs.

    Parameters
    ----------
    task : Task
    state : State
        Where to begin; changed in place. Only candidates that are running go on.
    max_epochs : int
    is_divergence_fatal : bool
        Whether the epoch in which one of them diverges is the last of all.
    is_cancelled : callable
        Asked every few milliseconds whether the outcome is still wanted; else the state
        is left in the middle of an epoch.
    on_epoch : callable, optional
        Called after every epoch with its entries (K,); whether it was the last.

    Returns
    -------
    History
        Of these epochs. Rows of a candidate that has stopped are NaN.
    """
    data, plan, candidates = task.data, task.plan, task.candidates
    scratch = _scratch(data, plan, state)
    budget = budget_for(data.X, CALL_BUDGET)
    turn, compiled = _loop(plan), data.compiled
    validation = task.validation and task.validation.compiled
    records, n_epochs, capacity = [], 0, 1 if on_epoch else FIRST_RECORD
    # Overflow is how a divergence shows; the loop looks for it by itself.
    with np.errstate(all="ignore"):
        while n_epochs < max_epochs and _is_unfinished(state, is_divergence_fatal):
            record = _record(data, plan, state, min(capacity, max_epochs - n_epochs))
            timer = _Timer(record)
            while record.filled[Filled.EPOCHS] < len(record.entries):
                if not _is_unfinished(state, is_divergence_fatal) or is_cancelled():
                    break
                turn(compiled, plan, candidates, state, scratch, record, budget)
                if plan.searches_line:
                    search_line(compiled, plan, candidates, state, scratch, budget)
                if plan.averages:
                    judge_averages(task, state, scratch)
                if plan.validates:
                    validate(validation, plan, candidates, state, scratch, budget)
                let_go(data.X, data.y)
                timer.look()
            records.append(record)
            if is_cancelled():
                break
            n_epochs += int(record.filled[Filled.EPOCHS])
            if on_epoch is None:
                capacity = min(2 * capacity, LONGEST_RECORD)
            elif on_epoch(record.entries[-1]):
                status = state.progress["status"]
                status[status == Status.RUNNING] = Status.STOPPED
    return History(
        entries=np.concatenate([r.entries[: r.filled[Filled.EPOCHS]] for r in records]),
        path=np.concatenate([r.path[: r.filled[Filled.POINTS]] for r in records]),
    )


def _loop(plan):
    """The entry point that trains by a plan."""
    if plan.is_by_nonzeros:
        return advance_by_nonzeros
    return advance_by_row if plan.is_by_row else advance


class _Timer:
    """Writes down how long epochs took.

    The compiled loop has no clock: epochs that end within one call of it, which is
    about 10 ms, share its time.
    """

    def __init__(self, record):
        self._record, self._n_epochs, self._then = record, 0, perf_counter()

    def look(self):
        """Share the time among the epochs that have ended since."""
        n_epochs = int(self._record.filled[Filled.EPOCHS])
        if n_epochs > self._n_epochs:
            now = perf_counter()
            ended = slice(self._n_epochs, n_epochs)
            share = (now - self._then) / (n_epochs - self._n_epochs)
            self._record.entries["seconds"][ended] = share
            self._n_epochs, self._then = n_epochs, now


def join_histories(first, second):
    """One history after another."""
    return History(*(np.concatenate(pair) for pair in zip(first, second, strict=True)))


def _is_unfinished(state, is_divergence_fatal):
    """Whether an epoch waits for its end, or another one is to come."""
    clock = state.clock
    if clock[Clock.PHASE] != Phase.SHUFFLE or clock[Clock.ROW] > 0:
        return True
    status = state.progress["status"]
    if is_divergence_fatal and (status == Status.DIVERGED).any():
        return False
    return (status == Status.RUNNING).any()


def _scratch(data, plan, state):
    n_samples = len(data.y)
    n_candidates, n_params = state.phi.shape
    index_dtype = np.int32 if n_samples <= np.iinfo(np.int32).max else np.int64
    n_searched = n_candidates if plan.searches_line else 0
    n_pooled = min(plan.pool_size, n_samples)
    n_blocks = n_samples // plan.block_size if plan.block_size else 0
    n_together = _rows_together(data, plan)
    return Scratch(
        point=np.empty((n_candidates, n_params)),
        gradient=np.empty((n_candidates, n_params)),
        before=np.empty((n_candidates, n_params)),
        tally=np.zeros(n_candidates, dtype=TALLY),
        batch_weight=np.zeros(1),
        rows=np.empty(n_together, dtype=np.intp),
        pulls=np.empty((n_candidates, n_together)),
        running=np.empty(n_candidates, dtype=np.intp),
        order=np.empty(n_pooled if plan.is_shuffled else 0, dtype=index_dtype),
        blocks=np.empty(n_blocks + 1 if n_blocks else 0, dtype=index_dtype),
        ray=np.empty((n_searched, len(Ray), n_samples)),
        bracket=np.empty((n_searched, len(Bracket), 4)),
    )


def _rows_together(data, plan):
    """Rows that are seen before the next ones: groups of what fits into the cache.

    By non-zeros a whole mini-batch, since its slopes wait for its end. Otherwise it
    does not depend on how many candidates there are: threads that share them would
    change sums.
    """
    if plan.is_by_nonzeros:
        return plan.batch_size
    group_bytes = GROUP_SIZE * row_size(data.X) * data.X.dtype.itemsize
    n_groups = BYTES_TOGETHER // max(1, group_bytes)  # a sparse row may be empty
    return GROUP_SIZE * min(max(1, n_groups), MOST_GROUPS)


def _record(data, plan, state, n_epochs):
    n_candidates, n_params = state.phi.shape
    points, epochs = _points_per_epoch(data, plan)
    if points:
        largest = LARGEST_PATH * epochs // (points * state.phi.size)
        n_epochs = min(n_epochs, max(1, largest))
    n_points = -(-n_epochs * points // epochs)
    return Record(
        entries=empty_entries(n_epochs, n_candidates),
        path=np.empty((n_points, n_candidates, n_params)),
        filled=np.zeros(len(Filled), dtype=np.int64),
    )


def _points_per_epoch(data, plan):
    """How many points of the path how many epochs make, at most."""
    if plan.store == Store.STEP:
        return -(-len(data.y) // plan.batch_size), plan.store_every
    return int(plan.store == Store.EPOCH), 1
