"""What every estimator shares: validate → lower → train → publish attributes."""

import warnings
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
)
from sklearn.utils.validation import check_is_fitted

from ..engine._lowering import (
    NEVER,
    as_description,
    first_state,
    is_by_row,
    looks_ahead,
    lower_batch_size,
    lower_candidates,
    lower_patience,
    lower_penalty,
    lower_schedule,
    lower_solver,
)
from ..engine._rates import auto_rate
from ..engine._train import (
    join_histories,
    objective,
    reference_objective,
    train,
    trivial_objective,
)
from ..engine._types import History, Plan, State
from ..kernels._codes import Clock, Loss, Rule, Status, Store
from ..kernels._stopping import HOPELESS_GROWTH, NOISE
from ..schedules import SCHEDULES, LineSearch
from ..solvers import GD, SGD, SOLVERS
from ._inputs import finite_cast, unchanged_on_error, validated_data

_LOSSES = {"squared_error": Loss.SQUARED_ERROR}
_STORES = {False: Store.NEVER, "epoch": Store.EPOCH, "step": Store.STEP}


# A share of the objective at the start that is as good as none, whatever y is.
NEGLIGIBLE = 1e-10


class _Training(NamedTuple):
    """What an estimator keeps so that `partial_fit` can go on."""

    state: State
    history: History
    is_single: bool  # whether y was one target without an axis of its own
    seed: int
    lowest_rate: float | np.ndarray  # that learning_rate="auto" came to, so far
    rule: int | None  # what the running averages in `state` belong to


class GradientTrained(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Base of the estimators that the engine trains.

    A subclass names its `_model` and publishes parameters in `_publish_parameters`.
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
        self._warn_if_unfinished()
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch on X, from where the last call stopped.

        The optimizer goes on too: running averages, epochs and updates are those of
        one training, so that k calls on the same data are one `fit` of k epochs with
        ``tol=None``. ``learning_rate="auto"`` takes the lowest rate that the data
        seen so far asked for.

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
        training = self._training
        frames = []
        for k, entries in enumerate(training.history.entries.T):
            entries = entries[~np.isnan(entries["rate"])]
            columns = {
                "epoch": np.arange(len(entries)),
                "update": entries["n_updates"],
                "loss": entries["loss"],
                "learning_rate": entries["rate"],
                "gradient_norm": entries["gradient_norm"],
            }
            if not training.is_single:
                columns["target"] = np.full(len(entries), k)
            frames.append(pd.DataFrame(columns))
        return pd.concat(frames, ignore_index=True)

    def _begun(self, data, is_single):
        """A training before its first epoch."""
        rng = check_random_state(self.random_state)
        phi = self._first_phi(data, is_single)
        n_points = 1 if self.store_path else 0
        return _Training(
            state=first_state(phi),
            history=History.empty(phi, n_points),
            is_single=is_single,
            seed=int(rng.randint(np.iinfo(np.int32).max)),
            lowest_rate=np.inf,
            rule=None,
        )

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
        state = State(*(array.copy() for array in training.state))
        path = training.history.path
        if not self.store_path or not len(path):
            # A path without holes: it ends with the wish for it, and begins anew.
            path = History.empty(state.phi, 1 if self.store_path else 0).path
        history = training.history._replace(path=path)
        return training._replace(state=state, history=history)

    def _first_phi(self, data, is_single):
        """Parameters before the first epoch, (n_targets, n_features + 1)."""
        shape = data.y.shape[1], data.X.shape[1] + 1
        if self.warm_start and hasattr(self, "_training"):
            origin, phi = "the warm start", self._training.state.phi
            given = phi.shape[1:] if self._training.is_single else phi.shape
        elif self.init is not None:
            origin = "init"
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
        state, solver = training.state, as_description(self.solver, SOLVERS)
        if training.rule != solver._rule:
            state.slots[:] = 0.0
            state.progress["slot_age"] = 0
            training = training._replace(lowest_rate=np.inf)
        training, plan, candidates = self._lowered(data, training, solver, tol)
        start = state.phi if training.rule is None else np.zeros_like(state.phi)
        reference = reference_objective(data, plan, candidates, start)
        if not np.isfinite(reference).all():
            raise ValueError(
                "The objective is not finite at the start: y, X or init is too large "
                "in magnitude."
            )
        reference = np.maximum(state.progress["reference"], reference)
        state.progress["reference"] = reference
        trivial = trivial_objective(data, plan, candidates, state.phi)
        state.progress["trivial"] = trivial

        history = train(data, plan, candidates, state, max_epochs)
        loss = objective(data, plan, candidates, state.phi)
        self._raise_if_diverged(candidates, state, history, loss)
        training = training._replace(
            state=state,
            history=join_histories(training.history, history),
            rule=solver._rule,
        )
        self._publish(training, loss, data.X.dtype)

    def _lowered(self, data, training, solver, tol):
        """What the engine reads of the parameters; the training knows its rate."""
        n_samples, n_targets = data.y.shape
        schedule = as_description(self.schedule, SCHEDULES)
        batch_size = lower_batch_size(self.batch_size, solver, n_samples)
        _check_line_search(solver, schedule, batch_size, n_samples)
        n_updates = -(-n_samples // batch_size)
        patience = lower_patience(self.n_iter_no_change, solver, n_updates)
        rate = self.learning_rate
        if rate == "auto":
            alpha = 0.0 if self.penalty is None else self.alpha
            rate = auto_rate(
                data, solver, schedule, alpha, batch_size, self.fit_intercept
            )
            rate = np.minimum(training.lowest_rate, rate)
            training = training._replace(lowest_rate=rate)
        candidates = lower_candidates(
            n_targets,
            target=np.arange(n_targets),
            first_rate=rate,
            **lower_solver(solver),
            **lower_schedule(schedule, self.max_iter),
            **lower_penalty(self.penalty, self.alpha),
        )
        store = int(_STORES[self.store_path])
        plan = Plan(
            model=int(self._model),
            loss=int(_LOSSES[self.loss]),
            batch_size=int(batch_size),
            is_shuffled=bool(self.shuffle and batch_size < n_samples),
            seed=training.seed,
            fit_intercept=bool(self.fit_intercept),
            looks_ahead=looks_ahead(candidates),
            is_by_row=is_by_row(candidates, batch_size, store),
            tol=float(tol or 0.0),
            patience=NEVER if tol is None else int(patience),
            store=store,
        )
        return training, plan, candidates

    def _raise_if_diverged(self, candidates, state, history, loss):
        progress = state.progress
        has_grown = loss > HOPELESS_GROWTH * progress["reference"]
        is_lost = progress["status"] == Status.DIVERGED
        is_lost |= ~np.isfinite(loss) | has_grown & (candidates["rule"] != Rule.ADAM)
        if not is_lost.any():
            return
        k = int(is_lost.argmax())
        entries = history.entries[:, k]
        entries = entries[np.isfinite(entries["rate"])]
        epoch = state.clock[Clock.EPOCH] - len(history.entries) + len(entries)
        first = state.progress["reference"][k]
        last = max(np.nan_to_num([entries["loss"][-1], loss[k]], nan=np.inf))
        raise ValueError(
            f"{type(self).__name__} diverged in epoch {epoch} at "
            f"learning_rate={entries['rate'][-1]:.3g}: the objective went from "
            f"{first:.3g} to {last:.3g}. Lower the learning rate, or take "
            "learning_rate='auto'; features of very different scales call for "
            "StandardScaler."
        )

    def _publish(self, training, loss, dtype):
        """Set the fitted attributes."""

        def per_target(values):
            return values[..., 0] if training.is_single else values

        progress, entries = training.state.progress, training.history.entries
        reasons = np.where(progress["status"] == Status.CONVERGED, "tol", "max_iter")
        self._training = training
        self.n_iter_ = _scalar(per_target(progress["n_epochs"]))
        self.t_ = _scalar(per_target(progress["n_updates"]))
        self.loss_ = _scalar(per_target(loss))
        self.stop_reason_ = _scalar(per_target(reasons))
        self.loss_curve_ = per_target(entries["loss"]).copy()
        vars(self).pop("path_", None)
        if self.store_path:
            path = training.history.path.copy()
            self.path_ = path[:, 0] if training.is_single else path
        phi = finite_cast(training.state.phi.copy(), dtype, "the fitted parameters")
        self._publish_parameters(phi[0] if training.is_single else phi)

    def _warn_if_unfinished(self):
        """Warn of a training that did not end at a minimum."""
        if self.tol is None:
            return
        progress = self._training.state.progress
        useless = NOISE * progress["trivial"] + NEGLIGIBLE * progress["reference"]
        if (self.loss_ > NOISE * progress["reference"]).any():
            trouble = (
                "ended above the objective that it began with: the learning rate is "
                "too high. Lower it, or take learning_rate='auto'."
            )
        elif (progress["status"] == Status.RUNNING).any():
            trouble = (
                f"stopped at max_iter={self.max_iter} before the objective stood "
                "still. Raise max_iter, raise the learning rate, or standardise the "
                "features, e.g. with StandardScaler; tol=None trains for max_iter "
                "epochs without this warning."
            )
        elif (self.loss_ > useless).any():
            trouble = (
                "stands still above the objective of a constant prediction. Lower "
                "tol, raise the learning rate, or standardise the features, e.g. with "
                "StandardScaler."
            )
        else:
            return
        message = f"{type(self).__name__} {trouble}"
        warnings.warn(message, ConvergenceWarning, stacklevel=4)


def _scalar(value):
    return value.item() if np.ndim(value) == 0 else value


def _describe_targets(n_targets, is_single):
    return "one dimension" if is_single else f"{n_targets} columns"


def _check_line_search(solver, schedule, batch_size, n_samples):
    is_full_descent = isinstance(solver, GD | SGD) and batch_size == n_samples
    if isinstance(schedule, LineSearch) and not is_full_descent:
        raise ValueError(
            "schedule='line_search' searches along the gradient of the whole training "
            "set: it goes with solver='gd', or solver='sgd' and batch_size=None, not "
            f"with solver={solver} on mini-batches of {batch_size}."
        )
