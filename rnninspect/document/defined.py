"""The cells that a document describes, and those of the library that it names: from a type to a class of layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from rnninspect.cells.tree import CellError
from rnninspect.document.complaints import MOST_HINTS, fault_at, valid
from rnninspect.document.faults import Faults
from rnninspect.document.inside import place_inside
from rnninspect.document.library import library_names, published
from rnninspect.document.paths import Path, dotted
from rnninspect.document.tree import Tree
from rnninspect.errors import DocumentError, nearest, show
from rnninspect.layers.defined import DefinedLayer, kind_from
from rnninspect.layers.definition import Definition, Number
from rnninspect.layers.fields import Size
from rnninspect.layers.layer import Misfit
from rnninspect.layers.registry import TYPES

# The type of a layer that has the keys of its cell itself.
OWN = "Cell"
# The classes of a document's cells by name; None of one that is wrong.
Kinds = Mapping[str, type[DefinedLayer] | None]


class _Number(BaseModel):
    value: Number


class _Size(BaseModel):
    value: Size


def kinds_in(tree: Tree, faults: Faults) -> Kinds:
    """The classes of the cells under `cells:`. faults: gets what is wrong with them."""
    given = tree.data.get("cells") if isinstance(tree.data, dict) else None
    kinds: dict[str, type[DefinedLayer] | None] = {}
    for name, data in given.items() if isinstance(given, dict) else ():
        path: Path = ("cells", name)
        kinds[name] = None
        with faults.kept():
            _check_name(name, path, tree)
            kinds[name] = _kind(name, data, path, tree, MOST_HINTS - len(faults))
    return kinds


def type_names(kinds: Kinds) -> tuple[str, ...]:
    """Everything that a layer's `type` may be in a document with these cells."""
    return (*TYPES, OWN, *kinds, *library_names())


def read_layer(
    type_name: str, data: Mapping[str, Any], path: Path, tree: Tree, kinds: Kinds, hints: int
) -> DefinedLayer | None:
    """The layer of a cell; None where what is wrong with it is told of the cell under `cells:`.

    Raises DocumentError with its faults, KeyError for a type that is no cell.
    """
    written: dict[str, Any] = {}
    if type_name == OWN:
        meant = [key for key in data if _meant(key) and key not in DefinedLayer.model_fields]
        written = {key: data[key] for key in meant}
        kind: type[DefinedLayer] | None = _kind(OWN, written, path, tree, hints)
    else:
        kind = kinds[type_name] if type_name in kinds else kind_from(type_name, published(type_name))
    if kind is None:
        return None
    faults = Faults()
    numbers: dict[str, int | float] = {}
    for name in kind.definition.numbers:
        if name in data:
            model: type[_Number | _Size] = _Size if name in kind.definition.sizes else _Number
            with faults.kept():
                numbers[name] = valid(model, {"value": data[name]}, (*path, name), tree, hints).value
    rest = {key: value for key, value in data.items() if key not in written and key not in kind.definition.numbers}
    layer = None
    with faults.kept():
        layer = valid(kind, rest, path, tree, hints).with_numbers(numbers)
    faults.tell()
    assert layer is not None
    if numbers or not layer.bias:
        faults.add(*(_fault(wrong, path, tree, type_name) for wrong in layer.faults()))
        faults.tell()
    return layer


def _meant(key: str) -> str:
    """The key of a cell that a key of a layer is or stands for; "" where it is the layer's."""
    if key in Definition.model_fields:
        return key
    known = [*Definition.model_fields, *DefinedLayer.model_fields]
    near = "" if key in known else nearest(key, known)
    return near if near in Definition.model_fields and near not in DefinedLayer.model_fields else ""


def _kind(name: str, data: object, path: Path, tree: Tree, hints: int) -> type[DefinedLayer]:
    if not isinstance(data, dict):
        hint = f"for example {name}: {{equations: ...}}"
        raise fault_at(path, tree, f"expected a mapping with equations, got {show(data)}", hint)
    kind = kind_from(name, valid(Definition, data, path, tree, hints))
    probe = kind.model_construct(type=name, input_size=3, hidden_size=2)
    faults = Faults(_fault(wrong, path, tree, name) for wrong in probe.faults())
    faults.tell()
    return kind


def _fault(wrong: Misfit | CellError, path: Path, tree: Tree, name: str) -> DocumentError:
    """A fault of a cell as the document's."""
    if isinstance(wrong, Misfit):
        parts = [int(part) if part.isdecimal() else part for part in wrong.field.split(".", 1)]
        return fault_at((*path, *parts), tree, wrong.message, wrong.hint)
    where: Path = (*path, "equations")
    place, message = place_inside(where, tree, wrong)
    return DocumentError(place, message, path=dotted(where), hint=wrong.hint)


def _check_name(name: str, path: Path, tree: Tree) -> None:
    if name in (*TYPES, OWN) or name in library_names():
        taken = "a cell of the library" if name in library_names() else "a type of layer"
        raise DocumentError(tree.keys[path], f"{name} is {taken}", path=dotted(path), hint="call the cell otherwise")
