"""What the functions of inspection have in common: estimators in, results that stay."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from cases import make_problem
from numpy.testing import assert_array_equal

from sklopt import GaborRegressor, GradientRegressor
from sklopt.inspection import (
    LearningRateRange,
    check_gradient,
    curvature,
    learning_rate_range,
)


def arrays(result):
    values = {f.name: getattr(result, f.name) for f in dataclasses.fields(result)}
    return {k: value for k, value in values.items() if isinstance(value, np.ndarray)}


@pytest.mark.parametrize("function", [check_gradient, curvature, learning_rate_range])
@pytest.mark.parametrize("estimator", [GaborRegressor, GradientRegressor])
def test_a_class_is_no_estimator(function, estimator):
    with pytest.raises(TypeError, match=f"^{estimator.__name__} is a class: pass an"):
        function(estimator, *make_problem())


def test_the_curvature_does_not_follow_the_point():
    X, y = make_problem()
    at = np.zeros(4)
    point = curvature(GradientRegressor(), X, y, at=at)
    at[0] = 99.0
    assert_array_equal(point.at, np.zeros(4))
    wave = GaborRegressor(max_iter=3, tol=None, random_state=0).fit(X, y)
    before = wave.phi_.copy()
    point = curvature(wave, X, y)
    wave.phi_[0] = 99.0  # the estimator's own array stays writable
    assert_array_equal(point.at, before)


def test_results_cannot_be_written_to():
    X, y = make_problem()
    point = curvature(GradientRegressor(), X, y, at=np.zeros(4))
    assert set(arrays(point)) == {"at", "gradient", "hessian", "eigenvalues"}
    found = learning_rate_range(GradientRegressor(), X, y, rates=[0.1, 0.2])
    assert set(arrays(found)) == {"rates", "losses"}
    for array in [*arrays(point).values(), *arrays(found).values()]:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0.0


def test_a_range_of_ones_own_is_a_copy():
    rates, losses = np.array([0.1, 0.2]), [2.0, 1.0]
    found = LearningRateRange(rates, losses, 0.1)
    rates[0] = losses[0] = 99.0
    assert_array_equal(found.rates, [0.1, 0.2])
    assert_array_equal(found.losses, [2.0, 1.0])
    assert rates.flags.writeable


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))]
)
def test_results_can_be_copied_and_stored(again):
    point = curvature(GradientRegressor(), *make_problem(), at=np.zeros(4))
    assert repr(again(point)) == repr(point)
    for array in arrays(again(point)).values():
        assert not array.flags.writeable
