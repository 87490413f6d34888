"""HDF5, by h5py: every dataset's name, shape and dtype, and what Keras says of the layers. No value is read.

Keras' own zip (.keras) holds one such file, and the description of the model beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

from rnninspect.errors import NotInstalled, first_line, listed, show
from rnninspect.files.held import Damaged, Held, HeldLayer, HeldTensor, Unreadable
from rnninspect.files.readers import zips
from rnninspect.files.readers.hdf5_stream import checked
from rnninspect.files.readers.keras_config import LONGEST_CONFIG, TooMuch, entries_of
from rnninspect.files.readers.keras_roles import Names, layers_of
from rnninspect.files.readers.own_names import joined
from rnninspect.files.source import Source

if TYPE_CHECKING:
    import h5py

# A file with more is no checkpoint of a recurrent network; to open as many takes two seconds.
_MOST_OBJECTS = 20_000
_DEEPEST = 64
_LONGEST_NAME = 10_000
# Attributes of a group that name layers and weights: 100,000 names of 100 letters.
_LONGEST_ATTRIBUTE = 10 * 2**20
# What is unpacked in memory, where somebody packed a .keras file again; Keras does not compress it.
_LARGEST_UNPACKED = 64 * 2**20
# What h5py raises of a damaged file.
_DAMAGED = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError)
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"


def read(source: Source, path: str) -> Held:
    """The datasets of an HDF5 file, or of the one in a .keras file. Raises NotInstalled where h5py is missing."""
    if source.beginning(2) != b"PK":
        return _file(source, path, "HDF5", None)
    found = {member.name: member for member in zips.members(source)}
    config = zips.beginning(source, found[_CONFIG], LONGEST_CONFIG)
    weights = zips.opened_member(source, found[_WEIGHTS], _LARGEST_UNPACKED)
    return _file(weights, path, "Keras (zip)", config)


@dataclass
class _Found:
    """What was found in a file until now. groups, called, weights: as in `Names`. names: how many links there were.

    links: how many of them were not followed. seen: by where each object is, the name that it was found by.
    """

    tensors: dict[str, HeldTensor] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    called: dict[str, str] = field(default_factory=dict)
    weights: dict[str, list[str]] = field(default_factory=dict)
    names: int = 0
    links: int = 0
    seen: dict[object, str] = field(default_factory=dict)


def _file(source: Source, path: str, format: str, config: bytes | None) -> Held:
    try:
        import h5py
    except ImportError as error:
        raise NotInstalled("reading HDF5", "h5py", "hdf5", error) from error
    found = _Found()
    try:
        # why a stream and no path: whatever the file names, the library has nothing else that it could open.
        with h5py.File(checked(source), "r") as root:
            version = _text(root, "keras_version")
            config = config if config is not None else _bytes(root, "model_config", LONGEST_CONFIG)
            _walk(root, found)
    except Unreadable:
        raise
    except _DAMAGED as error:
        said = first_line(error).strip("'\"")  # why: a KeyError puts what it says in quotes
        raise Damaged(f"the HDF5 file is damaged: {said}") from error
    layers, note = _described(config, found)
    followed = f"{found.links} links to other places or files were not followed" if found.links else ""
    notes = tuple(filter(None, (note, followed)))
    if version or (format == "HDF5" and (config or _is_keras(found))):
        format = "Keras HDF5"
    return Held(file=path, format=format, tensors=found.tensors, layers=layers, notes=notes, aliases=found.aliases)


def _is_keras(found: _Found) -> bool:
    """Whether the tensors are where Keras puts them."""
    return any(name.startswith(("layers/", "_layer_checkpoint_dependencies/")) for name in found.tensors)


def _described(config: bytes | None, found: _Found) -> tuple[tuple[HeldLayer, ...], str]:
    """The recurrent layers that the file describes, and what is to be told of a description that is not read."""
    if config is None:
        return (), ""
    try:
        model = entries_of(config)
    except TooMuch:
        return (), "the description of its layers is deeper or longer than any model's, and was not read"
    if model is None:
        return (), "the description of its layers cannot be read"
    names = Names(found.groups, found.called, found.weights)
    layers = layers_of(model, found.tensors, names)
    untold = [show(layer.said["name"], 40) for layer in layers if not layer.tensors]
    return layers, f"which tensors are those of {listed(untold, 5)} is not to be told from the file" if untold else ""


# --- the walk ------------------------------------------------------------------------------------------------------


def _walk(root: h5py.File, found: _Found) -> None:
    """Fill `found` with every object that is reached by the file's own links, once each, without recursion."""
    import h5py

    _is_new(root, "", found)
    waiting: list[tuple[h5py.Group, str, int]] = [(root, "", 0)]
    while waiting:
        group, path, depth = waiting.pop()
        if depth > _DEEPEST:
            raise Unreadable(f"an HDF5 file with groups more than {_DEEPEST} deep")
        _say(group, path, found)
        for name, inner in _objects(group, found):
            here = joined(path, name)
            if len(here) > _LONGEST_NAME:
                raise Unreadable(f"an HDF5 file with a name of {len(here):,} letters")
            if isinstance(inner, h5py.Group):
                found.groups.setdefault(path, []).append(name)
                if _is_new(inner, here, found):
                    waiting.append((inner, here, depth + 1))
            elif _is_new(inner, here, found):
                found.tensors[here] = HeldTensor(here, tuple(inner.shape or ()), _dtype(inner))
            elif (other := found.seen[_key(inner)]) in found.tensors:
                found.tensors[here] = found.tensors[other]._replace(name=here)
                found.aliases[here] = other


def _objects(group: h5py.Group, found: _Found) -> Iterator[tuple[str, Any]]:
    """The groups and datasets in a group, in the order of their names; links that are names are not followed.

    why not by h5py's own mapping: it looks each name up three times, which takes twice as long.
    """
    import h5py

    found.names += len(group)
    if found.names > _MOST_OBJECTS:
        raise Unreadable(f"an HDF5 file of more than {_MOST_OBJECTS:,} objects")
    links: list[tuple[bytes, int]] = []
    group.id.links.iterate(lambda name, info: links.append((name, info.type)), info=True)
    for name, kind in links:
        if kind != h5py.h5l.TYPE_HARD:
            found.links += 1
            continue
        identity = h5py.h5o.open(group.id, name)
        if isinstance(identity, h5py.h5g.GroupID):
            yield name.decode("utf-8", "surrogateescape"), h5py.Group(identity)
        elif isinstance(identity, h5py.h5d.DatasetID):
            yield name.decode("utf-8", "surrogateescape"), h5py.Dataset(identity)


def _key(item: h5py.Group | h5py.Dataset) -> object:
    """What two names of one object have in common: where it is in the file."""
    import h5py

    info = h5py.h5o.get_info(item.id)
    return info.fileno, info.addr


def _is_new(item: h5py.Group | h5py.Dataset, path: str, found: _Found) -> bool:
    """Whether an object was not seen before; it is from now on."""
    key = _key(item)
    if key in found.seen:
        return False
    found.seen[key] = path
    return True


def _dtype(dataset: h5py.Dataset) -> str:
    """The dtype as torch calls it, or as numpy does; what numpy has none for is what the file calls it, or unknown."""
    try:
        name = str(dataset.dtype.newbyteorder("=").name)
    except (TypeError, ValueError):
        return "unknown"
    # why: numpy has no bfloat16, so Keras keeps two bytes a value and says in an attribute what they are.
    return "bfloat16" if name == "void16" and _text(dataset, "dtype") == "bfloat16" else name


# --- what Keras writes as attributes -------------------------------------------------------------------------------


def _say(group: h5py.Group, path: str, found: _Found) -> None:
    """Note the layer's own name, where a group has it, and the names of its weights."""
    parent, _, last = path.rpartition("/")
    if last == "vars":
        name = _text(group, "name")
        if name:
            found.called[parent] = name
    elif last and parent in ("", "model_weights"):
        names = _names(group, "weight_names")
        # why of a layer outside of `model_weights` too: save_weights keeps the layers at the top.
        found.weights[last] = [f"{path}/{name}" for name in names]


def _text(item: h5py.Group | h5py.Dataset, key: str) -> str:
    """An attribute that is a text; "" where it is none."""
    data = _bytes(item, key, _LONGEST_NAME)
    return data.decode("utf-8", "replace") if data else ""


def _bytes(item: h5py.Group | h5py.Dataset, key: str, most: int) -> bytes | None:
    """An attribute that is one text, as bytes; None where there is none, or it is longer than `most`."""
    value = _attribute(item, key, most)
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    return bytes(value) if isinstance(value, bytes) and len(value) <= most else None


def _names(item: h5py.Group, key: str) -> list[str]:
    """An attribute that is a list of texts; Keras cuts a long one into `key0`, `key1` and so on."""
    parts = [key] if key in item.attrs else list(takewhile(item.attrs.__contains__, (f"{key}{n}" for n in count())))
    names = []
    for part in parts:
        value = _attribute(item, part, _LONGEST_ATTRIBUTE)
        if getattr(value, "ndim", 0) == 1:
            names += [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in value]
    return names


def _attribute(item: h5py.Group | h5py.Dataset, key: str, most: int) -> Any:
    """The value of an attribute; None where there is none, or it would be of more bytes than `most`."""
    if key not in item.attrs:
        return None
    identity = item.attrs.get_id(key)
    if math.prod(identity.shape or ()) * identity.dtype.itemsize > most:
        return None
    value = item.attrs[key]
    return value.item() if getattr(value, "ndim", None) == 0 else value
