"""Checkpoints that are checked or laid beside another model: one model each, of all its layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from rnninspect.commands.shared.file_models import Checkpoints, damages, is_no_document
from rnninspect.document.blocks import Budget
from rnninspect.document.chain import Spec
from rnninspect.document.complaints import valid
from rnninspect.document.overrides import override
from rnninspect.errors import CheckFailed, OptionError, RnnInspectError, printable
from rnninspect.facts.models import ModelFacts
from rnninspect.guard.check import LIMITS, Growth
from rnninspect.plan import plan

if TYPE_CHECKING:
    from rnninspect.commands.shared.check_options import CheckOptions

_BUDGET = "budget."
_BATCH = "--set input.seq_len=20 --set input.batch_size=32"


class Planned(NamedTuple):
    """A model as it is planned. fault: what stands against a checkpoint's own tensors; None of a document."""

    spec: Spec
    facts: ModelFacts
    fault: RnnInspectError | None = None


def refuse_for_files(options: CheckOptions) -> None:
    """Raise OptionError for an option that only documents can have, where one of the files is a checkpoint."""
    given = {
        "--build": ("is not run", options.build),
        "--base": ("is not looked for at a revision", options.base is not None),
        "--weights": ("is held against no other", options.weights is not None),
    }
    asked = {option: why for option, (why, is_given) in given.items() if is_given}
    for file in options.files if asked else ():
        if is_no_document(file):
            option, why = next(iter(asked.items()))
            raise OptionError(f"{option}: {printable(file)} is a checkpoint, and {why} (leave {option} out)")


def settings_of_files(settings: Sequence[str]) -> list[str]:
    """Those settings that a checkpoint is read with: all but a budget's."""
    return [setting for setting in settings if not setting.strip().startswith(_BUDGET)]


def planned_models(specs: Sequence[Spec], checkpoints: Checkpoints, settings: Sequence[str] = ()) -> Iterator[Planned]:
    """Each document's plan, and one of all layers of each checkpoint, or of a module whose layers are models apart.

    settings: those of a budget are the checkpoints' too. Raises DocumentError for what is none.
    """
    for (source, of_file), group in groupby(specs, lambda spec: (spec.source, bool(spec.checkpoint))):
        models = list(group)
        if not of_file and len(models) == 1:
            yield Planned(models[0], plan(models[0]))
            continue
        from rnninspect.guard.found import joined  # why here: few command lines have a checkpoint

        spec, facts = joined(models)
        yield Planned(_with_budget(spec, settings), facts, _fault(source, checkpoints) if of_file else None)


def _with_budget(spec: Spec, settings: Sequence[str]) -> Spec:
    own = [setting for setting in settings if setting.strip().startswith(_BUDGET)]
    if not own:
        return spec
    tree = override(spec.tree, own)
    limits = valid(Budget, tree.data["budget"] if isinstance(tree.data, dict) else {}, ("budget",), tree)
    return replace(spec, tree=tree, budget=limits.model_dump(exclude_none=True))


def _fault(source: str, checkpoints: Checkpoints) -> RnnInspectError | None:
    """What stands against the file: its plan is another than its tensors say, or something of it is missing."""
    looked = checkpoints[source]
    differing = sum(len(layer.differences) for layer in looked.layers)
    for damage in damages({source: looked}):
        return damage
    if differing:
        return CheckFailed(f"{printable(source)}: plan and file differ in {differing:,} tensors (rnninspect identify)")
    return None


def need_batch(spec: Spec, facts: ModelFacts, budget: Iterable[str], growth: Sequence[Growth] | None) -> None:
    """Raise OptionError for a limit on what depends on the batch, where nobody says how large it is."""
    if not facts.per_token:
        return
    limited = [name for name in budget if LIMITS[name](facts) is None]
    limited += [f"--max-growth {limit.field}" for limit in growth or () if limit.field == "macs" and limit.amount]
    if limited:
        file = printable(spec.source)
        raise OptionError(f"{limited[0]}: {file} says no batch ({_BATCH} does)")
