"""Input that must be refused, and odd input that must not matter."""

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from dask import array as da
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils._param_validation import InvalidParameterError

from sklopt import GradientRegressor
from sklopt.estimators import _base
from sklopt.schedules import (
    Cosine,
    ExponentialDecay,
    InverseScaling,
    LineSearch,
    Plateau,
    StepDecay,
)
from sklopt.solvers import SGD, Adam, Momentum, Nesterov

N_SAMPLES, N_FEATURES = 24, 3
RNG = np.random.default_rng(5)
X = RNG.integers(-4, 5, size=(N_SAMPLES, N_FEATURES)).astype(float)
Y = X @ [1.0, -2.0, 3.0] + RNG.integers(-1, 2, size=N_SAMPLES)
WEIGHTS = RNG.integers(1, 5, size=N_SAMPLES).astype(float)

both_methods = pytest.mark.parametrize("method", ["fit", "partial_fit"])


class OnGPU:
    """What CuPy arrays, and tensors on a GPU, are known by."""

    __cuda_array_interface__ = {"shape": (N_SAMPLES,), "typestr": "<f8", "version": 3}

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("fetched from the GPU")


def replaced(array, value):
    """A copy of an array, with a value put into it."""
    array = array.astype(np.result_type(array, type(value)))
    array.flat[-2] = value
    return array


def short_model(**params):
    settings = {"max_iter": 8, "tol": None, "random_state": 0, "learning_rate": 0.01}
    return GradientRegressor(**(settings | params))


def fitted_model(**params):
    return short_model(**params).fit(X, Y, sample_weight=WEIGHTS)


def assert_refused(action, model, error, match):
    """`action` raises, and the model is what it was."""
    before, attributes = joblib.hash(vars(model)), dict(vars(model))
    with pytest.raises(error, match=match):
        action()
    assert vars(model).keys() == attributes.keys()
    assert all(vars(model)[name] is value for name, value in attributes.items())
    assert joblib.hash(vars(model)) == before


WORDS = np.array([["spam"] * N_FEATURES] * N_SAMPLES)
NOT_A_NUMBER = "could not convert string to float"

# What replaces X, y or sample_weight, the error and its message.
BAD_DATA = {
    "X: nan": ({"X": replaced(X, np.nan)}, ValueError, "X contains NaN"),
    "X: inf": ({"X": replaced(X, np.inf)}, ValueError, "X contains infinity"),
    "X: -inf": ({"X": replaced(X, -np.inf)}, ValueError, "X contains infinity"),
    "X: None": ({"X": None}, ValueError, "X|None|array"),
    "X: complex": ({"X": X + 1j}, ValueError, "Complex data not supported"),
    "X: words": ({"X": WORDS}, ValueError, NOT_A_NUMBER),
    "X: objects": ({"X": WORDS.astype(object)}, ValueError, NOT_A_NUMBER),
    "X: 1-D": ({"X": X[:, 0]}, ValueError, "Expected 2D array, got 1D"),
    "X: 3-D": ({"X": X[:, :, None]}, ValueError, "dim 3"),
    "X: no rows": ({"X": X[:0], "y": Y[:0]}, ValueError, "X?.*0 sample"),
    "X: no columns": ({"X": X[:, :0]}, ValueError, "0 feature"),
    "X: short": ({"X": X[:-1]}, ValueError, "inconsistent numbers of samples"),
    "X: ragged": ({"X": [[1, 2, 3], [1, 2]] * 12}, ValueError, "inhomogeneous"),
    "X: sparse": ({"X": scipy.sparse.csr_array(X)}, TypeError, "(?i)sparse data"),
    "X: sparse matrix": ({"X": scipy.sparse.csc_matrix(X)}, TypeError, "(?i)sparse"),
    "X: dask": ({"X": da.from_array(X)}, TypeError, "X is a dask array"),
    "X: GPU": ({"X": OnGPU()}, TypeError, "X is a GPU array"),
    "X: NA": (
        {"X": pd.DataFrame(X).astype("Float64").replace(X[0, 0], pd.NA)},
        ValueError,
        "X contains NaN",
    ),
    "y: nan": ({"y": replaced(Y, np.nan)}, ValueError, "y contains NaN"),
    "y: inf": ({"y": replaced(Y, np.inf)}, ValueError, "y contains infinity"),
    "y: missing": ({"y": None}, ValueError, "requires y to be passed"),
    "y: complex": ({"y": Y + 1j}, ValueError, "Complex data not supported"),
    "y: words": ({"y": WORDS[:, 0]}, ValueError, NOT_A_NUMBER),
    "y: objects": ({"y": WORDS[:, 0].astype(object)}, ValueError, NOT_A_NUMBER),
    "y: empty": ({"y": Y[:0]}, ValueError, "0 sample|inconsistent"),
    "y: short": ({"y": Y[:-1]}, ValueError, "inconsistent numbers of samples"),
    "y: long": ({"y": np.r_[Y, Y]}, ValueError, "inconsistent numbers of samples"),
    "y: 3-D": ({"y": np.zeros((N_SAMPLES, 1, 1))}, ValueError, "dim 3"),
    "y: no columns": ({"y": np.zeros((N_SAMPLES, 0))}, ValueError, "0 feature"),
    "y: number": ({"y": 1.0}, TypeError, "at least 1 dimension"),
    "y: sparse": (
        {"y": scipy.sparse.csr_array(Y[:, None])},
        TypeError,
        "(?i)sparse data",
    ),
    "y: dask": ({"y": da.from_array(Y)}, TypeError, "y is a dask array"),
    "y: GPU": ({"y": OnGPU()}, TypeError, "y is a GPU array"),
    "y: too large for X": (
        {"X": X.astype(np.float32), "y": replaced(Y, 1e39)},
        ValueError,
        "y contains infinity or a value too large",
    ),
    "y: square overflows": ({"y": 1e200 * Y}, ValueError, "infinity|too large"),
}
WEIGHT = "sample_weight|[Ss]ample weights"
BAD_WEIGHTS = {
    "nan": (replaced(WEIGHTS, np.nan), ValueError, "sample_weight contains NaN"),
    "inf": (replaced(WEIGHTS, np.inf), ValueError, "sample_weight contains infinity"),
    "negative": (replaced(WEIGHTS, -1.0), ValueError, "Negative.*sample_weight"),
    "all zero": (np.zeros(N_SAMPLES), ValueError, WEIGHT),
    "short": (WEIGHTS[:-1], ValueError, "sample_weight.shape"),
    "long": (np.r_[WEIGHTS, 1.0], ValueError, "sample_weight.shape"),
    "empty": (WEIGHTS[:0], ValueError, f"0 sample|{WEIGHT}"),
    "2-D": (WEIGHTS[:, None], ValueError, "Sample weights must be 1D"),
    "complex": (WEIGHTS + 1j, ValueError, "Complex data not supported"),
    "words": (WORDS[:, 0], ValueError, NOT_A_NUMBER),
    "negative number": (-1.0, ValueError, "Negative.*sample_weight"),
    "zero": (0.0, ValueError, WEIGHT),
    "nan as number": (np.nan, ValueError, "sample_weight contains NaN"),
    "dask": (da.from_array(WEIGHTS), TypeError, "sample_weight is a dask array"),
    "GPU": (OnGPU(), TypeError, "sample_weight is a GPU array"),
}
BAD_DATA |= {
    f"sample_weight: {name}": ({"sample_weight": weight}, error, match)
    for name, (weight, error, match) in BAD_WEIGHTS.items()
}


@both_methods
@pytest.mark.parametrize("state", ["unfitted", "fitted"])
@pytest.mark.parametrize(("changed", "error", "match"), BAD_DATA.values(), ids=BAD_DATA)
def test_bad_data(changed, error, match, state, method):
    model = fitted_model() if state == "fitted" else short_model()
    arguments = {"X": X, "y": Y} | changed
    assert_refused(
        lambda: getattr(model, method)(**arguments), model, error, f"(?s){match}"
    )


@pytest.mark.parametrize("bad", [da.from_array(X), OnGPU()], ids=["dask", "GPU"])
def test_predict_refuses_foreign_arrays(bad):
    model = fitted_model()
    with pytest.raises(TypeError, match=r"X is a (dask|GPU) array"):
        model.predict(bad)


def parameter_of(name, owner="GradientRegressor"):
    return f"The '{name}' parameter of {owner} must be .* Got .* instead"


DID_YOU_MEAN = "did you mean schedule={!r}"
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
    *(({"loss": name}, "loss") for name in ("squared", "mse", None)),
    *(({"alpha": a}, "alpha") for a in (-1e-9, np.nan, np.inf, None)),
    *(({"store_path": s}, "store_path") for s in (True, "steps", None)),
    *(({"random_state": r}, "random_state") for r in (-1, "0", 1.5)),
    ({"fit_intercept": "yes"}, "fit_intercept"),
    ({"shuffle": None}, "shuffle"),
    ({"warm_start": "no"}, "warm_start"),
    ({"init": "random"}, "init"),
    ({"init": 0.0}, "init"),
]


@both_methods
@pytest.mark.parametrize("state", ["unfitted", "fitted"])
@pytest.mark.parametrize(("params", "name"), BAD_PARAMS, ids=str)
def test_bad_parameters(params, name, state, method):
    model = fitted_model() if state == "fitted" else short_model()
    model.set_params(**params)
    fit = getattr(model, method)
    assert_refused(lambda: fit(X, Y), model, InvalidParameterError, parameter_of(name))


@both_methods
@pytest.mark.parametrize("name", ["step_decay", "plateau", "constant", "nonsense"])
def test_schedule_given_as_learning_rate(name, method):
    model = short_model(learning_rate=name)
    fit = getattr(model, method)
    match = DID_YOU_MEAN.format(name)
    assert_refused(lambda: fit(X, Y), model, InvalidParameterError, match)


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
]


@both_methods
@pytest.mark.parametrize(("bad", "name"), BAD_NESTED, ids=str)
def test_bad_nested_parameters(bad, name, method):
    is_solver = isinstance(bad, Momentum | Nesterov | Adam)
    model = short_model(**{"solver" if is_solver else "schedule": bad})
    match = parameter_of(name, type(bad).__name__)
    fit = getattr(model, method)
    assert_refused(lambda: fit(X, Y), model, InvalidParameterError, match)


@both_methods
@pytest.mark.parametrize(
    ("solver", "batch_size"),
    [("sgd", 8), ("sgd", 1)] + [(s, None) for s in ("momentum", "nesterov", "adam")],
)
def test_line_search_wants_full_batch_descent(solver, batch_size, method):
    for schedule in ("line_search", LineSearch(tolerance=0.1)):
        model = short_model(solver=solver, batch_size=batch_size, schedule=schedule)
        match = "schedule='line_search'.* whole training set.*solver='gd'"
        fit = getattr(model, method)
        assert_refused(lambda fit=fit: fit(X, Y), model, ValueError, match)


P = N_FEATURES + 1
BAD_INITS = {
    "too short": (np.zeros(P - 1), Y, r"\(3,\).*ask for \(4,\)"),
    "too long": (np.zeros(P + 1), Y, r"\(5,\).*ask for \(4,\)"),
    "a target too many": (np.zeros((2, P)), Y, r"\(2, 4\).*ask for .*4,?\)"),
    "a column": (np.zeros((P, 1)), Y, r"\(4, 1\).*ask for .*4,?\)"),
    "no targets": (np.zeros(P), np.c_[Y, Y], r"\(4,\).*ask for \(2, 4\)"),
    "3-D": (np.zeros((1, 1, P)), Y, "dim 3"),
    "nan": (np.full(P, np.nan), Y, "init contains NaN"),
    "inf": ([0.0, 1.0, np.inf, 0.0], Y, "init contains infinity"),
    "complex": (np.zeros(P) + 1j, Y, "Complex data not supported"),
    "words": (["a"] * P, Y, NOT_A_NUMBER),
    "empty": ([], Y, "0 sample|init"),
    "too large": (np.full(P, 1e300), Y, "infinity|too large"),
}


@both_methods
@pytest.mark.parametrize(("init", "y", "match"), BAD_INITS.values(), ids=BAD_INITS)
def test_bad_init(init, y, match, method):
    model = short_model(init=init)
    assert_refused(lambda: getattr(model, method)(X, y), model, ValueError, match)


@both_methods
def test_init_without_intercept_has_none(method):
    model = short_model(init=[1e-9, 0, 0, 0], fit_intercept=False)
    match = "init has an intercept other than 0, but fit_intercept=False"
    assert_refused(lambda: getattr(model, method)(X, Y), model, ValueError, match)
    model.set_params(init=[0.0, 0, 1, 0])
    assert getattr(model, method)(X, Y).intercept_ == 0.0


def test_features_cannot_change():
    model = short_model().partial_fit(X, Y)
    match = "2 features, but GradientRegressor is expecting 3"
    assert_refused(lambda: model.partial_fit(X[:, :2], Y), model, ValueError, match)
    named = pd.DataFrame(X, columns=["a", "b", "c"])
    model = short_model().partial_fit(named, Y)
    swapped = named[["c", "b", "a"]]
    match = "feature names should match"
    assert_refused(lambda: model.partial_fit(swapped, Y), model, ValueError, match)


@both_methods
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_interrupted_training_changes_nothing(error, method, monkeypatch):
    """Even when state had been trained for a while."""

    def interrupted(data, plan, candidates, state, max_epochs):
        state.phi[:] = 1e6
        state.slots[:] = 1e6
        state.progress["n_epochs"] += 7
        state.clock[:] += 7
        raise error("midway")

    models = [short_model(), fitted_model(), fitted_model(warm_start=True)]
    clean = [model.__sklearn_clone__() for model in models]
    monkeypatch.setattr(_base, "train", interrupted)
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


@both_methods
@pytest.mark.parametrize("state", ["unfitted", "fitted"])
@pytest.mark.parametrize("solver", ["gd", "sgd", "momentum", "nesterov"])
def test_divergence_changes_nothing(solver, state, method):
    model = fitted_model() if state == "fitted" else short_model()
    model.set_params(solver=solver, learning_rate=1e150, batch_size=5)

    def diverge():
        for _ in range(50 if method == "partial_fit" else 1):
            before = dict(vars(model))
            try:
                getattr(model, method)(X, Y)
            except ValueError:
                assert vars(model).keys() == before.keys()
                assert all(vars(model)[name] is before[name] for name in before)
                raise

    with pytest.raises(ValueError, match="diverged in epoch"):
        diverge()


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
ODD_MODELS = {
    "gd": short_model(solver="gd", learning_rate="auto", max_iter=20),
    "sgd": short_model(solver="sgd", batch_size=5),
    "adam": short_model(solver="adam", batch_size=None, learning_rate="auto"),
}


def assert_same_answer(model, clean, odd):
    """Odd X, y and weights, alone and together, in fit, partial_fit and predict."""
    expected = model.__sklearn_clone__().fit(**clean)
    for changed in ({"X"}, {"y"}, {"sample_weight"}, set(odd)):
        arguments = clean | {name: odd[name] for name in changed}
        got = model.__sklearn_clone__().fit(**arguments)
        assert got.coef_.dtype == np.float64
        assert_array_equal(got.coef_, expected.coef_)
        assert got.intercept_ == expected.intercept_
        assert got.loss_ == expected.loss_
        predicted = got.predict(arguments["X"])
        assert_allclose(predicted, expected.predict(clean["X"]), rtol=1e-12)
    step = model.__sklearn_clone__().partial_fit(**odd)
    assert_array_equal(step.coef_, model.__sklearn_clone__().partial_fit(**clean).coef_)


CLEAN = {"X": X, "y": Y, "sample_weight": WEIGHTS}


@pytest.mark.parametrize("model", ODD_MODELS.values(), ids=ODD_MODELS)
@pytest.mark.parametrize("convert", ODD.values(), ids=ODD)
def test_odd_data_give_the_same_answer(convert, model):
    odd = {name: convert(array) for name, array in CLEAN.items()}
    assert_same_answer(model, CLEAN, odd)
    for name, array in odd.items():
        assert_array_equal(np.asarray(array, dtype=float), CLEAN[name])


@pytest.mark.parametrize("model", ODD_MODELS.values(), ids=ODD_MODELS)
@pytest.mark.parametrize("dtype", ["bool", "boolean"])
def test_booleans_are_numbers(dtype, model):
    clean = {"X": X > 0, "y": Y > 0, "sample_weight": WEIGHTS > 1}
    odd = {name: nullable(dtype)(array) for name, array in clean.items()}
    clean = {name: array.astype(float) for name, array in clean.items()}
    assert_same_answer(model, clean, odd)


@pytest.mark.parametrize("model", ODD_MODELS.values(), ids=ODD_MODELS)
@pytest.mark.parametrize("mode", ["r", "c"])
def test_memory_maps(mode, model, tmp_path):
    odd = {}
    for name, array in CLEAN.items():
        array.tofile(tmp_path / name)
        odd[name] = np.memmap(tmp_path / name, array.dtype, mode, shape=array.shape)
    assert_same_answer(model, CLEAN, odd)


@both_methods
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("solver", ["gd", "sgd", "momentum", "nesterov", "adam"])
def test_data_are_not_written_to(solver, dtype, method):
    data = {name: array.astype(dtype) for name, array in CLEAN.items()}
    init = np.ones(P)
    model = short_model(solver=solver, batch_size=5, init=init, warm_start=True)
    for _ in range(2):
        getattr(model, method)(**data)
    for name, array in data.items():
        assert_array_equal(array, CLEAN[name].astype(dtype))
        assert array.flags.writeable
    assert_array_equal(init, np.ones(P))


def test_published_arrays_are_not_what_training_goes_on_with():
    model, twin = short_model().partial_fit(X, Y), short_model().partial_fit(X, Y)
    model.set_params(store_path="epoch").partial_fit(X, Y)
    twin.set_params(store_path="epoch").partial_fit(X, Y)
    for published in (model.coef_, model.loss_curve_, model.path_):
        published[:] = 1e3
    assert_array_equal(model.partial_fit(X, Y).coef_, twin.partial_fit(X, Y).coef_)


def test_an_intercept_that_was_trained_is_not_frozen_in_silence():
    model = short_model().partial_fit(X, Y).set_params(fit_intercept=False)
    with pytest.raises(ValueError, match=r"intercept other than 0"):
        model.partial_fit(X, Y)
