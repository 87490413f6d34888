"""The walker of protobuf messages, held against Google's own runtime, and what it says of bytes that are none."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.internal import decoder
from hypothesis import given
from hypothesis import strategies as st
from protobuf_bytes import field, floats, key, message, packed, varint

from rnninspect.files.held import Unreadable
from rnninspect.files.readers.protobuf import BYTES, FIXED32, FIXED64, VARINT, Field, Message, floating, signed
from rnninspect.files.source import Source, source_of


def over(data: bytes) -> Message:
    return Message(Source.of(data))


def test_every_kind_of_field() -> None:
    data = message((1, 300), (2, "name"), (3, 1.5), (4, -1)) + key(5, 1) + (7).to_bytes(8, "little")
    found = list(over(data).fields())
    assert [(item.number, item.wire) for item in found] == [
        (1, VARINT),
        (2, BYTES),
        (3, FIXED32),
        (4, VARINT),
        (5, FIXED64),
    ]
    assert [found[0].value, floating(found[2].value), signed(found[3].value), found[4].value] == [300, 1.5, -1, 7]
    assert over(data).text(found[1]) == "name"
    assert (found[1].length, found[1].end) == (4, found[1].value + 4)


@given(st.lists(st.tuples(st.integers(1, 2**29 - 1), st.one_of(st.integers(0, 2**64 - 1), st.binary(max_size=40)))))
def test_what_was_written_is_read(written: list[tuple[int, int | bytes]]) -> None:
    reader = over(b"".join(field(number, value) for number, value in written))
    found = [(item.number, reader.content(item) if item.wire == BYTES else item.value) for item in reader.fields()]
    assert found == written


@given(st.integers(0, 2**64 - 1))
def test_a_number_is_what_the_runtime_of_google_reads(number: int) -> None:
    data = varint(number)
    assert decoder._DecodeVarint(data, 0) == (number, len(data))
    assert [item.value for item in over(key(1, 0) + data).fields()] == [number]


@pytest.mark.parametrize("written", [field(3, 5) + field(3, 300), field(3, packed([5, 300]))])
def test_numbers_are_the_same_packed_or_not(written: bytes) -> None:
    reader = over(written)
    assert [number for item in reader.fields() for number in reader.numbers(item)] == [5, 300]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (key(1, 0) + b"\xff" * 9 + b"\x02", "the number at byte 1 is larger than any that a message has"),
        (key(1, 0) + b"\xff" * 30, "the number at byte 1 is larger than any that a message has"),
        (key(1, 0) + b"\xff", "it ends too early: the number at byte 1 has no end, and the file at 2"),
        (key(1, 0), "it ends too early: the number at byte 1 has no end, and the file at 1"),
        (key(1, 2) + varint(2**63) + b"x", "the field at byte 0 ends at 9,223,372,036,854,775,819"),
        (field(1, 1) + key(1, 5) + b"123", "it ends too early: the field at byte 2 ends at 7, and the file at 6"),
        (key(1, 1) + b"1234567", "the field at byte 0 ends at 9, and the file at 8"),
        (key(1, 3), "the field at byte 0 is of a kind that no message has (3)"),
        (key(1, 4), "of a kind that no message has (4)"),
        (key(1, 7) + b"x", "of a kind that no message has (7)"),
        (key(0, 0) + b"\1", "the field at byte 0 has the number 0, which no message has"),
        (key(2**29, 0) + b"\1", "has the number 536,870,912, which"),
    ],
)
def test_what_is_no_message_is_told_by_its_offset(data: bytes, said: str) -> None:
    with pytest.raises(Unreadable) as error:
        list(over(data).fields())
    assert said in str(error.value)


def test_a_message_within_one_ends_where_that_ends() -> None:
    inner = key(1, 2) + varint(9) + b"ab"
    reader = over(field(1, inner) + b"x" * 20)
    outer = next(reader.fields())
    with pytest.raises(Unreadable, match="the field at byte 2 ends at 13, and what it is in at 6"):
        list(reader.inside(outer))


def test_a_field_that_was_cut_off_is_given_where_it_is_asked_for() -> None:
    data = field(1, 9) + key(7, 2) + varint(1000) + b"cut"
    assert list(over(data).fields(cut=True))[-1] == Field(7, BYTES, 5, 1000)


def test_what_is_read_of_one_file_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as few:
        few.setattr("rnninspect.files.readers.protobuf._MOST_FIELDS", 10)
        reader = over(field(1, 1) * 11)
    with pytest.raises(Unreadable, match="more fields than are read of one file"):
        list(reader.fields())
    reader = over(field(1, b"x" * 70_000))
    with pytest.raises(Unreadable, match="the text at byte 4 has 70,000 bytes, of which at most 65,536 are read"):
        reader.text(next(reader.fields()))
    with pytest.raises(Unreadable, match="the numbers at byte 4 are more than the 64 that are read"):
        reader.numbers(next(reader.fields()), 64)


def test_a_number_is_no_text_and_no_message() -> None:
    reader = over(field(4, 1) + field(5, 1.0))
    number, real = reader.fields()
    for wrong in (reader.text, reader.inside, lambda item: reader.numbers(real)):
        with pytest.raises(Unreadable, match="is a number where a text or a message is expected"):
            wrong(number)


def test_text_that_is_none_stays_apart() -> None:
    reader = over(field(1, b"a\xff") + field(1, b"a\xfe"))
    assert [reader.text(item) for item in reader.fields()] == [r"a\xff", r"a\xfe"]


@pytest.fixture
def sparse(tmp_path: Path) -> Iterator[Path]:
    """Half a gigabyte: 500 fields of a megabyte, which the disk does not hold."""
    path = tmp_path / "large"
    head = key(9, 2) + varint(2**20)
    with path.open("wb") as stream:
        for count in range(500):
            stream.seek(count * (len(head) + 2**20))
            stream.write(head)
        stream.truncate(500 * (len(head) + 2**20))
    yield path
    path.unlink()


def test_what_has_a_length_is_passed_over(sparse: Path) -> None:
    tracemalloc.start()
    with source_of(str(sparse)) as source:
        assert sum(item.length for item in Message(source).fields()) == 500 * 2**20
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2 * 2**20


def test_floats_are_what_struct_makes_of_them() -> None:
    assert floating(int.from_bytes(floats(-0.25), "little")) == -0.25
