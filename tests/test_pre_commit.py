"""The hook for pre-commit: what it runs is there, and takes the file names that pre-commit appends."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from ended import Run

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
HOOKS: list[dict[str, Any]] = yaml.safe_load(TEXT)


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


# --- pre-commit itself, as the manual says ------------------------------------------------------------------

MANUAL = (ROOT / "configs" / "README.md").read_text(encoding="utf-8")
(CONFIG,) = re.findall(r"^```yaml\n(repos:\n.*?)^```", MANUAL, re.MULTILINE | re.DOTALL)
LINES = re.findall(r"^(pre-commit [^#\n]*?) *(?:#.*)?$", MANUAL, re.MULTILINE)
LEFT_BEHIND = shutil.ignore_patterns(".git", ".venv*", "build", "__pycache__", ".*_cache", ".hypothesis")


@pytest.mark.more
def test_a_commit_is_refused_that_grows_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pre_commit")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GIT_"))}
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    who = {f"GIT_{role}_{what}": "a@b.c" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    env = {**kept, **who, "PATH": tools, "PRE_COMMIT_HOME": str(tmp_path / "cache"), "GIT_CONFIG_GLOBAL": os.devnull}

    def ran(folder: Path, *command: str, code: int = 0) -> str:
        done = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True, timeout=600)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    clone, repository = tmp_path / "rnninspect", tmp_path / "my-models"
    shutil.copytree(ROOT, clone, ignore=LEFT_BEHIND)
    shutil.copytree(ROOT / "tests" / "example", repository)
    (repository / ".pre-commit-config.yaml").write_text(CONFIG)
    for folder in (clone, repository):
        for command in ("git init --quiet", "git add .", "git commit --quiet --message all"):
            ran(folder, *command.split())
    assert len(LINES) == 2
    for line in LINES:
        ran(repository, *shlex.split(line))

    model = repository / "models" / "tagger.yaml"
    sound = model.read_text()
    model.write_text(f"{sound}# The same.\n")
    assert "rnninspect check" in ran(repository, "git", "commit", "--all", "--message", "a comment")
    model.write_text(sound.replace("hidden_size: 64", "hidden_size: 128"))
    said = ran(repository, "git", "commit", "--all", "--message", "grown", code=1)
    assert re.search(r"^error: models/tagger\.yaml:\d+:\d+: .*max_params: ", said, re.MULTILINE), said

    (packages,) = (tmp_path / "cache").glob("repo*/py_env-*/lib/python*/site-packages")
    assert (packages / "rnninspect").is_dir()
    assert not (packages / "torch").exists()
    megabytes = sum(path.stat().st_size for path in packages.rglob("*") if path.is_file()) / 1e6
    with capsys.disabled():
        print(f"\nthe hook's environment: {megabytes:.0f} MB")
    assert megabytes < 60
