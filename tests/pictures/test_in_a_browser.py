"""Pictures in a browser, where there is one: its fonts are no wider than they were taken to be, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Browser, browser
from drawn_cells import drawn, layer_of
from drawn_models import FLOWS, WIRED

from rnninspect.markup import Markup
from rnninspect.pictures.cell import svg_of
from rnninspect.pictures.flow import flow_svg
from rnninspect.pictures.model import model_svg

pytestmark = [
    pytest.mark.more,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt install chromium fonts-dejavu-extra"),
]

# Of every text: whether it is in the picture, how far from the edge of the box that it stands in, and what it overlaps.
LOOK = """(() => {
  const box = e => e.getBoundingClientRect();
  const found = {outside: [], near: [], over: [], texts: 0};
  for (const svg of document.querySelectorAll("svg")) {
    const whole = box(svg), name = svg.querySelector("title").textContent;
    const texts = [...svg.querySelectorAll("text")].map(e => [e, box(e)]);
    found.texts += texts.length;
    for (const [e, at] of texts) {
      const said = name + ": " + e.textContent;
      if (at.left < whole.left || at.right > whole.right || at.top < whole.top || at.bottom > whole.bottom + 1)
        found.outside.push(said);
      const shapes = e.parentNode.tagName === "g" ? [...e.parentNode.querySelectorAll(".box")].map(box) : [];
      const middle = (at.left + at.right) / 2;
      const own = shapes.filter(shape => shape.left <= middle && middle <= shape.right);
      const least = own.sort((a, b) => a.width - b.width)[0];
      if (least && (at.left - least.left < 2 || least.right - at.right < 2)) found.near.push(said);
    }
    for (let i = 0; i < texts.length; i++) for (let j = 0; j < i; j++) {
      const [a, b] = [texts[i][1], texts[j][1]];
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      const both = texts[i][0].textContent + " / " + texts[j][0].textContent;
      if (wide > 1 && high > 4.5) found.over.push(name + ": " + both);
    }
  }
  return found;
})()"""
COLOURS = """(() => {
  const style = (what, key) => getComputedStyle(document.querySelector(what))[key];
  return [style("svg .frame", "fill"), style("svg text:not(.on)", "fill"), style("svg .sigmoid", "fill")];
})()"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


def pictures_of(kind: str) -> list[Markup]:
    """All pictures whose boxes are these."""
    if kind == "layers":
        return [model_svg(spec, prefix=f"p{k}") for k, spec in enumerate(WIRED.values())]
    if kind == "steps":
        return [flow_svg(unrolled, name, prefix=f"p{k}") for k, (name, unrolled) in enumerate(FLOWS.items())]
    operations = kind == "operations"
    return [svg_of(layer_of(name), operations=operations, prefix=f"p{k}") for k, name in enumerate(drawn(operations))]


def page(path: Path, kind: str) -> Path:
    """They, below each other."""
    pictures = pictures_of(kind)
    path.write_text(f"<!doctype html><meta charset=utf-8><body>{'<br>'.join(pictures)}", encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["gates", "operations", "steps", "layers"])
def test_every_text_has_its_room(shown: Browser, tmp_path: Path, kind: str) -> None:
    shown.open(page(tmp_path / "all.html", kind), width=1280)
    found: dict[str, Any] = shown.ask(LOOK)
    assert {key: told for key, told in found.items() if key != "texts" and told} == {}
    assert found["texts"] > 500
    assert shown.messages == []


def test_it_is_light_and_dark_as_the_page_is(shown: Browser, tmp_path: Path) -> None:
    path = tmp_path / "one.svg"
    path.write_text(svg_of(layer_of("LSTM")), encoding="utf-8")
    seen = []
    for dark in (False, True):
        shown.open(path, width=1280, dark=dark)
        seen.append(shown.ask(COLOURS))
    assert seen[0] == ["rgb(246, 247, 249)", "rgb(28, 33, 39)", "rgb(207, 227, 245)"]
    assert seen[1] == ["rgb(27, 32, 39)", "rgb(230, 232, 235)", "rgb(43, 108, 168)"]
    assert shown.requests == [path.resolve().as_uri()]
