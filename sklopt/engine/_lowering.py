"""From descriptions and numbers to what the compiled loop reads: the only bridge."""

import math

import numpy as np
from scipy.sparse import issparse

from ..kernels._codes import Loss, Model, Rule, Schedule, Store
from ..losses import (
    AbsoluteError,
    EpsilonInsensitive,
    Gamma,
    Huber,
    Poisson,
    Quantile,
    SquaredEpsilonInsensitive,
    SquaredError,
)
from ..schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    ExponentialDecay,
    InverseScaling,
    LineSearch,
    OneCycle,
    Plateau,
    StepDecay,
    Warmup,
)
from ..solvers import GD, SGD, Adam, Momentum, Nesterov
from ._rows import mapped_file, row_size
from ._types import CANDIDATE, Plan

# A patience that no training outlasts: stopping switched off.
NEVER = np.iinfo(np.int64).max

AUTO_BATCH_SIZE = 256

# Rows that shuffle="blocks" reads one after the other, as many as there are features.
# Rows of a block may be alike: m of them are then as noisy as m times one, but only in
# the direction that they have in common. Of few features that is all the noise there
# is, and what helps are many blocks in a pool. Longer blocks than these save no time.
SMALLEST_BLOCK, LARGEST_BLOCK = 8, 48
SMALLEST_OF_FEW_FEATURES = 16
NUMBERS_OF_A_BLOCK = 3 * 2**10

# Rows that are shuffled together, from as many blocks as can be. Those of larger pools
# are farther apart: a pool eight times as large takes a seventh longer.
NUMBERS_OF_A_POOL = 48 * 2**10
LARGEST_POOL = 2**14  # rows
FEWEST_BLOCKS = 16

# In a file larger than this every place costs a read, for which the system maps about a
# megabyte whatever is asked for. A pool of 16 such places is mixed well enough; more
# would keep more of the file in memory.
LARGEST_CACHED_FILE = 2**28  # bytes
BYTES_OF_A_READ = 2**19
BYTES_OF_A_POOL = 2**23

# Candidates from which on two are predicted at a time, where X is dense: a fifth of an
# epoch's time less. Few may be alone in their thread, and one alone is predicted twice.
PAIRED_FROM = 8

# An exponential average is of about the last 1000 updates, and before there are so many
# of the last ninth of them: the start is forgotten in time.
LEAST_SHARE = 1e-3
AVERAGE_LEAD = 8.0

# Time constants of a running average after which an overshoot is forgotten.
MEMORIES = 5


def as_description(value, by_name):
    """The description that a string names, or the description itself, validated.

    A function that is a schedule has nothing to validate before it is asked.
    """
    if isinstance(value, str):
        return by_name[value]()  # whose defaults are valid
    if isinstance(value, tuple(by_name.values())):
        value._validate_params()
    return value


def lower_batch_size(batch_size, solver, n_samples):
    """Rows of a mini-batch: never more than there are, all of them for full batch."""
    if batch_size is None or isinstance(solver, GD):
        return n_samples
    if batch_size == "auto":
        return _auto_batch_size(n_samples)
    return min(batch_size, n_samples)


def _auto_batch_size(n_samples):
    """At most 256 rows, fewer where the last mini-batch were less than half as large.

    Its step is as noisy as its rows are few, and it is the last of every epoch.
    """
    if n_samples <= AUTO_BATCH_SIZE:
        return n_samples
    sizes = range(AUTO_BATCH_SIZE, 0, -1)
    return next(b for b in sizes if n_samples % b == 0 or 2 * (n_samples % b) >= b)


def check_line_search(solver, schedule, batch_size, n_samples, l1=0.0):
    """Refuse a line search along anything but the gradient of all rows.

    What an l1 penalty leaves of a ray bends wherever a coefficient becomes zero: to
    search along that is another algorithm.
    """
    if not isinstance(schedule, LineSearch):
        return
    if l1 > 0:
        raise ValueError(
            "schedule='line_search' searches along a straight line, on which no "
            "coefficient becomes exactly zero: it goes with penalty='l2' or None, not "
            "with 'l1' or 'elasticnet'. Take another schedule."
        )
    if not isinstance(solver, GD | SGD):
        trouble = f"not with solver={solver}"
    elif batch_size < n_samples:
        trouble = f"not with mini-batches of {batch_size} of {n_samples} rows"
    else:
        return
    raise ValueError(
        "schedule='line_search' searches along the gradient of the whole training "
        "set: it goes with solver='gd', or solver='sgd' and batch_size=None, "
        f"{trouble}."
    )


def lower_patience(n_iter_no_change, tol, solver, n_updates):
    """Epochs without progress that end a training of `n_updates` an epoch.

    A running average overshoots and comes back, so that a climb of a few updates is
    no sign of the end: it gets the time in which all but e⁻⁵ of an overshoot has died
    away, 5/(1−β) updates.
    """
    if tol is None:
        return NEVER
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
            return {
                "rule": Rule.ADAM,
                "beta_1": solver.beta_1,
                "beta_2": solver.beta_2,
                "epsilon": solver.epsilon,
            }
    raise TypeError(f"{solver!r} has no place in the engine")


def lower_schedule(schedule, max_iter):
    """Fields of a candidate that a schedule sets."""
    match schedule:
        case Constant():
            return {"schedule": Schedule.CONSTANT}
        case StepDecay():
            return {
                "schedule": Schedule.STEP_DECAY,
                "factor": schedule.factor,
                "period": schedule.every,
            }
        case ExponentialDecay():
            return {"schedule": Schedule.EXPONENTIAL, "factor": schedule.factor}
        case InverseScaling():
            return {
                "schedule": Schedule.INVERSE_SCALING,
                "power": schedule.power,
                "is_per_update": schedule.per == "update",
            }
        case Cosine():
            return {"schedule": Schedule.COSINE, "period": schedule.epochs or max_iter}
        case Plateau():
            return {
                "schedule": Schedule.PLATEAU,
                "factor": schedule.factor,
                "plateau_patience": min(schedule.patience, NEVER),
                "plateau_threshold": schedule.threshold,
                "plateau_cooldown": min(schedule.cooldown, NEVER),
                "min_rate": schedule.min_rate,
            }
        case LineSearch():
            return {
                "schedule": Schedule.LINE_SEARCH,
                "tolerance": schedule.tolerance,
            }
        case Warmup():
            inner = as_description(schedule.schedule, SCHEDULES)
            return lower_schedule(inner, max_iter) | {"warmup": schedule.epochs}
        case OneCycle():
            return {"schedule": Schedule.TABLE}
        case _ if callable(schedule):
            return {"schedule": Schedule.TABLE}
    raise TypeError(f"{schedule!r} has no place in the engine")


def lower_order(shuffle, batch_size, X):
    """In which order rows are visited.

    `block_size` of them are read one after the other, 0 where each is drawn alone, and
    `pool_size` are shuffled together. It depends only on the shape of X, except for
    large files.
    """
    n_samples = X.shape[0]
    is_shuffled = bool(shuffle and batch_size < n_samples)
    block_size, pool_size = 0, n_samples
    if is_shuffled and shuffle == "blocks":
        block_size, most_blocks = _block_and_pool(X)
        # Pools of one size: an epoch ends with the last, whatever that is made of.
        n_blocks = -(-n_samples // block_size)
        n_pools = -(-n_blocks // most_blocks)
        pool_size = -(-n_blocks // n_pools) * block_size
    return {
        "is_shuffled": is_shuffled,
        "block_size": block_size,
        "pool_size": pool_size,
    }


def _block_and_pool(X):
    """Rows of a block, and the most blocks of a pool."""
    n_features = max(1, X.shape[1])
    if mapped_file(X) is not None and X.nbytes > LARGEST_CACHED_FILE:
        row_bytes = n_features * X.dtype.itemsize
        block_size = BYTES_OF_A_READ // row_bytes
        pool_size = BYTES_OF_A_POOL // row_bytes
    else:
        block_size = min(
            max(n_features, SMALLEST_OF_FEW_FEATURES),
            LARGEST_BLOCK,
            NUMBERS_OF_A_BLOCK // n_features,
        )
        pool_size = min(NUMBERS_OF_A_POOL // n_features, LARGEST_POOL)
    block_size = max(block_size, SMALLEST_BLOCK)
    return block_size, max(pool_size // block_size, FEWEST_BLOCKS)


def lower_loss(loss):
    """Fields of a plan that a loss sets."""
    match loss:
        case SquaredError():
            code, parameter = Loss.SQUARED_ERROR, 0.0
        case AbsoluteError():
            code, parameter = Loss.ABSOLUTE_ERROR, 0.0
        case Huber(delta=delta):
            code, parameter = Loss.HUBER, delta
        case EpsilonInsensitive(epsilon=epsilon):
            code, parameter = Loss.EPSILON_INSENSITIVE, epsilon
        case SquaredEpsilonInsensitive(epsilon=epsilon):
            code, parameter = Loss.SQUARED_EPSILON_INSENSITIVE, epsilon
        case Quantile(quantile=quantile):
            code, parameter = Loss.QUANTILE, quantile
        case Poisson():
            code, parameter = Loss.POISSON, 0.0
        case Gamma():
            code, parameter = Loss.GAMMA, 0.0
        case _:
            raise TypeError(f"{loss!r} has no place in the engine")
    return {"loss": code, "loss_parameter": float(parameter)}


def lower_penalty(penalty, alpha, l1_ratio=0.0):
    """Fields of a candidate, and of an `Objective`, that a penalty's name sets."""
    share = {None: 0.0, "l2": 0.0, "l1": 1.0, "elasticnet": l1_ratio}[penalty]
    total = 0.0 if penalty is None else float(alpha)
    return {"l2": (1.0 - share) * total, "l1": share * total}


def lower_clipping(gradient_clipping, schedule):
    """Fields of a candidate that the largest norm of a gradient, or None, sets."""
    if gradient_clipping is None:
        return {"largest_norm": np.inf}
    if isinstance(schedule, LineSearch):
        raise ValueError(
            "gradient_clipping shortens steps that are as long as the gradient, but "
            "schedule='line_search' takes the length of a step from the objective: "
            "only one of them is possible."
        )
    return {"largest_norm": gradient_clipping}


def lower_average(average):
    """Fields of a candidate that tell which of its iterates are averaged.

    `average` is False, True, "exponential" or the first update that counts.
    """
    if average == "exponential":
        exponential = {"average_lead": AVERAGE_LEAD, "least_share": LEAST_SHARE}
        return {"average_from": 1, **exponential}
    return {"average_from": min(int(average), NEVER) if average else NEVER}


def lower_store(store_path):
    """Fields of the plan that tell which parameters are recorded."""
    match store_path:
        case False:
            return {"store": int(Store.NEVER), "store_every": 1}
        case "epoch":
            return {"store": int(Store.EPOCH), "store_every": 1}
        case "step":
            return {"store": int(Store.STEP), "store_every": 1}
    return {"store": int(Store.STEP), "store_every": int(min(store_path, NEVER))}


def lower_candidates(n_candidates, **fields):
    """Candidates from fields that are numbers, or arrays with one number a row."""
    candidates = np.zeros(n_candidates, dtype=CANDIDATE)
    for name, value in fields.items():
        candidates[name] = value
    return candidates


def lower_plan(
    candidates,
    *,
    X,
    model,
    input_scale,
    window,
    has_head,
    is_trained,
    loss,
    loss_parameter,
    batch_size,
    is_shuffled,
    block_size,
    pool_size,
    seed,
    tol,
    validates,
    stops_early,
    store_path,
):
    """What the candidates share. One type a field, or the loop is compiled again."""
    n_samples, n_features = X.shape
    clips = bool(np.isfinite(candidates["largest_norm"]).any())
    averages = bool((candidates["average_from"] < NEVER).any())
    store = lower_store(store_path)
    is_descent = (candidates["rule"] == Rule.DESCENT).all() and not clips
    touches_all = (
        model != Model.LINEAR
        or batch_size >= n_samples
        or batch_size * row_size(X) >= n_features
        or (candidates["l1"] > 0).any()
        or averages
        or store["store"] == Store.STEP
    )
    return Plan(
        model=int(model),
        input_scale=float(input_scale),
        window=float(window),
        has_head=bool(has_head),
        n_weights=int(n_features),
        is_trained=np.array(is_trained, dtype=bool),
        loss=int(loss),
        loss_parameter=float(loss_parameter),
        batch_size=int(batch_size),
        is_shuffled=is_shuffled,
        block_size=block_size,
        pool_size=pool_size,
        seed=int(seed),
        looks_ahead=bool((candidates["rule"] == Rule.NESTEROV).any()),
        searches_line=bool((candidates["schedule"] == Schedule.LINE_SEARCH).any()),
        is_by_row=bool(batch_size == 1 and is_descent and np.all(is_trained)),
        is_by_nonzeros=bool(is_descent and not touches_all),
        in_pairs=len(candidates) >= PAIRED_FROM and not issparse(X),
        clips=clips,
        averages=averages,
        validates=bool(validates),
        stops_early=bool(stops_early),
        tol=0.0 if tol is None else float(tol),
        multipliers=np.empty(0),
        first_epoch=0,
        **store,
    )
