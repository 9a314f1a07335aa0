"""From descriptions and numbers to what the compiled loop reads: the only bridge."""

import math

import numpy as np

from ..kernels._codes import Clock, Penalty, Rule, Schedule, Slot, Status
from ..schedules import (
    Constant,
    Cosine,
    ExponentialDecay,
    InverseScaling,
    LineSearch,
    Plateau,
    StepDecay,
)
from ..solvers import GD, SGD, Adam, Momentum, Nesterov
from ._types import CANDIDATE, PROGRESS, Plan, State

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
    if batch_size is None or isinstance(solver, GD):
        return n_samples
    if batch_size == "auto":
        batch_size = AUTO_BATCH_SIZE
    return min(batch_size, n_samples)


def check_line_search(solver, schedule, batch_size, n_samples):
    """Refuse a line search along anything but the gradient of all rows."""
    is_full_descent = isinstance(solver, GD | SGD) and batch_size == n_samples
    if isinstance(schedule, LineSearch) and not is_full_descent:
        raise ValueError(
            "schedule='line_search' searches along the gradient of the whole training "
            "set: it goes with solver='gd', or solver='sgd' and batch_size=None, not "
            f"with solver={solver} on mini-batches of {batch_size}."
        )


def lower_patience(n_iter_no_change, solver, n_updates):
    """Epochs without progress that end a training of `n_updates` an epoch.

    A running average overshoots and comes back, so that a climb of a few updates is
    no sign of the end: it gets the time in which all but e⁻⁵ of an overshoot has died
    away, 5/(1−β) updates.
    """
    match solver:
        case Momentum(beta=beta) | Nesterov(beta=beta) | Adam(beta_1=beta):
            memory = math.ceil(MEMORIES / (1 - beta) / n_updates)
            n_iter_no_change = max(n_iter_no_change, memory)
    return min(n_iter_no_change, NEVER)


def lower_solver(solver):
    """Fields of a candidate that a solver sets."""
    match solver:
        case GD() | SGD():
            return {"rule": Rule.DESCENT}
        case Momentum(beta=beta):
            return {"rule": Rule.MOMENTUM, "beta_1": beta}
        case Nesterov(beta=beta):
            return {"rule": Rule.NESTEROV, "beta_1": beta}
        case Adam():
            return {"rule": Rule.ADAM} | _numbers(solver, *_ADAM_FIELDS)


def lower_schedule(schedule, max_iter):
    """Fields of a candidate that a schedule sets."""
    match schedule:
        case Constant():
            return {"schedule": Schedule.CONSTANT}
        case StepDecay(factor=factor, every=every):
            code = Schedule.STEP_DECAY
            return {"schedule": code, "factor": factor, "period": every}
        case ExponentialDecay(factor=factor):
            return {"schedule": Schedule.EXPONENTIAL, "factor": factor}
        case InverseScaling(power=power, per=per):
            code, is_per_update = Schedule.INVERSE_SCALING, per == "update"
            return {"schedule": code, "power": power, "is_per_update": is_per_update}
        case Cosine(epochs=epochs):
            return {"schedule": Schedule.COSINE, "period": epochs or max_iter}
        case LineSearch(tolerance=tolerance):
            return {"schedule": Schedule.LINE_SEARCH, "tolerance": tolerance}
        case Plateau():
            fields = {"schedule": Schedule.PLATEAU}
            fields |= _numbers(schedule, *_PLATEAU_FIELDS)
            for count in ("patience", "cooldown"):
                fields[count] = min(fields[count], NEVER)
            return fields


def _numbers(description, *names):
    return {name: getattr(description, name) for name in names}


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


def lower_plan(candidates, n_samples, *, tol, patience, is_shuffled, **shared):
    """What the candidates share; full batches keep the order of the rows."""
    shared |= {
        "is_shuffled": is_shuffled and shared["batch_size"] < n_samples,
        "looks_ahead": (candidates["rule"] == Rule.NESTEROV).any(),
        "is_by_row": _is_by_row(candidates, **shared),
        "tol": 0.0 if tol is None else tol,
        "patience": NEVER if tol is None else patience,
    }
    # One type a field, or else the loop would be compiled again.
    kinds = Plan.__annotations__ | {"is_trained": np.asarray}
    return Plan(**{name: kinds[name](value) for name, value in shared.items()})


def _is_by_row(candidates, batch_size, is_trained, **others):
    is_descent = candidates["rule"] == Rule.DESCENT
    return batch_size == 1 and is_trained.all() and is_descent.all()


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
