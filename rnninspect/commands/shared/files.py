"""The documents of one command line: read all, or say what is wrong with each."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from rnninspect import disk
from rnninspect.commands.shared.file_models import Checkpoints, is_no_document, read_checkpoint, refuse_checkpoint
from rnninspect.commands.shared.messages import complain, say, say_count
from rnninspect.document.chain import Spec
from rnninspect.document.load import load_at_revision, load_models
from rnninspect.errors import DocumentError, OptionError, OutputFailed, Place, RnnInspectError, printable

# So many documents are named in a line.
_MOST_NAMED = 3


def load_all(
    files: Sequence[str],
    settings: Sequence[str],
    *,
    device: str | None = None,
    dtype: str | None = None,
    output: Path | None = None,
    revisions: bool = False,
    runs: str = "",
    checkpoints: Checkpoints | None = None,
    of_checkpoints: Sequence[str] | None = None,
    also: Callable[[RnnInspectError, str], None] = lambda error, file: None,
) -> tuple[list[Spec], int]:
    """Every document that is sound, and the worst exit code of the others, whose faults are said, a line each.

    revisions: each may be `REF:PATH` too. runs: the command, where it runs documents alone: a checkpoint is refused.
    checkpoints: where each may be a checkpoint too, gets what was found in it. of_checkpoints: their settings, where
    they have others. also: what else to do with an error. Raises OptionError where `output` is one of the documents,
    or standard input is named twice.
    """
    if files.count("-") > 1:
        raise OptionError("- stands for standard input, which can be read only once")
    specs, code, errors = [], 0, 0
    for file in files:
        refuse_to_replace(file, output)
        try:
            if checkpoints is not None and is_no_document(file):
                if file in checkpoints:
                    say(f"note: named twice, and counted once: {printable(file)}")
                else:
                    own = settings if of_checkpoints is None else of_checkpoints
                    checkpoints[file], found = read_checkpoint(file, own)
                    specs += found
                continue
            if runs:
                refuse_checkpoint(file, runs)
            if revisions:
                specs += load_at_revision(file, settings, device=device, dtype=dtype)
            else:
                specs += load_models(file, settings, device=device, dtype=dtype)
        except RnnInspectError as error:
            code = max(code, complain(error, file if len(files) > 1 else ""))
            errors += len(error.faults)
            also(error, file)
    say_count(errors)
    return specs, code


def each_file_once(files: Sequence[str]) -> list[str]:
    """The files without those that another name stands for too, such as `./a.yaml` or a link; what is left out is said.

    Standard input stays as often as it is named: that is an error of its own.
    """
    first: dict[str, str] = {}
    again = []
    for number, file in enumerate(files):
        real = f"-{number}" if file == "-" else os.path.realpath(file)
        if real in first:
            again.append(file)
        first.setdefault(real, file)
    if again:
        more = f" and {len(again) - _MOST_NAMED} more" if len(again) > _MOST_NAMED else ""
        say(f"note: named twice, and counted once: {', '.join(map(printable, again[:_MOST_NAMED]))}{more}")
    return list(first.values())


def remark_half(specs: Sequence[Spec]) -> None:
    """Say once what half precision is here, and what it is not."""
    dtypes = dict.fromkeys(spec.dtype for spec in specs if spec.dtype in ("float16", "bfloat16"))
    if dtypes:
        raises = "; under it a float16 LSTM raises on the CPU" if "float16" in dtypes else ""
        say(
            f"note: {' and '.join(dtypes)}: the modules themselves, weights and all, are in half precision "
            f"(torch.autocast is another matter: it keeps weights in float32{raises})"
        )


def refuse_to_replace(file: str | Path, output: Path | None, what: str = "one of the documents") -> None:
    """Raise OptionError where the output would be written over what is read; what: what that is."""
    if output is not None and same_file(file, output):
        raise OptionError(f"--output {printable(str(output))}: this is {what} (name another file)")


def same_file(file: str | Path, output: Path) -> bool:
    """Whether two paths name one file that is there. Raises DocumentError and OutputFailed where nobody can say."""
    # why an error: what cannot be told from a document may be one, and would be written over.
    try:
        one = disk.status(file)
    except OSError as error:
        raise DocumentError(Place(str(file)), disk.reason(error).lower()) from error
    try:
        other = disk.status(output)
    except OSError as error:
        raise OutputFailed(f"cannot write {printable(str(output))}: {disk.reason(error)}") from error
    return one is not None and other is not None and os.path.samestat(one, other)
