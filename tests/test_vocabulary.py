"""One vocabulary in every command's JSON and CSV: one name for one thing, and the unit in the name of a figure.

`layer` is a layer's name and `stacked_layer` the number of one of its num_layers; a share is told in %.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

DOCUMENT = """\
name: both
input: {batch_size: 2, seq_len: 4}
budget: {max_params: 1}
layers:
  - {name: encoder, type: LSTM, input_size: 3, hidden_size: 2, num_layers: 2, bidirectional: true}
  - {name: head, type: Linear, out_features: 2}
"""
COMMANDS = {
    **{command: (command, "both.yaml", "--plan") for command in ("shapes", "weights", "params", "inspect")},
    "weights --gates": ("weights", "both.yaml", "--plan", "--gates"),
    "check": ("check", "both.yaml"),
    "diff": ("diff", "both.yaml", "both.yaml", "--set", "encoder.hidden_size=3"),
    "verify": ("verify", "both.yaml"),
    "trace": ("trace", "both.yaml"),
    "trace --step": ("trace", "both.yaml", "--step", "1"),
    "gradflow": ("gradflow", "both.yaml"),
}
# What a name is a type of, wherever it stands.
TYPES: dict[str, type | tuple[type, ...]] = {
    "layer": str,
    "model": str,
    "file": str,
    "type": str,
    "direction": str,
    "stacked_layer": int,
    "t": int,
    "unit": int,
    "sequences": int,
    "field": str,
}
# What has another name, or a unit that is not in it.
OTHERS = re.compile(r"stacked|running|fact|settings|(.+_)?saturated|(.+_)?per_cent|(.+_)?(ms|us|ns|sec|secs|time)")


@pytest.fixture
def said(here: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.chdir(tmp_path)
    Path("both.yaml").write_text(DOCUMENT)

    def run(*command: str) -> str:
        done = here(*command)
        assert done.returncode in (0, 1), done.stderr
        return str(done.stdout)

    return run


def pairs(found: object) -> Iterator[tuple[str, object]]:
    """Every key of a JSON object with its value, however deep."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield key, value
            yield from pairs(value)
    elif isinstance(found, list):
        for item in found:
            yield from pairs(item)


@pytest.mark.parametrize("command", COMMANDS)
def test_json_and_csv_speak_one_language(said: Callable[..., str], command: str) -> None:
    found = json.loads(said(*COMMANDS[command], "--format", "json"))
    assert found["schema_version"] == 2
    told = list(pairs(found))
    sections = said(*COMMANDS[command], "--format", "csv").split("\n\n")
    rows = [row for section in sections for row in csv.DictReader(io.StringIO(section))]
    assert rows
    names = {key for key, _ in told} | {key for row in rows for key in row}
    assert {name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)} == set()
    assert {name for name in names if OTHERS.fullmatch(name)} == set()
    for key, value in told:
        assert isinstance(value, (TYPES.get(key, object), type(None))), (key, value)
    for row in rows:
        assert row.get("stacked_layer", "") in {"", "0", "1"}
        assert row.get("layer", "head") in {"encoder", "head", ""}
        assert row.get("direction", "") in {"", "forward", "reverse"}


def test_a_stacked_layer_is_a_number_and_a_layer_a_name_everywhere(said: Callable[..., str]) -> None:
    weights = json.loads(said(*COMMANDS["weights"], "--format", "json"))["models"][0]["layers"][0]
    trace, flow = (
        json.loads(said(*COMMANDS[command], "--format", "json"))["models"][0] for command in ("trace", "gradflow")
    )
    levels = {(k, direction) for k in (0, 1) for direction in ("forward", "reverse")}
    assert {(weight["stacked_layer"], weight["direction"]) for weight in weights["weights"]} == levels
    assert [(level["stacked_layer"], level["direction"]) for level in trace["layers"]] == sorted(levels)
    assert (
        {level["layer"] for level in trace["layers"]} == {curve["layer"] for curve in flow["gradients"]} == {"encoder"}
    )
    states = {(curve["stacked_layer"], curve["direction"]) for curve in flow["gradients"] if curve["of"] == "h"}
    assert states <= levels
    assert states
