"""What torch hides: every gate and state at every step, evaluated from the equations in float64.

Each recurrent layer is fed with what torch fed it with on the device, and what the equations put out is held against
torch's output, so that the gates are those that torch computed with.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnninspect.cells.carry import carry_gate
from rnninspect.cells.tree import Apply, Cell
from rnninspect.document.chain import Link, Spec
from rnninspect.errors import CannotHere, CheckFailed, printable
from rnninspect.facts.models import ModelFacts
from rnninspect.layers.families import CellLayer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.letters import DIRECTIONS
from rnninspect.plan import plan
from rnninspect.runtime.device import enough_memory, threads_for
from rnninspect.runtime.modules import make_feed, ready
from rnninspect.runtime.recurrence import Flow, Moment, States, data_of
from rnninspect.runtime.torch_errors import refusals
from rnninspect.runtime.wiring import Flows
from rnninspect.study.reference import exact, exact_tensor, reference, run_layer
from rnninspect.study.rounding import Deviation, Rounding, Unit, compare, reconsider, roundings, unit_of
from rnninspect.study.vectors import Vector, VectorStats, half_life, stats_of

_CPU = torch.device("cpu")
# How often the equations are rounded at random where torch's output is off by more than rounding once explains.
_TRIALS = 8


class Pick(NamedTuple):
    """Single values instead of statistics: of one sequence, at one step or at all, of one unit or of all."""

    step: int | None
    unit: int | None
    sequence: int


class StepStats(NamedTuple):
    """One step. running: how many sequences have one; stats: as many as the level has vectors."""

    t: int
    running: int
    stats: tuple[VectorStats, ...]


class UnitValues(NamedTuple):
    """One unit at one step: as many values as the level has vectors, None where a vector is not so wide."""

    t: int
    unit: int
    values: tuple[float | None, ...]


class Memory(NamedTuple):
    """The half-lives of a state's units in steps, from the gate averaged (geometrically) over steps and sequences."""

    state: str
    gate: str
    median: float
    longest: float
    unit: int


class Level(NamedTuple):
    """One stacked layer in one direction; `steps` or, for a Pick, `units` are filled."""

    layer: str
    type: str
    stacked: int | None
    direction: str | None
    vectors: tuple[Vector, ...]
    steps: tuple[StepStats, ...]
    units: tuple[UnitValues, ...]
    memory: tuple[Memory, ...]


class Trace(NamedTuple):
    """One model. outputs: by layer, what the equations put out against torch's output."""

    model: ModelFacts
    device: str
    torch: str
    seed: int
    levels: tuple[Level, ...]
    outputs: Mapping[str, Deviation]


def trace_layers(
    spec: Spec,
    device: torch.device,
    seed: int = 0,
    *,
    layer: str | None = None,
    values: array[float] | array[int] | None = None,
    pick: Pick | None = None,
) -> Trace:
    """Trace the recurrent layer called `layer`, or all of them.

    values: the input in place of a random one, see `modules.make_feed`.
    Raises NotEnoughMemory, TorchRefused, CannotHere where torch's output overflows, or CheckFailed where the
    equations put out something else than torch.
    """
    planned = plan(spec)
    levels: list[Level] = []
    outputs: dict[str, Deviation] = {}
    more = max(link.layer.work_bytes(link.signal, "float64") for link in spec.links)
    enough_memory(spec, planned, 2 * planned.parameter_bytes + more, _CPU)
    with ready(spec, planned, device, seed) as model, torch.no_grad():
        feed = make_feed(spec, device, values)
        flows = Flows(spec.links, feed.inputs, spec.returns)
        for link, module, own_states in zip(spec.links, model.layers, feed.states, strict=True):
            flow, states = flows.given(link, own_states)
            with refusals(spec, "run", device, layer=link.layer.name):
                ran = run_layer(link, module, flow, states)
            if isinstance(link.layer, Recurrent) and layer in (None, link.layer.name):
                run = _LayerToTrace(
                    link=link,
                    module=module,
                    flow=exact(flow),
                    states=tuple(map(exact_tensor, states)),
                    unit=unit_of(spec.dtype, device),
                    recorder=_Recorder(link.layer.cell, pick, _column(flow, pick.sequence if pick else 0)),
                )
                outputs[link.layer.name] = _proven(run, data_of(ran.output), spec, planned.forward.macs)
                levels += run.recorder.levels(link)
                if layer is not None:
                    break
            flows.put(link, flow, ran.handed_on, ran.states)
    return Trace(
        model=planned, device=str(device), torch=torch.__version__, seed=seed, levels=tuple(levels), outputs=outputs
    )


class _LayerToTrace(NamedTuple):
    """A recurrent layer to be run by its equations, and who watches."""

    link: Link
    module: torch.nn.Module
    flow: Flow
    states: States
    unit: Unit
    recorder: _Recorder

    def deviation(self, output: Tensor) -> Deviation:
        """Run it, and hold what torch put out against it."""
        link = self.link
        twin = reference(link.layer, self.module)
        expected = data_of(run_layer(link, twin, self.flow, self.states, self.recorder.watch).output)
        deviation = compare("output", output, expected, self.unit, link)
        # why: in a network that is chaotic, or next to a relu's kink, one rounding grows from step to step.
        ways = roundings(self.unit, link, _TRIALS)
        (reconsidered,) = reconsider([deviation], {"output": expected}, ways, self._rounded, self.unit)
        return reconsidered

    def _rounded(self, rounding: Rounding) -> Mapping[str, Tensor]:
        twin = rounding.reference(self.link.layer, self.module)
        rounded = run_layer(self.link, twin, rounding.flow(self.flow), tuple(map(rounding, self.states)))
        return {"output": data_of(rounded.output)}


def _proven(run: _LayerToTrace, output: Tensor, spec: Spec, macs: int) -> Deviation:
    """How far torch's output is from the equations'; what is more than rounding explains is raised."""
    # why: one step is too little work to be shared, and threads that wait for each other take far longer.
    each_step = threads_for(macs // run.link.signal.batch.letters["L"], _CPU)
    with each_step, refusals(spec, "evaluate", _CPU, layer=run.link.layer.name, dtype="float64"):
        deviation = run.deviation(output)
    if not deviation.ok:
        raise _differs(run.link, deviation, output, spec)
    return deviation


def _differs(link: Link, deviation: Deviation, output: Tensor, spec: Spec) -> CannotHere | CheckFailed:
    start = f"{printable(spec.source)}: layer {link.layer.name!r}: torch's output is "
    if not bool(output.isfinite().all()):
        return CannotHere(f"{start}beyond {spec.dtype} (try a smaller input.seq_len, or --dtype float64)")
    return CheckFailed(
        f"{start}{deviation.relative:,.4g} epsilons from the equations', {deviation.allowed:,.4g} are allowed "
        "(rnninspect verify says more)"
    )


def vectors_of(cell: Cell) -> tuple[Vector, ...]:
    """Every vector that a step assigns, in the order of the equations, as it is handed on."""
    carried = {carrier.gate: (state, carrier.inverse) for state, carrier in carry_gate(cell).items()}
    last = {equation.target.name: equation.expression for equation in cell.equations}
    return tuple(
        Vector(
            name=name,
            function=expression.function if isinstance(expression, Apply) else None,
            is_state=name in cell.states,
            carries=state,
            inverse=inverse,
        )
        for name, expression in last.items()
        for state, inverse in [carried.get(name, (None, False))]
    )


def _column(flow: Flow, sequence: int) -> int:
    """Where a sequence of the batch stands among the columns of a step: a packed batch is sorted by length."""
    if isinstance(flow, PackedSequence) and flow.unsorted_indices is not None:
        return int(flow.unsorted_indices[sequence])
    return sequence


class _Recorder:
    """Gathers the statistics or the picked values of each level of one layer; it keeps no tensor of a step."""

    def __init__(self, cell: Cell, pick: Pick | None, column: int) -> None:
        self._vectors = vectors_of(cell)
        self._pick, self._column = pick, column
        self._steps: dict[tuple[int, int], list[StepStats]] = {}
        self._units: dict[tuple[int, int], list[UnitValues]] = {}
        self._logs: dict[tuple[int, int, str], Tensor] = {}
        self._tokens: dict[tuple[int, int], int] = {}

    def watch(self, moment: Moment) -> None:
        """Note one step of one level; what `recurrence.Watch` is."""
        level = (moment.stacked, moment.direction)
        running = next(iter(moment.vectors.values())).shape[1]
        self._tokens[level] = self._tokens.get(level, 0) + running
        for vector in self._vectors:
            if vector.carries is not None:
                logs = vector.share(moment.vectors[vector.name]).log().sum(dim=1)
                self._logs[*level, vector.name] = self._logs.get((*level, vector.name), 0.0) + logs
        if self._pick is None:
            stats = tuple(stats_of(vector, moment.vectors[vector.name]) for vector in self._vectors)
            self._steps.setdefault(level, []).append(StepStats(moment.t, running, stats))
        elif self._pick.step in (None, moment.t) and self._column < running:
            self._units.setdefault(level, []).extend(self._picked(moment, self._pick))

    def _picked(self, moment: Moment, pick: Pick) -> Iterable[UnitValues]:
        columns = [moment.vectors[vector.name][:, self._column].tolist() for vector in self._vectors]
        units = range(max(map(len, columns))) if pick.unit is None else (pick.unit,)
        for unit in units:
            yield UnitValues(moment.t, unit, tuple(c[unit] if unit < len(c) else None for c in columns))

    def levels(self, link: Link) -> Iterable[Level]:
        """What was gathered, in the order of torch's parameters; the steps in the order of time."""
        layer = link.layer
        for level in self._tokens:
            stacked, direction = level
            yield Level(
                layer=layer.name,
                type=layer.type,
                stacked=None if isinstance(layer, CellLayer) else stacked,
                direction=None if isinstance(layer, CellLayer) else DIRECTIONS[direction],
                vectors=self._vectors,
                steps=tuple(sorted(self._steps.get(level, ()))),
                units=tuple(sorted(self._units.get(level, ()), key=lambda values: (values.t, values.unit))),
                memory=tuple(
                    _memory(vector, vector.carries, self._logs[*level, vector.name] / self._tokens[level])
                    for vector in self._vectors
                    if vector.carries is not None
                ),
            )


def _memory(vector: Vector, state: str, mean_logs: Tensor) -> Memory:
    """mean_logs: of what each unit keeps, (H,)."""
    unit = int(mean_logs.argmax())
    return Memory(
        state=state,
        gate=vector.name,
        median=half_life(float(mean_logs.median())),
        longest=half_life(float(mean_logs[unit])),
        unit=unit,
    )
