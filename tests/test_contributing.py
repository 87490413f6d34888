"""What CONTRIBUTING.md says of the house is so: what stands where, what make makes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


PACKAGE = ROOT / "rnninspect"
FOLDERS = (ROOT, PACKAGE, PACKAGE / "commands")


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`([\w./]+(?:/|\.py))`", TEXT))))
def test_every_path_is_there(named: str) -> None:
    assert any((folder / named).exists() for folder in FOLDERS)


@pytest.mark.parametrize(("module", "name"), sorted(set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*)\.(?!py`)(\w+)`", TEXT))))
def test_every_name_is_there(module: str, name: str) -> None:
    files = [
        file for file in PACKAGE.rglob(f"{Path(module).name}.py") if file.with_suffix("").as_posix().endswith(module)
    ]
    sources = [file.read_text(encoding="utf-8") for file in files]
    assert any(re.search(rf"^(def |class )?{name}\b", source, re.MULTILINE) for source in sources)


@pytest.mark.parametrize(
    "folder",
    [
        "bench",
        "cells",
        "conventions",
        "document",
        "facts",
        "files",
        "files/pickles",
        "files/readers",
        "files/rules",
        "guard",
        "layers",
        "live",
        "pictures",
        "runtime",
        "study",
    ],
)  # why not the others: `commands`, `formats` and `results` have a file for each command or format
def test_a_folder_names_its_files(folder: str) -> None:
    stations = (PACKAGE / folder / "__init__.py").read_text(encoding="utf-8")
    files = {path.stem for path in (PACKAGE / folder).glob("*.py")} - {"__init__"}
    assert files - set(re.findall(r"\w+", stations)) == set()


def test_every_target_is_there_and_so_is_every_tool() -> None:
    targets = set(re.findall(r"`make ([\w-]+)`", TEXT))
    assert targets <= set(re.findall(r"^([\w-]+):", MAKEFILE, re.MULTILINE))
    tools = {path.stem.replace("_", "-") for path in (ROOT / "tests" / "tools").glob("*.py")}
    assert tools - {"costs"} <= targets  # which others measure with


# --- the promises -------------------------------------------------------------------------------------------


def numbered(text: str) -> dict[int, str]:
    """The numbered entries of a section."""
    return {
        int(n): entry for n, entry in re.findall(r"^(\d+)\. (.*?)(?=^\d+\. |^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    }


def section(text: str, heading: str) -> str:
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def named_tests(entry: str) -> list[tuple[str, str]]:
    """The tests that an entry names, each with the file that is named before it."""
    file, named = "", []
    for word in re.findall(r"`([\w/]+\.py|test_\w+)`", entry):
        if word.endswith(".py"):
            file = word
        else:
            named.append((file, word))
    return named


def is_there(file: str, name: str) -> bool:
    return f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8")


PROMISES = numbered(section((ROOT / "README.md").read_text(encoding="utf-8"), "What it promises"))
HELD = numbered(section(TEXT, "What holds the promises"))


def test_every_promise_is_held_by_tests_that_are_there() -> None:
    assert list(PROMISES) == list(range(1, len(PROMISES) + 1))
    assert HELD.keys() == PROMISES.keys()
    tests = {number: named_tests(entry) for number, entry in HELD.items()}
    assert [number for number, named in tests.items() if len(named) < 2] == []
    assert [each for named in tests.values() for each in named if not is_there(*each)] == []


def test_a_test_that_is_not_there_is_seen() -> None:
    (named,) = named_tests("`tests/test_contributing.py` (`test_of_nothing`)")
    assert not is_there(*named)


# What each kind of input and result is promised is said by its word.
@pytest.mark.parametrize(
    "word", ["document", "cell", "checkpoint", "journal", "lock", "page", "module", "device", "terminal"]
)
def test_the_promises_speak_of_everything(word: str) -> None:
    assert any(re.search(rf"\b{word}s?\b", promise, re.IGNORECASE) for promise in PROMISES.values())
