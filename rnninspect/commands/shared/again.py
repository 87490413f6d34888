"""The same command line to type again, as a shell reads it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import get_args

from typer.models import OptionInfo

from rnninspect.commands.shared.signature import signature_of

# So many documents are named one by one.
_FEW = 3


def again(command: str, files: Sequence[str], options: Iterable[str]) -> str:
    """`rnninspect COMMAND FILES OPTIONS`; "" where one is standard input, which is gone."""
    if "-" in files:
        return ""
    named = files if len(files) <= _FEW else ()
    documents = [shlex.quote(no_option(file)) for file in named] or list(_patterns(files))
    return " ".join(["rnninspect", command, *documents, *map(shlex.quote, options)])


def option_words(options: object, leave_out: Collection[str]) -> list[str]:
    """The words of a command line that its record stands for: each option that is not as without it.

    leave_out: fields whose options are not wanted, or that are no options.
    """
    words: list[str] = []
    for name, keyword in signature_of(type(options)).parameters.items():
        value = getattr(options, name)
        if name in leave_out or value == keyword.default:
            continue
        (said,) = [each for each in get_args(keyword.annotation)[1:] if isinstance(each, OptionInfo)]
        # why: Typer takes the first of an option's names for its default until it is told what it annotates.
        flag = said.default if isinstance(said.default, str) else f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        else:
            words += [word for each in (value if isinstance(value, list) else [value]) for word in (flag, str(each))]
    return words


def no_option(file: str) -> str:
    """A file's name as no command takes it for an option; standard input stays."""
    return f"./{file}" if file.startswith("-") and file != "-" else file


def _patterns(files: Sequence[str]) -> Iterator[str]:
    """`models/*.yaml` where these are all the files of that folder with that suffix, else each by itself."""
    groups: dict[tuple[str, str], list[str]] = {}
    for file in files:
        folder, name = os.path.split(file)
        groups.setdefault((folder, Path(name).suffix), []).append(name)
    for (folder, suffix), names in groups.items():
        start = f"{shlex.quote(folder)}/" if folder.strip("/") else "/" if folder else ""
        if suffix and len(names) > 1 and set(names) == _in_folder(folder, suffix):
            yield f"{start}*{shlex.quote(suffix)}"
        else:
            yield from (shlex.quote(no_option(os.path.join(folder, name))) for name in names)  # noqa: PTH118


def _in_folder(folder: str, suffix: str) -> set[str]:
    """What the shell finds for `*.SUFFIX`; nothing where nobody can say, or where it would be taken for an option."""
    try:
        found = {name for name in os.listdir(folder or ".") if name.endswith(suffix) and not name.startswith(".")}  # noqa: PTH208
    except OSError:
        return set()
    return set() if not folder and any(name.startswith("-") for name in found) else found
