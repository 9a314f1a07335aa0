"""Work that the cores share, and that Ctrl-C does not wait for."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from joblib import cpu_count

from ._rows import let_go

# Blocks of some milliseconds that are worth the start of threads, about half of one.
FEWEST_SHARED = 5


class Cores:
    """Threads for what releases Python's lock, such as the linear algebra of NumPy.

    To be used in a ``with`` statement. Whoever waits for a result hears Ctrl-C; what
    has begun then comes to its end unheeded, which the end of the process waits for,
    and nothing else is begun. There are no more threads than cores, nor than `most`.
    Numbers that leave their range do so without a warning.
    """

    def __init__(self, most):
        self.n_threads = min(cpu_count(), most)
        self._pool = ThreadPoolExecutor(self.n_threads)

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        self._pool.shutdown(wait=error is None, cancel_futures=True)

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


def by_all_cores(X, part, blocks):
    """The same with cores of its own, or without where that takes no longer.

    A block is to be work for some milliseconds, in which Ctrl-C is not heard then.
    """
    blocks = list(blocks)
    if len(blocks) < FEWEST_SHARED:
        for block in blocks:
            yield _quiet(part, block)
            let_go(X)
    else:
        with Cores(len(blocks)) as cores:
            yield from by_blocks(cores, X, part, blocks)


def _quiet(function, *args):
    """The result without warnings of overflow; each thread has its own settings."""
    with np.errstate(all="ignore"):
        return function(*args)
