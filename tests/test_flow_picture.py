"""The data flow in SVG says what the one in characters says, and nothing in it lies over anything else."""

from __future__ import annotations

import re
from itertools import combinations, pairwise, product
from typing import Any
from xml.etree import ElementTree

import pytest

from rnninspect.results.flow_picture import flow_picture
from rnninspect.results.unrolled import draw
from rnninspect.study.unrolled import Unrolled

SVG = "{http://www.w3.org/2000/svg}"
LSTM = Unrolled(
    steps=20,
    depth=2,
    directions=2,
    states=(("h", 5), ("c", 7)),
    output=("h", 5),
    features=3,
    above=10,
    indexed=True,
    batch_first=False,
    dropout=True,
)
ONE_WAY = LSTM._replace(directions=1, above=5)
JORDAN = LSTM._replace(
    depth=1, directions=1, states=(("y", 5),), output=("y", 5), inner=("h", 11), above=5, dropout=False
)
FLOWS = {
    "both ways": LSTM,
    "one way": ONE_WAY,
    "nine layers": LSTM._replace(depth=9),
    "one step": ONE_WAY._replace(steps=1),
    "two steps": LSTM._replace(steps=2),
    "three steps": LSTM._replace(steps=3, batch_first=True),
    "no steps": LSTM._replace(steps=None),
    "Jordan": JORDAN,
    "Jordan, two steps": JORDAN._replace(steps=2, indexed=False),
    "a cell": ONE_WAY._replace(depth=1, indexed=False, dropout=False),
}

named = pytest.mark.parametrize("unrolled", FLOWS.values(), ids=FLOWS)


def drawn(unrolled: Unrolled) -> ElementTree.Element:
    return ElementTree.fromstring(flow_picture(unrolled, "a (LSTM): data flow", "as <it> says"))


def texts(root: ElementTree.Element) -> list[str]:
    return [str(text.text) for text in root.iter(f"{SVG}text")]


@named
def test_it_names_all_that_the_drawing_in_characters_names(unrolled: Unrolled) -> None:
    words = re.sub(r"[─│┌┐└┘├┤┬┴┼→←↑·]", " ", " ".join(draw(unrolled)))
    words = re.sub(r"\((\d+),\)", r"\1", words)
    told = " ".join(texts(drawn(unrolled))).replace("···", "")
    assert set(told.split()) == set(words.split())


@named
def test_each_state_has_a_wire_from_step_to_step_with_its_width(unrolled: Unrolled) -> None:
    """An arrow into every box and out of the last; of layers that are left out none."""
    root = drawn(unrolled)
    heads = [path.get("class") for path in root.iter(f"{SVG}path") if "fill" in str(path.get("class"))]
    shown, steps = min(unrolled.depth, 2 if unrolled.depth > 3 else 3), min(unrolled.steps or 3, 3)
    gaps = shown * unrolled.directions * (steps + 1)
    assert heads.count("fill old") == gaps * len(unrolled.states)
    for width in {width for _, width in unrolled.states}:
        wires = gaps * sum(wide == width for _, wide in unrolled.states)
        others = shown * steps * (unrolled.directions * (unrolled.directions > 1) * (unrolled.output[1] == width))
        others += shown * steps * (unrolled.above == width)
        assert texts(root).count(str(width)) == wires + others


@named
def test_boxes_stand_apart_and_wires_are_straight_and_within(unrolled: Unrolled) -> None:
    root = drawn(unrolled)
    _, _, width, height = map(float, str(root.get("viewBox")).split())
    boxes = [tuple(float(box.get(key, "")) for key in ("x", "y", "width", "height")) for box in root.iter(f"{SVG}rect")]
    for (x, y, wide, high), (other_x, other_y, _, _) in product(boxes, boxes):
        if (x, y) != (other_x, other_y):
            assert abs(x - other_x) >= wide or abs(y - other_y) >= high
    assert len(set(boxes)) == len(boxes)
    for path in root.iter(f"{SVG}path"):
        if "wire" in str(path.get("class")):
            points = [tuple(map(float, point.split())) for point in re.split("[ML]", str(path.get("d")))[1:]]
            assert all(0 <= x <= width and 0 <= y <= height for x, y in points)
            assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(points))


def boxes_of(root: ElementTree.Element) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of each, from the top, then from the left."""
    found = [[float(box.get(key, "")) for key in ("x", "y", "width", "height")] for box in root.iter(f"{SVG}rect")]
    boxes = ((x, y, round(x + wide, 3), y + high) for x, y, wide, high in found)
    return sorted(boxes, key=lambda box: (box[1], box[0]))


def paths(root: ElementTree.Element, kind: str) -> list[list[tuple[float, float]]]:
    """The points of all paths of a class."""
    found = [path for path in root.iter(f"{SVG}path") if kind in str(path.get("class")).split()]
    lines = [re.split("[ML]", str(path.get("d")).rstrip("z"))[1:] for path in found]
    return [[(float(x), float(y)) for x, y in map(str.split, points)] for points in lines]


@named
def test_every_box_is_entered_from_the_step_before_and_from_below(unrolled: Unrolled) -> None:
    root = drawn(unrolled)
    tips = [points[0] for points in paths(root, "fill")]
    for number, top in enumerate(sorted({box[1] for box in boxes_of(root)})):
        is_reverse = unrolled.directions == 2 and number % 2 == 0
        # Of two boxes for one step the state is in the upper, and goes to the lower.
        states = 0 if unrolled.inner and number % 2 == 0 else len(unrolled.states)
        for left, _, right, bottom in (box for box in boxes_of(root) if box[1] == top):
            assert tips.count((round((left + right) / 2, 3), bottom)) == 1
            entered = [y for x, y in tips if x == (right if is_reverse else left) and top < y < bottom]
            assert len(entered) == states


@named
def test_no_wire_goes_through_a_box_or_a_text(unrolled: Unrolled) -> None:
    root = drawn(unrolled)
    places = [*boxes_of(root), *(_place(text) for text in root.iter(f"{SVG}text"))]
    for points in paths(root, "wire"):
        for (x0, y0), (x1, y1) in pairwise(points):
            low, high = (min(x0, x1), min(y0, y1)), (max(x0, x1), max(y0, y1))
            for left, top, right, bottom in places:
                assert not (low[0] < right - 1 and high[0] > left + 1 and low[1] < bottom - 1 and high[1] > top + 1)


@pytest.mark.parametrize("name", ["both ways", "one way", "Jordan"])
def test_what_a_direction_starts_with_stands_where_it_starts(name: str) -> None:
    root = drawn(FLOWS[name])
    left = min(box[0] for box in boxes_of(root))
    for text in root.iter(f"{SVG}text"):
        found = re.fullmatch(r"[hcy]_([0n])\[(\d+)\]", str(text.text))
        if found:
            is_reverse = FLOWS[name].directions == 2 and int(found[2]) % 2 == 1
            assert (float(text.get("x", "")) < left) is ((found[1] == "0") is not is_reverse)


@named
def test_no_text_lies_over_another_or_outside(unrolled: Unrolled) -> None:
    root = drawn(unrolled)
    _, _, width, height = map(float, str(root.get("viewBox")).split())
    places = [_place(text) for text in root.iter(f"{SVG}text")]
    for left, top, right, bottom in places:
        assert left >= 0 <= top
        assert right <= width
        assert bottom <= height
    for one, other in combinations(places, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def _place(text: Any) -> tuple[float, float, float, float]:
    """Where a text is at most, by the widths of wide fonts; its letters, without what hangs below them."""
    x, y, wide = float(text.get("x")), float(text.get("y")), len(text.text) * 6.7
    left = x - {"middle": wide / 2, "end": wide}.get(text.get("text-anchor"), 0)
    return left, y - 9, left + wide, y


def test_it_is_told_in_words_to_who_does_not_see_it() -> None:
    root = drawn(LSTM)
    assert [root.findtext(f"{SVG}{part}") for part in ("title", "desc")] == ["a (LSTM): data flow", "as <it> says"]
    assert (root.get("role"), root.get("aria-label")) == ("img", "a (LSTM): data flow")
