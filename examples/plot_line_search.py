"""
========================
A line search at work
========================

How long should a step be? Along the ray −∇J the objective is a curve in one variable,
the step, and a line search looks for its lowest point by evaluating J alone. This
example draws the search of the textbook, round by round: four steps a < b < c < d that
close in on the minimum. Then it checks that ``schedule="line_search"`` takes the same.
"""

# %%
# The ray
# -------
#
# The objective is that of a line fitted to twelve points, and the ray starts at a poor
# line, φ = (2.2, −1).

import sys

import matplotlib.pyplot as plt
import numpy as np

from sklopt import GradientRegressor
from sklopt.datasets import load_line
from sklopt.schedules import LineSearch

X, y = load_line(return_X_y=True)
Z = np.column_stack([np.ones(len(X)), X])
start = np.array([2.2, -1.0])
gradient = 2 / len(y) * Z.T @ (Z @ start - y)


def objective_after(step):
    return np.mean((Z @ (start - step * gradient) - y) ** 2)


# %%
# The rule
# --------
#
# Begin with a = 0 and d the longest step to be considered, b and c at the thirds. Then,
# round by round: if a is lowest, the minimum is near, and b, c and d are halved toward
# it. Else the lower of b and c says which side to drop: d moves to c, or a to b. The
# thirds are placed anew, and the search ends when b and c are close together.

longest, tolerance = 2.1, 0.1


def thirds(a, d):
    return np.linspace(a, d, 4)


rounds = []  # the four steps, and what is then done about them
steps = thirds(0.0, longest)
while not rounds or steps[2] - steps[1] >= tolerance * steps[2]:
    a, b, c, d = steps
    J = [objective_after(step) for step in steps]
    if J[0] < min(J[1:]):
        rounds.append((steps, J, "a is lowest: halve b, c, d"))
        steps = thirds(a, d / 2)
    elif J[1] < J[2]:
        rounds.append((steps, J, "J(b) < J(c): d moves to c"))
        steps = thirds(a, c)
    else:
        rounds.append((steps, J, "J(b) ≥ J(c): a moves to b"))
        steps = thirds(b, d)
taken = (steps[1] + steps[2]) / 2

for number, (four, _, verdict) in enumerate(rounds):
    print(f"round {number}: {four.round(4)}  {verdict}")
print(f"step taken: {taken:.4f}, objective {objective_after(taken):.4f}")

# %%
# The estimator does the same. Its ``learning_rate`` is the longest step considered, and
# ``history_`` tells the step that the search took.

model = GradientRegressor(
    solver="gd",
    learning_rate=longest,
    schedule=LineSearch(tolerance=tolerance),
    init=start,
    max_iter=1,
    tol=None,
).fit(X, y)
print(f"by the estimator: {model.history_['learning_rate'][0]:.4f}")

# %%
# The picture
# -----------
#
# Above, J along the ray, with the four steps of the first round. Below, the rounds from
# top to bottom, each a bracket from a to d. The first is far too long: even b leads
# uphill. Once that is mended, the bracket closes in from both sides, by a third of its
# length a round, without ever asking for a derivative.

minimiser = gradient @ gradient / (2 * np.mean((Z @ gradient) ** 2))
looks = {
    "a": ("o", "#000000"),
    "b": ("s", "#0072B2"),
    "c": ("D", "#D55E00"),
    "d": ("^", "#009E73"),
}
fig, (above, below) = plt.subplots(
    2, 1, figsize=(8.5, 7.5), sharex=True, height_ratios=[2, 3], layout="constrained"
)
ray = np.linspace(0, longest, 300)
above.plot(ray, [objective_after(step) for step in ray], color="#777777", lw=2)
for (letter, (marker, color)), step, J in zip(
    looks.items(), *rounds[0][:2], strict=True
):
    above.plot(step, J, marker, color=color, ms=8)
    above.annotate(
        f"J({letter})", (step, J), (-6, 12), textcoords="offset points", ha="center"
    )
above.plot(taken, objective_after(taken), "*", color="#CC79A7", mec="black", ms=15)
above.annotate(
    f"step taken: {taken:.3f}",
    (taken, objective_after(taken)),
    xytext=(taken, 3.2),
    ha="center",
    arrowprops={"arrowstyle": "->", "shrinkB": 9},
)
above.set(ylim=(0, 8.2), ylabel=r"Objective $J(\phi - \mathrm{step}\cdot\nabla J)$")
above.set_title("The objective along the ray, with the steps of round 0")

below.axvline(minimiser, color="#777777", ls="--", lw=1, zorder=0)
for number, (four, _, verdict) in enumerate(rounds):
    below.plot(four[[0, -1]], [number, number], color="#aaaaaa", lw=3, zorder=1)
    for (marker, color), step in zip(looks.values(), four, strict=True):
        below.plot(step, number, marker, color=color, ms=7)
    below.annotate(
        verdict, (four[3], number), (12, 0), textcoords="offset points", va="center"
    )
below.set(xlim=(-0.12, 2.9), yticks=range(len(rounds)), ylim=(len(rounds) - 0.4, -0.6))
below.set(xlabel="Step along the ray", ylabel="Round")
below.set_title("The brackets, closing in on the lowest point (dashed)")
handles = [
    plt.Line2D([], [], marker=marker, color=color, ls="", ms=7, label=letter)
    for letter, (marker, color) in looks.items()
]
below.legend(handles=handles, loc="lower right", ncols=4)
fig.savefig(sys.argv[1] if len(sys.argv) > 1 else "line_search.png", dpi=150)
