"""
=============================
Fitting a line, step by step
=============================

A line through twelve points, found by gradient descent: every step is a better line,
and at the same time a point further down on the surface of the objective. This example
makes the first step by hand, lets ``GradientRegressor`` make the others, and shows both
views side by side.
"""

# %%
# The problem
# -----------
#
# The points are those of chapter 6 of *Understanding Deep Learning* (Prince, 2023). A
# line f(x, φ) = φ₀ + φ₁x is judged by J(φ) = mean of (f(xᵢ, φ) − yᵢ)².

import sys

import matplotlib.pyplot as plt
import numpy as np

from sklopt import GradientRegressor
from sklopt.datasets import load_line
from sklopt.inspection import LossSurfaceDisplay, ModelPathDisplay

X, y = load_line(return_X_y=True)
start = np.array([2.2, -1.0])

# %%
# One step by hand
# ----------------
#
# The gradient of J is (2/n) Zᵀ(Zφ − y), where Z holds a column of ones and the column
# of x. Gradient descent goes against it: φ ← φ − α ∇J(φ).

learning_rate = 0.4
Z = np.column_stack([np.ones(len(X)), X])


def objective(phi):
    return np.mean((Z @ phi - y) ** 2)


gradient = 2 / len(y) * Z.T @ (Z @ start - y)
by_hand = start - learning_rate * gradient
print(f"start: φ = {start}, J = {objective(start):.3f}, ∇J = {gradient.round(3)}")
print(f"first step: φ = {by_hand.round(3)}, J = {objective(by_hand):.3f}")

# %%
# All steps
# ---------
#
# The same by the estimator. ``store_path="step"`` keeps φ after every step, and
# ``tol=None`` makes it take just as many as it is told.

model = GradientRegressor(
    solver="gd",
    learning_rate=learning_rate,
    init=start,
    max_iter=40,
    tol=None,
    store_path="step",
).fit(X, y)
print(f"by the estimator:  {model.path_[1].round(3)}")

least_squares = np.linalg.lstsq(Z, y)[0]
print(f"after {model.t_} steps: {model.path_[-1].round(3)}, J = {model.loss_:.4f}")
print(f"least squares:  {least_squares.round(3)}, J = {objective(least_squares):.4f}")

# %%
# Two views
# ---------
#
# On the left the surface: a long valley, for a line that lies too high can make up for
# it by a smaller slope. At this rate each step leaps over the floor of the valley to
# the other side, a little lower, and the leaps die out; what remains is a slow walk
# along the floor. On the right the lines of some of these steps: the first few tip to
# and fro, the later ones hardly differ. A full batch makes one step an epoch, so that
# steps and epochs are the same here.

fig, (left, right) = plt.subplots(1, 2, figsize=(11, 4.8), layout="constrained")
LossSurfaceDisplay.from_estimator(
    model,
    X,
    y,
    name="gradient descent",
    critical_points={"minimum": [least_squares]},
    limits=((0.2, 2.6), (-1.4, 1.0)),
    ax=left,
)
offsets = {0: (10, -4), 1: (8, 2), 2: (-6, -16), 3: (6, 6), 4: (-14, -12)}
for step, offset in offsets.items():
    left.annotate(
        str(step), model.path_[step], xytext=offset, textcoords="offset points"
    )
left.set_title("The path on the surface of J, steps numbered")
ModelPathDisplay.from_estimator(model, X, y, epochs=[0, 1, 2, 3, 4, 10, 40], ax=right)
right.set(title="The line after some of these steps", ylim=(0.2, 2.8))
right.legend(ncols=4, loc="upper center", handlelength=1.2, columnspacing=1.2)
fig.savefig(sys.argv[1] if len(sys.argv) > 1 else "line_fitting.png", dpi=150)
