"""Training on a file: a numpy.memmap of 4 GB, shuffled block by block.

The figure is the resident memory of the whole process, libraries and y included, so
that it tells what a machine needs that the file does not fit into.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measuring import judged, run, shape_name
from pandas import DataFrame

N_FEATURES = 50
LARGEST_MEMORY = 500  # megabytes
WAYS = {
    "sgd, mini-batches of 256": {"solver": "sgd", "learning_rate": 1e-3},
    "adam, mini-batches of 256": {"solver": "adam"},
    "nesterov, full batch": {"solver": "nesterov", "batch_size": None},
    "nesterov, sufficient statistics": {
        "solver": "nesterov",
        "batch_size": None,
        "precompute": True,
    },
}

# Run by itself, so that nothing that came before is in its memory.
FIT = """
import json, sys, time
from pathlib import Path
import numpy as np
from sklopt import GradientRegressor

n_samples, n_features, file, parameters = json.loads(sys.argv[1])
X = np.memmap(file, np.float32, "r", shape=(n_samples, n_features))
y = np.random.default_rng(0).standard_normal(n_samples, dtype=np.float32)
model = GradientRegressor(shuffle="blocks", tol=None, max_iter=2, **parameters)
model.fit(X[:1000], y[:1000])  # compiled, or loaded
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
start = time.perf_counter()
model.fit(X, y)
seconds = time.perf_counter() - start
lines = Path("/proc/self/status").read_text().splitlines()
peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
print(json.dumps([seconds, peak / 1024]))
"""


def write_file(file, n_samples):
    """Normal features in single precision, a piece at a time."""
    rng = np.random.default_rng(0)
    n_rows = min(n_samples, 100_000)
    with file.open("wb") as stream:
        for _ in range(n_samples // n_rows):
            rng.standard_normal((n_rows, N_FEATURES), dtype=np.float32).tofile(stream)


def measure_files(file, n_samples):
    """A fit of two epochs on the file, and the peak of the process's memory."""
    write_file(file, n_samples)
    for way, parameters in WAYS.items():
        job = json.dumps([n_samples, N_FEATURES, str(file), parameters])
        command = [sys.executable, "-c", FIT, job]
        seconds, peak = json.loads(subprocess.check_output(command))
        yield {
            "X": f"{shape_name(n_samples, N_FEATURES)} float32",
            "file (MB)": file.stat().st_size / 1e6,
            "training": way,
            "fit of two epochs (s)": seconds,
            "process at most (MB)": peak,
            **judged(peak, "<=", LARGEST_MEMORY),
        }


def tables(quick=False, *, n_samples=None):
    """Pairs of a title and a table; quick is a fortieth of the file."""
    if not Path("/proc/self/clear_refs").exists():
        return
    n_samples = n_samples or (500_000 if quick else 20_000_000)
    with tempfile.TemporaryDirectory() as folder:
        rows = list(measure_files(Path(folder) / "X", n_samples))
    yield "A file that is mapped, not read", DataFrame(rows)


if __name__ == "__main__":
    run(__doc__, tables, quick="a file of 100 MB")
