"""Linear regression whose optimizer is a hyperparameter."""

from numbers import Real

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import MultiOutputMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._naming import naming
from ..engine._curvature import untapped_gain
from ..engine._full_batch import condensed, pays
from ..engine._losses import has_largest_curvature, mean_of
from ..engine._lowering import as_description, lower_batch_size, lower_penalty
from ..engine._threads import train_in_threads
from ..kernels._codes import Loss, Model
from ..losses import LOSSES, Gamma, Poisson
from ..solvers import SOLVERS
from ._base import JOBS, GradientTrained
from ._inputs import checked_matrix, refuse_foreign
from ._uncertainty import UncertaintyMixin, covariance


class GradientRegressor(UncertaintyMixin, MultiOutputMixin, GradientTrained):
    """Linear regression trained by an optimizer of choice.

    Minimises J(φ) = Σᵢ sᵢ ℓ(zᵢ, yᵢ) / Σᵢ sᵢ with z = φ₀ + φ₁x₁ + … + φ_d x_d, where
    φ₀ is the intercept, w = φ₁…φ_d are the coefficients and s the sample weights. ℓ is
    (z − y)² unless `loss` is another, and ``penalty="l2"`` adds alpha·½‖w‖². The
    gradient of a mini-batch B is g = Σ_{i∈B} sᵢ ∇ℓᵢ / (|B|·s̄) + alpha·w, with s̄ the
    mean weight of the training set. Other penalties are told of at `penalty`.

    Parameters
    ----------
    solver : str or object, default="gd"
        How gradients become steps: ``"gd"``, ``"sgd"``, ``"momentum"``,
        ``"nesterov"``, ``"adam"``, or an object of `sklopt.solvers` that holds their
        hyperparameters.
    learning_rate : float or "auto", default="auto"
        The rate α₀ > 0 of the first epoch. ``"auto"`` takes the largest rate that
        theory vouches for on these data (see Notes).
    schedule : str, object or callable, default="constant"
        How the rate changes: ``"constant"``, ``"step_decay"``, ``"exponential"``,
        ``"inverse_scaling"``, ``"cosine"``, ``"plateau"``, ``"line_search"``,
        ``"one_cycle"``, ``"warmup"``, an object of `sklopt.schedules`, or a function
        of the epoch that gives what α₀ is multiplied by.
    batch_size : int, "auto" or None, default="auto"
        Rows of a mini-batch; the last of an epoch may be smaller. ``"auto"`` is
        min(256, n_samples), or somewhat less where the last one would be of less than
        half that size; None is all of them. ``solver="gd"`` always takes all.
    loss : str or object, default="squared_error"
        How a prediction is judged: ``"squared_error"``, which is (z − y)² without a
        factor ½, ``"absolute_error"``, ``"huber"``, ``"epsilon_insensitive"``,
        ``"squared_epsilon_insensitive"``, ``"quantile"``, ``"poisson"``, ``"gamma"``,
        or an object of `sklopt.losses`, where the formulas are. With ``"poisson"`` and
        ``"gamma"`` z is the logarithm of the predicted mean; y must not be negative for
        the one and be positive for the other.
    penalty : {"l2", "l1", "elasticnet"} or None, default=None
        What is added to the objective, alpha·R(w): ½‖w‖² for ``"l2"``, ‖w‖₁ for
        ``"l1"`` and (1 − l1_ratio)·½‖w‖² + l1_ratio·‖w‖₁ for ``"elasticnet"``. ‖w‖₁
        makes coefficients exactly zero, by a step of its own (see Notes); it does not
        go with ``schedule="line_search"``.
    alpha : float, default=1e-4
        Weight of the penalty, >= 0. `sklearn.linear_model.Lasso`, whose loss has the
        factor ½, calls half of it alpha.
    l1_ratio : float, default=0.15
        Share of ‖w‖₁ in ``"elasticnet"``, from 0 to 1.
    fit_intercept : bool, default=True
        Whether φ₀ is trained; else it stays 0.
    init : array-like, default=None
        Parameters before the first epoch, intercept first: (n_features + 1,), or
        (n_targets, n_features + 1) for several targets. None is all zeros.
    max_iter : int, default=1000
        Epochs at most.
    tol : float or None, default=1e-5
        Training ends when the mean objective of an epoch, or with `early_stopping` its
        validation loss, has not improved by more than this share of itself for
        `n_iter_no_change` epochs. An objective below a millionth of the best constant
        prediction's counts as one of that size. None never ends it.
    n_iter_no_change : int, default=5
        Epochs without improvement that are borne. Solvers with a running average
        overshoot and come back; they are given about 5/(1−β) updates.
    early_stopping : bool, default=False
        Whether to train until the validation loss, instead of the objective, stands
        still, and to take the parameters of the epoch that it was lowest after. Each
        target has a best epoch of its own. With ``tol=None`` all epochs are trained.
    validation_fraction : float, default=0.1
        Share of the rows that `early_stopping` splits off for validation where `fit`
        gets no `X_val`, drawn as `train_test_split` draws them with `random_state`.
    gradient_clipping : float or None, default=None
        The largest norm, > 0, that the gradient of a mini-batch may have, the smooth
        part of the penalty included: a longer one is scaled down to it before the
        solver sees it, so that a few far-off rows or a bad start do no harm. The
        proximal step of an l1 penalty is not clipped. None leaves all as they are. Not
        with ``schedule="line_search"``.
    average : bool, int or "exponential", default=False
        Whether the fitted parameters are an average of those after each update, instead
        of the last ones: True averages all, an int k those from the k-th update on (the
        last ones count until then), as SGDRegressor does. ``"exponential"`` moves the
        average a share max(1/1000, 9/(n + 8)) toward the parameters after the n-th
        update, so that it is of about the last 1000, or the last ninth where there are
        fewer. Loss, validation and early stopping are then those of the averaged
        parameters. Training itself does not change: `tol` without `early_stopping`
        looks at the objective of the last ones, and `path_` is made of them.
    shuffle : bool or "blocks", default=True
        Whether every epoch draws a new order of the rows. "blocks" reads short blocks
        of neighbouring rows in random order and shuffles the rows of many blocks at a
        time, which lets X be a file that is larger than memory; see the Notes. Of data
        in memory that no cache holds an epoch takes about two thirds of the time.
    random_state : int, RandomState instance or None, default=None
        Where the order of the rows comes from.
    warm_start : bool, default=False
        Whether `fit` begins at the parameters of the last fit instead of `init`. The
        optimizer begins anew; `partial_fit` is what goes on with it.
    store_path : {False, "epoch", "step"} or int, default=False
        Whether to keep the parameters in `path_`: after every epoch, every update, or
        every `store_path`-th update of the training.
    verbose : int or bool, default=0
        Whether to print loss, averaged loss, validation loss and learning rate after
        every epoch, or with k after every k-th; of several targets the mean. Epochs are
        counted from 1.
    precompute : "auto" or bool, default="auto"
        Whether full batches are trained on sufficient statistics, the products of the
        columns of X and y: after two passes over X an epoch costs O(n_features²)
        instead of a look at every number of X, for the same steps (those of a line
        search within its tolerance). ``"auto"`` where it is expected to be faster and a
        matrix of n_features² float64 takes at most 32 MB or a sixteenth of the memory
        of X. Some four times that is needed, and four times more for every core, of
        these at most 1 GB. Where the products lose digits, as of a feature 10⁴ times as
        far from 0 as it varies, the samples are used. Mini-batches do not use it, and
        True is refused where the loss is not the squared error.
    compute_covariance : bool, default=False
        Whether to compute `covariance_`: a pass over X of n_samples · n_features²
        operations. For the squared error only.
    n_jobs : int or None, default=None
        Threads that share several targets. None is one, −1 one for every core. The
        outcome is the same, to the last digit, for any number of them. Cores share
        looking for NaN in large dense X, the objective of the fitted parameters and
        products of columns whatever `n_jobs` is.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
        Coefficients w.
    intercept_ : float or ndarray of shape (n_targets,)
        Intercept φ₀.
    loss_ : float or ndarray of shape (n_targets,)
        J at the fitted parameters.
    loss_curve_ : ndarray of shape (n_iter_,) or (n_iter_.max(), n_targets)
        Mean objective of every epoch, each mini-batch taken where its gradient is:
        before the update, and for nesterov at the point it looks ahead to. For
        ``"gd"`` that is exactly J(φ_t). NaN where a target had stopped before.
    best_loss_ : float or ndarray of shape (n_targets,)
        The lowest of `loss_curve_`.
    validation_loss_curve_ : ndarray of shape (n_iter_,) or (n_iter_.max(), n_targets)
        Mean loss of the validation rows after every epoch, without penalty: entry t
        belongs to the parameters that epoch t ends with. It and the next two only with
        validation rows; NaN in epochs without any.
    validation_scores_ : ndarray of shape (n_iter_,) or (n_iter_.max(), n_targets)
        R² of the same. NaN for a single row.
    best_validation_score_ : float or ndarray of shape (n_targets,)
        R² after the epoch of the lowest validation loss; with `early_stopping` that of
        the fitted parameters.
    history_ : DataFrame
        A row an epoch: epoch, update, loss, averaged_loss, validation_loss,
        validation_score, learning_rate, gradient_norm, step_norm, seconds. Its
        docstring tells of each.
    path_ : ndarray of shape (n_points, n_features + 1)
        Parameters, intercept first and not averaged: those of the start, then those
        after every epoch or update: 1 + n_iter_ or 1 + t_ points, or 1 + t_ // k
        for every k-th.
        (n_points, n_targets, n_features + 1) for several targets. Only with
        `store_path`; where that changes between calls of `partial_fit`, the path begins
        anew.
    covariance_ : ndarray of shape (n_features + 1, n_features + 1)
        Covariance σ²(ZᵀSZ)⁻¹ of intercept and coefficients at a least-squares fit, with
        Z = (1, X) and σ² = Σ s r²/(n − p); one a target where y has several; NaN, with
        a warning, where data do not determine them. Only with `compute_covariance`.
    standard_errors_ : ndarray of shape (n_features + 1,)
        Square roots of its diagonal.
    n_iter_ : int or ndarray of shape (n_targets,)
        Epochs trained, those after the best one included.
    t_ : int or ndarray of shape (n_targets,)
        Updates made.
    stop_reason_ : str or ndarray of shape (n_targets,)
        ``"tol"``, ``"early_stopping"``, ``"max_iter"`` or ``"callback"``.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X had names.

    See Also
    --------
    sklearn.linear_model.SGDRegressor : One rule, a rate of half the size:
        ``eta0 = 2 * learning_rate``, as its loss has the factor ½.
    sklearn.linear_model.LinearRegression : The minimum in one go.

    Notes
    -----
    `score` is R² of the predicted means, whatever the loss. The measures that belong to
    a loss are in `sklearn.metrics`: `d2_absolute_error_score`, `d2_pinball_score` and
    `d2_tweedie_score`.

    With ``shuffle="blocks"`` a block is of 8 to 48 rows and begins elsewhere in every
    epoch; as many are shuffled together as make some 50,000 numbers, which lie close
    enough to be fetched sooner than rows from all over. Sorted data are learnt nearly
    as well as by a full shuffle, but rows of a block may be alike, which makes the
    gradient noisier, by up to a few times. A `numpy.memmap`, C-ordered and of float64
    or float32, is never in memory as a whole. Larger than 256 MB it is read in blocks
    of half a megabyte, 16 of them shuffled together: shuffle its rows once, when they
    are written, as the last reads of an epoch weigh too much where rows are sorted.
    Rows for validation are then passed, not split off, and `compute_covariance` is not
    asked for.

    With L the largest eigenvalue of J's Hessian, ``learning_rate="auto"`` in full batch
    is half of what is stable: 1/L for gd and sgd, (1+β)/((1−β)L) for momentum and
    (1+β)/(3(1−β)L) for nesterov. On mini-batches it is 1/(2𝓛), 𝓛 the expected
    smoothness of Gower et al. [2]_, or less where the gradient's noise would cost more
    than 0.2 % of the lowest loss, each row being drawn for itself; a last mini-batch of
    very few rows, as 257 samples leave one to batches of 256, asks for a low rate then.
    For adam it is 0.05·rms(y)/Σⱼ rms(zⱼ) with z = (1, x), so that a step of length α in
    every parameter moves the predictions by at most a twentieth of the targets' size;
    with a log link that size is 1 + |log mean y|. For ``"line_search"``, whose rate is
    the longest step considered, it is 4/L.

    L takes the largest second derivative of the loss, 2 for the squared losses. Others
    have none, so that it comes from the data. For absolute_error and
    epsilon_insensitive it is 1/δ, for quantile 1/(2δ), with δ a tenth of y's mean
    absolute deviation from its median (from 0 without an intercept), and at least a
    hundredth of the mean of |y|; for huber it is 1, or ``delta``/δ if that is less. A
    constant rate resolves residuals no finer than about δ; a schedule that goes to 0,
    such as ``"cosine"``, gets to the minimum. For poisson and gamma row i counts
    max(1, yᵢ), which is the most on the way from z = 0 to a perfect fit; momentum and
    nesterov in full batch, which overshoot it, take 1/L then. That is no guarantee: a
    fit that strays far beyond may diverge, and is told to take a lower rate. gamma
    needs about as many updates as the mean of y is large, as its steps are long where
    training begins, at a mean of 1: divide large targets by their mean.

    Of a penalty the gradient g holds the smooth part. For l1·‖w‖₁ every update ends
    with a proximal step, which moves each coefficient by a threshold toward 0, and to
    exactly 0 if that is nearer: the rate times l1, for adam in each coordinate
    rate·l1/(√ṽ + ε). `sklopt.solvers` has the formula of each solver. A coefficient
    leaves 0 if g exceeds l1 there, which that of a few rows may do at any rate: full
    batches find the zeros of the minimum, mini-batches best by a solver that averages.
    ``gradient_norm`` of `history_` is that of g, which does not vanish where l1 holds
    it. The l1 of SGDRegressor, the cumulative clipping of Tsuruoka et al., takes the
    same steps until a coefficient becomes 0, others from then on, to the same minimum.

    Sparse X is trained on as it is, to the same answer as the dense array that it
    stands for, and is nowhere made dense, but for a few rows at a time by `precompute`
    and `compute_covariance`. Where a mini-batch has fewer non-zeros than there are
    features, a step of ``"sgd"`` costs O(non-zeros), with an L2 penalty as well: w is
    kept as a number times a vector, of which the decay of all coefficients changes the
    number alone [4]_. Beyond that every epoch costs O(n_features). A step of the other
    solvers costs O(n_features), and so does one of ``"sgd"`` with an l1 penalty,
    `average`, `gradient_clipping` or the path of its updates (``store_path="step"`` or
    every k-th).

    A diverging fit raises a ValueError and leaves the estimator as it was.

    References
    ----------
    .. [1] Prince, S. J. D. (2023). Understanding Deep Learning, chapter 6. MIT Press.
    .. [2] Gower, R. M. et al. (2019). SGD: general analysis and improved rates. ICML.
    .. [3] Polyak, B. T. and Juditsky, A. B. (1992). Acceleration of stochastic
       approximation by averaging. SIAM J. Control Optim. 30, 838. For `average`.
    .. [4] Bottou, L. (2012). Stochastic gradient descent tricks, section 5.1. In Neural
       Networks: Tricks of the Trade. Springer.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklopt import GradientRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), GradientRegressor())
    >>> round(model.fit(X, y).score(X, y), 2)
    0.52
    """

    _parameter_constraints: dict = GradientTrained._parameter_constraints | {
        "loss": [StrOptions(set(LOSSES)), *LOSSES.values()],
        "penalty": [StrOptions({"l1", "l2", "elasticnet"}), None],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "precompute": [StrOptions({"auto"}), "boolean"],
        "compute_covariance": ["boolean"],
        "n_jobs": JOBS,
    }
    _sparse_format = "csr"

    def __init__(
        self,
        solver="gd",
        *,
        learning_rate="auto",
        schedule="constant",
        batch_size="auto",
        loss="squared_error",
        penalty=None,
        alpha=1e-4,
        l1_ratio=0.15,
        fit_intercept=True,
        init=None,
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
        precompute="auto",
        compute_covariance=False,
        n_jobs=None,
    ):
        self.solver = solver
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.init = init
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
        self.precompute = precompute
        self.compute_covariance = compute_covariance
        self.n_jobs = n_jobs

    def predict(self, X):
        """Predict with the fitted linear model, ŷ = φ₀ + Σⱼ φⱼxⱼ.

        For ``loss="poisson"`` and ``"gamma"`` the exponential of that, which is the
        mean of y.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions.
        """
        check_is_fitted(self)
        refuse_foreign(X=X)
        with naming("X"):
            X = checked_matrix(self, X)
        return mean_of(self._fitted_loss, X @ self.coef_.T + self.intercept_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        kind = LOSSES.get(self.loss) if isinstance(self.loss, str) else type(self.loss)
        tags.target_tags.positive_only = kind in (Poisson, Gamma)
        return tags

    def _trained_on(self, data, max_epochs):
        is_squared = self._lowered_loss()["loss"] == Loss.SQUARED_ERROR
        if not is_squared:
            self._refuse_what_is_of_squared_error()
        self._refuse_covariance_of_selected()
        solver = as_description(self.solver, SOLVERS)
        n_samples = len(data.y)
        is_full = lower_batch_size(self.batch_size, solver, n_samples) == n_samples
        is_wanted = is_full and is_squared and bool(self.precompute)
        if is_wanted and isinstance(self.precompute, str):  # "auto"
            is_wanted = pays(data, max_epochs)
        few = condensed(data) if is_wanted else None
        return data if few is None else few

    def _refuse_what_is_of_squared_error(self):
        for name in ("precompute", "compute_covariance"):
            wanted = getattr(self, name)
            if wanted and not isinstance(wanted, str):
                raise ValueError(
                    f"{name}=True goes with loss='squared_error' only, not with "
                    f"loss={self.loss!r}."
                )

    def _refuse_covariance_of_selected(self):
        penalty = self._lowered_penalty(self._plain_coordinates(0))
        if self.compute_covariance and penalty["l1"] > 0:
            raise ValueError(
                "compute_covariance=True goes with penalty='l2' or None, not with "
                f"penalty={self.penalty!r}: coefficients that the data have selected "
                "have no covariance of this kind."
            )

    def _lowered_penalty(self, coordinates):
        # One unit for all: only a wave is ever trained in other coordinates.
        return lower_penalty(self.penalty, self.alpha, self.l1_ratio)

    def _first_phi(self, data, coordinates, is_single, seed):
        shape = data.y.shape[1], data.X.shape[1] + 1
        if self.init is None and not (self.warm_start and self._has_trained):
            return np.zeros(shape)
        origin, phi = self._given_phi([shape[1:] if is_single else shape])
        phi = phi.reshape(shape)
        self._check_start(origin, phi)
        return phi

    def _check_start(self, origin, phi):
        if not self.fit_intercept and phi[:, 0].any():
            raise ValueError(
                f"{origin} has an intercept other than 0, but fit_intercept=False."
            )

    def _run(self, task, state, max_epochs, on_epoch):
        return train_in_threads(
            task,
            state,
            max_epochs,
            n_threads=effective_n_jobs(self.n_jobs),
            is_divergence_fatal=True,
            on_epoch=on_epoch,
        )

    def _examine(self, data):
        if self.compute_covariance:
            self._covariance = self._covariances(data)

    def _covariances(self, data):
        coordinates = self._plain_coordinates(data.X.shape[1])
        parts = (data._replace(y=data.y[:, k : k + 1]) for k in range(data.y.shape[1]))
        objectives = (self._objective_on(part, coordinates) for part in parts)
        pairs = zip(objectives, self._training.outcome, strict=True)
        result = np.array([covariance(*pair) for pair in pairs])
        return result[0] if self._training.is_single else result

    def _untapped(self, data):
        loss = self._lowered_loss()
        if not has_largest_curvature(loss["loss"]):
            return super()._untapped(data)
        penalty = self._lowered_penalty(self._training.coordinates)
        phi = self._training.outcome
        return untapped_gain(data, phi, self.fit_intercept, **penalty, **loss)

    def _model_fields(self, coordinates, n_features):
        is_trained = np.ones(n_features + 1, dtype=bool)
        is_trained[0] = self.fit_intercept
        return {
            "model": Model.LINEAR,
            "input_scale": coordinates.input_scale,
            "window": 1.0,  # the linear model has none
            "has_head": False,
            "is_trained": is_trained,
        }

    def _parameters(self, phi):
        return {
            "intercept_": phi[..., 0][()],
            "coef_": phi[..., 1:],
            "_fitted_loss": self._lowered_loss()["loss"],
        }
