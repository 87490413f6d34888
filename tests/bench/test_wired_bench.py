"""Timing models with wires: the bound along the chain that takes longest, and what goes in, comes out and is ours."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from wired_models import MODELS
from worlds import spec_of, text_of

from rnninspect.bench.bound import ChipMemory, bound
from rnninspect.bench.clock import Clock
from rnninspect.bench.kernels import compiled_graphs
from rnninspect.bench.phases import EACH, Empty, Phase, Subject, subjects, tokens_of
from rnninspect.bench.records import Bound, Peaks
from rnninspect.document.chain import Spec
from rnninspect.plan import owned_weights, plan_layers
from rnninspect.runtime.modules import build

CPU = torch.device("cpu")
# What is computed takes no time, a step takes a second.
STEPS = Peaks(
    flops=1e30, bandwidth=1e30, step_seconds={"LSTM": 1.0, "GRU": 1.0, "RNN": 1.0, "GRUCell": 1.0}, calibrated=True
)
NO_STEPS = Peaks(flops=1.0, bandwidth=1e30, step_seconds={}, calibrated=True)
MEMORY = ChipMemory(None, cold=True)


def wired(name: str, *settings: str) -> Spec:
    head, layers = MODELS[name]
    return spec_of(text_of(*layers, head=head), *settings)


def bound_of(spec: Spec, peaks: Peaks, phase: str = "forward") -> Bound:
    weights = owned_weights(spec.links, spec.dtype)
    layers = plan_layers(spec.links, weights, spec.dtype, input_grad=False, inputs=spec.inputs)
    found = bound(spec.links, layers, phase, peaks, dtype=spec.dtype, memory=MEMORY)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("seq2seq", 7 + 5),  # the decoder reads the encoder, and starts from its states
        ("towers", 7),  # beside each other: the longer
        ("states", 7 + 5 + 5),  # enc, then dec and other beside each other, then the cell
        ("residual", 7 + 7),
        ("heads", 7 + 7 + 7),  # trunk, last, and step which adds what last hands on
    ],
)
def test_steps_add_up_along_the_longest_chain(name: str, steps: int) -> None:
    spec = wired(name)
    assert bound_of(spec, STEPS).latency == pytest.approx(steps)
    assert bound_of(spec, STEPS).seconds == pytest.approx(steps)
    assert bound_of(spec, STEPS, "step").seconds == pytest.approx(2 * steps)


def test_layers_beside_each_other_share_what_the_device_can_compute() -> None:
    spec = wired("towers")
    found = bound_of(spec, NO_STEPS)
    macs = [
        layer.forward.macs
        for layer in plan_layers(spec.links, owned_weights(spec.links, "float32"), "float32", input_grad=False)
    ]
    assert found.compute == found.seconds == 2 * sum(macs)


def test_a_shared_weight_moves_once() -> None:
    shared = wired("towers")
    apart = replace(shared, links=tuple(replace(link, wires=link.wires._replace(same_as="")) for link in shared.links))
    peaks = Peaks(flops=1e30, bandwidth=1.0, step_seconds={}, calibrated=True)
    weights = sum(weight.nbytes for weight in shared.links[0].layer.weights("float32"))
    for phase, times in (("forward", 1), ("backward", 2)):
        assert bound_of(apart, peaks, phase).traffic - bound_of(shared, peaks, phase).traffic == times * weights


def parts(name: str, *, each_layer: bool = False, input_grad: bool = False) -> list[Subject]:
    spec = wired(name)
    return subjects(spec, build(spec, "cpu"), CPU, each_layer=each_layer, input_grad=input_grad)


def test_tokens_are_those_of_all_inputs() -> None:
    (whole,) = parts("seq2seq")
    assert tokens_of(whole) == (3 * 7 + 3 * 5, 3, None)
    (whole,) = parts("seq2seq, packed source")
    assert tokens_of(whole) == (2 + 7 + 4 + 3 * 5, 3, None)
    (whole,) = parts("residual")
    assert tokens_of(whole) == (21, 3, 7)


def test_each_layer_alone_is_fed_with_what_it_reads_in_the_model() -> None:
    whole, *alone = parts("seq2seq", each_layer=True)
    assert [each.name for each in alone] == ["words", "encoder", "own", "decoder", "head"]
    assert all(each.is_chain and not whole.is_chain for each in alone)
    assert [tokens_of(each)[0] for each in alone] == [21, 21, 15, 15, 15]
    # The last layer alone puts out what the whole model does.
    torch.testing.assert_close(alone[-1].call(0)[0], whole.call(0)[0])


@pytest.mark.parametrize("name", ["seq2seq", "towers", "heads", "states, unbatched", "residual, packed"])
def test_every_phase_runs_and_goes_back_to_all_that_trains(name: str) -> None:
    for subject in parts(name, each_layer=True):
        for phase in (Phase(subject, phase, Clock()) for phase in ("forward", "backward", "step")):
            phase.sample(1)
        trained = {id(parameter) for parameter in subject.parameters}
        assert len(trained) == len(subject.parameters)
        if subject.name is None:
            outputs = subject.call(0)
            assert len(outputs) == (4 if name == "heads" else 1)
            assert all(parameter.grad is not None for parameter in subject.parameters)


def test_what_is_ours_of_a_call_is_measured_of_layers_that_do_nothing() -> None:
    (subject,) = parts("seq2seq")
    for phase in ("forward", *EACH):
        empty = Empty(Phase(subject, phase, Clock())).seconds(20)
        assert 0 < empty < Phase(subject, phase, Clock()).sample(20).seconds / 20


@pytest.mark.more
def test_the_graphs_of_a_wired_model_are_those_of_its_modules() -> None:
    (subject,) = parts("seq2seq")
    graphs = compiled_graphs(lambda compiled: subject._replace(modules=tuple(map(compiled, subject.modules))).call(0))
    # The table before the GRU at the least: once torch.compile has met one, it leaves alone what comes after.
    assert graphs >= 1
