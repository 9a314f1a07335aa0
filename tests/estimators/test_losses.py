"""Losses of GradientRegressor, as users meet them."""

import itertools
import warnings

import numpy as np
import pytest
from cases import (
    LOSSES,
    assert_refused,
    both_methods,
    both_states,
    every_loss,
    make_model,
    make_problem,
    make_weights,
    model_in,
    model_of,
    parameters,
    targets_for,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    GammaRegressor,
    PoissonRegressor,
    QuantileRegressor,
    SGDRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.utils._param_validation import InvalidParameterError

from sklopt import GradientRegressor
from sklopt.inspection import check_gradient, curvature, learning_rate_range
from sklopt.losses import LOSSES as LOSS_NAMES
from sklopt.losses import Huber, Quantile, SquaredError
from sklopt.schedules import Cosine, ExponentialDecay
from sklopt.solvers import Momentum

X, Y = make_problem()
OTHER_LOSSES = [loss for loss in LOSSES if loss != "squared_error"]
every_other_loss = pytest.mark.parametrize("loss", OTHER_LOSSES)
every_link = pytest.mark.parametrize("loss", ["poisson", "gamma"])


# --- against scikit-learn ------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "params"),
    [
        ("huber", {"epsilon": 0.8}),
        ("epsilon_insensitive", {"epsilon": 0.4}),
        ("squared_epsilon_insensitive", {"epsilon": 0.4}),
    ],
)
@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_sgd_regressor_takes_the_same_steps(loss, params, alpha, is_weighted):
    rate, weights = 0.02, None
    if is_weighted:
        # Every sample has its say: theirs penalises at those without weight as well.
        weights = make_weights() + 0.1
        weights /= weights.mean()
    for n_epochs in (1, 2, 7):
        theirs = SGDRegressor(
            loss,
            alpha=alpha,
            **params,
            learning_rate="constant",
            eta0=rate,
            shuffle=False,
            max_iter=n_epochs,
            tol=None,
        )
        ours = GradientRegressor(
            "sgd",
            loss=LOSSES[loss],
            batch_size=1,
            learning_rate=rate,
            penalty="l2",
            alpha=alpha,
            shuffle=False,
            max_iter=n_epochs,
            tol=None,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            theirs.fit(X, Y, sample_weight=weights)
        ours.fit(X, Y, weights)
        assert_allclose(parameters(ours), parameters(theirs), rtol=1e-10)


@pytest.mark.parametrize(("alpha", "is_weighted"), [(0.0, False), (0.1, True)])
@pytest.mark.parametrize(
    ("loss", "theirs"), [("poisson", PoissonRegressor), ("gamma", GammaRegressor)]
)
def test_minimum_is_that_of_the_generalised_linear_model(
    loss, theirs, alpha, is_weighted
):
    y, weights = targets_for(loss, Y), make_weights() if is_weighted else None
    expected = theirs(alpha=alpha, tol=1e-10, max_iter=1000).fit(X, y, weights)
    ours = GradientRegressor(loss=loss, penalty="l2", alpha=alpha)
    ours.set_params(tol=1e-12, max_iter=100_000).fit(X, y, weights)
    assert_allclose(parameters(ours), parameters(expected), rtol=1e-4)
    assert_allclose(ours.predict(X), expected.predict(X), rtol=1e-4)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("quantile", [0.5, 0.8])
def test_minimum_is_that_of_quantile_regression(quantile, is_weighted):
    weights = make_weights() if is_weighted else None
    expected = QuantileRegressor(quantile=quantile, alpha=0).fit(X, Y, weights)
    ours = GradientRegressor(loss=Quantile(quantile), schedule=ExponentialDecay(0.9995))
    ours.set_params(tol=None, max_iter=40_000).fit(X, Y, weights)
    assert_allclose(parameters(ours), parameters(expected), rtol=1e-4)


def test_absolute_error_is_the_median_quantile():
    fits = [
        model_of(loss=loss, learning_rate=rate).fit(X, Y)
        for loss, rate in (("absolute_error", 0.02), ("quantile", 0.04))
    ]
    assert_allclose(fits[1].coef_, fits[0].coef_, rtol=1e-12)
    assert_allclose(fits[1].loss_, fits[0].loss_ / 2, rtol=1e-12)


# --- parameters ----------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_a_name_is_its_description(loss):
    y = targets_for(loss, Y)
    named, described = (
        model_of(loss=one).fit(X, y) for one in (loss, LOSS_NAMES[loss]())
    )
    assert_array_equal(named.coef_, described.coef_)


def test_a_search_reaches_the_parameter_of_a_loss():
    model = GradientRegressor(loss=Huber(), max_iter=200, tol=None)
    search = GridSearchCV(
        model, {"loss__delta": [0.1, 2.0], "loss": [Huber()]}, error_score="raise"
    )
    assert search.fit(X, Y).best_params_["loss__delta"] in {0.1, 2.0}
    assert clone(model).set_params(loss__delta=7.0).loss.delta == 7.0
    assert model.loss.delta == 1.35


@both_methods
def test_a_loss_that_is_not_there_is_told_with_those_that_are(method):
    model = model_of(loss="hubber")
    fit = getattr(model, method)
    message = "The 'loss' parameter of GradientRegressor must be a str among {"
    told = assert_refused(lambda: fit(X, Y), model, InvalidParameterError, message)
    assert all(repr(loss) in told for loss in LOSS_NAMES)
    assert told.endswith("Got 'hubber' instead.")


# --- targets -------------------------------------------------------------------------


@both_methods
@both_states
@pytest.mark.parametrize(
    ("loss", "bad", "demand"),
    [("poisson", -1e-9, "y >= 0"), ("gamma", 0.0, "y > 0"), ("gamma", -2.0, "y > 0")],
)
def test_targets_that_a_distribution_cannot_give(loss, bad, demand, state, method):
    y = targets_for(loss, Y)
    y[3] = bad
    model = model_in(state).set_params(loss=loss)
    message = (
        f"Some value(s) of y are out of the valid range of the loss {loss!r}, which "
        f"requires {demand}; the lowest is {bad}."
    )
    fit = getattr(model, method)
    assert_refused(lambda: fit(X, y), model, ValueError, message)
    if state == "unfitted":
        targets = np.c_[np.ones_like(y), y]
        assert_refused(lambda: fit(X, targets), model, ValueError, message)
    with pytest.raises(ValueError, match="out of the valid range"):
        curvature(model, X, y, at=np.zeros(4))


@every_link
def test_predictions_are_means(loss):
    y = targets_for(loss, Y)
    model = model_of(loss=loss).fit(X, y)
    z = model.intercept_ + X @ model.coef_
    assert_allclose(model.predict(X), np.exp(z), rtol=1e-14)
    # It is the fitted loss that says so, whatever is set for the next fit.
    assert_array_equal(model.set_params(loss="huber").predict(X), np.exp(z))


def test_batches_without_a_count_can_be_learnt_from():
    model = GradientRegressor("sgd", loss="poisson", learning_rate=0.1)
    for _ in range(200):
        model.partial_fit(X, np.zeros(len(X)))
    assert (model.predict(X) < 0.2).all()


# --- what else assumed the squared error ---------------------------------------------


@both_methods
@every_other_loss
@pytest.mark.parametrize("name", ["precompute", "compute_covariance"])
def test_what_is_of_squared_error_only_is_refused(name, loss, method):
    y = targets_for(loss, Y)
    model = model_of(loss=loss, **{name: True})
    message = f"{name}=True goes with loss='squared_error' only, not with loss={loss!r}"
    assert_refused(lambda: getattr(model, method)(X, y), model, ValueError, message)


def test_a_squared_error_object_is_the_squared_error():
    model = model_of(loss=SquaredError(), precompute=True, compute_covariance=True)
    assert model.fit(X, Y).covariance_.shape == (4, 4)


@every_other_loss
def test_precompute_auto_never_precomputes(loss):
    rng = np.random.default_rng(0)
    wide, y = rng.normal(size=(20_000, 10)), rng.normal(size=20_000)
    y = targets_for(loss, y)
    fits = [
        GradientRegressor(loss=loss, precompute=choice, max_iter=20, tol=None)
        for choice in ("auto", False)
    ]
    assert_array_equal(*(model.fit(wide, y).coef_ for model in fits))


@every_loss
def test_gradient_is_that_of_the_inspected_surface(loss):
    y, at = targets_for(loss, Y), [0.3, 0.2, -0.1, 0.4]
    model = GradientRegressor(loss=LOSSES[loss], penalty="l2", alpha=0.2)
    table = check_gradient(model, X, y, make_weights(), at=at, h=1e-6)
    assert (table["error"] < 1e-7).all()
    step = model.set_params(init=at, learning_rate=1e-3, max_iter=1, tol=None)
    step.fit(X, y, make_weights())
    gradient = (np.array(at) - parameters(step)) / 1e-3
    assert_allclose(table["analytic"], gradient, rtol=1e-9)
    expected = step._objective(X, y, make_weights()).value(parameters(step))
    assert_allclose(step.loss_, expected, rtol=1e-12)


@every_loss
def test_hessian_is_the_derivative_of_the_gradient(loss):
    y, at = targets_for(loss, Y), np.array([0.3, 0.2, -0.1, 0.4])
    model = GradientRegressor(loss=LOSSES[loss], penalty="l2", alpha=0.2)
    J = model._objective(X, y, make_weights())
    columns = [np.imag(J.gradient(at + 1e-30j * e)) / 1e-30 for e in np.eye(4)]
    assert_allclose(J.hessian(at), columns, rtol=1e-12, atol=1e-15)


def test_a_minimum_of_counts_is_one():
    y = targets_for("poisson", Y)
    model = GradientRegressor(loss="poisson", tol=1e-10, max_iter=5000).fit(X, y)
    assert curvature(model, X, y).kind == "minimum"


@pytest.mark.parametrize("loss", ["absolute_error", "epsilon_insensitive", "quantile"])
def test_a_surface_of_straight_pieces_has_no_curvature(loss):
    with pytest.raises(ValueError, match="straight pieces"):
        curvature(GradientRegressor(loss=loss), X, Y, at=np.zeros(4))


@every_loss
def test_range_test_finds_a_rate(loss):
    found = learning_rate_range(
        GradientRegressor(loss=LOSSES[loss]), X, targets_for(loss, Y)
    )
    assert np.isfinite(found.suggestion)


@every_loss
def test_each_target_equals_its_solo_fit(loss):
    y = targets_for(loss, Y)
    targets = np.column_stack([y, np.ones_like(y), targets_for(loss, 4 * Y[::-1])])
    for solver, rate in itertools.product(["sgd", "nesterov", "adam"], ["auto", 0.01]):
        model = make_model(solver, "constant", loss=LOSSES[loss], learning_rate=rate)
        together = clone(model).fit(X, targets, make_weights())
        for k in range(3):
            alone = clone(model).fit(X, targets[:, k], make_weights())
            assert_array_equal(together.coef_[k], alone.coef_)
            assert_allclose(together.predict(X)[:, k], alone.predict(X), rtol=1e-12)
            assert together.loss_[k] == alone.loss_


@every_loss
def test_partial_fits_are_one_fit(loss):
    y = targets_for(loss, Y)
    model = make_model("momentum", "constant", loss=LOSSES[loss])
    model.set_params(learning_rate="auto")
    at_once, piecewise = clone(model).fit(X, y), clone(model)
    for _ in range(model.max_iter):
        piecewise.partial_fit(X, y)
    assert_array_equal(piecewise.coef_, at_once.coef_)


@every_loss
def test_rows_without_weight_do_not_matter(loss):
    """Not even where they overflow."""
    y = targets_for(loss, Y)
    weights, absurd = make_weights(), X.copy()
    absurd[7:14] = 1e200
    fits = [
        model_of(loss=LOSSES[loss], shuffle=False).fit(rows, y, weights)
        for rows in (X, absurd)
    ]
    assert_array_equal(fits[0].coef_, fits[1].coef_)
    assert fits[0].loss_ == fits[1].loss_


@every_link
def test_divergence_is_told(loss):
    y = 50 * targets_for(loss, Y)
    model = model_of(loss=loss, learning_rate=5.0, max_iter=200)
    message = "GradientRegressor diverged in epoch"
    assert_refused(lambda: model.fit(X, y), model, ValueError, message)


# --- the automatic rate --------------------------------------------------------------


def standardised(seed, shape):
    rng = np.random.default_rng(seed)
    features = rng.standard_t(4, size=shape)
    return (features - features.mean(axis=0)) / features.std(axis=0), rng


SETTINGS = [
    ("gd", None, "constant"),
    ("gd", None, "line_search"),
    ("sgd", None, "constant"),
    ("sgd", 8, "constant"),
    ("momentum", None, "constant"),
    ("momentum", 8, "constant"),
    (Momentum(beta=0.95), None, "constant"),
    ("nesterov", None, "constant"),
    ("nesterov", 8, "constant"),
    ("adam", None, "constant"),
]


@every_loss
@pytest.mark.parametrize(("solver", "batch_size", "schedule"), SETTINGS, ids=str)
def test_automatic_rates_beat_a_constant_prediction(loss, solver, batch_size, schedule):
    for seed in range(4):
        Z, rng = standardised(seed, (160, 1 + 3 * (seed % 2)))
        z = 0.5 * Z[:, 0] + rng.choice([-1.0, 0.0, 1.0])
        if loss == "poisson":
            y = rng.poisson(np.exp(z)).astype(float)
        elif loss == "gamma":
            y = rng.gamma(2.0, np.exp(z) / 2)
        else:
            y = 10.0 ** rng.integers(0, 3) * (3 + z + 0.3 * rng.normal(size=len(Z)))
        model = GradientRegressor(
            solver, loss=loss, batch_size=batch_size, schedule=schedule, random_state=0
        )
        model.fit(Z, y)  # without a warning
        trivial = model._training.state.progress["trivial"][0]
        assert model.loss_ < 0.97 * trivial + 1e-12


@pytest.mark.parametrize("factor", [1e-6, 1e6])
@pytest.mark.parametrize("loss", ["absolute_error", "quantile"])
def test_rates_of_straight_losses_scale_with_the_targets(loss, factor):
    model = model_of("sgd", loss=loss, learning_rate="auto", tol=1e-5, max_iter=300)
    fits = [clone(model).fit(X, scale * Y) for scale in (1.0, factor)]
    assert fits[0].n_iter_ == fits[1].n_iter_
    assert_allclose(fits[1].coef_, factor * fits[0].coef_, rtol=1e-9)


def test_a_schedule_resolves_what_a_constant_rate_does_not():
    noise = 1e-3 * np.random.default_rng(0).laplace(size=len(X))
    y = 1.0 + X @ [2.0, -1.0, 3.0] + noise
    losses = [
        GradientRegressor(loss="absolute_error", schedule=schedule, tol=None)
        .fit(X, y)
        .loss_
        for schedule in ("constant", Cosine())
    ]
    assert losses[1] < 0.2 * losses[0]


def test_a_tube_that_holds_all_targets_is_a_perfect_fit():
    model = GradientRegressor(loss="epsilon_insensitive").fit(X, 0.01 * np.tanh(Y))
    assert model.loss_ == 0.0
    assert model.stop_reason_ == "tol"


def test_validation_targets_out_of_range_are_named():
    X, y = make_problem()
    model = model_of("gd", loss="gamma")
    with pytest.raises(ValueError, match=r"^Some value\(s\) of y_val are out of"):
        model.fit(X, np.abs(y) + 1, X_val=X, y_val=y)


@pytest.mark.parametrize("name", ["precompute", "compute_covariance"])
def test_what_is_of_squared_error_is_refused_by_any_true(name):
    X, y = make_problem()
    for true in (True, np.True_):
        with pytest.raises(ValueError, match=f"^{name}=True goes with loss"):
            model_of("gd", loss="huber", **{name: true}).fit(X, y)
