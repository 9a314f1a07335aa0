"""Imports point down only; public names exist and are documented."""

import ast
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sklopt

PACKAGE = Path(sklopt.__file__).parent

DESCRIPTIONS = {"solvers", "schedules", "losses"}

# What the files of each layer may import from the package, as dotted prefixes. A layer
# that is not named here has no place yet, and is reported.
_TO_ENGINE = {"kernels", "engine"} | DESCRIPTIONS
_TO_ESTIMATORS = _TO_ENGINE | {"estimators"}
MAY_IMPORT = {
    "kernels": {"kernels"},
    **{name: {"kernels._codes"} for name in DESCRIPTIONS},
    "engine": _TO_ENGINE,
    "estimators": _TO_ESTIMATORS | {"_naming"},
    "model_selection": _TO_ESTIMATORS | {"model_selection"},
    "inspection": _TO_ESTIMATORS - {"kernels"}
    | {"model_selection", "inspection", "_naming"},
    "datasets": {"datasets", "_naming"},
    "callback": set(),
    "_naming": set(),
    "__init__": DESCRIPTIONS
    | {"callback", "estimators", "model_selection", "inspection", "datasets"},
}

# What kernels may import from elsewhere: compiled code has no use for anything else.
COMPILABLE = {"numpy", "numba", "math"}
ALSO_IN_KERNELS = {
    "_cache.py": {"functools", "hashlib", "pickle", "pathlib"},
    "_compilation.py": {"contextlib", "gc"},
    "_codes.py": {"enum"},
}


def imported_names(file, root):
    """Dotted names of all that a file imports, relative ones made absolute."""
    package = file.relative_to(root.parent).parent.parts
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else ()
            source = [*parents, node.module] if node.module else parents
            yield from (".".join([*source, alias.name]) for alias in node.names)


def is_within(name, prefixes):
    return any(f"{name}.".startswith(f"{prefix}.") for prefix in prefixes)


def is_allowed(name, file, root):
    layer = file.relative_to(root).parts[0].removesuffix(".py")
    own = f"{root.name}."
    if f"{name}.".startswith(own):
        return is_within(name.removeprefix(own), MAY_IMPORT.get(layer, ()))
    if layer == "kernels":
        return is_within(name, COMPILABLE | ALSO_IN_KERNELS.get(file.name, set()))
    return True


def violations(root):
    """Imports that point up or sideways, as "file imports name"."""
    return [
        f"{file.relative_to(root).as_posix()} imports {name}"
        for file in sorted(root.rglob("*.py"))
        for name in imported_names(file, root)
        if not is_allowed(name, file, root)
    ]


def test_imports_point_down_only():
    assert violations(PACKAGE) == []


def test_the_checker_sees_the_imports_of_every_layer():
    for layer in ("kernels", "engine", "estimators"):
        files = sorted((PACKAGE / layer).glob("_*.py"))
        names = [name for file in files for name in imported_names(file, PACKAGE)]
        assert is_within("numpy", names)
        assert any(name.startswith("sklopt.kernels._") for name in names)


def package_with(folder, name, source):
    file = folder / "sklopt" / name
    file.parent.mkdir(parents=True)
    file.write_text(source)
    return folder / "sklopt"


@pytest.mark.parametrize(
    ("name", "source", "found"),
    [
        ("kernels/_a.py", "from ..engine import _train", "sklopt.engine._train"),
        ("kernels/_a.py", "import scipy.linalg", "scipy.linalg"),
        ("kernels/_a.py", "from sklearn.base import clone", "sklearn.base.clone"),
        ("kernels/_a.py", "import hashlib", "hashlib"),
        ("kernels/_a.py", "import numbat", "numbat"),
        ("kernels/sub/_a.py", "from ...solvers import GD", "sklopt.solvers.GD"),
        ("engine/_a.py", "from ..estimators import X", "sklopt.estimators.X"),
        ("engine/_a.py", "def f():\n    import sklopt.datasets", "sklopt.datasets"),
        ("engine/_a.py", "from .. import Regressor", "sklopt.Regressor"),
        ("engine/_a.py", "import sklopt", "sklopt"),
        ("estimators/_a.py", "from .. import inspection", "sklopt.inspection"),
        ("estimators/_a.py", "from ..model_selection import S",
         "sklopt.model_selection.S"),
        ("inspection/_a.py", "from ..kernels._codes import M",
         "sklopt.kernels._codes.M"),
        ("model_selection/_a.py", "from ..inspection import D", "sklopt.inspection.D"),
        ("solvers.py", "from .kernels._rules import adam",
         "sklopt.kernels._rules.adam"),
        ("solvers.py", "from . import kernels", "sklopt.kernels"),
        ("losses.py", "from .solvers import GD", "sklopt.solvers.GD"),
        ("datasets.py", "from .engine._train import train",
         "sklopt.engine._train.train"),
        ("elsewhere.py", "from .solvers import GD", "sklopt.solvers.GD"),
        ("__init__.py", "from .kernels import _epoch", "sklopt.kernels._epoch"),
    ],
)  # fmt: skip
def test_the_checker_reports(tmp_path, name, source, found):
    root = package_with(tmp_path, name, source)
    assert violations(root) == [f"{name} imports {found}"]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("kernels/_a.py", "import math, numba.core\nfrom ._b import c"),
        ("kernels/_cache.py", "import hashlib\nfrom pathlib import Path"),
        ("kernels/_codes.py", "from enum import IntEnum"),
        ("engine/_a.py", "from ..kernels._epoch import advance\nimport scipy"),
        ("engine/_a.py", "from .. import kernels\nfrom ..losses import Huber"),
        ("estimators/_a.py", "from ..engine._train import train"),
        ("model_selection/_a.py", "from ..estimators import X\nfrom . import _b"),
        ("inspection/_a.py", "import matplotlib\nfrom ..engine import _a"),
        ("schedules.py", "from .kernels._codes import Schedule as _Code"),
        ("__init__.py", "from . import datasets\nfrom .estimators import X"),
    ],
)
def test_the_checker_accepts(tmp_path, name, source):
    assert violations(package_with(tmp_path, name, source)) == []


def modules_loaded_by(statement):
    script = f"import json, sys\n{statement}\nprint(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-W", "error", "-c", script]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in json.loads(result.stdout)}


def test_import_loads_little_more_than_scikit_learn_does():
    before = modules_loaded_by("import sklearn.linear_model")
    added = modules_loaded_by("import sklopt") - before
    assert "sklopt" in added
    assert not added & {"matplotlib", "torch", "pandas", "rich", "dask", "IPython"}


@pytest.mark.parametrize("name", ["pandas", "rich"])
def test_import_works_without(name):
    absent = f"import sys; sys.modules[{name!r}] = None"
    assert "sklopt" in modules_loaded_by(f"{absent}; import sklopt")


def public_modules():
    """The package and those of its modules that have no leading underscore."""
    yield sklopt
    for entry in sorted(PACKAGE.iterdir()):
        name = entry.stem
        is_module = entry.suffix == ".py" or (entry / "__init__.py").exists()
        if is_module and not name.startswith("_") and name not in {"kernels", "engine"}:
            yield importlib.import_module(f"sklopt.{name}")


def public_classes():
    members = {
        getattr(module, name) for module in public_modules() for name in module.__all__
    }
    classes = [member for member in members if inspect.isclass(member)]
    return sorted(classes, key=lambda member: member.__name__)


def public_functions():
    """Functions and methods of ours that a user can call."""
    for module in public_modules():
        for name in module.__all__:
            member = getattr(module, name)
            if inspect.isfunction(member):
                yield member
    for owner in public_classes():
        for name, member in inspect.getmembers(owner, inspect.isroutine):
            is_ours = str(getattr(member, "__module__", "")).startswith("sklopt.")
            if is_ours and not name.startswith("_"):
                yield member


def public_properties():
    for owner in public_classes():
        for name, member in inspect.getmembers(owner, inspect.isdatadescriptor):
            is_property = isinstance(member, property) and not name.startswith("_")
            if is_property and member.fget.__module__.startswith("sklopt."):
                yield member


def parameter_names(callable_):
    parameters = inspect.signature(callable_).parameters.values()
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [stars.get(p.kind, "") + p.name for p in parameters if p.name != "self"]


def sections(docstring):
    """Bodies of the numpydoc sections by title; the summary is titled ""."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.cleandoc(docstring), flags=re.M)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def documented_parameters(docstring):
    body = sections(docstring).get("Parameters", "")
    titles = re.findall(r"^(\S.*?) : ", body, flags=re.M)
    return [name for title in titles for name in title.split(", ")]


def shown_by_subclasses(owner):
    """Whether a class is but the base of public ones."""
    return any(issubclass(c, owner) and c is not owner for c in public_classes())


@pytest.mark.parametrize("module", list(public_modules()), ids=lambda m: m.__name__)
def test_public_names_resolve(module):
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(hasattr(module, name) for name in module.__all__)
    assert module.__doc__


@pytest.mark.parametrize("owner", public_classes(), ids=lambda c: c.__name__)
def test_public_classes_are_documented(owner):
    assert owner.__doc__
    assert documented_parameters(owner.__doc__) == parameter_names(owner)
    if not shown_by_subclasses(owner):
        assert ">>> " in sections(owner.__doc__).get("Examples", "")


@pytest.mark.parametrize(
    "function", list(public_functions()), ids=lambda f: f.__qualname__
)
def test_public_functions_are_documented(function):
    assert function.__doc__
    assert documented_parameters(function.__doc__) == parameter_names(function)
    assert sections(function.__doc__).get("Returns")


@pytest.mark.parametrize(
    "member", list(public_properties()), ids=lambda p: p.fget.__name__
)
def test_public_properties_are_documented(member):
    assert member.__doc__
