"""What the end of an epoch decides: to go on, to lower the rate, or to stop."""

import math

from ._codes import Rule, Schedule, Status
from ._compilation import kernel

# An objective this many times the one at the start, or at φ = 0, has left every path
# back, where steps grow with the gradient. Adam's do not: it always comes back.
HOPELESS_GROWTH = 1e10

# An objective this many times another is not above it by noise alone.
NOISE = 1.05

# An objective of this share of a trivial prediction's (R² = 0.999999) counts as a fit
# that needs no more relative improvement.
PERFECT_FIT = 1e-6

# What rounding makes of an objective, as a share of the one at the start.
ROUNDING = 2.0**-52

# A plateau that has lowered the rate this far has nothing left to lower.
NEGLIGIBLE_RATE = 1e-6


@kernel
def is_finite(x):
    """Whether x is neither infinite nor NaN.

    Numba's `math.isfinite` asks whether x − x is a number. Of an x that is a sum, the
    compiler may add up both in one, term by term, to 0.
    """
    return abs(x) < math.inf


@kernel
def is_better(loss, best, tolerance, floor):
    """Whether `loss` is lower than `best` by more than the relative tolerance.

    The tolerance is relative to `best`, yet to no less than `floor`: a perfect fit
    would improve by a constant factor for ever.
    """
    scale = max(abs(best), floor)
    return math.isinf(best) or loss < best - tolerance * scale


@kernel
def is_hopeless(candidate, progress, loss):
    """Whether the objective is not finite, or has grown past any recovery."""
    if not is_finite(loss):
        return True
    has_grown = loss > HOPELESS_GROWTH * progress.reference
    return has_grown and candidate.rule != Rule.ADAM


@kernel
def lower_rate_on_plateau(candidate, progress, loss):
    """Multiply the rate by `factor` after more than `patience` epochs without progress.

    The rule of torch's ReduceLROnPlateau with a relative threshold. Returns whether
    the rate was lowered.
    """
    if is_better(loss, progress.plateau_best, candidate.plateau_threshold, 0.0):
        progress.plateau_best = loss
        progress.plateau_stale = 0
    else:
        progress.plateau_stale += 1
    if progress.plateau_wait > 0:
        progress.plateau_wait -= 1
        progress.plateau_stale = 0
    floor = max(candidate.min_rate, NEGLIGIBLE_RATE * candidate.first_rate)
    rate = min(candidate.first_rate, progress.plateau_rate)
    if progress.plateau_stale <= candidate.plateau_patience or rate <= floor:
        return False
    progress.plateau_rate = max(candidate.factor * rate, floor)
    progress.plateau_wait = candidate.plateau_cooldown
    progress.plateau_stale = 0
    return True


@kernel
def judge_epoch(plan, candidate, progress, loss, judged):
    """Update the patience of a candidate, and its status.

    What patience and plateaus look at is `judged`: the objective, or the validation
    loss with early stopping, which ends whenever that makes no progress. Otherwise,
    without progress but above the start, by more than noise or steadily uphill, is no
    convergence: such a candidate goes on until it turns or is beyond hope.
    """
    if is_hopeless(candidate, progress, loss):
        progress.status = Status.DIVERGED
        return
    progress.rising = progress.rising + 1 if loss > progress.last else 0
    progress.last = loss
    floor = max(PERFECT_FIT * progress.trivial, ROUNDING * progress.reference)
    if is_better(judged, progress.best, plan.tol, floor):
        progress.best = judged
        progress.stale = 0
    else:
        progress.stale += 1
    is_plateau = candidate.schedule == Schedule.PLATEAU
    if is_plateau and lower_rate_on_plateau(candidate, progress, judged):
        progress.stale = 0  # a lower rate is a new chance
    is_rising = progress.rising >= candidate.patience and loss > progress.reference
    is_far_above = loss > NOISE * progress.reference
    if progress.stale < candidate.patience:
        return
    if plan.stops_early:
        progress.status = Status.STOPPED_EARLY
    elif not (is_rising or is_far_above):
        progress.status = Status.CONVERGED
