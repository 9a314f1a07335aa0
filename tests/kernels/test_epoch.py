"""The compiled loop: compiled once, without copies, and the same however it is run."""

import itertools
import json
import os
import subprocess
import sys
import tracemalloc
from collections import Counter

import numpy as np
import pytest
from cases import history_of
from numba import types

from sklopt import GradientRegressor
from sklopt.engine import _train
from sklopt.kernels._epoch import add_objective, advance, advance_by_row
from sklopt.kernels._line_search import search_line
from sklopt.kernels._validation import validate
from sklopt.losses import Huber
from sklopt.schedules import SCHEDULES, Plateau
from sklopt.solvers import SOLVERS

ENTRY_POINTS = [advance, advance_by_row, add_objective, search_line, validate]
N_SAMPLES, N_FEATURES = 23, 3
FLOATS = [np.float64, np.float32]
BATCH_SIZES = [1, 7, None]
MEGABYTE = 2**20

FIT_EACH = """
import json, sys
import numpy as np
from sklopt import GradientRegressor

settings, *arrays = json.load(sys.stdin)
coefficients = []
for solver, schedule, batch_size in settings:
    model = GradientRegressor(
        solver, schedule=schedule, batch_size=batch_size,
        learning_rate=0.05, max_iter=3, tol=None, random_state=0,
    )
    coefficients.append(model.fit(*map(np.array, arrays)).coef_.tolist())
print(json.dumps(coefficients))
"""


def is_searchable(solver, batch_size):
    return solver == "gd" or (solver == "sgd" and batch_size is None)


SETTINGS = [
    (solver, schedule, batch_size)
    for solver, schedule, batch_size in itertools.product(
        SOLVERS, SCHEDULES, BATCH_SIZES
    )
    if schedule != "line_search" or is_searchable(solver, batch_size)
]


def regressor(solver, schedule, batch_size, **settings):
    return GradientRegressor(
        solver,
        learning_rate=0.05,
        schedule=schedule,
        batch_size=batch_size,
        tol=None,
        random_state=0,
        **settings,
    )


def problem(dtype=np.float64, n_samples=N_SAMPLES):
    """X, y of two targets and weights, some of them zero."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, N_FEATURES))
    y = X @ rng.normal(size=(N_FEATURES, 2)) + rng.normal(size=(n_samples, 2)) + 1.0
    weight = rng.integers(0, 4, size=n_samples)
    return X.astype(dtype), y.astype(dtype), weight.astype(dtype)


def signatures():
    """What each entry point has been compiled for so far."""
    return [set(e.signatures) for e in ENTRY_POINTS]


def fit_everything(dtype):
    """Fits that together call all entry points with one dtype."""
    X, y, _ = problem(dtype)
    regressor("adam", "constant", 7, max_iter=1).fit(X, y)
    regressor("sgd", "constant", 1, max_iter=1).fit(X, y)
    regressor("gd", "line_search", None, max_iter=1).fit(X, y, X_val=X, y_val=y)


@pytest.fixture(scope="module")
def compiled():
    """Every entry point, compiled for every dtype."""
    for dtype in FLOATS:
        fit_everything(dtype)


def dtypes_seen_by(entry_point):
    """How many signatures an entry point has for each dtype of dense X."""
    data = [arguments[0] for arguments in entry_point.signatures]
    if entry_point is validate:
        data = [validation.types[0] for validation in data]
    X = [fields.types[0] for fields in data]
    return Counter(str(kind.dtype) for kind in X if isinstance(kind, types.Array))


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_no_setting_recompiles(solver, dtype):
    X, Y, weight = problem(dtype)
    before = signatures()
    settings = [setting for setting in SETTINGS if setting[0] == solver]
    for setting, y, sample_weight, shuffle, store_path in itertools.product(
        settings, [Y, Y[:, 0]], [None, weight], [True, False], [False, "step"]
    ):
        model = regressor(*setting, max_iter=2, shuffle=shuffle, store_path=store_path)
        model.fit(X, y, sample_weight)
        model.partial_fit(X, y, sample_weight)
    assert signatures() == before


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("dtype", FLOATS)
def test_no_parameter_recompiles(dtype):
    X, y, _ = problem(dtype)
    before = signatures()
    for settings in (
        {"fit_intercept": False},
        {"penalty": "l2", "alpha": 1},
        {"penalty": "l1", "alpha": 1},
        {"penalty": "elasticnet", "l1_ratio": 1},
        {"loss": "absolute_error"},
        {"loss": Huber(delta=2)},
        {"max_iter": np.int32(3), "batch_size": np.int8(4)},
        {"learning_rate": np.float32(0.1), "schedule": Plateau(patience=0)},
        {"init": np.ones((2, N_FEATURES + 1), dtype=np.float32), "warm_start": True},
        {
            "shuffle": np.False_,
            "n_iter_no_change": np.int64(2),
            "tol": 1,
            "max_iter": 99,
        },
        {"early_stopping": True, "validation_fraction": 0.3},
    ):
        model = regressor("nesterov", "step_decay", 5).set_params(max_iter=2)
        model.set_params(**settings).fit(X, y)
    assert signatures() == before


def layouts(array, folder):
    """The same numbers, laid out in every way that users have them."""
    readonly = array.copy()
    readonly.flags.writeable = False
    file = np.memmap(folder / "array", dtype=array.dtype, mode="w+", shape=array.shape)
    file[...] = array
    file.flush()
    packed = np.empty(
        len(array), dtype=[("pad", "i1"), ("x", array.dtype, array.shape[1:])]
    )
    packed["x"] = array
    return {
        "read-only": readonly,
        "strided": np.repeat(array, 2, axis=0)[::2],
        "reversed": array[::-1].copy()[::-1],
        "Fortran": np.asfortranarray(array),
        "big-endian": array.astype(array.dtype.newbyteorder(">")),
        "memmap": np.memmap(
            folder / "array", dtype=array.dtype, mode="r", shape=array.shape
        ),
        "unaligned": packed["x"],
    }


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("dtype", FLOATS)
def test_no_memory_layout_recompiles(dtype, tmp_path):
    X, y, weight = problem(dtype)
    before = signatures()
    expected = regressor("adam", "constant", 7, max_iter=3).fit(X, y, weight).coef_
    places = [tmp_path / name for name in ("X", "y", "weight")]
    for place in places:
        place.mkdir()
    arrays = [layouts(*pair) for pair in zip((X, y, weight), places, strict=True)]
    for name in arrays[0]:
        model = regressor("adam", "constant", 7, max_iter=3)
        model.fit(*(array[name] for array in arrays))
        np.testing.assert_allclose(model.coef_, expected, rtol=1e-6, err_msg=name)
    assert signatures() == before


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_one_signature_a_dtype(entry_point):
    assert dtypes_seen_by(entry_point) == {"float64": 1, "float32": 1}


def fit_interpreted(settings):
    """Coefficients of each setting, fitted where nothing is compiled."""
    X, y, weight = (array.tolist() for array in problem())
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIT_EACH],
        input=json.dumps([settings, X, y, weight]),
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_interpreted_code_agrees():
    X, y, weight = problem()
    elsewhere = fit_interpreted(SETTINGS)
    for setting, coef in zip(SETTINGS, elsewhere, strict=True):
        model = regressor(*setting, max_iter=3).fit(X, y, weight)
        np.testing.assert_allclose(coef, model.coef_, rtol=1e-9, err_msg=str(setting))


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("solver", "schedule"),
    [("nesterov", "constant"), ("adam", "step_decay"), ("gd", "line_search")],
)
def test_fit_copies_no_data(solver, schedule, dtype):
    n_samples = 200 * MEGABYTE // (50 * np.dtype(dtype).itemsize)
    rng = np.random.default_rng(0)
    X, y = rng.random((n_samples, 50), dtype=dtype), rng.random(n_samples, dtype=dtype)
    model = GradientRegressor(solver, schedule=schedule, max_iter=1, tol=None)
    tracemalloc.start()
    try:
        model.fit(X, y, X_val=X, y_val=y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * n_samples + 30 * MEGABYTE


def training(setting, **settings):
    """What a training publishes: coefficients, path and history."""
    X, y, weight = problem()
    model = regressor(
        *setting, max_iter=4, store_path="epoch", penalty="l2", **settings
    )
    model.fit(X, y, weight)
    return model.coef_, model.intercept_, model.path_, history_of(model).to_numpy()


@pytest.mark.reduced
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: "-".join(map(str, s)))
def test_slices_of_a_training_are_the_training(setting, monkeypatch):
    whole = training(setting)
    monkeypatch.setattr(_train, "CALL_BUDGET", 50)
    for sliced, expected in zip(training(setting), whole, strict=True):
        np.testing.assert_array_equal(sliced, expected)
