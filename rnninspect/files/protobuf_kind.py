"""Which protobuf message a file is, by the numbers of its fields alone: ONNX, CoreML, GraphDef or SavedModel."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import islice

from rnninspect.files.held import Unreadable
from rnninspect.files.readers.protobuf import BYTES, VARINT, Field, Message
from rnninspect.files.source import Source

# So many fields of a message are looked at: the first says what it is nearly always, and a graph has a field a node.
_MOST_FIELDS = 64
_HEAD = 512
# From these on, CoreML's message has the field that names its kind of model.
_COREML_KINDS = range(200, 3001)
# The highest number of a field of ONNX' model.
_LAST_OF_ONNX = 30
# A version of any of these formats is a small number.
_LAST_VERSION = 1000


def protobuf_kind(source: Source) -> str:
    """The kind of the message that the whole file is; "" where it is none of those that are known."""
    fields = _fields(source)
    if not fields:
        return ""
    if _graph_def_begins(source.beginning(_HEAD)):
        return "GraphDef"
    present = {(field.number, field.wire) for field in fields}
    if _is_onnx(present):
        return "ONNX"
    if not {(1, VARINT), (2, BYTES)} <= present:
        return ""
    if any(number in _COREML_KINDS for number, wire in present if wire == BYTES):
        return "CoreML"
    return "SavedModel" if present == {(1, VARINT), (2, BYTES)} else ""


def protobuf_begins(head: bytes) -> bool:
    """Whether one begins: a message with a version, as ONNX, SavedModel and CoreML are, or a graph."""
    if _graph_def_begins(head):
        return True
    fields = _fields(Source.of(head))
    if not fields or (fields[0].number, fields[0].wire) != (1, VARINT) or fields[0].value > _LAST_VERSION:
        return False
    # why: a message within a message begins with its first field; only ONNX has plain words there.
    return _is_onnx({(field.number, field.wire) for field in fields}) or any(
        (field.number, field.wire) == (2, BYTES) and head[field.value : field.value + 1] == b"\x0a" for field in fields
    )


def _graph_def_begins(head: bytes) -> bool:
    """Whether a graph of TensorFlow begins: a node of it, which has a name and then an operator."""
    fields = _fields(Source.of(head))
    if not fields or (fields[0].number, fields[0].wire) != (1, BYTES):
        return False
    node = head[fields[0].value : fields[0].end]
    inside = _fields(Source.of(node))[:2]
    if [(field.number, field.wire) for field in inside] != [(1, BYTES), (2, BYTES)]:
        return False
    return re.fullmatch(rb"\w+", node[inside[1].value : inside[1].end]) is not None


def _is_onnx(present: set[tuple[int, int]]) -> bool:
    """Whether there is a graph, and a version or a set of operators, and no field that ONNX has not."""
    return (7, BYTES) in present and bool(present & {(1, VARINT), (8, BYTES)}) and max(present)[0] <= _LAST_OF_ONNX


def _fields(source: Source) -> list[Field]:
    """The first fields of a message, up to one that ends beyond the file, or what is none."""
    found: list[Field] = []
    with suppress(Unreadable):
        for field in islice(Message(source).fields(cut=True), _MOST_FIELDS):
            found.append(field)  # one by one: those before what is no field are kept
    return found
