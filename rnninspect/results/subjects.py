"""What models are called where several stand on one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import PurePath

from rnninspect.facts import ModelFacts


def by_file(models: Sequence[ModelFacts]) -> list[ModelFacts]:
    """The models, those of one checkpoint or printed module as one, so that a table has a row for each of them.

    why for people and tables alone: nothing says that one of its layers reads what another puts out.
    """
    joined: list[ModelFacts] = []
    for source, models_of_file in groupby(models, key=lambda model: model.source):
        first, *others = models_of_file
        if first.checkpoint or (first.printed and others):
            layers = tuple(layer for model in (first, *others) for layer in model.layers)
            joined.append(replace(first, name=first.printed or PurePath(source).stem, layers=layers, apart=True))
        else:
            joined += (first, *others)
    return joined


def subjects(models: Sequence[ModelFacts]) -> list[str]:
    """Their names, and of those that share one the files too."""
    named = Counter(model.name for model in models)
    return [f"{model.name} ({model.source})" if named[model.name] > 1 else model.name for model in models]
