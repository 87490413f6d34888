"""What the README and the books behind it say is so: commands print it, keys, options and links are there.

`python tests/test_readme.py` (`make readme`) puts in what the commands print now.
"""

from __future__ import annotations

import doctest
import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
from rich.cells import cell_len

import rnninspect
from rnninspect import cli
from rnninspect.document.blocks import Budget, Document, Input
from rnninspect.document.load import load_spec
from rnninspect.formats.svg_chart import draw
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.registry import TYPES, kind_of
from rnninspect.pictures.cell import svg_of

ROOT = Path(__file__).parent.parent
DOOR = ROOT / "README.md"
CELL, CURVES = ROOT / ".github" / "lstm.svg", ROOT / ".github" / "gradflow.svg"
MANUAL = ROOT / "configs" / "README.md"
BOOKS = (
    DOOR,
    MANUAL,
    ROOT / "rnninspect" / "bench" / "README.md",
    ROOT / ".github" / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
)
WIDTH = 100  # of a page; a terminal has 80
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)]+)\)")
# An environment in which nothing of the caller's changes what is shown; a dumb terminal writes a page once.
TERMINAL = {"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1", "FORCE_COLOR": "", "CI": "", "GITHUB_ACTIONS": ""}

named = pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.relative_to(ROOT).as_posix())


class Screen(io.StringIO):
    """What is seen in a terminal: stdout and stderr, in the order of their lines."""

    def isatty(self) -> bool:
        return True


def sessions(text: str) -> list[list[str]]:
    """The commands of each console block."""
    return [[line[2:] for line in block.splitlines() if line.startswith("$ ")] for block in CONSOLE.findall(text)]


def through(stages: list[str], text: str) -> str:
    """A text, as bash's other commands of a pipe make it."""
    if not stages:
        return text
    pipe = " | ".join(stages)
    return subprocess.run(["bash", "-c", pipe], input=text, stdout=subprocess.PIPE, encoding="utf-8", check=True).stdout


def globbed(word: str) -> list[str]:
    """The files that a word with a * stands for."""
    return sorted(map(str, Path().glob(word))) if "*" in word else []


def transcript(command: str) -> str:
    """What a terminal shows of a command: its line, stdout and stderr. The tool and Python run in this process."""
    if command.startswith("python -c "):
        exec(shlex.split(command)[2], {})  # why not a process: torch takes seconds to import
        return f"$ {command}\n"
    stages = command.split(" | ")
    number = next(number for number, stage in enumerate(stages) if stage.startswith("rnninspect "))
    before, after = stages[:number], stages[number + 1 :]
    _, *words = shlex.split(stages[number])
    screen = Screen()
    out = io.StringIO() if after else screen
    stdin = io.TextIOWrapper(io.BytesIO(through(before, "").encode()), encoding="utf-8")
    with chdir(ROOT), mock.patch.dict(os.environ, TERMINAL), mock.patch.object(sys, "stdin", stdin):
        arguments = [path for word in words for path in (globbed(word) or [word])]
        with redirect_stdout(out), redirect_stderr(screen), suppress(SystemExit):
            cli.app(arguments)
    shown = through(after, out.getvalue()) + screen.getvalue() if after else screen.getvalue()
    return without_build(f"$ {command}\n{shown}")


def shown_of(commands: list[str]) -> str:
    """What a terminal shows of a session; what it has written to /tmp is not left there."""
    try:
        return "".join(map(transcript, commands))
    finally:
        for path in re.findall(r"/tmp/[\w.]+", "\n".join(commands)):
            Path(path).unlink(missing_ok=True)


def without_build(text: str) -> str:
    """torch's version without the build it is of: `2.13.0+cpu` is `2.13.0`."""
    return re.sub(r"(torch \d+\.\d+\.\d+)\+\w+", r"\1", text)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("book", "number"),
    [(book, number) for book in BOOKS for number in range(len(sessions(book.read_text())))],
    ids=lambda value: value.relative_to(ROOT).as_posix() if isinstance(value, Path) else str(value),
)
def test_every_session_prints_what_the_book_says(book: Path, number: int) -> None:
    text = book.read_text()
    assert shown_of(sessions(text)[number]) == CONSOLE.findall(text)[number]


@pytest.mark.torch
def test_the_python_of_the_books_runs() -> None:
    blocks = [block for book in BOOKS for block in re.findall(r"```pycon\n(.*?)```", book.read_text(), re.DOTALL)]
    assert blocks
    example = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "books", None, 0)
    with chdir(ROOT):
        results = doctest.DocTestRunner().run(example)
    assert results.attempted > 0
    assert results.failed == 0


# --- what is named is there ------------------------------------------------------------------------------


def test_every_command_is_in_the_readme_in_the_order_of_the_help() -> None:
    rows = re.findall(r"^\| `rnninspect (\w+)", DOOR.read_text(), re.MULTILINE)
    assert ["inspect" if word == "CONFIG" else word for word in rows] == list(cli.COMMANDS)


def lines_of_commands() -> list[list[str]]:
    """The words of every line of the books that starts the tool, run here or not."""
    blocks = [block for book in BOOKS for block in FENCED.findall(book.read_text())]
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    found = (re.match(r"(?:- run: |\$ )?rnninspect ([^|#]*)", line) for line in lines)
    return [shlex.split(match[1]) for match in found if match]


def test_every_command_line_has_options_that_there_are() -> None:
    lines = lines_of_commands()
    assert lines
    for words in lines:
        name = words[0] if words[0] in cli.COMMANDS else "inspect"
        options = {option for parameter in cli._whole(cli._Command(name)).params for option in parameter.opts}
        assert {word for word in words if re.match("-.", word)} <= options | {"--install-completion"}, words


def keys_of_layers() -> dict[tuple[str, str], str]:
    """The default of each key of a layer by the manual, by type and key."""
    every = {"all": TYPES, "recurrent": [name for name in TYPES if "hidden_size" in kind_of(name).model_fields]}
    rows = re.findall(r"^\| `(\w+)` \| ([^|\n]+) \| ([^|\n]+) \|", MANUAL.read_text(), re.MULTILINE)
    return {
        (name, key): default
        for key, types, default in rows
        for word in re.findall(r"\w+", types)
        for name in every.get(word, [word])
    }


@pytest.mark.parametrize("type_name", TYPES)
def test_every_key_of_a_layer_is_in_the_manual(type_name: str) -> None:
    keys = keys_of_layers()
    fields = {key: field for key, field in kind_of(type_name).model_fields.items() if key not in ("type", "name")}
    assert {key for name, key in keys if name == type_name} == set(fields)
    for key, field in fields.items():
        default = keys[type_name, key]
        if default.startswith("`"):
            assert default == f"`{str(field.default).lower()}`", key
        else:
            assert field.is_required() == (default == "**needed**"), key
            assert field.is_required() or field.default is None, key


def test_every_key_of_the_document_is_in_the_manual() -> None:
    manual = MANUAL.read_text()
    rows = {line.split("|")[1].strip(): line for line in manual.splitlines() if line.startswith("| ")}
    for block, start in ((Document, ""), (Input, "input."), (Budget, "budget.")):
        for key in block.model_fields:
            assert f"`{start}{key}`" in rows, start + key


def test_every_document_is_in_the_manual() -> None:
    last = MANUAL.read_text().partition("## The documents here")[2]
    assert {path.name for path in MANUAL.parent.glob("*.yaml")} == set(re.findall(r"[\w-]+\.yaml", last))


@pytest.mark.parametrize("book", [DOOR, MANUAL], ids=["door", "manual"])
def test_the_document_that_is_written_out_is_the_tagger(book: Path, tmp_path: Path) -> None:
    written = re.search(r"```yaml\n(.*?\nlayers:.*?)```", book.read_text(), re.DOTALL)
    assert written is not None
    path = tmp_path / "written.yaml"
    path.write_text(written[1])
    tagger = rnninspect.load(MANUAL.parent / "tagger.yaml").plan()
    assert replace(rnninspect.load(path).plan(), source=tagger.source) == tagger


def anchors(text: str) -> set[str]:
    """What GitHub makes of the headings."""
    heads = re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@named
def test_every_link_leads_somewhere(book: Path) -> None:
    for target in LINK.findall(book.read_text()):
        if not target.startswith("https://"):
            path, _, anchor = target.partition("#")
            there = (book.parent / path).resolve() if path else book
            assert there.exists(), target
            assert not anchor or anchor in anchors(there.read_text()), target


@named
def test_no_line_is_wider_than_a_page(book: Path) -> None:
    assert [line for line in book.read_text().splitlines() if cell_len(line) > WIDTH] == []


def test_the_readme_is_a_door() -> None:
    assert len(DOOR.read_text().splitlines()) <= 220
    assert len(DOOR.read_bytes()) <= 15_000


def cell_drawn() -> str:
    """A picture of the README: the cell of configs/lstm.yaml."""
    (link,) = load_spec(str(MANUAL.parent / "lstm.yaml")).links
    assert isinstance(link.layer, Recurrent)
    return f"{svg_of(link.layer)}\n"


def curves_drawn() -> str:
    """A picture of the README: the chart of configs/gradflow-*.yaml, with what of a page's style is its own."""
    import torch  # why here: only two of these tests need it

    from rnninspect.results.gradflow import gradflow_charts
    from rnninspect.study.gradflow import gradients_by_lag

    paths = sorted(MANUAL.parent.glob("gradflow-*.yaml"))
    (chart,) = gradflow_charts([gradients_by_lag(load_spec(str(path)), torch.device("cpu")) for path in paths])
    picture = draw(chart._replace(y="norm of the gradient with respect to the input that many steps ago"), "curves")
    sheet = (ROOT / "rnninspect" / "formats" / "page.css").read_text(encoding="utf-8")
    colours, _, rules = sheet.partition("* {")
    own = "".join(f"{line}\n" for line in rules.splitlines() if line.startswith(".chart"))
    ground = '<rect width="100%" height="100%" fill="var(--paper)"/>'
    return picture.replace(">", f"><style>\n{colours}{own}</style>{ground}", 1) + "\n"


def test_the_picture_of_a_cell_is_what_the_tool_draws() -> None:
    assert CELL.read_text(encoding="utf-8") == cell_drawn()
    assert CELL.name in DOOR.read_text()


@pytest.mark.torch
def test_the_picture_of_gradients_is_what_the_tool_draws() -> None:
    assert CURVES.read_text(encoding="utf-8") == curves_drawn()
    assert CURVES.name in DOOR.read_text()


def rewrite() -> None:
    """Run every session again and put in what it prints, and draw the pictures."""
    CELL.write_text(cell_drawn(), encoding="utf-8")
    CURVES.write_text(curves_drawn(), encoding="utf-8")
    for book in BOOKS:
        text = book.read_text()
        for block in CONSOLE.findall(text):
            commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
            text = text.replace(block, shown_of(commands), 1)
        book.write_text(text)


if __name__ == "__main__":
    rewrite()
