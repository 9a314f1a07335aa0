"""From parameters and data to a trained model: lower → train → publish attributes."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_array, check_random_state

from .._naming import naming
from ..engine._losses import check_targets
from ..engine._lowering import (
    as_description,
    check_line_search,
    lower_average,
    lower_batch_size,
    lower_candidates,
    lower_clipping,
    lower_loss,
    lower_order,
    lower_patience,
    lower_penalty,
    lower_plan,
    lower_schedule,
    lower_solver,
)
from ..engine._multipliers import tabulated
from ..engine._rates import AutoRate
from ..engine._restarts import best_of
from ..engine._train import (
    TOO_LARGE,
    join_histories,
    judge_start,
    objectives,
    sample_of,
)
from ..engine._types import Task, Validation
from ..losses import LOSSES
from ..schedules import SCHEDULES
from ..solvers import SOLVERS
from ._coordinates import Coordinates
from ._inputs import finite_cast
from ._training import LARGE_GAIN, Training, raise_if_diverged, stop_reasons
from ._validation import split
from ._verbose import reporter

# Attributes that not every fit leaves.
OPTIONAL = (
    "path_",
    "validation_loss_curve_",
    "validation_scores_",
    "best_validation_score_",
    "_covariance",
)


class Learner:
    """How an estimator of checked parameters is trained on checked data.

    A subclass says what is particular to its model:

    - `_first_phi(data, coordinates, is_single, seed)`: parameters before the first
      epoch, (K, P), one row a candidate; `_check_start(origin, phi)`: a refusal of such
      that it cannot go on from;
    - `_model_fields(coordinates, n_features)`: the fields of `Plan` that are its own;
    - `_run(task, state, max_epochs, on_epoch)`: how candidates are trained;
    - `_parameters(phi)`: fitted attributes, and `_examine(data)`: a last look at them.

    and where it differs from the plain case: `_takes_as_single`, `_basis` and
    `_coordinates`, `_trained_on`, `_check_first_chunk`, `_judge_end`, `_trouble`,
    `_untapped`, `_large_gain` and `_remedy_above_constant`.
    """

    # What to do about a training that stands still above a constant prediction.
    _remedy_above_constant = (
        "Lower tol, raise the learning rate, or standardise the features, e.g. with "
        "StandardScaler."
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

    def _judge_end(self, task, state, is_chunk):
        """Set the status of candidates that ended in a way of the model's own."""

    def _large_gain(self, data):
        """Which share of a constant prediction's objective is worth training for."""
        return LARGE_GAIN

    def _trouble(self):
        """What the training came to grief by, in words, or None."""
        return None

    def _untapped(self, data):
        """By how much the objectives could easily be lower."""
        return np.zeros(data.y.shape[1])

    def _seeds(self):
        """Of the order of the rows, and of which of them are for validation.

        The rows for validation stay the same while a training is built upon another; a
        number draws those that it draws in `train_test_split`.
        """
        rng = check_random_state(self.random_state)
        seed = int(rng.randint(np.iinfo(np.int32).max))
        if self.warm_start and self._has_trained:
            return seed, self._training.split_seed
        is_number = isinstance(self.random_state, Integral)
        return seed, self.random_state if is_number else seed

    def _parted(self, data, held_out, split_seed):
        """Rows to train on, and for validation: passed, split off, or None."""
        if held_out is None and self.early_stopping:
            return split(data, self.validation_fraction, split_seed)
        return data, held_out

    def _begun(self, data, is_single, seed, split_seed):
        """A training before its first epoch."""
        coordinates = self._coordinates(data)
        phi = self._first_phi(coordinates.data(data), coordinates, is_single, seed)
        return Training.begun(
            phi,
            self.store_path,
            start=phi,
            basis=self._basis(),
            coordinates=coordinates,
            targets=np.arange(len(phi)) % data.y.shape[1],
            is_single=is_single,
            seed=seed,
            split_seed=split_seed,
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
        resumed = training.resumed(self.store_path)
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
        loss = progress["lowest" if training.stops_early else "last"]
        best = best_of(loss, training.targets, progress["status"])
        phi = training.coordinates.outward(training.state.latest)[best]
        return self._parameters(phi[0] if training.is_single else phi)

    def _last_phi(self):
        """The published parameters of the last fit, as `init` takes them."""
        training = self._training
        phi = training.coordinates.outward(training.outcome)[training.best]
        return phi[0] if training.is_single else phi

    def _learn(
        self, data, held_out, training, max_epochs, tol, watch=None, is_chunk=False
    ):
        """Train, and publish the outcome.

        `held_out` are the rows for validation, or None; `watch` gives, for a training,
        what is called after each of its epochs; `is_chunk` says that the data may be a
        part of those that are to be fitted.
        """
        is_new, coordinates = training.is_new, training.coordinates
        whole = coordinates.data(data)
        inner = self._trained_on(whole, max_epochs)
        validation = held_out and Validation.of(coordinates.data(held_out))
        training, task = self._lowered(inner, validation, training, tol)
        state = training.state
        plan = tabulated(
            task.plan, self.schedule, state.progress, max_epochs, self.max_iter
        )
        task = task._replace(plan=plan)
        judge_start(task, state, is_new)
        with np.errstate(over="ignore"):
            reference = coordinates.size**2 * state.progress["reference"]
        if not np.isfinite(reference).all():
            raise ValueError(TOO_LARGE)
        training.wake()
        on_epoch = self._listener(training, watch)
        history = self._run(task, state, max_epochs, on_epoch)
        self._judge_end(task, state, is_chunk)
        loss, sampled, final, leading = objectives(task, training.outcome, state.phi)
        state.progress["final"], state.progress["leading"] = final, leading
        training = training.judged(loss, sampled)
        raise_if_diverged(
            type(self).__name__,
            training,
            task.candidates,
            history,
            whole,
            getattr(self, "feature_names_in_", None),
            is_auto=self.learning_rate == "auto",
        )
        training.raise_if_unjudged()
        history = join_histories(training.history, history)
        self._publish(training._replace(history=history), data.X.dtype)
        self._examine(data)

    def _listener(self, training, watch):
        """What is called after every epoch, or None where nobody listens."""
        heard = watch(training) if watch else None
        if not self.verbose:
            return heard
        report = reporter(int(self.verbose), training)

        def on_epoch(entries):
            report(entries)
            return heard is not None and heard(entries)

        return on_epoch

    def _lowered_loss(self):
        """What the engine reads of the loss."""
        return lower_loss(as_description(self.loss, LOSSES))

    def _lowered_penalty(self, coordinates):
        """What the engine reads of the penalty, in given coordinates."""
        alpha = 0.0 if self.penalty is None else coordinates.alpha(self.alpha)
        return lower_penalty(self.penalty, alpha)

    def _lowered(self, data, validation, training, tol):
        """What the engine reads of the parameters, and the training as it begins."""
        n_samples, n_features = data.X.shape
        solver = as_description(self.solver, SOLVERS)
        schedule = as_description(self.schedule, SCHEDULES)
        batch_size = lower_batch_size(self.batch_size, solver, n_samples)
        penalty = self._lowered_penalty(training.coordinates)
        check_line_search(solver, schedule, batch_size, n_samples, penalty["l1"])
        loss = self._lowered_loss()
        check_targets(loss["loss"], data.y)
        if validation is not None:
            check_targets(loss["loss"], validation.data.y, "y_val")
        model = self._model_fields(training.coordinates, n_features)
        rate = self.learning_rate
        if rate == "auto":
            automatic = AutoRate(
                solver,
                schedule,
                batch_size,
                penalty["l2"],
                model["model"],
                model["window"],
                model["has_head"],
                bool(model["is_trained"][0]),
                **loss,
            )
            training = training.seen(automatic.measured(data))
            rate = automatic.rate(training.measures, data)
        n_updates = -(-n_samples // batch_size)
        candidates = lower_candidates(
            len(training.targets),
            target=training.targets,
            first_rate=rate,
            patience=lower_patience(self.n_iter_no_change, tol, solver, n_updates),
            **lower_solver(solver),
            **lower_schedule(schedule, self.max_iter),
            **penalty,
            **lower_clipping(self.gradient_clipping, schedule),
            **lower_average(self.average),
        )
        plan = lower_plan(
            candidates,
            X=data.X,
            batch_size=batch_size,
            seed=training.seed,
            tol=tol,
            validates=validation is not None,
            stops_early=self.early_stopping,
            store_path=self.store_path,
            **lower_order(self.shuffle, batch_size, data.X),
            **model,
            **loss,
        )
        training = training.under(candidates["rule"][0]).heeding(self.early_stopping)
        sample = data if plan.publishes_last else sample_of(data)
        task = Task(data, plan, candidates, sample, validation)
        return training.averaging(self.average), task

    def _publish(self, training, dtype):
        """Set the fitted attributes."""
        progress, per_target = training.state.progress, training.per_target
        coordinates, history = training.coordinates, training.published_history()
        self._training = training
        self.n_iter_ = per_target(progress["n_epochs"])
        self.t_ = per_target(progress["n_updates"])
        self.loss_ = per_target(coordinates.size**2 * training.loss)
        self.stop_reason_ = per_target(stop_reasons(progress))
        for name in OPTIONAL:
            vars(self).pop(name, None)
        self.loss_curve_ = per_target(coordinates.size**2 * history.entries["loss"])
        self.best_loss_ = np.nanmin(self.loss_curve_, axis=0)[()]
        vars(self).update(training.validation_curves())
        if self.store_path:
            path = coordinates.outward(history.path[:, training.best])
            self.path_ = path[:, 0] if training.is_single else path
        phi = coordinates.outward(training.outcome)[training.best]
        phi = finite_cast(phi, dtype, "the fitted parameters")
        vars(self).update(self._parameters(phi[0] if training.is_single else phi))


def _describe_targets(n_targets, is_single):
    columns = "column" if n_targets == 1 else "columns"
    return "one dimension" if is_single else f"{n_targets} {columns}"
