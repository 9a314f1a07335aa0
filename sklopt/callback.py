"""Callbacks of scikit-learn's kind for what its own cannot see."""

from sklearn.callback import ScoringMonitor

__all__ = ["ValidationMonitor"]


class ValidationMonitor(ScoringMonitor):
    """Callback that monitors a score on the validation rows after every epoch.

    It is scikit-learn's `ScoringMonitor`, whose scores are those of the rows that are
    trained on: callbacks are told of no others. Here they are of `X_val`, `y_val` and
    `sample_weight_val` as they were passed to `fit`, or of the rows that
    ``early_stopping=True`` split off. Without such rows nothing is logged.

    Set it on the estimator itself, also where that is a step of a pipeline or searched
    over: every fit of every candidate and fold is logged, in whichever process.

    Parameters
    ----------
    scoring : str, callable, list, tuple, dict or None, default=None
        What is computed, as `ScoringMonitor` takes it: a name or several, a scorer, a
        function that returns a dictionary, or a dictionary of scorers. None is the
        estimator's own, R², under the name "score".

    See Also
    --------
    sklearn.callback.ScoringMonitor : The same on the training rows.

    Notes
    -----
    `get_logs` returns them as it does for `ScoringMonitor`: the row of an epoch has the
    score of the parameters that it ends with, like `validation_scores_`, and the row of
    the fit that of the fitted ones, with early stopping the best. Where several starts
    are trained side by side, an epoch's are those of the start that leads so far.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.callback import ValidationMonitor
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 7.0]
    >>> monitor = ValidationMonitor(scoring="neg_mean_squared_error")
    >>> model = GradientRegressor(learning_rate=0.05, max_iter=3, tol=None)
    >>> model.set_callbacks(monitor).fit(X, y, X_val=[[4.0]], y_val=[9.0])
    GradientRegressor(learning_rate=0.05, max_iter=3, tol=None)
    >>> logs = monitor.get_logs().data_as_pandas
    >>> logs[["task_name", "task_id", "neg_mean_squared_error"]].round(2)
      task_name  task_id  neg_mean_squared_error
    0       fit        0                   -2.96
    1     epoch        0                  -27.04
    2     epoch        1                   -8.99
    3     epoch        2                   -2.96
    """

    def __init__(self, *, scoring=None):
        super().__init__(scoring=_own_score if scoring is None else scoring)

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        """Log the scores of the parameters that a fit, or an epoch of it, ends with.

        Parameters
        ----------
        estimator : estimator instance
            The estimator that is being fitted.
        context : sklearn.callback.CallbackContext
            The task that ends.
        fitted_estimator : estimator instance, default=None
            The estimator as if its fit had ended with the task.

        Returns
        -------
        stop : None
            It never stops a fit.
        """
        held_out = getattr(fitted_estimator, "_held_out", None)
        if held_out is not None:
            super().on_fit_task_end(
                estimator, context, fitted_estimator=fitted_estimator, **held_out
            )


def _own_score(estimator, X, y, **metadata):
    return {"score": estimator.score(X, y, **metadata)}
