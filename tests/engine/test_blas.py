"""Limits on the threads of linear algebra."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone
from threadpoolctl import threadpool_info, threadpool_limits

from sklopt import GradientRegressor
from sklopt.engine import _cores
from sklopt.engine._blas import one_blas_thread


def blas_threads():
    return [
        pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"
    ]


def test_one_thread_inside_and_as_many_as_before_behind_it():
    before = blas_threads()
    with one_blas_thread():
        assert set(blas_threads()) == {1}
        with one_blas_thread():
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {1}
    assert blas_threads() == before


def test_fits_at_once_leave_the_number_of_threads_alone(monkeypatch):
    monkeypatch.setattr(_cores, "LITTLE_WORK", 0)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 6))
    y = X.sum(axis=1) + rng.standard_normal(20_000)
    model = GradientRegressor(max_iter=3, tol=None, precompute=True)
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda _: clone(model).fit(X, y), range(60)))
        assert blas_threads() == before


def limited():
    with one_blas_thread():
        pass


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(),
    reason="no fork on this system",
)
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_child_forked_during_a_fit_of_another_thread_does_not_wait_for_it():
    is_inside, is_over = threading.Event(), threading.Event()

    def hold():
        with one_blas_thread():
            is_inside.set()
            is_over.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    is_inside.wait()
    child = multiprocessing.get_context("fork").Process(target=limited)
    child.start()
    child.join(20)
    is_hanging = child.is_alive()
    child.kill()
    is_over.set()
    holder.join()
    assert not is_hanging
    assert child.exitcode == 0
