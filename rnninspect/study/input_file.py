"""`--input FILE`: what a model is fed with, from a .npy or .csv file to plain numbers.

Everything that is wrong with a file is an OptionError of one line: where, what was expected, what is there, and what
to try. A file is not read further than it takes to see that it does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rnninspect.disk import NoRegularFile, opened, reason
from rnninspect.errors import printable
from rnninspect.study.input_csv import read_csv
from rnninspect.study.input_expected import SETTINGS, Expected
from rnninspect.study.input_npy import read_npy

if TYPE_CHECKING:
    from rnninspect.study.input_expected import Values


def read_values(
    path: Path,
    shape: tuple[int, ...],
    axes: tuple[str, ...],
    *,
    below: int | None = None,
    settings: Mapping[str, str] = SETTINGS,
    besides: Mapping[str, object] | None = None,
    remark: Callable[[str], None] = lambda remark: None,
) -> Values:
    """The numbers of a file in C order: 64-bit floats, or 64-bit integers where `below` is given.

    shape, axes: what the document expects, (20, 32, 300) and ("L", "N", "H_in").
    below: the file holds token indices, each less than this.
    settings: by axis, what `--set` can change to make the document fit the file.
    besides: what has to be set with them, and to what, for L and N to be free.
    remark: what to do with a sentence on how the file was taken.
    Raises OptionError, NotInstalled (a .npy without numpy), NotEnoughMemory.
    """
    expected = Expected(
        path=path, shape=shape, axes=axes, below=below, settings=settings, besides=besides or {}, remark=remark
    )
    read = {".npy": read_npy, ".csv": read_csv}.get(path.suffix.lower())
    if read is None:
        got = f"got {printable(path.suffix)}" if path.suffix else "got none"
        raise expected.refusal(f"expected a name that ends in .npy or .csv, {got}")
    try:
        with opened(path) as stream:
            return read(stream, expected)
    except OSError as error:
        raise expected.refusal(reason(error).lower(), _what_to_try(error)) from error


def _what_to_try(error: OSError) -> str:
    hints = {
        FileNotFoundError: "check the path",
        PermissionError: "make it readable for this user",
        IsADirectoryError: "name a .npy or .csv file",
        NoRegularFile: "name a .npy or .csv file",
    }
    return next((hint for kind, hint in hints.items() if isinstance(error, kind)), "")
