"""Equations as they are trained with, against the same evaluated as written: every output, gradient and vector."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import pytest
import torch
from any_cell import AnyCell, equations
from hypothesis import given
from hypothesis import strategies as st
from mgu import MGU
from samples import examples
from test_reference import states_for, tensors
from test_training import saved_storages
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from rnninspect.layers.jordan import JordanRNN
from rnninspect.layers.layer import Wants
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Batch, Signal
from rnninspect.runtime.ahead import EquationRNN
from rnninspect.runtime.plain import PlainRNN
from rnninspect.runtime.recurrence import Flow, Moment, data_of, with_data

SIZES = {"name": "a", "input_size": 4, "hidden_size": 5}
# Rounding alone: the two add up in another order.
FORWARD, GRADIENT = 1e-12, 1e-7


class Run:
    """A module run forward and backward: all that comes out of it, by name."""

    def __init__(self, module: EquationRNN | PlainRNN, flow: Flow, states: tuple[Tensor, ...]) -> None:
        leaf = data_of(flow).clone().requires_grad_()
        given = tuple(state.clone().requires_grad_() for state in states)
        self.moments: dict[tuple[int, int, int], Mapping[str, Tensor]] = {}
        ran = module(with_data(flow, leaf), given if len(given) > 1 else given[0], self.watch)
        self.forward = tensors(ran)
        upstream = [torch.linspace(-1, 1, tensor.numel()).double().view(tensor.shape) for tensor in self.forward]
        leaves = [leaf, *given, *module.parameters()]
        self.gradients = torch.autograd.grad(self.forward, leaves, upstream, allow_unused=True)

    def watch(self, moment: Moment) -> None:
        self.moments[moment.stacked, moment.direction, moment.t] = moment.vectors


def check(layer: Recurrent, flow: Flow) -> None:
    """Raise AssertionError where the two are not equal."""
    plain, ahead = PlainRNN(layer, dtype=torch.float64), EquationRNN(layer, dtype=torch.float64)
    ahead.load_state_dict(plain.state_dict())
    states = states_for(layer, flow)
    expected, run = Run(plain, flow, states), Run(ahead, flow, states)
    for a, b in zip(expected.forward, run.forward, strict=True):
        torch.testing.assert_close(b, a, rtol=FORWARD, atol=FORWARD)
    for a, b in zip(expected.gradients, run.gradients, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            torch.testing.assert_close(b, a, rtol=GRADIENT, atol=GRADIENT)
    assert list(expected.moments) == list(run.moments)
    for moment, vectors in expected.moments.items():
        assert list(vectors) == list(run.moments[moment])
        for name, vector in vectors.items():
            torch.testing.assert_close(run.moments[moment][name], vector, rtol=FORWARD, atol=FORWARD)


def flow_of(form: str, layer: Recurrent) -> Flow:
    width = layer.width_in
    match form:
        case "batched":
            return torch.randn(*((3, 6) if getattr(layer, "batch_first", False) else (6, 3)), width).double()
        case "unbatched":
            return torch.randn(6, width).double()
        case _:
            lengths = torch.tensor([2, 6, 1, 6])
            return pack_padded_sequence(torch.randn(6, 4, width).double(), lengths, enforce_sorted=False)


FORMS = ("batched", "unbatched", "packed")

TEXTS = {
    # Gates that read x, a state, or both, whose biases stand in any order; one that reads no state feeds the others.
    "mixed": """
z = sigmoid(W_iz @ x + b_iz)
r = sigmoid(W_ir @ x + b_ir + W_hr @ h + b_hr)
u = sigmoid(W_iu @ x + W_hu @ h + b_hu + b_iu)
n = tanh(z * (W_in @ x + b_in) + r * (W_hn @ h + b_hn) - W_cn @ c)
h = u * h + (1 - u) * n
c = z
""",
    # Nothing of the state's own in it: all gates are known ahead (minGRU).
    "minimal": "z = sigmoid(W_iz @ x)\nn = W_in @ x\nh = (1 - z) * h + z * n",
    # Weights that are neighbours in one parameter and not in the other; a gradient that needs its argument.
    "apart": """
z = sigmoid(W_iz @ x + W_hz @ h)
r = sigmoid(W_hr @ h)
q = sigmoid(W_iq @ x + W_hq @ h)
n = softplus(W_in @ x + W_hn @ h)
h = z * h - r * q * n
""",
    # A state that is a bias at every step, one that is what another was, one that is assigned twice.
    "edges": "s = c - (g - s) * s\nc = tanh(b_g)\ng = W_g @ x + h\nh = b_h + W_h @ s\nh = tanh(h)",
    # A weight used twice and transposed, expressions multiplied, whole vectors, numbers alone, weight vectors.
    "rich": """
g = max(W_g[0] @ x + b, 0.5 * h) / (1 + abs(c)) ** 2
s = softmax(w_s * g) + layernorm(W_hh @ h - W_hh.T @ (g * h + 2) + b_hh)
c = -(exp(-abs(W_a @ tanh(c) + w_c + b_c)) * c) - min(s, -g)
h = tanh(W_a @ s + rmsnorm(c) * exp(0.5) ** 2 - W_g[1] @ x)
""",
    # Every function, whole vectors too; a matrix twice and transposed, one weight for a whole vector, loops.
    "all": """
u = layernorm(W_iu @ x + W_hu @ h + b_u) * w_u + rmsnorm(h)
v = softmax(W_iv @ x + W_hv @ h + b_v) + exp(-w_v) * log(2 + W_iu @ x / 9) + b_free ** 2
for k in range(2):
    v = max(gelu(W_k[k] @ v), min(silu(v), 0.3)) + sqrt(1 + abs(sin(v) * cos(h))) + W_k[k].T @ (W_k[0] @ (v - h))
h = hardsigmoid(u) * -softsign(v) + softplus(relu(c)) / (1 + exp(v))
c = tanh(max(u, h)) ** 2 + sigmoid(W_hu @ h)
""",
    # One product within another's factor, differences first, a sum of sums.
    "signs": "h = tanh(0 - h - W_1 @ x - (W_2 @ h - (W_3 @ h + b_3) * (c - 1)))\nc = sigmoid(c - (W_4 @ x - W_5 @ h))",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("depth", "two", "first", "bias"), list(itertools.product((1, 2), *[(False, True)] * 3)))
@pytest.mark.parametrize("text", ["mixed", "minimal"])
def test_stacked_both_ways(text: str, depth: int, two: bool, first: bool, bias: bool, form: str) -> None:
    torch.manual_seed(0)
    options = {"num_layers": depth, "bidirectional": two, "batch_first": first, "bias": bias}
    layer = AnyCell(text=TEXTS[text], **SIZES, **options)
    check(layer, flow_of(form, layer))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", ["apart", "edges", "rich", "all", "signs"])
def test_what_else_a_text_may_say(text: str, form: str) -> None:
    torch.manual_seed(0)
    layer = AnyCell(text=TEXTS[text], **SIZES)
    check(layer, flow_of(form, layer))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "layer",
    [
        JordanRNN(type="JordanRNN", output_size=3, **SIZES),
        JordanRNN(type="JordanRNN", output_size=5, nonlinearity="relu", bias=False, batch_first=True, **SIZES),
        MGU(type="MGU", **SIZES),
    ],
    ids=["Jordan", "Jordan relu", "MGU"],
)
def test_kinds_that_torch_lacks(layer: Recurrent, form: str) -> None:
    torch.manual_seed(0)
    check(layer, flow_of(form, layer))


@pytest.mark.parametrize("text", TEXTS)
def test_autograd_keeps_what_the_plan_says(text: str) -> None:
    """But for first states, weights' own functions, and what is kept of a constant beside a vector."""
    layer, steps, size = AnyCell(text=TEXTS[text], name="a", input_size=30, hidden_size=50), 20, 8
    module, x = EquationRNN(layer), torch.randn(steps, size, 30)
    states = tuple(torch.zeros(1, size, 50) for _ in layer.cell.states)
    ran: list[object] = []
    storages = saved_storages(lambda: ran.append(module(x, states if len(states) > 1 else states[0])))
    own = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}
    saved = sum(nbytes for address, nbytes in storages.items() if address not in own)
    signal = Signal(Batch(size, steps), ("L", "N"), 30)
    kept = layer.kept(signal, "float32", layer.weights("float32"), Wants(input=False, states=False))
    said = kept.nbytes + kept.input * x.nbytes
    assert said <= saved <= 1.06 * said


@examples(15)
@given(st.data())
def test_random_cells(data: st.DataObject) -> None:
    options = {name: data.draw(st.booleans()) for name in ("bidirectional", "batch_first")}
    sizes = {name: data.draw(st.integers(1, 5)) for name in ("input_size", "hidden_size", "num_layers")}
    layer = AnyCell(name="a", text=data.draw(equations()), **sizes, **options)
    torch.manual_seed(data.draw(st.integers(0, 99)))
    check(layer, flow_of(data.draw(st.sampled_from(FORMS)), layer))
