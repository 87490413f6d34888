"""Layers that torch lacks, held against themselves: it holds over cells of any kind, and each of the three can fail."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from any_cell import AnyCell
from mgu import MGU
from test_ahead import TEXTS
from torch import Tensor
from worlds import spec_of

from rnninspect.commands import verify as command
from rnninspect.document.chain import Link
from rnninspect.layers.jordan import JordanRNN
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Batch, Signal
from rnninspect.results.verify import verify_document, verify_tables
from rnninspect.runtime import ahead, plain
from rnninspect.runtime.ahead import EquationRNN
from rnninspect.study import verify
from rnninspect.study.differences import Sides, differentiate, direction
from rnninspect.study.passes import Given, passes
from rnninspect.study.reference import reference
from rnninspect.study.two_ways import Proof
from rnninspect.study.verify import Verified, verify_layers

CPU = torch.device("cpu")
SIZES = {"name": "a", "input_size": 3, "hidden_size": 4}
STEPS, SEQUENCES = 6, 5


def proofs_of(layer: Recurrent, *, zeros: bool = False) -> dict[str, Proof]:
    """What `verify` holds against what of a layer, its weights drawn by torch's law."""
    link = Link(layer, Signal(Batch(SEQUENCES, STEPS), ("L", "N"), layer.width_in))
    torch.manual_seed(0)
    module = EquationRNN(layer, dtype=torch.float64)
    axes = [fact.shape for fact in layer.inputs(link.signal, "float64")]
    data, *states = (torch.zeros(shape).double() if zeros else torch.randn(shape).double() for shape in axes)
    upstream = passes(link, module, data, tuple(states)).upstream
    given = Given(data, tuple(states), upstream)
    expected = passes(link, reference(layer, module), *given).tensors
    return {proof.what: proof for proof in verify._proofs(link, module, given, expected)}


def cell(text: str, **options: Any) -> AnyCell:
    return AnyCell(text=text, **{**SIZES, **options})


# --- it holds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options"),
    [
        pytest.param(text, options, id=f"{text}-{name}", marks=pytest.mark.more if text == "all" and options else ())
        for text in TEXTS
        for name, options in {"one": {}, "stacked": {"num_layers": 2, "bidirectional": True}}.items()
    ],
)
def test_every_cell_is_the_same_run_and_differentiated_in_two_ways(text: str, options: dict[str, Any]) -> None:
    proofs = proofs_of(cell(TEXTS[text], **options))
    assert [proof.ok for proof in proofs.values()] == [True, True, True]
    assert proofs["states"].relative < 1e-13
    assert proofs["gradients"].relative < 1e-12
    assert proofs["slope"].relative < 1e-9


@pytest.mark.parametrize(
    "layer",
    [
        JordanRNN(type="JordanRNN", output_size=2, **SIZES),
        JordanRNN(type="JordanRNN", output_size=2, nonlinearity="relu", **SIZES),
        MGU(type="MGU", bias=False, **SIZES),
    ],
    ids=["Jordan", "Jordan relu", "MGU"],
)
def test_every_kind_is(layer: Recurrent) -> None:
    assert {proof.ok for proof in proofs_of(layer).values()} == {True}


# --- each can fail -----------------------------------------------------------------------------------------


def with_function(monkeypatch: pytest.MonkeyPatch, name: str, wrong: Callable[[Tensor], Tensor]) -> None:
    """Another function in what a layer is trained with."""
    monkeypatch.setattr(ahead, "ROWS", {**ahead.ROWS, name: wrong})


def test_what_is_run_otherwise_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    with_function(monkeypatch, "tanh", lambda values: torch.tanh(values) * (1 + 1e-10))
    proofs = proofs_of(MGU(type="MGU", **SIZES))
    assert proofs["states"].ok is False
    assert (proofs["gradients"].ok, proofs["slope"].ok) == (True, True), "1e-10 is within what those are held to"


class TanhOff(torch.autograd.Function):
    """A derivative that is wrong by a thousandth."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        result = torch.tanh(values)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (result,) = ctx.saved_tensors
        return gradients[0] * (1 - result * result) * 1.001


def test_a_wrong_derivative_is_seen_by_both(monkeypatch: pytest.MonkeyPatch) -> None:
    with_function(monkeypatch, "tanh", TanhOff.apply)
    proofs = proofs_of(MGU(type="MGU", **SIZES))
    assert {what: proof.ok for what, proof in proofs.items()} == {"states": True, "gradients": False, "slope": False}


def test_differences_see_what_is_wrong_in_both_ways_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the equations run as written cannot tell, as their gradients are wrong too."""
    with_function(monkeypatch, "tanh", TanhOff.apply)
    functions: Mapping[str, Callable[..., Tensor]] = {**plain.PlainRNN.functions, "tanh": TanhOff.apply}
    monkeypatch.setattr(plain.PlainRNN, "functions", functions)
    proofs = proofs_of(MGU(type="MGU", **SIZES))
    assert {what: proof.ok for what, proof in proofs.items()} == {"states": True, "gradients": True, "slope": False}


# --- kinks, and where there is nothing to go by ------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "h = relu(W_1 @ h)",
        "h = abs(W_1 @ h + W_2 @ x)",
        "h = max(h, W_1 @ h)",
        "h = min(W_1 @ x, 0) + 0 * h",
        "h = softsign(W_1 @ h) + hardsigmoid(6 * (W_1 @ h) - 3)",
    ],
)
def test_a_point_on_a_kink_has_the_slope_that_torch_says(text: str) -> None:
    """Zeros in, zeros of state, no bias: every argument is exactly where the function bends."""
    (*_, slope) = proofs_of(cell(text), zeros=True).values()
    assert slope.ok is True


def test_kinks_within_a_step_are_counted() -> None:
    slope = proofs_of(cell("h = relu(W_1 @ h + W_2 @ x)"), zeros=True)["slope"]
    assert slope.kinks > 0
    assert slope.ok is True
    assert proofs_of(cell("h = tanh(W_1 @ h + W_2 @ x)"), zeros=True)["slope"].kinks == 0


def test_nothing_is_said_where_there_are_no_differences() -> None:
    """A root of what is 0: infinitely steep."""
    slope = proofs_of(cell("h = sqrt(abs(W_1 @ h))"), zeros=True)["slope"]
    assert slope.ok is None


def sloped(function: Callable[[Tensor], Tensor], at: list[float], along: list[float]) -> tuple[float, float]:
    """The slope of the sum of a function by differences and by autograd."""
    point, way = torch.tensor(at).double().requires_grad_(), torch.tensor(along).double()
    (gradient,) = torch.autograd.grad(function(point).sum(), point)
    found = differentiate(lambda s: (function((point + s * way).detach()),), (torch.ones(1).double(),), Sides(), 1.0)
    said = float((gradient * way).sum())
    assert abs(found.slope - said) <= 4 * max(found.doubt, 1e-11)
    return found.slope, found.doubt


def test_differences_know_how_sure_they_are() -> None:
    assert sloped(torch.sin, [0.5, 2.0], [1.0, -1.0])[1] < 1e-10
    assert sloped(torch.log, [0.04], [-1.0])[1] < 1e-6, "the first step leads out of it"
    assert sloped(lambda a: torch.sin(300 * a), [0.5], [1.0])[1] < 1e-4
    assert sloped(lambda a: a**3, [2.0], [1.0])[0] == pytest.approx(12, abs=1e-10)


def test_a_direction_moves_each_by_as_much_as_it_is_large() -> None:
    given = {"large": torch.full((2000,), 100.0), "small": torch.full((2000,), 0.01), "none": torch.zeros(2000)}
    ways = direction(given, 0)
    assert [float(way.std()) for way in ways.values()] == pytest.approx([100, 0.01, 1], rel=0.1)
    assert not torch.equal(ways["large"], direction(given, 1)["large"])
    assert torch.equal(ways["large"], direction(given, 0)["large"])


# --- what is shown -----------------------------------------------------------------------------------------

JORDAN = """
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: first, type: GRU, input_size: 3, hidden_size: 4}
  - {name: jordan, type: JordanRNN, hidden_size: 3, output_size: 2}
"""


def shown(result: Verified) -> str:
    return command._caption([result])


def with_proof(result: Verified, what: str, **changes: Any) -> Verified:
    layers = [
        layer._replace(proofs=tuple(p._replace(**changes) if p.what == what else p for p in layer.proofs))
        for layer in result.layers
    ]
    return result._replace(layers=tuple(layers))


def test_the_answer_says_what_was_held_against_what() -> None:
    result = verify_layers(spec_of(JORDAN), CPU)
    assert "and the equations in float64 agree; torch has no JordanRNN: its equations, run in two ways and" in shown(
        result
    )
    (_, table) = verify_tables(result)
    assert [row[2:4] for row in table.rows] == [
        ("states", "as written"),
        ("gradients", "as written"),
        ("slope", "differences"),
    ]
    assert {row[-1] for row in table.rows} == {"ok"}
    model: Any = verify_document([result])["models"]
    first, jordan = model[0]["layers"]
    assert first["proofs"] == []
    assert [(proof["what"], proof["against"], proof["ok"]) for proof in jordan["proofs"]] == [
        ("states", "equations", True),
        ("gradients", "equations", True),
        ("slope", "differences", True),
    ]


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("states", "layer 'jordan': its equations run in two ways differ in float64, most in"),
        ("gradients", "layer 'jordan': its equations run in two ways differ in float64, most in grad"),
        ("slope", "layer 'jordan': its gradients and central differences differ in float64: by 0.5, 1e-07 is allowed"),
    ],
)
def test_one_that_fails_fails_the_model(what: str, says: str) -> None:
    result = with_proof(verify_layers(spec_of(JORDAN), CPU), what, ok=False, relative=0.5)
    assert not result.ok
    assert says in str(command._failure(result))
    assert "agree; torch has no JordanRNN" in shown(result)
    assert "differ ·" in shown(result)
    assert [row[-1] for row in verify_tables(result)[1].rows].count("DIFFERS") == 1


def test_what_cannot_be_told_is_not_ok_and_fails_nothing() -> None:
    result = with_proof(verify_layers(spec_of(JORDAN), CPU), "slope", ok=None, relative=math.nan, kinks=3)
    assert result.ok
    assert "differentiated" not in shown(result)
    (_, table) = verify_tables(result)
    assert table.rows[-1][-3:] == (None, None, "not told")
    assert any("jordan: 3 times a kink" in note for note in table.notes)
    assert any("jordan: differences are not sure enough" in note for note in table.notes)
