"""What every JSON object begins with: versions, where it was run, and which ledger the numbers are from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar, Union

from rnninspect import __version__
from rnninspect.facts.models import Measured, ModelFacts

if TYPE_CHECKING:
    from rnninspect.bench.records import Environment
    from rnninspect.study.gradflow import Gradflow
    from rnninspect.study.trace import Trace
    from rnninspect.study.verify import Verified

_Value = TypeVar("_Value")
# Keys are only ever added; a changed meaning raises it.
SCHEMA_VERSION = 2
# Where something was run, by which torch.
RunPlace = Union[Measured, "Environment", "Verified", "Gradflow", "Trace"]


def head(
    models: Sequence[ModelFacts], ledger: str, seed: int | None, runs: Sequence[RunPlace] | None = None
) -> dict[str, object]:
    """The keys that every object begins with. runs: where not given, what the models say of their own."""
    if runs is None:
        runs = [model.measured for model in models if model.measured is not None]
    return {
        "schema_version": SCHEMA_VERSION,
        "rnninspect": __version__,
        "torch": common([run.torch for run in runs]),
        "device": common([run.device for run in runs]),
        "dtype": common([model.dtype for model in models]),
        "seed": seed,
        "ledger": ledger,
    }


def picked(record: object, *names: str) -> dict[str, Any]:
    """The fields of a record that stand in an object, or a row, under their own names."""
    return {name: getattr(record, name) for name in names}


def common(values: Sequence[_Value]) -> _Value | None:
    """The value that all models share; None where they differ or there is none."""
    return values[0] if len(set(values)) == 1 else None
