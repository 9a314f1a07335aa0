"""Linear regression whose optimizer is a hyperparameter."""

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from ..kernels._codes import Model
from ._base import GradientTrained


class GradientRegressor(GradientTrained):
    _model = Model.LINEAR

    def __init__(
        self,
        solver="nesterov",
        *,
        learning_rate="auto",
        schedule="constant",
        batch_size="auto",
        loss="squared_error",
        penalty=None,
        alpha=1e-4,
        fit_intercept=True,
        init=None,
        max_iter=1000,
        tol=1e-5,
        n_iter_no_change=5,
        shuffle=True,
        random_state=None,
        warm_start=False,
        store_path=False,
    ):
        self.solver = solver
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.shuffle = shuffle
        self.random_state = random_state
        self.warm_start = warm_start
        self.store_path = store_path

    def predict(self, X):
        """Predict with the fitted linear model, ŷ = φ₀ + Σⱼ φⱼxⱼ.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
            Predictions.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return X @ self.coef_.T + self.intercept_

    def _publish_parameters(self, phi):
        self.intercept_ = phi[..., 0][()]
        self.coef_ = phi[..., 1:]
