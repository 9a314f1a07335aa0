"""Sparse X of every kind gives one answer; what is broken is refused by name."""

import contextlib
import itertools
import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from cases import assert_refused, both_methods, parameters
from estimators.sparse import N_FEATURES, make_sparse, regressor
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, StandardScaler

from sklopt import GaborRegressor, GradientRegressor
from sklopt.callback import ValidationMonitor

MEGABYTE = 2**20

# Small integers, which every type holds exactly.
X, Y, WEIGHTS = make_sparse()
X.data[:] = np.rint(4 * X.data)
X.eliminate_zeros()
MODELS = {"sgd": regressor("sgd", 7, penalty="l2"), "adam": regressor("adam", 7)}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def parts(matrix):
    """The arrays that a sparse matrix is made of."""
    if matrix.format == "coo":
        return [matrix.data, *matrix.coords]
    return [matrix.data, matrix.indices, matrix.indptr]


def with_indices(dtype):
    return csr_array(
        (X.data, X.indices.astype(dtype), X.indptr.astype(dtype)), shape=X.shape
    )


def unsorted():
    """Every row backwards."""
    rows = [slice(*bounds) for bounds in zip(X.indptr, X.indptr[1:], strict=False)]
    order = np.concatenate([np.arange(X.nnz)[row][::-1] for row in rows])
    return csr_array((X.data[order], X.indices[order], X.indptr), shape=X.shape)


def duplicated():
    """Every entry in two parts, which add up to it."""
    whole = X.tocoo()
    values = np.concatenate([whole.data + 1.0, np.full(X.nnz, -1.0)])
    row, column = (np.tile(coordinate, 2) for coordinate in whole.coords)
    order = np.argsort(row, kind="stable")
    starts = 2 * X.indptr
    return csr_array((values[order], column[order], starts), shape=X.shape)


def with_explicit_zeros():
    data = X.copy()
    data.data[::3] = 0.0
    return data


def read_only(matrix):
    for part in parts(matrix):
        part.flags.writeable = False
    return matrix


KINDS = {
    **{kind: (lambda kind=kind: X.asformat(kind)) for kind in ("csr", "csc", "coo")},
    **{kind: (lambda kind=kind: X.asformat(kind)) for kind in ("lil", "dok")},
    "csr_matrix": lambda: scipy.sparse.csr_matrix(X),
    "csc_matrix": lambda: scipy.sparse.csc_matrix(X),
    "coo_matrix": lambda: scipy.sparse.coo_matrix(X),
    "int64": lambda: with_indices(np.int64),
    "unsorted": unsorted,
    "duplicates": duplicated,
    "duplicates in coo": lambda: duplicated().tocoo(),
    "read-only": lambda: read_only(X.copy()),
    "read-only duplicates": lambda: read_only(duplicated()),
    **{
        dtype: (lambda dtype=dtype: X.astype(dtype))
        for dtype in ("int8", "int64", "longdouble")
    },
}


@every_model
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_every_kind_gives_the_same_answer(make, model):
    data, expected = make(), clone(model).fit(X, Y, WEIGHTS)
    got = clone(model).fit(data, Y, WEIGHTS)
    assert got.coef_.dtype == np.float64
    assert_array_equal(parameters(got), parameters(expected))
    assert_allclose(got.predict(data), expected.predict(X.toarray()), rtol=1e-12)
    assert got.score(data, Y) == pytest.approx(got.score(X.toarray(), Y), rel=1e-12)
    got = clone(model).partial_fit(data, Y)
    assert_array_equal(got.coef_, clone(model).partial_fit(X, Y).coef_)


WITH_ZEROS = {
    "csr": with_explicit_zeros,
    "bsr": lambda: X.tobsr((2, 3)),
    "dia": lambda: scipy.sparse.diags_array([2.0, 3.0], offsets=[-1, 5], shape=X.shape),
}


@every_model
@pytest.mark.parametrize("make", WITH_ZEROS.values(), ids=WITH_ZEROS)
def test_explicit_zeros_are_zeros(make, model):
    data = make()
    expected = clone(model).fit(data.toarray(), Y)
    got = clone(model).fit(data, Y)
    assert_allclose(parameters(got), parameters(expected), rtol=1e-10, atol=1e-14)


@every_model
def test_booleans_are_numbers(model):
    expected = clone(model).fit((X.toarray() > 0).astype(float), Y)
    got = clone(model).fit(X > 0, Y)
    assert_allclose(parameters(got), parameters(expected), rtol=1e-10, atol=1e-14)


@every_model
def test_float32_stays_float32(model):
    exact = clone(model).fit(X, Y)
    got = clone(model).fit(X.astype(np.float32), Y.astype(np.float32))
    assert got.coef_.dtype == np.float32
    assert got.predict(X.astype(np.float32)).dtype == np.float32
    dense = clone(model).fit(X.toarray().astype(np.float32), Y.astype(np.float32))
    assert_allclose(got.loss_curve_, dense.loss_curve_, rtol=1e-10)
    assert_allclose(got.coef_, exact.coef_, rtol=1e-5, atol=1e-6)


@both_methods
@pytest.mark.parametrize(
    "make", [X.copy, X.tocsc, X.tocoo, unsorted, duplicated, with_explicit_zeros]
)
def test_data_are_not_written_to(make, method):
    data = make()
    before = [part.tobytes() for part in parts(data)]
    own, dtypes = parts(data), [part.dtype for part in parts(data)]
    model = regressor("sgd", 7)
    getattr(model, method)(data, Y, X_val=data, y_val=Y)
    model.predict(data)
    assert all(now is then for now, then in zip(parts(data), own, strict=True))
    assert [part.tobytes() for part in parts(data)] == before
    assert [part.dtype for part in parts(data)] == dtypes
    assert all(part.flags.writeable for part in parts(data))


# --- what is refused -----------------------------------------------------------------


def broken(part, place, value, kind="csr"):
    """X with a number of one of its arrays replaced, which no constructor sees."""
    data = X.asformat(kind, copy=True)
    getattr(data, part)[place] = value
    return data


def broken_coo(value, axis):
    data = X.tocoo(copy=True)
    data.coords[axis][5] = value
    return data


BROKEN = {
    "index beyond": (lambda: broken("indices", 5, N_FEATURES), "indices must be < 240"),
    "index far beyond": (lambda: broken("indices", 5, 2**30), "indices must be < 240"),
    "negative index": (lambda: broken("indices", 5, -1), "indices must be >= 0"),
    "falling indptr": (lambda: broken("indptr", 5, 100), "indptr must be"),
    "indptr beyond": (lambda: broken("indptr", -1, 10_000), "Last value of index"),
    "csc: index beyond": (
        lambda: broken("indices", 5, 2**30, "csc"),
        "indices must be < 70",
    ),
    "csc: negative": (lambda: broken("indices", 5, -9, "csc"), "indices must be >= 0"),
    "coo: row beyond": (lambda: broken_coo(2**30, 0), "axis 0 index 1073741824"),
    "coo: column beyond": (lambda: broken_coo(N_FEATURES, 1), "axis 1 index 240"),
    "coo: negative": (lambda: broken_coo(-1, 1), "negative axis 1 index"),
    "nan": (lambda: broken("data", 5, np.nan), "Input X contains NaN"),
    "inf": (lambda: broken("data", 5, np.inf), "Input X contains infinity"),
    "complex": (lambda: X * 1j, "Complex data not supported"),
    "no rows": (lambda: X[:0], "Found array with 0 sample"),
    "no columns": (lambda: X[:, :0], "Found array with 0 feature"),
}


@pytest.mark.parametrize(("make", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_matrices_are_refused(make, message):
    unfitted, fitted = regressor("sgd", 7), regressor("sgd", 7).fit(X, Y)
    for model, method in itertools.product((unfitted, fitted), ("fit", "partial_fit")):
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(make(), Y)
    assert not hasattr(unfitted, "n_features_in_")
    if message.startswith("Found array with 0 sample"):
        return
    with pytest.raises(ValueError, match=message):
        fitted.predict(make())
    with pytest.raises(ValueError, match=message):
        fitted.fit(X, Y, X_val=make(), y_val=Y)


def test_features_cannot_change():
    model = regressor("sgd", 7).fit(X, Y)
    message = "X has 7 features, but GradientRegressor is expecting 240 features"
    for act in (
        lambda: model.partial_fit(X[:, :7], Y),
        lambda: model.predict(X[:, :7]),
        lambda: model.fit(X, Y, X_val=X[:, :7], y_val=Y),
    ):
        with pytest.raises(ValueError, match=message):
            act()


def test_rows_and_targets_must_be_as_many():
    model = regressor("sgd", 7)
    message = "y: Found input variables with inconsistent numbers of samples: [70, 69]"
    assert_refused(lambda: model.fit(X, Y[:-1]), model, ValueError, message)


def test_a_wave_takes_dense_x_only():
    for X_train, held_out in ((X, {}), (X.toarray(), {"X_val": X, "y_val": Y})):
        model = GaborRegressor()
        with pytest.raises(TypeError, match="Sparse data was passed"):
            model.fit(X_train, Y, **held_out)
    assert not GaborRegressor().__sklearn_tags__().input_tags.sparse
    assert GradientRegressor().__sklearn_tags__().input_tags.sparse


# --- in company ----------------------------------------------------------------------


def test_pickle_goes_on():
    model = regressor("sgd", 7, penalty="l2").partial_fit(X, Y)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.partial_fit(X, Y).coef_, model.partial_fit(X, Y).coef_)
    assert_array_equal(copy.predict(X), model.predict(X))


def test_grid_search_in_processes():
    grid = {"solver": ["sgd", "adam"], "penalty": [None, "l2"]}
    searches = [
        GridSearchCV(regressor(batch_size=7), grid, cv=3, n_jobs=n_jobs).fit(data, Y)
        for data, n_jobs in ((X, 2), (X.toarray(), None))
    ]
    scores = [search.cv_results_["mean_test_score"] for search in searches]
    assert_allclose(*scores, rtol=1e-9)


def test_pipelines():
    rng = np.random.default_rng(0)
    words = rng.choice(["spam", "eggs", "bacon", "ham", "tea"], size=(60, 4))
    texts = [" ".join(row) for row in words]
    y = rng.normal(size=60) + (words == "spam").sum(axis=1)
    for first, rows in (
        (TfidfVectorizer(), texts),
        (OneHotEncoder(), words),
        (MaxAbsScaler(), X[:60]),
        (StandardScaler(with_mean=False), X[:60]),
    ):
        seen = clone(first).fit_transform(rows)
        assert scipy.sparse.issparse(seen)
        model = make_pipeline(first, regressor("sgd", 7)).fit(rows, y)
        alone = regressor("sgd", 7).fit(seen.toarray(), y)
        assert_allclose(model.predict(rows), alone.predict(seen.toarray()), rtol=1e-9)


@pytest.mark.parametrize("kind", ["csr", "coo", "bsr"])
def test_callbacks_see_the_rows_split_off(kind):
    monitor = ValidationMonitor()
    model = regressor("sgd", 7, early_stopping=True).set_callbacks(monitor)
    model.fit(X.asformat(kind), Y)
    logs = monitor.get_logs().data_as_pandas
    scores = logs.loc[logs["task_name"] == "epoch", "score"]
    assert_allclose(scores, model.validation_scores_, rtol=1e-10)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "settings",
    [
        {"solver": "sgd"},
        {"solver": "adam", "early_stopping": True},
        {"solver": "gd", "average": True},
        {"solver": "gd", "schedule": "line_search"},
        {"solver": "sgd", "learning_rate": 1e4},  # diverges
    ],
    ids=str,
)
def test_nothing_makes_x_dense(settings):
    data, y, weight = make_sparse(2000, 20_000)
    model = GradientRegressor(max_iter=3, **settings)
    with contextlib.suppress(ValueError):
        clone(model).fit(data, y, weight, X_val=data, y_val=y)  # compiled
    tracemalloc.start()
    try:
        with contextlib.suppress(ValueError):
            model.fit(data, y, weight)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert hasattr(model, "coef_") == ("learning_rate" not in settings)
    assert peak < 16 * MEGABYTE  # of the 320 that it would have
