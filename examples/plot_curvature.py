"""
===============================
What the curvature of J tells
===============================

The gradient says which way is down. The second derivatives say the rest: whether this
is a bowl or a ridge, how long a step may be, and how slow the slowest direction is.
This example follows gradient descent down a Gabor surface and watches the eigenvalues
of the Hessian, puts the largest stable learning rate to the test, and checks the
gradient itself against differences of J.
"""

# %%
# Eigenvalues along a path
# ------------------------
#
# ``curvature`` gives gradient, Hessian and what follows from them at any point φ. Where
# an eigenvalue is negative, J bends downward along its eigenvector, and no bowl fits.

import sys

import matplotlib.pyplot as plt
import numpy as np

from sklopt import GaborRegressor
from sklopt.datasets import make_gabor
from sklopt.inspection import LossSurfaceDisplay, check_gradient, curvature

X, y = make_gabor(60, phi=(0.0, 16.6), noise=0.1, random_state=1)
start = [2.2, 9.5]


def descend(start, learning_rate, n_steps):
    return GaborRegressor(
        solver="gd",
        learning_rate=learning_rate,
        init=start,
        max_iter=n_steps,
        tol=None,
        store_path="step",
    ).fit(X, y)


model = descend(start, learning_rate=1.0, n_steps=1000)
steps = np.unique(np.geomspace(1, 1000, 150).astype(int))
points = [curvature(model, X, y, at=phi) for phi in model.path_[steps]]
eigenvalues = np.array([point.eigenvalues for point in points])
is_convex = np.array([point.is_convex for point in points])
first_convex = steps[is_convex][0]
again = steps[~is_convex & (steps > first_convex)]
print(f"J is not convex up to step {first_convex - 1}, ", end="")
print(f"nor from about step {again[0]} to {again[-1]}.\n")
print(curvature(model, X, y))

# %%
# The largest stable rate
# -----------------------
#
# Near a minimum J is a bowl, and there a step of gradient descent multiplies the
# distance to the minimum by 1 − αλ along each eigenvector. That is a decay if α <
# 2/λ_max, and beyond it the distance grows. First the minimum itself, by a few steps of
# Newton; then two trainings that start a little off it, 2 % below and 2 % above that
# rate.

bottom = curvature(model, X, y)
for _ in range(5):
    newton_step = np.linalg.solve(bottom.hessian, bottom.gradient)
    bottom = curvature(model, X, y, at=bottom.at - newton_step)
limit = bottom.largest_stable_rate
steepest = np.linalg.eigh(bottom.hessian)[1][:, -1]
shares = (0.98, 1.02)
distances = {}
for share in shares:
    nearby = descend(bottom.at + 1e-4 * steepest, share * limit, 300)
    distances[share] = np.linalg.norm(nearby.path_ - bottom.at, axis=1)
    print(f"rate {share} · 2/λ_max = {share * limit:.2f}: ", end="")
    print(f"distance {distances[share][0]:.0e} -> {distances[share][-1]:.1e}")

# %%
# Is the gradient right?
# ----------------------
#
# ``check_gradient`` compares it with (J(φ + h) − J(φ − h)) / 2h over many h. A large h
# errs as the formula does, by J'''·h²/6; a small one as floating-point numbers do, by
# about ε·J/h. Between them lies the best, and a gradient that is wrong shows at once:
# its error stays where it is, whatever h.

table = check_gradient(model, X, y, at=start, h=np.logspace(0, -12, 49))
best = table.loc[table.groupby("parameter")["error"].idxmin()]
print(best.to_string(index=False))

# %%
# The picture
# -----------
#
# Above left, the path, with the region where J is not convex hatched: gradient descent
# begins on a ridge and later cuts through a tongue of that region, on the floor of the
# valley. Above right, the eigenvalues on the way. In the end both are positive, but one
# is some seventy times the other, which is why the last stretch takes so long. Below
# left, the rate at work: at 2 % too much the distance grows, until the surface is no
# longer a bowl and the steps leap to and fro for ever. Below right, the error of
# central differences, with truncation on the right slope and rounding on the left.

fig, axes = plt.subplots(2, 2, figsize=(12, 9.5), layout="constrained")
(surface, along), (stable, check) = axes
display = LossSurfaceDisplay.from_estimator(
    model,
    X,
    y,
    name="gradient descent",
    limits=((-4, 4), (5, 19)),
    critical_points=[bottom],
    spacing="quantile",
    legend=False,
    ax=surface,
    line_kw={"markersize": 0},
)
coarse = np.meshgrid(np.linspace(-4, 4, 50), np.linspace(5, 19, 50))
lowest = [
    curvature(model, X, y, at=phi).eigenvalues[0]
    for phi in np.column_stack([values.ravel() for values in coarse])
]
lowest = np.reshape(lowest, coarse[0].shape)
surface.contourf(*coarse, lowest, [-np.inf, 0], colors="none", hatches=["//"])
surface.contour(*coarse, lowest, [0], colors="black", linewidths=1.5)
surface.set_title("Hatched: J is not convex")

looks = [("#0072B2", "-"), ("#D55E00", "--")]
for values, name, (color, line) in zip(
    eigenvalues.T, ("smaller", "larger"), looks, strict=True
):
    along.semilogx(
        steps, values, color=color, ls=line, lw=2, label=f"{name} eigenvalue"
    )
along.axhline(0, color="black", lw=0.8)
along.fill_between(
    steps,
    0,
    1,
    ~is_convex,
    color="0.88",
    transform=along.get_xaxis_transform(),
    label="not convex",
)
along.set(xlabel="Step", ylabel="Eigenvalue of the Hessian")
along.set_title(f"In the end the condition number is {points[-1].condition_number:.0f}")
along.set_xlim(1, 1000)
along.legend(loc="lower right")

for share, (color, line) in zip(shares, looks, strict=True):
    label = rf"{share} $\cdot\ 2/\lambda_{{\max}}$"
    stable.semilogy(distances[share], color=color, ls=line, lw=2, label=label)
stable.set(xlabel="Step", ylabel="Distance to the minimum")
stable.set_title(rf"Just below and just above $2/\lambda_{{\max}}$ = {limit:.2f}")
stable.legend(title="Learning rate")

for (name, rows), (color, _), marker in zip(
    table.groupby("parameter"), looks, "os", strict=True
):
    is_error = rows["error"] > 0
    index = name.removeprefix("phi_")
    label = rf"$\partial J/\partial\phi_{index}$"
    check.loglog(
        rows["h"][is_error],
        rows["error"][is_error],
        marker,
        color=color,
        ms=4,
        label=label,
    )
h = np.array([1e-12, 1.0])
rounding = np.finfo(float).eps * curvature(model, X, y, at=start).loss / h
first = table.query("parameter == 'phi_0' and 1e-3 < h < 2e-3").iloc[0]
truncation = first["error"] * (h / first["h"]) ** 2
check.loglog(h, rounding, color="#777777", ls="--", label=r"rounding, $\epsilon J/h$")
check.loglog(h, truncation, color="black", ls=":", label=r"truncation, $\sim h^2$")
check.set(xlim=(5e-13, 2), ylim=(1e-14, 1), xlabel="$h$")
check.set(ylabel="Error of the central difference")
check.set_title("Too small an $h$ is as bad as too large a one")
check.legend(loc="upper center")
fig.savefig(sys.argv[1] if len(sys.argv) > 1 else "curvature.png", dpi=150)
