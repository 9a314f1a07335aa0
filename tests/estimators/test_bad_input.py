"""Data that must be refused by name, and what a failed fit must leave as it was."""

import threading

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from cases import (
    assert_refused,
    both_methods,
    both_states,
    make_problem,
    make_weights,
    model_in,
    model_of,
)
from dask import array as da
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import clone

from sklopt.engine import _cores, _rows, _threads
from sklopt.estimators import _inputs
from sklopt.estimators._training import DivergenceError

X, Y = make_problem()
WEIGHTS = make_weights()
N_SAMPLES, N_FEATURES = X.shape


class OnGPU:
    """What CuPy arrays, and tensors on a GPU, are known by."""

    __cuda_array_interface__ = {"shape": (N_SAMPLES,), "typestr": "<f8", "version": 3}

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("fetched from the GPU")


def replaced(array, value):
    """A copy of an array, with a value put into it."""
    array = array.copy()
    array.flat[-2] = value
    return array


WORDS = np.array([["spam"] * N_FEATURES] * N_SAMPLES)
INFINITY = "contains infinity or a value too large for dtype('float64')"
INCONSISTENT = "y: Found input variables with inconsistent numbers of samples: "
IS_WORD = "could not convert string to float: np.str_('spam')"
IS_OBJECT = "could not convert string to float: 'spam'"
IS_COMPLEX = "Complex data not supported"
IS_3D = "Found array with dim 3, while dim <= 2 is required"
HAS_NO_ROWS = "Found array with 0 sample(s)"
HAS_NO_COLUMNS = "Found array with 0 feature(s)"
IS_SPARSE = "Sparse data was passed for {}, but dense data is required"
IS_DASK, IS_ON_GPU = "{} is a dask array, but", "{} is a GPU array, but"

# What replaces X, y or sample_weight, the error and how its message begins.
BAD_DATA = {
    "X: nan": ({"X": replaced(X, np.nan)}, ValueError, "Input X contains NaN"),
    "X: inf": ({"X": replaced(X, np.inf)}, ValueError, f"Input X {INFINITY}"),
    "X: -inf": ({"X": replaced(X, -np.inf)}, ValueError, f"Input X {INFINITY}"),
    "X: NA": (
        {"X": pd.DataFrame(X).astype("Float64").replace(X[0, 0], pd.NA)},
        ValueError,
        "Input X contains NaN",
    ),
    "X: None": ({"X": None}, ValueError, "X: Expected 2D array, got scalar array"),
    "X: complex": ({"X": X + 1j}, ValueError, f"X: {IS_COMPLEX}"),
    "X: words": ({"X": WORDS}, ValueError, f"X: {IS_WORD}"),
    "X: beyond double": (
        {"X": replaced(X.astype(object), 10**400)},
        ValueError,
        "X: int too large to convert to float",
    ),
    "y: beyond double": (
        {"y": replaced(Y.astype(object), 10**400)},
        ValueError,
        "y: int too large to convert to float",
    ),
    "X: objects": ({"X": WORDS.astype(object)}, ValueError, f"X: {IS_OBJECT}"),
    "X: 1-D": ({"X": X[:, 0]}, ValueError, "X: Expected 2D array, got 1D array"),
    "X: 3-D": ({"X": X[:, :, None]}, ValueError, f"X: {IS_3D}"),
    "X: no rows": (
        {"X": X[:0], "y": Y[:0]},
        ValueError,
        f"X: {HAS_NO_ROWS} (shape=(0, 3",
    ),
    "X: no columns": ({"X": X[:, :0]}, ValueError, f"X: {HAS_NO_COLUMNS}"),
    "X: short": ({"X": X[:-1]}, ValueError, INCONSISTENT + "[44, 45]"),
    "X: ragged": (
        {"X": [[1, 2, 3], [1, 2]] * 12},
        ValueError,
        "X: setting an array element with a sequence",
    ),
    "X: dask": ({"X": da.from_array(X)}, TypeError, IS_DASK.format("X")),
    "X: GPU": ({"X": OnGPU()}, TypeError, IS_ON_GPU.format("X")),
    "y: nan": ({"y": replaced(Y, np.nan)}, ValueError, "Input y contains NaN"),
    "y: inf": ({"y": replaced(Y, np.inf)}, ValueError, f"Input y {INFINITY}"),
    "y: missing": (
        {"y": None},
        ValueError,
        "This GradientRegressor estimator requires y to be passed",
    ),
    "y: complex": ({"y": Y + 1j}, ValueError, f"y: {IS_COMPLEX}"),
    "y: words": ({"y": WORDS[:, 0]}, ValueError, f"y: {IS_WORD}"),
    "y: objects": ({"y": WORDS[:, 0].astype(object)}, ValueError, f"y: {IS_OBJECT}"),
    "y: empty": ({"y": Y[:0]}, ValueError, f"y: {HAS_NO_ROWS} (shape=(0,))"),
    "y: short": ({"y": Y[:-1]}, ValueError, INCONSISTENT + "[45, 44]"),
    "y: long": ({"y": np.r_[Y, Y]}, ValueError, INCONSISTENT + "[45, 90]"),
    "y: 3-D": ({"y": np.zeros((N_SAMPLES, 1, 1))}, ValueError, f"y: {IS_3D}"),
    "y: no columns": (
        {"y": np.zeros((N_SAMPLES, 0))},
        ValueError,
        f"y: {HAS_NO_COLUMNS}",
    ),
    "y: number": ({"y": 1.0}, TypeError, "y: Input should have at least 1 dimension"),
    "y: sparse": (
        {"y": scipy.sparse.csr_array(Y[:, None])},
        TypeError,
        IS_SPARSE.format("y"),
    ),
    "y: dask": ({"y": da.from_array(Y)}, TypeError, IS_DASK.format("y")),
    "y: GPU": ({"y": OnGPU()}, TypeError, IS_ON_GPU.format("y")),
    "y: too large for X": (
        {"X": X.astype(np.float32), "y": replaced(Y, 1e39)},
        ValueError,
        "Input y contains infinity or a value too large for dtype('float32')",
    ),
    "y: square overflows": (
        {"y": 1e200 * Y},
        ValueError,
        "The objective is not finite at the start: y, X or init is too large",
    ),
}
NEGATIVE = "Negative values in data passed to `sample_weight`"
NOTHING = "sample_weight: Sample weights must contain at least one non-zero number"
BAD_WEIGHTS = {
    "nan": (replaced(WEIGHTS, np.nan), ValueError, "Input sample_weight contains NaN"),
    "inf": (replaced(WEIGHTS, np.inf), ValueError, f"Input sample_weight {INFINITY}"),
    "negative": (replaced(WEIGHTS, -1.0), ValueError, NEGATIVE),
    "all zero": (np.zeros(N_SAMPLES), ValueError, NOTHING),
    "short": (WEIGHTS[:-1], ValueError, "sample_weight.shape == (44,), expected (45,)"),
    "long": (
        np.r_[WEIGHTS, 1.0],
        ValueError,
        "sample_weight.shape == (46,), expected (45,)",
    ),
    "empty": (WEIGHTS[:0], ValueError, f"sample_weight: {HAS_NO_ROWS}"),
    "2-D": (
        WEIGHTS[:, None],
        ValueError,
        "sample_weight: Sample weights must be 1D array or scalar, got 2D array",
    ),
    "complex": (WEIGHTS + 1j, ValueError, f"sample_weight: {IS_COMPLEX}"),
    "words": (WORDS[:, 0], ValueError, f"sample_weight: {IS_WORD}"),
    "negative number": (-1.0, ValueError, NEGATIVE),
    "zero": (0.0, ValueError, NOTHING),
    "nan as number": (np.nan, ValueError, "Input sample_weight contains NaN"),
    "dask": (da.from_array(WEIGHTS), TypeError, IS_DASK.format("sample_weight")),
    "GPU": (OnGPU(), TypeError, IS_ON_GPU.format("sample_weight")),
}
BAD_DATA |= {
    f"sample_weight: {name}": ({"sample_weight": weight}, error, message)
    for name, (weight, error, message) in BAD_WEIGHTS.items()
}


@both_methods
@both_states
@pytest.mark.parametrize(
    ("changed", "error", "message"), BAD_DATA.values(), ids=BAD_DATA
)
def test_bad_data(changed, error, message, state, method):
    model = model_in(state)
    arguments = {"X": X, "y": Y} | changed
    assert_refused(lambda: getattr(model, method)(**arguments), model, error, message)


@pytest.fixture
def small_blocks(monkeypatch):
    """X is checked by blocks of 10 rows, which threads share."""
    monkeypatch.setattr(_rows, "NUMBERS_AT_ONCE", N_FEATURES)
    monkeypatch.setattr(_inputs, "NUMBERS_CHECKED", 10 * N_FEATURES)
    monkeypatch.setattr(_cores, "LITTLE_WORK", 0)


@pytest.mark.parametrize("row", [0, 9, 10, 25, 44])
def test_bad_numbers_are_found_in_every_block(row, small_blocks):
    bad = X.copy()
    bad[row, 1] = np.inf
    model = model_of()
    message = f"Input X {INFINITY}"
    assert_refused(lambda: model.fit(bad, Y), model, ValueError, message)


def test_of_bad_numbers_nan_is_named_wherever_it_is(small_blocks):
    bad = X.copy()
    bad[0, 0], bad[-1, -1] = np.inf, np.nan
    model = model_of()
    message = "Input X contains NaN"
    assert_refused(lambda: model.fit(bad, Y), model, ValueError, message)
    with pytest.raises(ValueError, match=message) as refusal:
        model.fit(bad, Y)
    assert refusal.value.__context__ is None


def test_a_row_may_be_longer_than_a_block(monkeypatch):
    expected = model_of().fit(X, Y).coef_
    monkeypatch.setattr(_rows, "NUMBERS_AT_ONCE", 1)
    monkeypatch.setattr(_inputs, "NUMBERS_CHECKED", 1)
    assert_array_equal(model_of().fit(X, Y).coef_, expected)


def test_threads_check_the_blocks(small_blocks, monkeypatch):
    checked, check = [], _inputs.assert_all_finite

    def noted(array, **names):
        if names["input_name"] == "X":
            checked.append((len(array), threading.current_thread()))
        check(array, **names)

    monkeypatch.setattr(_inputs, "assert_all_finite", noted)
    model_of().fit(X, Y)
    sizes, threads = zip(*checked, strict=True)
    assert sorted(sizes) == [5, 10, 10, 10, 10]
    assert threading.main_thread() not in threads


@pytest.mark.parametrize("row", [0, 44])
def test_nothing_is_checked_that_users_vouch_for(row, small_blocks):
    bad = X.copy()
    bad[row, 1] = np.inf
    with config_context(assume_finite=True), pytest.raises(DivergenceError):
        model_of().fit(bad, Y)


@pytest.mark.parametrize(
    ("bad", "message"),
    [(da.from_array(X), IS_DASK), (OnGPU(), IS_ON_GPU)],
    ids=["dask", "GPU"],
)
def test_predict_refuses_foreign_arrays(bad, message):
    model = model_in("fitted")
    assert_refused(lambda: model.predict(bad), model, TypeError, message.format("X"))


def test_features_cannot_change():
    model = model_of().partial_fit(X, Y)
    message = "X has 2 features, but GradientRegressor is expecting 3 features"
    assert_refused(lambda: model.partial_fit(X[:, :2], Y), model, ValueError, message)
    named = pd.DataFrame(X, columns=["a", "b", "c"])
    model = model_of().partial_fit(named, Y)
    swapped = named[["c", "b", "a"]]
    message = "X: The feature names should match those that were passed during fit"
    assert_refused(lambda: model.partial_fit(swapped, Y), model, ValueError, message)


@both_methods
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_interrupted_training_changes_nothing(error, method, monkeypatch):
    """Even when state had been trained for a while."""

    def interrupted(task, state, max_epochs, **options):
        state.phi[:] = 1e6
        state.slots[:] = 1e6
        state.progress["n_epochs"] += 7
        state.clock[:] += 7
        raise error("midway")

    models = [model_of(), model_in("fitted"), model_in("fitted", warm_start=True)]
    clean = [clone(model) for model in models]
    monkeypatch.setattr(_threads, "train", interrupted)
    named = pd.DataFrame(X, columns=["a", "b", "c"])
    for model in models:
        fit = getattr(model, method)
        data = X if hasattr(model, "coef_") and method == "partial_fit" else named
        assert_refused(lambda fit=fit, d=data: fit(d, Y), model, error, "midway")
    monkeypatch.undo()
    for model, twin in zip(models, clean, strict=True):
        twin.fit(X, Y)
        model.set_params(warm_start=False).fit(X, Y)
        assert_array_equal(model.coef_, twin.coef_)


def test_errors_that_ask_for_more_than_words_are_named():
    class Unreadable:
        def __float__(self):
            raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    rows = X.astype(object)
    rows[0, 0] = Unreadable()
    with pytest.raises(ValueError, match=r"^X: 'utf-8' codec can't decode"):
        model_of("gd").fit(rows, Y)
