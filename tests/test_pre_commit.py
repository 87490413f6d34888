"""The hook for pre-commit: what it runs is there, and takes the file names that pre-commit appends."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
HOOKS: list[dict[str, Any]] = yaml.safe_load(TEXT)

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_there_is_one_hook_and_it_is_described() -> None:
    (hook,) = HOOKS
    assert (hook["id"], hook["language"], hook["types"]) == ("rnninspect-check", "python", ["yaml"])
    assert hook.keys() == {"id", "name", "description", "entry", "language", "types", "require_serial"}
    assert re.search(r"^# .*\bSet `files`", TEXT, re.MULTILINE)


def test_it_runs_a_console_script_of_ours_and_a_command_of_it(run: Run) -> None:
    script, *args = shlex.split(HOOKS[0]["entry"])
    assert metadata.entry_points(group="console_scripts", name=script)["rnninspect"].value == "rnninspect.__main__:main"
    assert run(*args, "--help").returncode == 0


@pytest.mark.parametrize(("budget", "code"), [("1M", 0), ("1k", 1)])
def test_it_holds_the_files_it_is_given_to_their_budgets(run: Run, tmp_path: Path, budget: str, code: int) -> None:
    document = (ROOT / "configs" / "lstm.yaml").read_text(encoding="utf-8")
    for name in ("one.yaml", "two.yaml"):
        (tmp_path / name).write_text(f"{document}budget: {{max_params: {budget}}}\n", encoding="utf-8")
    _, *args = shlex.split(HOOKS[0]["entry"])
    done = run(*args, "one.yaml", "two.yaml", cwd=tmp_path)
    assert done.returncode == code, done.stderr
