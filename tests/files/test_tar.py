"""The one checkpoint in a tar, and what is said where there is none, or several."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from rnninspect.errors import DocumentError
from rnninspect.files.held import HeldTensor
from rnninspect.files.read import read


def safetensors(values: int = 24) -> bytes:
    header = b'{"a": {"dtype": "F32", "shape": [3, 2], "data_offsets": [0, 24]}}'
    return len(header).to_bytes(8, "little") + header + bytes(values)


def archive(path: Path, format: int = tarfile.GNU_FORMAT, /, **contents: bytes) -> Path:
    with tarfile.open(path, "w", format=format) as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name.replace("__", "/"))
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


LONG = "folder__" * 40 + "ä"


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("name", ["weights", "x__weights", LONG])
def test_the_one_checkpoint(tmp_path: Path, format: int, name: str) -> None:
    if name == LONG and format == tarfile.USTAR_FORMAT:
        name = "f" * 99 + "__" + "weights"  # the longest that it has
    path = archive(tmp_path / "model.nemo", format, **{"config.yaml": b"a: 1", name: safetensors(), "empty": b""})
    held = read(str(path))
    assert held.tensors == {"a": HeldTensor("a", (3, 2), "float32")}
    assert (held.file, held.format, held.damage) == (str(path), "safetensors in a tar", "")


def said_of(path: Path) -> str:
    with pytest.raises(DocumentError) as raised:
        read(str(path))
    assert str(raised.value).isprintable()
    return str(raised.value).removeprefix(f"{path}: ")


def test_several_are_named(tmp_path: Path) -> None:
    path = archive(tmp_path / "x", b=safetensors(), folder__a=safetensors(), notes=b"hello")
    assert said_of(path) == "a tar archive of 2 checkpoints: 'b' and 'folder/a' (unpack it and name one)"
    path = archive(tmp_path / "x", **{LONG: safetensors(), LONG + "2": safetensors()})
    assert said_of(path).startswith("a tar archive of 2 checkpoints: 'folder/folder/")


def test_a_long_name_in_two_parts_is_one(tmp_path: Path) -> None:
    parts = {"p__" + "w" * 99: safetensors(), "b": safetensors()}
    said = said_of(archive(tmp_path / "x", tarfile.USTAR_FORMAT, **parts))
    assert said.startswith("a tar archive of 2 checkpoints: 'p/www")


def test_none_is_said(tmp_path: Path) -> None:
    assert "a tar archive that holds no checkpoint, but 'a\\n' and 'b' (known: " in said_of(
        archive(tmp_path / "x", **{"a\n": b"hello", "b": b""})
    )
    inner = archive(tmp_path / "inner", a=safetensors()).read_bytes()
    assert "holds no checkpoint, but 'inner'" in said_of(archive(tmp_path / "x", inner=inner))
    with tarfile.open(tmp_path / "x", "w") as tar:
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert "a tar archive without files" in said_of(tmp_path / "x")


def test_the_first_format_of_torch(tmp_path: Path) -> None:
    path = archive(tmp_path / "x", tensors=b"", storages=b"", pickle=b"\x80\x02}.")
    assert said_of(path).startswith("a tar of torch's first format, of before 2018, which is not read (load it")


def test_an_archive_that_is_cut(tmp_path: Path) -> None:
    path = archive(tmp_path / "x", a=safetensors())
    path.write_bytes(path.read_bytes()[: 512 + len(safetensors()) - 10])
    held = read(str(path))
    assert held.tensors["a"].shape == (3, 2)
    assert held.damage == f"the header promises {len(safetensors())} bytes, the file has {len(safetensors()) - 10}"


def test_a_damaged_archive(tmp_path: Path) -> None:
    path = archive(tmp_path / "x", a=safetensors(), b=safetensors())
    data = path.read_bytes()
    path.write_bytes(data[:1024] + b"z" + data[1025:])
    assert "the tar archive is damaged: no header at byte 1,024" in said_of(path)


@pytest.mark.parametrize("size", [b"\x80" + b"\xff" * 11, b"\x80" + bytes(4) + b"\x7f" * 7, b"77777777777\0"])
def test_sizes_beyond_the_file(tmp_path: Path, size: bytes) -> None:
    path = archive(tmp_path / "x", a=safetensors(), b=safetensors())
    header = bytearray(path.read_bytes())
    header[124:136], header[148:156] = size, b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    path.write_bytes(header)
    if size == b"\x80" + b"\xff" * 11:
        assert "the tar archive is damaged: no header at byte 0" in said_of(path)
    else:
        assert "promises" in read(str(path)).damage


def test_a_name_without_end(tmp_path: Path) -> None:
    path = archive(tmp_path / "x", **{"n" * 70_000: safetensors()})
    assert "a name of 70,001 bytes in the tar archive" in said_of(path)


def test_an_archive_of_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnninspect.files.readers.tar._MOST_HEADERS", 3)
    assert "a tar archive of more than 3 files" in said_of(archive(tmp_path / "x", a=b"", b=b"", c=b"", d=b""))
