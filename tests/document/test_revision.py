"""Documents read at a revision: held against what git itself shows of real repositories, none of which is trusted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ended import Run
from worlds import SMALL, Git

from rnninspect.document.git import contents, objects
from rnninspect.document.load import load_at_revision
from rnninspect.document.revision import documents_at, find_revision, read_revision
from rnninspect.document.source import MAX_BYTES, Text
from rnninspect.errors import CannotHere, DocumentError, Place

ASKED = Place("--base main")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Git:
    """A repository with a commit of all that can be there, and a tag of it. Nobody changes it."""
    git = Git(tmp_path_factory.mktemp("repository"))
    top = git.folder
    (top / "models" / "deep").mkdir(parents=True)
    (top / "models" / "a.yaml").write_text(SMALL)
    (top / "models" / "\N{GREEK SMALL LETTER ALPHA} b.yaml").write_text(SMALL)
    (top / "models" / "deep" / "c.yaml").write_text(SMALL.replace("5", "6"))
    (top / "models" / "broken.yaml").write_text("layers: [\n")
    (top / "models" / "latin.yaml").write_bytes(b"# \xe9\n")
    (top / "models" / "large.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    (top / "models" / "most.yaml").write_bytes(b"#" * MAX_BYTES)
    (top / "models" / "empty.yaml").write_bytes(b"")
    (top / "models" / "lfs.yaml").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
    )
    for name, target in (("link", "a.yaml"), ("gone", "nothing"), ("out", "../../a.yaml"), ("round", "round.yaml")):
        (top / "models" / f"{name}.yaml").symlink_to(target)
    (top / "linked").symlink_to("models")
    git.commit("all")
    git("tag", "v1")
    return git


@pytest.fixture
def inside(repository: Git, monkeypatch: pytest.MonkeyPatch) -> Git:
    monkeypatch.chdir(repository.folder)
    return repository


def refused(name: str, path: str) -> str:
    with pytest.raises(DocumentError) as caught:
        read_revision(name, path)
    return str(caught.value)


# --- what is read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["models/a.yaml", "models/\N{GREEK SMALL LETTER ALPHA} b.yaml", "models/deep/c.yaml", "models/most.yaml"]
)
@pytest.mark.parametrize("name", ["main", "v1", "HEAD", "main@{0}", "refs/heads/main", "main^{/all}"])
def test_a_document_is_what_git_shows(inside: Git, name: str, path: str) -> None:
    shown = inside("show", f"{name}:{path}")
    assert read_revision(name, path) == Text(f"{name}:{path}", shown)


def test_it_is_as_it_was_and_not_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = Git(tmp_path)
    (tmp_path / "a.yaml").write_text(SMALL)
    git.commit("one")
    (tmp_path / "a.yaml").write_text("changed")
    git("add", "a.yaml")
    monkeypatch.chdir(tmp_path)
    assert read_revision("HEAD", "a.yaml").text == SMALL
    assert git("status", "--short") == "M  a.yaml\n"


def test_a_path_begins_at_the_top_and_with_a_dot_at_the_current_folder(
    inside: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(inside.folder / "models" / "deep")
    for path in ("models/a.yaml", "./c.yaml", "../a.yaml"):
        assert read_revision("main", path).text == inside("show", f"main:{path}", cwd=Path.cwd())
    assert refused("main", "c.yaml") == "main:c.yaml: main has no such file (did you mean 'main:./c.yaml'?)"
    assert refused("main", "d.yaml").endswith("(paths begin at the top of the repository)")
    assert "outside of the repository" in refused("main", "../../../a.yaml")


def test_symbolic_links_are_followed_within_the_repository(inside: Git) -> None:
    assert read_revision("main", "models/link.yaml").text == SMALL
    assert read_revision("main", "linked/a.yaml").text == SMALL
    assert "a symbolic link to what is not there" in refused("main", "models/gone.yaml")
    assert "leads out of the repository" in refused("main", "models/out.yaml")
    assert "leads back to itself" in refused("main", "models/round.yaml")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("models", "main:models: is a directory"),
        ("models/", "main:models/: is a directory"),
        ("models/no.yaml", "main has no such file"),
        ("models/a.yaml/b", "main has no such file"),
        ("models/a.yaml\nmain:models/a.yaml", "main has no such file"),
        ("models/large.yaml", "main:models/large.yaml: larger than 256 KiB"),
        ("models/latin.yaml", "main:models/latin.yaml:1:3: byte 0xe9 is not UTF-8 here"),
        ("models/lfs.yaml", "main:models/lfs.yaml:1:1: this is a pointer of Git LFS"),
    ],
)
def test_what_is_no_document(inside: Git, path: str, words: str) -> None:
    assert words in refused("main", path)


def test_what_is_wrong_in_a_document_has_its_place_at_the_revision(inside: Git) -> None:
    with pytest.raises(DocumentError) as caught:
        load_at_revision("main:models/broken.yaml")
    assert str(caught.value).startswith("main:models/broken.yaml:2:1: ")
    with pytest.raises(DocumentError, match=r"^main:models/empty.yaml:1:1: the document is empty"):
        load_at_revision("main:models/empty.yaml")


def test_a_model_is_called_as_its_document(inside: Git) -> None:
    assert load_at_revision("main:models/a.yaml")[0].name == "a"
    assert load_at_revision("v1:./models/deep/c.yaml")[0].name == "c"


def test_a_file_with_a_colon_in_its_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = Git(tmp_path)
    (tmp_path / "a.yaml").write_text(SMALL)
    git.commit("one")
    (tmp_path / "main:a.yaml").write_text(SMALL.replace("5", "6"))
    monkeypatch.chdir(tmp_path)
    assert load_at_revision("main:a.yaml")[0].name == "main:a"
    (tmp_path / "main:a.yaml").unlink()
    assert load_at_revision("main:a.yaml")[0].name == "a"


def test_many_documents_are_read_at_once_and_each_is_its_own(inside: Git) -> None:
    revision = find_revision("main", ASKED)
    files = ["models/a.yaml", "models/no.yaml", "models/latin.yaml", "models/deep/c.yaml", "./models/../models/a.yaml"]
    a, nothing, latin, c, again = documents_at(revision, files)
    assert (a, nothing, again) == (Text("main:models/a.yaml", SMALL), None, a)
    assert isinstance(latin, DocumentError)
    assert c == Text("main:models/deep/c.yaml", SMALL.replace("5", "6"))


# --- what cannot be read -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mian", "no commit here is called 'mian' (did you mean 'main'?)"),
        ("nothing-like-it", "(git branch --all lists branches; git fetch gets new ones)"),
        ("", "expected a branch, a tag or a commit, got nothing"),
        ("main:models/a.yaml", "no commit here is called"),
        ("main^{tree}", "no commit here is called"),
        ("main\nmain", "no commit here is called"),
        ("f" * 40, "no commit here is called"),
    ],
)
def test_a_revision_that_is_none(inside: Git, name: str, words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        find_revision(name, ASKED)
    assert str(caught.value).startswith("--base main: ")
    assert words in str(caught.value)


def test_a_repository_without_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Git(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert "no commit here is called 'HEAD'" in refused("HEAD", "a.yaml")


def test_a_branch_of_another_repository_is_named_and_a_shallow_clone_is(
    repository: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = repository.folder.as_uri()
    Git.clone(origin, tmp_path / "clone", "--branch", "v1")
    monkeypatch.chdir(tmp_path / "clone")
    assert "(did you mean 'origin/main'?)" in refused("main", "models/a.yaml")
    assert read_revision("origin/main", "models/a.yaml").text == SMALL
    Git.clone(origin, tmp_path / "shallow", "--depth", "1")
    monkeypatch.chdir(tmp_path / "shallow")
    assert "fetch-depth: 0 of actions/checkout gets them" in refused("origin/release", "models/a.yaml")


def test_files_that_are_none_of_the_repository(inside: Git, tmp_path: Path) -> None:
    revision = find_revision("main", ASKED)
    with pytest.raises(DocumentError, match="outside of the repository"):
        documents_at(revision, ["models/a.yaml", str(tmp_path / "a.yaml")])


def test_files_are_found_by_every_way_to_them(inside: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "way").symlink_to(inside.folder)
    expected = Text("main:models/a.yaml", SMALL)
    for folder, file in (
        (inside.folder, inside.folder / "models" / "a.yaml"),
        (inside.folder, tmp_path / "way" / "models" / "a.yaml"),
        (tmp_path / "way" / "models" / "deep", "../a.yaml"),
    ):
        monkeypatch.chdir(folder)
        assert documents_at(find_revision("main", ASKED), [str(file)]) == [expected]


def test_a_repository_within_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the outer one does not hold must not be taken for new in it."""
    outer, inner = Git(tmp_path), Git(tmp_path / "inner")
    (tmp_path / "inner" / "a.yaml").write_text(SMALL)
    inner.commit("inner")
    (tmp_path / "a.yaml").write_text(SMALL)
    outer("add", "a.yaml")
    outer.commit("outer", add=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DocumentError, match=r"^inner/a.yaml: this belongs to a repository of its own, inner"):
        documents_at(find_revision("main", ASKED), ["inner/a.yaml"])


def test_a_bare_repository_has_revisions_and_no_files(
    repository: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Git.clone(str(repository.folder), tmp_path / "bare", "--bare")
    monkeypatch.chdir(tmp_path / "bare")
    assert read_revision("main", "models/a.yaml").text == SMALL
    with pytest.raises(DocumentError, match="this folder is in no work tree of git"):
        documents_at(find_revision("main", ASKED), ["a.yaml"])


# --- what a repository must not do -------------------------------------------------------------------------


@pytest.fixture
def trapped(repository: Git, tmp_path: Path) -> Git:
    """A clone whose own settings would leave a file `sprung`, whenever git runs something of theirs."""
    git = Git.clone(str(repository.folder), tmp_path / "trapped")
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "core.editor", "core.askPass", "core.sshCommand", "gpg.program"):
        git("config", key, str(trap))
    for key in ("alias.rev-parse", "alias.cat-file", "diff.trap.textconv", "filter.trap.smudge", "filter.trap.clean"):
        git("config", key, f"!{trap}" if key.startswith("alias") else str(trap))
    git("config", "pager.cat-file", "true")
    git("config", "log.showSignature", "true")
    (git.folder / ".gitattributes").write_text("*.yaml diff=trap filter=trap\n")
    for hook in ("post-checkout", "pre-commit", "post-index-change", "reference-transaction"):
        (git.folder / ".git" / "hooks" / hook).write_bytes(trap.read_bytes())
        (git.folder / ".git" / "hooks" / hook).chmod(0o755)
    return git


def test_nothing_of_a_repository_is_run(trapped: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trapped.folder)
    assert load_at_revision("HEAD:models/a.yaml")[0].name == "a"
    documents_at(find_revision("main", ASKED), ["models/a.yaml", "models/no.yaml"])
    assert "did you mean" in refused("mian", "models/a.yaml")
    assert not (tmp_path / "sprung").exists()
    # The trap can spring.
    trapped("status")
    assert (tmp_path / "sprung").exists()


def test_nothing_is_fetched(repository: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A partial clone has the names of files without what is in them; that is not the same as "not there"."""
    repository("config", "uploadpack.allowFilter", "true")
    Git.clone(repository.folder.as_uri(), tmp_path / "partial", "--filter=blob:none", "--no-checkout")
    monkeypatch.chdir(tmp_path / "partial")
    with pytest.raises(CannotHere, match=r"git failed: .*this clone is a partial one: git show fetches what it lacks"):
        read_revision("main", "models/a.yaml")


@pytest.mark.parametrize("name", ["--help", "--batch-all-objects", "-h", "--output=made", "--textconv"])
def test_a_revision_is_never_an_option(inside: Git, here: Run, name: str) -> None:
    before = sorted(Path().iterdir())
    done = here("diff", "--", f"{name}:models/a.yaml", "models/a.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {name}:models/a.yaml: no commit here is called {name!r}")
    assert sorted(Path().iterdir()) == before


def test_a_repository_of_somebody_else_is_said_to_be_that(
    repository: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.chdir(repository.folder)
    with pytest.raises(CannotHere) as caught:
        read_revision("main", "models/a.yaml")
    assert "dubious ownership" in str(caught.value)
    assert f"(git config --global --add safe.directory {repository.folder})" in str(caught.value)


def test_objects_are_told_apart_from_what_is_not_there(inside: Git) -> None:
    names = ["main", "main:models/no.yaml", "main:models/gone.yaml", "main:models/a.yaml", "a\nb", "main:models"]
    found = objects(names, ASKED)
    assert [item and item.kind for item in found] == [
        *("commit", None, "a symbolic link to what is not there"),
        *("blob", None, "tree"),
    ]
    assert found[3] is not None
    assert contents([found[3].name], ASKED) == {found[3].name: SMALL.encode()}
    assert contents([], ASKED) == {}


# --- diff --------------------------------------------------------------------------------------------------


def test_diff_takes_a_revision_on_either_side(inside: Git, here: Run) -> None:
    a, c = "main:models/a.yaml", "v1:models/deep/c.yaml"
    there, back, same = here("diff", a, c), here("diff", c, "models/a.yaml"), here("diff", a, "models/a.yaml")
    assert [done.returncode for done in (there, back, same)] == [0, 0, 0]
    assert "encoder.hidden_size" in there.stdout
    assert "encoder.hidden_size" in back.stdout
    assert "no layer differs" in same.stdout
    files = [model["file"] for model in json.loads(here("diff", a, c, "--format", "json").stdout)["models"]]
    assert files == [a, c]


def test_other_commands_take_files_alone(inside: Git, here: Run) -> None:
    done = here("params", "--plan", "main:models/a.yaml")
    assert done.returncode == 2
    assert "no such file" in done.stderr
