"""The keys that a layer of a document may have, sound or not: those of its kind, and the numbers of its cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, get_type_hints

from pydantic import BaseModel

from rnninspect.layers.fields import is_size
from rnninspect.layers.layer import Layer
from rnninspect.layers.registry import TYPES, kind_of


class Keys(NamedTuple):
    """What a layer may be given. names: all keys; sizes: those that are sizes."""

    kind: type[Layer]
    names: tuple[str, ...]
    sizes: tuple[str, ...]


def keys_of(layer: object, data: Mapping[str, Any]) -> Keys | None:
    """The keys of one of the layers of a document `data`; None for what is no layer, or of a type that is unknown."""
    type_name = layer.get("type") if isinstance(layer, dict) else None
    if not isinstance(layer, dict) or not isinstance(type_name, str):
        return None
    if type_name in TYPES:
        kind = kind_of(type_name)
        return Keys(kind, tuple(kind.model_fields), sizes_of(kind))
    return _of_cell(type_name, layer, data)


def sizes_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys of a block or a kind that are sizes."""
    hints = get_type_hints(model, include_extras=True)
    return tuple(key for key in model.model_fields if is_size(hints[key]))


def _of_cell(type_name: str, layer: Mapping[str, Any], data: Mapping[str, Any]) -> Keys | None:
    from rnninspect.document.defined import OWN  # why here: few documents have cells
    from rnninspect.document.library import library_names, published
    from rnninspect.layers.defined import DefinedLayer
    from rnninspect.layers.definition import Definition

    cells = data.get("cells")
    if type_name == OWN:
        cell: object = layer
    elif isinstance(cells, dict) and type_name in cells:
        cell = cells[type_name]
    elif type_name in library_names():
        cell = published(type_name).model_dump()
    else:
        return None
    blocks = [cell.get(block) if isinstance(cell, dict) else None for block in ("constants", "sizes")]
    constants, sizes = (tuple(block) if isinstance(block, dict) else () for block in blocks)
    own = tuple(key for key in Definition.model_fields if type_name == OWN)
    names = dict.fromkeys((*DefinedLayer.model_fields, *own, *constants, *sizes))
    return Keys(DefinedLayer, tuple(names), (*sizes_of(DefinedLayer), *sizes))
