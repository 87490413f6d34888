"""Checkpoints of a gigabyte that take no room on a disk: what they say is written, and their values are holes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import checkpoint_files
from protobuf_bytes import field, key, varint

INPUT, HIDDEN = 5_000, 6_000
# An LSTM's weights: 1,056 million bytes of float32.
SHAPES = {"weight_ih": (4 * HIDDEN, INPUT), "weight_hh": (4 * HIDDEN, HIDDEN)}
# Bytes, or how many zeros that are left out.
Piece = bytes | int


def _length(pieces: Iterable[Piece]) -> int:
    return sum(piece if isinstance(piece, int) else len(piece) for piece in pieces)


def _write(path: Path, pieces: Iterable[Piece]) -> None:
    with path.open("wb") as file:
        for piece in pieces:
            if isinstance(piece, int):
                file.seek(piece, 1)
            else:
                file.write(piece)
        file.truncate()


def _nbytes(shape: tuple[int, int]) -> int:
    return 4 * shape[0] * shape[1]


def safetensors(path: Path) -> None:
    """One header, and then the values."""
    checkpoint_files.safetensors(path, {f"encoder.{role}_l0": (shape, "float32") for role, shape in SHAPES.items()})


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _number(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)


def _pickled() -> bytes:
    """A state dict as torch pickles it."""
    items = b""
    for place, (role, (rows, columns)) in enumerate(SHAPES.items()):
        storage = b"(" + _text("storage") + b"ctorch\nFloatStorage\n" + _text(str(place)) + _text("cpu")
        items += _text(f"encoder.{role}_l0") + b"ctorch._utils\n_rebuild_tensor_v2\n("
        items += storage + _number(rows * columns) + b"tQK\0" + _number(rows) + _number(columns) + b"\x86"
        items += _number(columns) + b"K\x01\x86\x89ccollections\nOrderedDict\n)RtR"
    return b"\x80\x02}(" + items + b"u."


def torch_zip(path: Path) -> None:
    """A zip whose members are stored as they are, as torch's always are."""
    members: Mapping[str, list[Piece]] = {
        "archive/data.pkl": [_pickled()],
        "archive/byteorder": [b"little"],
        **{f"archive/data/{key}": [_nbytes(shape)] for key, shape in enumerate(SHAPES.values())},
        "archive/version": [b"3\n"],
    }
    pieces: list[Piece] = []
    directory = b""
    for name, content in members.items():
        size = _length(content)
        # why a checksum of 0: nobody reads all the values to hold one against them.
        told = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 33, 0, size, size, len(name), 0)
        entry = struct.pack("<HHHII", 0, 0, 0, 0, _length(pieces)) + name.encode()
        directory += b"PK\x01\x02\x14\0" + told + entry
        pieces += [b"PK\x03\x04" + told + name.encode(), *content]
    count = len(members)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), _length(pieces), 0)
    _write(path, [*pieces, directory, b"PK\x05\x06" + end])


def _field(number: int, *pieces: Piece) -> list[Piece]:
    """A field of a protobuf message that is a message or bytes."""
    return [key(number, 2) + varint(_length(pieces)), *pieces]


def onnx(path: Path) -> None:
    """A graph of one LSTM with the raw values of its weights in it."""
    weights: list[Piece] = []
    for name, (rows, columns) in zip("WR", SHAPES.values(), strict=True):
        about = b"".join(field(1, size) for size in (1, rows, columns)) + field(2, 1)
        tensor = [about, *_field(8, name.encode()), *_field(9, _nbytes((rows, columns)))]
        weights += _field(5, *tensor)
    ends = [*_field(1, b"x"), *_field(1, b"W"), *_field(1, b"R"), *_field(2, b"y")]
    hidden = _field(5, *_field(1, b"hidden_size"), field(3, HIDDEN), field(20, 2))
    node = _field(1, *ends, *_field(3, b"encoder"), *_field(4, b"LSTM"), *hidden)
    _write(path, [field(1, 8), *_field(7, *node, *weights)])


SPARSE: dict[str, Callable[[Path], None]] = {"a.pt": torch_zip, "a.safetensors": safetensors, "a.onnx": onnx}
