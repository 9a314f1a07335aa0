"""Hyperparameters that must be refused, each by its name."""

import itertools

import numpy as np
import pytest
from cases import (
    BATCH_SIZES,
    SOLVERS,
    assert_refused,
    both_methods,
    both_states,
    is_allowed,
    make_problem,
    model_in,
    model_of,
)
from sklearn.utils._param_validation import InvalidParameterError

from sklopt.losses import (
    EpsilonInsensitive,
    Huber,
    Quantile,
    SquaredEpsilonInsensitive,
)
from sklopt.schedules import (
    Cosine,
    ExponentialDecay,
    InverseScaling,
    LineSearch,
    OneCycle,
    Plateau,
    StepDecay,
    Warmup,
)
from sklopt.solvers import SGD, Adam, Momentum, Nesterov

X, Y = make_problem()
P = X.shape[1] + 1

BAD_PARAMS = [
    *(({"learning_rate": r}, "learning_rate") for r in (0, 0.0, -1, -1e-9)),
    *(({"learning_rate": r}, "learning_rate") for r in (np.nan, np.inf, None)),
    ({"learning_rate": [0.1]}, "learning_rate"),
    *(({"batch_size": b}, "batch_size") for b in (0, -1, 2.5, 2.0, "big", np.nan)),
    *(({"max_iter": n}, "max_iter") for n in (0, -1, 2.5, None, np.inf)),
    *(({"tol": t}, "tol") for t in (-1e-12, np.nan, np.inf, "auto")),
    *(({"n_iter_no_change": n}, "n_iter_no_change") for n in (0, 1.5, None)),
    *(({"solver": s}, "solver") for s in ("adm", "Adam", "", Adam, None, "lbfgs")),
    *(({"schedule": s}, "schedule") for s in ("stepdecay", StepDecay, None, SGD())),
    ({"solver": StepDecay()}, "solver"),
    *(({"penalty": p}, "penalty") for p in ("L2", "none", 0)),
    *(({"loss": name}, "loss") for name in ("squared", "mse", None, Huber, SGD())),
    *(({"alpha": a}, "alpha") for a in (-1e-9, np.nan, np.inf, None)),
    *(({"store_path": s}, "store_path") for s in (True, "steps", None, 0, 1.5)),
    *(({"verbose": v}, "verbose") for v in (-1, 1.5, "yes", None)),
    *(({"early_stopping": e}, "early_stopping") for e in (None, 1, "auto")),
    *(({"validation_fraction": f}, "validation_fraction") for f in (0, 1, -0.1, None)),
    *(({"random_state": r}, "random_state") for r in (-1, "0", 1.5)),
    *(({"gradient_clipping": c}, "gradient_clipping") for c in (0, -1.0, np.nan, "1")),
    *(({"average": a}, "average") for a in (0, -1, 1.5, "mean", None, np.nan)),
    ({"fit_intercept": "yes"}, "fit_intercept"),
    ({"shuffle": None}, "shuffle"),
    ({"warm_start": "no"}, "warm_start"),
    ({"init": "random"}, "init"),
    ({"init": 0.0}, "init"),
]


def assert_parameter_refused(method, model, name, owner):
    """The message names the parameter, whose it is, and its value."""
    begin = f"The '{name}' parameter of {type(owner).__name__} must be "
    fit = getattr(model, method)
    message = assert_refused(lambda: fit(X, Y), model, InvalidParameterError, begin)
    assert message.endswith(f"Got {owner.get_params()[name]!r} instead.")


@both_methods
@both_states
@pytest.mark.parametrize(("params", "name"), BAD_PARAMS, ids=str)
def test_bad_parameters(params, name, state, method):
    model = model_in(state).set_params(**params)
    assert_parameter_refused(method, model, name, model)


@both_methods
@pytest.mark.parametrize("name", ["step_decay", "plateau", "constant", "nonsense"])
def test_schedule_given_as_learning_rate(name, method):
    model = model_of(learning_rate=name)
    message = (
        "The 'learning_rate' parameter of GradientRegressor must be 'auto' or a float "
        f"in the range (0, inf). Got {name!r} instead; did you mean schedule={name!r}?"
    )
    fit = getattr(model, method)
    assert_refused(lambda: fit(X, Y), model, InvalidParameterError, message)


BAD_NESTED = [
    *((Momentum(beta=b), "beta") for b in (1.0, -0.1, np.nan, "0.9", None)),
    *((Nesterov(beta=b), "beta") for b in (1.0, 1.5, -0.1)),
    *((Adam(beta_1=b), "beta_1") for b in (1.0, -0.1)),
    *((Adam(beta_2=b), "beta_2") for b in (1.0, -0.1, None)),
    *((Adam(epsilon=e), "epsilon") for e in (0, -1e-8, np.nan, np.inf)),
    *((StepDecay(every=e), "every") for e in (0, -1, 2.5)),
    *((StepDecay(factor=f), "factor") for f in (0.0, 1.1, -0.5)),
    *((ExponentialDecay(factor=f), "factor") for f in (0.0, 1.1, np.nan)),
    *((InverseScaling(power=p), "power") for p in (0, -0.5, np.inf)),
    (InverseScaling(per="batch"), "per"),
    *((Cosine(epochs=e), "epochs") for e in (0, 2.5)),
    *((Plateau(factor=f), "factor") for f in (0.0, 2.0)),
    *((Plateau(patience=p), "patience") for p in (-1, 1.5)),
    (Plateau(cooldown=-1), "cooldown"),
    *((Plateau(min_rate=r), "min_rate") for r in (-1.0, np.inf)),
    *((Plateau(threshold=t), "threshold") for t in (-0.1, 1.0)),
    *((LineSearch(tolerance=t), "tolerance") for t in (0, 1, -1)),
    *((OneCycle(epochs=e), "epochs") for e in (0, 2.5)),
    *((OneCycle(rise=r), "rise") for r in (0, 1, np.nan)),
    *((OneCycle(start=s), "start") for s in (-0.1, 1.1)),
    (OneCycle(end=-0.1), "end"),
    *((Warmup(epochs=e), "epochs") for e in (0, 2.5, None)),
    *((Warmup(s), "schedule") for s in ("line_search", "warmup", LineSearch())),
    *((Warmup(s), "schedule") for s in (Warmup(), StepDecay, None)),
    *((Huber(delta=d), "delta") for d in (0, -1.0, np.inf, np.nan, None)),
    *((EpsilonInsensitive(epsilon=e), "epsilon") for e in (-0.1, "small")),
    (SquaredEpsilonInsensitive(epsilon=-0.1), "epsilon"),
    *((Quantile(quantile=q), "quantile") for q in (0, 1, 1.5, None)),
]


@both_methods
@pytest.mark.parametrize(("bad", "name"), BAD_NESTED, ids=str)
def test_bad_nested_parameters(bad, name, method):
    family = type(bad).__module__.removeprefix("sklopt.")
    parameter = {"solvers": "solver", "schedules": "schedule", "losses": "loss"}[family]
    model = model_of().set_params(**{parameter: bad})
    assert_parameter_refused(method, model, name, bad)


@both_methods
@pytest.mark.parametrize(
    ("solver", "batch_size"),
    [
        (solver, batch_size)
        for solver, batch_size in itertools.product(SOLVERS, BATCH_SIZES)
        if not is_allowed(solver, "line_search", batch_size)
    ],
)
def test_line_search_wants_full_batch_descent(solver, batch_size, method):
    message = (
        "schedule='line_search' searches along the gradient of the whole training set: "
        "it goes with solver='gd', or solver='sgd' and batch_size=None, not with "
    )
    for schedule in ("line_search", LineSearch(tolerance=0.1)):
        model = model_of(solver, batch_size=batch_size, schedule=schedule)
        fit = getattr(model, method)
        assert_refused(lambda fit=fit: fit(X, Y), model, ValueError, message)


WRONG_SHAPE = "init has parameters of shape {}, but X and y ask for {}:"
BAD_INITS = {
    "too short": (np.zeros(P - 1), Y, WRONG_SHAPE.format("(3,)", "(4,)")),
    "too long": (np.zeros(P + 1), Y, WRONG_SHAPE.format("(5,)", "(4,)")),
    "a target too many": (np.zeros((2, P)), Y, WRONG_SHAPE.format("(2, 4)", "(4,)")),
    "a column": (np.zeros((P, 1)), Y, WRONG_SHAPE.format("(4, 1)", "(4,)")),
    "no targets": (np.zeros(P), np.c_[Y, Y], WRONG_SHAPE.format("(4,)", "(2, 4)")),
    "3-D": (np.zeros((1, 1, P)), Y, "init: Found array with dim 3"),
    "nan": (np.full(P, np.nan), Y, "Input init contains NaN"),
    "inf": ([0.0, 1.0, np.inf, 0.0], Y, "Input init contains infinity"),
    "complex": (np.zeros(P) + 1j, Y, "init: Complex data not supported"),
    "beyond double": ([10**400] * P, Y, "init: int too large to convert to float"),
    "words": (["spam"] * P, Y, "init: could not convert string to float: 'spam'"),
    "empty": ([], Y, "init: Found array with 0 sample(s) (shape=(0,))"),
    "too large": (
        np.full(P, 1e300),
        Y,
        "The objective is not finite at the start: y, X or init is too large",
    ),
}


@both_methods
@pytest.mark.parametrize(("init", "y", "message"), BAD_INITS.values(), ids=BAD_INITS)
def test_bad_init(init, y, message, method):
    model = model_of(init=init)
    assert_refused(lambda: getattr(model, method)(X, y), model, ValueError, message)


NO_INTERCEPT = "{} has an intercept other than 0, but fit_intercept=False"


@both_methods
def test_init_without_intercept_has_none(method):
    model = model_of(init=[1e-9, 0, 0, 0], fit_intercept=False)
    message = NO_INTERCEPT.format("init")
    assert_refused(lambda: getattr(model, method)(X, Y), model, ValueError, message)
    model.set_params(init=[0.0, 0, 1, 0])
    assert getattr(model, method)(X, Y).intercept_ == 0.0


def test_an_intercept_that_was_trained_is_not_frozen_in_silence():
    model = model_of().partial_fit(X, Y).set_params(fit_intercept=False)
    message = NO_INTERCEPT.format("the last fit")
    assert_refused(lambda: model.partial_fit(X, Y), model, ValueError, message)
    model = model_of(warm_start=True).fit(X, Y).set_params(fit_intercept=False)
    message = NO_INTERCEPT.format("the warm start")
    assert_refused(lambda: model.fit(X, Y), model, ValueError, message)


@pytest.mark.parametrize(
    ("first", "data", "given", "expected"),
    [
        (Y, (X[:, :2], Y), (4,), (3,)),
        (Y, (X, np.c_[Y, Y]), (4,), (2, 4)),
        (np.c_[Y, Y], (X, Y), (2, 4), (4,)),
        (Y[:, None], (X, Y), (1, 4), (4,)),
    ],
    ids=["a feature less", "a target more", "a target less", "an axis less"],
)
def test_a_warm_start_of_another_shape(first, data, given, expected):
    model = model_of(warm_start=True).fit(X, first)
    message = (
        f"the warm start has parameters of shape {given}, but X and y ask for "
        f"{expected}: the intercept, then a coefficient for each feature."
    )
    assert_refused(lambda: model.fit(*data), model, ValueError, message)
