"""`--format html` of every command that has it: sound, small, and the same twice."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import html5lib
import pytest

from rnninspect.commands.shared import rendering

CONFIGS = Path(__file__).parent.parent / "configs"
TAGGER, LSTM, GRU = (str(CONFIGS / f"{name}.yaml") for name in ("tagger", "lstm", "gru"))
MOST_BYTES = 150_000
# What is worked out without torch; the other commands' pages are in test_page_looks.
PLANNED = {
    "explain": ["explain", TAGGER],
    "inspect": ["inspect", TAGGER, LSTM, "--plan"],
    "shapes": ["shapes", TAGGER, "--plan"],
    "weights": ["weights", TAGGER, "--gates", "--plan"],
    "params": ["params", TAGGER, "--ops", "--plan"],
    "check": ["check", TAGGER, LSTM, "--max-params", "300k"],
    "diff": ["diff", LSTM, GRU],
    "fit": ["fit", LSTM, "encoder.hidden_size", "--max-params", "1M"],
    "cells": ["cells", "MGU"],
}


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command line in this process, and return what it prints."""
    from rnninspect import cli as commands

    def run(*args: str) -> str:
        with pytest.raises(SystemExit):
            commands.app(list(args))
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", PLANNED)
def test_a_page_is_sound_small_and_the_same_twice(name: str, cli: Callable[..., str]) -> None:
    args = [*PLANNED[name], "--format", "html"]
    page = cli(*args)
    root = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    assert len(page.encode()) < MOST_BYTES
    assert page == cli(*args)
    (footer,) = root.iter("footer")
    assert "".join(footer.itertext()).startswith(f"Made by rnninspect {name} ")
    assert len(list(root.iter("table"))) + len(list(root.iter("pre"))) > 0
    names = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(set(names)) == len(names)
    assert not re.search(r"<[^>]+\s(?:src|style|on\w+)=", page)


@pytest.mark.parametrize("command", ["explain", "inspect", "check"])
def test_a_document_with_a_hostile_name_has_a_page_that_runs_nothing(
    command: str, cli: Callable[..., str], tmp_path: Path
) -> None:
    hostile = "</title></style></script><script>alert(1)</script><img src=x onerror=alert(1)> ]]> --> {{7*7}} $(id)"
    path = tmp_path / "<b>&.yaml"
    layer = "{type: LSTM, input_size: 2, hidden_size: 3}"
    path.write_text(f"name: {json.dumps(hostile)}\ninput: {{batch_size: 2, seq_len: 3}}\nlayers: [{layer}]\n")
    options = ["--max-params", "1k"] if command == "check" else ["--plan"] if command == "inspect" else []
    page = cli(command, str(path), *options, "--format", "html")
    root = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    assert len(list(root.iter("script"))) == 1
    assert list(root.iter("img")) == []
    assert hostile in "".join(root.itertext())
    assert "<b>&.yaml" in "".join(next(root.iter("footer")).itertext())


def test_the_equations_of_a_page_are_all_those_of_the_text(cli: Callable[..., str]) -> None:
    page, text = cli(*PLANNED["explain"], "--format", "html"), cli(*PLANNED["explain"])
    bare = [row for row in re.findall(r"<mtr>(.*?)</mtr>", page) if "munder" not in row]
    assert len(bare) == len(re.findall(r"(?m)^ *\w_t = (?!W\[)", text)) == 6 + 4 + 5 + 1


def test_where_stdout_is_not_utf_8_a_page_is_in_ascii_and_says_the_same(
    cli: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    args = [*PLANNED["explain"], "--format", "html"]
    page = cli(*args)
    monkeypatch.setattr(rendering, "stdout_is_utf8", lambda: False)
    plain = cli(*args)
    assert plain.isascii()
    assert not page.isascii()
    assert html.unescape(plain) == html.unescape(page)


def test_the_end_of_a_name_asks_for_a_page(cli: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert cli("explain", LSTM, "--output", str(path)) == ""
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
