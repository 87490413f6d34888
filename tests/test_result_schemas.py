"""Every key of every command's JSON is in its schema, with what it means, and no other."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import many_journals
import pytest
from ended import Run
from found_by_hand import safetensors, torch_layer
from jsonschema import Draft202012Validator
from worlds import spec_of

from rnninspect import cli
from rnninspect.agree import differences
from rnninspect.bench.journal import read_journal
from rnninspect.commands.schema import Result
from rnninspect.commands.shared.signature import record_of, signature_of
from rnninspect.formats import json as as_json
from rnninspect.guard.lock_lines import render_lock
from rnninspect.guard.locked import locked_model
from rnninspect.plan import plan
from rnninspect.results.bench_json import bench_document
from rnninspect.results.model import Report, document
from rnninspect.results.schemas import RESULTS

# Everything that an object can have: two directions, laws of a gate, a shared weight, buffers, a frozen layer, a tie.
DOCUMENT = """\
name: both
input: {lengths: [6, 4], state: random}
budget: {max_params: 1}
layers:
  - {name: embed, type: Embedding, num_embeddings: 7, embedding_dim: 2, padding_idx: 0, trainable: false,
     init: {weight: {uniform: 0.1}}}
  - name: encoder
    type: LSTM
    hidden_size: 2
    num_layers: 2
    bidirectional: true
    dropout: 0.5
    init: {weight_hh: orthogonal, weight_ih: orthogonal_packed, bias: {normal: 0.1}, forget_bias: 1}
  - {name: norm, type: BatchNorm1d}
  - {name: relu, type: RNN, hidden_size: 2, nonlinearity: relu}
  - {name: jordan, type: JordanRNN, hidden_size: 2, output_size: 2}
  - {name: head, type: Linear, out_features: 7, tied_to: embed}
"""
# Two inputs side by side, shared weights, a sum, states that are handed over, and two outputs.
WIRED = """\
input: {batch_size: 2}
inputs: {a: {seq_len: 3, input_size: 2}, b: {seq_len: null, input_size: 1}}
outputs: [once, again]
layers:
  - {name: once, type: GRU, from: [a, b], hidden_size: 3, add: input}
  - {name: again, same_as: once, from: once, state_from: once}
"""
LOOK = ("both.yaml", "--device", "cpu", "--input-grad")
BENCH = ("bench", "both.yaml", "--vary", "dtype=float32,float16", "--sweep", "encoder.num_layers=1,2", "--layers")
WHOLE = ("--set", "input.lengths=null", "--set", "input.batch_size=2", "--set", "input.seq_len=3")
MAP = "layer: relu\narguments: {input_size: 4, hidden_size: 2, nonlinearity: relu}\n"
# What each command is asked, so that together its objects have all that they can have.
PRINTED = "nn.ModuleList([nn.LSTM(3, 2), nn.Conv1d(2, 2, 1)])"
ASKED: dict[str, list[tuple[str, ...]]] = {
    "inspect": [
        ("inspect", *LOOK),
        ("inspect", "both.yaml", "--plan"),
        ("inspect", "both.safetensors", "--all"),
        ("inspect", PRINTED, "--plan"),
        ("inspect", "wired.yaml"),
    ],
    **{
        command: [(command, "both.yaml", "both.safetensors", "wired.yaml", PRINTED, "--plan")]
        for command in ("shapes", "params")
    },
    "weights": [
        ("weights", "both.yaml", "both.safetensors", "wired.yaml", PRINTED, "--plan"),
        ("weights", "both.yaml", "--as", "keras", "--gates"),
    ],
    "identify": [("identify", "both.safetensors"), ("identify", "odd.safetensors")],
    "trace": [("trace", "both.yaml"), ("trace", "both.yaml", "--step", "1")],
    "gradflow": [("gradflow", "both.yaml"), ("gradflow", "both.yaml", "--target", "sum")],
    "verify": [
        ("verify", "both.yaml", "--set", "encoder.merge=sum"),
        ("verify", "both.yaml", "--against", "torch.nn:RNN", "--map", "map.yaml", *WHOLE),
    ],
    "check": [
        ("check", "both.yaml"),
        ("check", "both.yaml", "--update"),
        ("check", "both.yaml", "--max-total-params", "1k"),
        ("check", "both.yaml", "--locked", "--lock", "gone.lock"),
        ("check", "both.yaml", "--max-growth", "params=5%,macs=100", "--set", "encoder.hidden_size=3"),
        ("check", "both.yaml", "--build", "--set", "relu.bias=false"),
        ("check", "both.yaml", "--weights", "both.safetensors"),
    ],
    "diff": [("diff", "both.yaml", "both.yaml", "--set", "encoder.hidden_size=3")],
    "fit": [
        ("fit", "both.yaml", "encoder.hidden_size", "--max-params", "1M"),
        ("fit", "both.yaml", "encoder.hidden_size"),
        ("fit", "both.yaml", "encoder.proj_size", "--max-params", "1M"),
    ],
    "cells": [("cells",), ("cells", "coRNN", "LMU")],
    "bench": [BENCH, ("bench", "both.yaml", "--fit-batch")],
    "merge": [("merge", "results")],
    "compare": [("compare", "old.jsonl", "new.jsonl")],
}


# What is not in the plan alone, and is shown by `inspect`, whose object is the same.
PLANNED = {"differences", "models.measured", "models.layers.weights.observed", "models.layers.weights.gates.observed"}
UNREACHED = dict.fromkeys(("shapes", "weights", "params"), PLANNED)


@pytest.fixture
def found(here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timing_nothing: None) -> Callable[..., Any]:
    """The object that a command prints in a folder with the document and journals, `bench` timing nothing."""
    monkeypatch.chdir(tmp_path)
    Path("both.yaml").write_text(DOCUMENT)
    Path("wired.yaml").write_text(WIRED)
    Path("map.yaml").write_text(MAP)
    layer = torch_layer("encoder", "LSTM", (3, 2), 2, both=True)
    safetensors(Path("both.safetensors"), layer)
    safetensors(Path("odd.safetensors"), layer, more={"encoder.bias_hh_l1": (3,)})
    Path("gone.lock").write_text(render_lock({"gone.yaml": locked_model(spec_of(DOCUMENT), plan(spec_of(DOCUMENT)))}))

    def run(*asked: str) -> Any:
        done = here(*asked, "--format", "json")
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)

    return run


def journals(found: Callable[..., Any]) -> None:
    """Two journals, of which one lacks a point and has other surroundings."""
    found(*BENCH, "--output", "old.jsonl")
    found(*BENCH, "--output", "new.jsonl")
    head, *lines = Path("new.jsonl").read_text().splitlines()
    outcomes = [json.loads(line) for line in lines]
    for line in outcomes:
        line["environment"] |= {"torch": "2.14.0"}
    outcomes[1] |= {"status": "crashed", "reason": "SIGSEGV", "figures": []}
    Path("new.jsonl").write_text("\n".join([head, *map(json.dumps, outcomes[:-1])]) + "\n")


def shares() -> None:
    """A folder of shares of which one lacks a point, one was measured on a CPU, and one has only begun."""
    for number, device in ((1, "cuda:0"), (2, "cpu")):
        share = many_journals.share_head(number, 3, 9)
        measured = [many_journals.outcome(k + 1, device=device) for k in share.members]
        many_journals.write(Path("results"), share, many_journals.whole(9), *measured[1:])
    control = many_journals.share_head(1, 3, 9, control=True)
    many_journals.write(Path("results"), control, many_journals.whole(9), many_journals.outcome(1))
    Path("results", "begun.jsonl").write_text("")


def contradicted() -> Any:
    """What `inspect` would print, were the model that torch builds another one."""
    planned, other = plan(spec_of(DOCUMENT)), plan(spec_of(DOCUMENT, "encoder.hidden_size=3"))
    report = Report(models=[], ledger="agreed", seed=0, differences=[(planned, differences(planned, other))])
    return json.loads(as_json.render(document(report)))


def live() -> Any:
    """What `rnninspect.inspect` has of a module that runs a layer on sequences of two lengths, and has what is odd."""
    import torch  # why here: this file can be read without

    import rnninspect

    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.odd = torch.nn.GRU(2, 3), ConvLSTM()

        def forward(self, *given: Any) -> None:
            for each in given:
                self.rnn(torch.nn.utils.rnn.pack_sequence([each]))

    class ConvLSTM(torch.nn.Module):
        pass

    result = rnninspect.inspect(Twice(), torch.zeros(4, 2), torch.zeros(5, 2))
    return json.loads(dataclasses.replace(result, notes=("a sentence",)).json())


def crashed() -> Any:
    """What `bench` would print of a journal in which a variant has crashed."""
    return json.loads(as_json.render(bench_document(read_journal(Path("new.jsonl")).outcomes)))


@pytest.mark.torch
@pytest.mark.parametrize("command", RESULTS)
def test_what_a_command_prints_is_what_its_schema_says(found: Callable[..., Any], command: str) -> None:
    schema = RESULTS[command]()
    if command in ("bench", "compare"):
        journals(found)
    if command == "merge":
        shares()
    also = {"inspect": [contradicted, live], "bench": [crashed]}.get(command, [])
    objects = [each() for each in also] + [found(*asked) for asked in ASKED[command]]
    for each in objects:
        Draft202012Validator(schema).validate(each)
    # What stands in a list that is always empty, or in what is always null, would be held to nothing.
    reached = {place for each in objects for place in places(each, schema)}
    assert set(records(schema)) - reached == UNREACHED.get(command, set())


@pytest.mark.parametrize("command", RESULTS)
def test_every_key_is_described_and_no_other_is_allowed(command: str) -> None:
    schema = RESULTS[command]()
    Draft202012Validator.check_schema(schema)
    assert schema["title"] == f"rnninspect {command} --format json"
    for each in subschemas(schema):
        assert each["description"].endswith(".")
        assert "properties" not in each or each["additionalProperties"] is False


@pytest.mark.torch
def test_a_key_that_is_not_described_is_refused(found: Callable[..., Any]) -> None:
    schema = RESULTS["verify"]()
    data = found("verify", "both.yaml")
    data["models"][0]["layers"][0]["tensors"][0]["new"] = 1
    assert not Draft202012Validator(schema).is_valid(data)


def test_every_command_with_json_has_a_schema(here: Run) -> None:
    formats = {
        command: signature_of(record_of(import_module(f"rnninspect.commands.{command}").run)).parameters.get("format")
        for command in cli.COMMANDS
    }
    with_json = {name for name, each in formats.items() if each and "json" in list(get_args(each.annotation)[0])}
    assert set(RESULTS) == with_json == {*Result} == set(ASKED)
    for command in ("bench", "check"):
        done = here("schema", "--result", command)
        assert (done.returncode, json.loads(done.stdout)) == (0, RESULTS[command]())


def subschemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    inner = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    for each in inner:
        if isinstance(each, dict):
            yield from subschemas(each)


def records(schema: dict[str, Any], place: str = "") -> Iterator[str]:
    """The places of a schema's records: the keys that lead to each."""
    if "properties" in schema:
        yield place
    for key, inner in schema.get("properties", {}).items():
        yield from records(inner, f"{place}.{key}".removeprefix("."))
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from records(inner, place)


def places(value: object, schema: dict[str, Any], place: str = "") -> Iterator[str]:
    """The places of the records that an object has."""
    if isinstance(value, list):
        for item in value:
            yield from places(item, schema.get("items", {}), place)
    elif isinstance(value, dict) and "properties" in schema:
        yield place
        for key, inner in value.items():
            yield from places(inner, schema["properties"][key], f"{place}.{key}".removeprefix("."))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from places(inner, schema.get("additionalProperties", {}), place)
