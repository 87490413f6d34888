"""One vocabulary in every command's JSON and CSV: one name for one thing, and the unit in the name of a figure.

`layer` is a layer's name and `stacked_layer` the number of one of its num_layers; a share is told in %.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from found_by_hand import safetensors, torch_layer
from test_result_schemas import subschemas

from rnninspect.commands.compare import CompareTable
from rnninspect.commands.shared.bench_options import BenchTable
from rnninspect.results.schemas import RESULTS

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
    "weights --as": ("weights", "both.yaml", "--as", "keras"),
    "inspect --all": ("inspect", "both.yaml", "--plan", "--all"),
    "check": ("check", "both.yaml"),
    "identify": ("identify", "both.safetensors", "--all"),
    "diff": ("diff", "both.yaml", "both.yaml", "--set", "encoder.hidden_size=3"),
    "fit": ("fit", "both.yaml", "encoder.hidden_size", "--max-macs", "1M"),
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
# Columns of what JSON has in lists: on which side of a layer a tensor is, and of the curve of a gradient.
FLAT = {"way", "share_percent", "gradient", "lag", "start", "end", "lags"}
# What has another name, or a unit that is not in it.
OTHERS = re.compile(r"stacked|running|fact|settings|(.+_)?saturated|(.+_)?per_cent|(.+_)?(ms|us|ns|sec|secs|time)")


# What has its unit in its name; a count of operations has none.
UNITS = {
    "flops": "matmul_flops",
    "bandwidth": "bytes_per_second",
    "compute": "compute_seconds",
    "traffic": "traffic_seconds",
    "latency": "latency_seconds",
    "spread": "spread_percent",
    "drift": "drift_percent",
}


@pytest.fixture
def measured(said: Callable[..., str], timing_nothing: None) -> Callable[..., str]:
    """`said` with `bench` timing nothing, and two journals: of this document, and of one that took half the time."""
    asked = ("bench", "both.yaml", "--vary", "dtype=float32,float16", "--layers", "--output")
    said(*asked, "old.jsonl")
    head, *lines = Path("old.jsonl").read_text().splitlines()
    outcomes = [json.loads(line) for line in lines]
    for line in outcomes:
        line["environment"] |= {"torch": "2.14.0", "cpus": 8}
    outcomes[1] |= {"status": "crashed", "reason": "SIGSEGV", "figures": []}
    Path("r.jsonl").write_text("\n".join([head, *map(json.dumps, outcomes)]) + "\n")

    def run(command: str, *arguments: str) -> str:
        return said(command, *arguments, *([*asked[2:], "new.jsonl"] if command == "bench" else []))

    return run


@pytest.fixture
def said(here: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.chdir(tmp_path)
    Path("both.yaml").write_text(DOCUMENT)
    safetensors(Path("both.safetensors"), torch_layer("encoder", "LSTM", (3, 2), 2, both=True))

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


@cache
def json_keys() -> set[str]:
    """Every key of every command's JSON."""
    return {key for schema in RESULTS.values() for each in subschemas(schema()) for key in each.get("properties", {})}


def in_json(column: str) -> bool:
    """Whether some JSON has a column of CSV as a key; or in an object, `next_value`, or of a gate, `i_mean`."""
    before, _, last = column.partition("_")
    in_an_object = last in json_keys() and (before in json_keys() or len(before) == 1)
    return column in json_keys() or in_an_object or len(column) == 1


@pytest.mark.torch
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
    assert {column for row in rows for column in row if not in_json(column)} <= FLAT
    for key, value in told:
        assert isinstance(value, (TYPES.get(key, object), type(None))), (key, value)
    for row in rows:
        assert row.get("stacked_layer", "") in {"", "0", "1"}
        assert row.get("layer", "head") in {"encoder", "head", ""}
        assert row.get("direction", "") in {"", "forward", "reverse"}


@pytest.mark.parametrize("command", ["bench", "compare"])
def test_what_was_measured_speaks_it_too(measured: Callable[..., str], command: str) -> None:
    files = ("both.yaml",) if command == "bench" else ("old.jsonl", "r.jsonl")
    found = json.loads(measured(command, *files, "--format", "json"))
    assert found["schema_version"] == 2
    told = list(pairs(found))
    tables: dict[str, list[str]] = {}
    for name in BenchTable if command == "bench" else CompareTable:
        Path("new.jsonl").unlink(missing_ok=True)
        header = measured(command, *files, "--table", name, "--format", "csv").partition("\n")[0]
        tables[name] = header.split(",")
        # One thing, one name: what --table calls it is what JSON does, and the title of the page.
        assert name in ("times", "meaning", "kernels") or isinstance(found[name.replace("-", "_")], list)
    names = {key for key, _ in told} | {key for header in tables.values() for key in header}
    # Besides: what is keyed by settings and by kinds of cells.
    names -= {"LSTM forward"}
    assert {name for name in names if not re.fullmatch(r"[a-z][a-z0-9_]*", name)} == set()
    assert {name for name in names if OTHERS.fullmatch(name) and name != "settings"} == set()
    assert names & UNITS.keys() == set()
    assert names >= (
        {"matmul_flops", "bytes_per_second", "compute_seconds"} if command == "bench" else {"spread_percent"}
    )
    for key, value in told:
        assert isinstance(value, (TYPES.get(key, object), type(None))), (key, value)


@pytest.mark.torch
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
