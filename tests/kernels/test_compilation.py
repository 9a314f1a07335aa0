"""How kernels become machine code."""

import gc

import pytest
from numba.core import config, errors, event
from numba.core.caching import NullCache

from sklopt.kernels._compilation import entry_point

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
