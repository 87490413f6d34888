"""Arrays of numpy: what it saves is what is read, whatever the dtype, the order and the version of the header."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from rnninspect.errors import DocumentError
from rnninspect.files.held import HeldTensor
from rnninspect.files.read import read

np = pytest.importorskip("numpy")

INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
DTYPES = [*INTEGERS, "float16", "float32", "float64", "bool", "complex64", "complex128"]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_is_saved_is_what_is_read(tmp_path: Path, save: object) -> None:
    arrays = {
        "rnn/~/w_ih.l0": np.zeros((20, 7), np.float32),
        "b": np.zeros(20, ">f8"),
        "fortran": np.asfortranarray(np.zeros((3, 5, 2))),
        "scalar": np.zeros(()),
        "empty": np.zeros((0, 4)),
        "a\nb": np.zeros(1),
        "x.npy": np.zeros(2),
        **{dtype: np.zeros((3, 1), dtype) for dtype in DTYPES},
    }
    save(tmp_path / "x.npz", **arrays)  # type: ignore[operator]
    held = read(str(tmp_path / "x.npz"))
    named = {name: str(array.dtype.newbyteorder("=")) for name, array in arrays.items()}
    assert held.tensors == {name: HeldTensor(name, array.shape, named[name]) for name, array in arrays.items()}
    assert (held.format, held.damage, held.notes) == ("npz", "", ())


def test_what_is_no_plain_array_is_told(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    fields = np.zeros(3, [("x", "f4"), ("y", "i4", (2,))])
    np.savez(tmp_path / "x.npz", objects=objects, fields=fields, text=np.array(["abc"]), w=np.zeros(3, "V2"))
    held = read(str(tmp_path / "x.npz"))
    assert {name: tensor.dtype for name, tensor in held.tensors.items()} == {"text": "U3", "w": "V2"}
    assert held.notes == (
        "'objects' is a pickle of Python objects, which was not opened",
        "'fields' has several fields in each element, and is not shown",
    )


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_one_array_has_the_name_of_the_file(tmp_path: Path, version: tuple[int, int]) -> None:
    with (tmp_path / "kernel.npy").open("wb") as stream:
        np.lib.format.write_array(stream, np.zeros((5, 3), np.float32), version=version)
    held = read(str(tmp_path / "kernel.npy"))
    assert (held.format, held.damage) == ("npy", "")
    assert held.tensors == {"kernel": HeldTensor("kernel", (5, 3), "float32")}


def npy(header: str, values: bytes = b"", *, start: bytes = b"\x93NUMPY\1\0") -> bytes:
    return start + len(header).to_bytes(2, "little") + header.encode() + values


SOUND = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }\n"


@pytest.mark.parametrize(
    "header",
    [
        SOUND,
        SOUND.replace("3, 2", "3L, 2L"),
        "{'shape':(3,2,),'descr':'f4','fortran_order':True}",
        SOUND.strip() + " " * 99,
    ],
)
def test_headers_of_other_writers(tmp_path: Path, header: str) -> None:
    (tmp_path / "x").write_bytes(npy(header, bytes(24)))
    held = read(str(tmp_path / "x"))
    assert held.tensors["x"].shape == (3, 2)
    assert held.damage == ""


def test_lost_values_are_damage(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(npy(SOUND, bytes(23)))
    held = read(str(tmp_path / "x"))
    assert held.tensors["x"].shape == (3, 2)
    assert held.damage == "the header promises 94 bytes, the file has 93"
    (tmp_path / "x").write_bytes(npy(SOUND, bytes(24 + 70)))
    assert read(str(tmp_path / "x")).damage == "the header promises 94 bytes, the file has 164"
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr("a.npy", npy(SOUND, bytes(25)))
        archive.writestr("b.npy", npy(SOUND, bytes(24)))
    assert read(str(tmp_path / "z")).damage == "the header of 'a' promises 94 bytes, the file has 95"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (npy(SOUND)[:40], "ends in its header"),
        (npy(SOUND)[:11], "no array of numpy's"),
        (npy(SOUND, start=b"\x93NUMPY\4\0"), "of a version that is not known"),
        (b"\x93NUMPY\2\0\xff\xff\xff\xff" + bytes(99), "the header of 'x' has 4,294,967,295 bytes"),
        (npy(SOUND.replace("3, 2", "-3, 2")), "header of 'x' cannot be read"),
        (npy(SOUND.replace("3, 2", "3, " + "9" * 19)), "shape of 'x' cannot be read"),
        (npy(SOUND.replace("3, 2", "9" * 5000)), "shape of 'x' cannot be read"),
        (npy(SOUND.replace("3, 2", "1," * 65)), "shape of 'x' cannot be read"),
        (npy(SOUND.replace("3, 2", "3,,2")), "shape of 'x' cannot be read"),
        (npy(SOUND.replace("(3, 2)", "__import__('os').getpid()")), "header of 'x' cannot be read"),
        (npy(SOUND.replace("(3, 2)", "'3'")), "header of 'x' cannot be read"),
        (npy(SOUND.replace("'<f4'", "(4,)")), "header of 'x' cannot be read"),
        (npy(SOUND.replace("}", "'shape': (1,)}")), "header of 'x' cannot be read"),
        (npy("{" * 60_000), "header of 'x' cannot be read"),
        (npy("(" * 60_000), "header of 'x' cannot be read"),
        (npy("{'shape': (" + " " * 60_000 + "}"), "header of 'x' cannot be read"),
        (npy("{" + " " * 60_000 + "}"), "header of 'x' cannot be read"),
        (npy("{'descr': [" + "]," * 30_000 + "}"), "header of 'x' cannot be read"),
    ],
)
def test_a_header_that_cannot_be(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(DocumentError, match=said) as raised:
        read(str(tmp_path / "x"))
    assert str(raised.value).isprintable()


def test_a_bomb_is_read_no_further_than_its_header(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", npy(SOUND.replace("3, 2", "10000, 500"), bytes(20_000_000)))
    (tmp_path / "x").write_bytes(stream.getvalue())
    assert read(str(tmp_path / "x")).tensors["a"].shape == (10000, 500)


def test_an_archive_of_too_many_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnninspect.files.readers.npz._MOST_ARRAYS", 2)
    np.savez(tmp_path / "x", np.zeros(1), np.zeros(1), np.zeros(1))
    with pytest.raises(DocumentError, match="an archive of 3 arrays, of which at most 2 are read"):
        read(str(tmp_path / "x.npz"))


def test_arrays_one_after_another_have_no_names(tmp_path: Path) -> None:
    with (tmp_path / "x.eqx").open("wb") as file:
        for shape in ((28, 5), (28, 7)):
            np.save(file, np.zeros(shape))
    with pytest.raises(DocumentError, match="several arrays one after another"):
        read(str(tmp_path / "x.eqx"))
