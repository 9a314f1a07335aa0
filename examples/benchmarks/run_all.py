"""Run every benchmark and write the page that shows them.

python examples/benchmarks/run_all.py           # writes docs/benchmarks.md
python examples/benchmarks/run_all.py --quick   # a smoke run; prints only
"""

import argparse
import time
import warnings
from pathlib import Path

import bench_defaults
import bench_epoch
import bench_files
import bench_gabor
import bench_growth
import bench_overhead
import bench_peers
import bench_targets
from measuring import machine, markdown, show

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"

PARTS = {
    "Time to the loss of least squares": bench_peers,
    "Epochs": bench_epoch,
    "Many targets": bench_targets,
    "Full batch, growth and memory": bench_growth,
    "Files": bench_files,
    "Overhead": bench_overhead,
    "The Gabor wave": bench_gabor,
}

PREFACE = """\
# Benchmarks

Written by `python examples/benchmarks/run_all.py`; how each figure is measured is
said in `examples/benchmarks/README.md`. What is compared was timed in turns in one
process; seconds are medians, and ratios medians of the ratios of the turns. A target
that is not met says "no", and where another library is first the table says so.
"""

# Why a peer may win, told wherever it does.
REASONS = {
    'Ridge(solver="cholesky")': (
        "It forms the same products of columns as sklopt's full batch does, and then "
        "solves at once; on data so small that this takes no time, all the rest of a "
        "fit is what counts."
    ),
    "LinearRegression()": (
        "On small data a direct solver is done before an iterative one has begun; its "
        "cost grows faster."
    ),
    "SGDRegressor": (
        "With average=True the mean of all its iterates comes near the solution within "
        "an epoch or two."
    ),
    "MLPRegressor": "Its lbfgs learns the curvature, as no rule of sklopt does.",
    "torch": "Its LBFGS learns the curvature, as no rule of sklopt does.",
    "cyanure": (
        "Variance reduction and quasi-Newton steps converge linearly where the noise "
        "of mini-batches asks for ever lower rates."
    ),
    "river": "It learns row by row without checks of the input.",
}


def reasons(results_table):
    """A sentence for each peer that is first in a table of times."""
    last = results_table.iloc[-1]
    if last.iloc[0] != "first":
        return []
    wins = {}
    for level, name in last.iloc[1:].items():
        if name in REASONS:
            wins.setdefault(name, []).append(level.removesuffix(" (s)"))
    return [
        f"{name} is first at {', '.join(levels)}. {REASONS[name]}"
        for name, levels in wins.items()
    ]


def lost(ratios):
    """A sentence for each way of sklopt's and each peer that it loses to."""
    if "best of them" not in ratios:
        return []
    rows = ratios[ratios["ratio"] < 1]
    pairs = dict.fromkeys(zip(rows["sklopt"], rows["best of them"], strict=True))
    return [
        f"Ahead of sklopt, {way}: {name}. {REASONS[name]}"
        for way, name in pairs
        if name in REASONS
    ]


def defaults(quick):
    """How many promises about the defaults are kept (see bench_defaults.py)."""
    table = bench_defaults.evaluate()
    kept = table["promise kept"]
    worst = table.nsmallest(3 if quick else 10, "R²")
    yield f"Defaults: {kept.sum()} of {len(kept)} promises kept; the lowest R²", worst


def section(title, tables):
    """The text of a part, its tables printed as they come."""
    lines = [f"## {title}"]
    start = time.perf_counter()
    for name, table in tables:
        if table.empty:
            continue
        show(name, table)
        lines += [f"### {name}", markdown(table)]
        lines += [*reasons(table), *lost(table)]
    lines.append(f"({time.perf_counter() - start:.0f} s)")
    return "\n\n".join(lines)


def page(quick=False, parts=PARTS):
    """The whole page.

    Parameters
    ----------
    quick : bool
        Tiny problems and few turns: whether all runs, not how fast.
    parts : dict of str to module
        Each has `tables(quick)`, pairs of a title and a table.

    Returns
    -------
    str
    """
    described = "\n\n".join(machine())
    print(described)
    sections = [section(title, part.tables(quick)) for title, part in parts.items()]
    sections.append(section("Defaults", defaults(quick)))
    return "\n\n".join([PREFACE + "\n" + described, *sections]) + "\n"


def main():
    """Print the tables; write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smoke run, page not kept")
    parser.add_argument("--output", type=Path, help="another place for the page")
    options = parser.parse_args()
    output = options.output or (None if options.quick else PAGE)
    with warnings.catch_warnings():
        # What a library warns of, at a setting of the grid, is no result.
        warnings.simplefilter("ignore", UserWarning)
        text = page(options.quick)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
        print(f"\nwritten: {output}")


if __name__ == "__main__":
    main()
