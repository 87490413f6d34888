"""Which protobuf message a file is, by the numbers of its fields alone: ONNX, CoreML, GraphDef or SavedModel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from rnninspect.files.source import Source

_VARINT, _BYTES = 0, 2
_FIXED = {1: 8, 5: 4}
# So many fields of a message are looked at: the first says what it is nearly always, and a graph has a field a node.
_MOST_FIELDS = 64
# Behind the number of a field, and before what it holds, stand at most so many bytes.
_LONGEST_KEY = 20

# From these on, CoreML's message has the field that names its kind of model.
_COREML_KINDS = range(200, 3001)


class _Field(NamedTuple):
    """A field of the message. at, size: its bytes in the file, of a number none."""

    number: int
    wire: int
    value: int
    at: int
    size: int


def protobuf_kind(source: Source) -> str:
    """The kind of the message that the whole file is; "" where it is none of those that are known."""
    fields = []
    for field in _fields(source.at(0, min(source.size, 512)), source):
        fields.append(field)
    if not fields:
        return ""
    first = fields[0]
    if first.number == 1 and first.wire == _BYTES and graph_def_begins(source.at(0, min(source.size, 512))):
        return "GraphDef"
    shapes = {(field.number, field.wire) for field in fields}
    if _is_onnx(shapes):
        return "ONNX"
    if (1, _VARINT) not in shapes or (2, _BYTES) not in shapes:
        return ""
    if any(number in _COREML_KINDS for number, wire in shapes if wire == _BYTES):
        return "CoreML"
    return "SavedModel" if shapes == {(1, _VARINT), (2, _BYTES)} else ""


def protobuf_begins(head: bytes) -> bool:
    """Whether a message with a version begins: ONNX, SavedModel, CoreML."""
    fields = list(_fields(head, None))
    shapes = {(field.number, field.wire) for field in fields}
    if not fields or (fields[0].number, fields[0].wire) != (1, _VARINT) or fields[0].value > 1000:
        return False
    # why: a message within a message begins with its first field; only ONNX has plain words there.
    return _is_onnx(shapes) or any(
        field.number == 2 and field.wire == _BYTES and head[field.at : field.at + 1] == b"\x0a" for field in fields
    )


def graph_def_begins(head: bytes) -> bool:
    """Whether a graph of TensorFlow begins: a node of it, which has a name and then an operator."""
    fields = list(_fields(head, None))
    if not fields or (fields[0].number, fields[0].wire) != (1, _BYTES):
        return False
    node = head[fields[0].at : fields[0].at + fields[0].size]
    inside = list(_fields(node, None))
    if [(field.number, field.wire) for field in inside[:2]] != [(1, _BYTES), (2, _BYTES)]:
        return False
    operator = node[inside[1].at : inside[1].at + inside[1].size]
    return re.fullmatch(rb"\w+", operator) is not None


def _is_onnx(shapes: set[tuple[int, int]]) -> bool:
    return (7, _BYTES) in shapes and shapes & {(1, _VARINT), (8, _BYTES)} != set() and max(shapes)[0] <= 30


def _fields(head: bytes, source: Source | None) -> Iterator[_Field]:
    """The fields of a message from its beginning on, without what they hold; none where it is no message.

    source: the file, where fields beyond `head` are wanted; a field that reaches beyond the file ends the message.
    """
    at = 0
    for _ in range(_MOST_FIELDS):
        field = _field_at(head, source, at)
        if field is None:
            return
        yield field
        at = field.at + field.size


def _field_at(head: bytes, source: Source | None, at: int) -> _Field | None:
    """The field at a place; None where the file ends, or what stands there is none."""
    data, base = head, 0
    if at + _LONGEST_KEY > len(head) and source is not None and source.size > len(head):
        data, base = source.at(min(at, source.size), max(0, min(_LONGEST_KEY, source.size - at))), at
    key, place = _varint(data, at - base)
    if key is None or key >> 3 == 0:
        return None
    number, wire = key >> 3, key & 7
    if wire in _FIXED:
        return _Field(number, wire, 0, base + place, _FIXED[wire])
    value, place = _varint(data, place)
    if value is None or wire not in (_VARINT, _BYTES):
        return None
    if wire == _BYTES and source is not None and base + place + value > source.size:
        return _Field(number, wire, value, base + place, source.size - base - place)
    return _Field(number, wire, value, base + place, value if wire == _BYTES else 0)


def _varint(data: bytes, at: int) -> tuple[int | None, int]:
    """A number in seven bits a byte, and the place behind it; None where none stands there."""
    value = 0
    for index in range(10):
        if at + index >= len(data):
            return None, at
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    return None, at
