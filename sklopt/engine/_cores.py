"""Work that the cores share, and that Ctrl-C does not wait for."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from joblib import cpu_count

from ._rows import let_go

# Blocks of a few milliseconds that are worth the start of threads, about half of one.
FEWEST_SHARED = 5


class Cores:
    """Threads for what releases Python's lock, such as the linear algebra of NumPy.

    To be used in a ``with`` statement. Whoever waits for a result hears Ctrl-C; what
    has begun then comes to its end unheeded, which the end of the process waits for,
    and nothing else is begun. There are no more threads than cores, nor than `most`.
    With 0 there are none: whoever asks does the work, which is to be little, as Ctrl-C
    is not heard. Numbers that leave their range do so without a warning.
    """

    def __init__(self, most):
        # Counting cores reads files, which takes as long as a small fit's training.
        self.n_threads = min(cpu_count(), most) if most else 0
        self._pool = ThreadPoolExecutor(self.n_threads) if most else None

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        if self._pool is not None:
            self._pool.shutdown(wait=error is None, cancel_futures=True)

    def map(self, function, items):
        """What a function makes of every item, in order.

        An item is begun when fewer than twice as many as there are threads wait to be
        made or taken, so that no more of them are ever held.
        """
        if self._pool is None:
            yield from map(partial(_quiet, function), items)
            return
        waiting = deque()
        for item in items:
            waiting.append(self._pool.submit(_quiet, function, item))
            if len(waiting) == 2 * self.n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def run(self, function, *args):
        """What a function returns that takes so long that Ctrl-C is to be heard."""
        if self._pool is None:
            return _quiet(function, *args)
        return self._pool.submit(_quiet, function, *args).result()


def by_blocks(cores, X, part, blocks):
    """What `part` makes of every block of the rows of X, in order; cores share them."""
    for result in cores.map(part, blocks):
        yield result
        let_go(X)


def by_all_cores(X, part, blocks):
    """The same with cores of its own, if there are blocks enough for them."""
    blocks = list(blocks)
    is_shared = len(blocks) >= FEWEST_SHARED
    with Cores(len(blocks) if is_shared else 0) as cores:
        yield from by_blocks(cores, X, part, blocks)


def _quiet(function, *args):
    """The result without warnings of overflow; each thread has its own settings."""
    with np.errstate(all="ignore"):
        return function(*args)
