"""Python for what is run a step at a time: a loop over one of torch's cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Signal
from rnninspect.study.code_lines import indented


class Run(NamedTuple):
    """One layer in `forward`.

    owner: what its module is called, such as `self.cell`; source: what it runs on; finals: what its last states are
    called; given: the states it starts from, as torch takes them, or "" for zeros; result: what its output is called,
    "_" where nobody reads it.
    """

    layer: Recurrent
    signal: Signal
    owner: str
    finals: Sequence[str]
    given: str
    result: str
    source: str = "x"

    @property
    def packed(self) -> bool:
        """Whether it runs on a PackedSequence."""
        return "T" in self.signal.axes


def loop(run: Run) -> Iterator[str]:
    """A cell over all steps."""
    states, every = run.layer.cell.states, run.layer.feeds != "last" and run.result != "_"
    yield from _started(run)
    yield from ["outputs = []"] * every
    yield f"for x_t in {_steps(run)}:"
    yield from indented(_step(run, every=every))
    yield from [f"{run.result} = {_together(run)}"] * every
    index = f"[{run.source}.unsorted_indices]" * run.packed
    yield from (f"{final} = {state}{index}" for final, state in zip(run.finals, states, strict=True))


def _started(run: Run) -> Iterator[str]:
    """The states before the first step."""
    names = run.layer.cell.states
    index = f"[{run.source}.sorted_indices]" * run.packed
    if run.given:
        each = f"(state{index} for state in {run.given})" if index else run.given
        yield f"{', '.join(names)} = {each if len(names) > 1 else run.given + index}"
        return
    for name in names:
        size = ", ".join([*_batch_size(run), str(run.layer.hidden_size)])
        yield f"{name} = {run.source}{'.data' * run.packed}.new_zeros({size})"


def _batch_size(run: Run) -> list[str]:
    if run.packed:
        return [f"int({run.source}.batch_sizes[0])"]
    return [f"{run.source}.shape[{run.signal.axes.index('N')}]"] if "N" in run.signal.axes else []


def _steps(run: Run) -> str:
    """The steps, to go through in order."""
    if run.packed:
        return f"{run.source}.data.split({run.source}.batch_sizes.tolist())"
    return f"{run.source}.unbind(1)" if run.signal.axes == ("N", "L") else run.source


def _together(run: Run) -> str:
    """The output of all steps, laid out as the source is."""
    if run.packed:
        return f"{run.source}._replace(data=torch.cat(outputs))"
    return f"torch.stack(outputs{', dim=1' * (run.signal.axes == ('N', 'L'))})"


def _step(run: Run, *, every: bool) -> Iterator[str]:
    """One step; of a packed batch those that have ended keep their states. every: all outputs are wanted."""
    states = run.layer.cell.states
    if run.packed:
        yield from (f"{s}, {s}_rest = {s}[: len(x_t)], {s}[len(x_t) :]" for s in states)
    names = ", ".join(states)
    yield f"{names} = {run.owner}(x_t, {f'({names})' if len(states) > 1 else names})"
    yield from [f"outputs.append({run.layer.cell.output})"] * every
    if run.packed:
        yield from (f"{s} = torch.cat([{s}, {s}_rest])" for s in states)
