"""Work in threads, so that Ctrl-C need not wait; little work is done by the caller."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from joblib import cpu_count

from ._rows import let_go

# Multiply-adds that take some 10 ms. Less is not worth threads: their start and the
# waiting for them take one or two, and may take a small fit more than all its training.
LITTLE_WORK = 2**25

# Cores that read memory together: more of them hardly make a pass over it shorter.
MOST_READERS = 8


def cores_for(work, most=MOST_READERS):
    """`Cores` for so many multiply-adds, or just the `Caller` for few."""
    return Cores(most) if work > LITTLE_WORK else Caller()


class Caller:
    """Does what `Cores` do, at once and by itself."""

    is_left = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def map(self, function, items):
        """What a function makes of every item, in order."""
        return map(partial(_quiet, function), items)

    def run(self, function, *args):
        """What a function returns."""
        return _quiet(function, *args)


class Cores:
    """Threads for what releases Python's lock, such as the linear algebra of NumPy.

    To be used in a ``with`` statement. Whoever waits for a result hears Ctrl-C; what
    has begun then comes to its end unheeded, which the end of the process waits for,
    and nothing else is begun. Long work may ask now and then whether it `is_left`.
    There are no more threads than cores, nor than `most`. Numbers that leave their
    range do so without a warning.
    """

    is_left = False

    def __init__(self, most):
        self.n_threads = min(cpu_count(), most)
        self._pool = ThreadPoolExecutor(self.n_threads)

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        self.is_left = error is not None
        self._pool.shutdown(wait=not self.is_left, cancel_futures=True)

    def map(self, function, items):
        """What a function makes of every item, in order.

        An item is begun when fewer than twice as many as there are threads wait to be
        made or taken, so that no more of them are ever held.
        """
        waiting = deque()
        for item in items:
            waiting.append(self._pool.submit(_quiet, function, item))
            if len(waiting) == 2 * self.n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def run(self, function, *args):
        """What a function returns that takes so long that Ctrl-C is to be heard."""
        return self._pool.submit(_quiet, function, *args).result()


def by_blocks(cores, X, part, blocks):
    """What `part` makes of every block of the rows of X, in order; cores share them."""
    for result in cores.map(part, blocks):
        yield result
        let_go(X)


def _quiet(function, *args):
    """The result without warnings of overflow; each thread has its own settings."""
    with np.errstate(all="ignore"):
        return function(*args)
