"""Gradient descent on mini-batches of one row: a step needs no gradient in memory.

The gradient of a row is its slope times (1, x), so that the parameters are read and
written once a step. The general way over `Scratch.gradient` takes twice as long.
"""

import math

from ._averages import average_parameters
from ._batches import row_at
from ._codes import Status
from ._compilation import kernel
from ._models import add_row_gradient, linear_predictor, prediction_at
from ._penalties import add_smooth_gradient, penalty_value
from ._proximal import shrink
from ._records import record_update
from ._rows import row_loss, row_slope, row_weight
from ._schedules import rate_at


@kernel
def descend_rows(data, plan, candidates, state, scratch, record, first, stop):
    """One step of every candidate on each of the rows first…stop."""
    tally = scratch.tally
    pool_start = first - first % plan.pool_size
    for place in range(first, stop):
        row = row_at(data.X, data.y, scratch.order, place - pool_start)
        weight = row_weight(data, row)
        for k in range(candidates.size):
            if state.progress[k].status == Status.RUNNING:
                descend_row(data, plan, candidates[k], state, tally[k], k, row, weight)
        if weight > 0.0:
            record_update(plan, state, record)


@kernel
def descend_row(data, plan, candidate, state, tally, k, row, weight):
    """Judge a row and take its step; one without weight is skipped."""
    phi, progress = state.phi, state.progress[k]
    z = linear_predictor(plan, data, row, phi, k)
    prediction = prediction_at(plan, z, phi, k)
    loss = row_loss(data, plan, candidate, row, prediction)
    objective = loss + penalty_value(plan, candidate, phi, k)
    tally.epoch_loss += objective
    if not math.isfinite(objective):
        progress.status = Status.DIVERGED
    elif weight > 0.0:
        if candidate.is_per_update:
            tally.rate = rate_at(plan, candidate, progress)
        slope = row_slope(data, plan, candidate, row, prediction)
        add_smooth_gradient(plan, candidate, phi, k, -tally.rate, phi)
        add_row_gradient(plan, data, row, z, phi, k, -tally.rate * slope, phi)
        shrink(plan, candidate, phi, k, tally.rate)
        progress.n_updates += 1
        progress.slot_age += 1
        if plan.averages:
            average_parameters(candidate, progress, phi, state.average, k)
