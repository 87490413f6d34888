"""Whatever a file holds: no fault, every layer can be made, every tensor is counted once, and nothing takes long."""

from __future__ import annotations

import time

import pytest
from holding import identified
from hypothesis import given, settings
from hypothesis import strategies as st

from rnninspect.files.agreement import compared
from rnninspect.files.held import HeldLayer
from rnninspect.files.variants import layer_of

LASTS = (
    *(
        "weight_ih_l0",
        "weight_hh_l0",
        "bias_ih_l0",
        "weight_hr_l0",
        "weight_ih_l0_reverse",
        "weight_hh_l1",
        "weight_ih",
    ),
    *("weight_hh", "weight_hh_l0_raw", "weight_hh_l0_g", "bias_ih", "bias", "bias_n", "w_ih", "w_hh", "kernel"),
    *("recurrent_kernel", "kernel:0", "0", "1", "2", "w", "b", "w_i", "w_h", "weights", "Matrix", "w_f_diag"),
    *("l0_i2h_weight", "l0_h2h_weight", "r1_h2h_bias", "i2h_weight", "h2h_weight", "exp_avg", "original0", "Adam", ""),
)
PARTS = (
    *("cell", "vars", "lstm_cell", "gru_cell", "gates", "candidate", "cell_0", "cell_1", "fw", "bw", "forward_x"),
    *("backward_x", "lstm", "linear", "projection", "vanilla_rnn", "linear_1", "ii", "if", "ig", "io", "hi"),
    *("hf", "hn", "ir", "module", "parametrizations", "weight_hh_l0", "model_weights", "optimizer", "a\nb", ""),
)
NAMES = st.builds(
    lambda parts, signs, last: "".join(map("".join, zip(parts, signs, strict=False))) + last,
    st.lists(st.sampled_from(PARTS), max_size=4),
    st.lists(st.sampled_from("./"), min_size=4, max_size=4),
    st.sampled_from(LASTS),
)
SHAPES = st.lists(st.sampled_from((0, 1, 2, 3, 4, 7, 12, 21, 28, 2**63)), max_size=4).map(tuple)
KINDS = ("LSTM", "Bidirectional", "torch.nn.modules.rnn.LSTM", "GRU", "RNN", "gru", "uniDirectionalLSTM")
SAID = st.dictionaries(
    st.sampled_from(
        ("input_size", "hidden_size", "num_layers", "batch_first", "proj_size", "bias", "units", "dropout")
    ),
    st.sampled_from((0, 1, -1, 7, 10**9, 2**70, True, None, "x", 0.5, float("nan"), ("a",))),
)


@settings(max_examples=100)
@given(st.dictionaries(NAMES, SHAPES, max_size=14), st.data())
def test_any_names_and_shapes(shapes: dict[str, tuple[int, ...]], data: st.DataObject) -> None:
    layers = []
    for name in list(shapes)[:2]:
        roles = data.draw(st.dictionaries(st.sampled_from("WRBP"), st.sampled_from(sorted(shapes)), max_size=4))
        layers.append(HeldLayer(name.rpartition(".")[0], data.draw(st.sampled_from(KINDS)), data.draw(SAID), roles))
    for format in ("safetensors", "ONNX", "CoreML"):
        found = identified(shapes, layers, format=format)
        for layer in found.layers:
            assert list(compared(layer, layer_of(layer)))
        assert all(sentence.isprintable() for sentence in found.undecided)
        read = {part.tensor.name for layer in found.layers for part in layer.parts}
        assert len(read) + found.others + sum(found.set_aside.values()) <= len(shapes)
        if len(read) + found.others + sum(found.set_aside.values()) < len(shapes):
            assert found.undecided != ()


WHY = "their shapes are those of an LSTM's or a GRU's weights, and their names are numbers"


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ({"0": (5, 28), "1": (7, 28), "2": (28,)}, (f"3 tensors look recurrent (v/...), {WHY}",)),
        (
            {"0": (5, 9), "1": (9,), "7": (21, 5), "8": (21, 7), "9": (21,)},
            (f"3 tensors look recurrent (v/...), {WHY}",),
        ),
        ({"arr_0": (5, 21), "arr_1": (7, 21), "arr_2": (2, 21)}, (f"3 tensors look recurrent (v/arr_...), {WHY}",)),
        ({"0": (64, 256), "1": (256,), "2": (256, 64), "3": (64,), "4": (192, 64), "5": (64, 64), "6": (64,)}, ()),
    ],
)
def test_numbers_for_names(shapes: dict[str, tuple[int, ...]], says: tuple[str, ...]) -> None:
    tail = "/.ATTRIBUTES/VARIABLE_VALUE"
    found = identified({f"v/{name}{tail if name.isdigit() else ''}": shape for name, shape in shapes.items()})
    assert (found.layers, found.undecided) == ((), says)


def test_many_tensors_take_little_time() -> None:
    shapes = {f"model.layers.{k}.block.{name}.weight": (64, 64) for k in range(3_000) for name in "abcdefghij"}
    start = time.process_time()
    assert identified(shapes).others == 30_000
    # why so much: a quarter of a second is what it takes at most where nothing else runs.
    assert time.process_time() - start < 2


def test_long_names_take_little_time() -> None:
    shapes = {
        ("a/forward_lstm/" * 20_000) + f"{k}/{name}": (28, 7)
        for k in range(3)
        for name in ("kernel", "recurrent_kernel")
    }
    start = time.process_time()
    identified(shapes | {"lstm" * 100_000: (28, 7), "." * 100_000 + "weight_ih": (28, 7)})
    assert time.process_time() - start < 5


def test_letters_for_matrices_look_recurrent() -> None:
    found = identified({"Wxh": (100, 65), "Whh": (100, 100), "Why": (65, 100), "bh": (100, 1)})
    assert found.layers == ()
    assert [sentence.partition("(")[2] for sentence in found.undecided] == [
        "Wxh...), no rule reads them",
        "Whh...), no rule reads them",
    ]
