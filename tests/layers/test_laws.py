"""What an `init` block says of every weight: the law of each gate's matrix, what it refuses, what it leaves alone."""

from __future__ import annotations

import math
from typing import Any

import pytest
from cases import cases
from torch import nn
from worlds import RECURRENT, least_keys, spec_of, text_of

from rnninspect.cells.carry import carry_gate
from rnninspect.cells.packs import packs
from rnninspect.errors import DocumentError
from rnninspect.facts.weights import Init, WeightFact
from rnninspect.layers.laws import LAWS, NUMBERED
from rnninspect.layers.layer import Misfit
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.registry import kind_of
from rnninspect.layers.signal import Batch, Signal
from rnninspect.layers.weights import torch_name

KINDS = [kind_of(name) for name in RECURRENT]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
SIZES = {"hidden_size": 11, "output_size": 6}
TORCHS = Init("uniform", bound=1 / math.sqrt(11), torchs=True)
FIRST = Signal(Batch(size=3, seq_len=5), ("L", "N"), None)


def fitted(kind: type[Recurrent], **options: Any) -> Recurrent:
    return kind(type=kind.__name__, name="it", input_size=7, **(least_keys(kind.__name__, SIZES) | options)).fit(
        FIRST, {}
    )


def weights(name: str, /, **options: Any) -> dict[str, WeightFact]:
    kind = kind_of(name)
    assert issubclass(kind, Recurrent)
    return {weight.name: weight for weight in fitted(kind, **options).weights("float32")}


def own_laws(weight: WeightFact) -> dict[str, Init]:
    return {gate.name: gate.init for gate in weight.gates if gate.init is not None}


# --- the laws ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        # U(-sqrt(6 / (fan_in + fan_out)), ..), N(0, 2 / (fan_in + fan_out)): Glorot & Bengio 2010, equation 16
        ("xavier_uniform", Init("xavier_uniform", bound=math.sqrt(6 / 18))),
        ("xavier_normal", Init("xavier_normal", std=math.sqrt(2 / 18))),
        # N(0, 2 / fan_in): He et al. 2015, equation 10; the uniform of the same variance
        ("kaiming_uniform", Init("kaiming_uniform", bound=math.sqrt(3) * math.sqrt(2 / 7))),
        ("kaiming_normal", Init("kaiming_normal", std=math.sqrt(2 / 7))),
        # 11 rows of 7: the squares of each column add up to 1
        ("orthogonal", Init("orthogonal", std=math.sqrt(1 / 11))),
        ("zeros", Init("zeros")),
    ],
)
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_a_law_is_of_each_gates_matrix(name: str, law: str, expected: Init) -> None:
    """The fans are those of W_if, (11, 7), not of the packed weight, (44, 7)."""
    by_name = weights(name, init={"weight_ih": law})
    init = by_name["weight_ih_l0"].init
    assert (init.law, init.value, init.zero_row) == (expected.law, None, None)
    assert (init.bound, init.std) == (pytest.approx(expected.bound), pytest.approx(expected.std))
    assert not by_name["weight_ih_l0"].laws_differ
    assert {weight.init for name, weight in by_name.items() if name != "weight_ih_l0"} == {TORCHS}


def test_every_law_is_torchs() -> None:
    laws = [Init(law) for law in LAWS] + [say(0.1) for say in NUMBERED.values()]
    assert [law for law in laws if not callable(getattr(nn.init, law.drawing[0], None))] == []


def test_the_fans_of_every_stacked_layer_are_its_own() -> None:
    by_name = weights("LSTM", num_layers=3, bidirectional=True, proj_size=2, init={"weight_ih": "kaiming_normal"})
    for name, fan in (
        ("weight_ih_l0", 7),
        ("weight_ih_l0_reverse", 7),
        ("weight_ih_l1", 4),
        ("weight_ih_l2_reverse", 4),
    ):
        assert by_name[name].init == Init("kaiming_normal", std=math.sqrt(2 / fan))


@every_kind
def test_every_matrix_can_be_named(kind: type[Recurrent]) -> None:
    *named, together = [key for key in kind.init_block().model_fields if key.startswith("weight")]
    assert together == "weight"
    layer = fitted(kind, **kind.fullest)
    assert named == [torch_name(pack.symbol) for pack in packs(layer.cell, layer.declared(0)) if pack.columns]
    chosen = fitted(kind, **kind.fullest, init=dict.fromkeys(named, "zeros")).weights("float32")
    assert {weight.init.law for weight in chosen if len(weight.shape) == 2} == {"zeros"}
    assert {weight.init for weight in chosen if len(weight.shape) == 1} == {TORCHS}


@every_kind
@pytest.mark.parametrize("init", [None, {}, {"weight_ih": None, "bias": None}])
def test_nothing_set_is_torchs(kind: type[Recurrent], init: dict[str, None] | None) -> None:
    plain = fitted(kind).weights("float32")
    assert fitted(kind, init=init).weights("float32") == plain
    assert {weight.init for weight in plain} == {TORCHS}
    assert not any(own_laws(weight) for weight in plain)


@every_kind
def test_zero_biases(kind: type[Recurrent]) -> None:
    for weight in fitted(kind, init={"bias": "zeros"}).weights("float32"):
        assert weight.init == (Init("zeros") if len(weight.shape) == 1 else TORCHS)
        assert own_laws(weight) == {}


# --- the forget gate -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "gate"), [("LSTM", "f"), ("GRU", "z")])
def test_the_forget_bias_is_in_one_of_the_two_vectors(name: str, gate: str) -> None:
    by_name = weights(name, init={"forget_bias": 2})
    assert (by_name["bias_ih_l0"].init, by_name["bias_hh_l0"].init) == (TORCHS, TORCHS)
    assert own_laws(by_name["bias_ih_l0"]) == {f"b_i{gate}": Init("constant", value=2.0)}
    assert own_laws(by_name["bias_hh_l0"]) == {f"b_h{gate}": Init("zeros")}
    assert {weight.init for weight in by_name.values()} == {TORCHS}
    assert (by_name["bias_ih_l0"].laws_differ, by_name["weight_ih_l0"].laws_differ) == (True, False)


def test_a_forget_bias_may_be_in_the_other_of_the_two_vectors() -> None:
    """As where code writes 3 into a part of bias_hh_l0: b_if, and all other gates, keep torch's law."""
    by_name = weights("LSTM", init={"forget_bias": {"b_hf": 3.0}})
    three = Init("constant", value=3.0)
    assert by_name["bias_ih_l0"].laws == dict.fromkeys(("b_ii", "b_if", "b_ig", "b_io"), TORCHS)
    assert by_name["bias_hh_l0"].laws == {"b_hi": TORCHS, "b_hf": three, "b_hg": TORCHS, "b_ho": TORCHS}


def test_the_forget_bias_among_zeros() -> None:
    by_name = weights("LSTM", init={"bias": "zeros", "forget_bias": 1.0}, num_layers=2, bidirectional=True)
    for suffix in ("l0", "l0_reverse", "l1", "l1_reverse"):
        assert by_name[f"bias_ih_{suffix}"].init == by_name[f"bias_hh_{suffix}"].init == Init("zeros")
        assert own_laws(by_name[f"bias_ih_{suffix}"]) == {"b_if": Init("constant", value=1.0)}
        assert own_laws(by_name[f"bias_hh_{suffix}"]) == {}


@every_kind
def test_only_who_has_a_forget_gate_has_a_forget_bias(kind: type[Recurrent]) -> None:
    assert ("forget_bias" in kind.init_block().model_fields) == bool(carry_gate(fitted(kind).cell))


# --- what does not fit ---------------------------------------------------------------------------------------


# The keys of a layer, and what is said of them: the path ! the message (the hint).
MISFITS = cases(
    """
type: LSTM, hidden_size: 5, init: {weight_hr: orthogonal}
    init.weight_hr ! layer 'it': there is no weight_hr without proj_size (set proj_size, or leave weight_hr out)
type: LSTM, hidden_size: 5, bias: false, init: {forget_bias: 1.0}
    init.forget_bias ! layer 'it': expected bias: true, there are no biases (leave forget_bias out)
type: RNN, hidden_size: 5, bias: false, init: {weight_hh: eye, bias: zeros}
    init.bias ! layer 'it': expected bias: true, there are no biases (leave bias out)
type: RNN, hidden_size: 5, init: {weight_ih: eye}
    init.weight_ih ! layer 'it': SQUARE; weight_ih_l0 has (5, 7) (orthogonal takes any shape)
type: GRU, hidden_size: 7, num_layers: 2, bidirectional: true, init: {weight_ih: eye}
    init.weight_ih ! layer 'it': SQUARE; weight_ih_l1 has (7, 14) for each gate (orthogonal takes any shape)
type: LSTM, hidden_size: 7, proj_size: 5, init: {weight_ih: eye, weight_hh: eye}
    init.weight_hh ! layer 'it': SQUARE; weight_hh_l0 has (7, 5) for each gate (orthogonal takes any shape)
type: JordanRNN, hidden_size: 5, output_size: 3, init: {weight_yh: eye}
    init.weight_yh ! layer 'it': SQUARE; weight_yh_l0 has (5, 3) (orthogonal takes any shape)
type: RNN, hidden_size: 5, init: {forget_bias: 1.0}
    init.forget_bias ! unknown key 'forget_bias' (no gate carries its state over to the next step, as LSTM's f and
      GRU's z do)
type: GRU, hidden_size: 5, init: {weight_hr: zeros}
    init.weight_hr ! unknown key 'weight_hr' (did you mean 'weight_ih'?)
type: LSTM, hidden_size: 5, init: {forgetbias: 1.0}
    init.forgetbias ! unknown key 'forgetbias' (did you mean 'forget_bias'?)
type: LSTM, hidden_size: 5, init: {weight_hh: orthogonal_}
    init.weight_hh ! LAW, got 'orthogonal_' (did you mean 'orthogonal'?)
type: LSTM, hidden_size: 5, init: {weight_hh: 1.0}
    init.weight_hh ! LAW, got 1.0 (known: ALL)
type: LSTM, hidden_size: 5, init: {bias: ones}
    init.bias ! BIAS, got 'ones'
type: LSTM, hidden_size: 5, init: {forget_bias: {b_ho: 1.0}}
    init.forget_bias.b_ho ! NUMBER, got 'b_ho' (did you mean 'b_hf'?)
type: LSTM, hidden_size: 5, init: {forget_bias: true}
    init.forget_bias ! NUMBER, got true
type: LSTM, hidden_size: 5, init: {forget_bias: .nan}
    init.forget_bias ! NUMBER, got nan
type: LSTM, hidden_size: 5, init: {forget_bias: -1e3}
    init.forget_bias ! NUMBER, got -1000.0
type: LSTM, hidden_size: 5, init: orthogonal
    init ! expected a mapping such as {weight_hh: orthogonal}, got 'orthogonal'
type: Linear, out_features: 5, init: {weight: eye}
    init.weight ! layer 'it': SQUARE; weight has (5, 7) (orthogonal takes any shape)
type: Linear, out_features: 5, bias: false, init: {bias: 0.1}
    init.bias ! layer 'it': expected bias: true, there are no biases (leave bias out)
type: Linear, tied_to: embedding, init: {weight: {uniform: 0.1}}
    init.weight ! layer 'it': expected none: the weight is embedding.weight (write it in the init of embedding)
type: LayerNorm, init: {weight: zeros}
    init ! unknown key 'init' (Embedding, RNN, LSTM, GRU, RNNCell, LSTMCell, GRUCell, JordanRNN, Linear and PReLU have
      it)
type: LSTM, hidden_size: 5, init: {weight_ih: normal}
    init.weight_ih ! LAW, got 'normal' (write {normal: 0.1})
type: LSTM, hidden_size: 5, init: {uniform: 0.1}
    init.uniform ! unknown key 'uniform' (write weight: {uniform: 0.1}, and bias: {uniform: 0.1})
type: LSTM, hidden_size: 5, init: {weight: {unifrm: 0.1}}
    init.weight.unifrm ! LAW, got 'unifrm'
type: LSTM, hidden_size: 5, init: {bias: {}}
    init.bias ! BIAS, got a mapping
type: LSTM, hidden_size: 5, init: {weight: {normal: 0}}
    init.weight.normal ! LAW, got 0
type: LSTM, hidden_size: 5, init: {weight: {normal: 101}}
    init.weight.normal ! LAW, got 101 (the most is 100.0)
type: LSTM, hidden_size: 5, init: {weight: {normal: true}}
    init.weight.normal ! LAW, got true
type: LSTM, hidden_size: 5, init: {weight: {normal: 0.1, uniform: 0.1}}
    init.weight ! LAW, got a mapping (known: ALL)
""",
    LAW="expected a law of torch.nn.init, {uniform: 0.1} or {normal: 0.1}, numbers from 1e-06 to 100",
    BIAS="expected zeros, a number from -100 to 100, {uniform: 0.1} or {normal: 0.1}, numbers from 1e-06 to 100",
    NUMBER="expected a number from -100 to 100, or one for a bias, such as {b_hf: 3.0}",
    SQUARE="expected square matrices for eye",
    ALL=", ".join(LAWS),
)


@pytest.mark.parametrize("keys", MISFITS)
def test_one_line_says_what_does_not_fit(keys: str) -> None:
    embed = "type: Embedding, num_embeddings: 3, embedding_dim: 7"
    with pytest.raises(DocumentError) as caught:
        spec_of(text_of(embed, f"name: it, {keys}"))
    error = caught.value
    assert error.place.line == 4
    said = f"{error.path} ! {error.message} ({error.hint})".removesuffix(" ()")
    assert [said] == [f"layers[1].{line}" for line in MISFITS[keys]]


def test_the_place_is_that_of_the_value() -> None:
    text = (
        "input: {batch_size: 3, seq_len: 5}\nlayers:\n- type: LSTM\n  input_size: 3\n  hidden_size: 5\n"
        "  init:\n    bias: zeros\n    weight_ih: eye\n    weight_hh: 3\n"
    )
    no_law, no_square = text, text.replace("3\n", "eye\n").replace("_size: eye", "_size: 3")
    for wrong, place in ((no_law, (9, 16)), (no_square, (8, 16))):
        with pytest.raises(DocumentError) as caught:
            spec_of(wrong)
        assert (caught.value.place.line, caught.value.place.column) == place


@pytest.mark.parametrize("law", ["eye", "orthogonal", "orthogonal_packed"])
def test_no_table_with_a_row_of_padding_is_orthogonal(law: str) -> None:
    table = "type: Embedding, num_embeddings: 7, embedding_dim: 7, init: {weight: LAW}".replace("LAW", law)
    assert spec_of(text_of(table)).links[0].layer.weights("float32")[0].init.law == law
    with pytest.raises(DocumentError, match=f"{law} leaves no row of zeros, and that of padding_idx is one"):
        spec_of(text_of(f"{table}, padding_idx: 0"))


def test_eye_fits_square_matrices() -> None:
    by_name = weights("LSTM", init={"weight_hh": "eye"}, num_layers=2, bidirectional=True)
    assert {weight.init.law for name, weight in by_name.items() if name.startswith("weight_hh")} == {"eye"}
    with pytest.raises(Misfit):
        weights("RNN", init={"weight_ih": "eye"})


# --- memory --------------------------------------------------------------------------------------------------


def test_drawing_orthogonal_matrices_needs_memory() -> None:
    """As much as copies of one gate's matrix, in float32 at the least; running the layer comes after it."""
    signal = FIRST.to(7, "before")

    def needed(dtype: str, hidden_size: int, **init: object) -> int:
        layer = kind_of("LSTM")(type="LSTM", input_size=7, hidden_size=hidden_size, init=init or None)
        return layer.work_bytes(signal, dtype)

    assert needed("float64", 1000, weight_hh="orthogonal") == 5 * 8 * 1000 * 1000
    assert needed("bfloat16", 1000, weight_hh="orthogonal") == 5 * 4 * 1000 * 1000
    assert needed("float32", 1000, weight_hh="orthogonal_packed") == 5 * 4 * 4000 * 1000
    assert needed("float32", 1000, weight_hh="xavier_normal") == needed("float32", 1000)
    assert needed("float32", 1000, weight={"uniform": 0.1}, bias={"normal": 1}) == needed("float32", 1000)
    # half precision is drawn in float32, and then rounded
    assert needed("bfloat16", 1000, weight={"uniform": 0.1}) == 4 * 4000 * 1000
    assert needed("bfloat16", 1000, weight_hh="xavier_normal") == 4 * 1000 * 1000
    assert needed("float32", 11, weight_hh="orthogonal") == needed("float32", 11)
