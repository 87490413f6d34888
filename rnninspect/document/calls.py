"""A constructor call in place of a layer's keys: `- LSTM(300, 50, num_layers=2)` in a document's `layers`."""

from __future__ import annotations

from dataclasses import replace

from rnninspect.cells.tree import CellError
from rnninspect.document.beginning import is_printed
from rnninspect.document.paths import Path
from rnninspect.document.tree import Tree
from rnninspect.errors import DocumentError, Place, show


def with_calls(tree: Tree) -> Tree:
    """The tree with each call among its layers as the keys that it says, every value at its own place."""
    layers = tree.data.get("layers") if isinstance(tree.data, dict) else None
    if not isinstance(layers, list):
        return tree
    for index, item in enumerate(layers):
        if isinstance(item, str) and is_printed(item):
            tree = _with_call(tree, ("layers", index), item)
    return tree


def _with_call(tree: Tree, path: Path, text: str) -> Tree:
    from rnninspect.document.from_printed import keys_of  # why here: few documents have a call
    from rnninspect.document.inside import place_inside
    from rnninspect.document.printed import read_printed

    def inside(place: Place) -> Place:
        return place_inside(path, tree, CellError("", line=place.line, column=place.column))[0]

    try:
        written = keys_of(read_printed(text, tree.source))
        _refuse_dtype(written.dtype, tree, written.places[""])
    except DocumentError as error:
        fault = DocumentError(inside(error.place), error.message, path=error.path, hint=error.hint)
        return replace(tree, faults=(*tree.faults, fault))
    assert isinstance(tree.data, dict)
    layers = list(tree.data["layers"])
    layers[int(path[-1])] = dict(written.data)
    places = {(*path, key): inside(place) for key, place in written.places.items() if key}
    keys = {(*path, key): inside(place) for key, place in written.keys.items() if key}
    data = {**tree.data, "layers": layers}
    return replace(tree, data=data, values={**tree.values, **places}, keys={**tree.keys, **keys})


def _refuse_dtype(dtype: str | None, tree: Tree, place: Place) -> None:
    """Raise DocumentError for a dtype of one layer that is not the document's."""
    said = tree.data.get("dtype", "float32") if isinstance(tree.data, dict) else None
    if dtype not in (None, said):
        hint = f"all layers have one: write `dtype: {dtype}` at the top"
        raise DocumentError(place, f"dtype {dtype}: the document says {show(said)}", hint=hint)
