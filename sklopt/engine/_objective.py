"""The objective of one model and its derivatives, evaluated by NumPy.

What the compiled loop descends on, written as the formulas stand, for those who look at
the surface instead of walking on it. With prediction f(x, φ), loss ℓ(f, y), whose
derivatives ℓ' and ℓ'' are those in f, and weights s of mean 1 over n rows:

    J = Σ s ℓ / n + l2·½‖w‖² + l1·‖w‖₁
    ∇J = Dᵀ(s ℓ') / n + l2·w + l1·sign(w),      D = ∂f/∂φ, one row a sample
    ∇²J = (Dᵀ(s ℓ'')D + Σ s ℓ' ∇²f) / n + l2·I_w

For the squared error ℓ' = 2(f − y) and ℓ'' = 2. Where a coefficient is 0 the l1 penalty
has a kink, and sign(0) = 0 is the middle of its slopes on both sides.

Every function takes complex φ as well, so that a complex step can check the next one.
"""

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_array

from ..kernels._codes import Loss, Model
from ._losses import FORMULAS, has_second_derivative, mean_of
from ._rows import as_dense

# A wave of which no sample sees more than this share of the largest target, or of the
# wave's height where that is less, is out of sight.
VISIBLE = 1e-3

# One of which no sample sees more than this share is hardly seen.
FAINT = 0.05

# Directions in which the Gauss-Newton matrix, its diagonal scaled to 1, is flatter than
# this share of its steepest one are made up by rounding.
FLATTEST = 1e-10

# How many steps of Levenberg and Marquardt are looked ahead, the share of J that each
# has to gain for another one, and how strongly they are damped.
MOST_STEPS, LEAST_STEP = 10, 1e-5
DAMPINGS = [*4.0 ** np.arange(10, -11, -1), 0.0]

# Predictions held at once when many points are evaluated.
PREDICTIONS_AT_ONCE = 2**17


def gabor(z, window):
    """f(z) = sin(z) · exp(−z²/window)."""
    return np.sin(z) * np.exp(-z * z / window)


def gabor_derivative(z, window):
    """f'(z) = (cos(z) − 2z/window · sin(z)) · exp(−z²/window)."""
    return (np.cos(z) - 2 * z / window * np.sin(z)) * np.exp(-z * z / window)


def gabor_curvature(z, window):
    """f''(z).

    ((4z²/window² − 2/window − 1)·sin(z) − 4z/window·cos(z)) · exp(−z²/window).
    """
    sine = ((2 * z / window) ** 2 - 2 / window - 1) * np.sin(z)
    return (sine - 4 * z / window * np.cos(z)) * np.exp(-z * z / window)


def visible_part(z, window):
    """The most that any sample sees of a wave of height 1: its value or its slope."""
    return max(np.abs(wave(z, window)).max() for wave in (gabor, gabor_derivative))


def least_visible(y, amplitude, share=VISIBLE):
    """What has to be seen of a wave of height 1, in terms of y without the offset."""
    size, height = np.abs(y).max(), abs(amplitude)
    return share * (size / height if size < height else 1.0)


class Objective(NamedTuple):
    """J over the parameters φ₀, φ₁…φ_d and, with a head, amplitude and offset."""

    X: np.ndarray | csr_array  # (n_samples, n_features)
    y: np.ndarray  # (n_samples,)
    weight: np.ndarray  # (n_samples,) of mean 1
    l2: float  # weights of ½‖w‖² and ‖w‖₁
    l1: float
    model: int
    input_scale: float
    window: float
    has_head: bool
    is_trained: np.ndarray  # (P,)
    loss: int = Loss.SQUARED_ERROR
    loss_parameter: float = 0.0

    @property
    def n_params(self):
        """P."""
        return len(self.is_trained)

    def value(self, phi):
        """J at φ of shape (P,) or at several of shape (M, P); a number or (M,)."""
        points = np.atleast_2d(phi)
        size = max(1, PREDICTIONS_AT_ONCE // len(self.y))
        blocks = range(0, len(points), size)
        J = np.concatenate([self._values(points[i : i + size]) for i in blocks])
        return J if np.ndim(phi) == 2 else J[0]

    def _values(self, points):
        losses = self._loss(FORMULAS[self.loss].value, self.prediction(points))
        w = self._coefficients(points)
        # Without a penalty a w may be too large to square: 0·∞ is no number.
        penalty = 0.5 * self.l2 * (w * w).sum(axis=-1) if self.l2 > 0 else 0.0
        if self.l1 > 0:
            penalty = penalty + self.l1 * (w * np.sign(w.real)).sum(axis=-1)
        return (self.weight * losses).mean(axis=-1) + penalty

    @property
    def value_at_zero(self):
        """J of the prediction 0 for all samples."""
        losses = self._loss(FORMULAS[self.loss].value, np.zeros_like(self.y))
        return (self.weight * losses).mean()

    @property
    def has_hessian(self):
        """Whether the loss has more to it than straight pieces."""
        return has_second_derivative(self.loss)

    def kinks(self, phi):
        """Which parameters lie in a kink of the l1 penalty at φ of shape (P,)."""
        has_kink = np.zeros(len(phi), dtype=bool)
        if self.l1 > 0:
            self._coefficients(has_kink)[...] = self._coefficients(phi) == 0
        return has_kink

    def prediction(self, phi):
        """Predictions of all samples at φ of shape (…, P); (…, n_samples)."""
        f = self._wave(self._predictor(phi), 0)
        if self.has_head:
            f = phi[..., -1:] + phi[..., -2:-1] * f
        return f

    def mean(self, phi):
        """What an estimator predicts at φ of shape (…, P); (…, n_samples)."""
        return mean_of(self.loss, self.prediction(phi))

    def jacobian(self, phi):
        """D = ∂f/∂φ at φ of shape (P,); (n_samples, P)."""
        z = self._predictor(phi)
        inner = self._wave(z, 1)
        columns = []
        if self.has_head:
            columns = [self._wave(z, 0), np.ones_like(z)]
            inner = inner * phi[-2]
        inputs = self.input_scale * as_dense(self.X).T
        return np.column_stack([inner, *(inner * inputs), *columns])

    def is_visible(self, phi, share=VISIBLE):
        """Whether any sample of positive weight sees the model at φ of shape (P,)."""
        if self.model == Model.LINEAR:
            return True
        amplitude, offset = phi[-2:] if self.has_head else (1.0, 0.0)
        rows = self.weight > 0
        part = visible_part(self._predictor(phi)[rows], self.window)
        return bool(part > least_visible(self.y[rows] - offset, amplitude, share))

    def gradient(self, phi):
        """∇J at φ of shape (P,); 0 where a parameter is not trained."""
        slope = self._loss(FORMULAS[self.loss].derivative, self.prediction(phi))
        gradient = (self.weight * slope) @ self.jacobian(phi) / len(self.y)
        w = self._coefficients(phi)
        self._coefficients(gradient)[...] += self.l2 * w + self.l1 * np.sign(w.real)
        return gradient * self.is_trained

    def gauss_newton(self, phi):
        """Dᵀ(s ℓ'')D / n: the Hessian without the curvature of the model."""
        D = self.jacobian(phi)
        bend = self._loss(FORMULAS[self.loss].curvature, self.prediction(phi))
        return D.T @ ((self.weight * bend)[:, np.newaxis] * D) / len(self.y)

    def gauss_newton_gain(self, phi):
        """By how much a few steps of Levenberg and Marquardt lower J at φ.

        It is what they really gain, not ½ gᵀG⁻¹g, which the linearised model promises:
        where the slopes of f vanish but residuals do not, as at the top of a wave below
        its data, G is nothing like the Hessian. Only of a wave that is hardly seen the
        promise has to do, as all steps from there are lost in its ripples. Neither
        depends on the units of the parameters.
        """
        seen = self.seen()
        before = J = seen.value(phi)
        if not seen.is_visible(phi, FAINT):
            return seen._linearised(phi).promise
        for _ in range(MOST_STEPS):
            J_before = J
            phi, J = seen._downhill(phi, J)
            if J_before - J <= LEAST_STEP * J_before:
                break
        return before - J

    def _downhill(self, phi, J):
        """The last of some steps, ever less damped, before J rises again, and its J."""
        model, lowest = self._linearised(phi), phi
        for damping in DAMPINGS:
            point = phi - model.step(damping)
            J_there = self.value(point)
            if not J_there < J:
                break
            lowest, J = point, J_there
        return lowest, J

    def _linearised(self, phi):
        """J as it were if f were linear in φ."""
        g, G = np.zeros(len(phi)), np.zeros((len(phi), len(phi)))
        for block in self.blocks():
            share = len(block.y) / len(self.y)
            g += share * block.gradient(phi)
            G += share * block.gauss_newton(phi)
        w = np.arange(1, self.X.shape[1] + 1)
        G[w, w] += self.l2
        return _Linearised.of(g, G, self.is_trained)

    def seen(self):
        """The same J without the rows of weight 0, whatever is in them."""
        rows = self.weight > 0
        if rows.all():
            return self
        weight = self.weight[rows] * rows.mean()
        return self._replace(X=self.X[rows], y=self.y[rows], weight=weight)

    def blocks(self):
        """The objective on a few rows at a time, so that their D is never large."""
        n_rows = max(1, PREDICTIONS_AT_ONCE // self.n_params)
        for first in range(0, len(self.y), n_rows):
            rows = slice(first, first + n_rows)
            yield self._replace(
                X=self.X[rows], y=self.y[rows], weight=self.weight[rows]
            )

    def hessian(self, phi):
        """∇²J at φ of shape (P,); (P, P), 0 where a parameter is not trained."""
        n, d = self.X.shape
        z = self._predictor(phi)
        slope = self._loss(FORMULAS[self.loss].derivative, self.prediction(phi))
        U = np.column_stack([np.ones(n), self.input_scale * as_dense(self.X)])
        pull = self.weight * slope / n
        bend = self._wave(z, 2) * pull
        H = self.gauss_newton(phi)
        if self.has_head:
            bend = bend * phi[-2]
            mixed = (self._wave(z, 1) * pull) @ U
            H[: d + 1, -2] += mixed
            H[-2, : d + 1] += mixed
        H[: d + 1, : d + 1] += U.T @ (bend[:, np.newaxis] * U)
        w = np.arange(1, d + 1)
        H[w, w] += self.l2
        return H * np.outer(self.is_trained, self.is_trained)

    def curvature_size(self, phi):
        """The diagonal of ∇²J with every term positive: what rounding is relative to.

        1/n Σ s (ℓ''·(∂f/∂φⱼ)² + 2(|f| + |y|) |∂²f/∂φⱼ²|) + l2, of shape (P,). Only a
        wave has the second term, and its loss is the squared error. Its f and y are
        heights above the offset, which is where the user's zero happens to be.
        """
        f = self.prediction(phi)
        d, offset = self.X.shape[1], phi[-1] if self.has_head else 0.0
        height = np.abs(f - offset) + np.abs(self.y - offset)
        bend = self._loss(FORMULAS[self.loss].curvature, f)
        size = (self.weight * bend) @ self.jacobian(phi) ** 2 / len(self.y)
        bend = np.abs(self._wave(self._predictor(phi), 2)) * height
        if self.has_head:
            bend = bend * abs(phi[-2])
        pull = 2 * self.weight * bend / len(self.y)
        size[0] += pull.sum()
        size[1 : d + 1] += pull @ (self.input_scale * as_dense(self.X)) ** 2 + self.l2
        return size * self.is_trained

    def _loss(self, formula, prediction):
        return formula(prediction, self.y, self.loss_parameter)

    def _predictor(self, phi):
        """z = φ₀ + κ X w."""
        return phi[..., :1] + self.input_scale * (self._coefficients(phi) @ self.X.T)

    def _coefficients(self, phi):
        """The part of a vector like φ that belongs to w = φ₁…φ_d."""
        return phi[..., 1 : self.X.shape[1] + 1]

    def _wave(self, z, order):
        """f(z), f'(z) or f''(z)."""
        if self.model == Model.GABOR:
            return (gabor, gabor_derivative, gabor_curvature)[order](z, self.window)
        return (z, np.ones_like(z), np.zeros_like(z))[order]


class _Linearised(NamedTuple):
    """J − gᵀδ + ½ δᵀGδ of steps −δ, in the units and axes in which G is diagonal."""

    axes: np.ndarray  # (P, M), of the directions in which G is no rounding
    steepness: np.ndarray  # (M,), about 1
    pull: np.ndarray  # (M,)

    @classmethod
    def of(cls, g, G, is_trained):
        """Of the trained parameters."""
        t = np.flatnonzero(is_trained)
        size = G.diagonal()[t]
        unit = 1 / np.sqrt(np.where(size > 0, size, 1.0))
        steepness, V = eigh(unit[:, np.newaxis] * G[np.ix_(t, t)] * unit)
        is_real = steepness > FLATTEST * steepness[-1]
        axes = np.zeros((len(g), np.count_nonzero(is_real)))
        axes[t] = unit[:, np.newaxis] * V[:, is_real]
        return cls(axes, steepness[is_real], axes.T @ g)

    @property
    def promise(self):
        """By how much J is lower in the minimum: ½ gᵀG⁻¹g."""
        return 0.5 * (self.pull**2 / self.steepness).sum()

    def step(self, damping):
        """(G + λ·diag G)⁻¹g, (P,)."""
        return self.axes @ (self.pull / (self.steepness + damping))
