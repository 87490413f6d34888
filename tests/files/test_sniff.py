"""What a file is, by its content: every kind that is read or refused by name, and what is neither."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from protobuf_bytes import field, message

from rnninspect.errors import DocumentError
from rnninspect.files.held import Unreadable
from rnninspect.files.protobuf_kind import protobuf_kind
from rnninspect.files.read import read
from rnninspect.files.readers import zips
from rnninspect.files.sniff import READERS, is_checkpoint, kind_of
from rnninspect.files.source import Source, source_of

ROOT = Path(__file__).parent.parent.parent


def zipped(*names: str, method: int = zipfile.ZIP_STORED, **contents: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name in names:
            archive.writestr(name, b"x" * 100)
        for name, content in contents.items():
            archive.writestr(name, content)
    return stream.getvalue()


def in_tar(format: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=format) as archive:
        archive.addfile(tarfile.TarInfo("a"), io.BytesIO())
    return stream.getvalue()


TORCH = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
NODE = field(1, b"encoder/kernel") + field(2, b"VariableV2")
KNOWN: Mapping[str, tuple[bytes, str]] = {
    "torch zip": (zipped("archive/data.pkl", "archive/version", "archive/x.npy"), "torch zip"),
    "torch zip without a folder": (zipped("data.pkl"), "torch zip"),
    "npz": (zipped("a.npy", "b/c.npy"), "npz"),
    "keras": (zipped("metadata.json", "config.json", "model.weights.h5"), "Keras zip"),
    "keras, deflated": (zipped("config.json", "model.weights.h5", method=zipfile.ZIP_DEFLATED), "Keras zip"),
    "torch legacy": (TORCH + b"\x80\x02M\xe9\x03.", "torch legacy"),
    "torch legacy, protocol 4": (b"\x80\x04" + TORCH[2:], "torch legacy"),
    "safetensors, its header as long as a pickle begins": (b"\x80\x04\0\0\0\0\0\0{" + b" " * 0x47F, "safetensors"),
    "pickle 0": (pickle.dumps({"a": 1}, 0), "pickle"),
    "pickle 1": (pickle.dumps({"a": 1}, 1), "pickle"),
    "pickle 2": (pickle.dumps({"a": 1}, 2), "pickle"),
    "pickle 5": (pickle.dumps([1, 2], 5), "pickle"),
    "pickle of an object, 0": (pickle.dumps(Path("x"), 0), "pickle"),
    "pickle of Python 2": (b"(dp1\nS'a'\np2\nI1\ns.", "pickle"),
    "safetensors": (b"\x02\0\0\0\0\0\0\0{}", "safetensors"),
    "shards": (b'\n{"weight_map": {"a": "b"}}', "shards"),
    "npy": (b"\x93NUMPY\1\0", "npy"),
    "HDF5": (b"\x89HDF\r\n\x1a\n", "HDF5"),
    "tar": (in_tar(tarfile.GNU_FORMAT), "tar"),
    "tar, pax": (in_tar(tarfile.PAX_FORMAT), "tar"),
    "tar, ustar": (in_tar(tarfile.USTAR_FORMAT), "tar"),
    "ONNX": (field(1, 8) + field(2, b"pytorch") + field(7, b"") + field(8, field(2, 18)), "ONNX"),
    "ONNX, bare": (field(1, 7) + field(7, field(2, b"g")), "ONNX"),
    "SavedModel": (field(1, 1) + field(2, field(1, field(2, b"x"))), "SavedModel"),
    "CoreML": (field(1, 4) + field(2, field(1, field(1, b"in"))) + b"\xa2\x1f\x00", "CoreML"),
    "GraphDef": (field(1, NODE) + field(1, NODE), "GraphDef"),
    "checkpoint of TensorFlow": (bytes(60) + bytes.fromhex("57fb808b247547db"), "TensorFlow checkpoint"),
}


@pytest.mark.parametrize("case", KNOWN)
def test_every_kind_is_told_by_its_content(tmp_path: Path, case: str) -> None:
    data, kind = KNOWN[case]
    path = tmp_path / "model.yaml"
    path.write_bytes(data)
    assert is_checkpoint(str(path))
    with source_of(str(path)) as source:
        assert kind_of(source) == kind


def test_every_kind_that_is_read_is_tried() -> None:
    assert {kind for _, kind in KNOWN.values()} == set(READERS)


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
REFUSED: Mapping[str, tuple[bytes, str]] = {
    "empty": (b"", "the file is empty"),
    "gzip": (b"\x1f\x8b\x08\0", "compressed by gzip (gunzip it)"),
    "zstd": (b"\x28\xb5\x2f\xfd\0", "compressed by zstd (zstd -d unpacks it)"),
    "bzip2": (b"BZh91AY", "compressed by bzip2"),
    "xz": (b"\xfd7zXZ\0\0", "compressed by xz"),
    "TFLite": (b"\x1c\0\0\0TFL3\0\0", "a TFLite file, which is not read"),
    "GGUF": (b"GGUF\3\0\0\0", "a GGUF file, which is not read"),
    "Paddle": (bytes(16) + b"\x06\0\0\0\x08\x05\x10\x05\x10\x07", "a file of Paddle's parameters"),
    "MXNet": (b"\x12\x01" + bytes(14), "a file of MXNet's parameters"),
    "Flax": (b"\x81\xa6params\x81\xa7Dense_0", "msgpack, as Flax writes it"),
    "a page": (b"\n<!DOCTYPE html><html>", "a web page, not a checkpoint"),
    "LFS": (LFS, "a pointer of Git LFS, and the checkpoint is elsewhere (run git lfs pull)"),
    "PDF": (b"%PDF-1.7", "a PDF"),
    "PNG": (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    "text": (b"layers: []\n", "not a checkpoint: it is text"),
    "cut text": ("ä".encode() * 400, "not a checkpoint: it is text"),
    "bytes": (b"\x00\x1b[31m\xff", "not a checkpoint: begins with the bytes 00 1b 5b 33 31 6d ff ("),
    "message": (field(3, 1) + field(2, b"\x0a"), "not a checkpoint: begins with"),
    "zip of a program": (zipped("run.py"), "a zip archive that holds no checkpoint, but 'run.py'"),
    "zip of a model": (zipped("policy.pth", "a.txt"), "among them 'policy.pth' (unpack it and name one)"),
    "empty zip": (zipped(), "an empty zip archive"),
    "torch.package": (zipped("m/.data/extern_modules"), "an archive of torch.package"),
    "torch.export": (zipped("m/archive_format", "m/data/x"), "a program of torch.export"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_read_is_named(tmp_path: Path, case: str) -> None:
    data, said = REFUSED[case]
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(DocumentError) as raised:
        read(str(tmp_path / "x"))
    assert str(raised.value).startswith(f"{tmp_path}/x: ")
    assert said in str(raised.value)
    assert str(raised.value).isprintable()


# --- no document is taken for a checkpoint ------------------------------------------------------------------------


@pytest.mark.parametrize("document", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_documents_are_none(document: Path) -> None:
    assert not is_checkpoint(str(document))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        '{"layers": []}',
        "---\n",
        "\ufeffinput: 1",
        "\n\nlayers: []",
        "cells:\n  A: 1\n",
        "# c\n",
        "(a)",
        "\x1b[3",
    ],
)
def test_texts_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text, encoding="utf-8")
    assert not is_checkpoint(str(tmp_path / "x"))


def test_what_is_no_regular_file_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "pipe", "/dev/zero", "a\0b", "-"):
        assert not is_checkpoint(str(path))


def test_a_large_file_that_is_none(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as stream:
        stream.write(b"x" * 600)
        stream.truncate(2**40)
    assert not is_checkpoint(str(tmp_path / "large"))


# --- paths --------------------------------------------------------------------------------------------------------


def said_of(path: Path) -> str:
    with pytest.raises(DocumentError) as raised:
        read(str(path))
    return str(raised.value)


def test_a_path_without_a_file(tmp_path: Path) -> None:
    assert said_of(tmp_path / "x") == f"{tmp_path}/x: no such file or directory (is the name right?)"
    os.mkfifo(tmp_path / "pipe")
    assert said_of(tmp_path / "pipe") == f"{tmp_path}/pipe: is a named pipe"


def test_a_folder_names_the_checkpoints_in_it(tmp_path: Path) -> None:
    assert said_of(tmp_path) == f"{tmp_path}: a folder, and no checkpoint in it (name a file)"
    (tmp_path / "b.bin").write_bytes(TORCH)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "a").write_bytes(KNOWN["safetensors"][0])
    assert said_of(tmp_path) == f"{tmp_path}: a folder (name a file in it: '{tmp_path}/a' and '{tmp_path}/b.bin')"
    (tmp_path / "m.index.json").write_bytes(KNOWN["shards"][0])
    assert said_of(tmp_path) == f"{tmp_path}: a folder (name a file in it: '{tmp_path}/m.index.json')"


# --- damaged zip archives -----------------------------------------------------------------------------------------

ZIP = zipped("a.npy", "b.npy")


def patched(data: bytes, before: bytes, after: bytes, count: int = 1) -> bytes:
    assert before in data
    return data.replace(before, after, count)


def encrypted() -> bytes:
    at = ZIP.index(b"PK\1\2") + 8
    return ZIP[:at] + b"\1" + ZIP[at + 1 :]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (ZIP[:-30], "is cut off or damaged: its directory, which stands at the end, is missing"),
        (ZIP[:40] + ZIP[-22:], "cut off or damaged: its directory begins before the file"),
        (patched(ZIP, b"PK\1\2", b"PK\1\3"), "its directory cannot be read"),
        (ZIP[:-14] + b"\xff\xff" * 2 + ZIP[-10:], "its directory has fewer entries than it says"),
        (patched(ZIP, b"b.npy", b"a.npy", 2), "holds 'a.npy' twice"),
        (encrypted(), "the zip archive is encrypted (unpack it with its password)"),
    ],
)
def test_a_damaged_archive(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x").write_bytes(data)
    with source_of(str(tmp_path / "x")) as source, pytest.raises(Unreadable) as raised:
        kind_of(source)
    hint = raised.value.hint
    assert said in raised.value.message + (f" ({hint})" if hint else "")


def test_an_archive_behind_something_else_and_with_a_comment(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("a", "content")
        archive.comment = b"PK" * 100
    data = (tmp_path / "x").read_bytes()
    (tmp_path / "x").write_bytes(b"before" + data)
    with source_of(str(tmp_path / "x")) as source:
        (member,) = zips.members(source)
        assert zips.beginning(source, member, 4) == b"cont"
        assert zips.opened_member(source, member, 100).at(0, 7) == b"content"


def test_a_large_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 60)
    data = zipped("a", "b", "c")
    assert data.count(b"PK\6\6") == 1
    for before in (b"", b"before"):
        (tmp_path / "x").write_bytes(before + data)
        with source_of(str(tmp_path / "x")) as source:
            found = zips.members(source)
            assert [(member.name, member.size) for member in found] == [("a", 100), ("b", 100), ("c", 100)]
            assert zips.opened_member(source, found[2], 100).at(98, 2) == b"xx"


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(zipped(method=zipfile.ZIP_DEFLATED, bomb=bytes(10**7)))
    with source_of(str(tmp_path / "x")) as source:
        (member,) = zips.members(source)
        assert zips.beginning(source, member, 10) == bytes(10)
        with pytest.raises(Unreadable, match="larger than 1,000 bytes when unpacked"):
            zips.opened_member(source, member, 1000)
        with pytest.raises(Unreadable, match="is not as long as its directory says"):
            zips.opened_member(source, member._replace(size=500), 1000)


@pytest.mark.parametrize("data", [b"", LFS])
def test_where_nothing_is_there_the_name_says_what_it_is_about(tmp_path: Path, data: bytes) -> None:
    for name, is_one in (("model.pt", True), ("model.safetensors", True), ("model.yaml", False), ("model", False)):
        (tmp_path / name).write_bytes(data)
        assert is_checkpoint(str(tmp_path / name)) is is_one


def test_a_message_with_a_field_of_another_kind_is_not_that_kind() -> None:
    onnx = ((1, 8), (7, b"x"))
    assert protobuf_kind(Source.of(message(*onnx))) == "ONNX"
    assert protobuf_kind(Source.of(message(*onnx, (2000, b"x")))) == ""
    network = ((1, 4), (2, b""), (500, b""))
    assert protobuf_kind(Source.of(message(*network))) == "CoreML"
    assert protobuf_kind(Source.of(message(*network[2:]))) == ""


def test_a_part_of_a_part_begins_where_both_say() -> None:
    whole = Source.of(b"0123456789")
    assert whole.part(2, 6, "inner").part(3, 2, "innermost").at(0, 2) == b"56"


def test_no_length_that_a_file_says_is_read_at_once() -> None:
    with pytest.raises(Unreadable, match="of which at most"):
        Source("huge", io.BytesIO(), 0, 2**40).at(0, 2**30)
