"""Python that runs the layers of a document in order: what stands in `forward`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from rnninspect.document.chain import INPUT, Link, Spec
from rnninspect.layers.families import CellLayer
from rnninspect.layers.pointwise import PointwiseLayer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Signal
from rnninspect.layers.window import WindowLayer
from rnninspect.letters import tuple_text
from rnninspect.study.code_cells import is_written
from rnninspect.study.code_names import Locals
from rnninspect.study.code_steps import Run, loop

_RNN = "nn.utils.rnn"
_TURNED = {
    ("L", "N"): ("permute(1, 2, 0)", "permute(2, 0, 1)"),
    ("N", "L"): ("transpose(1, 2)", "transpose(1, 2)"),
    ("L",): ("T", "T"),
}
_PAD = f"{_RNN}.pad_packed_sequence"
# How two vectors become one.
_MERGED = {"sum": "{} + {}", "mean": "({} + {}) / 2", "mul": "{} * {}"}


def forward(spec: Spec, names: Mapping[str, str], called: Locals, owner: str) -> Iterator[str]:
    """Lines from the inputs to what the model returns. names: of the modules, each after `owner`."""
    first, meta = ", batch_first=True" * spec.batch.batch_first, spec.device == "meta"
    for name, lengths in called.lengths.items():
        x = called.values[name]
        yield f"{x} = {_RNN}.pack_padded_sequence({x}, {lengths}{first}, enforce_sorted=False)"
    sequences = {each.name for each in spec.inputs if each.signal.is_sequence}
    emitted = {}
    givers = {link.layer.name: link.layer for link in spec.links if isinstance(link.layer, Recurrent)}
    for link in spec.links:
        name, wires = link.layer.name, link.wires
        emitted[name] = link.emitted
        source, result, given = called.values[wires.reads[0]], called.values[name], ""
        if len(wires.reads) > 1:
            yield from joined(link, called, sequences)
            source = "x"
        if wires.state_from:
            made, firsts = handed_over(link, givers, called)
            yield from made
            given = pair(firsts)
        elif spec.batch.state == "random" and len(link.layer.inputs(link.signal, spec.dtype)) > 1:
            given = f'states["{names[name]}"]'
        # why another name: what is added to it is still to be read.
        put_out = "y" if wires.add == INPUT and result == source else result
        module, states = owner + names[name], called.states.get(name, ())
        yield from ran(
            Run(link=link, module=module, source=source, result=put_out, states=states, given=given, meta=meta)
        )
        if wires.add and result != "_":
            yield added(link, put_out, source, called)
        sequences |= {name} if emitted[name].is_sequence else set()
    for name in spec.returns:
        x, handed_on = called.values[name], emitted[name].tensor("output", "H_out", spec.dtype)
        if handed_on.unpacked_shape is not None and meta:
            yield f"{x} = {x}.data  # {handed_on.shape_text}: torch unpacks nothing on meta"
        elif handed_on.unpacked_shape is not None:
            yield f"{x}, _ = {_PAD}({x}{first})  # {handed_on.unpacked_shape}"


def ran(run: Run) -> Iterator[str]:
    """What runs a layer."""
    link, module, x, result = run.link, run.module, run.source, run.result
    layer, signal = link.layer, link.signal
    packed = run.packed
    output, *finals = layer.outputs(signal, "float32")
    put_out = f"{result}.data {output.shape_text}" if packed else output.shape_text
    if isinstance(layer, WindowLayer):
        yield from windows(layer, signal, module, x, result, meta=run.meta)
        return
    if not isinstance(layer, Recurrent):
        if packed:
            called = f"{x}._replace(data={module}({x}.data))"
        elif isinstance(layer, PointwiseLayer) and layer.takes_rows:
            # why: torch takes axis 1 for the features.
            called = f"{module}({x}.reshape(-1, {signal.width})).reshape({x}.shape)"
        else:
            called = f"{module}({x})"
        yield f"{result} = {called}  # {put_out}"
        return
    unread = layer.feeds == "last" or result == "_"
    shapes = [put_out] * (not unread) + [tensor.shape_text for tensor in finals]
    if is_written(layer) or not isinstance(layer, CellLayer):
        call = f"{module}({', '.join(filter(None, [x, run.given]))})"
        yield f"{'_' if unread else result}, {pair(run.states)} = {call}  # {', '.join(shapes)}"
    else:
        yield from loop(run)
        names = [""] * (not unread) + [f"{tensor.name} " for tensor in finals]
        yield f"# {', '.join(map(str.__add__, names, shapes))}"
    if result != "_" and (layer.feeds == "last" or layer.works_on):
        last = run.states[layer.output_state] if layer.feeds == "last" else ""
        yield from feeding(layer, signal, result, last, meta=run.meta)


def pair(names: Sequence[str]) -> str:
    """Names as torch hands states out: one by itself, two as a tuple."""
    return f"({', '.join(names)})" if len(names) > 1 else "".join(names)


def windows(layer: WindowLayer, signal: Signal, name: str, source: str, result: str, *, meta: bool) -> Iterator[str]:
    """Lines that run a convolution or a pool, `name`, on `source`, and call what it puts out `result`.

    Torch has the steps last there, and takes no packed batch.

    meta: it is run where tensors have no values.
    """
    after = layer.emits(signal)
    shape = after.tensor("output", "H_out", "float32").shape_text
    if "T" not in signal.axes:
        yield f"{result} = {_turned(name, source, signal.axes)}  # {shape}"
        return
    if meta:
        steps = (after.batch.letters["L"], after.batch.letters["N"], after.features)
        made = f"{source}.data.new_empty({tuple_text(steps)}), {list(after.batch.lengths or ())}"
        yield "# torch unpacks nothing on meta"
        yield f"{result} = {_RNN}.pack_padded_sequence({made}, enforce_sorted=False)  # {result}.data {shape}"
        return
    if layer.by_sequence:
        yield f"parts = [{_turned(name, 'part', ('L',))} for part in {_RNN}.unpack_sequence({source})]"
        yield f"{result} = {_RNN}.pack_sequence(parts, enforce_sorted=False)  # {result}.data {shape}"
        return
    fill = f", padding_value={layer.pads_with}".replace("inf", "torch.inf") if layer.pads_with else ""
    yield f"{result}, lengths = {_PAD}({source}, batch_first=True{fill})"
    yield f"{result} = {_turned(name, result, ('N', 'L'))}"
    if not layer.window.keeps_length:
        yield f"lengths = ({layer.window.free('lengths')}) // {layer.window.stride} + 1"
    packed = f"{_RNN}.pack_padded_sequence({result}, lengths, batch_first=True, enforce_sorted=False)"
    yield f"# what lies beyond a sequence's end is cut off: {result}.data {shape}"
    yield f"{result} = {packed}"


def _turned(name: str, data: str, axes: tuple[str, ...]) -> str:
    there, back = _TURNED[axes]
    return f"{name}({data}.{there}).{back}"


def joined(link: Link, called: Locals, sequences: Collection[str]) -> Iterator[str]:
    """Lines that put side by side, as `x`, what a layer reads of several. sequences: those that have time steps."""
    axes, reads = link.signal.axes, link.wires.reads
    values = [called.values[name] for name in reads]
    lead = next((called.values[name] for name in reads if name in sequences), "")
    vectors = [called.values[name] for name in reads if lead and name not in sequences]
    shape = link.signal.tensor("x", "H_in", "float32").shape_text
    for vector in vectors:
        yield from _at_every_step(vector, lead, axes)
    data = ".data" * ("T" in axes)
    parts = ", ".join(f"{value}_steps" if value in vectors else f"{value}{data}" for value in values)
    if not data:
        yield f"x = torch.cat([{parts}], dim=-1)  # {shape}"
        return
    yield f"y = torch.cat([{parts}], dim=-1)"
    yield f"x = {lead}._replace(data=y)  # x.data {shape}"


def _at_every_step(vector: str, lead: str, axes: tuple[str, ...]) -> Iterator[str]:
    """Lines that give a vector of each sequence to every step of `lead`."""
    steps = f"{vector}_steps"
    if "T" in axes:
        yield f"{steps} = {vector}[{lead}.sorted_indices]"
        yield f"{steps} = torch.cat([{steps}[:n] for n in {lead}.batch_sizes])"
    elif axes == ("N", "L"):
        yield f"{steps} = {vector}[:, None].expand(-1, {lead}.shape[1], -1)"
    else:
        yield f"{steps} = {vector}.expand(len({lead}), {', '.join(['-1'] * len(axes))})"


def added(link: Link, put_out: str, source: str, called: Locals) -> str:
    """The line that adds to what a layer puts out. source: what it was fed with."""
    other = source if link.wires.add == INPUT else called.values[link.wires.add]
    result = called.values[link.layer.name]
    if "T" in link.emitted.axes:
        return f"{result} = {put_out}._replace(data={put_out}.data + {other}.data)"
    return f"{result} = {put_out} + {other}"


def handed_over(link: Link, givers: Mapping[str, Recurrent], called: Locals) -> tuple[list[str], list[str]]:
    """Lines that make a layer's first states of another's last ones, and what those are called."""
    taker, giver = link.layer, givers[link.wires.state_from]
    assert isinstance(taker, Recurrent)
    last = dict(zip(giver.cell.states, called.states[giver.name], strict=True))
    lines, firsts = [], []
    shapes = {fact.name: fact.shape_text for fact in taker.states("0", link.signal, "float32")}
    for state, first in zip(taker.cell.states, called.firsts[taker.name], strict=True):
        if state not in taker.given_states:
            continue
        made = _made_of(last[state], link.wires.directions, bool(giver.stack_axes), bool(taker.stack_axes))
        if made != last[state]:
            lines.append(f"{first} = {made}  # {shapes[f'{state}_0']}")
        firsts.append(first if made != last[state] else made)
    return lines, firsts


def _made_of(last: str, directions: str, of_stack: bool, for_stack: bool) -> str:
    """A last state as a first one: (num_layers*D, N, H), forward and reverse in turns; a cell's is (N, H)."""
    ways = f"{last}[0::2]", f"{last}[1::2]"
    made = {"concat": f"torch.cat([{', '.join(ways)}], dim=-1)", "sum": " + ".join(ways)}.get(directions, last)
    if of_stack and not for_stack:
        return f"({made})[0]" if directions == "sum" else f"{made}[0]"
    return f"{made}[None]" if for_stack and not of_stack else made


def feeding(layer: Recurrent, signal: Signal, result: str, last: str, *, meta: bool) -> Iterator[str]:
    """Lines that turn `result`, which is the layer's output, into what the next layer is fed with, and its shape.

    last: what the last states are called that the layer puts out. meta: it is run where tensors have no values.
    """
    handed_on = layer.emits(signal).tensor("x", "H_in", "float32")
    packed = "T" in signal.axes
    if layer.feeds == "last":
        lines = [f"{result} = {_last(layer, last)}"]
    elif layer.feeds == "output":
        lines = [_merged_output(layer, result, packed=packed)]
    elif packed and meta:
        lines = [f"{result} = {result}.data.new_empty{handed_on.shape_text}"]
    elif layer.feeds == "step":
        lines = list(_last_step(layer, signal, result))
    else:
        merged = [] if layer.merging == "concat" else [_merged_output(layer, result, packed=packed)]
        lines = [*merged, *(_pooled_packed(layer, result) if packed else [_pooled(layer, signal, result)])]
    yield from lines[:-1]
    whose = f"{result}.data " * (packed and layer.feeds == "output")
    unpacked = ": torch unpacks nothing on meta" * (packed and meta and layer.feeds not in ("output", "last"))
    yield f"{lines[-1]}  # {whose}{handed_on.shape_text}{unpacked}"


def _last(layer: Recurrent, states: str) -> str:
    if not layer.stack_axes:
        return states
    if layer.directions == 1:
        return f"{states}[-1]"
    forward, reverse = f"{states}[-2]", f"{states}[-1]"
    if layer.merging == "concat":
        return f"torch.cat([{forward}, {reverse}], dim=-1)"
    return _MERGED[layer.merging].format(forward, reverse)


def _halves(layer: Recurrent, data: str) -> str:
    """Both directions of `data`, merged."""
    return _MERGED[layer.merging].format(f"{data}[..., :{layer.h_out}]", f"{data}[..., {layer.h_out}:]")


def _merged_output(layer: Recurrent, result: str, *, packed: bool) -> str:
    if packed:
        return f"{result} = {result}._replace(data={_halves(layer, f'{result}.data')})"
    return f"{result} = {_halves(layer, result)}"


def _last_step(layer: Recurrent, signal: Signal, result: str) -> Iterator[str]:
    if "T" in signal.axes:
        yield f"{result}, lengths = {_PAD}({result})"
        yield f"{result} = {result}[lengths - 1, torch.arange(len(lengths))]"
    else:
        yield f"{result} = {result}[{':, ' * signal.axes.index('L')}-1]"
    if layer.merging != "concat":
        yield f"{result} = {_halves(layer, result)}"


def _pooled(layer: Recurrent, signal: Signal, result: str) -> str:
    pooled = f"{result}.{layer.feeds}(dim={signal.axes.index('L')})"
    return f"{result} = {pooled}{'.values' * (layer.feeds == 'max')}"


def _pooled_packed(layer: Recurrent, result: str) -> Iterator[str]:
    if layer.feeds == "max":
        yield f"{result}, _ = {_PAD}({result}, padding_value=-torch.inf)"
        yield f"{result} = {result}.max(dim=0).values"
    else:
        yield f"{result}, lengths = {_PAD}({result})"
        yield f"{result} = {result}.sum(dim=0) / lengths[:, None].to({result})"
