"""Which layers and inputs one layer depends on, and whose steps their lags are counted in."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from rnninspect.document.chain import INPUT, Link
from rnninspect.layers.signal import Signal
from rnninspect.layers.window import WindowLayer


class Steps(IntEnum):
    """How the steps of a layer are to those of the layer that is looked at.

    SAME: one by one. OWN: what it hands over is one vector of each sequence, or its last states, so that a lag is
    counted from its own last step. OTHER: a convolution or pool is between, so that no lag is one of both.
    """

    SAME = 3
    OWN = 2
    OTHER = 1


def reached(links: Sequence[Link]) -> dict[str, Steps]:
    """By name the layers that the last of these depends on, itself among them, in order.

    Of a layer that it depends on in several ways the first of `Steps` holds.
    """
    by_name = {link.layer.name: link for link in links}
    last = links[-1]
    steps = {last.layer.name: Steps.SAME}
    for link in reversed(links):
        here = steps.get(link.layer.name)
        if here is None:
            continue
        wires = link.wires
        for name in (*wires.reads, wires.add):
            if name in by_name:
                through = _through(by_name[name].emitted, link.signal, here, last.signal)
                steps[name] = max(through, steps.get(name, through))
        if wires.state_from:
            steps[wires.state_from] = max(Steps.OWN, steps.get(wires.state_from, Steps.OWN))
    return {name: steps[name] for name in by_name if name in steps}


def _through(emitted: Signal, read: Signal, here: Steps, last: Signal) -> Steps:
    """Of what a layer emits and another reads whose own steps are `here`."""
    if not emitted.is_sequence:
        return Steps.OWN
    return here if here is not Steps.SAME or read.batch == last.batch else Steps.OTHER


def inputs_of(link: Link, links: Sequence[Link]) -> tuple[str, ...]:
    """The model's inputs whose steps a layer reads, through whatever layers."""
    by_name = {each.layer.name: each for each in links}
    names: list[str] = []
    later = [*link.wires.reads]
    seen: set[str] = set()
    while later:
        name = later.pop(0)
        before = by_name.get(name)
        if name not in seen and before is None:
            names.append(name)
        elif name not in seen and before is not None and before.emitted.is_sequence:
            # why not its own input: that is among what it reads.
            later += [*before.wires.reads, *[before.wires.add] * (before.wires.add not in ("", INPUT))]
        seen.add(name)
    return tuple(names)


def stride_of(links: Sequence[Link]) -> int:
    """How many steps of an input a step of the last of the layers is."""
    by_name = {link.layer.name: link for link in links}
    link: Link | None = links[-1]
    stride = 1
    while link is not None:
        stride *= link.layer.window.stride if isinstance(link.layer, WindowLayer) else 1
        read = (by_name[name] for name in link.wires.reads if name in by_name)
        link = next((each for each in read if each.emitted.is_sequence), None)
    return stride
