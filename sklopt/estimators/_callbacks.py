"""Telling scikit-learn's callbacks of every epoch."""

from numbers import Number

from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.validation import _num_samples

from ._validation import drawn_places


class Watcher:
    """The callbacks of one fit, a task with an epoch a subtask.

    A fit that nobody watches pays nothing: `watch` is None then, and many epochs are
    one call of the compiled loop.
    """

    def __init__(self, estimator, X, y, sample_weight, validation):
        self.watch = None
        is_watched = hasattr(estimator, "_skl_callbacks")
        if not is_watched and not hasattr(estimator, "_parent_callback_ctx"):
            return
        self._estimator, self._samples = estimator, (X, y, sample_weight)
        self._validation = validation
        n_epochs = estimator.max_iter
        self._context = estimator._init_callback_context(max_subtasks=n_epochs)
        self._seen = {"estimator": estimator, **_as_told(*self._samples)}
        self._context.call_on_fit_task_begin(**self._seen)
        self._n_left, self._epoch = n_epochs, None
        if is_watched:
            self.watch = self._watch

    def _watch(self, training):
        """What is called after every epoch of the training; whether it is to stop."""
        self._held_out = self._told_of_validation(training.split_seed)

        def parameters():
            return self._estimator._parameters_of(training) | self._held_out

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
            **self._seen, reconstruction_attributes=lambda: self._held_out
        )

    def _told_of_validation(self, split_seed):
        """The rows for validation as users passed them, or as they are split off.

        scikit-learn's hooks have no argument for them, so that they travel with the
        estimator that callbacks see; what is fitted itself does not keep them.
        """
        samples = self._validation
        if samples[0] is None:
            if not self._estimator.early_stopping:
                return {}
            X, *others = self._samples
            fraction = self._estimator.validation_fraction
            _, places = drawn_places(_num_samples(X), fraction, split_seed)
            samples = [_taken(array, places) for array in (X, *others)]
        return {"_held_out": _as_told(*samples)}


def _as_told(X, y, sample_weight):
    """Samples as the hooks of callbacks take them; one weight for all is none."""
    is_weighted = sample_weight is not None and not isinstance(sample_weight, Number)
    metadata = {"sample_weight": sample_weight} if is_weighted else None
    return {"X": X, "y": y, "metadata": metadata}


def _taken(array, places):
    """Rows of what may be a frame, a list, one number for all or None."""
    is_array = array is not None and not isinstance(array, Number)
    return _safe_indexing(*indexable(array), places) if is_array else array
