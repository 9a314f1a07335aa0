"""Known values, and what the formulas imply: weights, gradients, convergence."""

import math

import numpy as np
import pytest
import reference
from cases import (
    SOLVERS,
    every_solver,
    make_model,
    make_problem,
    make_weights,
    parameters,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from sklopt import GradientRegressor
from sklopt.schedules import (
    Cosine,
    ExponentialDecay,
    InverseScaling,
    LineSearch,
    Plateau,
    StepDecay,
)
from sklopt.solvers import GD, SGD, Adam, Momentum, Nesterov

# --- single steps, computed by hand ----------------------------------------------

# Two points, f = φ₀ + φ₁x: J = ½[(φ₀ − 1)² + (φ₀ + φ₁ − 3)²], with the gradient
# (r₁ + r₂, r₂) of the residuals r₁ = φ₀ − 1 and r₂ = φ₀ + φ₁ − 3; at 0 it is (−4, −3).
X_TWO, Y_TWO = [[0.0], [1.0]], [1.0, 3.0]

# Adam, all decays ½ and ε = 1. First g = (−4, −3), so m̃ = g and √ṽ = |g|; then
# φ = (0.08, 0.075), r = (−0.92, −2.845), g = (−3.765, −2.845), m̃ = (m + g)/1.5.
ADAM_SECOND_STEP = [
    0.1 * ((2 + 3.765) / 1.5) / (math.sqrt((8 + 3.765**2) / 1.5) + 1),
    0.1 * ((1.5 + 2.845) / 1.5) / (math.sqrt((4.5 + 2.845**2) / 1.5) + 1),
]

BY_HAND = {
    "gd": (GD(), [(0.4, 0.3), (0.69, 0.53), (0.899, 0.708)]),
    # m = (−2, −1.5), then r = (−0.8, −2.65), g = (−3.45, −2.65), m = (−2.725, −2.075).
    "momentum": (Momentum(beta=0.5), [(0.2, 0.15), (0.4725, 0.3575)]),
    # The second gradient is taken at (0.4, 0.3): g = (−2.9, −2.3), m = (−2.45, −1.9).
    "nesterov": (Nesterov(beta=0.5), [(0.2, 0.15), (0.445, 0.34)]),
    "adam": (
        Adam(beta_1=0.5, beta_2=0.5, epsilon=1.0),
        [(0.08, 0.075), (0.08 + ADAM_SECOND_STEP[0], 0.075 + ADAM_SECOND_STEP[1])],
    ),
    # Each parameter moves by α along the sign of its gradient.
    "normalised": (Adam(beta_1=0.0, beta_2=0.0), [(0.1, 0.1), (0.2, 0.2), (0.3, 0.3)]),
}


@pytest.mark.reduced
@pytest.mark.parametrize("name", BY_HAND)
def test_first_steps_by_hand(name):
    solver, expected = BY_HAND[name]
    params = {"learning_rate": 0.1, "max_iter": len(expected), "tol": None}
    model = GradientRegressor(solver, batch_size=None, store_path="step", **params)
    model.fit(X_TWO, Y_TWO)
    # ε = 1e-8 beside a gradient of size 1 is what the last case allows for.
    rtol = 2e-8 if name == "normalised" else 1e-14
    np.testing.assert_allclose(model.path_, [(0, 0), *expected], rtol=rtol)


@pytest.mark.reduced
def test_first_steps_of_sgd_by_hand():
    # Row by row: r = −1, g = (−2, 0), φ = (0.2, 0); r = −2.8, g = (−5.6, −5.6).
    model = GradientRegressor(
        "sgd",
        learning_rate=0.1,
        batch_size=1,
        shuffle=False,
        max_iter=1,
        tol=None,
        store_path="step",
    ).fit(X_TWO, Y_TWO)
    np.testing.assert_allclose(
        model.path_, [(0, 0), (0.2, 0), (0.76, 0.56)], rtol=1e-14
    )
    # Seen before each update: 1² and 2.8².
    assert model.loss_curve_ == pytest.approx([(1 + 7.84) / 2], rel=1e-14)
    # r = (−0.24, −1.68) at the end.
    assert model.loss_ == pytest.approx((0.24**2 + 1.68**2) / 2, rel=1e-14)


# --- schedules, by hand ----------------------------------------------------------

RATES_BY_HAND = {
    "step_decay": (StepDecay(factor=0.5, every=2), [8, 8, 4, 4, 2, 2, 1]),
    "exponential": (ExponentialDecay(factor=0.5), [8, 4, 2, 1, 0.5]),
    "inverse_scaling": (InverseScaling(power=1.0), [8, 4, 8 / 3, 2, 1.6]),
    "inverse_scaling_root": (InverseScaling(power=0.5), [8, 8 / 2**0.5, 8 / 3**0.5, 4]),
    "cosine": (Cosine(epochs=4), [8, 4 + 8**0.5, 4, 4 - 8**0.5, 0, 0, 0]),
    "cosine_max_iter": (Cosine(), [8, 6, 2]),
    # J is 0 from the start on: only the first epoch is an improvement.
    "plateau": (Plateau(patience=1), [8, 8, 8, 4, 4, 2, 2, 1, 1]),
    "plateau_cooldown": (
        Plateau(patience=1, cooldown=1, factor=0.25),
        [8, 8, 8, 2, 2, 2, 0.5, 0.5, 0.5],
    ),
    "plateau_min_rate": (Plateau(patience=0, min_rate=3), [8, 8, 4, 3, 3]),
    # Nowhere to go: no step is taken, as none would lower J.
    "line_search": (LineSearch(), [0, 0, 0]),
    "plateau_floor": (Plateau(patience=0, factor=1e-4), [8, 8, 8e-4, 8e-6, 8e-6]),
}


@pytest.mark.reduced
@pytest.mark.parametrize("name", RATES_BY_HAND)
def test_rates_by_hand(name):
    schedule, expected = RATES_BY_HAND[name]
    params = {"learning_rate": 8.0, "max_iter": len(expected), "tol": None}
    model = GradientRegressor("gd", schedule=schedule, **params)
    rates = model.fit(X_TWO, [0.0, 0.0]).history_["learning_rate"]
    np.testing.assert_allclose(rates, expected, rtol=1e-14, atol=1e-15)


@pytest.mark.reduced
def test_rate_per_update_by_hand():
    # What is recorded is the rate of an epoch's last update, here every second one.
    schedule = InverseScaling(power=1.0, per="update")
    params = {"learning_rate": 12.0, "max_iter": 3, "tol": None, "batch_size": 1}
    model = GradientRegressor("sgd", schedule=schedule, **params)
    rates = model.fit(X_TWO, [0.0, 0.0]).history_["learning_rate"]
    np.testing.assert_allclose(rates, [6, 3, 2], rtol=1e-14)


# --- gradients -------------------------------------------------------------------


def complex_step_gradient(phi, X, y, weights, alpha):
    """∇J by ∂f(x) = Im f(x + ih)/h, which loses no digits to a difference."""
    shifts = 1e-30j * np.eye(len(phi))
    return (
        np.array(
            [reference.objective(phi + h, X, y, weights, alpha).imag for h in shifts]
        )
        / 1e-30
    )


@pytest.mark.parametrize("solver", ["gd", "sgd"])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_gradient_is_that_of_the_objective(solver, is_weighted, alpha):
    X, y = make_problem()
    rng = np.random.default_rng(2)
    init = rng.normal(size=4)
    weights = rng.lognormal(size=len(y)) if is_weighted else None
    params = {"learning_rate": 1.0, "penalty": "l2", "alpha": alpha, "max_iter": 1}
    model = make_model(solver, "constant", None, init=init, **params)
    model.fit(X, y, weights)
    g = model.path_[0] - model.path_[1]
    expected = complex_step_gradient(init, X, y, weights, alpha)
    np.testing.assert_allclose(g, expected, rtol=1e-12)
    norm = model.history_["gradient_norm"]
    np.testing.assert_allclose(norm, np.linalg.norm(expected), rtol=1e-12)


def test_mini_batch_gradients_of_an_epoch_sum_to_that_of_the_objective():
    # Unbiased: Σ |B|/n · g_B = ∇J. A rate this small leaves φ where it is.
    X, y = make_problem()
    weights = np.random.default_rng(2).lognormal(size=len(y))
    rate = 2.0**-60
    init = np.zeros(4)  # around 0 floating-point numbers resolve any step
    params = {"learning_rate": rate, "max_iter": 1, "store_path": "step"}
    model = make_model("sgd", "constant", 7, shuffle=False, init=init, **params)
    steps = -np.diff(model.fit(X, y, weights).path_, axis=0) / rate
    shares = np.array([7, 7, 7, 7, 7, 7, 3]) / 45
    expected = complex_step_gradient(init, X, y, weights, 0.0)
    np.testing.assert_allclose(shares @ steps, expected, rtol=1e-12)


# --- line search -----------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    log_rate=st.floats(-4, 6),
    log_tolerance=st.floats(-8, -0.5),
    alpha=st.sampled_from([0.0, 2.0]),
    is_weighted=st.booleans(),
)
def test_line_search_never_raises_the_objective(
    seed, log_rate, log_tolerance, alpha, is_weighted
):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(20, 3)) * 10 ** rng.uniform(-2, 2, size=3)
    y = rng.normal(size=20) + 5
    weights = rng.lognormal(size=20) if is_weighted else None
    model = GradientRegressor(
        "gd",
        learning_rate=10**log_rate,
        schedule=LineSearch(tolerance=10**log_tolerance),
        penalty="l2",
        alpha=alpha,
        max_iter=15,
        tol=None,
    ).fit(X, y, weights)
    losses = np.append(model.loss_curve_, model.loss_)
    # What rounding of a sum of 20 terms can feign.
    assert (np.diff(losses) <= 1e-13 * losses[:-1]).all()


@pytest.mark.parametrize("learning_rate", [1.0, 4.0, 50.0])
def test_line_search_finds_the_exact_step(learning_rate):
    # The best step on a quadratic is ‖g‖² / (2 ‖Zg‖² / n), Z the rows (1, x).
    X, y = make_problem()
    schedule = LineSearch(tolerance=1e-6)
    params = {"learning_rate": learning_rate, "max_iter": 1}
    rates = make_model("gd", schedule, **params).fit(X, y).history_["learning_rate"]
    g = reference.gradient(np.zeros(4), X, y)
    Z = np.column_stack([np.ones(len(X)), X])
    best = g @ g / (2 * ((Z @ g) ** 2).mean())
    # The bracket is three times as wide as |b − c|, and the step its middle.
    assert rates[0] == pytest.approx(best, rel=1.5e-6)


@pytest.mark.parametrize(
    ("learning_rate", "tolerance"), [(1.0, 1e-20), (1.0, 5e-324), (5e-324, 1e-5)]
)
def test_line_search_ends_where_no_number_lies_between(learning_rate, tolerance):
    X, y = make_problem()
    params = {"learning_rate": learning_rate, "max_iter": 3}
    finest = make_model("gd", LineSearch(tolerance), **params).fit(X, y)
    fine = make_model("gd", LineSearch(1e-15), **params).fit(X, y)
    assert finest.loss_ == pytest.approx(fine.loss_, rel=1e-12)


# --- weights ---------------------------------------------------------------------

FULL_BATCH = {"batch_size": None, "penalty": "l2", "alpha": 0.2}


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
@every_solver
def test_integer_weights_are_repeated_rows(solver, schedule):
    # 2 is the row twice, 0 is no row.
    X, y = make_problem()
    counts = np.random.default_rng(0).integers(0, 3, size=len(y))
    repeated = np.repeat(np.arange(len(y)), counts)
    weighted = make_model(solver, schedule, **FULL_BATCH).fit(X, y, counts)
    expected = make_model(solver, schedule, **FULL_BATCH).fit(X[repeated], y[repeated])
    unweighted = make_model(solver, schedule, **FULL_BATCH).fit(X, y)
    np.testing.assert_allclose(weighted.path_, expected.path_, rtol=1e-10)
    np.testing.assert_allclose(weighted.loss_curve_, expected.loss_curve_, rtol=1e-10)
    np.testing.assert_allclose(weighted.loss_, expected.loss_, rtol=1e-10)
    assert not np.allclose(weighted.coef_, unweighted.coef_, rtol=1e-3)


@pytest.mark.parametrize("learning_rate", ["auto", 0.02])
@pytest.mark.parametrize("batch_size", [None, 7])
@every_solver
def test_scale_of_weights_does_not_matter(solver, batch_size, learning_rate):
    X, y = make_problem()
    weights = make_weights()

    def trained(weights):
        model = make_model(solver, "constant", batch_size, learning_rate=learning_rate)
        return model.fit(X, y, weights)

    pairs = [
        (trained(scale * weights), trained(weights))
        for scale in (1000.0, 1e-3, 1e-300, 1e307)  # the last one's sum overflows
    ]
    pairs.append((trained(np.full(len(y), 7.0)), trained(None)))
    for other, one in pairs:
        np.testing.assert_allclose(other.path_, one.path_, rtol=1e-11)
        np.testing.assert_allclose(other.loss_curve_, one.loss_curve_, rtol=1e-11)
        np.testing.assert_allclose(other.loss_, one.loss_, rtol=1e-11)


def least_squares(X, y, weights=None):
    """φ of the (weighted) least-squares answer."""
    Z = np.column_stack([np.ones(len(X)), X])
    root = np.ones(len(y)) if weights is None else np.sqrt(weights)
    return np.linalg.lstsq(Z * root[:, np.newaxis], y * root, rcond=None)[0]


@pytest.mark.parametrize(
    ("batch_size", "learning_rate"), [(1, 0.004), (8, 0.02), (32, 0.04)]
)
def test_weighted_sgd_lands_on_weighted_least_squares(batch_size, learning_rate):
    # A line through a parabola: the lognormal weights, larger on the right, tilt it.
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    y = x**2 + rng.normal(scale=0.1, size=400)
    weights = np.exp(x + 0.3 * rng.normal(size=400))
    X = x[:, np.newaxis]
    model = GradientRegressor(
        "sgd",
        learning_rate=learning_rate,
        schedule=InverseScaling(power=0.75),
        batch_size=batch_size,
        max_iter=3000,
        tol=None,
        random_state=0,
    ).fit(X, y, weights)
    unweighted = least_squares(X, y)
    expected = least_squares(X, y, weights)
    distance = np.linalg.norm(expected - unweighted)
    assert distance > 1.0
    # What noise is left shrinks with the rate, which has fallen below 1e-4;
    # with five seeds it is at most a fifth of this.
    assert np.linalg.norm(parameters(model) - expected) < 0.01 * distance


# --- convergence at the rate "auto" ----------------------------------------------


def problem_of_condition(condition, n_samples=40, d=4, seed=0):
    """X, y such that Z = (1, x) has singular values √n·[1, …, 1/condition].

    The columns of X are orthogonal to that of ones, which is the first direction. The
    Hessian 2ZᵀZ/n then has the eigenvalues 2 down to 2/condition².
    """
    rng = np.random.default_rng(seed)
    first = np.column_stack([np.ones(n_samples), rng.normal(size=(n_samples, d))])
    U = np.linalg.qr(first)[0][:, 1:]
    V = np.linalg.qr(rng.normal(size=(d, d)))[0]
    singular_values = np.geomspace(1.0, 1.0 / condition, d)
    X = math.sqrt(n_samples) * (U * singular_values) @ V.T
    y = 3.0 + X @ rng.normal(size=d) + rng.normal(scale=0.1, size=n_samples)
    return X, y


# Half of the largest stable rate, in units of 1/L; and a step of the rule along an
# eigenvector of curvature h, as a matrix on (φ − φ*, m).
AUTO_RATES = {
    "gd": lambda beta: 1.0,
    "momentum": lambda beta: (1 + beta) / (1 - beta),
    "nesterov": lambda beta: (1 + beta) / (3 * (1 - beta)),
}


def step_matrix(solver, rate, h, beta):
    past = beta - (1 - beta) * h * rate if solver == "nesterov" else beta
    return np.array([[1 - rate * (1 - beta) * h, -rate * past], [(1 - beta) * h, past]])


@pytest.mark.parametrize(
    ("solver", "beta", "condition"),
    [
        ("gd", 0.0, 3),
        ("gd", 0.0, 30),
        ("momentum", 0.9, 10),
        ("momentum", 0.9, 100),
        ("momentum", 0.5, 30),
        ("nesterov", 0.9, 10),
        ("nesterov", 0.9, 100),
        ("nesterov", 0.5, 30),
    ],
)
def test_auto_rate_converges_to_least_squares(solver, beta, condition):
    X, y = problem_of_condition(condition)
    largest, smallest = 2.0, 2.0 / condition**2
    rate = AUTO_RATES[solver](beta) / largest
    # Errors shrink by the spectral radius of the slowest direction. 1e-8 of the whole
    # and a hundred times more for the transient, which a defective matrix prolongs.
    radius = max(
        abs(np.linalg.eigvals(step_matrix(solver, rate, h, beta))).max()
        for h in (largest, smallest)
    )
    max_iter = math.ceil(math.log(1e-11 / condition) / math.log(radius))
    description = GD() if solver == "gd" else type(SOLVERS[solver])(beta=beta)
    params = {"batch_size": None, "max_iter": max_iter, "tol": None}
    model = GradientRegressor(description, **params).fit(X, y)
    rates = model.history_["learning_rate"]
    np.testing.assert_allclose(rates, rate, rtol=1e-10)
    np.testing.assert_allclose(parameters(model), least_squares(X, y), rtol=1e-8)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), alpha=st.sampled_from([0.0, 0.5]))
def test_gd_at_the_auto_rate_only_descends(seed, alpha):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(15, 3)) * 10 ** rng.uniform(-2, 2, size=3) + rng.normal(size=3)
    y = rng.normal(size=15)
    weights = rng.lognormal(size=15)
    params = {"penalty": "l2", "alpha": alpha, "max_iter": 30, "tol": None}
    model = GradientRegressor(SGD(), batch_size=None, **params).fit(X, y, weights)
    losses = np.append(model.loss_curve_, model.loss_)
    assert (np.diff(losses) <= 1e-13 * losses[:-1]).all()
    assert losses[-1] < losses[0]
    # 1/L is half of what is stable: a little more than twice that is not.
    rate = model.history_["learning_rate"][0]
    beyond = GradientRegressor("gd", learning_rate=2.2 * rate, **params)
    with pytest.raises(ValueError, match="diverged in epoch"):
        beyond.set_params(max_iter=1000).fit(X, y, weights)
