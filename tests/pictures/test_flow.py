"""Layers drawn step by step: nothing overlaps, and what is drawn and named is what a terminal is shown."""

from __future__ import annotations

import re
from itertools import product
from xml.etree import ElementTree

import pytest
from drawn_geometry import faults
from drawn_models import FLOWS

from rnninspect.pictures.flow import flow_svg, unrolled_picture
from rnninspect.pictures.scene import Mark, Picture, Placed
from rnninspect.pictures.texts import plain
from rnninspect.results.unrolled import draw
from rnninspect.study.unrolled import Unrolled

named = pytest.mark.parametrize("unrolled", FLOWS.values(), ids=FLOWS)


@named
def test_nothing_overlaps_and_it_fits_a_page(unrolled: Unrolled) -> None:
    picture = unrolled_picture(unrolled)
    assert list(faults(picture)) == []
    assert picture.width <= 600


@pytest.mark.more
def test_so_it_is_for_all_sizes() -> None:
    states = [(("h", wide),) for wide in (1, 4096)] + [(("h", 5), ("c", 4096)), tuple((name, 50) for name in "hcnm")]
    for depth, directions, steps, given in product((1, 2, 3, 4), (1, 2), (1, 2, 3, 4, None), states):
        flow = FLOWS["both ways"]._replace(
            depth=depth, directions=directions, steps=steps, states=given, output=given[0]
        )
        assert list(faults(unrolled_picture(flow))) == [], flow


@named
def test_it_names_all_that_the_drawing_in_characters_names(unrolled: Unrolled) -> None:
    words = re.sub(r"[─│┌┐└┘├┤┬┴┼→←↑·]", " ", " ".join(draw(unrolled)))
    words = re.sub(r"\((\d+),\)", r"\1", words)
    picture = unrolled_picture(unrolled)
    told = [plain(label.text).replace("−", "-") for label in picture.labels]
    told += [plain(line.text) for placed in picture.nodes for line in placed.node.lines]
    assert set(" ".join(told).replace("···", "").split()) == set(words.split())


def tips(picture: Picture, placed: Placed, shape: str) -> list[Mark]:
    """The arrowheads of a shape at the edges of a box."""
    right, bottom = placed.x + placed.width, placed.y + placed.height
    return [
        mark
        for mark in picture.marks
        if mark.shape == shape and placed.x <= mark.x <= right and placed.y <= mark.y <= bottom
    ]


@named
def test_every_box_is_entered_from_the_step_before_and_from_below(unrolled: Unrolled) -> None:
    picture = unrolled_picture(unrolled)
    for number, top in enumerate(sorted({placed.y for placed in picture.nodes})):
        is_reverse = unrolled.directions == 2 and number % 2 == 0
        # Of two boxes for one step the state is in the upper, and goes to the lower.
        states = 0 if unrolled.inner and number % 2 == 0 else len(unrolled.states)
        for placed in (placed for placed in picture.nodes if placed.y == top):
            (below,) = tips(picture, placed, "up")
            assert (below.x, below.y) == (placed.x + placed.width / 2, placed.y + placed.height)
            entered = tips(picture, placed, "left" if is_reverse else "right")
            assert len(entered) == states
            assert {mark.x for mark in entered} <= {placed.x + placed.width * is_reverse}
            assert tips(picture, placed, "right" if is_reverse else "left") == []


@named
def test_each_state_has_a_wire_from_step_to_step_with_its_width(unrolled: Unrolled) -> None:
    """An arrow into every box and out of the last; of layers that are left out none."""
    picture = unrolled_picture(unrolled)
    shown, steps = len(unrolled.layers), len(unrolled.drawn)
    gaps = shown * unrolled.directions * (steps + 1)
    assert sum(mark.kind == "old" and mark.shape in ("left", "right") for mark in picture.marks) == (
        gaps * len(unrolled.states)
    )
    texts = [plain(label.text) for label in picture.labels]
    for width in {width for _, width in unrolled.states}:
        wires = gaps * sum(wide == width for _, wide in unrolled.states)
        ups = shown * steps * unrolled.directions * (unrolled.directions > 1) * (unrolled.output[1] == width)
        ups += (shown + (unrolled.depth > shown)) * steps * (unrolled.above == width)
        ups += shown * steps * ((unrolled.inner or ("", 0))[1] == width)
        assert texts.count(str(width)) == wires + ups


@pytest.mark.parametrize("name", ["both ways", "one way", "Jordan"])
def test_what_a_direction_starts_with_stands_where_it_starts(name: str) -> None:
    picture = unrolled_picture(FLOWS[name])
    left = min(placed.x for placed in picture.nodes)
    for label in picture.labels:
        found = re.fullmatch(r"[hcy]_([0n])\[(\d+)\]", plain(label.text))
        if found:
            is_reverse = FLOWS[name].directions == 2 and int(found[2]) % 2 == 1
            assert (label.x < left) is ((found[1] == "0") is not is_reverse)


def test_it_is_told_in_words_to_who_does_not_see_it() -> None:
    root = ElementTree.fromstring(flow_svg(FLOWS["both ways"], "a (LSTM): data flow", prefix="p1"))
    title, described = (root.findtext(f"{{http://www.w3.org/2000/svg}}{part}") for part in ("title", "desc"))
    assert title == "a (LSTM): data flow"
    assert "c with 7 numbers goes from step to step, from c_0[0] to c_n[0]. 2 layers stand above" in str(described)
    assert root.get("aria-labelledby") == "p1-title p1-desc"
