"""A document's tree, validated: every value of the right type and in range, every key known.

Sizes are not held against each other here; that is `chain`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from rnninspect.document.paths import Path, dotted
from rnninspect.document.quantity import Bytes, Count
from rnninspect.document.tree import Tree
from rnninspect.errors import DocumentError, did_you_mean, show
from rnninspect.layers.fields import Expect, Size, expectations
from rnninspect.layers.layer import Layer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.registry import TYPES, kind_of

_Model = TypeVar("_Model", bound=BaseModel)
_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True, defer_build=True)

# The keys at the top of a document that are no single values, so that no option replaces them whole.
BLOCKS = ("input", "budget", "sweep", "cases", "layers")

# range(16), range(16, 65), range(16, 65, 16), as Python means it. why 18 digits: their difference fits 64 bits.
RANGE = r"^ *range\( *-?[0-9]{1,18}( *, *-?[0-9]{1,18}){0,2} *\) *$"
_Swept = Annotated[
    Annotated[list[Any], Field(min_length=1)] | Annotated[str, Field(pattern=RANGE)],
    Expect("a list of values, or range(START, STOP, STEP)"),
]
_Case = Annotated[dict[str, Any], Expect("a mapping of paths to values, such as encoder.hidden_size: 64")]


def _printable(text: str) -> str:
    # why: in a CI log `::` at the start of a line, and `##[` anywhere, are commands to GitHub's runner
    if not text.isprintable() or text.startswith("::") or "##[" in text:
        raise ValueError("not printable")
    return text


def _unless_lengths(schema: dict[str, Any]) -> None:
    """In the JSON Schema: what is required is not, where there are lengths."""
    lengths = {"type": "array", "minItems": 1}
    schema["anyOf"] = [
        {"required": schema.pop("required")},
        {"required": ["lengths"], "properties": {"lengths": lengths}},
    ]


class Input(BaseModel):
    """The `input` block: the batch that goes in. `lengths` says batch_size and seq_len where they are left out."""

    model_config = ConfigDict(**_STRICT, json_schema_extra=_unless_lengths)

    batch_size: Annotated[Size | None, Expect("an integer >= 1, or null for unbatched input")]
    seq_len: Size
    lengths: Annotated[list[Size] | None, Expect("a list of integers >= 1, one for each sequence")] = None
    state: Annotated[Literal["zeros", "random"], Expect("zeros or random")] = "zeros"


class Budget(BaseModel):
    """The `budget` block: what `rnninspect check` holds the model to."""

    model_config = _STRICT

    max_params: Count | None = None
    max_param_bytes: Bytes | None = None
    max_macs: Count | None = None
    max_output_bytes: Bytes | None = None
    max_training_bytes: Bytes | None = None
    max_activation_bytes: Bytes | None = None


# The blocks whose keys a path names, such as `input.batch_size`; no layer may be called like one.
KEYED_BLOCKS: Mapping[str, type[BaseModel]] = {"input": Input, "budget": Budget}


class Document(BaseModel):
    """A whole document; the layers, whose fields depend on their `type`, are validated one by one."""

    model_config = _STRICT

    name: Annotated[
        Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_printable)] | None,
        Expect("1 to 100 printable characters"),
    ] = None
    input: Annotated[Input, Expect("a mapping with batch_size and seq_len")]
    device: Annotated[
        str | None,
        Field(pattern=r"^(auto|cpu|mps|meta|cuda(:(0|[1-9][0-9]?))?)$"),
        Expect("auto, cpu, cuda, cuda:N, mps or meta"),
    ] = None
    dtype: Annotated[
        Literal["float32", "float64", "float16", "bfloat16"], Expect("float32, float64, float16 or bfloat16")
    ] = "float32"
    budget: Annotated[Budget | None, Expect("a mapping of limits such as max_params: 20M")] = None
    sweep: Annotated[
        dict[str, _Swept] | None, Expect("a mapping of paths to values, such as encoder.hidden_size: [64, 128]")
    ] = None
    cases: Annotated[
        Annotated[list[_Case], Field(min_length=1)] | None, Expect("a list of at least one mapping of paths to values")
    ] = None
    layers: Annotated[list[Any], Field(min_length=1), Expect("a list of at least one layer")]


class Validated(NamedTuple):
    """A document whose every value is sound by itself."""

    document: Document
    layers: tuple[Layer, ...]


def validate(tree: Tree) -> Validated:
    """Validate a tree. Raises DocumentError for the first fault found, with its place and a hint."""
    if not isinstance(tree.data, dict):
        raise DocumentError(
            tree.place(()),
            f"expected a mapping with input and layers, got {show(tree.data)}",
            hint="a model needs `input:` and `layers:`",
        )
    document = _model(Document, _with_sizes(tree.data, tree), (), tree)
    _case_names(document, tree)
    names = layer_names(tree.data)
    layers = tuple(_layer(data, ("layers", i), names[i], tree) for i, data in enumerate(document.layers))
    _unique_names(layers, tree)
    return Validated(document, layers)


def _with_sizes(data: dict[str, Any], tree: Tree) -> dict[str, Any]:
    """The data with the batch_size and seq_len that `input.lengths` says, where they are left out."""
    given = data.get("input")
    if not isinstance(given, dict):
        return data
    lengths = given.get("lengths")
    if not isinstance(lengths, list) or given.keys() >= {"batch_size", "seq_len"}:
        return data
    if not lengths:
        raise _fault(("input", "lengths"), tree, "expected at least one length, got none", "one for each sequence")
    if any(type(length) is not int for length in lengths):
        return data  # the fault that is told is the length's
    return {**data, "input": {"batch_size": len(lengths), "seq_len": max(lengths), **given}}


def _case_names(document: Document, tree: Tree) -> None:
    # why here: JSON Schema has no words for a mapping of any keys, one of which must be a text.
    for i, case in enumerate(document.cases or ()):
        if "name" in case:
            name = case["name"]
            try:
                sound = isinstance(name, str) and 0 < len(_printable(name)) <= 100
            except ValueError:
                sound = False
            if not sound:
                raise _fault(("cases", i, "name"), tree, f"expected 1 to 100 printable characters, got {show(name)}")


def layer_names(data: Mapping[str, Any]) -> list[str]:
    """The name of each layer: its own, or its type in lower case, numbered where that is taken."""
    layers = data.get("layers")
    layers = layers if isinstance(layers, list) else []
    own = [layer.get("name") if isinstance(layer, dict) else None for layer in layers]
    taken = {name for name in own if isinstance(name, str)}
    free: dict[str, Iterator[str]] = {}
    names = []
    for layer, name in zip(layers, own, strict=True):
        if not isinstance(name, str):
            kind = str(layer.get("type")).lower() if isinstance(layer, dict) else "layer"
            candidates = free.setdefault(kind, _numbered(kind))
            name = next(candidate for candidate in candidates if candidate not in taken)
        names.append(name)
    return names


def _numbered(word: str) -> Iterator[str]:
    yield word
    yield from (f"{word}{n}" for n in count(2))


def _layer(data: object, path: Path, name: str, tree: Tree) -> Layer:
    if not isinstance(data, dict):
        raise _fault(path, tree, f"expected a mapping with type, got {show(data)}")
    if "type" not in data:
        raise _fault(path, tree, "required key type is missing", f"one of {', '.join(TYPES)}", key="type")
    kind = data["type"]
    if not isinstance(kind, str) or kind not in TYPES:
        raise _fault((*path, "type"), tree, f"expected a layer type, got {show(kind)}", did_you_mean(str(kind), TYPES))
    layer = _model(kind_of(kind), data, path, tree)
    if isinstance(layer, Recurrent) and layer.init:
        # why by itself: few documents have the block, and its keys depend on the kind.
        _model(layer.init_block(), layer.init, (*path, "init"), tree)
    return layer if layer.name else layer.model_copy(update={"name": name})


def _unique_names(layers: tuple[Layer, ...], tree: Tree) -> None:
    index_of: dict[str, int] = {}
    for i, layer in enumerate(layers):
        if layer.name in index_of:
            raise _fault(
                ("layers", i, "name"),
                tree,
                f"the name {layer.name!r} is taken by layers[{index_of[layer.name]}]",
                "--set and the tables tell layers apart by name",
            )
        if layer.name in KEYED_BLOCKS:
            message = f"the name {layer.name!r} is the {layer.name} block's"
            raise _fault(("layers", i, "name"), tree, message, "call the layer otherwise")
        index_of[layer.name] = i


def _model(model: type[_Model], data: object, path: Path, tree: Tree) -> _Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_url=False)
    # why missing keys last: a misspelt key is both unknown and missing, and only the first says what to do.
    # why the longest path first: of a union's complaints it is the one about the member that was meant.
    explained = sorted(
        (_explain(fault, model, path, tree) for fault in faults),
        key=lambda fault: (
            " is missing" in fault.message,
            -fault.path.count("["),
            fault.place.line or 0,
            fault.place.column or 0,
            not fault.hint,
        ),
    )
    raise explained[0]


def _explain(fault: Mapping[str, Any], model: type[BaseModel], path: Path, tree: Tree) -> DocumentError:
    """One of pydantic's complaints in the document's words: where, expected, got, what to try."""
    # why: inside a union pydantic's location has the member's name in it, which is no part of the document.
    loc = tuple(fault["loc"])
    if fault["type"] == "missing":
        key = str(loc[-1])
        hint = _TO_WRITE.get((*path, *loc), "")
        return _fault((*path, *loc[:-1]), tree, f"required key {key} is missing", hint, key=key)
    where = path
    for part in loc:
        where = (*where, part) if (*where, part) in tree.values else where
    known = where[len(path) :]
    if fault["type"] == "extra_forbidden":
        return _unknown_key(where, model, tree)
    expected = _words(model, known)
    hint = _what_to_try(fault, expected)
    if where[:2] == ("input", "lengths") and fault["input"] == 0 and fault["type"] == "greater_than_equal":
        hint = _NO_EMPTY_SEQUENCE
    return _fault(where, tree, f"expected {expected}, got {show(fault['input'])}", hint)


# What to write for a key that is missing.
_TO_WRITE: dict[Path, str] = {
    ("input", "batch_size"): "write batch_size: 32, or null for unbatched input",
    ("input", "seq_len"): "write seq_len: 20, or lengths, one for each sequence",
}

_NO_EMPTY_SEQUENCE = (
    "torch packs no empty sequence: leave it out of the batch, or give it length 1 with a padding token and ignore its "
    "output"
)


def _unknown_key(path: Path, model: type[BaseModel], tree: Tree) -> DocumentError:
    key = str(path[-1])
    owner = _submodel(model, path)
    fields = [name for name in owner.model_fields if name != "type"]
    hint = getattr(owner, "foreign", {}).get(key) or did_you_mean(key, fields)
    place = tree.keys.get(path, tree.place(path))
    return DocumentError(place, f"unknown key {show(key)}", path=dotted(path), hint=hint)


def _submodel(model: type[BaseModel], path: Path) -> type[BaseModel]:
    """The model that the key at the end of `path` should have been one of."""
    return KEYED_BLOCKS.get(str(path[0]), model) if model is Document and len(path) > 1 else model


def _words(model: type[BaseModel], loc: Path) -> str:
    """What the field at `loc` expects: its own Expect, or inside a list its items'."""
    owner = _submodel(model, loc)
    names = [part for part in loc if isinstance(part, str)]
    # why: the keys of a `sweep` and of a case are paths, one of which is `dtype`.
    of_paths = owner is model and len(names) > 1
    field = owner.model_fields[names[-1]] if names[-1] in owner.model_fields and not of_paths else None
    field = field or model.model_fields[names[0]]
    own = [item.words for item in field.metadata if isinstance(item, Expect)]
    items = list(expectations(field.annotation))
    inside = of_paths or (bool(loc) and isinstance(loc[-1], int))
    return (items + own)[0] if inside else (own + items)[0]


def _what_to_try(fault: Mapping[str, Any], expected: str) -> str:
    value = fault["input"]
    if fault["type"] in ("less_than_equal", "too_long", "string_too_long"):
        most = fault["ctx"].get("le") or fault["ctx"].get("max_length")
        return f"the most is {most}"
    if isinstance(value, str) and (value.startswith("::") or "##[" in value):
        return "`::` at the start and `##[` anywhere are commands in a CI log"
    if fault["type"] == "literal_error":
        choices = re.findall(r"'(\w+)'", fault["ctx"]["expected"])
        # why not always: most fields expect so few that `expected` lists them.
        return "" if all(choice in expected for choice in choices) else did_you_mean(str(value), choices)
    if expected == "true or false" and isinstance(value, str):
        return "write true or false, without quotes"
    if isinstance(value, float) and value.is_integer() and "integer" in expected:
        return f"write {int(value)}"
    if (
        isinstance(value, str)
        and any(char.isdigit() for char in value)
        and ("integer" in expected or "number" in expected)
    ):
        return "write a plain decimal number, without quotes or separators"
    return ""


def _fault(path: Path, tree: Tree, message: str, hint: str = "", key: str = "") -> DocumentError:
    place = tree.place(path)
    return DocumentError(place, message, path=dotted((*path, key) if key else path), hint=hint)
