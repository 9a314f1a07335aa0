"""Writing down what the loop did."""

import math

from ._codes import Clock, Filled, Store
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
def record_update(plan, state, record):
    """Count an update; append what it led to, if its turn has come."""
    state.clock[Clock.UPDATE] += 1
    if plan.store == Store.STEP and state.clock[Clock.UPDATE] % plan.store_every == 0:
        record_point(state.phi, record)


@kernel
def norm(vectors, k):
    """Euclidean norm of one row."""
    total = 0.0
    for p in range(vectors.shape[1]):
        total += vectors[k, p] * vectors[k, p]
    return math.sqrt(total)


@kernel
def remember(phi, before):
    """Keep the parameters before a step."""
    for k in range(phi.shape[0]):
        for p in range(phi.shape[1]):
            before[k, p] = phi[k, p]


@kernel
def distance(phi, before, k):
    """Length of the step of one row since then."""
    total = 0.0
    for p in range(phi.shape[1]):
        step = phi[k, p] - before[k, p]
        total += step * step
    return math.sqrt(total)
