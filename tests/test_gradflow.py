"""Gradients against the lag: closed forms where there are any, finite differences elsewhere, Jacobians for the mean.

What the gradients are held against is written out in `by_hand`, one sequence at a time.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import by_hand
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from worlds import document, spec_of

from rnninspect.document.chain import Spec
from rnninspect.errors import CannotHere, NotEnoughMemory
from rnninspect.results.gradflow import gradflow_blocks
from rnninspect.runtime.modules import BuiltModel, Feed, make_feed
from rnninspect.study import gradflow as module
from rnninspect.study.decay import Decay, decay_of, half_widths, rms, student
from rnninspect.study.gradflow import Aim, Curve, Gradflow, aim_at, follow, gradients_by_lag, probes
from rnninspect.study.recorded_run import RecordedLayer, run_links, twins_of

CPU = torch.device("cpu")
EXACT = 1e-12
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")

Set = Callable[[BuiltModel], None]


def run(spec: Spec, change: Set = lambda model: None) -> tuple[BuiltModel, Feed, list[RecordedLayer]]:
    """The model of a document, its parameters changed, its batch, and its run."""
    torch.manual_seed(0)
    model = BuiltModel(spec, CPU)
    with torch.no_grad():
        change(model)
    feed = make_feed(spec, CPU)
    return model, feed, ran(spec, model, feed)


def set_to(**values: Tensor | float) -> Set:
    """Parameters of the first layer, each set to what is given, a number in every place."""

    def change(model: BuiltModel) -> None:
        for name, value in values.items():
            model.layers[0].get_parameter(name).copy_(torch.as_tensor(value))

    return change


def ran(spec: Spec, model: BuiltModel, feed: Feed) -> list[RecordedLayer]:
    return run_links(spec.links, twins_of(spec.links, model), feed)


def curves_of(runs: list[RecordedLayer], aim: Aim, seed: int) -> tuple[Curve, ...]:
    return follow(runs, {}, aim, seed)[0]


def find(curves: tuple[Curve, ...], of: str, side: str = "past", **about: object) -> Curve:
    (only,) = (
        curve
        for curve in curves
        if (curve.of, curve.side) == (of, side) and all(getattr(curve, name) == value for name, value in about.items())
    )
    return only


# --- closed forms -----------------------------------------------------------------------------------------


def orthogonal(size: int) -> Tensor:
    return torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(3), dtype=torch.float64))[0]


def linear(weight: Tensor, steps: int, size: int = 3) -> tuple[Any, ...]:
    """A tanh RNN that stays at h = 0, where tanh' is 1 and so dh_T/dh_t the power of W_hh exactly."""
    layer = f"type: RNN, bias: false, input_size: 2, hidden_size: {len(weight)}"
    spec = spec_of(document(layer, steps=steps, size=size))
    model, feed, _ = run(spec, set_to(weight_hh_l0=weight, weight_ih_l0=0.5))
    runs = ran(spec, model, Feed({"input": torch.zeros_like(feed.input)}, feed.states))
    aim = aim_at(spec.batch, "last", None)
    return curves_of(runs, aim, 0), probes(runs[0], aim.reads, 0)[0, steps - 1]


def test_the_gradient_of_a_linear_network_is_a_power_of_its_matrix() -> None:
    weight = torch.randn(5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64) / 3
    curves, v = linear(weight, steps=9)
    expected = []
    row = v.T
    for _ in range(9):
        expected.append(float(row.norm(dim=1).square().mean().sqrt()))
        row = row @ weight
    assert find(curves, "h").norms == pytest.approx(expected, rel=EXACT)
    # h_t = ... + W_ih x_t, and every entry of W_ih is 0.5
    row = v.T
    through = [float((torch.linalg.matrix_power(weight.T, k) @ v).sum(0).square().mean().sqrt()) for k in range(9)]
    assert find(curves, "x").norms == pytest.approx([0.5 * math.sqrt(2) * norm for norm in through], rel=EXACT)


def test_an_orthogonal_matrix_keeps_every_gradient() -> None:
    curves, _ = linear(orthogonal(6), steps=200)
    found = find(curves, "h")
    assert found.norms == pytest.approx([1.0] * 200, rel=EXACT)
    assert found.decay is not None
    assert found.decay.verdict == "kept"
    assert found.decay[:3] == pytest.approx((1, 1, 1), abs=EXACT)
    assert found.decay.horizon is None


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize(
    ("scale", "steps", "horizon", "verdict"),
    [
        (0.5, 20, 10, "vanishing"),  # 0.5^10 = 1 / 1024
        (0.5, 11, 10, "vanishing"),
        (0.5, 10, None, "fading"),
        (0.9, 66, None, "fading"),  # 0.9^65 = 1.06e-3
        (0.9, 67, 66, "vanishing"),
        (0.9999, 50, None, "kept"),
        (1.0001, 50, None, "kept"),
        (1.01, 50, None, "growing"),
        (2.0, 10, None, "growing"),
        (2.0, 11, None, "exploding"),
        (1.1, 200, None, "exploding"),
        (0.1, 280, 4, "vanishing"),
    ],
)
def test_a_scaled_rotation(scale: float, steps: int, horizon: int | None, verdict: str, size: int) -> None:
    """Every gradient is a power of the scale, whatever v is."""
    curves, _ = linear((scale + 1e-9 * (scale == 0.1)) * orthogonal(4), steps, size)
    decay = find(curves, "h").decay
    assert find(curves, "h").norms == pytest.approx([scale**k for k in range(steps)], rel=1e-5)
    assert decay is not None
    assert decay.factor == pytest.approx(scale, rel=1e-7)
    assert (decay.low is None) == (decay.high is None) == (size == 1)
    assert (decay.horizon, decay.verdict) == (horizon, verdict)


def test_jordans_output_is_fed_back() -> None:
    """dy_T/dy_t is a power of W_hy W_yh."""
    spec = spec_of(document("type: JordanRNN, bias: false, input_size: 2, hidden_size: 4, output_size: 3"))
    model, feed, _ = run(spec)
    runs = ran(spec, model, Feed({"input": torch.zeros_like(feed.input)}, feed.states))
    aim = aim_at(spec.batch, "last", None)
    v = probes(runs[0], aim.reads, 0)[0, 5]
    weights = dict(model.layers[0].named_parameters())
    back = (weights["weight_hy_l0"] @ weights["weight_yh_l0"]).detach()
    expected = [float((torch.linalg.matrix_power(back.T, k) @ v).norm(dim=0).square().mean().sqrt()) for k in range(6)]
    assert find(curves_of(runs, aim, 0), "y").norms == pytest.approx(expected, rel=EXACT)


def test_relu_passes_on_what_is_above_zero() -> None:
    """A permutation, so that h > 0 stays so."""
    weight = 0.5 * torch.eye(5, dtype=torch.float64).roll(1, 0)
    change = set_to(weight_hh_l0=weight, weight_ih_l0=0.0, bias_ih_l0=3.0)
    spec = spec_of(document("type: RNN, nonlinearity: relu, input_size: 2, hidden_size: 5", steps=12))
    curves = curves_of(run(spec, change)[2], aim_at(spec.batch, "last", None), 0)
    assert find(curves, "h").norms == pytest.approx([0.5**k for k in range(12)], rel=EXACT)
    # what has no weight has no gradient, and is said to be dead
    assert find(curves, "x").norms == (0.0,) * 12
    assert find(curves, "x").decay == Decay(None, None, None, None, "dead")


def test_a_dead_relu_passes_on_nothing() -> None:
    spec = spec_of(document("type: RNN, nonlinearity: relu, input_size: 2, hidden_size: 5"))
    curves = curves_of(run(spec, set_to(bias_ih_l0=-100.0))[2], aim_at(spec.batch, "last", None), 0)
    assert find(curves, "h").norms == (pytest.approx(1), 0, 0, 0, 0, 0)
    assert find(curves, "h").decay == Decay(None, None, None, 1, "vanishing")


@pytest.mark.parametrize("bias", [-1.0, 0.0, 2.0, 1000.0])
def test_pinned_gates(bias: float) -> None:
    """Without weights c_T is f^lag c_t and, c being 0, h_T = sigmoid(b_o) c_T; in a GRU h_T is z^lag h_t."""
    gate = 1 / (1 + math.exp(-bias))
    for kind, block, state in (("LSTM", 1, "c"), ("LSTMCell", 1, "c"), ("GRU", 1, "h"), ("GRUCell", 1, "h")):

        def change(model: BuiltModel, block: int = block) -> None:
            for name, values in model.layers[0].named_parameters():
                values.fill_(0.0)
                if name.startswith("bias_ih"):
                    values[4 * block : 4 * block + 4] = bias

        spec = spec_of(document(f"type: {kind}, input_size: 2, hidden_size: 4", steps=30))
        curves = curves_of(run(spec, change)[2], aim_at(spec.batch, "last", None), 0)
        start = 0.5 if state == "c" else 1.0
        expected = [start * gate**k for k in range(30)]
        assert find(curves, state).norms == pytest.approx(expected, rel=EXACT)
        decay = find(curves, state).decay
        assert decay is not None
        assert decay.factor == pytest.approx(gate, rel=EXACT)
        assert decay.verdict == ("kept" if gate == 1 else "fading" if gate**29 > 1e-3 else "vanishing")
        if kind.startswith("LSTM"):
            assert find(curves, "h").norms == (pytest.approx(1), *[0.0] * 29)


@pytest.mark.parametrize("scale", [0.1, 10.0])
def test_beyond_float64(scale: float) -> None:
    """Long before a gradient is 0 its square is; what is lost is on no line, and nothing is nan."""
    curves, _ = linear(scale * orthogonal(4), steps=400)
    found = find(curves, "h")
    assert found.norms[:300] == pytest.approx([scale**k for k in range(300)], rel=1e-9)
    assert set(found.norms[330:]) == {0.0 if scale < 1 else math.inf}
    assert found.decay is not None
    assert found.decay[:3] == pytest.approx([scale] * 3, rel=1e-9)
    assert found.decay.verdict == ("vanishing" if scale < 1 else "exploding")
    assert not any(math.isnan(norm) for curve in curves for norm in curve.norms)


def test_a_state_beyond_float64_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def loud(links: Any, twins: Any, feed: Feed) -> list[RecordedLayer]:
        with torch.no_grad():
            for name, values in twins["loud"].named_parameters():
                values.copy_(10 * torch.eye(3) if name == "weight_hh_l0" else values.abs())
        return run_links(links, twins, feed)

    monkeypatch.setattr(module, "run_links", loud)
    text = document(
        "name: loud, type: RNN, nonlinearity: relu, input_size: 2, hidden_size: 3",
        "type: LSTM, hidden_size: 2",
        steps=400,
    )
    with pytest.raises(CannotHere, match=r"^doc\.yaml: layer 'loud': its states are beyond float64 at t = 30\d, so"):
        gradients_by_lag(spec_of(text), CPU)


# --- finite differences -----------------------------------------------------------------------------------


class Differences:
    """Gradients of a model's loss from central differences, for each sequence by itself."""

    def __init__(self, spec: Spec, target: str = "last", position: int | None = None) -> None:
        self.spec = spec
        self.model, self.feed, runs = run(spec)
        self.runs = runs
        self.aim = aim_at(spec.batch, target, position)  # type: ignore[arg-type]
        self.curves = curves_of(runs, self.aim, seed=5)
        self.v = probes(runs[-1], self.aim.reads, 5)

    def by_step(self, layer: str, of: str, stacked: int | None, way: int | None) -> Tensor:
        """The norm of the gradient of every step and sequence, (L, N), nan beyond a sequence's end."""
        steps, sequences = self.aim.reads.shape
        found = torch.full((steps, sequences), math.nan, dtype=torch.float64)
        (one,) = (run for run in self.runs if run.layer.name == layer)
        if of == "x":
            width, place = one.layer.width_in, (-1, -1, "x")
        else:
            width, place = len(one.levels[stacked or 0, way or 0][0][of]), (stacked or 0, way or 0, of)
        bump = 1e-5 * torch.cat([torch.eye(width), -torch.eye(width)]).double()
        batch, flow, top = by_hand.sequences(self.spec, self.feed), self.feed.input, self.runs[-1].layer
        order = flow.sorted_indices.tolist() if isinstance(flow, PackedSequence) else range(sequences)
        with torch.no_grad():
            for column, n in enumerate(order):
                x, states = batch[n]
                for t in range(len(x)):
                    levels = by_hand.run(
                        self.model,
                        x.unsqueeze(1).expand(-1, 2 * width, *x.shape[1:]),
                        states,
                        lambda at, values, t=t: values + bump if at == (layer, *place, t) else values,
                    )
                    values = sum(
                        by_hand.output_of(levels[top.name, top.depth - 1, side][at]) @ v[:, column]
                        for (side, at), v in self.v.items()
                        if column < v.shape[1]
                    )
                    found[t, column] = ((values[:width] - values[width:]) / 2e-5).norm()
        return found


def by_lag(norms: Tensor, positions: Tensor, curve: Curve) -> list[float]:
    """A curve of root mean squares, put together one by one."""
    found = []
    sign = -1 if curve.side == "past" else 1
    for lag in range(curve.first, curve.first + len(curve.norms)):
        at = [(int(position) + sign * lag, n) for n, position in enumerate(positions)]
        squares = [float(norms[t, n]) ** 2 for t, n in at if 0 <= t < len(norms) and not math.isnan(norms[t, n])]
        found.append(math.sqrt(sum(squares) / len(squares)))
    return found


def assert_as_differences_say(found: Differences) -> None:
    for curve in found.curves:
        way = None if curve.direction is None else ("forward", "reverse").index(curve.direction)
        norms = found.by_step(curve.layer, curve.of, curve.stacked, way)
        assert curve.norms == pytest.approx(by_lag(norms, found.aim.positions, curve), rel=1e-6, abs=1e-9)


RANDOM = ", state: random"
PACKED = ", state: random, lengths: [2, 5, 1, 5]"
MODELS = {
    "RNN": document("type: RNN, input_size: 2, hidden_size: 3", more=RANDOM),
    "relu": document("type: RNN, input_size: 2, hidden_size: 3, nonlinearity: relu", more=RANDOM),
    "LSTM": document("type: LSTM, input_size: 2, hidden_size: 3", more=RANDOM),
    "projected": document("type: LSTM, input_size: 2, hidden_size: 4, proj_size: 3", more=RANDOM),
    "GRU": document("type: GRU, input_size: 2, hidden_size: 3, bias: false", more=RANDOM),
    "Jordan": document("type: JordanRNN, input_size: 2, hidden_size: 4, output_size: 3", more=RANDOM),
    "unbatched": document("type: GRU, input_size: 2, hidden_size: 3", size=None, more=RANDOM),
    "batch_first": document("type: LSTM, input_size: 2, hidden_size: 3, batch_first: true", more=RANDOM),
    "cells": document(
        "type: RNNCell, input_size: 2, hidden_size: 3",
        "type: LSTMCell, hidden_size: 4",
        "type: GRUCell, hidden_size: 3",
        more=RANDOM,
    ),
    "stacked": document("type: LSTM, input_size: 2, hidden_size: 3, num_layers: 3", more=RANDOM),
    "both ways": document("type: GRU, input_size: 2, hidden_size: 3, bidirectional: true", more=RANDOM),
    "stacked both ways": document(
        "type: LSTM, input_size: 2, hidden_size: 4, proj_size: 2, num_layers: 2, bidirectional: true", steps=4
    ),
    "packed": document(
        "type: LSTM, input_size: 2, hidden_size: 3, num_layers: 2", "type: GRU, hidden_size: 2", size=4, more=PACKED
    ),
    "packed both ways": document(
        "type: GRU, input_size: 2, hidden_size: 3, num_layers: 2, bidirectional: true", size=4, more=PACKED
    ),
    "packed cells": document("type: LSTMCell, input_size: 2, hidden_size: 3", size=4, more=PACKED),
    **{
        f"{kind} {way}": document(f"type: {kind}, input_size: 2, hidden_size: 3{options}", size=size, more=more)
        + by_hand.AS_TEXT
        for kind in by_hand.CELLS
        for way, options, size, more in (
            ("alone", "", None, RANDOM),
            ("packed", ", bidirectional: true", 4, PACKED),
            *[("stacked", ", num_layers: 2", 3, "")] * (kind != "Delayed"),
        )
    },
    "chain": document(
        "type: Embedding, num_embeddings: 9, embedding_dim: 4",
        "type: LSTM, hidden_size: 3, bidirectional: true",
        "type: Dropout",
        "type: LayerNorm",
        "type: Linear, out_features: 3",
        "type: GRU, hidden_size: 3, feeds: last",
        more=RANDOM,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_finite_differences(name: str) -> None:
    assert_as_differences_say(Differences(spec_of(MODELS[name])))


@pytest.mark.parametrize(("name", "position"), [("both ways", 2), ("stacked both ways", 1), ("packed both ways", 0)])
def test_both_sides_of_a_position(name: str, position: int) -> None:
    found = Differences(spec_of(MODELS[name]), position=position)
    assert_as_differences_say(found)
    x = {curve.side: curve for curve in found.curves if curve.of == "x"}
    # Every other step counts, once.
    longest = len(found.aim.reads)
    assert (x["past"].first, len(x["past"].norms)) == (0, position + 1)
    assert (x["future"].first, len(x["future"].norms)) == (1, longest - 1 - position)


@pytest.mark.parametrize("name", ["LSTM", "both ways", "packed", "packed both ways"])
def test_the_sum_over_all_steps(name: str) -> None:
    found = Differences(spec_of(MODELS[name]), target="sum")
    assert_as_differences_say(found)
    assert {(curve.side, curve.first, curve.decay) for curve in found.curves} == {("past", 0, None)}


def test_with_no_step_ahead_all_is_past() -> None:
    """Also of a direction that reads from the end, where the layer above reads it at every step."""
    text = document("type: GRU, input_size: 2, hidden_size: 3, bidirectional: true", "type: GRU, hidden_size: 3")
    found = Differences(spec_of(text))
    assert_as_differences_say(found)
    assert {(curve.side, curve.first, len(curve.norms)) for curve in found.curves} == {("past", 0, 6)}
    alone = gradients_by_lag(spec_of(MODELS["both ways"]), CPU, position=5).curves
    assert [(curve.of, curve.direction, curve.side, len(curve.norms)) for curve in alone] == [
        ("x", None, "past", 6),
        ("h", "forward", "past", 6),
        ("h", "reverse", "past", 1),
    ]


def test_every_curve_is_there_once() -> None:
    """One for each state of each level, on its own side, and on the other where layers read each other."""
    curves = Differences(spec_of(MODELS["stacked both ways"]), position=2).curves
    sides: dict[object, set[str]] = {}
    for curve in curves:
        sides.setdefault((curve.of, curve.stacked, curve.direction), set()).add(curve.side)
    both = {"past", "future"}
    assert sides == {
        ("x", None, None): both,
        **{(state, 0, way): both for state in "hc" for way in ("forward", "reverse")},
        **{(state, 1, way): {side} for state in "hc" for way, side in (("forward", "past"), ("reverse", "future"))},
    }
    assert len(curves) == sum(map(len, sides.values()))


# --- what the norm means ----------------------------------------------------------------------------------


def test_the_mean_over_v_is_the_norm_of_the_jacobian() -> None:
    """|v' J|^2 averaged over v is |J|_F^2 / H_out, as the docstring says; here over 4,000 v, one for each sequence."""
    size, steps = 4_000, 5
    spec = spec_of(document("type: LSTM, input_size: 3, hidden_size: 4", steps=steps, size=size))
    model, feed, _ = run(spec)
    one = torch.randn(steps, 1, 3, dtype=torch.float64)
    runs = ran(spec, model, Feed({"input": one.repeat(1, size, 1)}, feed.states))
    curves = curves_of(runs, aim_at(spec.batch, "last", None), 0)

    lstm = nn.LSTM(3, 4, dtype=torch.float64)
    lstm.load_state_dict(model.layers[0].state_dict())
    with torch.no_grad():
        states = [tuple(state[0, 0] for state in lstm(one[: t + 1])[1]) for t in range(steps)]
    for lag in range(1, steps):
        h, c = states[steps - 1 - lag]

        def last(h: Tensor, c: Tensor = c, lag: int = lag) -> Tensor:
            found: Tensor = lstm(one[steps - lag :], (h.view(1, 1, -1), c.view(1, 1, -1)))[0][-1, 0]
            return found

        jacobian = torch.autograd.functional.jacobian(last, h)
        measured = find(curves, "h").norms[lag] ** 2 * 4
        assert measured == pytest.approx(float(jacobian.square().sum()), rel=0.05)
    assert find(curves, "h").norms[0] == pytest.approx(1, rel=EXACT)


def test_v_is_a_unit_vector_where_the_loss_reads() -> None:
    spec = spec_of(MODELS["packed both ways"])
    _, _, runs = run(spec)
    reads = aim_at(spec.batch, "sum", None).reads
    drawn = probes(runs[0], reads, 0)
    assert drawn.keys() == {(way, t) for way in (0, 1) for t in range(5)}
    for (_, t), v in drawn.items():
        assert v.shape == (3, int(reads[t].sum()))
        torch.testing.assert_close(v.norm(dim=0), torch.ones(v.shape[1], dtype=torch.float64))
    middle = probes(runs[0], aim_at(spec.batch, "last", None).reads, 0)
    assert [(key, v.any(dim=0).tolist()) for key, v in middle.items() if key[0] == 0] == [
        ((0, 0), [False, False, False, True]),
        ((0, 1), [False, False, True]),
        ((0, 4), [True, True]),
    ]
    assert not torch.equal(drawn[0, 0], probes(runs[0], reads, 1)[0, 0])


# --- the decay in one number ------------------------------------------------------------------------------


def decaying(norms: Tensor, first: int = 0) -> Decay:
    found = decay_of(norms, first)
    assert found is not None
    return found


def powers(factor: float, lags: int, sequences: int = 1) -> Tensor:
    return torch.tensor([[factor**k] * sequences for k in range(lags)], dtype=torch.float64)


@pytest.mark.parametrize("factor", [1e-3, 0.5, 0.999, 1.0, 1.5])
def test_a_straight_line_is_found(factor: float) -> None:
    decay = decaying(3 * powers(factor, 50))
    assert decay.factor == pytest.approx(factor, rel=1e-9)
    assert (decay.low, decay.high) == (None, None)


def test_least_squares_by_hand() -> None:
    """Of the logarithms of 1, 1/2, 1/2, 1/8 at the lags 0 to 3: the slope is -0.9 log 2."""
    decay = decaying(torch.tensor([[1.0], [0.5], [0.5], [0.125]], dtype=torch.float64))
    assert decay.factor == pytest.approx(2**-0.9, rel=EXACT)


def test_the_mean_over_sequences_is_that_of_squares() -> None:
    """Where all fall alike it does not matter, elsewhere it does."""
    three = torch.tensor([1.0, 1.0, 7.0], dtype=torch.float64)
    assert decaying(powers(0.7, 9) * three)[:3] == pytest.approx((0.7, 0.7, 0.7), rel=EXACT)
    both = torch.tensor([[1.0, 1.0], [0.1, 0.7], [0.01, 0.49]], dtype=torch.float64)
    squares = [(1 + 1) / 2, (0.01 + 0.49) / 2, (0.0001 + 0.49**2) / 2]
    assert decaying(both).factor == pytest.approx((squares[2] / squares[0]) ** 0.25, rel=EXACT)


@pytest.mark.parametrize(
    ("curve", "horizon", "verdict"),
    [
        ([1, 0.5, 0.0009, 0.5], 2, "vanishing"),
        ([1, 0.5, 0.001, 0.5], None, "fading"),
        ([1, 1000, 1001, 0.0001], 3, "exploding"),
        ([1, 0.0001, 1001, 1], 1, "vanishing"),
        ([1, 0, 0, 0], 1, "vanishing"),
        ([1, 1, 0, 0], 2, "vanishing"),
        ([1, math.inf, math.inf], None, "exploding"),
        ([0, 0, 0], None, "dead"),
        ([1, 1.3, 0.8, 1.01], None, "fading"),
        ([1, 1.001, 1.002, 1.003], None, "kept"),
    ],
)
def test_horizon_and_verdict(curve: list[float], horizon: int | None, verdict: str) -> None:
    norms = torch.tensor(curve, dtype=torch.float64)[:, None]
    decay = decaying(norms)
    assert (decay.horizon, decay.verdict) == (horizon, verdict)
    assert decaying(norms, first=1).horizon == (None if horizon is None else horizon + 1)
    assert all(number is None or math.isfinite(number) for number in decay[:4])


def test_what_varies_too_much_is_unclear() -> None:
    """Four sequences that go four ways; and four that stay where they are, nearly."""
    apart = decaying(torch.cat([powers(factor, 9) for factor in (0.7, 0.9, 1.1, 1.2)], dim=1))
    assert apart.low is not None
    assert apart.high is not None
    assert apart.low < 1 < apart.high
    assert apart.verdict == "unclear"
    assert decaying(torch.cat([powers(factor, 9) for factor in (0.98, 0.99, 1.01, 1.03)], dim=1)).verdict == "kept"


@pytest.mark.parametrize("lags", [0, 1, 2])
def test_fewer_than_three_lags_have_none(lags: int) -> None:
    assert decay_of(powers(1e-9, lags, 4).reshape(lags, 4), 0) is None


def test_a_state_that_the_output_of_its_step_does_not_read_starts_where_it_is_read() -> None:
    """A slow context, or a delay: 0 at lag 0, and from then on as any other; not "exploding" from nothing."""
    unread = torch.zeros(2, 1, dtype=torch.float64)
    delayed = decaying(torch.cat([unread, powers(0.5, 20)]))
    assert delayed == decaying(powers(0.5, 20), first=2)
    assert (delayed.verdict, delayed.horizon) == ("vanishing", 12)
    assert decaying(torch.cat([unread, powers(0.9, 9)])).verdict == "fading"
    assert decay_of(torch.cat([unread, powers(0.5, 2)]), 0) is None


def test_lags_that_few_sequences_have_are_on_no_line() -> None:
    norms = powers(0.5, 8, 4)
    norms[5:, 1:] = math.nan
    norms[5:, 0] = 1.0
    assert decaying(norms)[:3] == pytest.approx((0.5, 0.5, 0.5), rel=EXACT)
    # most of them have it, and then it counts
    norms[5:, 1:3] = powers(0.5, 8)[5:]
    norms[5:, 0] = powers(0.5, 8)[5:, 0]
    norms[2, 3] = math.nan
    assert decaying(norms)[:3] == pytest.approx((0.5, 0.5, 0.5), rel=EXACT)
    norms[2:, 1:] = math.nan
    assert decay_of(norms, 0) is None


def test_one_sequence_alone_says_nothing_about_the_others() -> None:
    """All but one have died: without that one there is no line, and so no telling."""
    norms = powers(0.5, 8, 3)
    norms[4:, 1:] = 0.0
    decay = decaying(norms)
    assert (decay.low, decay.high, decay.verdict) == (0, math.inf, "unclear")
    assert 0 < (decay.factor or 0) < 1


def test_two_sequences_far_apart() -> None:
    """Nothing overflows, however wide the interval is."""
    norms = torch.tensor([[1.0, 1.0], [1e-100, 1.0], [1e-280, 1.0]], dtype=torch.float64)
    decay = decaying(norms)
    assert decay.low == pytest.approx(0, abs=1e-200)
    assert decay.high == math.inf


@pytest.mark.parametrize("sequences", [2, 5, 12, 32])
def test_the_interval_contains_the_truth_as_often_as_it_says(sequences: int) -> None:
    """300 batches in which every norm is off by 30 %, at random: their mean square has the slope exactly."""
    generator = torch.Generator().manual_seed(sequences)
    truth = torch.arange(15, dtype=torch.float64)[:, None] * math.log(0.9)
    inside = 0
    for _ in range(300):
        noise = torch.randn(15, sequences, generator=generator, dtype=torch.float64)
        decay = decaying((truth + 0.3 * noise).exp())
        assert decay.low is not None
        assert decay.high is not None
        inside += decay.low <= 0.9 <= decay.high
    # 95 % of 300 is 285, give or take 3.8: three of those on either side, and what few sequences cost.
    assert 270 <= inside <= 297


def test_students_t() -> None:
    """97.5 % of the distribution is below, by Simpson's rule over its density."""
    for freedom in (*range(1, 41), 100, 1_000, 100_000):
        most, pieces = student(freedom), 2_000
        scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)
        heights = [(1 + (most * k / pieces) ** 2 / freedom) ** (-(freedom + 1) / 2) for k in range(pieces + 1)]
        area = (heights[0] + heights[-1] + 4 * sum(heights[1::2]) + 2 * sum(heights[2:-1:2])) * most / pieces / 3
        assert 0.5 + scale * area == pytest.approx(0.975, abs=1e-4)


# --- weights ----------------------------------------------------------------------------------------------

WEIGHTS = {
    "chain": document(
        "type: Embedding, num_embeddings: 9, embedding_dim: 4, padding_idx: 1, sparse: true",
        "type: LSTM, hidden_size: 3, num_layers: 2, bidirectional: true",
        "type: LayerNorm, trainable: false",
        "type: GRU, hidden_size: 3, bidirectional: true",
    ),
    "packed": document(
        "type: LSTM, input_size: 2, hidden_size: 4, proj_size: 3",
        "type: RNN, hidden_size: 2",
        more=", lengths: [3, 6, 4]",
    ),
    "tied": document(
        "type: Embedding, name: embed, num_embeddings: 5, embedding_dim: 4",
        "type: Linear, tied_to: embed, out_features: 5",
        "type: GRU, hidden_size: 3",
        size=4,
    ),
}


@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("target", ["last", "sum"])
def test_the_gradient_of_every_weight_is_torchs(name: str, target: Any) -> None:
    """By torch's own modules and autograd, from a loss that is written out here."""
    spec = spec_of(WEIGHTS[name])
    model, feed, _ = run(spec)
    twins = twins_of(spec.links, model)
    runs = run_links(spec.links, twins, feed)
    aim = aim_at(spec.batch, target, 2 if target == "last" else None)
    _, found = follow(runs, twins, aim, seed=5)
    flow = feed.input
    for built in model.layers:
        given = flow.data if isinstance(flow, PackedSequence) and not isinstance(built, nn.RNNBase) else flow
        flow = built(given)[0] if isinstance(built, nn.RNNBase) else built(given)
    steps = torch.split(flow.data, flow.batch_sizes.tolist()) if isinstance(flow, PackedSequence) else list(flow)
    drawn = probes(runs[-1], aim.reads, 5)
    ways = 2 if name == "chain" else 1
    assert set(drawn) == {(way, t) for way in range(ways) for t in (range(len(steps)) if target == "sum" else [2])}
    torch.stack([(steps[t].chunk(ways, dim=1)[way].T * v).sum() for (way, t), v in drawn.items()]).sum().backward()
    expected = {}
    for link, built in zip(spec.links, model.layers, strict=True):
        for weight, values in built.named_parameters():
            if weight != "weight" or link.layer.type != "Linear":
                norm = None if values.grad is None else float(values.grad.to_dense().norm())
                expected[link.layer.name, weight] = norm
    assert [about[:2] for about in found] == list(expected)
    for layer, weight, norm in found:
        assert norm == (
            pytest.approx(expected[layer, weight], rel=1e-9) if expected[layer, weight] is not None else None
        )
    assert [norm is None for *_, norm in found].count(True) == (2 if name == "chain" else 0)


def test_a_weight_that_is_fixed_has_no_norm() -> None:
    found = gradients_by_lag(spec_of(MODELS["Legendre stacked"]), CPU)
    assert [weight for _, weight, norm in found.weights if norm is None] == [
        f"weight_{matrix}_l{layer}" for layer in (0, 1) for matrix in "AB"
    ]


def test_the_gradient_of_a_weight_grows_with_the_steps_that_are_read() -> None:
    """The sum over all steps, each with a v of its own, as the root of their number; that of one step does not."""

    def norm(target: Any, steps: int) -> float:
        found = gradients_by_lag(
            spec_of(document("type: RNN, input_size: 4, hidden_size: 8", steps=steps)), CPU, target=target
        )
        return {weight: norm or 0.0 for _, weight, norm in found.weights}["weight_hh_l0"]

    last, total = ([norm(target, steps) for steps in (10, 90, 810)] for target in ("last", "sum"))
    assert [b / a for a, b in pairwise(total)] == pytest.approx([3, 3], rel=0.3)
    assert all(0.5 < norm / last[0] < 2 for norm in last)


# --- one pass ---------------------------------------------------------------------------------------------


def nodes(loss: Tensor) -> int:
    """How many operations a graph holds."""
    seen, left = set(), [loss.grad_fn]
    while left:
        node = left.pop()
        if node is not None and node not in seen:
            seen.add(node)
            left += [after for after, _ in node.next_functions]
    return len(seen)


@pytest.mark.parametrize("name", ["stacked both ways", "packed", "chain"])
@pytest.mark.parametrize("target", ["last", "sum"])
def test_one_backward_pass_that_grows_with_the_steps(monkeypatch: pytest.MonkeyPatch, name: str, target: Any) -> None:
    sizes = []
    real = torch.autograd.grad

    def counted(loss: Tensor, *args: Any, **options: Any) -> tuple[Tensor, ...]:
        sizes.append(nodes(loss))
        return real(loss, *args, **options)

    def backward(*args: Any, **options: Any) -> None:
        pytest.fail("a second backward pass")

    monkeypatch.setattr(torch.autograd, "grad", counted)
    monkeypatch.setattr(torch.autograd, "backward", backward)
    for steps in (12, 24, 48):
        text = re.sub("seq_len: [0-9]", f"seq_len: {steps}", MODELS[name])
        gradients_by_lag(
            spec_of(text.replace("[2, 5, 1, 5]", f"[{steps - 4}, {steps}, {steps // 2}, 2]")), CPU, target=target
        )
    assert len(sizes) == 3
    assert (sizes[2] - sizes[1]) / (sizes[1] - sizes[0]) == pytest.approx(2, rel=0.05)


def test_the_gradients_keep_their_layout() -> None:
    """Where it is turned around, as by a sequence that ends, every product before is several times slower."""
    spec = spec_of(MODELS["packed both ways"])
    _, _, runs = run(spec)
    seen: list[bool] = []
    for steps in runs[0].levels.values():
        for states in steps.values():
            states["h"].register_hook(lambda gradient: seen.append(gradient.is_contiguous()))
    curves_of(runs, aim_at(spec.batch, "last", None), 0)
    assert len(seen) > 12
    assert all(seen)


# --- the whole --------------------------------------------------------------------------------------------


def test_where_the_loss_reads() -> None:
    both, packed = MODELS["both ways"], MODELS["packed both ways"]
    assert gradients_by_lag(spec_of(both), CPU).position == 3
    assert gradients_by_lag(spec_of(packed), CPU).position == 0
    assert gradients_by_lag(spec_of(both), CPU, position=5).position == 5
    assert gradients_by_lag(spec_of(both), CPU, target="sum").position is None
    last = gradients_by_lag(spec_of(MODELS["LSTM"]), CPU)
    assert (last.position, last.layer, last.sequences) == (None, "lstm", 3)
    assert last.curves == gradients_by_lag(spec_of(MODELS["LSTM"]), CPU, position=5).curves
    earlier = gradients_by_lag(spec_of(MODELS["LSTM"]), CPU, position=2)
    assert {len(curve.norms) for curve in earlier.curves} == {3}


def test_the_layer_that_is_read() -> None:
    spec = spec_of(MODELS["cells"])
    assert gradients_by_lag(spec, CPU).layer == "grucell"
    found = gradients_by_lag(spec, CPU, layer="lstmcell")
    assert [(curve.layer, curve.of, curve.stacked, curve.direction) for curve in found.curves] == [
        ("rnncell", "x", None, None),
        ("rnncell", "h", None, None),
        ("lstmcell", "x", None, None),
        ("lstmcell", "h", None, None),
        ("lstmcell", "c", None, None),
    ]


def test_a_seed_is_all_there_is_to_it() -> None:
    def found(seed: int) -> Gradflow:
        return gradients_by_lag(spec_of(MODELS["chain"]), CPU, seed)

    assert found(1) == found(1)
    assert found(1).curves != found(2).curves


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_gradients_of_any_dtype_are_exact_ones(dtype: str) -> None:
    """Its weights and its input are taken as they are, and all after that is float64."""
    text = MODELS["LSTM"].replace("dtype: float64", f"dtype: {dtype}").replace("seq_len: 6", "seq_len: 400")
    (last,) = (curve.norms[-1] for curve in gradients_by_lag(spec_of(text), CPU).curves if curve.of == "h")
    assert 0 < last < 1e-30


def test_one_step() -> None:
    found = gradients_by_lag(
        spec_of(document("type: GRU, input_size: 2, hidden_size: 3, bidirectional: true", steps=1)), CPU
    )
    assert found.position == 0
    assert {(curve.of, curve.direction, curve.side, len(curve.norms), curve.decay) for curve in found.curves} == {
        ("x", None, "past", 1, None),
        ("h", "forward", "past", 1, None),
        ("h", "reverse", "past", 1, None),
    }


def test_too_large_is_said_before_anything_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnninspect.runtime.device.available_bytes", lambda: 10**6)
    text = document("type: GRU, input_size: 2, hidden_size: 30", steps=100_000)
    with pytest.raises(NotEnoughMemory, match=r"try a smaller input\.batch_size or input\.seq_len"):
        gradients_by_lag(spec_of(text), CPU)


def test_threads_are_as_before() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        gradients_by_lag(spec_of(MODELS["LSTM"]), CPU)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def advice_of(kind: str, more: str = "", *settings: str) -> list[str]:
    layer = f"name: a, type: {kind}, input_size: 2, hidden_size: 3{more}"
    found = gradients_by_lag(spec_of(document(layer, steps=60), *settings), CPU)
    return [note for note in gradflow_blocks([found])[0].notes if "Try" in note]


def test_where_gates_do_not_help_it_is_said_what_to_try() -> None:
    (said,) = advice_of("LSTM")
    assert said.startswith("a: a gradient vanishes though a gate could carry it: f starts near 0.5, so that a step")
    assert "z starts near 0.5, so that a step keeps about half of h." in advice_of("GRU")[0]
    setting = re.search(r"--set (\S+),", said)
    assert setting
    assert advice_of("LSTM", "", setting[1]) == []


def test_nothing_is_advised_without_a_gate_or_a_bias_to_open_it() -> None:
    assert advice_of("RNN") == []
    assert advice_of("LSTM", ", bias: false") == []


def test_an_error_bar_is_the_jackknife_s_over_the_sequences_that_have_the_lag() -> None:
    nan = math.nan
    norms = torch.tensor(
        [[1.0, 2.0, 4.0, 1.5], [3e-200, 1e-200, nan, 2e-200], [1.0, nan, nan, nan]], dtype=torch.float64
    )
    halves = half_widths(norms).tolist()
    for row, half in zip(norms[:2], halves, strict=False):
        there = row[~row.isnan()]
        count = len(there)
        without = [rms(torch.cat([there[:k], there[k + 1 :]])[None]).item() for k in range(count)]
        middle = sum(without) / count
        spread = math.sqrt((count - 1) / count * sum(((each - middle) / middle) ** 2 for each in without)) * middle
        assert half == pytest.approx(student(count - 1) * spread, rel=1e-12, abs=0)
    assert math.isnan(halves[2])
