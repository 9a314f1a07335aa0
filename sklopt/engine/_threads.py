"""Candidates in threads: the loop holds no lock, and no candidate needs another."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from ..kernels._codes import Clock, Status
from ._train import train
from ._types import History, State, empty_entries


def running(state):
    """Which candidates still train, (K,)."""
    return state.progress["status"] == Status.RUNNING


def train_in_threads(task, state, max_epochs, *, n_threads, on_epoch=None, **settings):
    """`train`, the candidates that are running shared out to threads.

    The outcome is the same, to the last digit, for any number of threads. Who is called
    after every epoch sees all candidates, which are then trained in one thread.
    """
    trained = running(state)
    n_threads = max(1, min(n_threads, trained.sum()))
    if on_epoch is not None or (n_threads == 1 and trained.all()):
        return train(task, state, max_epochs, on_epoch=on_epoch, **settings)
    # Those that have stopped are left out, or every mini-batch would ask them in vain.
    shares = np.array_split(np.flatnonzero(trained), n_threads)
    states = [
        State(*(array[rows] for array in state[:-1]), clock=state.clock.copy())
        for rows in shares
    ]
    is_cancelled = threading.Event()

    def work(rows, part):
        share = task._replace(candidates=task.candidates[rows])
        return train(
            share, part, max_epochs, is_cancelled=is_cancelled.is_set, **settings
        )

    with ThreadPoolExecutor(n_threads) as pool:
        futures = list(map(partial(pool.submit, work), shares, states))
        try:
            histories = [future.result() for future in futures]
        except BaseException:
            is_cancelled.set()  # or Ctrl-C would wait for the others
            raise
    for rows, part in zip(shares, states, strict=True):
        for whole, values in zip(state[:-1], part[:-1], strict=True):
            whole[rows] = values
    # Of those that saw as many epochs, one may have diverged within the last.
    clocks = [part.clock for part in states]
    latest = max(clocks, key=lambda clock: (clock[Clock.EPOCH], clock[Clock.UPDATE]))
    state.clock[:] = latest
    return _merged(state, shares, histories)


def _merged(state, shares, histories):
    """One history of all candidates: NaN, and no step, where one did not train."""
    n_epochs = max(len(h.entries) for h in histories)
    n_points = max(len(h.path) for h in histories)
    entries = empty_entries(n_epochs, len(state.phi))
    path = np.repeat(state.phi[np.newaxis], n_points, axis=0)
    for rows, history in zip(shares, histories, strict=True):
        entries[: len(history.entries), rows] = history.entries
        path[: len(history.path), rows] = history.path
    return History(entries, path)
