"""Laws that code in the wild starts from, each said in a document: the values are those that torch.nn.init draws there.

Each of the published ones is written as its source does it, on torch modules of its own, from the same seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from worlds import RECURRENT, least_keys, spec_of

from rnninspect.agree import differences
from rnninspect.document.chain import Spec
from rnninspect.guard.changes import differences as changes
from rnninspect.guard.locked import locked_model
from rnninspect.plan import plan
from rnninspect.results.weights import weights_table
from rnninspect.runtime import modules, real

CPU, META = torch.device("cpu"), torch.device("meta")
EMBEDDING = "{name: embed, type: Embedding, num_embeddings: 17, embedding_dim: 7, %s}"
BATCH = "input: {batch_size: 3, seq_len: 4}\nlayers:\n"
TOKENS = f"{BATCH}- {EMBEDDING}\n"


def values(spec: Spec, seed: int = 5) -> list[Tensor]:
    """First values of every parameter, in order, one that is tied once."""
    return [parameter.detach() for parameter in modules.build(spec, "cpu", seed).layers.parameters()]


def drawn(made: Callable[[], nn.Module], start: Callable[[nn.Module], None], seed: int = 5) -> list[Tensor]:
    """The same of modules that are made and started without this tool."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = made()
        start(module)
    return [parameter.detach() for parameter in module.parameters()]


def check(spec: Spec, expected: list[Tensor]) -> None:
    """The same values; and they agree with what the plan says of them."""
    for found, value in zip(values(spec), expected, strict=True):
        torch.testing.assert_close(found, value, rtol=0, atol=0)
    assert differences(plan(spec), real.measure(spec, plan(spec), CPU)) == ()


# --- published ------------------------------------------------------------------------------------------------


def test_pytorchs_word_language_model() -> None:
    """The example of PyTorch: the table and the decoder's weight U(-0.1, 0.1), its bias zeros, the LSTM as torch's."""

    def start(model: nn.Module) -> None:
        encoder, _, decoder = model.children()
        nn.init.uniform_(encoder.weight, -0.1, 0.1)  # type: ignore[arg-type]
        nn.init.uniform_(decoder.weight, -0.1, 0.1)  # type: ignore[arg-type]
        nn.init.zeros_(decoder.bias)  # type: ignore[arg-type]

    text = TOKENS % "init: {weight: {uniform: 0.1}}" + (
        "- {type: LSTM, hidden_size: 11, num_layers: 2, dropout: 0.2}\n"
        "- {type: Linear, out_features: 17, init: {weight: {uniform: 0.1}, bias: zeros}}\n"
    )
    made = lambda: nn.ModuleList([nn.Embedding(17, 7), nn.LSTM(7, 11, 2, dropout=0.2), nn.Linear(11, 17)])  # noqa: E731
    check(spec_of(text), drawn(made, start))


def test_the_streamflow_lstm_of_kratzert_and_others() -> None:
    """Kratzert et al. 2019, NeuralHydrology: 3 in the forget gate of bias_hh_l0, and nothing else."""

    def start(lstm: nn.Module) -> None:
        lstm.bias_hh_l0.data[11:22] = 3.0  # type: ignore[index, union-attr]

    text = BATCH + "- {name: lstm, type: LSTM, input_size: 7, hidden_size: 11}\n"
    said = text.replace("11}", "11, init: {forget_bias: {b_hf: 3.0}}}")
    check(spec_of(said), drawn(lambda: nn.LSTM(7, 11), start))
    check(spec_of(text, "lstm.init.forget_bias.b_hf=3"), drawn(lambda: nn.LSTM(7, 11), start))


def everywhere(law: Callable[[Tensor], object], bias: Callable[[Tensor], object]) -> Callable[[nn.Module], None]:
    """One law for all weights, one for all biases, in the order of named_parameters()."""

    def start(model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            (bias if "bias" in name else law)(parameter)

    return start


def uniform(bound: float) -> Callable[[Tensor], object]:
    return lambda values: nn.init.uniform_(values, -bound, bound)


def coder() -> nn.Module:
    return nn.ModuleList([nn.Embedding(17, 7), nn.LSTM(7, 11, 2), nn.Linear(11, 17)])


CODER = (
    TOKENS % "init: {weight: LAW}"
    + "- {name: lstm, type: LSTM, hidden_size: 11, num_layers: 2, init: {weight: LAW, bias: BIAS}}\n"
    + "- {name: out, type: Linear, out_features: 17, init: {weight: LAW, bias: BIAS}}\n"
)


@pytest.mark.parametrize("bound", [0.1, 0.05, 0.04, 0.08])
def test_zaremba_and_sutskever_start_all_of_it_uniform(bound: float) -> None:
    """Zaremba et al. 2014 on three sizes; Sutskever et al. 2014, and tutorials after it: weights and biases alike."""
    text = CODER.replace("LAW", f"{{uniform: {bound}}}").replace("BIAS", f"{{uniform: {bound}}}")
    check(spec_of(text), drawn(coder, everywhere(uniform(bound), uniform(bound))))


def test_bahdanau_starts_weights_normal_and_biases_zero() -> None:
    """Bahdanau et al. 2015, and tutorials after it: N(0, 0.01^2), biases 0."""
    text = CODER.replace("LAW", "{normal: 0.01}").replace("BIAS", "zeros")
    check(spec_of(text), drawn(coder, everywhere(lambda values: nn.init.normal_(values, 0, 0.01), nn.init.zeros_)))


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_recurrent_policies_start_the_packed_tensors_orthogonal(kind: str) -> None:
    """Policies of A2C and PPO: orthogonal_ of weight_ih_l0 and weight_hh_l0 as they are packed, biases 0."""
    text = BATCH + "- {type: KIND, input_size: 7, hidden_size: 11, init: {weight: orthogonal_packed, bias: zeros}}\n"
    made = getattr(nn, kind)
    check(
        spec_of(text.replace("KIND", kind)), drawn(lambda: made(7, 11), everywhere(nn.init.orthogonal_, nn.init.zeros_))
    )


def test_an_rnn_of_identities() -> None:
    """Le, Jaitly & Hinton 2015: relu, W_hh = 1, all other weights N(0, 0.001^2), biases 0."""

    def start(rnn: nn.Module) -> None:
        nn.init.normal_(rnn.weight_ih_l0, 0, 0.001)  # type: ignore[arg-type]
        nn.init.eye_(rnn.weight_hh_l0)  # type: ignore[arg-type]
        for bias in (rnn.bias_ih_l0, rnn.bias_hh_l0):
            nn.init.zeros_(bias)  # type: ignore[arg-type]

    text = BATCH + (
        "- {type: RNN, input_size: 7, hidden_size: 11, nonlinearity: relu, "
        "init: {weight: {normal: 0.001}, weight_hh: eye, bias: zeros}}\n"
    )
    check(spec_of(text), drawn(lambda: nn.RNN(7, 11, nonlinearity="relu"), start))


@pytest.mark.parametrize("row", [0, 4, -1])
def test_fairseq_starts_uniform_and_then_zeroes_the_row_of_padding(row: int) -> None:
    """Its LSTM: U(-0.1, 0.1) for everything, and the row of padding_idx zeros all the same."""

    def start(model: nn.Module) -> None:
        table, *rest = model.parameters()
        nn.init.uniform_(table, -0.1, 0.1)
        nn.init.zeros_(table[row])
        for parameter in rest:
            nn.init.uniform_(parameter, -0.1, 0.1)

    text = TOKENS % f"padding_idx: {row}, init: {{weight: {{uniform: 0.1}}}}" + (
        "- {type: LSTM, hidden_size: 11, init: {weight: {uniform: 0.1}, bias: {uniform: 0.1}}}\n"
    )
    spec = spec_of(text)
    check(spec, drawn(lambda: nn.ModuleList([nn.Embedding(17, 7, row), nn.LSTM(7, 11)]), start))
    table = values(spec)[0]
    assert not table[row].any()
    assert (table.abs().amax(1) > 0).sum() == 16
    assert f"uniform ±0.1, row {row} zero" in weights_table(plan(spec)).rows[0]


# --- every kind, every law that has a number --------------------------------------------------------------------

SAID: dict[str, tuple[object, Callable[[Tensor], object]]] = {
    "uniform": ({"uniform": 0.25}, uniform(0.25)),
    "normal": ({"normal": 2}, lambda values: nn.init.normal_(values, 0, 2)),
    "packed": ("orthogonal_packed", nn.init.orthogonal_),
}
KINDS = {
    kind: {"num_layers": 2, "bidirectional": True} if kind in ("RNN", "LSTM", "GRU") else {}
    for kind in (*RECURRENT, "Linear", "Embedding")
}


def document(kind: str, init: Mapping[str, object] | None, dtype: str = "float32", **options: object) -> Spec:
    width = {"Linear": "in_features", "Embedding": "num_embeddings"}.get(kind, "input_size")
    layer = {"name": "it", "type": kind, **least_keys(kind), width: 7, **KINDS[kind], **options, "init": init}
    return spec_of({"dtype": dtype, "input": {"batch_size": 3, "seq_len": 4}, "layers": [layer]})


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("kind", KINDS)
def test_one_law_for_all_weights_is_torchs_of_each_parameter(kind: str, said: str) -> None:
    law, draw = SAID[said]
    spec, plain = document(kind, {"weight": law}), document(kind, None)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = modules.BuiltModel(plain, CPU)
        everywhere(draw, lambda bias: None)(model)
    check(spec, [parameter.detach() for parameter in model.layers.parameters()])
    assert [weight.init.torchs for weight in plan(spec).layers[0].weights] == [
        weight.is_bias for weight in plan(spec).layers[0].weights
    ]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("law", [{"uniform": 1e-6}, {"normal": 1e-6}, {"uniform": 100}, {"normal": 100}], ids=str)
def test_the_least_and_the_most_agree_in_every_dtype(law: dict[str, float], dtype: str) -> None:
    for kind in ("GRU", "Linear", "Embedding"):
        bias: dict[str, Any] = {} if kind == "Embedding" else {"bias": law}
        spec = document(kind, {"weight": law, **bias}, dtype)
        assert differences(plan(spec), real.measure(spec, plan(spec), CPU)) == ()


@pytest.mark.parametrize("kind", ["LSTM", "JordanRNN", "Linear", "Embedding"])
def test_on_meta_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(nn.init, "orthogonal_", None)
    spec = modules.reachable(document(kind, {"weight": "orthogonal_packed"}), META)
    assert real.measure(spec, plan(spec), META).layers[0].weights == plan(spec).layers[0].weights


def test_what_is_told_apart_by_a_gate_is_drawn_by_gates() -> None:
    """A bias that has a law and a forget gate of its own: the other gates are within the bound, and f is not."""
    ih, hh = values(document("LSTMCell", {"bias": {"uniform": 0.1}, "forget_bias": {"b_hf": 3}}))[2:]
    assert float(ih.abs().max()) <= 0.1
    assert torch.equal(hh[11:22], torch.full((11,), 3.0))
    assert 0 < float(torch.cat([hh[:11], hh[22:]]).abs().max()) <= 0.1


# --- what is said of it -----------------------------------------------------------------------------------------


def test_a_number_of_a_law_is_a_setting_of_the_lock() -> None:
    old, new = (document("LSTM", {"weight": law}) for law in ({"uniform": 0.1}, {"normal": 0.2}))
    found = changes(locked_model(old, plan(old)), locked_model(new, plan(new)))
    assert {(change.field, change.locked, change.now) for change in found} == {
        ("it.init.weight.uniform", 0.1, None),
        ("it.init.weight.normal", None, 0.2),
    }


def test_torchs_own_uniform_is_not_taken_for_one_that_is_asked_for() -> None:
    """Of the same bound too: it is drawn again."""
    bound = 11**-0.5
    own, asked = document("GRU", None), document("GRU", {"weight": {"uniform": bound}})
    assert plan(own).layers[0].weights[0].init.bound == plan(asked).layers[0].weights[0].init.bound
    assert not torch.equal(values(own)[0], values(asked)[0])
    assert [row[-2] for row in weights_table(plan(own)).rows[:2]] == ["uniform", "uniform"]
    assert [row[-2] for row in weights_table(plan(asked)).rows[:2]] == ["uniform ±0.301511"] * 2


def test_orthogonal_as_one_matrix_is_told_as_that() -> None:
    table = weights_table(plan(document("GRU", {"weight_hh": "orthogonal_packed"})))
    assert [row[-2] for row in table.rows[:2]] == ["uniform", "orthogonal_packed, as one matrix"]
    assert [note for note in table.notes if "as one matrix" in note]
    assert not [note for note in weights_table(plan(document("RNN", None))).notes if "as one matrix" in note]
    # a matrix of one gate is packed alone
    rnn = plan(document("RNN", {"weight_hh": "orthogonal_packed"})).layers[0].weights[1]
    assert rnn.init.std == plan(document("RNN", {"weight_hh": "orthogonal"})).layers[0].weights[1].init.std
