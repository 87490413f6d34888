"""Where gradients go along wires: into what hands its states over, or one vector; against torch's own autograd."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence
from wired_models import MODELS
from worlds import spec_of, text_of

from rnninspect.document.chain import Spec
from rnninspect.plan import plan
from rnninspect.results.gradflow import dependence, gradflow_blocks, gradflow_document
from rnninspect.results.table import Table
from rnninspect.runtime.modules import make_feed, ready, run
from rnninspect.runtime.recurrence import Flow, data_of, with_data
from rnninspect.runtime.wiring import Flows
from rnninspect.study.gradflow import Gradflow, aim_at, gradients_by_lag, probes
from rnninspect.study.reached import Steps, inputs_of, reached
from rnninspect.study.recorded_run import run_links, twins_of

CPU = torch.device("cpu")


def wired(name: str) -> Spec:
    head, layers = MODELS[name]
    return spec_of(text_of(*layers, head=f"dtype: float64\n{head}"))


def by_steps(gradient: Tensor, flow: Flow) -> tuple[Tensor, Tensor]:
    """The norms of a gradient, (L, N), and how long each sequence is."""
    if isinstance(flow, PackedSequence):
        padded, lengths = pad_packed_sequence(with_data(flow, gradient))
        return padded.norm(dim=-1), lengths
    norms = gradient.norm(dim=-1)
    norms = norms if norms.dim() == 2 else norms.unsqueeze(1)
    return norms, torch.full((norms.shape[1],), len(norms))


def torchs(spec: Spec, aimed: str) -> dict[str, list[float]]:
    """By layer the gradient of what torch feeds it with, by the lag from the last step of each sequence.

    The loss reads the output of the last layer that is looked at, with the v that `gradflow` draws.
    """
    names = [link.layer.name for link in spec.links]
    links = spec.links[: names.index(aimed) + 1]
    feds: dict[str, Flow] = {}
    with ready(spec, plan(spec), CPU, 0) as model:
        feed = make_feed(spec, CPU)
        inputs = {
            name: with_data(flow, data_of(flow).requires_grad_(data_of(flow).is_floating_point()))
            for name, flow in feed.inputs.items()
        }
        flows = Flows(spec.links, inputs, spec.returns)
        for link, module, own in zip(links, model.layers, feed.states, strict=False):
            fed, states = flows.given(link, own)
            data = data_of(fed)
            # why not the input itself: two layers may read it.
            fed = with_data(fed, data * 1) if data.is_floating_point() else fed
            feds[link.layer.name] = fed
            ran = run(link.layer, link, module, fed, states)
            flows.put(link, fed, ran.handed_on, ran.states)
        recorded = run_links(links, twins_of(links, model), feed)[-1]
        batch = links[-1].signal.batch
        v = probes(recorded, aim_at(batch, "last", None).reads, 0)
    output, order = ran.output, None
    if isinstance(output, PackedSequence):
        order = output.sorted_indices
        output, _ = pad_packed_sequence(output)
    output = output if output.dim() == 3 else output.unsqueeze(1)
    output = output if order is None else output[:, order]
    loss = torch.stack([(output[t, : vectors.shape[1]].T * vectors).sum() for (_, t), vectors in v.items()]).sum()
    followed = {name: fed for name, fed in feds.items() if data_of(fed).is_floating_point()}
    gradients = torch.autograd.grad(loss, [data_of(fed) for fed in followed.values()], allow_unused=True)
    curves = {}
    for (name, fed), gradient in zip(followed.items(), gradients, strict=True):
        if gradient is not None:
            norms, lengths = by_steps(gradient, fed)
            lags = [
                [float(norms[n - 1 - lag, k]) for k, n in enumerate(lengths) if lag < n] for lag in range(len(norms))
            ]
            curves[name] = [math.sqrt(sum(x * x for x in lag) / len(lag)) for lag in lags]
    return curves


def check(found: Gradflow, spec: Spec) -> None:
    expected = torchs(spec, found.layer)
    of_inputs = {curve.layer: curve for curve in found.curves if curve.of == "x"}
    assert of_inputs
    for name, curve in of_inputs.items():
        assert curve.norms == pytest.approx(expected[name], rel=1e-9, abs=1e-15), name


@pytest.mark.parametrize(
    ("name", "layer", "own"),
    [
        ("seq2seq", "decoder", {"encoder"}),
        ("seq2seq, packed source", "decoder", {"encoder"}),
        ("seq2seq, unbatched", "decoder", {"encoder"}),
        ("residual", "b", set()),
        ("residual, packed", "b", set()),
        ("states", "dec", {"enc"}),
        ("states", "cell", {"enc", "other"}),
    ],
)
def test_the_gradient_goes_on_into_what_hands_its_states_over(name: str, layer: str, own: set[str]) -> None:
    spec = wired(name)
    found = gradients_by_lag(spec, CPU, layer=layer)
    check(found, spec)
    assert {curve.layer for curve in found.curves if curve.own_lag} == own


def test_a_state_that_was_handed_over_has_lag_0_in_both_directions() -> None:
    """Of the encoder's two directions the last states: of the forward one at the last step, of the reverse at t = 0."""
    found = gradients_by_lag(wired("states"), CPU, layer="dec")
    ends = {(c.direction, c.of): c for c in found.curves if c.layer == "enc" and c.of != "x"}
    assert {key: (c.side, c.first, len(c.norms)) for key, c in ends.items()} == {
        ("forward", "h"): ("past", 0, 7),
        ("forward", "c"): ("past", 0, 7),
        ("reverse", "h"): ("future", 0, 7),
        ("reverse", "c"): ("future", 0, 7),
    }
    assert all(c.norms[0] == max(c.norms) > 0 for key, c in ends.items() if key[1] == "c")


def test_what_a_layer_does_not_depend_on_has_no_curve_and_no_weight() -> None:
    found = gradients_by_lag(wired("states"), CPU, layer="other")
    assert {curve.layer for curve in found.curves} == {"enc", "other"}
    assert {weight.layer for weight in found.weights} == {"enc", "other"}
    assert {"trunk", "step"} == {c.layer for c in gradients_by_lag(wired("heads"), CPU, layer="step").curves}
    (table, *_) = gradflow_blocks([found])
    assert isinstance(table, Table)
    left_out = "other does not depend on dec: --layer dec is about that one."
    assert left_out in table.notes
    (of_all, *_) = gradflow_blocks([gradients_by_lag(wired("seq2seq"), CPU)])
    assert isinstance(of_all, Table)
    assert not any("does not depend" in note for note in of_all.notes)


def test_whose_steps_a_lag_is_counted_in() -> None:
    spec = wired("heads")
    assert reached(spec.links[:5]) == {"trunk": Steps.SAME, "last": Steps.OWN, "step": Steps.SAME}
    layers = (
        "name: first, type: GRU, input_size: 2, hidden_size: 3",
        "name: pool, type: MaxPool1d, kernel_size: 2",
        "name: second, type: GRU, hidden_size: 3",
        "name: third, type: GRU, from: first, hidden_size: 3, state_from: second",
    )
    links = spec_of(text_of(*layers)).links
    assert reached(links[:3]) == {"first": Steps.OTHER, "pool": Steps.SAME, "second": Steps.SAME}
    # The first is read step by step too, and so its lags are those of the third.
    assert reached(links) == {"first": Steps.SAME, "pool": Steps.OWN, "second": Steps.OWN, "third": Steps.SAME}


def test_the_inputs_of_a_layer_are_those_whose_steps_it_reads() -> None:
    links = wired("seq2seq").links
    assert {link.layer.name: inputs_of(link, links) for link in links} == {
        "words": ("src",),
        "encoder": ("src",),
        "own": ("tgt",),
        "decoder": ("tgt",),
        "head": ("tgt",),
    }
    links = wired("residual").links
    assert inputs_of(links[-1], links) == ("input",)


def test_it_says_first_how_it_depends_on_the_first_step_of_each_input() -> None:
    found = gradients_by_lag(wired("seq2seq"), CPU)
    src, tgt = (next(c for c in found.curves if c.of == "x" and c.inputs == (name,)) for name in ("src", "tgt"))
    said, shares = dependence(found), [f"{each.norms[-1] / each.norms[0]:.3g}" for each in (src, tgt)]
    assert said == (
        f"decoder at the last step depends on the first step of src {shares[0]} times as much as on its last, on the "
        f"first step of tgt {shares[1]} times as much as on the step that is read, by the gradient"
    )
    table = gradflow_blocks([found])[0]
    assert isinstance(table, Table)
    assert table.notes[0] == f"{said}."
    assert [row[6] for row in table.rows] == ["x of src", "h", "x of tgt", "h"]
    gradients = gradflow_document([found])["models"][0]["gradients"]  # type: ignore[index]
    assert [(each["inputs"], each.get("own_lag", False)) for each in gradients if each["of"] == "x"] == [
        (("src",), True),
        (("tgt",), False),
    ]


def test_of_one_input_nothing_is_said_but_what_is_read() -> None:
    found = gradients_by_lag(wired("residual"), CPU)
    assert dependence(found) == ""
    assert found.unlike == "add: input"
    table = gradflow_blocks([found])[0]
    assert isinstance(table, Table)
    assert "Read is the output of b as its cell puts it out, before add: input." in table.notes
    assert not any({"inputs", "own_lag"} & each.keys() for each in gradflow_document([found])["models"][0]["gradients"])  # type: ignore[index]


def test_an_input_that_makes_no_difference_is_said_to_make_none() -> None:
    layers = (
        "name: enc, type: GRU, from: src, input_size: 2, hidden_size: 3, feeds: last",
        "name: dec, type: GRU, from: [tgt, enc], hidden_size: 3, state_from: enc",
    )
    head = "dtype: float64\ninput: {batch_size: 3}\ninputs: {src: {seq_len: 7}, tgt: {seq_len: 5, input_size: 2}}"
    found = gradients_by_lag(spec_of(text_of(*layers, head=head)), CPU)
    dead = found._replace(
        curves=tuple(c._replace(norms=(0.0,) * len(c.norms)) if c.layer == "enc" else c for c in found.curves)
    )
    assert "depends not on src, on the first step of tgt" in dependence(dead)
