"""What `rnninspect check` comes to: three words, what --locked wants, which lock it finds, all models together."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ended import Run
from test_cli_check import FREE, GROWN, SMALL, put, refused

from rnninspect.commands.shared.again import again
from rnninspect.guard.lock import NAME, nearest_lock, read_lock

SIZE = "raise the budget where it stands, or find a size within it with:"
EMPTY = SMALL.replace("budget:\n  max_params: 300\n", "budget: {}\n")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, the root of a repository."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def last(done: subprocess.CompletedProcess[str]) -> str:
    """The last line of the page, which stands by itself."""
    *_, before, line = done.stdout.splitlines()
    assert before == ""
    return line


# --- three words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "word", "line"),
    [
        (FREE, (), "not checked", "1 model not checked: no lock and no budget"),
        (EMPTY, (), "not checked", "1 model not checked: no lock and no budget"),
        (SMALL, (), "ok", "1 model ok"),
        (FREE, ("--max-params", "1k"), "ok", "1 model ok"),
        (FREE, ("--max-params", "1"), "FAILED", f"1 model failed; {SIZE} rnninspect fit a.yaml PATH --max-params 1"),
        (FREE, ("--update",), "ok", "1 model ok"),
        (GROWN, ("--update",), "FAILED", f"1 model failed; {SIZE} rnninspect fit a.yaml PATH"),
    ],
)
def test_ok_is_not_said_of_what_was_not_checked(
    here: Run, folder: Path, text: str, options: tuple[str, ...], word: str, line: str
) -> None:
    put(folder, a=text)
    done = here("check", "a.yaml", *options)
    assert (done.returncode, last(done)) == (int(word == "FAILED"), line)
    assert re.search(rf"^\S+ +a\.yaml .* {word}$", done.stdout, re.MULTILINE)
    if "--update" in options:
        Path(NAME).unlink()
    for format in ("json", "csv"):
        done = here("check", "a.yaml", *options, "--format", format)
        if format == "json":
            checked = json.loads(done.stdout)
            answers = {"ok": True, "not checked": None, "FAILED": False}
            assert (checked["verdict"], checked["ok"]) == (word, answers[word])
            assert [(model["verdict"], model["ok"]) for model in checked["models"]] == [(word, answers[word])]
        else:
            assert next(csv.DictReader(io.StringIO(done.stdout)))["verdict"] == word


@pytest.mark.torch
def test_a_model_that_was_proven_on_torch_alone_was_checked(here: Run, folder: Path) -> None:
    put(folder, a=FREE)
    done = here("check", "a.yaml", "--build", "--device", "cpu")
    assert (done.returncode, last(done)) == (0, "1 model ok")


# --- --locked ----------------------------------------------------------------------------------------------


def test_locked_wants_a_lock(here: Run, folder: Path) -> None:
    put(folder, a=FREE, b=SMALL)
    done = here("check", "a.yaml", "b.yaml", "--locked")
    assert done.returncode == 1
    assert (
        done.stderr == "error: rnninspect.lock: there is no lock, and --locked wants one (check --update writes it)\n"
    )
    assert last(done) == (
        "2 models failed: there is no lock; write a lock with: rnninspect check a.yaml b.yaml --update"
    )
    here("check", "a.yaml", "b.yaml", "--update")
    done = here("check", "a.yaml", "b.yaml", "--locked")
    assert (done.returncode, done.stderr, last(done)) == (0, "", "2 models ok")


def test_locked_wants_every_model_in_the_lock(here: Run, folder: Path) -> None:
    put(folder, a=FREE, b=FREE)
    here("check", "a.yaml", "--update")
    for options in ((), ("--locked",)):  # without it too: a model that is new is a change
        done = here("check", "a.yaml", "b.yaml", *options)
        assert done.returncode == 1
        assert done.stderr == "error: b.yaml:1:1: the model is not in rnninspect.lock yet (check --update adds it)\n"
        assert last(done) == "1 of 2 models failed; accept with: rnninspect check a.yaml b.yaml --update"


def test_locked_wants_every_document_of_the_lock(here: Run, folder: Path) -> None:
    put(folder, a=FREE, b=FREE, c=FREE)
    here("check", "a.yaml", "b.yaml", "c.yaml", "--update")
    Path("b.yaml").unlink()
    assert here("check", "a.yaml").returncode == 0
    done = here("check", "a.yaml", "--locked")
    assert done.returncode == 1
    assert done.stderr == "error: rnninspect.lock: b.yaml is locked and not there (check --update drops it)\n"
    command = "rnninspect check a.yaml --update"
    assert last(done) == f"failed: 1 entry of the lock without a document; 1 model ok; drop it with: {command}"
    Path("c.yaml").unlink()
    Path("c.yaml").symlink_to("c.yaml")
    done = here("check", "a.yaml", "--locked", "--format", "json")
    assert done.returncode == 1
    assert "c.yaml is locked and cannot be looked for: Too many levels of symbolic links" in done.stderr
    checked = json.loads(done.stdout)
    assert (checked["gone"], checked["ok"], checked["models"][0]["ok"]) == (["b.yaml", "c.yaml"], False, True)
    suites = ElementTree.fromstring(here("check", "a.yaml", "--locked", "--format", "junit").stdout)
    assert [(suite.get("name"), suite.get("failures")) for suite in suites] == [("a.yaml", "0"), (NAME, "1")]


@pytest.mark.parametrize("budget", ["budget:", "budget: {}", "budget: {max_params: null}"])
def test_locked_wants_a_limit_in_a_budget(here: Run, folder: Path, budget: str) -> None:
    put(folder, a=FREE.replace("layers:", f"{budget}\nlayers:"))
    here("check", "a.yaml", "--update")
    assert here("check", "a.yaml").returncode == 0
    done = here("check", "a.yaml", "--locked")
    assert done.returncode == 1
    assert re.fullmatch(
        r"error: a\.yaml:3:\d+: the budget is empty, and --locked wants a limit in it "
        r"\(such as max_params: 20M, or remove it\)\n",
        done.stderr,
    )
    assert last(done) == "1 model failed"


def test_locked_and_update_are_not_taken_together(here: Run, folder: Path) -> None:
    put(folder, a=FREE)
    assert "--locked: --update writes what" in refused(here("check", "a.yaml", "--update", "--locked"), 2)
    assert not Path(NAME).exists()


def test_standard_input_is_not_locked(here: Run, folder: Path) -> None:
    assert "--update: standard input has no path" in refused(here("check", "-", "--update"), 2)


# --- which lock --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("git", ["folder", "file"])
def test_the_nearest_lock_up_to_the_root_of_the_repository(folder: Path, git: str) -> None:
    root, inner = folder / "root", folder / "root" / "services" / "a"
    inner.mkdir(parents=True)
    if git == "folder":
        (root / ".git").mkdir()
    else:
        (root / ".git").write_text("gitdir: elsewhere\n")
    (folder / NAME).touch()  # above the repository: somebody else's
    os.chdir(inner)
    assert str(nearest_lock()) == "rnninspect.lock"
    (root / NAME).touch()
    assert str(nearest_lock()) == "../../rnninspect.lock"
    (root / "services" / NAME).symlink_to("nowhere")
    assert str(nearest_lock()) == "../rnninspect.lock"
    (inner / NAME).touch()
    assert str(nearest_lock()) == "rnninspect.lock"
    os.chdir(root)
    assert str(nearest_lock()) == "rnninspect.lock"


def test_outside_a_repository_no_folder_above_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / NAME).touch()
    monkeypatch.chdir(tmp_path / "in")
    assert str(nearest_lock()) == "rnninspect.lock"


def test_a_folder_of_a_repository_has_the_lock_of_its_root(here: Run, folder: Path) -> None:
    inner = put(folder / "services" / "a", model=FREE)
    here("check", "services/a/model.yaml", "--update")
    done = here("check", "model.yaml", cwd=inner)
    assert (done.returncode, done.stderr, last(done)) == (0, "", "1 model ok")
    grown = ("--set", "encoder.hidden_size=6")
    done = here("check", "model.yaml", *grown, cwd=inner)
    command = "rnninspect check model.yaml --set encoder.hidden_size=6 --update"
    assert last(done) == f"1 model failed; accept with: {command}"
    put(inner, new=FREE)
    done = here("check", "new.yaml", cwd=inner)
    assert "the model is not in ../../rnninspect.lock yet" in done.stderr
    # What is found is written, and nothing else.
    done = here("check", "new.yaml", "--update", cwd=inner)
    assert done.stderr == "note: ../../rnninspect.lock: 1 added\n"
    assert list(read_lock(folder / NAME)) == ["services/a/model.yaml", "services/a/new.yaml"]
    assert not (inner / NAME).exists()


# --- the last line -----------------------------------------------------------------------------------------


def test_what_passed_is_folded_and_what_failed_comes_first(here: Run, folder: Path) -> None:
    names = [f"m{number:02}" for number in range(30)]
    put(folder, **dict.fromkeys(names, FREE))
    files = [f"{name}.yaml" for name in names]
    here("check", *files, "--update")
    put(folder, m17=GROWN, m29=GROWN)
    done = here("check", *files)
    lines = done.stdout.splitlines()
    shown = [line.split()[-5] for line in lines if re.search(r" (ok|FAILED)$", line) and ".yaml" in line]
    assert shown == ["m17.yaml", "m29.yaml", *[file for file in files if file != "m17.yaml"][:20]]
    assert "and 8 more models ok" in lines
    assert last(done) == f"2 of 30 models failed; {SIZE} rnninspect fit m17.yaml m29.yaml PATH"
    done = here("check", *files, "--max-params", "1")
    assert len(re.findall(r"^m\d\d|^.* · budget$", done.stdout, re.MULTILINE)) == 20
    assert "limits and changes of 10 more that failed: --format json" in done.stdout.splitlines()
    done = here("check", *files, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout.split("\n\n")[0])))
    assert [row["file"] for row in rows] == files
    assert len(json.loads(here("check", *files, "--format", "json").stdout)["models"]) == 30


def test_an_update_is_offered_only_where_it_helps(here: Run, folder: Path) -> None:
    put(folder, a=FREE, b=FREE)
    options = ("--lock", "my lock", "--set", "encoder.hidden_size=5")
    assert here("check", "a.yaml", "b.yaml", *options, "--update").returncode == 0
    grown = ("--lock", "my lock", "--set", "encoder.hidden_size=6")
    done = here("check", "a.yaml", "b.yaml", *grown)
    command = "rnninspect check a.yaml b.yaml --lock 'my lock' --set encoder.hidden_size=6 --update"
    assert last(done) == f"2 models failed; accept with: {command}"
    done = here("check", "a.yaml", "b.yaml", *options, "--max-params", "1")
    size = "rnninspect fit a.yaml b.yaml PATH --max-params 1 --set encoder.hidden_size=5"
    assert last(done) == f"2 models failed; {SIZE} {size}"
    # Where models are not as locked either, they would still be over it.
    assert last(here("check", "a.yaml", "b.yaml", *grown, "--max-params", "1")).startswith(f"2 models failed; {SIZE}")
    assert last(here("check", "LSTM(4, 5)", "--max-params", "1")).endswith("fit 'LSTM(4, 5)' PATH --max-params 1")
    done = here("check", "a.yaml", "b.yaml", *grown, "--max-total-params", "1")
    assert last(done) == (
        f"2 models failed; their total failed: 618 parameters, over 1; accept what has changed with: {command}"
    )
    assert here(*shlex.split(command)[1:]).returncode == 0
    assert here("check", "a.yaml", "b.yaml", *grown).returncode == 0


def test_what_an_update_changes(here: Run, folder: Path) -> None:
    put(folder, a=FREE, b=FREE, c=FREE)
    assert here("check", "a.yaml", "b.yaml", "--update").stderr == "note: rnninspect.lock: 2 added\n"
    assert here("check", "b.yaml", "--update").stderr == "note: rnninspect.lock: nothing new, 2 models\n"
    Path("b.yaml").unlink()
    done = here("check", "a.yaml", "c.yaml", "--update", "--set", "encoder.hidden_size=6")
    # 238 -> 309 of the one model that was there.
    assert done.stderr.splitlines() == [
        "note: b.yaml is gone, and dropped from rnninspect.lock",
        "note: rnninspect.lock: 1 added, 1 changed: +29.8 % parameters, 1 dropped",
    ]
    steps = ("--set", "encoder.hidden_size=6", "--set", "input.seq_len=6")
    assert here("check", "a.yaml", "--update", *steps).stderr == "note: rnninspect.lock: 1 changed: +100 % MACs\n"


@pytest.mark.parametrize("width", [40, 80])
def test_a_command_is_never_broken(width: int) -> None:
    from rnninspect.formats import terminal
    from rnninspect.results.table import Answer

    command = "rnninspect check services/encoder/models/*.yaml --update"
    answer = Answer("1 of 200 models failed", "FAILED", "accept what has changed with:", command)
    lines = terminal.render([], "", width=width, colour=False, answer=answer).splitlines()
    assert lines[-1] == f"  {command}"
    assert " ".join(map(str.strip, lines[:-1])) == answer.sentence
    assert all(len(line) <= width for line in lines[:-1])
    painted = terminal.render([], "", width=width, colour=True, answer=answer)
    assert painted != terminal.render([], "", width=width, colour=True, answer=answer._replace(verdict="ok"))


def test_a_shell_reads_the_documents_back(shell: Run, folder: Path) -> None:
    few = ["a b.yaml", "$(touch x).yaml", "'.yaml"]
    many = [f"it's/m{number}.yaml" for number in range(5)]
    some = [f"part/m{number}.yaml" for number in range(4)]
    dashes = [f"-{number}.yml" for number in range(4)]
    Path("it's").mkdir()
    Path("part").mkdir()
    for file in (*few, *many, *some, "part/another.yaml", "part/m0.json", "it's/.m.yaml", *dashes):
        Path(file).touch()
    for files, words in ((few, 3), (many, 1), (some, 4), ([*many, *some], 5), (dashes, 4)):
        command = again("check", files, ["--set", "a.b=[1, 2]"])
        assert command.endswith(" --set 'a.b=[1, 2]'")
        documents = command.removeprefix("rnninspect check ").removesuffix(" --set 'a.b=[1, 2]'")
        assert len(shlex.split(documents)) == words
        done = shell(f"printf '%s\\n' {documents}", cwd=folder)
        assert [os.path.normpath(line) for line in done.stdout.splitlines()] == files
    assert not Path("x").exists()
    assert again("check", ["-"], []) == ""


# --- documents of one command line -------------------------------------------------------------------------


def test_a_document_counts_once_whatever_it_is_called(here: Run, folder: Path) -> None:
    put(folder, a=FREE, b=FREE)
    Path("link.yaml").symlink_to("a.yaml")
    Path("in").symlink_to(".")
    files = ("a.yaml", "./a.yaml", "link.yaml", "b.yaml", "in/b.yaml", str(folder / "b.yaml"))
    done = here("check", *files, "--max-total-params", "476")
    assert done.returncode == 0
    assert (
        done.stderr.splitlines()[0] == "note: named twice, and counted once: ./a.yaml, link.yaml, in/b.yaml and 1 more"
    )
    assert re.search(r"^total +476 +within +ok$", done.stdout, re.MULTILINE)
    # A copy is another document.
    Path("copy.yaml").write_text(FREE)
    assert here("check", "a.yaml", "b.yaml", "copy.yaml", "--max-total-params", "476").returncode == 1


def test_two_documents_together(here: Run, folder: Path) -> None:
    """238 and 309 parameters: each within 400, together over 500."""
    put(folder, a=FREE, b=GROWN)
    allowed = ("--max-params", "400")
    assert here("check", "a.yaml", "b.yaml", *allowed).returncode == 0
    total = ("check", "a.yaml", "b.yaml", *allowed, "--max-total-params", "500")
    done = here(*total)
    assert done.returncode == 1
    what = "max_total_params: 547 of 2 models, over 500 by 47, 9.4 %"
    assert done.stderr.splitlines()[-1] == f"error: {what}"
    assert re.search(r"^total +547 +over +FAILED$", done.stdout, re.MULTILINE)
    assert "all · budget\n" in done.stdout
    assert last(done) == "2 models ok; their total failed: 547 parameters, over 500"
    checked = json.loads(here(*total, "--format", "json").stdout)
    assert (checked["ok"], checked["total"]) == (False, {"parameters": 547, "allowed": 500, "ok": False})
    assert [model["ok"] for model in checked["models"]] == [True, True]
    (annotation,) = here(*total, "--format", "github").stdout.splitlines()
    assert annotation == f"::error file=a.yaml,title=rnninspect%3A max_total_params::{what.replace('%', '%25')}"
    suites = ElementTree.fromstring(here(*total, "--format", "junit").stdout)
    failed = {suite.get("name"): suite.get("failures") for suite in suites}
    assert failed == {"a.yaml": "0", "b.yaml": "0", "all documents": "1"}
    row = next(csv.DictReader(io.StringIO(here(*total, "--format", "csv").stdout.split("\n\n")[1])))
    assert (row["model"], row["file"], row["limit"]) == ("all", "", "max_total_params")


def test_a_limit_on_the_total_is_held_against_every_model(here: Run, folder: Path) -> None:
    put(folder, a=FREE, b=FREE)
    done = here("check", "a.yaml", "b.yaml", "--max-total-params", "1k", "--format", "json")
    checked = json.loads(done.stdout)
    assert (done.returncode, checked["ok"]) == (0, True)
    # No limit of its own: nothing was held against it alone.
    assert [model["verdict"] for model in checked["models"]] == ["not checked", "not checked"]
    done = here("check", "a.yaml", "b.yaml", "--max-total-params", "1k")
    assert last(done) == "2 models not checked: no lock and no budget; their total ok: 476 parameters"


def test_a_total_that_cannot_be_read(here: Run, folder: Path) -> None:
    put(folder, a=FREE)
    assert "--max-total-params 20m: expected a number" in refused(
        here("check", "a.yaml", "--max-total-params", "20m"), 2
    )


def test_two_documents_of_one_name_are_told_apart(here: Run, folder: Path) -> None:
    put(folder, a=SMALL, b=SMALL, c=SMALL.replace("name: small", "name: other"))
    titles = re.findall(r"^(.*) · budget$", here("check", "a.yaml", "b.yaml", "c.yaml").stdout, re.MULTILINE)
    assert titles == ["small (a.yaml)", "small (b.yaml)", "other"]
    assert here("a.yaml", "b.yaml", "--plan").stdout.startswith("small (a.yaml) + small (b.yaml)\n")
    rows = here("check", "a.yaml", "b.yaml", "--format", "csv").stdout.split("\n\n")[1]
    assert [(row["model"], row["file"]) for row in csv.DictReader(io.StringIO(rows))] == [
        ("small", "a.yaml"),
        ("small", "b.yaml"),
    ]
