"""From descriptions and numbers to what the compiled loop reads: the only bridge."""

import numpy as np

from ..kernels._codes import Clock, Penalty, Rule, Schedule, Slot, Status, Store
from ..schedules import (
    Cosine,
    ExponentialDecay,
    InverseScaling,
    LineSearch,
    Plateau,
    StepDecay,
)
from ..solvers import Adam, Momentum, Nesterov
from ._types import CANDIDATE, PROGRESS, State

# A patience that no training outlasts: stopping switched off.
NEVER = np.iinfo(np.int64).max

AUTO_BATCH_SIZE = 256

_ADAM_FIELDS = ("beta_1", "beta_2", "epsilon")
_PLATEAU_FIELDS = ("factor", "patience", "threshold", "cooldown", "min_rate")

# Time constants of a running average after which an overshoot is forgotten.
MEMORIES = 5


def as_description(value, by_name):
    """The description that a string names, or the description itself, validated."""
    description = by_name[value]() if isinstance(value, str) else value
    description._validate_params()
    return description


def lower_batch_size(batch_size, solver, n_samples):
    """Rows of a mini-batch: never more than there are, all of them for full batch."""
    if batch_size is None or solver._uses_all_rows:
        return n_samples
    if batch_size == "auto":
        batch_size = AUTO_BATCH_SIZE
    return min(batch_size, n_samples)


def lower_patience(n_iter_no_change, solver, n_updates):
    """Epochs without progress that end a training of `n_updates` an epoch.

    A running average overshoots and comes back, so that a climb of a few updates is
    no sign of the end: it gets the time in which all but e⁻⁵ of an overshoot has died
    away, 5/(1−β) updates.
    """
    match solver:
        case Momentum(beta=beta) | Nesterov(beta=beta) | Adam(beta_1=beta):
            memory = round(MEMORIES / (1 - beta) / n_updates)
            n_iter_no_change = max(n_iter_no_change, memory)
    return min(n_iter_no_change, NEVER)


def lower_solver(solver):
    """Fields of a candidate that a solver sets."""
    match solver:
        case Momentum() | Nesterov():
            numbers = {"beta_1": solver.beta}
        case Adam():
            numbers = {name: getattr(solver, name) for name in _ADAM_FIELDS}
        case _:
            numbers = {}
    return {"rule": solver._rule, **numbers}


def lower_schedule(schedule, max_iter):
    """Fields of a candidate that a schedule sets."""
    match schedule:
        case StepDecay():
            numbers = {"factor": schedule.factor, "period": schedule.every}
        case ExponentialDecay():
            numbers = {"factor": schedule.factor}
        case LineSearch():
            numbers = {"tolerance": schedule.tolerance}
        case Plateau():
            numbers = {name: getattr(schedule, name) for name in _PLATEAU_FIELDS}
            for count in ("patience", "cooldown"):
                numbers[count] = min(numbers[count], NEVER)
        case InverseScaling():
            is_per_update = schedule.per == "update"
            numbers = {"power": schedule.power, "is_per_update": is_per_update}
        case Cosine():
            numbers = {"period": schedule.epochs or max_iter}
        case _:
            numbers = {}
    return {"schedule": schedule._code, **numbers}


def lower_penalty(penalty, alpha):
    """Fields of a candidate that a penalty's name, or None, sets."""
    code = {None: Penalty.NONE, "l2": Penalty.L2}[penalty]
    return {"penalty": code, "alpha": alpha}


def lower_candidates(n_candidates, **fields):
    """Candidates from fields that are numbers, or arrays with one number a row."""
    candidates = np.zeros(n_candidates, dtype=CANDIDATE)
    for name, value in fields.items():
        candidates[name] = value
    return candidates


def looks_ahead(candidates):
    """Whether a candidate takes its gradient elsewhere than at φ."""
    return bool((candidates["rule"] == Rule.NESTEROV).any())


def is_by_row(candidates, batch_size, store):
    """Whether all candidates descend on mini-batches of one row, unrecorded."""
    is_descent = (candidates["rule"] == Rule.DESCENT).all()
    return bool(batch_size == 1 and is_descent and store != Store.STEP)


def searches_line(candidates):
    """Whether a candidate's rate comes from a line search."""
    return bool((candidates["schedule"] == Schedule.LINE_SEARCH).any())


def first_state(phi):
    """State before the first epoch, at the given parameters (K, P)."""
    n_candidates, n_params = phi.shape
    progress = np.zeros(n_candidates, dtype=PROGRESS)
    progress["status"] = Status.RUNNING
    for name in ("best", "last", "plateau_best", "plateau_rate"):
        progress[name] = np.inf
    return State(
        phi=np.array(phi, dtype=np.float64, order="C"),
        slots=np.zeros((n_candidates, len(Slot), n_params)),
        progress=progress,
        clock=np.zeros(len(Clock), dtype=np.int64),
    )
