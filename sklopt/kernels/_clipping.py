"""Clipping: gradients no longer than a given norm, their direction kept."""

import math

from ._compilation import kernel
from ._models import amplitude_of, model_derivative, model_value
from ._records import norm
from ._rows import row_bias


@kernel
def share_kept(length, largest_norm):
    """What a gradient of that length is multiplied by: min(1, largest/length)."""
    return largest_norm / length if length > largest_norm else 1.0


@kernel
def clip(gradient, k, largest_norm):
    """g ← g · min(1, largest/‖g‖); returns the factor.

    A finite gradient whose square overflows is divided by its largest entry first.
    """
    length, unit = norm(gradient, k), 1.0
    if math.isinf(length):
        unit = 0.0
        for p in range(gradient.shape[1]):
            unit = max(unit, abs(gradient[k, p]))
        for p in range(gradient.shape[1]):
            gradient[k, p] /= unit
        length = norm(gradient, k)
        largest_norm /= unit
    share = share_kept(length, largest_norm)
    for p in range(gradient.shape[1]):
        gradient[k, p] *= share * unit
    return share


@kernel
def row_gradient_norm(plan, candidate, data, row, z, phi, k, slope):
    """Norm of slope · ∂(prediction)/∂φ + l2 · w of one row, not put in memory."""
    pull, total = slope * model_derivative(plan, z), 0.0
    if plan.has_head:
        pull *= amplitude_of(phi, k)
        of_amplitude = slope * model_value(plan, z)
        total = of_amplitude * of_amplitude + slope * slope
    of_bias = pull * row_bias(data, row)
    total += of_bias * of_bias
    pull *= plan.input_scale
    X = data.X
    for j in range(X.shape[1]):
        entry = pull * X[row, j] + candidate.l2 * phi[k, j + 1]
        total += entry * entry
    return math.sqrt(total)
