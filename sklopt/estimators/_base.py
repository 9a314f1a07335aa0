"""What every estimator shares: validate → lower → train → publish attributes."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context, clone
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
)
from sklearn.utils.validation import check_is_fitted

from ..engine._lowering import (
    as_description,
    check_line_search,
    lower_batch_size,
    lower_candidates,
    lower_patience,
    lower_penalty,
    lower_plan,
    lower_schedule,
    lower_solver,
)
from ..engine._objective import Objective
from ..engine._rates import auto_rate, loss_curvature, measure_curvature
from ..engine._restarts import best_of
from ..engine._train import TOO_LARGE, join_histories, judge_start, objective
from ..kernels._codes import Loss, Status, Store
from ..schedules import SCHEDULES
from ..solvers import SOLVERS
from ._callbacks import Watcher
from ._coordinates import Coordinates
from ._inputs import finite_cast, naming, unchanged_on_error, validated_data
from ._training import (
    LARGE_GAIN,
    Training,
    raise_if_diverged,
    stop_reasons,
    warn_if_unfinished,
)

_LOSSES = {"squared_error": Loss.SQUARED_ERROR}
# From this tol on, whoever stops early wants to.
COARSE_TOL = 1e-3

_STORES = {False: Store.NEVER, "epoch": Store.EPOCH, "step": Store.STEP}


class GradientTrained(CallbackSupportMixin, RegressorMixin, BaseEstimator):
    """Base of the estimators that the engine trains.

    A subclass says what is particular to its model:

    - `_first_phi(data, coordinates, is_single, seed)`: parameters before the first
      epoch, (K, P), one row a candidate; `_check_start(origin, phi)`: a refusal of such
      that it cannot go on from;
    - `_model_fields(coordinates, n_features)`: the fields of `Plan` that are its own;
    - `_run(data, plan, candidates, state, max_epochs, on_epoch)`: how candidates are
      trained;
    - `_parameters(phi)`: fitted attributes, and `_examine(data)`: a last look at them.

    and where it differs from the plain case: `_takes_as_single`, `_basis` and
    `_coordinates`, `_trained_on`, `_check_first_chunk`, `_judge_end`,
    `_untapped` and `_large_gain`.

    `_objective(X, y)` is what `sklopt.inspection` looks at.
    """

    _parameter_constraints: dict = {
        "solver": [StrOptions(set(SOLVERS)), *SOLVERS.values()],
        "learning_rate": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "schedule": [StrOptions(set(SCHEDULES)), *SCHEDULES.values()],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "loss": [StrOptions(set(_LOSSES))],
        "penalty": [StrOptions({"l2"}), None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "init": ["array-like", None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "store_path": [StrOptions({"epoch", "step"}), Options(bool, {False})],
    }

    def _validate_params(self):
        rate = self.learning_rate
        if isinstance(rate, str) and rate != "auto":
            raise InvalidParameterError(
                f"The 'learning_rate' parameter of {type(self).__name__} must be "
                f"'auto' or a float in the range (0, inf). Got {rate!r} instead; did "
                f"you mean schedule={rate!r}? Schedules "
                f"are {', '.join(SCHEDULES)}."
            )
        super()._validate_params()

    @_fit_context(prefer_skip_nested_validation=True)
    @with_callbacks
    def fit(self, X, y, sample_weight=None):
        """Train on the whole of X until the objective stands still.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples. C-ordered float64 and float32 arrays are not copied.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets; several targets are trained side by side on the same mini-batches.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, >= 0. Only their ratios matter.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If an input is not usable, or if training diverges; the estimator is then
            left as it was.
        """
        watcher = Watcher(self, X, y, sample_weight)
        with unchanged_on_error(self):
            data, is_single = validated_data(self, X, y, sample_weight, is_first=True)
            is_single = self._takes_as_single(data, is_single)
            training = self._begun(data, is_single)
            self._learn(data, training, self.max_iter, self.tol, watcher.watch)
        watcher.close()
        if self.tol is not None:
            owner = type(self).__name__
            is_coarse = self.tol >= COARSE_TOL
            untapped = np.zeros(1) if is_coarse else self._untapped(data)
            warn_if_unfinished(
                owner, self._training, self.max_iter, untapped, self._large_gain
            )
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on X, from where the last call stopped.

        The optimizer goes on too: running averages, epochs and updates are those of
        one training, so that k calls on the same data are one `fit` of k epochs with
        ``tol=None``. ``learning_rate="auto"`` heeds the steepest of the data seen so
        far.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, >= 0. Only their ratios matter.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If an input is not usable, or if training diverges; the estimator is then
            left as it was.
        """
        with unchanged_on_error(self):
            is_first = not self._has_trained
            data, is_single = validated_data(self, X, y, sample_weight, is_first)
            is_single = self._takes_as_single(data, is_single)
            if is_first:
                self._check_first_chunk(data)
                training = self._begun(data, is_single)
            else:
                # scikit-learn spares a fitted estimator's partial_fit this.
                self._validate_params()
                training = self._resumed(data, is_single)
            self._learn(data, training, max_epochs=1, tol=None, is_chunk=True)
        return self

    @property
    def history_(self):
        """The training epoch by epoch, as a pandas DataFrame.

        Columns: ``epoch`` from 0; ``update``, how many so far; ``loss``, the mean
        objective seen during the epoch; ``learning_rate`` at its end;
        ``gradient_norm`` of its last mini-batch; with several targets also ``target``.
        """
        import pandas as pd

        check_is_fitted(self)
        return pd.DataFrame(self._training.columns())

    def _objective(self, X, y, sample_weight=None):
        """J on given data, with derivatives, for those who look at its surface."""
        self._validate_params()
        is_first = not self._has_trained
        owner = clone(self) if is_first else self
        data, is_single = validated_data(owner, X, y, sample_weight, is_first)
        if not self._takes_as_single(data, is_single):
            raise ValueError("y has several targets, each with a surface of its own.")
        return self._objective_on(data, self._plain_coordinates(data.X.shape[1]))

    def _objective_on(self, data, coordinates):
        """J of one target on validated data in given coordinates."""
        n_samples, n_features = data.X.shape
        weight = data.weight if data.weight.size else np.ones(n_samples)
        return Objective(
            X=data.X.astype(np.float64),
            y=data.y[:, 0].astype(np.float64),
            weight=weight.astype(np.float64),
            alpha=0.0 if self.penalty is None else coordinates.alpha(self.alpha),
            **self._model_fields(coordinates, n_features),
        )

    @property
    def _has_trained(self):
        return hasattr(self, "_training")

    def _takes_as_single(self, data, is_single):
        """Whether y is one target without an axis of its own; or an error."""
        return is_single

    def _basis(self):
        """What the coordinates of a training are chosen by."""
        return None

    def _plain_coordinates(self, n_features):
        """Those of the user."""
        return Coordinates.plain(n_features, input_scale=1.0)

    def _coordinates(self, data):
        """Those that are trained."""
        return self._plain_coordinates(data.X.shape[1])

    def _trained_on(self, data, max_epochs):
        """The data, or others with the same objective."""
        return data

    def _check_first_chunk(self, data):
        """Refuse data that tell too little to begin a `partial_fit` with."""

    def _judge_end(self, data, plan, state, is_chunk):
        """Set the status of candidates that ended in a way of the model's own."""

    @property
    def _large_gain(self):
        """Which share of a constant prediction's objective is worth training for."""
        return LARGE_GAIN

    def _untapped(self, data):
        """By how much the objectives could easily be lower."""
        return np.zeros(data.y.shape[1])

    def _begun(self, data, is_single):
        """A training before its first epoch."""
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(np.iinfo(np.int32).max))
        coordinates = self._coordinates(data)
        phi = self._first_phi(coordinates.data(data), coordinates, is_single, seed)
        return Training.begun(
            phi,
            bool(self.store_path),
            start=phi,
            basis=self._basis(),
            coordinates=coordinates,
            targets=np.arange(len(phi)) % data.y.shape[1],
            is_single=is_single,
            seed=seed,
        )

    def _resumed(self, data, is_single):
        """The last training, its state a copy to go on with."""
        training = self._training
        n_targets = len(training.best)
        if (data.y.shape[1], is_single) != (n_targets, training.is_single):
            raise ValueError(
                f"{type(self).__name__} was fitted with y of "
                f"{_describe_targets(n_targets, training.is_single)}, but got y of "
                f"{_describe_targets(data.y.shape[1], is_single)}."
            )
        phi = training.coordinates.outward(training.state.phi)
        self._check_start("the last fit", phi)
        resumed = training.resumed(bool(self.store_path))
        if self._basis() == training.basis:
            return resumed  # standardised once, for the data of the first call
        moved = resumed.moved(self._coordinates(data))
        return moved._replace(basis=self._basis())

    def _given_phi(self, expected):
        """Parameters that a warm start or `init` gives, and where they are from."""
        if self.warm_start and self._has_trained:
            origin, phi = "the warm start", self._last_phi()
        else:
            origin = "init"
            with naming("init"):
                phi = check_array(
                    self.init, dtype=np.float64, ensure_2d=False, input_name="init"
                )
        if phi.shape not in expected:
            shapes = " or ".join(map(str, expected))
            raise ValueError(
                f"{origin} has parameters of shape {phi.shape}, but X and y ask for "
                f"{shapes}: the intercept, then a coefficient for each feature."
            )
        return origin, phi

    def _parameters_of(self, training):
        """The parameters of a training under way, as fitted attributes."""
        progress = training.state.progress
        best = best_of(progress["last"], training.targets, progress["status"])
        phi = training.coordinates.outward(training.state.phi)[best]
        return self._parameters(phi[0] if training.is_single else phi)

    def _last_phi(self):
        """The published parameters of the last fit, as `init` takes them."""
        training = self._training
        phi = training.coordinates.outward(training.state.phi)[training.best]
        return phi[0] if training.is_single else phi

    def _learn(self, data, training, max_epochs, tol, watch=None, is_chunk=False):
        """Train, and publish the outcome.

        `watch` gives, for a training, what is called after each of its epochs;
        `is_chunk` says that the data may be a part of those that are to be fitted.
        """
        is_new = training.is_new
        inner = self._trained_on(training.coordinates.data(data), max_epochs)
        training, candidates, plan = self._lowered(inner, training, tol)
        state = training.state
        judge_start(inner, plan, candidates, state, is_new)
        with np.errstate(over="ignore"):
            reference = training.coordinates.size**2 * state.progress["reference"]
        if not np.isfinite(reference).all():
            raise ValueError(TOO_LARGE)
        status = state.progress["status"]
        status[(status == Status.CONVERGED) | (status == Status.SATURATED)] = (
            Status.RUNNING
        )
        on_epoch = watch(training) if watch else None
        history = self._run(inner, plan, candidates, state, max_epochs, on_epoch)
        self._judge_end(inner, plan, state, is_chunk)
        loss = objective(inner, plan, candidates, state.phi)
        state.progress["final"] = loss
        training = training._replace(best=best_of(loss, training.targets, status))
        raise_if_diverged(
            type(self).__name__,
            training,
            candidates,
            history,
            loss,
            is_auto=self.learning_rate == "auto",
        )
        history = join_histories(training.history, history)
        self._publish(training._replace(history=history), loss, data.X.dtype)
        self._examine(data)

    def _lowered(self, data, training, tol):
        """What the engine reads of the parameters, and the training as it begins."""
        n_samples, n_features = data.X.shape
        solver = as_description(self.solver, SOLVERS)
        schedule = as_description(self.schedule, SCHEDULES)
        batch_size = lower_batch_size(self.batch_size, solver, n_samples)
        check_line_search(solver, schedule, batch_size, n_samples)
        model = self._model_fields(training.coordinates, n_features)
        alpha = 0.0 if self.penalty is None else training.coordinates.alpha(self.alpha)
        rate = self.learning_rate
        if rate == "auto":
            has_intercept = bool(model["is_trained"][0])
            training = training.seen(
                measure_curvature(
                    data, solver, batch_size, model["model"], has_intercept
                )
            )
            ell = loss_curvature(
                data, model["model"], model["window"], model["has_head"]
            )
            rate = auto_rate(
                training.curvature, solver, schedule, ell, alpha, batch_size, n_samples
            )
        n_updates = -(-n_samples // batch_size)
        candidates = lower_candidates(
            len(training.targets),
            target=training.targets,
            first_rate=rate,
            patience=lower_patience(self.n_iter_no_change, tol, solver, n_updates),
            **lower_solver(solver),
            **lower_schedule(schedule, self.max_iter),
            **lower_penalty(self.penalty, alpha),
        )
        plan = lower_plan(
            candidates,
            n_samples=n_samples,
            n_features=n_features,
            loss=_LOSSES[self.loss],
            batch_size=batch_size,
            shuffle=self.shuffle,
            seed=training.seed,
            tol=tol,
            store=_STORES[self.store_path],
            **model,
        )
        return training.under(candidates["rule"][0]), candidates, plan

    def _publish(self, training, loss, dtype):
        """Set the fitted attributes."""
        progress, per_target = training.state.progress, training.per_target
        coordinates, history = training.coordinates, training.published_history()
        self._training = training
        self.n_iter_ = per_target(progress["n_epochs"])
        self.t_ = per_target(progress["n_updates"])
        self.loss_ = per_target(coordinates.size**2 * loss)
        self.stop_reason_ = per_target(stop_reasons(progress))
        self.loss_curve_ = per_target(coordinates.size**2 * history.entries["loss"])
        for name in ("path_", "_covariance"):
            vars(self).pop(name, None)
        if self.store_path:
            path = coordinates.outward(history.path[:, training.best])
            self.path_ = path[:, 0] if training.is_single else path
        phi = coordinates.outward(training.state.phi)[training.best]
        phi = finite_cast(phi, dtype, "the fitted parameters")
        vars(self).update(self._parameters(phi[0] if training.is_single else phi))


def _describe_targets(n_targets, is_single):
    columns = "column" if n_targets == 1 else "columns"
    return "one dimension" if is_single else f"{n_targets} {columns}"
