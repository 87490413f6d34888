"""The keys of a document that are sizes: whole numbers of features, rows, steps, sequences or stacked layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnninspect.document.blocks import Input, text_layers
from rnninspect.document.keys import keys_of, sizes_of
from rnninspect.document.overrides import path_at
from rnninspect.document.paths import Path
from rnninspect.document.synonyms import fields_meant
from rnninspect.document.tree import Tree
from rnninspect.errors import DocumentError, Place, nearest, printable, show


def size_paths(data: Mapping[str, Any]) -> dict[str, Path]:
    """Every size that a document may have, sound or not: what PATH calls it, and where it stands or would stand."""
    found: dict[str, Path] = {}
    for name, path, layer in text_layers(data):
        keys = keys_of(layer, data)
        found |= {f"{name}.{key}": (*path, key) for key in (keys.sizes if keys else ())}
    if isinstance(data.get("input"), dict):
        found |= {f"input.{key}": ("input", key) for key in sizes_of(Input)}
    inputs = data.get("inputs")
    if isinstance(inputs, dict):
        from rnninspect.document.wires import NamedInput  # why here: few documents have several inputs

        keys_of_each = sizes_of(NamedInput)
        found |= {f"inputs.{name}.{key}": ("inputs", name, key) for name in inputs for key in keys_of_each}
    return found


def size_at(target: str, tree: Tree, place: Place) -> Path:
    """Where the size is that PATH `target`, written at `place`, names.

    Raises DocumentError for a path that there is none of, and for a key that is no size.
    """
    path = path_at(target, tree, place)
    sizes = size_paths(tree.data) if isinstance(tree.data, dict) else {}
    if target in sizes:
        return path
    owner, _, key = target.partition(".")
    if owner == "inputs":
        name, _, key = key.partition(".")
        owner = f"{owner}.{name}"
    of_owner = [size.removeprefix(f"{owner}.") for size in sizes if size.startswith(f"{owner}.")]
    near = next((name for name in fields_meant(key) if name in of_owner), "") or nearest(key, of_owner)
    known = f"the sizes of {owner} are {', '.join(of_owner)}" if of_owner else f"{printable(owner)} has none"
    hint = f"did you mean {owner}.{near}?" if near else known
    raise DocumentError(place, f"{show(key or target)} is no size", hint=hint)
