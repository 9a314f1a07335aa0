"""Ctrl-C is heard in the middle of a long training, and leaves nothing behind."""

import gc
import random
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import numpy as np
import pytest
from scipy.sparse import eye_array

from sklopt import GradientRegressor
from sklopt.engine import _cores, _train
from sklopt.kernels import _codes

# Says when training is about to begin, and reports what the interrupt left.
PROGRAM = """
import signal, sys, threading
import numpy as np
from sklopt import GradientRegressor

# A shell's background jobs, and what they start, are born deaf to Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

n_samples, n_features = {shape}
rng = np.random.default_rng(0)
X = rng.standard_normal((n_samples, n_features))
y = X @ np.ones(n_features)
model = GradientRegressor(max_iter=10**9, tol=None, **{params})
warm_up = GradientRegressor(max_iter=1, tol=None, **{params})
warm_up.fit(X[:1000], y[:1000])  # compiled, so that the signal meets the training
before = dict(vars(model))
print("training", flush=True)
try:
    model.fit(X, y)
except KeyboardInterrupt:
    print("interrupted", vars(model) == before, flush=True)
    print(threading.active_count(), flush=True)
    warm_up.fit(X[:1000], y[:1000])  # and the engine still works
    sys.exit(42)
print("finished", flush=True)
"""

LARGE, SMALL = (200_000, 50), (1000, 3)
TRAININGS = {
    "full batch": ({"solver": "nesterov", "batch_size": None}, LARGE),
    "mini-batches": ({"solver": "adam", "batch_size": 32}, LARGE),
    "line search": ({"schedule": "line_search"}, LARGE),
    "many short epochs": ({"solver": "sgd", "batch_size": 1}, SMALL),
}

# Far more than training takes to answer: only a training that does not listen, and
# would go on for days, gets there.
PATIENCE = 60.0


def start(program):
    """A child that has begun to train."""
    child = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "training\n", child.communicate()
    return child


@pytest.mark.parametrize(("params", "shape"), TRAININGS.values(), ids=TRAININGS)
def test_interrupt(params, shape):
    child = start(PROGRAM.format(shape=shape, params=params))
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=0.5)  # it would train for ever
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=PATIENCE)
    finally:
        child.kill()
    assert output == "interrupted True\n1\n"
    assert (child.returncode, errors) == (42, "")


def test_interrupt_ends_a_script():
    """Without a handler the process ends as Python's own loops end."""
    program = PROGRAM.format(shape=SMALL, params={"solver": "sgd"})
    child = start(
        program.replace("except KeyboardInterrupt", "except ZeroDivisionError")
    )
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=0.5)
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=PATIENCE)
    finally:
        child.kill()
    assert output == ""
    assert errors.endswith("KeyboardInterrupt\n")
    assert child.returncode == -signal.SIGINT


def test_a_call_makes_few_steps_of_many_parameters(monkeypatch):
    # A step of a million parameters takes about 5 ms, whatever few rows it is for.
    n_batches, n_calls, advance = 16, 0, _train.advance

    def counting(*args):
        nonlocal n_calls
        n_calls += 1
        advance(*args)

    monkeypatch.setattr(_train, "advance", counting)
    X, Y = eye_array(n_batches, 200_000, format="csr"), np.ones((n_batches, 5))
    GradientRegressor("adam", batch_size=1, max_iter=1, tol=None).fit(X, Y)
    assert n_calls >= n_batches / 2


class Heard(BaseException):
    """What the alarm of these tests raises."""


@pytest.mark.parametrize(
    "params",
    [{"schedule": "line_search"}, {"solver": "sgd", "batch_size": 1}, {}],
    ids=["line search", "single rows", "full batch"],
)
def test_no_signal_is_forgotten(params):
    X = np.random.default_rng(0).standard_normal((50, 2))
    GradientRegressor(max_iter=2, tol=None, **params).fit(X, X[:, 0])  # compiled
    model = GradientRegressor(max_iter=10**9, tol=None, **params)
    n_signals = 0

    def hear(signal_number, frame):
        nonlocal n_signals
        n_signals += 1
        raise Heard

    def fit_under_alarm(delay):
        signal.setitimer(signal.ITIMER_REAL, delay, 0.5)
        model.fit(X, X[:, 0])

    # What other tests left is finalised now: there an exception would be lost.
    gc.collect()
    before = signal.signal(signal.SIGALRM, hear)
    delays = random.Random(0)
    try:
        for heard in range(60):
            # A signal that is forgotten is followed by another one, and counted.
            with pytest.raises(Heard):
                fit_under_alarm(delays.uniform(1e-4, 3e-3))
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert n_signals == heard + 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", ["cholesky", "eigh", "lstsq"])
def test_no_decomposition_is_waited_for(name, monkeypatch):
    """Of thousands of features it takes seconds; this one would take for ever."""
    is_over, has_ended = threading.Event(), threading.Event()

    def endless(*_, **__):
        with suppress(Heard):  # LAPACK hears no signal
            is_over.wait(PATIENCE)
        is_over.wait(PATIENCE)
        has_ended.set()
        raise np.linalg.LinAlgError

    def hear(signal_number, frame):
        raise Heard

    monkeypatch.setattr(_cores, "LITTLE_WORK", 0)
    monkeypatch.setattr(np.linalg, name, endless)
    x = np.random.default_rng(0).standard_normal(100)
    X = np.column_stack([x, x])  # Cholesky fails, and eigh and lstsq follow
    before = signal.signal(signal.SIGALRM, hear)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(Heard):
            GradientRegressor(precompute=True).fit(X, x)
        assert not has_ended.is_set()
    finally:
        is_over.set()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_looking_at_a_code_runs_no_python():
    """A signal would be heard in it, and forgotten by NumPy."""
    status = np.zeros(3, dtype=np.int64)
    calls = []
    sys.setprofile(lambda frame, event, _: calls.append((event, frame.f_code.co_name)))
    try:
        found = status == _codes.Status.RUNNING
        status[:] = _codes.Status.CONVERGED
        clock = status[_codes.Clock.PHASE]
    finally:
        sys.setprofile(None)
    assert found.all()
    assert clock == _codes.Status.CONVERGED
    assert [name for event, name in calls if event == "call"] == []


def test_a_call_of_the_loop_is_short(monkeypatch):
    """One call does no more than its budget of multiply-adds, and what it has begun."""
    budgets = []
    advance = _train.advance

    def counted(data, plan, candidates, state, scratch, record, budget):
        budgets.append(budget)
        return advance(data, plan, candidates, state, scratch, record, budget)

    monkeypatch.setattr(_train, "advance", counted)
    n_samples, n_features, n_epochs = 200_000, 50, 3
    X = np.ones((n_samples, n_features))
    GradientRegressor("sgd", max_iter=n_epochs, tol=None).fit(X, X[:, 0])
    assert max(budgets) <= 8_000_000
    assert len(budgets) >= n_epochs * n_samples * n_features // 8_000_000
