"""The one compiled loop: K candidates walk the same mini-batches.

An epoch is a chain of phases: draw the order (SHUFFLE), walk the mini-batches (WALK),
search along the gradient if a candidate asks for it (PROJECT, SEARCH; see
`_line_search`), judge the averaged parameters if there are such (AVERAGE, which the
caller does), look at the validation rows if there are any (VALIDATE; see
`_validation`), then record and judge (CLOSE). Every phase that visits rows can stop
among them and be taken up again there, since all that the loop knows lives in
arrays. So one call of `advance` trains many epochs of a small problem or a slice of a
single epoch of a large one, and never holds back Ctrl-C.

Names: k counts candidates, p parameters (φ₀ first), row places in the epoch's order.
"""

import math

from . import _costs as cost
from ._averages import average_parameters, phase_after_updates
from ._batches import draw_order, row_at
from ._clipping import clip
from ._codes import Clock, Filled, Phase, Rule, Schedule, Status, Store
from ._compilation import entry_point, kernel
from ._losses import loss_cost
from ._matrices import GROUP_SIZE, add_rows, row_size
from ._models import (
    add_featureless_gradient,
    linear_predictor,
    model_cost,
    prediction_at,
)
from ._nonzeros import (
    add_slopes,
    close_sparse_batch,
    fold_scale,
    open_scales,
    open_sparse_batch,
)
from ._penalties import add_smooth_gradient, penalty_value
from ._proximal import apply_proximal_step, shrink
from ._records import distance, norm, record_point, record_update, remember
from ._rows import row_loss, row_slope, row_weight
from ._rules import apply_rule, look_ahead
from ._schedules import rate_at
from ._single_rows import descend_rows
from ._stopping import judge_epoch


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
    """Add the losses of rows first…stop to each total; the last make it J(φ)."""
    n_rows = data.y.shape[0]
    for row in range(first, stop):
        for k in range(phi.shape[0]):
            z = linear_predictor(plan, data, row, phi, k)
            prediction = prediction_at(plan, z, phi, k)
            total[k] += row_loss(data, plan, candidates[k], row, prediction)
    if stop == n_rows:
        for k in range(phi.shape[0]):
            penalty = penalty_value(plan, candidates[k], phi, k)
            total[k] = total[k] / n_rows + penalty


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
def is_any_running(progress):
    """Whether a candidate still trains."""
    for k in range(progress.size):
        if progress[k].status == Status.RUNNING:
            return True
    return False


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
def walk(data, plan, candidates, state, scratch, record, budget):
    """Walk the mini-batches as far as the budget reaches; returns the cost."""
    n_rows = data.y.shape[0]
    row_cost = cost_of_row(data, plan, state)
    batch_cost = state.phi.size + cost.BATCH
    point = scratch.point if plan.looks_ahead else state.phi
    row = state.clock[Clock.ROW]
    pool_stop = end_of_pool(plan, n_rows, row)
    spent = 0
    if row == 0:
        open_epoch(plan, candidates, state.progress, scratch.tally)
    while row < pool_stop and spent < budget:
        batch_start = row - row % plan.batch_size
        batch_stop = min(batch_start + plan.batch_size, n_rows)
        if row == batch_start:
            open_batch(plan, candidates, state, scratch)
        n_groups = (budget - spent) // (GROUP_SIZE * row_cost) + 1
        stop = min(batch_stop, pool_stop, row + GROUP_SIZE * n_groups)
        share = 1.0 / (batch_stop - batch_start)
        add_gradients(
            data, plan, candidates, state.progress, scratch, point, row, stop, share
        )
        spent += (stop - row) * row_cost
        row = stop
        if stop == batch_stop:
            if batch_stop == n_rows:
                remember(state.phi, scratch.before)
            size = batch_stop - batch_start
            close_batch(plan, candidates, state, scratch, point, size)
            if scratch.batch_weight[0] > 0.0 and not plan.searches_line:
                record_update(plan, state, record)
            spent += batch_cost
            if not is_any_running(state.progress):
                row = n_rows
    leave_walk(plan, state.clock, n_rows, row, pool_stop)
    return spent


@kernel
def walk_by_row(data, plan, candidates, state, scratch, record, budget):
    """Walk the rows as mini-batches of one; the last leaves its gradient behind."""
    n_rows, row = data.y.shape[0], state.clock[Clock.ROW]
    if row == n_rows - 1:
        return walk(data, plan, candidates, state, scratch, record, budget)
    if row == 0:
        open_epoch(plan, candidates, state.progress, scratch.tally)
    row_cost, pool_stop = cost_of_row(data, plan, state), end_of_pool(plan, n_rows, row)
    stop = min(pool_stop, n_rows - 1, row + budget // row_cost + 1)
    descend_rows(data, plan, candidates, state, scratch, record, row, stop)
    is_over = not is_any_running(state.progress)
    leave_walk(plan, state.clock, n_rows, n_rows if is_over else stop, pool_stop)
    return (stop - row) * row_cost


@kernel
def walk_by_nonzeros(data, plan, candidates, state, scratch, record, budget):
    """Walk sparse mini-batches; the last goes the general way, for the record."""
    n_rows, row = data.y.shape[0], state.clock[Clock.ROW]
    last_batch = n_rows - 1 - (n_rows - 1) % plan.batch_size
    if row >= last_batch:
        return walk(data, plan, candidates, state, scratch, record, budget)
    if row == 0:
        open_epoch(plan, candidates, state.progress, scratch.tally)
        open_scales(plan, state.phi, scratch.tally)
    row_cost, pool_stop = cost_of_row(data, plan, state), end_of_pool(plan, n_rows, row)
    spent, is_over = 0, False
    while row < min(pool_stop, last_batch) and spent < budget and not is_over:
        batch_start = row - row % plan.batch_size
        batch_stop = batch_start + plan.batch_size
        if row == batch_start:
            open_sparse_batch(plan, candidates, state.progress, scratch)
        stop = min(batch_stop, pool_stop, row + (budget - spent) // row_cost + 1)
        add_slopes(data, plan, candidates, state, scratch, row, stop, batch_start)
        spent += (stop - row) * row_cost
        row = stop
        if stop == batch_stop:
            spent += close_sparse_batch(
                data, plan, candidates, state, scratch, record, plan.batch_size
            )
            is_over = not is_any_running(state.progress)
    if row >= last_batch or is_over:
        for k in range(candidates.size):
            fold_scale(plan, state.phi, scratch.tally[k], k)
    leave_walk(plan, state.clock, n_rows, n_rows if is_over else row, pool_stop)
    return spent


@kernel
def cost_of_row(data, plan, state):
    """What a row costs all candidates."""
    visit = row_size(data.X) + cost.ROW + model_cost(plan) + loss_cost(plan)
    return state.phi.shape[0] * visit


@kernel
def end_of_pool(plan, n_rows, row):
    """The end of the rows that are shuffled together with this one."""
    return min(n_rows, row - row % plan.pool_size + plan.pool_size)


@kernel
def leave_walk(plan, clock, n_rows, row, pool_stop):
    """Note the row where the walk goes on, or turn to what is due there."""
    clock[Clock.ROW] = row
    if row == n_rows:
        clock[Clock.ROW], clock[Clock.DRAWN] = 0, 0
        clock[Clock.PHASE] = phase_after_walk(plan)
    elif row == pool_stop:
        clock[Clock.PHASE] = Phase.SHUFFLE


@kernel
def phase_after_walk(plan):
    """What is due once all mini-batches have been seen."""
    return Phase.PROJECT if plan.searches_line else phase_after_updates(plan)


@kernel
def open_epoch(plan, candidates, progress, tally):
    """Set the rates of the epoch and forget the losses of the last one."""
    for k in range(candidates.size):
        tally[k].epoch_loss = 0.0
        tally[k].is_live = progress[k].status == Status.RUNNING
        tally[k].rate = rate_at(plan, candidates[k], progress[k])


@kernel
def open_batch(plan, candidates, state, scratch):
    """Forget the last gradient; place the points where the next one is taken."""
    scratch.batch_weight[0] = 0.0
    for k in range(candidates.size):
        tally, progress = scratch.tally[k], state.progress[k]
        tally.batch_loss = 0.0
        for p in range(state.phi.shape[1]):
            scratch.gradient[k, p] = 0.0
        if candidates[k].is_per_update:
            tally.rate = rate_at(plan, candidates[k], progress)
        if plan.looks_ahead:
            rate = tally.rate if candidates[k].rule == Rule.NESTEROV else 0.0
            look_ahead(state.phi, state.slots, k, rate, scratch.point)
            shrink(plan, candidates[k], scratch.point, k, rate)


@kernel
def add_gradients(data, plan, candidates, progress, scratch, point, first, stop, share):
    """Add loss and gradient of rows first…stop at each candidate's point.

    g = Σ s ∇ℓ / |B|, 1/|B| being the `share` of a row. Weights have mean 1 over the
    training set; dividing by |B| and not by the batch's own weight keeps g unbiased.

    Rows come in groups: all are predicted before any is added, so that the processor
    fetches and multiplies the next row while the last one waits for its slope.
    """
    tally = scratch.tally
    rows, pulls, gradient = scratch.rows, scratch.pulls, scratch.gradient
    pool_start = first - first % plan.pool_size
    for start in range(first, stop, GROUP_SIZE):
        size = min(GROUP_SIZE, stop - start)
        for i in range(size):
            row = row_at(data.X, data.y, scratch.order, start + i - pool_start)
            rows[i] = row
            scratch.batch_weight[0] += row_weight(data, row)
            for k in range(point.shape[0]):
                if progress[k].status == Status.RUNNING:
                    z = linear_predictor(plan, data, row, point, k)
                    prediction = prediction_at(plan, z, point, k)
                    loss = row_loss(data, plan, candidates[k], row, prediction)
                    slope = row_slope(data, plan, candidates[k], row, prediction)
                    tally[k].batch_loss += loss
                    pulls[k, i] = add_featureless_gradient(
                        plan, data, row, z, point, k, slope * share, gradient
                    )
        for k in range(point.shape[0]):
            if progress[k].status == Status.RUNNING:
                add_rows(data.X, rows, pulls, size, gradient, k)


@kernel
def close_batch(plan, candidates, state, scratch, point, size):
    """Judge a mini-batch and take its step; one without weight is skipped."""
    for k in range(candidates.size):
        candidate, progress, tally = candidates[k], state.progress[k], scratch.tally[k]
        if progress.status != Status.RUNNING:
            continue
        tally.kept = 1.0
        objective = tally.batch_loss / size + penalty_value(plan, candidate, point, k)
        tally.epoch_loss += size * objective
        if not math.isfinite(objective):
            progress.status = Status.DIVERGED
        elif scratch.batch_weight[0] > 0.0:
            finish_gradient(plan, candidate, point, scratch.gradient, k)
            if plan.clips:
                tally.kept = clip(scratch.gradient, k, candidate.largest_norm)
            if candidate.schedule != Schedule.LINE_SEARCH:
                apply_rule(
                    candidate,
                    state.phi,
                    state.slots,
                    scratch.gradient,
                    k,
                    tally.rate,
                    progress.slot_age,
                )
                apply_proximal_step(
                    plan,
                    candidate,
                    state.phi,
                    state.slots,
                    k,
                    tally.rate,
                    progress.slot_age,
                )
                progress.n_updates += 1
                progress.slot_age += 1
                if plan.averages:
                    average_parameters(candidate, progress, state.phi, state.average, k)


@kernel
def finish_gradient(plan, candidate, point, gradient, k):
    """Add the penalty's smooth part to g; take out of it what is not trained."""
    add_smooth_gradient(plan, candidate, point, k, 1.0, gradient)
    for p in range(gradient.shape[1]):
        if not plan.is_trained[p]:
            gradient[k, p] = 0.0


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
            if scratch.batch_weight[0] > 0.0:
                length = norm(scratch.gradient, k)
                entry.gradient_norm = length / tally.kept if plan.clips else length
            if plan.averages:
                entry.averaged_loss = tally.averaged_loss
            if plan.validates:
                entry.validation_loss = tally.validation_loss
                entry.validation_score = tally.validation_score
            if progress.status == Status.RUNNING:
                if scratch.batch_weight[0] > 0.0:
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
