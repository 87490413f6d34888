"""`rnninspect check` with checkpoints: a document's model against one, written by torch and by safetensors."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import save_file
from torch import Tensor, nn, ones

Run = Callable[..., subprocess.CompletedProcess[str]]

# 12 tensors: an LSTM's four in each direction, a norm's two, a Linear's two.
DOCUMENT = """\
name: small
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: en-coder, type: LSTM, input_size: 4, hidden_size: 5, bidirectional: true}
  - {name: norm, type: LayerNorm}
  - {name: head, type: Linear, out_features: 3}
"""


class Model(nn.Module):
    """What the document describes."""

    def __init__(self) -> None:
        super().__init__()
        self.en_coder = nn.LSTM(4, 5, bidirectional=True)
        self.norm = nn.LayerNorm(10)
        self.head = nn.Linear(10, 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.yaml").write_text(DOCUMENT)
    return tmp_path


def put(folder: Path, state: dict[str, Tensor], name: str = "model.safetensors") -> None:
    save_file({key: tensor.contiguous() for key, tensor in state.items()}, folder / name)


def checked(here: Run, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return here("check", "model.yaml", "--weights", "model.safetensors", *options, cwd=folder)


# --- a document's model against a checkpoint ------------------------------------------------------------------


def test_what_fits_is_ok(here: Run, folder: Path) -> None:
    put(folder, Model().state_dict())
    done = checked(here, folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\n\n1 model ok; model.safetensors fits: 12 of 12 tensors\n")
    assert "weights  verdict\n" in done.stdout
    assert "small · weights" not in done.stdout


def test_what_does_not_is_told_layer_by_layer_at_its_line(here: Run, folder: Path) -> None:
    state = Model().state_dict()
    state["crf.weight"] = ones(2)
    state["head.weight"] = ones(3, 7)
    put(folder, {name: tensor for name, tensor in state.items() if not name.endswith("_reverse")})
    done = checked(here, folder)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: model.yaml:1:1: model.safetensors does not fit: 7 of 12 tensors fit: 4 missing, 1 unexpected, "
        "1 of another size",
        "error: model.yaml:4:5: en-coder: the file's reads one way (bidirectional: false)",
        "error: model.yaml:6:5: head: the file's in_features is 7, not 10 (in_features: 7)",
        "error: model.yaml:1:1: the document has no layer for 'crf' of the file",
    ]
    table = done.stdout.split("small · weights\n")[1].splitlines()
    rows = [line.split("  ") for line in table[2 : table.index("")]]
    assert [(row[0], row[-1].strip()) for row in rows] == [
        *((f"en_coder.{name}_l0_reverse", "missing") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
        ("head.weight", "size mismatch"),
        ("(none)", "unexpected"),
    ]
    assert done.stdout.endswith(
        "1 model failed; model.safetensors does not fit: 7 of 12 tensors fit: 4 missing, 1 unexpected, "
        "1 of another size\n"
    )


def test_scripts_get_every_name(here: Run, folder: Path) -> None:
    put(folder, {f"module.{name}": tensor for name, tensor in Model().state_dict().items()})
    done = checked(here, folder, "--format", "json")
    (model,) = json.loads(done.stdout)["models"]
    held = model["weights_file"]
    names = [*Model().state_dict()]
    assert (model["weights"], model["verdict"], done.returncode) == ("do not fit", "FAILED", 1)
    assert (held["format"], held["ok"], held["tensors"], held["fitting"]) == ("safetensors", False, 12, 0)
    assert (held["missing"], sorted(held["unexpected"])) == (names, sorted(f"module.{name}" for name in names))
    assert (held["mismatched"], [cause["layer"] for cause in held["causes"]]) == ([], [None])
    first, *_ = checked(here, folder, "--format", "csv").stdout.split("\n\n")
    assert [row["weights"] for row in csv.DictReader(io.StringIO(first))] == ["do not fit"]


def test_a_pull_request_is_told_at_the_layer(here: Run, folder: Path) -> None:
    put(folder, {name: tensor for name, tensor in Model().state_dict().items() if "bias_hh" not in name})
    lines = checked(here, folder, "--format", "github").stdout.splitlines()
    assert [line for line in lines if line.startswith("::error") and "line=4" in line] == [
        "::error file=model.yaml,line=4,col=5,title=rnninspect%3A weights::small: en-coder: the file's has one bias "
        "vector, and torch has two: bias_hh is missing (put zeros in the place of bias_hh)"
    ]


def test_many_tensors_are_not_all_shown(here: Run, folder: Path) -> None:
    put(folder, {**Model().state_dict(), **{f"other.{k}.weight": ones(1) for k in range(100)}})
    done = checked(here, folder)
    assert done.stdout.count("unexpected\n") == 30 + 1
    assert "70 more of 100: --format json" in done.stdout
    assert (
        len(json.loads(checked(here, folder, "--format", "json").stdout)["models"][0]["weights_file"]["unexpected"])
        == 100
    )


def test_budget_and_lock_are_held_too(here: Run, folder: Path) -> None:
    put(folder, Model().state_dict())
    assert checked(here, folder, "--max-params", "10").returncode == 1
    assert here("check", "model.yaml", "--update", cwd=folder).returncode == 0
    (folder / "model.yaml").write_text(DOCUMENT.replace("hidden_size: 5", "hidden_size: 6"))
    done = checked(here, folder)
    assert done.returncode == 1
    assert "accept what has changed with: rnninspect check model.yaml --update" in done.stdout
    assert "hidden_size 5 → 6" in done.stderr
    assert "the file's hidden_size is 5, not 6 (hidden_size: 5)" in done.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--update",), "--weights: --update writes what a document says (leave one of the two out)"),
        (("other.yaml",), "--weights: one checkpoint is held against one document, got 2 (name one document)"),
        (("--output", "model.safetensors"), "--output model.safetensors: this is the checkpoint (name another file)"),
    ],
)
def test_what_makes_no_sense_is_refused(here: Run, folder: Path, options: tuple[str, ...], message: str) -> None:
    put(folder, Model().state_dict())
    before = (folder / "model.safetensors").read_bytes()
    done = checked(here, folder, *options)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {message}\n")
    assert (folder / "model.safetensors").read_bytes() == before


def test_what_is_no_checkpoint_is_exit_2(here: Run, folder: Path) -> None:
    (folder / "model.safetensors").write_text("hello\n")
    done = checked(here, folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: model.safetensors: not a checkpoint")
    assert done.stderr.count("\n") == 1


def test_a_truncated_file_fails_though_all_names_are_there(here: Run, folder: Path) -> None:
    put(folder, Model().state_dict())
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-4])
    done = checked(here, folder)
    assert done.returncode == 1
    assert done.stderr.startswith("error: model.yaml:1:1: model.safetensors is damaged: ")
    assert "do not fit" in done.stdout


def test_a_check_without_a_checkpoint_reads_none(program: Run, folder: Path) -> None:
    source = """
import sys
from rnninspect.cli import app
try:
    app(["check", sys.argv[1]])
except SystemExit:
    print([name for name in sys.modules if name.startswith("rnninspect.files")], file=sys.stderr)
"""
    assert program(source, args=(str(folder / "model.yaml"),)).stderr.endswith("\n[]\n")
