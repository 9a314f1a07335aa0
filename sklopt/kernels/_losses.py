"""Losses: value and derivative of one row, in the prediction.

Where a loss has a kink, its derivative there is 0, which is one of its subgradients.
Those with a log link judge f as the logarithm of the mean; constants make every loss 0
where the mean is the target.
"""

import math

from . import _costs as cost
from ._codes import Loss
from ._compilation import kernel


@kernel
def squared_error(prediction, target):
    """ℓ(f, y) = (f − y)²."""
    residual = prediction - target
    return residual * residual


@kernel
def squared_error_derivative(prediction, target):
    """∂ℓ/∂f = 2 (f − y)."""
    return 2.0 * (prediction - target)


@kernel
def sign(x):
    """−1, 0 or 1; NaN of NaN."""
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x


@kernel
def absolute_error(prediction, target):
    """ℓ(f, y) = |f − y|."""
    return abs(prediction - target)


@kernel
def absolute_error_derivative(prediction, target):
    """∂ℓ/∂f = sign(f − y)."""
    return sign(prediction - target)


@kernel
def huber(prediction, target, delta):
    """ℓ(f, y) = ½ r² where |r| <= δ, else δ|r| − ½ δ²; r = f − y."""
    size = abs(prediction - target)
    return 0.5 * size * size if size <= delta else delta * (size - 0.5 * delta)


@kernel
def huber_derivative(prediction, target, delta):
    """∂ℓ/∂f = r, held within ±δ."""
    return max(-delta, min(delta, prediction - target))


@kernel
def excess(prediction, target, epsilon):
    """By how much f leaves the tube y ± ε, with its sign."""
    residual = prediction - target
    return sign(residual) * max(0.0, abs(residual) - epsilon)


@kernel
def epsilon_insensitive(prediction, target, epsilon):
    """ℓ(f, y) = max(0, |f − y| − ε)."""
    return abs(excess(prediction, target, epsilon))


@kernel
def epsilon_insensitive_derivative(prediction, target, epsilon):
    """∂ℓ/∂f = sign(f − y) outside of the tube, 0 in it."""
    return sign(excess(prediction, target, epsilon))


@kernel
def squared_epsilon_insensitive(prediction, target, epsilon):
    """ℓ(f, y) = max(0, |f − y| − ε)²."""
    distance = excess(prediction, target, epsilon)
    return distance * distance


@kernel
def squared_epsilon_insensitive_derivative(prediction, target, epsilon):
    """∂ℓ/∂f = 2 sign(f − y) max(0, |f − y| − ε)."""
    return 2.0 * excess(prediction, target, epsilon)


@kernel
def pinball(prediction, target, quantile):
    """ℓ(f, y) = q (y − f) below the target, (1 − q)(f − y) above it."""
    residual = prediction - target
    return (1.0 - quantile) * residual if residual > 0.0 else -quantile * residual


@kernel
def pinball_derivative(prediction, target, quantile):
    """∂ℓ/∂f = −q below the target, 1 − q above it."""
    side = sign(prediction - target)
    return (1.0 - quantile) * side if side > 0.0 else quantile * side


@kernel
def poisson(prediction, target):
    """ℓ(f, y) = eᶠ − y f + y log y − y: half of the Poisson deviance.

    Written as y (eᵈ − 1 − d), d = f − log y, which loses no digits near a fit.
    """
    if target == 0.0:
        return math.exp(prediction)
    ratio = prediction - math.log(target)
    return target * (math.expm1(ratio) - ratio)


@kernel
def poisson_derivative(prediction, target):
    """∂ℓ/∂f = eᶠ − y."""
    return math.exp(prediction) - target


@kernel
def gamma(prediction, target):
    """ℓ(f, y) = f + y e⁻ᶠ − log y − 1: half of the gamma deviance."""
    ratio = prediction - math.log(target)
    return math.expm1(-ratio) + ratio


@kernel
def gamma_derivative(prediction, target):
    """∂ℓ/∂f = 1 − y e⁻ᶠ."""
    return 1.0 - target * math.exp(-prediction)


@kernel
def loss_value(plan, prediction, target):
    """ℓ(f, y) of the plan's loss."""
    parameter = plan.loss_parameter
    if plan.loss == Loss.SQUARED_ERROR:
        return squared_error(prediction, target)
    if plan.loss == Loss.ABSOLUTE_ERROR:
        return absolute_error(prediction, target)
    if plan.loss == Loss.HUBER:
        return huber(prediction, target, parameter)
    if plan.loss == Loss.EPSILON_INSENSITIVE:
        return epsilon_insensitive(prediction, target, parameter)
    if plan.loss == Loss.SQUARED_EPSILON_INSENSITIVE:
        return squared_epsilon_insensitive(prediction, target, parameter)
    if plan.loss == Loss.QUANTILE:
        return pinball(prediction, target, parameter)
    if plan.loss == Loss.POISSON:
        return poisson(prediction, target)
    if plan.loss == Loss.GAMMA:
        return gamma(prediction, target)
    return math.nan


@kernel
def loss_derivative(plan, prediction, target):
    """∂ℓ/∂f of the plan's loss."""
    parameter = plan.loss_parameter
    if plan.loss == Loss.SQUARED_ERROR:
        return squared_error_derivative(prediction, target)
    if plan.loss == Loss.ABSOLUTE_ERROR:
        return absolute_error_derivative(prediction, target)
    if plan.loss == Loss.HUBER:
        return huber_derivative(prediction, target, parameter)
    if plan.loss == Loss.EPSILON_INSENSITIVE:
        return epsilon_insensitive_derivative(prediction, target, parameter)
    if plan.loss == Loss.SQUARED_EPSILON_INSENSITIVE:
        return squared_epsilon_insensitive_derivative(prediction, target, parameter)
    if plan.loss == Loss.QUANTILE:
        return pinball_derivative(prediction, target, parameter)
    if plan.loss == Loss.POISSON:
        return poisson_derivative(prediction, target)
    if plan.loss == Loss.GAMMA:
        return gamma_derivative(prediction, target)
    return math.nan


@kernel
def mean_of(plan, prediction):
    """The mean of y that a prediction stands for: under a log link its exponential."""
    if plan.loss == Loss.POISSON or plan.loss == Loss.GAMMA:
        return math.exp(prediction)
    return prediction


@kernel
def loss_cost(plan):
    """What value and derivative of one row cost."""
    has_link = plan.loss == Loss.POISSON or plan.loss == Loss.GAMMA
    return cost.LINK if has_link else 0
