"""What models are called where several stand on one page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rnninspect.facts import ModelFacts


def subjects(models: Sequence[ModelFacts]) -> list[str]:
    """Their names, and of those that share one the files too."""
    named = Counter(model.name for model in models)
    return [f"{model.name} ({model.source})" if named[model.name] > 1 else model.name for model in models]
