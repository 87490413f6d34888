"""`rnninspect check` with checkpoints: a document's model against one, written by torch and by safetensors."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ended import Run, refused
from found_by_hand import safetensors, torch_layer
from safetensors.torch import save_file
from torch import Tensor, load, nn, ones, save
from worlds import CONFIGS, Git

from rnninspect.document.load import load_spec
from rnninspect.guard.lock import read_lock
from rnninspect.plan import plan
from rnninspect.study.code import code

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


def test_a_cell_has_no_batch_first_to_differ_in(here: Run, tmp_path: Path) -> None:
    save(nn.ModuleDict({"dec": nn.GRUCell(4, 5)}).state_dict(), tmp_path / "cell.pt")
    (tmp_path / "model.yaml").write_text(
        "input: {batch_size: 2, seq_len: 3}\n"
        "layers: [{name: dec, type: GRU, input_size: 4, hidden_size: 5, batch_first: true}]\n"
    )
    assert "no layer differs" in here("diff", "model.yaml", "cell.pt", cwd=tmp_path).stdout


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


def test_the_page_is_about_the_model_and_no_optimizer(here: Run, folder: Path) -> None:
    state = {f"model.{name}": tensor for name, tensor in Model().state_dict().items()}
    moments = {str(number): {"exp_avg": ones(2), "exp_avg_sq": ones(2)} for number in range(20)}
    moments = {
        f"optimizer.{number}.{name}": tensor for number, each in moments.items() for name, tensor in each.items()
    }
    save({**state, **moments, "model.crf.weight": ones(2)}, folder / "last.ckpt")
    done = here("check", "model.yaml", "--weights", "last.ckpt", cwd=folder)
    assert done.stderr.splitlines()[0] == (
        "error: model.yaml:1:1: last.ckpt does not fit: 0 of 12 tensors fit, 12 without 'model.': "
        "12 missing, 53 unexpected (40 of them an optimizer's or the like)"
    )
    table, rest = done.stdout.split("small · weights\n")[1].split("\n\n")[:2]
    assert [line.split()[-2:] for line in table.splitlines()[2:]] == [["(2,)", "unexpected"]] + [["other", "name"]] * 3
    assert rest.splitlines() == [
        "9 more with 'model.' before their names",
        "40 unexpected that are an optimizer's or the like",
    ]


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "net"])
@pytest.mark.parametrize("whole", [False, True], ids=["state_dict", "module"])
def test_what_is_under_a_key_is_what_is_loaded(here: Run, folder: Path, key: str, whole: bool) -> None:
    """A checkpoint has an optimizer beside its model, and neither makes the other unfit."""
    model = nn.ModuleDict(dict(Model().named_children()))
    under = model if whole else model.state_dict()
    moments = {"0": {"exp_avg": ones(2)}}
    save({"epoch": 3, key: under, "average": under, "optimizer": moments}, folder / "last.ckpt")
    done = here("check", "model.yaml", "--weights", "last.ckpt", cwd=folder)
    assert (done.returncode, done.stderr) == (
        0,
        f"note: last.ckpt: what is under its key '{key}' is compared, as whoever loads it asks for file['{key}']\n",
    )
    assert done.stdout.endswith("\n\n1 model ok; last.ckpt fits: 12 of 12 tensors\n")
    loaded = load(folder / "last.ckpt", weights_only=not whole)[key]
    Model().load_state_dict(loaded.state_dict() if whole else loaded, strict=True)


def test_a_part_that_is_called_as_keys_are_is_none(here: Run, folder: Path) -> None:
    save({f"model.{name}": tensor for name, tensor in Model().state_dict().items()}, folder / "flat.pt")
    done = here("check", "model.yaml", "--weights", "flat.pt", cwd=folder)
    assert (done.returncode, done.stderr.count("its key")) == (1, 0)
    assert "'model.' stands before the names: the model is a part of what was saved (take it off: " in done.stderr


def test_a_part_of_what_is_under_a_key_is_told_with_it(here: Run, folder: Path) -> None:
    save({"state_dict": {f"net.{name}": tensor for name, tensor in Model().state_dict().items()}}, folder / "last.ckpt")
    done = here("check", "model.yaml", "--weights", "last.ckpt", cwd=folder)
    remedy = "{name.removeprefix('net.'): tensor for name, tensor in file['state_dict'].items()}"
    assert (done.returncode, done.stderr.splitlines()[-1].endswith(f"(take it off: {remedy})")) == (1, True)


@pytest.mark.parametrize("module", [nn.LSTM(4, 5), nn.GRUCell(4, 5, bias=False), nn.RNNCell(4, 5)], ids=str)
def test_a_document_of_a_layer_under_a_key_fits_its_file(here: Run, folder: Path, module: nn.Module) -> None:
    save({"model_state_dict": nn.ModuleDict({"enc": module}).state_dict(), "epoch": 3}, folder / "last.ckpt")
    assert here("identify", "last.ckpt", "--document", "found.yaml", cwd=folder).returncode == 0
    assert "- name: enc\n" in (folder / "found.yaml").read_text()
    assert here("check", "found.yaml", "--weights", "last.ckpt", cwd=folder).returncode == 0


def test_an_option_that_no_tensor_tells_and_the_file_says_is_noted(here: Run, folder: Path) -> None:
    (folder / "rnn.yaml").write_text(
        "input: {batch_size: 2, seq_len: 3}\n"
        "layers: [{name: rnn, type: RNN, input_size: 4, hidden_size: 5, num_layers: 2, dropout: 0.5}]\n"
    )
    module = nn.ModuleDict({"rnn": nn.RNN(4, 5, 2, nonlinearity="relu", dropout=0.5, batch_first=True)})
    save(module, folder / "whole.pt")
    done = here("check", "rnn.yaml", "--weights", "whole.pt", cwd=folder)
    assert (done.returncode, sorted(done.stderr.splitlines())) == (
        0,
        [
            "note: whole.pt: rnn: batch_first is true in the file, and false in rnn.yaml",
            "note: whole.pt: rnn: nonlinearity is 'relu' in the file, and 'tanh' in rnn.yaml",
        ],
    )
    save(module.state_dict(), folder / "whole.pt")
    assert here("check", "rnn.yaml", "--weights", "whole.pt", cwd=folder).stderr == ""


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
    assert refused(checked(here, folder)).startswith("model.safetensors: not a checkpoint")


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
    loaded = [name for name in ("read", "identify", "models", "fits") if f"rnninspect.files.{name}" in sys.modules]
    print(loaded, file=sys.stderr)
"""
    assert program(source, args=(str(folder / "model.yaml"),)).stderr.endswith("\n[]\n")


# The documents whose weights are soon written.
SMALL = [path for path in sorted(CONFIGS.glob("*.yaml")) if plan(load_spec(str(path))).parameters < 2_000_000]


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
def test_what_the_printed_module_saves_fits_its_document(here: Run, tmp_path: Path, path: Path) -> None:
    """Of every sort of layer: the module is that of explain --code."""
    module: dict[str, Any] = {"__name__": "model"}
    exec(code(load_spec(str(path))), module)
    state = module["Model"]().state_dict()
    save(state, tmp_path / "model.pt")
    done = here("check", path, "--weights", "model.pt", cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0,
        f"1 model ok; model.pt fits: {len(state)} of {len(state)} tensors",
    )
    kinds = {link.layer.type.removesuffix("Cell") for link in load_spec(str(path)).links}
    if kinds & {"RNN", "LSTM", "GRU"}:
        changes = json.loads(here("diff", path, "model.pt", "--format", "json", cwd=tmp_path).stdout)["changes"]
        assert [each for each in changes if not each["field"].endswith(".name")] == []


# --- a checkpoint, checked by itself --------------------------------------------------------------------------

ENCODER = torch_layer("encoder", "LSTM", (7, 5), 2, both=True)
DECODER = torch_layer("decoder.rnn", "GRU", (10, 3))
WIDER = torch_layer("decoder.rnn", "GRU", (10, 4))
PARAMETERS = ENCODER.parameters + DECODER.parameters
BATCH = ("--set", "input.seq_len=20", "--set", "input.batch_size=32")


@pytest.fixture
def found(tmp_path: Path) -> Path:
    safetensors(tmp_path / "model.safetensors", ENCODER, DECODER, more={"head.weight": (2, 3)})
    return tmp_path


def test_the_layers_of_a_file_are_added_up(here: Run, found: Path) -> None:
    for allowed, exit_code in ((PARAMETERS, 0), (PARAMETERS - 1, 1)):
        done = here("check", "model.safetensors", "--max-params", str(allowed), "--format", "json", cwd=found)
        (model,) = json.loads(done.stdout)["models"]
        assert (done.returncode, model["parameters"], model["macs"]) == (exit_code, PARAMETERS, None)
        assert (model["name"], model["file"]) == ("model", "model.safetensors")
    assert "error: model.safetensors: max_params: " in done.stderr


def test_what_a_limit_does_not_count_is_said(here: Run, found: Path) -> None:
    note = "note: model.safetensors: not counted: 1 tensor of other layers, 6 elements"
    said = {
        words: note in here(*words, "model.safetensors", cwd=found).stderr.splitlines()
        for words in (("check", "--max-params", "1M"), ("check", "--max-total-params", "1M"), ("params",), ("inspect",))
    }
    assert set(said.values()) == {True}
    assert all(note not in here(command, "model.safetensors", cwd=found).stderr for command in ("check", "shapes"))


def test_a_limit_on_macs_needs_a_batch(here: Run, found: Path) -> None:
    asked = ("check", "model.safetensors", "--set", "budget.max_macs=500k")
    hint = "model.safetensors says no batch (--set input.seq_len=20 --set input.batch_size=32 does)"
    done = here(*asked, cwd=found)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"error: max_macs: {hint}"
    done = here(*asked, *BATCH, "--format", "json", cwd=found)
    limit = json.loads(done.stdout)["models"][0]["limits"][0]
    of_token = 4 * 5 * (7 + 5 + 10 + 5) * 2 + 3 * 3 * (10 + 3)
    assert (done.returncode, limit["actual"], limit["allowed"]) == (1, of_token * 20 * 32, 500_000)
    done = here("check", "model.safetensors", "--update", cwd=found)
    done = here("check", "model.safetensors", "--max-growth", "macs=5k", cwd=found)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, f"error: --max-growth macs: {hint}")


def test_the_life_of_a_lock_of_a_checkpoint(here: Run, found: Path) -> None:
    assert here("check", "model.safetensors", "--locked", cwd=found).returncode == 1
    done = here("check", "model.safetensors", "--update", cwd=found)
    assert (done.returncode, done.stderr) == (0, "note: rnninspect.lock: 1 added\n")
    (model,) = read_lock(found / "rnninspect.lock").values()
    assert {name: layer.parameters for name, layer in model.layers.items()} == {
        "encoder": ENCODER.parameters,
        "decoder.rnn": DECODER.parameters,
    }
    done = here("check", "model.safetensors", "--locked", cwd=found)
    assert (done.returncode, done.stderr) == (0, "")
    safetensors(found / "model.safetensors", ENCODER, WIDER)
    done = here("check", "model.safetensors", cwd=found)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"error: model.safetensors: decoder.rnn: hidden_size 3 → 4: parameters {DECODER.parameters} → "
        f"{WIDER.parameters} (+{100 * (WIDER.parameters / DECODER.parameters - 1):.1f} %)"
    ]
    assert here("check", "model.safetensors", "--max-growth", "10%", cwd=found).returncode == 0
    assert here("check", "model.safetensors", "--update", cwd=found).returncode == 0
    assert here("check", "model.safetensors", "--locked", cwd=found).returncode == 0


def test_what_a_file_does_not_say_changes_no_lock(here: Run, tmp_path: Path) -> None:
    """A module that says its options is the model whose options its state_dict did not say."""
    module = nn.RNN(4, 5, 2, nonlinearity="relu", dropout=0.5, batch_first=True)
    save(module.state_dict(), tmp_path / "model.pt")
    assert here("check", "model.pt", "--update", cwd=tmp_path).returncode == 0
    save(module, tmp_path / "model.pt")
    done = here("check", "model.pt", "--locked", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_documents_and_files_are_added_up_together(here: Run, found: Path) -> None:
    (found / "model.yaml").write_text(DOCUMENT)
    done = here("check", "model.yaml", "model.safetensors", "--max-total-params", "1M", "--format", "json", cwd=found)
    checked = json.loads(done.stdout)
    assert [model["file"] for model in checked["models"]] == ["model.yaml", "model.safetensors"]
    assert checked["total"]["parameters"] == sum(model["parameters"] for model in checked["models"])
    assert here("check", "model.yaml", "model.safetensors", "--max-total-params", "1M", cwd=found).returncode == 0


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--build",), "--build: model.safetensors is a checkpoint, and is not run (leave --build out)"),
        (
            ("--base", "main"),
            "--base: model.safetensors is a checkpoint, and is not looked for at a revision (leave --base out)",
        ),
        (
            ("--weights", "model.safetensors"),
            "--weights: model.safetensors is a checkpoint, and is held against no other (leave --weights out)",
        ),
    ],
)
def test_what_only_documents_can_have_is_refused(here: Run, found: Path, options: tuple[str, ...], why: str) -> None:
    done = here("check", "model.safetensors", *options, cwd=found)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {why}\n")


def test_a_size_of_a_file_cannot_be_set(here: Run, found: Path) -> None:
    refused(here("check", "model.safetensors", "--set", "encoder.hidden_size=3", cwd=found))


def test_a_file_whose_end_is_missing_fails(here: Run, found: Path) -> None:
    data = (found / "model.safetensors").read_bytes()
    (found / "model.safetensors").write_bytes(data[:-4])
    done = here("check", "model.safetensors", "--max-params", "1M", cwd=found)
    assert done.returncode == 1
    assert done.stderr.startswith("error: model.safetensors: ")
    assert done.stdout.splitlines()[-1] == "1 model failed"
    done = here("check", "model.safetensors", "--update", cwd=found)
    assert (done.returncode, (found / "rnninspect.lock").exists()) == (1, False)
    (found / "model.safetensors").write_bytes(data)
    assert here("check", "model.safetensors", "--update", cwd=found).returncode == 0
    safetensors(found / "model.safetensors", ENCODER, WIDER)
    (found / "model.safetensors").write_bytes((found / "model.safetensors").read_bytes()[:-4])
    done = here("check", "model.safetensors", cwd=found)
    assert "accept" not in done.stdout


# --- two files, and a file beside a document ------------------------------------------------------------------


def differing(here: Run, folder: Path, *words: str) -> tuple[list[tuple[str, str, object, object]], str]:
    """The settings and counts that differ, and what was said."""
    done = here("diff", *words, "--format", "json", cwd=folder)
    assert done.returncode == 0, done.stderr
    changes = json.loads(done.stdout)["changes"]
    told = [(each["layer"], each["field"], each["old"], each["new"]) for each in changes]
    return [each for each in told if not each[1].startswith(("weight_", "bias_"))], done.stderr


def test_a_file_is_the_same_as_itself_under_other_names(here: Run, found: Path) -> None:
    save(
        nn.ModuleDict({"net": nn.ModuleDict({"encoder": nn.LSTM(7, 5, 2, bidirectional=True)})}).state_dict(),
        found / "m.pt",
    )
    safetensors(found / "one.safetensors", ENCODER)
    assert differing(here, found, "one.safetensors", "one.safetensors") == ([], "")
    assert differing(here, found, "one.safetensors", "m.pt")[0] == [
        ("net.encoder", "net.encoder.name", "encoder", "net.encoder")
    ]


def test_two_formats_of_one_name_are_told_apart_and_no_values_compared(here: Run, tmp_path: Path) -> None:
    module = nn.GRU(4, 5)
    save(module.state_dict(), tmp_path / "model.pt")
    put(tmp_path, module.state_dict())
    done = here("diff", "model.pt", "model.safetensors", cwd=tmp_path)
    title, *lines = done.stdout.splitlines()
    assert title == "model.pt -> model.safetensors · totals"
    assert lines[-4:-2] == ["no layer differs", "sizes and settings are compared, not the values of tensors"]


def test_layers_that_differ_are_paired_by_their_last_name_or_when_they_alone_are_left(here: Run, found: Path) -> None:
    safetensors(found / "new.safetensors", ENCODER, torch_layer("model.rnn", "GRU", (10, 4)))
    changes, _ = differing(here, found, "model.safetensors", "new.safetensors")
    assert ("model.rnn", "model.rnn.name", "decoder.rnn", "model.rnn") in changes
    assert ("model.rnn", "model.rnn.hidden_size", 3, 4) in changes
    safetensors(found / "new.safetensors", ENCODER, torch_layer("other", "GRU", (10, 4)))
    changes, _ = differing(here, found, "model.safetensors", "new.safetensors")
    assert ("other", "other.name", "decoder.rnn", "other") in changes


def test_a_document_beside_its_checkpoint_differs_in_nothing(here: Run, folder: Path) -> None:
    options = "num_layers: 2, dropout: 0.5, feeds: last, init: {weight_hh: orthogonal}, trainable: false"
    text = DOCUMENT.replace("bidirectional: true}", f"bidirectional: true, batch_first: true, {options}}}")
    (folder / "model.yaml").write_text(text)
    safetensors(folder / "model.safetensors", torch_layer("en_coder", "LSTM", (4, 5), 2, both=True))
    note = (
        "note: norm and head of model.yaml are left out: RNN, LSTM and GRU alone are compared with a checkpoint "
        "(rnninspect check model.yaml --weights model.safetensors holds every tensor)\n"
    )
    changes, said = differing(here, folder, "model.yaml", "model.safetensors")
    assert (changes, said) == ([("en_coder", "en_coder.name", "en-coder", "en_coder")], note)
    assert differing(here, folder, "model.safetensors", "model.yaml")[0] == [
        ("en-coder", "en-coder.name", "en_coder", "en-coder")
    ]
    changes, _ = differing(here, folder, "model.safetensors", "model.yaml", "--set", "en-coder.hidden_size=6")
    assert ("en-coder", "en-coder.hidden_size", 5, 6) in changes
    assert "macs" not in [field for _, field, _, _ in changes]


def test_a_known_option_that_differs_is_told(here: Run, tmp_path: Path) -> None:
    for name, function in (("old.pt", "relu"), ("new.pt", "tanh")):
        save(nn.RNN(4, 5, nonlinearity=function), tmp_path / name)
    assert differing(here, tmp_path, "old.pt", "new.pt")[0] == [("rnn", "rnn.nonlinearity", "relu", "tanh")]


def test_a_checkpoint_at_a_revision_is_refused(here: Run, found: Path) -> None:
    Git(found).commit("a model")
    assert refused(here("diff", "HEAD:model.safetensors", "model.safetensors", cwd=found)) == (
        "HEAD:model.safetensors: a checkpoint is not read at a revision (git show HEAD:model.safetensors > old "
        "writes it to a file, which diff takes)"
    )


def test_a_hostile_name_is_on_one_line_and_no_command(here: Run, folder: Path) -> None:
    name = "x\x1b[31m\n::error::##[group]"
    lstm = nn.LSTM(4, 5, bidirectional=True).state_dict()
    put(folder, {**Model().state_dict(), **{f"{name}.{role}": tensor for role, tensor in lstm.items()}})
    for form in ("table", "github", "markdown", "csv"):
        done = checked(here, folder, "--format", form)
        for text in (done.stdout, done.stderr):
            assert not {"\x1b", "##["} & {text[k : k + size] for size in (1, 3) for k in range(len(text))}
            assert "\n::error::" not in text
    assert here("identify", "model.safetensors", "--document", "new.yaml", cwd=folder).returncode == 0
    assert all(here(path, "--plan").returncode == 0 for path in folder.glob("new-*.yaml"))
    assert len(list(folder.glob("new-*.yaml"))) == 2


def test_a_printed_module_of_several_layers_is_one_model(here: Run, tmp_path: Path) -> None:
    (tmp_path / "model.txt").write_text("Model(\n  (a): LSTM(3, 5)\n  (b): GRU(3, 4)\n)\n")
    assert here("check", "model.txt", "--update", cwd=tmp_path).returncode == 0
    (model,) = read_lock(tmp_path / "rnninspect.lock").values()
    assert {name: layer.parameters for name, layer in model.layers.items()} == {"a": 200, "b": 108}
    assert here("check", "model.txt", "--locked", "--max-params", "308", cwd=tmp_path).returncode == 0
    assert here("check", "model.txt", "--locked", "--max-params", "307", cwd=tmp_path).returncode == 1
