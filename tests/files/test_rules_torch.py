"""torch's names: what torch's own modules save gives their arguments back; what contradicts itself is never a guess."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest
from holding import Shapes, agrees, differing, identified, only

from rnninspect.files.held import HeldLayer
from rnninspect.files.variants import layer_of

GRID = [
    (kind, layers, bidirectional, bias, proj)
    for kind, layers, bidirectional, bias, proj in product(
        ("RNN", "LSTM", "GRU"), (1, 3), (False, True), (False, True), (0, 2)
    )
    if kind == "LSTM" or not proj
]


def saved(kind: str, *args: int, prefix: str = "", **options: Any) -> Shapes:
    """The shapes of what torch saves of a module."""
    from torch import nn

    module = getattr(nn, kind)(*args, **options)
    return {prefix + name: tuple(value.shape) for name, value in module.state_dict().items()}


@pytest.mark.torch
@pytest.mark.parametrize(("kind", "layers", "bidirectional", "bias", "proj"), GRID)
def test_what_torch_saves_gives_its_arguments_back(
    kind: str, layers: int, bidirectional: bool, bias: bool, proj: int
) -> None:
    options = {"num_layers": layers, "bidirectional": bidirectional, "bias": bias} | (
        {"proj_size": proj} if proj else {}
    )
    found = only(identified(saved(kind, 5, 7, prefix="encoder.rnn.", **options)))
    assert found.name == "encoder.rnn"
    assert (found.type, found.input_size, found.hidden_size, found.proj_size) == (kind, 5, 7, proj)
    assert (found.num_layers, found.bidirectional) == (layers, bidirectional)
    assert found.biases == ("two" if bias else "none")
    assert (found.convention, found.known_from) == ("PyTorch", "names")
    assert agrees(found)
    assert layer_of(found).name == "encoder.rnn"


@pytest.mark.torch
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_cell_of_torch(kind: str, bias: bool) -> None:
    found = only(identified(saved(f"{kind}Cell", 5, 7, prefix="step.", bias=bias)))
    assert (found.type, found.input_size, found.hidden_size, found.num_layers) == (kind, 5, 7, 1)
    assert agrees(found)
    assert any(f"{kind}Cell" in remark for remark in found.remarks)


LSTM: Shapes = {"weight_ih_l0": (28, 5), "weight_hh_l0": (28, 7), "bias_ih_l0": (28,), "bias_hh_l0": (28,)}
RNN: Shapes = {"weight_ih_l0": (7, 5), "weight_hh_l0": (7, 7)}


@pytest.mark.parametrize("prefix", ["", "a.", "a/b/", "module.a.b/", "two\nlines.", "état.", "a..b."])
def test_any_prefix(prefix: str) -> None:
    found = only(identified({prefix + name: shape for name, shape in LSTM.items()}))
    assert found.name == prefix[:-1]
    assert agrees(found)


def test_layers_stand_in_the_order_of_the_file() -> None:
    shapes = {f"{prefix}.{name}": shape for prefix in ("b", "a") for name, shape in RNN.items()}
    assert [layer.name for layer in identified({"c.weight_ih": (7, 5), "c.weight_hh": (7, 7)} | shapes).layers] == [
        "c",
        "b",
        "a",
    ]


def test_what_the_file_does_not_say_is_unknown() -> None:
    assert only(identified(LSTM)).unknown == {"batch_first": "not in the file"}
    assert only(identified(RNN)).unknown == {
        "batch_first": "not in the file",
        "nonlinearity": "not in the file: one of tanh, relu",
    }
    two = LSTM | {name.replace("l0", "l1"): (28, 7) if "weight" in name else (28,) for name in LSTM}
    assert set(only(identified(two)).unknown) == {"batch_first", "dropout"}
    assert only(identified(two)).known == {}


def built(kind: str, **said: Any) -> HeldLayer:
    options = {
        "input_size": 5,
        "hidden_size": 7,
        "num_layers": 1,
        "bias": True,
        "batch_first": True,
        "dropout": 0.25,
        "bidirectional": False,
        "proj_size": 0,
        "mode": kind,
    }
    return HeldLayer("", f"torch.nn.modules.rnn.{kind.partition('_')[0]}", options | said)


def test_a_pickled_module_says_its_options() -> None:
    found = only(identified(LSTM, [built("LSTM")]))
    assert (found.known_from, found.unknown) == ("a pickled module", {})
    assert found.known == {"batch_first": True, "dropout": 0.25}
    layer = layer_of(found)
    assert (layer.batch_first, layer.dropout) == (True, 0.25)  # type: ignore[attr-defined]
    relu = only(identified(RNN, [built("RNN_RELU", bias=False)]))
    assert relu.known["nonlinearity"] == "relu"
    assert relu.unknown == {}
    assert "relu" in layer_of(relu).equations()


@pytest.mark.parametrize("dropout", [float("nan"), 7.0, "much", None, True])
def test_an_option_that_is_none_is_not_set(dropout: Any) -> None:
    found = only(identified(LSTM, [built("LSTM", dropout=dropout)]))
    assert layer_of(found).dropout == 0  # type: ignore[attr-defined]


def test_a_module_that_was_built_otherwise_differs_from_its_tensors() -> None:
    found = only(identified(LSTM, [built("LSTM", hidden_size=8)]))
    assert {(difference.tensor, difference.plan) for difference in differing(found)} >= {("weight_hh_l0", (32, 8))}


@pytest.mark.parametrize("hidden_size", [True, -7, "7", None])
def test_a_size_that_is_none_is_the_tensors(hidden_size: Any) -> None:
    assert only(identified(LSTM, [built("LSTM", hidden_size=hidden_size)])).hidden_size == 7


def test_a_module_that_says_a_million_layers_has_not_a_million() -> None:
    assert only(identified(LSTM, [built("LSTM", num_layers=1_000_000)])).num_layers < 100


def test_a_missing_bias_of_one_direction_is_a_difference() -> None:
    shapes = LSTM | {f"{name}_reverse": shape for name, shape in LSTM.items()}
    del shapes["bias_hh_l0_reverse"]
    (difference,) = differing(only(identified(shapes)))
    assert difference == ("bias_hh, reverse", "not in the file", (28,), None)


def test_a_missing_layer_is_a_difference() -> None:
    shapes = {f"{name[:-1]}{k}": (28, 7) if "weight" in name else (28,) for name in LSTM for k in (0, 2)}
    found = only(identified(shapes))
    assert found.num_layers == 3
    assert [difference.tensor for difference in differing(found)] == [
        f"{role}, layer 1" for role in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    ]


def test_stacked_layers_of_unequal_sizes_are_a_difference() -> None:
    found = only(identified(RNN | {"weight_ih_l1": (9, 7), "weight_hh_l1": (9, 9)}))
    assert [(d.tensor, d.what, d.plan, d.file) for d in differing(found)] == [
        ("weight_ih_l1", "shape", (7, 7), (9, 7)),
        ("weight_hh_l1", "shape", (7, 7), (9, 9)),
    ]


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        (LSTM | {"weight_ih_l999999999": (28, 7)}, "layer 999,999,999, and most before it are missing"),
        ({"weight_ih_l0": (14, 5), "weight_hh_l0": (14, 7)}, "14 rows and 7 columns"),
        ({"weight_ih_l0": (22, 5), "weight_hh_l0": (22, 7)}, "22 rows and 7 columns"),
        ({"weight_ih_l0": (28, 5), "weight_hh_l0": (28, 3)}, "28 rows and 3 columns"),
        ({"weight_ih_l0": (28, 5), "weight_hh_l0": (28, 3), "weight_hr_l0": (3, 8)}, "28 rows and 3 columns"),
        ({"weight_ih_l0": (28, 5), "weight_hh_l0": (28, 3), "weight_hr_l0": (2, 7)}, "28 rows and 3 columns"),
        (LSTM | {"weight_ih_l50": (28, 7)}, "layer 50, and most before it are missing"),
        ({"weight_ih_l0": (28, 5)}, "not both there"),
        ({"weight_ih_l1": (28, 5), "weight_hh_l1": (28, 7)}, "not both there"),
        ({"weight_ih_l0": (28,), "weight_hh_l0": (28, 7)}, "not both there"),
        ({"weight_ih_l0": (28, 0), "weight_hh_l0": (28, 7)}, "no LSTM has such sizes"),
        ({"weight_ih_l0": (0, 5), "weight_hh_l0": (0, 0)}, "0 rows and 0 columns"),
        ({"weight_ih_l0": (28, 5), "weight_hh_l0_g": (28, 1), "weight_hh_l0_v": (28, 7)}, "weight_hh_l0_g is a factor"),
        (
            {
                "weight_ih_l0": (28, 5),
                "parametrizations.weight_hh_l0.original0": (28, 1),
                "parametrizations.weight_hh_l0.original1": (28, 7),
            },
            "weight_hh_l0 is worked out by a parametrization",
        ),
        ({"_all_weight_values.0.param._packed_params": (28, 5)}, "packed weights of a quantized layer"),
        ({"weight_ih": (28, 5), "weight_hh": (14, 7)}, "are no kind's"),
        ({"weight_ih": (21, 5), "weight_hh": (28, 7)}, "are no kind's"),
        ({"weight_ih": (21, 5), "weight_hh": (21, 7), "bias": (21,)}, "which of two GRUs"),
        ({"weight_ih_l0": (5, 7), "weight_hh_l0": (7, 7)}, "W_ih has 5 rows and W_hh 7"),
        ({"weight_ih_l0": (28, 5), "weight_hh_l0": (28, 7), "bias_ih_l0": (28,)}, "bias_ih is the only bias"),
        ({"weight_ih": (28, 5), "weight_hh": (28, 7), "bias_hh": (28,)}, "bias_hh is its only bias"),
    ],
)
def test_what_cannot_be_is_undecided(shapes: Shapes, says: str) -> None:
    found = identified({f"rnn.{name}": shape for name, shape in shapes.items()})
    assert found.layers == ()
    (sentence,) = found.undecided
    assert says in sentence
    assert "(rnn..." in sentence
    assert sentence.startswith(f"{len(shapes)} tensor")


CELL: Shapes = {"weight_ih": (28, 5), "weight_hh": (28, 7), "bias_ih": (28,), "bias_hh": (28,)}
BARE: Shapes = {"weight_ih_l0": (28, 5), "weight_hh_l0": (28, 7)}


@pytest.mark.parametrize(
    ("weights", "beside", "name"),
    [
        (BARE, {"bias_l0": (28,)}, "bias_l0"),
        (BARE, {"bias": (28,)}, "bias"),
        (BARE, {"anything": (28,)}, "anything"),
        (LSTM, {"gamma_h": (7,)}, "gamma_h"),
        (LSTM, {"weight_ch_l0": (21, 7)}, "weight_ch_l0"),
        (LSTM, {"bn_hh.weight": (28,), "bn_hh.running_mean": (28,)}, "bn_hh"),
        (CELL, {"weight_ci": (7,)}, "weight_ci"),
        (CELL, {"layernorm_c.weight": (7,)}, "layernorm_c"),
        ({"w_ih": (28, 5), "w_hh": (28, 7)}, {"b": (28,)}, "b"),
        (CELL, {"weight_mhh": (7, 7), "weight_mih": (7, 5)}, "weight_mhh"),
        (CELL, {"tau": (7,), "phase": (7,)}, "tau"),
    ],
)
def test_what_stands_beside_weights_may_be_of_the_step(weights: Shapes, beside: Shapes, name: str) -> None:
    found = identified({f"rnn.{last}": shape for last, shape in (weights | beside).items()})
    assert found.layers == ()
    assert f"{name} beside its weights may be of its step" in found.undecided[0]


@pytest.mark.parametrize(
    ("weights", "beside"),
    [
        (LSTM, {"norm.weight": (7,), "h0": (1, 7), "out.weight": (28, 7), "filters": (28, 3, 3)}),
        (CELL, {"out.weight": (3, 7), "h0": (7,), "c0": (7,)}),
        ({"weight_ih_l0": (7, 5), "weight_hh_l0": (7, 7)}, {"scores": (7, 9), "v": (7,)}),
    ],
)
def test_what_stands_beside_weights_may_be_something_else(weights: Shapes, beside: Shapes) -> None:
    found = identified({f"decoder.{last}": shape for last, shape in (weights | beside).items()})
    assert agrees(only(found))
    assert found.others == len(beside)


def test_modules_within_a_cell_are_told() -> None:
    shapes = {f"step.{last}": shape for last, shape in (CELL | {"q.weight": (5, 7), "r.weight": (7, 5)}).items()}
    found = only(identified(shapes | {"other.q.weight": (5, 7)}))
    assert found.remarks[-1].startswith("Within it stand q and r, where torch's cells have nothing")


def test_tensors_without_a_prefix_may_be_of_any_layer() -> None:
    assert agrees(only(identified(LSTM | {"fc_weight": (28, 7), "weight": (3, 28), "bias": (28,)})))


@pytest.mark.parametrize("place", ["", "module."])
def test_weights_before_dropout_stand_for_the_weights(place: str) -> None:
    shapes = {place + name: shape for name, shape in LSTM.items()}
    raw = {"weight_hh_l0_raw": shapes.pop(f"{place}weight_hh_l0")}
    found = only(identified(shapes | raw))
    assert agrees(found)
    assert "before dropout" in found.remarks[0]
    both = identified(shapes | raw | {f"{place}weight_hh_l0": (28, 7)})
    assert agrees(only(both))
    assert both.set_aside == {"weights before dropout of weights": 1}


def test_equinox_cells_have_one_bias() -> None:
    lstm = only(identified({"weight_ih": (28, 5), "weight_hh": (28, 7), "bias": (28,)}))
    assert (lstm.type, lstm.biases, lstm.convention) == ("LSTM", "one", "Equinox")
    assert agrees(lstm)
    gru = only(identified({"weight_ih": (21, 5), "weight_hh": (21, 7), "bias": (21,), "bias_n": (7,)}))
    assert (gru.type, gru.biases, gru.reset_after) == ("GRU", "one", True)
    assert agrees(gru)


@pytest.mark.parametrize("names", [("w_ih", "w_hh", "b_ih", "b_hh"), ("W_ih", "W_hh", "b_ih", "b_hh")])
def test_short_names_do_not_say_which_gru(names: tuple[str, ...]) -> None:
    shapes = dict(zip(names, [(21, 5), (21, 7), (21,), (21,)], strict=True))
    found = only(identified(shapes))
    assert (found.type, found.biases, found.reset_after) == ("GRU", "two", None)
    assert "reset_after" in found.unknown
    assert agrees(found)


def test_the_tensors_of_an_optimizer_are_set_aside() -> None:
    slots = {f"optimizer.state.{k}.exp_avg": (28, 5) for k in range(4)} | {"last_optimizer_state.lr": ()}
    found = identified(LSTM | slots | {"head.weight": (2, 7), "step": ()})
    assert agrees(only(found))
    assert found.set_aside == {"an optimizer's": 5}
    assert found.others == 2


def test_a_network_that_learns_to_optimize_is_no_optimizers() -> None:
    assert only(identified({f"optimizer.rnn.{name}": shape for name, shape in LSTM.items()})).name == "optimizer.rnn"


@pytest.mark.parametrize(
    "place", ["optimizer_state.exp_avg.", "state.momentum_buffer.", "optim.m.", "optimizer.state."]
)
def test_what_an_optimizer_keeps_under_the_names_of_weights_is_set_aside(place: str) -> None:
    found = identified(LSTM | {f"{place}rnn.{name}": shape for name, shape in LSTM.items()})
    assert agrees(only(found))
    assert found.set_aside == {"an optimizer's": 4}


def test_second_names_of_the_same_weights_are_set_aside() -> None:
    stack = {f"rnn.{name}{end}": shape for name, shape in LSTM.items() for end in ("", "_reverse")}
    cells = {f"rnn.0.cell_{way}.{name[:-3]}": shape for name, shape in LSTM.items() for way in ("fw", "bw")}
    found = identified(stack | cells)
    assert agrees(only(found))
    assert found.set_aside == {"weights under second names": 8}
    alone = {f"rnn.0.cell.{name[:-3]}": shape for name, shape in LSTM.items()}
    assert only(identified(alone)).name == "rnn.0.cell"
    other = {f"rnn.{name}": (*shape[:-1], 8) if name == "weight_ih_l0" else shape for name, shape in LSTM.items()}
    assert identified(alone | other).set_aside == {"weights under second names": 3}


def test_a_layer_whose_tensors_are_anothers_says_so() -> None:
    shapes = {f"a.{name}": shape for name, shape in LSTM.items()}
    found = identified(shapes, aliases={f"b.{name}": f"a.{name}" for name in LSTM})
    assert [layer.name for layer in found.layers] == ["a", "b"]
    assert found.layers[1].remarks == ("Its tensors are those of a.",)


def test_a_tensor_of_both_directions_is_counted_once() -> None:
    layer = only(identified(LSTM, aliases={f"{name}_reverse": name for name in LSTM}))
    assert layer.bidirectional
    assert layer.parameters == sum(map(math.prod, LSTM.values()))


def test_layers_stand_as_in_the_file_whichever_rule_reads_them() -> None:
    cell = {f"cell.{name.removesuffix('_l0')}": shape for name, shape in LSTM.items()}
    found = identified(cell | {f"a.{name}": shape for name, shape in LSTM.items()})
    assert [layer.name for layer in found.layers] == ["cell", "a"]


@pytest.mark.parametrize(
    "shapes",
    [
        {f"layers.{k}.{name}": shape for k in range(12) for name, shape in TRANSFORMER.items()}
        for TRANSFORMER in (
            {"self_attn.in_proj_weight": (96, 32), "self_attn.out_proj.weight": (32, 32), "linear1.weight": (128, 32)},
            {"conv.weight": (64, 64, 3, 3), "bn.running_mean": (64,), "bn.num_batches_tracked": ()},
            {"cell.conv.weight": (64, 16, 3, 3), "cell.bias": (64,)},
            {"kernel": (32, 128), "bias": (128,), "ln/gamma": (32,)},
        )
    ],
)
def test_other_networks_have_none(shapes: Shapes) -> None:
    found = identified(shapes)
    assert (found.layers, found.undecided, found.others) == ((), (), len(shapes))


X2H = "2 tensors look recurrent (a...), x2h and h2h are of x and of h"


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ({"lstm_5/a": (8, 4), "lstm_5/b": (3, 5)}, ("2 tensors look recurrent (lstm_5/...), no rule reads them",)),
        ({"enc.my_gru.w": (8, 4)}, ("1 tensor looks recurrent (enc.my_gru...), no rule reads them",)),
        ({"trunk.weights": (3, 4), "structure.x": (1,)}, ()),
        ({"a.x2h.weight": (28, 5), "a.h2h.weight": (28, 7)}, (X2H,)),
        ({"convlstm.0.conv.weight": (28, 12, 3, 3)}, ("1 tensor looks recurrent (convlstm...), no rule reads them",)),
        (
            {
                "lstm.head.weight": (2, 7),
                "rnn_last/weights": (2, 100),
                "rnn_class/weights": (100, 5),
                "rnn_proj.weight": (9, 7),
                "gru_norm.weight": (7,),
            },
            (),
        ),
        ({"lstm.linear_h.weight": (28, 7)}, ("1 tensor looks recurrent (lstm...), no rule reads them",)),
        ({"my_cell.U": (21, 7)}, ("1 tensor looks recurrent (my_cell...), no rule reads them",)),
        ({"my_cell.U": (20, 7)}, ()),
        (
            {"l.input_linearity.weight": (36, 4), "l.state_linearity.weight": (36, 4), "l.state_linearity.bias": (36,)},
            ("3 tensors look recurrent (l...), input_linearity and state_linearity are of x and of h",),
        ),
        (
            {"enc_U": (7, 14), "enc_W": (5, 14), "enc_Ux": (7, 7), "other_W": (5, 9)},
            ("3 tensors look recurrent (enc_...), they are as a GRU of Nematus or Marian has them",),
        ),
        (
            {"e.Wx": (21, 5), "e.Wh": (21, 7), "e.b": (21,), "e.bhn": (7,)},
            ("4 tensors look recurrent (e...), Wx and Wh are of x and of h",),
        ),
        ({"e.Wx": (21, 5), "e.Wh": (21,)}, ()),
        ({"lstm/Constant_output_0": (28, 7)}, ()),
        ({"rnn._flat_param": (1000,)}, ("1 tensor looks recurrent (rnn...), no rule reads them",)),
    ],
)
def test_what_no_rule_reads_is_said(shapes: Shapes, says: tuple[str, ...]) -> None:
    assert identified(shapes).undecided == says


def test_sentences_are_few_and_on_one_line() -> None:
    found = identified({f"lstm{k}\n\x1b[31m/{k}": (8, 4) for k in range(1000)})
    assert len(found.undecided) == 9
    assert all(sentence.isprintable() for sentence in found.undecided)
    assert found.undecided[-1].startswith("992 more tensors look recurrent")
