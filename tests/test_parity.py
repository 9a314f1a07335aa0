"""The same answers as other libraries, where they run the same algorithm."""

import numpy as np
import pytest
from cases import make_problem, make_weights
from sklearn.linear_model import SGDRegressor

from sklopt import GradientRegressor
from sklopt.schedules import (
    Cosine,
    ExponentialDecay,
    InverseScaling,
    Plateau,
    StepDecay,
)
from sklopt.solvers import Adam, Momentum

# Some hundred updates in another order of summation.
CLOSE = {"rtol": 1e-10, "atol": 1e-13}

# --- scikit-learn ----------------------------------------------------------------

# SGDRegressor halves the squared error, so that its rate for the same step is 2α, and
# its `alpha` for the same penalty half of ours.
RATE, N_EPOCHS = 0.01, 7

SKLEARN_SCHEDULES = {
    "constant": ("constant", {"learning_rate": "constant"}),
    "invscaling": (
        InverseScaling(power=0.3, per="update"),
        {"learning_rate": "invscaling", "power_t": 0.3},
    ),
}
# So little of ‖w‖₁ that no coefficient is clipped: from there on SGDRegressor's way to
# clip by all that is owed so far is another algorithm.
PENALTIES = {
    "none": (None, 0.0),
    "l2": ("l2", 0.4),
    "l1": ("l1", 0.05),
    "elasticnet": ("elasticnet", 0.3),
}


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("schedule", SKLEARN_SCHEDULES)
def test_sgd_equals_sgd_regressor(schedule, penalty, is_weighted, fit_intercept):
    X, y = make_problem()
    weights = None
    if is_weighted:
        # SGDRegressor takes weights as they are, and counts an update that a row
        # without weight does not make: hence mean 1, and none of them 0.
        weights = make_weights() + 0.1
        weights /= weights.mean()
    ours, theirs = SKLEARN_SCHEDULES[schedule]
    penalty, alpha = PENALTIES[penalty]
    shared = {
        "penalty": penalty,
        "fit_intercept": fit_intercept,
        "max_iter": N_EPOCHS,
        "tol": None,
        "shuffle": False,
    }
    model = GradientRegressor(
        "sgd", learning_rate=RATE, schedule=ours, batch_size=1, alpha=alpha, **shared
    ).fit(X, y, weights)
    expected = SGDRegressor(eta0=2 * RATE, alpha=alpha / 2, **theirs, **shared)
    expected.fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(model.coef_, expected.coef_, **CLOSE)
    np.testing.assert_allclose(model.intercept_, expected.intercept_.item(), **CLOSE)


# --- torch -----------------------------------------------------------------------


def full_batch_path(solver, schedule="constant", n_epochs=40):
    X, y = make_problem()
    return GradientRegressor(
        solver,
        learning_rate=0.05,
        schedule=schedule,
        batch_size=None,
        max_iter=n_epochs,
        tol=None,
        store_path="epoch",
    ).fit(X, y)


def torch_path(torch, make_optimizer, make_scheduler=None, n_epochs=40):
    """φ, the losses and the rates of a full-batch training by torch, from 0."""
    X, y = make_problem()
    Z = torch.from_numpy(np.column_stack([np.ones(len(X)), X]))
    y = torch.from_numpy(y)
    phi = torch.zeros(Z.shape[1], dtype=torch.float64, requires_grad=True)
    optimizer = make_optimizer(phi)
    scheduler = make_scheduler(optimizer) if make_scheduler else None
    path, losses, rates = [phi.detach().numpy().copy()], [], []
    for _ in range(n_epochs):
        optimizer.zero_grad()
        loss = ((Z @ phi - y) ** 2).mean()
        loss.backward()
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            scheduler.step(loss.item())
        elif scheduler is not None:
            scheduler.step()
        path.append(phi.detach().numpy().copy())
        losses.append(loss.item())
    return np.array(path), np.array(losses), np.array(rates)


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.mark.parity
@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.8, 0.999)])
def test_adam_equals_torch(torch, betas):
    model = full_batch_path(Adam(*betas))
    path, losses, _ = torch_path(
        torch, lambda phi: torch.optim.Adam([phi], lr=0.05, betas=betas, eps=1e-8)
    )
    np.testing.assert_allclose(model.path_, path, **CLOSE)
    np.testing.assert_allclose(model.loss_curve_, losses, **CLOSE)


@pytest.mark.parity
@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9])
def test_momentum_equals_torch_with_dampening(torch, beta):
    def make_optimizer(phi):
        optimizer = torch.optim.SGD([phi], lr=0.05, momentum=beta, dampening=beta)
        # Without a buffer torch begins with m = g, not with (1 − β)g.
        optimizer.state[phi]["momentum_buffer"] = torch.zeros_like(phi)
        return optimizer

    path, losses, _ = torch_path(torch, make_optimizer)
    model = full_batch_path(Momentum(beta=beta))
    np.testing.assert_allclose(model.path_, path, **CLOSE)
    np.testing.assert_allclose(model.loss_curve_, losses, **CLOSE)


@pytest.mark.parity
def test_momentum_is_accumulated_momentum_at_a_tenth_of_the_rate(torch):
    # What the documentation promises: torch's rate for the same step is α(1 − β).
    def make_optimizer(phi):
        return torch.optim.SGD([phi], lr=0.05 * (1 - 0.9), momentum=0.9)

    path, _, _ = torch_path(torch, make_optimizer)
    np.testing.assert_allclose(full_batch_path("momentum").path_, path, **CLOSE)


TORCH_SCHEDULES = {
    "step_decay": (
        StepDecay(factor=0.3, every=7),
        "StepLR",
        {"step_size": 7, "gamma": 0.3},
    ),
    "exponential": (ExponentialDecay(factor=0.8), "ExponentialLR", {"gamma": 0.8}),
    "cosine": (Cosine(epochs=40), "CosineAnnealingLR", {"T_max": 40}),
}


@pytest.mark.parity
@pytest.mark.parametrize("name", TORCH_SCHEDULES)
def test_rates_equal_torch(torch, name):
    schedule, scheduler, params = TORCH_SCHEDULES[name]
    model = full_batch_path("gd", schedule)
    path, losses, rates = torch_path(
        torch,
        lambda phi: torch.optim.SGD([phi], lr=0.05),
        lambda optimizer: getattr(torch.optim.lr_scheduler, scheduler)(
            optimizer, **params
        ),
    )
    # Torch multiplies one rate by the last: 40 roundings, and for the cosine a
    # recurrence that cancels toward its end.
    rates_of_model = model.history_["learning_rate"]
    np.testing.assert_allclose(rates_of_model, rates, rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(model.path_, path, **CLOSE)
    np.testing.assert_allclose(model.loss_curve_, losses, **CLOSE)


PLATEAUS = {
    "default": Plateau(),
    "impatient": Plateau(patience=0, threshold=0.1, factor=0.7),
    "cooldown": Plateau(patience=1, threshold=0.2, cooldown=3),
    "min_rate": Plateau(patience=1, threshold=0.3, min_rate=0.02),
}


@pytest.mark.parity
@pytest.mark.parametrize("name", PLATEAUS)
def test_plateau_equals_torch(torch, name):
    schedule = PLATEAUS[name]
    params = schedule.get_params()
    params["min_lr"] = params.pop("min_rate")
    # At a threshold of 1e-4 it takes 395 epochs until the first drop.
    n_epochs = 430 if name == "default" else 30
    model = full_batch_path("gd", schedule, n_epochs)
    path, losses, rates = torch_path(
        torch,
        lambda phi: torch.optim.SGD([phi], lr=0.05),
        lambda optimizer: torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, threshold_mode="rel", eps=0.0, **params
        ),
        n_epochs,
    )
    assert len(np.unique(rates)) >= 3
    assert rates[-1] > 1e-6 * rates[0]  # ours goes no lower, torch's does
    np.testing.assert_allclose(model.history_["learning_rate"], rates, **CLOSE)
    np.testing.assert_allclose(model.path_, path, **CLOSE)
    np.testing.assert_allclose(model.loss_curve_, losses, **CLOSE)
