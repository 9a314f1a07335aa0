"""Models: the prediction of a row, and its derivative in the parameters.

Every model reads a row through z = φ₀ + κ·(φ₁x₁ + … + φ_d x_d) only, κ being the plan's
`input_scale`. That is what lets one loop train them all: the gradient of a row is
∂ℓ/∂f · f'(z) · (1, κx), and along a ray in φ the predictor moves on a straight line.

A plan with a head has two more parameters behind φ_d, an amplitude and an offset: the
prediction is offset + amplitude · f(z) instead of f(z).
"""

import math

from . import _costs as cost
from ._codes import Model
from ._compilation import kernel
from ._matrices import add_row, row_product
from ._rows import row_bias


@kernel
def gabor(z, window):
    """f(z) = sin(z) · exp(−z²/window)."""
    return math.sin(z) * math.exp(-z * z / window)


@kernel
def gabor_derivative(z, window):
    """f'(z) = (cos(z) − 2z/window · sin(z)) · exp(−z²/window)."""
    slope = math.cos(z) - 2.0 * z / window * math.sin(z)
    return slope * math.exp(-z * z / window)


@kernel
def model_value(plan, z):
    """f(z) of the plan's model."""
    if plan.model == Model.LINEAR:
        return z
    if plan.model == Model.GABOR:
        return gabor(z, plan.window)
    return math.nan


@kernel
def model_derivative(plan, z):
    """f'(z) of the plan's model."""
    if plan.model == Model.LINEAR:
        return 1.0
    if plan.model == Model.GABOR:
        return gabor_derivative(z, plan.window)
    return math.nan


@kernel
def model_cost(plan):
    """What f and f' of one row cost."""
    return cost.WAVE if plan.model == Model.GABOR else 0


@kernel
def linear_predictor(plan, data, row, phi, k):
    """z = φ₀ + κ Σⱼ φⱼ₊₁ xⱼ of one row, for candidate k."""
    return predictor_of(plan, data, row, row_product(data.X, row, phi, k), phi, k)


@kernel
def predictor_of(plan, data, row, product, phi, k):
    """z = φ₀ + κ · product of one row, for candidate k."""
    return phi[k, 0] * row_bias(data, row) + plan.input_scale * product


@kernel
def amplitude_of(phi, k):
    """The amplitude of a head."""
    return phi[k, phi.shape[1] - 2]


@kernel
def offset_of(phi, k):
    """The offset of a head."""
    return phi[k, phi.shape[1] - 1]


@kernel
def prediction_at(plan, z, phi, k):
    """What candidate k predicts where its linear predictor is z."""
    if plan.has_head:
        return offset_of(phi, k) + amplitude_of(phi, k) * model_value(plan, z)
    return model_value(plan, z)


@kernel
def add_row_gradient(plan, data, row, z, phi, k, slope, gradient):
    """Add slope · ∂(prediction)/∂φ of one row to the gradient of candidate k."""
    # First, since φ itself may be what the gradient is added to.
    pull = pull_on_predictor(plan, z, phi, k, slope)
    add_head_gradient(plan, z, k, slope, gradient)
    gradient[k, 0] += pull * row_bias(data, row)
    add_row(data.X, row, pull * plan.input_scale, gradient, k)


@kernel
def pull_on_predictor(plan, z, phi, k, slope):
    """slope · ∂(prediction)/∂z of one row."""
    if slope == 0.0:
        return 0.0  # of any row, also of one without weight whose z overflows
    pull = slope * model_derivative(plan, z)
    return pull * amplitude_of(phi, k) if plan.has_head else pull


@kernel
def add_head_gradient(plan, z, k, slope, gradient):
    """Add slope · ∂(prediction)/∂(amplitude, offset) of one row, if there is a head."""
    if plan.has_head and slope != 0.0:
        gradient[k, gradient.shape[1] - 2] += slope * model_value(plan, z)
        gradient[k, gradient.shape[1] - 1] += slope
