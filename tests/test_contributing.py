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
    assert tools <= targets
