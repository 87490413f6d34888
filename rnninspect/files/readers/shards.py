"""A checkpoint in several files: the index that says which tensor is in which, and the files beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rnninspect.disk import reason
from rnninspect.errors import listed, show
from rnninspect.files.held import Damaged, Held, HeldTensor, Unreadable
from rnninspect.files.read import read_kind
from rnninspect.files.readers import beside
from rnninspect.files.sniff import kind_of
from rnninspect.files.source import Source, source_of

# The largest published models have some thousand tensors in some hundred files; this is an index of 100,000 tensors.
_LONGEST_INDEX = 10 * 10**6
_MOST_SHARDS = 1_000


def read(source: Source, path: str) -> Held:
    """The tensors of every file that the index names, each file read once; what is missing is damage."""
    weight_map = _weight_map(source)
    names = sorted(set(weight_map.values()))
    if len(names) > _MOST_SHARDS:
        raise Unreadable(f"an index of {len(names):,} files, of which at most {_MOST_SHARDS:,} are read")
    places = {name: _place(Path(path).parent, name) for name in names}
    missing = [name for name, place in places.items() if not place.is_file()]
    if len(missing) == len(names):
        raise Unreadable(f"none of the {len(names)} files of the index is there", "download them beside it")
    shards = [_shard(place, name) for name, place in places.items() if name not in set(missing)]
    return _joined(path, weight_map, shards, missing)


def _place(folder: Path, name: str) -> Path:
    """Where one of the files is. Raises Unreadable where it would be one of another folder."""
    place = beside.place_of(folder, name)
    if place is None:
        raise Unreadable(f"the index names {show(name)}, which is no file of its folder")
    return place


def _joined(path: str, weight_map: dict[str, str], shards: list[Held], missing: list[str]) -> Held:
    tensors: dict[str, HeldTensor] = {}
    for shard in shards:
        for name, tensor in shard.tensors.items():
            if name in tensors:
                raise Unreadable(f"two of its files hold {show(name)}")
            tensors[name] = tensor
    damage = [shard.damage and f"{show(Path(shard.file).name)}: {shard.damage}" for shard in shards]
    if missing:
        damage.insert(0, f"{listed([show(name) for name in missing], 3)} of the index {_is_are(missing)} missing")
    absent = [name for name, file in weight_map.items() if name not in tensors and file not in set(missing)]
    if absent:
        damage.append(f"{listed([show(name) for name in absent], 3)} of the index {_is_are(absent)} in no file")
    return Held(
        path,
        f"{shards[0].format}, {len(shards) + len(missing)} files",
        tensors,
        layers=tuple(layer for shard in shards for layer in shard.layers),
        notes=tuple(dict.fromkeys(note for shard in shards for note in shard.notes)),
        damage="; ".join(filter(None, damage)),
        aliases={name: other for shard in shards for name, other in shard.aliases.items()},
    )


def _is_are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _shard(place: Path, name: str) -> Held:
    """What one of the files holds."""
    try:
        with source_of(str(place)) as source:
            kind = kind_of(source)
            if kind == "shards":  # why: an index that names itself, or another that names it, would never end
                raise Unreadable("an index within an index")
            return read_kind(kind, source, source.name)
    except Unreadable as error:
        raise Unreadable(f"{show(name)}: {error.message}", error.hint) from error
    except OSError as error:
        raise Unreadable(f"{show(name)}: {reason(error).lower()}") from error


def _weight_map(source: Source) -> dict[str, str]:
    if source.size > _LONGEST_INDEX:
        raise Unreadable(f"an index of {source.size:,} bytes, of which at most {_LONGEST_INDEX:,} are read")
    try:
        value: Any = json.loads(source.at(0, source.size).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Damaged("the index is no JSON") from error
    found = value.get("weight_map") if isinstance(value, dict) else None
    if not isinstance(found, dict) or not found or not all(isinstance(file, str) for file in found.values()):
        raise Unreadable("its weight_map names no files")
    return found
