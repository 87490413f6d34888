"""The equations in float64, as written and as they are trained with, against torch's layers: outputs and gradients."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from samples import examples
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.registry import kind_of
from rnninspect.runtime.ahead import EquationRNN
from rnninspect.runtime.modules import first_states
from rnninspect.runtime.plain import PlainRNN
from rnninspect.runtime.recurrence import RecurrentModule, States, run_cell

TOLERANCE = 1e-9
INPUT, HIDDEN = 7, 11


def layer_of(kind: str, **options: object) -> Recurrent:
    layer = kind_of(kind).model_validate({"type": kind, "input_size": INPUT, "hidden_size": HIDDEN, **options})
    assert isinstance(layer, Recurrent)
    return layer


def modules(layer: Recurrent) -> tuple[nn.Module, PlainRNN, EquationRNN]:
    """torch's module and the equations, in float64 and with the same weights."""
    module = getattr(nn, layer.type)(**layer.arguments(), dtype=torch.float64).eval()
    plain, ahead = PlainRNN(layer, dtype=torch.float64), EquationRNN(layer, dtype=torch.float64)
    for equations in (plain, ahead):
        equations.load_state_dict(module.state_dict())
    return module, plain, ahead


def states_for(layer: Recurrent, x: Tensor | PackedSequence) -> States:
    axes = ("L", "N")
    if isinstance(x, Tensor) and x.dim() == 2:
        axes = ("L",)
    elif getattr(layer, "batch_first", False):
        axes = ("N", "L")
    return tuple(torch.randn_like(zeros) for zeros in first_states(layer, x, axes))


def tensors(ran: object) -> list[Tensor]:
    """Every tensor of (output, state), whatever they are packed in."""
    match ran:
        case PackedSequence():
            return [ran.data]
        case Tensor():
            return [ran]
        case _:
            return [tensor for part in ran for tensor in tensors(part)]  # type: ignore[attr-defined]


def largest_error(layer: Recurrent, x: Tensor | PackedSequence) -> float:
    module, *equations = modules(layer)
    states = states_for(layer, x)
    given = states if len(states) > 1 else states[0]
    return furthest(tensors(module(x, given)), *(tensors(run(x, given)) for run in equations))


def furthest(expected: list[Tensor], *runs: list[Tensor]) -> float:
    """The largest difference of any run's tensors."""
    for tensors in runs:
        assert [tensor.shape for tensor in expected] == [tensor.shape for tensor in tensors]
    return max(float((a - b).detach().abs().max()) for run in runs for a, b in zip(expected, run, strict=True))


def batched(layer: Recurrent) -> Tensor:
    lead = (3, 5) if getattr(layer, "batch_first", False) else (5, 3)
    return torch.randn(*lead, INPUT, dtype=torch.float64)


def packed() -> PackedSequence:
    x = torch.randn(6, 4, INPUT, dtype=torch.float64)
    return pack_padded_sequence(x, torch.tensor([2, 6, 1, 6]), enforce_sorted=False)


STACKED = [
    layer_of(kind, **options, num_layers=depth, bidirectional=two, bias=bias, batch_first=first)
    for kind, options in (
        ("RNN", {"nonlinearity": "tanh"}),
        ("RNN", {"nonlinearity": "relu"}),
        ("LSTM", {}),
        ("LSTM", {"proj_size": 4}),
        ("GRU", {}),
    )
    for depth, two, bias, first in itertools.product((1, 3), (False, True), (False, True), (False, True))
]


def named(layer: Recurrent) -> str:
    return "-".join(
        str(value) for key, value in layer.arguments().items() if not key.endswith("size") or key == "proj_size"
    )


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize(
    ("layer", "form"),
    [
        pytest.param(layer, form, marks=() if (k + k // 3 + turn) % 3 else pytest.mark.more)
        for k, layer in enumerate(STACKED)
        for turn, form in enumerate(("batched", "unbatched", "packed"))
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.type}-{named(value)}",
)
def test_stacked_layers(layer: Recurrent, form: str) -> None:
    torch.manual_seed(0)
    x = {"batched": batched(layer), "unbatched": torch.randn(5, INPUT, dtype=torch.float64), "packed": packed()}[form]
    assert largest_error(layer, x) <= TOLERANCE


@pytest.mark.parametrize("form", ["batched", "unbatched", "packed"])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("kind", "options"), [("RNNCell", {}), ("RNNCell", {"nonlinearity": "relu"}), ("LSTMCell", {}), ("GRUCell", {})]
)
def test_cells(kind: str, options: dict[str, str], bias: bool, form: str) -> None:
    """torch's cell, looped by the tool, against the equations."""
    torch.manual_seed(0)
    layer = layer_of(kind, bias=bias, **options)
    x = {"batched": batched(layer), "unbatched": torch.randn(5, INPUT, dtype=torch.float64), "packed": packed()}[form]
    module, *equations = modules(layer)
    states = states_for(layer, x)
    given = states if len(states) > 1 else states[0]
    assert furthest(tensors(run_cell(module, x, states)), *(tensors(run(x, given)) for run in equations)) <= TOLERANCE


@pytest.mark.parametrize("runner", [PlainRNN, EquationRNN])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_jordan_by_hand(nonlinearity: str, runner: type[RecurrentModule]) -> None:
    """Two steps of Jordan's network written out: the output is what is fed back."""
    torch.manual_seed(0)
    layer = layer_of("JordanRNN", output_size=4, nonlinearity=nonlinearity)
    module = runner(layer, dtype=torch.float64)
    weight = dict(module.named_parameters())
    f = getattr(torch, nonlinearity)
    x = torch.randn(2, 3, INPUT, dtype=torch.float64)
    y = torch.randn(3, 4, dtype=torch.float64)
    expected = []
    output, last = module(x, y.unsqueeze(0))
    for x_t in x:
        into = (
            x_t @ weight["weight_ih_l0"].T + weight["bias_ih_l0"] + y @ weight["weight_yh_l0"].T + weight["bias_yh_l0"]
        )
        y = f(f(into) @ weight["weight_hy_l0"].T + weight["bias_hy_l0"])
        expected.append(y)
    torch.testing.assert_close(output, torch.stack(expected), rtol=0, atol=TOLERANCE)
    torch.testing.assert_close(last, expected[-1].unsqueeze(0), rtol=0, atol=TOLERANCE)


sizes = st.integers(1, 8)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@examples(15)
@given(st.data())
def test_random_layers(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["RNN", "LSTM", "GRU"]))
    hidden = data.draw(st.integers(2, 8))
    options: dict[str, object] = {
        "input_size": data.draw(sizes),
        "hidden_size": hidden,
        "num_layers": data.draw(st.integers(1, 3)),
        "bias": data.draw(st.booleans()),
        "batch_first": data.draw(st.booleans()),
        "bidirectional": data.draw(st.booleans()),
    }
    if kind == "RNN":
        options["nonlinearity"] = data.draw(st.sampled_from(["tanh", "relu"]))
    if kind == "LSTM":
        options["proj_size"] = data.draw(st.integers(0, hidden - 1))
    layer = layer_of(kind, **options)
    torch.manual_seed(data.draw(st.integers(0, 99)))
    lengths = data.draw(st.none() | st.lists(st.integers(1, 6), min_size=1, max_size=5))
    if lengths is None:
        lead = data.draw(st.tuples(sizes) | st.tuples(sizes, sizes))
        x: Tensor | PackedSequence = torch.randn(*lead, layer.width_in, dtype=torch.float64)
    else:
        padded = torch.randn(max(lengths), len(lengths), layer.width_in, dtype=torch.float64)
        x = pack_padded_sequence(padded, torch.tensor(lengths), enforce_sorted=False)
    assert largest_error(layer, x) <= TOLERANCE


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_gradients_of_every_weight(kind: str) -> None:
    torch.manual_seed(0)
    layer = layer_of(kind, num_layers=2, bidirectional=True)
    module, *equations = runs = modules(layer)
    x = batched(layer)
    states = states_for(layer, x)
    upstream = torch.randn(5, 3, layer.width_out, dtype=torch.float64)
    for run in runs:
        output, _ = run(x, states if len(states) > 1 else states[0])
        output.backward(upstream)
    for run in equations:
        for name, parameter in module.named_parameters():
            torch.testing.assert_close(parameter.grad, run.get_parameter(name).grad, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("RNN", "W_ih @ x + b_ih + W_hh", "W_ih @ x - b_ih + W_hh"),
        ("LSTM", "o = sigmoid(", "o = tanh("),
        ("LSTM", "c = f * c + i * g", "c = i * c + f * g"),
        ("GRU", "(1 - z) * n + z * h", "z * n + (1 - z) * h"),
        ("GRU", "r * (W_hn @ h + b_hn)", "(r * (W_hn @ h) + b_hn)"),
    ],
)
def test_a_wrong_equation_is_seen(monkeypatch: pytest.MonkeyPatch, kind: str, right: str, wrong: str) -> None:
    """The comparison can fail: a sign, a gate, an order, a place of the reset gate."""
    torch.manual_seed(0)
    layer = layer_of(kind)
    text = layer.equations()
    assert right in text
    monkeypatch.setattr(type(layer), "equations", lambda self: text.replace(right, wrong))
    assert largest_error(layer, batched(layer)) > 1e-3
