"""Python for what is run a step at a time: torch's cells, and kinds that torch lacks, written from their equations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rnninspect.cells.packs import packs
from rnninspect.cells.write import python, shapes
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Signal
from rnninspect.layers.weights import torch_name
from rnninspect.study.code_lines import INDENT, indented


class Run(NamedTuple):
    """One layer in `forward`, which runs on `x`.

    owner: what its module is called, such as `self.jordan`; finals: what its last states are called; given: the states
    it starts from, as torch takes them, or "" for zeros; result: what its output is called.
    """

    layer: Recurrent
    signal: Signal
    owner: str
    finals: Sequence[str]
    given: str
    result: str

    @property
    def packed(self) -> bool:
        """Whether `x` is a PackedSequence."""
        return "T" in self.signal.axes


def parameters(layer: Recurrent, name: str) -> Iterator[str]:
    """What makes the parameters of a kind that torch lacks, with torch's law of first values."""
    yield f"k = {layer.hidden_size}**-0.5"
    yield f"{name} = nn.ParameterDict({{"
    for weight in layer.weights("float32"):
        yield f'{INDENT}"{weight.name}": torch.empty({", ".join(map(str, weight.shape))}).uniform_(-k, k),'
    yield "})"


def loop(run: Run, *, of_torch: bool) -> Iterator[str]:
    """A layer over all steps. of_torch: its step is a call of torch's cell."""
    stacked = not of_torch and run.layer.depth * run.layer.directions > 1
    yield from _stack(run) if stacked else _once(run, of_torch=of_torch)


def _once(run: Run, *, of_torch: bool) -> Iterator[str]:
    """One layer in one direction."""
    states, every = run.layer.cell.states, run.layer.feeds != "last"
    leading = bool(run.layer.stack_axes)
    yield from [] if of_torch else _unpacked_weights(run, "", "_l0" if leading else "")
    yield from _started(run, ["0"] * leading)
    yield from ["outputs = []"] * every
    yield f"for x_t in {_steps(run)}:"
    yield from indented(_step(run, of_torch=of_torch, every=every))
    yield from [f"{run.result} = {_together(run)}"] * every
    index = ", ".join([*["None"] * leading, *["x.unsorted_indices"] * run.packed])
    index = f"[{index}]" if index else ""
    yield from (f"{final} = {state}{index}" for final, state in zip(run.finals, states, strict=True))


def _stack(run: Run) -> Iterator[str]:
    """Stacked layers, in both directions where there are two: each reads the steps that the one below has put out."""
    layer, states, finals = run.layer, run.layer.cell.states, ", ".join(run.finals)
    sides = '("", "_reverse")' if layer.directions > 1 else '("",)'
    dropout = getattr(layer, "dropout", 0)
    yield f"steps = list({_steps(run)})"
    yield f"{finals} = {', '.join(['[]'] * len(states))}"
    yield f"for k in range({layer.depth}):"
    inner = ["sides = []", f"for side in {sides}:"]
    side = [
        *_unpacked_weights(run, "f", "_l{k}{side}"),
        *_started(run, [f"len({run.finals[0]})"]),
        "outputs = []",
        "for x_t in steps[::-1] if side else steps:",
        *indented(_step(run, of_torch=False, every=True)),
        "sides.append(outputs[::-1] if side else outputs)",
        *(f"{final}.append({state})" for final, state in zip(run.finals, states, strict=True)),
    ]
    inner += [*indented(side), "steps = [torch.cat(both, dim=-1) for both in zip(*sides)]"]
    if dropout and layer.depth > 1:
        inner += [
            f"if k < {layer.depth - 1}:",
            f"{INDENT}steps = [nn.functional.dropout(h, {dropout}, self.training) for h in steps]",
        ]
    yield from indented(inner)
    yield f"{run.result} = {_together(run, 'steps')}"
    order = "[:, x.unsorted_indices]" * run.packed
    yield from (f"{final} = torch.stack({final}){order}" for final in run.finals)


def _unpacked_weights(run: Run, prefix: str, suffix: str) -> Iterator[str]:
    """The matrices and biases of the equations, by the names they have there. prefix: of the string that names them."""
    for pack in packs(run.layer.cell, run.layer.declared(0)):
        blocks = len(pack.blocks)
        chunks = f".chunk({blocks})" if blocks > 1 else ""
        yield f'{", ".join(pack.blocks)} = {run.owner}[{prefix}"{torch_name(pack.symbol)}{suffix}"]{chunks}'


def _started(run: Run, row: Sequence[str]) -> Iterator[str]:
    """The states before the first step. row: where a layer's own are in what is given."""
    layer = run.layer
    names = layer.cell.states
    if run.given:
        index = ", ".join([*row, *["x.sorted_indices"] * run.packed])
        index = f"[{index}]" if index else ""
        each = f"(state{index} for state in {run.given})" if index else run.given
        yield f"{', '.join(names)} = {each if len(names) > 1 else run.given + index}"
        return
    shape = shapes(layer.cell, layer.declared(0), layer.sizes())
    for name in names:
        width = shape(layer.cell.last(name))[0]
        yield f"{name} = {'x.data' if run.packed else 'x'}.new_zeros({', '.join([*_batch_size(run), str(width)])})"


def _batch_size(run: Run) -> list[str]:
    if run.packed:
        return ["int(x.batch_sizes[0])"]
    return [f"x.shape[{run.signal.axes.index('N')}]"] if "N" in run.signal.axes else []


def _steps(run: Run) -> str:
    """The steps of `x`, to go through in order."""
    if run.packed:
        return "x.data.split(x.batch_sizes.tolist())"
    return "x.unbind(1)" if run.signal.axes == ("N", "L") else "x"


def _together(run: Run, outputs: str = "outputs") -> str:
    """The output of all steps, laid out as `x` is."""
    if run.packed:
        return f"x._replace(data=torch.cat({outputs}))"
    return f"torch.stack({outputs}{', dim=1' * (run.signal.axes == ('N', 'L'))})"


def _step(run: Run, *, of_torch: bool, every: bool) -> Iterator[str]:
    """One step; of a packed batch those that have ended keep their states. every: all outputs are wanted."""
    states = run.layer.cell.states
    if run.packed:
        yield from (f"{s}, {s}_rest = {s}[: len(x_t)], {s}[len(x_t) :]" for s in states)
    if of_torch:
        names = ", ".join(states)
        yield f"{names} = {run.owner}(x_t, {f'({names})' if len(states) > 1 else names})"
    else:
        yield from python(run.layer.cell)
    yield from [f"outputs.append({run.layer.cell.output})"] * every
    if run.packed:
        yield from (f"{s} = torch.cat([{s}, {s}_rest])" for s in states)
