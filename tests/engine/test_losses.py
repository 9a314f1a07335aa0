"""What NumPy knows of losses equals what is compiled, and is consistent in itself."""

import numpy as np
import pytest
from cases import LOSSES, every_loss, loss_twin, make_problem, targets_for
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar

from sklopt import GradientRegressor
from sklopt.engine._losses import (
    FORMULAS,
    best_constant,
    has_second_derivative,
    mean_of,
)
from sklopt.engine._lowering import lower_loss
from sklopt.kernels._codes import Loss

_, Y = make_problem()
PREDICTIONS = np.random.default_rng(3).normal(size=len(Y))
WEIGHTS = np.random.default_rng(4).integers(0, 4, size=len(Y)).astype(float)


def lowered(loss):
    return lower_loss(LOSSES[loss]).values()


@pytest.mark.reduced
def test_every_code_has_formulas_and_a_name():
    assert set(FORMULAS) == set(Loss)
    assert [code for code, _ in map(lowered, LOSSES)] == list(Loss)


@pytest.mark.reduced
@every_loss
def test_formulas_are_those_of_the_twin(loss):
    code, parameter = lowered(loss)
    y = targets_for(loss, Y)
    value, derivative = loss_twin(GradientRegressor(loss=LOSSES[loss]))(PREDICTIONS, y)
    formulas = FORMULAS[code]
    assert_allclose(formulas.value(PREDICTIONS, y, parameter), value, rtol=1e-12)
    assert_allclose(
        formulas.derivative(PREDICTIONS, y, parameter), derivative, rtol=1e-12
    )


@pytest.mark.reduced
@every_loss
def test_a_complex_step_gives_the_next_derivative(loss):
    code, parameter = lowered(loss)
    y, h = targets_for(loss, Y), 1e-30
    formulas = FORMULAS[code]
    for function, derivative in (
        (formulas.value, formulas.derivative),
        (formulas.derivative, formulas.curvature),
    ):
        slope = np.imag(function(PREDICTIONS + 1j * h, y, parameter)) / h
        assert_allclose(slope, derivative(PREDICTIONS, y, parameter), rtol=1e-12)


@every_loss
def test_the_largest_curvature_is_reached_and_never_exceeded(loss):
    code, parameter = lowered(loss)
    formulas = FORMULAS[code]
    if has_second_derivative(code) and not formulas.has_log_link:
        f = np.linspace(-5, 5, 1001)
        curvature = formulas.curvature(f, np.zeros_like(f), parameter)
        assert curvature.max() == formulas.steepest


@pytest.mark.parametrize("is_weighted", [False, True])
@every_loss
def test_best_constant_is_the_lowest(loss, is_weighted):
    code, parameter = lowered(loss)
    y = targets_for(loss, Y)
    weight = WEIGHTS if is_weighted else np.empty(0)

    def mean_loss(constant):
        losses = FORMULAS[code].value(np.full_like(y, constant), y, parameter)
        return np.average(losses, weights=WEIGHTS if is_weighted else None)

    found = best_constant(code, parameter, y, weight)
    lowest = minimize_scalar(mean_loss, (y.min(), y.max()), options={"xtol": 1e-10})
    assert mean_loss(found) <= lowest.fun * (1 + 1e-5)


@every_loss
@pytest.mark.parametrize("value", [1.0, 7.0, 1e-150, 1e150])
def test_best_constant_of_one_value(loss, value):
    code, parameter = lowered(loss)
    found = best_constant(code, parameter, np.full(5, value), np.empty(0))
    assert_allclose(mean_of(code, found), value, rtol=1e-12)


def test_best_constant_heeds_no_row_without_weight():
    y, weight = np.array([1.0, 2.0, 4.0, 1e300]), np.array([1.0, 1.0, 1.0, 0.0])
    for loss in ("absolute_error", "huber", "quantile"):
        assert 1 <= best_constant(*lowered(loss), y, weight) <= 4


def test_counts_of_nothing_have_the_mean_zero():
    constant = best_constant(Loss.POISSON, 0.0, np.zeros(3), np.empty(0))
    assert mean_of(Loss.POISSON, constant) == 0.0


@pytest.mark.parametrize("loss", ["absolute_error", "huber", "quantile"])
def test_best_constant_of_many_rows_is_nearly_the_lowest(loss):
    code, parameter = lowered(loss)
    y = np.random.default_rng(0).standard_t(3, size=200_000)

    def mean_loss(constant):
        return FORMULAS[code].value(np.full_like(y, constant), y, parameter).mean()

    found = best_constant(code, parameter, y, np.empty(0))
    lowest = minimize_scalar(mean_loss, (-2.0, 2.0), options={"xtol": 1e-6})
    assert mean_loss(found) <= 1.002 * lowest.fun
