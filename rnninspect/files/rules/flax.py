"""Flax: every gate's matrix apart, `ii`, `if`, `ig`, `io`, `hi`, ..., and `ir`, `iz`, `in`, `hr`, ... of a GRU.

https://flax.readthedocs.io/en/latest/api_reference/flax.linen/layers.html#recurrent
"""

from __future__ import annotations

from collections.abc import Mapping

from rnninspect.conventions.packing import Biases, Kind
from rnninspect.files.held import HeldTensor
from rnninspect.files.rules.left import Left, Read, Undecided, bare, split
from rnninspect.files.rules.one_layer import Cell, layers_of
from rnninspect.files.rules.torch import NOT_HERE

_GATES: Mapping[Kind, str] = {"LSTM": "ifgo", "GRU": "rzn"}
_UNKNOWN: Mapping[Kind, Mapping[str, str]] = {
    "LSTM": {"batch_first": NOT_HERE, "activation": NOT_HERE},
    "GRU": {"batch_first": NOT_HERE, "activation": NOT_HERE},
    # residual: of a SimpleCell, whether h_{t-1} is added to h_t.
    "RNN": {
        "batch_first": NOT_HERE,
        "residual": NOT_HERE,
        "nonlinearity": f"{NOT_HERE}: any activation of jax'",
    },
}


def read(left: Left) -> Read:
    """Every cell of Flax, and what has its names and cannot be read."""
    parents: dict[str, str] = {}
    others: dict[str, str] = {}
    for prefix, group in left.holding("kernel".__eq__):
        parent, last = split(bare(prefix))
        if last in ("hf", "hn", "hi", "hr") or (last == "h" and _is_simple(split(bare(parent))[1])):
            parents.setdefault(parent, prefix[-1])
        elif last == "dense_h" or (last == "hh" and len(group["kernel"].shape) > 2):
            others.setdefault(prefix, parent)
    yield from _others(left, others)
    cells: list[Cell] = []
    for parent, sign in parents.items():
        found = _cell(left, parent, sign)
        if isinstance(found, Undecided):
            yield found
        else:
            cells.append(found)
    yield from layers_of(cells, "Flax", _UNKNOWN, reset_after=True)


def _is_simple(name: str) -> bool:
    """Whether a group is a SimpleCell's: by its class, or as Flax' RNN calls a cell without a name."""
    return name.startswith("SimpleCell") or name == "cell"


def _others(left: Left, others: Mapping[str, str]) -> Read:
    """What Flax has of x and of h as one matrix each: convolutions, and the cells of its nnx."""
    for prefix, parent in others.items():
        name, sign = split(bare(prefix))[1], prefix[-1]
        inputs = f"{parent}{'dense_i' if name == 'dense_h' else 'ih'}{sign}"
        if "kernel" not in left.group(inputs):
            continue
        why = "they are matrices of several gates as in nnx" if name == "dense_h" else "they are convolutions"
        lasts = [
            (place, last) for place in (inputs, prefix) for last in ("kernel", "bias") if last in left.group(place)
        ]
        for place, last in lasts:
            left.take(place, [last])
        yield Undecided(parent, len(lasts), f"{why}, which no rule reads")


def _cell(left: Left, parent: str, sign: str) -> Cell | Undecided:
    names = [f"{source}{gate}" for source in "ih" for gate in ("", *"ifgorzn")]
    tensors: dict[str, HeldTensor] = {}
    for name in names:
        # why if_ too: nnx has attributes, and no attribute can be called `if`.
        for place in (f"{parent}{name}{sign}", f"{parent}{name}_{sign}"):
            group = left.group(place)
            lasts = [last for last in ("kernel", "bias") if last in group]
            tensors |= {f"{name}/{last}": group[last] for last in lasts}
            left.take(place, lasts)
    there = {role.removesuffix("/kernel") for role in tensors if role.endswith("/kernel")}
    kind = _kind(there)
    if kind is None:
        return Undecided(parent, len(tensors), f"matrices {', '.join(sorted(there))} are no kind's")
    gates = _GATES.get(kind, ("",))
    inputs, recurrent = tensors[f"i{gates[0]}/kernel"].shape, tensors[f"h{gates[0]}/kernel"].shape
    if len(inputs) != 2 or len(recurrent) != 2 or recurrent[0] != recurrent[1] or inputs[1] != recurrent[0]:
        return Undecided(parent, len(tensors), f"matrices of {inputs} and {recurrent} are no {kind}'s")
    biases: Biases = "one" if any(role.endswith("/bias") for role in tensors) else "none"
    return Cell(
        prefix=bare(parent),
        kind=kind,
        input_size=inputs[0],
        hidden=recurrent[0],
        biases=biases,
        tensors=tensors,
    )


def _kind(there: set[str]) -> Kind | None:
    for kind, gates in _GATES.items():
        if there == {source + gate for source in "ih" for gate in gates}:
            return kind
    return "RNN" if there == {"i", "h"} else None
