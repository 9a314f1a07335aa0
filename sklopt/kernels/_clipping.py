"""Clipping: gradients no longer than a given norm, their direction kept."""

import math

from ._compilation import kernel
from ._records import norm


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
