"""Losses: value and derivative of one row, in the prediction."""

import math

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
def loss_value(code, prediction, target):
    """ℓ(f, y) of the loss that `code` names."""
    if code == Loss.SQUARED_ERROR:
        return squared_error(prediction, target)
    return math.nan


@kernel
def loss_derivative(code, prediction, target):
    """∂ℓ/∂f of the loss that `code` names."""
    if code == Loss.SQUARED_ERROR:
        return squared_error_derivative(prediction, target)
    return math.nan
