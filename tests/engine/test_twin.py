"""Every solver × schedule × batch size equals its twin in NumPy, epoch by epoch."""

import itertools

import numpy as np
import pytest
import reference
from cases import (
    BATCH_SIZES,
    GRID,
    LOSSES,
    N_EPOCHS,
    PENALTIES,
    SCHEDULES,
    every_loss,
    every_pair,
    every_solver,
    loss_twin,
    make_model,
    make_problem,
    make_weights,
    penalty_weights,
    targets_for,
    train_twin,
)
from scipy.stats import chisquare

from sklopt import GradientRegressor
from sklopt.losses import LOSSES as LOSS_NAMES

# Sums in another order: a few units in the last place each, over at most 540 updates.
DOUBLE = {"rtol": 1e-10, "atol": 1e-12}

# Single precision holds X, y, the weights and what is published; all sums and the state
# are double. The twin gets the same rounded X and y, so that one rounding is left, and
# what the trajectory makes of it: nothing that grows with the number of updates.
SINGLE_ERROR = 16 * float(np.finfo(np.float32).eps)
SINGLE = {"rtol": SINGLE_ERROR, "atol": SINGLE_ERROR}


def assert_equals_twin(model, X, y, sample_weight=None, tolerance=DOUBLE):
    """`fit` and the reference agree on path, losses, rates, gradients and outcome."""
    twin = train_twin(model, X.astype(float), y.astype(float), sample_weight)
    model.fit(X, y, sample_weight)
    history = model.history_
    path = twin.steps if model.store_path == "step" else twin.path
    np.testing.assert_allclose(model.path_, path, **tolerance)
    np.testing.assert_allclose(model.loss_curve_, twin.losses, **tolerance)
    np.testing.assert_allclose(history["learning_rate"], twin.rates, **tolerance)
    np.testing.assert_allclose(history["loss"], twin.losses, **tolerance)
    np.testing.assert_allclose(history["gradient_norm"], twin.norms, **tolerance)
    moves = {"rtol": 1e-6, "atol": 1e-10} if tolerance is DOUBLE else tolerance
    np.testing.assert_allclose(history["step_norm"], twin.moves, **moves)
    np.testing.assert_allclose(model.intercept_, twin.path[-1, 0], **tolerance)
    np.testing.assert_allclose(model.coef_, twin.path[-1, 1:], **tolerance)
    assert model.t_ == len(twin.steps) - 1
    assert model.n_iter_ == len(twin.losses)
    J = reference.objective(
        twin.path[-1],
        X,
        y,
        sample_weight,
        loss=loss_twin(model),
        **penalty_weights(model),
    )
    np.testing.assert_allclose(model.loss_, J, **tolerance)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize(("solver", "schedule", "batch_size"), GRID)
def test_equals_twin(solver, schedule, batch_size, is_weighted, dtype):
    X, y = make_problem()
    weights = make_weights() if is_weighted else None
    model = make_model(solver, schedule, batch_size)
    tolerance = DOUBLE if dtype == np.float64 else SINGLE
    assert_equals_twin(model, X.astype(dtype), y.astype(dtype), weights, tolerance)


@pytest.mark.parametrize("batch_size", [None, 1, 7])
@every_solver
@every_loss
def test_equals_twin_of_every_loss(loss, solver, batch_size):
    X, y = make_problem()
    model = make_model(solver, "exponential", batch_size, loss=LOSSES[loss])
    model.set_params(penalty="l2", alpha=0.3)
    assert_equals_twin(model, X, targets_for(loss, y), make_weights())


@pytest.mark.reduced
@every_loss
def test_loss_equals_twin_uncompiled(loss):
    X, y = make_problem()
    for solver, schedule in (("sgd", "constant"), ("gd", "line_search")):
        model = make_model(solver, schedule, 7, loss=LOSSES[loss])
        if schedule == "line_search":
            model.set_params(learning_rate=1.0)
        assert_equals_twin(model, X, targets_for(loss, y), make_weights())


@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_names_take_the_documented_parameters_of_losses(loss):
    # The reference has the documented values as defaults of its own.
    X, y = make_problem()
    y = targets_for(loss, y)
    params = {"learning_rate": 0.1, "max_iter": 30, "tol": None}
    model = GradientRegressor(**params, loss=loss, store_path="epoch").fit(X, y)
    twin = reference.train(
        X, y, orders=[range(len(y))] * 30, learning_rate=0.1, solver="gd", loss=loss
    )
    np.testing.assert_allclose(model.path_, twin.path, **DOUBLE)


@pytest.mark.parametrize("is_weighted", [False, True])
@every_pair
def test_equals_twin_with_penalty(solver, schedule, batch_size, is_weighted):
    X, y = make_problem()
    weights = make_weights() if is_weighted else None
    model = make_model(solver, schedule, batch_size, **PENALTIES["l2"])
    assert_equals_twin(model, X, y, weights)


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("penalty", ["l1", "elasticnet"])
@every_solver
def test_equals_twin_with_zeros(solver, penalty, batch_size):
    # Steps long enough for coefficients to become zero, and to leave it again.
    X, y = make_problem()
    model = make_model(solver, "step_decay", batch_size, learning_rate=0.05)
    model.set_params(store_path="step", **PENALTIES[penalty])
    init = [0.0, 0.3, 0.2, -0.2]
    assert_equals_twin(model.set_params(init=init), X, y, make_weights())
    is_zero = model.path_[:, 1:] == 0
    assert is_zero.any()
    assert not is_zero.all()
    assert (model.path_[1:, 0] != 0).all()  # the intercept is not penalised


@every_pair
def test_equals_twin_in_given_order(solver, schedule, batch_size):
    # In this order the second mini-batch is the one that weighs nothing.
    X, y = make_problem()
    weights = make_weights()
    model = make_model(solver, schedule, batch_size, shuffle=False)
    assert_equals_twin(model, X, y, weights)
    has_empty_batch = batch_size == 7 and solver != "gd"
    assert model.t_ == N_EPOCHS * (6 if has_empty_batch else 1)


@pytest.mark.parametrize("batch_size", [None, 1, 7])
@every_solver
def test_equals_twin_without_intercept_from_given_start(solver, batch_size):
    X, y = make_problem()
    init = np.array([0.0, 1.5, -2.0, 0.5])
    model = make_model(solver, "exponential", batch_size, fit_intercept=False)
    model.set_params(init=init, penalty="l2", alpha=0.1)
    assert_equals_twin(model, X, y)
    assert (model.path_[:, 0] == 0).all()


@pytest.mark.parametrize("is_weighted", [False, True])
@every_solver
def test_equals_twin_at_every_step(solver, is_weighted):
    X, y = make_problem()
    weights = make_weights() if is_weighted else None
    model = make_model(solver, "plateau", 7, store_path="step", shuffle=False)
    assert_equals_twin(model, X, y, weights)


def test_line_search_equals_twin_at_every_step():
    X, y = make_problem()
    model = make_model("gd", "line_search", None, store_path="step")
    assert_equals_twin(model, X, y)


# One row at a time, and pieces that end within shuffles, mini-batches and searches.
@pytest.mark.parametrize("budget", [1, 100, 1500])
@pytest.mark.parametrize("shuffle", [False, True])
@every_pair
def test_equals_twin_wherever_the_loop_pauses(
    solver, schedule, batch_size, shuffle, budget, monkeypatch
):
    # Training proper pauses after millions of operations, too many for the twin.
    monkeypatch.setattr("sklopt.engine._train.CALL_BUDGET", budget)
    X, y = make_problem()
    model = make_model(solver, schedule, batch_size, shuffle=shuffle)
    assert_equals_twin(model, X, y, make_weights())


@pytest.mark.reduced
@every_solver
@pytest.mark.parametrize("schedule", ["constant", "inverse_scaling_per_update"])
def test_equals_twin_uncompiled(solver, schedule):
    X, y = make_problem()
    for penalty in PENALTIES.values():
        model = make_model(solver, schedule, 7, **penalty)
        assert_equals_twin(model, X, y, make_weights())


@pytest.mark.reduced
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedule_equals_twin_uncompiled(schedule):
    X, y = make_problem()
    model = make_model("gd", schedule, penalty="l2", alpha=0.7)
    assert_equals_twin(model, X, y, make_weights())


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_of_the_table_acts(schedule):
    # Else the grid would not tell one schedule from another.
    rates = make_model("sgd", schedule, None).fit(*make_problem()).history_
    is_constant = rates["learning_rate"].nunique() == 1
    assert is_constant == (schedule == "constant")


@pytest.mark.parametrize(
    "names",
    [
        {"solver": "momentum"},
        {"solver": "nesterov"},
        {"solver": "adam"},
        {"schedule": "step_decay"},
        {"schedule": "exponential"},
        {"schedule": "inverse_scaling"},
        {"schedule": "cosine"},
        {"schedule": "plateau"},
        {"schedule": "line_search", "solver": "gd"},
    ],
    ids=lambda names: "-".join(names.values()),
)
def test_names_take_the_documented_hyperparameters(names):
    # The reference has the documented values as defaults of its own.
    X, y = make_problem()
    names = {"solver": "sgd", "schedule": "constant"} | names
    params = {"learning_rate": 0.1, "max_iter": 120, "tol": None, "batch_size": None}
    model = GradientRegressor(**names, **params, store_path="epoch").fit(X, y)
    is_cosine = names["schedule"] == "cosine"
    twin = reference.train(
        X,
        y,
        orders=[range(len(y))] * 120,
        learning_rate=0.1,
        schedule_params={"epochs": 120} if is_cosine else None,
        **names,
    )
    np.testing.assert_allclose(model.path_, twin.path, **DOUBLE)


# --- the order of an epoch -------------------------------------------------------


def visited_rows(n_samples, n_epochs, random_state):
    """Which row each update has seen, (n_epochs, n_samples).

    Row i of the identity matrix moves coefficient i only, and at this rate enough is
    left of every residual to see it move.
    """
    model = GradientRegressor(
        "sgd",
        learning_rate=0.1 / n_epochs,
        batch_size=1,
        fit_intercept=False,
        max_iter=n_epochs,
        tol=None,
        random_state=random_state,
        store_path="step",
    )
    model.fit(np.eye(n_samples), np.ones(n_samples))
    steps = np.diff(model.path_[:, 1:], axis=0) != 0
    assert (steps.sum(axis=1) == 1).all()
    return steps.argmax(axis=1).reshape(n_epochs, n_samples)


@pytest.mark.reduced
@pytest.mark.parametrize("random_state", [0, 7, 2**31])
def test_order_is_the_documented_shuffle(random_state):
    expected = reference.shuffled_orders(13, 5, random_state)
    np.testing.assert_array_equal(visited_rows(13, 5, random_state), expected)


def test_every_epoch_sees_every_row_once_in_a_new_order():
    orders = visited_rows(50, 40, random_state=0)
    np.testing.assert_array_equal(np.sort(orders), np.tile(np.arange(50), (40, 1)))
    assert len(np.unique(orders, axis=0)) == 40


def count_permutations(orders):
    places = {p: i for i, p in enumerate(itertools.permutations(range(4)))}
    return np.bincount([places[tuple(order)] for order in orders], minlength=24)


# Fixed seeds: the outcome is the same at every run, and one in a thousand of good
# generators would not pass.
@pytest.mark.parametrize("random_state", [0, 1, 2])
def test_orders_of_one_training_are_uniform(random_state):
    orders = visited_rows(4, 2400, random_state)
    assert chisquare(count_permutations(orders)).pvalue > 1e-3


def test_first_orders_of_neighbouring_seeds_are_uniform():
    orders = [visited_rows(4, 1, seed)[0] for seed in range(1200)]
    assert chisquare(count_permutations(orders)).pvalue > 1e-3


def test_consecutive_orders_are_independent():
    # The first row of an epoch tells nothing about the first row of the next one.
    first_rows = visited_rows(4, 3201, random_state=0)[:, 0]
    pairs = np.bincount(4 * first_rows[:-1] + first_rows[1:], minlength=16)
    assert chisquare(pairs).pvalue > 1e-3
