"""Training on `numpy.memmap`: files that may be larger than memory."""

import json
import mmap
import subprocess
import sys

import numpy as np
import pytest
from cases import parameters
from numpy.testing import assert_allclose, assert_array_equal

from sklopt import GradientRegressor
from sklopt.engine import _cores, _lowering, _rows
from sklopt.engine._lowering import lower_order
from sklopt.engine._rows import mapped_file

MEGABYTE = 2**20
N_FEATURES = 64

MEMORY_OF_A_FIT = """
import json, sys
import numpy as np
from sklopt import GradientRegressor

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line[:5] == "VmHWM")

path, n_samples, n_features = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
X = np.memmap(path, np.float32, "r", shape=(n_samples, n_features))
y = np.zeros(n_samples, np.float32)
settings = {"shuffle": "blocks", "max_iter": 2, "tol": None}
models = [
    GradientRegressor(learning_rate=1e-3, solver="sgd", batch_size=64, **settings),
    GradientRegressor(solver="adam", batch_size=64, **settings),
    GradientRegressor(solver="nesterov", batch_size=None, **settings),
    GradientRegressor(batch_size=None, precompute=True, **settings),
    GradientRegressor(solver="adam", batch_size=64, average=True, **settings),
]
growth = []
for model in models:
    model.fit(X[:1000], y[:1000])
    with open("/proc/self/clear_refs", "w") as switch:
        switch.write("5")  # forget the peak so far
    before = peak()
    model.fit(X, y)
    growth.append(peak() - before)
print(json.dumps(growth))
"""


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    return X, X @ [1.0, -2.0, 0.5, 0.0] + 1.0


def mapped(array, path, mode):
    array.tofile(path)
    return np.memmap(path, array.dtype, mode, shape=array.shape)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc for peak memory")
def test_a_large_file_is_never_in_memory_as_a_whole(tmp_path):
    n_bytes, path = 512 * MEGABYTE, tmp_path / "X"
    tile = np.random.default_rng(0).normal(size=MEGABYTE // 4).astype(np.float32)
    with path.open("wb") as file:
        for _ in range(n_bytes // tile.nbytes):
            tile.tofile(file)
    n_samples = n_bytes // (4 * N_FEATURES)
    command = [sys.executable, "-c", MEMORY_OF_A_FIT, path, str(n_samples)]
    result = subprocess.run(
        [*command, str(N_FEATURES)], capture_output=True, text=True, check=True
    )
    growth = np.array(json.loads(result.stdout)) * 1024
    assert growth.max() < n_bytes / 3


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
@pytest.mark.parametrize("shuffle", [True, False, "blocks"])
def test_a_mapped_file_is_learnt_like_an_array(problem, tmp_path, shuffle, mode):
    X, y = problem
    model = GradientRegressor(
        "sgd", learning_rate=0.05, batch_size=7, shuffle=shuffle, max_iter=30, tol=None
    ).set_params(random_state=0)
    # joblib hands files to its workers: they must not change what is learnt.
    from_file = parameters(model.fit(mapped(X, tmp_path / "X", mode), y))
    assert_array_equal(from_file, parameters(model.fit(X, y)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_in_a_file_is_named(problem, tmp_path, value, monkeypatch):
    monkeypatch.setattr(_rows, "NUMBERS_AT_ONCE", 100)
    monkeypatch.setattr(_cores, "LITTLE_WORK", 0)
    X, y = problem
    X[200, 2] = value
    file = mapped(X, tmp_path / "X", "r")
    word = "NaN" if np.isnan(value) else "infinity"
    with pytest.raises(ValueError, match=f"^Input X contains {word}"):
        GradientRegressor().fit(file, y)


@pytest.mark.parametrize("mode", ["r+", "c"])
def test_changes_of_a_mapped_array_survive_a_fit(problem, tmp_path, mode):
    X, y = problem
    file = mapped(np.zeros_like(X), tmp_path / "X", mode)
    file[:] = X
    model = GradientRegressor(max_iter=3, tol=None, learning_rate=0.05).fit(file, y)
    assert_array_equal(file, X)
    assert_allclose(model.coef_, model.fit(X, y).coef_, rtol=1e-12)


@pytest.mark.skipif(sys.platform == "win32", reason="no private mappings")
@pytest.mark.parametrize("kind", ["anonymous", "file"])
def test_a_private_mapping_that_is_no_memmap_survives_a_fit(problem, tmp_path, kind):
    X, y = problem
    if kind == "anonymous":
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        mapping = mmap.mmap(-1, X.nbytes, flags=flags)
    else:
        np.zeros_like(X).tofile(tmp_path / "X")
        with (tmp_path / "X").open("rb") as file:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    private = np.ndarray(X.shape, X.dtype, buffer=mapping)
    private[:] = X
    model = GradientRegressor("sgd", max_iter=3, tol=None, random_state=0)
    learnt = parameters(model.fit(private, y))
    assert_array_equal(private, X)
    assert_array_equal(learnt, parameters(model.fit(X, y)))


def test_large_files_are_read_in_larger_blocks(tmp_path, monkeypatch):
    X = np.zeros((300_000, 4))
    view = mapped(X, tmp_path / "X", "r")[2:, :]
    assert mapped_file(np.asarray(view)) is not None
    assert mapped_file(X) is None
    in_memory = lower_order("blocks", 1, X)
    assert lower_order("blocks", 1, view) == in_memory
    monkeypatch.setattr(_lowering, "LARGEST_CACHED_FILE", view.nbytes - 1)
    assert lower_order("blocks", 1, X) == in_memory
    order = lower_order("blocks", 1, view)
    assert order["block_size"] * view[0].nbytes == MEGABYTE // 2
    assert 4 * MEGABYTE < order["pool_size"] * view[0].nbytes <= 8 * MEGABYTE
    assert lower_order(True, 1, view)["block_size"] == 0


def test_rows_of_a_large_file_that_are_one_read_are_one_pool(
    problem, tmp_path, monkeypatch
):
    X, y = problem
    monkeypatch.setattr(_lowering, "LARGEST_CACHED_FILE", 0)
    model = GradientRegressor("sgd", batch_size=7, max_iter=3, tol=None, random_state=0)
    expected = parameters(model.fit(X, y))
    model.set_params(shuffle="blocks").fit(mapped(X, tmp_path / "X", "r"), y)
    assert_array_equal(parameters(model), expected)
