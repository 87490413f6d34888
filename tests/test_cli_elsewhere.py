"""`weights --as`: its page, its other formats, its script, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ended import Run, fine, refused
from found_by_hand import safetensors, torch_layer
from typer.testing import CliRunner

from rnninspect import cli

# The first rows, however wide the columns are.
ROWS = [
    "m · weights in TensorFlow",
    "layer type parameter from order of gates shape count",
    "encoder LSTM fw/kernel weight_ih_l0, weight_hh_l0 i g f o in columns, x above h (5, 8) 40",
    "[0:3, 0:2] W_ii (3, 2) 6",
    "[3:5, 0:2] W_hi (2, 2) 4",
]
NOTES = """\
encoder there: 2 of tf.compat.v1.nn.rnn_cell.LSTMCell(2), one for each direction.
gru there: tf.compat.v1.nn.rnn_cell.GRUCell(2).
letters are torch's; TensorFlow has others: of LSTM its j is g; of GRU its u is z, its c is n.
head: not recurrent, and left out.
held by tests that run TensorFlow on such weights, and torch beside it.
encoder: exact: b = b_ih + b_hh, b_f less the 1 that is added to it when the layer runs
gru: none: the reset gate of TensorFlow's GRU multiplies before the product with W_hn, torch's after it: no \
weights of the one compute the other
odd: none: no convention: it is not torch's

plan: from the equations alone, torch was not asked · float32
"""
DOCUMENT = """\
name: m
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: encoder, type: LSTM, input_size: 3, hidden_size: 2, bidirectional: true}
  - {name: gru, type: GRU, hidden_size: 2}
  - {name: odd, type: MGU, hidden_size: 2}
  - {name: head, type: Linear, out_features: 2}
"""


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "m.yaml"
    path.write_text(DOCUMENT)
    return path


def test_the_page(here: Run, document: Path) -> None:
    shown = fine(here("weights", document, "--as", "tf", "--gates"))
    assert shown.endswith(NOTES)
    lines = [" ".join(line.split()) for line in shown.splitlines() if not line.startswith("──")]
    assert lines[:5] == ROWS
    assert {"[4:6] b_if + b_hf - 1 (2,) 2", "odd MGU", "total 138"} <= set(lines)


def test_csv_has_a_row_for_each_tensor_and_for_what_has_none(here: Run, document: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(here("weights", document, "--as", "tf", "--format", "csv").stdout)))
    assert [(row["layer"], row["direction"], row["parameter"]) for row in rows] == [
        ("encoder", "forward", "fw/kernel"),
        ("encoder", "forward", "fw/bias"),
        ("encoder", "reverse", "bw/kernel"),
        ("encoder", "reverse", "bw/bias"),
        *(("gru", "forward", name) for name in ("gates/kernel", "candidate/kernel", "gates/bias", "candidate/bias")),
        ("odd", "", ""),
    ]
    assert (rows[0]["shape"], rows[0]["count"], rows[0]["verdict"][:6]) == ("[5 8]", "40", "exact:")
    assert (rows[4]["from"], rows[4]["verdict"][:6]) == ("", "none: ")


def test_json_has_it_beside_what_the_models_are(here: Run, document: Path) -> None:
    given = json.loads(here("weights", document, "--as", "onnx", "--format", "json").stdout)
    there = given["elsewhere"]
    assert there["framework"] == "ONNX"
    keys = ("name", "exact", "run_by_tests", "parameters")
    assert [tuple(layer[key] for key in keys) for layer in there["layers"]] == [
        ("encoder", True, True, 112),
        ("gru", True, True, 48),
        ("odd", False, False, None),
    ]
    assert given["models"][0]["layers"][0]["parameters"] == 112
    assert there["layers"][0]["tensors"][0]["gates"][5] == {"is": "W_io", "index": "[1, 2:4]", "shape": [2, 3]}
    assert "elsewhere" not in json.loads(here("weights", document, "--plan", "--format", "json").stdout)


def test_it_says_what_no_test_runs(here: Run) -> None:
    relu = "RNN(3, 2, nonlinearity='relu')"
    assert "no test runs it.\n" in here("weights", relu, "--as", "mxnet").stdout
    assert "torch beside it; those of relu by its record alone.\n" in here("weights", relu, "--as", "onnx").stdout
    (layer,) = json.loads(here("weights", relu, "--as", "onnx", "--format", "json").stdout)["elsewhere"]["layers"]
    assert (layer["exact"], layer["run_by_tests"]) == (True, False)


def test_the_script_is_python_whatever_says_so(here: Run, document: Path, tmp_path: Path) -> None:
    printed = here("weights", document, "--as", "keras", "--format", "python").stdout
    output = tmp_path / "there.py"
    assert here("weights", document, "--as", "keras", "-o", output).stdout == ""
    assert output.read_text() == printed
    names: dict[str, Any] = {}
    exec(printed, names)
    weights = {"weight_ih_l0": np.ones((6, 4)), "weight_hh_l0": np.ones((6, 2))}
    weights |= {"bias_ih_l0": np.arange(6.0), "bias_hh_l0": -np.arange(6.0)}
    assert names["gru"](weights)["bias"].tolist() == [[2, 3, 0, 1, 4, 5], [-2, -3, -0.0, -1, -4, -5]]
    assert "\n# odd (MGU): none: no convention: it is not torch's\n" in printed


REFUSED = [
    (("--format", "python"), "--format python: it is the translation into another framework (name one: --as keras)"),
    (("--as", "keras", "--stats"), "--stats: values are torch's, and the same in keras (leave one of the two out)"),
    (("--as", "theano"), "--as: expected one of keras, onnx, tf"),
]


@pytest.mark.parametrize(("options", "says"), REFUSED)
def test_what_is_refused(here: Run, document: Path, options: tuple[str, ...], says: str) -> None:
    assert refused(here("weights", document, *options)).startswith(says)


@pytest.mark.parametrize("command", ["inspect", "shapes", "params", "explain", "check", "identify"])
def test_no_other_command_prints_python(here: Run, document: Path, command: str) -> None:
    line = refused(here(command, document, "--format", "python"))
    assert line.startswith("--format: expected one of table, ")


def test_torch_is_asked_nothing(document: Path) -> None:
    done = CliRunner().invoke(cli.app, ["weights", str(document), "--as", "keras", "--set", "encoder.hidden_size=3"])
    assert done.exit_code == 0
    assert "exact: b = b_ih + b_hh" in done.output


def test_a_checkpoint_is_held_against_its_tensors_first(here: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    safetensors(file, torch_layer("net.rnn", "RNN", (5, 7)))
    done = here("weights", file, "--as", "keras")
    assert done.returncode == 0
    assert done.stdout.endswith(
        "exact: b = b_ih + b_hh, if its function is tanh, which the file does not say\n\n"
        "plan and safetensors agree: 4 of 4 tensors · float32\n"
    )
    assert "def net_rnn(weights):" in here("weights", file, "--as", "keras", "--format", "python").stdout
    assert here("weights", file, "--as", "keras", "--seed", "3").stderr.startswith("error: --seed: ")
    kernels = {"lstm/kernel": (5, 28), "lstm/recurrent_kernel": (7, 28), "lstm/bias": (28,)}
    safetensors(file, more=kernels)
    done = here("weights", file, "--as", "onnx")
    assert "\nnone: the file packs it as Keras does, and only torch's packing is translated\n" in done.stdout
