"""What a file is, by its first and last bytes, never by its name."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping

from rnninspect.errors import listed, show
from rnninspect.files.held import Damaged, Unreadable
from rnninspect.files.protobuf_kind import protobuf_begins, protobuf_kind
from rnninspect.files.readers import tf_table, zips
from rnninspect.files.source import Source, source_of

# The module that reads each kind of file.
READERS: Mapping[str, str] = {
    "torch zip": "torch_zip",
    "torch legacy": "torch_legacy",
    "pickle": "pickles",
    "safetensors": "safetensors",
    "shards": "shards",
    "npy": "npz",
    "npz": "npz",
    "tar": "tar",
    "HDF5": "hdf5",
    "Keras zip": "hdf5",
    "ONNX": "onnx",
    "CoreML": "coreml",
    "TensorFlow checkpoint": "tensorflow",
    "GraphDef": "tensorflow",
    "SavedModel": "tensorflow",
}

# What is said beside a file that is of no kind.
KNOWN = "known: torch, safetensors, numpy, Keras, ONNX, TensorFlow and CoreML files"

# So many bytes of the beginning and of the end are looked at: 512 together.
_HEAD, _TAIL = 504, 8

# The number that torch's format before zip begins with, as the pickle of it.
_TORCH_MAGIC = bytes.fromhex("8a0a6cfc9c46f9206aa85019")
_HDF5 = b"\x89HDF\r\n\x1a\n"
# Where HDF5 may begin, behind what another program has put before it.
_HDF5_PLACES = (512, 1024, 2048)
_ZIP = (b"PK\3\4", b"PK\5\6")
# An object of the protocols 0 and 1 that a pickle of arrays begins with: a mapping, a list or a call.
_OLD_PICKLE = re.compile(rb"\(?[}\])dl][q]\x00|\([dl]p\d+\r?\n|c[A-Za-z_][\w.]*\r?\n[A-Za-z_][\w.]*\r?\n")
# A header of safetensors is at most 100 MB long; of a longer one the reader says so, and text is no such length.
_HEADER_BELOW = 2**40
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


def is_checkpoint(path: str) -> bool:
    """Whether a file is none that a person writes: a checkpoint, or another known kind that is no text.

    False for what is missing or no regular file, and for text that may be a document. Where nothing is there, or a
    pointer of Git LFS to something, the name alone can say what it is about.
    """
    try:
        with source_of(path) as source:
            head = source.beginning(_HEAD)
            tail = source.at(max(source.size - _TAIL, len(head)), min(_TAIL, source.size - len(head)))
    except (OSError, Unreadable):
        return False
    if not head or _lfs_pointer(head):
        return bool(_CHECKPOINT_NAMES.fullmatch(path))
    whole_tail = (head + tail)[-_TAIL:]
    if _by_first_bytes(head) or whole_tail == tf_table.MAGIC or refusal(head):
        return True
    return not is_text(head) and (protobuf_begins(head) or is_tar_header(head + b"\0" * 8))


def kind_of(source: Source) -> str:
    """The kind of a file, a key of READERS. Raises Unreadable where it is none of them, or one that is refused."""
    head = source.beginning(512)
    if not head:
        raise Damaged("the file is empty")
    if head.startswith(_ZIP):
        return _zip_kind(source)
    known = _by_first_bytes(head) or _by_other_places(source, head)
    if known:
        return known
    refused = refusal(head) or _lfs_pointer(head)
    if refused is None and not is_text(head):
        known = protobuf_kind(source)
        if known:
            return known
    raise refused or _unknown(head)


def is_text(head: bytes) -> bool:
    """Whether the beginning of a file is text in UTF-8, the last letter of which may be cut."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return not re.search(r"[\0-\x08\x0e-\x1f\x7f]", text)


def _by_first_bytes(head: bytes) -> str:
    """The kind that the first bytes say; a zip is one of several, and "zip" here; "" for none."""
    if head.startswith(_ZIP):
        return "zip"
    if _TORCH_MAGIC in head[:32]:
        return "torch legacy"
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head.startswith(_HDF5):
        return "HDF5"
    # why before a pickle: the length of a header may be 0x380, and no pickle has three zeros and { there.
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _HEADER_BELOW:
        return "safetensors"
    if len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return "pickle"
    if _OLD_PICKLE.match(head):
        return "pickle"
    if head.lstrip().startswith(b"{") and b'"weight_map"' in head:
        return "shards"
    return ""


def _by_other_places(source: Source, head: bytes) -> str:
    """The kind that another place than the first bytes says; "" for none."""
    if tf_table.is_table(source):
        return "TensorFlow checkpoint"
    if any(source.size > at + 8 and source.at(at, 8) == _HDF5 for at in _HDF5_PLACES):
        return "HDF5"
    if is_tar_header(head):
        return "tar"
    if head.lstrip().startswith(b"{") and is_text(head) and b'"weight_map"' in source.beginning(64 * 1024):
        return "shards"  # its map stands behind other keys
    return ""


def is_tar_header(head: bytes) -> bool:
    """Whether a header of a tar stands there: the sum of its bytes is written in it."""
    if len(head) < 512:
        return False
    written = head[148:156].strip(b" \0")
    if not re.fullmatch(rb"[0-7]{1,7}", written):
        return False
    return int(written, 8) == sum(head[:148]) + sum(head[156:512]) + 8 * ord(" ")


def _zip_kind(source: Source) -> str:
    """The kind of a zip archive, by the names in it."""
    names = [member.name for member in zips.members(source)]
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        return "torch zip"
    if {"config.json", "model.weights.h5"} <= set(names):
        return "Keras zip"
    if any(name.endswith(".npy") for name in names):
        return "npz"
    raise _no_checkpoint_in(names)


# Archives of torch's that hold no data.pkl, by the end of a name in them.
_OTHER_ARCHIVES = {
    ".data/extern_modules": ("an archive of torch.package", "load it and save its state_dict() with torch.save"),
    "archive_format": ("a program of torch.export", "save its state_dict with torch.save"),
    "serialized_exported_program.json": ("a program of torch.export", "save its state_dict with torch.save"),
}
_CHECKPOINT_NAMES = re.compile(r".*\.(?:pth?|bin|ckpt|onnx|h5|hdf5|keras|npz|safetensors|pb|index|mlmodel|pkl)", re.S)


def _no_checkpoint_in(names: list[str]) -> Unreadable:
    """What to raise of a zip archive that is no checkpoint."""
    for ending, (what, hint) in _OTHER_ARCHIVES.items():
        if any(name.endswith(ending) for name in names):
            return Unreadable(f"{what}, which is not read", hint)
    if not names:
        return Unreadable("an empty zip archive")
    inside = [show(name, 40) for name in names if _CHECKPOINT_NAMES.fullmatch(name)]
    if inside:
        return Unreadable(f"a zip archive of files, among them {listed(inside, 3)}", "unpack it and name one")
    shown = listed([show(name, 40) for name in names], 3)
    return Unreadable(f"a zip archive that holds no checkpoint, but {shown}", KNOWN)


def _unknown(head: bytes) -> Unreadable:
    what = "it is text" if is_text(head) else f"begins with the bytes {head[:12].hex(' ')}"
    return Unreadable(f"not a checkpoint: {what}", KNOWN)


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


def _lfs_pointer(head: bytes) -> Unreadable | None:
    """What to raise of what Git LFS leaves in the place of a file; None for anything else."""
    if head.startswith(_LFS):
        return Unreadable("a pointer of Git LFS, and the checkpoint is elsewhere", "run git lfs pull")
    return None


def _is_paddle(head: bytes) -> bool:
    """Whether tensors of Paddle begin: versions of 0, no levels, and the length of a description with its dtype."""
    return (
        len(head) > 21 and head[:16] == bytes(16) and 0 < int.from_bytes(head[16:20], "little") < 256 and head[20] == 8
    )
