"""Writing down what the loop did."""

import math

from ._codes import Filled
from ._compilation import kernel


@kernel
def record_point(phi, record):
    """Append the parameters of all candidates to the path."""
    point = record.filled[Filled.POINTS]
    for k in range(phi.shape[0]):
        for p in range(phi.shape[1]):
            record.path[point, k, p] = phi[k, p]
    record.filled[Filled.POINTS] += 1


@kernel
def norm(vectors, k):
    """Euclidean norm of one row."""
    total = 0.0
    for p in range(vectors.shape[1]):
        total += vectors[k, p] * vectors[k, p]
    return math.sqrt(total)
