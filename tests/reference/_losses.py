"""Losses: value and derivative in the prediction."""

import math

import numpy as np


def squared_error(f, y):
    """(f − y)²."""
    return (f - y) ** 2, 2.0 * (f - y)


def absolute_error(f, y):
    """|f − y|."""
    return np.abs(f - y), np.sign(f - y)


def huber(f, y, delta=1.35):
    """½r² near the target, δ|r| − ½δ² far from it."""
    r, is_near = f - y, np.abs(f - y) <= delta
    value = np.where(is_near, r**2 / 2, delta * np.abs(r) - delta**2 / 2)
    return value, np.where(is_near, r, delta * np.sign(r))


def epsilon_insensitive(f, y, epsilon=0.1):
    """max(0, |f − y| − ε)."""
    excess = np.maximum(0.0, np.abs(f - y) - epsilon)
    return excess, np.sign(f - y) * (excess > 0)


def squared_epsilon_insensitive(f, y, epsilon=0.1):
    """max(0, |f − y| − ε)²."""
    excess = np.maximum(0.0, np.abs(f - y) - epsilon)
    return excess**2, 2 * excess * np.sign(f - y)


def quantile(f, y, quantile=0.5):
    """max(q (y − f), (1 − q)(f − y))."""
    value = np.maximum(quantile * (y - f), (1 - quantile) * (f - y))
    return value, np.where(f > y, 1 - quantile, -quantile) * (f != y)


def poisson(f, y):
    """eᶠ − y f + y log y − y, where 0 log 0 = 0."""
    constant = np.array([t * math.log(t) - t if t > 0 else 0.0 for t in y])
    return np.exp(f) - y * f + constant, np.exp(f) - y


def gamma(f, y):
    """f + y e⁻ᶠ − log y − 1."""
    return f + y * np.exp(-f) - np.log(y) - 1, 1 - y * np.exp(-f)


LOSSES = {
    "squared_error": squared_error,
    "absolute_error": absolute_error,
    "huber": huber,
    "epsilon_insensitive": epsilon_insensitive,
    "squared_epsilon_insensitive": squared_epsilon_insensitive,
    "quantile": quantile,
    "poisson": poisson,
    "gamma": gamma,
}
