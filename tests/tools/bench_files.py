"""`make bench-files`: what it costs to read a checkpoint, beside a plan of a document, measured in one run.

The files of a gigabyte have holes for values.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from costs import ROOT, TOOL, medians, peak_bytes

sys.path.insert(0, str(ROOT / "tests"))

from small_checkpoints import small_checkpoints
from sparse_checkpoints import SPARSE

# Beyond what a plan takes, in seconds; and megabytes, whatever a file's size.
SECONDS, MEGABYTES = 0.1, 60
# Why these have no limit of either: it is h5py, with numpy, that takes it.
BY_H5PY = (".h5", ".keras")
SEEN = """
import sys
from rnninspect.cli import app
try:
    app(["identify", sys.argv[1]])
except SystemExit:
    pass
known = {"torch", "numpy", "onnx", "safetensors", "keras", "tensorflow", "h5py"}
print(*sorted(known & set(sys.modules)), file=sys.stderr)
"""


def imported(file: str) -> set[str]:
    """Which libraries that write checkpoints are imported when one is read."""
    command = [sys.executable, "-c", SEEN, file]
    told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stderr
    return set(told.splitlines()[-1].split())


def main() -> int:
    """Measure, print, and return 1 where a limit is broken."""
    over = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in small_checkpoints().items():
            (folder / file).write_bytes(content)
        (folder / "large").mkdir()
        for file, write in SPARSE.items():
            write(folder / "large" / file)
        files = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*.*"))]
        # why by file: an index without its weights ends with 1, which says that it is damaged.
        files.remove("a.index")
        identify = {file: [*TOOL, "identify", str(folder / file)] for file in files}
        taken = medians({"plan": [*TOOL, "params", "--plan", "configs/lstm.yaml"], **identify})
        for file in files:
            seconds, megabytes = taken[file] - taken["plan"], peak_bytes(identify[file]) / 1e6
            libraries = imported(str(folder / file))
            allowed = {"h5py", "numpy"} if file.endswith(BY_H5PY) else set()
            fine = libraries <= allowed
            if not file.endswith(BY_H5PY):
                fine = fine and seconds <= SECONDS and megabytes <= MEGABYTES
            over = over or not fine
            shown = f"{seconds:+.3f} s  {megabytes:5.1f} MB  imports {', '.join(sorted(libraries)) or 'none'}"
            print(f"{'ok  ' if fine else 'OVER'}  {file:<20} {shown}")
    print(f"limits: a plan's time + {SECONDS} s, {MEGABYTES} MB, no library but h5py (and its numpy) for HDF5")
    print("medians in seconds: " + ", ".join(f"{name} {value:.3f}" for name, value in taken.items()))
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
