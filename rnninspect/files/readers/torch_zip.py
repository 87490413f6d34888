"""Checkpoints that torch.save writes, and archives of TorchScript: zip archives with a pickle, and a file a storage."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rnninspect.files.held import Held, Said, Unreadable
from rnninspect.files.pickles.calls import read_for_tensors, warnings_of
from rnninspect.files.pickles.gathered import Gathered, shortfall
from rnninspect.files.pickles.machine import Pickled
from rnninspect.files.pickles.records import Global
from rnninspect.files.readers import zips
from rnninspect.files.readers.numpy_arrays import tensor_in
from rnninspect.files.source import Source

# A pickle that is packed is unpacked up to so many bytes; torch packs none.
_LONGEST_PICKLE = 32 * 2**20
# So much of the code of a class is read for its options.
_LONGEST_CODE = 2**20
# So many files of code are read.
_MOST_CODE = 200
_CLASS = re.compile(r"class (\w{1,200})\(")
_FINAL = re.compile(r"  (\w{1,100}) : Final\[(\w{1,20})\] = ([^\n]{1,200})")
_NUMBER = re.compile(r"-?[0-9][0-9.e+-]{0,30}")


def read(source: Source, path: str) -> Held:
    """What a zip archive of torch's holds. Raises Unreadable."""
    archive = _Archive(source)
    gathered = Gathered()
    warnings: list[str] = []
    for name, prefix in [("data", ""), *[("constants", "constants")] * archive.scripted]:
        pickled = archive.pickled(f"{name}.pkl")
        warnings += warnings_of(pickled, f"{name}.pkl")
        gathered.gather(pickled.value, tensor_in, archive.options, prefix, f"{name}/")
    format = "TorchScript" if archive.scripted else "torch (zip)"
    return gathered.held(path, format, warnings, shortfall(gathered.storages, archive.sizes))


class _Archive:
    """The members of an archive by their names without the folder that all of them stand in."""

    def __init__(self, source: Source) -> None:
        members = zips.members(source)
        pickles = [each.name for each in members if each.name.rpartition("/")[2] == "data.pkl"]
        if not pickles:
            raise Unreadable("a zip archive without data.pkl, which every checkpoint of torch has")
        folder = min(pickles, key=lambda name: name.count("/")).removesuffix("data.pkl")
        self._source = source
        self._members = {each.name.removeprefix(folder): each for each in members if each.name.startswith(folder)}
        self.sizes = {name: self._there(member) for name, member in self._members.items()}
        self.scripted = "constants.pkl" in self._members and any(name.startswith("code/") for name in self._members)
        self._options: dict[str, Mapping[str, Mapping[str, Said]]] = {}

    def pickled(self, name: str) -> Pickled:
        """One of its pickles."""
        return read_for_tensors(zips.opened_member(self._source, self._members[name], _LONGEST_PICKLE))

    def options(self, kind: Global) -> Mapping[str, Said]:
        """What the code of a TorchScript class says of its options, which its pickle does not repeat."""
        place = place_of(kind)
        member = self._members.get(place)
        if member is None:
            return {}
        if place not in self._options and len(self._options) < _MOST_CODE:
            code = zips.beginning(self._source, member, _LONGEST_CODE)
            self._options[place] = _options_in(code.decode("utf-8", "replace"))
        return self._options.get(place, {}).get(kind.name, {})

    def _there(self, member: zips.Member) -> int:
        """Bytes of a member that the file really has."""
        if member.method == zips.STORED:
            return max(0, min(member.packed, self._source.size - member.at))
        return member.size


def place_of(kind: Global) -> str:
    """Where in an archive the code of a class stands: `code/__torch__/torch/nn/modules/rnn.py`."""
    return f"code/{kind.module.replace('.', '/')}.py"


def _options_in(code: str) -> Mapping[str, Mapping[str, Said]]:
    """The options of each class of a file of code, whose lines are as `batch_first : Final[bool] = True`."""
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
