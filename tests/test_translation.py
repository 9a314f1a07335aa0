"""The README's "Coming from elsewhere": both sides trained where steps are equal."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import reference
from cases import make_problem, parameters
from numpy.testing import assert_allclose
from peers import (
    BATCH_SIZE,
    LETTERS,
    N_EPOCHS,
    RATE,
    arguments,
    parameters_of,
    tables_of,
    train_mlp,
    train_ours,
    train_sgd,
    train_torch,
)
from sklearn.linear_model import SGDRegressor
from sklearn.neural_network import MLPRegressor

from sklopt import GradientRegressor
from sklopt.solvers import Momentum

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
((HEADER, *ROWS),) = tables_of(README)
COLUMNS = ["ours", "SGDRegressor", "MLPRegressor", "torch"]
TABLE = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]


def row_of(start):
    """The one row whose first cell begins so."""
    (row,) = (row for row in TABLE if row["ours"].startswith(start))
    return row


def ours(row, **params):
    """Our side of a row, trained."""
    return parameters(train_ours(**(arguments(row["ours"]) | params)))


def test_columns_are_those_that_are_read():
    names = re.findall(r"ours|SGDRegressor|MLPRegressor|torch", " ".join(HEADER))
    assert names == COLUMNS
    assert "`MLPRegressor(hidden_layer_sizes=())`" in HEADER


@pytest.mark.parametrize(
    "start",
    [
        '`solver="sgd", learning_rate=r`',
        '`penalty="l2", alpha=a`',
    ],
)
def test_sgd_regressor_takes_the_same_steps(start):
    row = row_of(start)
    theirs = arguments(row["SGDRegressor"])
    assert theirs
    expected = parameters_of(train_sgd(**theirs))
    assert_allclose(ours(row, batch_size=1), expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("start", "params", "theirs", "rtol"),
    [
        ('`solver="sgd", learning_rate=r`', {}, {}, 1e-10),
        ('`solver="momentum"`', {"solver": Momentum(0.9)}, {}, 1e-10),
        # Theirs adds ε before undoing the bias of v, which is worth about 1e-8.
        ("`solver=Adam(β, γ, ε)`", {}, {"beta_2": 0.999}, 1e-6),
        ('`penalty="l2", alpha=a`', {}, {}, 1e-10),
    ],
    ids=["sgd", "momentum", "adam", "l2"],
)
def test_mlp_regressor_takes_the_same_steps(start, params, theirs, rtol):
    row = row_of(start)
    printed = arguments(row["MLPRegressor"])
    assert printed
    expected = parameters_of(train_mlp(**printed, **theirs))
    assert_allclose(ours(row, **params), expected, rtol=rtol)


def test_nesterov_of_mlp_regressor_looks_ahead_by_less():
    """Its parameters are those of the point it looks ahead to, φ − αβm."""
    row = row_of('`solver="nesterov"`')
    assert (
        "`nesterovs_momentum=True` looks ahead by βm, not by m" in row["MLPRegressor"]
    )
    X, y = make_problem(40)
    s, beta = np.ones(BATCH_SIZE), LETTERS["β"]

    def textbook(share):
        """φ and m, the gradient taken at φ − α·share·m."""
        phi, m = np.zeros(4), np.zeros(4)
        for first in [*range(0, 40, BATCH_SIZE)] * N_EPOCHS:
            part = slice(first, first + BATCH_SIZE)
            point = phi - RATE * share * m
            g = reference.batch_gradient(point, X[part], y[part], s, alpha=0.0)
            m = beta * m + (1 - beta) * g
            phi = phi - RATE * m
        return phi, m

    phi, _ = textbook(share=1.0)
    assert_allclose(ours(row), phi, rtol=1e-10)
    phi, m = textbook(share=beta)
    accumulated = arguments(row_of('`solver="momentum"`')["MLPRegressor"])
    expected = parameters_of(train_mlp(**(accumulated | {"nesterovs_momentum": True})))
    assert_allclose(phi - RATE * beta * m, expected, rtol=1e-10)


@pytest.mark.parametrize("row", TABLE, ids=[row["ours"] for row in TABLE])
def test_what_a_row_names_is_there(row):
    GradientRegressor(**arguments(row["ours"]))._validate_params()
    SGDRegressor(**arguments(row["SGDRegressor"]))._validate_params()
    MLPRegressor(**arguments(row["MLPRegressor"]))._validate_params()


def test_defaults_are_as_printed():
    row = row_of("`batch_size=1` (default 256)")
    assert row["MLPRegressor"] == "`batch_size` (default 200)"
    assert row["SGDRegressor"] == "always 1"
    X, y = make_problem(1000)
    ours = GradientRegressor("sgd", max_iter=1, tol=None).fit(X, y)
    assert ours.t_ == -(-1000 // 256)
    theirs = MLPRegressor(hidden_layer_sizes=()).partial_fit(X, y)
    assert theirs.t_ == 1000
    assert theirs._optimizer.t == 1000 // 200
    assert "batch_size" not in inspect.signature(SGDRegressor).parameters
    adam = row_of("`solver=Adam(β, γ, ε)`")
    assert adam["MLPRegressor"].endswith(f"γ = {MLPRegressor().beta_2}")


# --- torch ---------------------------------------------------------------------------


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def in_torch(cell):
    """The optimizer that a cell prints in short, as it is made."""
    return re.sub(r"`(\w+)\(", r"`optim.\1(params, ", cell)


@pytest.mark.parity
@pytest.mark.parametrize(
    ("start", "params"),
    [
        ('`solver="sgd", learning_rate=r`', {}),
        ('`solver="momentum"`', {"solver": Momentum(0.9)}),
        ("`solver=Adam(β, γ, ε)`", {}),
    ],
    ids=["sgd", "momentum", "adam"],
)
def test_torch_takes_the_same_steps(torch, start, params):
    row = row_of(start)
    assert "torch (`MSELoss`)" in HEADER
    expected = train_torch(torch, in_torch(row["torch"]))
    assert_allclose(ours(row, batch_size=None, **params), expected, rtol=1e-10)


@pytest.mark.parity
def test_weight_decay_of_torch_holds_the_intercept_too(torch):
    row = row_of('`penalty="l2", alpha=a`')
    assert row["torch"] == "`weight_decay=a`, intercept too"
    expected = train_torch(torch, in_torch("`SGD(lr=r, weight_decay=a)`"))
    phi, (X, y) = np.zeros(4), make_problem(40)
    for _ in range(N_EPOCHS):
        g = reference.gradient(phi, X, y, alpha=LETTERS["a"])
        phi = phi - RATE * (g + LETTERS["a"] * np.array([phi[0], 0, 0, 0]))
    assert_allclose(expected, phi, rtol=1e-10)
    assert abs(ours(row, batch_size=None)[0]) > abs(phi[0])


@pytest.mark.parity
def test_clipping_of_torch_takes_the_same_steps(torch):
    row = row_of("`gradient_clipping=c`")
    expected = train_torch(torch, row["torch"])
    # Theirs adds 1e-6 to the norm that it divides by.
    assert_allclose(ours(row, batch_size=None), expected, rtol=1e-5)
    model = train_ours(batch_size=None, **arguments(row["ours"]))
    assert (model.history_["gradient_norm"] > LETTERS["c"]).all()
