"""Training sets of a cross-validation by subtraction."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.model_selection import GroupKFold, KFold, RepeatedKFold, ShuffleSplit
from threadpoolctl import threadpool_limits

from sklopt.engine import _cores, _products, _rows
from sklopt.engine._full_batch import complements, condensed
from sklopt.engine._types import Data

N_SAMPLES = 600

SPLITTERS = {
    "in order": KFold(4),
    "shuffled": KFold(3, shuffle=True, random_state=0),
    "groups": GroupKFold(5),
    "overlapping": ShuffleSplit(4, test_size=0.3, random_state=0),
    "repeated": RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
}


def make_data(
    n_targets=1, offset=3.0, dtype=np.float64, weighted=True, is_sparse=False
):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_SAMPLES, 7)) * rng.uniform(0.3, 2, 7) + offset
    if is_sparse:
        X *= rng.uniform(size=X.shape) < 0.3
    y = X @ rng.standard_normal((7, n_targets)) + 5.0
    y += 0.1 * rng.standard_normal(y.shape)
    weight = rng.uniform(0.5, 2.0, N_SAMPLES) * (rng.uniform(size=N_SAMPLES) < 0.9)
    weight = weight / weight.mean() if weighted else weight[:0]
    X, y, weight = (array.astype(dtype) for array in (X, y, weight))
    return Data(csr_array(X) if is_sparse else X, y, weight)


def left_out(splitter):
    is_grouped = isinstance(splitter, GroupKFold)
    groups = np.random.default_rng(1).integers(0, 20, N_SAMPLES) if is_grouped else None
    splits = splitter.split(np.empty((N_SAMPLES, 1)), groups=groups)
    return [test for _, test in splits]


def without(data, test):
    """The complement as a fit of its rows sees it."""
    rows = np.setdiff1d(np.arange(N_SAMPLES), test)
    weight = data.weight[rows].astype(np.float64) if data.weight.size else data.weight
    weight = weight / weight.mean() if weight.size else weight
    return Data(data.X[rows], data.y[rows], weight)


def objective(data, phi):
    """J of each target at φ (n_targets, d + 1), and its gradient."""
    X = data.X.toarray() if hasattr(data.X, "toarray") else data.X
    bias = data.bias if data.bias.size else np.ones(len(X))
    Z = np.column_stack([bias, X.astype(np.float64)])
    weight = data.weight if data.weight.size else np.ones(len(Z))
    residual = Z @ phi.T - data.y
    return weight @ residual**2 / len(Z), 2 * (weight * residual.T) @ Z / len(Z)


def iterates(data, n_steps=200):
    """Of gradient descent at a stable rate."""
    rate = 0.5 / (objective_curvature(data))
    phi = np.zeros((data.y.shape[1], data.X.shape[1] + 1))
    path = [phi]
    for _ in range(n_steps):
        path.append(path[-1] - rate * objective(data, path[-1])[1])
    return np.array(path)


def objective_curvature(data):
    """A bound of the second derivative: its trace."""
    units = np.eye(data.X.shape[1] + 1)
    still = data._replace(y=np.zeros((len(data.y), len(units))))
    return 2 * objective(still, units)[0].sum()


def assert_same_objective(few, data, rtol=1e-10):
    assert len(few.X) == data.X.shape[1] + 1 + data.y.shape[1]
    rng = np.random.default_rng(2)
    for _ in range(3):
        phi = rng.standard_normal((data.y.shape[1], data.X.shape[1] + 1))
        for part, expected in zip(
            objective(few, phi), objective(data, phi), strict=True
        ):
            assert_allclose(part, expected, rtol=rtol)
    path = iterates(data)
    assert_allclose(iterates(few), path, rtol=rtol, atol=rtol * np.abs(path).max())


KINDS = {
    "plain": {"weighted": False},
    "weights, some of them 0": {},
    "targets": {"n_targets": 3},
    "far from 0": {"offset": 300.0},
    "single precision": {"dtype": np.float32},
    "sparse": {"is_sparse": True},
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("splitter", SPLITTERS.values(), ids=SPLITTERS)
def test_a_complement_is_what_its_rows_are(splitter, kind):
    data, tests = make_data(**kind), left_out(splitter)
    for few, test in zip(complements(data, tests), tests, strict=True):
        rows = without(data, test)
        assert_same_objective(few, rows)
        assert_same_objective(few, condensed(rows))


def test_nothing_left_out_is_the_whole():
    data = make_data()
    few, other = complements(data, [np.array([], dtype=int), np.arange(100)])
    assert_same_objective(few, condensed(data))
    assert_same_objective(other, without(data, np.arange(100)))


@pytest.mark.parametrize("splitter", ["shuffled", "overlapping"])
def test_each_row_is_multiplied_once_and_again_where_folds_overlap(
    splitter, monkeypatch
):
    n_rows, products = [], _products.products_of_rows

    def counted(data, shift, rows):
        if len(data.y) == N_SAMPLES:  # not those of the rough fit
            n_rows.append(len(data.y[rows]))
        return products(data, shift, rows)

    monkeypatch.setattr(_products, "products_of_rows", counted)
    tests = left_out(SPLITTERS[splitter])
    complements(make_data(), tests)
    again = sum(map(len, tests[1:])) if splitter == "overlapping" else 0
    assert sum(n_rows) == N_SAMPLES + again


def test_rows_are_read_as_they_lie_in_memory(monkeypatch):
    """X may be a file."""
    first_rows, products = [], _products.products_of_rows

    def noted(data, shift, rows):
        if len(data.y) == N_SAMPLES:
            first_rows.append(rows[0])
        return products(data, shift, rows)

    monkeypatch.setattr(_products, "products_of_rows", noted)
    monkeypatch.setattr(_rows, "NUMBERS_AT_ONCE", 500)
    complements(make_data(), left_out(SPLITTERS["shuffled"]))
    assert len(first_rows) > 6
    assert first_rows == sorted(first_rows)


def test_many_folds_take_little_memory(monkeypatch):
    """Their residuals at once would be as many times X as there are folds."""
    monkeypatch.setattr(_rows, "NUMBERS_AT_ONCE", 2**14)
    data = make_data(n_targets=1)
    tests = [np.array([i]) for i in range(N_SAMPLES)]
    complements(data, tests[:2])
    tracemalloc.start()
    few = complements(data, tests)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert all(part is not None for part in few)
    assert peak < 10 * 2**20


def test_every_digit_is_the_same_at_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(_rows, "NUMBERS_AT_ONCE", 500)
    data, tests = make_data(), left_out(SPLITTERS["repeated"])
    expected = complements(data, tests)  # so little work starts no thread
    monkeypatch.setattr(_cores, "LITTLE_WORK", 0)
    for n_threads in (1, 2, 7):
        monkeypatch.setattr(_cores, "cpu_count", lambda n=n_threads: n)
        with threadpool_limits(n_threads):
            for few, other in zip(complements(data, tests), expected, strict=True):
                for array, same in zip(few, other, strict=True):
                    assert_array_equal(array, same)


def test_too_few_rows_are_left_alone():
    few, many = complements(make_data(), [np.arange(8, N_SAMPLES), np.arange(8)])
    assert few is None
    assert many is not None


def test_rows_without_any_weight_are_left_alone():
    data = make_data()
    data.weight[:100] = 0.0
    nothing, everything = complements(data, [np.arange(100, 600), np.arange(100)])
    assert nothing is None
    assert_same_objective(everything, without(data, np.arange(100)))


def test_a_row_that_outweighs_all_others_leaves_it_to_the_samples():
    """Whether it is in the fold or trained on: products hold nothing of the others."""
    data = make_data(offset=0.0)
    data.X[5] = 1e9
    assert complements(data, [np.arange(100), np.arange(100, 200)]) == [None, None]


@pytest.mark.parametrize("factor", 10.0 ** np.arange(2, 9))
@pytest.mark.parametrize("kind", ["scaled", "one column scaled", "one column shifted"])
def test_a_fold_that_is_unlike_the_rest_is_subtracted_well_or_not_at_all(kind, factor):
    """Also where y depends on nothing, so that J hardly tells of it at its minimum."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((N_SAMPLES, 7)), rng.standard_normal((N_SAMPLES, 1))
    fold = np.arange(200)
    if kind == "scaled":
        X[fold] *= factor
    elif kind == "one column scaled":
        X[fold, 0] *= factor
    else:
        X[fold, 0] += factor
    data = Data(X, y, np.empty(0))
    (few,) = complements(data, [fold])
    assert (few is None) == (factor > 1e4) or factor == 1e4
    if few is not None:
        assert_same_objective(few, without(data, fold), rtol=1e-8)
