"""The README runs: every command in it prints what it says, every key is in it, its Python works.

`python tests/test_readme.py` (`make readme`) puts in what the commands print now.
"""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rnninspect.document.blocks import Document, Input
from rnninspect.layers.registry import TYPES, kind_of

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


def sessions(text: str) -> list[list[str]]:
    """The commands of each console block."""
    return [[line[2:] for line in block.splitlines() if line.startswith("$ ")] for block in CONSOLE.findall(text)]


def transcript(command: str) -> str:
    """What a terminal would show: the command, then stdout and stderr."""
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "FORCE_COLOR")}
    tool = f'rnninspect() {{ "{sys.executable}" -m rnninspect "$@"; }}; '
    ran = subprocess.run(
        ["bash", "-c", tool + command],
        cwd=ROOT,
        env=environment | {"LC_ALL": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return f"$ {command}\n{ran.stdout}"


def without_build(text: str) -> str:
    """torch's version without the build it is of: `2.13.0+cpu` is `2.13.0`."""
    return re.sub(r"(torch \d+\.\d+\.\d+)\+\w+", r"\1", text)


@pytest.mark.parametrize("number", range(len(sessions(README.read_text()))))
def test_every_session_prints_what_the_readme_says(number: int) -> None:
    text = README.read_text()
    printed = "".join(transcript(command) for command in sessions(text)[number])
    assert without_build(printed) == without_build(CONSOLE.findall(text)[number])


def test_the_python_of_the_readme_runs() -> None:
    blocks = re.findall(r"```pycon\n(.*?)```", README.read_text(), re.DOTALL)
    assert blocks
    example = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "README", str(README), 0)
    here = Path.cwd()
    os.chdir(ROOT)
    try:
        results = doctest.DocTestRunner().run(example)
    finally:
        os.chdir(here)
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("type_name", TYPES)
def test_every_key_of_a_layer_is_in_the_readme(type_name: str) -> None:
    row = next(line for line in README.read_text().splitlines() if re.match(rf"\| .*\b{type_name}\b", line))
    keys = set(kind_of(type_name).model_fields) - {"type", "name", "trainable"}
    assert keys == set(re.findall(r"`(\w+)`", row)) - {"false"}


def test_every_key_of_the_document_is_in_the_readme() -> None:
    rows = {line.split("|")[1].strip(): line for line in README.read_text().splitlines() if line.startswith("| ")}
    assert set(Document.model_fields) == set(re.findall(r"`(\w+)`", rows["top level"]))
    assert set(Input.model_fields) <= set(re.findall(r"`(\w+)`", rows["`input`"]))


def rewrite() -> None:
    """Run every session again and put in what it prints."""
    text = README.read_text()
    for block in CONSOLE.findall(text):
        commands = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
        text = text.replace(block, without_build("".join(transcript(command) for command in commands)), 1)
    README.write_text(text)


if __name__ == "__main__":
    rewrite()
