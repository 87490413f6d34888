"""`rnninspect check --base REF`: models held against their own documents at a revision of real repositories."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ended import Run, refused
from worlds import SMALL, Git

# SMALL has 4 * 5 * (4 + 5 + 2) = 220 parameters, with hidden_size 6 it has 288.
GROWN = SMALL.replace("hidden_size: 5", "hidden_size: 6")


def put(folder: Path, **documents: str) -> None:
    """A document for each keyword."""
    for name, text in documents.items():
        (folder / f"{name}.yaml").write_text(text)


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """A repository with `same`, `grown` and `broken`, the last two of which have changed since; `new` has come."""
    git = Git(tmp_path)
    put(tmp_path, same=SMALL, grown=SMALL, broken=SMALL.replace("LSTM", "LTSM"))
    git.commit("before")
    put(tmp_path, grown=GROWN, broken=SMALL, new=SMALL)
    return git


def words(done: subprocess.CompletedProcess[str]) -> tuple[int, dict[str, str]]:
    """The exit code, and what the base and the verdict say of each model, from the JSON of a check."""
    models = json.loads(done.stdout)["models"]
    assert {model["lock"] for model in models} == {"none"}
    return done.returncode, {model["name"]: f"{model['base']}: {model['verdict']}" for model in models}


def errors(done: subprocess.CompletedProcess[str]) -> Sequence[str]:
    return [line.removeprefix("error: ") for line in done.stderr.splitlines() if line.startswith("error: ")]


# --- what is said of a model -------------------------------------------------------------------------------


def test_each_model_is_held_against_its_own_document(here: Run, git: Git) -> None:
    names = ["same.yaml", "grown.yaml", "broken.yaml", "new.yaml"]
    done = here("check", *names, "--base", "main", cwd=git.folder)
    assert done.returncode == 1
    assert [line.split()[1:] for line in done.stdout.splitlines()[3:7]] == [
        ["grown.yaml", "288", "none", "changed", "FAILED"],
        ["broken.yaml", "220", "none", "unreadable", "not", "checked"],
        ["new.yaml", "220", "none", "new", "not", "checked"],
        ["same.yaml", "220", "none", "same", "ok"],
    ]
    assert "grown · changes since main\n" in done.stdout
    assert done.stdout.count("changes since") == 1
    commit = git("rev-parse", "main")[:10]
    assert done.stdout.endswith(f"\n\n1 of 4 models failed, 2 not checked; base: main ({commit})\n")
    note, *errors = done.stderr.splitlines()
    assert note.startswith(
        "note: broken.yaml is taken for new, as its document at main is no model: main:broken.yaml:3:27: "
    )
    assert all(error.startswith("error: grown.yaml:") for error in errors)
    assert "lock" not in done.stdout + done.stderr
    assert "--update" not in done.stdout + done.stderr


def test_growth_since_the_base_is_limited(here: Run, git: Git) -> None:
    allowed = here("check", "grown.yaml", "--base", "main", "--max-growth", "params=31%", cwd=git.folder)
    assert (allowed.returncode, allowed.stderr) == (0, "")
    assert "changed, allowed  ok" in allowed.stdout
    over = here("check", "grown.yaml", "--base", "main", "--max-growth", "params=30%", cwd=git.folder)
    assert over.returncode == 1
    assert errors(over) == [
        "grown.yaml:3:61: parameters 220 → 288, +30.9 % since main, over the allowed 30 %: encoder: hidden_size 5 → 6"
    ]


def test_a_model_that_is_new_is_allowed_and_not_with_locked(here: Run, git: Git) -> None:
    args = ("check", "same.yaml", "new.yaml", "broken.yaml", "--base", "main", "--format", "json")
    said = {"same": "same: ok", "new": "new: not checked", "broken": "unreadable: not checked"}
    assert words(here(*args, cwd=git.folder)) == (0, said)
    limited = here(*args, "--max-params", "1k", "--max-growth", "1%", cwd=git.folder)
    assert words(limited) == (0, {name: word.replace("not checked", "ok") for name, word in said.items()})
    done = here(*args, "--locked", cwd=git.folder)
    assert words(done) == (1, {name: word.replace("not checked", "FAILED") for name, word in said.items()})
    assert errors(done) == [
        f"{name}.yaml:1:1: the model is not at main, and --locked wants it there" for name in ("new", "broken")
    ]


def test_what_is_not_checked_is_said_to_be_that(here: Run, git: Git) -> None:
    done = here("check", "same.yaml", "new.yaml", "--base", "main", cwd=git.folder)
    assert "\n1 model ok, 1 not checked: nothing at main and no budget; base: main (" in done.stdout


def test_both_get_the_settings(here: Run, git: Git) -> None:
    """What a change of the document costs is asked, at other sizes too."""
    args = ("check", "grown.yaml", "--base", "main", "--format", "json")
    assert words(here(*args, "--set", "encoder.hidden_size=9", cwd=git.folder)) == (0, {"grown": "same: ok"})
    done = here(*args, "--set", "encoder.input_size=8", cwd=git.folder)
    (model,) = json.loads(done.stdout)["models"]
    parameters = [(change["locked"], change["now"]) for change in model["changes"] if change["field"] == "parameters"]
    assert parameters[0] == (4 * 5 * (8 + 5 + 2), 4 * 6 * (8 + 6 + 2))


def test_a_setting_that_the_base_cannot_take_makes_it_no_model(here: Run, tmp_path: Path) -> None:
    git = Git(tmp_path)
    put(tmp_path, a=SMALL.replace("encoder", "reader"))
    git.commit("before")
    put(tmp_path, a=SMALL)
    done = here("check", "a.yaml", "--base", "main", "--set", "encoder.hidden_size=9", cwd=tmp_path)
    assert done.returncode == 0
    assert "is no model: --set encoder.hidden_size=9: no layer is called 'encoder'" in done.stderr
    assert "unreadable" in done.stdout


def test_no_lock_is_read(here: Run, git: Git) -> None:
    (git.folder / "rnninspect.lock").write_text("<<<<<<< broken\n")
    assert here("check", "same.yaml", cwd=git.folder).returncode == 2
    done = here("check", "same.yaml", "--base", "main", "--locked", cwd=git.folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_json_says_what_models_were_held_against(here: Run, git: Git) -> None:
    def against(*options: str) -> Any:
        return json.loads(here("check", "same.yaml", *options, "--format", "json", cwd=git.folder).stdout)["against"]

    commit = git("rev-parse", "main").strip()
    assert against("--base", "HEAD") == {"kind": "base", "name": "HEAD", "commit": commit}
    assert against() is None
    assert here("check", "same.yaml", "--update", cwd=git.folder).returncode == 0
    assert against() == {"kind": "lock", "name": "rnninspect.lock", "commit": None}


def test_reports_call_the_rule_by_its_name(here: Run, git: Git) -> None:
    args = ("check", "grown.yaml", "--base", "main", "--max-growth", "1%", "--format")
    (suite,) = ElementTree.fromstring(here(*args, "junit", cwd=git.folder).stdout)
    assert [case.get("name") for case in suite] == ["document", "base"]
    (run,) = json.loads(here(*args, "sarif", cwd=git.folder).stdout)["runs"]
    assert {result["ruleId"] for result in run["results"]} == {"base"}
    assert here(*args, "github", cwd=git.folder).stdout.startswith("::error file=grown.yaml,line=3")


# --- a repository that uses it -----------------------------------------------------------------------------


TAGGER = (
    SMALL + "  # Far enough\n  # from the encoder\n  # to be merged.\n  - {name: head, type: Linear, out_features: 3}\n"
)
WIDE = ("hidden_size: 5", "hidden_size: 6")
DEEP = ("out_features: 3", "out_features: 12")


def test_two_branches_that_add_up_are_each_judged_against_their_own_base(here: Run, tmp_path: Path) -> None:
    """220 + 18 parameters, wide 288 + 21 (+29.8 %), deep 220 + 72 (+22.7 %), and both 288 + 84.

    That is 20.4 % over wide, which is main by then, and 56.3 % over the lock of the start: it would blame the second
    branch for what the first has done.
    """
    git, args = Git(tmp_path), ("check", "a.yaml", "--max-growth", "params=30%")
    put(tmp_path, a=TAGGER)
    assert here("check", "a.yaml", "--update", cwd=tmp_path).returncode == 0
    git.commit("start")
    for branch, change in (("wide", WIDE), ("deep", DEEP)):
        git("checkout", "--quiet", "-b", branch, "main")
        put(tmp_path, a=TAGGER.replace(*change))
        git.commit(branch)
        assert here(*args, "--base", "main", cwd=tmp_path).returncode == 0
    git("checkout", "--quiet", "main")
    git("merge", "--quiet", "wide")
    # As a server tests a pull request: merged with what main has become.
    git("checkout", "--quiet", "deep")
    git("merge", "--quiet", "main", "--message", "merged")
    assert (tmp_path / "a.yaml").read_text() == TAGGER.replace(*WIDE).replace(*DEEP)
    assert here(*args, "--base", "main", cwd=tmp_path).returncode == 0
    done = here(*args, cwd=tmp_path)
    assert done.returncode == 1
    assert (
        "parameters 238 → 372, +56.3 % since the lock, over the allowed 30 %: encoder: hidden_size 5 → 6, "
        in done.stderr
    )
    done = here(*args, "--base", "main~1", cwd=tmp_path)
    assert done.returncode == 1
    assert errors(done) == [
        "a.yaml:3:61: parameters 238 → 372, +56.3 % since main~1, over the allowed 30 %: "
        "encoder: hidden_size 5 → 6, head: out_features 3 → 12"
    ]


def test_from_within_a_folder_and_of_a_file_that_has_moved(here: Run, tmp_path: Path) -> None:
    git = Git(tmp_path)
    (tmp_path / "services" / "a").mkdir(parents=True)
    put(tmp_path / "services" / "a", model=SMALL, old=SMALL)
    git.commit("before")
    git("mv", "services/a/old.yaml", "services/a/moved.yaml")
    put(tmp_path / "services" / "a", model=SMALL.replace("]", ""), moved=GROWN)
    folder = tmp_path / "services" / "a"
    done = here("check", "model.yaml", "moved.yaml", "--base", "main", "--format", "json", cwd=folder)
    assert words(done) == (0, {"model": "same: ok", "moved": "new: not checked"})


def test_many_documents_take_few_processes(here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git, trace = Git(tmp_path), tmp_path / "trace"
    put(tmp_path, **{f"m{size}": SMALL.replace("hidden_size: 5", f"hidden_size: {size}") for size in range(5, 45)})
    git.commit("before")
    files = sorted(path.name for path in tmp_path.glob("*.yaml"))
    monkeypatch.setenv("GIT_TRACE", str(trace))
    assert here("check", *files, "--base", "main", cwd=tmp_path).returncode == 0
    assert len(files) == 40
    assert 0 < trace.read_text().count("trace: built-in: git ") <= 4


# --- what cannot be asked ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--base", "main", "--update"), "--base: no lock is read or written with it (leave --update or --base out)"),
        (("--base", "main", "--lock", "x"), "--base: no lock is read or written with it (leave --lock or --base out)"),
        (("--base", "mian"), "--base mian: no commit here is called 'mian' (did you mean 'main'?)"),
        (("--base=--output=made",), "no commit here is called '--output=made'"),
        (("--base", "main", "../a.yaml"), "../a.yaml: this is outside of the repository"),
        (("--base", "main", "-"), "--base: standard input is at no revision (name a file)"),
    ],
)
def test_what_is_refused(here: Run, git: Git, args: tuple[str, ...], words: str) -> None:
    (git.folder.parent / "a.yaml").write_text(SMALL)
    assert words in refused(here("check", "same.yaml", *args, cwd=git.folder))
    assert not (git.folder / "made").exists()


def test_outside_of_a_repository(here: Run, tmp_path: Path) -> None:
    put(tmp_path, a=SMALL)
    line = refused(here("check", "a.yaml", "--base", "main", cwd=tmp_path))
    assert line == "--base main: this folder is in no git repository (cd to the one of the documents)"


def test_without_git(here: Run, git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(git.folder))
    line = refused(here("check", "same.yaml", "--base", "main", cwd=git.folder), 3)
    assert line == "--base main: git is not installed here, and revisions are read by it"
