"""A document with wires against a plain torch module: weights copied, every sequence of a batch by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
import yaml
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from rnninspect.document.chain import Spec
from rnninspect.runtime.modules import BuiltModel, build, make_feed
from rnninspect.runtime.recurrence import Flow, data_of, with_data

# How a batch is laid out: its sequences, whether N stands first, whether it is packed.
PLACES: dict[str, tuple[int | None, bool, bool]] = {
    "batched": (4, False, False),
    "batch first": (4, True, False),
    "unbatched": (None, False, False),
    "packed": (4, False, True),
    "packed, batch first": (4, True, True),
}


class Model(NamedTuple):
    """A document, and the same by hand.

    text: the document. twin: the class of the module. sizes, least: its sizes as the document has them, and as `small`
    has. published: the parameters that its authors print, where they do. most: steps that are run. small: what `--set`
    takes, word by word, to make it small, with sizes that differ.
    """

    text: str
    twin: type[nn.Module]
    sizes: tuple[Any, ...]
    least: tuple[Any, ...]
    published: int | None = None
    most: int = 12
    small: str = ""


def laid_out(model: Model, place: str) -> dict[str, Any]:
    """The document with its batch as `place` says, in float64; sequences of packed inputs differ in length."""
    size, first, packed = PLACES[place]
    data: dict[str, Any] = yaml.safe_load(model.text) | {"dtype": "float64"}
    inputs = data.get("inputs", {"input": data["input"]})
    for number, given in enumerate(inputs.values()):
        steps = min(max(given.pop("lengths", None) or [given["seq_len"] or 0]), model.most)
        if not steps:
            continue
        given["seq_len"] = steps
        if packed:
            lengths = [steps - 1, steps, steps - 3, steps]
            given["lengths"] = lengths[number:] + lengths[:number]
    data["input"] = {**data["input"], "batch_size": size, "state": "zeros"}
    for item in data["layers"]:
        for layer in item.get("layers", [item]):
            if layer.get("type") in ("RNN", "LSTM", "GRU"):
                layer["batch_first"] = first
    return data


def apart(flow: Flow, axes: Sequence[str]) -> list[Tensor]:
    """Every sequence of a batch by itself, (L, H), or every vector, (H,)."""
    if isinstance(flow, PackedSequence):
        padded, lengths = pad_packed_sequence(flow)
        return [padded[:length, k] for k, length in enumerate(lengths.tolist())]
    return list(flow.unbind(axes.index("N"))) if "N" in axes else [flow]


def with_weights_of(model: BuiltModel, twin: nn.Module) -> Iterator[tuple[nn.Parameter, nn.Parameter]]:
    """Copy every weight and buffer of the document's layers, and give each parameter of the two beside its other."""
    copied = set()
    for link, module in zip(model.links, model.layers, strict=True):
        if module.state_dict() and not link.wires.same_as:
            name = link.layer.name
            # why: the copies of a repeated layer are a list of the module's.
            name = name if hasattr(twin, name) else re.sub(r"_(\d+)$", r".\1", name)
            theirs = twin.get_submodule(name)
            theirs.load_state_dict(module.state_dict())
            yield from zip(module.parameters(), theirs.parameters(), strict=True)
            copied |= {f"{name}.{key}" for key in theirs.state_dict()}
    assert copied == set(twin.state_dict())


def hold(spec: Spec, twin: nn.Module) -> None:
    """Outputs to 1e-6 and gradients, of weights and inputs, against the module, which is given sequence by sequence."""
    model = build(spec, "cpu", seed=5)
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    twin = twin.double().eval()
    pairs = [pair for pair in with_weights_of(model, twin) if pair[0].requires_grad]
    flows = list(make_feed(spec, torch.device("cpu")).inputs.values())
    numbers = [data_of(flow).requires_grad_() for flow in flows if data_of(flow).is_floating_point()]
    # why anew: what is packed is cut out of the data that the gradient is of.
    flows = [with_data(flow, data_of(flow)) for flow in flows]
    returned = model(*flows)
    axes = {link.layer.name: link.emitted.axes for link in spec.links}
    given = [apart(flow, each.signal.axes) for flow, each in zip(flows, spec.inputs, strict=True)]
    theirs = list(zip(*(twin(*sequence) for sequence in zip(*given, strict=True)), strict=True))
    ours = [
        apart(flow, axes[name])
        for name, flow in zip(spec.returns, returned if len(spec.returns) > 1 else [returned], strict=True)
    ]
    assert [len(each) for each in ours] == [len(each) for each in theirs]
    sums = [torch.zeros((), dtype=torch.float64) for _ in range(2)]
    for mine, other in zip((x for each in ours for x in each), (x for each in theirs for x in each), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-6, atol=1e-9)
        upstream = torch.randn_like(mine)
        sums = [sums[0] + (mine * upstream).sum(), sums[1] + (other * upstream).sum()]
    leaves = [([pair[k] for pair in pairs] + numbers) for k in range(2)]
    found = [torch.autograd.grad(total, leaf) for total, leaf in zip(sums, leaves, strict=True)]
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-6, atol=1e-9)


def counted(twin: type[nn.Module], sizes: Sequence[Any]) -> int:
    """The parameters of a module by hand, each counted once, without memory for any."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in twin(*sizes).parameters())
