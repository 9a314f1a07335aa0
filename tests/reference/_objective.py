"""Models, penalties and the objective."""

import numpy as np

from ._losses import squared_error


class Linear:
    """f(x, φ) = φ₀ + φ₁x₁ + … + φ_d x_d."""

    def predict(self, phi, X):
        return phi[0] + X @ phi[1:]

    def pull_back(self, phi, X, slope):
        """Σᵢ slopeᵢ ∇f(xᵢ, φ)."""
        return np.concatenate([[slope.sum()], X.T @ slope])


class Gabor:
    """f(x, φ) = sin(z)·exp(−z²/window), z = φ₀ + κ(φ₁x₁ + … + φ_d x_d).

    With a head, φ ends with amplitude and offset: offset + amplitude·f.
    """

    def __init__(self, window=8.0, input_scale=0.06, has_head=False):
        self.window, self.input_scale, self.has_head = window, input_scale, has_head

    def z(self, phi, X):
        return phi[0] + self.input_scale * (X @ phi[1 : X.shape[1] + 1])

    def wave(self, z):
        return np.sin(z) * np.exp(-(z**2) / self.window)

    def wave_derivative(self, z):
        bell = np.exp(-(z**2) / self.window)
        return np.cos(z) * bell - np.sin(z) * 2 * z / self.window * bell

    def predict(self, phi, X):
        f = self.wave(self.z(phi, X))
        return phi[-1] + phi[-2] * f if self.has_head else f

    def pull_back(self, phi, X, slope):
        """Σᵢ slopeᵢ ∇f(xᵢ, φ)."""
        z = self.z(phi, X)
        inner, head = slope * self.wave_derivative(z), []
        if self.has_head:
            inner, head = phi[-2] * inner, [slope @ self.wave(z), slope.sum()]
        return np.concatenate([[inner.sum()], self.input_scale * (X.T @ inner), head])


LINEAR = Linear()


def weights_of(phi, X):
    """w = φ₁…φ_d, and 0 for the intercept and a head."""
    w = np.array(phi)
    w[0] = 0.0
    w[X.shape[1] + 1 :] = 0.0
    return w


def penalty(phi, X, alpha, l1=0.0):
    """alpha · ½ ‖w‖² + l1 · ‖w‖₁; the intercept φ₀ is not penalised."""
    w = weights_of(phi, X)
    return alpha * 0.5 * (w**2).sum() + l1 * np.abs(w).sum()


def penalty_gradient(phi, X, alpha):
    """Of the smooth part: alpha · w, and 0 for the intercept."""
    return alpha * weights_of(phi, X)


def soft(u, threshold):
    """u moved by the threshold toward 0, and 0 if that is nearer."""
    return np.sign(u) * np.maximum(np.abs(u) - threshold, 0.0)


def shrunk(phi, X, threshold):
    """φ after the proximal step of ‖w‖₁; the threshold is one of each parameter."""
    is_weight = weights_of(np.ones_like(phi), X) > 0
    return np.where(is_weight, soft(phi, threshold), phi)


def mean_one(sample_weight, n_samples):
    """sᵢ / s̄; without weights, ones."""
    if sample_weight is None:
        return np.ones(n_samples)
    sample_weight = np.asarray(sample_weight, dtype=float)
    return sample_weight / sample_weight.mean()


def batch_objective(phi, X, y, s, alpha, model=LINEAR, loss=squared_error, l1=0.0):
    """Σ_{i∈B} sᵢ ℓ(f(xᵢ), yᵢ) / |B| + penalty; the sᵢ have mean 1 over all rows."""
    value, _ = loss(model.predict(phi, X), y)
    return (s * value).sum() / len(y) + penalty(phi, X, alpha, l1)


def batch_gradient(
    phi, X, y, s, alpha, model=LINEAR, loss=squared_error, is_trained=True
):
    """g = Σ_{i∈B} sᵢ ∇ℓᵢ / |B| + alpha·∇R, ∇ℓᵢ = ℓ'(f(xᵢ), yᵢ) · ∇f(xᵢ)."""
    _, derivative = loss(model.predict(phi, X), y)
    slope = s * derivative
    g = model.pull_back(phi, X, slope) / len(y) + penalty_gradient(phi, X, alpha)
    return np.where(is_trained, g, 0.0)


def objective(phi, X, y, sample_weight=None, alpha=0.0, loss=squared_error, l1=0.0):
    """J(φ) = Σ sᵢ ℓ(f(xᵢ), yᵢ) / Σ sᵢ + penalty."""
    s = mean_one(sample_weight, len(y))
    return batch_objective(phi, X, y, s, alpha, loss=loss, l1=l1)


def gradient(phi, X, y, sample_weight=None, alpha=0.0):
    """∇J(φ)."""
    return batch_gradient(phi, X, y, mean_one(sample_weight, len(y)), alpha)
