"""``learning_rate="auto"``: the largest rate that theory vouches for.

With ℓ'' the curvature of the loss in the prediction and z = √s·(1, x), the mean loss
has the Hessian H = ℓ''·Σ zᵢzᵢᵀ / n; the smooth part of a penalty adds its weight
to the eigenvalues, of which L is the largest; the proximal step of an l1 penalty, which
never moves two points apart, adds nothing. Full-batch rules are linear recurrences on a
quadratic; their stability limit in α·L follows from the Jury criterion on each
eigenvalue, and half of it is taken, as 1/L is half of gradient descent's 2/L:

========== ==============================
descent    α < 2 / L
momentum   α < 2(1+β) / ((1−β) L)
nesterov   α < 2(1+β) / (3 (1−β) L)
========== ==============================

On mini-batches of b rows drawn without replacement, the smoothness that counts is the
expected one (Gower et al., 2019, proposition 3.8),

    𝓛 = n(b−1)/(b(n−1)) · L + (n−b)/(b(n−1)) · max L_i,   L_i = ℓ'' ‖zᵢ‖²,

which guarantees α = 1/(2𝓛). Their theorem 3.1 lowers the rate further for the sake of
the noise that remains. Here that noise may cost no more than `NOISE_SHARE` of the
lowest loss J*: to first order α·tr(H)·(n−b)/(2b(n−1)) · J*, which for other losses than
the squared error is a bound, as ℓ'² <= 2 max(ℓ'')·ℓ. Both hold for the (1−β)
averages of momentum and nesterov as for sgd. An epoch's last mini-batch may be smaller
than the others: its size is the b that counts, since it ends every epoch with a step as
long and as noisy as its few rows make it.

Where ℓ'' has no bound, or one that holds for next to no row, it is given one by the
data, for each target:

- where ℓ' jumps, ℓ'' is that of the loss with its kink rounded off over ±δ, half of
  the jump divided by δ, as Huber's loss does it for the absolute error. δ is
  `KINK_SHARE` of the mean absolute deviation of y from its median, and at least a
  hundredth of the mean of |y|, or the intercept would be long on its way. Residuals of
  less than δ are what a constant rate cannot be expected to resolve. Huber's own loss
  is treated likewise where it is quadratic for still smaller ones only;
- with a log link ℓ'' is eᶻ (poisson) or y·e⁻ᶻ (gamma). Between the start, z = 0, and a
  perfect fit of the row, z = log y, neither exceeds max(1, y): each row is weighted by
  that. It is no bound beyond the fit, which momentum and nesterov overshoot: in full
  batch they get the rate of descent.

A line search shortens its steps by itself, so that what counts there is how flat the
loss may be: the whole deviation instead of δ, and min(1, mean y) for all rows.

Adam's step in a coordinate is about α whatever the curvature. It is chosen so that
one update moves the linear predictor by no more than `ADAM_SHARE` of its scale S, which
is the targets' rms, with a log link 1 + |log mean y| and for a wave `WAVE_LENGTH`:
α·Σⱼ rms(zⱼ) = share · S.

References
----------
Gower, R. M. et al. (2019). SGD: general analysis and improved rates. ICML.
"""

from typing import NamedTuple

import numpy as np

from ..kernels._codes import Model
from ..schedules import LineSearch
from ..solvers import GD, SGD, Adam, Momentum, Nesterov
from ._curvature import (
    Measures,
    log_steepness,
    mean_squares,
    sharpness,
    steepness,
    top_eigenvalue,
    worst_row,
)
from ._losses import FORMULAS
from ._objective import gabor, gabor_curvature, gabor_derivative

# What is to the z of a wave as the targets' size is to linear predictions, in radians.
WAVE_LENGTH = 4.0

NOISE_SHARE = 0.002
KINK_SHARE = 0.1
ADAM_SHARE = 0.05

# The far end of a line search, in units of 1/L: twice what gradient descent survives.
SEARCHED_LENGTH = 4.0

# The rate where there is nothing to learn from: no curvature, or no variation in y.
FREE_RATE = 1.0

# A rate that is finite, whatever the curvature.
LARGEST_RATE = 1e300


class AutoRate(NamedTuple):
    """What ``learning_rate="auto"`` goes by, beside the data."""

    solver: object  # descriptions
    schedule: object
    batch_size: int
    l2: float  # what the penalty adds to every eigenvalue
    model: int
    window: float
    has_head: bool
    fit_intercept: bool
    loss: int
    loss_parameter: float

    def measured(self, data):
        """Those numbers of a training set that the rate depends on.

        They contain ℓ'', and are those of each target, where the data have a say in it.
        """
        formulas = FORMULAS[self.loss]
        is_search = isinstance(self.schedule, LineSearch)
        if isinstance(self.solver, Adam):
            reach = np.sqrt(mean_squares(data, self.fit_intercept)).sum()
            steep = _steepness(data, self.model, formulas)
            return Measures(reach=reach, steepness=steep)
        if formulas.has_log_link and not is_search:
            each = [self._measured_on_the_way(data, y) for y in data.y.T]
            return Measures(*map(np.array, zip(*each, strict=True)))
        measured = _measured(data, self.batch_size, self.fit_intercept)
        if formulas.has_log_link:
            largest = measured.largest * np.minimum(1, _means(data))
            return measured._replace(largest=largest)
        if not formulas.kink:
            return measured
        size = sharpness(data, self.fit_intercept)
        kinks = formulas.kink(self.loss_parameter) * size
        from_afar = np.minimum(formulas.steepest, kinks)
        if is_search:
            return measured._replace(largest=measured.largest * from_afar)
        rounded = np.minimum(formulas.steepest, kinks / KINK_SHARE)
        return Measures(
            largest=measured.largest * rounded,
            worst_row=measured.worst_row * rounded,
            trace=measured.trace * from_afar,
        )

    def _measured_on_the_way(self, data, y):
        """Measures with every row weighted by the largest ℓ'' on its way to a fit."""
        weight = np.maximum(1.0, y, dtype=np.float64)
        if data.weight.size:
            weight *= data.weight
        data = data._replace(weight=weight)
        measured = _measured(data, self.batch_size, self.fit_intercept)
        if self.batch_size < len(data.y):
            return measured
        # An average overshoots by up to as far as it came, to where ℓ'' is larger.
        slower = _half_stability_limit(self.solver)
        return measured._replace(largest=measured.largest * slower)

    def rate(self, measures, data):
        """The rate of each target, or of all, where the data measure so much."""
        if isinstance(self.solver, Adam):
            return _inverse(measures.reach * measures.steepness, ADAM_SHARE)
        ell, n_samples = self._loss_curvature(data), len(data.y)
        if self.batch_size < n_samples:
            smallest = n_samples % self.batch_size or self.batch_size
            stable = _stable_rate(measures, ell, self.l2, smallest, n_samples)
            return np.minimum(stable, _quiet_rate(measures, ell, smallest, n_samples))
        smoothness = ell * measures.largest + self.l2
        if isinstance(self.schedule, LineSearch):
            return _inverse(smoothness, SEARCHED_LENGTH)
        return _inverse(smoothness, _half_stability_limit(self.solver))

    def _loss_curvature(self, data):
        """A bound of ℓ'' in the linear predictor z, over all that a model can predict.

        For the linear model the loss's own, or 1 where `measured` contains it. For a
        wave of amplitude 1, trained by the squared error, it is 2(f'² + (f − y) f''),
        of which the largest values are taken; a head adds at most 2(f² + 1).
        """
        formulas = FORMULAS[self.loss]
        if self.model == Model.LINEAR:
            return 1.0 if formulas.kink or formulas.has_log_link else formulas.steepest
        # Within its first half-wave, and within its window, a wave is at its steepest.
        reach = min(np.pi, 4 * np.sqrt(self.window))
        z = np.linspace(-reach, reach, 1001)
        f, slope, bend = (
            np.abs(wave(z, self.window)).max()
            for wave in (gabor, gabor_derivative, gabor_curvature)
        )
        y = data.y[data.weight > 0] if data.weight.size else data.y
        furthest = np.abs(y).max() + f
        bound = slope**2 + furthest * bend + (f**2 + 1 if self.has_head else 0)
        return formulas.steepest * bound


def _means(data):
    weights = data.weight if data.weight.size else None
    return np.average(data.y.astype(np.float64), axis=0, weights=weights)


def _steepness(data, model, formulas):
    """1/S."""
    if model != Model.LINEAR:
        return np.array(1 / WAVE_LENGTH)
    return log_steepness(_means(data)) if formulas.has_log_link else steepness(data)


def _measured(data, batch_size, fit_intercept):
    largest = top_eigenvalue(data, fit_intercept)
    if batch_size == len(data.y):
        return Measures(largest)
    trace = mean_squares(data, fit_intercept).sum()
    return Measures(largest, worst_row(data, fit_intercept), trace)


def _half_stability_limit(solver):
    """Half of the largest stable α·L of a full-batch rule."""
    match solver:
        case Momentum(beta=beta):
            return (1 + beta) / (1 - beta)
        case Nesterov(beta=beta):
            return (1 + beta) / (3 * (1 - beta))
        case GD() | SGD():
            return 1.0


def _stable_rate(measures, ell, l2, b, n):
    """1/(2𝓛) of b of n rows."""
    expected = n * (b - 1) / (b * (n - 1)) * measures.largest
    expected += (n - b) / (b * (n - 1)) * measures.worst_row
    return _inverse(ell * expected + l2, 0.5)


def _quiet_rate(measures, ell, b, n):
    """The rate at which noise costs NOISE_SHARE of the lowest loss."""
    noise = ell * measures.trace * (n - b) / (2 * b * (n - 1))
    return _inverse(noise, NOISE_SHARE)


def _inverse(curvature, share):
    """share / curvature, or a rate that can do no harm where there is none."""
    curvature = np.asarray(curvature, dtype=np.float64)
    rate = np.full(curvature.shape, FREE_RATE)
    with np.errstate(over="ignore"):
        np.divide(share, curvature, out=rate, where=curvature > 0)
    return np.minimum(rate, LARGEST_RATE)
