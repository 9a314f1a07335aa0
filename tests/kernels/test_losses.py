"""Every compiled loss against scikit-learn's, and its derivative against its value."""

import numpy as np
import pytest
from cases import LOSSES, every_loss
from numpy.testing import assert_allclose
from sklearn._loss import (
    AbsoluteError,
    HalfGammaLoss,
    HalfPoissonLoss,
    HalfSquaredError,
    HuberLoss,
    PinballLoss,
)

from sklopt import GradientRegressor

# The loss of scikit-learn, and how many times it ours is.
THEIRS = {
    "squared_error": (HalfSquaredError(), 2),
    "absolute_error": (AbsoluteError(), 1),
    "huber": (HuberLoss(delta=0.8), 1),
    "quantile": (PinballLoss(quantile=0.8), 1),
    "poisson": (HalfPoissonLoss(), 1),
    "gamma": (HalfGammaLoss(), 1),
}
# Above the target, below it, near and far.
TARGETS = np.array([0.5, 3.0, 1.0, 2.0, 0.3, 4.0, 1.5])
PREDICTIONS = np.array([0.8, -1.5, 2.5, 1.9, 0.35, 3.9, -2.5])


def compiled(loss, predictions, targets):
    """Values and derivatives, by a step of rate 1 in the intercept, each a target."""
    init = np.column_stack([predictions, np.zeros_like(predictions)])
    model = GradientRegressor(
        loss=LOSSES[loss], learning_rate=1.0, max_iter=1, tol=None, init=init
    )
    model.fit([[0.0]], targets[np.newaxis])
    return model.loss_curve_[0], predictions - model.intercept_


@pytest.mark.reduced
@pytest.mark.parametrize("loss", THEIRS)
def test_values_and_gradients_are_those_of_scikit_learn(loss):
    theirs, factor = THEIRS[loss]
    value, derivative = theirs.loss_gradient(TARGETS, PREDICTIONS)
    # The terms of y alone that make a perfect fit 0.
    value = value + theirs.constant_to_optimal_zero(TARGETS)
    ours = compiled(loss, PREDICTIONS, TARGETS)
    assert_allclose(ours[0], factor * value, rtol=1e-13, atol=1e-15)
    assert_allclose(ours[1], factor * derivative, rtol=1e-13, atol=1e-15)


@pytest.mark.reduced
@every_loss
def test_derivative_is_that_of_the_value(loss):
    h = 1e-5
    above, _ = compiled(loss, PREDICTIONS + h, TARGETS)
    below, _ = compiled(loss, PREDICTIONS - h, TARGETS)
    _, derivative = compiled(loss, PREDICTIONS, TARGETS)
    assert_allclose((above - below) / (2 * h), derivative, rtol=1e-7, atol=1e-9)


@pytest.mark.reduced
@every_loss
def test_a_perfect_fit_has_no_loss_and_no_slope(loss):
    has_link = loss in {"poisson", "gamma"}
    predictions = np.log(TARGETS) if has_link else TARGETS
    value, derivative = compiled(loss, predictions, TARGETS)
    assert_allclose(value, 0.0, atol=1e-31 if has_link else 0.0)
    assert_allclose(derivative, 0.0, atol=1e-15 if has_link else 0.0)
    others, _ = compiled(loss, PREDICTIONS, TARGETS)
    assert (others >= 0).all()


def test_poisson_of_no_counts():
    predictions = np.array([-3.0, 0.0, 1.0])
    value, derivative = compiled("poisson", predictions, np.zeros(3))
    assert_allclose(value, np.exp(predictions), rtol=1e-15)
    assert_allclose(derivative, np.exp(predictions), atol=1e-15)


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_deviances_near_a_fit_keep_their_digits(loss, size):
    """Half of a squared relative residual, times y for counts."""
    step = 1e-7
    targets = np.array([size])
    value, _ = compiled(loss, np.log(targets) + step, targets)
    expected = 0.5 * step**2 * (size if loss == "poisson" else 1.0)
    # The logarithm itself is known to 2⁻⁵³ of its size.
    assert_allclose(value, expected, rtol=1e-6)
