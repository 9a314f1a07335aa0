"""What the README and the examples show, done."""

import importlib
import inspect
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

import sklopt

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
INDEX = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
API = (ROOT / "docs" / "api.rst").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "add_a_loss.md").read_text(encoding="utf-8")
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))

# Every fenced block of the README, as (language, source).
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
PYTHON = [source for language, source in BLOCKS if language == "python"]


@pytest.fixture(autouse=True)
def _headless():
    with mpl.rc_context():
        plt.switch_backend("Agg")
        yield
        plt.close("all")


def test_every_block_of_the_readme_is_looked_at():
    assert 2 * len(BLOCKS) == README.count("```")
    assert {language for language, _ in BLOCKS} == {"python", "sh"}


def test_python_of_the_readme_runs_as_printed(capsys):
    quick_start, *others = PYTHON
    exec(compile(quick_start, "README.md", "exec"), {})
    solver, score, reason, n_epochs = capsys.readouterr().out.rsplit(maxsplit=3)
    assert solver in {"gd", "sgd", "Momentum(beta=0.8)", "Adam()"}
    assert float(score) == pytest.approx(0.48, abs=0.005)  # R² of a line on these data
    assert reason == "tol"
    (axes,) = plt.gcf().axes
    (curve,) = axes.lines
    assert len(curve.get_xdata()) == int(n_epochs)
    assert axes.get_yscale() == "log"
    assert axes.get_xlabel() == "epoch"
    for source in others:
        exec(compile(source, "README.md", "exec"), {})


def test_python_of_the_index_runs_as_printed(capsys):
    (source,) = re.findall(r"^```python\n(.*?)^```$", INDEX, re.DOTALL | re.MULTILINE)
    exec(compile(source, "index.md", "exec"), {})
    assert "gradientregressor__solver" in capsys.readouterr().out


def test_the_index_leads_to_every_page():
    (tree,) = re.findall(r"^```{toctree}\n(.*?)^```$", INDEX, re.DOTALL | re.MULTILINE)
    pages = [line for line in tree.splitlines() if line and line[0] != ":"]
    files = {p.stem for p in (ROOT / "docs").iterdir() if p.suffix in {".md", ".rst"}}
    assert set(pages) | {"index"} == files


def test_the_api_page_lists_every_public_name():
    modules = {"sklopt": re.split(r"^sklopt\.\w+\n-+\n", API, flags=re.M)[0]}
    modules |= dict(
        re.findall(r"^(sklopt\.\w+)\n-+\n(.*?)(?=^sklopt\.|\Z)", API, re.M | re.S)
    )
    for name, text in modules.items():
        module = importlib.import_module(name)
        public = [one for one in module.__all__ if not one.startswith("_")]
        public = [one for one in public if not inspect.ismodule(getattr(module, one))]
        assert sorted(re.findall(r"^   (\w+)$", text, re.M)) == sorted(public), name
    parts = [one for one in sklopt.__all__ if inspect.ismodule(getattr(sklopt, one))]
    assert set(modules) == {"sklopt", *(f"sklopt.{one}" for one in parts)}


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


def test_what_the_documents_install_and_link_to_is_there():
    with (ROOT / "pyproject.toml").open("rb") as file:
        extras = tomllib.load(file)["project"]["optional-dependencies"]
    ci = (ROOT / ".ci/run").read_text(encoding="utf-8")
    installed = re.findall(r"(?:\"\.|\)|sklopt)\[([\w,]+)\]", README + ci)
    assert {"dev", "docs", "parity", "plot", "test"} <= set(installed) <= set(extras)
    # Links, and files by their paths.
    paths = re.findall(r"\]\((?!http)([^)]+)\)", README)
    paths += re.findall(r"\b(?:examples|sklopt|tests|kernels)/[\w/]+\.\w+", README)
    assert len(paths) >= 4
    for path in paths:
        assert (ROOT / path).exists() or (ROOT / "sklopt" / path).exists(), path


def test_the_lines_of_a_new_loss_go_where_the_guide_says():
    files = re.findall(r"`((?:sklopt|tests)/[\w/]+\.py)`", GUIDE)
    assert len(files) >= 6
    sources = [(ROOT / file).read_text(encoding="utf-8") for file in files]
    for name in ("Loss", "loss_value", "loss_derivative", "LOSSES", "lower_loss"):
        assert any(re.search(rf"^(class|def|) ?{name}\b", s, re.M) for s in sources)


def test_a_loss_added_as_the_guide_prints_it_is_one(tmp_path):
    """On a copy of the package: each block goes where the text says."""
    shutil.copytree(ROOT / "sklopt", tmp_path / "sklopt")
    code, functions, rung, description, case, formulas = re.findall(
        r"^```python\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE
    )
    slope = rung.replace("log_cosh(", "log_cosh_derivative(")
    insert = partial(insert_after, tmp_path / "sklopt")
    insert("kernels/_codes.py", "    GAMMA = 7\n", code)
    insert(
        "kernels/_losses.py",
        "    return 1.0 - target * math.exp(-prediction)\n",
        "\n\n" + functions,
    )
    insert("kernels/_losses.py", "        return gamma(prediction, target)\n", rung)
    insert(
        "kernels/_losses.py",
        "        return gamma_derivative(prediction, target)\n",
        slope,
    )
    insert(
        "losses.py",
        '    "gamma": Gamma,\n}\n',
        f'{description}\n\nLOSSES["log_cosh"] = LogCosh\n',
    )
    insert(
        "engine/_lowering.py", "            code, parameter = Loss.GAMMA, 0.0\n", case
    )
    insert("engine/_lowering.py", "    Huber,\n", "    LogCosh,\n")
    insert("engine/_losses.py", "FORMULAS = {\n", formulas)
    command = [sys.executable, "-W", "error", "-c", TRY_LOG_COSH]
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "NUMBA_DISABLE_JIT": "1"}
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < 1e-7


TRY_LOG_COSH = """
from sklopt import GradientRegressor
from sklopt.inspection import check_gradient
X, y = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
model = GradientRegressor(loss="log_cosh", max_iter=2000).fit(X, y)
assert abs(model.coef_[0] - 2) < 0.01, model.coef_
print(check_gradient(model, X, y, at=[0.3, 0.4], h=1e-5)["error"].max())
"""


def insert_after(package, file, place, lines):
    path = package / file
    before, after = path.read_text(encoding="utf-8").split(place)
    path.write_text(before + place + lines + after, encoding="utf-8")


def test_the_changelog_knows_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {sklopt.__version__} " in changelog


def test_one_ruff_is_pinned():
    """The hooks take the ruff of the environment, and only `test` says which."""
    requirements = re.findall(r"ruff==[\d.]+", (ROOT / "pyproject.toml").read_text())
    assert len(requirements) == 1
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    assert re.findall(r"repo: (\S+)", hooks) == ["local"]
