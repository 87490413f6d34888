"""What `make dist` builds has all that users need and nothing else, and one version; and its checks can fail."""

from __future__ import annotations

import importlib.util
import re
import shutil
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path
from types import ModuleType

import pytest

import rnninspect

ROOT = Path(__file__).parent.parent


def test_the_newest_changes_are_of_this_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.*)", changes, re.MULTILINE)[0] == rnninspect.__version__


@pytest.fixture(scope="module")
def dist() -> ModuleType:
    found = importlib.util.spec_from_file_location("dist", ROOT / "tests" / "tools" / "dist.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def built(dist: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    wheel, sdist = dist.build(tmp_path_factory.mktemp("dist"))
    return wheel, sdist


@pytest.mark.more
def test_both_have_what_is_tracked_for_users_and_nothing_else(dist: ModuleType, built: tuple[Path, Path]) -> None:
    wheel, sdist = built
    assert [*dist.faults_of(wheel), *dist.faults_of(sdist)] == []
    assert {dist.version_of(archive) for archive in built} == {rnninspect.__version__}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "configs/lstm.yaml"} <= dist.names_in(sdist)
    kept = ("py.typed", "formats/page.css", "commands/starters/seq2seq.yaml", "cells/library/MGU.yaml")
    assert {f"rnninspect/{name}" for name in kept} <= dist.names_in(wheel)


@pytest.mark.more
def test_what_lacks_and_what_is_too_much_is_told(dist: ModuleType, built: tuple[Path, Path], tmp_path: Path) -> None:
    wheel = Path(shutil.copy(built[0], tmp_path))
    with zipfile.ZipFile(wheel, "a") as opened:
        opened.writestr("rnninspect/__pycache__/cli.pyc", "")
    assert dist.faults_of(wheel) == [f"{wheel.name} has rnninspect/__pycache__/cli.pyc"]
    sdist = tmp_path / built[1].name
    with tarfile.open(built[1]) as whole, tarfile.open(sdist, "w:gz") as opened:
        for member in whole:
            if not member.name.endswith("/LICENSE"):
                opened.addfile(member, whole.extractfile(member))
    assert dist.faults_of(sdist) == [f"{sdist.name} lacks LICENSE"]


@pytest.mark.more
def test_the_metadata_is_whole(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        about = Parser().parsestr(wheel.read(name).decode())
    assert about["License-Expression"] == "MIT"
    assert about["Requires-Python"] == ">=3.11"
    assert about["Description-Content-Type"] == "text/markdown"
    assert about.get_payload().removesuffix("\n") == (ROOT / "README.md").read_text(encoding="utf-8")
    assert {"torch", "hdf5", "plot"} <= set(about.get_all("Provides-Extra") or ())
    assert "Typing :: Typed" in (about.get_all("Classifier") or ())
    assert {line.partition(", ")[0] for line in about.get_all("Project-URL") or ()} == {"Repository", "Changes"}
