"""Whether a checkpoint fits a document: torch's load_state_dict says what is missing, unexpected, of another size."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest
import torch
from cases import cases
from torch import Tensor, nn

from rnninspect.document.chain import Spec
from rnninspect.document.load import spec_of
from rnninspect.document.tree import read_tree
from rnninspect.files.fits import Fit, Wanted, fit
from rnninspect.files.found import FoundLayer, Part
from rnninspect.files.held import HeldTensor
from rnninspect.files.misfits import causes
from rnninspect.plan import plan

State = dict[str, Tensor]

TEXT = """\
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: embed, type: Embedding, num_embeddings: 11, embedding_dim: 5}
  - {name: encoder, type: LSTM, hidden_size: 7, num_layers: 2, bidirectional: true}
  - {name: norm, type: LayerNorm}
  - {name: decoder, type: GRU, hidden_size: 3}
  - {name: head, type: Linear, out_features: 4}
"""


class Model(nn.Module):
    """What TEXT describes, as anybody would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 5)
        self.encoder = nn.LSTM(5, 7, num_layers=2, bidirectional=True)
        self.norm = nn.LayerNorm(14)
        self.decoder = nn.GRU(14, 3)
        self.head = nn.Linear(3, 4)


def wanted_of(spec: Spec) -> list[Wanted]:
    return [
        Wanted(layer.name, layer.type, weight.name, weight.shape, weight.shared_with)
        for layer in plan(spec).layers
        for weight in layer.weights
    ]


def spec(text: str = TEXT) -> Spec:
    return spec_of(read_tree(text, "model.yaml"), "model.yaml")


def fitted(state: Mapping[str, Tensor], text: str = TEXT) -> Fit:
    return fit(wanted_of(spec(text)), {name: tuple(tensor.shape) for name, tensor in state.items()})


def told(state: Mapping[str, Tensor], text: str = TEXT) -> list[str]:
    return [cause.sentence for cause in causes(fitted(state, text))]


def torch_says(state: Mapping[str, Tensor]) -> tuple[set[str], set[str], set[str]]:
    """The keys that load_state_dict finds missing, unexpected, of another size."""
    try:
        Model().load_state_dict(dict(state), strict=True)
    except RuntimeError as error:
        lines = str(error).splitlines()
        keys = {
            word: {key for line in lines if word in line for key in re.findall(r'"([^"]+)"', line)}
            for word in ("Missing key", "Unexpected key")
        }
        sizes = {line.split(" for ")[1].split(":")[0] for line in lines if "size mismatch" in line}
        return keys["Missing key"], keys["Unexpected key"], sizes
    return set(), set(), set()


def without(*parts: str) -> Callable[[State], State]:
    return lambda state: {name: tensor for name, tensor in state.items() if not any(part in name for part in parts)}


def renamed(old: str, new: str) -> Callable[[State], State]:
    return lambda state: {name.replace(old, new): tensor for name, tensor in state.items()}


def with_layer(name: str, module: nn.Module) -> Callable[[State], State]:
    """The state with the tensors of another module in the place of a layer's."""
    own = {f"{name}.{role}": tensor for role, tensor in module.state_dict().items()}
    return lambda state: {**without(f"{name}.")(state), **own}


def prefixed(prefix: str, **beside: Tensor) -> Callable[[State], State]:
    return lambda state: {**{prefix + name: tensor for name, tensor in state.items()}, **beside}


def transposed(state: State) -> State:
    return {name: tensor.T if name.startswith("encoder.weight") else tensor for name, tensor in state.items()}


TAKE_OFF = r"take it off: {name.removeprefix(\1): tensor for name, tensor in state_dict.items()}"
MUTATIONS: dict[str, Callable[[State], State]] = {
    "DataParallel": prefixed("module."),
    "compiled": prefixed("_orig_mod."),
    "part of a larger model": prefixed("tagger.", **{"tagger.crf.weight": torch.zeros(2, 2)}),
    "a cell": with_layer("decoder", nn.GRUCell(14, 3)),
    "another name": renamed("encoder.", "rnn."),
    "a name with dots": renamed("encoder.", "blocks.0.rnn."),
    "another name and a prefix": lambda state: prefixed("module.")(renamed("decoder.", "rnn.")(state)),
    "two that could be it": lambda state: {
        **renamed("decoder.", "rnn1.")(state),
        **{f"rnn2.{role}": tensor for role, tensor in nn.GRU(14, 3).state_dict().items()},
    },
    "another name and size": lambda state: {
        **without("decoder.")(state),
        **{f"rnn.{role}": tensor for role, tensor in nn.GRU(15, 4).state_dict().items()},
    },
    "no reverse": without("_reverse"),
    "both ways": with_layer("decoder", nn.GRU(14, 3, bidirectional=True)),
    "fewer of all": with_layer("encoder", nn.LSTM(5, 7)),
    "one way": with_layer("encoder", nn.LSTM(5, 7, num_layers=2)),
    "fewer layers": without("_l1"),
    "more layers": with_layer("decoder", nn.GRU(14, 3, num_layers=3)),
    "no biases": without("decoder.bias"),
    "one bias": without("decoder.bias_hh"),
    "a Linear without": without("head.bias"),
    "transposed": transposed,
    "a row more": with_layer("embed", nn.Embedding(12, 5)),
    "fewer rows": with_layer("embed", nn.Embedding(4, 5)),
    "wider": with_layer("embed", nn.Embedding(11, 6)),
    "more units": with_layer("decoder", nn.GRU(14, 8)),
    "another input": with_layer("decoder", nn.GRU(2, 3)),
    "another kind": with_layer("decoder", nn.LSTM(14, 3)),
    "projected": with_layer("encoder", nn.LSTM(5, 7, num_layers=2, bidirectional=True, proj_size=2)),
    "other features": with_layer("head", nn.Linear(5, 6)),
    "a wider norm": with_layer("norm", nn.LayerNorm(9)),
    "nothing of it": without("norm."),
    "more than it": lambda state: {**state, "decoder.h_0": torch.zeros(3), "crf.weight": torch.zeros(2)},
    "tensors of no layer": lambda state: {**state, "step": torch.zeros(()), "onnx::LSTM_382": torch.zeros(2)},
}
# The sentences that explain each.
EXPLAINED = cases(
    """
DataParallel
    'module.' stands before the names, as DataParallel and DistributedDataParallel leave it (TAKE OFF 'module.')
compiled
    '_orig_mod.' stands before the names, as torch.compile leaves it (TAKE OFF '_orig_mod.')
part of a larger model
    'tagger.' stands before the names: the model is a part of what was saved (TAKE OFF 'tagger.')
    the document has no layer for 'crf' of the file
a cell
    decoder: the file's has the names of a cell, GRUCell (type: GRUCell)
another name
    encoder: the file has it as 'rnn' (call the layer rnn)
a name with dots
    encoder: the file has it as 'blocks.0.rnn' (rename its tensors)
another name and a prefix
    'module.' stands before the names, as DataParallel and DistributedDataParallel leave it (TAKE OFF 'module.')
    decoder: the file has it as 'rnn' (call the layer rnn)
two that could be it
    decoder: the file may have it as 'rnn1' or 'rnn2', which are of one shape
    the document has no layer for 'rnn2' of the file
another name and size
    decoder: most like it in the file is 'rnn', by its names alone
    decoder: the file's hidden_size is 4, not 3 (hidden_size: 4)
    decoder: the file's input_size is 15, not 14 (input_size: 15)
no reverse
    encoder: the file's reads one way (bidirectional: false)
both ways
    decoder: the file's is bidirectional (bidirectional: true)
fewer of all
    encoder: the file's reads one way (bidirectional: false)
    encoder: the file's has 1 stacked layer, not 2 (num_layers: 1)
one way
    encoder: the file's reads one way (bidirectional: false)
fewer layers
    encoder: the file's has 1 stacked layer, not 2 (num_layers: 1)
more layers
    decoder: the file's has 3 stacked layers, not 1 (num_layers: 3)
no biases
    decoder: the file's has no biases (bias: false)
one bias
    decoder: the file's has one bias vector, and torch has two: bias_hh is missing (put zeros in the place of bias_hh)
a Linear without
    head: the file's has no biases (bias: false)
transposed
    encoder: its matrices are transposed: (in, out), as Keras keeps them, where torch has (out, in) (transpose them)
a row more
    embed: the file's table has 1 row more than num_embeddings 11: a row for padding or for unknown words, most likely
      (num_embeddings: 12)
fewer rows
    embed: the file's table has 7 rows fewer than num_embeddings 11 (num_embeddings: 4)
wider
    embed: the file's embedding_dim is 6, not 5 (embedding_dim: 6)
more units
    decoder: the file's hidden_size is 8, not 3 (hidden_size: 8)
another input
    decoder: the file's input_size is 2, not 14 (input_size: 2)
another kind
    decoder: the file's has 4 gates, as an LSTM (type: LSTM)
projected
    encoder: the file's projects its output (proj_size: 2)
other features
    head: the file's out_features is 6, not 4 (out_features: 6)
    head: the file's in_features is 5, not 3 (in_features: 5)
a wider norm
    norm: the file's normalized_shape is (9,) (normalized_shape: [9])
nothing of it
    norm: nothing in the file is like this LayerNorm
more than it
    decoder: unexpected: h_0
    the document has no layer for 'crf' of the file (load with strict=False to leave it out)
tensors of no layer
    the document has nothing for 'step' and 'onnx::LSTM_382' of the file, in whose names there is no layer
"""
)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_it_finds_what_load_state_dict_finds(mutation: str) -> None:
    state = MUTATIONS[mutation](Model().state_dict())
    found = fitted(state)
    missing, unexpected, mismatched = torch_says(state)
    assert missing | unexpected | mismatched
    assert (set(found.missing), set(found.unexpected), set(found.mismatched)) == (missing, unexpected, mismatched)
    assert not found.ok
    assert found.fitting == found.wanted - len(missing) - len(mismatched)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_is_explained(mutation: str) -> None:
    explained = [re.sub(r"TAKE OFF ('.*')", TAKE_OFF, sentence) for sentence in EXPLAINED[mutation]]
    assert told(MUTATIONS[mutation](Model().state_dict())) == explained


def test_a_remedy_loads_what_it_is_for() -> None:
    """The Python of a remedy, run on the file as torch.load returns it."""
    file = {"epoch": 3, "state_dict": {f"model.{name}": tensor for name, tensor in Model().state_dict().items()}}
    (cause,) = causes(fitted(file["state_dict"]), key="state_dict")
    remedy = cause.remedy.partition(": ")[2]
    Model().load_state_dict(eval(remedy, {"file": file}), strict=True)


def test_what_a_prefix_alone_keeps_from_fitting_is_counted() -> None:
    state = with_layer("norm", nn.LayerNorm(9))(Model().state_dict())
    assert fitted(prefixed("module.")(state)).behind_prefix == 23
    assert fitted(state).behind_prefix == 0


def test_what_fits_fits() -> None:
    found = fitted(Model().state_dict())
    assert torch_says(Model().state_dict()) == (set(), set(), set())
    assert (found.ok, found.fitting, found.wanted, causes(found)) == (True, 25, 25, ())


def test_a_remedy_mends_what_it_is_for() -> None:
    """The keys that are named, set in the document, make the file fit."""
    state = with_layer("decoder", nn.GRU(14, 8, num_layers=3, bias=False))(Model().state_dict())
    state = with_layer("head", nn.Linear(8, 6))(state)
    text = TEXT
    for remedy in (cause.remedy for cause in causes(fitted(state)) if cause.layer == "decoder"):
        text = text.replace("type: GRU", f"type: GRU, {remedy}").replace(", hidden_size: 3}", "}")
    assert fitted(state, text.replace("out_features: 4", "out_features: 6")).ok


def test_a_layer_in_the_place_of_a_cell_is_told() -> None:
    text = TEXT.replace("type: GRU", "type: GRUCell")
    assert fitted(with_layer("decoder", nn.GRUCell(14, 3))(Model().state_dict()), text).ok
    assert told(Model().state_dict(), text) == [
        "decoder: the file's has the names of a layer, and of no cell (type: GRU)"
    ]


def test_a_tied_weight_that_the_file_has_once() -> None:
    text = """\
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: embed, type: Embedding, num_embeddings: 11, embedding_dim: 5}
  - {name: head, type: Linear, tied_to: embed, bias: false}
"""
    sentence = "head: weight is one with embed.weight, which the file has only once (load with strict=False: whoever"
    state = {"embed.weight": torch.zeros(11, 5), "head.weight": torch.zeros(11, 5)}
    assert fitted(state, text).ok
    del state["head.weight"]
    assert fitted(state, text).missing == ["head.weight"]
    assert [line.startswith(sentence) for line in told(state, text)] == [True]


def test_a_layer_that_is_packed_in_another_way_is_named() -> None:
    shapes = {"gru/kernel": (14, 9), "gru/recurrent_kernel": (3, 9), "gru/bias": (2, 9)}
    parts = tuple(Part(HeldTensor(name, shape, "float32"), name) for name, shape in shapes.items())
    layer = FoundLayer(
        name="gru",
        type="GRU",
        input_size=14,
        hidden_size=3,
        biases="two",
        convention="keras",
        parts=parts,
        known_from="names",
    )
    state = without("decoder.")(Model().state_dict())
    held = {name: tuple(tensor.shape) for name, tensor in state.items()} | shapes
    (cause, _) = causes(fit(wanted_of(spec()), held), [layer])
    assert cause.sentence == (
        "decoder: the file's 'gru' is such a layer, and not packed as torch does (its matrices are to be transposed "
        "or reordered; identify --all shows how they are packed)"
    )


def test_names_that_are_long_or_many_take_no_time() -> None:
    held: dict[str, tuple[int, ...]] = {f"{'a.' * 5_000}{k}": (2,) for k in range(200)}
    held |= {f"l{k}.weight": (k,) for k in range(20_000)}
    layers = "\n".join(f"  - {{name: n{k}, type: Linear, out_features: 3}}" for k in range(500))
    text = (
        f"input: {{batch_size: 1, seq_len: 1}}\nlayers:\n  - {{type: LSTM, input_size: 2, hidden_size: 3}}\n{layers}\n"
    )
    found = fit(wanted_of(spec(text)), held)
    assert (found.fitting, len(found.unexpected)) == (0, 20_200)
    assert len(causes(found)) == 501 + 1
