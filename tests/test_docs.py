"""What the README and the examples show, done."""

import re
import runpy
import sys
import tomllib
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import sklopt
from sklopt import GradientRegressor
from sklopt.schedules import SCHEDULES, InverseScaling
from sklopt.solvers import Adam

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))


@pytest.fixture(autouse=True)
def _headless():
    with mpl.rc_context():
        plt.switch_backend("Agg")
        yield
        plt.close("all")


def test_quick_start_runs_as_printed(capsys):
    (source,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert source.count("\n") < 20
    exec(compile(source, "README.md", "exec"), {})
    assert "tol" in capsys.readouterr().out
    (axes,) = plt.gcf().axes
    assert axes.get_yscale() == "log"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_run_without_a_warning(example, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(example)])
    before = dict(mpl.rcParams)
    runpy.run_path(str(example), run_name="__main__")
    (picture,) = tmp_path.glob("*.png")
    assert picture.stat().st_size > 10_000
    assert capsys.readouterr().out
    assert dict(mpl.rcParams) == before


def test_the_readme_has_one_command_for_each_purpose():
    for purpose in ("main job", "tests"):
        pattern = rf"<!-- {purpose} -->\n```sh\n(.+)\n```"
        (command,) = re.findall(pattern, README)
        assert command.startswith("python3 -m venv .venv && ")


def test_the_translation_table_names_what_there_is():
    table = [line for line in README.splitlines() if line.startswith("| `")]
    ours = [line.split("|")[1] for line in table]
    for keyword in re.findall(r"(\w+)=", " ".join(ours)):
        assert keyword in {*GradientRegressor().get_params(), "per"}, keyword
    for name in re.findall(r'schedule="(\w+)"', " ".join(ours)):
        assert name in SCHEDULES
    assert "`solver=Adam(β, γ, ε)`" in " ".join(ours)
    assert Adam(0.8, 0.9, 1e-6).get_params() == {
        "beta_1": 0.8,
        "beta_2": 0.9,
        "epsilon": 1e-6,
    }
    assert InverseScaling(0.5, per="update").power == 0.5


def test_the_changelog_knows_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {sklopt.__version__}" in changelog


def test_one_ruff_is_pinned():
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    assert [req for req in extras["test"] if req.startswith("ruff==")]
    assert {"plot", "progress", "test", "docs", "parity"} <= set(extras)
