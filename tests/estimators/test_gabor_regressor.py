"""GaborRegressor: the textbook from a given start, the right valley by default."""

import numpy as np
import pytest
import reference
from cases import SOLVERS, make_weights
from estimators.waves import N_EPOCHS, make_wave, textbook, wave
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import curve_fit
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklopt import GaborRegressor, GradientRegressor
from sklopt.kernels._epoch import advance
from sklopt.kernels._line_search import search_line
from sklopt.solvers import GD, Adam


def train_twin(model, X, y, sample_weight=None, head=None):
    """What `model.fit` must do, done by the reference."""
    name = {type(s): name for name, s in SOLVERS.items()}[type(model.solver)]
    is_full = model.batch_size is None or name == "gd"
    orders = [range(len(y))] * N_EPOCHS
    if not is_full:
        orders = reference.shuffled_orders(len(y), N_EPOCHS, model.random_state)
    trained_head = [] if head is None else [model.fit_amplitude, model.fit_offset]
    return reference.train(
        X,
        y,
        orders=orders,
        solver=name,
        solver_params=model.solver.get_params(),
        learning_rate=model.learning_rate,
        batch_size=model.batch_size,
        sample_weight=sample_weight,
        alpha=model.alpha if model.penalty == "l2" else 0.0,
        is_trained=np.array([True] * (X.shape[1] + 1) + trained_head),
        init=np.concatenate([model.init, [] if head is None else head]),
        model=reference.Gabor(model.window, model.input_scale, head is not None),
    )


@parametrize_with_checks(
    [
        GaborRegressor(),
        GaborRegressor("gd", n_jobs=2),
        GaborRegressor("sgd", batch_size="auto"),
        GaborRegressor(fit_amplitude=True, fit_offset=True),
        # Adam at a constant rate is no continuous function of the data: what rounding
        # makes of weights in place of repeated rows grows from epoch to epoch.
        GaborRegressor("nesterov", fit_amplitude=True, fit_offset=True, penalty="l2"),
    ]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("is_weighted", [True, False])
@pytest.mark.parametrize("batch_size", [None, 1, 7])
@pytest.mark.parametrize("solver", SOLVERS)
def test_equals_twin(solver, batch_size, is_weighted):
    X, y = make_wave(n_features=2)
    weights = make_weights() if is_weighted else None
    init = [0.2, 11.0, -3.0]
    model = textbook(solver, batch_size=batch_size, init=init, store_path="epoch")
    model.set_params(penalty="l2", alpha=1e-3, window=20.0, input_scale=0.08)
    twin = train_twin(model, X, y, weights)
    model.fit(X, y, weights)
    assert_allclose(model.path_, twin.path, rtol=1e-10)
    assert_allclose(model.loss_curve_, twin.losses, rtol=1e-10)
    assert_allclose(model.phi_, twin.path[-1], rtol=1e-10)
    assert_allclose(model.history_["gradient_norm"], twin.norms, rtol=1e-9)


@pytest.mark.parametrize("batch_size", [None, 1, 7])
@pytest.mark.parametrize("head", ["both", "amplitude", "offset"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_head_equals_twin(solver, head, batch_size):
    X, y = make_wave()
    flags = {"fit_amplitude": head != "offset", "fit_offset": head != "amplitude"}
    model = textbook(solver, batch_size=batch_size, store_path="step", **flags)
    model.fit(X, 3.0 * y + 1.0)
    start = model.path_[0]
    assert_allclose(start[:2], model.init)
    f = wave(X[:, 0], *model.init)
    columns = np.column_stack([f, np.ones_like(f)])
    target = 3.0 * y + 1.0
    if head == "both":
        expected = np.linalg.lstsq(columns, target)[0]
    elif head == "amplitude":
        expected = [f @ target / (f @ f), 0.0]
    else:
        expected = [1.0, (target - f).mean()]
    assert_allclose(start[2:], expected)
    twin = train_twin(model, X, target, head=start[2:])
    assert_allclose(model.path_, twin.steps, rtol=1e-9)
    assert (model.amplitude_, model.offset_) == tuple(model.path_[-1, 2:])
    assert_allclose(model.predict(X), wave(X[:, 0], *model.path_[-1]))


@pytest.mark.parametrize("has_head", [True, False])
def test_line_search_only_descends(has_head):
    X, y = make_wave()
    model = textbook("gd", schedule="line_search", learning_rate=1e4, max_iter=40)
    model.set_params(fit_amplitude=has_head, fit_offset=has_head, batch_size=None)
    losses = model.fit(X, 2 * y + 1 if has_head else y).loss_curve_
    assert (np.diff(losses) <= 0).all()
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("seed", range(12))
def test_defaults_find_the_wave(seed):
    rng = np.random.default_rng(seed)
    x, truth = rng.uniform(-15, 15, size=80), (rng.uniform(-3, 3), rng.uniform(5, 25))
    y = wave(x, *truth) + 0.1 * rng.standard_normal(80)
    phi, _ = curve_fit(wave, x, y, p0=truth)
    model = GaborRegressor(random_state=seed).fit(x[:, None], y)
    assert model.loss_ <= 1.01 * ((wave(x, *phi) - y) ** 2).mean()
    assert model.stop_reason_ == "tol"


@pytest.mark.parametrize("seed", range(5))
def test_gd_at_the_automatic_rate_only_descends(seed):
    rng = np.random.default_rng(seed)
    X, y = make_wave(n_features=2, seed=seed)
    init = np.array([rng.uniform(-2, 2), *rng.uniform(-20, 20, size=2)])
    model = GaborRegressor("gd", init=init, max_iter=300, tol=None).fit(X, y)
    assert (np.diff(model.loss_curve_) <= 1e-15).all()
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@pytest.mark.parametrize("learning_rate", ["auto", 0.05])
def test_objective_is_that_of_the_published_parameters(learning_rate):
    X, y = make_wave(n_features=3)
    weights = make_weights()
    model = GaborRegressor(learning_rate=learning_rate, penalty="l2", alpha=1e-3)
    model.set_params(max_iter=30, tol=None, random_state=0, fit_amplitude=True)
    model.fit(X + 7.0, 5.0 * y, weights)
    phi = np.array([*model.phi_, model.amplitude_, model.offset_])
    s = reference.mean_one(weights, len(y))
    gabor = reference.Gabor(has_head=True)
    J = reference.batch_objective(phi, X + 7.0, 5.0 * y, s, 1e-3, gabor)
    assert_allclose(model.loss_, J, rtol=1e-10)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"init": [0.0]}, r"init has parameters of shape \(1,\)"),
        ({"init": np.zeros((2, 3))}, r"init has parameters of shape \(2, 3\)"),
        ({"init": [0.0, np.nan]}, "Input init contains NaN"),
        ({"init": "middle"}, "The 'init' parameter of GaborRegressor must be"),
        ({"n_init": 0}, "The 'n_init' parameter of GaborRegressor must be"),
        ({"window": 0.0}, "The 'window' parameter of GaborRegressor must be"),
        ({"input_scale": -1.0}, "The 'input_scale' parameter of GaborRegressor"),
    ],
)
def test_bad_parameters(params, message):
    X, y = make_wave()
    with pytest.raises(ValueError, match=message):
        GaborRegressor(**params).fit(X, y)


def test_one_target_only():
    X, y = make_wave()
    with pytest.raises(ValueError, match="y has 2 columns, but Gabor"):
        GaborRegressor().fit(X, np.column_stack([y, y]))
    with pytest.warns(DataConversionWarning):
        column = GaborRegressor(random_state=0).fit(X, y[:, None])
    flat = GaborRegressor(random_state=0).fit(X, y)
    assert_array_equal(column.phi_, flat.phi_)
    assert_array_equal(column.predict(X), flat.predict(X))


def test_grid_search_chooses_the_optimizer():
    X, y = make_wave(90)
    grid = {"solver": ["adam", GD(), Adam(beta_2=0.9)], "n_init": [4]}
    model = GaborRegressor(random_state=0, tol=None, max_iter=150)
    search = GridSearchCV(model, grid, n_jobs=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.8


def test_the_wave_compiles_nothing_anew():
    X, y = make_wave()
    GradientRegressor("adam", max_iter=1, tol=None).fit(X, y)
    GradientRegressor("gd", schedule="line_search", max_iter=1, tol=None).fit(X, y)
    before = [list(f.signatures) for f in (advance, search_line)]
    textbook("adam", fit_amplitude=True, penalty="l2").fit(X, y)
    textbook("sgd", batch_size=1, store_path="step").fit(X, y)
    textbook("gd", schedule="line_search").fit(X, y)
    assert [list(f.signatures) for f in (advance, search_line)] == before
