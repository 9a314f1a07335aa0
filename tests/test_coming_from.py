"""docs/coming_from.md: both sides of every row set up, and trained where equal."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from cases import parameters
from estimators.sparse import make_sparse
from numpy.testing import assert_allclose
from peers import (
    BATCH_SIZE,
    LETTERS,
    N_EPOCHS,
    arguments,
    parameters_of,
    problem_for,
    tables_of,
    torch_scope,
    train_mlp,
    train_ours,
    train_sgd,
    train_torch,
)
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDRegressor
from sklearn.neural_network import MLPRegressor

from sklopt import GradientRegressor

PAGE = (Path(__file__).parents[1] / "docs/coming_from.md").read_text(encoding="utf-8")
SGD_TABLE, SGD_FITTED, MLP_TABLE, MLP_FITTED, TORCH_TABLE = tables_of(PAGE)

# So it is said what there is not.
ABSENT = "no equal"

PEERS = {
    "SGDRegressor": (SGDRegressor, SGD_TABLE, SGD_FITTED, train_sgd, 1),
    "MLPRegressor": (MLPRegressor, MLP_TABLE, MLP_FITTED, train_mlp, BATCH_SIZE),
}
ROWS = [
    pytest.param(name, *row, id=f"{name} {row[0]}")
    for name, (_, table, *_) in PEERS.items()
    for row in table[1:]
]
FITTED = [
    pytest.param(name, *row, id=f"{name} {row[0]}")
    for name, (_, _, table, *_) in PEERS.items()
    for row in table[1:]
]
TORCH_ROWS = [pytest.param(*row, id=row[0]) for row in TORCH_TABLE[1:]]


def tolerance_of(steps):
    """The relative tolerance that the last cell of a row states; None for no claim."""
    if not steps:
        return None
    (tolerance,) = re.fullmatch(r"equal(?: to (1e-\d+))?", steps).groups()
    return float(tolerance or 1e-10)


def test_headers_name_the_columns_that_are_read():
    assert len(tables_of(PAGE)) == 5
    for name, table in [
        ("SGDRegressor", SGD_TABLE),
        ("MLPRegressor", MLP_TABLE),
        ("torch", TORCH_TABLE),
    ]:
        assert table[0] == [name, "ours", "what differs", "steps"]
        assert all(len(row) == 4 for row in table)


@pytest.mark.parametrize("name", PEERS)
def test_no_parameter_of_theirs_is_forgotten(name):
    kind, table, *_ = PEERS[name]
    told = {key for row in table[1:] for key in arguments(row[0])}
    assert told == set(inspect.signature(kind).parameters)


@pytest.mark.parametrize(("name", "theirs", "ours", "difference", "steps"), ROWS)
def test_both_sides_of_a_row_are_there(name, theirs, ours, difference, steps):
    kind, _, _, train_theirs, batch_size = PEERS[name]
    params = arguments(theirs)
    assert params
    kind(**params)._validate_params()
    if ours.startswith(ABSENT):
        assert not steps
        return
    assert arguments(ours)
    GradientRegressor(**arguments(ours))._validate_params()
    rtol = tolerance_of(steps)
    if rtol is None:
        assert difference or params.keys() == arguments(ours).keys()
        return
    model = train_ours(**({"batch_size": batch_size} | arguments(ours)))
    expected = parameters_of(train_theirs(**params))
    assert_allclose(parameters(model), expected, rtol=rtol, atol=1e-15)


@pytest.mark.parametrize(("name", "theirs", "ours", "difference", "values"), FITTED)
def test_fitted_attributes_have_the_values_of_theirs(
    name, theirs, ours, difference, values
):
    *_, train_theirs, batch_size = PEERS[name]
    scope = {"array": np.array, **LETTERS}
    expected = eval(theirs.strip("`"), scope | vars(train_theirs()))
    model = train_ours(batch_size=batch_size)
    assert values == "equal"
    assert_allclose(eval(ours.strip("`"), scope | vars(model)), expected, rtol=1e-10)


def test_printed_defaults_are_the_defaults():
    """Where a row gives both sides a number that neither shares, it is the default."""
    for name in ("tol", "max_iter", "n_iter_no_change", "validation_fraction"):
        for kind, table, *_ in PEERS.values():
            (row,) = (row for row in table if row[0].startswith(f"`{name}="))
            assert arguments(row[0])[name] == kind().get_params()[name]
            assert arguments(row[1])[name] == GradientRegressor().get_params()[name]
    assert "0.1, that of `delta` 1.35" in PAGE
    assert SGDRegressor().epsilon == 0.1
    assert arguments("`loss=Huber()`")["loss"].delta == 1.35
    assert "`beta_2` is 0.999 where ours is 0.99" in PAGE
    assert MLPRegressor().beta_2 == 0.999
    assert arguments("`solver=Adam()`")["solver"].beta_2 == 0.99


def test_tol_is_a_share_of_the_loss_here_and_absolute_there():
    X, y = np.arange(40.0)[:, None] / 40, np.linspace(1, 3, 40) ** 2
    n_iter = [GradientRegressor().fit(X, s * y).n_iter_ for s in (1.0, 1e-3)]
    assert n_iter[0] == n_iter[1]
    sgd = SGDRegressor(random_state=0)
    n_iter = [sgd.fit(X, s * y).n_iter_ for s in (1.0, 1e-3)]
    assert n_iter[0] > n_iter[1] == sgd.n_iter_no_change + 1


@pytest.mark.parametrize("train_theirs", [train_sgd, train_mlp])
def test_warm_start_keeps_the_parameters_only(train_theirs):
    X, y = problem_for()
    ours, theirs = train_ours(warm_start=True), train_theirs(warm_start=True)
    n_curve = len(getattr(theirs, "loss_curve_", []))
    n_updates = ours.t_
    assert ours.fit(X, y).t_ == n_updates
    assert len(ours.loss_curve_) == N_EPOCHS
    assert ours.partial_fit(X, y).t_ == n_updates * (N_EPOCHS + 1) // N_EPOCHS
    if train_theirs is train_sgd:
        n_updates = theirs.t_
        assert theirs.fit(X, y).t_ == n_updates
    else:
        with pytest.warns(ConvergenceWarning):
            theirs.fit(X, y)
        assert len(theirs.loss_curve_) == 2 * n_curve


@pytest.mark.parametrize("penalty", ["l1", "elasticnet"])
def test_sparse_penalties_have_the_same_minimum(penalty):
    (row,) = (row for row in SGD_TABLE if row[0].startswith(f'`penalty="{penalty}"'))
    theirs, ours = arguments(row[0]), arguments(row[1])
    X, y = problem_for()
    decay = {"learning_rate": "invscaling", "eta0": 0.2, "power_t": 0.6}
    sgd = SGDRegressor(**theirs, **decay, max_iter=20_000, tol=None, random_state=0)
    model = GradientRegressor(**ours, max_iter=5000, tol=1e-12)
    expected = parameters_of(sgd.fit(X, y))
    assert_allclose(parameters(model.fit(X, y)), expected, atol=1e-3)


@pytest.mark.parametrize("penalty", [None, "l2"])
def test_sparse_x_takes_the_same_steps(penalty):
    X, y, _ = make_sparse()
    shared = {"shuffle": False, "max_iter": 3, "tol": None, "penalty": penalty}
    shared["fit_intercept"] = False
    rates = {"learning_rate": "constant", "eta0": 2e-2}
    theirs = SGDRegressor(**rates, alpha=0.05, **shared).fit(X, y)
    ours = GradientRegressor(
        "sgd", batch_size=1, learning_rate=1e-2, alpha=0.1, **shared
    )
    assert_allclose(parameters(ours.fit(X, y)), parameters_of(theirs), rtol=1e-10)
    # Their intercept is slower on sparse X, ours is not.
    shared["fit_intercept"] = True
    for model, is_slower in ((ours, False), (theirs, True)):
        model.set_params(**shared)
        sparse, dense = (
            clone(model).fit(data, y).intercept_ for data in (X, X.toarray())
        )
        assert (abs(sparse) < 0.2 * abs(dense)) == is_slower


# --- torch ---------------------------------------------------------------------------


@pytest.mark.parametrize(("theirs", "ours", "difference", "steps"), TORCH_ROWS)
def test_our_side_of_a_row_about_torch_is_there(theirs, ours, difference, steps):
    if not ours.startswith(ABSENT):
        assert arguments(ours)
        GradientRegressor(**arguments(ours))._validate_params()


@pytest.mark.parity
@pytest.mark.parametrize(("theirs", "ours", "difference", "steps"), TORCH_ROWS)
def test_torch_takes_the_steps_of_a_row(theirs, ours, difference, steps):
    torch = pytest.importorskip("torch")
    eval(theirs.strip("`"), torch_scope(torch))
    rtol = tolerance_of(steps)
    if rtol is not None:
        model = train_ours(**({"batch_size": None} | arguments(ours)))
        assert model.n_iter_ == N_EPOCHS
        expected = train_torch(torch, theirs, model.loss)
        assert_allclose(parameters(model), expected, rtol=rtol, atol=1e-15)
