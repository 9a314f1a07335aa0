"""
===========================
Four optimizers, one valley
===========================

Ill-conditioned is a surface that is steep in one direction and nearly level in another:
a long valley. The steep walls limit the learning rate, and along the level floor that
rate gets nowhere. This example sends gradient descent's stochastic, averaging,
look-ahead and adaptive kin down the same valley, from the same place.
"""

# %%
# The valley
# ----------
#
# A line through points that are far from x = 0 is enough: raise the intercept, lower
# the slope to match, and the line through the points hardly moves. The condition number
# of the Hessian is the ratio of the steepest curvature to the most level one.

import sys

import matplotlib.pyplot as plt
import numpy as np

from sklopt import GradientRegressor
from sklopt.inspection import LossCurveDisplay, LossSurfaceDisplay
from sklopt.solvers import Adam, Momentum, Nesterov

rng = np.random.default_rng(0)
X = rng.uniform(0.5, 4.5, size=(64, 1))
y = 2.0 + 0.5 * X[:, 0] + 0.4 * rng.normal(size=64)
Z = np.column_stack([np.ones(len(X)), X])
level, steep = np.linalg.eigvalsh(2 / len(y) * Z.T @ Z)
print(f"Curvatures {level:.3f} and {steep:.2f}, condition number {steep / level:.0f}")

# %%
# The optimizers
# --------------
#
# All start at φ = (−0.5, 3) and make 120 updates: 15 epochs of 8 mini-batches. Each has
# a rate that suits it: for ``sgd`` the walls set the limit; ``momentum`` and
# ``nesterov``, whose steps are averages, bear a higher one; ``adam`` measures its steps
# in units of φ and not of the gradient.

optimizers = {
    "sgd": ("sgd", 0.04),
    "momentum": (Momentum(beta=0.8), 0.12),
    "nesterov": (Nesterov(beta=0.8), 0.12),
    "adam": (Adam(), 0.12),
}
models = {
    name: GradientRegressor(
        solver=solver,
        learning_rate=rate,
        batch_size=8,
        init=[-0.5, 3.0],
        max_iter=15,
        tol=None,
        random_state=1,
        store_path="step",
    ).fit(X, y)
    for name, (solver, rate) in optimizers.items()
}

# %%
# How far each of them got
# ------------------------
#
# ``path_`` holds φ after every update. J is a parabola about its minimum, so that its
# height above it is the mean of (Z(φ − φ*))².

least_squares = np.linalg.lstsq(Z, y)[0]
heights = {
    name: (((model.path_ - least_squares) @ Z.T) ** 2).mean(axis=1)
    for name, model in models.items()
}
for name, height in heights.items():
    print(
        f"{name:9} {height[-1]:.4f} above the minimum after {len(height) - 1} updates"
    )

# %%
# The picture
# -----------
#
# ``sgd`` falls to the floor of the valley at once, and then walks along it step by
# small step, jostled by its mini-batches. ``momentum`` is a heavy ball: it swings from
# wall to wall, but along the floor its steps add up, and it arrives. ``nesterov`` looks
# where the ball is about to roll and brakes in time, so that it hardly swings. Both end
# in the jitter that a constant rate cannot leave. ``adam`` knows nothing of walls and
# floors: it sets out along the diagonal, as each parameter moves by about α whatever
# the size of its gradient, and it walks the valley at an even pace.

fig, (left, right) = plt.subplots(
    1, 2, figsize=(12, 5.2), layout="constrained", width_ratios=[1.15, 1]
)
LossSurfaceDisplay.from_estimators(
    models, X, y, critical_points={"minimum": [least_squares]}, ax=left
)
left.set_title("Paths on the surface of J")
LossCurveDisplay(loss_curves=heights).plot(ax=right)
right.set_title("Height above the minimum")
right.set(xlabel="Update", ylabel=r"$J - \min J$")
fig.savefig(
    sys.argv[1] if len(sys.argv) > 1 else "optimizers_on_one_surface.png", dpi=150
)
