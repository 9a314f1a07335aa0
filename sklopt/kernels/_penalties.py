"""Penalties on the coefficients w = φ₁…φ_d; φ₀ and a head are never penalised."""

from ._codes import Penalty
from ._compilation import kernel


@kernel
def l2_value(phi, k, n_weights):
    """R(w) = ½ ‖w‖²."""
    total = 0.0
    for p in range(1, n_weights + 1):
        total += phi[k, p] * phi[k, p]
    return 0.5 * total


@kernel
def add_l2_gradient(phi, k, n_weights, alpha, gradient):
    """Add alpha · ∇R(w) = alpha · w."""
    for p in range(1, n_weights + 1):
        gradient[k, p] += alpha * phi[k, p]


@kernel
def smooth_weight(candidate):
    """What w is multiplied by in alpha · ∇R(w)."""
    return candidate.alpha if candidate.penalty == Penalty.L2 else 0.0


@kernel
def penalty_value(plan, candidate, phi, k):
    """alpha · R(w) of candidate k."""
    if candidate.penalty == Penalty.L2:
        return candidate.alpha * l2_value(phi, k, plan.n_weights)
    return 0.0


@kernel
def add_penalty_gradient(plan, candidate, phi, k, gradient):
    """Add alpha · ∇R(w) of candidate k to its gradient."""
    if candidate.penalty == Penalty.L2:
        add_l2_gradient(phi, k, plan.n_weights, candidate.alpha, gradient)


@kernel
def descend_penalty(plan, candidate, phi, k, rate):
    """φ ← φ − rate · alpha · ∇R(w), in place."""
    if candidate.penalty == Penalty.L2:
        add_l2_gradient(phi, k, plan.n_weights, -rate * candidate.alpha, phi)
