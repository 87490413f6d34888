"""Checkpoints that torch.save writes, and archives of TorchScript: zip archives with a pickle, and a file a storage."""

from __future__ import annotations

from collections.abc import Mapping

from rnninspect.files.held import Held, Said, Unreadable
from rnninspect.files.pickles.calls import read_for_tensors, warnings_of
from rnninspect.files.pickles.gathered import Gathered, shortfall
from rnninspect.files.pickles.machine import Pickled
from rnninspect.files.pickles.records import Global
from rnninspect.files.readers import zips
from rnninspect.files.readers.numpy_arrays import tensor_in
from rnninspect.files.readers.script_options import options_in, place_of
from rnninspect.files.source import Source

# A pickle that is packed is unpacked up to so many bytes; torch packs none.
_LONGEST_PICKLE = 32 * 2**20
# So much of the code of a class is read for its options.
_LONGEST_CODE = 2**20
# So many files of code are read.
_MOST_CODE = 200


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
            self._options[place] = options_in(code.decode("utf-8", "replace"))
        return self._options.get(place, {}).get(kind.name, {})

    def _there(self, member: zips.Member) -> int:
        """Bytes of a member that the file really has."""
        if member.method == zips.STORED:
            return max(0, min(member.packed, self._source.size - member.at))
        return member.size
