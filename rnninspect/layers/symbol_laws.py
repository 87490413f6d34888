"""The `init` of a cell that a document or the library describes: laws of first values by symbol or parameter.

    init: {w_*: ones, b_f: 1.0, W_hh: orthogonal, W_i*: {uniform: 0.1}, bias_ih: zeros}

Symbols win over parameters, exact names over wildcards, and what stands later over what stands before; `weight`, `bias`
and `forget_bias` are what they are for torch's kinds, and give way to all others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import NamedTuple

from rnninspect.cells.carry import carry_gate
from rnninspect.cells.packs import Pack
from rnninspect.cells.tree import Bias, Cell, Matrix
from rnninspect.errors import did_you_mean, show
from rnninspect.facts.weights import PACKED, GateFact, Init, WeightFact
from rnninspect.layers.laws import LAWS, MOST_BIAS, SPREAD, InitBlock, forget_biases, law, spread_of
from rnninspect.layers.layer import Misfit
from rnninspect.layers.weights import torch_name

# Of so many names it is looked for the one that was meant.
_MOST_NEAR = 100
# Laws of anything, whatever its shape.
_OF_ALL = ("zeros", "ones")


class _Rule(NamedTuple):
    """A key of a block: the symbols that it is about, and how far it wins."""

    symbols: tuple[str, ...]
    rank: int


def laws_of(cell: Cell, packs: Sequence[Pack], blocks: Iterable[InitBlock]) -> dict[str, object]:
    """What is said of each symbol's first values: what a document says of it, or an Init; later blocks win."""
    laws: dict[str, object] = {}
    for block in blocks:
        given = {key: value for key, value in block.items() if value is not None}
        rules = [(rule, value, key) for key, value in given.items() if (rule := _rule(key, cell, packs))]
        for rule, value, key in sorted(rules, key=lambda found: found[0].rank):
            own = forget_biases(cell, value) if key == "forget_bias" else dict.fromkeys(rule.symbols, value)
            laws.update(own)
    return laws


def wrong_laws(cell: Cell, packs: Sequence[Pack], block: InitBlock) -> Iterator[Misfit]:
    """What of a block is about nothing that the cell has, or no law of it; `init.KEY` is the field."""
    matrices = {weight.name for weight in cell.weights if isinstance(weight, Matrix)}
    for key, value in block.items():
        rule, field = _rule(key, cell, packs), f"init.{key}"
        if rule is None:
            if key == "forget_bias":
                yield Misfit(field, "no gate carries a state over to the next step", "leave it out")
                continue
            known = [weight.name for weight in cell.weights] + [torch_name(pack.symbol) for pack in packs]
            hint = did_you_mean(key, dict.fromkeys(known)) if len(known) <= _MOST_NEAR else ""
            yield Misfit(field, "no weight is called so", hint)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            if not -MOST_BIAS <= value <= MOST_BIAS:
                yield Misfit(field, f"expected a number from -{MOST_BIAS} to {MOST_BIAS}, got {show(value)}")
        elif key != "forget_bias" and isinstance(value, dict) and spread_of(value):
            continue
        elif value is not None and (key == "forget_bias" or value not in (*LAWS, *_OF_ALL)):
            laws = f"a number, or one of {', '.join((*LAWS, 'ones'))}, {SPREAD}"
            expected = "a number" if key == "forget_bias" else laws
            hint = did_you_mean(value, (*LAWS, *_OF_ALL)) if isinstance(value, str) and key != "forget_bias" else ""
            yield Misfit(field, f"expected {expected}, got {show(value)}", hint)
        elif value not in (None, *_OF_ALL) and not matrices.issuperset(rule.symbols):
            vector = next(symbol for symbol in rule.symbols if symbol not in matrices)
            yield Misfit(field, f"{value} is a law of matrices, and {vector} is none", "zeros, ones or a number")


def with_laws(weights: Iterable[WeightFact], laws: dict[str, object]) -> tuple[WeightFact, ...]:
    """The weights with the laws of their symbols; what they do not name keeps its own."""
    return tuple(_with_laws(weight, laws) for weight in weights)


def _with_laws(weight: WeightFact, laws: dict[str, object]) -> WeightFact:
    if not weight.gates:
        return replace(weight, init=_init(laws, weight.symbol, weight.shape, weight.init))
    own = [_init(laws, gate.name, _shape(laws, gate, weight), weight.init) for gate in weight.gates]
    ((init, _),) = Counter(own).most_common(1)
    gates = zip(weight.gates, own, strict=True)
    return replace(
        weight, init=init, gates=tuple(replace(gate, init=law) if law != init else gate for gate, law in gates)
    )


def _init(laws: dict[str, object], symbol: str, shape: tuple[int, ...], default: Init) -> Init:
    said = laws.get(symbol)
    if said is None:
        return default
    return said if isinstance(said, Init) else law(said, shape)


def _shape(laws: dict[str, object], gate: GateFact, weight: WeightFact) -> tuple[int, ...]:
    """The shape of what a gate's law is one of."""
    return weight.shape if laws.get(gate.name) == PACKED else gate.shape


def _rule(key: str, cell: Cell, packs: Sequence[Pack]) -> _Rule | None:
    """What a key is about; None where that is nothing."""
    biases = tuple(weight.name for weight in cell.weights if isinstance(weight, Bias))
    symbols = tuple(weight.name for weight in cell.weights)
    if key == "forget_bias":
        return _Rule(biases, 1) if carry_gate(cell) and biases else None
    found = tuple(symbol for symbol in symbols if fnmatchcase(symbol, key))
    if found:
        return _Rule(found, 5 if found == (key,) else 4)
    owners = {block: torch_name(pack.symbol) for pack in packs for block in pack.blocks}
    found = tuple(symbol for symbol in symbols if fnmatchcase(owners[symbol], key))
    if found:
        return _Rule(found, 3 if key in owners.values() else 2)
    own = {"bias": biases, "weight": tuple(symbol for symbol in symbols if symbol not in biases)}.get(key)
    return _Rule(own, 0) if own else None
