"""Inspection of an estimator on sparse X: the answers are those on dense X."""

import tracemalloc

import matplotlib.pyplot as plt
import pytest
from estimators.sparse import make_sparse, regressor
from numpy.testing import assert_allclose

from sklopt.inspection import (
    LossSurfaceDisplay,
    ModelPathDisplay,
    check_gradient,
    curvature,
    learning_rate_range,
)

X, Y, WEIGHTS = make_sparse(50, 4)


@pytest.fixture
def model():
    return regressor("gd", None, penalty="l2", store_path="epoch").fit(X, Y, WEIGHTS)


def test_curvature(model):
    sparse, dense = (curvature(model, data, Y, WEIGHTS) for data in (X, X.toarray()))
    assert sparse.kind == dense.kind
    for name in ("loss", "gradient", "hessian", "eigenvalues"):
        got, expected = getattr(sparse, name), getattr(dense, name)
        assert_allclose(got, expected, rtol=1e-10, atol=1e-14)


def test_check_gradient(model):
    table = check_gradient(model, X, Y, WEIGHTS, h=1e-3)
    assert len(table) == 5
    assert_allclose(table["analytic"], table["numeric"], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("shape", [(50, 4), (40, 600)])
def test_learning_rate_range(shape):
    data, y, weight = make_sparse(*shape)
    found = [
        learning_rate_range(regressor("sgd", 7), matrix, y, weight, n_epochs=2)
        for matrix in (data, data.toarray())
    ]
    assert_allclose(found[0].rates, found[1].rates, rtol=1e-10)
    assert_allclose(found[0].losses, found[1].losses, rtol=1e-6)
    assert_allclose(found[0].suggestion, found[1].suggestion, rtol=1e-10)


def test_loss_surface(model):
    drawn = [
        LossSurfaceDisplay.from_estimator(
            model, data, Y, sample_weight=WEIGHTS, parameters=(1, 2)
        )
        for data in (X, X.toarray())
    ]
    plt.close("all")
    assert_allclose(drawn[0].values, drawn[1].values, rtol=1e-10)


def test_a_picture_of_the_model_takes_dense_x():
    line, y, _ = make_sparse(30, 1, n_nonzeros=0.5)
    model = regressor("gd", None, store_path="epoch").fit(line, y)
    with pytest.raises(TypeError, match="Sparse data was passed for X"):
        ModelPathDisplay.from_estimator(model, line, y)


def test_a_range_test_makes_no_dense_array():
    data, y, _ = make_sparse(2000, 20_000)
    model = regressor("sgd", 7, learning_rate=1e-3)
    learning_rate_range(model, data, y, rates=[1e-3], n_epochs=1)  # compiled
    tracemalloc.start()
    try:
        learning_rate_range(model, data, y, n_epochs=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < data.shape[0] * data.shape[1]  # an eighth of it
