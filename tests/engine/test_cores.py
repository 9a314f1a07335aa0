"""Threads that whoever waits for them can leave."""

import signal
import threading
import time

import numpy as np
import pytest

from sklopt.engine import _cores
from sklopt.engine._cores import Cores, by_all_cores

LONG = 30  # seconds that no test waits for


class Heard(BaseException):
    """What the alarm raises."""


@pytest.fixture
def alarm():
    """A signal in 50 ms, as that of Ctrl-C."""
    if not hasattr(signal, "setitimer"):
        pytest.skip("No timers on this system.")

    def hear(*_):
        raise Heard

    before = signal.signal(signal.SIGALRM, hear)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("way", ["run", "map"])
def test_whoever_waits_hears_a_signal_and_nothing_else_is_begun(way, alarm):
    release, begun = threading.Event(), []

    def wait(item=None):
        assert threading.current_thread() is not threading.main_thread()
        begun.append(item)
        release.wait(LONG)

    def work():
        with Cores(1) as cores:
            list(cores.map(wait, range(5))) if way == "map" else cores.run(wait)

    start = time.perf_counter()
    try:
        with pytest.raises(Heard):
            work()
        assert time.perf_counter() - start < LONG / 2
    finally:
        release.set()
    time.sleep(0.05)
    assert len(begun) == 1


@pytest.mark.parametrize("n_cores", [1, 3, 8])
def test_results_come_in_order_and_few_of_them_wait(n_cores, monkeypatch):
    """However slowly they are taken."""
    monkeypatch.setattr(_cores, "cpu_count", lambda: n_cores)
    begun, most_ahead = [], 0
    with Cores(4) as cores:
        results = cores.map(lambda i: begun.append(i) or i, iter(range(50)))
        taken = []
        for n_taken, item in enumerate(results):
            time.sleep(0.002)
            most_ahead = max(most_ahead, len(begun) - n_taken)
            taken.append(item)
    assert taken == list(range(50))
    assert 1 < most_ahead <= 2 * min(n_cores, 4)


def test_items_share_the_threads(monkeypatch):
    monkeypatch.setattr(_cores, "cpu_count", lambda: 2)
    both = threading.Barrier(2)  # which is broken if one comes alone
    with Cores(2) as cores:
        arrivals = list(cores.map(lambda _: both.wait(LONG), range(4)))
    assert sorted(arrivals) == [0, 0, 1, 1]


@pytest.mark.parametrize("most", [0, 2])
def test_an_error_is_raised_where_the_result_is_taken(most):
    def inverse(x):
        return 1 / x

    with pytest.raises(ZeroDivisionError), Cores(most) as cores:
        list(cores.map(inverse, [1, 0, 2]))
    with pytest.raises(ZeroDivisionError), Cores(most) as cores:
        cores.run(inverse, 0)


def test_all_cores_share_the_blocks_in_order(monkeypatch):
    monkeypatch.setattr(_cores, "cpu_count", lambda: 2)
    both = threading.Barrier(2)

    def double(block):
        both.wait(LONG)
        return 2 * block

    assert list(by_all_cores(np.empty(0), double, range(6))) == [0, 2, 4, 6, 8, 10]


def test_little_work_starts_no_thread():
    def thread(item):
        return item, threading.current_thread()

    expected = [(item, threading.main_thread()) for item in range(4)]
    assert list(by_all_cores(np.empty(0), thread, range(4))) == expected
    with Cores(0) as cores:
        assert list(cores.map(thread, range(4))) == expected
        assert cores.run(thread, 2) == expected[2]


@pytest.mark.parametrize("most", [0, 2])
def test_overflow_is_quiet(most):
    with Cores(most) as cores:
        assert np.isinf(cores.run(np.exp, 1e9))
        assert np.isinf(list(cores.map(np.exp, [1e9, 1e9]))).all()
    for blocks in ([1e9], [1e9] * 8):
        assert np.isinf(list(by_all_cores(np.empty(0), np.exp, blocks))).all()
