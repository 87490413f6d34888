"""`rnninspect verify`: streams, exit codes, formats, several documents; as whole processes where that can differ."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
import torch
from ended import Run, fine, refused
from worlds import CONFIGS

from rnninspect.layers.gru import GRU

TENSORS = ["output", "h_n", "grad input", "grad h_0"]
WEIGHTS = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]

SMALL = """\
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: encoder, type: GRU, input_size: 4, hidden_size: 5}
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("doc") / "small.yaml"
    path.write_text(SMALL)
    return path


def test_a_table_has_a_row_for_every_tensor_and_says_what_it_is_held_to(here: Run, small: Path) -> None:
    """A projection too, of which torch has a warning to give that is no affair of the user's."""
    shown = fine(here("verify", small, CONFIGS / "projected.yaml", "--set", "input.seq_len=3", "--device", "cpu"))
    assert shown.startswith("small · verify\n")
    assert "\nprojected · verify\n" in shown
    head, _, *rows = shown.splitlines()[1:]
    assert re.split(r"  +", head.strip()) == [
        *("layer", "type", "tensor", "shape", "largest magnitude", "largest error"),
        *("relative, epsilons", "allowed", "verdict"),
    ]
    assert re.match(r"encoder  GRU   output +\(3, 2, 5\) +0\.\d+ +\S+ +\S+ +26\.83  ok$", rows[0])
    assert [name for name in (*TENSORS, *WEIGHTS) if not re.search(rf" {name} .* ok$", shown, re.MULTILINE)] == []
    assert "encoder: K = 15, L = 3." in shown
    assert re.fullmatch(
        r"torch \S+ and the equations in float64 agree · cpu · float32 · seed 0", shown.splitlines()[-1]
    )


def test_the_same_seed_gives_the_same_json_to_the_byte(run: Run, here: Run, small: Path) -> None:
    first, again = (
        fine(way("verify", small, "--device", "cpu", "--dtype", "float64", "--seed", "7", "--format", "json"))
        for way in (run, here)
    )
    assert first == again
    data = json.loads(first)
    head = {key: data[key] for key in ("schema_version", "device", "dtype", "seed", "ledger", "ok")}
    assert head == {
        "schema_version": 2,
        "device": "cpu",
        "dtype": "float64",
        "seed": 7,
        "ledger": "equations",
        "ok": True,
    }
    (model,) = data["models"]
    assert (model["name"], model["file"], model["epsilon_of"]) == ("small", str(small), "float64")
    assert (model["epsilon"], model["skipped"], model["without_dropout"], model["not_in_torch"]) == (2**-52, [], [], [])
    (layer,) = model["layers"]
    assert (layer["layer"], layer["type"], layer["ok"], layer["terms"], layer["steps"]) == (
        "encoder",
        "GRU",
        True,
        15,
        3,
    )
    assert [tensor["name"] for tensor in layer["tensors"]] == [*TENSORS, *(f"grad {name}" for name in WEIGHTS)]
    for tensor in layer["tensors"]:
        assert 0 <= tensor["largest_error"] <= 1e-10 * tensor["largest_magnitude"]
        assert tensor["relative_epsilons"] == pytest.approx(
            tensor["largest_error"] / tensor["largest_magnitude"] * 2**52
        )
        assert tensor["relative_epsilons"] <= tensor["allowed_epsilons"] == pytest.approx(4 * 45**0.5)


def test_csv_holds_raw_numbers(here: Run, small: Path) -> None:
    shown = fine(here("verify", small, "--device", "cpu", "--format", "csv"))
    rows = list(csv.DictReader(io.StringIO(shown)))
    assert [row["tensor"] for row in rows] == [*TENSORS, *(f"grad {name}" for name in WEIGHTS)]
    assert {(row["model"], row["layer"], row["type"], row["verdict"]) for row in rows} == {
        ("small", "encoder", "GRU", "ok")
    }
    assert rows[0]["shape"] == "[3 2 5]"
    assert all(float(row["relative_epsilons"]) <= float(row["allowed_epsilons"]) for row in rows)


@pytest.mark.parametrize("command", ["shapes", "verify"])
def test_half_precision_is_told_from_autocast_once(here: Run, small: Path, command: str) -> None:
    half = "the modules themselves, weights and all, are in half precision (torch.autocast is another matter: it keeps "
    raises = "weights in float32; under it a float16 LSTM raises on the CPU)"
    done = here(command, small, CONFIGS / "rnn.yaml", "--device", "cpu", "--dtype", "float16")
    assert (done.returncode, done.stderr) == (0, f"note: float16: {half}{raises}\n")
    fine(here(command, small, "--device", "cpu", "--dtype", "float64"))


def test_what_is_said_of_autocast_is_so() -> None:
    module = torch.nn.LSTM(3, 5)
    with torch.autocast("cpu", torch.float16), pytest.raises(RuntimeError, match="LSTM forward"):
        module(torch.randn(4, 2, 3))
    with torch.autocast("cpu", torch.bfloat16):
        module(torch.randn(4, 2, 3))
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}


def test_markdown_in_a_file(here: Run, tmp_path: Path, small: Path) -> None:
    target = tmp_path / "verify.md"
    command = ("verify", small, "--device", "cpu", "--dtype", "bfloat16", "--format", "markdown", "--output", target)
    done = here(*command)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("note: bfloat16: the modules themselves")
    text = target.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| encoder")]
    assert rows[0].endswith("| ok |")
    assert "epsilons of bfloat16" in text


def test_of_several_documents_one_failing_all_are_reported(
    here: Run, monkeypatch: pytest.MonkeyPatch, small: Path
) -> None:
    """The first has one wrong sign in its equations; the second is shown all the same."""
    right = GRU.equations
    monkeypatch.setattr(GRU, "equations", lambda self: right(self).replace("+ z * h", "- z * h"))
    lstm = str(CONFIGS / "lstm.yaml")
    done = here("verify", small, lstm, "--device", "cpu", "--format", "json")
    assert done.returncode == 1
    assert re.fullmatch(
        rf"error: {small}: torch and the equations differ in \d+ tensors, most in layer 'encoder', [\w ]+: "
        r"[\d,.e+]+ epsilons, [\d.]+ are allowed\n",
        done.stderr,
    )
    data = json.loads(done.stdout)
    assert data["ok"] is False
    assert [(model["file"], model["ok"]) for model in data["models"]] == [(str(small), False), (lstm, True)]
    assert "and the equations in float64 differ" in here("verify", small, "--device", "cpu").stdout.splitlines()[-1]


def test_a_bad_document_among_good_ones_leaves_no_result(here: Run, tmp_path: Path, small: Path) -> None:
    (tmp_path / "bad.yaml").write_text(SMALL.replace("5", "five"))
    assert "'five'" in refused(here("verify", small, tmp_path / "bad.yaml"))
