"""`rnninspect identify`, which `rnninspect FILE` of a checkpoint is too: the recurrent layers that files hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rnninspect.commands.shared.messages import say
from rnninspect.commands.shared.options import HOW_TO_PRINT, OUTPUT, Output, all_of_it, argument, flag, option
from rnninspect.errors import printable
from rnninspect.formats import Format

if TYPE_CHECKING:
    from rnninspect.files.look import LookedInto

EXAMPLES = (
    "rnninspect identify model.pt",
    "rnninspect identify old.pt new.onnx --all",
    "rnninspect identify model.pt --document found.yaml",
)


@dataclass(frozen=True, kw_only=True)
class IdentifyOptions:
    """What `identify` takes."""

    files: Annotated[
        list[str], argument("FILE...", "Checkpoints: torch, safetensors, ONNX, Keras, TensorFlow and others.")
    ]
    require: Annotated[
        bool, flag("--require", "End with 1 where a file has no recurrent layer that is understood.")
    ] = False
    all: Annotated[bool, all_of_it("every column, and every tensor, those of other layers too")] = False
    document: Annotated[
        Path | None,
        option(
            "FILE",
            "Write a document that rebuilds the layer; of several layers one each, its name before the suffix.",
            OUTPUT,
        ),
    ] = None
    format: Annotated[Format, HOW_TO_PRINT] = Format.TABLE
    output: Output = None


def run(options: IdentifyOptions) -> int:
    """Print the recurrent layers of all files; returns the exit code.

    With one file that cannot be read there is no result at all, as with documents.
    """
    from rnninspect.commands.shared.checkpoints import look_into_file
    from rnninspect.commands.shared.files import load_all
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.results.identify import identify_answer, identify_blocks, identify_document, identify_tables

    if options.document is not None:
        from rnninspect.commands.shared.found_documents import refuse_documents

        refuse_documents(options.files, options.document, options.output)
    looked, code = load_all(options.files, lambda file: [look_into_file(file)], output=options.output)
    if code:
        return code
    code = _say_failures(looked, require=options.require)
    if options.document is not None:
        from rnninspect.commands.shared.found_documents import write_documents

        code = max(code, write_documents(looked[0].identified, options.document))
    blocks = identify_blocks(looked, all_of_it=options.all)
    if options.format is Format.CSV:
        _say_what_csv_has_no_place_for(looked)
        blocks = identify_tables(looked, all_of_it=options.all)
    print_page(
        options.format, blocks, lambda: identify_document(looked), identify_answer(looked).caption, options.output
    )
    return code


def _say_failures(looked: Sequence[LookedInto], *, require: bool) -> int:
    """Say of each file why it fails, where it does; returns the exit code."""
    from rnninspect.results.identify import failures

    told = [(each.file, failure) for each in looked for failure in failures(each, require=require)]
    for file, failure in told:
        say(f"error: {printable(file)}: {printable(failure)}")
    return 1 if told else 0


def _say_what_csv_has_no_place_for(looked: Sequence[LookedInto]) -> None:
    """Say what is to be told of each file, and what is not understood in it."""
    for each in looked:
        for note in each.identified.held.notes:
            say(f"note: {printable(each.file)}: {printable(note)}")
        for sentence in each.identified.undecided:
            say(f"warning: {printable(each.file)}: undecided: {printable(sentence)}")
