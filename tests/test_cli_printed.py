"""A printed module, or the call that makes one, where a document goes: as a word, in a file, on standard input."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import jsonschema
import pytest
from ended import Run, refused

import rnninspect
from rnninspect.commands.shared import completion

LSTM = "LSTM(5, 7, num_layers=2)"
SIZES = ("--set", "input.seq_len=4", "--set", "input.batch_size=3")
NET = """Net(
  (embed): Embedding(11, 5)
  (conv): Conv1d(5, 5, kernel_size=(3,), stride=(1,))
  (stack.encoder): LSTM(5, 7, batch_first=True, bidirectional=True)
  (decoder): RNN(14, 3)
  (drop): Dropout(p=0.5, inplace=False)
)
"""


def models(done: subprocess.CompletedProcess[str]) -> list[dict]:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["models"]


@pytest.mark.parametrize("command", ["shapes", "params", "weights", "inspect"])
def test_a_call_is_a_model_with_letters(here: Run, command: str) -> None:
    (model,) = models(here(command, LSTM, "--plan", "--format", "json"))
    (layer,) = model["layers"]
    # 4*7*(5 + 7 + 2) + 4*7*(7 + 7 + 2)
    assert (model["parameters"], layer["type"]) == (840, "LSTM")
    assert [tensor["shape"] for tensor in layer["outputs"]] == [["L", "N", 7], [2, "N", 7], [2, "N", 7]]
    assert (model["macs"], model["macs_per_token"]) == (None, 4 * 7 * (5 + 7) + 4 * 7 * (7 + 7))


def test_a_call_needs_no_command(here: Run) -> None:
    done = here(LSTM, "--plan")
    assert done.returncode == 0
    assert "(L, N, 7)" in done.stdout


def test_sizes_make_it_a_document(here: Run, tmp_path: Path) -> None:
    document = tmp_path / "model.yaml"
    layer = "{name: lstm, type: LSTM, input_size: 5, hidden_size: 7, num_layers: 2}"
    document.write_text(f"input: {{batch_size: 3, seq_len: 4}}\nlayers: [{layer}]\n", encoding="utf-8")
    said = models(here("params", document, "--plan", "--format", "json"))
    printed = models(here("params", LSTM, *SIZES, "--plan", "--format", "json"))
    assert [model["layers"] for model in printed] == [model["layers"] for model in said]


@pytest.mark.torch
def test_torch_is_asked_once_the_batch_is_known(here: Run) -> None:
    done = here(LSTM, *SIZES)
    assert "plan and torch" in done.stdout.splitlines()[-1]
    assert "--set input.seq_len=20" in here(LSTM).stdout.splitlines()[-1]
    assert here("verify", "GRU(3, 4)", *SIZES).returncode == 0


@pytest.mark.parametrize("command", ["verify", "trace", "gradflow", "bench"])
def test_what_runs_it_needs_sizes(here: Run, command: str) -> None:
    done = here(command, LSTM)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(
        "nobody says how large the batch is (--set input.seq_len=20 --set input.batch_size=32 says it)\n"
    )


def test_a_printed_model_is_a_model_of_each_layer(here: Run, tmp_path: Path) -> None:
    path = tmp_path / "net.txt"
    path.write_text(NET, encoding="utf-8")
    done = here("shapes", path, "--plan", "--format", "json")
    assert [(model["name"], [layer["name"] for layer in model["layers"]]) for model in models(done)] == [
        ("embed", ["embed"]),
        ("stack.encoder", ["stack.encoder"]),
        ("decoder", ["decoder"]),
    ]
    encoder = models(done)[1]["layers"][0]
    assert encoder["outputs"][0]["shape"] == ["N", "L", 14]
    assert f"note: {path}: not described: Conv1d (conv)\n" in done.stderr
    assert "decoder: this print says no nonlinearity of an RNN" in done.stderr
    table = here("params", path, "--plan").stdout
    assert table.splitlines()[0] == "net · params"
    assert table.count("total") == 1
    changed = here("params", path, "--plan", "--format", "json", "--set", "decoder.hidden_size=2")
    assert [model["parameters"] for model in models(changed)][2] == 2 * (14 + 2 + 2)
    changed = here("params", path, "--plan", "--format", "json", "--set", "stack.encoder.hidden_size=2")
    assert [model["parameters"] for model in models(changed)][1] == 2 * 4 * 2 * (5 + 2 + 2)


def test_a_sequential_of_layers_is_one_chain(here: Run) -> None:
    (model,) = models(here("params", "nn.Sequential(Embedding(11, 5), nn.GRU(5, 7))", "--plan", "--format", "json"))
    assert [layer["name"] for layer in model["layers"]] == ["embedding", "gru"]
    done = here("params", "nn.Sequential(Embedding(11, 5), nn.GRU(6, 7))", "--plan")
    assert done.returncode == 2
    assert "expected 5, the width that layer 'embedding' puts out, got 6" in done.stderr


def test_standard_input_is_read_as_a_file_is(here: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(NET.encode())))
    assert len(models(here("params", "-", "--plan", "--format", "json"))) == 3


def test_a_file_of_that_name_comes_first(here: Run, tmp_path: Path) -> None:
    (tmp_path / "LSTM(5, 7)").write_text("nothing: here", encoding="utf-8")
    assert "unknown key 'nothing'" in here("params", "LSTM(5, 7)", "--plan", cwd=tmp_path).stderr


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("LSTM(5, 7", "LSTM(5, 7:1:5: the bracket is not closed"),
        ("LSTM(5, seven)", "LSTM(5, seven):1:9: layers[0].hidden_size: expected an integer >= 1, got 'seven'"),
        ("LSTM(5)", "layers[0].hidden_size: required key"),
        ("Conv2d(3, 4)", "none of its layers is described: Conv2d"),
        ("nn.LTSM(3, 4)", "none of its layers is described: LTSM (did you mean 'LSTM'?)"),
        ("gru(3, 4)", "none of its layers is described: gru (did you mean 'GRU'?)"),
        ("ConvLSTM(3, 4)", "none of its layers is described: ConvLSTM (a module is read as torch prints it"),
        ("Net()", "none of its layers is described: Net"),
        ("nn.Sequential()", "it holds no layer"),
        ("GRU(3, 4, proj_size=2)", "unknown key 'proj_size'"),
        ("LSTM(3, 4)\x1b[2J", "expected the end"),
    ],
)
def test_a_fault_is_one_line_with_its_place(here: Run, word: str, said: str) -> None:
    assert said in refused(here("params", word, "--plan"))


def test_what_is_not_described_is_told_to_scripts(here: Run, tmp_path: Path) -> None:
    path = tmp_path / "net.txt"
    path.write_text(NET, encoding="utf-8")
    for command in ("shapes", "weights"):
        told = json.loads(here(command, path, "--plan", "--format", "json").stdout)
        assert told["not_described"] == [{"file": str(path), "name": "conv", "kind": "Conv1d"}]
        jsonschema.validate(told, json.loads(here("schema", "--result", command).stdout))
    assert json.loads(here("params", LSTM, "--plan", "--format", "json").stdout)["not_described"] == []


def test_a_call_is_checked_laid_beside_another_and_fitted(here: Run) -> None:
    assert here("check", "LSTM(3, 4)", "--max-params", "144").returncode == 0
    assert "144, over 143" in here("check", "LSTM(3, 4)", "--max-params", "143").stderr
    assert "parameters         144  108     -36  -25.00" in here("diff", "LSTM(3, 4)", "GRU(3, 4)").stdout
    fitted = here("fit", "LSTM(30, 50)", "lstm.hidden_size", "--max-params", "1M", "--format", "json")
    # 4 n (30 + n + 2)
    assert json.loads(fitted.stdout)["results"][0]["value"] == 484
    jsonschema.validate(json.loads(fitted.stdout), json.loads(here("schema", "--result", "fit").stdout))


def test_a_size_is_put_into_a_file_with_a_call(here: Run, tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("self.rnn = nn.LSTM(30, 50, bias=False)\n", encoding="utf-8")
    assert here("fit", path, "rnn.hidden_size", "--max-params", "1M", "--write").returncode == 0
    assert path.read_text(encoding="utf-8") == "self.rnn = nn.LSTM(30, 485, bias=False)\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "LSTM(3, 4)", "--update"), "--update: LSTM(3, 4) has no path that a lock could know it by"),
        (("check", "LSTM(3, 4)", "--base", "HEAD"), "--base: LSTM(3, 4) is no file, and at no revision"),
        (("check", "LSTM(3, 4)", "--set", "budget.max_macs=1k"), "max_macs: LSTM(3, 4) says no batch"),
        (("fit", "LSTM(3, 4)", "lstm.hidden_size", "--max-macs", "1k"), "nobody says how large the batch is"),
        (("fit", "LSTM(3, 4)", "lstm.hidden_size", "--max-params", "1k", "--write"), "LSTM(3, 4) is no file"),
        (("explain", "LSTM(3, 4)", "--code"), "nobody says how large the batch is"),
    ],
)
def test_what_a_call_cannot_have_is_refused(here: Run, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = here(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_call_is_loaded_in_python() -> None:
    model = rnninspect.load(LSTM)
    assert (model.plan().parameters, "(L, N, 7)" in str(model)) == (840, True)


@pytest.mark.torch
def test_a_call_is_built_whatever_the_batch() -> None:
    built = rnninspect.load("nn.GRU(5, 7, dtype=torch.float64)").build(device="cpu")
    assert {(parameter.numel(), str(parameter.dtype)) for parameter in built.parameters()} == {
        (105, "torch.float64"),
        (147, "torch.float64"),
        (21, "torch.float64"),
    }


def test_sizes_of_a_call_are_completed() -> None:
    assert "lstm.hidden_size" in completion.sizes_in([LSTM])


def test_a_chain_without_sizes_is_explained(here: Run) -> None:
    done = here("explain", "nn.Sequential(Embedding(11, 5), nn.GRU(5, 7))")
    assert (done.returncode, "x (L, N) → embedding 5 → gru 7" in done.stdout) == (0, True)


@pytest.mark.torch
@pytest.mark.parametrize("command", ["trace", "gradflow"])
def test_layers_without_steps_are_left_out_of_a_printed_module(here: Run, tmp_path: Path, command: str) -> None:
    path = tmp_path / "net.txt"
    path.write_text(NET, encoding="utf-8")
    assert [model["name"] for model in models(here(command, path, *SIZES, "--format", "json"))] == [
        "stack.encoder",
        "decoder",
    ]
    done = here(command, path, *SIZES, "--layer", "decoder")
    assert (done.returncode, "not described: Conv1d (conv)" in done.stderr) == (0, True)
    assert "--layer odd: not in the document" in here(command, path, *SIZES, "--layer", "odd").stderr


@pytest.mark.parametrize("second", ["GRU(4, 5)", "GRU(4, 5, dtype=torch.float32)"])
def test_the_layers_of_a_sequential_have_one_dtype(here: Run, second: str) -> None:
    line = refused(here("params", f"Sequential(LSTM(3, 4, dtype=torch.float64), {second})", "--plan"))
    assert "expected one dtype for all layers of a Sequential" in line
