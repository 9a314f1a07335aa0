"""What the end of an epoch decides: to go on, to lower the rate, or to stop."""

import math

from ._cache import kernel
from ._codes import Schedule, Status

# An objective this many times the one at the start, or at φ = 0, has left every path
# back: a step that is merely too long comes back from far less.
HOPELESS_GROWTH = 1e20

# An objective this many times the one at the start is not due to noise alone.
NOISY_START = 1.05

# A plateau that has lowered the rate this far has nothing left to lower.
NEGLIGIBLE_RATE = 1e-6


@kernel
def is_better(loss, best, tolerance, reference):
    """Whether `loss` is lower than `best` by more than the relative tolerance.

    The tolerance is relative to `best`, yet not to one that is itself negligible
    beside the reference: a perfect fit would improve by a constant factor for ever.
    """
    scale = max(abs(best), tolerance * reference)
    return math.isinf(best) or loss < best - tolerance * scale


@kernel
def lower_rate_on_plateau(candidate, progress, loss):
    """Multiply the rate by `factor` after more than `patience` epochs without progress.

    The rule of torch's ReduceLROnPlateau with a relative threshold. Returns whether
    the rate was lowered.
    """
    if is_better(loss, progress.plateau_best, candidate.threshold, 0.0):
        progress.plateau_best = loss
        progress.plateau_stale = 0
    else:
        progress.plateau_stale += 1
    if progress.plateau_wait > 0:
        progress.plateau_wait -= 1
        progress.plateau_stale = 0
    floor = max(candidate.min_rate, NEGLIGIBLE_RATE * candidate.first_rate)
    rate = min(candidate.first_rate, progress.plateau_rate)
    if progress.plateau_stale <= candidate.patience or rate <= floor:
        return False
    progress.plateau_rate = max(candidate.factor * rate, floor)
    progress.plateau_wait = candidate.cooldown
    progress.plateau_stale = 0
    return True


@kernel
def judge_epoch(plan, candidate, progress, loss):
    """Update the patience of a candidate, and its status.

    Without progress but above the start, by more than noise or steadily uphill, is no
    convergence: such a candidate goes on until it turns or is beyond hope.
    """
    if not loss <= HOPELESS_GROWTH * progress.reference:
        progress.status = Status.DIVERGED
        return
    progress.rising = progress.rising + 1 if loss > progress.last else 0
    progress.last = loss
    if is_better(loss, progress.best, plan.tol, progress.reference):
        progress.best = loss
        progress.stale = 0
    else:
        progress.stale += 1
    is_plateau = candidate.schedule == Schedule.PLATEAU
    if is_plateau and lower_rate_on_plateau(candidate, progress, loss):
        progress.stale = 0  # a lower rate is a new chance
    is_rising = progress.rising >= plan.patience and loss > progress.reference
    is_far_above = loss > NOISY_START * progress.reference
    if progress.stale >= plan.patience and not (is_rising or is_far_above):
        progress.status = Status.CONVERGED
