"""How kernels become machine code."""

import gc

import numba
import numpy as np
import pytest
from numba.core import config, errors, event
from numba.core.caching import NullCache

from sklopt.kernels._compilation import entry_point, kernel_by_matrix

pytestmark = pytest.mark.skipif(
    bool(config.DISABLE_JIT), reason="interpreted: nothing is compiled"
)


class PassWatcher(event.Listener):
    """Notes at each pass of Numba's whether garbage collection is enabled."""

    def __init__(self):
        self.enabled = []

    def on_start(self, event):
        self.enabled.append(gc.isenabled())

    def on_end(self, event):
        pass


@pytest.fixture(params=[True, False], ids=["enabled", "disabled"])
def gc_enabled(request):
    """Garbage collection as a caller may have it."""
    was_enabled = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if was_enabled else gc.disable)()


def compiled(function, *args):
    """What a function compiled anew returns, and whether garbage was collected."""
    dispatcher = entry_point(function)
    dispatcher._cache = NullCache()  # or a later run would load it from disk
    watcher = PassWatcher()
    with event.install_listener("numba:run_pass", watcher):
        try:
            result = dispatcher(*args)
        except errors.TypingError:
            result = None
    assert watcher.enabled
    return result, any(watcher.enabled)


def test_no_garbage_is_collected_while_an_entry_point_is_compiled(gc_enabled):
    assert compiled(lambda n: n * n, 3) == (9, False)
    assert gc.isenabled() is gc_enabled


def test_garbage_collection_is_as_before_after_an_error(gc_enabled):
    assert compiled(lambda n: n + "1", 1) == (None, False)
    assert gc.isenabled() is gc_enabled


def sum_of_two_that_cancel(X, large):
    return (X[0] + large) - large


@pytest.mark.parametrize(("is_ordered", "expected"), [(True, 0.0), (False, 1.0)])
def test_sums_stay_in_order_where_they_have_to(is_ordered, expected):
    """Elsewhere the compiler cancels what it can."""
    chosen = kernel_by_matrix(sum_of_two_that_cancel, None, is_ordered=is_ordered)
    call = numba.njit(lambda X, large: chosen(X, large))
    assert call(np.array([1.0]), 2.0**60) == expected
