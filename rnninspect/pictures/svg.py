"""A picture as SVG: one text, readable light and dark, that fetches and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from rnninspect.pictures.boxes import EDGE, LINE, PAD
from rnninspect.pictures.scene import Label, Mark, Picture, Placed, Wire
from rnninspect.pictures.texts import Style, Text

_CORNER = 6.0


def svg(picture: Picture, title: str, description: str, style: str, prefix: str) -> str:
    """The picture as a whole document. prefix: what its ids begin with, so that several can stand in one page."""
    w, h = _n(picture.width), _n(picture.height)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="rc" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" '
        f'aria-labelledby="{prefix}-title {prefix}-desc">'
    )
    return "\n".join(
        [
            head,
            f'<title id="{prefix}-title">{escape(title)}</title>',
            f'<desc id="{prefix}-desc">{escape(description)}</desc>',
            *([f"<style>{style}</style>"] if style else []),
            *_body(picture),
            "</svg>",
            "",
        ]
    )


def _body(picture: Picture) -> Iterator[str]:
    x, y, w, h = picture.frame
    yield f'<rect class="frame" x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}" rx="12"/>'
    yield from map(_wire, picture.wires)
    for shape in ("bridge", "dot", "right", "up"):
        yield from (_mark(mark) for mark in picture.marks if mark.shape == shape)
    for placed in picture.nodes:
        yield from _node(placed)
    yield from map(_label, picture.labels)


def _n(number: float) -> str:
    return f"{round(number, 1):g}"


# --- wires ------------------------------------------------------------------------------------------------


def _wire(wire: Wire) -> str:
    (x, y), *rest = wire.points
    parts = [f"M{_n(x)} {_n(y)}"]
    for number, (to_x, to_y) in enumerate(rest):
        if number + 1 < len(rest):
            next_x, next_y = rest[number + 1]
            before, after = _toward(to_x, to_y, x, y), _toward(to_x, to_y, next_x, next_y)
            parts.append(f"L{before}Q{_n(to_x)} {_n(to_y)} {after}")
        else:
            parts.append(f"L{_n(to_x)} {_n(to_y)}")
        x, y = to_x, to_y
    return f'<path class="wire {wire.kind}" d="{"".join(parts)}"/>'


def _toward(x: float, y: float, other_x: float, other_y: float) -> str:
    """The point a corner's radius away on the way to another."""
    away = abs(other_x - x) + abs(other_y - y)
    radius = min(_CORNER, away / 2)
    share = radius / away if away else 0.0
    return f"{_n(x + (other_x - x) * share)} {_n(y + (other_y - y) * share)}"


def _mark(mark: Mark) -> str:
    x, y = mark.x, mark.y
    match mark.shape:
        case "dot":
            return f'<circle class="fill {mark.kind}" cx="{_n(x)}" cy="{_n(y)}" r="2.8"/>'
        case "bridge":
            line = f"M{_n(x)} {_n(y - 5)}V{_n(y + 5)}"
            return f'<path class="halo" d="{line}"/><path class="wire {mark.kind}" d="{line}"/>'
        case "up":
            corners = f"M{_n(x - 3.5)} {_n(y + 7)}L{_n(x)} {_n(y)}L{_n(x + 3.5)} {_n(y + 7)}z"
        case _:
            corners = f"M{_n(x - 7)} {_n(y - 3.5)}L{_n(x)} {_n(y)}L{_n(x - 7)} {_n(y + 3.5)}z"
    return f'<path class="fill {mark.kind}" d="{corners}"/>'


# --- nodes ------------------------------------------------------------------------------------------------


def _node(placed: Placed) -> Iterator[str]:
    x, y, w, h = placed.x, placed.y, placed.width, placed.height
    node = placed.node
    yield "<g>"
    if node.kind == "block":
        yield from _block(placed)
    elif node.kind == "circle":
        yield f'<circle class="box" cx="{_n(x + w / 2)}" cy="{_n(y + h / 2)}" r="{_n(w / 2)}"/>'
        yield from _sign(node.text[0].text, x + w / 2, y + h / 2)
    elif node.kind == "column":
        yield f'<rect class="box" x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}" rx="13"/>'
        for pin, line in zip(node.pins, placed.pins, strict=True):
            yield from _sign(pin.sign, x + 13, line, small=True)
        if node.text:
            yield _text(node.text, x + 24, y + h / 2 + 4.5, "start")
    else:
        radius, fill = (6, _fill(node.function)) if node.kind == "function" else (14, "")
        yield f'<rect class="box{fill}" x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}" rx="{radius}"/>'
        yield _text(node.text, x + w / 2, y + h / 2 + 4.5, "middle")
    yield "</g>"


def _block(placed: Placed) -> Iterator[str]:
    x, y, w, h, node = placed.x, placed.y, placed.width, placed.height, placed.node
    yield f'<rect class="box" x="{_n(x)}" y="{_n(y)}" width="{_n(w)}" height="{_n(h)}" rx="6"/>'
    if node.cap:
        cap = x + placed.text
        path = f"M{_n(cap)} {_n(y)}H{_n(x + w - 6)}q6 0 6 6V{_n(y + h - 6)}q0 6 -6 6H{_n(cap)}z"
        yield f'<path class="box{_fill(node.function)}" d="{path}"/>'
        yield _text(node.cap, (cap + x + w) / 2, y + h / 2 + 4.5, "middle")
    for number, line in enumerate(node.lines):
        base = y + EDGE + LINE * number + LINE / 2 + 4.5
        yield _text(line.text, x + PAD, base, "start")
        if line.size:
            yield _text(line.size, x + placed.text - PAD, base, "end")


def _fill(function: str) -> str:
    """The class of a function's colour; its name says it too."""
    return {"sigmoid": " sigmoid", "tanh": " tanh"}.get(function, " other")


def _sign(sign: str, x: float, y: float, *, small: bool = False) -> Iterator[str]:
    """A sign drawn, so that it stands in the middle whatever the font."""
    half = 3.5 if small else 5.0
    if sign == "•":
        yield f'<circle class="ink" cx="{_n(x)}" cy="{_n(y)}" r="{2 if small else 2.6}"/>'
        return
    upright = f"M{_n(x)} {_n(y - half)}V{_n(y + half)}" if sign == "+" else ""
    yield f'<path class="sign" d="M{_n(x - half)} {_n(y)}H{_n(x + half)}{upright}"/>'
    if sign == "÷":
        yield from (f'<circle class="ink" cx="{_n(x)}" cy="{_n(y + away)}" r="1.1"/>' for away in (-half, half))


# --- texts ------------------------------------------------------------------------------------------------


def _label(label: Label) -> str:
    return _text(label.text, label.x, label.y, label.anchor)


def _text(text: Text, x: float, y: float, anchor: str) -> str:
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{_n(x)}" y="{_n(y)}"{where}>{"".join(_pieces(text))}</text>'


def _pieces(text: Text) -> Iterator[str]:
    """Each piece in its style; what is lowered, or raised, is taken back by the next."""
    shifts = {Style.INDEX: 3.5, Style.POWER: -5.0}
    now = 0.0
    for piece in text:
        shift = shifts.get(piece.style, 0.0)
        moved = f' dy="{_n(shift - now)}"' if shift != now else ""
        now = shift
        yield f'<tspan class="{piece.style.value}"{moved}>{escape(piece.text)}</tspan>'
