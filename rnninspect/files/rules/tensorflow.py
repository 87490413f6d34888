"""TensorFlow's cells: one kernel of x and h, (in+H, 4H), or that of the gates and the candidate's.

Directions are told by `fw` and `bw`, cells of a stack by `cell_0`, `cell_1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rnninspect.conventions.packing import Biases, Kind
from rnninspect.files.found import FoundLayer, Part
from rnninspect.files.held import HeldTensor
from rnninspect.files.rules.left import LONGEST, Group, Left, Read, Undecided
from rnninspect.files.rules.one_layer import around, is_backward
from rnninspect.files.rules.torch import NOT_HERE

FORGET = f"{NOT_HERE}: TensorFlow adds it when the layer runs, 1.0 unless it is told otherwise"
# why `cell` in them: a kernel of (in+H, 4H) and its bias could be any dense layer's.
_LSTM = re.compile(
    r"(?:basic_|cudnn_compatible_)?lstm(?:_block|_block_fused|_fused)?_cell(?:_[0-9]+)?|(?:Basic)?LSTMCell(?:_[0-9]+)?"
)
# Others: with norms, with one gate less, of two axes.
_OTHER = re.compile(r"(?:[a-z_]*_)?lstm(?:_[a-z]+)*_cell(?:_[0-9]+)?")
_RNN = re.compile(r"(?:basic_)?rnn_cell(?:_[0-9]+)?|BasicRNNCell(?:_[0-9]+)?")
_CELL = re.compile(r"[Cc]ell_?([0-9]{1,9})")
_STACKS = re.compile(r"multi_rnn_cell(?:_[0-9]+)?|MultiRNNCell")
# What old versions call them.
_KERNELS, _BIASES = ("kernel", "weights", "Matrix"), ("bias", "biases", "Bias")
_PEEPHOLES = ("w_f_diag", "w_i_diag", "w_o_diag")
_NO_PAIR = (
    "It is one of two stacks that read the sequence both ways, and no bidirectional layer of torch's: there the second "
    "layer reads both directions of the first, 2H features, and here one."
)
_NORMS = ("input/", "forget/", "output/", "state/", "transform/")


class Cell(NamedTuple):
    """One cell of one direction. parts: of its prefix."""

    prefix: str
    parts: tuple[str, ...]
    kind: Kind
    input_size: int
    hidden: int
    projection: int
    tensors: Mapping[str, HeldTensor]

    @property
    def width(self) -> int:
        """H_out."""
        return self.projection or self.hidden

    def alike(self, other: Cell) -> bool:
        """Whether it could be a cell of the same layer."""
        return (self.kind, self.hidden, self.projection) == (other.kind, other.hidden, other.projection)


class Stack(NamedTuple):
    """The cells of one direction. parts: what the names of all of them begin with."""

    parts: tuple[str, ...]
    cells: tuple[Cell, ...]


def read(left: Left) -> Read:
    """Every cell, stacked and in pairs; and what has a cell's names and cannot be read."""
    cells: list[Cell] = []
    for prefix, group in left.holding(_KERNELS.__contains__):
        for found in _cells(left, prefix, group):
            if isinstance(found, Undecided):
                yield found
            else:
                cells.append(found)
    yield from _layers(list(_stacks(cells)))


def _cells(left: Left, prefix: str, group: Group) -> Iterator[Cell | Undecided]:
    parts = tuple(re.split("[./]", prefix[:-1])) if len(prefix) <= LONGEST else ()
    if parts[-1:] == ("gates",):
        yield from _gru(left, prefix.removesuffix(prefix[-6:]), prefix[-1:], parts[:-1])
        return
    kernel = next((last for last in _KERNELS if last in group), None)
    if kernel is None or not parts:
        return
    named = parts[:-1] if parts[-1] == "Linear" else parts
    if named and _LSTM.fullmatch(named[-1]):
        yield _one(left, prefix, named, group, kernel, "LSTM", 4)
    elif named and _RNN.fullmatch(named[-1]):
        yield _one(left, prefix, named, group, kernel, "RNN", 1)
    elif named and _OTHER.fullmatch(named[-1]):
        lasts = [last for last in (*_KERNELS, *_BIASES) if last in group]
        left.take(prefix, lasts)
        yield Undecided(
            prefix, len(lasts), "it may be another cell than TensorFlow's LSTMCell, and no rule reads others"
        )


def _one(
    left: Left, prefix: str, parts: tuple[str, ...], group: Group, kernel: str, kind: Kind, gates: int
) -> Cell | Undecided:
    """A cell with one kernel."""
    lasts = {"kernel": kernel} | dict([("bias", last) for last in _BIASES if last in group][:1])
    lasts |= {last: last for last in _PEEPHOLES if last in group and kind == "LSTM"}
    tensors = {role: group[last] for role, last in lasts.items()}
    left.take(prefix, lasts.values())
    projection = left.group(f"{prefix}projection/")
    if "kernel" in projection and kind == "LSTM":
        tensors["projection/kernel"] = projection["kernel"]
        left.take(f"{prefix}projection/", ["kernel"])
    if any(left.group(prefix + norm) for norm in _NORMS):
        return Undecided(prefix, len(tensors), "there are norms within its step, which no rule reads")
    shape = tensors["kernel"].shape
    narrow = tensors["projection/kernel"].shape[-1:] if "projection/kernel" in tensors else ()
    if len(shape) == 2 and shape[1] and shape[1] % gates == 0:
        hidden = shape[1] // gates
        projected = narrow[0] if narrow else 0
        inputs = shape[0] - (projected or hidden)
        if inputs > 0:
            return Cell(
                prefix=prefix,
                parts=parts,
                kind=kind,
                input_size=inputs,
                hidden=hidden,
                projection=projected,
                tensors=tensors,
            )
    return Undecided(prefix, len(tensors), f"a kernel of {shape} is no {kind}'s of x and h")


def _gru(left: Left, prefix: str, sign: str, parts: tuple[str, ...]) -> Iterator[Cell | Undecided]:
    """A GRU: the kernel of its two gates, and its candidate's."""
    groups = {name: left.group(f"{prefix}{name}{sign}") for name in ("gates", "candidate")}
    if not all(any(last in group for last in _KERNELS) for group in groups.values()):
        return
    tensors: dict[str, HeldTensor] = {}
    for name, group in groups.items():
        named = [("kernel", last) for last in _KERNELS] + [("bias", last) for last in _BIASES]
        lasts = [(role, last) for role, last in named if last in group]
        tensors |= {f"{name}/{role}": group[last] for role, last in lasts}
        left.take(f"{prefix}{name}{sign}", [last for _, last in lasts])
    gates, candidate = tensors["gates/kernel"].shape, tensors["candidate/kernel"].shape
    if len(gates) == 2 and len(candidate) == 2 and gates[1] == 2 * candidate[1] and candidate[0] > candidate[1] > 0:
        yield Cell(
            prefix=prefix,
            parts=parts,
            kind="GRU",
            input_size=candidate[0] - candidate[1],
            hidden=candidate[1],
            projection=0,
            tensors=tensors,
        )
    else:
        yield Undecided(prefix, len(tensors), f"kernels of {gates} and {candidate} are no GRU's")


def _stacks(cells: Sequence[Cell]) -> Iterator[Stack]:
    """Cells that stand above each other as one; those that cannot be one layer of ours each by itself."""
    found: dict[tuple[str, ...], dict[int, Cell]] = {}
    for cell in cells:
        number = _CELL.fullmatch(cell.parts[-2]) if len(cell.parts) > 1 else None
        if number:
            found.setdefault(cell.parts[:-2], {}).setdefault(int(number.group(1)), cell)
        else:
            found[cell.parts] = {0: cell}
    taken = {id(cell) for numbered in found.values() for cell in numbered.values()}
    for parts, numbered in found.items():
        ordered = [numbered[k] for k in sorted(numbered)]
        first, *above = ordered
        whole = sorted(numbered) == list(range(len(numbered)))
        if whole and all(cell.alike(first) and cell.input_size == first.width for cell in above):
            stripped = parts[:-1] if parts and _STACKS.fullmatch(parts[-1]) else parts
            # why with what it is called: the prefix of a single cell says more than that of a stack of one.
            yield Stack(stripped if above else first.parts, tuple(ordered))
        else:
            yield from (Stack(cell.parts, (cell,)) for cell in ordered)
    yield from (Stack(cell.parts, (cell,)) for cell in cells if id(cell) not in taken)


def _layers(stacks: Sequence[Stack]) -> Iterator[FoundLayer]:
    by_parts = {stack.parts: stack for stack in stacks}
    pairs = {stack.parts: other for stack in stacks if (other := _counterpart(stack, by_parts))}
    backward = {other.parts for other in pairs.values()}
    for stack in stacks:
        other = pairs.get(stack.parts)
        if len(stack.cells) == 1 and (other or stack.parts in backward):
            if other:
                yield _layer((around(stack.parts) or ((), ()))[0] or stack.parts, [stack, other])
        else:
            paired = other is not None or stack.parts in backward
            yield _layer(stack.parts, [stack])._replace(remarks=(_NO_PAIR,) * paired)


def _counterpart(stack: Stack, others: Mapping[tuple[str, ...], Stack]) -> Stack | None:
    """The other direction of a stack that reads from the beginning."""
    split = around(stack.parts)
    other = others.get(split[1]) if split else None
    return other if other and _alike(stack, other) else None


def _alike(one: Stack, other: Stack) -> bool:
    a, b = one.cells[0], other.cells[0]
    return len(one.cells) == len(other.cells) and a.alike(b) and a.input_size == b.input_size


def _layer(parts: Sequence[str], directions: Sequence[Stack]) -> FoundLayer:
    first = directions[0].cells[0]
    roles = {role for stack in directions for cell in stack.cells for role in cell.tensors}
    biases: Biases = "one" if any(role.endswith("bias") for role in roles) else "none"
    return FoundLayer(
        # why cut: whatever stands between two parts is one character.
        name=first.prefix[: len("/".join(parts))],
        type=first.kind,
        input_size=first.input_size,
        hidden_size=first.hidden,
        num_layers=len(directions[0].cells),
        bidirectional=len(directions) == 2,
        reverse=len(directions) == 1 and is_backward(directions[0].parts),
        proj_size=first.projection,
        biases=biases,
        reset_after=False if first.kind == "GRU" else None,
        peepholes=not roles.isdisjoint(_PEEPHOLES),
        convention="TensorFlow",
        parts=tuple(
            Part(tensor=tensor, role=role, layer=k, direction=direction)
            for direction, stack in enumerate(directions)
            for k, cell in enumerate(stack.cells)
            for role, tensor in cell.tensors.items()
        ),
        known_from="names",
        unknown=_unknown(first.kind, len(directions[0].cells)),
    )


def _unknown(kind: Kind, depth: int) -> dict[str, str]:
    unknown = {"batch_first": NOT_HERE}
    if depth > 1:
        unknown["dropout"] = NOT_HERE
    if kind == "RNN":
        unknown["nonlinearity"] = f"{NOT_HERE}: any activation of TensorFlow's"
    else:
        unknown["activation"] = NOT_HERE
    if kind == "LSTM":
        unknown["forget_bias"] = FORGET
    return unknown
