"""Update rules: from a gradient g to a step, one small function a solver.

φ is `phi`, m and v are in `slots`, α is `rate`, γ is `gamma`, and t counts the updates
since m = v = 0. The average m is the (1 − β) average of the course, so that a steady
gradient moves φ by α·g an update under descent, momentum and nesterov alike.
"""

import math

from ._codes import Rule, Slot
from ._compilation import kernel


@kernel
def descent(phi, gradient, k, rate):
    """φ ← φ − α g."""
    for p in range(phi.shape[1]):
        phi[k, p] -= rate * gradient[k, p]


@kernel
def momentum(phi, slots, gradient, k, rate, beta):
    """m ← βm + (1−β)g;  φ ← φ − αm."""
    for p in range(phi.shape[1]):
        mean = beta * slots[k, Slot.MEAN, p] + (1.0 - beta) * gradient[k, p]
        slots[k, Slot.MEAN, p] = mean
        phi[k, p] -= rate * mean


@kernel
def look_ahead(phi, slots, k, rate, point):
    """φ − αm: where Nesterov's rule takes its gradient."""
    for p in range(phi.shape[1]):
        point[k, p] = phi[k, p] - rate * slots[k, Slot.MEAN, p]


@kernel
def adam(phi, slots, gradient, k, rate, beta, gamma, epsilon, t):
    """m ← βm + (1−β)g;  v ← γv + (1−γ)g²;  φ ← φ − α m̃/(√ṽ + ε).

    m̃ = m/(1−β^{t+1}) and ṽ = v/(1−γ^{t+1}) undo the bias of the zero start.
    """
    mean_scale = rate / (1.0 - beta ** (t + 1.0))
    square_scale = 1.0 / (1.0 - gamma ** (t + 1.0))
    for p in range(phi.shape[1]):
        g = gradient[k, p]
        mean = beta * slots[k, Slot.MEAN, p] + (1.0 - beta) * g
        square = gamma * slots[k, Slot.SQUARE, p] + (1.0 - gamma) * g * g
        slots[k, Slot.MEAN, p] = mean
        slots[k, Slot.SQUARE, p] = square
        phi[k, p] -= mean_scale * mean / (math.sqrt(square_scale * square) + epsilon)


@kernel
def apply_rule(candidate, phi, slots, gradient, k, rate, t):
    """One step of the rule of candidate k, in place."""
    rule, beta = candidate.rule, candidate.beta_1
    if rule == Rule.DESCENT:
        descent(phi, gradient, k, rate)
    elif rule == Rule.MOMENTUM or rule == Rule.NESTEROV:
        # Nesterov differs in where g was taken, not in what is done with it.
        momentum(phi, slots, gradient, k, rate, beta)
    elif rule == Rule.ADAM:
        gamma, epsilon = candidate.beta_2, candidate.epsilon
        adam(phi, slots, gradient, k, rate, beta, gamma, epsilon, t)
