"""`--set encoder.hidden_size=128`: values of a document replaced from the command line, then validated like it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rnninspect.document.blocks import BLOCKS, KEYED_BLOCKS, Document, Input, text_layers
from rnninspect.document.complaints import in_place_of_key
from rnninspect.document.paths import Path, dotted
from rnninspect.document.synonyms import fields_meant
from rnninspect.document.tree import Tree, read_value
from rnninspect.errors import DocumentError, Place, did_you_mean, printable, show
from rnninspect.layers.registry import TYPES, kind_of

# How much of an option an error repeats.
_MOST_SHOWN = 80
# Blocks, of a document, a layer and a cell, that need not be there already.
_MADE = ("budget", "init", "initial", "widths", "constants", "sizes")


def override(tree: Tree, settings: Sequence[str]) -> Tree:
    """The tree with each `PATH=VALUE` of `settings` put in, the later winning.

    PATH is a layer's name and one of its keys, a block of it (`encoder.init.weight_hh`), how often the block of layers
    that it is in is repeated (`encoder.repeat`), `input` and one of its keys, a cell's key
    (`cells.MyCell.constants.dt`), or a top-level key (`dtype`).
    Raises DocumentError, its place the option, for a path that does not exist.
    """
    for setting in settings:
        place = option_place("--set", setting)
        target, equals, text = setting.partition("=")
        if not equals:
            raise DocumentError(place, "expected PATH=VALUE", hint="for example --set encoder.hidden_size=128")
        # why first: of a setting with two faults, the path's is the one to mend.
        target = target.strip()
        path_at(target, tree, place)
        tree = put_at(tree, target, read_value(text, place.source), place)
    return tree


def option_place(option: str, given: str) -> Place:
    """The place of what an option was given, cut where it is long."""
    return Place(f"{option} {given if len(given) <= _MOST_SHOWN else given[:_MOST_SHOWN] + '...'}")


def path_of_key(key: str) -> str | None:
    """What PATH is to be for a key, with LAYER for a layer's name; None where no document has such a key."""
    for name in (key, *fields_meant(key)):
        if name in Input.model_fields:
            return f"input.{name}"
        if name in Document.model_fields and name not in BLOCKS:
            return name
        if any(name in kind_of(kind).model_fields for kind in TYPES):
            return f"LAYER.{name}"
    return None


def put_at(tree: Tree, target: str, value: object, place: Place) -> Tree:
    """The tree with `value`, written at `place`, where PATH `target` says; see `override`, and what it raises."""
    path = path_at(target, tree, place)
    for k in range(1, len(path)):
        if tree.at(path[:k]) is None:
            tree = put(tree, path[:k], {}, place)
    return put(tree, path, value, place)


def put(tree: Tree, path: Path, value: object, place: Place) -> Tree:
    """The tree with `value`, written at `place`, at `path`."""
    place = replace(place, replaces=tree.place(path).in_file)
    kept = {known: where for known, where in tree.values.items() if known[: len(path)] != path}
    placed = dict.fromkeys([path, *((*path, k) for k in range(len(value) if isinstance(value, list) else 0))], place)
    return replace(tree, data=_with(tree.data, path, value), values=kept | placed)


def with_options(tree: Tree, options: Mapping[str, str | None]) -> Tree:
    """The tree with what each of the options `--device` and `--dtype` says in place of the document's."""
    for key, value in options.items():
        if value is not None and isinstance(tree.data, dict):
            tree = put(tree, (key,), value, Place(f"--{key} {value}"))
    return tree


def _with(data: Any, path: Path, value: object) -> object:
    if not path:
        return value
    # why copies: with YAML aliases one mapping may stand in several places of the data.
    copy: Any = list(data) if isinstance(data, list) else dict(data)
    copy[path[0]] = _with(data[path[0]] if len(path) > 1 else None, path[1:], value)
    return copy


def path_at(target: str, tree: Tree, place: Place) -> Path:
    """Where in the tree PATH `target`, written at `place`, points; see `override`, and what it raises."""
    if not isinstance(tree.data, dict):
        raise DocumentError(tree.place(()), f"expected a mapping with input and layers, got {show(tree.data)}")
    owner, dot, key = target.partition(".")
    if not dot:
        top = [name for name in Document.model_fields if name not in BLOCKS]
        if owner not in top:
            hint = f"{did_you_mean(owner, top)}; a layer's key is set with its name, LAYER.{printable(owner)}"
            raise DocumentError(place, f"no top-level key {show(owner)} can be set", hint=hint)
        return (owner,)
    mapping, key = _owner_at(owner, key, tree.data, place)
    path = (*mapping, key)
    if mapping[0] in ("layers", "cells") and key.partition(".")[0] in _MADE:
        path = (*mapping, *key.split("."))
    for k in range(len(mapping), len(path)):
        there, made = tree.at(path[:k]), k > len(mapping) or path[k - 1] in _MADE
        if not isinstance(there, dict) and not (there is None and made):
            raise DocumentError(place, f"{dotted(path[:k])} is not a mapping, so it has no {show(path[k])} to set")
    return path


# What a block of named mappings holds, as an error calls one.
_NAMED = {"inputs": "input", "cells": "cell"}


def _owner_at(owner: str, key: str, data: Mapping[str, Any], place: Place) -> tuple[Path, str]:
    """Where the mapping is that `owner.key` is of, and the key in it; see `path_at`."""
    paths: dict[str, Path] = {}
    for layer in text_layers(data):
        paths.setdefault(layer.name, layer.path)
    if owner in KEYED_BLOCKS:
        block = KEYED_BLOCKS[owner]
        if key not in block.model_fields:
            _, hint = in_place_of_key(key, block)
            raise DocumentError(place, f"unknown key {show(key)}", path=f"{owner}.{key}", hint=hint)
        return (owner,), key
    if owner in paths:
        # why of a layer of it: the block that is repeated has no name.
        of_block = key == "repeat" and len(paths[owner]) > 2
        return paths[owner][:2] if of_block else paths[owner], key
    named = data.get(owner) if owner in _NAMED else None
    if isinstance(named, dict):
        name, _, key = key.partition(".")
        if name not in named:
            raise DocumentError(place, f"no {_NAMED[owner]} is called {show(name)}", hint=did_you_mean(name, named))
        return (owner, name), key
    base, _, number = owner.rpartition("_")
    hint = did_you_mean(owner, [*paths, *KEYED_BLOCKS])
    if number.isdecimal() and len(paths.get(base, ())) > 2:
        hint = f"{base}.{printable(key)} is that of all copies of {base}"
    raise DocumentError(place, f"no layer is called {show(owner)}", hint=hint)
