"""The README's "Coming from elsewhere": both sides trained where steps are equal."""

import inspect
import re
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import reference
from cases import make_problem, parameters
from numpy.testing import assert_allclose
from sklearn.linear_model import SGDRegressor
from sklearn.neural_network import MLPRegressor

from sklopt import GradientRegressor
from sklopt.losses import EpsilonInsensitive, Huber
from sklopt.schedules import InverseScaling
from sklopt.solvers import Adam, Momentum

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
HEADER, _, *ROWS = re.findall(r"^\|(.*)\|$", README, re.MULTILINE)
COLUMNS = ["ours", "SGDRegressor", "MLPRegressor", "torch"]
TABLE = [
    dict(zip(COLUMNS, map(str.strip, row.split("|")), strict=True)) for row in ROWS
]

RATE, BATCH_SIZE = 0.02, 8
DESCRIPTIONS = Adam, EpsilonInsensitive, Huber, InverseScaling
# What the letters of the table stand for; γ is the one that both others default to.
LETTERS = {
    "r": RATE,
    "a": 0.3,
    "p": 0.3,
    "d": 0.4,
    "q": 0.6,
    "β": 0.9,
    "γ": 0.999,
    "ε": 1e-8,
    "batch_size": BATCH_SIZE,
}


def arguments(cell):
    """The keyword arguments that a cell prints as code, evaluated."""
    code = ", ".join(re.findall(r"`(\w+=[^`]*)`", cell))
    scope = LETTERS | {one.__name__: one for one in DESCRIPTIONS}
    return eval(f"dict({code})", scope)


def row_of(start):
    """The one row whose first cell begins so."""
    (row,) = (row for row in TABLE if row["ours"].startswith(start))
    return row


def ours(row, **params):
    """Our side of a row, trained in mini-batches without shuffling."""
    settings = {"solver": "sgd", "learning_rate": RATE, "max_iter": 5, "tol": None}
    settings |= {"batch_size": BATCH_SIZE, "shuffle": False}
    settings |= arguments(row["ours"]) | params
    X, y = make_problem(40)
    return parameters(GradientRegressor(**settings).fit(X, y))


def by_sgd_regressor(cell):
    settings = {"alpha": 0.0, "eta0": 2 * RATE, "learning_rate": "constant"}
    settings |= {"max_iter": 5, "tol": None, "shuffle": False}
    X, y = make_problem(40)
    return parameters(SGDRegressor(**(settings | arguments(cell))).fit(X, y))


def by_mlp_regressor(cell, **params):
    """An MLPRegressor without hidden layer, its random start replaced by zeros."""
    settings = {"alpha": 0.0, "learning_rate_init": 2 * RATE, "shuffle": False}
    settings |= {"batch_size": BATCH_SIZE, "hidden_layer_sizes": ()}
    mlp = MLPRegressor(**(settings | params | arguments(cell)))
    X, y = make_problem(40)
    with mock.patch.object(MLPRegressor, "_init_coef") as start:
        start.return_value = np.zeros((X.shape[1], 1)), np.zeros(1)
        for _ in range(5):
            mlp.partial_fit(X, y)
    return np.append(mlp.intercepts_[0], mlp.coefs_[0])


def test_columns_are_those_that_are_read():
    names = re.findall(r"ours|SGDRegressor|MLPRegressor|torch", HEADER)
    assert names == COLUMNS
    assert "`MLPRegressor(hidden_layer_sizes=())`" in HEADER


@pytest.mark.parametrize(
    "start",
    [
        '`solver="sgd", learning_rate=r`',
        '`penalty="l2", alpha=a`',
        "`schedule=InverseScaling(p",
        "`loss=Huber(d)`",
        "`loss=EpsilonInsensitive(d)`",
    ],
)
def test_sgd_regressor_takes_the_same_steps(start):
    row = row_of(start)
    theirs = arguments(row["SGDRegressor"])
    assert theirs
    expected = by_sgd_regressor(row["SGDRegressor"])
    assert_allclose(ours(row, batch_size=1), expected, rtol=1e-10)


@pytest.mark.parametrize("start", ['`penalty="l1"', '`penalty="elasticnet"'])
def test_sgd_regressor_has_the_same_minimum(start):
    row = row_of(start)
    theirs = arguments(row["SGDRegressor"]) | {"learning_rate": "invscaling"}
    X, y = make_problem(40)
    sgd = SGDRegressor(**theirs, eta0=0.2, power_t=0.6, max_iter=20_000, tol=None)
    expected = parameters(sgd.set_params(random_state=0).fit(X, y))
    full = {"solver": "gd", "learning_rate": "auto", "max_iter": 5000, "tol": 1e-12}
    assert_allclose(ours(row, **full), expected, atol=1e-3)
    # 5 epochs of single rows tell the algorithms apart.
    expected = by_sgd_regressor(row["SGDRegressor"])
    assert not np.allclose(ours(row, batch_size=1), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("start", "params", "theirs", "rtol"),
    [
        ('`solver="sgd", learning_rate=r`', {}, {}, 1e-10),
        ('`solver="momentum"`', {"solver": Momentum(0.9)}, {"solver": "sgd"}, 1e-10),
        # Theirs adds ε before undoing the bias of v, which is worth about 1e-8.
        ("`solver=Adam(β, γ, ε)`", {}, {}, 1e-6),
        ('`penalty="l2", alpha=a`', {}, {"solver": "sgd", "momentum": 0}, 1e-10),
    ],
    ids=["sgd", "momentum", "adam", "l2"],
)
def test_mlp_regressor_takes_the_same_steps(start, params, theirs, rtol):
    row = row_of(start)
    assert arguments(row["MLPRegressor"])
    expected = by_mlp_regressor(row["MLPRegressor"], **theirs)
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
        for first in [*range(0, 40, BATCH_SIZE)] * 5:
            part = slice(first, first + BATCH_SIZE)
            point = phi - RATE * share * m
            g = reference.batch_gradient(point, X[part], y[part], s, alpha=0.0)
            m = beta * m + (1 - beta) * g
            phi = phi - RATE * m
        return phi, m

    phi, _ = textbook(share=1.0)
    assert_allclose(ours(row), phi, rtol=1e-10)
    phi, m = textbook(share=beta)
    accumulated = row_of('`solver="momentum"`')["MLPRegressor"]
    cell = accumulated.replace("nesterovs_momentum=False", "nesterovs_momentum=True")
    expected = by_mlp_regressor(cell, solver="sgd")
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


def test_tol_is_a_share_of_the_loss_here_and_absolute_there():
    row = row_of("`tol`: share of the loss")
    assert row["SGDRegressor"] == row["MLPRegressor"] == "absolute"
    X, y = make_problem(40)
    n_iter = [GradientRegressor().fit(X, s * y).n_iter_ for s in (1.0, 1e-3)]
    assert n_iter[0] == n_iter[1]
    sgd = SGDRegressor(random_state=0)
    n_iter = [sgd.fit(X, s * y).n_iter_ for s in (1.0, 1e-3)]
    assert n_iter[0] > n_iter[1] == sgd.n_iter_no_change + 1


# --- torch ---------------------------------------------------------------------------


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def by_torch(torch, optimizer):
    """Full-batch training from 0 by the optimizer that a cell prints as code."""
    X, y = (torch.from_numpy(array) for array in make_problem(40))
    X = torch.column_stack([torch.ones(40, dtype=X.dtype), X])
    phi = torch.zeros(4, dtype=X.dtype, requires_grad=True)
    kind, code = re.fullmatch(r"(\w+)\((.*)\)", optimizer).groups()
    options = eval(f"dict({code})", LETTERS)
    optimizer = getattr(torch.optim, kind)([phi], **options)
    for _ in range(5):
        optimizer.zero_grad()
        torch.nn.MSELoss()(X @ phi, y).backward()
        optimizer.step()
    return phi.detach().numpy()


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
    optimizer = re.match(r"`(.*?)`", row["torch"])[1]
    expected = by_torch(torch, optimizer)
    assert_allclose(ours(row, batch_size=None, **params), expected, rtol=1e-10)


@pytest.mark.parity
def test_weight_decay_of_torch_holds_the_intercept_too(torch):
    row = row_of('`penalty="l2", alpha=a`')
    assert row["torch"] == "`weight_decay=a`, intercept too"
    expected = by_torch(torch, "SGD(lr=r, weight_decay=a)")
    phi, (X, y) = np.zeros(4), make_problem(40)
    for _ in range(5):
        g = reference.gradient(phi, X, y, alpha=LETTERS["a"])
        phi = phi - RATE * (g + LETTERS["a"] * np.array([phi[0], 0, 0, 0]))
    assert_allclose(expected, phi, rtol=1e-10)
    assert abs(ours(row, batch_size=None)[0]) > abs(phi[0])


@pytest.mark.parity
def test_schedulers_of_torch_are_there(torch):
    names = re.findall(r"`(\w+LR\w*)`", " ".join(row["torch"] for row in TABLE))
    assert names == ["LambdaLR", "StepLR", "ReduceLROnPlateau"]
    assert all(hasattr(torch.optim.lr_scheduler, name) for name in names)
