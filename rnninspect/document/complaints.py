"""What pydantic and we complain of, in the words of documents: where, expected, got, what to try."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from rnninspect.document import synonyms
from rnninspect.document.blocks import BLOCKS, KEYED_BLOCKS, WIRE_KEYS, Document, Input
from rnninspect.document.faults import together
from rnninspect.document.paths import Path, dotted
from rnninspect.document.tree import Tree
from rnninspect.errors import DocumentError, did_you_mean, listed, nearest, show
from rnninspect.layers.fields import Expect, expectations
from rnninspect.layers.layer import Layer
from rnninspect.layers.registry import TYPES, kind_of

_Model = TypeVar("_Model", bound=BaseModel)


# why: likeness takes a tenth of a millisecond, a document may have as many faults as keys, and few of them are read.
MOST_HINTS = 100


def valid(model: type[_Model], data: object, path: Path, tree: Tree, hints: int = MOST_HINTS) -> _Model:
    """The data at `path` as a model of its keys. Raises DocumentError with every fault in it.

    hints: of the first so many faults it is worked out what was meant.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        complaints = error.errors(include_url=False)
    found: dict[Path, DocumentError] = {}
    missing, meant = set[Path](), set[Path]()
    for complaint in complaints:
        where, guess = _where(complaint, path, tree), len(found) < hints
        if complaint["type"] == "missing":
            missing.add(where)
            fault = fault_at(where, tree, f"required key {where[-1]} is missing", _to_write(where, tree))
        elif complaint["type"] == "extra_forbidden":
            key, hint = in_place_of_key(str(where[-1]), _submodel(model, where)) if guess else ("", "")
            meant.add((*where[:-1], key))
            place = tree.keys.get(where, tree.place(where))
            fault = DocumentError(place, f"unknown key {show(where[-1])}", path=dotted(where), hint=hint)
        else:
            expected = _words(model, tuple(0 if isinstance(part, int) else part for part in where[len(path) :]))
            hint = _what_to_try(complaint, where, expected) if guess else ""
            fault = fault_at(where, tree, f"expected {expected}, got {show(complaint['input'])}", hint)
        # why: of a union's complaints about one value, it is the one with a hint that is about the member meant.
        if where not in found or (fault.hint and not found[where].hint):
            found[where] = fault
    # why: a misspelt key is both unknown and missing, and the members of a union that were not meant complain of all
    # that encloses what is wrong.
    needless = {where[:k] for where in found for k in range(len(path) + 1, len(where))} | (missing & meant)
    raise together(fault for where, fault in found.items() if where not in needless)


def fault_at(path: Path, tree: Tree, message: str, hint: str = "") -> DocumentError:
    """The fault at `path`, where the document has that or what encloses it."""
    return DocumentError(tree.place(path), message, path=dotted(path), hint=hint)


def _where(complaint: Mapping[str, Any], path: Path, tree: Tree) -> Path:
    """The path that a complaint is about; a key that is missing is its end."""
    *above, last = complaint["loc"]
    # why: inside a union pydantic's location has the member's name in it, which is no part of the document.
    for part in above:
        path = (*path, part) if (*path, part) in tree.values else path
    return (*path, last) if complaint["type"] == "missing" or (*path, last) in tree.values else path


# What to write for a key that is missing.
_TO_WRITE: dict[Path, str] = {
    ("input",): "for example input: {batch_size: 32, seq_len: 20}",
    ("input", "batch_size"): "write batch_size: 32, or null for unbatched input",
    ("input", "seq_len"): "write seq_len: 20, or lengths, one for each sequence",
    ("layers",): "for example layers: [{type: LSTM, input_size: 300, hidden_size: 50}]",
}


def _to_write(where: Path, tree: Tree) -> str:
    """A hint for a key that is missing."""
    if where[0] == "inputs":
        return "write seq_len: 30, or null for one vector of each sequence"
    if where == ("input",) and ("inputs",) in tree.values:
        return "write input: {batch_size: 32}: all inputs have its number of sequences"
    return _TO_WRITE.get(where, "")


_NO_EMPTY_SEQUENCE = (
    "torch packs no empty sequence: leave it out of the batch, or give it length 1 with a padding token and ignore its "
    "output"
)


# why a cache: likeness takes its time, and who writes a wrong key in one layer does in all.
@lru_cache(maxsize=100)
def in_place_of_key(key: str, owner: type[BaseModel]) -> tuple[str, str]:
    """The key of `owner` that was meant, "" where nobody can say, and a hint."""
    wires = sorted(WIRE_KEYS) if issubclass(owner, Layer) else []
    fields = [*(name for name in owner.model_fields if name != "type"), *wires]
    for name in synonyms.fields_meant(key):
        if name in fields:
            return name, f"did you mean {name!r}?"
    hint: str = getattr(owner, "foreign", {}).get(key, "") or synonyms.REMARKS.get(key.lower(), "")
    hint = hint or _elsewhere(key, owner)
    if hint:
        return "", hint
    near = nearest(key, fields)
    return near, did_you_mean(key, fields if near else [name for name in fields if name not in wires])


def _elsewhere(key: str, owner: type[BaseModel]) -> str:
    """A hint, where another kind of layer or another block has the key, or what it stands for."""
    if owner not in (Document, Input) and not issubclass(owner, Layer):
        return ""
    for name in (key, *synonyms.fields_meant(key)):
        if owner is not Input and name in Input.model_fields:
            return f"write {name} in the input block"
        if owner is not Document and name in Document.model_fields and name not in (*BLOCKS, "name"):
            return f"write {name} at the top of the document"
        if owner is Input and name == "input_size":
            return "write input_size in the first layer"
        kinds = [kind for kind in TYPES if name in kind_of(kind).model_fields]
        # why: who gives a cell a key of the layer that runs it wants that layer.
        kinds = [kind for kind in kinds if f"{kind}Cell" == owner.__name__] or kinds
        if kinds and name not in Layer.model_fields:
            has = "has" if len(kinds) == 1 else "have"
            return f"{listed(kinds)} {has} {'it' if name == key else name}"
    return ""


def _submodel(model: type[BaseModel], path: Path) -> type[BaseModel]:
    """The model that the key at the end of `path` should have been one of."""
    return KEYED_BLOCKS.get(str(path[0]), model) if model is Document and len(path) > 1 else model


@lru_cache(maxsize=100)
def _words(model: type[BaseModel], loc: Path) -> str:
    """What the field at `loc`, its path within `model`, expects: its own Expect, or inside a list its items'."""
    owner = _submodel(model, loc)
    # why: what is looked at by itself is the one field of its model.
    keys = {field.alias or name: field for name, field in model.model_fields.items()}
    names = [part for part in loc if isinstance(part, str)] or list(keys)[:1]
    # why: the keys of a `sweep` and of a case are paths, one of which is `dtype`.
    of_paths = owner is model and len(names) > 1
    field = owner.model_fields[names[-1]] if names[-1] in owner.model_fields and not of_paths else None
    field = field or keys[names[0]]
    own = [item.words for item in field.metadata if isinstance(item, Expect)]
    items = list(expectations(field.annotation))
    inside = of_paths or (bool(loc) and isinstance(loc[-1], int))
    return (items + own)[0] if inside else (own + items)[0]


def _what_to_try(complaint: Mapping[str, Any], where: Path, expected: str) -> str:
    value, kind, about = complaint["input"], complaint["type"], complaint.get("ctx", {})
    if where == ("layers",):
        return synonyms.in_place_of_layers(value)
    if where[:2] == ("input", "lengths") and kind == "greater_than_equal" and value == 0:
        return _NO_EMPTY_SEQUENCE
    if kind in ("less_than_equal", "too_long", "string_too_long"):
        return f"the most is {about.get('le') or about['max_length']}"
    if isinstance(value, str) and (value.startswith("::") or "##[" in value):
        return "`::` at the start and `##[` anywhere are commands in a CI log"
    if kind == "string_pattern_mismatch":
        meant = synonyms.value_meant(value)
        return f"did you mean {meant!r}?" if meant != value and re.fullmatch(about["pattern"], meant) else ""
    # why from what is expected: a law that has a number, {uniform: 0.1}, stands there as it is written.
    if isinstance(value, str) and (example := re.search(rf"{{{re.escape(value)}: [^}}]*}}", expected)):
        return f"write {example[0]}"
    if kind == "literal_error":
        choices, meant = re.findall(r"'(\w+)'", about["expected"]), synonyms.value_meant(str(value))
        if meant in choices:
            return f"did you mean {meant!r}?"
        # why not always: most fields expect so few that `expected` lists them.
        return "" if all(choice in expected for choice in choices) else did_you_mean(str(value), choices)
    if kind == "bool_type" and isinstance(value, str):
        return "write true or false, without quotes"
    if kind == "int_type" and isinstance(value, float) and value.is_integer():
        return f"write {int(value)}"
    if kind in ("int_type", "float_type") and isinstance(value, str) and any(char.isdigit() for char in value):
        return "write a plain decimal number, without quotes or separators"
    return ""


def wrong_lengths(
    lengths: Sequence[int] | None,
    sequences: int | str | None,
    seq_len: int | None,
    path: Path,
    tree: Tree,
    hint: str = "make batch_size the number of lengths",
) -> Iterator[DocumentError]:
    """What of the lengths of the input at `path` does not go with its sizes: N, None where unbatched, and L."""
    where = (*path, "lengths")
    if lengths is not None and len(lengths) != sequences:
        size = "null (unbatched)" if sequences is None else sequences
        message = f"expected one length for each sequence, batch_size {size}, got {len(lengths)}"
        yield fault_at(where, tree, message, hint)
    for i, length in enumerate(lengths or ()):
        if seq_len is not None and length > seq_len:
            message = f"expected at most seq_len {seq_len}, got {length}"
            yield fault_at((*where, i), tree, message, "seq_len is the longest sequence the batch can hold")
