"""A picture as SVG: one text, readable light and dark, that fetches and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnninspect.markup import Markup, joined, tag
from rnninspect.pictures.boxes import EDGE, LINE, PAD
from rnninspect.pictures.graph import Line, Node, is_sum
from rnninspect.pictures.scene import Mark, Picture, Placed, Wire
from rnninspect.pictures.texts import Style, Text, plain

# A path as SVG has it: letters, and the points they are about.
_Steps = tuple[str | tuple[float, float], ...]
_CORNER = 6.0
_BASE = 4.5  # from the middle of a line of text to its baseline


def svg(picture: Picture, title: str, description: str, style: str, prefix: str) -> Markup:
    """The picture as a whole document. prefix: what its ids begin with, so that several can stand in one page.

    style: of a file of its own; of what stands in a page "", for the page has it.
    """
    return tag(
        "svg",
        tag("title", title, id=f"{prefix}-title"),
        tag("desc", description, id=f"{prefix}-desc"),
        *_alone(picture, style),
        joined(_body(picture), Markup("\n")),
        xmlns="http://www.w3.org/2000/svg",
        class_="rc",
        width=picture.width,
        height=picture.height,
        viewBox=f"0 0 {picture.width} {picture.height}",
        role="img",
        aria_labelledby=f"{prefix}-title {prefix}-desc",
    )


def _alone(picture: Picture, style: str) -> Iterator[Markup]:
    """What a file of its own needs: its style, and a ground, for it may stand on a page of the other scheme."""
    if style:
        yield tag("style", Markup(style))
        yield _rect("paper", 0, 0, picture.width, picture.height, 0)


def _body(picture: Picture) -> Iterator[Markup]:
    x, y, width, height = picture.frame
    yield _rect("frame", x, y, width, height, 12)
    yield from map(_wire, picture.wires)
    for shape in ("bridge", "dot", "right", "left", "up", "down"):
        yield from (_mark(mark) for mark in picture.marks if mark.shape == shape)
    yield from map(_node, picture.nodes)
    yield from (_text(label.text, label.x, label.y, label.anchor) for label in picture.labels)


def _n(number: float) -> str:
    return f"{round(number, 1):g}"


def _path(class_: str, *steps: str | tuple[float, float]) -> Markup:
    way = "".join(step if isinstance(step, str) else f"{_n(step[0])} {_n(step[1])} " for step in steps)
    return tag("path", class_=class_, d=way.replace(" z", "z").rstrip())


def _rect(class_: str, x: float, y: float, width: float, height: float, radius: float) -> Markup:
    return tag("rect", class_=class_, x=_n(x), y=_n(y), width=_n(width), height=_n(height), rx=_n(radius))


def _circle(class_: str, x: float, y: float, radius: float) -> Markup:
    return tag("circle", class_=class_, cx=_n(x), cy=_n(y), r=_n(radius))


# --- wires ------------------------------------------------------------------------------------------------


def _wire(wire: Wire) -> Markup:
    """A wire along its corners, which are round."""
    steps: list[str | tuple[float, float]] = ["M", wire.points[0]]
    for before, corner, after in zip(wire.points, wire.points[1:], wire.points[2:], strict=False):
        steps += ["L", _toward(corner, before), "Q", corner, _toward(corner, after)]
    return _path(f"wire {wire.kind}", *steps, "L", wire.points[-1])


def _toward(corner: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """The point a corner's radius away on the way to another."""
    (x, y), (to_x, to_y) = corner, other
    away = abs(to_x - x) + abs(to_y - y)
    share = min(_CORNER, away / 2) / away if away else 0.0
    return x + (to_x - x) * share, y + (to_y - y) * share


def _mark(mark: Mark) -> Markup:
    x, y, fill = mark.x, mark.y, f"fill {mark.kind}"
    match mark.shape:
        case "dot":
            return _circle(fill, x, y, 2.8)
        case "bridge":
            line = ("M", (x, y - 5), "L", (x, y + 5))
            return joined([_path("halo", *line), _path(f"wire {mark.kind}", *line)])
        case "up" | "down" as way:
            back = y + 7 if way == "up" else y - 7
            return _path(fill, "M", (x - 3.5, back), "L", (x, y), "L", (x + 3.5, back), "z")
        case way:
            back = x + 7 if way == "left" else x - 7
            return _path(fill, "M", (back, y - 3.5), "L", (x, y), "L", (back, y + 3.5), "z")


# --- nodes ------------------------------------------------------------------------------------------------


def _node(placed: Placed) -> Markup:
    """A node; what it computes is its title, which is shown where a mouse rests on it."""
    return tag("g", tag("title", _said(placed)), *_shape(placed))


def _said(placed: Placed) -> str:
    node = placed.node
    if node.said:
        return node.said
    target = " = ".join(plain(name.text) for name in placed.names)
    if node.kind == "block":
        first, *others = (plain(line.text) for line in node.lines)
        terms = first.removeprefix("+ ") + "".join(f" {text}" if text[0] in "+−" else f" + {text}" for text in others)
        made = f"{plain(node.cap)}({terms})" if node.cap else terms
    elif node.kind in ("circle", "column"):
        made = ("sum " if is_sum(node) else "product ") + plain(node.text) * (node.kind == "column")
    else:
        made = plain(node.text)
    return f"{target} = {made.strip()}" if target else made.strip()


def _shape(placed: Placed) -> Iterator[Markup]:
    x, y, width, height, node = placed.x, placed.y, placed.width, placed.height, placed.node
    middle = (x + width / 2, y + height / 2)
    match node.kind:
        case "block":
            yield from _block(placed)
        case "layer":
            yield from _layer(placed)
        case "circle":
            yield _circle("box", *middle, width / 2)
            yield from _sign(node.text[0].text, *middle)
        case "column":
            yield _rect("box", x, y, width, height, 13)
            for pin, line in zip(node.pins, placed.pins, strict=True):
                yield from _sign(pin.sign, x + 13, line, small=True)
            if node.text:
                yield _text(node.text, x + 24, middle[1] + _BASE)
        case kind:
            yield _rect(f"box{_fill(node)}", x, y, width, height, 6 if kind == "function" else 14)
            yield _text(node.text, middle[0], middle[1] + _BASE, "middle", on=bool(node.function))


def _block(placed: Placed) -> Iterator[Markup]:
    x, y, width, height, node = placed.x, placed.y, placed.width, placed.height, placed.node
    yield _rect("box", x, y, width, height, 6)
    if node.cap:
        left, right, bottom = x + placed.text, x + width, y + height
        above: _Steps = ("M", (left, y), "L", (right - 6, y), "Q", (right, y), (right, y + 6))
        below: _Steps = ("L", (right, bottom - 6), "Q", (right, bottom), (right - 6, bottom), "L", (left, bottom), "z")
        yield _path(f"box{_fill(node)}", *above, *below)
        yield _text(node.cap, (left + right) / 2, y + height / 2 + _BASE, "middle", on=True)
    yield from _lines(node.lines, y, x, x + placed.text)


def _layer(placed: Placed) -> Iterator[Markup]:
    """A head in the colour of its kind, with its name and its type; below it a line for each thing said of it."""
    x, y, node, right, bottom = placed.x, placed.y, placed.node, placed.x + placed.width, placed.y + placed.height
    head = y + LINE + 2 * EDGE if len(node.lines) > 1 else bottom
    yield _rect("box", x, y, placed.width, placed.height, 6)
    corners: _Steps = ("M", (x, head), "L", (x, y + 6), "Q", (x, y), (x + 6, y), "L", (right - 6, y))
    lower: _Steps = ("z",) if head < bottom else ()
    if head == bottom:
        corners = ("M", (x + 6, bottom), "Q", (x, bottom), (x, bottom - 6), *corners[2:])
        lower = ("Q", (right, bottom), (right - 6, bottom), "z")
    side = (right, bottom - 6) if head == bottom else (right, head)
    yield _path(f"box{_fill(node)}", *corners, "Q", (right, y), (right, y + 6), "L", side, *lower)
    yield _text(node.lines[0].text, x + PAD, y + EDGE + LINE / 2 + _BASE, on=True)
    yield _text(node.cap, right - PAD, y + EDGE + LINE / 2 + _BASE, "end", on=True)
    yield from _lines(node.lines[1:], head, x, right)


def _lines(lines: Sequence[Line], top: float, left: float, right: float) -> Iterator[Markup]:
    """Lines of a box below one another, each with its size at the right."""
    for number, line in enumerate(lines):
        base = top + EDGE + LINE * (number + 0.5) + _BASE
        yield _text(line.text, left + PAD, base)
        if line.size:
            yield _text(line.size, right - PAD, base, "end")


def _fill(node: Node) -> str:
    """The class of a function's colour; its name says it too."""
    if not node.function:
        return ""
    return f" {node.function}" if node.function in ("sigmoid", "tanh") else " other"


def _sign(sign: str, x: float, y: float, *, small: bool = False) -> Iterator[Markup]:
    """A sign drawn, so that it stands in the middle whatever the font."""
    half = 3.5 if small else 5.0
    if sign == "•":
        yield _circle("ink", x, y, 2.0 if small else 2.6)
        return
    yield _path("sign", "M", (x - half, y), "L", (x + half, y))
    if sign == "+":
        yield _path("sign", "M", (x, y - half), "L", (x, y + half))
    if sign == "÷":
        yield from (_circle("ink", x, y + away, 1.1) for away in (-half, half))


# --- texts ------------------------------------------------------------------------------------------------


def _text(text: Text, x: float, y: float, anchor: str = "start", *, on: bool = False) -> Markup:
    """Each piece in its style; what is lowered, or raised, is taken back by the next. on: it stands on a colour."""
    shifts = {Style.INDEX: 3.5, Style.POWER: -5.0}
    now, pieces = 0.0, []
    for piece in text:
        shift = shifts.get(piece.style, 0.0)
        pieces.append(tag("tspan", piece.text, class_=piece.style.value, dy=_n(shift - now) if shift != now else None))
        now = shift
    where = None if anchor == "start" else anchor
    return tag("text", *pieces, class_="on" if on else None, x=_n(x), y=_n(y), text_anchor=where)
