"""Schedules that are no formula of the compiled loop: one multiplier an epoch.

They are asked in Python, once an epoch and before the training begins, and the loop
reads their answers. So it stays free of Python, and an answer that is no rate is
refused before anything is trained.
"""

from numbers import Real

import numpy as np

from ..schedules import SCHEDULES, OneCycle, Warmup
from ._lowering import as_description

# Epochs that are asked about at most.
LONGEST_TABLE = 10_000_000


def tabulated(plan, schedule, progress, max_epochs, max_iter):
    """The plan with the multipliers of the next `max_epochs` epochs, where it has any.

    `max_iter` is the length of the training that this is a part of.
    """
    schedule = as_description(schedule, SCHEDULES)
    if isinstance(schedule, Warmup):
        schedule = as_description(schedule.schedule, SCHEDULES)
    multipliers = _multipliers(schedule, max_iter)
    if multipliers is None:
        return plan
    # Targets that had stopped for a while are behind the others.
    first = int(progress["n_epochs"].min())
    stop = int(progress["n_epochs"].max()) + max_epochs
    if stop - first > LONGEST_TABLE:
        raise ValueError(
            f"schedule={schedule!r} is asked once an epoch before the training begins: "
            f"max_iter must be at most {LONGEST_TABLE:,}, got {max_epochs}."
        )
    table = multipliers(range(first, stop))
    return plan._replace(first_epoch=first, multipliers=table)


def _multipliers(schedule, max_iter):
    """What gives the multipliers of some epochs as an array; None for a formula."""
    if isinstance(schedule, OneCycle):
        period = schedule.epochs or max_iter
        shape = period, schedule.rise, schedule.start, schedule.end
        return lambda epochs: one_cycle(np.asarray(epochs), *shape)
    if callable(schedule):
        return lambda epochs: np.array([_asked(schedule, t) for t in epochs])
    return None


def one_cycle(t, period, rise, start, end):
    """From `start` up to 1 at t = r, down to `end` at t = T − 1, by half cosine waves.

    T is the `period`, r = max(0, rise·T − 1).
    """
    top = max(0.0, rise * period - 1.0)
    up = np.clip(t / top, 0.0, 1.0) if top > 0.0 else np.ones(len(t))
    fall = period - 1.0 - top  # 0 for a single epoch, which is the top
    down = np.clip((t - top) / (fall if fall > 0.0 else 1.0), 0.0, 1.0)
    rising = start + (1.0 - start) * 0.5 * (1.0 - np.cos(np.pi * up))
    falling = end + (1.0 - end) * 0.5 * (1.0 + np.cos(np.pi * down))
    return np.where(t < top, rising, falling)


def _asked(schedule, epoch):
    """The multiplier that a user's function gives, checked."""
    try:
        multiplier = schedule(epoch)
    except Exception as error:
        raise ValueError(
            f"schedule={schedule!r} raised {error!r} at epoch {epoch}."
        ) from error
    if not isinstance(multiplier, Real):
        raise TypeError(
            f"schedule={schedule!r} must return a number, but returned {multiplier!r} "
            f"at epoch {epoch}."
        )
    try:
        value = float(multiplier)
    except OverflowError:
        value = np.inf
    if not 0.0 <= value < np.inf:
        raise ValueError(
            f"schedule={schedule!r} must return a finite number >= 0, but returned "
            f"{multiplier!r} at epoch {epoch}."
        )
    return value
