"""Judging an epoch by rows that are not trained on, at the parameters it ends with.

Where a training averages, these are the averaged ones.
"""

import math

from ._codes import Clock, Phase, Status
from ._compilation import entry_point, kernel
from ._models import linear_predictor, prediction_at
from ._rows import row_loss, row_square
from ._stopping import is_finite
from ._walking import cost_of_row


@entry_point
def validate(validation, plan, candidates, state, scratch, budget):
    """Take the validation that is due to its end, or until the budget is spent.

    An entry point of its own, so that who validates nothing does not compile it.
    """
    clock = state.clock
    if clock[Clock.PHASE] != Phase.VALIDATE:
        return
    n_rows, first = validation.data.y.shape[0], clock[Clock.ROW]
    if first == 0:
        open_validation(scratch.tally)
    row_cost = cost_of_row(validation.data, plan, state)
    stop = min(n_rows, first + budget // row_cost + 1)
    phi = state.average if plan.averages else state.phi
    add_validation_losses(
        validation.data, plan, candidates, state, phi, scratch.tally, first, stop
    )
    clock[Clock.ROW] = stop
    if stop == n_rows:
        close_validation(validation, plan, candidates, state, phi, scratch.tally)
        clock[Clock.PHASE], clock[Clock.ROW] = Phase.CLOSE, 0


@kernel
def open_validation(tally):
    """Forget the sums of the last epoch."""
    for k in range(tally.size):
        tally[k].validation_loss = 0.0
        tally[k].validation_score = 0.0


@kernel
def add_validation_losses(data, plan, candidates, state, phi, tally, first, stop):
    """Add s · ℓ and s · r² of rows first…stop, of every running candidate."""
    for row in range(first, stop):
        for k in range(candidates.size):
            if state.progress[k].status == Status.RUNNING:
                z = linear_predictor(plan, data, row, phi, k)
                prediction = prediction_at(plan, z, phi, k)
                loss = row_loss(data, plan, candidates[k], row, prediction)
                square = row_square(data, plan, candidates[k], row, prediction)
                tally[k].validation_loss += loss
                tally[k].validation_score += square


@kernel
def close_validation(validation, plan, candidates, state, phi, tally):
    """Make a mean loss and R² of the sums; keep the parameters of the lowest loss."""
    n_rows = validation.data.y.shape[0]
    for k in range(candidates.size):
        progress = state.progress[k]
        if progress.status != Status.RUNNING:
            tally[k].validation_loss = tally[k].validation_score = math.nan
            continue
        loss = tally[k].validation_loss / n_rows
        if not is_finite(loss):
            loss = math.inf  # of which, unlike NaN, every loss is an improvement
        variance = validation.variance[candidates[k].target]
        tally[k].validation_loss = loss
        tally[k].validation_score = r2(tally[k].validation_score / n_rows, variance)
        if plan.stops_early and loss < progress.lowest:
            progress.lowest = loss
            for p in range(phi.shape[1]):
                state.best_phi[k, p] = phi[k, p]


@kernel
def r2(square, variance):
    """R² = 1 − mean s r² / variance of y; of a constant y 1 or 0, as `r2_score` has."""
    if variance == 0.0:
        return 1.0 if square == 0.0 else 0.0
    return 1.0 - square / variance
