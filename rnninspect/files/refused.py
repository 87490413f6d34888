"""Kinds of files that are known and not read: each its own sentence, and what to try."""

from __future__ import annotations

import re

from rnninspect.files.held import Unreadable

_ANY_OTHER = "convert it to safetensors, ONNX or a torch checkpoint"
# What a file begins with, what it is, and what to try.
_BY_BEGINNING: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "compressed by gzip", "gunzip it"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "zstd -d unpacks it"),
    (b"BZh", "compressed by bzip2", "bunzip2 it"),
    (b"\xfd7zXZ\0", "compressed by xz", "xz -d unpacks it"),
    (b"\x04\x22\x4d\x18", "compressed by lz4", "lz4 -d unpacks it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it"),
    (b"GGUF", "a GGUF file, which is not read", _ANY_OTHER),
    (b"ggml", "a GGML file, which is not read", _ANY_OTHER),
    (b"lmgg", "a GGML file, which is not read", _ANY_OTHER),
    (b"\x12\x01\0\0\0\0\0\0", "a file of MXNet's parameters, which is not read", "save them with numpy.savez"),
    (b"MATLAB 5.0 MAT-file", "a MATLAB file, which is not read", "save it with numpy.savez"),
    (b"%PDF-", "a PDF", ""),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", ""),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"\x7fELF", "a program", ""),
)
_LFS = b"version https://git-lfs.github.com/spec/"
_HTML = re.compile(rb"\s*<(?:!doctype\s+html|html|head|\?xml)\b", re.IGNORECASE)
# A map of few keys in msgpack, the first of which is a word.
_MSGPACK = re.compile(rb"[\x81-\x8f][\xa1-\xbf][A-Za-z_][\w./-]+", re.ASCII)


def refusal(head: bytes) -> Unreadable | None:
    """What to raise of a file that begins so; None where it is of no kind that is refused by name."""
    for magic, what, hint in _BY_BEGINNING:
        if head.startswith(magic):
            return Unreadable(what, hint)
    if head[4:8] == b"TFL3":
        return Unreadable("a TFLite file, which is not read", "name the Keras or TensorFlow model it was made from")
    if _is_paddle(head):
        return Unreadable("a file of Paddle's parameters, which is not read", "paddle2onnx makes an ONNX file of it")
    if _HTML.match(head):
        return Unreadable(
            "a web page, not a checkpoint", "the download was answered by a page: log in, or copy the link"
        )
    if _MSGPACK.match(head):
        return Unreadable("msgpack, as Flax writes it, which is not read", "save the arrays with numpy.savez")
    return None


def lfs_pointer(head: bytes) -> Unreadable | None:
    """What to raise of what Git LFS leaves in the place of a file; None for anything else."""
    if head.startswith(_LFS):
        return Unreadable("a pointer of Git LFS, and the checkpoint is elsewhere", "run git lfs pull")
    return None


def _is_paddle(head: bytes) -> bool:
    """Whether tensors of Paddle begin: versions of 0, no levels, and the length of a description with its dtype."""
    return (
        len(head) > 21 and head[:16] == bytes(16) and 0 < int.from_bytes(head[16:20], "little") < 256 and head[20] == 8
    )
