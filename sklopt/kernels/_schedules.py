"""Schedules: the rate as a function of time t, one small function a schedule.

`first_rate` is α₀; t counts epochs from 0, or updates where the schedule says so.
"""

import math

from ._codes import Schedule
from ._compilation import kernel


@kernel
def step_decay(first_rate, factor, every, t):
    """α₀ · c^⌊t/s⌋."""
    return first_rate * factor ** math.floor(t / every)


@kernel
def exponential(first_rate, factor, t):
    """α₀ · c^t."""
    return first_rate * factor**t


@kernel
def inverse_scaling(first_rate, power, t):
    """α₀ / (t+1)^p."""
    return first_rate / (t + 1.0) ** power


@kernel
def cosine(first_rate, period, t):
    """α₀ · ½(1 + cos(π t/T)) until t = T, and 0 after it."""
    return first_rate * 0.5 * (1.0 + math.cos(math.pi * min(t / period, 1.0)))


@kernel
def warmed_up(rate, epochs, t):
    """The rate · min(1, (t+1)/W) for W > 0 epochs; 0 leaves it alone."""
    return rate * ((t + 1.0) / epochs) if t + 1.0 < epochs else rate


@kernel
def rate_at(plan, candidate, progress):
    """Rate of a candidate where its training stands."""
    rate = scheduled_rate(plan, candidate, progress)
    return warmed_up(rate, candidate.warmup, progress.n_epochs)


@kernel
def scheduled_rate(plan, candidate, progress):
    """The same, without what a warm-up makes of it."""
    schedule, first_rate = candidate.schedule, candidate.first_rate
    t = progress.n_updates if candidate.is_per_update else progress.n_epochs
    if schedule == Schedule.STEP_DECAY:
        return step_decay(first_rate, candidate.factor, candidate.period, t)
    if schedule == Schedule.EXPONENTIAL:
        return exponential(first_rate, candidate.factor, t)
    if schedule == Schedule.INVERSE_SCALING:
        return inverse_scaling(first_rate, candidate.power, t)
    if schedule == Schedule.COSINE:
        return cosine(first_rate, candidate.period, t)
    if schedule == Schedule.PLATEAU:
        return min(first_rate, progress.plateau_rate)
    if schedule == Schedule.TABLE:
        return first_rate * plan.multipliers[t - plan.first_epoch]
    return first_rate
