"""What models are called where several stand on one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from rnninspect.facts import ModelFacts


def by_file(models: Sequence[ModelFacts]) -> list[ModelFacts]:
    """The models, those of one checkpoint as one whose layers are theirs, so that a table has a row for each of them.

    why for people and tables alone: nothing says that one of its layers reads what another puts out.
    """
    joined: list[ModelFacts] = []
    for model in models:
        before = joined[-1] if joined else None
        if (
            model.checkpoint
            and before is not None
            and (before.source, before.checkpoint)
            == (
                model.source,
                model.checkpoint,
            )
        ):
            joined[-1] = replace(before, layers=(*before.layers, *model.layers))
        else:
            joined.append(replace(model, name=PurePath(model.source).stem) if model.checkpoint else model)
    return joined


def subjects(models: Sequence[ModelFacts]) -> list[str]:
    """Their names, and of those that share one the files too."""
    named = Counter(model.name for model in models)
    return [f"{model.name} ({model.source})" if named[model.name] > 1 else model.name for model in models]
