"""What the engine knows of losses, by NumPy.

The formulas of `kernels._losses` and their second derivatives, for those who look at
the surface; and what is needed around a training: the mean that a prediction stands
for, which targets are possible, and the best constant. Formulas take complex
predictions as well, so that a complex step can check the next derivative.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from ..kernels._codes import Loss
from ._rows import row_blocks

# Rows that tell the best constant.
JUDGED_ON = 10_000


class Formulas(NamedTuple):
    """One loss; functions of prediction f, target y and the loss's parameter."""

    value: Callable
    derivative: Callable  # ∂ℓ/∂f
    curvature: Callable  # ∂²ℓ/∂f², 0 at a kink
    steepest: float = np.inf  # the largest ∂²ℓ/∂f²; inf where there is none
    kink: Callable | None = None  # half of the jump of ∂ℓ/∂f, by the parameter
    has_log_link: bool = False  # whether f is the logarithm of the mean
    takes: Callable | None = None  # which targets are possible; None for all
    demand: str = ""  # the same in words


def _size(x):
    """|x| of the real part's sign."""
    return x * np.sign(x.real)


def _excess(f, y, epsilon):
    """By how much f leaves the tube y ± ε, with its sign."""
    r = f - y
    return np.where(_size(r).real > epsilon, r - epsilon * np.sign(r.real), 0.0)


def _none(f, y, _):
    return np.zeros_like(f)


def _is_within(f, y, delta):
    return np.abs((f - y).real) <= delta


def _huber(f, y, delta):
    size = _size(f - y)
    return np.where(_is_within(f, y, delta), size**2 / 2, delta * (size - delta / 2))


def _huber_derivative(f, y, delta):
    return np.where(_is_within(f, y, delta), f - y, delta * np.sign((f - y).real))


def _pinball_derivative(f, y, q):
    return np.select([f.real > y, f.real < y], [1 - q, -q], 0.0)


def _poisson(f, y, _):
    is_zero = y == 0
    ratio = f - np.log(np.where(is_zero, 1.0, y))
    return np.where(is_zero, np.exp(f), y * (np.expm1(ratio) - ratio))


def _gamma(f, y, _):
    ratio = f - np.log(y)
    return np.expm1(-ratio) + ratio


FORMULAS = {
    Loss.SQUARED_ERROR: Formulas(
        lambda f, y, _: (f - y) ** 2,
        lambda f, y, _: 2 * (f - y),
        lambda f, y, _: np.full_like(f, 2.0),
        steepest=2.0,
    ),
    Loss.ABSOLUTE_ERROR: Formulas(
        lambda f, y, _: _size(f - y),
        lambda f, y, _: np.sign((f - y).real),
        _none,
        kink=lambda _: 1.0,
    ),
    Loss.HUBER: Formulas(
        _huber,
        _huber_derivative,
        lambda f, y, delta: 1.0 * _is_within(f, y, delta),
        steepest=1.0,
        kink=lambda delta: delta,  # seen from afar
    ),
    Loss.EPSILON_INSENSITIVE: Formulas(
        lambda f, y, epsilon: _size(_excess(f, y, epsilon)),
        lambda f, y, epsilon: np.sign(_excess(f, y, epsilon).real),
        _none,
        kink=lambda _: 1.0,  # of a tube of no width
    ),
    Loss.SQUARED_EPSILON_INSENSITIVE: Formulas(
        lambda f, y, epsilon: _excess(f, y, epsilon) ** 2,
        lambda f, y, epsilon: 2 * _excess(f, y, epsilon),
        lambda f, y, epsilon: 2.0 * ~_is_within(f, y, epsilon),
        steepest=2.0,
    ),
    Loss.QUANTILE: Formulas(
        lambda f, y, q: _pinball_derivative(f, y, q) * (f - y),
        _pinball_derivative,
        _none,
        kink=lambda _: 0.5,
    ),
    Loss.POISSON: Formulas(
        _poisson,
        lambda f, y, _: np.exp(f) - y,
        lambda f, y, _: np.exp(f),
        has_log_link=True,
        takes=lambda y: y >= 0,
        demand="y >= 0",
    ),
    Loss.GAMMA: Formulas(
        _gamma,
        lambda f, y, _: 1 - y * np.exp(-f),
        lambda f, y, _: y * np.exp(-f),
        has_log_link=True,
        takes=lambda y: y > 0,
        demand="y > 0",
    ),
}


def has_second_derivative(loss):
    """Whether there is more to a loss than straight pieces."""
    return FORMULAS[loss].curvature is not _none


def has_largest_curvature(loss):
    """Whether ∂²ℓ/∂f² is known to stay below a number."""
    return bool(np.isfinite(FORMULAS[loss].steepest))


def mean_of(loss, prediction):
    """The mean of y that a prediction stands for."""
    return np.exp(prediction) if FORMULAS[loss].has_log_link else prediction


def check_targets(loss, y, name="y"):
    """Refuse targets that the distribution of a loss cannot give."""
    takes, demand = FORMULAS[loss].takes, FORMULAS[loss].demand
    if takes is not None and not takes(y).all():
        raise ValueError(
            f"Some value(s) of {name} are out of the valid range of the loss "
            f"{loss.name.lower()!r}, which requires {demand}; the lowest is {y.min()}."
        )


def best_constant(loss, parameter, y, weight):
    """The prediction of the lowest mean loss that is one for all samples.

    Where it is not a mean it is searched for on at most `JUDGED_ON` rows, to within a
    millionth of their range: next to its lowest value the mean loss is flat.

    Parameters
    ----------
    loss : Loss
    parameter : float
    y : ndarray of shape (n_samples,)
    weight : ndarray of shape (n_samples,), or (0,) for none

    Returns
    -------
    float
    """
    if loss == Loss.SQUARED_ERROR or FORMULAS[loss].has_log_link:
        mean = _mean(y, weight)
        with np.errstate(divide="ignore"):
            return np.log(mean) if FORMULAS[loss].has_log_link else mean
    rows = np.flatnonzero(weight) if weight.size else np.arange(len(y))
    if len(rows) > JUDGED_ON:
        rows = np.random.default_rng(0).choice(rows, JUDGED_ON, replace=False)
    y = y[rows].astype(np.float64)
    weight = weight[rows].astype(np.float64) if weight.size else weight
    low, high = y.min(), y.max()

    def slope(constant):
        slopes = FORMULAS[loss].derivative(np.full_like(y, constant), y, parameter)
        return slopes @ weight if weight.size else slopes.sum()

    # The loss is convex: where its slope at an end is 0, that end is as good as any.
    if slope(low) >= 0 or slope(high) <= 0:
        return low if slope(low) >= 0 else high
    return brentq(slope, low, high, xtol=1e-6 * (high - low), rtol=1e-12)


def _mean(y, weight):
    """The mean in double precision, without a copy of y."""
    if not weight.size:
        return y.mean(dtype=np.float64)
    blocks = ((weight[rows].astype(np.float64), y[rows]) for rows in row_blocks(y, 1))
    return sum(s @ part for s, part in blocks) / weight.sum(dtype=np.float64)
