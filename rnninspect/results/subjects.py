"""What models are called where several stand on one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, takewhile
from pathlib import PurePath

from rnninspect.facts.models import LayerFacts, ModelFacts

# A longer name of a layer is cut where others begin alike.
_LONG = 24


def by_file(models: Sequence[ModelFacts]) -> list[ModelFacts]:
    """The models, those of one checkpoint or printed module as one, so that a table has a row for each of them.

    why for people and tables alone: nothing says that one of its layers reads what another puts out.
    """
    joined: list[ModelFacts] = []
    for source, models_of_file in groupby(models, key=lambda model: model.source):
        first, *others = models_of_file
        if first.checkpoint or (first.printed and others):
            layers = tuple(_counted_once(layer) for model in (first, *others) for layer in model.layers)
            joined.append(replace(first, name=first.printed or PurePath(source).stem, layers=layers, apart=True))
        else:
            joined += (first, *others)
    return joined


def _counted_once(layer: LayerFacts) -> LayerFacts:
    """The layer, its weights left to the one before it that has the very same tensors."""
    if layer.from_file is None or not layer.from_file.same_as:
        return layer
    owner = layer.from_file.same_as
    return replace(layer, weights=tuple(replace(w, shared_with=f"{owner}.{w.name}") for w in layer.weights))


def with_short_names(models: Sequence[ModelFacts]) -> list[ModelFacts]:
    """The models, of a checkpoint's layers with long names what they all begin with in the model's name instead.

    why: a prefix of 60 characters leaves a page no room for numbers.
    """
    return [_shortened(model) if model.checkpoint else model for model in models]


def _shortened(model: ModelFacts) -> ModelFacts:
    names = [layer.name for layer in model.layers]
    words = [name.split(".")[:-1] for name in names]
    # why two: what the first and the last in order share, all do.
    pairs = zip(min(words), max(words), strict=False)
    prefix = ".".join(word for word, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    if not prefix or max(map(len, names)) <= _LONG:
        return model
    layers = (replace(layer, name=layer.name.removeprefix(f"{prefix}.")) for layer in model.layers)
    return replace(model, name=f"{model.name}, {prefix}", layers=tuple(layers))


def subjects(models: Sequence[ModelFacts]) -> list[str]:
    """Their names, and of those that share one the files too."""
    named = Counter(model.name for model in models)
    return [f"{model.name} ({model.source})" if named[model.name] > 1 else model.name for model in models]
