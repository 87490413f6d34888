"""The layers of a checkpoint as one model, to be held against a budget, a lock or another model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from rnninspect.document.chain import Spec
from rnninspect.facts.models import ModelFacts
from rnninspect.guard.locked import LockedModel
from rnninspect.plan import plan

# What is found in files, in whatever way a document says it.
_KINDS = ("RNN", "LSTM", "GRU")
_CELL = "Cell"


def joined(specs: Sequence[Spec]) -> tuple[Spec, ModelFacts]:
    """One model of all layers of a file, and its facts. specs: one for each layer.

    why the facts of each: nothing is fed with another, as in a chain it would be.
    """
    first, names = specs[0], _names(specs)
    planned = [plan(spec) for spec in specs]
    links = tuple(
        replace(link, layer=link.layer.model_copy(update={"name": name}))
        for spec, name in zip(specs, names, strict=True)
        for link in spec.links
    )
    layers = tuple(
        replace(layer, name=name) for model, name in zip(planned, names, strict=True) for layer in model.layers
    )
    spec = replace(first, name=PurePath(first.source).stem, links=links, from_file=None)
    return spec, replace(planned[0], name=spec.name, layers=layers)


def _names(specs: Sequence[Spec]) -> list[str]:
    """What each layer is called: as it is, but no two alike."""
    seen: dict[str, int] = {}
    names = []
    for name in (spec.links[0].layer.name for spec in specs):
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return names


def without_backward(model: ModelFacts) -> ModelFacts:
    """A model without what depends on how its layers are connected, which a checkpoint does not say."""
    layers = (replace(layer, backward=None, kept_for_backward_bytes=None) for layer in model.layers)
    return replace(model, layers=tuple(layers))


def recurrent_part(spec: Spec, model: ModelFacts) -> tuple[Spec, ModelFacts, list[str]]:
    """A document's model without the layers that are not looked for in files, and what those are called."""
    kept = {link.layer.name for link in spec.links if link.layer.type.removesuffix(_CELL) in _KINDS}
    links = tuple(link for link in spec.links if link.layer.name in kept)
    layers = tuple(layer for layer in without_backward(model).layers if layer.name in kept)
    left = [layer.name for layer in model.layers if layer.name not in kept]
    return replace(spec, links=links), replace(model, layers=layers), left


def as_found(model: LockedModel) -> LockedModel:
    """A model as it would be found in a file, where nothing tells a cell from a layer of one."""
    layers = {
        name: layer._replace(
            type=layer.type.removesuffix(_CELL),
            weights={f"{weight}_l0": shape for weight, shape in layer.weights.items()},
        )
        if layer.type.endswith(_CELL)
        else layer
        for name, layer in model.layers.items()
    }
    return model._replace(layers=layers)
