"""`--input FILE`: what a model is fed with, from a .npy or .csv file to plain numbers.

Everything that is wrong with a file is an OptionError of one line: where, what was expected, what is there, and what
to try. A file is not read further than it takes to see that it does not fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnninspect.disk import NoRegularFile, opened, reason
from rnninspect.errors import printable
from rnninspect.study.input_csv import read_csv
from rnninspect.study.input_npy import read_npy

if TYPE_CHECKING:
    from rnninspect.study.input_expected import Expected, Values


def read_values(expected: Expected) -> Values:
    """The numbers of a file in C order: 64-bit floats, or 64-bit integers where they are token indices.

    Raises OptionError, NotInstalled (a .npy without numpy), NotEnoughMemory.
    """
    path = expected.path
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
