"""Steps on sparse rows: what they cost, and in which modes of numba they agree."""

import itertools
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse
from estimators.sparse import assert_same_as_dense, make_sparse, regressor
from numba import types

from sklopt import GradientRegressor
from sklopt.engine import _train
from sklopt.kernels._epoch import (
    add_objective,
    advance,
    advance_by_nonzeros,
    advance_by_row,
)
from sklopt.kernels._line_search import search_line
from sklopt.kernels._validation import validate

ENTRY_POINTS = [
    advance,
    advance_by_nonzeros,
    advance_by_row,
    add_objective,
    search_line,
    validate,
]

# Counts how often an interpreted training looks at, or sets, one of its parameters.
COUNT_TOUCHES = """
import json, sys
import numpy as np
from scipy.sparse import csr_array
from sklopt import GradientRegressor
from sklopt.engine import _train

touches = 0

class Counted(np.ndarray):
    def __getitem__(self, place):
        global touches
        touches += 1
        return super().__getitem__(place)

    def __setitem__(self, place, value):
        global touches
        touches += 1
        super().__setitem__(place, value)

loop = _train.advance_by_nonzeros

def counted(data, plan, candidates, state, *others):
    loop(data, plan, candidates, state._replace(phi=state.phi.view(Counted)), *others)

_train.advance_by_nonzeros = counted
n_features, n_nonzeros, counts = 3000, 4, []
for n_samples, batch_size, penalty in json.load(sys.stdin):
    touches = 0
    columns = np.arange(n_samples * n_nonzeros) % n_features
    starts = np.arange(0, len(columns) + 1, n_nonzeros)
    X = csr_array((np.ones(len(columns)), columns, starts), (n_samples, n_features))
    GradientRegressor(
        "sgd", batch_size=batch_size, penalty=penalty, alpha=0.1, learning_rate=0.01,
        max_iter=1, tol=None,
    ).fit(X, np.ones(n_samples))
    counts.append(touches)
print(json.dumps(counts))
"""


@pytest.mark.reduced
@pytest.mark.parametrize("penalty", [None, "l2", "l1"])
@pytest.mark.parametrize("batch_size", [1, 3, None])
@pytest.mark.parametrize("solver", ["sgd", "nesterov", "adam"])
def test_small_problems_equal_dense_ones(solver, batch_size, penalty):
    X, y, weight = make_sparse(11, 40, n_nonzeros=2)
    model = regressor(solver, batch_size, penalty=penalty, max_iter=2)
    assert_same_as_dense(model, X, y, weight, X_val=X, y_val=y)
    assert_same_as_dense(model.set_params(alpha=20.0), X, y)


def test_a_step_visits_non_zeros_only():
    sizes, cases = (100, 300), list(itertools.product([1, 7], [None, "l2"]))
    settings = [(size, *case) for case in cases for size in sizes]
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", COUNT_TOUCHES],
        input=json.dumps(settings),
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    counts = np.reshape(json.loads(result.stdout), (len(cases), len(sizes)))
    # Of 4 non-zeros and an intercept: a look for the prediction, two for the step.
    more = np.diff(counts).ravel() / np.diff(sizes)
    assert (more > 4).all()
    assert (more < 20).all()  # not 3000


def test_multiplying_the_scale_in_counts(monkeypatch):
    """Or calls of the loop would hold back Ctrl-C where it is due in every step."""
    n_calls, loop = 0, _train.advance_by_nonzeros

    def counted(*arguments):
        nonlocal n_calls
        n_calls += 1
        loop(*arguments)

    monkeypatch.setattr(_train, "advance_by_nonzeros", counted)
    monkeypatch.setattr(_train, "CALL_BUDGET", 10_000)
    X, y, _ = make_sparse(100, 10_000)
    model = regressor("sgd", 1, penalty="l2", learning_rate=0.01, max_iter=1)
    model.set_params(alpha=1e-3).fit(X, y)
    n_calls_before, n_calls = n_calls, 0
    model.set_params(alpha=100.0).fit(X, y)
    assert n_calls_before < 10
    assert n_calls >= 98


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_nothing_but_the_types_recompiles(dtype):
    X, y, weight = make_sparse(30, 200)
    X, y = X.astype(dtype), y.astype(dtype)
    for settings in (
        {"batch_size": 1},
        {"batch_size": 1, "penalty": "l1", "early_stopping": True},
        {"solver": "gd", "schedule": "line_search"},
    ):
        regressor(**settings).fit(X, y, weight)
    before = [set(entry_point.signatures) for entry_point in ENTRY_POINTS]
    frozen = X.copy()
    frozen.data.flags.writeable = False
    for data, settings in (
        (X, {"solver": "adam", "average": True}),
        (X.tocoo(), {"penalty": "l2", "batch_size": 7}),
        (scipy.sparse.csc_matrix(X), {"tol": 1.0, "max_iter": 9}),
        (frozen, {"shuffle": "blocks", "store_path": "step"}),
        (frozen, {"early_stopping": True, "loss": "huber"}),
    ):
        model = regressor(**settings).fit(data, y, weight)
        model.partial_fit(data, y).partial_fit(2 * data, 1e4 * y)
    assert [set(entry_point.signatures) for entry_point in ENTRY_POINTS] == before
    for signature in advance.signatures + add_objective.signatures:
        X_type = signature[0].types[0]
        parts = X_type.types if isinstance(X_type, types.BaseTuple) else [X_type]
        assert not any(part.mutable for part in parts)


def test_a_scale_may_leave_the_range_of_its_square():
    """(1 − α·l2)² overflows, while all coefficients are 0."""
    X = scipy.sparse.eye_array(300, 500, format="csr")
    model = GradientRegressor("sgd", batch_size=4, learning_rate=1.0, penalty="l2")
    model.set_params(alpha=1e160, max_iter=5, tol=None)
    assert model.fit(X, np.zeros(300)).loss_ == 0.0
