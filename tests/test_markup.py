"""No text becomes a tag, whatever it holds: an HTML parser that forgives nothing reads back what was put in."""

from __future__ import annotations

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import examples

from rnninspect.errors import printable
from rnninspect.markup import Markup, joined, tag, text

HOSTILE = ("</p><script>alert(1)</script>", "\x1b[31m\x00\u202e", "'\"&amp;&lt;", "-->]]>{{7*7}}", "\ud800")
TEXTS = st.text() | st.sampled_from(HOSTILE)


def parsed(markup: str) -> object:
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parseFragment(markup)[0]


@examples(50)
@given(TEXTS, TEXTS)
def test_a_text_and_an_attribute_come_back_as_they_were(inside: str, attribute: str) -> None:
    element = parsed(tag("p", inside, title=attribute))
    assert element.text == (printable(inside) or None)
    assert element.attrib == {"title": printable(attribute)}
    assert len(element) == 0


def test_markup_is_let_through_and_what_is_put_together_otherwise_is_not() -> None:
    inner = tag("b", "x<")
    assert tag("p", inner, None, "y&") == "<p><b>x&lt;</b>y&amp;</p>"
    assert tag("p", f"{inner}") == "<p>&lt;b&gt;x&amp;lt;&lt;/b&gt;</p>"
    assert tag("p", title=Markup("a&#10;b")) == '<p title="a&#10;b"></p>'
    assert joined(["a", None, inner], "<") == "a&lt;<b>x&lt;</b>"
    assert isinstance(joined([]), Markup)
    assert text(Markup("<")) == "<"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (tag("meta", charset="utf-8"), '<meta charset="utf-8">'),
        (tag("th", "a", class_="n", aria_label="b", colspan=2), '<th class="n" aria-label="b" colspan="2">a</th>'),
        (tag("button", hidden=True, title=None, open=False), "<button hidden></button>"),
        (tag("rect", x=1.5, width=2.0, height=1 / 3), '<rect x="1.5" width="2" height="0.333333"></rect>'),
    ],
)
def test_attributes(made: Markup, expected: str) -> None:
    assert made == expected
