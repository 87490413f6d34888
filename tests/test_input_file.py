"""Files that a model is fed with: the right values, or one line that says what to try."""

from __future__ import annotations

import codecs
import io
import math
import os
import pickle
import re
import socket
import sys
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from ended import Run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rnninspect.errors import NotEnoughMemory, OptionError, RnnInspectError
from rnninspect.study import input_expected, input_file
from rnninspect.study.input_expected import SETTINGS, Expected
from rnninspect.study.input_file import read_csv, read_values

BATCH, AXES = (5, 2, 3), ("L", "N", "H_in")
FEATURES = numpy.arange(30, dtype="float64").reshape(BATCH) / 7 - 2
TOKENS = numpy.arange(10).reshape(5, 2)
WITH_WIDTH = {**SETTINGS, "H_in": "encoder.input_size"}


def saved(path: Path, values: Any) -> Path:
    numpy.save(path, values)
    return path


def read(path: Path, shape: tuple[int, ...] = BATCH, axes: tuple[str, ...] = AXES, **options: Any) -> array[Any]:
    return read_values(Expected(path, shape, axes, **options))


def test_integers_are_remarked_on_where_features_are_wanted(tmp_path: Path) -> None:
    def remarks(values: Any, below: int | None = None) -> list[str]:
        found: list[str] = []
        path = tmp_path / "x.csv"
        path.write_text(values) if isinstance(values, str) else (path := saved(tmp_path / "x.npy", values))
        shape, axes = ((2,), ("L",)) if below else ((2, 1), ("L", "H_in"))
        read(path, shape, axes, below=below, remark=found.append)
        return [text.removeprefix(f"--input {path}: its ").partition(" were taken as numbers")[0] for text in found]

    assert remarks(numpy.array([[1], [2]], dtype="uint8")) == ["uint8"]
    assert remarks(numpy.array([[1.0], [2.0]])) == []
    assert remarks(numpy.array([1, 2]), below=3) == []
    assert remarks("1\n-2\n") == ["integers"]
    assert remarks("1\n2.0\n") == remarks("1e0\n2\n") == []
    assert remarks("1\n2\n", below=3) == []


def said(path: Path, *args: Any, **options: Any) -> str:
    """What is wrong with a file, without its name."""
    with pytest.raises(OptionError) as caught:
        read(path, *args, **options)
    text = str(caught.value)
    assert text.isprintable()
    assert text.startswith(f"--input {path}:")
    return text.removeprefix(f"--input {path}:").strip()


def read_or_said(path: Path, *args: Any, **options: Any) -> int:
    """How many values a file has, or the exit code of what is wrong with it."""
    try:
        return len(read(path, *args, **options))
    except RnnInspectError as error:
        return error.exit_code if str(error).isprintable() else -1


# --- .npy: values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f2", "<f4", ">f4", "<f8", ">f8", "longdouble", "i1", "u1", ">i2", "<i8", "u8"])
def test_every_kind_of_number_comes_out_in_c_order(dtype: str, order: Any, tmp_path: Path) -> None:
    values = FEATURES if "f" in dtype or dtype == "longdouble" else numpy.arange(30).reshape(BATCH)
    given = numpy.asarray(values.astype(dtype), order=order)
    found = read(saved(tmp_path / "x.npy", given))
    assert found.typecode == "d"
    assert found.tolist() == given.astype("float64").flatten().tolist()


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i4", ">i8", "u8"])
def test_token_indices_are_integers(dtype: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "x.NPY", 1)
    with path.open("wb") as file:
        numpy.save(file, TOKENS.astype(dtype).T.copy().T)
    found = read(path, (5, 2), ("L", "N"), below=10)
    assert (found.typecode, found.tolist()) == ("q", list(range(10)))


@given(
    arrays.arrays(st.sampled_from(["f4", "f8", ">f8", "i8"]), (2, 3), elements=st.integers(-100, 100)), st.booleans()
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_numpy_saves_is_read(tmp_path: Path, values: Any, fortran: bool) -> None:
    path = saved(tmp_path / "x.npy", numpy.asfortranarray(values) if fortran else values)
    assert read(path, (2, 3), ("L", "H_in")).tolist() == values.flatten().tolist()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format(version: tuple[int, int], tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as file:
        numpy.lib.format.write_array(file, FEATURES, version=version)
    assert read(tmp_path / "x.npy").tolist() == FEATURES.flatten().tolist()


# --- .npy: what does not fit ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "hint"),
    [
        ((7, 2, 3), "--set input.seq_len=7"),
        ((5, 4, 3), "--set input.batch_size=4"),
        ((7, 4, 3), "--set input.seq_len=7 --set input.batch_size=4"),
        ((5, 3), "--set input.batch_size=null"),
        ((7, 3), "--set input.seq_len=7 --set input.batch_size=null"),
        ((5, 2, 8), "H_in is what the first layer takes in: change that layer, or the file"),
        ((7, 2, 8), "H_in is what the first layer takes in: change that layer, or the file"),
        ((2, 5, 3), "transpose it to (L, N, H_in), or --set input.seq_len=2 --set input.batch_size=5"),
        (
            (3, 2, 5),
            "transpose it to (L, N, H_in), or H_in is what the first layer takes in: change that layer, or the file",
        ),
        ((30,), "its axes should be (L, N, H_in)"),
        ((), "it holds nothing"),
        ((5, 2, 0), "it holds nothing"),
    ],
)
def test_a_wrong_shape_says_what_would_fit(shape: tuple[int, ...], hint: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npy", numpy.zeros(shape))
    assert said(path) == f"expected shape (L, N, H_in) (5, 2, 3), got {shape} ({hint})"


def test_a_wrong_shape_for_an_unbatched_document(tmp_path: Path) -> None:
    for shape, hint in (
        ((5, 4, 3), "--set input.batch_size=4"),
        ((6, 4, 3), "--set input.seq_len=6 --set input.batch_size=4"),
        ((6, 3), "--set input.seq_len=6"),
    ):
        path = saved(tmp_path / "x.npy", numpy.zeros(shape))
        assert said(path, (5, 3), ("L", "H_in")) == f"expected shape (L, H_in) (5, 3), got {shape} ({hint})"


def test_what_a_caller_knows_is_in_the_hint(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npy", numpy.zeros((7, 2, 8)))
    assert said(path, settings=WITH_WIDTH).endswith("(--set input.seq_len=7 --set encoder.input_size=8)")
    fixed = "(L and H_in is what the first layer takes in: change that layer, or the file)"
    assert said(path, settings={}).endswith(fixed)
    assert said(saved(tmp_path / "x.npy", numpy.zeros(3)), (4,), ("L",)).startswith(
        "expected shape (L,) (4,), got (3,)"
    )


def test_a_shape_is_looked_at_before_any_value(tmp_path: Path) -> None:
    """A header alone is refused for its shape, not for the values that are missing."""
    path = tmp_path / "x.npy"
    path.write_bytes(header({"descr": "<f8", "fortran_order": False, "shape": (10**12, 2, 3)}))
    assert said(path).startswith("expected shape (L, N, H_in) (5, 2, 3), got (1000000000000, 2, 3)")


@pytest.mark.parametrize(
    ("dtype", "got"),
    [("c8", "complex64"), ("?", "bool"), ("S3", "|S3"), ("U3", "<U3"), ("M8[s]", "datetime64[s]"), ("V2", "|V2")],
)
def test_a_dtype_that_is_no_real_number(dtype: str, got: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npy", numpy.zeros(BATCH, dtype))
    expected = f"expected a real float or integer dtype, got {got} (save it with .astype('float32'))"
    assert said(path) == expected
    tokens = f"expected token indices, an integer dtype, got {got} (save it with .astype('int64'))"
    assert said(path, below=3) == tokens


def test_token_indices_as_floats(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npy", TOKENS.astype("float32"))
    expected = "expected token indices, an integer dtype, got float32 (save it with .astype('int64'))"
    assert said(path, (5, 2), ("L", "N"), below=10) == expected


@pytest.mark.parametrize(("value", "shown"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")])
@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_that_are_not_finite(value: float, shown: str, dtype: str, order: Any, tmp_path: Path) -> None:
    values = FEATURES.astype(dtype)
    values[1, 0, 2] = value
    values[4, 1, 0] = math.nan
    path = saved(tmp_path / "x.npy", numpy.asarray(values, order=order))
    hint = "NaN and infinity would spread to every later step"
    assert said(path) == f"expected finite numbers, 2 of 30 are not, the first at [1, 0, 2]: {shown} ({hint})"


@pytest.mark.skipif(numpy.finfo("longdouble").max <= sys.float_info.max, reason="no larger numbers here")
def test_a_number_too_large_for_64_bits(tmp_path: Path) -> None:
    values = FEATURES.astype("longdouble")
    values[0, 0, 1] = numpy.longdouble(10) ** 400
    assert "1 of 30 are not, the first at [0, 0, 1]: inf" in said(saved(tmp_path / "x.npy", values))


@pytest.mark.parametrize(("dtype", "value"), [("i8", -1), ("i1", 10), ("u1", 255), ("u8", 2**64 - 1), (">i4", 10)])
def test_token_indices_outside_the_table(dtype: str, value: int, tmp_path: Path) -> None:
    tokens = TOKENS.astype(dtype)
    tokens[3, 1] = value
    path = saved(tmp_path / "x.npy", tokens)
    hint = "the first layer's num_embeddings is the number of tokens"
    expected = f"expected token indices from 0 to 9, 1 of 10 are not, the first at [3, 1]: {value} ({hint})"
    assert said(path, (5, 2), ("L", "N"), below=10) == expected
    assert read(saved(path, TOKENS), (5, 2), ("L", "N"), below=10).tolist() == list(range(10))


# --- .npy: what is none -----------------------------------------------------------------------------------


def header(of: object, *, version: int = 1) -> bytes:
    text = (of if isinstance(of, str) else repr(of)).encode("latin-1")
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text


class Marker:
    """Whether a pickle was loaded."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return (os.mkdir, ("/tmp/rnninspect-was-here",))


def test_no_pickle_is_ever_loaded(tmp_path: Path) -> None:
    objects = numpy.empty(1, dtype=object)
    objects[0] = Marker()
    path = saved(tmp_path / "x.npy", objects)
    expected = "expected plain numbers, got Python objects, and loading those runs them (convert them)"
    assert said(path) == expected
    path.write_bytes(pickle.dumps(Marker()))
    expected = (
        "expected a .npy file, this is a pickle, and loading one runs what is in it (numpy.save writes plain numbers)"
    )
    assert said(path) == expected
    assert not Path("/tmp/rnninspect-was-here").exists()


def test_a_zip_archive(tmp_path: Path) -> None:
    numpy.savez(tmp_path / "x.npz", FEATURES)
    (tmp_path / "x.npz").rename(tmp_path / "x.npy")
    expected = "expected a .npy file, this is a zip archive, as numpy.savez writes (numpy.save writes one array)"
    assert said(tmp_path / "x.npy") == expected


def test_a_structured_dtype(tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npy", numpy.zeros(BATCH, [("a", "f4"), ("b", "O")]))
    assert said(path) == "expected plain numbers, got a structured dtype (save one field of it)"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "expected a .npy file, this is empty (numpy.save writes one)"),
        (b"1,2,3\n", "expected a .npy file, this is none (numpy.save writes one)"),
        (b"\x93NUMPY", "the file is damaged: there is no such version of the format (save it again)"),
        (b"\x93NUMPY\x04\x00", "the file is damaged: there is no such version of the format (save it again)"),
    ],
)
def test_a_file_of_another_format(data: bytes, expected: str, tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(data)
    assert said(tmp_path / "x.npy") == expected


RIGHT = {"descr": "<f8", "fortran_order": False, "shape": BATCH}
UNREADABLE = [
    *(b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", header("\xff", version=3)),
    *map(header, ["{'descr'", "(" * 5000, "-" * 50000 + "1", "{'\\d': 1if 2}", "{[]: 1}", "__import__('os')"]),
    *map(header, [[1], {"descr": "<f8"}, repr(RIGHT).replace("5", f"0x{'f' * 5000}")]),
    *(header(RIGHT | {"descr": wrong}) + bytes(240) for wrong in ("x", "<f3", (), None, "\x1b[31m")),
    *(header(RIGHT | {"shape": wrong}) + bytes(240) for wrong in ([5, 2, 3], (5.0, 2, 3), (5, 2, True))),
    header(RIGHT | {"fortran_order": 0}) + bytes(240),
]


@pytest.mark.parametrize("data", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_header_that_cannot_be_read(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(data)
    assert said(tmp_path / "x.npy") == "the file is damaged: its header cannot be read (save it again)"


@pytest.mark.parametrize("by", [-240, -1, 1, 8])
def test_too_few_values_or_too_many(by: int, tmp_path: Path) -> None:
    path = saved(tmp_path / "x.npy", FEATURES)
    data = path.read_bytes()
    path.write_bytes(data[:by] if by < 0 else data + bytes(by))
    assert said(path) == f"the file is damaged: expected 240 bytes of values, got {240 + by} (save it again)"


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_is_a_fault_of_ours(tmp_path: Path, data: st.DataObject) -> None:
    buffer = io.BytesIO()
    numpy.save(buffer, FEATURES)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "x.npy").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    assert read_or_said(tmp_path / "x.npy") in (30, 2)


WITHOUT = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from rnninspect.errors import RnnInspectError
from rnninspect.study.input_expected import Expected
from rnninspect.study.input_file import read_values
for name in ("x.npy", "y.npy", "x.csv"):
    try:
        print(read_values(Expected(Path(sys.argv[1]) / name, (2,), ("L",), below=9)).tolist())
    except RnnInspectError as error:
        print(error.exit_code, str(error).replace(sys.argv[1], ""))
print("torch" in sys.modules)
"""


def test_without_numpy(program: Run, tmp_path: Path) -> None:
    """A .csv needs none; and what is wrong with a file is said first."""
    saved(tmp_path / "x.npy", numpy.arange(2))
    (tmp_path / "x.csv").write_text("3\n4\n")
    (tmp_path / "numpy.py").write_text("raise ImportError")
    done = program(WITHOUT, "-W", "error", args=(str(tmp_path),))
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "3 --input /x.npy needs numpy: pip install 'rnninspect[npy]'",
        "2 --input /y.npy: no such file or directory (check the path)",
        "[3, 4]",
        "False",
    ]


# --- .csv -------------------------------------------------------------------------------------------------

SEQUENCE, STEPS = (3, 2), ("L", "H_in")


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "x.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n3,-4\n0.5,1e-3\n",
        "1,2\n3,-4\n0.5,1e-3",
        "\ufeff1,2\r\n3,-4\r\n0.5,1e-3\r\n",
        "1,2\r3,-4\r0.5,1e-3\r",
        ' 1 , 2\n3,\t-4 \n"0.5", "1e-3"\n',
        "1.,+2\n3.0,-4\n.5,1E-03\n\n  \n\n",
        '"1","2"\n"3","-4"\n"0.5","0.001"\n',
    ],
)
def test_rows_are_steps_and_columns_are_features(text: str, tmp_path: Path) -> None:
    found = read(written(tmp_path, text), SEQUENCE, STEPS)
    assert (found.typecode, found.tolist()) == ("d", [1, 2, 3, -4, 0.5, 0.001])


@pytest.mark.parametrize(
    ("shape", "axes"), [((3, 1, 2), ("L", "N", "H_in")), ((1, 3, 2), ("N", "L", "H_in")), (SEQUENCE, STEPS)]
)
def test_one_sequence_fits_a_batch_of_one(shape: tuple[int, ...], axes: tuple[str, ...], tmp_path: Path) -> None:
    assert read(written(tmp_path, "1,2\n3,4\n5,6\n"), shape, axes).tolist() == [1, 2, 3, 4, 5, 6]


def test_token_indices_are_one_column(tmp_path: Path) -> None:
    for shape, axes in (((3,), ("L",)), ((3, 1), ("L", "N")), ((1, 3), ("N", "L"))):
        found = read(written(tmp_path, "1\n 0\n+2\n"), shape, axes, below=3)
        assert (found.typecode, found.tolist()) == ("q", [1, 0, 2])


@given(st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 3), min_size=1, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_bit_of_a_number_is_kept(tmp_path: Path, rows: list[tuple[float, ...]]) -> None:
    text = "".join(",".join(map(repr, row)) + "\n" for row in rows)
    found = read(written(tmp_path, text), (len(rows), 3), STEPS)
    assert found.tobytes() == array("d", [value for row in rows for value in row]).tobytes()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected 3 rows (L), got 0"),
        ("\ufeff", "expected 3 rows (L), got 0"),
        ("\n\n", "expected 3 rows (L), got 0"),
        ("1,2\n3,4\n", "expected 3 rows (L), got 2 (--set input.seq_len=2)"),
        (
            "1,2\n3,4\n5,6\n7,8\n",
            "4: expected 3 rows (L), got more (delete the others, or --set input.seq_len to their number)",
        ),
        (
            "1,2,3\n",
            "1: expected 2 columns (H_in), got 3 "
            "(H_in is what the first layer takes in: change that layer, or the file)",
        ),
        ("1,2\n3\n5,6\n", "2: expected 2 columns (H_in), got 1"),
        ("1,2\n\n3,4\n5,6\n", "2: the line is empty (delete it)"),
        ("x1,x2\n1,2\n", "1: column 1: expected a number, got 'x1' (delete the header line)"),
        ('"time","x"\n1,2\n', "1: column 1: expected a number, got 'time' (delete the header line)"),
        (",0\n0,1\n", "1: column 1: expected a number, got an empty cell (delete the header line)"),
        ("1,2\n3,x\n", "2: column 2: expected a number, got 'x'"),
        ("1,2\n3, \n", "2: column 2: expected a number, got an empty cell"),
        ("1,2\n3,1_0\n", "2: column 2: expected a number, got '1_0' (write 10)"),
        ("1,2\n3,٣\n", "2: column 2: expected a number, got '٣' (write 3)"),
        ("1,0x10\n", "1: column 2: expected a number, got '0x10' (delete the header line)"),
        ("1,2\n3,\x1b[31m\n", r"2: column 2: expected a number, got '\x1b[31m'"),
        ("1,2\n3,\0\n", r"2: column 2: expected a number, got '\x00'"),
        ("1,2\n3,\u202e4\n", r"2: column 2: expected a number, got '\u202e4'"),
        (b"1,2\n3,\xff\n", r"2: column 2: expected a number, got '\\xff'"),
        ("1,2\n3," + "x" * 200_000 + "\n", "2: this is no row of a .csv file: field larger than field limit (131072)"),
    ],
)
def test_a_csv_file_that_does_not_fit(text: str | bytes, expected: str, tmp_path: Path) -> None:
    assert said(written(tmp_path, text), SEQUENCE, STEPS) == expected


@pytest.mark.parametrize("text", ["1;2\n3;4\n5;6\n", "1\t2\n3\t4\n5\t6\n", "1 2\n3 4\n5 6\n", "1,5;2,5\n"])
def test_other_separators(text: str, tmp_path: Path) -> None:
    """Where the number of columns is right by chance, too."""
    path = written(tmp_path, text)
    assert said(path, (3, text.split("\n")[0].count(",") + 1), STEPS).endswith("(separate columns by commas)")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_another_encoding(encoding: str, tmp_path: Path) -> None:
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    path = written(tmp_path, mark + "1,2\n3,4\n5,6\n".encode(encoding))
    assert said(path, SEQUENCE, STEPS).endswith("(save it as UTF-8)")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1\n2.0\n", "2: column 1: expected an integer, got '2.0' (write 2)"),
        ("1\n2.5\n", "2: column 1: expected an integer, got '2.5'"),
        ("token\n1\n", "1: column 1: expected an integer, got 'token' (delete the header line)"),
        ("1,2\n", "1: expected one column of token indices, got 2"),
        (
            "1\n3\n-1\n",
            "expected token indices from 0 to 2, 2 of 3 are not, the first at line 2, column 1: 3 "
            "(the first layer's num_embeddings is the number of tokens)",
        ),
        (
            f"1\n2\n{2**70}\n",
            f"expected token indices from 0 to 2, 1 of 3 are not, the first at line 3, column 1: {2**70} "
            "(the first layer's num_embeddings is the number of tokens)",
        ),
    ],
)
def test_token_indices_that_do_not_fit(text: str, expected: str, tmp_path: Path) -> None:
    assert said(written(tmp_path, text), (3,), ("L",), below=3) == expected


@pytest.mark.parametrize(("cell", "shown"), [("nan", "nan"), ("-Infinity", "-inf"), ("1e999", "inf"), ('"NaN"', "nan")])
def test_csv_numbers_that_are_not_finite(cell: str, shown: str, tmp_path: Path) -> None:
    expected = f"expected finite numbers, 2 of 6 are not, the first at line 2, column 1: {shown} ("
    assert said(written(tmp_path, f"1,2\n{cell},4\n5,nan\n"), SEQUENCE, STEPS).startswith(expected)


def test_a_batch_is_not_one_sequence(tmp_path: Path) -> None:
    path = written(tmp_path, "1,2\n")
    hint = "--set input.batch_size=1, or save all as .npy"
    assert said(path, (1, 32, 2), AXES) == f"a .csv file is one sequence, expected 32 (N) ({hint})"


def test_a_width_that_can_be_set(tmp_path: Path) -> None:
    path = written(tmp_path, "1,2,3\n4,5,6\n")
    said_first = "1: expected 2 columns (H_in), got 3 (--set encoder.input_size=3)"
    assert said(path, (2, 2), STEPS, settings=WITH_WIDTH) == said_first


class Endless(io.RawIOBase):
    """A file that repeats itself, and counts what was read of it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.taken = data, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        repeated = self.data * (size // len(self.data) + 2)
        start = self.taken % len(self.data)
        buffer[:] = repeated[start : start + size]
        self.taken += size
        return size


@pytest.mark.parametrize(
    ("data", "most", "expected"),
    [
        (b"1,2\n", 100_000, "4: expected 3 rows (L), got more"),
        (b"1,", 2_500_000, "1: expected a row of numbers, got a line of more than 1,048,576 characters"),
        (b"\n", 200_000, "1: the line is empty"),
        (b" ", 2_500_000, "1: "),
        (b'"', 2_500_000, "1: expected a row of numbers, got a line of more than"),
    ],
)
def test_no_more_is_read_than_is_needed(data: bytes, most: int, expected: str) -> None:
    stream = Endless(data)
    with pytest.raises(OptionError) as caught:
        read_csv(stream, Expected(Path("x.csv"), SEQUENCE, STEPS))  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"--input x.csv:{expected}")
    assert stream.taken < most


# --- files ------------------------------------------------------------------------------------------------

both = pytest.mark.parametrize("name", ["x.npy", "x.csv"])


@pytest.mark.parametrize(
    ("name", "got"),
    [("x.txt", "got .txt"), ("x", "got none"), ("-", "got none"), (".npy", "got none"), ("x.npz", "got .npz")],
)
def test_any_other_name(name: str, got: str) -> None:
    assert said(Path(name)) == f"expected a name that ends in .npy or .csv, {got}"


@both
def test_what_is_no_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    assert said(path) == "no such file or directory (check the path)"
    path.mkdir()
    assert said(path) == "is a directory (name a .npy or .csv file)"
    path.rmdir()
    os.mkfifo(path)
    assert said(path) == "is a named pipe (name a .npy or .csv file)"
    path.unlink()
    path.symlink_to("/dev/zero")
    assert said(path) == "is a device (name a .npy or .csv file)"
    path.unlink()
    path.symlink_to(path)
    assert said(path) == "too many levels of symbolic links"
    assert said(Path(os.devnull) / name) == "not a directory"
    with pytest.raises(OptionError, match=r"no file can have this name \(check the path\)$"):
        read(tmp_path / f"\0{name}")


@both
def test_a_socket(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path has at most a hundred characters
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        assert said(Path(name)) == "is a socket (name a .npy or .csv file)"


@both
def test_a_name_that_a_terminal_would_act_on(name: str) -> None:
    with pytest.raises(OptionError) as caught:
        read(Path(f"\x1b[31m\n{name}"))
    assert str(caught.value) == rf"--input \x1b[31m\n{name}: no such file or directory (check the path)"


@both
def test_a_file_that_may_not_be_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # why not chmod: root may read everything, and tests may run as root.
    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / name).touch()
    monkeypatch.setattr(os, "open", refuse)
    assert said(tmp_path / name) == "permission denied (make it readable for this user)"


@both
def test_a_disk_that_fails(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise OSError(5, "Input/output error")

    (tmp_path / name).touch()
    monkeypatch.setattr(input_file, f"read_{name[2:]}", fail)
    assert said(tmp_path / name) == "input/output error"


@pytest.mark.parametrize(("name", "each"), [("x.npy", 24), ("x.csv", 8)])
def test_more_than_the_machine_has(name: str, each: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    numpy.save(path, FEATURES[:, :1]) if name == "x.npy" else path.write_text("1,2,3\n" * 5)
    monkeypatch.setattr(input_expected, "available_bytes", lambda: 15 * each - 1)
    with pytest.raises(NotEnoughMemory) as caught:
        read(path, (5, 1, 3))
    needed, free = 15 * each, 15 * each - 1
    assert str(caught.value) == f"--input {path}: to read it takes {needed} bytes, the machine has {free} free"
    for enough in (15 * each, None):
        monkeypatch.setattr(input_expected, "available_bytes", lambda enough=enough: enough)
        assert len(read(path, (5, 1, 3))) == 15


@given(st.binary(max_size=200) | st.text("0123456789.,;-+e\"' \n\r\tna\x00", max_size=200).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_file_is_a_fault_of_ours(tmp_path: Path, data: bytes) -> None:
    for name, options in (("x.csv", {}), ("x.csv", {"below": 5}), ("x.npy", {})):
        (tmp_path / name).write_bytes(data)
        shape: tuple[int, ...] = (3,) if options else (2, 3)
        axes = ("L", "H_in")[: len(shape)]
        expected = (math.prod(shape), 2)
        assert read_or_said(tmp_path / name, shape, axes, **options) in expected


def test_the_hints_name_values_that_documents_have() -> None:
    from rnninspect.document.blocks import Input

    assert set(SETTINGS.values()) == {f"input.{name}" for name in ("seq_len", "batch_size")}
    assert {value.removeprefix("input.") for value in SETTINGS.values()} <= Input.model_fields.keys()
    assert re.fullmatch(r"\w+", "".join(SETTINGS))
