"""GaborRegressor: the textbook from a given start, the right valley by default."""

import pickle

import numpy as np
import pytest
import reference
from cases import SOLVERS, make_weights
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import curve_fit
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklopt import GaborRegressor, GradientRegressor
from sklopt.kernels._epoch import advance
from sklopt.kernels._line_search import search_line
from sklopt.solvers import GD, Adam

N_EPOCHS = 12
TRUTH = np.array([0.8, 14.0])


def wave(x, phi_0, phi_1, amplitude=1.0, offset=0.0):
    z = phi_0 + 0.06 * phi_1 * x
    return offset + amplitude * np.sin(z) * np.exp(-(z**2) / 8)


def make_wave(n_samples=45, noise=0.1, n_features=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-15, 15, size=(n_samples, n_features))
    y = wave(X[:, 0], *TRUTH) + noise * rng.standard_normal(n_samples)
    return X, y


def textbook(solver="gd", **params):
    """A training of φ itself, from one start."""
    defaults = {"learning_rate": 0.05, "init": [0.2, 11.0], "batch_size": 7}
    defaults |= {"max_iter": N_EPOCHS, "tol": None, "random_state": 0}
    return GaborRegressor(SOLVERS.get(solver, solver), **(defaults | params))


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


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("learning_rate", ["auto", 0.05])
@pytest.mark.parametrize(("solver", "batch_size"), [("adam", None), ("sgd", 7)])
def test_a_restart_is_a_training_of_its_own(solver, batch_size, learning_rate, dtype):
    X, y = (array.astype(dtype) for array in make_wave())
    starts = np.random.default_rng(1).normal([0.0, 12.0], [1.0, 4.0], size=(5, 2))
    settings = {"learning_rate": learning_rate, "batch_size": batch_size}
    model = textbook(solver, **settings).set_params(init=starts).fit(X, y)
    results = model.init_results_
    for k, start in enumerate(starts):
        alone = textbook(solver, **settings).set_params(init=start).fit(X, y)
        row = results.loc[k]
        tolerance = 1e-10 if dtype == np.float64 else 1e-6
        assert_allclose(row[["start_0", "start_1"]].astype(float), start, rtol=1e-10)
        phi = row[["phi_0", "phi_1"]].astype(float)
        assert_allclose(phi, alone.phi_.astype(float), rtol=tolerance)
        assert_allclose(row["loss"], alone.loss_, rtol=1e-10)
    assert model.loss_ == results["loss"].min()
    best = results.loc[results["loss"].idxmin()]
    assert_allclose(model.phi_, best[["phi_0", "phi_1"]].astype(float), rtol=1e-6)


@pytest.mark.parametrize("n_jobs", [2, 3, -1])
def test_threads_change_nothing(n_jobs):
    X, y = make_wave()
    alone = GaborRegressor(random_state=0, store_path="epoch").fit(X, y)
    shared = clone(alone).set_params(n_jobs=n_jobs).fit(X, y)
    assert_array_equal(shared.phi_, alone.phi_)
    assert_array_equal(shared.path_, alone.path_)
    assert_array_equal(shared.loss_curve_, alone.loss_curve_)
    assert shared.init_results_.equals(alone.init_results_)


@pytest.mark.parametrize("seed", range(12))
def test_defaults_find_the_wave(seed):
    rng = np.random.default_rng(seed)
    x, truth = rng.uniform(-15, 15, size=80), (rng.uniform(-3, 3), rng.uniform(5, 25))
    y = wave(x, *truth) + 0.1 * rng.standard_normal(80)
    phi, _ = curve_fit(wave, x, y, p0=truth)
    model = GaborRegressor(random_state=seed).fit(x[:, None], y)
    assert model.loss_ <= 1.01 * ((wave(x, *phi) - y) ** 2).mean()
    assert model.stop_reason_ == "tol"


@pytest.mark.parametrize("has_head", [True, False])
def test_scale_and_origin_of_x_change_nothing(has_head):
    X, y = make_wave()
    params = {"random_state": 0, "fit_amplitude": has_head, "fit_offset": has_head}
    model = GaborRegressor(**params).fit(X, y)
    moved = GaborRegressor(**params).fit(300.0 * X - 5000.0, y)
    assert_allclose(moved.loss_, model.loss_, rtol=1e-6)
    assert_allclose(moved.phi_[1] * 300, model.phi_[1], rtol=1e-4)
    assert_allclose(moved.predict(300.0 * X - 5000.0), model.predict(X), atol=1e-4)
    if has_head:
        louder = GaborRegressor(**params).fit(X, 1e6 * y)
        assert_allclose(louder.loss_, 1e12 * model.loss_, rtol=1e-6)
        assert_allclose(louder.amplitude_, 1e6 * model.amplitude_, rtol=1e-4)


def test_symmetric_x_in_natural_units_is_standardised_too():
    x = np.linspace(-40, 40, 81)
    y = wave(x, 0.3, 6.0)
    model = GaborRegressor(input_scale=1.0, random_state=0).fit(x[:, None], y)
    assert_allclose(model.phi_, [0.3, 0.06 * 6.0], rtol=1e-3)
    assert_allclose(model.predict(x[:, None]), y, atol=1e-2)


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


@pytest.mark.parametrize("learning_rate", ["auto", 0.05])
@pytest.mark.parametrize("solver", SOLVERS)
def test_pieces_equal_the_whole(solver, learning_rate):
    X, y = make_wave()
    params = {"learning_rate": learning_rate, "init": "random", "n_init": 3}
    whole = textbook(solver, store_path="epoch", **params).fit(X, y)
    pieces = clone(whole)
    for _ in range(N_EPOCHS):
        pieces = pickle.loads(pickle.dumps(pieces.partial_fit(X, y)))
    assert_allclose(pieces.phi_, whole.phi_, rtol=1e-10)
    assert_allclose(pieces.loss_curve_, whole.loss_curve_, rtol=1e-10)
    assert_allclose(pieces.path_, whole.path_, rtol=1e-9)
    assert pieces.init_results_.equals(whole.init_results_)


def test_partial_fit_in_other_units_goes_on_from_the_same_place():
    X, y = make_wave()
    model = GaborRegressor(random_state=0, fit_amplitude=True).fit(X + 3.0, 9.0 * y)
    phi, loss = model.phi_.copy(), model.loss_
    model.set_params(learning_rate=1e-12, solver="gd").partial_fit(X + 3.0, 9.0 * y)
    assert_allclose(model.phi_, phi, rtol=1e-8)
    assert_allclose(model.loss_curve_[-1], loss, rtol=1e-8)


def test_partial_fit_with_another_input_scale_keeps_phi():
    X, y = make_wave()
    model = GaborRegressor(random_state=0, n_init=1, max_iter=40, tol=None)
    phi = model.fit(X + 3.0, y).phi_.copy()
    model.set_params(input_scale=0.05, solver="gd", store_path="epoch")
    model.partial_fit(X + 3.0, y)
    assert_allclose(model.path_[0], phi, rtol=1e-10)
    expected = reference.batch_objective(
        phi, X + 3.0, y, np.ones(len(y)), 0.0, reference.Gabor(input_scale=0.05)
    )
    assert_allclose(model.loss_curve_[-1], expected, rtol=1e-10)


def test_partial_fit_cannot_take_up_a_head():
    X, y = make_wave()
    model = GaborRegressor(random_state=0).partial_fit(X, y)
    with pytest.raises(ValueError, match="with another fit_amplitude or fit_offset"):
        model.set_params(fit_offset=True).partial_fit(X, y)


def test_the_worse_half_is_dropped_at_every_rung():
    X, y = make_wave()
    results = GaborRegressor(random_state=0, n_init=8).fit(X, y).init_results_
    dropped = results[results["stop_reason"] == "dropped"]
    assert set(dropped["n_iter"]) <= {25, 50, 100, 200}
    assert (dropped["n_iter"] == 25).sum() == 4
    kept = GaborRegressor(random_state=0, n_init=8, tol=None, max_iter=60).fit(X, y)
    assert set(kept.init_results_["stop_reason"]) == {"max_iter"}
    assert set(kept.init_results_["n_iter"]) == {60}


def test_a_wave_out_of_sight_is_told():
    X, y = make_wave()
    model = GaborRegressor("gd", learning_rate=0.1, init=[200.0, 1.0])
    with pytest.warns(ConvergenceWarning, match="no sample sees the wave"):
        model.fit(X, y)
    assert model.stop_reason_ == "saturated"
    assert_array_equal(model.phi_, [200.0, 1.0])


def test_a_saturated_start_is_never_a_converged_one():
    X, y = make_wave()
    model = GaborRegressor(init=[[200.0, 1.0], [0.5, 13.0]]).fit(X, y)
    assert model.stop_reason_ == "tol"
    assert list(model.init_results_["stop_reason"]) == ["saturated", "tol"]


def test_curves_end_where_the_best_start_does():
    """Also where others went on; the path is cut as well."""
    X, y = make_wave()
    # The first is done at once, the second climbs out of a far valley.
    init = [GaborRegressor(random_state=0).fit(X, y).phi_, [3.0, 30.0]]
    model = GaborRegressor("gd", init=init, batch_size=None)
    for store_path in ("epoch", "step"):
        model.set_params(store_path=store_path).fit(X, y)
        others = model.init_results_["n_iter"]
        assert model.n_iter_ == others[0] < others[1]
        assert model.loss_curve_.shape == (model.n_iter_,)
        assert np.isfinite(model.loss_curve_).all()
        assert model.path_.shape == (model.n_iter_ + 1, 2)
        assert len(model.history_) == model.n_iter_


def test_dropped_starts_stay_dropped():
    X, y = make_wave()
    model = GaborRegressor(random_state=0).fit(X, y)
    before = model.init_results_
    after = model.partial_fit(X, y).init_results_
    was_dropped = before["stop_reason"] == "dropped"
    assert was_dropped.any()
    assert after[was_dropped].equals(before[was_dropped])
    assert (after["n_iter"] - before["n_iter"])[~was_dropped].eq(1).all()
    assert np.isfinite(model.loss_curve_).all()


def test_a_penalty_that_is_taken_up_is_that_of_the_published_phi():
    X, y = make_wave(n_features=2)
    model = GaborRegressor(random_state=0, n_init=1, fit_offset=True)
    model.partial_fit(X * [1.0, 50.0], y)
    model.set_params(penalty="l2", alpha=0.1).partial_fit(X * [1.0, 50.0], y)
    phi = np.array([*model.phi_, 1.0, model.offset_])
    gabor = reference.Gabor(has_head=True)
    J = reference.batch_objective(phi, X * [1.0, 50.0], y, np.ones(45), 0.1, gabor)
    assert_allclose(model.loss_, J, rtol=1e-10)


def test_an_amplitude_that_was_trained_is_not_frozen_in_silence():
    X, y = make_wave()
    model = GaborRegressor(random_state=0, fit_amplitude=True, fit_offset=True)
    model.fit(X, 3 * y).set_params(fit_amplitude=False)
    message = "has an amplitude other than 1, but fit_amplitude=False"
    with pytest.raises(ValueError, match=f"the last fit {message}"):
        model.partial_fit(X, 3 * y)
    with pytest.raises(ValueError, match=f"the warm start {message}"):
        model.set_params(warm_start=True).fit(X, 3 * y)


def test_all_starts_lost_is_a_divergence_and_one_is_not():
    X, y = make_wave()
    model = textbook("gd", learning_rate=50.0, fit_amplitude=True, fit_offset=True)
    model.set_params(max_iter=2000)
    with pytest.raises(ValueError, match="GaborRegressor diverged in epoch"):
        model.fit(X, y)
    assert not hasattr(model, "phi_")


def test_warm_start_begins_where_the_last_fit_ended():
    X, y = make_wave()
    model = GaborRegressor(random_state=0, warm_start=True, fit_offset=True).fit(X, y)
    phi, loss = np.array([*model.phi_, 1.0, model.offset_]), model.loss_
    model.set_params(max_iter=1, tol=None, store_path="epoch").fit(X, y)
    assert_allclose(model.path_[0], phi, rtol=1e-9)
    assert len(model.init_results_) == 1
    assert_allclose(model.loss_curve_[0], loss, rtol=1e-9)


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


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e5 / 3, -7.7])
def test_a_constant_feature_has_no_say(value):
    X, y = make_wave()
    model = GaborRegressor(random_state=0).fit(X, y)
    more = GaborRegressor(random_state=0).fit(np.c_[X, np.full(len(X), value)], y)
    assert_allclose(more.loss_, model.loss_, rtol=1e-3)
    assert abs(more.phi_[2] * value) < 1.0
    J = ((more.predict(np.c_[X, np.full(len(X), value)]) - y) ** 2).mean()
    assert_allclose(J, more.loss_, rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-200, 1e155, 1e200])
def test_any_magnitude_of_x(scale):
    X, y = make_wave()
    model = GaborRegressor(random_state=0).fit(X, y)
    scaled = GaborRegressor(random_state=0).fit(scale * X, y)
    assert_allclose(scaled.loss_, model.loss_, rtol=1e-6)


def test_targets_too_large_to_square_are_refused():
    X, y = make_wave()
    with pytest.raises(ValueError, match="The objective is not finite at the start"):
        GaborRegressor(fit_amplitude=True).fit(X, 1e160 * y)


@pytest.mark.parametrize("params", [{"init": [1e200, 1.0]}, {"window": 1e-300}])
def test_extremes_overflow_in_silence(params):
    X, y = make_wave()
    with pytest.warns(ConvergenceWarning, match="no sample sees the wave"):
        model = GaborRegressor(random_state=0, **params).fit(X, y)
    assert np.isfinite(model.loss_)


def test_rows_without_weight_are_not_there():
    X, y = make_wave()
    X[:5], weights = 1e200, np.r_[np.zeros(5), np.ones(40)]
    model = GaborRegressor(random_state=0).fit(X, y, weights)
    alone = GaborRegressor(random_state=0).fit(X[5:], y[5:])
    assert_allclose(model.phi_, alone.phi_, rtol=1e-6)
