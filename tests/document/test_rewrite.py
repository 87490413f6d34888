"""A number replaced in a document's text: only its digits change, or there is an error and nothing does."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from samples import examples

from rnninspect.document.paths import Path
from rnninspect.document.rewrite import rewritten
from rnninspect.document.tree import read_tree
from rnninspect.errors import DocumentError

HIDDEN: Path = ("layers", 0, "hidden_size")


def written(text: str, *paths: Path, value: int = 242) -> str:
    return rewritten(read_tree(text, "doc.yaml"), paths or (HIDDEN,), value)


def refusal(text: str, *paths: Path) -> str:
    with pytest.raises(DocumentError) as raised:
        written(text, *paths)
    return str(raised.value)


# Texts with the number between marks, everything else to be left as it is.
TEXTS = {
    "a block": "# top\n\nlayers:\n  - type: LSTM   # kept\n    hidden_size: <50>  # how wide\n",
    "no end of line": "layers:\n- hidden_size: <50>",
    "flow": "layers: [{type: LSTM, hidden_size: <50>, bias: true}]\n",
    "the last in flow": "layers: [{hidden_size: <50>}]",
    "flow over lines": "layers: [\n  {hidden_size:\n    <50>\n  }\n]\n",
    "json": '{"layers":[{"type":"LSTM",\t"hidden_size":<50>}]}',
    "carriage returns": "name: a\r\nlayers:\r\n  - hidden_size: <50>\r\n    bias: true\r\n",
    "old carriage returns": "name: a\rlayers:\r  - hidden_size: <50>\r    bias: true\r",
    "odd line breaks": "name: 'a\u2028 b'\nlayers:\n  - hidden_size: <50>\u2028",
    "wide characters": "name: 'čaj \U0001f375'\nlayers: [{name: \U0001f375, hidden_size: <50>}]\n",
    "an anchor of its own": "layers:\n  - hidden_size: &wide  <50>\n",
    "in a merged mapping that wins": "layers:\n  - {<<: &b {hidden_size: 3}, hidden_size: <50>}\n",
    "a sign": "layers: [{hidden_size: <+50>}]\n",
    "zero": "layers: [{hidden_size: <0>}]\n",
    "other fifties": "name: '50'\ninput: {seq_len: 50} # 50\nlayers: [{input_size: 50, hidden_size: <50>, a: 50}]\n",
    "a quoted key": "'layers': [{\"hidden_size\": <50>}]\n",
    "an explicit key": "layers:\n  - ? hidden_size\n    : <50>\n",
    "a document's start": "---\nlayers: [{hidden_size: <50>}]\n...\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_only_the_digits_change(name: str) -> None:
    text = TEXTS[name]
    before = re.sub(r"<([+0-9]+)>", r"\1", text)
    after = written(before)
    assert after == re.sub(r"<[+0-9]+>", "242", text)
    assert yaml.safe_load(after.replace("\t", " "))["layers"][0]["hidden_size"] == 242


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("layers: [{hidden_size: '50'}]", "got \"'50'\""),
        ("layers: [{hidden_size: 0x32}]", "got '0x32'"),
        ("layers: [{hidden_size: 1_000}]", "got '1_000'"),
        ("layers: [{hidden_size: 50.0}]", "got '50.0'"),
        ("layers: [{hidden_size: 5e1}]", "got '5e1'"),
        ("layers: [{hidden_size: [50]}]", "got '[50'"),
        ("layers: [{hidden_size: ~}]", "got '~'"),
        ("layers: [{hidden_size: }]", "got nothing"),
        ("layers:\n - hidden_size:\n   type: LSTM", "expected a plain whole number to replace"),
        ("layers:\n - hidden_size: |\n    50", "got '|'"),
        ("layers:\n - hidden_size: &a\n    50", "got '&a'"),
        ("layers:\n - hidden_size: 50\n    60", "the number cannot be replaced alone"),
        ("layers: [{type: LSTM}]", "doc.yaml:1:10: layers[0].hidden_size: the document does not say it"),
    ],
)
def test_what_is_no_plain_number_is_refused(text: str, says: str) -> None:
    assert says in refusal(text)


SHARED = """\
input: {batch_size: 2, seq_len: 3}
layers:
  - &base {name: a, type: LSTM, hidden_size: &h 50}  # both
  - {name: b, type: GRU, hidden_size: *h}
  - {<<: *base, name: c}
"""


def test_a_number_that_others_have_is_replaced_with_all_of_them_or_not_at_all() -> None:
    said = refusal(SHARED)
    assert said.startswith("doc.yaml:3:46: layers[0].hidden_size: layers[1].hidden_size has its number from here too")
    assert "(find one for both, a.hidden_size=b.hidden_size, or give it a number of its own)" in said
    assert "layers[0].hidden_size has its number from here too" in refusal(SHARED, ("layers", 2, "hidden_size"))
    every: list[Path] = [("layers", k, "hidden_size") for k in range(3)]
    assert "layers[2]" in refusal(SHARED, *every[:2])
    assert written(SHARED, *every) == SHARED.replace("&h 50", "&h 242")


def test_two_numbers_are_replaced_where_each_stands() -> None:
    text = "layers: [{hidden_size: 5}, {hidden_size: 12345, a: 5}] # 5\n"
    paths: tuple[Path, Path] = (HIDDEN, ("layers", 1, "hidden_size"))
    for order in (paths, paths[::-1]):
        assert written(text, *order) == "layers: [{hidden_size: 242}, {hidden_size: 242, a: 5}] # 5\n"


_PLAIN = st.integers(-(10**6), 10**6) | st.booleans() | st.none() | st.text("ab: #{},\n\u2028č'\"", max_size=8)
_LAYER = st.fixed_dictionaries({"hidden_size": st.integers(0, 10**9)}, optional={"a": _PLAIN, "b": st.lists(_PLAIN)})


@examples(30)
@given(
    st.lists(_LAYER, min_size=1, max_size=4),
    st.integers(1, 2**31),
    st.sampled_from([None, True, False]),
    st.integers(20, 90),
)
def test_any_document_says_afterwards_what_was_put_in(
    layers: list[dict[str, object]], value: int, flow: bool | None, width: int
) -> None:
    data = {"layers": layers}
    text = yaml.safe_dump(data, default_flow_style=flow, width=width, allow_unicode=True)
    for as_text in (text, json.dumps(data, indent=width % 3 or None)):
        for k in range(len(layers)):
            after = written(as_text, ("layers", k, "hidden_size"), value=value)
            wanted = [{**layer, "hidden_size": value} if i == k else layer for i, layer in enumerate(layers)]
            assert yaml.safe_load(after) == {"layers": wanted}
            assert len(after) - len(as_text) == len(str(value)) - len(str(layers[k]["hidden_size"]))
