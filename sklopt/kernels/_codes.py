"""Integer codes that tell the compiled loop which member of a family to use.

A family (update rules, schedules, losses, ...) is an `IntEnum`; each family has one
ladder of `if code == ...` in the kernels that picks a small named function. Codes are
data: another solver or schedule never compiles the loop again.
"""

from enum import EnumMeta, IntEnum


class _QuietMeta(EnumMeta):
    """Members that NumPy can look at without running Python code.

    NumPy asks the class of what it compares an array with for attributes that are not
    there, and forgets every error meanwhile. Python 3.11 answers by a function written
    in Python, in which Ctrl-C may be heard, and be forgotten too.
    """

    __getattr__ = type.__getattribute__


class Code(IntEnum, metaclass=_QuietMeta):
    """Base of the families."""


class Rule(Code):
    """How a gradient becomes a step; the ladder is `_rules.apply_rule`."""

    DESCENT = 0
    MOMENTUM = 1
    NESTEROV = 2
    ADAM = 3


class Schedule(Code):
    """How the rate changes with time; the ladder is `_schedules.rate_at`."""

    CONSTANT = 0
    STEP_DECAY = 1
    EXPONENTIAL = 2
    INVERSE_SCALING = 3
    COSINE = 4
    PLATEAU = 5
    LINE_SEARCH = 6
    TABLE = 7


class Model(Code):
    """What becomes of the linear predictor; the ladders are in `_models`."""

    LINEAR = 0
    GABOR = 1


class Loss(Code):
    """How a prediction is judged; the ladders are in `_losses`."""

    SQUARED_ERROR = 0
    ABSOLUTE_ERROR = 1
    HUBER = 2
    EPSILON_INSENSITIVE = 3
    SQUARED_EPSILON_INSENSITIVE = 4
    QUANTILE = 5
    POISSON = 6
    GAMMA = 7


class Status(Code):
    """What a candidate is doing, or why it stopped."""

    RUNNING = 0
    CONVERGED = 1
    DIVERGED = 2
    DROPPED = 3
    SATURATED = 4
    STOPPED = 5
    STOPPED_EARLY = 6


class Clock(Code):
    """Places in `State.clock`: where in the training the loop stands."""

    EPOCH = 0
    PHASE = 1
    ROW = 2
    DRAWN = 3
    UPDATE = 4


class Phase(Code):
    """The part of an epoch that the loop is in, so that it can pause anywhere."""

    SHUFFLE = 0
    WALK = 1
    PROJECT = 2
    SEARCH = 3
    AVERAGE = 4
    VALIDATE = 5
    CLOSE = 6


class Search(Code):
    """How far a candidate's line search has come."""

    NARROWING = 0
    CHECKING = 1
    DONE = 2


class Store(Code):
    """How often the parameters are recorded; of steps every `Plan.store_every`-th."""

    NEVER = 0
    EPOCH = 1
    STEP = 2


class Filled(Code):
    """Places in `Record.filled`: how much of a record is written."""

    EPOCHS = 0
    POINTS = 1


class Ray(Code):
    """Places in `Scratch.ray`."""

    Z = 0
    SLOPE = 1


class Bracket(Code):
    """Places in `Scratch.bracket`."""

    STEP = 0
    OBJECTIVE = 1


class Slot(Code):
    """Places in `State.slots`: the running averages m and v."""

    MEAN = 0
    SQUARE = 1
