"""
==============================================
Stochastic descent escapes where descent stays
==============================================

The gradient of a mini-batch is the right one plus noise. On a bowl the noise is a
nuisance; on a surface with several valleys it can be of help, as a step that is wrong
for all of the data may lead across a ridge. This example starts gradient descent and
stochastic gradient descent at the same points, a hundred times, and counts.
"""

# %%
# Two hollows
# -----------
#
# The data are samples of a Gabor wave. The deepest valley of J is in the middle, about
# φ = (0, 17); both starts lie in other ones.

import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from sklopt import GaborRegressor
from sklopt.datasets import make_gabor
from sklopt.inspection import LossSurfaceDisplay, curvature

X, y = make_gabor(60, phi=(0.0, 16.6), noise=0.1, random_state=1)
starts = {"right": [6.0, 14.0], "left": [-6.0, 14.0]}


def descend(solver, start, learning_rate, **others):
    return GaborRegressor(
        solver=solver,
        learning_rate=learning_rate,
        init=start,
        tol=None,
        store_path="step",
        **others,
    ).fit(X, y)


# %%
# Gradient descent has no choice: it ends in the hollow that it started in. The global
# minimum is what ``GaborRegressor`` finds when it chooses the starts itself.

best = GaborRegressor(random_state=0).fit(X, y)
print(f"global minimum  φ = {best.phi_.round(2)}, J = {best.loss_:.4f}")
stays = {}
for name, start in starts.items():
    stays[name] = descend("gd", start, 2.0, max_iter=2000)
    end = curvature(stays[name], X, y)
    print(f"gd from {name:5}   φ = {end.at.round(2)}, J = {end.loss:.4f}, {end.kind}")

# %%
# A hundred seeds
# ---------------
#
# Two samples a batch is as noisy as it gets, short of one, and the noise of a step
# grows with the rate. The rate begins high, for the ridges, and falls to zero along a
# cosine, so that whichever valley holds the ball at last, it ends at the bottom and not
# in the jitter above it. Only the seed differs, that is the order of the samples. A run
# has escaped to the global minimum if its J is within a tenth of the lowest.

seeds = range(100)
rates = [0.5, 1.0, 2.0, 3.0, 4.0, 6.0]


def run(start, rate, seed):
    return descend(
        "sgd",
        start,
        rate,
        schedule="cosine",
        batch_size=2,
        max_iter=200,
        random_state=seed,
    )


final = {
    (name, rate): np.array([run(start, rate, seed).loss_ for seed in seeds])
    for name, start in starts.items()
    for rate in rates
}
found = {key: losses < 1.1 * best.loss_ for key, losses in final.items()}
shares = pd.Series({key: hits.mean() for key, hits in found.items()}).unstack(level=0)
shares.index.name = "rate"
print("\nShare of 100 seeds that found the global minimum:")
print(shares[list(starts)].map("{:.0%}".format).to_string())

# %%
# How much noise?
# ---------------
#
# A low rate behaves like gradient descent. With a higher one more runs get out; but
# what leaves a bad valley can leave a good one too, and beyond some rate hardly any run
# comes to rest in the deepest. Those that did not find it at rate 3 were thrown out of
# all valleys: they lie on plains far to the right and left, beyond the picture, where
# hardly a sample sees the wave and J is about what a model that is always 0 has, the
# mean of y². That is lower than where gradient descent stays, and no wave at all.

rate = 3.0
plain = np.mean(y**2)
print(f"\nJ of f = 0: {plain:.4f}")
for name in starts:
    n_found = found[name, rate].sum()
    n_plain = (abs(final[name, rate] / plain - 1) < 0.1).sum()
    n_others = len(seeds) - n_found - n_plain
    print(
        f"from {name:5} at rate {rate:g}: {n_found} escaped to the global minimum, ",
        end="",
    )
    print(f"{n_plain} to the plains, {n_others} elsewhere")

# %%
# So noise is a lottery with better odds, and no guarantee. Several starts (``n_init``)
# are another, and the two go together.
#
# The picture
# -----------
#
# Left, from each start the way of gradient descent and that of the first seed that
# found the global minimum: it is thrown to and fro across its valley, until one batch
# throws it over the ridge. Right, the final J of all hundred seeds.

paths = {}
for name, start in starts.items():
    seed = int(found[name, rate].argmax())
    paths[f"gd from the {name}"] = stays[name]
    paths[f"sgd from the {name}, seed {seed}"] = run(start, rate, seed)

fig, axes = plt.subplot_mosaic(
    [["surface", "right"], ["surface", "left"]],
    figsize=(12, 7),
    width_ratios=[1.3, 1],
    layout="constrained",
)
LossSurfaceDisplay.from_estimators(
    paths,
    X,
    y,
    limits=((-9, 9), (2.5, 22.5)),
    critical_points={"global minimum": [best.phi_]},
    spacing="quantile",
    ax=axes["surface"],
    line_kw={"markersize": 0, "linewidth": 1.3},
)
axes["surface"].set_title("Full batches stay, mini-batches of two cross the ridge")
bins = np.linspace(0, 0.1, 41)
weights = np.full(len(seeds), 1 / len(seeds))
for name in starts:
    ax = axes[name]
    ax.hist(final[name, rate], bins, weights=weights, color="#0072B2")
    ax.axvline(plain, color="#777777", ls=":", lw=2, label="always 0")
    ax.axvline(stays[name].loss_, color="black", ls="--", lw=2, label="gd")
    share = found[name, rate].mean()
    ax.annotate(
        f"{share:.0%} in the\nglobal minimum",
        (best.loss_, share),
        xytext=(14, -4),
        textcoords="offset points",
        va="top",
    )
    ax.set(xlim=(0, 0.1), ylim=(0, 0.8), ylabel="Share of seeds")
    ax.set(xlabel="Final objective $J$", title=f"100 seeds from the {name}")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.legend(loc="upper right", ncols=2, framealpha=1)
fig.savefig(sys.argv[1] if len(sys.argv) > 1 else "sgd_escapes.png", dpi=150)
