"""The faults that `make mutate` plants fit the code as it is, and every wing has some that its tests must see."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from tools import mutate

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "rnninspect"
FAULTS = list(mutate.listed())
PLANTED = Counter(fault.file for fault in FAULTS)
LINES = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
# So many faults of a wing at the least; a file of no more lines than these may have fewer.
LEAST, SMALL = 5, 45
# A wing is what stands for itself: a folder of the package, a rule, a command, an output format, a kind of checkpoint.
FOLDERS = sorted({file.rpartition("/")[0] for file in LINES})
EACH_FILE = [file for file in LINES if file.rpartition("/")[0] in ("commands", "files/rules")]
FORMATS = [
    "terminal",
    "html",
    "latex",
    "markdown",
    "csv",
    "json",
    "sarif",
    "junit",
    "github",
    "gitlab",
    "plot",
    "svg_chart",
]
READERS = {
    "torch zip": ("torch_zip", "torch_tensors", "zips"),
    "torch legacy": ("torch_legacy",),
    "safetensors": ("safetensors",),
    "shards": ("shards",),
    "ONNX": ("onnx", "onnx_graph", "onnx_origins", "onnx_tensors"),
    "HDF5 and Keras": ("hdf5", "hdf5_stream", "keras_config", "keras_roles"),
    "TensorFlow": ("tensorflow", "tf_graph", "tf_table", "tf_tensors"),
    "CoreML": ("coreml", "coreml_layers", "coreml_program"),
    "numpy": ("npz", "numpy_arrays"),
    "tar": ("tar",),
}
# Files that only list: options, what they accept, fields of records. Of the last the rest is one `if`.
LISTS = {f"commands/shared/{name}.py" for name in ("bench_options", "check_options", "options")} | {
    "formats/__init__.py",
    "pictures/scene.py",
    "commands/schema.py",
}


def test_every_fault_has_its_one_place() -> None:
    texts = {file: (PACKAGE / file).read_text() for file in PLANTED}
    assert [fault for fault in FAULTS if texts[fault.file].count(fault.right) != 1] == []
    assert [fault.tests for fault in FAULTS if not (TESTS / fault.tests).exists()] == []


def test_every_file_that_does_something_has_a_fault() -> None:
    assert {file for file, lines in LINES.items() if lines > SMALL and not PLANTED[file]} <= LISTS


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_has_enough(folder: str) -> None:
    assert sum(PLANTED[file] for file in LINES if file.rpartition("/")[0] == folder) >= LEAST


@pytest.mark.parametrize("kind", READERS)
def test_every_kind_of_checkpoint_has_enough(kind: str) -> None:
    assert sum(PLANTED[f"files/readers/{name}.py"] for name in READERS[kind]) >= LEAST


def test_every_rule_every_command_and_every_format_has_enough() -> None:
    files = [*EACH_FILE, *(f"formats/{name}.py" for name in FORMATS)]
    assert {file for file in files if LINES[file] > SMALL and PLANTED[file] < LEAST} <= LISTS
