"""The files of one command line: read all, or say what is wrong with each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from rnninspect import disk
from rnninspect.commands.shared.messages import complain, say, say_count
from rnninspect.document.chain import Spec
from rnninspect.errors import DocumentError, OptionError, OutputFailed, Place, RnnInspectError, printable
from rnninspect.runtime.here import need_folder

_Loaded = TypeVar("_Loaded")

# So many documents are named in a line.
_MOST_NAMED = 3


def load_all(
    files: Sequence[str],
    load: Callable[[str], Iterable[_Loaded]],
    *,
    output: Path | None,
    also: Callable[[RnnInspectError, str], None] | None = None,
) -> tuple[list[_Loaded], int]:
    """All that can be read of the files, and the worst exit code of the others, whose faults are said, a line each.

    load: what there is to be had of one file, or a RnnInspectError. also: what else to do with that, and its file;
    whoever asks for it says how many there were.
    Raises OptionError where `output` is one of the files, or standard input is named twice.
    """
    if files.count("-") > 1:
        raise OptionError("- stands for standard input, which can be read only once")
    loaded, code, errors = list[_Loaded](), 0, 0
    for file in files:
        refuse_to_replace(file, output)
        try:
            loaded += load(file)
        except RnnInspectError as error:
            code = max(code, complain(error, file if len(files) > 1 else ""))
            errors += len(error.faults)
            if also is not None:
                also(error, file)
    if also is None:
        say_count(errors)
    return loaded, code


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


def refuse_to_replace(file: str | Path, output: Path | None, what: str = "one of the files to read") -> None:
    """Raise OptionError where the output would be written over what is read; what: what that is."""
    if output is not None and same_file(file, output):
        raise OptionError(f"--output {printable(str(output))}: this is {what} (name another file)")


def refuse_page(journal: Path | None) -> None:
    """Raise OptionError for a journal that is called as a page is, which other commands write to their --output."""
    if journal is not None and journal.suffix.lower() in (".html", ".htm", ".md", ".csv"):
        shown = printable(str(journal))
        hint = f"the page: > {shown} and --format; a journal: name a .jsonl"
        raise OptionError(f"--output {shown}: what is kept there is a journal, not the page ({hint})")


def need_place(option: str, path: Path, files: Iterable[str], output: Path | None) -> None:
    """Raise for a further file to write that could not be written, before work is lost.

    option: what names it. Raises OptionError where it is one of the files to read, or `output`; FolderGone, and
    OutputFailed where there is no folder for it.
    """
    need_folder()
    shown = printable(str(path))
    try:
        folder, here = path.absolute().parent.is_dir(), path.is_dir()
        as_output = output is not None and path.absolute() == output.absolute()
    except OSError as error:
        raise OutputFailed(f"cannot write {shown}: {disk.reason(error)}") from error
    if here or not folder:
        why = "this is a folder" if here else "there is no such folder"
        raise OutputFailed(f"cannot write {shown}: {why}")
    taken = [file for file in files if same_file(file, path)]
    if taken or as_output:
        what = "one of the files to read" if taken else "--output's file"
        raise OptionError(f"{option} {shown}: this is {what} (name another file)")


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
