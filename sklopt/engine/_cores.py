"""Work that the cores share, and that Ctrl-C does not wait for."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import numpy as np


class Cores:
    """Threads for what holds no lock, such as the linear algebra of NumPy.

    To be used in a ``with`` statement. Whoever waits for a result hears Ctrl-C; what
    has begun then comes to its end unheeded, and nothing else is begun.
    """

    def __init__(self):
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def __enter__(self):
        return self

    def __exit__(self, error, *_):
        self._pool.shutdown(wait=error is None, cancel_futures=True)

    def map(self, function, items):
        """What a function makes of every item, in order."""
        return self._pool.map(_quiet, repeat(function), items)

    def run(self, function, *args):
        """What a function returns that takes so long that Ctrl-C is to be heard."""
        return self._pool.submit(_quiet, function, *args).result()


def _quiet(function, *args):
    """The result without warnings of overflow; each thread has its own settings."""
    with np.errstate(all="ignore"):
        return function(*args)
