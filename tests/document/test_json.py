"""Documents that are JSON: whatever Python writes as JSON is read as it is, tabs, escapes and all; places stay."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnninspect.document.faults import Faults
from rnninspect.document.tree import read_tree
from rnninspect.errors import DocumentError

# JSON has no NUL here, as documents have none, and no half a character.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
ROOTS = st.lists(VALUES, max_size=4) | st.dictionaries(TEXTS, VALUES, max_size=4)


@given(ROOTS, st.sampled_from(["\t", 2, None]), st.sampled_from([(",", ":"), (",\t", "\t: "), (", ", ": ")]))
def test_what_is_written_as_json_is_read(data: object, indent: str | int | None, separators: tuple[str, str]) -> None:
    text = json.dumps(data, indent=indent, separators=separators)
    assert repr(read_tree(text, "doc.json").data) == repr(data)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'{"a": "\ud83d\ude00 \uD835\uDCB3x"}', "😀 𝒳x"),
        (r'{"a": "\/\b\f\n\r\t\"\\"}', '/\b\f\n\r\t"\\'),
        ('{"a":\t"x\ty"\t}', "x\ty"),
        ("{a:\t'x\ty', b: 'don''t\t'}", "x\ty"),
        ('\t{"a"\t:\t[\t1\t,\t"\t"\t]\t}\t', [1, "\t"]),
        ('\n {"a": "it\'s",\t"b": "\t\'"}', "it's"),
        ('{"a": "\\"",\t"b": 1}', '"'),
    ],
)
def test_values(text: str, value: object) -> None:
    data = read_tree(text, "-").data
    assert isinstance(data, dict)
    assert data["a"] == value


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ('{\n\t"a": 1,\n\t\t"a": 2\n}', (3, 3), "duplicate key"),
        ('{\n\t"a":\t1,\n\t"b":\t}x', (3, 8), "not valid YAML"),
        ('{\n\t"a": "x\n', (3, 1), "not valid YAML"),
        ('{"a": "\\ud83d"}', (1, 7), "half a character"),
        ("a:\n\tb: 1", (2, 1), "found character '\\t'"),
        ("# {\na:\n\tb: 1", (3, 1), "found character '\\t'"),
    ],
)
def test_places_stay_and_yaml_has_no_tabs(text: str, place: tuple[int, int], message: str) -> None:
    with pytest.raises(DocumentError) as caught:
        Faults(read_tree(text, "doc.json").faults).tell()
    assert message in caught.value.message
    assert (caught.value.place.line, caught.value.place.column) == place


@pytest.mark.parametrize("piece", ['\\"', "'\t", '"\t', "\t", "\\"])
def test_hostile_quotes_take_no_longer_than_others(piece: str) -> None:
    # what grows with the square of the length would take minutes
    with pytest.raises(DocumentError):
        read_tree('{\t"' + piece * (200_000 // len(piece)), "doc.json")
