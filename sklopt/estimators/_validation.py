"""Rows that are not trained on: those that a user passes, or a share of the data."""

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_consistent_length

from .._naming import naming
from ..engine._types import Data, read_only
from ._inputs import (
    FLOATS,
    checked_matrix,
    checked_weight,
    finite_cast,
    mean_one,
    refuse_foreign,
)


def checked_validation(estimator, data, X_val, y_val, sample_weight_val):
    """The validation set that was passed as `Data` like the training set, or None."""
    refuse_foreign(X_val=X_val, y_val=y_val, sample_weight_val=sample_weight_val)
    if X_val is None and y_val is None:
        if sample_weight_val is not None:
            raise ValueError(
                "sample_weight_val is provided, but X_val and y_val were not provided."
            )
        return None
    if y_val is None:
        raise ValueError("X_val is provided, but y_val was not provided.")
    if X_val is None:
        raise ValueError("y_val is provided, but X_val was not provided.")
    dtype = data.X.dtype
    with naming("X_val"):
        X = checked_matrix(estimator, X_val, order="C")
        X = finite_cast(X, dtype, "X_val")
    with naming("y_val"):
        y = check_array(
            y_val, dtype=FLOATS, order="C", ensure_2d=False, input_name="y_val"
        )
        check_consistent_length(X, y)
        y = finite_cast(y, dtype, "y_val").reshape(len(y), -1)
    if y.shape[1] != data.y.shape[1]:
        raise ValueError(
            f"y_val has {y.shape[1]} targets, but y has {data.y.shape[1]}."
        )
    weight = checked_weight(sample_weight_val, X, "sample_weight_val")
    return Data(*map(read_only, (X, y, weight)))


def drawn_places(n_samples, validation_fraction, random_state):
    """Indices of the rows to train on, and of those for validation."""
    with naming("validation_fraction"):
        return train_test_split(
            np.arange(n_samples),
            test_size=validation_fraction,
            random_state=random_state,
        )


def split(data, validation_fraction, random_state):
    """The data in two, as `train_test_split` draws them: for training, for validation.

    Each part's weights have mean 1 of their own.
    """
    parts = drawn_places(len(data.y), validation_fraction, random_state)
    names = "training", "validation"
    return [_part(data, *pair) for pair in zip(parts, names, strict=True)]


def _part(data, rows, name):
    weight = data.weight
    if weight.size:
        weight = weight[rows]
        if not weight.any():
            raise ValueError(
                f"sample_weight is zero in all {len(rows)} {name} rows that "
                "early_stopping has drawn: pass X_val and y_val."
            )
        weight = mean_one(weight).astype(data.X.dtype, copy=False)
    return Data(*map(read_only, (data.X[rows], data.y[rows], weight)))
