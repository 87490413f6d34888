"""Python for wires: what a layer reads of several, what is added to it, and the states that another hands over."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from rnninspect.document.chain import INPUT, Link
from rnninspect.layers.recurrent import Recurrent
from rnninspect.study.code_names import Locals


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
