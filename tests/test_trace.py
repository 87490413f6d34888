"""What `trace` tells against the same written out here: every gate and state, one sequence at a time, in float64."""

from __future__ import annotations

import math
import re
import statistics
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import by_hand
import pytest
import torch
import worlds
from torch import nn
from torch.nn.utils.rnn import pad_packed_sequence
from worlds import spec_of

from rnninspect.document.chain import Spec
from rnninspect.errors import CannotHere, CheckFailed, NotEnoughMemory, TorchRefused
from rnninspect.layers.gru import GRU
from rnninspect.layers.lstm import LSTM, LSTMCell
from rnninspect.layers.rnn import RNN
from rnninspect.plan import plan
from rnninspect.results.trace import trace_tables
from rnninspect.runtime.modules import BuiltModel, make_feed, ready
from rnninspect.study import trace as module
from rnninspect.study import vectors
from rnninspect.study.decay import student
from rnninspect.study.trace import Level, Pick, trace_layers
from rnninspect.study.vectors import Vector

CPU = torch.device("cpu")
EXACT = 1e-12
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")


document = partial(worlds.document, steps=5, more=", state: random")
PACKED = ", state: random, lengths: [2, 5, 1, 5]"
MODELS = {
    "RNN": document("type: RNN, input_size: 2, hidden_size: 3"),
    "relu": document("type: RNN, input_size: 2, hidden_size: 3, nonlinearity: relu"),
    "LSTM": document("type: LSTM, input_size: 2, hidden_size: 3"),
    "projected": document("type: LSTM, input_size: 2, hidden_size: 4, proj_size: 3"),
    "GRU": document("type: GRU, input_size: 2, hidden_size: 3, bias: false"),
    "Jordan": document("type: JordanRNN, input_size: 2, hidden_size: 4, output_size: 3, nonlinearity: relu"),
    "unbatched": document("type: GRU, input_size: 2, hidden_size: 3", size=None),
    "unbatched cell": document("type: GRUCell, input_size: 2, hidden_size: 3", size=None),
    "batch_first": document("type: LSTM, input_size: 2, hidden_size: 3, batch_first: true, bidirectional: true"),
    "cells": document("type: RNNCell, input_size: 2, hidden_size: 3", "type: LSTMCell, hidden_size: 4"),
    "stacked": document("type: LSTM, input_size: 2, hidden_size: 4, proj_size: 2, num_layers: 3, bidirectional: true"),
    "packed": document(
        "type: LSTM, input_size: 2, hidden_size: 3, bidirectional: true",
        "type: GRU, hidden_size: 2",
        size=4,
        more=PACKED,
    ),
    "packed cells": document("type: LSTMCell, input_size: 2, hidden_size: 3", size=4, more=PACKED),
    **{
        f"{kind} {way}": document(f"type: {kind}, input_size: 2, hidden_size: 3{options}", size=size, more=more)
        + by_hand.AS_TEXT
        for kind in by_hand.CELLS
        for way, options, size, more in (
            ("alone", "", None, ", state: random"),
            ("both ways", ", bidirectional: true", 4, PACKED),
        )
    },
    "chain": document(
        "type: Embedding, num_embeddings: 9, embedding_dim: 4",
        "type: LSTM, hidden_size: 3",
        "type: Dropout",
        "type: LayerNorm",
        "type: GRU, hidden_size: 3, feeds: last",
        "type: Linear, out_features: 2",
    ),
}


# --- the same by hand -------------------------------------------------------------------------------------

# By layer, stacked, direction; sequence; t.
ByHand = dict[tuple[str, int, int], list[list[by_hand.Vectors]]]


def worked_out(spec: Spec, seed: int = 0, values: array[float] | array[int] | None = None) -> ByHand:
    """Every vector of the model that `seed` gives."""
    levels: ByHand = {}
    with ready(spec, plan(spec), CPU, seed) as model, torch.no_grad():
        for x, states in by_hand.sequences(spec, make_feed(spec, CPU, values)):
            for key, steps in by_hand.run(model, x, states).items():
                levels.setdefault(key, []).append(steps)
    return levels


def key(level: Level) -> tuple[str, int, int]:
    return level.layer, level.stacked or 0, int(level.direction == "reverse")


def approx(value: Any) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-12)


def share_off(function: str, values: list[float]) -> float:
    out = {
        "sigmoid": lambda value: value < 0.1 or value > 0.9,
        "tanh": lambda value: abs(value) > 0.9,
        "relu": lambda value: value == 0,
    }
    return sum(map(out[function], values)) / len(values)


@pytest.mark.parametrize("name", MODELS)
def test_statistics_of_every_step(name: str) -> None:
    spec = spec_of(MODELS[name])
    expected, found = worked_out(spec), trace_layers(spec, CPU)
    assert [key(level) for level in found.levels] == list(expected)
    for level in found.levels:
        runs = expected[key(level)]
        assert [entry.t for entry in level.steps] == list(range(max(map(len, runs))))
        assert level.units == ()
        for entry in level.steps:
            running = [run[entry.t] for run in runs if entry.t < len(run)]
            assert entry.running == len(running)
            assert [vector.name for vector in level.vectors] == list(running[0])
            for vector, stats in zip(level.vectors, entry.stats, strict=True):
                every = [one[vector.name].tolist() for one in running]
                flat = [value for one in every for value in one]
                assert stats[:5] == approx(
                    (
                        statistics.fmean(flat),
                        statistics.pstdev(flat),
                        min(flat),
                        max(flat),
                        statistics.fmean(math.hypot(*one) for one in every),
                    )
                )
                told = None if vector.function is None else share_off(vector.function, flat)
                assert stats.saturated == (told if told is None else approx(told))
                carriers = {"LSTM": "f", "GRU": "z", "Simple": "f"}
                carried = vector.name == carriers.get(level.type.removesuffix("Cell"))
                assert (stats.half_life is not None) == carried
                if carried:
                    mean = statistics.fmean(map(math.log, flat))
                    assert stats.half_life == approx(math.log(2) / -mean)
                of_norms = [math.hypot(*one) for one in every]
                shares = [share_off(vector.function, one) for one in every] if vector.function else None
                assert stats.mean_half == half_of([statistics.fmean(one) for one in every])
                assert (stats.norm_half, stats.saturated_half) == (half_of(of_norms), half_of(shares))


def half_of(values: list[float] | None) -> Any:
    """Half the 95 % interval of a mean."""
    if values is None or len(values) < 2:
        return None
    return approx(student(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values)))


@pytest.mark.parametrize("name", MODELS)
def test_the_values_themselves(name: str) -> None:
    """Of every step and unit of every sequence."""
    spec = spec_of(MODELS[name])
    expected = worked_out(spec)
    for n in range(spec.batch.size or 1):
        found = trace_layers(spec, CPU, pick=Pick(None, None, n))
        for level in found.levels:
            assert level.steps == ()
            steps = expected[key(level)][n]
            widest = max(len(values) for values in steps[0].values())
            places = [(t, unit) for t in range(len(steps)) for unit in range(widest)]
            assert [(row.t, row.unit) for row in level.units] == places
            for row in level.units:
                values = [v[row.unit].item() if row.unit < len(v) else None for v in steps[row.t].values()]
                assert [found is None for found in row.values] == [value is None for value in values]
                assert [v for v in row.values if v is not None] == approx([v for v in values if v is not None])


@pytest.mark.parametrize("name", ["projected", "packed", "batch_first", "unbatched", "chain"])
def test_what_is_picked_is_a_part_of_the_whole(name: str) -> None:
    spec = spec_of(MODELS[name])
    n = (spec.batch.size or 1) - 1
    every = trace_layers(spec, CPU, pick=Pick(None, None, n))
    for step, unit in ((3, None), (None, 1), (3, 1), (0, 0)):
        found = trace_layers(spec, CPU, pick=Pick(step, unit, n))
        for part, whole in zip(found.levels, every.levels, strict=True):
            kept = [row for row in whole.units if step in (None, row.t) and unit in (None, row.unit)]
            assert list(part.units) == kept
            assert kept
            assert part.memory == whole.memory


@pytest.mark.parametrize("lengths", [[2, 5, 1, 5], [1, 2, 3, 4]])
def test_a_packed_sequence_is_as_if_it_were_alone(lengths: list[int]) -> None:
    layers = ("type: LSTM, input_size: 2, hidden_size: 3, num_layers: 2, bidirectional: true",)
    packed = spec_of(document(*layers, size=4, more=f", lengths: {lengths}"))
    with ready(packed, plan(packed), CPU, 7):
        padded, _ = pad_packed_sequence(make_feed(packed, CPU).input)  # type: ignore[arg-type]
    for n, length in enumerate(lengths):
        alone = spec_of(document(*layers, size=1, steps=length, more=""))
        values = array("d", padded[:length, n].flatten().tolist())
        found = trace_layers(alone, CPU, 7, values=values, pick=Pick(None, None, 0))
        batch = trace_layers(packed, CPU, 7, pick=Pick(None, None, n))
        for one, other in zip(found.levels, batch.levels, strict=True):
            assert [row[:2] for row in one.units] == [row[:2] for row in other.units]
            for row, same in zip(one.units, other.units, strict=True):
                assert row.values == approx(same.values)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_the_weights_of_any_dtype_are_taken_as_they_are(dtype: str) -> None:
    """All that follows is float64; what torch put out is as near as its dtype allows."""
    spec = spec_of(document("type: LSTM, input_size: 2, hidden_size: 3", dtype=dtype))
    expected, found = worked_out(spec), trace_layers(spec, CPU, pick=Pick(None, None, 1))
    for row in found.levels[0].units:
        values = [vector[row.unit].item() for vector in expected["lstm", 0, 0][1][row.t].values()]
        assert row.values == pytest.approx(values, rel=EXACT)
    assert 0 < found.outputs["lstm"].relative < 10


# --- what is given ----------------------------------------------------------------------------------------


def test_given_values_are_fed() -> None:
    spec = spec_of(document("type: LSTM, input_size: 2, hidden_size: 3, batch_first: true", size=2, more=""))
    assert spec.inputs[0].axes == ("N", "L", "H_in")
    values = array("d", [k / 7 - 1 for k in range(20)])
    lstm = nn.LSTM(2, 3, batch_first=True, dtype=torch.float64)
    with ready(spec, plan(spec), CPU, 3) as model:
        lstm.load_state_dict(model.layers[0].state_dict())
    output, _ = lstm(torch.tensor(values.tolist(), dtype=torch.float64).reshape(2, 5, 2))
    for n in (0, 1):
        (level,) = trace_layers(spec, CPU, 3, values=values, pick=Pick(None, None, n)).levels
        assert [row.values[-1] for row in level.units] == approx(output[n].flatten().tolist())
    assert values.tolist() == [k / 7 - 1 for k in range(20)]


def test_given_tokens_are_looked_up() -> None:
    spec = spec_of(document("type: Embedding, num_embeddings: 9, embedding_dim: 4", "type: GRU, hidden_size: 3"))
    tokens = array("q", [k * k % 9 for k in range(15)])
    expected = worked_out(spec, 2, tokens)["gru", 0, 0]
    for n in range(3):
        (level,) = trace_layers(spec, CPU, 2, values=tokens, pick=Pick(4, None, n)).levels
        assert [row.values[-1] for row in level.units] == approx(expected[n][4]["h"].tolist())
    assert trace_layers(spec, CPU, 2, values=tokens).levels != trace_layers(spec, CPU, 2).levels


def test_one_layer_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is fed as in the whole, and what comes after it is not run."""
    spec = spec_of(MODELS["chain"])
    both = trace_layers(spec, CPU)
    ran = []
    real = module.run_layer

    def counted(link: Any, *args: Any) -> Any:
        ran.append(link.layer.name)
        return real(link, *args)

    monkeypatch.setattr(module, "run_layer", counted)
    assert trace_layers(spec, CPU, layer="lstm").levels == both.levels[:1]
    assert ran == ["embedding", "lstm", "lstm"]
    assert trace_layers(spec, CPU, layer="gru").levels == both.levels[1:]
    assert trace_layers(spec, CPU, layer="gru").outputs.keys() == {"gru"}


def test_a_seed_is_all_there_is_to_it() -> None:
    spec = spec_of(MODELS["chain"])
    assert trace_layers(spec, CPU, 1) == trace_layers(spec, CPU, 1)
    assert trace_layers(spec, CPU, 1).levels != trace_layers(spec, CPU, 2).levels


# --- saturation and memory --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "inside", "beyond"),
    [
        ("sigmoid", [0.1, 0.9, 0.5], [0.09999999999999999, 0.9000000000000001, 0.0, 1.0]),
        ("tanh", [-0.9, 0.9, 0.0], [-0.9000000000000001, 0.9000000000000001, -1.0, 1.0]),
        ("relu", [5e-324, 1.0, 1e300], [0.0, -0.0]),
    ],
)
def test_where_saturation_begins(function: str, inside: list[float], beyond: list[float]) -> None:
    vector = Vector("v", function, False, None)
    for value, share in [*((value, 0.0) for value in inside), *((value, 1.0) for value in beyond)]:
        assert vectors.stats_of(vector, torch.tensor([[value]], dtype=torch.float64)).saturated == share
    values = torch.tensor([inside + beyond], dtype=torch.float64)
    assert vectors.stats_of(vector, values).saturated == approx(len(beyond) / len(inside + beyond))
    assert vectors.stats_of(vector._replace(function=None), values).saturated is None


def gate_of(bias: float) -> float:
    return 1 / (1 + math.exp(-bias)) if bias > -700 else 0.0


@pytest.mark.parametrize(
    ("bias", "half_life"), [(0.0, 1.0), (2.0, math.log(2) / -math.log(gate_of(2.0))), (800.0, math.inf), (-800.0, 0.0)]
)
@pytest.mark.parametrize("kind", ["LSTM", "LSTMCell", "GRU", "GRUCell"])
def test_half_life_of_a_constant_gate(
    monkeypatch: pytest.MonkeyPatch, kind: str, bias: float, half_life: float
) -> None:
    pin(monkeypatch, bias)
    (level,) = trace_layers(spec_of(document(f"type: {kind}, input_size: 2, hidden_size: 3")), CPU).levels
    gate, state = ("f", "c") if kind.startswith("LSTM") else ("z", "h")
    which = [vector.carries for vector in level.vectors].index(state)
    assert level.vectors[which].name == gate
    for entry in level.steps:
        assert entry.stats[which].half_life == pytest.approx(half_life, rel=EXACT)
        assert {stats.half_life for k, stats in enumerate(entry.stats) if k != which} == {None}
    (memory,) = level.memory
    assert memory[:2] == (state, gate)
    assert (memory.median, memory.longest) == pytest.approx((half_life, half_life), rel=EXACT)


def pin(monkeypatch: pytest.MonkeyPatch, bias: float) -> None:
    """Build every model of three units without weights, and with a bias in the gate that carries its state over."""
    real = module.ready

    @contextmanager
    def pinned(*args: Any, **options: Any) -> Iterator[BuiltModel]:
        with real(*args, **options) as model, torch.no_grad():
            for name, values in model.layers[0].named_parameters():
                values.zero_()
                if name.startswith("bias_ih"):
                    values[3:6] = bias
            yield model

    monkeypatch.setattr(module, "ready", pinned)


@pytest.mark.parametrize("name", ["LSTM", "packed", "stacked"])
def test_memory_is_over_all_steps_and_sequences(name: str) -> None:
    spec = spec_of(MODELS[name])
    expected = worked_out(spec)
    for level in trace_layers(spec, CPU).levels:
        gate = {"LSTM": "f", "GRU": "z"}[level.type]
        every = torch.stack([vectors[gate] for run in expected[key(level)] for vectors in run])
        lives = [math.log(2) / -value for value in every.log().mean(0).tolist()]
        (memory,) = level.memory
        assert memory.longest == approx(max(lives))
        assert memory.unit == lives.index(max(lives))
        assert memory.median == approx(sorted(lives)[(len(lives) - 1) // 2])


@pytest.mark.parametrize(("kind", "gate", "stays"), [("LSTM", "f", 1), ("GRU", "z", 1), ("minGRU", "z", 0)])
def test_it_is_said_where_a_state_stays(kind: str, gate: str, stays: int) -> None:
    (table,) = trace_tables([trace_layers(spec_of(document(f"type: {kind}, input_size: 2, hidden_size: 3")), CPU)])
    assert re.search(rf"half-life of .: .* where {gate} is {stays}, . stays\.$", table.notes[-1])


def test_functions_of_a_cells_saturate_or_have_no_share() -> None:
    text = "cells: {Odd: {equations: 'h = W_h @ h + hardsigmoid(h)\n\n  c = softsign(h)\n\n  e = exp(W_x @ x)'}}\n"
    (level,) = trace_layers(spec_of(document("type: Odd, input_size: 2, hidden_size: 3") + text), CPU).levels
    assert [(vector.name, vector.saturates) for vector in level.vectors] == [("h", False), ("c", True), ("e", False)]
    for step in level.steps:
        assert [stats.saturated is None for stats in step.stats] == [True, False, True]


def test_what_carries_nothing_has_no_memory() -> None:
    for name in ("RNN", "Jordan"):
        (level,) = trace_layers(spec_of(MODELS[name]), CPU).levels
        assert level.memory == ()


# --- held against torch -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "right", "wrong"),
    [
        (LSTM, "LSTM", "o = sigmoid(", "o = tanh("),
        (LSTM, "stacked", "c = f * c + i * g", "c = i * c + f * g"),
        (LSTM, "packed", "b_io + W_ho", "b_io - W_ho"),
        (LSTMCell, "cells", "i = sigmoid(", "i = tanh("),
        (GRU, "GRU", "(1 - z) * n + z * h", "z * n + (1 - z) * h"),
        (GRU, "chain", "r * (W_hn @ h + b_hn)", "(r * (W_hn @ h) + b_hn)"),
        (RNN, "relu", "b_ih + W_hh", "b_ih - W_hh"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_wrong_equation_ends_it(
    monkeypatch: pytest.MonkeyPatch, kind: Any, name: str, right: str, wrong: str, dtype: str
) -> None:
    real = kind.equations
    assert right in real(kind.model_construct(type=kind.__name__, hidden_size=3, nonlinearity="relu", proj_size=0))
    monkeypatch.setattr(kind, "equations", lambda self: real(self).replace(right, wrong))
    said = r"^doc\.yaml: layer '\w+': torch's output is [\d,.e+]+ epsilons from the equations', [\d,.e+]+ are allowed"
    with pytest.raises(CheckFailed, match=said) as caught:
        trace_layers(spec_of(MODELS[name].replace("float64", dtype)), CPU)
    assert caught.value.exit_code == 1


CHAOS = document(
    "type: RNN, input_size: 3, hidden_size: 200, init: {weight_hh: kaiming_normal, weight_ih: zeros}",
    steps=150,
    size=4,
    dtype="float32",
)


def test_chaos_is_no_fault() -> None:
    """Where a rounding grows from step to step, float32 is soon elsewhere; a wrong equation is from the start."""
    found = trace_layers(spec_of(CHAOS), CPU)
    compared = found.outputs["rnn"]
    # Beyond what is allowed of 150 steps of 400 terms at the first look, and so let through by the second.
    assert 4 * math.sqrt(150 * 400) < compared.relative < compared.allowed < 1 / 2**-23


def test_even_in_chaos_a_wrong_equation_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    real = RNN.equations
    monkeypatch.setattr(RNN, "equations", lambda self: real(self).replace("b_ih + W_hh", "b_ih - W_hh"))
    with pytest.raises(CheckFailed):
        trace_layers(spec_of(CHAOS), CPU)


def test_what_is_beyond_the_dtype_is_said() -> None:
    text = "type: RNN, nonlinearity: relu, input_size: 3, hidden_size: 40, init: {weight_hh: xavier_uniform}"
    loud = document(text, steps=60, dtype="float16").replace("xavier_uniform", "eye").replace("steps", "")
    values = array("d", [6e4] * (60 * 3 * 3))
    with pytest.raises(CannotHere, match=r"^doc\.yaml: layer 'rnn': torch's output is beyond float16 \(try ") as caught:
        trace_layers(spec_of(loud), CPU, values=values)
    assert caught.value.exit_code == 3
    assert trace_layers(spec_of(loud.replace("float16", "float64")), CPU, values=values).levels


def test_too_large_is_said_before_anything_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnninspect.runtime.device.available_bytes", lambda: 10**6)
    with pytest.raises(NotEnoughMemory):
        trace_layers(spec_of(document("type: GRU, input_size: 2, hidden_size: 300", steps=10_000)), CPU)


def test_what_torch_refuses_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise RuntimeError("no such kernel\nand more")

    monkeypatch.setattr(module, "reference", refuse)
    with pytest.raises(TorchRefused, match=r"could not evaluate layer 'lstm' on cpu in float64: no such kernel$"):
        trace_layers(spec_of(MODELS["LSTM"]), CPU)


def test_nothing_is_left_changed() -> None:
    before = torch.get_num_threads(), torch.get_rng_state()
    try:
        torch.set_num_threads(3)
        trace_layers(spec_of(MODELS["LSTM"]), CPU)
        assert torch.get_num_threads() == 3
        assert torch.equal(torch.get_rng_state(), before[1])
    finally:
        torch.set_num_threads(before[0])
