"""Gradient descent on mini-batches of one row: a step needs no gradient in memory.

The gradient of a row is its slope times (1, x), so that the parameters are read and
written once a step. The general way over `Scratch.gradient` takes twice as long.
"""

from ._averages import count_update
from ._batches import row_at, rows_ahead
from ._codes import Clock, Status
from ._compilation import kernel
from ._mini_batches import walk
from ._models import add_row_gradient, linear_predictor, prediction_at
from ._penalties import add_smooth_gradient, penalty_value
from ._proximal import shrink
from ._records import record_update
from ._rows import row_loss_and_slope, row_weight
from ._schedules import rate_at
from ._stopping import is_finite
from ._walking import cost_of_row, end_of_pool, is_any_running, leave_walk, open_epoch


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
def descend_rows(data, plan, candidates, state, scratch, record, first, stop):
    """One step of every candidate on each of the rows first…stop."""
    tally = scratch.tally
    pool_start = first - first % plan.pool_size
    order, ahead = scratch.order, rows_ahead(data, scratch.order)
    for place in range(first, stop):
        row = row_at(data, order, pool_start, place, ahead)
        weight, goes_on = row_weight(data, row), False
        for k in range(candidates.size):
            if state.progress[k].status == Status.RUNNING:
                goes_on |= descend_row(
                    data, plan, candidates[k], state, tally[k], k, row, weight
                )
        if not goes_on:
            break
        if weight > 0.0:
            record_update(plan, state, record)


@kernel
def descend_row(data, plan, candidate, state, tally, k, row, weight):
    """Judge a row and take its step, if it has weight; whether that is possible."""
    phi, progress = state.phi, state.progress[k]
    z = linear_predictor(plan, data, row, phi, k)
    prediction = prediction_at(plan, z, phi, k)
    loss, slope = row_loss_and_slope(data, plan, candidate, row, prediction)
    objective = loss + penalty_value(plan, candidate, phi, k)
    tally.epoch_loss += objective
    if not is_finite(objective):
        progress.status = Status.DIVERGED
        return False
    if weight > 0.0:
        if candidate.is_per_update:
            tally.rate = rate_at(plan, candidate, progress)
        add_smooth_gradient(plan, candidate, phi, k, -tally.rate, phi)
        add_row_gradient(plan, data, row, z, phi, k, -tally.rate * slope, phi)
        shrink(plan, candidate, phi, k, tally.rate)
        count_update(plan, candidate, state, k)
    return True
