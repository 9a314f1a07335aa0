"""Linear algebra whose every digit is the same at any number of threads."""

import threading
from contextlib import contextmanager

from sklearn.utils.parallel import _get_threadpool_controller

# The number of BLAS threads belongs to the process: were two fits of one process to
# lower it and put it back in turns, the later one would put back what it found lowered.
_LIMIT = threading.RLock()


@contextmanager
def one_blas_thread():
    """Products on one thread: sums come out differently by how many share them."""
    with _LIMIT, _get_threadpool_controller().limit(limits=1, user_api="blas"):
        yield
