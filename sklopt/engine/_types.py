"""What the engine hands to the compiled loop.

NamedTuples of arrays whose leading axis is K, one row a candidate. The numbers of a
candidate are the fields of one record, since each array that a kernel takes adds to the
time that compiling and calling it cost. Codes are members of the enums in
`sklopt.kernels._codes`.
"""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, issparse

from ..kernels._codes import Clock, Slot, Status


def _record_dtype(**fields):
    """Records whose fields are read as attributes, inside and outside of kernels."""
    return np.dtype((np.record, np.dtype(list(fields.items()), align=True)))


# One of K models to be trained on the same mini-batches. A rule and a schedule
# read the numbers that they know.
CANDIDATE = _record_dtype(
    target=np.int64,  # column of y
    rule=np.int64,
    beta_1=np.float64,
    beta_2=np.float64,
    epsilon=np.float64,
    l2=np.float64,  # weights of ½‖w‖² and ‖w‖₁
    l1=np.float64,
    schedule=np.int64,
    first_rate=np.float64,
    is_per_update=np.bool_,
    factor=np.float64,
    period=np.float64,
    power=np.float64,
    warmup=np.float64,  # epochs, 0 for none
    tolerance=np.float64,
    plateau_patience=np.int64,
    plateau_threshold=np.float64,
    plateau_cooldown=np.int64,
    min_rate=np.float64,
    patience=np.int64,  # epochs without progress that end the training
    largest_norm=np.float64,  # of a gradient, inf where it is not clipped
    average_from=np.int64,  # the first update whose parameters are averaged
    average_lead=np.float64,
    least_share=np.float64,  # of an update in the average
)

# How far a candidate has come: what stopping and plateau schedules remember.
PROGRESS = _record_dtype(
    status=np.int64,
    n_epochs=np.int64,
    n_updates=np.int64,
    slot_age=np.int64,  # updates since the optimizer's running averages were zero
    n_averaged=np.int64,  # updates in `State.average`
    reference=np.float64,  # the larger of J at φ = 0 and at the start
    trivial=np.float64,  # lowest J of a prediction that heeds no feature
    final=np.float64,  # J at the end of the last training, on its data or a sample
    leading=np.float64,  # the same on the first of its rows
    lowest=np.float64,  # validation loss, that of `State.best_phi`
    best=np.float64,
    last=np.float64,
    stale=np.int64,  # epochs since `best`
    rising=np.int64,  # epochs in sequence that went uphill
    plateau_rate=np.float64,
    plateau_best=np.float64,
    plateau_stale=np.int64,
    plateau_wait=np.int64,
)

# Sums and settings of the epoch in work.
TALLY = _record_dtype(
    is_live=np.bool_,  # whether the candidate ran when the epoch began
    rate=np.float64,
    kept=np.float64,  # share of the last gradient that clipping left
    batch_loss=np.float64,
    epoch_loss=np.float64,
    scale=np.float64,  # of φ₁…φ_d, and ‖v‖² of what they hold, on sparse rows
    square=np.float64,
    search=np.int64,  # how far its line search has come
    averaged_loss=np.float64,
    validation_loss=np.float64,
    validation_score=np.float64,
)

# What is written down of an epoch. Norms and validation are NaN where a candidate
# diverged within it.
ENTRY = _record_dtype(
    loss=np.float64,  # mean objective seen during the epoch
    rate=np.float64,  # learning rate at its end
    gradient_norm=np.float64,  # of its last mini-batch; NaN if that has no weight
    step_norm=np.float64,  # of the update that followed; NaN likewise
    seconds=np.float64,  # that it took
    averaged_loss=np.float64,  # J of the average at its end; NaN without one
    validation_loss=np.float64,  # of the parameters at its end; NaN without such rows
    validation_score=np.float64,  # their R²
    n_updates=np.int64,  # since the beginning
)


def empty_entries(n_epochs, n_candidates):
    """Entries of which nothing is known yet, (E, K)."""
    entries = np.zeros((n_epochs, n_candidates), dtype=ENTRY)
    for name in ENTRY.names:
        if ENTRY[name] == np.float64:
            entries[name] = np.nan
    return entries


def read_only(array):
    """An aligned read-only view, so that the kernels see one kind of array."""
    if issparse(array):
        parts = map(read_only, (array.data, array.indices, array.indptr))
        return csr_array(tuple(parts), shape=array.shape)
    view = np.require(array, requirements=["C", "A"]).view()
    view.flags.writeable = False
    return view


class Rows(NamedTuple):
    """A `scipy.sparse.csr_array` as the compiled loop takes it: its parts."""

    values: np.ndarray  # that are not zero, row by row
    columns: np.ndarray  # in which they are
    starts: np.ndarray  # (n_samples + 1,), of the rows among them


class Data(NamedTuple):
    """The training set, read-only, C-ordered, one floating dtype."""

    X: np.ndarray | csr_array | Rows  # (n_samples, n_features)
    y: np.ndarray  # (n_samples, n_targets)
    weight: np.ndarray  # (n_samples,) of mean 1, or (0,) for none
    bias: np.ndarray = read_only(np.empty(0))  # what φ₀ is multiplied by, (0,) for 1

    @property
    def is_condensed(self):
        """Whether its rows stand for others, all of them together."""
        return self.bias.size > 0

    @property
    def compiled(self):
        """The same for the compiled loop."""
        if not issparse(self.X):
            return self
        X = read_only(self.X)  # rows of a sparse matrix are copies that are not
        return self._replace(X=Rows(X.data, X.indices, X.indptr))


class Validation(NamedTuple):
    """Rows that are not trained on, and what their R² is measured by."""

    data: Data
    variance: np.ndarray  # (n_targets,), weighted; NaN where R² has no meaning

    @classmethod
    def of(cls, data):
        """Those of a data set."""
        has_weight = data.weight > 0 if data.weight.size else slice(None)
        weight = data.weight[has_weight] if data.weight.size else None
        columns = (y[has_weight].astype(np.float64) for y in data.y.T)
        with np.errstate(over="ignore", invalid="ignore"):
            variance = np.array([_variance(y, weight) for y in columns])
        return cls(data, read_only(variance))

    @property
    def compiled(self):
        """The same for the compiled loop."""
        return self._replace(data=self.data.compiled)


def _variance(y, weight):
    if len(y) < 2:
        return np.nan
    return np.average((y - np.average(y, weights=weight)) ** 2, weights=weight)


class Plan(NamedTuple):
    """What all candidates of one training share."""

    model: int
    loss: int
    loss_parameter: float  # δ, ε or q, where the loss has one
    batch_size: int
    is_shuffled: bool
    block_size: int  # rows that are read one after the other, 0 for single rows
    pool_size: int  # rows that are shuffled together, whole blocks
    seed: int
    input_scale: float  # κ of the linear predictor
    window: float  # of the Gabor model
    has_head: bool  # whether an amplitude and an offset follow φ_d
    n_weights: int  # d: what a penalty sees are φ₁…φ_d
    is_trained: np.ndarray  # (P,)
    looks_ahead: bool  # whether a candidate takes its gradient away from φ
    searches_line: bool  # whether a candidate's rate comes from a line search
    is_by_row: bool  # whether all train all of φ by descent on single rows
    is_by_nonzeros: bool  # whether they descend on so few numbers that d would cost
    in_pairs: bool  # whether candidates are predicted two at a time
    clips: bool  # whether a candidate's gradients are
    averages: bool  # whether a candidate comes to an average of its iterates
    validates: bool  # whether there are validation rows
    stops_early: bool  # whether patience looks at them, and the best φ is kept
    tol: float
    multipliers: np.ndarray  # of the rate, one an epoch, for schedules without formula
    first_epoch: int  # which the first of them is for
    store: int
    store_every: int  # of the updates

    @property
    def publishes_last(self):
        """Whether the last parameters are published, not averages or the best ones."""
        return not (self.averages or self.stops_early)


class Task(NamedTuple):
    """What is to be trained: candidates on one data set, by one plan."""

    data: Data
    plan: Plan
    candidates: np.ndarray  # (K,) of CANDIDATE
    sample: Data  # rows J is estimated on; all where the last parameters are published
    validation: Validation | None = None  # where the plan validates

    @property
    def on_sample(self):
        """The same on the rows of the sample."""
        return self._replace(data=self.sample)


class State(NamedTuple):
    """All that a training needs to go on where it stopped."""

    phi: np.ndarray  # (K, P), the intercept first
    average: np.ndarray  # (K, P), φ where none is taken yet; (K, 0) without averaging
    best_phi: np.ndarray  # (K, P), of the lowest validation loss, with early stopping
    slots: np.ndarray  # (K, S, P), running averages of the optimizer
    progress: np.ndarray  # (K,) of PROGRESS
    clock: np.ndarray  # (len(Clock),)

    @classmethod
    def first(cls, phi):
        """Before the first epoch, at parameters of shape (K, P)."""
        n_candidates, n_params = phi.shape
        progress = np.zeros(n_candidates, dtype=PROGRESS)
        progress["status"] = Status.RUNNING
        for name in ("lowest", "best", "last", "plateau_best", "plateau_rate"):
            progress[name] = np.inf
        return cls(
            phi=np.array(phi, dtype=np.float64, order="C"),
            average=np.empty((n_candidates, 0)),
            best_phi=np.array(phi, dtype=np.float64, order="C"),
            slots=np.zeros((n_candidates, len(Slot), n_params)),
            progress=progress,
            clock=np.zeros(len(Clock), dtype=np.int64),
        )

    @property
    def latest(self):
        """The parameters that an epoch ends with, (K, P): averaged, where they are."""
        return self.average if self.average.size else self.phi

    def outcome(self, stops_early):
        """The parameters that a training comes to, (K, P): the latest or the best."""
        return self.best_phi if stops_early else self.latest


class Scratch(NamedTuple):
    """Working memory of one training; nothing in it outlives an epoch."""

    point: np.ndarray  # (K, P), where the gradient is taken
    gradient: np.ndarray  # (K, P)
    tally: np.ndarray  # (K,) of TALLY
    before: np.ndarray  # (K, P), φ before the last update of the epoch
    batch_weight: np.ndarray  # (1,)
    rows: np.ndarray  # (R,), those that are seen together
    pulls: np.ndarray  # (K, R), Σⱼ φⱼ₊₁ xⱼ of each, then the factor of its x
    running: np.ndarray  # (K,), candidates that train
    order: np.ndarray  # (pool_size,) at most, or (0,) without shuffling
    blocks: np.ndarray  # (n_blocks + 1,), their order and the first's row, or (0,)
    ray: np.ndarray  # (K, 2, n_samples), z and its slope; empty without line search
    bracket: np.ndarray  # (K, 2, 4), steps and their objective; likewise


class Record(NamedTuple):
    """What happened, epoch by epoch; E epochs fit in."""

    entries: np.ndarray  # (E, K) of ENTRY
    path: np.ndarray  # (points, K, P)
    filled: np.ndarray  # (2,), epochs and points so far


class History(NamedTuple):
    """The records of a training, joined; E epochs."""

    entries: np.ndarray  # (E, K) of ENTRY; NaN once a candidate has stopped
    path: np.ndarray  # (points, K, P), where stored

    @classmethod
    def empty(cls, phi, is_path_kept):
        """No epochs yet, and a path that begins at φ, or is not kept."""
        path = phi[np.newaxis].copy()
        return cls(
            entries=np.empty((0, len(phi)), dtype=ENTRY),
            path=path if is_path_kept else path[:0],
        )
