"""The evidence behind the defaults of GradientRegressor.

Runs ``GradientRegressor()`` over problems of every kind, as they come ("raw") and
behind a StandardScaler ("standardised"), and prints the training R² beside that of
least squares. What the defaults promise:

- standardised: at least 99 % of the R² of least squares;
- raw: no error, no divergence, and nothing worse than the mean predictor.

Run ``python examples/benchmarks/bench_defaults.py``; ``--compare`` adds the other
solvers, with everything else at its default.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import StandardScaler

from sklopt import GradientRegressor
from sklopt.solvers import SOLVERS

PROMISED_SHARE = 0.99


def linear_problem(rng, n_samples, n_features, noise=1.0, mean=0.0, scale=1.0):
    """Independent normal features and a dense normal coefficient vector."""
    X = mean + scale * rng.standard_normal((n_samples, n_features))
    w = rng.standard_normal(n_features)
    return X, X @ w + noise * rng.standard_normal(n_samples)


def correlated(rng, n_samples=1000, n_features=20, correlation=0.95):
    """Features that share a common factor; condition number of X about 20."""
    common = rng.standard_normal((n_samples, 1))
    own = rng.standard_normal((n_samples, n_features))
    X = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
    w = rng.standard_normal(n_features)
    return X, X @ w + 0.5 * rng.standard_normal(n_samples)


def collinear(rng):
    """A near copy of every feature, and a target that tells the copies apart."""
    X, y = linear_problem(rng, 1000, 5)
    copy = X + 0.1 * rng.standard_normal(X.shape)
    return np.hstack([X, copy]), y + (X - copy).sum(axis=1)


def with_outliers(rng):
    """One row in fifty with a hundredfold noise, one in a hundred far out in X."""
    X, y = linear_problem(rng, 1000, 10)
    y[::50] += 100 * rng.standard_normal(len(y[::50]))
    X[::100] *= 10
    return X, y


def one_hot(rng):
    """Twelve unequal categories and two numbers."""
    category = rng.choice(12, size=2000, p=np.arange(1, 13) / 78)
    numbers = rng.standard_normal((2000, 2))
    effect = rng.standard_normal(12)
    y = effect[category] + numbers @ [1.0, -0.5] + 0.5 * rng.standard_normal(2000)
    return np.hstack([np.eye(12)[category], numbers]), y


def with_constant_column(rng):
    """A column that never changes, as broken sensors deliver."""
    X, y = linear_problem(rng, 500, 8)
    X[:, 3] = 7.0
    return X, y


def unequal_scales(rng):
    """Features whose scales run from 1e-3 to 1e3."""
    X, y = linear_problem(rng, 800, 7)
    return X * np.logspace(-3, 3, 7), y


def polynomial(rng):
    """Powers 1 to 5 of one number in [0, 1]."""
    x = rng.uniform(size=400)
    X = x[:, np.newaxis] ** np.arange(1, 6)
    return X, np.sin(5 * x) + 0.1 * rng.standard_normal(400)


def problems():
    """Name → (X, y), each from a seed of its own."""
    diabetes = load_diabetes(return_X_y=True)
    makers = {
        "diabetes, unit norm": lambda rng: diabetes,
        "diabetes, as measured": lambda rng: load_diabetes(
            return_X_y=True, scaled=False
        ),
        "diabetes, y × 1e3": lambda rng: (diabetes[0], 1e3 * diabetes[1]),
        "diabetes, y × 1e-3": lambda rng: (diabetes[0], 1e-3 * diabetes[1]),
        "N(100, 1) features": lambda rng: linear_problem(rng, 1000, 10, mean=100),
        "N(0, 100²) features": lambda rng: linear_problem(rng, 1000, 10, scale=100),
        "correlated": correlated,
        "collinear": collinear,
        "n < d": lambda rng: linear_problem(rng, 50, 200, noise=0.1),
        "n = d": lambda rng: linear_problem(rng, 100, 100, noise=0.1),
        "outliers": with_outliers,
        "one feature": lambda rng: linear_problem(rng, 200, 1),
        "one-hot": one_hot,
        "20k × 50": lambda rng: linear_problem(rng, 20_000, 50, noise=5.0),
        "20k × 50, weak signal": lambda rng: linear_problem(rng, 20_000, 50, noise=30),
        "constant column": with_constant_column,
        "unequal scales": unequal_scales,
        "polynomial": polynomial,
        "pure noise": lambda rng: (rng.standard_normal((500, 5)), rng.normal(size=500)),
        "8 rows": lambda rng: linear_problem(rng, 8, 3),
    }
    return {
        name: make(np.random.default_rng(seed))
        for seed, (name, make) in enumerate(makers.items())
    }


def run(model, X, y):
    """Training R², epochs, seconds and how the training ended."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        model.fit(X, y)
        seconds = time.perf_counter() - start
    return {
        "R²": model.score(X, y),
        "epochs": model.n_iter_,
        "ms": 1e3 * seconds,
        "stop": model.stop_reason_,
    }


def evaluate(solver=None, seed=0):
    """One row a problem and scaling."""
    parameters = {} if solver is None else {"solver": solver}
    rows = []
    for name, (X, y) in problems().items():
        for scaling in ("standardised", "raw"):
            Z = StandardScaler().fit_transform(X) if scaling == "standardised" else X
            row = {"problem": name, "features": scaling}
            row["R² least squares"] = LinearRegression().fit(Z, y).score(Z, y)
            row |= run(GradientRegressor(**parameters, random_state=seed), Z, y)
            floor = 0.0
            if scaling == "standardised":
                floor = PROMISED_SHARE * row["R² least squares"]
            rows.append(row | {"promise kept": row["R²"] >= floor})
    return pd.DataFrame(rows)


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--compare", action="store_true", help="add other solvers")
    parser.add_argument("--seed", type=int, default=0, help="seed of the shuffling")
    arguments = parser.parse_args()
    GradientRegressor(max_iter=1, tol=None).fit([[0.0], [1.0]], [0.0, 1.0])  # compile

    solvers = [None, *SOLVERS] if arguments.compare else [None]
    for solver in solvers:
        table = evaluate(solver, arguments.seed)
        print(f"\nGradientRegressor({'' if solver is None else repr(solver)})")
        print(table.round(4).to_string(index=False))
        kept = table["promise kept"]
        print(f"promises kept: {kept.sum()} of {len(kept)}; {table['ms'].sum():.0f} ms")


if __name__ == "__main__":
    main()
