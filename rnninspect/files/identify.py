"""Which recurrent layers a file holds: what is no model's is set aside, then every rule takes what it can read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from rnninspect.files.found import FoundLayer, Identified
from rnninspect.files.held import Held
from rnninspect.files.rules import (
    cells,
    coreml,
    flax,
    haiku,
    keras,
    leftover,
    mxnet,
    onnx,
    tensorflow,
    torch,
    torch_factors,
)
from rnninspect.files.rules.left import Left, Read, Undecided
from rnninspect.files.rules.set_aside import apart
from rnninspect.files.variants import layer_of
from rnninspect.layers.layer import Misfit

# In this order: a rule that takes names which another would read otherwise stands before it.
RULES: tuple[Callable[[Left], Read], ...] = tuple(
    rule.read for rule in (onnx, torch_factors, torch, cells, keras, tensorflow, haiku, flax, mxnet, coreml)
)


def identify(held: Held) -> Identified:
    """The recurrent layers of a file, and what may be some and is not understood."""
    # why not by its name: what a layer is fed with is no optimizer's, whatever it is called.
    fed = {name for layer in held.layers for name in layer.tensors.values()}
    kept, aside = apart(dict.fromkeys((*held.tensors, *held.aliases)), fed)
    left = Left(held, kept)
    layers: list[FoundLayer] = []
    undecided: list[Undecided] = []
    for rule in RULES:
        for found in rule(left):
            read = _checked(found) if isinstance(found, FoundLayer) else found
            if isinstance(read, Undecided):
                undecided.append(read)
            else:
                layers.append(read)
    sentences = tuple(leftover.sentences(left, undecided, (layer.name for layer in layers)))
    return Identified(
        held=held,
        layers=tuple(_in_order(held, layers)),
        set_aside=dict(Counter(aside) + Counter(left.aside)),
        undecided=sentences,
        others=left.number,
        rest=tuple(tensor for _, _, tensor in left.names()),
    )


def _checked(found: FoundLayer) -> FoundLayer | Undecided:
    """The layer, where there is one with such sizes."""
    try:
        layer_of(found)
    except (Misfit, ValueError):
        return Undecided(found.name, len(found.parts), f"no {found.type} has such sizes")
    return found


def _in_order(held: Held, layers: list[FoundLayer]) -> Iterator[FoundLayer]:
    """As the file has their first tensors, whichever rule has read them."""
    place = {name: at for at, name in enumerate((*held.tensors, *held.aliases))}

    def first(found: FoundLayer) -> int:
        return min((place.get(part.tensor.name, 0) for part in found.parts), default=0)

    seen: dict[frozenset[str], str] = {}
    for found in sorted(layers, key=first):
        tensors = frozenset(part.tensor.name for part in found.parts)
        if tensors in seen:
            found = found._replace(
                remarks=(*found.remarks, f"Its tensors are those of {seen[tensors] or 'the first'}.")
            )
        seen.setdefault(tensors, found.name)
        yield found
