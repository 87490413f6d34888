"""What the code of a TorchScript class says of its options: lines such as `batch_first : Final[bool] = True`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rnninspect.files.held import Said
from rnninspect.files.pickles.records import Global

_CLASS = re.compile(r"class (\w{1,200})\(")
_FINAL = re.compile(r"  (\w{1,100}) : Final\[(\w{1,20})\] = ([^\n]{1,200})")
_NUMBER = re.compile(r"-?[0-9][0-9.e+-]{0,30}")


def place_of(kind: Global) -> str:
    """Where in an archive the code of a class stands: `code/__torch__/torch/nn/modules/rnn.py`."""
    return f"code/{kind.module.replace('.', '/')}.py"


def options_in(code: str) -> Mapping[str, Mapping[str, Said]]:
    """The options of each class of a file of code. Only the values that a line itself has are read."""
    found: dict[str, dict[str, Said]] = {}
    options: dict[str, Said] = {}
    for line in code.split("\n"):
        if begun := _CLASS.match(line):
            options = found.setdefault(begun[1], {})
        elif final := _FINAL.fullmatch(line):
            value = _value(final[2], final[3])
            if value is not None:
                options[final[1]] = value
    return found


def _value(kind: str, text: str) -> Said:
    """A value as TorchScript writes it; None for what is no plain one."""
    if kind == "bool":
        return {"True": True, "False": False}.get(text)
    if kind == "str":
        inner = text[1:-1]
        return inner if text[:1] == text[-1:] == '"' and len(text) > 1 and "\\" not in inner else None
    if kind in ("int", "float") and _NUMBER.fullmatch(text):
        try:
            return int(text) if kind == "int" else float(text)
        except ValueError:
            return None
    return None
