"""A problem that early stopping is for, and models that it stops."""

import numpy as np
import pandas as pd
from cases import (
    history_of,
    make_model,
    parameters,
)
from numpy.testing import assert_array_equal
from sklearn.metrics import r2_score

N_EPOCHS, TOL, PATIENCE = 60, 1e-3, 4


def make_noisy(n_samples=40, n_features=25, seed=0):
    """So few noisy rows that a good fit of them is a bad one of others."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2 * n_samples, n_features))
    y = X[:, 0] + 2.0 * rng.normal(size=2 * n_samples) + 0.5
    return X[:n_samples], y[:n_samples], X[n_samples:], y[n_samples:]


X, Y, X_VAL, Y_VAL = make_noisy()
VALIDATION = {"X_val": X_VAL, "y_val": Y_VAL}
WEIGHTS = np.random.default_rng(1).integers(0, 4, size=len(X)).astype(float)
# A target that stops late, one that is noise alone, and one of another scale.
TARGETS = np.column_stack([X @ np.ones(25), np.roll(Y, 1), 100 * Y])
TARGETS_VAL = np.column_stack([X_VAL @ np.ones(25), np.roll(Y_VAL, 1), 100 * Y_VAL])
SEVERAL = {"X_val": X_VAL, "y_val": TARGETS_VAL}


def make_stopping(solver="sgd", schedule="constant", batch_size=7, **params):
    """A model of the table that validation stops within N_EPOCHS."""
    settings = {
        "learning_rate": "auto" if solver == "gd" else 0.05,
        "max_iter": N_EPOCHS,
        "early_stopping": True,
        "tol": TOL,
        "n_iter_no_change": PATIENCE,
    }
    return make_model(solver, schedule, batch_size, **(settings | params))


def epoch_by_epoch(model, validation, weights=None, n_epochs=N_EPOCHS):
    """The naive loop: train an epoch, predict, remember; losses, scores and φ."""
    model = model.set_params(early_stopping=False)
    X_val, y_val, weights_val = (*validation, None)[:3]
    losses, scores, points = [], [], []
    for _ in range(n_epochs):
        prediction = model.partial_fit(X, Y, weights).predict(X_val)
        losses.append(np.average((prediction - y_val) ** 2, weights=weights_val))
        scores.append(r2_score(y_val, prediction, sample_weight=weights_val))
        points.append(parameters(model))
    return np.array(losses), np.array(scores), np.array(points)


def assert_same_training(pieces, whole):
    """Equal to the last bit."""
    for name in ("coef_", "intercept_", "loss_", "n_iter_", "t_", "stop_reason_"):
        assert_array_equal(getattr(pieces, name), getattr(whole, name))
    for name in ("loss_curve_", "path_", "best_loss_"):
        assert_array_equal(getattr(pieces, name), getattr(whole, name))
    for name in (
        "validation_loss_curve_",
        "validation_scores_",
        "best_validation_score_",
    ):
        assert_array_equal(getattr(pieces, name), getattr(whole, name))
    pd.testing.assert_frame_equal(
        history_of(pieces), history_of(whole), check_exact=True
    )
