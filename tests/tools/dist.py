"""`make dist`: the wheel and the sdist into dist/, what is in them, and both installed into bare environments.

What is not as it should be is printed, and the exit code is 1. With `--build-only` nothing is installed, and no network
is needed; with `--without-torch` the extra is left out, which takes most of the time.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path

from flit_core import buildapi

ROOT = Path(__file__).parents[2]
# In bytes. why so many: what 64,000 lines come to; all of them as one xz archive have 640,000, and without docstrings
# and comments, which `help()` and a traceback show, a wheel has 890,000. It is there so that growth is seen.
LARGEST_WHEEL = 1_200_000
# What of the repository is for those who work on it.
LEFT_OUT = ("tests/", ".ci/", ".gitignore", ".pre-commit-hooks.yaml", "Makefile")
# What is asked of an installed tool, and what it must say: documents, and every file of the package that is no Python.
ASKED = (
    (("params", "--plan", "lstm.yaml"), "90,800"),
    (("cells", "MGU"), "f = sigmoid"),
    (("init", "-", "--from", "seq2seq"), "layers:"),
    (("explain", "lstm.yaml", "--format", "html"), "prefers-color-scheme"),
)
ASKED_OF_TORCH = ((("shapes", "lstm.yaml", "--device", "cpu"), " agree · cpu · float32 · seed 0"),)


def build(folder: Path) -> tuple[Path, Path]:
    """The wheel and the sdist, as pip would have flit build them, in a folder."""
    with chdir(ROOT):
        return folder / buildapi.build_wheel(str(folder)), folder / buildapi.build_sdist(str(folder))


def names_in(archive: Path) -> set[str]:
    """The files of a wheel or an sdist, without the folder that all of an sdist is in."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return set(wheel.namelist())
    with tarfile.open(archive) as sdist:
        return {name.partition("/")[2] for name in sdist.getnames()}


def expected_in(archive: Path) -> set[str]:
    """What is tracked and for those who use the tool: of the package in a wheel, of all of it in an sdist."""
    listed = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True).splitlines()
    if archive.suffix != ".whl":
        return {name for name in listed if not name.startswith(LEFT_OUT)} | {"PKG-INFO"}
    about = "-".join(archive.name.split("-")[:2]) + ".dist-info"
    records = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    return {name for name in listed if name.startswith("rnninspect/")} | {f"{about}/{name}" for name in records}


def faults_of(archive: Path) -> list[str]:
    """A line for each file that lacks or is too much, and for a wheel that is too large."""
    names, expected = names_in(archive), expected_in(archive)
    faults = [f"{archive.name} lacks {name}" for name in sorted(expected - names)]
    faults += [f"{archive.name} has {name}" for name in sorted(names - expected)]
    if archive.suffix == ".whl" and archive.stat().st_size > LARGEST_WHEEL:
        faults.append(f"{archive.name} has {archive.stat().st_size:,} bytes, more than {LARGEST_WHEEL:,}")
    return faults


def environment_with(folder: Path, *wanted: str) -> Path:
    """Where the commands are of a new environment in which nothing is installed but what is wanted."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    # why not -c: the environment in which pip builds an sdist has its versions from here alone.
    env = {**os.environ, "PIP_CONSTRAINT": str(ROOT / ".ci" / "constraints.txt")}
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *wanted], env=env, check=True)
    return folder / "bin"


def tried(archive: Path, extra: str) -> list[str]:
    """A line for each command that does not say what it must, of an archive in an environment of its own."""
    with tempfile.TemporaryDirectory(prefix="dist-") as name:
        start = time.monotonic()
        commands = environment_with(Path(name) / "venv", f"{archive}{extra}")
        print(f"{archive.name}{extra}: installed in {time.monotonic() - start:.0f} s", flush=True)
        shutil.copy(ROOT / "configs" / "lstm.yaml", name)
        asked = (*ASKED, *(ASKED_OF_TORCH if extra else ()), (("--version",), f"rnninspect {version_of(archive)}\n"))
        faults = []
        for words, said in asked:
            # why no environment: a PYTHONPATH would bring this checkout in.
            done = subprocess.run(
                [commands / "rnninspect", *words], cwd=name, env={}, capture_output=True, text=True, check=False
            )
            if done.returncode or said not in done.stdout:
                faults.append(
                    f"{archive.name}{extra}: {' '.join(words)}: {done.returncode}, {done.stdout}{done.stderr}"
                )
        return faults


def version_of(archive: Path) -> str:
    """The version in an archive's name."""
    return re.split(r"-|\.tar", archive.name)[1]


def rendered(archives: Sequence[Path]) -> list[str]:
    """What twine finds wrong with the metadata, the README as a page of an index among it."""
    with tempfile.TemporaryDirectory(prefix="dist-") as name:
        commands = environment_with(Path(name) / "venv", "twine")
        done = subprocess.run(
            [commands / "twine", "--no-color", "check", "--strict", *archives],
            capture_output=True,
            text=True,
            check=False,
        )
        return [done.stdout + done.stderr] if done.returncode else []


def main(arguments: Sequence[str]) -> int:
    """Build, look, install, and say what is wrong."""
    folder = ROOT / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    archives = build(folder)
    for archive in archives:
        print(f"{archive.relative_to(ROOT)}: {archive.stat().st_size:,} bytes, {len(names_in(archive))} files")
    faults = [fault for archive in archives for fault in faults_of(archive)]
    if "--build-only" not in arguments:
        faults += rendered(archives)
        extras = ("",) if "--without-torch" in arguments else ("", "[torch]")
        faults += [fault for extra in extras for archive in archives for fault in tried(archive, extra)]
    print("\n".join(faults) or "all as it should be")
    if ".invalid/" in (ROOT / "pyproject.toml").read_text(encoding="utf-8"):
        print("note: the addresses of project.urls in pyproject.toml are placeholders: replace them before publishing")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
