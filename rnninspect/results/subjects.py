"""What models are called where several stand on one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from rnninspect.facts import LayerFacts, ModelFacts


def by_file(models: Sequence[ModelFacts]) -> list[ModelFacts]:
    """The models, those of one checkpoint as one whose layers are theirs, so that a table has a row for each of them.

    why for people and tables alone: nothing says that one of its layers reads what another puts out.
    """
    joined: list[ModelFacts] = []
    for model in models:
        before = joined[-1] if joined else None
        if before is not None and model.checkpoint and before.checkpoint and before.source == model.source:
            joined[-1] = replace(before, layers=(*before.layers, *map(_counted_once, model.layers)))
        else:
            joined.append(replace(model, name=PurePath(model.source).stem) if model.checkpoint else model)
    return joined


def _counted_once(layer: LayerFacts) -> LayerFacts:
    """The layer, its weights left to the one before it that has the very same tensors."""
    if layer.from_file is None or not layer.from_file.same_as:
        return layer
    owner = layer.from_file.same_as
    return replace(layer, weights=tuple(replace(w, shared_with=f"{owner}.{w.name}") for w in layer.weights))


def subjects(models: Sequence[ModelFacts]) -> list[str]:
    """Their names, and of those that share one the files too."""
    named = Counter(model.name for model in models)
    return [f"{model.name} ({model.source})" if named[model.name] > 1 else model.name for model in models]
