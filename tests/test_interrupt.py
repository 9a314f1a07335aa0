"""Ctrl-C is heard in the middle of a long training, and leaves nothing behind."""

import signal
import subprocess
import sys

import pytest

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
