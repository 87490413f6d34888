"""What whoever reviews a change of a repository with three documents is shown: page, errors, annotations, summary.

Each golden is a change and what `check` says of it. To have one written anew, remove it and run this file twice: look
at what is there then.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ended import Run
from worlds import Git

TESTS = Path(__file__).parent
SPELLER = """\
name: speller
input: {batch_size: 32, seq_len: 12}
budget: {max_params: 1.2M}
layers:
  - name: letters
    type: Embedding
    num_embeddings: 96
    embedding_dim: 32
  - name: encoder
    type: GRU
    hidden_size: 256
    num_layers: 2
  - name: head
    type: Linear
    out_features: 96
"""
READER = """\
name: reader
input: {batch_size: 64, seq_len: 100}
layers:
  - name: encoder
    type: LSTM
    input_size: 9
    hidden_size: 32
  - name: norm
    type: LayerNorm
  - name: head
    type: Linear
    out_features: 6
"""
WIDER = ("hidden_size: 256", "hidden_size: 320")
WIDEST = ("hidden_size: 256", "hidden_size: 300")
DEEPER = ("num_layers: 2", "num_layers: 3")
DEEPEST = ("num_layers: 2", "num_layers: 4")
RICHER = ("num_embeddings: 96", "num_embeddings: 128")
# So many lines of a summary are seen before anything is opened or scrolled.
HEAD = 24


class Repository:
    """The example and two more documents, locked and committed."""

    def __init__(self, folder: Path, here: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        shutil.copytree(TESTS / "example", folder)
        self.folder, self.here, self.monkeypatch = folder, here, monkeypatch
        for name, text in (("speller", SPELLER), ("reader", READER)):
            self.path(name).write_text(text)
        self.accept()
        self.git = Git(folder)
        self.git.commit("start")

    def path(self, name: str) -> Path:
        return self.folder / "models" / f"{name}.yaml"

    @property
    def files(self) -> list[str]:
        """What a shell makes of models/*.yaml."""
        return sorted(path.relative_to(self.folder).as_posix() for path in self.path("x").parent.iterdir())

    def edit(self, name: str, old: str, new: str) -> None:
        text = self.path(name).read_text()
        assert text.count(old) == 1
        self.path(name).write_text(text.replace(old, new))

    def accept(self) -> None:
        assert not self.here("check", *self.files, "--update", cwd=self.folder).stderr.count("error")

    def branch(self, name: str, *change: str) -> None:
        """A branch with one change of the speller, and the lock that goes with it."""
        self.git("checkout", "--quiet", "-b", name, "main")
        self.edit("speller", *change)
        self.accept()
        self.git.commit(name)

    def seen(self, *options: str) -> str:
        """All that a reviewer sees of one check."""
        done = self.here("check", *self.files, *options, cwd=self.folder)
        summary = self.folder.parent / "summary.md"
        summary.unlink(missing_ok=True)
        with self.monkeypatch.context() as runner:
            runner.setenv("GITHUB_STEP_SUMMARY", str(summary))
            github = self.here("check", *self.files, *options, "--format", "github", cwd=self.folder)
        assert github.returncode == done.returncode
        annotations = "".join(re.findall(r"^::.*\n", github.stdout + github.stderr, re.MULTILINE))
        parts = {
            f"$ rnninspect {' '.join(['check', 'models/*.yaml', *options])}": f"exit code {done.returncode}\n",
            "stderr": done.stderr,
            "stdout": done.stdout,
            "annotations": annotations,
            f"summary, first {HEAD} lines": "".join(summary.read_text().splitlines(keepends=True)[:HEAD]),
        }
        return "".join(f"## {title}\n{text}\n" for title, text in parts.items())


@pytest.fixture
def repository(tmp_path: Path, here: Run, monkeypatch: pytest.MonkeyPatch) -> Repository:
    if shutil.which("git") is None:
        pytest.skip("git is not here")
    return Repository(tmp_path / "repository", here, monkeypatch)


def hold(seen: str, name: str) -> None:
    golden = TESTS / "goldens" / f"reviewer_{name}.txt"
    if not golden.exists():
        golden.write_text(seen, encoding="utf-8")
        pytest.fail(f"{golden.name} was not there, and is written: look at it")
    assert seen == golden.read_text(encoding="utf-8")


def test_a_layer_that_has_grown(repository: Repository) -> None:
    repository.edit("speller", *WIDER)
    hold(repository.seen("--locked"), "grown")


def test_growth_that_is_limited_since_the_base(repository: Repository) -> None:
    repository.edit("speller", *WIDER)
    # why: a commit's name has the time in it
    seen = repository.seen("--base", "main", "--max-growth", "params=20%")
    hold(re.sub(r"\(\w{10}\)", "(COMMIT)", seen), "grown_since_base")


def test_a_limit_that_is_broken_though_the_lock_has_accepted_it(repository: Repository) -> None:
    repository.edit("speller", *DEEPEST)
    repository.here("check", *repository.files, "--update", cwd=repository.folder)
    hold(repository.seen("--locked"), "limit")


def test_a_file_that_is_renamed(repository: Repository) -> None:
    repository.git("mv", "models/reader.yaml", "models/sensor.yaml")
    hold(repository.seen("--locked"), "renamed")


@pytest.mark.parametrize(("options", "name"), [((), "deleted"), (("--locked",), "deleted_locked")])
def test_a_file_that_is_deleted(repository: Repository, options: tuple[str, ...], name: str) -> None:
    repository.git("rm", "--quiet", "models/reader.yaml")
    hold(repository.seen(*options), name)


def test_two_branches_that_touch_two_layers(repository: Repository) -> None:
    """git merges document and lock, and there is nothing to tell."""
    repository.branch("deeper", *DEEPER)
    repository.branch("richer", *RICHER)
    repository.git("merge", "--quiet", "--no-edit", "deeper")
    hold(repository.seen("--locked"), "merged")


def test_two_branches_that_touch_one_layer(repository: Repository) -> None:
    """git merges neither: both are told, and when the document is decided the lock alone."""
    repository.branch("wider", *WIDER)
    repository.branch("widest", *WIDEST)
    with pytest.raises(subprocess.CalledProcessError):
        repository.git("merge", "--quiet", "--no-edit", "wider")
    document = repository.seen("--locked")
    text = repository.path("speller").read_text()
    repository.path("speller").write_text(re.sub(r"<<<<<<< .*\n(.*\n)=======\n.*\n>>>>>>> .*\n", r"\1", text))
    hold(document + repository.seen("--locked"), "conflict")
    repository.here("check", *repository.files, "--update", cwd=repository.folder)
    assert repository.here("check", *repository.files, "--locked", cwd=repository.folder).stderr.count("lock") == 0
