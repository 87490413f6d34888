"""A document's tree, validated: every value of the right type and in range, every key known.

Sizes are not held against each other here; that is `chain`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rnninspect.document.beginning import is_printed
from rnninspect.document.blocks import (
    KEYED_BLOCKS,
    WIRE_KEYS,
    Document,
    TextLayer,
    is_repeat,
    printable_text,
    text_layers,
)
from rnninspect.document.chain import Placed
from rnninspect.document.complaints import MOST_HINTS, fault_at, valid
from rnninspect.document.faults import Faults, together
from rnninspect.document.paths import Path, dotted
from rnninspect.document.synonyms import in_place_of_layer, in_place_of_type
from rnninspect.document.tree import Tree
from rnninspect.errors import DocumentError, nearest, show
from rnninspect.layers.layer import InitLayer, Layer
from rnninspect.layers.registry import TYPES, kind_of


class Validated(NamedTuple):
    """A document whose every value is sound by itself.

    layers: of the model, those in `repeat` blocks so many times. inputs: the values of the document's `inputs`.
    """

    document: Document
    layers: tuple[Placed, ...]
    inputs: Mapping[str, Any]


def validate(tree: Tree) -> Validated:
    """Validate a tree. Raises DocumentError with all faults that are found, each with its place and a hint."""
    if not isinstance(tree.data, dict):
        raise DocumentError(
            tree.place(()),
            f"expected a mapping with input and layers, got {show(tree.data)}",
            hint="a model needs `input:` and `layers:`",
        )
    faults = Faults(tree.faults)
    with faults.kept():
        document = valid(Document, with_sizes(tree.data), (), tree)
    kinds: Mapping[str, Any] = {}
    if tree.data.get("cells"):
        from rnninspect.document.defined import kinds_in  # why here, and below: few documents have cells of their own

        kinds = kinds_in(tree, faults)
    texts = text_layers(tree.data)
    layers: dict[str, Placed] = {}
    for text in texts:
        with faults.kept():
            for placed in _placed(text, texts, layers, tree, kinds, MOST_HINTS - len(faults)):
                layers[text.name] = placed
    faults.add(*_no_lengths(tree.data, tree), *_wrong_case_names(tree.data, tree), *_wrong_names(texts, tree))
    in_order = tuple(layers.values())
    items = tree.data.get("layers")
    if isinstance(items, list) and any(map(is_repeat, items)):
        from rnninspect.document import repeats

        times = repeats.times_of(tree.data, tree, faults)
        faults.tell()
        in_order = tuple(repeats.laid_out(in_order, texts, times, tree))
    inputs: Mapping[str, Any] = {}
    if isinstance(tree.data.get("inputs"), dict):
        from rnninspect.document.wires import read_inputs

        inputs = read_inputs(tree.data["inputs"], tree, faults)
    faults.tell()
    return Validated(document, in_order, inputs)


def with_sizes(data: dict[str, Any]) -> dict[str, Any]:
    """The data with the batch_size and seq_len that `input.lengths` says, where they are left out."""
    several = data.get("inputs") is not None
    sequences = _sequences(data["inputs"]) if several else {}
    given = data.get("input", sequences or None)
    if not isinstance(given, dict):
        return data
    if several:
        # why 1: each of several inputs says its own.
        return {**data, "input": {**sequences, **given, "seq_len": 1, "lengths": None}}
    lengths = given.get("lengths")
    if not isinstance(lengths, list) or given.keys() >= {"batch_size", "seq_len"}:
        return data
    # why 1, where they do not say: the fault that is told is the lengths'.
    longest = max((length for length in lengths if type(length) is int), default=1)
    return {**data, "input": {"batch_size": len(lengths) or 1, "seq_len": longest, **given}}


def _sequences(inputs: object) -> dict[str, int]:
    """How many sequences the first of several inputs has, where it has lengths."""
    of_each = (
        [given.get("lengths") for given in inputs.values() if isinstance(given, dict)]
        if isinstance(inputs, dict)
        else []
    )
    lengths = next((each for each in of_each if isinstance(each, list) and each), None)
    return {} if lengths is None else {"batch_size": len(lengths)}


def _no_lengths(data: Mapping[str, Any], tree: Tree) -> Iterator[DocumentError]:
    given = data.get("input")
    if isinstance(given, dict) and given.get("lengths") == [] and not given.keys() >= {"batch_size", "seq_len"}:
        where = ("input", "lengths")
        yield fault_at(where, tree, "expected at least one length, got none", "one for each sequence")


def _wrong_case_names(data: Mapping[str, Any], tree: Tree) -> Iterator[DocumentError]:
    # why here: JSON Schema has no words for a mapping of any keys, one of which must be a text.
    cases = data.get("cases")
    for i, case in enumerate(cases if isinstance(cases, list) else ()):
        if isinstance(case, dict) and "name" in case:
            name = case["name"]
            try:
                sound = isinstance(name, str) and 0 < len(printable_text(name)) <= 100
            except ValueError:
                sound = False
            if not sound:
                yield fault_at(("cases", i, "name"), tree, f"expected 1 to 100 printable characters, got {show(name)}")


def _placed(
    text: TextLayer,
    texts: Sequence[TextLayer],
    sound: Mapping[str, Placed],
    tree: Tree,
    kinds: Mapping[str, Any],
    hints: int,
) -> Iterator[Placed]:
    """A layer of the text; none where what is wrong with it is told elsewhere. sound: those before it, by name."""
    wires, data = None, text.data
    if isinstance(data, dict) and not WIRE_KEYS.isdisjoint(data):
        from rnninspect.document.wires import split  # why here: few documents have wires

        wires, data = split(text, texts, sound, tree, hints)
        if data is None:
            return
    for layer in _layer(data, text.path, text.name, tree, kinds, hints):
        yield Placed(layer, text.path, wires, keys=data)


def _layer(data: object, path: Path, name: str, tree: Tree, kinds: Mapping[str, Any], hints: int) -> Iterator[Layer]:
    """The layer at `path`; none where what is wrong is told of its cell, or of its call."""
    if isinstance(data, str) and is_printed(data):
        return
    if not isinstance(data, dict):
        raise fault_at(path, tree, f"expected a mapping with type, got {show(data)}", in_place_of_layer(data))
    if "type" not in data:
        hint = in_place_of_layer(data) or f"one of {', '.join(TYPES)}"
        raise fault_at((*path, "type"), tree, "required key type is missing", hint)
    kind = data["type"]
    if not isinstance(kind, str) or kind not in TYPES:
        cell = _cell(kind, data, path, tree, kinds, hints)
        if cell is not None:
            yield _called(cell, name)
        return
    faults = Faults()
    model = kind_of(kind)
    with faults.kept():
        layer = valid(model, data, path, tree, hints)
    init = data.get("init")
    if issubclass(model, InitLayer) and isinstance(init, dict) and init:
        # why by itself: few documents have the block, and its keys depend on the kind.
        with faults.kept():
            valid(model.init_block(), init, (*path, "init"), tree, hints)
    faults.tell()
    yield _called(layer, name)


def _called(layer: Layer, name: str) -> Layer:
    return layer if layer.name else layer.model_copy(update={"name": name})


def _cell(
    kind: object, data: Mapping[str, Any], path: Path, tree: Tree, kinds: Mapping[str, Any], hints: int
) -> Layer | None:
    """The layer of a cell that the document or the library has; None where what is wrong is told of the cell."""
    from rnninspect.document.defined import read_layer, type_names, what_to_try

    if isinstance(kind, str) and kind in type_names(kinds):
        return read_layer(kind, data, path, tree, kinds, hints)
    hint = (in_place_of_type(str(kind)) or what_to_try(str(kind), kinds)) if hints > 0 else ""
    faults = [fault_at((*path, "type"), tree, f"expected a layer type, got {show(kind)}", hint)]
    near = nearest(str(kind), TYPES) if hint else ""
    if hint == f"did you mean {near!r}?":
        try:
            valid(kind_of(near), {**data, "type": near}, path, tree, hints)
        except DocumentError as error:
            # why not what is missing, which is told of the whole layer: it depends on what is meant
            faults += [fault for fault in error.faults if fault.place != tree.place(path)]
    raise together(faults)


def _wrong_names(texts: Sequence[TextLayer], tree: Tree) -> Iterator[DocumentError]:
    path_of: dict[str, Path] = {}
    for name, path, _ in texts:
        where = (*path, "name")
        if path_of.setdefault(name, path) != path:
            message = f"the name {name!r} is taken by {dotted(path_of[name])}"
            yield fault_at(where, tree, message, "--set and the tables tell layers apart by name")
        elif name in KEYED_BLOCKS:
            message = f"the name {name!r} is the {name} block's"
            yield fault_at(where, tree, message, "call the layer otherwise")
