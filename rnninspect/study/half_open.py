"""Gates that carry a state over and start half open, so that at first half of it is gone after every step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from rnninspect.cells.carry import carry_gate, gate_biases
from rnninspect.cells.tree import Apply
from rnninspect.document.chain import Link
from rnninspect.layers.recurrent import Recurrent


class HalfOpen(NamedTuple):
    """A gate that carries a state over to the next step, and starts half open: no bias opens it at first."""

    layer: str
    state: str
    gate: str


def half_open(links: Iterable[Link]) -> Iterator[HalfOpen]:
    """Those of the recurrent layers among these."""
    for layer in (link.layer for link in links if isinstance(link.layer, Recurrent)):
        laws = {name: init for weight in layer.weights_below(1, "float32") for name, init in weight.laws.items()}
        for state, carrier in carry_gate(layer.cell).items():
            biases = gate_biases(layer.cell, carrier.gate)
            made = (equation.expression for equation in layer.cell.equations if equation.target.name == carrier.gate)
            sigmoid = any(isinstance(expression, Apply) and expression.function == "sigmoid" for expression in made)
            if biases and sigmoid and not any(laws[bias].constant for bias in biases):
                yield HalfOpen(layer=layer.name, state=state, gate=carrier.gate)
