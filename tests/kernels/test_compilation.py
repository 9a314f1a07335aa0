"""How kernels become machine code."""

import gc

import pytest
from numba.core import config, errors, event

from sklopt.kernels._compilation import entry_point

compiled = pytest.mark.skipif(bool(config.DISABLE_JIT), reason="nothing is compiled")


class PassWatcher(event.Listener):
    """Notes at each pass of Numba's whether garbage collection is enabled."""

    def __init__(self):
        self.enabled = []

    def on_start(self, event):
        self.enabled.append(gc.isenabled())

    def on_end(self, event):
        pass


@compiled
def test_no_garbage_is_collected_while_an_entry_point_is_compiled():
    @entry_point
    def squared(n):
        return n * n

    watcher = PassWatcher()
    with event.install_listener("numba:run_pass", watcher):
        assert squared(3) == 9
    assert watcher.enabled
    assert not any(watcher.enabled)


@compiled
@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_collection_is_left_as_it_was(enabled):
    @entry_point
    def doubled(n):
        return 2 * n

    was_enabled = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        assert doubled(2) == 4
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


@compiled
def test_garbage_collection_returns_after_an_error():
    @entry_point
    def impossible(n):
        return n + "1"

    with pytest.raises(errors.TypingError):
        impossible(1)
    assert gc.isenabled()
