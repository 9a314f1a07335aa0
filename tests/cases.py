"""The one table of solvers and schedules that drives the tests, and its problem."""

import re
from functools import partial

import joblib
import numpy as np
import pytest
import reference

from sklopt import GradientRegressor
from sklopt.losses import (
    LOSSES as LOSS_NAMES,
)
from sklopt.losses import (
    AbsoluteError,
    EpsilonInsensitive,
    Gamma,
    Huber,
    Poisson,
    Quantile,
    SquaredEpsilonInsensitive,
    SquaredError,
)
from sklopt.schedules import (
    SCHEDULES as SCHEDULE_NAMES,
)
from sklopt.schedules import (
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
from sklopt.solvers import GD, SGD, Adam, Momentum, Nesterov
from sklopt.solvers import SOLVERS as SOLVER_NAMES

N_EPOCHS = 12

# Hyperparameters other than the defaults, so that one that is not passed on shows.
SOLVERS = {
    "gd": GD(),
    "sgd": SGD(),
    "momentum": Momentum(beta=0.8),
    "nesterov": Nesterov(beta=0.7),
    "adam": Adam(beta_1=0.8, beta_2=0.95, epsilon=1e-3),
}


def interpreted(kernel):
    """A kernel as plain Python, whether or not kernels are compiled."""
    return getattr(kernel, "py_func", kernel)


def halves_and_thirds(t):
    """A schedule of a user's own."""
    return 1 / 3 if t % 2 else 1 / 2


# Every one of them changes the rate within N_EPOCHS, except `constant`.
SCHEDULES = {
    "constant": Constant(),
    "step_decay": StepDecay(factor=0.6, every=3),
    "exponential": ExponentialDecay(factor=0.8),
    "inverse_scaling": InverseScaling(power=0.4),
    "inverse_scaling_per_update": InverseScaling(power=0.3, per="update"),
    "cosine": Cosine(epochs=9),  # ends in epochs at rate 0
    "cosine_max_iter": Cosine(),
    "plateau": Plateau(
        factor=0.5, patience=1, cooldown=1, min_rate=0.006, threshold=0.3
    ),
    "line_search": LineSearch(tolerance=1e-3),
    "one_cycle": OneCycle(epochs=9, rise=0.4, start=0.2, end=0.1),
    "warmup": Warmup(StepDecay(factor=0.6, every=3), epochs=5),
    "function": halves_and_thirds,
}

LOSSES = {
    "squared_error": SquaredError(),
    "absolute_error": AbsoluteError(),
    "huber": Huber(delta=0.8),
    "epsilon_insensitive": EpsilonInsensitive(epsilon=0.4),
    "squared_epsilon_insensitive": SquaredEpsilonInsensitive(epsilon=0.4),
    "quantile": Quantile(quantile=0.8),
    "poisson": Poisson(),
    "gamma": Gamma(),
}

# Strong enough to hold some coefficients at 0, and to let others go from there.
PENALTIES = {
    "l2": {"penalty": "l2", "alpha": 0.7},
    "l1": {"penalty": "l1", "alpha": 0.8},
    "elasticnet": {"penalty": "elasticnet", "alpha": 1.2, "l1_ratio": 0.6},
}

BATCH_SIZES = [None, 1, 7, 32]
FULL_BATCH_DESCENT = {("gd", size) for size in BATCH_SIZES} | {("sgd", None)}
LEARNING_RATE = 0.02
LONGEST_STEP = 8.0  # far uphill, so that brackets are halved toward a as well


def is_allowed(solver, schedule, batch_size):
    """A line search follows the gradient of the whole training set."""
    return schedule != "line_search" or (solver, batch_size) in FULL_BATCH_DESCENT


GRID = [
    (solver, schedule, batch_size)
    for solver in SOLVERS
    for schedule in SCHEDULES
    for batch_size in BATCH_SIZES
    if is_allowed(solver, schedule, batch_size)
]

# Every pair of solver and schedule once: on mini-batches where they can go together.
PAIRS = [
    (solver, schedule, None if schedule == "line_search" else 7)
    for solver in SOLVERS
    for schedule in SCHEDULES
    if is_allowed(solver, schedule, None)
]

# The same, of what has a name: strings stand for default hyperparameters.
NAMED_PAIRS = [pair for pair in PAIRS if pair[1] in SCHEDULE_NAMES]

both_methods = pytest.mark.parametrize("method", ["fit", "partial_fit"])
both_states = pytest.mark.parametrize("state", ["unfitted", "fitted"])
every_loss = pytest.mark.parametrize("loss", LOSSES)
every_solver = pytest.mark.parametrize("solver", SOLVERS)
every_pair = pytest.mark.parametrize(("solver", "schedule", "batch_size"), PAIRS)
every_named_pair = pytest.mark.parametrize(
    ("solver", "schedule", "batch_size"), NAMED_PAIRS
)


def make_problem(n_samples=45, seed=0):
    """A noisy linear problem, features of unequal scale and away from the origin."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 3)) * [1.0, 0.6, 0.4] + [0.5, -0.3, 0.0]
    y = 1.0 + X @ [2.0, -1.0, 3.0] + rng.normal(scale=0.5, size=n_samples)
    return X, y


def make_targets():
    """Targets that train unlike each other: noisy, constant, of another scale."""
    X, y = make_problem()
    _, other = make_problem(seed=3)
    return X, np.column_stack([y, np.zeros_like(y), 10.0 * other])


def targets_for(loss, y):
    """Targets like y that the loss can be of: counts, some of them 0, or sizes."""
    if loss == "poisson":
        return np.maximum(0.0, np.round(y))
    return np.abs(y) + 0.1 if loss == "gamma" else y


def make_weights(n_samples=45, seed=1):
    """Uneven weights; rows 7 to 13, one whole mini-batch of 7, weigh nothing."""
    weights = np.random.default_rng(seed).uniform(0.2, 2.0, size=n_samples)
    weights[7:14] = 0.0
    return weights


def make_model(solver, schedule, batch_size=7, **params):
    """An estimator of the table that trains for N_EPOCHS and keeps its path."""
    is_search = schedule == "line_search"
    settings = {
        "solver": SOLVERS.get(solver, solver),
        "schedule": SCHEDULES.get(schedule, schedule),
        "batch_size": batch_size,
        "learning_rate": LONGEST_STEP if is_search else LEARNING_RATE,
        "max_iter": N_EPOCHS,
        "tol": None,
        "random_state": 0,
        "store_path": "epoch",
    }
    return GradientRegressor(**(settings | params))


def model_of(solver="gd", **params):
    """A short training that neither stops early nor warns."""
    settings = {
        "batch_size": 7,
        "learning_rate": LEARNING_RATE,
        "max_iter": N_EPOCHS,
        "tol": None,
        "random_state": 0,
    }
    return GradientRegressor(solver, **(settings | params))


def model_in(state, **params):
    """`model_of`, "unfitted" or "fitted"."""
    model = model_of(**params)
    return model.fit(*make_problem()) if state == "fitted" else model


def assert_refused(action, model, error, message):
    """`action` raises, its message begins so, and the model is what it was."""
    before, attributes = joblib.hash(vars(model)), dict(vars(model))
    with pytest.raises(error, match=f"^{re.escape(message)}") as caught:
        action()
    assert vars(model).keys() == attributes.keys()
    assert all(vars(model)[name] is value for name, value in attributes.items())
    assert joblib.hash(vars(model)) == before
    return str(caught.value)


def parameters(model):
    """φ of a fitted model: the intercept first."""
    return np.append(model.intercept_, model.coef_)


def history_of(model):
    """What a fit leaves in `history_`, without the time it took."""
    return model.history_.drop(columns="seconds")


def as_object(loss):
    """The loss that a name stands for, or the loss itself."""
    return LOSS_NAMES[loss]() if isinstance(loss, str) else loss


def _name_and_params(description, names):
    (name,) = (name for name, kind in names.items() if kind is type(description))
    return name, description.get_params()


def loss_twin(model):
    """The reference's function of a model's loss."""
    name, params = _name_and_params(as_object(model.loss), LOSS_NAMES)
    return partial(reference.LOSSES[name], **params)


def schedule_twin(schedule, max_iter):
    """What the reference calls a schedule, and its hyperparameters."""
    if type(schedule) not in SCHEDULE_NAMES.values():
        return "function", {"of": schedule}
    name, params = _name_and_params(schedule, SCHEDULE_NAMES)
    params = schedule.get_params(deep=False)
    if "epochs" in params and params["epochs"] is None:
        params["epochs"] = max_iter
    if name == "warmup":
        params["schedule"] = schedule_twin(params["schedule"], max_iter)
    return name, params


def penalty_weights(model):
    """What the reference calls alpha and l1, of a model's penalty."""
    ratio = {"l1": 1.0, "elasticnet": model.l1_ratio}.get(model.penalty, 0.0)
    alpha = 0.0 if model.penalty is None else model.alpha
    return {"alpha": (1 - ratio) * alpha, "l1": ratio * alpha}


def train_twin(model, X, y, sample_weight=None):
    """What `model.fit` must do, done by the reference."""
    solver, solver_params = _name_and_params(model.solver, SOLVER_NAMES)
    loss, loss_params = _name_and_params(as_object(model.loss), LOSS_NAMES)
    schedule, schedule_params = schedule_twin(model.schedule, model.max_iter)
    is_full = model.batch_size is None or solver == "gd"
    if model.shuffle and not is_full:
        orders = reference.shuffled_orders(len(y), model.max_iter, model.random_state)
    else:
        orders = [range(len(y))] * model.max_iter
    return reference.train(
        X,
        y,
        orders=orders,
        solver=solver,
        solver_params=solver_params,
        schedule=schedule,
        schedule_params=schedule_params,
        learning_rate=model.learning_rate,
        batch_size=model.batch_size,
        sample_weight=sample_weight,
        **penalty_weights(model),
        is_trained=np.arange(X.shape[1] + 1) >= (0 if model.fit_intercept else 1),
        init=model.init,
        loss=loss,
        loss_params=loss_params,
        average=model.average,
        clipping=model.gradient_clipping,
    )
