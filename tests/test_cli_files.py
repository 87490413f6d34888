"""Checkpoints where documents go: the same numbers as the document's own layers have, letters for what no file says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_files import GRU, KERAS_GRU, safetensors
from ended import Run, refused
from torch import nn
from worlds import CONFIGS, DOCUMENTS, spec_of

from rnninspect.commands.shared.checkpoints import files_in
from rnninspect.document.chain import Link, Spec
from rnninspect.document.load import load_spec
from rnninspect.files.agreement import TensorDifference
from rnninspect.plan import plan
from rnninspect.results.model import counts_of

OF_TORCH = ("RNN", "LSTM", "GRU")
# What follows from a layer and its batch alone, whatever stands before it.
COUNTS = (
    *("parameters", "parameters_one_bias", "parameters_keras", "recurrent_weights", "parameter_bytes"),
    *("gradient_bytes", "adam_bytes", "output_bytes", "macs", "elementwise_ops", "flops"),
)
# Of these, what the merging of directions is part of, which no file says.
MERGED = ("elementwise_ops", "flops")
SMALL = CONFIGS / "gru.yaml"


def of_torch(spec: Spec) -> Iterator[Link]:
    return (link for link in spec.links if link.layer.type in OF_TORCH)


def saved(spec: Spec, path: Path) -> Path:
    """What torch would save of the document's recurrent layers: names and shapes are of its modules, on meta."""
    tensors = {}
    for link in of_torch(spec):
        arguments = {key: value for key, value in link.layer.arguments().items() if key != "dropout"}
        module = getattr(nn, link.layer.type)(**arguments, device="meta")
        for name, tensor in module.state_dict().items():
            tensors[f"{link.layer.name}.{name}"] = (tuple(tensor.shape), spec.dtype)
    return safetensors(path, tensors)


def settings_of(spec: Spec) -> list[str]:
    batch = spec.batch
    given = {"batch_size": batch.size, "seq_len": batch.seq_len, "lengths": batch.lengths and list(batch.lengths)}
    return [word for key, value in given.items() for word in ("--set", f"input.{key}={json.dumps(value)}")]


def as_a_file_says(spec: Spec) -> bool:
    """Whether its recurrent layers, of which there are some, have the document's batch and nothing of another layer."""
    links = list(of_torch(spec))
    alone = (link for link in links if link.signal.batch == spec.batch and not (link.wires.same_as or link.wires.add))
    return bool(links) and list(alone) == links


WITH_LAYERS = [path for path in DOCUMENTS if as_a_file_says(load_spec(str(path)))]


@pytest.mark.parametrize("path", WITH_LAYERS, ids=lambda path: path.stem)
def test_a_file_has_the_numbers_of_its_document(here: Run, tmp_path: Path, path: Path) -> None:
    spec = load_spec(str(path))
    file = saved(spec, tmp_path / "saved.safetensors")
    facts = {layer.name: layer for layer in plan(spec).layers}
    done = here("params", file, *settings_of(spec), "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    data = json.loads(done.stdout)
    assert (data["ledger"], data["torch"], data["seed"]) == ("file", None, None)
    links = {link.layer.name: link for link in of_torch(spec)}
    assert sorted(model["name"] for model in data["models"]) == sorted(links)
    for model in data["models"]:
        (layer,), expected = model["layers"], facts[model["name"]]
        merge = getattr(links[model["name"]].layer, "merge", "concat") != "concat"
        counts = [key for key in COUNTS if not (merge and key in MERGED)]
        assert {key: layer[key] for key in counts} == {key: counts_of(expected)[key] for key in counts}
        assert layer["parameters_trainable"] is None
        assert [(weight["name"], tuple(weight["shape"])) for weight in layer["weights"]] == [
            (weight.name, weight.shape) for weight in expected.weights
        ]
        ours = [(tensor.name, tensor.shape) for tensor in (*expected.inputs, *expected.outputs)]
        if links[model["name"]].signal.axes == ("N", "L"):  # which a file does not say
            ours = [(name, (b, a, *c) if name in ("input", "output") else (a, b, *c)) for name, (a, b, *c) in ours]
        assert [(tensor["name"], tuple(tensor["shape"])) for tensor in layer["inputs"] + layer["outputs"]] == ours


@pytest.mark.parametrize("command", ["shapes", "weights", "params", "inspect"])
def test_every_look_command_has_one_object(here: Run, tmp_path: Path, command: str) -> None:
    file = saved(load_spec(str(CONFIGS / "options.yaml")), tmp_path / "saved.safetensors")
    options = ("--all",) if command == "inspect" else ()
    both = [here(name, file, *more, "--format", "json").stdout for name, more in (("params", ()), (command, options))]
    assert both[0] == both[1]
    for model in json.loads(both[1])["models"]:
        (layer,) = model["layers"]
        for each in (model, layer):
            assert (each["macs"], each["output_bytes"], each["training_bytes"]) == (None, None, None)
            assert each["flops_per_token"] == 2 * each["macs_per_token"] + each["elementwise_ops_per_token"]
        assert layer["inputs"][0]["shape"][:2] == ["L", "N"]
        assert layer["unknown"]["batch_first"] == "not in the file"
        assert not [weight for weight in layer["weights"] if {"init", "trainable"} & weight.keys()]


def test_letters_stand_on_the_page(here: Run, tmp_path: Path) -> None:
    file = safetensors(tmp_path / "m.safetensors", GRU)
    assert here("shapes", file).stdout.splitlines() == [
        "m · shapes",
        "layer  type  tensor  way  axes                      shape",
        "─────────────────────────────────────────────────────────────",
        "rnn    GRU   input   in   (L, N, H_in)              (L, N, 6)",
        "             h_0     in   (num_layers*D, N, H_out)  (1, N, 4)",
        "             output  out  (L, N, D*H_out)           (L, N, 4)",
        "             h_n     out  (num_layers*D, N, H_out)  (1, N, 4)",
        "",
        "L sequence length; N batch size; D directions, 1 or 2; num_layers stacked layers; H_in input size; "
        "H_out output size",
        "batch_first is not in the file: with batch_first=True the input is (N, L, 6)",
        "",
        "plan and safetensors agree: 4 of 4 tensors · float32",
    ]
    ops = here("params", file, "--ops").stdout
    assert "MACs/token" in ops
    assert "backward" not in ops
    assert (
        "MACs/token"
        not in here("params", file, "--ops", "--set", "input.seq_len=2", "--set", "input.batch_size=1").stdout
    )


def test_the_layers_of_a_file_have_one_table_and_no_order(here: Run, tmp_path: Path) -> None:
    tensors = {name.replace("rnn", prefix): tensor for prefix in ("a.x", "b") for name, tensor in GRU.items()}
    tensors |= {"c.weight_ih_l0": ((4, 4), "float32"), "c.weight_hh_l0": ((4, 4), "float32")}
    file = safetensors(tmp_path / "m.safetensors", tensors)
    params = here("params", file).stdout
    assert [line.split()[:3] for line in params.splitlines() if line.startswith(("a.x", "b ", "c", "total"))] == [
        ["a.x", "GRU", "144"],
        ["b", "GRU", "144"],
        ["c", "RNN", "32"],
        ["total", "320", "112"],
    ]
    shapes = here("shapes", file).stdout
    assert "→" not in shapes
    assert shapes.count("output  out") == shapes.count("input   in") == 3
    assert here("weights", file).stdout.count("m · weights") == 1
    assert "init" not in here("weights", file, "--gates").stdout
    csv = here("params", file, "--format", "csv").stdout.splitlines()
    assert [line.split(",")[:2] for line in csv] == [["model", "layer"], ["m", "a.x"], ["m", "b"], ["m", "c"]]


def test_what_long_names_begin_with_stands_in_the_title(here: Run, tmp_path: Path) -> None:
    prefix = "model.segmentation.backbone"
    tensors = {name.replace("rnn", f"{prefix}.{end}"): tensor for end in ("a.x", "b") for name, tensor in GRU.items()}
    file = safetensors(tmp_path / "m.safetensors", tensors)
    first, _, _, a, b, *_ = here("params", file).stdout.splitlines()
    assert (first, a.split()[0], b.split()[0]) == (f"m, {prefix} · params", "a.x", "b")
    csv = here("params", file, "--format", "csv").stdout.splitlines()
    assert [line.split(",")[:2] for line in csv[1:]] == [["m", f"{prefix}.a.x"], ["m", f"{prefix}.b"]]
    # Names that begin otherwise stay as they are, and so do short ones.
    other = {name.replace("rnn", "other"): tensor for name, tensor in GRU.items()}
    assert f"{prefix}.b" in here("params", safetensors(file, {**tensors, **other})).stdout
    short = {name.replace("rnn", f"x.{end}"): tensor for end in "ab" for name, tensor in GRU.items()}
    assert here("params", safetensors(file, short)).stdout.splitlines()[0] == "m · params"


def test_a_file_beside_a_document(here: Run, tmp_path: Path) -> None:
    file = safetensors(tmp_path / "m.safetensors", GRU)
    done = here("params", SMALL, file, "--plan")
    assert done.returncode == 0
    held, last = "plan and safetensors agree: 4 of 4 tensors · float32", done.stdout.splitlines()[-1]
    assert last == f"{held}; documents: plan: from the equations alone, torch was not asked · float32"
    half = safetensors(tmp_path / "half.safetensors", {name: (shape, "float16") for name, (shape, _) in GRU.items()})
    assert here("params", SMALL, half, "--plan").stdout.splitlines()[-1] == last.replace("float32", "float16", 1)
    data = json.loads(here("params", SMALL, file, "--format", "json").stdout)
    assert (data["ledger"], data["seed"]) == ("mixed", 0)
    document, of_file = data["models"]
    (alone,) = json.loads(here("params", SMALL, "--format", "json").stdout)["models"]
    # What memory a run took differs a little from run to run.
    assert document.pop("measured").keys() == alone.pop("measured").keys()
    assert document == alone
    assert (of_file["name"], of_file["measured"]) == ("rnn", None)


def test_a_file_that_is_named_twice_is_counted_once(here: Run, tmp_path: Path) -> None:
    file = safetensors(tmp_path / "m.safetensors", GRU)
    done = here("params", file, file)
    assert done.stderr == f"note: named twice, and counted once: {file}\n"
    assert done.stdout == here("params", file).stdout


def test_layers_of_one_name_have_their_files_beside_it(here: Run, tmp_path: Path) -> None:
    for folder in "ab":
        (tmp_path / folder).mkdir()
        safetensors(tmp_path / folder / "m.safetensors", GRU)
    shown = here("inspect", "--all", "a/m.safetensors", "b/m.safetensors", cwd=tmp_path).stdout
    assert "params of models" in shown
    assert "a/m.safetensors" in shown


@pytest.mark.parametrize(
    "command", ["trace", "gradflow", "verify", "bench", "fit FILE rnn.hidden_size --max-params 1k", "explain --code"]
)
def test_what_runs_documents_refuses_a_checkpoint(here: Run, tmp_path: Path, command: str) -> None:
    file = safetensors(tmp_path / "m.safetensors", GRU)
    words = command.split() if "FILE" in command else [*command.split(), "FILE"]
    done = here(*[str(file) if word == "FILE" else word for word in words])
    name = "explain --code" if "--code" in command else words[0]
    hint = f"rnninspect identify {file} --document model.yaml writes one"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {file}: this is a checkpoint, and {name} runs a document ({hint})\n"


@pytest.mark.parametrize("options", ["--device cpu", "--dtype float64", "--seed 1", "--stats"])
def test_what_is_about_running_a_model_is_refused(here: Run, tmp_path: Path, options: str) -> None:
    file = safetensors(tmp_path / "m.safetensors", GRU)
    option = options.split()[0]
    for files in ([file], [SMALL, file]):
        line = refused(here("weights", *files, *options.split()))
        assert line == f"{option}: {file} is a checkpoint, which is not run (leave {option} out)"


def test_a_file_without_recurrent_layers(here: Run, tmp_path: Path) -> None:
    file = safetensors(tmp_path / "m.safetensors", {"head.weight": ((3, 4), "float32")})
    line = refused(here("params", file))
    assert line == f"{file}: no recurrent layer in it (rnninspect identify {file} tells what is)"


def test_what_is_not_understood_is_said(here: Run, tmp_path: Path) -> None:
    odd = {"odd.weight_ih_l0": ((7, 3), "float32"), "odd.weight_hh_l0": ((7, 4), "float32")}
    done = here("params", safetensors(tmp_path / "m.safetensors", {**GRU, **odd}))
    assert done.returncode == 0
    assert "undecided: " in done.stderr
    assert "odd" in done.stderr


@pytest.mark.parametrize("command", ["params", "explain"])
def test_a_tensor_that_is_not_as_planned(
    here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    from rnninspect.files import look

    differing = TensorDifference("rnn.bias_hh_l0", "shape", (12,), (13,))
    monkeypatch.setattr(
        look, "compared", lambda found, layer: [differing if found.name == "rnn" else None, *[None] * 3]
    )
    more = {name.replace("rnn", "b"): tensor for name, tensor in GRU.items()}
    file = safetensors(tmp_path / "m.safetensors", {**GRU, **more})
    done = here(command, file)
    assert done.returncode == 1
    assert done.stderr == f"error: {file}: rnn: plan and file differ in 1 tensors\n"
    assert "plan and safetensors differ: 7 of 8 tensors agree; layers that differ are left out" in done.stdout
    if command == "params":
        assert "rnn · plan and file differ" in done.stdout
        assert "rnn    rnn.bias_hh_l0 shape  (12,)  (13,)" in done.stdout
        (item,) = json.loads(here(command, file, "--format", "json").stdout)["differences"]
        assert item == {
            "model": "rnn",
            "layer": "rnn",
            "fact": "rnn.bias_hh_l0 shape",
            "plan": "(12,)",
            "real": "(13,)",
        }


def test_a_damaged_file_is_shown_and_is_no_success(here: Run, tmp_path: Path) -> None:
    file = safetensors(tmp_path / "m.safetensors", GRU)
    file.write_bytes(file.read_bytes()[:-7])
    done = here("params", file)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {file}: ")
    assert "144" in done.stdout


def test_an_explanation_has_no_default_for_a_fact(here: Run, tmp_path: Path) -> None:
    tensors = {"weight_ih_l0": ((4, 3), "float32"), "weight_hh_l0": ((4, 4), "float32")}
    done = here("explain", safetensors(tmp_path / "net.safetensors", tensors))
    assert done.returncode == 0
    for said in ("net · in the file", "Not in the file: batch_first.", "one of tanh, relu; written here with tanh."):
        assert said in done.stdout
    assert "nn.RNN(3, 4, bias=False)" in done.stdout
    for unsaid in ("as in this document", "uniform", "verify CONFIG", "t = 0 to 19"):
        assert unsaid not in done.stdout
    assert done.stdout.splitlines()[-1] == "plan and safetensors agree: 2 of 2 tensors · float32"


def test_no_module_of_torch_is_written_for_what_none_computes(here: Run, tmp_path: Path) -> None:
    done = here("explain", safetensors(tmp_path / "k.safetensors", KERAS_GRU))
    assert done.returncode == 0, done.stderr
    assert "so that no torch.nn.GRU computes this" in done.stdout
    assert "nn.GRU(" not in done.stdout
    assert "W_hn (r_t ⊙ h_{t-1})" in done.stdout
    assert "the file packs those as Keras does" in here("weights", tmp_path / "k.safetensors").stdout


def test_one_layer_of_several_is_explained(here: Run, tmp_path: Path) -> None:
    tensors = {name.replace("rnn", prefix): tensor for prefix in ("a.x", "b") for name, tensor in GRU.items()}
    file = safetensors(tmp_path / "m.safetensors", tensors)
    assert "b · b (GRU)" not in here("explain", file, "--layer", "a.x").stdout
    assert refused(here("explain", file, "--layer", "c")) == f"--layer c: {file} has no such layer (known: a.x, b)"


def test_what_torch_itself_saves(here: Run, tmp_path: Path) -> None:
    module = nn.ModuleDict({"enc": nn.LSTM(7, 5, 2, bidirectional=True, proj_size=3), "head": nn.Linear(6, 2)})
    torch.save(module.state_dict(), tmp_path / "m.pt")
    done = here("params", tmp_path / "m.pt", "--format", "json")
    (model,) = json.loads(done.stdout)["models"]
    assert (model["name"], model["parameters"]) == ("enc", sum(w.numel() for w in module["enc"].parameters()))
    assert "plan and torch (zip) agree: 20 of 20 tensors" in here("params", tmp_path / "m.pt").stdout


def test_a_documents_object_has_no_key_of_a_files() -> None:
    from rnninspect.results.model import Report, document

    spec = spec_of("{input: {batch_size: 2, seq_len: 3}, layers: [{type: GRU, input_size: 3, hidden_size: 4}]}")
    text = json.dumps(document(Report([plan(spec)], "plan", 0, [])), default=str)
    keys: Any = ("_per_token", "convention", "unknown")
    assert not [key for key in keys if key in text]


def test_what_is_hidden_or_a_document_is_no_file_to_be_named(tmp_path: Path) -> None:
    for name in (".b.pt", "a.pt", "c.yaml"):
        (tmp_path / name).touch()
    assert files_in(str(tmp_path)) == ["a.pt"]
