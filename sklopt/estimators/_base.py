"""What every estimator shares: validate → lower → train → publish attributes."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, _fit_context
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
from ..engine._rates import auto_rate, measure_curvature
from ..engine._train import join_histories, judge_start, objective, train
from ..kernels._codes import Loss, Status, Store
from ..schedules import SCHEDULES
from ..solvers import SOLVERS
from ._inputs import finite_cast, naming, unchanged_on_error, validated_data
from ._training import Training, raise_if_diverged, warn_if_unfinished

_LOSSES = {"squared_error": Loss.SQUARED_ERROR}
_STORES = {False: Store.NEVER, "epoch": Store.EPOCH, "step": Store.STEP}


class GradientTrained(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Base of the estimators that the engine trains.

    A subclass tells its model in `_model_fields` and publishes its parameters in
    `_publish_parameters`.
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
        with unchanged_on_error(self):
            data, is_single = validated_data(self, X, y, sample_weight, is_first=True)
            training = self._begun(data, is_single)
            self._learn(data, training, self.max_iter, self.tol)
        if self.tol is not None:
            owner = type(self).__name__
            warn_if_unfinished(owner, self._training, self.loss_, self.max_iter)
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
            is_first = not hasattr(self, "_training")
            data, is_single = validated_data(self, X, y, sample_weight, is_first)
            if is_first:
                training = self._begun(data, is_single)
            else:
                # scikit-learn spares a fitted estimator's partial_fit this.
                self._validate_params()
                training = self._resumed(data, is_single)
            self._learn(data, training, max_epochs=1, tol=None)
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

    def _begun(self, data, is_single):
        """A training before its first epoch."""
        rng = check_random_state(self.random_state)
        phi = self._first_phi(data, is_single)
        seed = int(rng.randint(np.iinfo(np.int32).max))
        return Training.begun(phi, is_single, seed, bool(self.store_path))

    def _resumed(self, data, is_single):
        """The last training, its state a copy to go on with."""
        training = self._training
        n_targets = len(training.state.phi)
        if (data.y.shape[1], is_single) != (n_targets, training.is_single):
            raise ValueError(
                f"{type(self).__name__} was fitted with y of "
                f"{_describe_targets(n_targets, training.is_single)}, but got y of "
                f"{_describe_targets(data.y.shape[1], is_single)}."
            )
        self._check_intercept("the last fit", training.state.phi)
        return training.resumed(bool(self.store_path))

    def _first_phi(self, data, is_single):
        """Parameters before the first epoch, (n_targets, n_features + 1)."""
        shape = data.y.shape[1], data.X.shape[1] + 1
        if self.warm_start and hasattr(self, "_training"):
            origin, phi = "the warm start", self._training.state.phi
            given = phi.shape[1:] if self._training.is_single else phi.shape
        elif self.init is not None:
            origin = "init"
            with naming("init"):
                phi = check_array(
                    self.init, dtype=np.float64, ensure_2d=False, input_name="init"
                )
            given = phi.shape
        else:
            return np.zeros(shape)
        expected = shape[1:] if is_single else shape
        if given != expected:
            raise ValueError(
                f"{origin} has parameters of shape {given}, but X and y ask for "
                f"{expected}: the intercept, then a coefficient for each feature."
            )
        phi = phi.reshape(shape)
        self._check_intercept(origin, phi)
        return phi

    def _check_intercept(self, origin, phi):
        if not self.fit_intercept and phi[:, 0].any():
            raise ValueError(
                f"{origin} has an intercept other than 0, but fit_intercept=False."
            )

    def _learn(self, data, training, max_epochs, tol):
        """Train, and publish the outcome."""
        is_new = training.is_new
        training, candidates, plan = self._lowered(data, training, tol)
        judge_start(data, plan, candidates, training.state, is_new)
        history = train(
            data,
            plan,
            candidates,
            training.state,
            max_epochs,
            is_divergence_fatal=True,
        )
        loss = objective(data, plan, candidates, training.state.phi)
        raise_if_diverged(type(self).__name__, training, candidates, history, loss)
        history = join_histories(training.history, history)
        self._publish(training._replace(history=history), loss, data.X.dtype)

    def _lowered(self, data, training, tol):
        """What the engine reads of the parameters, and the training as it begins."""
        n_samples, n_targets = data.y.shape
        solver = as_description(self.solver, SOLVERS)
        schedule = as_description(self.schedule, SCHEDULES)
        batch_size = lower_batch_size(self.batch_size, solver, n_samples)
        check_line_search(solver, schedule, batch_size, n_samples)
        rate = self.learning_rate
        if rate == "auto":
            training = training.seen(
                measure_curvature(data, solver, batch_size, self.fit_intercept)
            )
            alpha = 0.0 if self.penalty is None else self.alpha
            rate = auto_rate(
                training.curvature, solver, schedule, alpha, batch_size, n_samples
            )
        n_updates = -(-n_samples // batch_size)
        candidates = lower_candidates(
            n_targets,
            target=np.arange(n_targets),
            first_rate=rate,
            patience=lower_patience(self.n_iter_no_change, tol, solver, n_updates),
            **lower_solver(solver),
            **lower_schedule(schedule, self.max_iter),
            **lower_penalty(self.penalty, self.alpha),
        )
        plan = lower_plan(
            candidates,
            n_samples=n_samples,
            n_features=data.X.shape[1],
            loss=_LOSSES[self.loss],
            batch_size=batch_size,
            shuffle=self.shuffle,
            seed=training.seed,
            tol=tol,
            store=_STORES[self.store_path],
            **self._model_fields(data.X.shape[1]),
        )
        return training.under(candidates["rule"][0]), candidates, plan

    def _publish(self, training, loss, dtype):
        """Set the fitted attributes."""
        progress, per_target = training.state.progress, training.per_target
        reasons = np.where(progress["status"] == Status.CONVERGED, "tol", "max_iter")
        self._training = training
        self.n_iter_ = per_target(progress["n_epochs"])
        self.t_ = per_target(progress["n_updates"])
        self.loss_ = per_target(loss)
        self.stop_reason_ = per_target(reasons)
        self.loss_curve_ = per_target(training.history.entries["loss"]).copy()
        vars(self).pop("path_", None)
        if self.store_path:
            path = training.history.path.copy()
            self.path_ = path[:, 0] if training.is_single else path
        phi = finite_cast(training.state.phi.copy(), dtype, "the fitted parameters")
        self._publish_parameters(phi[0] if training.is_single else phi)


def _describe_targets(n_targets, is_single):
    columns = "column" if n_targets == 1 else "columns"
    return "one dimension" if is_single else f"{n_targets} {columns}"
