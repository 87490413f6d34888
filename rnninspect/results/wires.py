"""What stands below a table of models with wires: what goes in and comes out, and who has whose weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnninspect.errors import listed
from rnninspect.facts.models import ModelFacts
from rnninspect.results.table import MOST_NAMED


def ends(model: ModelFacts) -> Iterator[str]:
    """The inputs where there are several, and what the model returns where that is not the last layer's output."""
    if len(model.inputs) > 1:
        yield f"inputs: {listed([f'{tensor.name} {tensor.shape_text}' for tensor in model.inputs])}"
    if [tensor.name for tensor in model.outputs] not in ([], [model.layers[-1].name]):
        yield f"returns {listed([f'{tensor.name} {tensor.shape_text}' for tensor in model.outputs])}"


def shared(models: Sequence[ModelFacts]) -> Iterator[str]:
    """Which layers have the weights of others, in a sentence; those count there."""
    sharing: dict[str, list[str]] = {}
    for model in models:
        owners: dict[str, str] = {}
        for layer in model.layers:
            if layer.wires is not None and layer.wires.same_as:
                owner = owners[layer.name] = owners.get(layer.wires.same_as, layer.wires.same_as)
                sharing.setdefault(owner, []).append(layer.name)
    each: list[str] = []
    for owner, names in sharing.items():
        what = "those" if each else "the weights"
        each.append(f"{listed(names, MOST_NAMED)} {'have' if len(names) > 1 else 'has'} {what} of {owner}")
    if each:
        yield f"{listed(each, MOST_NAMED)} (same_as): they are counted once."
