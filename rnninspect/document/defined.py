"""The cells that a document describes, and those of the library that it names: from a type to a class of layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict

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


class _Value(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False, defer_build=True)


class _Number(_Value):
    value: Number


class _Size(_Value):
    value: Size


# What a number is that stands under each.
_NUMBERS: Mapping[str, type[_Number | _Size]] = {"constants": _Number, "sizes": _Size}

_MOST_CELLS = 100


def kinds_in(tree: Tree, faults: Faults) -> Kinds:
    """The classes of the cells under `cells:`. faults: gets what is wrong with them."""
    given = tree.data.get("cells") if isinstance(tree.data, dict) else None
    kinds: dict[str, type[DefinedLayer] | None] = {}
    if isinstance(given, dict) and len(given) > _MOST_CELLS:
        # why: each is a class, which takes a millisecond or two to make.
        message = f"more than {_MOST_CELLS} cells"
        faults.add(fault_at(("cells",), tree, message, "leave out those that no layer has"))
        given = {}
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


def what_to_try(type_name: str, kinds: Kinds) -> str:
    """A hint for a type that there is none of."""
    near = nearest(type_name, type_names(kinds))
    few = ", ".join((*TYPES, OWN, *kinds))
    return f"did you mean {near!r}?" if near else f"known: {few}, and the cells of the library"


def read_layer(
    type_name: str, data: Mapping[str, Any], path: Path, tree: Tree, kinds: Kinds, hints: int
) -> DefinedLayer | None:
    """The layer of a cell; None where what is wrong with it is told of the cell under `cells:`.

    Raises DocumentError with its faults, KeyError for a type that is no cell.
    """
    faults = Faults()
    written = {key: data[key] for key in data if _meant(key)} if type_name == OWN else {}
    kind: type[DefinedLayer] | None = None
    with faults.kept():
        kind = _kind(OWN, written, path, tree, hints) if type_name == OWN else _named(type_name, kinds)
    if kind is None and not faults:
        return None
    numbers, rest = _numbers(data, written, kind, path, tree, faults)
    with faults.kept():
        layer = valid(kind or DefinedLayer, rest, path, tree, hints).with_numbers(numbers)
    faults.tell()
    if numbers or not layer.bias:
        faults.add(*(_of_layer(wrong, numbers, path, tree) for wrong in layer.faults()))
        faults.tell()
    faults.add(*(_fault(wrong, path, tree) for wrong in islice(layer.wrong_laws(), MOST_HINTS)))
    faults.tell()
    return layer


def _named(type_name: str, kinds: Kinds) -> type[DefinedLayer] | None:
    return kinds[type_name] if type_name in kinds else kind_from(type_name, published(type_name))


def _numbers(
    data: Mapping[str, Any],
    written: Mapping[str, Any],
    kind: type[DefinedLayer] | None,
    path: Path,
    tree: Tree,
    faults: Faults,
) -> tuple[dict[str, int | float], dict[str, Any]]:
    """What a layer says of its cell's constants and sizes, and all else that it says but for the cell's own keys.

    faults: gets what is wrong with the numbers.
    """
    blocks = [written.get(block) if kind is None else getattr(kind.definition, block) for block in _NUMBERS]
    models = {
        name: model
        for block, model in zip(blocks, _NUMBERS.values(), strict=True)
        for name in (block if isinstance(block, dict) else ())
    }
    numbers: dict[str, int | float] = {}
    for name in data.keys() & models:
        with faults.kept():
            numbers[name] = valid(models[name], {"value": data[name]}, (*path, name), tree).value
    rest = {key: value for key, value in data.items() if key not in written and key not in models}
    for key in [key for key in rest if key not in DefinedLayer.model_fields][:MOST_HINTS]:
        near = nearest(key, [*DefinedLayer.model_fields, *models])
        if near in models:
            del rest[key]
            place, hint = tree.keys.get((*path, key), tree.place(path)), f"did you mean {near!r}?"
            faults.add(DocumentError(place, f"unknown key {show(key)}", path=dotted((*path, key)), hint=hint))
    return numbers, rest


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
    faults = Faults(_fault(wrong, path, tree) for wrong in islice(probe.faults(), MOST_HINTS))
    faults.tell()
    return kind


def _fault(wrong: Misfit | CellError, path: Path, tree: Tree) -> DocumentError:
    """A fault of a cell as the document's."""
    if isinstance(wrong, Misfit):
        parts = [int(part) if part.isdecimal() else part for part in wrong.field.split(".", 1)]
        return fault_at((*path, *parts), tree, wrong.message, wrong.hint)
    where: Path = (*path, "equations")
    place, message = place_inside(where, tree, wrong)
    return DocumentError(place, message, path=dotted(where), hint=wrong.hint)


def _of_layer(wrong: Misfit | CellError, numbers: Mapping[str, object], path: Path, tree: Tree) -> DocumentError:
    """What is wrong with a cell only as a layer has it, without biases or with these numbers."""
    if isinstance(wrong, Misfit) and wrong.field == "bias":
        return fault_at((*path, "bias"), tree, wrong.message, wrong.hint)
    given = ", ".join(f"{name} {show(value)}" for name, value in numbers.items())
    where = (*path, *numbers) if len(numbers) == 1 else path
    return fault_at(where, tree, f"with {given or 'bias: false'} the equations are wrong: {wrong.message}", wrong.hint)


def _check_name(name: str, path: Path, tree: Tree) -> None:
    if not re.fullmatch(r"[\w-]{1,100}", name):
        message = f"expected a name of letters, digits, _ and -, got {show(name)}"
        raise DocumentError(tree.keys[path], message, path=dotted(path))
    if name in (*TYPES, OWN) or name in library_names():
        taken = "a cell of the library" if name in library_names() else "a type of layer"
        raise DocumentError(tree.keys[path], f"{name} is {taken}", path=dotted(path), hint="call the cell otherwise")
