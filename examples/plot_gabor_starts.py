"""
=========================================
One surface, three starts, three endings
=========================================

On a bowl it does not matter where gradient descent starts. On the surface of a Gabor
wave it decides everything: a valley may end in the lowest point of all, or in a hollow
far above it, and between two valleys there is a pass on which the gradient vanishes
although it is no minimum. This example finds such points, tells what they are, and
sends gradient descent to one of each kind.
"""

# %%
# The surface
# -----------
#
# The model is f(x, φ) = sin(z)·exp(−z²/8) with z = φ₀ + 0.06·φ₁x: φ₀ shifts the wave,
# φ₁ squeezes it. With two parameters, all of J can be seen at once.

import sys

import matplotlib.pyplot as plt
import numpy as np

from sklopt import GaborRegressor
from sklopt.datasets import make_gabor
from sklopt.inspection import (
    LossCurveDisplay,
    LossSurfaceDisplay,
    ModelPathDisplay,
    curvature,
)

X, y = make_gabor(60, phi=(0.0, 16.6), noise=0.1, random_state=1)
limits = np.array([(-8.0, 8.0), (2.5, 21.5)])

# %%
# Where the gradient vanishes
# ---------------------------
#
# Newton's method looks for ∇J = 0, whatever the kind of the point: φ ← φ − H⁻¹∇J, with
# gradient and Hessian from ``curvature``. Far from such a point its steps are wild, so
# they are cut to a length of 1. From a grid of starts it finds the critical points of
# the picture. The signs of the eigenvalues of the Hessian tell the kind: all positive
# is a minimum, all negative a maximum, both a saddle point.

wave = GaborRegressor()


def newton(phi, n_steps=60):
    """The critical point that Newton's method finds from φ, or None."""
    for _ in range(n_steps):
        point = curvature(wave, X, y, at=phi, tol=1e-12)
        if point.kind != "not critical":
            return point
        step = np.linalg.solve(point.hessian, point.gradient)
        phi = phi - step / max(1.0, np.linalg.norm(step))
        if not ((phi > limits[:, 0]) & (phi < limits[:, 1])).all():
            return None
    return None


grid = np.meshgrid(*(np.linspace(*ends, 18)[1:-1] for ends in limits))
found = {}
for phi in np.column_stack([values.ravel() for values in grid]):
    point = newton(phi)
    if point is not None:
        found[tuple(point.at.round(3))] = point
points = sorted(found.values(), key=lambda point: point.loss)
print("    φ₀      φ₁       J   eigenvalues")
for point in points:
    low, high = point.eigenvalues
    print("{:6.2f}  {:6.2f}".format(*point.at), end="")
    print(f"  {point.loss:.4f}  {low:7.4f} {high:7.4f}  {point.kind}")

# %%
# Two starts, and one between them
# --------------------------------
#
# A number as ``learning_rate`` makes the textbook's steps in φ, and an array as
# ``init`` says where they begin. From φ = (−0.8, 7) the way leads to the lowest
# point, from (4, 10) to a hollow.


def descend(start, n_steps):
    return GaborRegressor(
        solver="gd",
        learning_rate=1.0,
        init=start,
        max_iter=n_steps,
        tol=None,
        store_path="step",
    ).fit(X, y)


to_global, to_local = descend([-0.8, 7.0], 3000), descend([4.0, 10.0], 3000)

# %%
# Somewhere on the line φ₁ = 7 the ways part: from φ₀ = −0.8 gradient descent arrives at
# J < 0.01, from φ₀ = −3.5 it does not. Halving the distance between the two again and
# again leads to the watershed, and from there the way leads to a pass. A start exactly
# on the watershed would stay on the pass for ever.

inside, outside = -0.8, -3.5
for _ in range(50):
    middle = (inside + outside) / 2
    if descend([middle, 7.0], 3000).loss_ < 0.01:
        inside = middle
    else:
        outside = middle
print(f"\nThe watershed crosses φ₁ = 7 at φ₀ = {inside:.12f}")
to_saddle = descend([inside, 7.0], 220)

models = {
    "to the global minimum": to_global,
    "to a local minimum": to_local,
    "to a saddle point": to_saddle,
}
for name, model in models.items():
    end = curvature(model, X, y)
    print(f"{name:22} after {model.t_:4} steps at φ = {end.at.round(2)}: ", end="")
    print(f"{end.kind}, J = {end.loss:.4f}, ‖∇J‖ = {end.gradient_norm:.0e}")

# %%
# Patience pays at a saddle point: one eigenvalue is negative, and along its eigenvector
# what little the start was off the watershed grows by a constant factor each step,
# 1 − αλ. In the end the ball rolls off.

goes_on = descend([inside, 7.0], 3000)
left_at = np.flatnonzero(goes_on.loss_curve_ < 0.9 * to_saddle.loss_)[0]
saddle = curvature(to_saddle, X, y)
print(f"Off the saddle point each step multiplies by {1 - saddle.eigenvalues[0]:.3f}:")
print(f"it is left after {left_at} steps, for φ = {goes_on.phi_.round(2)}")

# %%
# The picture
# -----------
#
# Left, the surface with its critical points and the three ways; below it J against the
# step, with the long wait on the saddle point. Right, what each start means for the
# wave, before (pale) and after (dark). In the local minimum the wave lies beside
# that of the data, and to get there it would have to fit worse first.

fig, axes = plt.subplot_mosaic(
    [["surface", "global"], ["surface", "local"], ["curves", "saddle"]],
    figsize=(12, 10.5),
    width_ratios=[1.45, 1],
    layout="constrained",
)
display = LossSurfaceDisplay.from_estimators(
    models,
    X,
    y,
    limits=limits,
    critical_points=points,
    spacing="quantile",
    legend=False,
    ax=axes["surface"],
    line_kw={"markersize": 0},
)
axes["surface"].set_title("Three ways down from the rings, and the critical points")
curves = LossCurveDisplay(
    loss_curves={
        "to the global minimum": to_global.loss_curve_,
        "to a local minimum": to_local.loss_curve_,
        "to a saddle point, and on": goes_on.loss_curve_,
    }
).plot(ax=axes["curves"], xscale="log")
axes["curves"].set(xlabel="Step", ylabel="Objective $J$")
axes["curves"].set_title("Waiting on the saddle point")
for ax, (name, model) in zip(
    (axes["global"], axes["local"], axes["saddle"]), models.items(), strict=True
):
    ModelPathDisplay.from_estimator(model, X, y, epochs=[0, model.n_iter_], ax=ax)
    ax.set(title=f"{name[0].upper()}{name[1:]}: J = {model.loss_:.3f}", ylim=(-1, 1.3))
    ax.legend(loc="upper center", ncols=3, frameon=False)
handles = display.lines_ + display.critical_points_
fig.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False)
fig.savefig(sys.argv[1] if len(sys.argv) > 1 else "gabor_starts.png", dpi=150)
