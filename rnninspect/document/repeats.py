"""`repeat: 4` with `layers:`: a block of a document's layers that stands there so many times; imported where one is.

Copy k of a layer `rnn` is called `rnn_k`, from 0. What a layer of the block names inside it is the same copy's, and its
first layer reads the last one of the copy before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from rnninspect.document.blocks import TextLayer, is_repeat
from rnninspect.document.chain import Placed
from rnninspect.document.complaints import fault_at, valid
from rnninspect.document.faults import Faults
from rnninspect.document.paths import Path, dotted
from rnninspect.document.tree import Tree
from rnninspect.errors import DocumentError
from rnninspect.facts.tensors import Wires
from rnninspect.layers.fields import MOST_LAYERS, Depth, Expect


class Repeat(BaseModel):
    """A block of layers that stands there `repeat` times, one after the other."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)

    repeat: Depth
    layers: Annotated[list[Any], Field(min_length=1), Expect("a list of at least one layer")]


def times_of(data: Mapping[str, Any], tree: Tree, faults: Faults) -> dict[Path, int]:
    """How many times each `repeat` block of a document stands there, by its path. faults: gets what is wrong."""
    layers = data.get("layers")
    times: dict[Path, int] = {}
    for i, item in enumerate(layers if isinstance(layers, list) else ()):
        if is_repeat(item):
            with faults.kept():
                times["layers", i] = valid(Repeat, item, ("layers", i), tree).repeat
                faults.add(*_inside(item["layers"], ("layers", i), tree))
    total = sum(times.get(path, 1) for path in _blocks_of(layers))
    if total > MOST_LAYERS:
        path = max(times, key=lambda path: times[path])
        message = f"with this block repeated the model has {total:,} layers; the most is {MOST_LAYERS:,}"
        faults.add(fault_at((*path, "repeat"), tree, message))
    return times


def _blocks_of(layers: object) -> Iterator[Path]:
    """For each layer of the text where its block stands; for one in none where it stands itself, which is once."""
    for i, item in enumerate(layers if isinstance(layers, list) else ()):
        inside = item.get("layers") if is_repeat(item) else None
        yield from (("layers", i) for _ in (inside if isinstance(inside, list) else [None]))


def _inside(layers: Sequence[object], path: Path, tree: Tree) -> Iterator[DocumentError]:
    for j, inner in enumerate(layers):
        if is_repeat(inner):
            hint = "write one block after the other"
            yield fault_at((*path, "layers", j), tree, "a block that is repeated holds layers, no other block", hint)


def laid_out(
    placed: Sequence[Placed], texts: Sequence[TextLayer], times: Mapping[Path, int], tree: Tree
) -> Iterator[Placed]:
    """The layers of the model in order, each copy of a block after the other.

    placed: the layers of the text. Raises DocumentError for a name that a copy would have and another layer has.
    """
    names = {text.name: text.path for text in texts}
    # why two parts: those of the block that a layer is in, or of the layer itself.
    for block, group in groupby(placed, key=lambda each: each.path[:2]):
        inside = list(group)
        if block not in times:
            yield from inside
            continue
        ours = {each.layer.name for each in inside}
        for k in range(times[block]):
            for each in inside:
                copy = _copy(each, k, ours)
                if copy.layer.name in names:
                    taken = dotted(names[copy.layer.name])
                    message = f"copy {k} of {each.layer.name!r} is called {copy.layer.name!r}, as {taken} is"
                    raise fault_at((*each.path, "name"), tree, message, "call one of them otherwise")
                yield copy


def _copy(placed: Placed, k: int, ours: set[str]) -> Placed:
    """Copy `k` of a layer. ours: the names in its block."""

    def named(name: str) -> str:
        return f"{name}_{k}" if name in ours else name

    tied = getattr(placed.layer, "tied_to", None)
    changed = {"name": f"{placed.layer.name}_{k}"} | ({"tied_to": named(tied)} if tied else {})
    wires, layer = placed.wires, placed.layer.model_copy(update=changed)
    if wires is not None:
        wires = Wires(
            reads=tuple(map(named, wires.reads)),
            add=named(wires.add),
            same_as=named(wires.same_as),
            state_from=named(wires.state_from),
            directions=wires.directions,
        )
    return Placed(layer, placed.path, wires)
