"""Python that runs the layers of a document in order: what stands in `forward`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rnninspect.document.chain import INPUT, Spec
from rnninspect.layers.families import CellLayer
from rnninspect.layers.pointwise import PointwiseLayer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.window import WindowLayer
from rnninspect.study.code_cells import is_written
from rnninspect.study.code_feeding import feeding
from rnninspect.study.code_names import Locals
from rnninspect.study.code_steps import Run, loop
from rnninspect.study.code_windows import windows
from rnninspect.study.code_wires import added, handed_over, joined


def forward(spec: Spec, names: Mapping[str, str], called: Locals, owner: str) -> Iterator[str]:
    """Lines from the inputs to what the model returns. names: of the modules, each after `owner`."""
    first, meta = ", batch_first=True" * spec.batch.batch_first, spec.device == "meta"
    for name, lengths in called.lengths.items():
        x = called.values[name]
        yield f"{x} = nn.utils.rnn.pack_padded_sequence({x}, {lengths}{first}, enforce_sorted=False)"
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
        yield from ran(
            Run(
                link=link,
                module=owner + names[name],
                source=source,
                result=put_out,
                states=called.states.get(name, ()),
                given=given,
                meta=meta,
            )
        )
        if wires.add and result != "_":
            yield added(link, put_out, source, called)
        sequences |= {name} if emitted[name].is_sequence else set()
    for name in spec.returns:
        x, handed_on = called.values[name], emitted[name].tensor("output", "H_out", spec.dtype)
        if handed_on.unpacked_shape is not None and meta:
            yield f"{x} = {x}.data  # {handed_on.shape_text}: torch unpacks nothing on meta"
        elif handed_on.unpacked_shape is not None:
            yield f"{x}, _ = nn.utils.rnn.pad_packed_sequence({x}{first})  # {handed_on.unpacked_shape}"


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
