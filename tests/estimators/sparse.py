"""A problem of few non-zeros, and what sparse and dense X must have in common."""

import numpy as np
import scipy.sparse
from cases import history_of, parameters
from numpy.testing import assert_allclose
from sklearn.base import clone

from sklopt import GradientRegressor

N_SAMPLES, N_FEATURES = 70, 240


def make_sparse(n_samples=N_SAMPLES, n_features=N_FEATURES, n_nonzeros=3, seed=0):
    """X of so many non-zeros a row in the mean, y and weights, some of them zero.

    Two rows and some columns are empty; the columns that are not differ in size.
    """
    rng = np.random.default_rng(seed)
    X = scipy.sparse.random_array(
        (n_samples, n_features),
        density=n_nonzeros / n_features,
        rng=rng,
        data_sampler=lambda size: rng.uniform(-2.0, 2.0, size),
    ).tolil()
    X[[3, n_samples - 1]] = 0.0
    X = X.tocsr()
    y = X @ rng.normal(size=n_features) + rng.normal(size=n_samples) + 1.0
    weight = rng.integers(0, 4, n_samples).astype(float)
    return X, y, weight


def regressor(solver="sgd", batch_size=1, **settings):
    defaults = {
        "learning_rate": 0.05,
        "alpha": 0.3,
        "max_iter": 4,
        "tol": None,
        "random_state": 0,
        "precompute": False,
    }
    return GradientRegressor(solver, batch_size=batch_size, **defaults | settings)


def assert_same_model(sparse, dense, rtol=1e-10):
    """Every number that two fits publish, but for the rounding of sums near 0."""
    size = np.abs(parameters(dense)).max()
    assert_allclose(parameters(sparse), parameters(dense), rtol=rtol, atol=rtol * size)
    assert_allclose(sparse.loss_, dense.loss_, rtol=rtol)
    assert_allclose(sparse.loss_curve_, dense.loss_curve_, rtol=rtol)
    left, right = history_of(sparse), history_of(dense)
    assert list(left) == list(right)
    assert_allclose(left, right, rtol=rtol, atol=1e-14)
    assert sparse.stop_reason_ == dense.stop_reason_


def assert_same_as_dense(model, X, y, sample_weight=None, method="fit", **arguments):
    """Both trained the same way; returns the one that was trained on sparse X."""
    sparse, dense = clone(model), clone(model)
    getattr(sparse, method)(X, y, sample_weight, **arguments)
    getattr(dense, method)(X.toarray(), y, sample_weight, **arguments)
    assert_same_model(sparse, dense)
    return sparse
