"""
=====================================
Choosing the optimizer of a Gabor fit
=====================================

On a surface with many valleys an optimizer has two jobs: to get down, and to get down
into the right one. Which solver does it, at which rate and from how many starts, is a
question for a grid search, as these are parameters like any other. This example asks
it, weighs scores against epochs, and draws the winner with its uncertainty.
"""

# %%
# The data
# --------
#
# Fifty noisy samples of a wave. The share of their variance that is no noise is about
# the best R² to hope for.

import sys
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold

from sklopt import GaborRegressor
from sklopt.datasets import make_gabor
from sklopt.solvers import Adam, Nesterov

phi, noise = (0.5, 15.0), 0.2
X, y = make_gabor(50, phi=phi, noise=noise, random_state=4)
folds = KFold(n_splits=5, shuffle=True, random_state=0)
print(f"Share of the variance that is no noise: {1 - noise**2 / np.var(y):.3f}\n")

# %%
# The search
# ----------
#
# A solver is a name, with the textbook's hyperparameters, or an object with its own. A
# rate of ``"auto"`` trains on standardised data; a number trains φ as it is. Every
# candidate has 1 or 4 random starts, of which the best on the training folds is kept.
# The scorer also notes the epochs.


def r2_and_epochs(model, X, y):
    return {"r2": model.score(X, y), "epochs": model.n_iter_}


def family(solver):
    return solver if isinstance(solver, str) else type(solver).__name__.lower()


shared = {"n_init": [1, 4]}
param_grid = [
    {"solver": ["gd"], "learning_rate": ["auto", 2.0], **shared},
    {
        "solver": ["sgd", "momentum", "nesterov", Nesterov(beta=0.8)],
        "learning_rate": [0.2, 0.5],
        "batch_size": [16],
        **shared,
    },
    {
        "solver": ["adam", Adam(beta_2=0.999)],
        "learning_rate": ["auto", 0.3],
        **shared,
    },
]
wave = GaborRegressor(max_iter=20_000, random_state=0)
search = GridSearchCV(
    wave, param_grid, scoring=r2_and_epochs, refit="r2", cv=folds, n_jobs=2
)
began = time.perf_counter()
search.fit(X, y)
results = pd.DataFrame(search.cv_results_)
results["family"] = results["param_solver"].map(family)
print(f"{len(results)} candidates, five folds each: ", end="")
print(f"{time.perf_counter() - began:.1f} s\n")

# %%
# The best of each solver
# -----------------------
#
# All of them reach the right valley, so that their scores differ by far less than one
# fold does from the next: the minimum is a property of the data and not of the way to
# it. What differs is how many epochs the way takes. The times differ less, as an epoch
# of mini-batches costs more than one of a full batch, and drawing starts takes its
# share.


def fit_time(params, repeats=3):
    """Shortest time of a fit to all data, in milliseconds."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        clone(wave).set_params(**params).fit(X, y)
        times.append(1e3 * (time.perf_counter() - began))
    return min(times)


ranked = results.sort_values("mean_test_r2", ascending=False)
best = ranked.drop_duplicates("family").set_index("family")
table = pd.DataFrame(
    {
        "solver": best["param_solver"].map(str),
        "rate": best["param_learning_rate"],
        "starts": best["param_n_init"],
        "CV R²": best["mean_test_r2"].map("{:.3f}".format),
        "± of folds": best["std_test_r2"].map("{:.3f}".format),
        "epochs": best["mean_test_epochs"].round().astype(int),
        "fit (ms)": best["params"].map(fit_time).round(1),
    }
)
print(table.to_string(index=False))

# %%
# One start or four?
# ------------------
#
# The same results, by the number of starts: for each solver the score at its best rate.
# One is enough here, as it is not just any: ``init="random"`` draws 2048 points and
# begins at that of the lowest J. More starts (8 by default) are for harder data.

by_starts = results.groupby(["family", "param_n_init"])["mean_test_r2"].max().unstack()
by_starts.columns.name = by_starts.index.name = None
print("\nCV R² with one start and with four:")
print(by_starts.round(3).to_string())

# %%
# How sure is the wave?
# ---------------------
#
# ``covariance_`` is that of φ. The standard error of f(x, φ) follows by the delta
# method: f is nearly linear in φ over so small a distance, so that its variance is dᵀ C
# d with d = ∂f/∂φ = f'(z)·(1, κx).

winner = search.best_estimator_
print(f"\nThe winner: {winner.solver}, rate {winner.learning_rate}, ", end="")
print(f"n_init {winner.n_init}")
for name, value, error, truth in zip(
    ("φ₀", "φ₁"), winner.phi_, winner.standard_errors_, phi, strict=True
):
    print(f"{name} = {value:6.3f} ± {error:.3f}, true {truth}")

x = np.linspace(-15, 15, 600)
kappa, window = winner.input_scale, winner.window
z = winner.phi_[0] + kappa * winner.phi_[1] * x
slope = (np.cos(z) - 2 * z / window * np.sin(z)) * np.exp(-(z**2) / window)
d = slope * np.array([np.ones_like(x), kappa * x])
error = np.sqrt(np.einsum("px,pq,qx->x", d, winner.covariance_, d))
f = winner.predict(x[:, np.newaxis])
true_z = phi[0] + kappa * phi[1] * x
truth = np.sin(true_z) * np.exp(-(true_z**2) / window)
inside = np.abs(truth - f) <= 2 * error
print(
    f"The band of ± 2 standard errors holds the true wave at {inside.mean():.0%} of x"
)

# %%
# The picture
# -----------
#
# Above, the winner with its data: the band is about the wave, not about the samples,
# whose noise is much larger. It is narrow where the wave is flat, as no change of φ
# moves it there, and at its crests, where shifting it changes nothing at first. Below,
# the best of each solver: beside the bars, of one standard deviation over the folds,
# the scores are one and the same; the numbers of epochs are not.

fig, (above, below) = plt.subplots(
    2, 1, figsize=(9, 8), height_ratios=[1.5, 1], layout="constrained"
)
above.plot(X[:, 0], y, "o", mfc="white", mec="black", ms=5, label="data", zorder=3)
band = {"color": "#56B4E9", "alpha": 0.6, "lw": 0}
above.fill_between(x, f - 2 * error, f + 2 * error, label="± 2 standard errors", **band)
above.plot(x, f, color="#0072B2", lw=2, label="fitted wave")
above.plot(x, truth, color="#D55E00", ls="--", lw=1.5, label="true wave")
above.set(xlabel="$x$", ylabel="$y$", ylim=(-1.15, 1.35))
values = ", ".join(
    rf"$\phi_{p}$ = {value:.2f} ± {error:.2f}"
    for p, (value, error) in enumerate(
        zip(winner.phi_, winner.standard_errors_, strict=True)
    )
)
above.set_title(f"The winner, {winner.solver}: {values}")
above.legend(loc="upper right", ncols=2)

styles = {
    "gd": ("#000000", "o"),
    "sgd": ("#E69F00", "s"),
    "momentum": ("#009E73", "^"),
    "nesterov": ("#0072B2", "D"),
    "adam": ("#D55E00", "v"),
}
for name, (color, marker) in styles.items():
    below.errorbar(
        best.loc[name, "mean_test_epochs"],
        best.loc[name, "mean_test_r2"],
        best.loc[name, "std_test_r2"],
        fmt=marker,
        color=color,
        ms=8,
        lw=1.5,
        capsize=5,
        label=name,
    )
below.set_xscale("log")
below.set_xlim(30, 600)
below.set_xticks([30, 100, 300], labels=[30, 100, 300])
below.minorticks_off()
below.set(xlabel="Epochs of a fit (mean of the folds)", ylabel="Cross-validated $R^2$")
below.set_title("The best of each solver")
below.grid(alpha=0.3)
fig.legend(*below.get_legend_handles_labels(), loc="outside lower center", ncols=5)
fig.savefig(sys.argv[1] if len(sys.argv) > 1 else "tune_gabor.png", dpi=150)
