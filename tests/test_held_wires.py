"""Wires held by themselves: they hold over every wire, batch and dtype, and a broken one is seen and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch
from ended import Run
from test_feeding import FEEDS, MERGES, PLACES
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence
from wired_models import ANOTHER_ORDER, MODELS, TIES
from worlds import SMALL, spec_of, text_of, written

from rnninspect.document.chain import Link
from rnninspect.layers.recurrent import Recurrent
from rnninspect.results.verify import verify_document, verify_tables
from rnninspect.runtime import feeding, modules, wiring
from rnninspect.study import verify
from rnninspect.study.held_wires import HeldWire
from rnninspect.study.verify import Verified, verify_layers

CPU = torch.device("cpu")


ALL = MODELS | {"in another order": (ANOTHER_ORDER, TIES)}


def verified(name: str, dtype: str = "float32") -> Verified:
    head, layers = ALL[name]
    return verify_layers(spec_of(text_of(*layers, head=f"dtype: {dtype}\n{head}")), CPU)


def wires(result: Verified) -> dict[tuple[str, str], HeldWire]:
    return {(wire.layer, wire.wire): wire for wire in result.wires}


@pytest.mark.parametrize("name", ALL)
def test_wires_hold(name: str) -> None:
    result = verified(name)
    assert result.ok
    assert result.wires


@pytest.mark.more
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("name", ALL)
def test_wires_hold_in_every_dtype(name: str, dtype: str) -> None:
    assert verified(name, dtype).ok


def test_what_is_held_is_named() -> None:
    held = wires(verified("seq2seq"))
    assert list(held) == [
        ("words", "from src"),
        ("encoder", "from words"),
        ("encoder", "feeds last"),
        ("own", "from tgt"),
        ("decoder", "from own, encoder"),
        ("decoder", "state_from encoder"),
        ("head", "from own, decoder, encoder"),
    ]
    names = [[tensor.name for tensor in wire.tensors] for wire in held.values()]
    assert names == [
        ["input"],
        ["input"],
        ["handed on", "grad h_n"],
        ["input"],
        ["input", "grad own", "grad encoder"],
        ["h_0", "grad h_n of encoder"],
        ["input", "grad own", "grad decoder", "grad encoder"],
    ]
    held = wires(verified("states"))
    assert ("dec", "state_from enc, concat") in held
    assert [t.name for t in held["dec", "state_from enc, concat"].tensors][:2] == ["h_0", "c_0"]


def check_feeding(place: str, feeds: str, merge: str) -> None:
    batch, first = PLACES[place]
    layer = {"type": "GRU", "input_size": 3, "hidden_size": 2, "num_layers": 2, "bidirectional": True}
    layer |= {"feeds": feeds, "merge": merge, "batch_first": first}
    result = verify_layers(spec_of({"input": batch, "layers": [layer]}), CPU)
    assert result.ok
    assert bool(result.wires) == ((feeds, merge) != ("output", "concat"))


@pytest.mark.parametrize(("number", "place"), [*enumerate(PLACES)])
def test_ways_to_merge_and_to_feed_hold(number: int, place: str) -> None:
    """Every two of the three together, but for some."""
    for k, feeds in enumerate(FEEDS):
        if (k + number) % 2:
            check_feeding(place, feeds, MERGES[(k + number // 2) % 4])


@pytest.mark.more
@pytest.mark.parametrize("place", PLACES)
def test_every_way_to_merge_and_to_feed_holds(place: str) -> None:
    for feeds, merge in product(FEEDS, MERGES):
        check_feeding(place, feeds, merge)


def test_a_model_without_wires_has_none() -> None:
    result = verify_layers(spec_of(SMALL), CPU)
    assert not result.wires
    assert [table.title for table in verify_tables(result)] == ["verify"]
    assert "wires" not in json.dumps(verify_document([result]))


# --- broken on purpose -----------------------------------------------------------------------------------------------


def _reversed(flows: list[Tensor], axes: tuple[str, ...]) -> Tensor | PackedSequence:
    return wiring_side_by_side(flows[::-1], axes)


wiring_side_by_side, given_to_steps, packed_as = wiring.side_by_side, wiring._to_steps, wiring._packed_as
wiring_added, handed_over, one_direction = wiring.added, wiring.handed_over, wiring._one_direction


def _at_first_step(tensor: Tensor, lead: torch.Size, axes: tuple[str, ...]) -> Tensor:
    """The vector of each sequence at the first step alone."""
    if tensor.dim() - 1 == len(lead):
        return tensor
    whole = given_to_steps(tensor, lead, axes)
    only = torch.zeros(lead[axes.index("L")], *[1] * (whole.dim() - 1), dtype=whole.dtype)
    only[0] = 1
    return whole * (only if axes[0] == "L" else only.transpose(0, 1))


def _unsorted(packed: PackedSequence, flow: Tensor | PackedSequence) -> Tensor:
    if isinstance(flow, PackedSequence):
        return packed_as(packed, flow)
    return torch.cat([flow[:running] for running in packed.batch_sizes.tolist()])


def _without_gradient(flows: list[Tensor], axes: tuple[str, ...]) -> Tensor | PackedSequence:
    joined = wiring_side_by_side(flows, axes)
    return (
        joined._replace(data=joined.data.detach() + joined.data * 0)
        if isinstance(joined, PackedSequence)
        else (joined.detach() + joined * 0)
    )


def _ways_exchanged(state: Tensor, directions: int, how: str) -> Tensor:
    return one_direction(state.flip(0) if how == "concat" else state, directions, how)


def _one_way(layer: Recurrent, data: Tensor) -> Tensor:
    return data if layer.merging == "concat" else data.chunk(2, dim=-1)[0]


FAULTS: dict[str, tuple[object, str, Callable[..., object], str, str]] = {
    "another order": (wiring, "side_by_side", _reversed, "seq2seq", "from own, encoder"),
    "one step of all": (wiring, "_to_steps", _at_first_step, "seq2seq", "from own, encoder"),
    "another's vector": (wiring, "_packed_as", _unsorted, "heads, packed", "from trunk, last"),
    "no gradient": (wiring, "side_by_side", _without_gradient, "seq2seq", "from own, encoder"),
    "not added": (wiring, "added", lambda one, other: one, "residual", "add input"),
    "added twice": (
        wiring,
        "added",
        lambda one, other: wiring_added(wiring_added(one, other), other),
        "residual",
        "add a",
    ),
    "other directions": (wiring, "_one_direction", _ways_exchanged, "states", "state_from enc, concat"),
    "no states": (
        wiring,
        "handed_over",
        lambda *given: tuple(torch.zeros_like(state) for state in handed_over(*given)),
        "seq2seq",
        "state_from encoder",
    ),
    "states without a gradient": (
        wiring,
        "handed_over",
        lambda *given: tuple(state.detach() + 0 * state for state in handed_over(*given)),
        "seq2seq",
        "state_from encoder",
    ),
    "the first step": (
        feeding,
        "_last_step",
        lambda output, axes: output.select(axes.index("L"), 0),
        "heads",
        "feeds step, add last",
    ),
    "the least": (
        feeding,
        "_largest",
        lambda output, axes: output.min(axes.index("L")).values,
        "towers",
        "merge sum, feeds max",
    ),
    "no mean": (feeding, "_mean", lambda output, axes: output.sum(axes.index("L")), "heads", "feeds mean"),
    "one direction": (feeding, "_merged", _one_way, "heads", "merge mul"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_wire_is_seen(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    module, name, broken, model, wire = FAULTS[fault]
    monkeypatch.setattr(module, name, broken)
    result = verified(model)
    bad = [each for each in result.wires if not each.ok]
    assert wire in [each.wire for each in bad]
    assert not result.ok
    # Each layer by itself, on what it was fed with, is as right as ever.
    assert all(layer.ok for layer in result.layers)


def test_a_layer_fed_with_another_ones_output_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    given = wiring.Flows.given

    def other(self: wiring.Flows, link: Link, states: modules.States) -> object:
        if link.layer.name == "left":
            link = replace(link, wires=link.wires._replace(reads=("tgt",)))
        return given(self, link, states)

    monkeypatch.setattr(wiring.Flows, "given", other)
    monkeypatch.setattr(verify, "_same_shapes", lambda *given: None)
    result = verified("towers")
    assert next(wire.wire for wire in result.wires if not wire.ok) == "from src"


def test_a_broken_wire_is_told_in_a_line(here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head, layers = MODELS["seq2seq"]
    file = written(tmp_path, text_of(*layers, head=f"device: cpu\n{head}"))
    done = here("verify", str(file))
    assert done.returncode == 0
    assert "what layers read and hand on are what 7 wires say" in done.stdout
    assert "\n\nmodel,layer,wire,tensor," in here("verify", str(file), "--format", "csv").stdout
    monkeypatch.setattr(wiring, "side_by_side", _reversed)
    done = here("verify", str(file))
    assert done.returncode == 1
    assert "layer 'decoder', from own, encoder: input is not what it should be" in done.stderr


# --- shared weights -------------------------------------------------------------------------------------------------


def test_gradients_of_both_uses_of_a_shared_layer_add_up() -> None:
    """Of two towers that share a GRU: against each by itself, with its own copy of the weights."""
    head, layers = MODELS["towers"]
    spec = spec_of(text_of(*layers, head=f"dtype: float64\n{head}"))
    model = modules.build(spec, "cpu")
    assert len(dict(model.named_parameters())) == len(dict(model.layers[0].named_parameters())) + 2
    feed = modules.make_feed(spec, CPU)
    output = model(*feed.inputs.values())
    output.sum().backward()
    expected = {name: torch.zeros_like(weight) for name, weight in model.layers[0].named_parameters()}
    sides = []
    for flow in feed.inputs.values():
        twin = torch.nn.GRU(4, 5, bidirectional=True, dtype=torch.float64)
        twin.load_state_dict(model.layers[0].state_dict())
        out, _ = twin(flow)
        sides.append((twin, (out[..., :5] + out[..., 5:]).max(0).values))
    by_hand = torch.nn.functional.linear(torch.cat([side for _, side in sides], 1), model.layers[2].weight.detach())
    torch.testing.assert_close(output, by_hand + model.layers[2].bias)
    by_hand.sum().backward()
    for twin, _ in sides:
        for name, weight in twin.named_parameters():
            assert weight.grad is not None
            expected[name] += weight.grad
    for name, weight in model.layers[0].named_parameters():
        torch.testing.assert_close(weight.grad, expected[name])
