"""What each kind answers for itself: its weights, what it infers and refuses, what it hands on, what it counts."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from torch import nn
from worlds import RECURRENT, least_keys

from rnninspect.facts.amounts import Ops
from rnninspect.facts.weights import Counts, Init, WeightFact, count
from rnninspect.layers.layer import Layer, Misfit, Wants
from rnninspect.layers.layer_norm import LayerNorm
from rnninspect.layers.linear import Linear
from rnninspect.layers.lstm import LSTM
from rnninspect.layers.registry import TYPES, kind_of
from rnninspect.layers.rnn import RNN
from rnninspect.layers.signal import Batch, Signal

BATCH = Batch(size=3, seq_len=5)
CELLS = ("RNNCell", "LSTMCell", "GRUCell")

every_type = pytest.mark.parametrize("name", TYPES)
every_recurrent = pytest.mark.parametrize("name", RECURRENT)
every_inferring = pytest.mark.parametrize(
    ("name", "field"),
    [*((name, "input_size") for name in RECURRENT), ("Linear", "in_features"), ("LayerNorm", "normalized_shape")],
)


def make(name: str, /, **options: Any) -> Layer:
    options = {**least_keys(name), **options}
    return kind_of(name)(type=name, **{"name": name.lower(), **options})


def fed(width: int | None = 7, *, producer: str | None = "before", axes: tuple[str, ...] = ("L", "N")) -> Signal:
    return Signal(BATCH, axes, width, producer)


NOTHING, INPUT = Wants(input=False, states=False), Wants(input=True, states=False)
FIRST = Signal(BATCH, ("L", "N"), None)
STATE, OUTPUT = fed(7, axes=("N",)), "give 'before' feeds: output"


def fitted(name: str, /, **options: Any) -> Layer:
    return make(name, **options).fit(FIRST if name == "Embedding" else fed(), {})


def misfit(layer: Layer, signal: Signal, earlier: dict[str, Layer] | None = None) -> Misfit:
    with pytest.raises(Misfit) as caught:
        layer.fit(signal, earlier or {})
    return caught.value


class TestWeights:
    CASES: tuple[tuple[str, dict[str, Any]], ...] = (
        *((kind, {}) for kind in ("RNN", "LSTM", "GRU")),
        *((kind, {"num_layers": 3, "bidirectional": True}) for kind in ("RNN", "LSTM", "GRU")),
        *((kind, {"num_layers": 2, "bias": False}) for kind in ("RNN", "LSTM", "GRU")),
        ("LSTM", {"proj_size": 5}),
        ("LSTM", {"num_layers": 3, "bidirectional": True, "proj_size": 5, "bias": False}),
        *((kind, {"bias": bias}) for kind in (*CELLS, "Linear") for bias in (True, False)),
    )

    @pytest.mark.parametrize(("name", "options"), CASES)
    def test_names_and_shapes_are_torchs(self, name: str, options: dict[str, Any]) -> None:
        real = getattr(nn, name)(7, 11, **options)
        weights = fitted(name, **options).weights("float32")
        assert [(weight.name, weight.shape) for weight in weights] == [
            (key, tuple(parameter.shape)) for key, parameter in real.named_parameters()
        ]

    def test_of_an_embedding(self) -> None:
        (weight,) = fitted("Embedding", padding_idx=-1).weights("float64")
        assert weight == WeightFact(
            name="weight",
            symbol="W",
            layer=None,
            direction=None,
            axes=("num_embeddings", "H_out"),
            shape=(13, 7),
            dtype="float64",
            init=Init("normal", std=1.0, zero_row=-1, torchs=True),
        )

    def test_of_jordan(self) -> None:
        weights = fitted("JordanRNN").weights("float32")
        assert {weight.name: (weight.axes, weight.shape, weight.recurrent) for weight in weights} == {
            "weight_ih_l0": (("H_cell", "H_in"), (11, 7), False),
            "weight_yh_l0": (("H_cell", "H_out"), (11, 2), True),
            "bias_ih_l0": (("H_cell",), (11,), False),
            "bias_yh_l0": (("H_cell",), (11,), True),
            "weight_hy_l0": (("H_out", "H_cell"), (2, 11), True),
            "bias_hy_l0": (("H_out",), (2,), True),
        }

    def test_dropout_has_none(self) -> None:
        assert fitted("Dropout").weights("float32") == ()

    @pytest.mark.parametrize(
        ("options", "laws"),
        [
            ({}, {"weight": Init("ones", torchs=True), "bias": Init("zeros", torchs=True)}),
            ({"bias": False}, {"weight": Init("ones", torchs=True)}),
            ({"elementwise_affine": False}, {}),
            ({"elementwise_affine": False, "bias": True}, {}),
        ],
    )
    @pytest.mark.parametrize(("shape", "sizes"), [(None, (7,)), (7, (7,)), ([7], (7,)), ([5, 3, 7], (5, 3, 7))])
    def test_of_a_layer_norm(
        self, options: dict[str, bool], laws: dict[str, Init], shape: int | list[int] | None, sizes: tuple[int, ...]
    ) -> None:
        weights = fitted("LayerNorm", normalized_shape=shape, **options).weights("float32")
        assert {weight.name: weight.init for weight in weights} == laws
        assert {weight.shape for weight in weights} <= {sizes}
        assert all(len(weight.axes) == len(weight.shape) for weight in weights)
        real = nn.LayerNorm(list(sizes), **options)
        assert [weight.name for weight in weights] == [key for key, _ in real.named_parameters()]

    def test_a_projection_is_uniform_in_the_hidden_size_too(self) -> None:
        weights = {weight.name: weight for weight in fitted("LSTM", proj_size=2).weights("float32")}
        assert weights["weight_hr_l0"].shape == (2, 11)
        assert weights["weight_hr_l0"].init.bound == 1 / math.sqrt(11)

    def test_a_linear_is_uniform_in_its_input(self) -> None:
        assert {weight.init for weight in fitted("Linear").weights("float32")} == {
            Init("uniform", bound=1 / math.sqrt(7), torchs=True)
        }

    @pytest.mark.parametrize(
        ("init", "std"),
        [
            (Init("uniform", bound=0.6), 0.6 / math.sqrt(3)),
            (Init("normal", std=1.0), 1.0),
            (Init("ones"), 0.0),
            (Init("zeros"), 0.0),
        ],
    )
    def test_the_std_a_law_promises(self, init: Init, std: float) -> None:
        assert init.expected_std == std

    def test_layer_and_direction_of_a_stack(self) -> None:
        weights = fitted("GRU", num_layers=2, bidirectional=True, bias=False).weights("float32")
        assert [(weight.name, weight.layer, weight.direction) for weight in weights if weight.symbol == "W_ih"] == [
            ("weight_ih_l0", 0, "forward"),
            ("weight_ih_l0_reverse", 0, "reverse"),
            ("weight_ih_l1", 1, "forward"),
            ("weight_ih_l1_reverse", 1, "reverse"),
        ]

    @pytest.mark.parametrize("name", CELLS)
    def test_a_cell_is_no_stack(self, name: str) -> None:
        assert {(weight.layer, weight.direction) for weight in fitted(name).weights("float32")} == {(None, None)}

    def test_axes_speak_the_dimension_letters(self) -> None:
        layer = fitted("LSTM", num_layers=2, bidirectional=True, proj_size=5)
        axes = {weight.name: weight.axes for weight in layer.weights("float32") if weight.direction == "forward"}
        assert axes == {
            "weight_ih_l0": ("G*H_cell", "H_in"),
            "weight_hh_l0": ("G*H_cell", "H_out"),
            "bias_ih_l0": ("G*H_cell",),
            "bias_hh_l0": ("G*H_cell",),
            "weight_hr_l0": ("H_out", "H_cell"),
            "weight_ih_l1": ("G*H_cell", "D*H_out"),
            "weight_hh_l1": ("G*H_cell", "H_out"),
            "bias_ih_l1": ("G*H_cell",),
            "bias_hh_l1": ("G*H_cell",),
            "weight_hr_l1": ("H_out", "H_cell"),
        }

    def test_gates_are_consecutive_rows(self) -> None:
        weight, *_ = fitted("GRU").weights("float32")
        assert [(gate.name, gate.rows, gate.shape) for gate in weight.gates] == [
            ("W_ir", (0, 11), (11, 7)),
            ("W_iz", (11, 22), (11, 7)),
            ("W_in", (22, 33), (11, 7)),
        ]

    def test_one_block_is_no_gate(self) -> None:
        assert all(weight.gates == () for weight in fitted("RNN").weights("float32"))


class TestFit:
    @every_inferring
    def test_the_input_size_is_inferred(self, name: str, field: str) -> None:
        left_out, given = make(name), make(name, **{field: 7})
        assert getattr(left_out, field) is None
        assert left_out.fit(fed(7), {}) == given.fit(fed(7), {}) == given
        assert given.width_in == 7

    @every_inferring
    def test_a_size_that_does_not_fit_names_both_layers_numbers(self, name: str, field: str) -> None:
        error = misfit(make(name, **{field: 9}), fed(7))
        assert error.field == field
        assert error.message == "expected 7, the width that layer 'before' puts out, got 9"
        assert error.hint == f"leave {field} out, or change layer 'before'"

    @every_inferring
    def test_the_first_layer_must_say_it(self, name: str, field: str) -> None:
        error = misfit(make(name), FIRST)
        assert (error.field, error.hint) == (field, f"add {field}")
        assert "no layer before" in error.message
        assert make(name, **{field: 9}).fit(FIRST, {}).width_in == 9

    @every_type
    def test_fitting_leaves_the_layer_itself_alone(self, name: str) -> None:
        layer = make(name)
        before = layer.model_dump()
        layer.fit(FIRST if name == "Embedding" else fed(), {})
        assert layer.model_dump() == before

    @pytest.mark.parametrize("name", [*RECURRENT, "Linear", "LayerNorm"])
    def test_an_unfitted_layer_does_not_guess(self, name: str) -> None:
        with pytest.raises(ValueError, match="has not been fitted to its input"):
            _ = make(name).width_in

    @pytest.mark.parametrize("name", ["Embedding", "Dropout"])
    def test_what_has_no_input_width(self, name: str) -> None:
        assert fitted(name).width_in is None

    @pytest.mark.parametrize(
        ("name", "options", "signal", "field", "message", "hint"),
        [
            *(
                (name, {}, STATE, "type", "expected a sequence, got the last state of layer 'before'", OUTPUT)
                for name in RECURRENT
            ),
            ("Embedding", {}, fed(7), "type", "expected features for layer 'before' to feed", "make it the first"),
            ("Dropout", {}, FIRST, "type", "a Dropout cannot come first", "put a layer before it"),
            *(
                ("Embedding", {"padding_idx": i}, FIRST, "padding_idx", f"expected a row of 13, -13 to 12, got {i}", "")
                for i in (-14, 13)
            ),
            *(
                ("LSTM", {"proj_size": n}, fed(7), "proj_size", f"expected less than hidden_size 11, got {n}", "torch")
                for n in (11, 12)
            ),
        ],
    )
    def test_what_does_not_fit(
        self, name: str, options: dict[str, int], signal: Signal, field: str, message: str, hint: str
    ) -> None:
        error = misfit(make(name, **options), signal)
        assert error.field == field
        assert error.message.startswith(message)
        assert error.hint.startswith(hint)

    @pytest.mark.parametrize("name", ["Linear", "LayerNorm", "Dropout"])
    def test_a_pointwise_layer_takes_a_last_state(self, name: str) -> None:
        layer = make(name).fit(fed(7, axes=("N",)), {})
        assert layer.emits(fed(7, axes=("N",))).axes == ("N",)

    @pytest.mark.parametrize("index", [-13, -1, 0, 12])
    def test_a_padding_idx_is_a_row(self, index: int) -> None:
        assert fitted("Embedding", padding_idx=index).weights("float32")[0].init.zero_row == index

    @pytest.mark.parametrize("proj_size", [0, 1, 10])
    def test_a_projection_that_is(self, proj_size: int) -> None:
        assert fitted("LSTM", proj_size=proj_size).emits(fed()).width == (proj_size or 11)


class TestBatchFirst:
    SEQUENCES = ("RNN", "LSTM", "GRU", "JordanRNN")

    @pytest.mark.parametrize("name", SEQUENCES)
    @pytest.mark.parametrize(("batch_first", "axes"), [(False, ("N", "L")), (True, ("L", "N"))])
    def test_an_input_the_other_way_round(self, name: str, batch_first: bool, axes: tuple[str, ...]) -> None:
        error = misfit(make(name, batch_first=batch_first), fed(axes=axes))
        assert error.field == "batch_first"
        expected = "false" if batch_first else "true"
        assert error.message == f"expected {expected}: its input is ({', '.join(axes)}, H_in)"

    @pytest.mark.parametrize("name", SEQUENCES)
    @pytest.mark.parametrize("batch_first", [False, True])
    @pytest.mark.parametrize("axes", [("L",), ("T",)], ids=["unbatched", "packed"])
    def test_torch_ignores_it_for_unbatched_and_packed_input(
        self, name: str, batch_first: bool, axes: tuple[str, ...]
    ) -> None:
        layer = make(name, batch_first=batch_first).fit(fed(axes=axes), {})
        assert layer.emits(fed(axes=axes)).axes == axes

    @pytest.mark.parametrize("name", CELLS)
    @pytest.mark.parametrize("axes", [("L", "N"), ("N", "L")])
    def test_a_cell_takes_either(self, name: str, axes: tuple[str, ...]) -> None:
        assert make(name).fit(fed(axes=axes), {}).emits(fed(axes=axes)).axes == axes


class TestEmits:
    @pytest.mark.parametrize(
        ("name", "options", "width"),
        [
            ("Embedding", {}, 7),
            ("RNN", {}, 11),
            ("LSTM", {"proj_size": 5}, 5),
            ("LSTM", {"proj_size": 5, "bidirectional": True}, 10),
            ("GRU", {"bidirectional": True, "num_layers": 3}, 22),
            ("RNNCell", {}, 11),
            ("LSTMCell", {}, 11),
            ("GRUCell", {}, 11),
            ("JordanRNN", {}, 2),
            ("Linear", {}, 11),
            ("Dropout", {}, 7),
            ("LayerNorm", {}, 7),
        ],
    )
    def test_the_width(self, name: str, options: dict[str, Any], width: int) -> None:
        assert fitted(name, **options).emits(fed()) == Signal(BATCH, ("L", "N"), width, name.lower())

    @every_recurrent
    def test_the_last_state(self, name: str) -> None:
        layer = fitted(name, feeds="last")
        assert layer.emits(fed()) == Signal(BATCH, ("N",), 2 if name == "JordanRNN" else 11, name.lower())

    def test_the_last_state_of_both_directions(self) -> None:
        assert fitted("LSTM", feeds="last", bidirectional=True, proj_size=5).emits(fed()).width == 10

    def test_the_last_state_of_one_sequence(self) -> None:
        signal = Signal(Batch(None, 5), ("L",), 7, "before")
        last = make("GRU", feeds="last").fit(signal, {}).emits(signal)
        assert (last.axes, last.tokens) == ((), 1)

    def test_the_last_states_of_a_packed_batch(self) -> None:
        signal = Signal(Batch(3, 9, (4, 9, 2)), ("T",), 7, "before")
        last = make("GRU", feeds="last").fit(signal, {}).emits(signal)
        assert (last.axes, last.tokens) == (("N",), 3)


class TestTensors:
    @pytest.mark.parametrize(
        ("batch", "axes", "batch_first", "tokens", "sequences"),
        [
            (Batch(3, 5), ("L", "N"), False, (5, 3), (3,)),
            (Batch(3, 5), ("N", "L"), True, (3, 5), (3,)),
            (Batch(None, 5), ("L",), True, (5,), ()),
            (Batch(3, 9, (4, 8, 2)), ("T",), False, (14,), (3,)),
        ],
        ids=["batched", "batch_first", "unbatched", "packed"],
    )
    def test_of_a_stack(
        self,
        batch: Batch,
        axes: tuple[str, ...],
        batch_first: bool,
        tokens: tuple[int, ...],
        sequences: tuple[int, ...],
    ) -> None:
        """D = 2, num_layers = 2, H_out = 2, H_cell = 11."""
        states = (4, *sequences, 2), (4, *sequences, 11)
        inputs = dict(zip(("input", "h_0", "c_0"), ((*tokens, 7), *states), strict=True))
        outputs = dict(zip(("output", "h_n", "c_n"), ((*tokens, 4), *states), strict=True))
        signal = Signal(batch, axes, 7, "before")
        layer = make("LSTM", num_layers=2, bidirectional=True, proj_size=2, batch_first=batch_first).fit(signal, {})
        assert {tensor.name: tensor.shape for tensor in layer.inputs(signal, "float32")} == inputs
        assert {tensor.name: tensor.shape for tensor in layer.outputs(signal, "float32")} == outputs
        letters = {tensor.name: tensor.axes for tensor in layer.outputs(signal, "float32")}
        state = ("num_layers*D", *(() if batch.size is None else ("N",)))
        assert letters == {"output": (*axes, "D*H_out"), "h_n": (*state, "H_out"), "c_n": (*state, "H_cell")}

    @pytest.mark.parametrize(
        ("name", "states"),
        [
            ("RNN", {"h_0": (1, 3, 11)}),
            ("LSTM", {"h_0": (1, 3, 11), "c_0": (1, 3, 11)}),
            ("GRU", {"h_0": (1, 3, 11)}),
            ("RNNCell", {"h_0": (3, 11)}),
            ("LSTMCell", {"h_0": (3, 11), "c_0": (3, 11)}),
            ("GRUCell", {"h_0": (3, 11)}),
            ("JordanRNN", {"y_0": (1, 3, 2)}),
        ],
    )
    def test_the_states_of_each_kind(self, name: str, states: dict[str, tuple[int, ...]]) -> None:
        given, *initial = fitted(name).inputs(fed(), "bfloat16")
        assert (given.name, given.shape, given.dtype) == ("input", (5, 3, 7), "bfloat16")
        assert {tensor.name: tensor.shape for tensor in initial} == states
        final = fitted(name).outputs(fed(), "bfloat16")[1:]
        assert [tensor.name for tensor in final] == [state.replace("_0", "_n") for state in states]

    def test_token_indices(self) -> None:
        layer = fitted("Embedding")
        (indices,), (vectors,) = layer.inputs(FIRST, "float16"), layer.outputs(FIRST, "float16")
        assert (indices.axes, indices.shape, indices.dtype, indices.nbytes) == (("L", "N"), (5, 3), "int64", 15 * 8)
        assert (vectors.shape, vectors.dtype, vectors.nbytes) == ((5, 3, 7), "float16", 105 * 2)


class TestNotes:
    @pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
    def test_dropout_without_a_second_layer(self, name: str) -> None:
        assert fitted(name, dropout=0.5).notes() == (
            ("dropout", "dropout acts between stacked layers: with num_layers 1 it does nothing"),
        )

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            *((name, {}) for name in TYPES),
            *((name, {"dropout": 0.5, "num_layers": 2}) for name in ("RNN", "LSTM", "GRU")),
        ],
    )
    def test_nothing_to_say(self, name: str, options: dict[str, Any]) -> None:
        assert fitted(name, **options).notes() == ()


class TestLayerNormShapes:
    @pytest.mark.parametrize("shape", [[7], [3, 7], [5, 3, 7]])
    def test_the_last_sizes_of_the_input(self, shape: list[int]) -> None:
        layer = make("LayerNorm", normalized_shape=shape).fit(fed(7), {})
        assert isinstance(layer, LayerNorm)
        assert (layer.shape, layer.width_in) == (tuple(shape), 7)
        assert count(layer.weights("float32")).parameters == 2 * math.prod(shape)

    @pytest.mark.parametrize("shape", [[5, 7], [1, 7], [3, 3, 7], [5, 3, 7, 7], [1, 5, 3, 7]])
    def test_other_sizes(self, shape: list[int]) -> None:
        error = misfit(make("LayerNorm", normalized_shape=shape), fed(7))
        assert error.field == "normalized_shape"
        assert error.message == f"expected the last sizes of its input (5, 3, 7), got {shape}"

    def test_a_last_size_that_is_not_the_width(self) -> None:
        error = misfit(make("LayerNorm", normalized_shape=[3, 9]), fed(7))
        assert error.message == "expected 7, the width that layer 'before' puts out, got 9"

    def test_of_a_packed_batch(self) -> None:
        packed = Signal(Batch(2, 9, (9, 4)), ("T",), 7, "before")
        assert make("LayerNorm", normalized_shape=[13, 7]).fit(packed, {}).width_in == 7
        assert "(13, 7)" in misfit(make("LayerNorm", normalized_shape=[2, 7]), packed).message


class TestTied:
    TABLE = make("Embedding", name="embed")

    def tied(self, **options: Any) -> Linear:
        return Linear(type="Linear", name="head", **{"tied_to": "embed", **options})

    def test_its_weight_is_the_table(self) -> None:
        layer = self.tied().fit(fed(7), {"embed": self.TABLE})
        weight, bias = layer.weights("float32")
        assert (weight.shape, weight.shared_with) == ((13, 7), "embed.weight")
        assert (bias.shape, bias.shared_with) == ((13,), None)
        assert layer.emits(fed(7)).width == 13

    def test_it_is_counted_at_its_owner(self) -> None:
        layer = self.tied().fit(fed(7), {"embed": self.TABLE})
        assert count(layer.weights("float32")).parameters == 13
        assert count([*self.TABLE.weights("float32"), *layer.weights("float32")]).parameters == 13 * 7 + 13

    def test_the_work_is_not_shared(self) -> None:
        layer = self.tied(bias=False).fit(fed(7), {"embed": self.TABLE})
        assert layer.forward_ops(fed(7)) == Ops(15 * 13 * 7, 0)

    def test_its_size_may_be_given(self) -> None:
        assert self.tied(out_features=13).fit(fed(7), {"embed": self.TABLE}).emits(fed(7)).width == 13

    def test_a_size_that_is_not_the_tables(self) -> None:
        error = misfit(self.tied(out_features=12), fed(7), {"embed": self.TABLE})
        assert (error.field, error.hint) == ("out_features", "leave out_features out")
        assert error.message == "expected 13, the num_embeddings of 'embed', got 12"

    def test_a_table_of_another_width(self) -> None:
        error = misfit(self.tied(), fed(9), {"embed": self.TABLE})
        assert error.field == "tied_to"
        assert error.message == (
            "expected an Embedding with embedding_dim 9, the width of this layer's input; 'embed' has 7"
        )

    @pytest.mark.parametrize(
        ("earlier", "hint"),
        [
            ({"embed": TABLE}, "did you mean 'embed'?"),
            ({}, "there is no Embedding before it"),
            ({"embedd": make("Dropout")}, "there is no Embedding before it"),
        ],
    )
    def test_no_such_table(self, earlier: dict[str, Layer], hint: str) -> None:
        error = misfit(self.tied(tied_to="embedd"), fed(7), earlier)
        assert (error.field, error.hint) == ("tied_to", hint)
        assert error.message == "expected the name of an earlier Embedding, got 'embedd'"

    def test_untied_it_must_say_its_size(self) -> None:
        error = misfit(Linear(type="Linear", name="head"), fed(7))
        assert (error.field, error.message) == ("out_features", "required")
        assert error.hint == "add out_features, or tied_to: an Embedding's name"


class TestCounts:
    def test_an_lstm_worked_by_hand(self) -> None:
        """LSTM(300 -> 50, 2 layers), 4 gates of 50 rows = 200 rows.

        Layer 0: 200 x 300 + 200 x 50 + 2 x 200 = 70,400; layer 1: 200 x 50 + 200 x 50 + 2 x 200 = 20,400.
        With one bias of 200 a layer, as Keras has it: 90,400. W_hh: 2 x 200 x 50. float32: 4 bytes each.
        """
        layer = LSTM(type="LSTM", input_size=300, hidden_size=50, num_layers=2)
        assert count(layer.weights("float32")) == Counts(
            parameters=90_800,
            trainable=90_800,
            recurrent=20_000,
            one_bias=90_400,
            keras=90_400,
            nbytes=363_200,
            gradient_bytes=363_200,
        )

    @every_type
    def test_frozen(self, name: str) -> None:
        free, frozen = (count(fitted(name, trainable=trainable).weights("float32")) for trainable in (True, False))
        assert free.trainable == free.parameters
        assert frozen.trainable == 0
        assert frozen == replace(free, trainable=0, gradient_bytes=0)
        assert (free.gradient_bytes, free.adam_bytes) == (free.nbytes, 2 * free.nbytes)

    @pytest.mark.parametrize(
        ("name", "options", "recurrent", "second_biases"),
        [
            ("RNN", {}, 11 * 11, 11),
            ("LSTM", {}, 4 * 11 * 11, 4 * 11),
            # A change of the old c reaches what W_hr multiplies.
            ("LSTM", {"proj_size": 2}, 4 * 11 * 2 + 2 * 11, 4 * 11),
            ("GRU", {"num_layers": 2, "bidirectional": True}, 4 * 3 * 11 * 11, 4 * 3 * 11),
            ("GRU", {"bias": False}, 3 * 11 * 11, 0),
            ("LSTMCell", {}, 4 * 11 * 11, 4 * 11),
            # A change of the old y reaches h, which W_hy multiplies; b_hy is the only bias of y.
            ("JordanRNN", {}, 11 * 2 + 2 * 11, 11),
            ("Linear", {}, 0, 0),
            ("Embedding", {}, 0, 0),
            ("LayerNorm", {}, 0, 0),
        ],
    )
    def test_recurrent_matrices_and_the_second_bias(
        self, name: str, options: dict[str, Any], recurrent: int, second_biases: int
    ) -> None:
        counts = count(fitted(name, **options).weights("float32"))
        assert counts.recurrent == recurrent
        assert counts.parameters - counts.one_bias == second_biases

    @pytest.mark.parametrize(("dtype", "nbytes"), [("float16", 2), ("bfloat16", 2), ("float32", 4), ("float64", 8)])
    def test_bytes(self, dtype: str, nbytes: int) -> None:
        counts = count(fitted("RNN").weights(dtype))
        assert counts.nbytes == nbytes * counts.parameters


class TestOps:
    """What is a layer's own in counting; the equations' share is in tests/cells/test_ops.py."""

    @pytest.mark.parametrize("name", [*RECURRENT, "Linear"])
    @pytest.mark.parametrize(
        ("signal", "tokens"),
        [
            (Signal(Batch(3, 5), ("L", "N"), 7, "before"), 15),
            (Signal(Batch(None, 5), ("L",), 7, "before"), 5),
            (Signal(Batch(3, 9, (4, 8, 2)), ("T",), 7, "before"), 14),
        ],
        ids=["batched", "unbatched", "packed"],
    )
    def test_work_is_done_for_each_token_and_none_for_padding(self, name: str, signal: Signal, tokens: int) -> None:
        one = Signal(Batch(1, 1), ("L", "N"), 7, "before")
        layer = make(name).fit(signal, {})
        assert layer.forward_ops(signal) == layer.forward_ops(one).times(tokens)
        every = Wants(input=True, states=True)
        of_one = layer.backward_ops(one, layer.weights("float32"), every)
        assert layer.backward_ops(signal, layer.weights("float32"), every) == of_one.times(tokens)
        assert layer.forward_ops(one).macs > 0

    def test_bytes_are_those_of_all_elements(self) -> None:
        assert fitted("RNN").inputs(fed(), "float64")[0].nbytes == 8 * 15 * 7

    def test_the_mask_of_a_dropout_is_kept_where_its_input_has_a_gradient(self) -> None:
        dropout = make("Dropout").fit(fed(), {})
        assert [dropout.kept(fed(), "float32", (), wants).nbytes for wants in (NOTHING, INPUT)] == [0, 4 * 15 * 7]

    @pytest.mark.parametrize("depth", [1, 2, 3, 10_000])
    def test_a_stack(self, depth: int) -> None:
        """RNN 7 -> 11: 11 x (7 + 11) MACs at the bottom, 11 x (11 + 11) above, for each of 15 tokens."""
        ops = fitted("RNN", num_layers=depth).forward_ops(fed())
        assert ops.macs == 15 * (11 * 18 + (depth - 1) * 11 * 22)

    def test_both_directions(self) -> None:
        """Above the first layer both directions' outputs are read: 22 of them."""
        ops = fitted("RNN", num_layers=2, bidirectional=True).forward_ops(fed())
        assert ops.macs == 15 * 2 * (11 * (7 + 11) + 11 * (22 + 11))

    @pytest.mark.parametrize("trainable", [True, False])
    def test_an_embedding_multiplies_nothing(self, trainable: bool) -> None:
        """It copies rows; backward each of 15 tokens' gradients of 7 elements is added to its row."""
        layer = fitted("Embedding", trainable=trainable)
        assert layer.forward_ops(FIRST) == Ops(0, 0)
        assert layer.backward_ops(FIRST, layer.weights("float32"), NOTHING) == Ops(0, 15 * 7 if trainable else 0)

    def test_dropout_in_eval_mode_costs_nothing(self) -> None:
        layer = fitted("Dropout")
        assert layer.forward_ops(fed()) == layer.backward_ops(fed(), (), INPUT) == Ops(0, 0)

    @pytest.mark.parametrize(
        ("options", "forward", "backward"),
        [
            # x's sum, x - mean, the square, its sum, the division: 5; and w's product, b's sum.
            ({}, 7, 7 + 1 + 3),
            ({"bias": False}, 6, 7 + 1 + 2),
            ({"elementwise_affine": False}, 5, 7),
            ({"trainable": False}, 7, 7 + 1),
        ],
    )
    def test_a_layer_norm(self, options: dict[str, bool], forward: int, backward: int) -> None:
        layer = fitted("LayerNorm", **options)
        elements = 15 * 7
        assert layer.forward_ops(fed()) == Ops(0, forward * elements)
        weights = layer.weights("float32")
        assert layer.backward_ops(fed(), weights, INPUT) == Ops(0, backward * elements)
        # Of an input that nobody wants, what leads to it alone is left out: all but the gradients of w and b.
        assert layer.backward_ops(fed(), weights, NOTHING) == Ops(0, max(backward - 7 - len(weights[:1]), 0) * elements)

    def test_flops_are_two_for_each_mac(self) -> None:
        assert Ops(10, 3).flops == 23
        assert Ops(10, None).flops is None
        assert (Ops(1, 2) + Ops(3, None), Ops(1, 2) + Ops(3, 4)) == (Ops(4, None), Ops(4, 6))
        assert (Ops(2, 3).times(4), Ops(2, None).times(4)) == (Ops(8, 12), Ops(8, None))


@every_type
def test_arguments_are_torchs_alone(name: str) -> None:
    """What the chain filled in is passed on; what is ours is not."""
    arguments = fitted(name).arguments()
    assert not arguments.keys() & {"type", "name", "trainable", "feeds", "tied_to"}
    built = getattr(nn, name)(**arguments) if hasattr(nn, name) else None
    assert (built is None) == (not hasattr(nn, name))


def test_a_layer_cannot_be_changed() -> None:
    layer = RNN(type="RNN", hidden_size=11)
    with pytest.raises(ValueError, match="frozen"):
        layer.hidden_size = 12


def test_both_directions_add_their_gradients_of_what_they_read() -> None:
    """Two directions cost twice one, and an addition for each number that both read: H_in below, D*H_out above."""
    signal = fed(3)
    one, both = (make("RNN", hidden_size=5, **options).fit(signal, {}) for options in ({}, {"bidirectional": True}))
    for wants, read in ((INPUT, 3), (NOTHING, 0)):
        once, twice = (layer.backward_ops(signal, layer.weights("float32"), wants) for layer in (one, both))
        assert twice.macs == 2 * once.macs
        assert twice.elementwise == 2 * once.elementwise + read * signal.tokens
