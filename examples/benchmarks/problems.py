"""Least-squares problems, and how far from their solution one is.

The excess of parameters φ is J(φ)/J* − 1 with J the mean squared error on the training
set and J* the least there is: 1e-2 is a loss one percent above that of least squares.
Signal and noise have the same variance, so that J(0) = 2J* and the excess is also the
share of the way from zero that is left, (J(φ) − J*)/(J(0) − J*).

J is quadratic: J(φ) − J* = (φ − φ*)ᵀ G (φ − φ*) with G = ZᵀZ/n and Z = (1, X). That
keeps its digits where the difference of two losses has none left, and costs nothing.
"""

from typing import NamedTuple

import numpy as np
from measuring import shape_name

CONDITION = 80.0


class Problem(NamedTuple):
    """Data, and their least-squares solution.

    Attributes
    ----------
    name : str
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    solution : ndarray of shape (n_features + 1,)
        φ*, intercept first.
    gram : ndarray of shape (n_features + 1, n_features + 1)
        ZᵀZ/n.
    least : float
        J*.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    solution: np.ndarray
    gram: np.ndarray
    least: float

    def excess(self, phi):
        """J(φ)/J* − 1 of one φ or of one a row."""
        with np.errstate(over="ignore", invalid="ignore"):
            way = np.asarray(phi, dtype=np.float64) - self.solution
            return ((way @ self.gram) * way).sum(axis=-1) / self.least


def make_problem(n_samples, n_features, condition=CONDITION, seed=0):
    """Correlated normal features of mean 0 and mean variance 1.

    The singular values of X run evenly on the logarithmic scale over `condition`, along
    directions that are not those of the features, so that no scaling of columns undoes
    it. Coefficients are drawn independently along those directions.
    """
    rng = np.random.default_rng(seed)
    spread = np.geomspace(1.0, 1.0 / condition, n_features)
    spread *= np.sqrt(n_features / (spread**2).sum())
    directions, _ = np.linalg.qr(rng.standard_normal((n_features, n_features)))
    own = rng.standard_normal((n_samples, n_features))
    X = own @ (spread[:, np.newaxis] * directions.T)
    del own  # as large as X
    w = rng.standard_normal(n_features)
    w = directions @ w / np.linalg.norm(spread * w)
    y = X @ w + rng.standard_normal(n_samples)
    return solved(shape_name(n_samples, n_features), X, y)


def solved(name, X, y):
    """The problem of these data."""
    n_samples, n_features = X.shape
    gram = np.empty((n_features + 1, n_features + 1))
    gram[0, 0] = 1.0
    gram[0, 1:] = gram[1:, 0] = X.mean(axis=0)
    gram[1:, 1:] = X.T @ X / n_samples
    moments = np.r_[y.mean(), X.T @ y / n_samples]
    solution = np.linalg.solve(gram, moments)
    least = ((solution[0] + X @ solution[1:] - y) ** 2).mean()
    return Problem(name, X, y, solution, gram, least)
