"""What TensorFlow writes: the index of a checkpoint, a graph, or a SavedModel, which is both.

https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/protobuf/tensor_bundle.proto
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rnninspect import disk
from rnninspect.files.held import Damaged, Held, HeldLayer, HeldTensor, Unreadable
from rnninspect.files.readers import beside
from rnninspect.files.readers.protobuf import BYTES, VARINT, Field, Message
from rnninspect.files.readers.tf_graph import Graph, add_graph
from rnninspect.files.readers.tf_table import entries, is_table
from rnninspect.files.readers.tf_tensors import dtype_of, shape_of
from rnninspect.files.source import Source, source_of

# Where the variables of a SavedModel lie beside it.
_VARIABLES = "variables/variables.index"
# What a checkpoint of objects has behind the name of a variable, and what is no variable.
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"
_SETTINGS = ".ATTRIBUTES/OBJECT_CONFIG_JSON"
# Where Keras' optimizers have the weights that they train, and its exports all variables a second time.
_TRAINED, _AGAIN = "/_trainable_variables/", "_all_variables/"
# A key that begins so is a slice of a variable that is kept in several.
_SLICE = b"\0"
# The names of the files with values have five digits.
_MOST_SHARDS = 99_999


def read(source: Source, path: str) -> Held:
    """What a file of TensorFlow holds. Raises Unreadable."""
    if is_table(source):
        variables = variables_of(source, path)
        damage = beside.told(variables.faults)
        return Held(path, "TensorFlow checkpoint", variables.tensors, notes=variables.notes, damage=damage)
    message, graph = Message(source), Graph()
    first = next(message.fields(), None)
    if first is None or first.number != 1:
        raise Unreadable("no graph of TensorFlow: it does not begin as one does")
    if first.wire == VARINT:
        return _saved_model(message, path, graph)
    add_graph(message, None, graph)
    notes = _notes(graph)
    if graph.variables:
        notes += (f"{len(graph.variables):,} of its tensors are variables: their values are in a checkpoint",)
    return _held(path, "TensorFlow graph", graph, graph.variables | graph.constants, notes)


def _saved_model(message: Message, path: str, graph: Graph) -> Held:
    """A SavedModel: the graphs in the file, and the variables beside it."""
    for part in message.inside(None, 2):
        for item in message.inside(part, 2):
            add_graph(message, item, graph)
    variables = _variables_beside(path)
    if variables is None:
        damage = f"weights in {_VARIABLES}, which is not there" if graph.variables else ""
        return _held(path, "SavedModel", graph, graph.variables | graph.constants, _notes(graph), damage)
    damage = beside.told(variables.faults)
    return _held(
        path, "SavedModel", graph, graph.constants | variables.tensors, variables.notes + _notes(graph), damage
    )


def _variables_beside(path: str) -> Variables | None:
    """The variables of the SavedModel at a path; None where there are none."""
    index = Path(path).parent / _VARIABLES
    try:
        with source_of(str(index)) as source:
            return variables_of(source, str(index))
    except disk.ABSENT:
        return None


def _notes(graph: Graph) -> tuple[str, ...]:
    notes = []
    if graph.unfollowed:
        notes.append(
            f"{graph.unfollowed:,} recurrent operators in its functions take their weights as inputs: not followed"
        )
    if graph.resources:
        notes.append(f"{graph.resources:,} of its inputs are variables that are not in it")
    return tuple(notes)


def _held(
    path: str, kind: str, graph: Graph, tensors: dict[str, HeldTensor], notes: tuple[str, ...], damage: str = ""
) -> Held:
    """What a graph holds, with the tensors of which its layers are."""
    return Held(
        file=path,
        format=kind,
        tensors=tensors,
        layers=tuple(_of_these(layer, tensors) for layer in graph.layers),
        notes=notes,
        damage=damage,
    )


def _of_these(layer: HeldLayer, tensors: dict[str, HeldTensor]) -> HeldLayer:
    """A layer, its variables said to be elsewhere where the checkpoint calls them something else."""
    there = {role: name for role, name in layer.tensors.items() if name in tensors}
    gone = {role: f"the variable {name}" for role, name in layer.tensors.items() if name not in tensors}
    return layer._replace(said={**layer.said, **gone}, tensors=there)


class _Entry(NamedTuple):
    """A BundleEntryProto."""

    dtype: int
    shape: tuple[int, ...] | None
    shard: int
    offset: int
    size: int
    slices: int


class Variables(NamedTuple):
    """The variables of a checkpoint. faults: what is missing of the files with their values."""

    tensors: dict[str, HeldTensor]
    faults: list[str]
    notes: tuple[str, ...]


def variables_of(source: Source, path: str) -> Variables:
    """The variables that an index at `path` names. Raises Unreadable."""
    found: dict[str, _Entry] = {}
    needed: dict[int, int] = {}
    shards = 1
    for written, value in entries(source):
        message = Message(Source.of(value, path))
        if not written:
            shards = _shards(message)
            continue
        entry = _entry(message)
        if not entry.slices:
            needed[entry.shard] = max(needed.get(entry.shard, 0), entry.offset + entry.size)
        if not written.startswith(_SLICE):
            found[written.decode("utf-8", "backslashreplace")] = entry
    names, again = _names(found, path, shards)
    notes = (f"{again:,} of its variables are kept twice: each is told once",) if again else ()
    tensors = {}
    for key, name in names.items():
        entry = found[key]
        if key != _OBJECTS and not key.endswith(_SETTINGS) and entry.shape is not None:
            tensors[name] = HeldTensor(name, entry.shape, dtype_of(entry.dtype))
    if not path.endswith(".index"):
        # why: their names begin as the index' does, and this one was given another.
        return Variables(tensors, [], notes)
    files = {_data_file(path, shard, shards): least for shard, least in sorted(needed.items())}
    return Variables(tensors, beside.faults(path, files), notes)


def _shards(message: Message) -> int:
    """How many files have the values, by a BundleHeaderProto."""
    count = next((part.value for part in message.inside(None, 1)), 1)
    if not 0 < count <= _MOST_SHARDS:
        raise Unreadable(f"its index says that it has {count:,} files of values")
    return count


def _entry(message: Message) -> _Entry:
    numbers = dict.fromkeys((1, 3, 4, 5), 0)
    shape: tuple[int, ...] | None = ()
    slices = 0
    for part in message.fields():
        if part.number in numbers:
            numbers[part.number] = part.value
        elif part.number == 2:
            shape = shape_of(message, part)
        elif part.number == 7:
            slices += 1
    return _Entry(dtype=numbers[1], shape=shape, shard=numbers[3], offset=numbers[4], size=numbers[5], slices=slices)


def _data_file(path: str, shard: int, shards: int) -> str:
    return f"{Path(path).name.removesuffix('.index')}.data-{shard:05d}-of-{shards:05d}"


def _names(found: dict[str, _Entry], path: str, shards: int) -> tuple[dict[str, str], int]:
    """What each variable is called: in a checkpoint of objects by its full name, where that says more than its key.

    And how many are kept twice, of which the second is left out.
    """
    names = {key: key.removesuffix(_VALUE) for key in found}
    if _OBJECTS not in found or not path.endswith(".index"):
        return names, 0
    entry = found[_OBJECTS]
    data_file = Path(path).parent / _data_file(path, entry.shard, shards)
    try:
        with source_of(str(data_file)) as source:
            full = _full_names(source, entry)
    except (OSError, Unreadable):
        # why: the keys say enough, and the file is looked at again by those who tell what is missing.
        return names, 0
    keys: dict[str, list[str]] = {}
    for key, name in full.items():
        # why: a name without a prefix says less than a key.
        if key in found and "/" in name and not _is_an_optimizers(key) and name not in found:
            keys.setdefault(name, []).append(key)
    again = 0
    for name, its in keys.items():
        first, *others = sorted(its, key=lambda key: key.startswith(_AGAIN))
        if all(_is_again(found, first, other) for other in others):
            names[first] = name
            for other in others:
                del names[other]
                again += 1
    return names, again


def _is_again(found: dict[str, _Entry], first: str, other: str) -> bool:
    """Whether a variable is another one, kept a second time. why no more: two models may have one of a name each."""
    one, two = found[first], found[other]
    same = (one.dtype, one.shape) == (two.dtype, two.shape)
    return same and other.startswith(_AGAIN) and not first.startswith(_AGAIN)


def _is_an_optimizers(key: str) -> bool:
    """Whether a variable is an optimizer's own, told by its key; the weights that it trains may stand there too."""
    return "/.OPTIMIZER_SLOT/" in key or ("optimizer" in key.lower() and _TRAINED not in key)


def _full_names(source: Source, entry: _Entry) -> dict[str, str]:
    """The full name of each key, by the graph of objects: one text, its length and a checksum before it."""
    part = source.part(entry.offset, entry.size, _OBJECTS)
    head = Message(part)
    length, begin = head.number_at(0, part.size)
    begin += 4
    graph = Field(number=1, wire=BYTES, value=begin, length=length)
    if graph.end > part.size:
        raise Damaged("its graph of objects is damaged")
    full = {}
    for node in head.inside(graph, 1):
        for attribute in head.inside(node, 2):
            texts = {item.number: head.text(item) for item in head.inside(attribute, 2, 3)}
            full[texts.get(3, "")] = texts.get(2, "")
    return full
