"""Pages in a browser, where there is one: at the width of a desk and of a phone, in light and in dark, and printed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Browser, browser
from contrast import contrast, luminance

from rnninspect.formats import html
from rnninspect.formats.html import Made
from rnninspect.results.table import Chart, Code, Column, Kind, Series, Table

CONFIGS = Path(__file__).parent.parent / "configs"
TAGGER, LSTM, RNN = (str(CONFIGS / f"{name}.yaml") for name in ("tagger", "lstm", "rnn"))
HOSTILE = "</title></style></script><script>document.title='run'</script><img src=x onerror=alert(1)>\u202e\x1b[31m"
# What makes each page.
PAGES = {
    "explain": ["explain", TAGGER],
    "jordan": ["explain", str(CONFIGS / "jordan.yaml")],
    "cell": ["explain", str(CONFIGS / "mgu.yaml")],
    "wires": ["explain", str(CONFIGS / "seq2seq.yaml")],
    "inspect": ["inspect", TAGGER, LSTM],
    "all": ["inspect", "--all", TAGGER],
    "check": ["check", TAGGER, LSTM, "--max-params", "300k"],
    "diff": ["diff", LSTM, TAGGER],
    "trace": ["trace", LSTM],
    "gradflow": ["gradflow", LSTM, RNN],
    "verify": ["verify", RNN],
    "bench": [
        *("bench", RNN, "--quick", "--phase", "forward"),
        *("--sweep", "encoder.hidden_size=8,16", "--format", "html"),
    ],
}

pytestmark = [
    pytest.mark.more,
    pytest.mark.torch,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: apt install chromium fonts-dejavu-extra"),
]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every page as a file, and one whose every text is hostile."""
    folder = tmp_path_factory.mktemp("pages")
    found = {name: _made(args, folder / f"{name}.html") for name, args in PAGES.items()}
    (folder / "hostile.html").write_text(_hostile(), encoding="utf-8")
    return {**found, "hostile": folder / "hostile.html"}


def _made(args: list[str], path: Path) -> Path:
    import io
    from contextlib import redirect_stdout, suppress

    from rnninspect import cli

    out = io.StringIO()
    with redirect_stdout(out), suppress(SystemExit):
        cli.app([*args, *([] if "html" in args else ["--output", str(path)])])
    if "html" in args:
        path.write_text(out.getvalue(), encoding="utf-8")
    return path


def _hostile() -> str:
    columns = (Column("a", HOSTILE, repeats=True), Column("b", HOSTILE, Kind.SYMBOL), Column("c", HOSTILE))
    table = Table(HOSTILE, HOSTILE, columns, ((HOSTILE, HOSTILE, HOSTILE), (HOSTILE, "x", "y")), notes=(HOSTILE,))
    chart = Chart(
        HOSTILE, HOSTILE, HOSTILE, HOSTILE, (Series(HOSTILE, ((0, 1.0), (1, 3.0)), unsure=(1,)),), about=HOSTILE
    )
    blocks = [table, chart, Code(HOSTILE, HOSTILE, (HOSTILE,))]
    return html.render(blocks, HOSTILE, made=Made(name="explain", line=HOSTILE, versions=HOSTILE))


# How wide things are, and how far an index stands below its letter, in their own size.
LOOK = """(() => {
  const box = e => e.getBoundingClientRect();
  const below = e => (box(e.children[1]).bottom - box(e.children[0]).bottom) / parseFloat(getComputedStyle(e).fontSize);
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  return {
    width: document.documentElement.scrollWidth, inner: innerWidth,
    math: [...document.querySelectorAll("math")].map(e => [box(e).width, box(e).height]),
    indices: [...document.querySelectorAll("msub")].map(below),
    pictures: [...document.querySelectorAll("svg")].map(e => [box(e).width, box(e).height]),
    outside: [...document.querySelectorAll("svg text")].filter(e => {
      const picture = box(e.closest("svg")), text = box(e);
      return text.left < picture.left - 1 || text.right > picture.right + 1 || text.bottom > picture.bottom + 1;
    }).map(e => e.textContent),
    ground: getComputedStyle(document.body).backgroundColor, ink: getComputedStyle(document.body).color,
    title: document.title, hidden: [...document.querySelectorAll("button.copy")].filter(e => e.hidden).length,
  };
})()"""


@pytest.mark.parametrize("name", [*PAGES, "hostile"])
def test_a_page_fits_its_window_says_nothing_and_asks_for_nothing(
    name: str, shown: Browser, pages: dict[str, Path]
) -> None:
    grounds = []
    for width in (1280, 390):
        for dark in (False, True):
            shown.open(pages[name], width=width, dark=dark)
            look: dict[str, Any] = shown.ask(LOOK)
            assert look["width"] <= look["inner"] == width
            assert shown.messages == []
            assert shown.requests == [pages[name].resolve().as_uri()]
            assert all(wide > 0 and high > 0 for wide, high in (*look["math"], *look["pictures"]))
            # why: without a font for mathematics x_t would read as the product x t.
            assert all(below > 0.1 for below in look["indices"])
            assert (look["outside"], look["hidden"]) == ([], 0)
            ground, ink = ("#" + bytes(map(int, re.findall(r"\d+", look[key])[:3])).hex() for key in ("ground", "ink"))
            assert contrast(ground, ink) > 7
            assert (luminance(ground) < luminance(ink)) is dark
            grounds.append(look["ground"])
            if os.environ.get("PAGES"):
                shown.picture(Path(os.environ["PAGES"]) / f"{name}-{width}-{'dark' if dark else 'light'}.png")
    assert len(set(grounds)) == 2
    assert look["title"] != "run"


def test_equations_and_pictures_are_there(shown: Browser, pages: dict[str, Path]) -> None:
    counts = {}
    for name in ("explain", "trace", "gradflow", "bench"):
        shown.open(pages[name], width=1280)
        look = shown.ask(LOOK)
        counts[name] = (len(look["math"]), len(look["pictures"]))
    assert counts["explain"][0] == 7  # equations and sizes of the LSTM, of its layer 1, of the Linear; the reverse ones
    assert counts["trace"][1] == 6
    assert counts["gradflow"][1] == 1
    assert counts["bench"][1] == 1


def test_doubted_points_are_hollow(shown: Browser, pages: dict[str, Path]) -> None:
    shown.open(pages["hostile"], width=1280, dark=True)
    filled, *hollow = shown.ask('[...document.querySelectorAll(".mark")].map(e => getComputedStyle(e).fill)')[:2]
    assert hollow == [shown.ask(LOOK)["ground"]] != [filled]


def test_a_wide_table_is_moved_by_itself(shown: Browser, pages: dict[str, Path]) -> None:
    shown.open(pages["all"], width=390)
    moved = """[...document.querySelectorAll(".scroll")].map(e => {
      const over = e.scrollWidth - e.clientWidth;
      e.scrollLeft = over;
      return [over, e.scrollLeft, scrollX];
    })"""
    boxes = shown.ask(moved)
    assert any(over > 200 for over, _, _ in boxes)
    assert all(abs(over - at) <= 1 and page == 0 for over, at, page in boxes)


def test_without_a_script_only_copying_is_missing(shown: Browser, pages: dict[str, Path]) -> None:
    shown.tell("Emulation.setScriptExecutionDisabled", value=True)
    try:
        shown.open(pages["explain"], width=1280)
        height = shown.tell("Page.getLayoutMetrics")["cssContentSize"]["height"]
    finally:
        shown.tell("Emulation.setScriptExecutionDisabled", value=False)
    shown.open(pages["explain"], width=1280)
    assert abs(height - shown.tell("Page.getLayoutMetrics")["cssContentSize"]["height"]) < 10
    assert shown.messages == []


def test_a_printed_page_is_short(shown: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    shown.open(pages["explain"], width=1280, dark=True)
    shown.tell("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    shown.print(tmp_path / "page.pdf")
    assert 1 < len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "page.pdf").read_bytes())) <= 9
