"""Linear algebra whose every digit is the same at any number of threads."""

import os
import threading
from contextlib import contextmanager

from sklearn.utils.parallel import _get_threadpool_controller

# The number of BLAS threads belongs to the process: were two fits of one process to
# lower it and put it back in turns, the later one would put back what it found lowered.
_limit = threading.RLock()


@contextmanager
def one_blas_thread():
    """Products on one thread: sums come out differently by how many share them."""
    with _limit, _get_threadpool_controller().limit(limits=1, user_api="blas"):
        yield


def _renew_limit():
    """The thread that held the lock at a fork is not in the child to release it.

    Nor to put the number of threads back, so that the child may keep to one.
    """
    global _limit
    _limit = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_limit)
