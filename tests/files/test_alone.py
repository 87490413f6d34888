"""No file needs what wrote it, nor more memory for being large: real processes, and what they import."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from ended import Run

pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("safetensors")

from small_checkpoints import small_checkpoints
from sparse_checkpoints import HIDDEN, INPUT, SPARSE

# The command line, what is imported then, and the most memory that it took, in KB.
# why not by getrusage: of a process that is started it says what the one that started it had.
SEEN = """
import sys
from rnninspect.__main__ import main
try:
    main()
except SystemExit as ended:
    print(ended.code, file=sys.stderr)
known = {"torch", "numpy", "onnx", "safetensors", "keras", "tensorflow", "h5py"}
print("imported:", *sorted(known & set(sys.modules)), file=sys.stderr)
if sys.platform == "linux":
    print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
"""
BY_H5PY = (".h5", ".keras")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The small checkpoints."""
    folder = tmp_path_factory.mktemp("small")
    for name, content in small_checkpoints().items():
        (folder / name).write_bytes(content)
    return [str(path) for path in sorted(folder.iterdir())]


def test_only_hdf5_needs_a_library(program: Run, files: list[str]) -> None:
    needing = [file for file in files if file.endswith(BY_H5PY)]
    for chosen, libraries in ((sorted({*files} - {*needing}), ""), (needing, "h5py numpy")):
        done = program(SEEN, args=("identify", *chosen, "--format", "json"))
        imported = done.stderr.partition("imported: ")[2].partition("\n")[0]
        assert imported == libraries, done.stderr
        assert [len(file["layers"]) for file in json.loads(done.stdout)["files"]] == [1] * len(chosen)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_a_gigabyte_takes_no_more_memory(program: Run, tmp_path: Path) -> None:
    for name, write in SPARSE.items():
        write(tmp_path / name)
        assert (tmp_path / name).stat().st_size > 10**9
    done = program(SEEN, args=("identify", *(str(tmp_path / name) for name in SPARSE), "--format", "json"))
    code, libraries, peak = done.stderr.splitlines()
    assert (code, libraries) == ("0", "imported:")
    assert 10_000 < int(peak) < 60_000
    layers = [layer for file in json.loads(done.stdout)["files"] for layer in file["layers"]]
    assert [(layer["type"], layer["input_size"], layer["hidden_size"]) for layer in layers] == [
        ("LSTM", INPUT, HIDDEN)
    ] * len(SPARSE)
    assert [layer["agrees"] for layer in layers] == [True] * len(SPARSE)
