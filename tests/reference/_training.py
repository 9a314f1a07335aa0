"""Training, epoch by epoch."""

import math
from functools import partial
from types import SimpleNamespace

import numpy as np

from ._losses import (
    LOSSES,
)
from ._objective import (
    LINEAR,
    batch_gradient,
    batch_objective,
    mean_one,
    shrunk,
)
from ._schedules import (
    Rates,
    line_search,
)
from ._solvers import (
    SOLVERS,
    averaged,
    clipped,
    coordinate_rates,
    look_ahead,
)


def batches(order, batch_size):
    """Consecutive pieces of an epoch's order; the last one may be smaller."""
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def train(
    X,
    y,
    *,
    orders,
    solver="sgd",
    solver_params=None,
    schedule="constant",
    schedule_params=None,
    learning_rate,
    batch_size=None,
    sample_weight=None,
    alpha=0.0,
    l1=0.0,
    is_trained=True,
    init=None,
    model=LINEAR,
    loss="squared_error",
    loss_params=None,
    average=False,
    clipping=None,
):
    """Train for one epoch per entry of `orders`.

    Parameters
    ----------
    X, y : ndarray of shape (n, d) and (n,)
    orders : list of sequences of row numbers
        The order of the rows in each epoch.
    solver, schedule, loss : str
        With their hyperparameters in `solver_params` and so on.
    learning_rate : float
        α₀; of a line search the longest step.
    batch_size : int or None
        None is the whole training set, as it is for ``solver="gd"`` in any case.
    alpha, l1 : float
        Weights of ½ ‖w‖², which is part of the gradient, and of ‖w‖₁, whose proximal
        step ends every update, and the way to a look-ahead point.
    is_trained : bool or sequence of bool
        Of each parameter; the others stay as they are.
    average : bool, int or "exponential"
        Which updates `averages` is of.
    clipping : float or None
        The largest norm of a gradient.

    Returns
    -------
    SimpleNamespace
        path : (epochs + 1, d + 1), φ at the start and after each epoch.
        steps : (updates + 1, d + 1), φ at the start and after each update.
        averages : (epochs, d + 1), the averaged φ after each epoch.
        losses : (epochs,), the mean objective seen, before each update.
        rates : (epochs,), the rate of each epoch's last mini-batch.
        norms : (epochs,), ‖g‖ of each epoch's last mini-batch; NaN if it has no weight.
        moves : (epochs,), length of the step that it made; likewise.
    """
    point_of, update = SOLVERS[solver]
    solver_params, schedule_params = solver_params or {}, schedule_params or {}
    schedule_rates = Rates(schedule, learning_rate, schedule_params)
    loss_of = partial(LOSSES[loss], **(loss_params or {}))
    s = mean_one(sample_weight, len(y))
    if batch_size is None or solver == "gd":
        batch_size = len(y)

    phi = np.zeros(X.shape[1] + 1) if init is None else np.array(init, dtype=float)
    m, v, t = np.zeros_like(phi), np.zeros_like(phi), 0
    path, steps, losses, rates, norms, moves = [phi], [phi], [], [], [], []
    averages = []
    for epoch, order in enumerate(orders):
        seen = 0.0
        for batch in batches(np.asarray(order), batch_size):
            rate = schedule_rates.now(epoch, t)
            point = point_of(phi, m, rate)
            if l1 and point_of is look_ahead:
                point = shrunk(point, X, rate * l1)
            part = X[batch], y[batch], s[batch], alpha, model, loss_of
            seen += batch_objective(point, *part, l1) * len(batch) / len(y)
            norm = move = math.nan
            if s[batch].sum() == 0:
                continue  # a batch without weight says nothing
            g = batch_gradient(point, *part, is_trained)
            norm = np.linalg.norm(g)
            g = clipped(g, clipping)
            if schedule == "line_search":
                J = objective_along(phi, g, part)
                rate = line_search(J, learning_rate, **schedule_params)
            phi, m, v = update(phi, m, v, g, rate, t, **solver_params)
            if l1:
                rates_now = coordinate_rates(solver, v, rate, t, **solver_params)
                phi = shrunk(phi, X, l1 * rates_now)
            t += 1
            move = np.linalg.norm(phi - steps[-1])
            steps.append(phi)
        schedule_rates.close_epoch(seen)
        path.append(phi)
        averages.append(averaged(np.array(steps), average))
        losses.append(seen)
        rates.append(rate)
        norms.append(norm)
        moves.append(move)
    records = {"path": path, "steps": steps, "averages": averages, "losses": losses}
    records |= {"rates": rates, "norms": norms, "moves": moves}
    return SimpleNamespace(**{name: np.array(r) for name, r in records.items()})


def stopped_early(validation_losses, tol, n_iter_no_change):
    """Epochs trained, and the epoch whose parameters are kept.

    Training ends after `n_iter_no_change` epochs in sequence without a validation loss
    below (1 − tol) · the best; what is kept is the lowest of all, by however little.
    """
    best, n_stale = math.inf, 0
    for epoch, loss in enumerate(validation_losses):
        if loss < best * (1 - tol):
            best, n_stale = loss, 0
        else:
            n_stale += 1
        if n_stale == n_iter_no_change:
            return epoch + 1, int(np.argmin(validation_losses[: epoch + 1]))
    return len(validation_losses), int(np.argmin(validation_losses))


def objective_along(phi, g, part):
    """J as a function of the step along −g."""
    return lambda step: batch_objective(phi - step * g, *part)
