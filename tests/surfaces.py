"""Surfaces to inspect: objectives of both models, and their naive formula."""

import numpy as np
from sklearn.base import BaseEstimator

from sklopt import GradientRegressor
from sklopt.engine._objective import Objective
from sklopt.kernels._codes import Model

N_SAMPLES = 20


class Wave(BaseEstimator):
    """An estimator of a wave, as far as inspection looks at it."""

    def __init__(self, objective):
        self.objective = objective

    def _objective(self, X, y, sample_weight=None):
        return self.objective


def wave_surface(X, y, weight=None, alpha=0.0, scale=0.06, window=8.0, head=None):
    """J of a Gabor wave; `head` tells which of amplitude and offset is trained."""
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    weight = np.ones(len(y)) if weight is None else weight / np.mean(weight)
    is_trained = np.array([True] * (X.shape[1] + 1) + list(head or []))
    has_head = head is not None
    return Objective(
        X, y, weight, alpha, 0.0, Model.GABOR, scale, window, has_head, is_trained
    )


def naive_value(J, phi):
    """J(φ) sample by sample."""
    d, total = J.X.shape[1], 0.0
    amplitude, offset = phi[d + 1 :] if J.has_head else (1.0, 0.0)
    for x, y, s in zip(J.X, J.y, J.weight, strict=True):
        z = phi[0] + J.input_scale * sum(phi[1 + j] * x[j] for j in range(d))
        f = z
        if J.model == Model.GABOR:
            f = offset + amplitude * np.sin(z) * np.exp(-(z**2) / J.window)
        total = total + s * (f - y) ** 2
    w = phi[1 : d + 1]
    size = sum(one * np.sign(np.real(one)) for one in w)
    return total / len(J.y) + J.l2 / 2 * sum(one**2 for one in w) + J.l1 * size


def _data(n_features, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N_SAMPLES, n_features)) + 0.3
    return X, rng.normal(size=N_SAMPLES), rng.lognormal(size=N_SAMPLES), rng


def _linear(n_features, *, weighted=False, **params):
    X, y, weight, rng = _data(n_features, seed=n_features)
    J = GradientRegressor(**params)._objective(X, y, weight if weighted else None)
    return J, rng.normal(size=n_features + 1) * J.is_trained


def _wave(n_features, window, head):
    X, y, weight, rng = _data(n_features, seed=n_features + int(window))
    J = wave_surface(5 * X, y, weight, alpha=0.1, window=window, head=head)
    phi = rng.normal(size=n_features + 1) + 1.0
    return J, np.append(phi, [1.7, -0.4]) if head else phi


# Name → an objective and a point of it.
SURFACES = {
    "linear": _linear(3),
    "linear weighted": _linear(3, weighted=True),
    "linear l2": _linear(3, weighted=True, penalty="l2", alpha=0.7),
    "linear l1": _linear(3, weighted=True, penalty="l1", alpha=0.7),
    "linear elasticnet": _linear(2, penalty="elasticnet", alpha=0.7, l1_ratio=0.4),
    "linear no intercept": _linear(3, weighted=True, fit_intercept=False),
} | {
    f"wave of {d}, window {window:g}, head {head}": _wave(d, window, head)
    for d in (1, 5)
    for window in (8.0, 32.0)
    for head in (None, (True, True))
}
