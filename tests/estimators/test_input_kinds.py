"""Odd input that must not matter: the answer is that of clean float64 C arrays."""

import numpy as np
import pandas as pd
import pytest
from cases import (
    every_pair,
    every_solver,
    make_model,
    make_problem,
    model_of,
    parameters,
)
from numpy.testing import assert_allclose, assert_array_equal, assert_array_max_ulp
from sklearn.base import clone

from sklopt.engine import _threads
from sklopt.engine._train import train

# Small integers, which every type holds exactly.
N_SAMPLES, N_FEATURES = 24, 3
RNG = np.random.default_rng(5)
X = RNG.integers(-4, 5, size=(N_SAMPLES, N_FEATURES)).astype(float)
Y = X @ [1.0, -2.0, 3.0] + RNG.integers(-1, 2, size=N_SAMPLES)
WEIGHTS = RNG.integers(1, 5, size=N_SAMPLES).astype(float)
CLEAN = {"X": X, "y": Y, "sample_weight": WEIGHTS}


def unaligned(array):
    """The same numbers, one byte after where they should be."""
    buffer = bytearray(array.nbytes + 1)
    buffer[1:] = array.tobytes()
    result = np.frombuffer(buffer, array.dtype, offset=1).reshape(array.shape)
    assert not result.flags.aligned
    return result


def strided(array):
    """Every second row of something larger, from the back."""
    wide = np.full((2 * len(array), *array.shape[1:]), np.nan)
    wide[::-2] = array
    return wide[::-2]


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def nullable(dtype):
    def convert(array):
        frame = pd.DataFrame(array) if array.ndim == 2 else pd.Series(array)
        return frame.astype(dtype)

    return convert


def in_pandas(array):
    if array.ndim == 1:
        return pd.Series(array, index=range(100, 100 + len(array)), name="y")
    return pd.DataFrame(array, columns=["a", "b", "c"])


ODD = {
    **{name: lambda a, name=name: a.astype(name) for name in ("i8", "i1", "f2", "g")},
    **{name: lambda a, name=name: a.astype(name) for name in (">f8", ">f4", ">i4")},
    "object": lambda a: a.astype(object),
    "object of ints": lambda a: a.astype(int).astype(object),
    "fortran": lambda a: np.asfortranarray(a),
    "strided": strided,
    "columns of a wider array": lambda a: (
        np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim == 2 else np.repeat(a, 2)[::2]
    ),
    "read-only": read_only,
    "unaligned": unaligned,
    "list": lambda a: a.tolist(),
    "tuple": lambda a: tuple(map(tuple, a)) if a.ndim == 2 else tuple(a),
    "pandas": in_pandas,
    "Float64": nullable("Float64"),
    "Int64": nullable("Int64"),
    "mixed columns": lambda a: (
        in_pandas(a).astype({"a": "int8", "b": "Float64"})
        if a.ndim == 2
        else in_pandas(a)
    ),
}
MODELS = {
    "gd": model_of("gd", learning_rate="auto"),
    "sgd": model_of("sgd", learning_rate=0.01, batch_size=5),
    "adam": model_of("adam", learning_rate="auto", batch_size=None),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def assert_same_answer(model, clean, odd):
    """Odd X, y and weights, alone and together, in fit, partial_fit and predict."""
    expected = clone(model).fit(**clean)
    for changed in ({"X"}, {"y"}, {"sample_weight"}, set(odd)):
        arguments = clean | {name: odd[name] for name in changed}
        got = clone(model).fit(**arguments)
        assert got.coef_.dtype == np.float64
        assert_array_equal(got.coef_, expected.coef_)
        assert got.intercept_ == expected.intercept_
        assert got.loss_ == expected.loss_
        # BLAS multiplies other memory layouts in another order.
        predicted = got.predict(arguments["X"])
        assert_allclose(predicted, expected.predict(clean["X"]), rtol=1e-12)
    step, expected = clone(model).partial_fit(**odd), clone(model).partial_fit(**clean)
    assert_array_equal(step.coef_, expected.coef_)


@every_model
@pytest.mark.parametrize("convert", ODD.values(), ids=ODD)
def test_odd_data_give_the_same_answer(convert, model):
    odd = {name: convert(array) for name, array in CLEAN.items()}
    assert_same_answer(model, CLEAN, odd)
    for name, array in odd.items():
        assert_array_equal(np.asarray(array, dtype=float), CLEAN[name])


@pytest.mark.parametrize("convert", ODD.values(), ids=ODD)
def test_kernels_see_one_kind_of_array(convert, monkeypatch):
    """Else each kind would be compiled anew, or read as what it is not."""
    seen = []

    def spying_train(task, *others, **options):
        seen.extend(task.data)
        return train(task, *others, **options)

    monkeypatch.setattr(_threads, "train", spying_train)
    model = clone(MODELS["gd"])
    model.fit(**{name: convert(array) for name, array in CLEAN.items()})
    assert len(seen) == 4
    for array in seen:
        assert array.dtype == np.float64
        assert array.dtype.isnative
        assert array.flags.c_contiguous
        assert array.flags.aligned
        assert not array.flags.writeable


@every_model
@pytest.mark.parametrize("dtype", ["bool", "boolean"])
def test_booleans_are_numbers(dtype, model):
    clean = {"X": X > 0, "y": Y > 0, "sample_weight": WEIGHTS > 1}
    odd = {name: nullable(dtype)(array) for name, array in clean.items()}
    clean = {name: array.astype(float) for name, array in clean.items()}
    assert_same_answer(model, clean, odd)


@every_model
@pytest.mark.parametrize("mode", ["r", "c"])
def test_memory_maps(mode, model, tmp_path):
    odd = {}
    for name, array in CLEAN.items():
        array.tofile(tmp_path / name)
        odd[name] = np.memmap(tmp_path / name, array.dtype, mode, shape=array.shape)
    assert_same_answer(model, CLEAN, odd)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@every_solver
def test_data_are_not_written_to(solver, dtype, method):
    data = {name: array.astype(dtype) for name, array in CLEAN.items()}
    init = np.ones(N_FEATURES + 1)
    model = model_of(solver, learning_rate=0.01, init=init, warm_start=True)
    for _ in range(2):
        getattr(model, method)(**data)
    for name, array in data.items():
        assert_array_equal(array, CLEAN[name].astype(dtype))
        assert array.flags.writeable
    assert_array_equal(init, 1.0)


# --- single precision ----------------------------------------------------------------


def assert_rounded(model, exact, dtype):
    """Trained in double precision all along, and rounded once, when published."""
    assert model.coef_.dtype == model.intercept_.dtype == dtype
    expected = parameters(exact).astype(dtype)
    # One unit, should the machine add up numbers of another size in another order.
    assert_array_max_ulp(parameters(model).astype(dtype), expected, maxulp=1)
    assert model.loss_ == pytest.approx(exact.loss_, rel=1e-12)


@every_pair
def test_float32_is_float64_rounded_at_the_end(solver, schedule, batch_size):
    X, y = (array.astype(np.float32) for array in make_problem())
    double = make_model(solver, schedule, batch_size).fit(X.astype(float), y)
    single = make_model(solver, schedule, batch_size).fit(X, y)
    assert double.coef_.dtype == np.float64
    assert_rounded(single, double, np.float32)
    assert_allclose(single.path_, double.path_, rtol=1e-10, atol=1e-12)
    assert single.predict(X).dtype == np.float32
    # Products and sums of a prediction are float32, too.
    assert_allclose(single.predict(X), double.predict(X), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("x_dtype", "y_dtype", "expected"),
    [
        (np.float32, np.float64, np.float32),
        (np.float32, np.int64, np.float32),
        (np.float64, np.float32, np.float64),
        (np.int64, np.float32, np.float64),
        (np.float16, np.float32, np.float64),
    ],
)
def test_x_decides_the_dtype(x_dtype, y_dtype, expected):
    exact = model_of("gd", learning_rate="auto").fit(X, Y)
    model = clone(exact).fit(X.astype(x_dtype), Y.astype(y_dtype))
    assert_rounded(model, exact, expected)
