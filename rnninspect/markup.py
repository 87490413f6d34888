"""HTML, SVG and MathML in which no text can become a tag: `tag` escapes every string that is not markup already.

    tag("a", "<script>", href="#x")      <a href="#x">&lt;script&gt;</a>

Markup put together in any other way, `f"{one}{two}"`, is a string again, and would be shown, not read.
"""

from __future__ import annotations

from collections.abc import Iterable

from rnninspect.errors import printable

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
# Of HTML: what has no content, and no end.
_VOID = frozenset({"meta", "br", "hr", "col"})

Child = str | None
Attribute = str | int | float | bool | None


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def text(shown: str) -> Markup:
    """A text as it is to be seen: on one line, its control and bidi characters spelt out."""
    return shown if isinstance(shown, Markup) else Markup(printable(shown).translate(_ESCAPES))


def joined(parts: Iterable[Child], between: str = "") -> Markup:
    """Texts and markup one after another; None is nothing."""
    return Markup(text(between).join([text(part) for part in parts if part is not None]))


def tag(name: str, /, *children: Child, **attributes: Attribute) -> Markup:
    """An element, `class_="a"` its attribute class, `aria_label="b"` aria-label.

    None and False leave an attribute out; True has it without a value.
    """
    given = "".join([_attribute(*each) for each in attributes.items()]) if attributes else ""
    end = "" if name in _VOID else f"{joined(children)}</{name}>"
    return Markup(f"<{name}{given}>{end}")


def _attribute(key: str, value: Attribute) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    # why of numbers so few digits: a place in a picture needs no more than a hundredth of a pixel.
    shown = f"{value:g}" if isinstance(value, float) else value if isinstance(value, str) else str(value)
    return f" {name}" if value is True else f' {name}="{text(shown)}"'
