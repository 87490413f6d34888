"""`rnninspect diff`: two models side by side by layer name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated

from rnninspect.commands.shared.messages import say
from rnninspect.commands.shared.options import HOW_TO_PRINT, Output, Settings, argument
from rnninspect.errors import DocumentError, OptionError, Place, listed, printable
from rnninspect.formats import Format

if TYPE_CHECKING:
    from rnninspect.commands.shared.checked_files import Planned
    from rnninspect.commands.shared.file_models import Checkpoints
    from rnninspect.facts.models import ModelFacts
    from rnninspect.guard.locked import LockedModel

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

    old: Annotated[
        str, argument("OLD", "A YAML document, REF:PATH of git, or a checkpoint; - is a document on standard input.")
    ]
    new: Annotated[str, argument("NEW", "Another, or the same again, which --set then changes.")]
    settings: Settings = field(default_factory=list)
    format: Annotated[Format, HOW_TO_PRINT] = Format.TABLE
    output: Output = None


def run(options: DiffOptions) -> int:
    """Print what differs between two models; 0 whether or not anything does, 2 where one is unsound."""
    from rnninspect.commands.shared.checked_files import planned_models
    from rnninspect.commands.shared.file_models import say_remarks, with_checkpoints
    from rnninspect.commands.shared.files import load_all
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.document.load import load_at_revision
    from rnninspect.guard.changes import differences
    from rnninspect.results.caption import PLAN, caption, each_once
    from rnninspect.results.diff import diff_document, diff_tables

    if options.old == options.new == "-":
        raise OptionError("- stands for standard input, which can be read only once")
    for path in (options.old, options.new):
        _refuse_at_revision(path)
    files: tuple[Checkpoints, Checkpoints] = ({}, {})
    load_new = partial(load_at_revision, settings=options.settings)
    old_specs, code = load_all([options.old], with_checkpoints(load_at_revision, [], files[0]), output=options.output)
    new_specs, new_code = load_all(
        [options.new], with_checkpoints(load_new, options.settings, files[1]), output=options.output
    )
    if code or new_code:
        return max(code, new_code)
    sides = [next(iter(planned_models(*side))) for side in zip((old_specs, new_specs), files, strict=True)]
    for checkpoints, side in zip(files, sides, strict=True):
        if checkpoints:
            say_remarks(checkpoints)
        if side.fault is not None:
            say(f"warning: {side.fault}")
    (old, was), (new, is_now) = _comparable(sides)
    changes = differences(was, is_now)
    print_page(
        options.format,
        diff_tables(old, new, changes),
        lambda: diff_document(old, new, changes),
        caption(PLAN, each_once([old.dtype, new.dtype])),
        options.output,
    )
    return 0


def _comparable(sides: Sequence[Planned]) -> list[tuple[ModelFacts, LockedModel]]:
    """Both models, and what is compared of them: of a document beside a checkpoint what could be found in a file."""
    from rnninspect.guard.locked import locked_model

    of_file = [bool(side.spec.checkpoint) for side in sides]
    if of_file[0] == of_file[1]:
        return [(side.facts, locked_model(side.spec, side.facts)) for side in sides]
    from rnninspect.guard.found import as_found, recurrent_part, without_backward

    number = of_file.index(False)
    document, file = sides[number], sides[1 - number]
    spec, facts, left = recurrent_part(document.spec, document.facts)
    if left:
        names = [printable(side.spec.source) for side in (document, file)]
        are = "are" if len(left) > 1 else "is"
        say(
            f"note: {listed(left, _FEW)} of {names[0]} {are} left out: RNN, LSTM and GRU alone are compared with a "
            f"checkpoint (rnninspect check {names[0]} --weights {names[1]} holds every tensor)"
        )
    both = [
        (facts, as_found(locked_model(spec, facts))),
        (without_backward(file.facts), locked_model(file.spec, file.facts)),
    ]
    return both if number == 0 else both[::-1]


def _refuse_at_revision(path: str) -> None:
    """Raise DocumentError for `REF:PATH` of a checkpoint."""
    from rnninspect.commands.shared.checkpoints import is_checkpoint
    from rnninspect.document.revision import named_revision

    named = named_revision(path)
    if named is not None and is_checkpoint(named[1]):
        shown = printable(path)
        hint = f"git show {shown} > old writes it to a file, which diff takes"
        raise DocumentError(Place(path), "a checkpoint is not read at a revision", hint=hint)
