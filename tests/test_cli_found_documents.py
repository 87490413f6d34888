"""`identify --document`: what is written loads, has the weights of the file, and replaces nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from ended import Run, refused
from found_by_hand import identified, safetensors, torch_layer
from torch import nn
from worlds import CONFIGS

from rnninspect.commands.shared.found_documents import documents, write_documents
from rnninspect.commands.shared.new_files import create
from rnninspect.document.chain import Spec
from rnninspect.document.load import load_spec, spec_of
from rnninspect.document.tree import read_tree
from rnninspect.errors import OptionError
from rnninspect.files.identify import identify
from rnninspect.files.read import read
from rnninspect.plan import plan
from rnninspect.runtime.modules import build

Weights = dict[str, tuple[int, ...]]

ENCODER = torch_layer("encoder", "LSTM", (7, 5), 2, both=True)
DECODER = torch_layer("decoder.rnn", "GRU", (10, 3))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights_of(spec: Spec) -> dict[str, Weights]:
    return {layer.name: {w.name: w.shape for w in layer.weights} for layer in plan(spec).layers}


def files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith((".safetensors", ".pt")))


# --- what is written ------------------------------------------------------------------------------------------


def test_one_layer_is_one_document(here: Run, folder: Path) -> None:
    safetensors(Path("model.safetensors"), ENCODER)
    done = here("identify", "model.safetensors", "--document", "new.yaml")
    assert (done.returncode, done.stderr) == (0, "note: wrote new.yaml; try: rnninspect new.yaml --plan\n")
    assert done.stdout.startswith("model.safetensors")
    assert here("new.yaml", "--plan").returncode == 0
    roles = {part.tensor.name.partition(".")[2]: part.tensor.shape for part in ENCODER.parts}
    assert weights_of(load_spec("new.yaml")) == {"encoder": roles}


def test_several_layers_are_documents_of_their_own(here: Run, folder: Path) -> None:
    safetensors(Path("model.safetensors"), ENCODER, DECODER)
    done = here("identify", "model.safetensors", "--document", "new.yaml", "--format", "json")
    assert done.returncode == 0
    assert done.stderr == "note: wrote new-encoder.yaml and new-decoder_rnn.yaml, a layer each\n"
    assert len(json.loads(done.stdout)["files"][0]["layers"]) == 2
    assert files_of(folder) == ["new-decoder_rnn.yaml", "new-encoder.yaml"]
    assert here("params", "--plan", "new-encoder.yaml", "new-decoder_rnn.yaml").returncode == 0


def test_what_is_there_is_not_replaced_and_nothing_else_is_written(here: Run, folder: Path) -> None:
    safetensors(Path("model.safetensors"), ENCODER, DECODER)
    Path("new-decoder_rnn.yaml").write_text("mine")
    line = refused(here("identify", "model.safetensors", "--document", "new.yaml"))
    assert line == "--document: new-decoder_rnn.yaml is there already (nothing is replaced: name another file)"
    assert (files_of(folder), Path("new-decoder_rnn.yaml").read_text()) == (["new-decoder_rnn.yaml"], "mine")


def test_a_folder_that_is_not_there_is_named(here: Run, folder: Path) -> None:
    safetensors(Path("model.safetensors"), ENCODER)
    line = refused(here("identify", "model.safetensors", "--document", "none/new.yaml"), 3)
    assert line == f"cannot write none/new.yaml: there is no folder {folder}/none"


def test_a_file_that_is_half_written_is_removed(folder: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        create({Path("a"): "a", Path("b"): "\ud800"})
    assert files_of(folder) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--document", "-"), "--document: expected the name of a file, such as model.yaml"),
        (("--document", "a.yaml", "--output", "./a.yaml"), "--document: --output is the same file (name another)"),
        (
            ("other.safetensors", "--document", "a.yaml"),
            "--document: the layers of one file are written, got 2 (name one file)",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(here: Run, folder: Path, words: tuple[str, ...], message: str) -> None:
    safetensors(Path("model.safetensors"), ENCODER)
    assert refused(here("identify", "model.safetensors", *words)) == message
    assert files_of(folder) == []


def test_without_a_layer_it_fails(here: Run, folder: Path) -> None:
    safetensors(Path("model.safetensors"), more={"head.weight": (2, 3)})
    done = here("identify", "model.safetensors", "--document", "new.yaml")
    assert (done.returncode, done.stderr) == (
        1,
        "error: model.safetensors: no document is written, as there is no recurrent layer that is understood\n",
    )


def test_a_layer_that_no_document_can_have_is_told_and_nothing_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such LSTMs have been published, and torch builds none."""
    wide = torch_layer("wide", "LSTM", (3, 4), proj_size=4)
    assert write_documents(identified(DECODER, wide), Path("new.yaml")) == 1
    assert capsys.readouterr().err.splitlines() == [
        "error: model.pt: new-wide.yaml:11:16: layers[0].proj_size: layer 'wide': expected less than hidden_size 4, "
        "got 4 (torch projects to fewer features only; proj_size: 0 is no projection)",
        "note: no document is written",
    ]
    assert files_of(folder) == []


def test_so_many_layers_are_not_written() -> None:
    layer = torch_layer("a", "GRU", (2, 3))
    assert len(documents(identified(*[layer] * 200), Path("a.yaml"))) == 200
    with pytest.raises(OptionError, match="has 201 layers, at most 200"):
        documents(identified(*[layer] * 201), Path("a.yaml"))


# --- from a document to torch, to a file, and back ------------------------------------------------------------

# The documents whose weights are soon written.
SMALL = [path for path in sorted(CONFIGS.glob("*.yaml")) if plan(load_spec(str(path))).parameters < 2_000_000]


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
def test_a_config_comes_back(path: Path, tmp_path: Path) -> None:
    spec = load_spec(str(path))
    model = build(spec, "cpu")
    state = {
        f"{link.layer.name}.{name}": tensor
        for link, module in zip(spec.links, model.layers, strict=True)
        for name, tensor in module.state_dict().items()
    }
    torch.save(state, tmp_path / "model.pt")
    texts = documents(identify(read(str(tmp_path / "model.pt"))), Path("new.yaml"))
    back = {
        name: weights
        for text in texts.values()
        for name, weights in weights_of(spec_of(read_tree(text, "new.yaml"), "new")).items()
    }
    kinds = {link.layer.name: link.layer.type for link in spec.links}
    own = {name: weights for name, weights in weights_of(spec).items() if kinds[name] in ("RNN", "LSTM", "GRU")}
    assert {name: back.get(name) for name in own} == own


def test_a_pickled_module_says_its_options(folder: Path, here: Run) -> None:
    torch.save(nn.RNN(5, 7, 2, nonlinearity="relu", batch_first=True, dropout=0.25), "model.pt")
    assert here("identify", "model.pt", "--document", "new.yaml").returncode == 0
    (link,) = load_spec("new.yaml").links
    said = {"nonlinearity": "relu", "batch_first": True, "dropout": 0.25, "num_layers": 2}
    assert said.items() <= link.layer.arguments().items()
    assert "not in the file: t" not in Path("new.yaml").read_text()
