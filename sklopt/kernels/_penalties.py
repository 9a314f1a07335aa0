"""Penalties on the coefficients w = φ₁…φ_d; the intercept φ₀ is never penalised."""

from ._cache import kernel
from ._codes import Penalty


@kernel
def l2_value(phi, k):
    """R(w) = ½ ‖w‖²."""
    total = 0.0
    for p in range(1, phi.shape[1]):
        total += phi[k, p] * phi[k, p]
    return 0.5 * total


@kernel
def add_l2_gradient(phi, k, alpha, gradient):
    """Add alpha · ∇R(w) = alpha · w."""
    for p in range(1, phi.shape[1]):
        gradient[k, p] += alpha * phi[k, p]


@kernel
def penalty_value(candidate, phi, k):
    """alpha · R(w) of candidate k."""
    if candidate.penalty == Penalty.L2:
        return candidate.alpha * l2_value(phi, k)
    return 0.0


@kernel
def add_penalty_gradient(candidate, phi, k, gradient):
    """Add alpha · ∇R(w) of candidate k to its gradient."""
    if candidate.penalty == Penalty.L2:
        add_l2_gradient(phi, k, candidate.alpha, gradient)


@kernel
def descend_penalty(candidate, phi, k, rate):
    """φ ← φ − rate · alpha · ∇R(w), in place."""
    if candidate.penalty == Penalty.L2:
        add_l2_gradient(phi, k, -rate * candidate.alpha, phi)
