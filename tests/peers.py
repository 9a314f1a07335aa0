"""Regressors of others, and ours, trained where all of them take the same steps."""

import re
from unittest import mock

import numpy as np
import pytest
from cases import make_problem, targets_for
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDRegressor
from sklearn.neural_network import MLPRegressor

from sklopt import GradientRegressor, losses, schedules, solvers

N_EPOCHS, N_SAMPLES = 5, 40

# What the letters of the tables stand for; γ is the one that others default to.
LETTERS = {
    "r": 0.02,
    "a": 0.3,
    "b": 8,
    "c": 0.6,
    "d": 0.4,
    "f": lambda t: 1 / (t + 2),
    "p": 0.3,
    "q": 0.6,
    "s": 2,
    "β": 0.9,
    "γ": 0.999,
    "ε": 1e-8,
}
RATE, BATCH_SIZE = LETTERS["r"], LETTERS["b"]

SCOPE = (
    LETTERS
    | {"batch_size": BATCH_SIZE}
    | {
        name: getattr(module, name)
        for module in (losses, schedules, solvers)
        for name in module.__all__
    }
)


def tables_of(text):
    """Tables of a Markdown text, each a list of rows, the header first."""
    found = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    tables = [[_cells(line) for line in table.splitlines()] for table in found]
    return [[header, *rows] for header, _, *rows in tables]


def _cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def arguments(cell):
    """The keyword arguments that a cell prints as code, evaluated."""
    code = ", ".join(re.findall(r"`(\w+=[^`]*)`", cell))
    return eval(f"dict({code})", dict(SCOPE))


def problem_for(loss="squared_error"):
    """Samples, and targets that the loss can be of."""
    X, y = make_problem(N_SAMPLES)
    return X, targets_for(loss, y)


def train_ours(**params):
    """A GradientRegressor trained on mini-batches without shuffling."""
    settings = {"solver": "sgd", "learning_rate": RATE, "batch_size": BATCH_SIZE}
    settings |= {"max_iter": N_EPOCHS, "tol": None, "shuffle": False}
    model = GradientRegressor(**(settings | params))
    return model.fit(*problem_for(model.loss))


def train_sgd(**params):
    """An SGDRegressor of a constant rate, without penalty."""
    settings = {"alpha": 0.0, "eta0": 2 * RATE, "learning_rate": "constant"}
    settings |= {"max_iter": N_EPOCHS, "tol": None, "shuffle": False}
    return SGDRegressor(**(settings | params)).fit(*problem_for())


def train_mlp(**params):
    """An MLPRegressor without hidden layer, its random start replaced by zeros."""
    settings = {"solver": "sgd", "momentum": 0, "alpha": 0.0, "shuffle": False}
    settings |= {"learning_rate_init": 2 * RATE, "batch_size": BATCH_SIZE}
    settings |= {"hidden_layer_sizes": (), "max_iter": N_EPOCHS}
    model = MLPRegressor(**(settings | params))
    X, y = problem_for(model.loss)
    with mock.patch.object(MLPRegressor, "_init_coef") as start:
        start.return_value = np.zeros((X.shape[1], 1)), np.zeros(1)
        with pytest.warns(ConvergenceWarning):  # of max_iter, which is meant
            return model.fit(X, y)


def parameters_of(model):
    """φ, the intercept first, whoever trained it."""
    if isinstance(model, MLPRegressor):
        return np.append(model.intercepts_[0], model.coefs_[0])
    return np.append(model.intercept_, model.coef_)


def torch_scope(torch):
    """What a cell about torch can name, and parameters of zero to be trained."""
    params = [torch.zeros(4, dtype=torch.float64, requires_grad=True)]
    return LETTERS | {
        "torch": torch,
        "nn": torch.nn,
        "optim": torch.optim,
        "lr_scheduler": torch.optim.lr_scheduler,
        "DataLoader": torch.utils.data.DataLoader,
        "data": list(range(N_SAMPLES)),
        "model": torch.nn.Linear(3, 1),
        "params": params,
        "optimizer": torch.optim.SGD(params, lr=RATE),
    }


def train_torch(torch, cell, loss="squared_error"):
    """Full-batch training from 0 by what a cell prints as code; returns φ."""
    scope = torch_scope(torch)
    code = re.match(r"`(.*?)`", cell)[1]
    made = eval(code, scope)
    optimizer = made if isinstance(made, torch.optim.Optimizer) else scope["optimizer"]
    judge = made if isinstance(made, torch.nn.Module) else torch.nn.MSELoss()
    scheduler = made if code.startswith("lr_scheduler") else None
    is_of_gradients = code.startswith("nn.utils")
    X, y = (torch.from_numpy(array) for array in problem_for(loss))
    X = torch.column_stack([torch.ones(N_SAMPLES, dtype=X.dtype), X])
    (phi,) = scope["params"]
    for _ in range(N_EPOCHS):
        optimizer.zero_grad()
        judge(X @ phi, y).backward()
        if is_of_gradients:
            eval(code, scope)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return phi.detach().numpy()
