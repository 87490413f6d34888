"""`rnninspect diff`: two models side by side by layer name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from rnninspect.commands.shared.options import HOW_TO_PRINT, Output, Settings
from rnninspect.errors import OptionError, listed, printable
from rnninspect.formats import Format

if TYPE_CHECKING:
    from rnninspect.commands.shared.checked_files import Planned
    from rnninspect.commands.shared.file_models import Checkpoints
    from rnninspect.document.chain import Spec
    from rnninspect.facts import ModelFacts

# So many layers are named in a note.
_FEW = 3
EXAMPLES = (
    "rnninspect diff model.yaml model.yaml --set encoder.hidden_size=256",
    "rnninspect diff model.yaml model.yaml --set encoder.type=GRU --format json",
    "rnninspect diff main:model.yaml model.yaml",
)


@dataclass(frozen=True, kw_only=True)
class DiffOptions:
    """What `diff` takes; the settings are for `new`, so that a document can be held against itself changed."""

    old: Annotated[str, typer.Argument(metavar="OLD", help="A YAML document, or REF:PATH of git; - is standard input.")]
    new: Annotated[str, typer.Argument(metavar="NEW", help="Another, or the same again, which --set then changes.")]
    settings: Settings = field(default_factory=list)
    format: Annotated[Format, HOW_TO_PRINT] = Format.TABLE
    output: Output = None


def run(options: DiffOptions) -> int:
    """Print what differs between two models; 0 whether or not anything does, 2 where one is unsound."""
    from rnninspect.commands.shared.checked_files import planned_models
    from rnninspect.commands.shared.file_models import say_remarks
    from rnninspect.commands.shared.files import load_all
    from rnninspect.commands.shared.messages import say
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.guard.changes import differences
    from rnninspect.guard.locked import locked_model
    from rnninspect.results.caption import PLAN, caption, each_once
    from rnninspect.results.diff import diff_document, diff_tables

    if options.old == options.new == "-":
        raise OptionError("- stands for standard input, which can be read only once")
    files: tuple[Checkpoints, Checkpoints] = ({}, {})
    old_specs, code = load_all([options.old], [], output=options.output, revisions=True, checkpoints=files[0])
    new_specs, new_code = load_all(
        [options.new], options.settings, output=options.output, revisions=True, checkpoints=files[1]
    )
    if code or new_code:
        return max(code, new_code)
    sides = [next(iter(planned_models(*side))) for side in zip((old_specs, new_specs), files, strict=True)]
    for checkpoints, side in zip(files, sides, strict=True):
        if checkpoints:
            say_remarks(checkpoints)
        if side.fault is not None:
            say(f"warning: {side.fault}")
    old_spec, old, new_spec, new = _comparable(sides)
    changes = differences(locked_model(old_spec, old), locked_model(new_spec, new))
    print_page(
        options.format,
        diff_tables(old, new, changes),
        lambda: diff_document(old, new, changes),
        caption(PLAN, each_once([old.dtype, new.dtype])),
        options.output,
    )
    return 0


def _comparable(sides: Sequence[Planned]) -> tuple[Spec, ModelFacts, Spec, ModelFacts]:
    """Both models; of a document beside a checkpoint the recurrent layers alone, as no others are known of a file."""
    from rnninspect.commands.shared.messages import say

    models = [(side.spec, side.facts) for side in sides]
    of_file = [bool(spec.checkpoint) for spec, _ in models]
    if of_file[0] != of_file[1]:
        from rnninspect.guard.found import recurrent_part, without_backward

        number = of_file.index(False)
        spec, facts, left = recurrent_part(*models[number])
        models[number] = spec, facts
        models[1 - number] = models[1 - number][0], without_backward(models[1 - number][1])
        if left:
            document, file = (printable(models[k][0].source) for k in (number, 1 - number))
            are = "are" if len(left) > 1 else "is"
            say(
                f"note: {listed(left, _FEW)} of {document} {are} left out: of a checkpoint "
                f"recurrent layers alone are compared (rnninspect check {document} --weights {file} holds every tensor)"
            )
    (old_spec, old), (new_spec, new) = models
    return old_spec, old, new_spec, new
