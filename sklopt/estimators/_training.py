"""What an estimator keeps of its training, and what it says of how that ended."""

import warnings
from numbers import Integral
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..engine._curvature import Measures, largest_entries
from ..engine._restarts import best_of
from ..engine._types import History, State
from ..kernels._codes import Clock, Rule, Status
from ..kernels._stopping import HOPELESS_GROWTH, NOISE
from ._coordinates import Coordinates

# What of a candidate's progress is in units of the objective.
_OBJECTIVES = (
    "reference",
    "trivial",
    "final",
    "leading",
    "lowest",
    "best",
    "last",
    "plateau_best",
)

# A share of the objective at the start that is as good as none, whatever y is.
NEGLIGIBLE = 1e-10

# A share of the objective of a constant prediction that is worth training for.
LARGE_GAIN = 0.01

# How many times as large as another a feature is that a divergence is blamed on.
UNEQUAL = 1e3


class DivergenceError(ValueError):
    """The objective is not finite, or has grown past any recovery."""


class Training(NamedTuple):
    """All that `partial_fit` needs to go on."""

    state: State
    history: History
    start: np.ndarray  # (K, P), the parameters before the first epoch
    basis: tuple | None  # what they were chosen by
    coordinates: Coordinates  # of the parameters in `state`, `history` and `start`
    targets: np.ndarray  # (K,), the column of y of each candidate
    is_single: bool  # whether y was one target without an axis of its own
    store_path: bool | str | int  # which points the path is of
    seed: int
    split_seed: int | np.random.RandomState | None
    measures: Measures = Measures()  # the worst that learning_rate="auto" met
    rule: int | None = None  # what the running averages in `state` belong to
    stops_early: bool = False  # whether the best parameters count, not the last
    average: bool | int | str = False  # which iterates `state.average` is of
    loss: np.ndarray | None = None  # (K,), J at the parameters that count
    sampled_loss: np.ndarray | None = None  # the same on the rows that `final` is of
    best: np.ndarray | None = None  # the candidate that is published of each target

    @classmethod
    def begun(cls, phi, store_path, **others):
        """Before the first epoch, at φ of shape (K, P)."""
        state, history = State.first(phi), History.empty(phi, bool(store_path))
        return cls(state, history, store_path=store_path, **others)

    @property
    def is_new(self):
        """Whether no epoch was trained yet."""
        return self.rule is None

    @property
    def outcome(self):
        """The parameters that count, (K, P)."""
        return self.state.outcome(self.stops_early)

    def resumed(self, store_path):
        """A copy to go on with. The path has no holes: a new wish begins it anew."""
        state = State(*(array.copy() for array in self.state))
        history = self.history
        if store_path != self.store_path:
            path = History.empty(state.phi, bool(store_path)).path
            history = history._replace(path=path)
        return self._replace(state=state, history=history, store_path=store_path)

    def under(self, rule):
        """The training as a rule takes it up: its running averages, or none."""
        if rule != self.rule:
            self.state.slots[:] = 0.0
            self.state.progress["slot_age"] = 0
        return self._replace(rule=rule)

    def heeding(self, stops_early):
        """The training as validation rows, or the objective, come to judge it.

        Patience begins anew when the judge changes: their losses do not compare.
        """
        if stops_early != self.stops_early:
            progress = self.state.progress
            for name in ("lowest", "best", "plateau_best"):
                progress[name] = np.inf
            for name in ("stale", "plateau_stale"):
                progress[name] = 0
        return self._replace(stops_early=stops_early)

    def averaging(self, average):
        """The training as an average takes it up: the last one, or a new one."""
        if average == self.average:
            return self
        self.state.progress["n_averaged"] = 0
        latest = self.state.phi if average else self.state.phi[:, :0]
        state = self.state._replace(average=latest.copy())
        return self._replace(state=state, average=average)

    def wake(self):
        """Let candidates that had stopped go on.

        One that stopped early stays where it is while others run, as it does within a
        single fit.
        """
        status = self.state.progress["status"]
        has_stopped = (status == Status.CONVERGED) | (status == Status.SATURATED)
        has_stopped |= status == Status.STOPPED
        if not (self.stops_early and (status == Status.RUNNING).any()):
            has_stopped |= status == Status.STOPPED_EARLY
        status[has_stopped] = Status.RUNNING

    def judged(self, loss, sampled_loss):
        """The training with J at the parameters that count, and who is published."""
        progress = self.state.progress
        judge = progress["lowest"] if self.stops_early else loss
        best = best_of(judge, self.targets, progress["status"])
        return self._replace(loss=loss, sampled_loss=sampled_loss, best=best)

    def raise_if_unjudged(self):
        """Refuse parameters that no validation loss speaks for."""
        lowest = self.state.progress["lowest"][self.best]
        if self.stops_early and np.isinf(lowest).any():
            raise ValueError(
                "The validation loss is not finite in any epoch: X_val or y_val is too "
                "large in magnitude."
            )

    def seen(self, measures):
        """The training after another look at data, of which it keeps the worst."""
        return self._replace(measures=self.measures.worse(measures))

    def moved(self, coordinates):
        """The training in other coordinates, its running averages at zero."""
        if all(map(np.array_equal, coordinates, self.coordinates)):
            return self

        def there(phi):
            return np.ascontiguousarray(
                coordinates.inward(self.coordinates.outward(phi))
            )

        unit = (self.coordinates.size / coordinates.size) ** 2
        entries, progress = self.history.entries.copy(), self.state.progress.copy()
        for name in ("loss", "averaged_loss", "validation_loss"):
            entries[name] *= unit
        for name in _OBJECTIVES:
            progress[name] *= unit
        average = self.state.average
        state = self.state._replace(
            phi=there(self.state.phi),
            average=there(average) if average.size else average,
            best_phi=there(self.state.best_phi),
            progress=progress,
        )
        moved = self._replace(
            state=state,
            history=History(entries, there(self.history.path)),
            start=there(self.start),
            coordinates=coordinates,
        )
        return moved._replace(rule=None).under(self.rule)

    def per_target(self, values):
        """Of values (…, K) those that are published, as a scalar or (…,) for one."""
        values = np.asarray(values)[..., self.best]
        if not self.is_single:
            return values
        value = values[..., 0]
        return value.item() if np.ndim(value) == 0 else value

    def published_history(self):
        """The history without what others did after the last published one stopped."""
        progress, published = self.state.progress, self.state.progress[self.best]
        entries, path = self.history
        n_epochs = np.isfinite(entries["rate"][:, self.best]).any(axis=1).nonzero()[0]
        entries = entries[: n_epochs[-1] + 1 if n_epochs.size else 0]
        if not self.store_path:
            return History(entries, path)
        clock = "n_epochs" if self.store_path == "epoch" else "n_updates"
        every = self.store_path if isinstance(self.store_path, Integral) else 1
        # Plain numbers, as `every` may be larger than those of arrays can be.
        latest, last = int(progress[clock].max()), int(published[clock].max())
        n_more = latest // every - last // every
        return History(entries, path[: len(path) - n_more])

    def validation_curves(self):
        """Attributes that tell of validation; none without validation rows."""
        entries = self.published_history().entries
        loss, score = entries["validation_loss"], entries["validation_score"]
        if np.isnan(loss[:, self.best]).all():
            return {}
        lowest = np.where(np.isnan(loss), np.inf, loss).argmin(axis=0)
        return {
            "validation_loss_curve_": self.per_target(self.coordinates.size**2 * loss),
            "validation_scores_": self.per_target(score),
            "best_validation_score_": self.per_target(
                score[lowest, np.arange(len(lowest))]
            ),
        }

    def columns(self):
        """The history as columns of a table, epochs of the first target first."""
        tables = []
        size = self.coordinates.size
        for target, k in enumerate(self.best):
            entries = self.history.entries[:, k]
            entries = entries[~np.isnan(entries["rate"])]
            columns = {
                "epoch": np.arange(len(entries)),
                "update": entries["n_updates"],
                "loss": size**2 * entries["loss"],
                "averaged_loss": size**2 * entries["averaged_loss"],
                "validation_loss": size**2 * entries["validation_loss"],
                "validation_score": entries["validation_score"],
                "learning_rate": entries["rate"],
                "gradient_norm": entries["gradient_norm"],
                "step_norm": entries["step_norm"],
                "seconds": entries["seconds"],
            }
            if not self.is_single:
                columns["target"] = np.full(len(entries), target)
            tables.append(columns)
        columns = {
            name: np.concatenate([table[name] for table in tables])
            for name in tables[0]
        }
        if np.isnan(columns["averaged_loss"]).all():
            del columns["averaged_loss"]
        if np.isnan(columns["validation_loss"]).all():
            del columns["validation_loss"], columns["validation_score"]
        return columns


def stop_reasons(progress):
    """Why each candidate stopped, in words."""
    words = {
        Status.RUNNING: "max_iter",
        Status.CONVERGED: "tol",
        Status.DIVERGED: "diverged",
        Status.DROPPED: "dropped",
        Status.SATURATED: "saturated",
        Status.STOPPED: "callback",
        Status.STOPPED_EARLY: "early_stopping",
    }
    return np.array([words[status] for status in progress["status"]])


def raise_if_diverged(owner, training, candidates, history, data, names, *, is_auto):
    """Raise a `DivergenceError` that names epoch, rate and remedy.

    `history` is that of the epochs just trained, `data` what they were trained on,
    with the names of its features, or None.
    """
    state, progress, loss = training.state, training.state.progress, training.loss
    if training.average and not training.stops_early:
        loss = np.maximum(loss, progress["final"])  # of which an average tells little
    with np.errstate(over="ignore"):
        has_grown = loss > HOPELESS_GROWTH * progress["reference"]
    is_lost = progress["status"] == Status.DIVERGED
    is_lost |= ~np.isfinite(loss) | has_grown & (candidates["rule"] != Rule.ADAM)
    lost = training.best[is_lost[training.best]]
    if not lost.size:
        return
    k = lost[0]
    entries = history.entries[:, k]
    entries = entries[np.isfinite(entries["rate"])]
    epoch = state.clock[Clock.EPOCH] - len(history.entries) + len(entries)
    first = progress["reference"][k]
    last = max(np.nan_to_num([entries["loss"][-1], loss[k]], nan=np.inf, posinf=np.inf))
    unit = training.coordinates.size**2  # of the objective
    remedy = _remedy(_imbalance(data, names), is_auto)
    raise DivergenceError(
        f"{owner} diverged in epoch {epoch} at learning_rate="
        f"{entries['rate'][-1]:.3g}: the objective went from {unit * first:.3g} to "
        f"{unit * last:.3g}. {remedy}"
    )


def _remedy(imbalance, is_auto):
    """What to do about a divergence, in words; `imbalance` tells of unequal scales."""
    if is_auto:
        return (
            f"{imbalance}Standardise the features, e.g. with StandardScaler, or set a "
            "lower learning rate than the automatic one."
        )
    if imbalance:
        return (
            f"{imbalance}Standardise the features, e.g. with StandardScaler, or take "
            "learning_rate='auto'."
        )
    return (
        "Lower the learning rate, or take learning_rate='auto'; features of very "
        "different scales call for StandardScaler."
    )


def _imbalance(data, names):
    """A sentence on the features of the largest and the smallest scale, or none.

    The scale is max |xⱼ|; features that are 0 have none.
    """
    scales = largest_entries(data)
    largest, smallest = scales.argmax(), np.where(scales > 0, scales, np.inf).argmin()
    if not scales[largest] > UNEQUAL * scales[smallest]:
        return ""
    first, second = (
        f"feature {j if names is None else repr(str(names[j]))}, up to {scales[j]:.3g}"
        for j in (largest, smallest)
    )
    return f"The features are of very different scales: {first}, and {second}. "


def warn_if_unfinished(
    owner, training, max_iter, untapped, large_gain, remedy_above_constant
):
    """Warn of a training that did not end at a minimum.

    `untapped` are the parts of the objectives that could easily be gained, of which
    `large_gain` says what share of a constant prediction's is worth a word;
    `remedy_above_constant` says in words how to get below that.
    """
    progress = training.state.progress[training.best]
    lag = training.sampled_loss[training.best] - progress["final"]
    judge = "validation loss" if training.stops_early else "objective"
    loss = training.loss[training.best]
    trivial, negligible = progress["trivial"], NEGLIGIBLE * progress["reference"]
    if (loss > NOISE * progress["reference"]).any():
        trouble = (
            "ended above the objective that it began with: the learning rate is too "
            "high. Lower it, or take learning_rate='auto'."
        )
    elif (progress["status"] == Status.RUNNING).any():
        trouble = (
            f"stopped at max_iter={max_iter} before the {judge} stood still. Raise "
            "max_iter, raise the learning rate, or standardise the features, e.g. "
            "with StandardScaler; tol=None trains for max_iter epochs without this "
            "warning."
        )
    elif training.stops_early or (progress["status"] == Status.STOPPED).any():
        return  # what validation or a callback makes of the objective is no trouble
    elif training.average and (lag > large_gain * trivial + negligible).any():
        trouble = (
            "averages parameters from before the objective stood still: the averaged "
            "ones are worse than the last. Average from a later update on, by "
            "average=k or average='exponential', or lower tol."
        )
    elif (loss > NOISE * trivial + negligible).any():
        trouble = (
            "stands still above the objective of a constant prediction. "
            f"{remedy_above_constant}"
        )
    elif (is_large := (untapped > large_gain * trivial) & (trivial > negligible)).any():
        share = (untapped[is_large] / loss[is_large]).max()
        trouble = (
            "stands still, yet the objective could easily be lower by "
            f"{share:.0%}: features are of very different scales or far from 0, or the "
            "learning rate does not suit. Standardise the features, e.g. with "
            "StandardScaler, take learning_rate='auto', or lower tol."
        )
    else:
        return
    warnings.warn(f"{owner} {trouble}", ConvergenceWarning, stacklevel=5)
