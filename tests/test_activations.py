"""Activations under torch's names: their equations and numbers, what they keep, and every form of batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from test_agreement import BATCHES, disagreements
from test_training import kept, on_cpu, saved_bytes
from torch import nn
from worlds import document, spec_of

from rnninspect.document.chain import Spec
from rnninspect.errors import DocumentError
from rnninspect.layers.layer import Wants
from rnninspect.plan import plan
from rnninspect.study.code import code
from rnninspect.study.explain import explain_layers
from rnninspect.study.verify import verify_layers

CPU = torch.device("cpu")
LAYERS: dict[str, dict[str, object]] = {
    "ReLU": {},
    "ReLU in place": {"inplace": True},
    "Tanh": {},
    "Sigmoid": {},
    "LeakyReLU": {"negative_slope": 0.3},
    "LeakyReLU steep": {"negative_slope": 3},
    "LeakyReLU folded": {"negative_slope": -0.5},
    "ELU": {"alpha": 0.7},
    "GELU": {},
    "GELU tanh": {"approximate": "tanh"},
    "SiLU": {"inplace": True},
    "Hardtanh": {"min_val": -0.2, "max_val": 0.1},
    "Softplus": {"beta": 3, "threshold": 0.5},
    "Softmax": {"dim": -1},
    "LogSoftmax": {"dim": -1},
    "PReLU": {"init": 0.1},
    "PReLU of each": {"num_parameters": 7, "init": -1.5},
}
each_layer = pytest.mark.parametrize("called", LAYERS)


def layer(called: str) -> dict[str, object]:
    return {"name": "it", "type": called.split()[0], **LAYERS[called]}


def spec_with(called: str, batch: str = "batched", dtype: str = "float64", **before: object) -> Spec:
    """It after a GRU of 7 units, and a Linear after it."""
    gru = {"type": "GRU", "input_size": 3, "hidden_size": 7, **before}
    head = {"type": "Linear", "out_features": 2}
    return spec_of({"input": BATCHES[batch], "dtype": dtype, "layers": [gru, layer(called), head]})


FORMS: dict[str, tuple[str, dict[str, object]]] = {
    "batch_first": ("batched", {"batch_first": True}),
    "unbatched": ("unbatched", {}),
    "last of packed": ("packed", {"feeds": "last"}),
    "packed": ("packed", {}),
}


@pytest.mark.parametrize(("batch", "before"), FORMS.values(), ids=FORMS)
@each_layer
def test_plan_torch_and_equation_agree(called: str, batch: str, before: dict[str, object]) -> None:
    spec = spec_with(called, batch, **before)
    assert disagreements(spec) == ()
    verified = verify_layers(spec, CPU)
    assert verified.ok
    assert [each.name for each in verified.layers] == ["gru", "it", "linear"]
    gradients = {tensor.name for tensor in verified.layers[1].tensors}
    assert gradients == {"output", "grad input", *["grad weight"] * called.startswith("PReLU")}


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@each_layer
def test_rounding_is_no_difference(called: str, dtype: str) -> None:
    assert verify_layers(spec_with(called, dtype=dtype), CPU).ok


@each_layer
def test_what_is_zero_is_no_difference(called: str) -> None:
    """A row of padding is zero, where max and relu have a kink."""
    embedding = {"type": "Embedding", "num_embeddings": 1, "embedding_dim": 7, "padding_idx": 0}
    spec = spec_of({"input": BATCHES["batched"], "dtype": "float64", "layers": [embedding, layer(called)]})
    assert verify_layers(spec, CPU).ok


def test_a_wrong_equation_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_with("ELU")
    monkeypatch.setattr(type(spec.links[1].layer), "equation", lambda self: "y = max(x, 0) + exp(min(x, 0)) - 1")
    verified = verify_layers(spec, CPU)
    assert [layer.name for layer in verified.layers if not layer.ok] == ["it"]


# Operations of each element forward and backward: the signs and functions of the equation, and their derivatives.
COSTS = {
    "ReLU": (1, 1),
    "Tanh": (1, 3),
    "Sigmoid": (1, 3),
    # max, times; a mask for each side, times, and the sum of the two gradients of x
    "LeakyReLU": (2, 4),
    # max, plus, times, minus, exp, min; two masks, times, exp, and the sum
    "ELU": (6, 5),
    "GELU": (1, 11),
    # x times, halved, 1 plus, tanh, times, plus, times, a power; times for both sides, the half, tanh, two times, the
    # power, and the sums of what x is read for
    "GELU tanh": (8, 2 + 1 + 3 + 2 + 3 + 2),
    "SiLU": (1, 6),
    "Hardtanh": (2, 2),
    # softplus, times beta, over beta
    "Softplus": (3, 4),
    "Softmax": (5, 4),
    "LogSoftmax": (5, 4),
    # max, plus, times, min; two masks, times for min and for w, the sum of w's, and of x's
    "PReLU of each": (4, 6),
}


@pytest.mark.parametrize("called", COSTS)
def test_what_each_costs(called: str) -> None:
    fitted = spec_with(called).links[1]
    elements = 15 * 7
    weights = fitted.layer.weights("float32")
    assert fitted.layer.forward_ops(fitted.signal).elementwise == COSTS[called][0] * elements
    backward = fitted.layer.backward_ops(fitted.signal, weights, Wants(input=True, states=False))
    assert (backward.macs, backward.elementwise) == (0, COSTS[called][1] * elements)
    of_none = fitted.layer.backward_ops(fitted.signal, (), Wants(input=False, states=False))
    assert bool(of_none.elementwise) is bool(weights)


def test_the_gradient_of_one_w_is_a_sum_over_a_token_and_over_tokens() -> None:
    one = spec_with("PReLU").links[1]
    ops = one.layer.backward_ops(one.signal, one.layer.weights("float32"), Wants(input=True, states=False))
    assert ops.elementwise == 6 * 15 * 7 + 15


@pytest.mark.parametrize("batch", ["batched", "packed"])
@each_layer
def test_autograd_keeps_what_is_said(called: str, batch: str) -> None:
    """Between two layers, of which the first keeps its own input and the last reads what this puts out."""
    first = {"type": "Linear", "in_features": 3, "out_features": 7}
    for last in ({"type": "Linear", "out_features": 2}, {"type": "Dropout"}):
        layers = [first, layer(called), last]
        spec = spec_of({"input": BATCHES[batch], "layers": layers})
        assert kept(plan(spec)) == kept(on_cpu(spec)) == saved_bytes(spec)


def test_what_is_before_all_that_trains_keeps_nothing() -> None:
    frozen = {"type": "Linear", "in_features": 3, "out_features": 7, "trainable": False}
    for called in LAYERS:
        spec = spec_of({"input": BATCHES["batched"], "layers": [frozen, layer(called) | {"trainable": False}]})
        assert kept(plan(spec)) == saved_bytes(spec) == 0


@pytest.mark.parametrize("batch", ["unbatched", "packed"])
@each_layer
def test_the_printed_module_computes_the_same(called: str, batch: str) -> None:
    spec = spec_with(called, batch, dtype="float32")
    scope: dict[str, Any] = {"__name__": "printed"}
    exec(code(spec), scope)
    x = torch.randn(spec.inputs[0].shape)
    given = [x] if spec.batch.lengths is None else [x, torch.tensor(spec.batch.lengths)]
    output, _ = scope["Model"]().eval()(*given)
    assert output.shape[-1] == 2
    # A packed batch is rows as it is.
    assert ("reshape(-1, 7)" in code(spec)) is (called == "PReLU of each" and batch != "packed")


EQUATIONS = {
    "ReLU": "y_t = ReLU(x_t)",
    "LeakyReLU": "y_t = max(x_t, 0.3 · x_t)",
    "LeakyReLU steep": "y_t = min(x_t, 3 · x_t)",
    "ELU": "y_t = max(x_t, 0) + 0.7 · (exp(min(x_t, 0)) - 1)",
    "Hardtanh": "y_t = min(max(x_t, -0.2), 0.1)",
    "Softplus": "y_t = softplus(3 · x_t) / 3",
    "PReLU of each": "y_t = max(x_t, 0) + w ⊙ min(x_t, 0)",
}


@pytest.mark.parametrize("called", EQUATIONS)
def test_the_equation_has_the_numbers_of_the_document(called: str) -> None:
    (_, explained, _) = explain_layers(spec_with(called))
    (written,) = explained.equations
    assert written.text == EQUATIONS[called]


REFUSED = {
    "type: Softmax": ("dim", "required: without it torch takes another axis", "add dim: -1"),
    "type: Softmax, dim: 1": ("dim", "expected -1, the features, got 1", "no other axis"),
    "type: Hardtanh, min_val: 1, max_val: 1": ("max_val", "expected more than min_val 1.0, got 1.0", ""),
    "type: PReLU, num_parameters: 3": ("num_parameters", "expected 1, or 5 for the features that layer 'first'", ""),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_does_not_fit(text: str) -> None:
    field, message, hint = REFUSED[text]
    with pytest.raises(DocumentError) as caught:
        spec_of(document("name: first, type: Linear, in_features: 2, out_features: 5", text))
    assert caught.value.path == f"layers[1].{field}"
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(("batch", "dim"), [("batched", 2), ("unbatched", 1), ("packed", 2)])
def test_the_features_may_be_named_by_their_axis(batch: str, dim: int) -> None:
    gru = {"type": "GRU", "input_size": 3, "hidden_size": 7}
    spec = spec_of({"input": BATCHES[batch], "layers": [gru, {"type": "Softmax", "dim": dim}]})
    assert disagreements(spec) == ()
    assert "nn.Softmax(dim=-1)" in code(spec)


FIRST = ("type: Tanh", "type: Dropout", "type: PReLU", "type: Softmax, dim: -1")


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("then", ["GRU, input_size: 5, hidden_size: 3", "Linear, in_features: 5, out_features: 3"])
def test_it_comes_first_where_the_next_says_how_wide_the_input_is(first: str, then: str) -> None:
    spec = spec_of(document("name: zero, type: ReLU", first, f"type: {then}"))
    assert spec.inputs[0].shape == (6, 3, 5)
    assert disagreements(spec) == ()
    assert verify_layers(spec, CPU).ok


@pytest.mark.parametrize(
    "then", [(), ("type: GRU, hidden_size: 3",), ("type: Embedding, num_embeddings: 3, embedding_dim: 5",)]
)
def test_where_nobody_says_it_the_first_is_refused(then: tuple[str, ...]) -> None:
    with pytest.raises(DocumentError) as caught:
        spec_of(document("type: Tanh", *then))
    assert caught.value.message == "layer 'tanh': Tanh cannot come first: nothing says how wide its input is"


def test_one_of_each_feature_says_how_wide_its_input_is() -> None:
    spec = spec_of(document("type: PReLU, num_parameters: 5", "type: GRU, hidden_size: 3"))
    assert spec.inputs[0].shape == (6, 3, 5)
    assert disagreements(spec) == ()


def test_in_place_is_said_to_be_run_apart() -> None:
    (note,) = spec_with("ReLU in place").notes
    assert "inplace: it is counted and run as if it were false" in note


def test_a_printed_chain_may_have_them(here: Callable[..., Any]) -> None:
    parts = nn.Sequential(nn.ReLU(), nn.Linear(3, 4), nn.LeakyReLU(0.2), nn.LSTM(4, 5), nn.Hardtanh(0, 6), nn.PReLU(5))
    done = here("params", repr(parts), "--plan", "--format", "csv")
    assert done.returncode == 0
    rows = [line.split(",")[:4] for line in done.stdout.splitlines()]
    assert [row[2] for row in rows[1:]] == ["ReLU", "Linear", "LeakyReLU", "LSTM", "Hardtanh", "PReLU"]


@pytest.mark.parametrize("dim", [None, 1])
def test_a_printed_softmax_of_another_axis_is_not_described(here: Callable[..., Any], dim: int | None) -> None:
    done = here("params", repr(nn.Sequential(nn.Linear(3, 4), nn.Softmax(dim))), "--plan", "--format", "csv")
    assert done.returncode == 0
    assert f"not described: Softmax(dim={dim}) (1)" in done.stderr
