"""Threads that whoever waits for them can leave."""

import signal
import threading
import time

import numpy as np
import pytest

from sklopt.engine import _cores
from sklopt.engine._cores import Caller, Cores, cores_for

LONG = 30  # seconds that no test waits for

every_kind = pytest.mark.parametrize("kind", [Caller, lambda: Cores(2)])


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


def test_little_work_starts_no_thread():
    def thread(item):
        return item, threading.current_thread()

    with cores_for(_cores.LITTLE_WORK) as cores:
        results = [*cores.map(thread, range(3)), cores.run(thread, 3)]
    assert results == [(item, threading.main_thread()) for item in range(4)]
    with cores_for(_cores.LITTLE_WORK + 1) as cores:
        threads = {thread for _, thread in cores.map(thread, range(3))}
    assert threading.main_thread() not in threads


def test_no_more_threads_are_started_than_asked_for(monkeypatch):
    monkeypatch.setattr(_cores, "cpu_count", lambda: 64)
    for most, expected in (({}, 8), ({"most": 3}, 3)):
        with cores_for(1e9, **most) as cores:
            assert cores.n_threads == expected


@every_kind
def test_an_error_is_raised_where_the_result_is_taken(kind):
    def inverse(x):
        return 1 / x

    with pytest.raises(ZeroDivisionError), kind() as cores:
        list(cores.map(inverse, [1, 0, 2]))
    with pytest.raises(ZeroDivisionError), kind() as cores:
        cores.run(inverse, 0)


def test_work_can_ask_whether_it_was_left(alarm):
    was_left, latest = threading.Event(), time.monotonic() + LONG

    def work(item):
        while time.monotonic() < latest and not was_left.is_set():
            if cores.is_left:
                was_left.set()
            time.sleep(0.001)

    with pytest.raises(Heard), Cores(2) as cores:
        list(cores.map(work, range(2)))
    assert was_left.wait(LONG)


@every_kind
def test_overflow_is_quiet(kind):
    with kind() as cores:
        assert np.isinf(cores.run(np.exp, 1e9))
        assert np.isinf(list(cores.map(np.exp, [1e9, 1e9]))).all()
