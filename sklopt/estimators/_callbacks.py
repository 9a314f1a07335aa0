"""Telling scikit-learn's callbacks of every epoch."""


class Watcher:
    """The callbacks of one fit, a task with an epoch a subtask.

    A fit that nobody watches pays nothing: `watch` is None then, and many epochs are
    one call of the compiled loop.
    """

    def __init__(self, estimator, X, y, sample_weight):
        self.watch = None
        is_watched = hasattr(estimator, "_skl_callbacks")
        if not is_watched and not hasattr(estimator, "_parent_callback_ctx"):
            return
        weights = None if sample_weight is None else {"sample_weight": sample_weight}
        self._estimator = estimator
        n_epochs = estimator.max_iter
        self._context = estimator._init_callback_context(max_subtasks=n_epochs)
        self._seen = {"estimator": estimator, "X": X, "y": y, "metadata": weights}
        self._context.call_on_fit_task_begin(**self._seen)
        self._n_left, self._epoch = n_epochs, None
        if is_watched:
            self.watch = self._watch

    def _watch(self, training):
        """What is called after every epoch of the training; whether it is to stop."""

        def parameters():
            return self._estimator._parameters_of(training)

        def begin():
            self._epoch = self._context.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(
                **self._seen, reconstruction_attributes=parameters
            )

        def on_epoch(entries):
            is_last = self._epoch.call_on_fit_task_end(
                **self._seen, reconstruction_attributes=parameters
            )
            self._n_left -= 1
            if self._n_left and not is_last:
                begin()
            else:
                self._epoch = None
            return is_last

        begin()
        return on_epoch

    def close(self):
        """The fit is over."""
        if self.watch is None:
            return
        if self._epoch is not None:  # begun, but training stood still before it
            self._epoch.call_on_fit_task_end(estimator=self._estimator)
        self._context.call_on_fit_task_end(
            **self._seen, reconstruction_attributes=lambda: {}
        )
