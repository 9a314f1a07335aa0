"""A line an epoch, only for those who ask for it, and for no other outcome."""

import re

import numpy as np
import pytest
from cases import N_EPOCHS, make_model, make_problem, make_targets, model_of
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.callback import ProgressBar

from sklopt import GaborRegressor
from sklopt.datasets import make_gabor

X, Y = make_problem()
NUMBER = r"(\S+)"
PLAIN = re.compile(rf"Epoch (\d+), loss = {NUMBER}, learning rate = {NUMBER}")
JUDGED = re.compile(
    rf"Epoch (\d+), loss = {NUMBER}, validation loss = {NUMBER}, "
    rf"learning rate = {NUMBER}"
)


def told(capsys, pattern=PLAIN):
    """The numbers of the printed lines, one row an epoch."""
    output, errors = capsys.readouterr()
    assert errors == ""
    rows = [pattern.fullmatch(line).groups() for line in output.splitlines()]
    return np.array(rows, dtype=float)


def test_silence_is_the_default(capsys):
    make_model("sgd", "constant").fit(X, Y).partial_fit(X, Y)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("verbose", [1, True, 5, np.int64(3)])
def test_a_line_every_so_many_epochs(verbose, capsys):
    model = make_model("adam", "step_decay", verbose=verbose).fit(X, Y)
    rows = told(capsys)
    assert_array_equal(rows[:, 0], np.arange(verbose, N_EPOCHS + 1, verbose))
    told_of = rows[:, 0].astype(int) - 1
    assert_allclose(rows[:, 1], model.loss_curve_[told_of], rtol=1e-5)
    rates = model.history_["learning_rate"][told_of]
    assert_allclose(rows[:, 2], rates, rtol=1e-5)
    quiet = make_model("adam", "step_decay").fit(X, Y)
    assert_array_equal(model.path_, quiet.path_)


def test_the_validation_loss_and_the_last_epoch_are_told(capsys):
    params = {"early_stopping": True, "tol": 0.05, "max_iter": 500, "verbose": 7}
    model = make_model("sgd", "constant", **params).fit(X, Y)
    rows = told(capsys, JUDGED)
    assert model.n_iter_ % 7
    assert_array_equal(rows[:, 0], [*range(7, model.n_iter_, 7), model.n_iter_])
    expected = model.validation_loss_curve_[rows[:, 0].astype(int) - 1]
    assert_allclose(rows[:, 2], expected, rtol=1e-5)


def test_partial_fit_counts_on(capsys):
    model = model_of("sgd", verbose=2)
    for _ in range(5):
        model.partial_fit(X, Y)
    assert_array_equal(told(capsys)[:, 0], [2, 4])


def test_the_mean_of_the_targets_that_train(capsys):
    X, Y = make_targets()
    params = {"tol": 1e-3, "n_iter_no_change": 2, "max_iter": 2000, "verbose": 1}
    model = make_model("sgd", "constant", **params).fit(X, Y)
    assert len(set(model.n_iter_)) > 1
    assert_allclose(told(capsys)[:, 1], np.nanmean(model.loss_curve_, axis=1), 1e-5)


def test_the_best_start_that_trains(capsys):
    data = make_gabor(60, random_state=0)
    params = {"fit_amplitude": True, "random_state": 0, "max_iter": 9, "tol": None}
    model = GaborRegressor(verbose=1, **params).fit(*data)
    rows = told(capsys)
    assert_array_equal(rows[:, 0], range(1, 10))
    assert (rows[:, 1] <= model.loss_curve_ * (1 + 1e-5)).all()
    assert rows[-1, 1] == pytest.approx(model.loss_curve_[-1], rel=1e-5)


def test_lines_beside_callbacks(capsys):
    pytest.importorskip("rich")
    model = model_of("sgd", verbose=3).set_callbacks(ProgressBar())
    model.fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("Epoch ") for line in lines) == N_EPOCHS // 3
