"""Documents and kinds that several test files need; everything of kinds is derived from their own fields."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from rnninspect.document.chain import Spec
from rnninspect.document.connect import connect
from rnninspect.document.overrides import override
from rnninspect.document.tree import read_tree
from rnninspect.document.validate import validate
from rnninspect.layers.layer import Layer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.registry import TYPES, kind_of

CONFIGS = Path(__file__).parent.parent / "configs"
# Every document of configs/.
DOCUMENTS = sorted(CONFIGS.glob("*.yaml"))

# Those whose layers read others than the one before, or share what is another's.
WIRED = [
    path for path in DOCUMENTS if re.search(r"^(in|out)puts:|\b(from|add|same_as|state_from): ", path.read_text(), re.M)
]

RECURRENT = tuple(name for name in TYPES if issubclass(kind_of(name), Recurrent))
# Sizes that differ from each other, so that none can stand for another by mistake.
_SIZES = {"hidden_size": 11, "output_size": 2, "num_embeddings": 13, "embedding_dim": 7, "out_features": 11}

# One small layer and nothing more: what a command needs to run at all.
SMALL = """\
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: encoder, type: LSTM, input_size: 4, hidden_size: 5}
"""
# The same for what is timed, which is on the CPU wherever a test runs.
TIMED = """
name: small
input: {batch_size: 2, seq_len: 4}
device: cpu
layers: [{name: encoder, type: LSTM, input_size: 3, hidden_size: 8}]
"""


class Git:
    """A repository in a folder, with a branch `main`; called with the words of a git command, it runs that."""

    def __init__(self, folder: Path, *, made: bool = False) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        if not made:
            self("init", "--quiet", "--initial-branch", "main")

    def __call__(self, *words: str, cwd: Path | None = None) -> str:
        # why not the user's own settings: hooks and signatures of theirs are none of a test's.
        names = {f"GIT_{who}_{what}": "x@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        ours = {**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        done = subprocess.run(
            ["git", *words], cwd=cwd or self.folder, env=ours, capture_output=True, check=True, encoding="utf-8"
        )
        return done.stdout

    def commit(self, message: str, *, add: bool = True) -> None:
        """Commit all that is in the folder, or what is staged."""
        if add:
            self("add", "--all")
        self("commit", "--quiet", "--message", message)

    @classmethod
    def clone(cls, origin: str, folder: Path, *options: str) -> Git:
        """A clone of a repository in a folder."""
        git = cls(folder, made=True)
        git("clone", "--quiet", *options, origin, ".")
        return git


def required(kind: type[Layer]) -> set[str]:
    """The fields besides `type` that a layer of this kind cannot leave out."""
    return {key for key, field in kind.model_fields.items() if field.is_required()} - {"type"}


def least_keys(name: str, sizes: Mapping[str, int] = _SIZES) -> dict[str, int]:
    """The smallest set of keys that a kind can do with once it is fed with something."""
    # why out_features: a Linear may leave it out only where `tied_to` gives it.
    keys = required(kind_of(name)) | ({"out_features"} if name == "Linear" else set())
    # why dim: torch's own default is another axis than the features.
    axis = {"dim": -1} if name in ("Softmax", "LogSoftmax") else {}
    return {key: sizes.get(key, 3) for key in sorted(keys)} | axis


def text_of(*layers: str, head: str = "input: {batch_size: 3, seq_len: 5}") -> str:
    """A document of layers, each written like `type: GRU, input_size: 2, hidden_size: 3`."""
    return "\n".join([head, "layers:", *(f"  - {{{layer}}}" for layer in layers), ""])


def document(*layers: str, steps: int = 6, size: int | None = 3, more: str = "", dtype: str = "float64") -> str:
    """The same with what a run is given: steps, sequences (None: one, unbatched), and more keys of `input`."""
    batch = "null" if size is None else size
    return text_of(*layers, head=f"dtype: {dtype}\ninput: {{batch_size: {batch}, seq_len: {steps}{more}}}")


def spec_of(document: str | Mapping[str, object], *settings: str, name: str = "doc") -> Spec:
    """What a document means, given as its text or as what the text says, with `--set` of `settings`."""
    text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
    tree = override(read_tree(text, f"{name}.yaml"), settings)
    return connect(validate(tree), tree, name)


def written(folder: Path, text: str, name: str = "doc.yaml") -> Path:
    """The file of this name in a folder, with this text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
