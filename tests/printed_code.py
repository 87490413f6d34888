"""The module that `explain --code` prints, held against the one that the tool builds."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_packed_sequence

from rnninspect.document.chain import Spec
from rnninspect.layers.recurrent import Recurrent
from rnninspect.plan import plan
from rnninspect.runtime.modules import build, make_feed, run
from rnninspect.runtime.recurrence import Flow
from rnninspect.runtime.wiring import Flows
from rnninspect.study.code import code
from rnninspect.study.code_names import attributes

CPU = torch.device("cpu")


def model_of(spec: Spec) -> nn.Module:
    """The class of the printed text, and one of it, drawn from seed 0."""
    names: dict[str, Any] = {"__name__": "printed"}
    exec(compile(code(spec), "printed", "exec"), names)
    torch.manual_seed(0)
    model = names["Model"]()
    assert isinstance(model, nn.Module)
    return model.eval()


def flat(states: object) -> list[Tensor]:
    return [states] if isinstance(states, Tensor) else list(states)  # type: ignore[call-overload]


def padded(flow: Flow, spec: Spec) -> Tensor:
    if isinstance(flow, Tensor):
        return flow
    return pad_packed_sequence(flow, batch_first=spec.batch.batch_first)[0]


def compare(spec: Spec) -> None:
    """Hold the printed model against the one that the tool builds, both from seed 0 and on one batch."""
    real, printed = build(spec, "cpu", seed=0), model_of(spec)
    names = attributes(spec)
    expected = {
        f"{names[link.layer.name]}.{name}": value
        for link, layer in zip(spec.links, real.layers, strict=True)
        for name, value in layer.named_parameters()
    }
    found = dict(printed.named_parameters(remove_duplicate=False))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].requires_grad == value.requires_grad
        assert torch.equal(found[name], value.to(torch.float32).to(found[name].dtype)) or spec.dtype != "float32", name
    assert sum(p.numel() for p in printed.parameters()) == plan(spec).counts.parameters
    buffers = {
        f"{names[link.layer.name]}.{name}": value
        for link, layer in zip(spec.links, real.layers, strict=True)
        for name, value in layer.named_buffers()
    }
    printed.load_state_dict(expected | buffers)

    feed = make_feed(spec, CPU)
    flows, finals = Flows(spec.links, feed.inputs, spec.returns), {}
    for link, layer, first in zip(spec.links, real.layers, feed.states, strict=True):
        flow, states = flows.given(link, first)
        ran = run(link.layer, link, layer, flow, states)
        flows.put(link, flow, ran.handed_on, ran.states)
        if ran.states:
            finals[names[link.layer.name]] = ran.states
    given: list[object] = [padded(flow, spec) for flow in feed.inputs.values()]
    given += [each.signal.batch.lengths for each in spec.inputs if "T" in each.signal.axes]
    starting = [link for link in spec.links if isinstance(link.layer, Recurrent) and not link.wires.state_from]
    if spec.batch.state == "random" and starting:
        pairs = zip(spec.links, feed.states, strict=True)
        given.append({names[link.layer.name]: s if len(s) > 1 else s[0] for link, s in pairs if s})
    answer = printed(*given)
    output, after = answer if finals else (answer, {})
    outputs = (output,) if len(spec.returns) == 1 else output
    torch.testing.assert_close(outputs, tuple(padded(flow, spec) for flow in flows.returned))
    assert after.keys() == finals.keys()
    for name, expected_states in finals.items():
        torch.testing.assert_close(tuple(flat(after[name])), tuple(expected_states))
