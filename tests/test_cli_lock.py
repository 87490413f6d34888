"""The lock from the command line: why a model is not as locked, a renamed document, an old lock, a merge by git."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from ended import Run
from worlds import Git

from rnninspect import output

MODEL = """\
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: encoder, type: LSTM, input_size: 4, hidden_size: 5}
  - {name: decoder, type: GRU, hidden_size: 7}
  - {name: head, type: Linear, out_features: 3}
"""
CAUSE = "encoder: hidden_size 5 → 6: parameters 220 → 288 (+30.9 %)"


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What stands after each `error:`; every line on stderr is one, and none is too long."""
    lines = done.stderr.splitlines()
    assert all(line.startswith("error: ") and len(line) <= 240 for line in lines), lines
    return [line.removeprefix("error: ") for line in lines]


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout.splitlines()[-1]


@pytest.fixture
def folder(here: Run, tmp_path: Path) -> Path:
    """`models/a.yaml` and `models/b.yaml`, both locked."""
    (tmp_path / "models").mkdir()
    for name in "ab":
        (tmp_path / "models" / f"{name}.yaml").write_text(MODEL)
    assert here("check", "models/a.yaml", "models/b.yaml", "--update", cwd=tmp_path).returncode == 0
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_a_change_is_told_in_the_same_words_wherever_it_is_told(
    here: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(folder / "models" / "a.yaml", "hidden_size: 5", "hidden_size: 6")
    done = here("check", "models/a.yaml", cwd=folder)
    total = "the model: parameters 538 → 627 (+16.5 %), MACs 2,718 → 3,204 (+17.9 %)"
    assert errors(done) == [f"models/a.yaml:3:61: {CAUSE}", f"models/a.yaml:1:1: {total}"]
    github = here("check", "models/a.yaml", "--format", "github", cwd=folder).stdout
    assert f"::a: {CAUSE}\n".replace("%", "%25") in github
    junit = ElementTree.fromstring(here("check", "models/a.yaml", "--format", "junit", cwd=folder).stdout)
    assert [failure.get("message") for failure in junit.iter("failure")] == [CAUSE]
    # where there are no arrows
    monkeypatch.setattr(output, "stdout_is_utf8", lambda: False)
    for format in ("github", "markdown"):
        plain = here("check", "models/a.yaml", "--format", format, cwd=folder).stdout
        assert "encoder: hidden_size 5 -> 6: parameters 220 -> 288" in plain
    # tensors stay in the table
    assert "weight_ih_l0" in done.stdout
    assert "weight" not in done.stderr + github.partition("##")[0]


def test_a_setting_alone_fails_and_is_allowed_to_grow(here: Run, folder: Path) -> None:
    edit(folder / "models" / "a.yaml", "type: GRU", "type: GRU, trainable: false")
    done = here("check", "models/a.yaml", cwd=folder)
    assert (done.returncode, errors(done)) == (1, ["models/a.yaml:4:43: decoder: trainable true → false"])
    done = here("check", "models/a.yaml", "--max-growth", "0%", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_renamed_document_is_known_again(here: Run, run: Run, folder: Path) -> None:
    (folder / "models" / "a.yaml").rename(folder / "models" / "first.yaml")
    edit(folder / "models" / "b.yaml", "hidden_size: 5", "hidden_size: 6")
    (folder / "models" / "near").mkdir()
    (folder / "models" / "near" / "b.yaml").write_text(MODEL.replace("size: 7", "size: 8"))
    (folder / "other.yaml").write_text(MODEL.replace("size: 7", "size: 9"))
    new, adds = "the model is not in rnninspect.lock yet", "(check --update adds it)"
    renamed = "renamed from models/a.yaml, else unchanged (check --update renames it in rnninspect.lock)"
    done = here("check", "models/first.yaml", "models/near/b.yaml", "other.yaml", cwd=folder)
    assert errors(done) == [
        f"models/first.yaml:1:1: {renamed}",
        f"models/near/b.yaml:1:1: {new}; it has models/b.yaml {adds}",
        f"other.yaml:1:1: {new} {adds}",
    ]
    # what is in no file is neither added nor renamed
    write = "(write it to a file, and check --update adds it)"
    done = here("check", "LSTM(3, 5)", cwd=folder)
    assert done.stderr.endswith(f"LSTM(3, 5):1:1: {new} {write}\n")
    done = run("check", "-", "--locked", cwd=folder, stdin=MODEL)
    gone = "it has models/a.yaml, which is the same model and is gone"
    assert f"error: <stdin>:1:1: {new}; {gone} {write}\n" in done.stderr
    # told once, though the lock has an entry whose document is gone; and a copy of what was renamed is no second one
    (folder / "models" / "copy.yaml").write_text(MODEL)
    done = here("check", "models/copy.yaml", "models/first.yaml", "--locked", cwd=folder)
    assert errors(done)[0] == f"models/copy.yaml:1:1: {renamed}"
    same = "it has models/b.yaml, which is the same model"
    assert errors(done)[1] == f"models/first.yaml:1:1: {new}; {same} {adds}"
    assert [line.split()[-2:] for line in done.stdout.splitlines()[3:5]] == [
        ["renamed", "FAILED"],
        ["missing", "FAILED"],
    ]
    assert last_line(done).startswith("2 models failed; accept with")
    (folder / "models" / "copy.yaml").unlink()
    done = here("check", "models/first.yaml", "--update", cwd=folder)
    assert done.stderr == "note: models/a.yaml is models/first.yaml now\nnote: rnninspect.lock: 1 renamed\n"
    assert here("check", "models/first.yaml", "--locked", cwd=folder).returncode == 0


def test_an_old_lock_is_read_and_said_to_be_one(here: Run, folder: Path) -> None:
    lock = folder / "rnninspect.lock"
    lines = [json.loads(line) for line in lock.read_text().splitlines() if line]
    old = [{key: value for key, value in line.items() if key != "settings"} for line in lines if "layer" in line]
    old.sort(key=lambda line: (line["file"], line["layer"]))
    lock.write_text("\n".join(json.dumps(line) for line in ({"rnninspect_lock": 1}, *old)) + "\n")
    note = "note: rnninspect.lock is of version 1 and keeps no settings: changes are told by their weights "
    note += "(check --update writes them)\n"
    edit(folder / "models" / "b.yaml", "type: GRU", "type: GRU, trainable: false")
    done = here("check", "models/a.yaml", "models/b.yaml", cwd=folder)
    assert (done.returncode, done.stderr) == (0, note)
    done = here("check", "models/a.yaml", "--update", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "note: rnninspect.lock: 1 with settings now\n")
    part = note.replace("is of version 1 and keeps no settings", "keeps no settings of 1 of these 2 models")
    assert here("check", "models/a.yaml", "models/b.yaml", cwd=folder).stderr == part
    assert here("check", "models/b.yaml", "--update", cwd=folder).returncode == 0
    before = lock.read_bytes()
    done = here("check", "models/a.yaml", "models/b.yaml", "--update", cwd=folder)
    assert (done.stderr, lock.read_bytes()) == ("note: rnninspect.lock: nothing new, 2 models\n", before)


def test_branches_that_touch_two_layers_merge_and_those_that_touch_one_are_rebuilt(here: Run, folder: Path) -> None:
    git, model, lock = Git(folder), folder / "models" / "a.yaml", folder / "rnninspect.lock"

    def branch(name: str, old: str, new: str) -> None:
        git("checkout", "-q", "-b", name, "main")
        edit(model, old, new)
        assert here("check", "models/a.yaml", "--update", cwd=folder).returncode == 0
        git.commit(name)

    git.commit("start")
    branch("encoder", "input_size: 4", "input_size: 8")
    branch("head", "out_features: 3", "out_features: 9")
    branch("encoder-too", "input_size: 4", "input_size: 16")
    # two layers: both changes are in the lock, and it is that of the model that git has made
    git("checkout", "-q", "encoder")
    git("merge", "-q", "--no-edit", "head")
    assert here("check", "models/a.yaml", "models/b.yaml", cwd=folder).returncode == 0
    # one layer: neither the document nor the lock is whole, and the lock is rebuilt for what is decided
    with pytest.raises(subprocess.CalledProcessError):
        git("merge", "-q", "--no-edit", "encoder-too")
    model.write_text(re.sub(r"<<<<<<< .*\n(.*\n)=======\n.*\n>>>>>>> .*\n", r"\1", model.read_text()))
    done = here("check", "models/a.yaml", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(
        r"error: rnninspect.lock:\d+: the lock is broken: a merge conflict stands here "
        r"\(check models/a.yaml --update writes it anew\)\n",
        done.stderr,
    )
    torn = lock.read_bytes()
    done = here("check", "models/b.yaml", "--update", cwd=folder)
    assert (done.returncode, lock.read_bytes()) == (2, torn)
    assert "a merge conflict stands here, and models/a.yaml in it would be lost (check models/a.yaml " in done.stderr
    done = here("check", "models/a.yaml", "--update", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "note: rnninspect.lock: 1 rebuilt\n")
    assert here("check", "models/a.yaml", "models/b.yaml", cwd=folder).returncode == 0
