"""Models: the prediction as a function of the linear predictor, and its derivative.

Every model reads a row through η = φ₀ + φ₁x₁ + … + φ_d x_d only. That is what lets one
loop train them all: the gradient of a row is ∂ℓ/∂f · f'(η) · (1, x), and along a ray
in φ the predictor moves on a straight line.
"""

import math

from ._cache import kernel
from ._codes import Model


@kernel
def linear_predictor(X, row, phi, candidate):
    """η = φ₀ + Σⱼ φⱼ₊₁ xⱼ of one row, for one candidate."""
    eta = 0.0
    for j in range(X.shape[1]):
        eta += X[row, j] * phi[candidate, j + 1]
    return phi[candidate, 0] + eta


@kernel
def add_row_gradient(X, row, slope, gradient, candidate):
    """Add slope · ∂η/∂φ = slope · (1, x) of one row to a candidate's gradient."""
    gradient[candidate, 0] += slope
    for j in range(X.shape[1]):
        gradient[candidate, j + 1] += slope * X[row, j]


@kernel
def model_value(code, eta):
    """f(η) of the model that `code` names."""
    if code == Model.LINEAR:
        return eta
    return math.nan


@kernel
def model_derivative(code, eta):
    """f'(η) of the model that `code` names."""
    if code == Model.LINEAR:
        return 1.0
    return math.nan
