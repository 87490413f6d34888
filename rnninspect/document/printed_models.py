"""A printed module as models: one of each layer, or of all where it is a Sequential of layers that we have.

What stands between two layers is not printed, nor is a batch: each layer is a model by itself, and L and N stay
letters but for what `--set` says of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rnninspect.document.chain import Spec, connect, need_batch
from rnninspect.document.faults import with_excerpts
from rnninspect.document.from_printed import Described, Written, described
from rnninspect.document.overrides import option_place, override, put
from rnninspect.document.paths import Path
from rnninspect.document.printed import read_printed
from rnninspect.document.source import Text
from rnninspect.document.tree import Tree
from rnninspect.document.validate import validate, with_sizes
from rnninspect.errors import DocumentError, Place, listed, printable, show

# So many modules that are not described are named.
_MOST_NAMED = 4
_SIZES = {"batch_size": "N", "seq_len": "L"}


def printed_specs(given: Text, name: str, settings: Sequence[str], options: Mapping[str, str | None]) -> list[Spec]:
    """The models of a printed module's text. options: device and dtype, which win over what is printed.

    name: what the whole is called, and a model without a name of its own. settings: `PATH=VALUE`, of the batch or of a
    layer. Raises DocumentError with the places of all that is wrong, and where no layer is described.
    """
    with with_excerpts(given.text, given.source):
        module = read_printed(given.text, given.source)
        found = described(module)
        if not found.layers:
            what = f"none of its layers is described: {_kinds(found)}" if found.others else "it holds no layer"
            raise DocumentError(module.place, what, hint="a module is read as torch prints it, LSTM(300, 50)")
        parts = list(_parts(found))
        trees = [_tree(part, given, name) for part in parts]
        specs = [
            _spec(_with_options(tree, options), own, part, name)
            for tree, own, part in zip(trees, _shared_out(settings, trees), parts, strict=True)
        ]
    notes = tuple(_notes(found, given.source))
    first = replace(specs[0], notes=(*notes, *specs[0].notes))
    return [replace(spec, printed=name) for spec in (first, *specs[1:])]


def _parts(found: Described) -> Iterator[tuple[tuple[str, Written], ...]]:
    """The layers of each model."""
    layers = tuple(found.layers.items())
    if found.chain:
        yield layers
        return
    # why not Dropout: by itself it has neither weights nor a width.
    alone = [item for item in layers if item[1].data["type"] != "Dropout"]
    yield from ((item,) for item in alone or layers)


def printed_tree(given: Text, name: str, settings: Sequence[str], options: Mapping[str, str | None]) -> Tree:
    """The only model of a printed module as a document has it. Raises DocumentError as `printed_specs` does.

    For what runs a model, or looks for a size of it: several models are refused, and a batch must be said.
    """
    specs = printed_specs(given, name, settings, options)
    if len(specs) > 1:
        names = listed([show(spec.name) for spec in specs], _MOST_NAMED)
        raise DocumentError(Place(given.source), f"expected one model, got {names}", hint="name one layer alone")
    need_batch(specs[0])
    return specs[0].tree


def _tree(part: Sequence[tuple[str, Written]], given: Text, name: str) -> Tree:
    """The layers as a document has them."""
    values: dict[Path, Place] = {(): part[0][1].places[""]}
    keys: dict[Path, Place] = {}
    layers = []
    for index, (own, written) in enumerate(part):
        path: Path = ("layers", index)
        called = {"name": re.sub(r"[^\w-]", "_", own)} if own and not own.isdecimal() else {}
        layers.append({**called, **written.data})
        values |= {(*path, key) if key else path: place for key, place in written.places.items()}
        keys |= {(*path, key) if key else path: place for key, place in written.keys.items()}
    data = {"name": part[0][0] or name, "input": {}, "layers": layers} if len(part) == 1 else {}
    return Tree(
        source=given.source,
        text=given.text,
        data=data or {"name": name, "input": {}, "layers": layers},
        values=values,
        keys=keys,
    )


def _with_options(tree: Tree, options: Mapping[str, str | None]) -> Tree:
    for key, value in options.items():
        if value is not None:
            tree = put(tree, (key,), value, Place(f"--{key} {value}"))
    return tree


def _shared_out(settings: Sequence[str], trees: Sequence[Tree]) -> list[list[str]]:
    """The settings of each tree: those of a layer where that is, all others everywhere. Raises DocumentError."""
    each: list[list[str]] = [[] for _ in trees]
    for setting in settings:
        owners = [own for own, tree in zip(each, trees, strict=True) if _takes(setting, tree)]
        if not owners:
            override(trees[0], [setting])  # which says what is wrong with it
            raise DocumentError(option_place("--set", setting), "no layer has such a key")
        for own in owners:
            own.append(setting)
    return each


def _takes(setting: str, tree: Tree) -> bool:
    try:
        override(tree, [setting])
    except DocumentError:
        return False
    return True


def _spec(tree: Tree, settings: Sequence[str], part: Sequence[tuple[str, Written]], name: str) -> Spec:
    tree = override(tree, settings)
    assert isinstance(tree.data, dict)
    data = tree.data
    said = with_sizes(data)["input"]
    # why 1: what a size is does not matter where it is left open afterwards.
    complete = replace(tree, data={**data, "input": {**dict.fromkeys(_SIZES, 1), **said}})
    spec = connect(validate(complete), complete, name=name)
    left_open: Any = {
        field: _SIZES[key]
        for key, field in (("batch_size", "size"), ("seq_len", "seq_len"))
        if key not in said and spec.batch.lengths is None
    }
    spec = replace(spec.with_batch(replace(spec.batch, **left_open)), tree=tree)
    if len(part) > 1 or not part[0][0]:
        return spec
    (link,) = spec.links
    return replace(spec, links=(replace(link, layer=link.layer.model_copy(update={"name": part[0][0]})),))


def _notes(found: Described, source: str) -> Iterator[str]:
    file = printable(source)
    if found.others:
        yield f"{file}: not described: {_kinds(found)}"
    for name, written in found.layers.items():
        if written.data["type"] == "RNN" and "nonlinearity" not in written.data:
            yield f"{file}: {name or 'RNN'}: torch prints no nonlinearity of an RNN: tanh, its default, is taken"


def _kinds(found: Described) -> str:
    """`2 Conv2d (conv1, conv2) and Thing (odd)`."""
    counts = Counter(found.others.values())
    named: dict[str, list[str]] = {}
    for name, kind in found.others.items():
        named.setdefault(kind, []).append(name)
    words = []
    for kind, names in named.items():
        own = [printable(name) for name in names if name]
        number = f"{counts[kind]:,} " * (counts[kind] > 1)
        words.append(f"{number}{show(kind)[1:-1]}" + (f" ({listed(own, _MOST_NAMED)})" if own else ""))
    return listed(words, _MOST_NAMED * 2)
