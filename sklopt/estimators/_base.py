"""What users see of every estimator: checked parameters, `fit` and what it leaves."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, _fit_context, clone
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
)
from sklearn.utils.validation import check_is_fitted

from ..engine._losses import check_targets
from ..engine._objective import Objective
from ..schedules import SCHEDULES, Function
from ..solvers import SOLVERS
from ._callbacks import Watcher
from ._inputs import unchanged_on_error, validated_data
from ._learner import Learner
from ._training import warn_if_unfinished
from ._validation import checked_validation

# Numbers of threads, as joblib has them.
JOBS = [
    Interval(Integral, None, -1, closed="right"),
    Interval(Integral, 1, None, closed="left"),
    None,
]
# From this tol on, whoever stops early wants to.
COARSE_TOL = 1e-3


class _Count(Interval):
    """Numbers, of which True is none."""

    def is_satisfied_by(self, val):
        return not isinstance(val, bool | np.bool_) and super().is_satisfied_by(val)


class GradientTrained(Learner, CallbackSupportMixin, RegressorMixin, BaseEstimator):
    """Base of the estimators that the engine trains.

    `Learner` tells what a subclass has to say of its model. `_objective(X, y)` is what
    `sklopt.inspection` looks at.
    """

    _parameter_constraints: dict = {
        "solver": [StrOptions(set(SOLVERS)), *SOLVERS.values()],
        "learning_rate": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "schedule": [StrOptions(set(SCHEDULES)), *SCHEDULES.values(), Function()],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "loss": [StrOptions({"squared_error"})],
        "penalty": [StrOptions({"l2"}), None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "init": ["array-like", None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "gradient_clipping": [Interval(Real, 0, None, closed="neither"), None],
        "average": [
            Options(bool, {False, True}),
            _Count(Integral, 1, None, closed="left"),
            StrOptions({"exponential"}),
        ],
        "shuffle": ["boolean", StrOptions({"blocks"})],
        "random_state": ["random_state"],
        "warm_start": ["boolean"],
        "store_path": [
            StrOptions({"epoch", "step"}),
            Options(bool, {False}),
            _Count(Integral, 1, None, closed="left"),
        ],
        "verbose": ["verbose"],
    }

    # What sparse X is converted to, or False.
    _sparse_format = False

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
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Train until the objective, or the validation loss, stands still.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training samples. C-ordered float64 and float32 arrays are not copied, nor
            are compressed sparse rows (CSR); other sparse formats are converted to
            these. `GaborRegressor` takes no sparse X.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets; several targets are trained side by side on the same mini-batches.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, >= 0. Only their ratios matter.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Samples that are not trained on but judge every epoch: what it ends with is
            told by `validation_loss_curve_`, and ``early_stopping=True`` heeds it. A
            `Pipeline` transforms them with ``transform_input=["X_val"]``.
        y_val : array-like of shape (n_val,) or (n_val, n_targets), default=None
            Their targets.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If an input is not usable, or if training diverges; the estimator is then
            left as it was.

        Notes
        -----
        Whoever passes validation rows on treats them by rules of its own. A search cuts
        into folds what has as many rows as X, also where these are for validation; give
        it more or fewer. `TransformedTargetRegressor` leaves `y_val` as it is: pass it
        transformed.
        """
        validation = X_val, y_val, sample_weight_val
        watcher = Watcher(self, X, y, sample_weight, validation)
        with unchanged_on_error(self):
            data, is_single = validated_data(self, X, y, sample_weight, is_first=True)
            is_single = self._takes_as_single(data, is_single)
            held_out = checked_validation(self, data, *validation)
            seeds = self._seeds()
            data, held_out = self._parted(data, held_out, seeds[1])
            training = self._begun(data, is_single, *seeds)
            self._learn(
                data, held_out, training, self.max_iter, self.tol, watcher.watch
            )
        watcher.close()
        self._warn_of_trouble(stacklevel=5)
        if self.tol is not None:
            owner = type(self).__name__
            is_coarse = self.tol >= COARSE_TOL
            untapped = np.zeros(1) if is_coarse else self._untapped(data)
            large_gain = self._large_gain(data)
            warn_if_unfinished(
                owner,
                self._training,
                self.max_iter,
                untapped,
                large_gain,
                self._remedy_above_constant,
            )
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X,
        y,
        sample_weight=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Train for one epoch on X, from where the last call stopped.

        The optimizer goes on too: running averages, epochs and updates are those of
        one training, so that k calls on the same data are one `fit` of k epochs with
        ``tol=None``. ``learning_rate="auto"`` heeds the steepest of the data seen so
        far.

        With ``early_stopping=True`` patience and the best parameters are those of one
        training too: `stop_reason_` tells when a `fit` would have stopped, and `coef_`
        or `phi_` are the best so far, while training goes on from the last. Validation
        losses compare only if all calls get the same validation rows; where none are
        passed, the same share of X is split off in every call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training samples, sparse ones for `GradientRegressor` only.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample, >= 0. Only their ratios matter.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Samples that are not trained on but judge every epoch: what it ends with is
            told by `validation_loss_curve_`, and ``early_stopping=True`` heeds it. A
            `Pipeline` transforms them with ``transform_input=["X_val"]``.
        y_val : array-like of shape (n_val,) or (n_val, n_targets), default=None
            Their targets.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.

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
        validation = X_val, y_val, sample_weight_val
        with unchanged_on_error(self):
            is_first = not self._has_trained
            data, is_single = validated_data(self, X, y, sample_weight, is_first)
            is_single = self._takes_as_single(data, is_single)
            held_out = checked_validation(self, data, *validation)
            if is_first:
                self._check_first_chunk(data)
                seeds = self._seeds()
                data, held_out = self._parted(data, held_out, seeds[1])
                training = self._begun(data, is_single, *seeds)
            else:
                # scikit-learn spares a fitted estimator's partial_fit this.
                self._validate_params()
                split_seed = self._training.split_seed
                data, held_out = self._parted(data, held_out, split_seed)
                training = self._resumed(data, is_single)
            tol = self.tol if self.early_stopping else None
            self._learn(data, held_out, training, max_epochs=1, tol=tol, is_chunk=True)
        self._warn_of_trouble(stacklevel=4)
        return self

    def _warn_of_trouble(self, stacklevel):
        """Warn at the user's line, so many calls away with the wrappers between."""
        trouble = self._trouble()
        if trouble is not None:
            warnings.warn(
                f"{type(self).__name__} {trouble}", ConvergenceWarning, stacklevel
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = bool(self._sparse_format)
        return tags

    @property
    def history_(self):
        """The training epoch by epoch, as a pandas DataFrame.

        Columns: ``epoch`` from 0; ``update``, how many so far; ``loss``, the mean
        objective seen during the epoch; with `average` ``averaged_loss``, J at the
        averaged parameters after it, where X has more than 10 000 rows on so many
        of them, drawn by their weights; ``validation_loss`` and ``validation_score``
        (R²) of the parameters that it ends with, averaged if so wished, two columns
        that are there only if an epoch had validation rows, and NaN where it had none;
        ``learning_rate`` at its end; ``gradient_norm`` of its last mini-batch, before
        clipping, and ``step_norm`` of the update that followed, ‖Δφ‖, in the units
        that are trained and NaN if that batch had no weight; ``seconds`` that it took,
        where epochs of less than 10 ms share the time of their neighbours; with
        several targets also ``target``.
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
        check_targets(self._lowered_loss()["loss"], data.y)
        return self._objective_on(data, self._plain_coordinates(data.X.shape[1]))

    def _objective_on(self, data, coordinates):
        """J of one target on validated data in given coordinates."""
        n_samples, n_features = data.X.shape
        weight = data.weight if data.weight.size else np.ones(n_samples)
        return Objective(
            X=data.X.astype(np.float64, copy=False),
            y=data.y[:, 0].astype(np.float64, copy=False),
            weight=weight.astype(np.float64, copy=False),
            **self._model_fields(coordinates, n_features),
            **self._lowered_loss(),
            **self._lowered_penalty(coordinates),
        )
