"""How often the Gabor wave is found: GaborRegressor against scipy's curve_fit.

    python examples/benchmarks/bench_gabor.py [--quick] [--n-problems 300] [--seed 0]

Each problem is a wave with φ₀ in ±3 and φ₁ in 5 to 25 over x in ±15, seen by 30 to 300
samples with noise of 0 to 0.2; then x is stretched by 0.1 to 100 and shifted, and φ₁
with it. The best loss known is that of a dense random grid over the box of starts that
`init="random"` documents, its 100 best points and the truth polished by least squares.
A method has found the wave if its loss is within 1 % of that, or within a millionth of
the target's variance where there is next to no noise. `curve_fit` sees x as it was
before it was stretched, which only helps it.
"""

import warnings
from functools import partial

import numpy as np
import pandas as pd
from measuring import run, seconds
from scipy.optimize import OptimizeWarning, curve_fit, least_squares

from sklopt import GaborRegressor

WINDOW, INPUT_SCALE = 8.0, 0.06
HALF_RANGE = 15.0
GRID, POLISHED = 20_000, 100


def wave(x, phi_0, phi_1):
    """The model of the course."""
    z = phi_0 + INPUT_SCALE * phi_1 * x
    return np.sin(z) * np.exp(-z * z / WINDOW)


def make_problem(rng):
    """x before and after it is stretched and shifted, y, and the true φ."""
    n = rng.integers(30, 301)
    phi = rng.uniform(-3, 3), rng.uniform(5, 25)
    x = rng.uniform(-HALF_RANGE, HALF_RANGE, n)
    y = wave(x, *phi) + rng.uniform(0, 0.2) * rng.standard_normal(n)
    stretch = 10 ** rng.uniform(-1, 2)
    shift = rng.uniform(-3, 3) * HALF_RANGE
    return x, stretch * (x + shift), y, phi


def draw(rng, x, n):
    """Points of the box that `init="random"` documents, for unstretched x."""
    low, high = x.min(), x.max()
    phase = np.exp(rng.uniform(np.log(1.5), np.log(25), n)) * rng.choice([-1, 1], n)
    slope = phase / ((high - low) / 2)
    return np.column_stack([-slope * rng.uniform(low, high, n), slope / INPUT_SCALE])


def mean_square(phi, x, y):
    """J(φ)."""
    return ((wave(x, *phi) - y) ** 2).mean()


def best_known(rng, x, y, truth):
    """The lowest loss that a dense grid and polishing find."""
    grid = draw(rng, x, GRID)
    z = grid[:, :1] + INPUT_SCALE * grid[:, 1:] * x
    J = ((np.sin(z) * np.exp(-z * z / WINDOW) - y) ** 2).mean(axis=1)
    starts = [truth, *grid[np.argsort(J)[:POLISHED]]]
    fits = (
        least_squares(lambda p: wave(x, *p) - y, start, method="lm", xtol=1e-12)
        for start in starts
    )
    return min(mean_square(fit.x, x, y) for fit in fits)


def fit_curve(x, y, starts):
    """The lowest loss of curve_fit over some starts; None is its default."""
    losses = [np.inf]
    for start in starts:
        try:
            phi, _ = curve_fit(wave, x, y, p0=start)
        except RuntimeError:
            continue
        losses.append(mean_square(phi, x, y))
    return min(losses)


def measure_waves(n_problems, seed=0):
    """The share of problems that each method solves, and its time."""
    rng = np.random.default_rng(seed)
    methods = {
        "GaborRegressor()": lambda x, wide, y: (
            GaborRegressor(random_state=0).fit(wide[:, np.newaxis], y).loss_
        ),
        "curve_fit, default p0": lambda x, wide, y: fit_curve(x, y, [None]),
        "curve_fit, 64 starts": lambda x, wide, y: fit_curve(x, y, draw(rng, x, 64)),
    }
    found = {name: [] for name in methods}
    times = {name: [] for name in methods}
    methods["GaborRegressor()"](*make_problem(np.random.default_rng(0))[:3])  # compiled
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)
        for _ in range(n_problems):
            x, wide, y, truth = make_problem(rng)
            lowest = best_known(rng, x, y, truth)
            for name, method in methods.items():
                losses = []
                job = lambda: losses.append(method(x, wide, y))  # noqa: E731, B023
                times[name].append(1e3 * seconds(job))
                found[name].append(losses[0] <= 1.01 * lowest + 1e-6 * y.var())
    for name in methods:
        yield {
            "method": name,
            "found (%)": 100 * np.mean(found[name]),
            "median (ms)": np.median(times[name]),
            "mean (ms)": np.mean(times[name]),
        }


def measure_starts(n_init, n_times=3):
    """Many starts of one wave, on two threads."""
    X, y = make_problem(np.random.default_rng(0))[1:3]
    X, y = np.resize(X, 100)[:, np.newaxis], np.resize(y, 100)
    model = GaborRegressor(n_init=n_init, max_iter=200, tol=None, n_jobs=2)
    duration = min(seconds(partial(model.fit, X, y)) for _ in range(n_times))
    yield {"starts": n_init, "epochs": 200, "samples": 100, "threads": 2, "s": duration}


def tables(quick=False, *, n_problems=None, seed=0):
    """Pairs of a title and a table; quick is five waves instead of 300."""
    n_problems = n_problems or (5 if quick else 300)
    waves = pd.DataFrame(measure_waves(n_problems, seed))
    yield f"{n_problems} Gabor waves", waves
    yield (
        "Many starts of one wave",
        pd.DataFrame(measure_starts(100 if quick else 1000)),
    )


if __name__ == "__main__":
    run(
        __doc__,
        tables,
        quick="five waves",
        n_problems=(int, "waves to fit"),
        seed=(int, "of the waves"),
    )
