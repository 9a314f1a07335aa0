"""What all ways of walking through the rows of an epoch have in common."""

from . import _costs as cost
from ._codes import Clock, Phase, Status
from ._compilation import kernel
from ._losses import loss_cost
from ._matrices import row_size
from ._models import model_cost
from ._schedules import rate_at


@kernel
def open_epoch(plan, candidates, progress, tally):
    """Set the rates of the epoch and forget the losses of the last one."""
    for k in range(candidates.size):
        tally[k].epoch_loss = 0.0
        tally[k].is_live = progress[k].status == Status.RUNNING
        tally[k].rate = rate_at(plan, candidates[k], progress[k])


@kernel
def is_any_running(progress):
    """Whether a candidate still trains."""
    for k in range(progress.size):
        if progress[k].status == Status.RUNNING:
            return True
    return False


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
def phase_after_updates(plan):
    """What is due once an epoch has made its last update."""
    if plan.averages:
        return Phase.AVERAGE
    return Phase.VALIDATE if plan.validates else Phase.CLOSE
