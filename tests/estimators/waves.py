"""Samples of a Gabor wave, and a training of the textbook from one start."""

import numpy as np
from cases import SOLVERS

from sklopt import GaborRegressor

N_EPOCHS = 12
TRUTH = np.array([0.8, 14.0])


def wave(x, phi_0, phi_1, amplitude=1.0, offset=0.0):
    z = phi_0 + 0.06 * phi_1 * x
    return offset + amplitude * np.sin(z) * np.exp(-(z**2) / 8)


def make_wave(n_samples=45, noise=0.1, n_features=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-15, 15, size=(n_samples, n_features))
    y = wave(X[:, 0], *TRUTH) + noise * rng.standard_normal(n_samples)
    return X, y


def textbook(solver="gd", **params):
    """A training of φ itself, from one start."""
    defaults = {"learning_rate": 0.05, "init": [0.2, 11.0], "batch_size": 7}
    defaults |= {"max_iter": N_EPOCHS, "tol": None, "random_state": 0}
    return GaborRegressor(SOLVERS.get(solver, solver), **(defaults | params))
