"""Faults of the disk cache must not break import or fit, nor give a stale result.

Two installations are harmed: a copy of the package, and a toy package around copies of
`_compilation.py` and `_cache.py` that starts and compiles in a second. Each runs in
processes of its own.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sklopt
from sklopt.kernels import _cache, _compilation

FIT = """
import json, sklopt
from sklopt.kernels._epoch import add_objective, advance

model = sklopt.GradientRegressor("gd", learning_rate=0.1, max_iter=3, tol=None)
model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
stats = [entry_point.stats for entry_point in (add_objective, advance)]
print(json.dumps({
    "source": sklopt.__file__,
    "answer": [model.intercept_, model.coef_[0]],
    "hits": sum(sum(s.cache_hits.values()) for s in stats),
    "misses": sum(sum(s.cache_misses.values()) for s in stats),
}))
"""
# Three updates of gradient descent from zero at a rate of 0.1, worked out by hand.
FIT_ANSWER = [1.06044444444444, 1.56829629629630]

TOY_SOURCES = {
    "kernels/_formula.py": """
from ._compilation import kernel

@kernel
def difference(pair):
    return pair.left - pair.right
""",
    "kernels/_entry.py": """
from ._compilation import entry_point
from ._formula import difference

@entry_point
def add_differences(pair, counts, place):
    counts[place] += difference(pair)
""",
    "engine/_types.py": """
from typing import NamedTuple

class Pair(NamedTuple):
    left: float
    right: float
""",
}
TOY_IMPORTS = """
import json
import numpy as np
from toy.engine._types import Pair
from toy.kernels._entry import add_differences
"""
TOY_CALL = """
counts = np.zeros(3)
add_differences(Pair(left=7.0, right=2.0), counts, 0)
stats = add_differences.stats
print(json.dumps({
    "answer": counts[0],
    "hits": sum(stats.cache_hits.values()),
    "misses": sum(stats.cache_misses.values()),
}))
"""
TOY_RUN = TOY_IMPORTS + TOY_CALL
TOY_ANSWER = 5.0
DOUBLED = ("pair.left - pair.right", "2.0 * (pair.left - pair.right)")

# To the process this is a full disk: it can write no file longer than `limit` bytes.
FULL_DISK = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
"""


def environment(folder):
    """Variables that make `folder` the home, and the first place to import from."""
    changed = "NUMBA_", "XDG_", "PYTHON"
    kept = {k: v for k, v in os.environ.items() if not k.startswith(changed)}
    return kept | {"PYTHONPATH": str(folder), "HOME": str(folder / "home")}


def start(folder, script, **changes):
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script],
        cwd=elsewhere,
        env=environment(folder) | changes,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process):
    stdout, stderr = process.communicate()
    assert (process.returncode, stderr) == (0, "")
    return json.loads(stdout)


def run(folder, script, **changes):
    return outcome(start(folder, script, **changes))


def cache_files(folder, pattern="*.nb[ic]"):
    return sorted(folder.rglob(pattern))


def leftovers(folder):
    return sorted(folder.rglob("*.tmp.*"))


def edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def cut_in_half(file):
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def flip_the_middle(file):
    content = bytearray(file.read_bytes())
    middle = slice(len(content) // 2, len(content) // 2 + 64)
    content[middle] = bytes(byte ^ 0xFF for byte in content[middle])
    file.write_bytes(content)


def unwritable_places(folder):
    """Settings under which no folder for a cache can be made, even by root."""
    wall = folder / "wall"
    wall.touch()
    return {
        "HOME": str(wall / "home"),
        "NUMBA_CACHE_DIR": str(wall / "cache"),
        "XDG_CACHE_HOME": str(wall / "xdg"),
    }


def call_as_a_new_process_would(function):
    """The answer for 2.0, and the number of signatures that came from the disk."""
    dispatcher = _compilation.entry_point(function)
    return dispatcher(2.0), sum(dispatcher.stats.cache_hits.values())


def is_fit_answer(result):
    return result["answer"] == pytest.approx(FIT_ANSWER, rel=1e-9)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """A copy of the package that has never run."""
    folder = tmp_path_factory.mktemp("sources")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(sklopt.__file__).parent, folder / "sklopt", ignore=ignored)
    return folder


@pytest.fixture(scope="module")
def used_once(sources, tmp_path_factory):
    """A copy whose cache two processes have filled at once, and what they found.

    It is to be left alone.
    """
    folder = tmp_path_factory.mktemp("used") / "copy"
    shutil.copytree(sources, folder)
    processes = [start(folder, FIT) for _ in range(2)]
    return folder, [outcome(process) for process in processes]


@pytest.fixture
def cold(sources, tmp_path):
    return Path(shutil.copytree(sources, tmp_path / "cold"))


@pytest.fixture
def warm(used_once, tmp_path):
    folder, _ = used_once
    return Path(shutil.copytree(folder, tmp_path / "warm"))


@pytest.fixture(scope="module")
def toy_used_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toys") / "copy"
    for name, text in TOY_SOURCES.items():
        file = folder / "toy" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for module in (_cache, _compilation):
        shutil.copy(module.__file__, folder / "toy" / "kernels")
    assert run(folder, TOY_RUN) == {"answer": TOY_ANSWER, "hits": 0, "misses": 1}
    return folder


@pytest.fixture
def toy(toy_used_once, tmp_path):
    """A toy package with a cache that one process has filled."""
    return Path(shutil.copytree(toy_used_once, tmp_path / "toys"))


@pytest.fixture
def function(tmp_path, monkeypatch):
    """A function whose machine code goes to a folder of its own."""
    file = tmp_path / "doubling.py"
    file.write_text("def double(x):\n    return 2.0 * x\n")
    spec = importlib.util.spec_from_file_location("doubling", file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "doubling", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr("numba.core.config.CACHE_DIR", "")
    return module.double


@pytest.fixture(params=["*.nbi", "*.nbc"])
def saved_file(function, tmp_path, request):
    """The index or the data that a first call of `function` has left."""
    assert call_as_a_new_process_would(function) == (4.0, 0)
    return cache_files(tmp_path, request.param)[0]


def test_import_writes_nothing(cold):
    before = sorted(cold.rglob("*"))
    run(cold, "import sklopt\nprint(0)", PYTHONDONTWRITEBYTECODE="1")
    after = [p for p in sorted(cold.rglob("*")) if p.name != "elsewhere"]
    assert after == before


def test_two_processes_start_at_once(used_once):
    folder, results = used_once
    assert all(is_fit_answer(result) for result in results)
    assert leftovers(folder) == []


def test_a_later_process_compiles_nothing(warm):
    result = run(warm, FIT)
    assert Path(result["source"]).is_relative_to(warm)
    assert is_fit_answer(result)
    assert (result["hits"], result["misses"]) == (2, 0)


def test_read_only_install_without_a_home(toy):
    shutil.rmtree(toy / "toy" / "kernels" / "__pycache__")
    (toy / "toy" / "kernels" / "__pycache__").write_text("no folder")
    result = run(toy, TOY_RUN, **unwritable_places(toy))
    assert result == {"answer": TOY_ANSWER, "hits": 0, "misses": 1}
    assert cache_files(toy) == []


def test_read_only_install_keeps_its_cache_at_home(toy):
    shutil.rmtree(toy / "toy" / "kernels" / "__pycache__")
    (toy / "toy" / "kernels" / "__pycache__").write_text("no folder")
    misses = [run(toy, TOY_RUN)["misses"] for _ in range(2)]
    assert misses == [1, 0]
    assert all(file.is_relative_to(toy / "home") for file in cache_files(toy))


@pytest.mark.parametrize(
    ("kind", "damage"), [("nbi", cut_in_half), ("nbc", flip_the_middle)]
)
def test_fit_repairs_damaged_files(kind, damage, warm):
    (file,) = cache_files(warm, f"*.add_objective*.{kind}")
    damage(file)
    harmed, repaired = run(warm, FIT), run(warm, FIT)
    assert is_fit_answer(harmed)
    assert is_fit_answer(repaired)
    assert (harmed["hits"], harmed["misses"]) == (1, 1)
    assert (repaired["hits"], repaired["misses"]) == (2, 0)


def test_an_edit_of_any_kernel_changes_the_stamp(cold):
    kernels = cold / "sklopt" / "kernels"
    file = kernels / "_cache.py"
    spec = importlib.util.spec_from_file_location("cold_cache", file)
    cache = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cache)
    stamps = {cache.package_stamp.__wrapped__()}
    sources = sorted(kernels.glob("*.py"))
    for source in sources:
        source.write_text(source.read_text() + "# edited\n")
        stamps.add(cache.package_stamp.__wrapped__())
    assert len(stamps) == 1 + len(sources)


def test_edits_and_their_reversal_take_effect(toy):
    formula = toy / "toy" / "kernels" / "_formula.py"
    edit(formula, *DOUBLED)
    assert run(toy, TOY_RUN)["answer"] == 2 * TOY_ANSWER
    edit(formula, *reversed(DOUBLED))
    assert run(toy, TOY_RUN)["answer"] == TOY_ANSWER


def test_an_edit_between_import_and_first_call_takes_effect_later(toy):
    formula = toy / "toy" / "kernels" / "_formula.py"
    for file in cache_files(toy):
        file.unlink()
    edited = formula.read_text().replace(*DOUBLED)
    edit_itself = (
        f"import pathlib\npathlib.Path({str(formula)!r}).write_text({edited!r})"
    )
    assert run(toy, TOY_IMPORTS + edit_itself + TOY_CALL)["answer"] == TOY_ANSWER
    assert run(toy, TOY_RUN)["answer"] == 2 * TOY_ANSWER


def test_reordered_fields_of_an_argument_take_effect(toy):
    fields = (
        "    left: float\n    right: float\n",
        "    right: float\n    left: float\n",
    )
    edit(toy / "toy" / "engine" / "_types.py", *fields)
    assert run(toy, TOY_RUN)["answer"] == TOY_ANSWER


def test_a_full_disk(toy):
    for file in cache_files(toy):
        file.unlink()
    assert run(toy, FULL_DISK.format(limit=1024) + TOY_RUN)["answer"] == TOY_ANSWER
    assert leftovers(toy) == []


def test_a_full_disk_after_an_edit_leaves_nothing_stale(toy):
    (index,), (data,) = cache_files(toy, "*.nbi"), cache_files(toy, "*.nbc")
    limit = (index.stat().st_size + data.stat().st_size) // 2
    assert index.stat().st_size < limit
    edit(toy / "toy" / "kernels" / "_formula.py", *DOUBLED)
    harmed = run(toy, FULL_DISK.format(limit=limit) + TOY_RUN)
    assert harmed["answer"] == 2 * TOY_ANSWER
    assert leftovers(toy) == []
    assert run(toy, TOY_RUN)["answer"] == 2 * TOY_ANSWER


def test_data_of_another_version_is_not_loaded(toy):
    (data,) = cache_files(toy, "*.nbc")
    old = data.read_bytes()
    edit(toy / "toy" / "kernels" / "_formula.py", *DOUBLED)
    run(toy, TOY_RUN)
    data.write_bytes(old)
    assert run(toy, TOY_RUN)["answer"] == 2 * TOY_ANSWER


def test_data_of_another_signature_is_not_loaded(toy):
    single = TOY_RUN.replace("np.zeros(3)", "np.zeros(3, dtype=np.float32)")
    single = single.replace("counts[0]", "float(counts[0])")
    run(toy, single)
    first, second = cache_files(toy, "*.nbc")
    contents = first.read_bytes(), second.read_bytes()
    second.write_bytes(contents[0])
    first.write_bytes(contents[1])
    assert run(toy, TOY_RUN)["answer"] == TOY_ANSWER
    assert run(toy, single)["answer"] == TOY_ANSWER


def test_bounds_checks_are_not_taken_from_code_without(toy):
    outside = (
        TOY_IMPORTS
        + """
try:
    add_differences(Pair(left=7.0, right=2.0), np.zeros(3), 100)
except IndexError:
    print(json.dumps("refused"))
"""
    )
    assert run(toy, outside, NUMBA_BOUNDSCHECK="1") == "refused"
    assert run(toy, TOY_RUN) == {"answer": TOY_ANSWER, "hits": 0, "misses": 1}


def test_the_cache_opens_at_the_first_call(function, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    dispatcher = _compilation.entry_point(function)
    assert sorted(tmp_path.rglob("*")) == before
    assert dispatcher.stats.cache_path is None
    assert dispatcher(2.0) == 4.0
    assert Path(dispatcher.stats.cache_path).is_relative_to(tmp_path)


def test_damage_anywhere_is_repaired(function, saved_file):
    intact = saved_file.read_bytes()
    for place in range(0, len(intact), len(intact) // 16):
        flipped = bytes(byte ^ 0x55 for byte in intact[place : place + 4])
        truncated = intact[:place]
        for damaged in (truncated, truncated + flipped + intact[place + 4 :]):
            saved_file.write_bytes(damaged)
            assert call_as_a_new_process_would(function)[0] == 4.0
            assert call_as_a_new_process_would(function) == (4.0, 1)


def test_a_removed_file_is_written_again(function, saved_file):
    saved_file.unlink()
    assert call_as_a_new_process_would(function) == (4.0, 0)
    assert call_as_a_new_process_would(function) == (4.0, 1)


def test_a_file_that_cannot_be_replaced(function, saved_file):
    saved_file.unlink()
    saved_file.mkdir()
    (saved_file / "occupied").touch()
    assert call_as_a_new_process_would(function) == (4.0, 0)
    assert leftovers(saved_file.parent) == []
