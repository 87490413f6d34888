from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from rnninspect.formats import json as formats_json

documents = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=3,
)


def test_the_layout_keeps_the_order_of_keys_and_ends_in_a_newline() -> None:
    document = {"schema_version": 1, "bound": 0.1, "axes": ("L", "N"), "a": {"×": None}}
    assert formats_json.render(document) == (
        '{\n  "schema_version": 1,\n  "bound": 0.1,\n  "axes": [\n    "L",\n    "N"\n  ],\n'
        '  "a": {\n    "×": null\n  }\n}\n'
    )


def test_numbers_that_json_cannot_spell_are_null() -> None:
    document = {"a": math.nan, "b": [math.inf, (-math.inf, 1.5)], "c": {"d": math.nan}}
    assert json.loads(formats_json.render(document)) == {"a": None, "b": [None, [None, 1.5]], "c": {"d": None}}


def test_what_a_terminal_acts_on_is_escaped() -> None:
    text = formats_json.render({"a": "\x1b\x7f\x9b\u202e\ud800é😀"})
    assert text == '{\n  "a": "\\u001b\\u007f\\u009b\\u202e\\ud800é😀"\n}\n'


def test_nothing_in_it_is_a_command_to_a_runner() -> None:
    text = formats_json.render({"##[error]": "##[group]a"})
    assert "##[" not in text
    assert json.loads(text) == {"##[error]": "##[group]a"}


@given(documents)
def test_it_parses_back_and_is_safe_to_print(document: dict[str, object]) -> None:
    text = formats_json.render(document)
    assert json.loads(text) == json.loads(json.dumps(document), parse_constant=lambda _: None)
    assert text.replace("\n", "").isprintable()
