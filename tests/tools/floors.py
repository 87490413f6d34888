"""`make floors`: the quick tests with the oldest and with the newest of each dependency, each in a venv of its own.

The oldest are what pyproject.toml allows, all at once, on the oldest Python that it allows: what was released before a
Python often has no wheels for it. torch is the one that .ci/constraints.txt names, since an old one may be had with
CUDA only, which is gigabytes. Other interpreters than this one can be named: `python tests/tools/floors.py python3.13`;
with `--without-torch` before them torch is left out, and the tests that need it skip themselves.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
OLDEST_PYTHON = "3.11"
# What the tests need: of development's own extra the linters are left out.
EXTRAS = ("plot", "npy", "test")
# Amounts of memory that were measured of the versions that are developed with.
LEFT_OUT = "test_too_little_address_space"


def floors() -> tuple[list[str], str]:
    """Every dependency as `NAME==OLDEST`, and torch as `NAME==THE ONE THAT IS DEVELOPED WITH`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [each for extra in EXTRAS for each in project["optional-dependencies"][extra]]
    listed = [*project["dependencies"], *(each for each in extras if not each.startswith("rnninspect["))]
    # why pyparsing: later ones warn of what an old matplotlib calls, which nobody sees but tests, where it is an error.
    oldest = ["pyparsing<3.3"] + [each.replace(">=", "==") for each in listed]
    pinned = (ROOT / ".ci" / "constraints.txt").read_text().splitlines()
    return oldest, next(line for line in pinned if line.startswith("torch=="))


def tried(python: str, what: str, wanted: Sequence[str], torch: str | None) -> bool:
    """Whether the quick tests pass in a new venv of an interpreter, in which `wanted` is installed."""
    with tempfile.TemporaryDirectory(prefix="floors-") as name:
        # why a copy: it takes minutes, in which somebody may work on.
        copy = Path(name) / "copy"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache"))
        subprocess.run([python, "-m", "venv", f"{name}/venv"], check=True)
        own = f"{name}/venv/bin/python"
        install = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--prefer-binary"]
        if torch is not None:
            subprocess.run([*install, torch], check=True)
        if subprocess.run([*install, *wanted], check=False).returncode:
            print(f"{what}: cannot be installed together")
            return False
        package = [*install, "--no-deps", "--no-build-isolation", "--editable", str(copy)]
        subprocess.run([*install, "flit_core>=3.11"], check=True)
        subprocess.run(package, check=True)
        said = "import importlib.metadata as m, sys; print('Python', sys.version.split()[0], *sorted("
        said += "f'{d.name} {d.version}' for d in m.distributions() if d.name.lower() in sys.argv[1:]), sep=', ')"
        names = [re.split("[=><]", each)[0].lower() for each in (*wanted, *([] if torch is None else [torch]))]
        print(f"{what}: {subprocess.check_output([own, '-c', said, *names], text=True).strip()}", flush=True)
        chosen = ("-m", "not slow and not more", "-k", f"not {LEFT_OUT}")
        quick = [own, "-m", "pytest", "-n", "2", *chosen, "-p", "no:cacheprovider", str(copy / "tests")]
        return subprocess.run(quick, cwd=copy, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}).returncode == 0


def main(arguments: Sequence[str]) -> int:
    """Try both ends with every interpreter."""
    with_torch = "--without-torch" not in arguments
    pythons = [each for each in arguments if not each.startswith("--")] or [sys.executable]
    oldest, torch = floors()
    newest = [re.split("[=<]", each)[0] for each in oldest]
    failed = 0
    for python in pythons:
        about = subprocess.check_output([python, "-c", "import sys; print(*sys.version_info[:2], sep='.')"], text=True)
        ends = [("oldest", oldest)] * (about.strip() == OLDEST_PYTHON) + [("newest", newest)]
        for what, wanted in ends:
            fine = tried(python, what, wanted, torch if with_torch else None)
            failed += not fine
            print(f"{what} with {python}: {'passed' if fine else 'FAILED'}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
