"""ModelPathDisplay: the model at the epochs asked for, over its data."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from inspection.fits import X3, Y3, X, Y, draw_model, fitted, labels
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklopt import GaborRegressor, GradientRegressor
from sklopt.inspection import (
    ModelPathDisplay,
)


@pytest.mark.parametrize("store_path", ["epoch", "step"])
def test_model_at_epochs(store_path):
    model = fitted("sgd", batch_size=7, store_path=store_path)
    display = ModelPathDisplay.from_estimator(model, X, Y, epochs=[0, 2, 12])
    path = fitted("sgd", batch_size=7).path_[[0, 2, 12]]
    assert [line.get_label() for line in display.lines_] == [
        "epoch 0",
        "epoch 2",
        "epoch 12",
    ]
    for phi, line in zip(path, display.lines_, strict=True):
        x, y = line.get_data()
        assert (x[0], x[-1]) == (X.min(), X.max())
        assert_allclose(y, phi[0] + phi[1] * x, atol=1e-12)
    assert_array_equal(display.points_.get_xydata(), np.column_stack([X, Y]))
    assert labels(display.legend_) == ["data", "epoch 0", "epoch 2", "epoch 12"]


def test_waves_at_epochs():
    wave = GaborRegressor(random_state=0, store_path="epoch").fit(X, np.sin(Y))
    display = ModelPathDisplay.from_estimator(wave, X, np.sin(Y))
    grid = display.grid[:, np.newaxis]
    assert_allclose(display.predictions[-1], wave.predict(grid), rtol=1e-6)


def test_models_go_from_light_to_dark():
    lines = draw_model().lines_
    assert len(lines) == 6
    luminance = [np.dot(line.get_color()[:3], [0.3, 0.6, 0.1]) for line in lines]
    assert (np.diff(luminance) < 0).all()
    (line,) = ModelPathDisplay.from_estimator(fitted(), X, Y, epochs=[12]).lines_
    assert_allclose(line.get_color(), lines[-1].get_color())


@pytest.mark.parametrize("n_epochs", [1, 2, 500])
def test_default_epochs_go_from_start_to_end(n_epochs):
    model = fitted(max_iter=n_epochs)
    epochs = ModelPathDisplay.from_estimator(model, X, Y).epochs
    assert epochs[0] == 0
    assert epochs[-1] == n_epochs
    assert len(set(epochs)) == len(epochs) <= 6


def test_model_of_a_pipeline_with_names():
    table, y = pd.DataFrame(X, columns=["dose"]), pd.Series(Y, name="answer")
    model = GradientRegressor(max_iter=5, tol=None, store_path="epoch")
    pipeline = make_pipeline(StandardScaler(), model).fit(table, y)
    display = ModelPathDisplay.from_estimator(pipeline, table, y)
    grid = pd.DataFrame({"dose": display.grid})
    assert_allclose(display.predictions[-1], pipeline.predict(grid))
    assert display.ax_.get_xlabel() == "dose"
    assert display.ax_.get_ylabel() == "answer"


@pytest.mark.parametrize("epochs", [[-1], [0, 13]])
def test_epochs_that_were_not_trained(epochs):
    with pytest.raises(ValueError, match="epochs must lie between 0 and 12, the last"):
        ModelPathDisplay.from_estimator(fitted(), X, Y, epochs=epochs)


@pytest.mark.parametrize("epochs", [[], [0.5], [np.nan], [True], [[0, 1]], ["last"]])
def test_epochs_are_whole_numbers(epochs):
    with pytest.raises(ValueError, match="epochs must be a list of at least one whole"):
        ModelPathDisplay.from_estimator(fitted(), X, Y, epochs=epochs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 3}, "'epochs' parameter of ModelPathDisplay"),
        ({"epochs": "all"}, "'epochs' parameter of ModelPathDisplay"),
        ({"epochs": [[0], [1, 2]]}, "epochs: "),
        ({"grid_resolution": 1}, "'grid_resolution' parameter of ModelPathDisplay"),
        ({"point_kw": "o"}, "'point_kw' parameter of ModelPathDisplay"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ModelPathDisplay.from_estimator(fitted(), X, Y, **arguments)


def test_an_unknown_map_of_colours_leaves_no_figure():
    with pytest.raises(ValueError, match="'nope' is not a valid value for cmap"):
        ModelPathDisplay.from_estimator(fitted(), X, Y, cmap="nope")
    assert plt.get_fignums() == []


def test_epochs_are_drawn_in_order_and_once():
    display = ModelPathDisplay.from_estimator(fitted(), X, Y, epochs=[12, 0, 12, 3])
    assert display.epochs == [0, 3, 12]
    assert len(display.lines_) == 3


@pytest.mark.parametrize(
    ("data", "message"),
    [(X[:, 0], "X: Expected 2D array"), (np.nan * X, "X contains NaN")],
)
def test_wrong_samples_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        ModelPathDisplay.from_estimator(fitted(), data, Y)


def test_a_path_that_begins_late():
    model = fitted(store_path=False).set_params(store_path="epoch").partial_fit(X, Y)
    with pytest.raises(ValueError, match="does not begin where the training did"):
        ModelPathDisplay.from_estimator(model, X, Y)


@pytest.mark.parametrize("every", [1, 2, 3, 6])
def test_a_sparse_path_that_epochs_end_in(every):
    batch_size = -(-len(Y) // 6)  # 6 updates an epoch
    settings = {"batch_size": batch_size, "max_iter": 4}
    whole = ModelPathDisplay.from_estimator(fitted("sgd", **settings), X, Y)
    sparse = fitted("sgd", store_path=every, **settings)
    sparse = ModelPathDisplay.from_estimator(sparse, X, Y)
    assert sparse.epochs == whole.epochs
    assert_array_equal(sparse.predictions, whole.predictions)


@pytest.mark.parametrize("every", [4, 5, 7])
def test_a_sparse_path_that_epochs_do_not_end_in(every):
    """Every fifth of 24 updates is as many points as there are epochs."""
    model = fitted("sgd", batch_size=-(-len(Y) // 6), max_iter=4, store_path=every)
    assert model.t_ == 24
    with pytest.raises(ValueError, match=f"only every update .* a multiple of {every}"):
        ModelPathDisplay.from_estimator(model, X, Y)


def test_models_of_several_features_are_not_drawn():
    with pytest.raises(ValueError, match="X must have one feature"):
        ModelPathDisplay.from_estimator(fitted(X=X3, y=Y3), X3, Y3)
