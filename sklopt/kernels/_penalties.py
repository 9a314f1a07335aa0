"""Penalties on the coefficients w = φ₁…φ_d; φ₀ and a head are never penalised.

Every penalty is a sum l2·½‖w‖² + l1·‖w‖₁ with weights of its own for each candidate.
The first part is smooth and goes through the gradient. The second has a kink where a
coefficient is 0, and its own step, which is in `_proximal`.
"""

from ._compilation import kernel


@kernel
def penalty_value(plan, candidate, phi, k):
    """l2·½‖w‖² + l1·‖w‖₁ of candidate k."""
    total = 0.0
    if candidate.l2 > 0.0:
        for p in range(1, plan.n_weights + 1):
            total += phi[k, p] * phi[k, p]
        total *= 0.5 * candidate.l2
    if candidate.l1 > 0.0:
        size = 0.0
        for p in range(1, plan.n_weights + 1):
            size += abs(phi[k, p])
        total += candidate.l1 * size
    return total


@kernel
def add_smooth_gradient(plan, candidate, phi, k, step, gradient):
    """Add step · l2 · w, which at a step of 1 is the gradient of the smooth part."""
    # In a local number: a record is read again after every write to an array.
    weight = step * candidate.l2
    if weight != 0.0:
        for p in range(1, plan.n_weights + 1):
            gradient[k, p] += weight * phi[k, p]
