"""`rnninspect check` and `diff` as processes: budgets, locks, what CI servers read, and a repository that uses them."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
import yaml
from ended import Run, fine, refused
from hypothesis import given
from hypothesis import strategies as st
from worlds import Git

from rnninspect.errors import Place, printable
from rnninspect.formats import Format, github, junit
from rnninspect.guard.findings import Finding
from rnninspect.guard.lock import read_lock

EXAMPLE = Path(__file__).parent / "example"

# 4 * 5 * (4 + 5 + 2) + 3 * 5 + 3 = 238 parameters, 6 * (180 + 15) = 1170 MACs; with hidden_size 6, 309 and 1548.
SMALL = """\
name: small
input: {batch_size: 2, seq_len: 3}
budget:
  max_params: 300
layers:
  - {name: encoder, type: LSTM, input_size: 4, hidden_size: 5}
  - {name: head, type: Linear, out_features: 3}
"""
GROWN = SMALL.replace("hidden_size: 5", "hidden_size: 6")
FREE = SMALL.replace("budget:\n  max_params: 300\n", "")


def put(folder: Path, **documents: str) -> Path:
    """`folder` with a document for each keyword."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in documents.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def locked(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lock that holds `small.yaml`; `grown.yaml` and `free.yaml` are not in it. Nobody changes it."""
    folder = put(tmp_path_factory.mktemp("locked"), small=SMALL, grown=GROWN, free=FREE)
    assert run("check", "small.yaml", "--update", cwd=folder).returncode == 0
    # Locks that hold another document under another name's facts.
    lock = (folder / "rnninspect.lock").read_text()
    for name in ("grown", "free"):
        (folder / f"{name}.lock").write_text(lock.replace("small.yaml", f"{name}.yaml"))
    return folder


def verdict(done: subprocess.CompletedProcess[str]) -> tuple[int, list[tuple[str, str]]]:
    """The exit code, and budget and lock of each model of the table's last rows."""
    lines = done.stdout.split(" · check\n")[1].splitlines()[2:]
    rows = [
        re.search(r" (none|within|over) +(\w.*?) +(?:ok|not checked|FAILED)$", line)
        for line in lines[: lines.index("")]
    ]
    return done.returncode, [(row[1], row[2]) for row in rows if row]


# --- budgets -----------------------------------------------------------------------------------------------


def test_without_a_lock_budgets_are_checked_and_it_is_said(here: Run, tmp_path: Path) -> None:
    put(tmp_path, small=SMALL, grown=GROWN, free=FREE)
    done = here("check", "small.yaml", "grown.yaml", "free.yaml", cwd=tmp_path)
    assert verdict(done) == (1, [("over", "none"), ("none", "none"), ("within", "none")])
    assert "\n\n1 of 3 models failed, 1 not checked; raise the budget where it stands, or " in done.stdout
    assert done.stderr.splitlines() == [
        "note: no rnninspect.lock here: only budgets are checked (--update writes a lock)",
        "error: grown.yaml:4:15: max_params: 309, over 300 by 9, 3 %",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["free.yaml", "grown.yaml", "small.yaml"]


def test_without_a_lock_and_a_budget_no_budget_is_said_to_be_checked(here: Run, tmp_path: Path) -> None:
    put(tmp_path, free=FREE)
    said = "note: no rnninspect.lock here and no budget to check (--update writes a lock)\n"
    done = here("check", "free.yaml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, said)
    assert here("check", "free.yaml", "--max-params", "20M", cwd=tmp_path).stderr != said


@pytest.mark.parametrize(
    ("options", "code", "place"),
    [
        (("--max-params", "309"), 0, ""),
        (("--max-params", "308"), 1, "grown.yaml:4:15"),
        (("--max-params", "1k", "--max-macs", "1", "--dtype", "float64"), 1, "grown.yaml:4:3"),
        (("--set", "budget.max_params=20M"), 0, ""),
        (("--set", "budget.max_params=1e2"), 1, "--set budget.max_params=1e2"),
        (("--set", "budget.max_params=null"), 0, ""),
    ],
)
def test_an_option_wins_over_the_document(
    here: Run, locked: Path, options: tuple[str, ...], code: int, place: str
) -> None:
    done = here("check", "grown.yaml", *options, "--max-growth", "50%", "--lock", "grown.lock", cwd=locked)
    assert done.returncode == code
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == ([place] if place else [])


# --- the lock ----------------------------------------------------------------------------------------------


def test_update_check_grow_accept(here: Run, tmp_path: Path) -> None:
    """The life of a lock, one process after the other."""
    put(tmp_path, small=FREE)
    lock = tmp_path / "rnninspect.lock"
    done = here("check", "small.yaml", "--update", cwd=tmp_path)
    assert verdict(done) == (0, [("none", "written")])
    assert done.stderr == "note: rnninspect.lock: 1 added\n"
    assert {name: layer.parameters for name, layer in read_lock(lock)["small.yaml"].layers.items()} == {
        "encoder": 220,
        "head": 18,
    }
    assert verdict(here("check", "small.yaml", cwd=tmp_path)) == (0, [("none", "same")])

    put(tmp_path, small=FREE.replace("hidden_size: 5", "hidden_size: 6"))
    before = lock.read_bytes()
    done = here("check", "small.yaml", cwd=tmp_path)
    assert verdict(done) == (1, [("none", "changed")])
    assert done.stdout.endswith("\n\n1 model failed; accept with: rnninspect check small.yaml --update\n")
    assert done.stderr.splitlines() == [
        "error: small.yaml:4:61: encoder: hidden_size 5 → 6: parameters 220 → 288 (+30.9 %)",
        "error: small.yaml:1:1: the model: parameters 238 → 309 (+29.8 %), MACs 1,170 → 1,548 (+32.3 %)",
    ]
    assert re.search(r"^ +weight_ih_l0 +\(20, 4\) +\(24, 4\)$", done.stdout, re.MULTILINE)
    assert re.search(r"^ +parameters +220 +288 +68 +30\.91$", done.stdout, re.MULTILINE)
    assert lock.read_bytes() == before

    done = here("check", "small.yaml", "--update", cwd=tmp_path)
    assert verdict(done) == (0, [("none", "updated")])
    assert done.stderr == "note: rnninspect.lock: 1 changed: +29.8 % parameters\n"
    assert lock.read_bytes() != before
    done = here("check", "small.yaml", "--update", cwd=tmp_path)
    assert done.stderr == "note: rnninspect.lock: nothing new, 1 model\n"
    assert verdict(here("check", "small.yaml", cwd=tmp_path)) == (0, [("none", "same")])


def test_growth_names_the_limit_and_the_count_that_broke_it(here: Run, locked: Path) -> None:
    """Of 238 -> 309 parameters and 1,170 -> 1,548 MACs; no layer is an error, and the table has what changed."""
    grown = ("--lock", "free.lock", "--set", "encoder.hidden_size=6", "--max-growth", "params=71,macs=25%")
    what = "MACs 1,170 → 1,548, +32.3 % since the lock, over the allowed 25 %: encoder: hidden_size 5 → 6"
    done = here("check", "free.yaml", *grown, cwd=locked)
    assert verdict(done) == (1, [("none", "changed")])
    assert done.stderr == f"error: --set encoder.hidden_size=6: {what}\n"
    assert re.search(r"^ +parameters +220 +288 +68 +30\.91$", done.stdout, re.MULTILINE)

    done = here("check", "free.yaml", *grown, "--format", "github", cwd=locked)
    # GitHub shows files alone: the line that the option replaces.
    where = {"file": "free.yaml", "line": "4", "col": "61", "title": "rnninspect: lock"}
    sentence = f"small: --set encoder.hidden_size=6: {what}"
    assert [command(line) for line in done.stdout.splitlines()] == [("error", where, sentence)]

    done = here("check", "free.yaml", *grown, "--format", "junit", cwd=locked)
    (failure,) = ElementTree.fromstring(done.stdout).iter("failure")
    assert (failure.get("type"), failure.get("message")) == ("lock", what)

    done = here("check", "free.yaml", *grown, "--format", "json", cwd=locked)
    (model,) = json.loads(done.stdout)["models"]
    assert model["allowed_growth"] == [
        {"field": "parameters", "allowed_percent": None, "allowed_change": 71, "ok": True},
        {"field": "macs", "allowed_percent": 25.0, "allowed_change": None, "ok": False},
    ]


def test_growth_lets_a_model_shrink_and_no_new_one_in(here: Run, locked: Path) -> None:
    options = ("--max-growth", "0%", "--lock", "rnninspect.lock")
    done = here("check", "small.yaml", "--set", "encoder.hidden_size=4", *options, cwd=locked)
    assert verdict(done) == (0, [("within", "changed, allowed")])
    done = here("check", "free.yaml", *options, cwd=locked)
    assert verdict(done) == (1, [("none", "missing")])
    what = (
        "the model is not in rnninspect.lock yet; it has small.yaml, which is the same model (check --update adds it)"
    )
    assert done.stderr == f"error: free.yaml:1:1: {what}\n"


@pytest.mark.parametrize(("ci", "warned"), [("1", True), ("", False), (None, False)])
def test_update_in_ci_warns(
    here: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str | None, warned: bool
) -> None:
    put(tmp_path, small=SMALL)
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    done = here("check", "small.yaml", "--update", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.startswith("warning: --update in CI accepts whatever the models have become") is warned
    assert (tmp_path / "rnninspect.lock").exists()


def test_documents_are_named_from_the_folder_of_the_lock(here: Run, tmp_path: Path) -> None:
    """Whatever folder it runs in and however a file is spelt, the same lock says the same."""
    put(tmp_path / "models" / "deep", inner=GROWN)
    put(tmp_path / "models", small=SMALL)
    put(tmp_path, outer=FREE)
    (tmp_path / "models" / "rnninspect.lock").symlink_to(tmp_path / "models" / "real.lock")
    files = ("small.yaml", "deep/inner.yaml", "../outer.yaml")
    done = here("check", *files, "--update", "--max-params", "1k", cwd=tmp_path / "models")
    assert done.returncode == 0
    lock = tmp_path / "models" / "real.lock"
    assert list(read_lock(lock)) == ["../outer.yaml", "deep/inner.yaml", "small.yaml"]

    spelt = [
        (tmp_path, ("models/small.yaml", "./models/deep/inner.yaml", "models/../outer.yaml"), "models/rnninspect.lock"),
        (tmp_path / "models" / "deep", ("../small.yaml", "inner.yaml", "../../outer.yaml"), "../rnninspect.lock"),
        (Path("/"), tuple(str(tmp_path / "models" / file) for file in files), str(lock)),
    ]
    for folder, names, lock_name in spelt:
        done = here("check", *names, "--lock", lock_name, "--max-params", "1k", cwd=folder)
        assert [lock for _, lock in verdict(done)[1]] == ["same", "same", "same"]
        assert done.stderr == ""


def test_an_update_keeps_the_other_documents_and_drops_those_that_are_gone(here: Run, tmp_path: Path) -> None:
    put(tmp_path, small=SMALL, other=FREE)
    put(tmp_path / "sub", gone=FREE, kept=FREE)
    here("check", "small.yaml", "other.yaml", "sub/gone.yaml", "sub/kept.yaml", "--update", cwd=tmp_path)
    lock = tmp_path / "rnninspect.lock"
    assert list(read_lock(lock)) == ["other.yaml", "small.yaml", "sub/gone.yaml", "sub/kept.yaml"]
    kept = read_lock(lock)["other.yaml"]

    (tmp_path / "sub" / "gone.yaml").unlink()
    # A check drops nothing, and says what is gone; nor does it miss the models that it was not asked for.
    done = here("check", "small.yaml", cwd=tmp_path)
    note = "note: rnninspect.lock has sub/gone.yaml, which is not there (check --update drops it)\n"
    assert (done.returncode, done.stderr) == (0, note)
    assert "sub/gone.yaml" in read_lock(lock)
    # An update does, from any folder; a document that has changed but was not named stays as locked.
    put(tmp_path, other=GROWN)
    done = here("check", "kept.yaml", "--lock", "../rnninspect.lock", "--update", cwd=tmp_path / "sub")
    assert done.returncode == 0
    assert list(read_lock(lock)) == ["other.yaml", "small.yaml", "sub/kept.yaml"]
    assert read_lock(lock)["other.yaml"] == kept


def test_an_update_is_written_though_a_budget_is_broken(here: Run, tmp_path: Path) -> None:
    put(tmp_path, grown=GROWN)
    done = here("check", "grown.yaml", "--update", cwd=tmp_path)
    assert verdict(done) == (1, [("over", "written")])
    assert verdict(here("check", "grown.yaml", cwd=tmp_path)) == (1, [("over", "same")])


def test_an_update_with_a_bad_document_changes_nothing(here: Run, tmp_path: Path) -> None:
    put(tmp_path, small=SMALL, bad=SMALL.replace("hidden_size: 5", "hidden_size: five"))
    assert "'five'" in refused(here("check", "small.yaml", "bad.yaml", "--update", cwd=tmp_path))
    assert not (tmp_path / "rnninspect.lock").exists()


def test_stdin_can_be_checked(run: Run, tmp_path: Path) -> None:
    done = run("check", "-", "--max-params", "200", stdin=SMALL, cwd=tmp_path)
    assert verdict(done) == (1, [("over", "none")])
    assert done.stderr.splitlines()[-1] == "error: <stdin>:4:15: max_params: 238, over 200 by 38, 19 %"


# --- asked wrongly, and what cannot be done ----------------------------------------------------------------


@pytest.fixture(scope="module")
def wrong(locked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Broken locks beside a sound document."""
    folder = put(tmp_path_factory.mktemp("wrong"), small=SMALL, bad=SMALL.replace("budget", "budgte"))
    lines = (locked / "rnninspect.lock").read_text()
    (folder / "newer.lock").write_text('{"rnninspect_lock": 99}\n')
    (folder / "half.lock").write_text(lines[:-9])
    (folder / "conflict.lock").write_text(lines.replace('{"file"', '<<<<<<< HEAD\n{"file"', 1))
    return folder


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--lock", "newer.lock"), r"newer\.lock:1: this lock is of version 99, and this rnninspect knows 2 \("),
        (("--lock", "half.lock", "--update"), r"half\.lock:\d+: the lock is broken: the last line is only half there"),
        (("--lock", "conflict.lock"), r"conflict\.lock:\d+: the lock is broken: a merge conflict stands here \("),
        (("--lock", "none.lock"), r"none\.lock: cannot read the lock: No such file or directory \(--update writes"),
        (("--lock", "small.yaml"), r"small\.yaml:1: this is no lock of rnninspect's: expected .* \(name another file"),
        (("--lock", "small.yaml", "--update"), r"small\.yaml:1: this is no lock of rnninspect's"),
        (("--max-growth", "5%", "--update"), r"--max-growth: --update accepts whatever the models have become \("),
        (
            ("--set", "budget.max_output_bytes=1 kB", "--set", "budget.max_activation_bytes=1 kB"),
            r"--set budget\.max_activation_bytes=1 kB: budget\.max_activation_bytes: this is the old name of "
            r"max_output_bytes, which is there too \(keep max_output_bytes\)",
        ),
        (("--max-params", "20m"), r"--max-params 20m: expected a number with one of k, M, G, T, or without, got '20m'"),
        (("--max-params", "\x1b[31m"), r"--max-params \\x1b\[31m: expected a number"),
        (("--max-growth", "5"), r"--max-growth 5: expected a percentage such as 5%, got '5'"),
        (("--set", "budget.max_params=20m"), r"--set budget\.max_params=20m: budget\.max_params: expected a count"),
        (("bad.yaml",), r"bad\.yaml:3:1: budgte: unknown key 'budgte' \(did you mean 'budget'\?\)"),
        (("missing.yaml",), r"missing\.yaml: no such file or directory"),
        (("--output", "small.yaml"), r"--output small\.yaml: this is one of the files to read"),
    ],
)
def test_asked_wrongly(here: Run, wrong: Path, options: tuple[str, ...], message: str) -> None:
    before = {path.name: path.read_bytes() for path in wrong.iterdir()}
    line = refused(here("check", "small.yaml", *options, cwd=wrong))
    assert re.match(message, line), line
    assert {path.name: path.read_bytes() for path in wrong.iterdir()} == before


@pytest.mark.parametrize("format", ["table", "github", "junit"])
def test_a_bad_document_among_good_ones_leaves_no_verdict_but_what_fails(here: Run, wrong: Path, format: str) -> None:
    done = here("check", "small.yaml", "bad.yaml", "--format", format, "--max-params", "1", cwd=wrong)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert lines[0].startswith("error: bad.yaml:3:1: budgte: unknown key")
    assert lines[1].startswith("error: small.yaml:4:15: max_params: ")
    assert lines[2] == "2 errors"
    assert [command(line)[1] for line in lines[3:]] == (
        [
            {"file": "bad.yaml", "line": "3", "col": "1", "title": "rnninspect: document"},
            {"file": "small.yaml", "line": "4", "col": "15", "title": "rnninspect: max_params"},
        ]
        if format == "github"
        else []
    )


def test_a_lock_that_cannot_be_written(here: Run, wrong: Path) -> None:
    line = refused(here("check", "small.yaml", "--update", "--lock", "nowhere/rnninspect.lock", cwd=wrong), 3)
    assert line == f"cannot write nowhere/rnninspect.lock: there is no folder {wrong / 'nowhere'}"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_where_results_go(shell: Run, locked: Path) -> None:
    for redirected, code in ((">/dev/full", 3), (">&-", 3), ("| head -1", 1), ("--output /dev/full", 3)):
        done = shell(f"rnninspect check grown.yaml --max-params 1 {redirected}", cwd=locked)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), redirected
    done = shell("GITHUB_STEP_SUMMARY=/dev/full rnninspect check small.yaml --format github", cwd=locked)
    assert done.returncode == 0
    assert done.stderr == "warning: the job has no summary: cannot write /dev/full: No space left on device\n"


# --- with torch ----------------------------------------------------------------------------


@pytest.mark.torch
@pytest.mark.slow
def test_a_build_proves_the_models_on_torch(here: Run, locked: Path) -> None:
    done = here("check", "small.yaml", "--build", "--device", "cpu", "--format", "junit", cwd=locked)
    assert [case.get("name") for case in ElementTree.fromstring(fine(done)).iter("testcase")] == [
        "document",
        "build",
        "max_params",
        "lock",
    ]
    absurd = ("--set", "encoder.hidden_size=10000000", "--max-params", "1G")
    done = here("check", "small.yaml", *absurd, "--build", "--device", "cpu", "--format", "junit", cwd=locked)
    assert done.returncode == 3
    assert "the model needs at least" in done.stderr.splitlines()[0]
    failed = [case.get("name") for case in ElementTree.fromstring(done.stdout).iter("testcase") if len(case)]
    assert failed == ["build", "max_params", "lock"]
    # what could not be proven is not accepted either
    before = (locked / "rnninspect.lock").read_bytes()
    done = here("check", "small.yaml", *absurd, "--build", "--device", "cpu", "--update", cwd=locked)
    assert done.returncode == 3
    assert "note: the lock is left as it was, because not every model could be proven" in done.stderr
    assert (locked / "rnninspect.lock").read_bytes() == before


# --- formats -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(run: Run, locked: Path) -> Callable[[str], str]:
    """What `check` prints of a sound model and one that is over its budget and not in the lock, by format."""
    known: dict[str, str] = {}

    def show(format: str) -> str:
        if format not in known:
            done = run("check", "small.yaml", "grown.yaml", "--format", format, cwd=locked)
            assert done.returncode == 1
            assert done.stderr.splitlines() == [
                "error: grown.yaml:4:15: max_params: 309, over 300 by 9, 3 %",
                "error: grown.yaml:1:1: the model is not in rnninspect.lock yet (check --update adds it)",
            ]
            known[format] = done.stdout
        return known[format]

    return show


def test_table(shown: Callable[[str], str]) -> None:
    lines = shown("table").splitlines()
    assert [line for line in lines[:-3] if " · " in line] == [
        "all · check",
        "small (grown.yaml) · budget",
        "small (small.yaml) · budget",
    ]
    assert re.fullmatch(r"max_params +300 +309 +9 +103\.0 +OVER", lines[11])
    assert [line.split()[-5:] for line in lines[3:5]] == [
        ["grown.yaml", "309", "over", "missing", "FAILED"],
        ["small.yaml", "238", "within", "same", "ok"],
    ]
    assert lines[6].split() == ["total", "547"]
    assert lines[-3:] == [
        "plan: from the equations alone, torch was not asked · float32",
        "",
        "1 of 2 models failed; raise the budget where it stands, or find a size within it with: "
        "rnninspect fit grown.yaml PATH",
    ]


def test_json(shown: Callable[[str], str]) -> None:
    data = json.loads(shown("json"))
    assert (data["schema_version"], data["ledger"], data["torch"], data["ok"]) == (2, "plan", None, False)
    small, grown = data["models"]
    assert (small["name"], small["file"], small["ok"], small["changes"]) == ("small", "small.yaml", True, [])
    limit = {"limit": "max_params", "allowed": 300}
    assert small["limits"] == [
        {**limit, "actual": 238, "over": None, "percent_of_allowed": 79.3333333333333, "ok": True}
    ]
    assert (small["budget"], small["lock"], small["verdict"]) == ("within", "same", "ok")
    assert (grown["ok"], grown["parameters"], grown["macs"]) == (False, 309, 1548)
    assert grown["limits"] == [{**limit, "actual": 309, "over": 9, "percent_of_allowed": 103.0, "ok": False}]
    assert (grown["budget"], grown["lock"], grown["verdict"]) == ("over", "missing", "FAILED")
    assert grown["changes"] == [
        {"layer": None, "field": "model", "locked": None, "now": "new", "change": None, "percent": None}
    ]


def test_json_without_a_lock_and_of_a_change(here: Run, locked: Path, tmp_path: Path) -> None:
    put(tmp_path, free=FREE)
    done = here("check", "free.yaml", "--format", "json", cwd=tmp_path)
    (model,) = json.loads(done.stdout)["models"]
    assert (model["limits"], model["changes"], model["ok"], model["verdict"]) == ([], None, None, "not checked")
    grown = ("--set", "encoder.hidden_size=6")
    done = here("check", "free.yaml", *grown, "--lock", "free.lock", "--format", "json", cwd=locked)
    (model,) = json.loads(done.stdout)["models"]
    assert model["changes"][0] == {
        "layer": None,
        "field": "parameters",
        "locked": 238,
        "now": 309,
        "change": 71,
        "percent": pytest.approx(7100 / 238),
    }
    assert {"layer": "head", "field": "weight", "locked": [3, 5], "now": [3, 6]}.items() <= model["changes"][-1].items()


def test_markdown(shown: Callable[[str], str]) -> None:
    blocks = shown("markdown").split("\n\n")
    assert [block for block in blocks if block.startswith(("#", "<", "- ", "Raise"))] == [
        "## 1 of 2 models failed",
        "### all: check",
        "- grown.yaml:4:15: small: max_params: 309, over 300 by 9, 3 %\n"
        "- grown.yaml:1:1: small: the model is not in rnninspect.lock yet (check --update adds it)",
        "Raise the budget where it stands, or find a size within it with:",
        "<details><summary>small (grown.yaml): budget</summary>",
        "### small (grown.yaml): budget",
        "</details>",
        "<details><summary>models that passed: their limits and changes</summary>",
        "### small (small.yaml): budget",
        "</details>",
    ]
    for block in blocks:
        if block.startswith("|"):
            assert len({line.count(" | ") for line in block.splitlines()}) == 1
    verdicts = next(block for block in blocks if block.startswith("|"))
    assert "| small | grown.yaml | 309 | over | missing | FAILED |" in verdicts


def test_the_answer_of_markdown_is_the_last_line_of_the_page(shown: Callable[[str], str]) -> None:
    headline, remedy, command = (
        line for line in shown("markdown").splitlines() if re.match(r"## |Raise |rnninspect ", line)
    )
    sentence = f"{headline.removeprefix('## ')}; {remedy[0].lower()}{remedy[1:]} {command}"
    assert shown("table").splitlines()[-1] == sentence


@pytest.mark.parametrize("format", ["table", "csv", "github", "junit"])
def test_output_holds_what_stdout_would(
    here: Run, locked: Path, tmp_path: Path, shown: Callable[[str], str], format: str
) -> None:
    target = tmp_path / "out"
    done = here("check", "small.yaml", "grown.yaml", "--format", format, "--output", target, cwd=locked)
    assert (done.returncode, done.stdout) == (1, "")
    assert target.read_bytes().decode() == shown(format)


# --- GitHub ------------------------------------------------------------------------------------------------

# What the runner takes for a command: the names of its extensions.
COMMANDS = {
    *("error", "warning", "notice", "debug", "group", "endgroup", "add-mask", "add-matcher", "remove-matcher", "echo"),
    *("set-env", "set-output", "save-state", "add-path", "stop-commands"),
}


def command(line: str) -> tuple[str, dict[str, str], str] | None:
    """What GitHub's runner reads in a line (`ActionCommand.TryParseV2`): name, properties and data, or no command."""
    match = re.match(r"\s*::(?P<name>[^ :]+)(?: (?P<properties>.*?))?::(?P<data>.*)", line, re.DOTALL)
    if not match or match["name"] not in COMMANDS:
        return None
    properties = {}
    for pair in filter(None, (match["properties"] or "").split(",")):
        key, _, value = pair.partition("=")
        properties[key.strip()] = unescaped(value, {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"})
    return match["name"], properties, unescaped(match["data"], {"%0D": "\r", "%0A": "\n", "%25": "%"})


def unescaped(text: str, meanings: dict[str, str]) -> str:
    for token, meaning in meanings.items():
        text = text.replace(token, meaning)
    return text


def test_the_reader_of_commands_finds_them() -> None:
    assert command("::error file=a%2Cb,line=1::x %25 y") == ("error", {"file": "a,b", "line": "1"}, "x % y")
    assert command("  ::add-mask::secret") == ("add-mask", {}, "secret")
    assert command("error: ::add-mask::secret") is None


def test_annotations(shown: Callable[[str], str]) -> None:
    assert [command(line) for line in shown("github").splitlines()] == [
        (
            "error",
            {"file": "grown.yaml", "line": "4", "col": "15", "title": "rnninspect: max_params"},
            "small: max_params: 309, over 300 by 9, 3 %",
        ),
        (
            "error",
            {"file": "grown.yaml", "line": "1", "col": "1", "title": "rnninspect: lock"},
            "small: the model is not in rnninspect.lock yet (check --update adds it)",
        ),
    ]
    assert shown("github").splitlines()[0] == (
        "::error file=grown.yaml,line=4,col=15,title=rnninspect%3A max_params"
        "::small: max_params: 309, over 300 by 9, 3 %25"
    )


def test_a_sound_model_has_no_annotation(run: Run, locked: Path) -> None:
    assert fine(run("check", "small.yaml", "--format", "github", cwd=locked)) == ""


hostile = st.text(st.sampled_from(list("a%0ADd25:,=[#\n\r\x1b\u2028 é;]")), max_size=12) | st.text(max_size=12)


@given(source=hostile.filter(bool), model=hostile, what=hostile, line=st.none() | st.integers(1, 9))
def test_whatever_a_name_holds_an_annotation_is_one_command_and_says_it(
    source: str, model: str, what: str, line: int | None
) -> None:
    text = github.render([Finding(Place(source, line, line), model, "lock", what)])
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    read = command(text[:-1])
    assert read is not None
    name, properties, data = read
    # Spaces around a property and empty ones are all that the format cannot keep.
    place = {} if line is None else {"line": str(line), "col": str(line)}
    assert (name, properties) == ("error", {"file": printable(source), **place, "title": "rnninspect: lock"})
    assert data == printable(f"{model}: {what}" if model else what)


def test_names_start_no_command_of_their_own(here: Run, tmp_path: Path) -> None:
    evil = "x ::add-mask::x%0A::set-output name=a::b, c:d"
    folder = put(tmp_path, **{"a%0A::stop-commands::b, c": FREE.replace("name: small", f'name: "{evil}"')})
    (name,) = (path.name for path in folder.iterdir())
    done = here("check", name, "--format", "github", "--max-params", "1", cwd=folder)
    assert done.returncode == 1
    assert [command(line) for line in done.stdout.splitlines()] == [
        (
            "error",
            {"file": name, "line": "1", "col": "1", "title": "rnninspect: max_params"},
            f"{evil}: max_params: 238, over 1 by 237, 23,700 %",
        )
    ]
    assert [command(line) for line in done.stderr.splitlines()] == [None, None]
    for format in ("markdown", "json", "junit", "sarif", "gitlab"):
        done = here("check", name, "--format", format, "--max-params", "1", cwd=folder)
        assert [command(line) for line in (done.stdout + done.stderr).splitlines() if command(line)] == [], format


def test_a_newline_in_a_file_name_breaks_no_line(run: Run, tmp_path: Path) -> None:
    name = "a\n::error::b.yaml"
    (tmp_path / name).write_text(FREE)
    done = run("check", name, "--format", "github", "--max-params", "1", cwd=tmp_path)
    (read,) = (command(line) for line in done.stdout.splitlines())
    assert read is not None
    assert read[1]["file"] == r"a\n::error::b.yaml"
    assert [command(line) for line in done.stderr.splitlines()] == [None, None]
    (tmp_path / name).write_text("[]")
    done = run("check", name, "--format", "github", cwd=tmp_path)
    error, annotation = done.stderr.splitlines()
    assert (command(error), (command(annotation) or ("",))[0]) == (None, "error")


def test_the_summary_is_added_to_what_is_there(run: Run, locked: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("# Earlier\n\n")
    where = {"GITHUB_STEP_SUMMARY": str(summary)}
    done = run("check", "small.yaml", "grown.yaml", "--format", "github", cwd=locked, env=where)
    assert done.returncode == 1
    expected = "# Earlier\n\n" + run("check", "small.yaml", "grown.yaml", "--format", "markdown", cwd=locked).stdout
    assert summary.read_text() == expected
    # Every other format leaves it alone, and without one there is nothing to write.
    assert run("check", "small.yaml", "--format", "json", cwd=locked, env=where).returncode == 0
    assert run("check", "small.yaml", "--format", "github", cwd=locked, env={"GITHUB_STEP_SUMMARY": ""}).returncode == 0
    assert summary.read_text() == expected


# --- JUnit -------------------------------------------------------------------------------------------------

# From the schema that Jenkins and others validate against (junit-10.xsd): for each element its attributes, those
# that must be there first, and what may stand in it.
JUNIT = {
    "testsuites": ((), ("name", "time", "tests", "failures", "errors", "disabled"), ("testsuite",)),
    "testsuite": (
        ("name", "tests"),
        ("failures", "errors", "skipped", "time", "timestamp", "hostname", "id", "package", "file", "log", "url"),
        ("testcase", "properties", "system-out", "system-err", "testsuite"),
    ),
    "testcase": (
        ("name", "classname"),
        ("time", "status", "group", "assertions"),
        ("failure", "error", "skipped", "system-out", "system-err", "properties"),
    ),
    "failure": ((), ("message", "type"), ()),
}


def well_formed(text: str | bytes) -> ElementTree.Element:
    """The root of a JUnit report, every element of which is as the schema wants it."""
    root = ElementTree.fromstring(text.encode() if isinstance(text, str) else text)
    assert root.tag == "testsuites"
    for element in root.iter():
        needed, allowed, inside = JUNIT[element.tag]
        assert set(needed) <= set(element.attrib) <= {*needed, *allowed}
        assert {child.tag for child in element} <= set(inside)
        assert not (element.text or "").strip() or element.tag == "failure"
        for count in ("tests", "failures", "errors", "skipped"):
            assert element.get(count, "0").isdecimal()
    for suite in root.iter("testsuite"):
        cases = list(suite.iter("testcase"))
        assert int(suite.attrib["tests"]) == len(cases)
        assert int(suite.attrib["failures"]) == sum(case.find("failure") is not None for case in cases)
        assert len({case.get("name") for case in cases}) == len(cases)
    return root


def test_a_report(shown: Callable[[str], str]) -> None:
    assert shown("junit").startswith('<?xml version="1.0" encoding="utf-8"?>\n<testsuites ')
    small, grown = well_formed(shown("junit"))
    assert small.attrib == {"name": "small.yaml", "tests": "3", "failures": "0", "errors": "0", "skipped": "0"}
    assert [case.get("name") for case in small] == ["document", "max_params", "lock"]
    assert {case.get("classname") for case in grown} == {"grown.yaml"}
    assert (grown.get("tests"), grown.get("failures")) == ("3", "2")
    _, over, drift = (case.find("failure") for case in grown)
    assert over is not None
    assert over.attrib == {"message": "max_params: 309, over 300 by 9, 3 %", "type": "max_params"}
    assert over.text == "grown.yaml:4:15: max_params: 309, over 300 by 9, 3 %"
    assert drift is not None
    assert (drift.text or "").startswith("grown.yaml:1:1: the model is not in rnninspect.lock yet (")


def test_drift_is_one_failure_with_a_line_for_each_layer(here: Run, locked: Path) -> None:
    done = here("check", "grown.yaml", "--lock", "grown.lock", "--format", "junit", cwd=locked)
    (suite,) = well_formed(done.stdout)
    (lock,) = (case for case in suite if case.get("name") == "lock")
    (failure,) = lock
    assert failure.get("message") == "encoder: hidden_size 5 → 6: parameters 220 → 288 (+30.9 %)"
    assert (failure.text or "").splitlines() == [
        f"grown.yaml:6:61: {failure.get('message')}",
        "grown.yaml:1:1: the model: parameters 238 → 309 (+29.8 %), MACs 1,170 → 1,548 (+32.3 %)",
    ]


@given(
    sources=st.lists(st.text(max_size=8) | hostile, unique_by=printable, max_size=3),
    what=st.text(max_size=20) | hostile,
)
def test_whatever_a_name_holds_a_report_is_well_formed(sources: list[str], what: str) -> None:
    findings = {source: [Finding(Place(source, 1, 2), "m", "lock", what)] for source in sources}
    text = junit.render({source: ["document", "lock"] for source in sources}, findings)
    root = well_formed(text)
    assert [suite.get("name") for suite in root] == [printable(source) for source in sources]
    assert {failure.get("message") for failure in root.iter("failure")} == ({printable(what)} if sources else set())


def test_hostile_names_in_every_encoding(shell: Run, tmp_path: Path) -> None:
    """`]]>`, quotes, entities, accents: the file says it is UTF-8, and any parser reads it."""
    name = """é<a b="c">&amp;]]>'.yaml"""
    (tmp_path / name).write_text(FREE)
    for encoding in ("utf-8", "latin-1", "ascii"):
        script = 'rnninspect check "$1" --format junit --max-params 1 2>/dev/null | base64'
        done = shell(script, name, cwd=tmp_path, env={"PYTHONIOENCODING": encoding})
        assert done.returncode == 1
        (suite,) = well_formed(base64.b64decode(done.stdout))
        assert suite.get("name") == name


# --- diff --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", Format)
def test_diff_of_a_model_with_itself(here: Run, locked: Path, format: str) -> None:
    shown = fine(here("diff", "small.yaml", "free.yaml", "--format", format, cwd=locked))
    if format == "json":
        assert json.loads(shown)["changes"] == []
    elif format == "csv":
        rows = list(csv.DictReader(io.StringIO(shown.split("\n\n")[0])))
        assert {(row["change"], float(row["percent"])) for row in rows} == {("0", 0.0)}
    else:
        assert "no layer differs" in shown


def test_diff_as_json(here: Run, locked: Path) -> None:
    data = json.loads(fine(here("diff", "small.yaml", "grown.yaml", "--format", "json", cwd=locked)))
    assert [(model["name"], model["file"], model["parameters"]) for model in data["models"]] == [
        ("small", "small.yaml", 238),
        ("small", "grown.yaml", 309),
    ]
    assert data["totals"][0] == {
        "field": "parameters",
        "old": 238,
        "new": 309,
        "change": 71,
        "percent": pytest.approx(7100 / 238),
    }
    assert "backward_macs" in [total["field"] for total in data["totals"]]
    assert {change["layer"] for change in data["changes"]} == {"encoder", "head"}
    assert data["changes"][-1] == {
        "layer": "head",
        "field": "weight",
        "old": [3, 5],
        "new": [3, 6],
        "change": None,
        "percent": None,
    }


def test_diff_by_layer_name_and_with_stdin(run: Run, locked: Path) -> None:
    renamed = FREE.replace("name: head", "name: tail").replace("LSTM", "GRU")
    data = json.loads(fine(run("diff", "small.yaml", "-", "--format", "json", stdin=renamed, cwd=locked)))
    changed = [(change["layer"], change["field"], change["old"], change["new"]) for change in data["changes"]]
    assert ("encoder", "type", "LSTM", "GRU") in changed
    assert ("tail", "tail.name", "head", "tail") in changed


def test_set_holds_for_the_new_model_alone(here: Run, locked: Path) -> None:
    options = ("--set", "encoder.hidden_size=6", "--format", "json")
    shown = json.loads(fine(here("diff", "small.yaml", "small.yaml", *options, cwd=locked)))
    assert [model["parameters"] for model in shown["models"]] == [238, 309]
    options = ("--set", "encoder.hidden_size=5", *options[2:])
    assert json.loads(fine(here("diff", "small.yaml", "grown.yaml", *options, cwd=locked)))["changes"] == []


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("small.yaml", "none.yaml"), r"none\.yaml: no such file"),
        (("none.yaml", "small.yaml"), r"none\.yaml: no such file"),
        (("-", "-"), r"- stands for standard input, which can be read only once"),
        (
            ("small.yaml", "grown.yaml", "--output", "grown.yaml"),
            r"--output grown\.yaml: this is one of the files to read",
        ),
        (("small.yaml", "grown.yaml", "--set", "tail.bias=true"), r".*no layer is called 'tail'"),
    ],
)
def test_a_diff_that_is_asked_wrongly(here: Run, locked: Path, args: tuple[str, ...], message: str) -> None:
    assert re.match(message, refused(here("diff", *args, cwd=locked)))


# --- a repository that uses it -----------------------------------------------------------------------------


class Checked(NamedTuple):
    """What a team's CI sees of one commit: the job's exit code, its annotations and its summary."""

    code: int
    annotations: list[tuple[str, int, str]]
    summary: str


def workflow_steps() -> list[dict[str, object]]:
    workflow = yaml.safe_load((EXAMPLE / ".github" / "workflows" / "rnninspect.yml").read_text())
    (job,) = workflow["jobs"].values()
    return job["steps"]


def test_the_workflow_stands_by_itself() -> None:
    checkout, python, install, check = workflow_steps()
    assert str(checkout["uses"]).startswith("actions/checkout@v")
    assert str(python["uses"]).startswith("actions/setup-python@v")
    assert install == {"run": "pip install ci/rnninspect-*.whl"}
    assert check == {"run": "rnninspect check models/*.yaml --locked --format github"}


@pytest.fixture
def commit(shell: Run, tmp_path: Path) -> Iterator[Callable[[str], Checked]]:
    """`commit("message")`: commit what is in the repository, clone it elsewhere and run the workflow's own step."""
    git = Git(tmp_path / "repository")
    shutil.copytree(EXAMPLE, git.folder, dirs_exist_ok=True)
    step = str(workflow_steps()[-1]["run"])

    def change(message: str) -> Checked:
        git.commit(message)
        checkout, summary = tmp_path / f"checkout-{message}", tmp_path / f"summary-{message}.md"
        Git.clone(str(git.folder), checkout)
        done = shell(
            f"set -e; {step}",
            cwd=checkout,
            env={"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)},
        )
        annotations = []
        for line in done.stdout.splitlines():
            read = command(line)
            assert read is not None
            name, properties, what = read
            assert name == "error"
            annotations.append((properties["file"], int(properties["line"]), what))
        return Checked(done.returncode, annotations, summary.read_text())

    return change


def test_a_team_grows_a_layer_breaks_a_budget_and_updates_the_lock(
    here: Run, tmp_path: Path, commit: Callable[[str], Checked]
) -> None:
    model = tmp_path / "repository" / "models" / "tagger.yaml"

    def edit(old: str, new: str) -> int:
        """Edit the model; the line that was changed."""
        text = model.read_text()
        assert text.count(old) == 1
        model.write_text(text.replace(old, new))
        return text[: text.index(old)].count("\n") + 1

    start = commit("start")
    assert (start.code, start.annotations) == (0, [])
    assert "| within | same | ok |" in start.summary

    # 4 * 72 * (64 + 72 + 2) = 39,744 and 12 * 72 + 12 = 876 parameters.
    line = edit("hidden_size: 64", "hidden_size: 72")
    grown = commit("grow")
    assert grown.code == 1
    assert [place for *place, _ in grown.annotations] == [["models/tagger.yaml", line], ["models/tagger.yaml", 2]]
    assert grown.annotations[0][2] == ("tagger: encoder: hidden_size 64 → 72: parameters 33,280 → 39,744 (+19.4 %)")
    assert grown.annotations[1][2].startswith("tagger: the model: parameters 98,060 → 104,620 (+6.69 %), MACs ")
    assert "| within | changed | FAILED |" in grown.summary
    assert "| encoder | weight\\_hh\\_l0 |" in grown.summary or "| encoder | weight_hh_l0 |" in grown.summary

    edit("hidden_size: 72", "hidden_size: 96")
    broken = commit("break")
    assert broken.code == 1
    limit = next(number for number, text in enumerate(model.read_text().splitlines(), 1) if "max_params" in text)
    file, line, what = broken.annotations[0]
    assert (file, line) == ("models/tagger.yaml", limit)
    assert what.startswith("tagger: max_params: 127,372, over 120,000 by 7,372, 6.14 %")
    assert "| over | changed | FAILED |" in broken.summary

    # Someone decides that it is worth it: the budget and the lock are changed in one commit that is reviewed.
    edit("max_params: 120k", "max_params: 130k")
    edit("max_param_bytes: 480 kB", "max_param_bytes: 520 kB")
    done = here("check", "models/tagger.yaml", "--update", cwd=tmp_path / "repository")
    assert (done.returncode, "warning" in done.stderr) == (0, False)
    mended = commit("update")
    assert (mended.code, mended.annotations) == (0, [])
    assert "| within | same | ok |" in mended.summary
