"""Python for what is run a step at a time: a loop over one of torch's cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rnninspect.document.chain import Link
from rnninspect.layers.recurrent import Recurrent
from rnninspect.study.code_lines import indented


class Run(NamedTuple):
    """A layer that is run.

    module, source: what its module, and what it runs on, are called; result: what the line that runs it calls its
    output, "_" where nobody reads that; states: its last ones; given: those it starts from, as torch takes them, "" for
    zeros. meta: tensors have no values.
    """

    link: Link
    module: str
    source: str
    result: str
    states: Sequence[str]
    given: str
    meta: bool = False

    @property
    def packed(self) -> bool:
        """Whether it runs on a PackedSequence."""
        return "T" in self.link.signal.axes

    @property
    def recurrent(self) -> Recurrent:
        """The layer, which is one of torch's cells."""
        assert isinstance(self.link.layer, Recurrent)
        return self.link.layer


def loop(run: Run) -> Iterator[str]:
    """A cell over all steps."""
    states, every = run.recurrent.cell.states, run.recurrent.feeds != "last" and run.result != "_"
    yield from _started(run)
    yield from ["outputs = []"] * every
    yield f"for x_t in {_steps(run)}:"
    yield from indented(_step(run, every=every))
    yield from [f"{run.result} = {_together(run)}"] * every
    index = f"[{run.source}.unsorted_indices]" * run.packed
    yield from (f"{final} = {state}{index}" for final, state in zip(run.states, states, strict=True))


def _started(run: Run) -> Iterator[str]:
    """The states before the first step."""
    names = run.recurrent.cell.states
    index = f"[{run.source}.sorted_indices]" * run.packed
    if run.given:
        each = f"(state{index} for state in {run.given})" if index else run.given
        yield f"{', '.join(names)} = {each if len(names) > 1 else run.given + index}"
        return
    for name in names:
        size = ", ".join([*_batch_size(run), str(run.recurrent.hidden_size)])
        yield f"{name} = {run.source}{'.data' * run.packed}.new_zeros({size})"


def _batch_size(run: Run) -> list[str]:
    if run.packed:
        return [f"int({run.source}.batch_sizes[0])"]
    return [f"{run.source}.shape[{run.link.signal.axes.index('N')}]"] if "N" in run.link.signal.axes else []


def _steps(run: Run) -> str:
    """The steps, to go through in order."""
    if run.packed:
        return f"{run.source}.data.split({run.source}.batch_sizes.tolist())"
    return f"{run.source}.unbind(1)" if run.link.signal.axes == ("N", "L") else run.source


def _together(run: Run) -> str:
    """The output of all steps, laid out as the source is."""
    if run.packed:
        return f"{run.source}._replace(data=torch.cat(outputs))"
    return f"torch.stack(outputs{', dim=1' * (run.link.signal.axes == ('N', 'L'))})"


def _step(run: Run, *, every: bool) -> Iterator[str]:
    """One step; of a packed batch those that have ended keep their states. every: all outputs are wanted."""
    states = run.recurrent.cell.states
    if run.packed:
        yield from (f"{s}, {s}_rest = {s}[: len(x_t)], {s}[len(x_t) :]" for s in states)
    names = ", ".join(states)
    yield f"{names} = {run.module}(x_t, {f'({names})' if len(states) > 1 else names})"
    yield from [f"outputs.append({run.recurrent.cell.output})"] * every
    if run.packed:
        yield from (f"{s} = torch.cat([{s}, {s}_rest])" for s in states)
