"""Solvers: from a gradient to a step; clipped gradients, averages of the iterates."""

import numpy as np


def descent(phi, m, v, g, rate, t):
    """φ ← φ − α g."""
    return phi - rate * g, m, v


def momentum(phi, m, v, g, rate, t, beta=0.9):
    """m ← βm + (1−β)g;  φ ← φ − αm."""
    m = beta * m + (1 - beta) * g
    return phi - rate * m, m, v


def adam(phi, m, v, g, rate, t, beta_1=0.9, beta_2=0.99, epsilon=1e-8):
    """m ← βm + (1−β)g, v ← γv + (1−γ)g², φ ← φ − α m̃/(√ṽ + ε)."""
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    m_tilde = m / (1 - beta_1 ** (t + 1))
    v_tilde = v / (1 - beta_2 ** (t + 1))
    return phi - rate * m_tilde / (np.sqrt(v_tilde) + epsilon), m, v


def here(phi, m, rate):
    """The gradient is taken where φ is."""
    return phi


def look_ahead(phi, m, rate):
    """Nesterov takes the gradient at φ − αm, where the average is about to lead."""
    return phi - rate * m


# Where a solver takes its gradient, and what it does with it.
SOLVERS = {
    "gd": (here, descent),
    "sgd": (here, descent),
    "momentum": (here, momentum),
    "nesterov": (look_ahead, momentum),
    "adam": (here, adam),
}


def coordinate_rates(solver, v, rate, t, beta_2=0.99, epsilon=1e-8, **others):
    """What a solver's step at time t multiplies m, or g, by in each coordinate."""
    if solver == "adam":
        return rate / (np.sqrt(v / (1 - beta_2 ** (t + 1))) + epsilon)
    return rate


def clipped(g, largest):
    """g, scaled to that norm if it is longer."""
    norm = np.linalg.norm(g)
    return g if largest is None or norm <= largest else g * (largest / norm)


def averaging_weights(average, n_updates):
    """What the parameters after each update weigh in the average; None for no update.

    True and k: all from the k-th on weigh the same. "exponential": the n-th comes in
    with the share c = max(1/1000, 9/(n + 8)), and leaves the others 1 − c of theirs.
    """
    if average == "exponential":
        shares = np.maximum(1 / 1000, 9 / (np.arange(1, n_updates + 1) + 8))
        left = np.cumprod(1 - shares[:0:-1])[::-1]  # by all that come later
        return shares * np.append(left, 1.0)
    return (np.arange(1, n_updates + 1) >= int(average)).astype(float)


def averaged(steps, average):
    """The average of φ after each update of `steps`, φ at the start not counted.

    The last φ where none is to be averaged yet.
    """
    weights = averaging_weights(average, len(steps) - 1)
    if not average or not weights.any():
        return steps[-1]
    return weights @ steps[1:] / weights.sum()
