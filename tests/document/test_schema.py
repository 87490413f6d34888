"""The JSON Schema against the reader: a stock validator and ours must say the same of a document.

Where they may differ is said once, in `reader_alone`; the schema never refuses what the reader accepts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from ended import Run
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from samples import examples
from worlds import CONFIGS, RECURRENT, least_keys

from rnninspect.document.blocks import Budget, Document, Input
from rnninspect.document.quantity import parse_bytes, parse_count
from rnninspect.document.schema import document_schema
from rnninspect.document.tree import read_tree
from rnninspect.document.validate import validate
from rnninspect.errors import DocumentError
from rnninspect.layers.registry import TYPES, kind_of

SCHEMA: dict[str, Any] = document_schema()
VALIDATOR = Draft202012Validator(SCHEMA)
LARGEST = 2**63 - 1


# The `init` block of every kind that has one.
BLOCKS: dict[str, type[BaseModel]] = {
    f"{name}Init": kind_of(name).init_block() for name in [*RECURRENT, "Embedding", "Linear"]
}


def document(*layers: object, **top: object) -> dict[str, Any]:
    return {"input": {"batch_size": 3, "seq_len": 5}, "layers": list(layers or [{"type": "Dropout"}]), **top}


def reads(data: object) -> bool:
    """Whether our reader takes `data`, written down as a document."""
    try:
        # why not in ASCII: JSON would write a letter beyond U+FFFF as two halves.
        validate(read_tree(json.dumps(data, ensure_ascii=False), "doc.yaml"))
    except DocumentError:
        return False
    return True


def for_one(kind: str) -> Draft202012Validator:
    """The validator without the other kinds: each of them asks for a `type` of its own, and takes as long to refuse."""
    layers = SCHEMA["properties"]["layers"] | {"items": {"$ref": f"#/$defs/{kind}"}}
    return Draft202012Validator(SCHEMA | {"properties": SCHEMA["properties"] | {"layers": layers}})


def same_verdict(data: object, validator: Draft202012Validator = VALIDATOR) -> bool:
    """What both say of it, and they must say the same."""
    verdict = validator.is_valid(data)
    assert verdict == reads(data), data
    return verdict


# --- the schema itself ---------------------------------------------------------------------------------------


def test_it_is_a_schema_of_the_draft_it_names() -> None:
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(SCHEMA)
    assert "$id" not in SCHEMA
    assert SCHEMA["title"] == "rnninspect document"


def test_every_word_is_json_schemas() -> None:
    """A strict validator refuses a word it does not know, such as OpenAPI's `discriminator`."""
    known = {"$schema", "$ref", "$defs", "title", "description", "default", "type", "const", "enum", "properties"}
    known |= {"required", "additionalProperties", "items", "minItems", "maxItems", "anyOf", "oneOf", "not"}
    known |= {"minProperties", "maxProperties", "propertyNames"}
    known |= {"if", "else"}
    known |= {"minimum", "maximum", "exclusiveMinimum", "pattern", "minLength", "maxLength"}
    assert {word for subschema in subschemas(SCHEMA) for word in subschema} <= known


def subschemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for word, value in schema.items():
        if word in ("properties", "$defs"):
            for inner in value.values():
                yield from subschemas(inner)
        elif word in ("anyOf", "oneOf"):
            for inner in value:
                yield from subschemas(inner)
        elif word == "items":
            yield from subschemas(value)


def test_no_mapping_takes_other_keys() -> None:
    mappings = [
        mapping for mapping in subschemas(SCHEMA) if mapping.get("type") == "object" and "properties" in mapping
    ]
    of_cells = {mapping["title"]: mapping for mapping in mappings if mapping["title"] in ("Cell", "NamedCell")}
    assert all(mapping["additionalProperties"] == {"type": "number"} for mapping in of_cells.values())
    others = [mapping for mapping in mappings if mapping["title"] not in of_cells]
    known = {"rnninspect document", "Input", "NamedInput", "Budget", "Definition", "StateFrom", "Repeat"}
    # why not the last: it may have the keys of the layer whose weights it has.
    assert {mapping["title"] for mapping in others} == {*known, *TYPES, *BLOCKS, "SharedLayer"}
    assert all(mapping["additionalProperties"] is False for mapping in others if mapping["title"] != "SharedLayer")


def test_a_layer_is_one_of_the_kinds_by_its_type() -> None:
    *kinds, call = SCHEMA["properties"]["layers"]["items"]["oneOf"]
    assert re.match(call["pattern"], "encoder = nn.LSTM(300, 50)")
    assert kinds == [{"$ref": f"#/$defs/{name}"} for name in (*TYPES, "Cell", "NamedCell", "SharedLayer", "Repeat")]
    assert [SCHEMA["$defs"][name]["properties"]["type"]["const"] for name in TYPES] == list(TYPES)


MODELS = {"Input": Input, "Budget": Budget, **{name: kind_of(name) for name in TYPES}, **BLOCKS}


@pytest.mark.parametrize("name", [None, *MODELS])
def test_fields_are_the_models_with_their_defaults(name: str | None) -> None:
    schema, model = (SCHEMA, Document) if name is None else (SCHEMA["$defs"][name], MODELS[name])
    fields = model.model_fields
    wires = [key for key in ("from", "add", "state_from") if name in TYPES]
    assert sorted(schema["properties"]) == sorted([*fields, *wires])
    # why: with lengths, nothing of the input block is required, and with several inputs there need be none.
    one_input = SCHEMA["else"]
    required = one_input["properties"]["input"]["anyOf"][0] if name == "Input" else schema
    several = one_input["required"] if name is None else []
    expected = [key for key, field in fields.items() if field.is_required()]
    assert sorted([*required.get("required", []), *several]) == sorted(expected)
    for key, field in fields.items():
        # None and "" say that nothing was given, and an editor had better not write them.
        default = None if field.is_required() or field.default == "" else field.default
        assert schema["properties"][key].get("default") == default
        assert key == "type" or schema["properties"][key]["description"], key
        assert "title" not in schema["properties"][key]
    assert "\n" not in schema["description"]
    assert 0 < len(schema["description"]) < 120


@pytest.mark.parametrize("name", BLOCKS)
def test_every_kind_has_laws_of_its_own(name: str) -> None:
    init = SCHEMA["$defs"][name.removesuffix("Init")]["properties"]["init"]
    assert init["anyOf"] == [{"$ref": f"#/$defs/{name}"}, {"type": "null"}]


def test_descriptions_are_what_errors_say() -> None:
    lstm = SCHEMA["$defs"]["LSTM"]
    assert lstm["properties"]["hidden_size"]["description"] == "an integer >= 1"
    assert lstm["properties"]["input_size"]["description"] == "an integer >= 1"
    assert SCHEMA["properties"]["device"]["description"] == "auto, cpu, cuda, cuda:N, mps or meta"
    # the field's own words, not those of what is inside it
    lengths = SCHEMA["$defs"]["Input"]["properties"]["lengths"]
    assert lengths["description"] == "a list of integers >= 1, one for each sequence"
    assert lstm["description"].startswith("torch.nn.LSTM; ")


def test_it_is_the_same_each_time() -> None:
    assert json.dumps(document_schema()) == json.dumps(SCHEMA)


# --- documents -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.yaml")), ids=lambda path: path.stem)
def test_every_document_of_configs_is_valid(path: Path) -> None:
    VALIDATOR.validate(read_tree(path.read_text(encoding="utf-8"), str(path)).data)


LSTM = {"type": "LSTM", "input_size": 2, "hidden_size": 4}

CELL = {"type": "Cell", "input_size": 2, "hidden_size": 4, "equations": "h = tanh(W_ih @ x + W_hh @ h + b)"}
MINE = {"equations": "h = dt * tanh(W_ih @ x + W_hh @ h)", "constants": {"dt": 1}, "sizes": {"order": 3}}

# Besides what one key has of a wrong sort, which each key is tried with below.
WRONG: list[Any] = [
    None,
    3,
    [],
    "model",
    {},
    {"layers": [LSTM]},
    {"input": {"batch_size": 3, "seq_len": 5}},
    document(LSTM, wat=1),
    document(LSTM, Device="cpu"),
    document(LSTM, device="gpu"),
    document(LSTM, device="cuda:"),
    document(LSTM, device="cuda:100"),
    document(LSTM, device="cuda:01"),
    document(LSTM, input={"batch_size": 3}),
    document(LSTM, input={"seq_len": 3}),
    document(LSTM, input={"batch_size": 3, "seq_len": 3, "seq_length": 3}),
    document(LSTM, input={"lengths": None}),
    document(LSTM, input={"lengths": []}),
    document(LSTM, input={"lengths": 3}),
    document(LSTM, input={"lengths": [3, 0]}),
    document(LSTM, input={"lengths": [3, "5"]}),
    document(LSTM, input={"batch_size": 2, "lengths": []}),
    document(LSTM, input={"batch_size": 2, "lengths": None}),
    document(LSTM, input={"batch_size": 2, "seq_len": None, "lengths": [3, 5]}),
    document(LSTM, input={"seq_len": 5, "lengths": None}),
    document(LSTM, budget={"max_parameters": 3}),
    document(LSTM, budget={"max_params": "-3"}),
    document(LSTM, budget={"max_params": "k"}),
    document(LSTM, sweep={"lstm.hidden_size": []}),
    document(LSTM, sweep={"lstm.hidden_size": "range(1, 9, 2, 3)"}),
    document(LSTM, sweep={"lstm.hidden_size": "64, 128"}),
    document(LSTM, cases=[{}, None]),
    document(None),
    document({}),
    document({"hidden_size": 3}),
    document(LSTM | {"hiden_size": 3}),
    document(LSTM | {"name": "a.b"}),
    document(LSTM | {"name": "a[0]"}),
    document(LSTM | {"nonlinearity": "relu"}),
    document(LSTM | {"init": {"weight_hx": "orthogonal"}}),
    document(LSTM, {"type": "RNN", "hidden_size": 3, "init": {"forget_bias": 1.0}}),
    document(LSTM, {"type": "GRU", "hidden_size": 3, "init": {"weight_hr": "eye"}}),
    document(LSTM, {"type": "Linear", "out_features": 3, "init": {"weight_hh": "zeros"}}),
    document(LSTM, {"type": "LayerNorm", "init": {}}),
    document(LSTM | {"init": {"weight": {"uniform": 0.1, "normal": 0.1}}}),
    document(LSTM | {"init": {"weight_hh": {"uniform": -0.1}}}),
    document(LSTM | {"init": {"weight": {"normal": 0}}}),
    document({"type": "Embedding", "num_embeddings": 3, "embedding_dim": 2, "init": {"bias": "zeros"}}),
    document(CELL | {"equations": 3}),
    document(CELL | {"hidden_size": None}),
    document(CELL | {"widths": {"h": 0}}),
    document(CELL | {"widths": ["h"]}),
    document(CELL | {"sizes": {"order": 1.5}}),
    document(CELL | {"constants": {"dt": "x"}}),
    document(CELL | {"constants": {"dt": 2e100}}),
    document(CELL | {"initial": {"h": "learnt"}}),
    document(CELL | {"fixed": "W"}),
    document(CELL | {"packing": "all"}),
    document(CELL | {"meanings": {"h": 3}}),
    document(CELL | {"wat": "x"}),
    document({"type": "Cell", "hidden_size": 3}),
    document({"type": "MGU", "hidden_size": 3, "equations": "h = h"}),
    document({"type": "MGU"}),
    document({"type": "Mine", "hidden_size": 3}),
    document({"type": "Mine"}, cells={"Mine": MINE}),
    document({"type": "Mine", "hidden_size": 3, "dt": "x"}, cells={"Mine": MINE}),
    document({"type": "LSTM", "dt": 3, "hidden_size": 3}, cells={"Mine": MINE}),
    document(LSTM, cells={"Mine": {**MINE, "hidden_size": 3}}),
    document(LSTM, cells={"Mine": {}}),
    document(LSTM, cells={"Mine": "h = h"}),
    document(LSTM, cells=["Mine"]),
]


@pytest.mark.parametrize("data", WRONG, ids=lambda data: json.dumps(data)[-60:])
def test_both_refuse(data: Any) -> None:
    assert (VALIDATOR.is_valid(data), reads(data)) == (False, False)


@pytest.mark.parametrize(
    "data",
    [
        document(LSTM, budget={"max_params": 1e6, "max_param_bytes": 0}),
        document(LSTM, budget={"max_params": "20M", "max_macs": "1.5k", "max_param_bytes": "80 MiB"}),
        document(LSTM, budget={"max_params": None}),
        document(LSTM, budget={}),
        document(LSTM, budget=None, device=None, name=None),
        document(LSTM, sweep=None, cases=None),
        document(LSTM, input={"lengths": [3, 5]}),
        document(LSTM, input={"lengths": [3], "state": "random"}),
        document(LSTM, input={"batch_size": 2, "lengths": [3, 5]}),
        document(LSTM, input={"seq_len": 9, "lengths": [3, 5]}),
        document(LSTM, input={"batch_size": 3, "seq_len": 5, "lengths": None}),
        document(LSTM, sweep={}, cases=[{}]),
        document(LSTM, sweep={"lstm.hidden_size": [64, "x", None], "input.batch_size": " range( -1,9 , -2 ) "}),
        document(LSTM, cases=[{"name": "a", "lstm.hidden_size": 64}, {"lstm.init": {"bias": "zeros"}}]),
        document(LSTM | {"name": "Schicht-größe_1"}, {"type": "Dropout", "name": "слой"}),
        document(LSTM | {"name": "𝒳"}),
        document(LSTM | {"dropout": 1}),
        document(LSTM | {"init": {"weight_hh": "orthogonal", "bias": "zeros", "forget_bias": 1}}),
        document(LSTM | {"init": {"weight_hr": "eye", "weight_ih": None, "forget_bias": -0.5}}),
        document(LSTM | {"init": {"weight": {"uniform": 0.1}, "bias": {"normal": 1}}}),
        document(
            {"type": "Embedding", "num_embeddings": 3, "embedding_dim": 2, "init": {"weight": {"normal": 1e-6}}},
            {"type": "Linear", "out_features": 3, "init": {"weight": "orthogonal_packed", "bias": -1.5}},
        ),
        document(LSTM | {"init": {}}, {"type": "GRUCell", "hidden_size": 3, "init": {"forget_bias": None}}),
        document({"type": "LayerNorm", "normalized_shape": [5, 4]}),
        document(CELL | {"init": {"W_*": "orthogonal", "b": 1}, "initial": {"h": "learned"}, "fixed": ["W_hh"]}),
        document(CELL | {"sizes": {"order": 3}, "constants": {"dt": 1e-3}, "widths": {"h": "hidden_size"}, "dt": 2}),
        document(CELL | {"output": "h", "packing": "none", "source": "me", "meanings": {"h": "state"}, "init": None}),
        document({"type": "MGU", "hidden_size": 3, "num_layers": 2, "bidirectional": True, "dropout": 0.5}),
        document({"type": "Mine", "hidden_size": 3, "dt": 0.5, "order": 7}, LSTM, cells={"Mine": MINE}),
        document(LSTM, cells={}),
        document(LSTM, cells=None),
    ],
)
def test_both_accept(data: Any) -> None:
    assert (VALIDATOR.is_valid(data), reads(data)) == (True, True)


@pytest.mark.parametrize(
    "data",
    [
        document(LSTM | {"hidden_size": 3.0}),  # JSON Schema's integers
        document(LSTM | {"name": "a"}, LSTM | {"name": "a"}),
        document(LSTM | {"name": "input"}),
        document(LSTM | {"name": "a\N{EM DASH}b"}),  # beyond ASCII the schema asks nothing of a name
        document(LSTM, name="\x1b"),
        document(LSTM, budget={"max_params": "1.5"}),  # half a parameter
        document(LSTM, cases=[{"name": 3}]),
        document(CELL | {"equations": "h = wat(x)"}),
        document(CELL | {"hiden_size": 3}),  # a number, as constants are
        document(CELL | {"constants": {"hidden_size": 3}}),
        document({"type": "mine", "hidden_size": 3}, cells={"Mine": MINE}),
        document(LSTM, cells={"LSTM": MINE}),
    ],
)
def test_only_the_reader_refuses(data: Any) -> None:
    """What JSON Schema cannot say, so that the documentation of it stays true."""
    assert (VALIDATOR.is_valid(data), reads(data)) == (True, False)


# Of every sort, and on both sides of every bound that a field has.
VALUES: list[Any] = [None, True, False, -1, 0, 1, 2, 3, 0.5, -0.5, 1.5, 2.5, 1e-5, 10_000, 10_001, LARGEST, LARGEST + 1]
VALUES += [-LARGEST, -LARGEST - 1, 10**30, "", "x", "a b", "tanh", "relu", "output", "last", "zeros", "random", "cpu"]
VALUES += ["sum", "cuda:7", "float16", "20M", "2.5 GiB", "3 ", "x" * 100, "x" * 101, "LSTM", "Dropout"]
VALUES += ["orthogonal", "kaiming_uniform", "eye", "zeros_", "uniform", -100, 100, 100.5]
VALUES += [[], [1], [0], ["x"], [1] * 8, [1] * 9, [[1]], {}, {"a": 1}]


# Each field accepts one of the values at the least and refuses another, so that none is compared in vain.
def both_verdicts(documents: Iterable[dict[str, Any]], validator: Draft202012Validator, *, every: bool) -> bool:
    """Whether some are accepted and others refused, by both alike; without `every`, as soon as that is seen."""
    seen = set()
    for data in documents:
        seen.add(same_verdict(data, validator))
        if len(seen) == 2 and not every:
            break
    return len(seen) == 2


def is_elsewhere(name: str, field: str, models: Mapping[str, type[BaseModel]]) -> bool:
    """Whether a model before `name` has the same field, for the reader and in the schema."""
    before = [other for other in list(models)[: list(models).index(name)] if field in models[other].model_fields]
    # Its own name is all that a kind's `type` has of its own.
    return (bool(before) and field == "type") or any(
        repr(models[other].model_fields[field]) == repr(models[name].model_fields[field])
        and SCHEMA["$defs"][other]["properties"][field] == SCHEMA["$defs"][name]["properties"][field]
        for other in before
    )


# Every value, where a field is met for the first time, by the schema of its kind; of one that kinds share, the others
# are all tried by `more`, which asks the whole schema.
EVERY_KIND = pytest.mark.parametrize("every_kind", [False, pytest.param(True, marks=pytest.mark.more)])


@EVERY_KIND
@pytest.mark.parametrize("name", TYPES)
def test_every_field_of_a_layer_with_every_sort_of_value(name: str, every_kind: bool) -> None:
    kinds, alone = {other: kind_of(other) for other in TYPES}, for_one(name)
    for field in kind_of(name).model_fields:
        values = [name, *(value for value in VALUES if value not in TYPES)] if field == "type" else VALUES
        documents = (document({"type": name, **least_keys(name), field: value}) for value in values)
        validator = VALIDATOR if every_kind or field == "type" else alone
        assert both_verdicts(documents, validator, every=every_kind or not is_elsewhere(name, field, kinds)), field
    for field in least_keys(name):
        if field != "out_features":  # a Linear's, which may be tied instead
            same_verdict(document({"type": name, **{key: 3 for key in least_keys(name) if key != field}}))


@EVERY_KIND
@pytest.mark.parametrize("name", BLOCKS)
def test_every_law_with_every_sort_of_value(name: str, every_kind: bool) -> None:
    kind = name.removesuffix("Init")
    validator = VALIDATOR if every_kind else for_one(kind)
    for field in BLOCKS[name].model_fields:
        samples = (document({"type": kind, **least_keys(kind), "init": {field: value}}) for value in VALUES)
        assert both_verdicts(samples, validator, every=every_kind or not is_elsewhere(name, field, BLOCKS)), field


@pytest.mark.parametrize("block", ["input", "budget", None])
def test_every_other_field_with_every_sort_of_value(block: str | None) -> None:
    model = {"input": Input, "budget": Budget, None: Document}[block]
    for field in model.model_fields:
        for value in VALUES:
            data = document(LSTM)
            (data.setdefault(block, {}) if block else data)[field] = value
            same_verdict(data)


# --- samples -------------------------------------------------------------------------------------------------


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Values that are often right for a field, and sometimes nearly."""
    sorts: list[st.SearchStrategy[Any]] = [st.sampled_from(VALUES)]
    parts = [annotation]
    while parts:
        part = parts.pop()
        if get_origin(part) is Literal:
            sorts.append(st.sampled_from(get_args(part)))
        elif part is int:
            sorts.append(st.integers(1, 40))
        elif part is float:
            sorts.append(st.floats(0, 2, allow_nan=False))
        elif part is bool:
            sorts.append(st.booleans())
        elif part is str:
            sorts.append(st.text(min_size=1, max_size=12))
            sorts.append(st.from_regex(r"[0-9]{1,3}(\.[05])? ?(k|M|MB|GiB|B|)", fullmatch=True))
        parts += get_args(part) if get_origin(part) is not Literal else ()
    return st.one_of(sorts)


@st.composite
def mappings(draw: st.DrawFn, model: Any, least: dict[str, Any], whole: Callable[[dict[str, Any]], Any]) -> Any:
    """A mapping for `model` without the values that the reader refuses; `whole` puts it in a document."""
    fields = [key for key in model.model_fields if key not in least]
    keys = dict(least)
    for key in draw(st.lists(st.sampled_from(fields), unique=True)):
        value = draw(values(model.model_fields[key].annotation))
        if reads(whole({**keys, key: value})):
            keys[key] = value
    return keys


SIZES = {"batch_size": 3, "seq_len": 5}
LAYERS = st.sampled_from(TYPES).flatmap(
    lambda name: mappings(kind_of(name), {"type": name, **least_keys(name)}, lambda layer: document(layer))
)
INPUTS = st.sampled_from([SIZES, {"lengths": [3, 5]}]).flatmap(
    lambda least: mappings(Input, least, lambda block: document(input=block))
)
BUDGETS = mappings(Budget, {}, lambda block: document(budget=block))
TOPS = mappings(Document, {"input": SIZES, "layers": [LSTM]}, lambda top: top)


@examples(15)
@given(TOPS, INPUTS, BUDGETS, st.lists(LAYERS, min_size=1, max_size=3))
def test_whatever_the_reader_accepts_is_valid(
    top: dict[str, Any], block: dict[str, Any], budget: dict[str, Any], layers: list[dict[str, Any]]
) -> None:
    data = top | {"input": block, "budget": budget, "layers": layers}
    assume(reads(data))  # two names may be the same
    VALIDATOR.validate(data)


@examples(30)
@given(st.from_regex(r"[ \t]?[0-9]{1,31}(\.[0-9]{1,3})?[ ]{0,2}[kKMGTmiB]{0,3}[ \n]?", fullmatch=True))
def test_amounts_are_read_by_both(text: str) -> None:
    for field, parse in (("max_params", parse_count), ("max_param_bytes", parse_bytes)):
        try:
            parse(text)
        except ValueError as error:
            sound = "." in text and "whole" in str(error)
        else:
            sound = True
        assert VALIDATOR.is_valid(document(LSTM, budget={field: text})) == sound


# --- the command ---------------------------------------------------------------------------------------------


def test_the_command_prints_it(run: Run) -> None:
    done = run("schema")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == SCHEMA


def test_the_command_writes_it_to_a_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "rnninspect.schema.json"
    done = run("schema", "--output", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(path.read_text(encoding="utf-8")) == SCHEMA


def test_the_command_where_it_cannot_write(run: Run, tmp_path: Path) -> None:
    done = run("schema", "--output", tmp_path / "missing" / "schema.json")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: cannot write ")
