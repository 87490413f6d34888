"""Which part of an axis is whose, and in which order a batch comes back: held against torch, with unequal sizes.

A stack in both directions is run once more as layers of one direction each, put together as the layout says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from worlds import spec_of

from rnninspect.agree import differences
from rnninspect.facts.models import ModelFacts
from rnninspect.formats.csv import render
from rnninspect.letters import Layout, layout_of
from rnninspect.plan import plan
from rnninspect.results.model import Report, document
from rnninspect.results.shapes import shapes_table
from rnninspect.results.weights import weights_table
from rnninspect.runtime.real import measure

CPU = torch.device("cpu")
L, N, H_IN, H_CELL, DEPTH = 5, 3, 2, 11, 3


def facts_of(*layers: str, head: str = f"input: {{batch_size: {N}, seq_len: {L}}}") -> ModelFacts:
    return plan(spec_of(f"{head}\nlayers: [{', '.join(layers)}]\n"))


def json_of(model: ModelFacts) -> list[dict[str, Any]]:
    found: Any = document(Report([model], "plan", 0, []))["models"]
    return found[0]["layers"]  # type: ignore[no-any-return]


def layouts(layer: dict[str, Any], group: str) -> dict[str, Layout]:
    return {item["name"]: item["layout"] for item in layer[group]}


# --- layers and directions ---------------------------------------------------------------------------------


def span_of(words: str) -> slice:
    """`features 0-6 forward` as a slice."""
    first, dash, last = words.split()[1].partition("-")
    return slice(int(first), int(last if dash else first) + 1)


def put_together(parts: dict[str, Tensor], along: Sequence[str]) -> Tensor:
    """Each direction's features where the layout says that they are."""
    whole = torch.full((*parts["forward"].shape[:-1], 2 * parts["forward"].shape[-1]), torch.nan, dtype=torch.float64)
    for words in along:
        whole[..., span_of(words)] = parts[words.split()[-1]]
    return whole


@pytest.mark.parametrize(
    ("kind", "options", "states"),
    [("LSTM", {"proj_size": 7}, ("h_n", "c_n")), ("LSTM", {}, ("h_n", "c_n")), ("GRU", {}, ("h_n",))],
    ids=["LSTM, projected", "LSTM", "GRU"],
)
def test_every_index_is_the_layer_and_direction_that_the_layout_says(
    kind: str, options: dict[str, int], states: tuple[str, ...]
) -> None:
    """A stack of 3 in both directions against 6 layers of one direction, each fed as the layout says."""
    both = {**options, "num_layers": DEPTH, "bidirectional": "true"}
    words = ", ".join(f"{key}: {value}" for key, value in both.items())
    (layer,) = json_of(facts_of(f"{{type: {kind}, input_size: {H_IN}, hidden_size: {H_CELL}, {words}}}"))
    shown = layouts(layer, "outputs")
    torch.manual_seed(0)
    stack = getattr(nn, kind)(H_IN, H_CELL, DEPTH, bidirectional=True, dtype=torch.float64, **options)
    fed = torch.randn(L, N, H_IN, dtype=torch.float64)
    output, after = stack(fed)
    found = dict(zip(states, after if kind == "LSTM" else (after,), strict=True))
    ends: dict[str, dict[str, Tensor]] = {state: {} for state in states}
    for k in range(DEPTH):
        outputs = {}
        for direction in ("forward", "reverse"):
            suffix = f"_l{k}" + "_reverse" * (direction == "reverse")
            alone = getattr(nn, kind)(fed.shape[-1], H_CELL, dtype=torch.float64, **options)
            own = {name: getattr(stack, name.replace("_l0", suffix)) for name, _ in alone.named_parameters()}
            alone.load_state_dict(own)
            way = [0] if direction == "reverse" else []
            out, last = alone(fed.flip(way))
            outputs[direction] = out.flip(way)
            for state, end in zip(states, last if kind == "LSTM" else (last,), strict=True):
                ends[state][f"layer {k} {direction}"] = end[0]
        # The layer above reads its columns as its W_ih says, and the last output is as its own layout says.
        upper = layouts(layer, "weights").get(f"weight_ih_l{k + 1}")
        fed = put_together(outputs, (upper or shown["output"])[-1] or ())
    torch.testing.assert_close(output, fed, rtol=0, atol=1e-14)
    for state in states:
        along = shown[state][0] or ()
        assert len(set(along)) == len(along) == 2 * DEPTH == found[state].shape[0]
        for index, whose in enumerate(along):
            torch.testing.assert_close(found[state][index], ends[state][whose], rtol=0, atol=1e-14)


def test_the_layout_of_every_tensor_and_weight() -> None:
    options = "proj_size: 7, num_layers: 2, bidirectional: true, bias: false"
    (layer,) = json_of(facts_of(f"{{type: LSTM, input_size: 2, hidden_size: 11, {options}}}"))
    rows = ("layer 0 forward", "layer 0 reverse", "layer 1 forward", "layer 1 reverse")
    halves = ("features 0-6 forward", "features 7-13 reverse")
    assert layouts(layer, "inputs") == {"input": (None,) * 3, "h_0": (rows, None, None), "c_0": (rows, None, None)}
    assert layouts(layer, "outputs") == {
        "output": (None, None, halves),
        "h_n": (rows, None, None),
        "c_n": (rows, None, None),
    }
    weights = layouts(layer, "weights")
    upper = {"weight_ih_l1", "weight_ih_l1_reverse"}
    assert {name for name, layout in weights.items() if layout != (None, None)} == upper
    assert {weights[name] for name in upper} == {(None, halves)}


def test_the_layout_of_one_direction_and_of_what_reads_two() -> None:
    one, two, linear = json_of(
        facts_of(
            "{type: RNN, input_size: 2, hidden_size: 3, num_layers: 2}",
            "{type: GRU, hidden_size: 1, bidirectional: true}",
            "{type: Linear, out_features: 4}",
        )
    )
    assert layouts(one, "outputs") == {
        "output": (None,) * 3,
        "h_n": (("layer 0 forward", "layer 1 forward"), None, None),
    }
    assert set(layouts(one, "weights").values()) == {(None, None), (None,)}
    assert layouts(two, "outputs")["output"][-1] == ("feature 0 forward", "feature 1 reverse")
    # What the next layer reads is its input alone: H_in, whatever the layer before calls it.
    assert layouts(two, "inputs")["input"] == layouts(linear, "inputs")["input"] == (None,) * 3
    assert set(layouts(linear, "weights").values()) == {(None, None), (None,)}


def test_an_axis_of_unknown_letters_has_no_layout() -> None:
    assert layout_of(("1", "N", "H_out"), (1, 3, 4), 2) == (None, None, None)


def notes(model: ModelFacts) -> Iterable[str]:
    return (*shapes_table(model).notes, "-", *weights_table(model).notes)


def test_the_legend_of_two_directions() -> None:
    model = facts_of("{type: LSTM, input_size: 2, hidden_size: 7, num_layers: 2, bidirectional: true}")
    _, rows, halves, _, _, columns = notes(model)
    assert rows == "num_layers*D: index 2k: layer k forward, 2k+1: layer k reverse"
    assert halves == columns == "D*H_out: features 0-6 forward, 7-13 reverse"


def test_the_legend_names_layers_where_they_differ() -> None:
    alike = "{type: GRU, hidden_size: 3, bidirectional: true}"
    first = "{type: GRU, input_size: 2, hidden_size: 3, bidirectional: true}"
    _, rows, halves, *_ = notes(facts_of(first, alike))
    assert (rows, halves) == (
        "num_layers*D: index 2k: layer k forward, 2k+1: layer k reverse",
        "D*H_out: features 0-2 forward, 3-5 reverse",
    )
    model = facts_of(first, alike, "{type: RNN, hidden_size: 1, bidirectional: true}", "{type: LSTM, hidden_size: 4}")
    assert list(notes(model))[1:4] == [
        "num_layers*D of gru, gru2, rnn: index 2k: layer k forward, 2k+1: layer k reverse",
        "D*H_out of gru, gru2: features 0-2 forward, 3-5 reverse",
        "D*H_out of rnn: feature 0 forward, 1 reverse",
    ]


def test_the_legend_of_one_direction_says_nothing_of_two() -> None:
    model = facts_of("{type: LSTM, input_size: 2, hidden_size: 7, num_layers: 2}")
    assert not any("reverse" in note for note in notes(model))


# --- a packed batch ----------------------------------------------------------------------------------------

LENGTHS = [3, 5, 2]


def test_a_packed_batch_comes_back_as_said() -> None:
    """Sequences of a length of their own, and of values of their own: unpacked they stand where they stood."""
    head = f"input: {{batch_size: 3, seq_len: 7, lengths: {LENGTHS}}}"
    (layer,) = json_of(facts_of("{type: GRU, input_size: 3, hidden_size: 4}", head=head))
    given, output, last = (layer["inputs"][0], *layer["outputs"])
    assert (given["shape"], given["unpacked_axes"], given["unpacked_shape"]) == ((10, 3), ("L", "N", "H_in"), (5, 3, 3))
    assert (output["shape"], output["unpacked_shape"]) == ((10, 4), (5, 3, 4))
    assert last["unpacked_axes"] is last["unpacked_shape"] is None
    torch.manual_seed(0)
    gru = nn.GRU(3, 4)
    sequences = [torch.randn(length, 3) for length in LENGTHS]
    packed = pack_padded_sequence(pad_sequence(sequences), torch.tensor(LENGTHS), enforce_sorted=False)
    found, h_n = gru(packed)
    assert tuple(packed.data.shape) == given["shape"]
    assert tuple(found.data.shape) == output["shape"]
    for batch_first, axes in ((False, ("L", "N", "D*H_out")), (True, ("N", "L", "D*H_out"))):
        whole, lengths = pad_packed_sequence(found, batch_first=batch_first)
        told = facts_of(
            f"{{type: GRU, input_size: 3, hidden_size: 4, batch_first: {str(batch_first).lower()}}}", head=head
        )
        fact = told.layers[0].outputs[0]
        assert (fact.unpacked_axes, fact.unpacked_shape) == (axes, tuple(whole.shape))
        assert lengths.tolist() == LENGTHS
        for n, sequence in enumerate(sequences):
            alone, end = gru(sequence)
            here = whole[n] if batch_first else whole[:, n]
            torch.testing.assert_close(here[: LENGTHS[n]], alone)
            assert not here[LENGTHS[n] :].any()
            torch.testing.assert_close(h_n[:, n], end)


def test_every_layer_of_a_packed_chain_is_measured_as_planned() -> None:
    """Also what is no recurrent layer's, and with N first; a wrong plan is a difference."""
    chain = (
        "{type: Embedding, num_embeddings: 9, embedding_dim: 3}",
        "{type: LSTM, hidden_size: 4, batch_first: true, bidirectional: true}",
        "{type: GRUCell, hidden_size: 6}",
        "{type: Linear, out_features: 2}",
    )
    spec = spec_of(f"input: {{lengths: {LENGTHS}}}\nlayers: [{', '.join(chain)}]\n")
    planned, measured = plan(spec), measure(spec, plan(spec), CPU)
    unpacked = [[tensor.unpacked_shape for tensor in (*layer.inputs, *layer.outputs)] for layer in measured.layers]
    assert unpacked == [
        [(3, 5), (3, 5, 3)],
        [(3, 5, 3), None, None, (3, 5, 8), None, None],
        [(3, 5, 8), None, (3, 5, 6), None],
        [(3, 5, 6), (3, 5, 2)],
    ]
    assert differences(planned, measured) == ()
    wrong = replace(planned.layers[3].outputs[0], unpacked_shape=(3, 7, 2))
    layers = (*planned.layers[:3], replace(planned.layers[3], outputs=(wrong,)))
    (found,) = differences(replace(planned, layers=layers), measured)
    assert (found.layer, found.fact) == ("linear", "outputs output unpacked_shape")


def test_the_table_says_what_a_packed_batch_is_unpacked() -> None:
    layers = "{type: GRU, input_size: 3, hidden_size: 4}"
    head = f"input: {{batch_size: 3, seq_len: 7, lengths: {LENGTHS}}}"
    letters, said = shapes_table(facts_of(layers, head=head)).notes
    assert letters.startswith("L sequence length; N batch size; T tokens of a packed batch")
    assert said == (
        "unpacked again by pad_packed_sequence, T is L and N: (10, 3) is (5, 3, 3), (10, 4) is (5, 3, 4); "
        "L = max(lengths), whatever seq_len is, and the sequences are in the document's order (enforce_sorted=False)"
    )
    first = "{type: GRU, input_size: 3, hidden_size: 4, batch_first: true}"
    said = shapes_table(facts_of(first, head=head)).notes[1]
    assert "pad_packed_sequence(batch_first=True), T is N and L: (10, 3) is (3, 5, 3), (10, 4) is (3, 5, 4);" in said


def test_what_is_not_packed_is_not_unpacked() -> None:
    model = facts_of("{type: LSTM, input_size: 3, hidden_size: 4}", "{type: Linear, out_features: 2}")
    (letters,) = shapes_table(model).notes
    assert "packed" not in letters
    assert all(tensor.unpacked_shape is None for layer in model.layers for tensor in (*layer.inputs, *layer.outputs))
    *_, shape = render([shapes_table(model)]).splitlines()[0].split(",")
    assert shape == "unpacked_shape"
