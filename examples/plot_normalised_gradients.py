"""
====================================
Normalised gradients, and then Adam
====================================

Why does Adam keep running averages? Without them, ``Adam(beta_1=0, beta_2=0)``, its
update is φ ← φ − α g/(|g| + ε): each parameter moves by the same length α, whichever
its gradient, and only the signs count. This example shows what that is good for, what
is wrong with it, and how the averages mend it.
"""

# %%
# A surface with a steep and a level direction
# ---------------------------------------------
#
# Two features of very different size make the objective of a linear model steep along
# one parameter and level along the other. There is no intercept, so these two are all.

import sys

import matplotlib.pyplot as plt
import numpy as np

from sklopt import GradientRegressor
from sklopt.inspection import LossSurfaceDisplay
from sklopt.solvers import Adam

rng = np.random.default_rng(0)
X = rng.normal(size=(100, 2)) * [0.2, 1.5]
y = X @ [1.0, 0.5]

# %%
# Three optimizers
# ----------------
#
# All see the whole of the data in every step.
#
# * Gradient descent, at a rate that the steep direction just about allows.
# * Normalised gradients: Adam with β = γ = 0.
# * Adam with its averages, at the same rate.

start = [0.0, -1.04, -0.83]
solvers = {
    "gradient descent": ("gd", 0.33),
    "normalised gradients": (Adam(beta_1=0.0, beta_2=0.0), 0.1),
    "Adam": (Adam(), 0.1),
}
models = {
    name: GradientRegressor(
        solver=solver,
        learning_rate=rate,
        batch_size=None,
        fit_intercept=False,
        init=start,
        max_iter=120,
        tol=None,
        store_path="step",
    ).fit(X, y)
    for name, (solver, rate) in solvers.items()
}
for name, model in models.items():
    last_step = np.linalg.norm(model.path_[-1] - model.path_[-2])
    print(f"{name:21} φ = {model.coef_.round(3)}, J = {model.loss_:.1e}, ", end="")
    print(f"last step of length {last_step:.4f}")

# %%
# The paths
# ---------
#
# A dot is a step. Gradient descent leaps to and fro across the steep direction and
# creeps along the level one: no single rate suits both. Normalised gradients go at the
# same speed in both, so straight up the diagonal; but their steps never get shorter,
# and in the end they hop about the minimum for ever. Adam divides a running average of
# the gradient by the root of the running average of its square. While all gradients
# point one way, the ratio is about ±1, as before; once they change sign, the upper
# average cancels and the lower one does not, and the steps shrink. What it pays is
# inertia: it overshoots, and turns back.

fig, axes = plt.subplots(
    1, 3, figsize=(12, 5), sharex=True, sharey=True, layout="constrained"
)
for ax, (name, model) in zip(axes, models.items(), strict=True):
    display = LossSurfaceDisplay.from_estimator(
        model,
        X,
        y,
        name="path, a dot each step",
        parameters=(1, 2),
        limits=((-1.4, 1.7), (-1.1, 1.35)),
        critical_points={"minimum": [[0.0, 1.0, 0.5]]},
        ax=ax,
        colorbar=False,
        legend=False,
        line_kw={"markersize": 3.5},
    )
    ax.set_title(name)
    ax.label_outer()
for name, (marker,) in {"start": display.starts_, "end": display.ends_}.items():
    marker.set_label(name)
handles = display.lines_ + display.starts_ + display.ends_ + display.critical_points_
fig.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
fig.savefig(sys.argv[1] if len(sys.argv) > 1 else "normalised_gradients.png", dpi=150)
