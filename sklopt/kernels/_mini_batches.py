"""Mini-batches of any size under any rule: all gradients, then a step."""

import math

from . import _costs as cost
from ._averages import average_parameters
from ._batches import places_ahead, row_at
from ._clipping import clip
from ._codes import Clock, Rule, Schedule, Status
from ._compilation import kernel
from ._matrices import GROUP_SIZE, add_rows
from ._models import add_featureless_gradient, linear_predictor, prediction_at
from ._penalties import add_smooth_gradient, penalty_value
from ._proximal import apply_proximal_step, shrink
from ._records import record_update, remember
from ._rows import row_loss, row_slope, row_weight
from ._rules import apply_rule, look_ahead
from ._schedules import rate_at
from ._walking import cost_of_row, end_of_pool, is_any_running, leave_walk, open_epoch


@kernel
def walk(data, plan, candidates, state, scratch, record, budget):
    """Walk the mini-batches as far as the budget reaches; returns the cost."""
    n_rows = data.y.shape[0]
    row_cost = cost_of_row(data, plan, state)
    batch_cost = state.phi.size * cost.PARAMETER + cost.BATCH
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
    rows, pulls, gradient = scratch.rows, scratch.pulls, scratch.gradient
    pool_start = first - first % plan.pool_size
    ahead = places_ahead(data, plan, scratch)
    for start in range(first, stop, GROUP_SIZE):
        size = min(GROUP_SIZE, stop - start)
        for i in range(size):
            rows[i] = row_at(data, plan, scratch, pool_start, start + i, ahead)
            scratch.batch_weight[0] += row_weight(data, rows[i])
        for k in range(point.shape[0]):
            if progress[k].status == Status.RUNNING:
                loss = 0.0
                for i in range(size):
                    z = linear_predictor(plan, data, rows[i], point, k)
                    prediction = prediction_at(plan, z, point, k)
                    loss += row_loss(data, plan, candidates[k], rows[i], prediction)
                    slope = row_slope(data, plan, candidates[k], rows[i], prediction)
                    pulls[k, i] = add_featureless_gradient(
                        plan, data, rows[i], z, point, k, slope * share, gradient
                    )
                scratch.tally[k].batch_loss += loss
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
