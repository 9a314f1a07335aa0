"""The one compiled loop: K candidates walk the same mini-batches.

An epoch is a chain of phases: draw the order (SHUFFLE), walk the mini-batches (WALK;
see `_mini_batches`, and for plain descent `_single_rows` and `_nonzeros`), search along
the gradient if a candidate asks for it (PROJECT, SEARCH; see `_line_search`), judge the
averaged parameters if there are such (AVERAGE, which the caller does), look at the
validation rows if there are any (VALIDATE; see `_validation`), then record and judge
(CLOSE). Every phase that visits rows can stop among them and be taken up again there,
since all that the loop knows lives in arrays. So one call of `advance` trains many
epochs of a small problem or a slice of a single epoch of a large one, and never holds
back Ctrl-C.

Names: k counts candidates, p parameters (φ₀ first), row places in the epoch's order.
"""

from . import _costs as cost
from ._batches import draw_order
from ._codes import Clock, Filled, Phase, Status, Store
from ._compilation import entry_point, kernel
from ._mini_batches import walk
from ._models import linear_predictor, prediction_at
from ._nonzeros import walk_by_nonzeros
from ._penalties import penalty_value
from ._records import distance, norm, record_point, record_update
from ._rows import row_loss
from ._single_rows import walk_by_row
from ._stopping import judge_epoch
from ._walking import is_any_running


@entry_point
def advance(data, plan, candidates, state, scratch, record, budget):
    """Train until the budget is spent, the record is full or no candidate runs.

    What is due of line search, averages and validation returns to the caller as well.
    """
    turn_clock(walk, data, plan, candidates, state, scratch, record, budget)


@entry_point
def advance_by_row(data, plan, candidates, state, scratch, record, budget):
    """The same for plans that are `is_by_row`, so that only these compile that way."""
    turn_clock(walk_by_row, data, plan, candidates, state, scratch, record, budget)


@entry_point
def advance_by_nonzeros(data, plan, candidates, state, scratch, record, budget):
    """The same for plans that are `is_by_nonzeros`."""
    turn_clock(walk_by_nonzeros, data, plan, candidates, state, scratch, record, budget)


@entry_point
def add_objective(data, plan, candidates, phi, first, stop, total):
    """Add what rows first…stop have in each J(φ), and behind the last the penalty."""
    n_rows = data.y.shape[0]
    share = 1.0 / n_rows
    for row in range(first, stop):
        for k in range(phi.shape[0]):
            z = linear_predictor(plan, data, row, phi, k)
            prediction = prediction_at(plan, z, phi, k)
            loss = row_loss(data, plan, candidates[k], row, prediction)
            total[k] += share * loss
    if stop == n_rows:
        for k in range(phi.shape[0]):
            total[k] += penalty_value(plan, candidates[k], phi, k)


@kernel
def turn_clock(walk, data, plan, candidates, state, scratch, record, budget):
    """Go through the phases of the epochs, as far as they are for the compiled loop."""
    clock = state.clock
    while (
        budget > 0
        and record.filled[Filled.EPOCHS] < record.entries.shape[0]
        and (is_any_running(state.progress) or clock[Clock.PHASE] == Phase.CLOSE)
    ):
        if clock[Clock.PHASE] == Phase.SHUFFLE:
            budget -= shuffle(data, plan, clock, scratch, budget)
        elif clock[Clock.PHASE] == Phase.WALK:
            budget -= walk(data, plan, candidates, state, scratch, record, budget)
        elif clock[Clock.PHASE] == Phase.CLOSE:
            close_epoch(data, plan, candidates, state, scratch, record)
        else:
            return


@kernel
def shuffle(data, plan, clock, scratch, budget):
    """Draw the order of a pool, as far as the budget reaches; returns the cost."""
    if not plan.is_shuffled:
        clock[Clock.PHASE] = Phase.WALK
        return 0
    order, blocks, n_rows = scratch.order, scratch.blocks, data.y.shape[0]
    last = blocks.size + min(n_rows, clock[Clock.ROW] + plan.pool_size)
    first = clock[Clock.DRAWN]
    stop = min(last, first + budget // cost.SHUFFLE + 1)
    draw_order(order, blocks, plan, n_rows, clock[Clock.EPOCH], first, stop)
    clock[Clock.DRAWN] = stop
    if stop == last:
        clock[Clock.PHASE] = Phase.WALK
    return (stop - first) * cost.SHUFFLE


@kernel
def close_epoch(data, plan, candidates, state, scratch, record):
    """Write the epoch down, judge it, and turn the clock."""
    epoch = record.filled[Filled.EPOCHS]
    for k in range(candidates.size):
        tally, progress = scratch.tally[k], state.progress[k]
        if tally.is_live:
            loss = tally.epoch_loss / data.y.shape[0]
            entry = record.entries[epoch, k]
            entry.loss = loss
            entry.rate = tally.rate
            entry.n_updates = progress.n_updates
            if plan.averages:
                entry.averaged_loss = tally.averaged_loss
            if plan.validates:
                entry.validation_loss = tally.validation_loss
                entry.validation_score = tally.validation_score
            if progress.status == Status.RUNNING:
                if scratch.batch_weight[0] > 0.0:
                    length = norm(scratch.gradient, k)
                    entry.gradient_norm = length / tally.kept if plan.clips else length
                    entry.step_norm = distance(state.phi, scratch.before, k)
                judged = tally.validation_loss if plan.stops_early else loss
                judge_epoch(plan, candidates[k], progress, loss, judged)
            progress.n_epochs += 1
    if plan.store == Store.EPOCH:
        record_point(state.phi, record)
    if plan.searches_line:
        record_update(plan, state, record)
    record.filled[Filled.EPOCHS] += 1
    state.clock[Clock.EPOCH] += 1
    state.clock[Clock.PHASE], state.clock[Clock.ROW] = Phase.SHUFFLE, 0
