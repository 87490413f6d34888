"""What hostile input can do to check and its lock: nothing but a line and the right exit code."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path

import pytest
from ended import Run
from worlds import SMALL

from rnninspect.errors import DocumentError, OutputFailed
from rnninspect.guard.lock import read_lock, update_lock

HEADER = '{"rnninspect_lock": 1}\n'
ENTRY = {"file": "a.yaml", "layer": "x", "type": "LSTM", "parameters": 8, "macs": 9, "weights": {"w": [2, 4]}}


def test_bytes_that_are_not_utf8_inside_a_name(tmp_path: Path) -> None:
    line = json.dumps(ENTRY).encode().replace(b"a.yaml", b"a\xff.yaml")
    (tmp_path / "lock").write_bytes(
        HEADER.encode() + json.dumps({**ENTRY, "layer": "y"}).encode() + b"\n" + line + b"\n"
    )
    with pytest.raises(DocumentError, match=r":3: the lock is broken: "):
        read_lock(tmp_path / "lock")


def test_a_fifo_is_no_lock(tmp_path: Path) -> None:
    import signal

    os.mkfifo(tmp_path / "fifo")

    def hung(*args: object) -> None:
        raise AssertionError("still waiting")  # no OSError: read_lock would take it for the file's

    before = signal.signal(signal.SIGALRM, hung)
    signal.alarm(5)
    try:
        with pytest.raises(DocumentError):
            read_lock(tmp_path / "fifo")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def test_updates_of_paths_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path / "loop", tmp_path / ("a" * 300)):
        with pytest.raises((OutputFailed, DocumentError)):
            update_lock(path, lambda before: before)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a" * 300, "warning: {} stays in rnninspect.lock, as it cannot be looked for: File name too long"),
        ("loop", "warning: {} stays in rnninspect.lock, as it cannot be looked for: Too many levels of symbolic links"),
        ("sub/\0", "note: sub/\\x00 is gone, and dropped from rnninspect.lock"),
        ("a.yaml/b", "note: {} is gone, and dropped from rnninspect.lock"),
    ],
    ids=["long", "loop", "nul", "below a file"],
)
def test_an_update_drops_only_what_is_known_to_be_gone(here: Run, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "a.yaml").write_text(SMALL)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "rnninspect.lock").write_text(HEADER + json.dumps({**ENTRY, "file": name}) + "\n")
    done = here("check", "a.yaml", "--update", cwd=tmp_path)
    assert done.returncode == 0
    became = "1 added" if message.startswith("warning") else "1 added, 1 dropped"
    assert done.stderr.splitlines() == [message.format(name), f"note: rnninspect.lock: {became}"]
    kept = read_lock(tmp_path / "rnninspect.lock")
    assert sorted(kept) == sorted(["a.yaml", name] if message.startswith("warning") else ["a.yaml"])


@pytest.mark.parametrize("args", [(), ("--update",), ("--lock", "rnninspect.lock"), ("--format", "github")])
def test_a_lock_that_cannot_be_looked_at_is_no_missing_one(here: Run, tmp_path: Path, args: tuple[str, ...]) -> None:
    (tmp_path / "a.yaml").write_text(SMALL)
    (tmp_path / "rnninspect.lock").symlink_to("rnninspect.lock")
    done = here("check", "a.yaml", *args, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "error: rnninspect.lock: cannot read the lock: Too many levels of symbolic links" in done.stderr


def test_counts_of_thousands_of_digits(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL)
    lines = [json.dumps({**ENTRY, "layer": name}).replace("8", "9" * 4300) for name in ("x", "y")]
    (tmp_path / "rnninspect.lock").write_text(HEADER + "\n".join(lines) + "\n")
    assert run("check", "a.yaml", cwd=tmp_path).returncode == 2


def test_output_to_the_lock_is_refused(here: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL)
    assert here("check", "a.yaml", "--update", cwd=tmp_path).returncode == 0
    before = (tmp_path / "rnninspect.lock").read_bytes()
    done = here("check", "a.yaml", "--output", "rnninspect.lock", cwd=tmp_path)
    assert (done.returncode, (tmp_path / "rnninspect.lock").read_bytes()) == (2, before)


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.ESTALE])
def test_a_disk_that_fails_is_no_missing_file(
    here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Neither a lock nor another model's document is gone because nobody can say what is there."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.yaml", "other.yaml"):
        (tmp_path / name).write_text(SMALL)
    assert here("check", "a.yaml", "other.yaml", "--update").returncode == 0
    before, right, failing = (tmp_path / "rnninspect.lock").read_bytes(), os.stat, "rnninspect.lock"

    def stat(path: object, *args: object, **options: object) -> os.stat_result:
        if str(path) == failing:
            raise OSError(code, os.strerror(code))
        return right(path, *args, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(os, "stat", stat)
    for args in ((), ("--update",)):
        done = here("check", "a.yaml", *args)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"rnninspect.lock: cannot read the lock: {os.strerror(code)}" in done.stderr
    failing = "other.yaml"
    done = here("check", "a.yaml", "--update")
    assert done.returncode == 0
    assert (
        f"warning: other.yaml stays in rnninspect.lock, as it cannot be looked for: {os.strerror(code)}" in done.stderr
    )
    assert (tmp_path / "rnninspect.lock").read_bytes() == before


@pytest.mark.parametrize(("failing", "time", "code"), [("a.yaml", 1, 2), ("out", 2, 3)])
def test_a_file_is_not_written_that_cannot_be_told_from_a_document(
    here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, time: int, code: int
) -> None:
    """A stat that fails once leaves nobody to say whether --output's file is the document itself."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(SMALL)
    (tmp_path / "out").symlink_to("a.yaml")
    looked_at, right = [], os.stat

    def stat(path: object, *args: object, **options: object) -> os.stat_result:
        looked_at.append(str(path))
        if str(path) == failing and looked_at.count(failing) == time:  # --output's is looked at by typer first
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return right(path, *args, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(os, "stat", stat)
    done = here("params", "--plan", "a.yaml", "--output", "out")
    assert (done.returncode, "nput/output error" in done.stderr) == (code, True)
    assert (tmp_path / "a.yaml").read_text() == SMALL


def test_a_summary_that_is_a_pipe_is_not_waited_for(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL)
    os.mkfifo(tmp_path / "fifo")
    done = run("check", "a.yaml", "--format", "github", cwd=tmp_path, env={"GITHUB_STEP_SUMMARY": "fifo"})
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[-1] == "warning: the job has no summary: cannot write fifo: it is a named pipe"


def test_a_summary_that_cannot_be_written_costs_neither_the_exit_code_nor_the_annotations(
    here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    for text, code in ((SMALL.replace("LSTM", "LTSM"), 2), (SMALL, 1)):
        (tmp_path / "a.yaml").write_text(text)
        done = here("check", "a.yaml", "--max-params", "1", "--format", "github", cwd=tmp_path)
        assert done.returncode == code
        assert (done.stderr if code == 2 else done.stdout).count("::error file=a.yaml") == 1
        assert f"warning: the job has no summary: cannot write {tmp_path}: " in done.stderr


@pytest.mark.parametrize("name", ["##[add-mask]secret.yaml", "::add-mask::secret.yaml", " ::add-mask::secret.yaml"])
def test_the_name_of_a_file_starts_no_workflow_command(
    here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (tmp_path / name).write_text(SMALL)
    runs = [("params", "--plan", "--format", format) for format in ("table", "json", "csv", "markdown")]
    runs += [("check", "--max-params", "1", "--format", format) for format in ("table", "junit", "github", "json")]
    runs += [("explain", "--format", "latex"), ("shapes", "--plan", "--set", "encoder.hidden_size=x")]
    for args in runs:
        done = here(*args, name)
        printed = [line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("::error ")]
        assert not [line for line in printed if "##[" in line or line.lstrip().startswith("::")], args
    document = json.loads(here("params", "--plan", "--format", "json", name).stdout)
    assert document["models"][0]["file"] == name


@pytest.mark.parametrize("args", [("check",), ("check", "--format", "csv"), ("params", "--plan")])
def test_a_name_starts_no_workflow_command(run: Run, tmp_path: Path, args: tuple[str, ...]) -> None:
    (tmp_path / "a.yaml").write_text(f'name: "::add-mask::secret"\nbudget: {{max_params: 1}}\n{SMALL}')
    done = run(*args, "a.yaml", cwd=tmp_path, env={"GITHUB_ACTIONS": "true"})
    assert not re.search(r"^\s*::add-mask::", done.stdout + done.stderr, re.MULTILINE)


def test_a_value_starts_no_workflow_command_of_the_old_form(run: Run) -> None:
    """GitHub's runner takes `##[name]data` for a command anywhere in a line that is none of the new form."""
    text = SMALL.replace("batch_size: 2", 'batch_size: "##[add-mask]secret"')
    done = run("check", "-", "--format", "github", stdin=text, env={"GITHUB_ACTIONS": "true"})
    lines = [line for line in done.stderr.splitlines() if not line.startswith("::error ")]
    assert "##[" not in "".join(lines)


def test_a_broken_lock_is_an_annotation_too(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL)
    (tmp_path / "rnninspect.lock").write_text('{"rnninspect_lock": 9}\n')
    done = run("check", "a.yaml", "--format", "github", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "::error file=rnninspect.lock,line=1," in done.stderr


@pytest.mark.torch
@pytest.mark.slow
def test_a_build_that_failed_is_not_called_agreement(
    here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(SMALL)
    absurd = ("a.yaml", "--build", "--device", "cpu", "--set", "encoder.hidden_size=10000000")
    done = here("check", *absurd, "--update")
    assert done.returncode == 3
    assert "plan and torch agree" not in done.stdout
    assert not (tmp_path / "rnninspect.lock").exists()
    done = here("check", *absurd, "--format", "json")
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (3, False)


@pytest.mark.torch
@pytest.mark.slow
def test_a_build_that_agreed_says_so_in_json(here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(SMALL)
    done = here("check", "a.yaml", "--build", "--device", "cpu", "--format", "json")
    assert json.loads(done.stdout)["ledger"] == "agreed"


def test_no_two_columns_of_csv_have_one_name(here: Run, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(SMALL)
    header = here("check", "a.yaml", "--format", "csv", cwd=tmp_path).stdout.splitlines()[0].split(",")
    assert len(header) == len(set(header))
