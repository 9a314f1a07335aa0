"""One Gabor wave, fitted from many starts."""

import warnings
from numbers import Integral, Real

import numpy as np
from joblib import effective_n_jobs
from sklearn.exceptions import DataConversionWarning
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from .._naming import naming
from ..engine._lowering import as_description, lower_batch_size
from ..engine._objective import gabor
from ..engine._restarts import draw_best_starts, mark_saturated, race, with_heads
from ..kernels._codes import Model
from ..solvers import SOLVERS
from ._base import JOBS, GradientTrained
from ._coordinates import Coordinates
from ._inputs import FLOATS, refuse_foreign
from ._training import stop_reasons
from ._uncertainty import UncertaintyMixin, covariance

# What is worth training for, as a share of the objective of a constant prediction. A
# fit on all rows that ended well leaves less than a tenth of it; with mini-batches at a
# constant rate training swings about its minimum.
GAIN_OF_WAVES, GAIN_OF_WAVES_IN_BATCHES = 0.002, 0.05


class GaborRegressor(UncertaintyMixin, GradientTrained):
    """A Gabor wave trained by an optimizer of choice, from several starts.

    The model is f(x, φ) = sin(z)·exp(−z²/window) with the linear predictor
    z = φ₀ + input_scale·(φ₁x₁ + … + φ_d x_d); with `fit_amplitude` or `fit_offset` it
    is offset + amplitude·f. It minimises J(φ) = Σᵢ sᵢ (f(xᵢ, φ) − yᵢ)² / Σᵢ sᵢ, which
    has many minima and saddle points: where training ends depends on where it starts.

    Parameters
    ----------
    solver : str or object, default="adam"
        How gradients become steps; see `GradientRegressor`.
    learning_rate : float or "auto", default="auto"
        The rate α₀ > 0 of the first epoch. A number trains φ itself, as the textbook
        does. ``"auto"`` chooses rate and units: see Notes.
    schedule : str, object or callable, default="constant"
        How the rate changes; see `GradientRegressor`.
    batch_size : int, "auto" or None, default=None
        Rows of a mini-batch; None is all of them.
    window : float, default=8.0
        Width of the wave, > 0; Prince prints 32.
    input_scale : float, default=0.06
        κ > 0, what w·x is multiplied by.
    fit_amplitude : bool, default=False
        Whether the wave's amplitude is trained; else it is 1.
    fit_offset : bool, default=False
        Whether an offset is trained; else it is 0.
    loss : {"squared_error"}, default="squared_error"
        ℓ(f, y) = (f − y)², without a factor ½.
    penalty : {"l2"} or None, default=None
        ``"l2"`` adds alpha·½‖w‖² to the objective.
    alpha : float, default=1e-4
        Weight of the penalty, >= 0.
    init : "random" or array-like, default="random"
        Where training starts. ``"random"`` draws 2048 starts for one feature, 16384
        for two and 65536 for more, at least twice `n_init`, and trains those of the
        lowest objective on at most 1000 samples: the direction of w
        is uniform; along it the wave's centre z = 0 is uniform over the range of the
        data, and the phase that z runs through over half of that range is log-uniform
        between 1.5 and 25. For every other start the range is that without outliers:
        distinct values of a feature further from its quartiles than 1.5 times what
        lies between these count as the last value that is not. See Notes for how often
        that finds the global minimum.
        An array is one start (n_features + 1,) or several (n_init, n_features + 1),
        φ₀ first. Amplitude and offset start at their least-squares values.
    n_init : int, default=8
        Number of random starts that are trained.
    max_iter : int, default=1000
        Epochs at most.
    tol : float or None, default=1e-5
        A start is done when its mean objective of an epoch, or with `early_stopping`
        its validation loss, has not improved by more than this share of itself for
        `n_iter_no_change` epochs. After 25, 50, 100, … epochs the worse half of those
        still running is dropped. None does neither.
    n_iter_no_change : int, default=5
        Epochs without improvement that are borne; more where a solver has a memory.
    early_stopping : bool, default=False
        Whether to train until the validation loss, instead of the objective, stands
        still, and to take the parameters of the epoch that it was lowest after. Each
        start has a best epoch of its own, and the best start is that of the lowest
        validation loss. With ``tol=None`` all epochs are trained.
    validation_fraction : float, default=0.1
        Share of the rows that `early_stopping` splits off for validation where `fit`
        gets no `X_val`, drawn as `train_test_split` draws them with `random_state`.
    gradient_clipping : float or None, default=None
        The largest norm of a gradient, in the units that are trained; see
        `GradientRegressor`.
    average : bool, int or "exponential", default=False
        Whether parameters are averaged over the updates; see `GradientRegressor`.
    shuffle : bool or "blocks", default=True
        Whether every epoch draws a new order of the rows, where there are mini-batches;
        for "blocks" see `GradientRegressor`.
    random_state : int, RandomState instance or None, default=None
        Where starts and the order of the rows come from.
    warm_start : bool, default=False
        Whether `fit` starts at the parameters of the last fit only.
    store_path : {False, "epoch", "step"} or int, default=False
        Whether to keep the parameters in `path_`: after every epoch, every update, or
        every `store_path`-th update of the training.
    verbose : int or bool, default=0
        Whether to print loss, averaged loss, validation loss and learning rate after
        every epoch, or with k after every k-th; of the best start. Epochs are counted
        from 1.
    n_jobs : int or None, default=None
        Threads that the starts are shared among; None is one, -1 all cores. The
        outcome does not depend on it. Of large data cores share looking for NaN and
        the objectives of the fitted parameters whatever it is.

    Attributes
    ----------
    phi_ : ndarray of shape (n_features + 1,)
        φ₀…φ_d of the best start.
    amplitude_, offset_ : float
        1 and 0 where not trained.
    loss_ : float
        J at the fitted parameters.
    loss_curve_ : ndarray of shape (n_iter_,)
        Mean objective of every epoch of the best start.
    best_loss_ : float
        The lowest of `loss_curve_`.
    validation_loss_curve_ : ndarray of shape (n_iter_,)
        Mean loss of the validation rows after every epoch, without penalty: entry t
        belongs to the parameters that epoch t ends with. It and the next two only with
        validation rows; NaN in epochs without any.
    validation_scores_ : ndarray of shape (n_iter_,)
        R² of the same. NaN for a single row.
    best_validation_score_ : float
        R² after the epoch of the lowest validation loss; with `early_stopping` that of
        the fitted parameters.
    history_ : DataFrame
        A row an epoch of the best start; its docstring tells of the columns.
    path_ : ndarray of shape (n_points, n_params)
        Parameters of the best start: those it began with, then those after every epoch
        or update, or k-th update; φ₀…φ_d, then amplitude and offset where one of them
        is trained. Only with `store_path`.
    init_results_ : DataFrame
        A row a start: `restart`, the starting parameters ``start_0``…, the final ones
        ``phi_0``…, `loss`, `n_iter` and `stop_reason`.
    covariance_ : ndarray of shape (n_params, n_params)
        Covariance of the trained parameters in the order of `path_`; see Notes.
    standard_errors_ : ndarray of shape (n_params,)
        Square roots of its diagonal.
    n_iter_, t_ : int
        Epochs and updates of the best start; with `early_stopping` those after its best
        epoch included.
    stop_reason_ : str
        ``"tol"``, ``"early_stopping"``, ``"max_iter"``, ``"callback"``, or
        ``"saturated"`` where no sample sees the wave: neither its value nor its slope
        is more than a thousandth of the largest target, or of the wave's height where
        that is less. In `partial_fit`, where a chunk cannot judge the rest, both have
        to be 0.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had names.

    See Also
    --------
    GradientRegressor : The linear model.
    scipy.optimize.curve_fit : Fits any function, from one start.

    Notes
    -----
    ``learning_rate="auto"`` trains the same wave on standardised data (features of mean
    0 and variance 1; the target of mean 0 where an offset is fitted, and of size 1
    where an amplitude is), in which one rate suits every parameter, and gives φ for the
    data as they are. The rate there is that of `GradientRegressor` with the curvature
    of a wave of amplitude 1; adam moves z by at most 0.2 an update. The fit does not
    depend on the scale or the origin of any feature then, nor on those of the target
    that an amplitude and an offset take up; only with a penalty all features share one
    scale. The first call of `partial_fit` sets the units for all, so its rows should
    be many and like the rest; one in which no feature varies is refused.

    With the number of features the share of starts that lie in the right valley falls
    like a power. Of 20 waves of 300 samples in a cube, with noise 0.1 and w of length 8
    to 20, the defaults found 20 of one feature, 20 of two, 19 of three and 1 of five;
    64 runs of Levenberg-Marquardt from such starts found 17 of two, 7 of three and 4
    of five. From four features on, start near an answer, or compare several fits.

    Of one feature, a sample up to some 30 times the range of the others away leaves the
    fit what it is; of 60 waves with one 100 times the range away 56 were found. Where
    most samples crowd in one place the others count as outliers themselves, and such as
    are far from both hide the wave: take these out first.

    `covariance_` is σ²(DᵀSD)⁻¹ with D = ∂f/∂φ and σ² = Σ s r²/(n − p), n samples of
    positive weight and p trained parameters: the Gauss-Newton approximation that
    `scipy.optimize.curve_fit` gives. NaN, with a warning, where data do not determine
    the parameters, or no sample sees the wave.

    A `ConvergenceWarning` tells of an objective that stands still though a few steps of
    Levenberg-Marquardt lower it by more than 0.2 % of that of a constant prediction, or
    5 % with mini-batches.

    References
    ----------
    .. [1] Prince, S. J. D. (2023). Understanding Deep Learning, chapter 6. MIT Press.

    Examples
    --------
    >>> import numpy as np
    >>> from sklopt import GaborRegressor
    >>> x = np.linspace(-15, 15, 60)[:, np.newaxis]
    >>> z = 0.5 + 0.06 * 16.0 * x[:, 0]
    >>> y = np.sin(z) * np.exp(-z**2 / 8)
    >>> GaborRegressor(random_state=0).fit(x, y).phi_.round(2)
    array([ 0.5, 16. ])
    """

    _parameter_constraints: dict = GradientTrained._parameter_constraints | {
        "window": [Interval(Real, 0, None, closed="neither")],
        "input_scale": [Interval(Real, 0, None, closed="neither")],
        "fit_amplitude": ["boolean"],
        "fit_offset": ["boolean"],
        "init": [StrOptions({"random"}), "array-like"],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": JOBS,
    }
    _parameter_constraints.pop("fit_intercept")

    _remedy_above_constant = (
        "It may be a local minimum: start elsewhere, e.g. with init='random', or lower "
        "tol."
    )

    def __init__(
        self,
        solver="adam",
        *,
        learning_rate="auto",
        schedule="constant",
        batch_size=None,
        window=8.0,
        input_scale=0.06,
        fit_amplitude=False,
        fit_offset=False,
        loss="squared_error",
        penalty=None,
        alpha=1e-4,
        init="random",
        n_init=8,
        max_iter=1000,
        tol=1e-5,
        n_iter_no_change=5,
        early_stopping=False,
        validation_fraction=0.1,
        gradient_clipping=None,
        average=False,
        shuffle=True,
        random_state=None,
        warm_start=False,
        store_path=False,
        verbose=0,
        n_jobs=None,
    ):
        self.solver = solver
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.window = window
        self.input_scale = input_scale
        self.fit_amplitude = fit_amplitude
        self.fit_offset = fit_offset
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.gradient_clipping = gradient_clipping
        self.average = average
        self.shuffle = shuffle
        self.random_state = random_state
        self.warm_start = warm_start
        self.store_path = store_path
        self.verbose = verbose
        self.n_jobs = n_jobs

    def predict(self, X):
        """Predict with the fitted wave.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            offset + amplitude·f(x, φ).
        """
        check_is_fitted(self)
        refuse_foreign(X=X)
        with naming("X"):
            X = validate_data(self, X, dtype=FLOATS, reset=False)
        # Far from its centre a wave is 0, though z or its square overflows there.
        with np.errstate(over="ignore", invalid="ignore"):
            z = self.phi_[0] + self.input_scale * (X @ self.phi_[1:])
            f = np.where(np.isfinite(z), gabor(z, self.window), 0)
        return self.offset_ + self.amplitude_ * f

    @property
    def init_results_(self):
        """The starts and what became of them, as a pandas DataFrame."""
        import pandas as pd

        check_is_fitted(self)
        training = self._training
        coordinates, progress = training.coordinates, training.state.progress
        start = coordinates.outward(training.start)
        end = coordinates.outward(training.outcome)
        columns = {"restart": np.arange(len(end))}
        columns |= {f"start_{p}": values for p, values in enumerate(start.T)}
        columns |= {f"phi_{p}": values for p, values in enumerate(end.T)}
        columns |= {
            "loss": coordinates.size**2 * training.loss,
            "n_iter": progress["n_epochs"],
            "stop_reason": stop_reasons(progress),
        }
        return pd.DataFrame(columns)

    @property
    def _has_head(self):
        return self.fit_amplitude or self.fit_offset

    def _plain_coordinates(self, n_features):
        return Coordinates.plain(n_features, self.input_scale)

    def _basis(self):
        is_standard = self.learning_rate == "auto"
        return (
            is_standard,
            self.input_scale,
            is_standard and self.fit_offset,
            is_standard and self.fit_amplitude,
            is_standard and self.penalty is not None,
        )

    def _coordinates(self, data):
        if self.learning_rate != "auto":
            return self._plain_coordinates(data.X.shape[1])
        return self._standard_coordinates(data)

    def _standard_coordinates(self, data):
        return Coordinates.standard(
            data,
            self.input_scale,
            centres_target=self.fit_offset,
            scales_target=self.fit_amplitude,
            is_isotropic=self.penalty is not None,
        )

    def _model_fields(self, coordinates, n_features):
        head = [self.fit_amplitude, self.fit_offset] if self._has_head else []
        return {
            "model": Model.GABOR,
            "input_scale": coordinates.input_scale,
            "window": self.window,
            "has_head": self._has_head,
            "is_trained": np.array([True] * (n_features + 1) + head),
        }

    def _takes_as_single(self, data, is_single):
        if is_single:
            return True
        if data.y.shape[1] > 1:
            raise ValueError(
                f"y has {data.y.shape[1]} columns, but GaborRegressor fits one target: "
                "fit one for each, e.g. with MultiOutputRegressor."
            )
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected; it is "
            "flattened, as y.ravel() does.",
            DataConversionWarning,
            stacklevel=5,
        )
        return True

    def _first_phi(self, data, coordinates, is_single, seed):
        objective = self._objective_on(data, coordinates).seen()
        is_warm = self.warm_start and self._has_trained
        if is_warm:
            phi = self._warm_phi()
        elif isinstance(self.init, str):
            phi = draw_best_starts(objective, self._head_flags, self.n_init, seed)
        else:
            shape = (data.X.shape[1] + 1,)
            with naming("init"):
                n_starts = len(np.atleast_2d(self.init))
            _, phi = self._given_phi([shape, (n_starts, *shape)])
        if is_warm or not isinstance(self.init, str):
            phi = coordinates.inward(np.atleast_2d(phi))
        phi = coordinates.settled(phi)
        if self._has_head and not is_warm:
            phi = with_heads(objective, phi, self._head_flags)
        return phi

    def _warm_phi(self):
        """Parameters of the last fit; a refusal of those of another model.

        Their number alone does not tell: amplitude and offset are as many as two
        features.
        """
        n_features = len(self._training.coordinates.centre)
        if n_features != self.n_features_in_:
            raise ValueError(
                f"The last fit was with {n_features} features, but X has "
                f"{self.n_features_in_}: set warm_start=False to start anew."
            )
        phi = self._last_phi()
        self._check_start("the warm start", np.atleast_2d(phi))
        return phi

    @property
    def _head_flags(self):
        return self.fit_amplitude, self.fit_offset

    def _check_start(self, origin, phi):
        if phi.shape[1] != self.n_features_in_ + 1 + 2 * self._has_head:
            raise ValueError(
                f"{origin} was with another fit_amplitude or fit_offset: fit anew."
            )
        if not self._has_head:
            return
        for name, flag, fixed, values in (
            ("amplitude", self.fit_amplitude, 1.0, phi[:, -2]),
            ("offset", self.fit_offset, 0.0, phi[:, -1]),
        ):
            if not flag and (values != fixed).any():
                raise ValueError(
                    f"{origin} has an {name} other than {fixed:g}, but "
                    f"fit_{name}=False."
                )

    def _run(self, task, state, max_epochs, on_epoch):
        return race(
            task,
            state,
            max_epochs,
            drops=self.tol is not None,
            n_threads=effective_n_jobs(self.n_jobs),
            on_epoch=on_epoch,
        )

    def _judge_end(self, task, state, is_chunk):
        mark_saturated(task, state, is_chunk=is_chunk)

    def _check_first_chunk(self, data):
        asks_for_spread = self.learning_rate == "auto" or isinstance(self.init, str)
        rows = data.weight > 0 if data.weight.size else slice(None)
        if asks_for_spread and (np.ptp(data.X[rows], axis=0) == 0).all():
            raise ValueError(
                "No feature varies in the first chunk of X, so that it tells neither "
                "the units of learning_rate='auto' nor where init='random' should "
                "look. Begin with more rows, or set both as numbers."
            )

    def _large_gain(self, data):
        n_samples, solver = len(data.X), as_description(self.solver, SOLVERS)
        batch_size = lower_batch_size(self.batch_size, solver, n_samples)
        return GAIN_OF_WAVES if batch_size == n_samples else GAIN_OF_WAVES_IN_BATCHES

    def _untapped(self, data):
        if self.stop_reason_ != "tol":
            return np.zeros(1)
        coordinates = self._standard_coordinates(data)
        objective = self._objective_on(coordinates.data(data), coordinates)
        gain = objective.gauss_newton_gain(coordinates.inward(self._last_phi()))
        unit = coordinates.size / self._training.coordinates.size
        return np.array([unit**2 * gain])

    def _parameters(self, phi):
        n_linear = self.n_features_in_ + 1
        amplitude, offset = phi[n_linear:] if self._has_head else (1.0, 0.0)
        return {
            "phi_": phi[:n_linear],
            "amplitude_": float(amplitude),
            "offset_": float(offset),
        }

    def _examine(self, data):
        objective = self._objective_on(data, self._plain_coordinates(data.X.shape[1]))
        self._covariance = covariance(objective, self._last_phi())
        if self.stop_reason_ == "saturated":
            self._covariance[np.ix_(objective.is_trained, objective.is_trained)] = (
                np.nan
            )

    def _trouble(self):
        if self.stop_reason_ != "saturated":
            return None
        return (
            "ended where no sample sees the wave: |z| is so large that its value and "
            "its slope vanish, and with them the gradient. Start elsewhere, e.g. with "
            "init='random', or lower the learning rate."
        )
