"""What is derived of published and of random cells, held to torch, which runs them as they are written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from any_cell import equations
from hypothesis import given, settings
from library_runs import AS_WIDE
from test_training import kept, on_cpu, saved_bytes, trained
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from worlds import document, spec_of

import rnninspect
from rnninspect.cells import evaluate
from rnninspect.cells.language import parse
from rnninspect.document.chain import Spec
from rnninspect.layers.defined import DefinedLayer
from rnninspect.plan import plan
from rnninspect.runtime.initial import blocks
from rnninspect.runtime.modules import freeze_fixed, make_feed, ready, run
from rnninspect.runtime.plain import PlainRNN
from rnninspect.runtime.recurrence import Level, data_of

CPU = torch.device("cpu")
FILES = (Path(rnninspect.__file__).parent / "cells" / "library").glob("*.yaml")
NAMES = sorted(path.stem for path in FILES)
# Those with a state that is as wide as the input.
UNSTACKED = {"TGRU", "TLSTM", "RWKV4"}
# One for each rule of the language, and those that hand on what nobody reads after the last step.
CHOSEN = ["LEM", "HyperRNN", "IntersectionRNN", "MGU", "PeepholeLSTM", "LMU", "RHN", "ESN", "AntisymmetricRNN", "TGRU"]


class Products(TorchDispatchMode):
    """Counts the multiply-accumulates of matrix products; one that it does not know fails the test."""

    macs = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in ("mm", "addmm"):
            (rows, inner), (_, columns) = (tensor.shape for tensor in args[-2:])
            self.macs += rows * inner * columns
        assert name in ("mm", "addmm") or not any(part in name for part in ("mm", "mv", "dot", "matmul", "einsum"))
        return func(*args, **(kwargs or {}))


def macs_of(spec: Spec, *, input_grad: bool) -> tuple[int, int]:
    """What torch multiplies forward and backward, every cell of equations being run as it is written."""
    with ready(spec, plan(spec), CPU, 0) as model:
        feed = make_feed(spec, CPU)
        flow, states = feed.input, feed.states
        leaves = [data_of(flow), *(state for given in states for state in given)]
        for leaf in leaves:
            leaf.requires_grad_(input_grad)
        with Products() as forward:
            for link, built, given in zip(spec.links, model.layers, states, strict=True):
                module = built
                if isinstance(link.layer, DefinedLayer):
                    module = PlainRNN(link.layer, dtype=torch.float64).requires_grad_(link.layer.trainable)
                    freeze_fixed(link.layer, module)
                flow = run(link.layer, link, module, flow, given).handed_on
        output = data_of(flow)
    with Products() as backward:
        if output.requires_grad:
            output.sum().backward()
    return forward.macs, backward.macs


def stacked(name: str) -> str:
    if name in UNSTACKED:
        return ", bidirectional: true"
    return ", num_layers: 2" if name in AS_WIDE else ", num_layers: 2, bidirectional: true"


# Where a layer stands, whether it trains, whether the input has a gradient: every two of them together, or all three.
PAIRS = ((True, True, True), (True, False, False), (False, True, False), (False, False, True))
TRIPLES = tuple(product((True, False), repeat=3))


def check_macs(layer: str, width: int, more: str = "", ways: Sequence[tuple[bool, bool, bool]] = PAIRS) -> None:
    """Of a layer that is first and of one after a Linear, trained and frozen, with the input's gradient and without."""
    for first, trains, input_grad in ways:
        linear = [f"type: Linear, in_features: 2, out_features: {width}"] * (not first)
        size = f", input_size: {width}" * first
        text = document(*linear, f"{layer}{size}, trainable: {str(trains).lower()}", steps=4, more=more)
        spec = spec_of(text)
        planned = plan(spec, input_grad=input_grad)
        assert planned.backward is not None
        assert (planned.macs, planned.backward.macs) == macs_of(spec, input_grad=input_grad), text


def check_library(name: str, options: str, more: str, ways: Sequence[tuple[bool, bool, bool]] = PAIRS) -> None:
    check_macs(f"type: {name}, hidden_size: 5{options}", 5 if name in AS_WIDE else 3, more, ways)


@pytest.mark.parametrize("name", CHOSEN)
def test_macs_are_torchs(name: str) -> None:
    check_library(name, stacked(name), ", lengths: [3, 4, 2], state: random")


def test_a_learned_first_state_is_no_input() -> None:
    text = "c = sigmoid(W_c @ c + W_ic @ x) * c\\nh = tanh(W_ih @ x + W_hh @ h + W_ch @ c)"
    check_macs(
        f'type: Cell, equations: "{text}", output: h, initial: {{h: learned, c: 0.5}}, hidden_size: 5', 3, ways=TRIPLES
    )


@pytest.mark.more
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("more", ["", ", lengths: [3, 4, 2], state: random"], ids=["padded", "packed"])
def test_macs_of_every_published_cell_are_torchs(name: str, more: str) -> None:
    for options in ("", stacked(name)):
        check_library(name, options, more, TRIPLES)


@settings(max_examples=3)
@given(equations())
def test_macs_of_random_cells_are_torchs(text: str) -> None:
    """Their output reads x: nothing goes back through one that does not."""
    output = parse(text).output
    lines = f"{text}\n{output} = {output} + W_x_out @ x".replace("\n", "\\n")
    check_macs(f'type: Cell, equations: "{lines}", hidden_size: 5, num_layers: 2, bidirectional: true', 3)


def check_kept(name: str) -> None:
    """As `test_training` holds torch's kinds: of a layer after a Linear, trained and frozen, alone and stacked."""
    width = 50 if name in AS_WIDE else 30
    linear = f"type: Linear, in_features: 7, out_features: {width}"
    for options, trains in product(("", stacked(name)), (True, False)):
        layers = linear, f"type: {name}, hidden_size: 50{options}"
        spec = spec_of(trained(*layers, flags=(True, trains), given="batch_size: 8, seq_len: 24"))
        saved, by_equations, said = saved_bytes(spec), kept(plan(spec)), kept(on_cpu(spec))
        assert by_equations <= min(saved, said), spec
        assert 0.94 * saved <= said <= 1.06 * saved, (options, trains, said / saved)


@pytest.mark.parametrize("name", ["SGU", "ESN", "RGLRU", "MiRU2"])
def test_autograd_keeps_what_is_said(name: str) -> None:
    check_kept(name)


@pytest.mark.more
@pytest.mark.parametrize("name", NAMES)
def test_autograd_keeps_what_is_said_of_every_published_cell(name: str) -> None:
    check_kept(name)


class Watched:
    """A matrix that notes what it multiplies."""

    def __init__(self, values: Tensor, operands: list[Tensor]) -> None:
        self.values, self.operands = values, operands

    @property
    def T(self) -> Watched:  # noqa: N802
        return Watched(self.values.T, self.operands)

    def __matmul__(self, operand: Tensor) -> Tensor:
        self.operands.append(operand)
        return self.values @ operand


def operands_of(module: PlainRNN, x: Tensor, states: dict[str, Tensor]) -> dict[str, list[Tensor]]:
    """What every matrix of a cell multiplies in one step."""
    operands: dict[str, list[Tensor]] = {}
    given: dict[str, Any] = {"x": x, **states}
    for name, block in module.blocks(Level(0, 0, "_l0")).items():
        values = block.values.detach()
        given[name] = Watched(values, operands.setdefault(name, [])) if values.dim() == 2 else values.unsqueeze(1)
    evaluate.step(module.layer.cell, given, module.functions)
    return {name: found for name, found in operands.items() if found}


@pytest.mark.parametrize("name", NAMES)
def test_recurrent_are_the_matrices_whose_operand_a_change_of_the_states_changes(name: str) -> None:
    width = 5 if name in AS_WIDE else 3
    (link,) = spec_of(document(f"type: {name}, input_size: {width}, hidden_size: 5")).links
    module = PlainRNN(link.layer, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    widths = [width, *(fact.shape[-1] for fact in link.layer.inputs(link.signal, "float64")[1:])]
    # why above 0: of what is never below, no max or relu hides a change.
    x, *values = (torch.rand(size, 1, generator=generator, dtype=torch.float64) + 0.5 for size in widths)
    states = dict(zip(link.layer.cell.states, values, strict=True))
    before = operands_of(module, x, states)
    after = operands_of(module, x, {state: values * 1.01 for state, values in states.items()})
    changed = {
        matrix
        for matrix, found in before.items()
        if any(not torch.equal(*pair) for pair in zip(found, after[matrix], strict=True))
    }
    weights = [weight for weight in link.layer.weights("float64") if weight.recurrent and len(weight.shape) == 2]
    assert {
        block for weight in weights for block in ([gate.name for gate in weight.gates] or [weight.symbol])
    } == changed


@pytest.mark.parametrize("name", NAMES)
def test_first_values_fill_their_law_and_no_more(name: str) -> None:
    """A bound, to where all but e^-20 of draws of so many numbers come, on both sides; a constant, everywhere."""
    width = 64 if name in AS_WIDE else 7
    spec = spec_of(document(f"type: {name}, input_size: {width}, hidden_size: 64"))
    with ready(spec, plan(spec), CPU, 0) as model:
        for weight in spec.links[0].layer.weights("float64"):
            for init, values in blocks(weight, model.layers[0].get_parameter(weight.name).detach()):
                if init.bound is not None:
                    near = init.bound * (1 - 40 / values.numel())
                    assert near < values.max() <= init.bound, weight
                    assert -init.bound <= values.min() < -near, weight
                elif init.constant is not None:
                    assert bool((values == init.constant).all()), weight
                else:
                    assert init.law == "eye"
                    assert torch.equal(values, torch.eye(*values.shape, dtype=values.dtype))
