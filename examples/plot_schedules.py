"""
===========================
What a schedule is good for
===========================

On mini-batches, a constant learning rate has to choose: a high one gets down fast and
then jitters about the minimum for ever, a low one jitters less and gets there late. A
schedule begins high and ends low. This example draws the schedules of sklopt, and what
each of them makes of the same stochastic gradient descent.
"""

# %%
# The schedules
# -------------
#
# A schedule gives the learning rate α of every epoch t, from the first rate α₀ on. As a
# string it takes its textbook hyperparameters; as an object it takes yours.

import sys

import matplotlib.pyplot as plt
import numpy as np

from sklopt import GradientRegressor
from sklopt.inspection import LossCurveDisplay, ScheduleDisplay
from sklopt.schedules import (
    Constant,
    Cosine,
    ExponentialDecay,
    InverseScaling,
    Plateau,
    StepDecay,
)

schedules = {
    "constant": Constant(),
    "step decay": StepDecay(factor=0.3, every=15),
    "exponential": ExponentialDecay(factor=0.92),
    "inverse scaling": InverseScaling(power=0.7),
    "cosine": Cosine(),
    "plateau": Plateau(factor=0.4, patience=2, threshold=0.005),
}

# %%
# The training
# ------------
#
# Five features of similar scale, a linear truth, and noise of variance 1, so that no
# line has an objective much below 1. Batches of 8 rows make noisy gradients.

rng = np.random.default_rng(0)
X = rng.normal(size=(2000, 5))
y = X @ [3.0, -2.0, 1.0, 0.5, -1.0] + rng.normal(size=2000)

models = {
    name: GradientRegressor(
        solver="sgd",
        learning_rate=0.08,
        schedule=schedule,
        batch_size=8,
        max_iter=60,
        tol=None,
        random_state=0,
        store_path="epoch",
    ).fit(X, y)
    for name, schedule in schedules.items()
}

# %%
# ``loss_curve_`` would hide the differences under the noise of the data, which no model
# can do anything about. So the picture shows how far the objective at the end of each
# epoch lies above the lowest possible one.

Z = np.column_stack([np.ones(len(X)), X])
least_squares = np.linalg.lstsq(Z, y)[0]


def excess(path):
    """J − min J at the points of a path; J is a parabola about its minimum."""
    return (((path - least_squares) @ Z.T) ** 2).mean(axis=1)


excesses = {name: excess(model.path_) for name, model in models.items()}
for name, values in excesses.items():
    last = np.median(values[-10:])
    print(f"{name:16} {last:.1e} above the minimum, median of the last ten epochs")

# %%
# Rates and what they lead to
# ---------------------------
#
# The constant rate stays where its jitter holds it. Every schedule gets far below: the
# lower the rate, the lower the jitter, and each drop of ``StepDecay`` is a drop of the
# objective. The plateau schedule is drawn as it went in this training, for it falls
# when the objective stands still. Where a rate falls too soon, progress freezes
# before the minimum is reached; on this well-conditioned problem that never costs much.

fig, (above, below) = plt.subplots(
    2, 1, figsize=(8.5, 7.5), sharex=True, layout="constrained"
)
rates = ScheduleDisplay.from_estimators(models, ax=above, yscale="log")
curves = LossCurveDisplay(loss_curves=excesses).plot(ax=below)
above.set(title="Six schedules", xlabel="")
below.set(title="Stochastic gradient descent under each of them")
below.set(ylabel=r"Objective above its minimum, $J - \min J$", xlim=(0, 61))
above.legend_.remove()
fig.savefig(sys.argv[1] if len(sys.argv) > 1 else "schedules.png", dpi=150)
