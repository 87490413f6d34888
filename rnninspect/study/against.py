"""A layer held against somebody's class: its weights put where theirs are, the same batch run, everything compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnninspect.document.chain import Link, Spec
from rnninspect.document.paths import Path
from rnninspect.errors import OptionError, did_you_mean, listed, printable
from rnninspect.facts.weights import WeightFact
from rnninspect.layers.families import CellLayer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.runtime.recurrence import data_of
from rnninspect.study import theirs
from rnninspect.study.name_map import Piece, Theirs, printed
from rnninspect.study.passes import GRADIENT, Given, passes, weighed
from rnninspect.study.reference import exact_values, reference
from rnninspect.study.rounding import Deviation, unit_of

# How far they may be apart, relative to the largest of a tensor; more where rounding alone explains more. why more than
# rounding always does: another's code may come to the same by a way of its own.
ALLOWED = 1e-9


class Held(NamedTuple):
    """What came of it. fixed: our parameters that the class lacks. states: whether it gives its last states."""

    named: str
    version: str
    layer: str
    tensors: tuple[Deviation, ...]
    fixed: tuple[str, ...]
    states: bool

    @property
    def ok(self) -> bool:
        """Whether every tensor that was compared is within what is allowed."""
        return all(tensor.ok for tensor in self.tensors)


class Place(NamedTuple):
    """Where some rows of one of our parameters are in theirs. ours, rows: first and last, the last not included."""

    name: str
    ours: tuple[tuple[int, int], ...]
    theirs: Tensor
    rows: tuple[int, int]
    transposed: bool

    def of(self, values: Tensor) -> Tensor:
        """The numbers of ours as they stand in theirs."""
        stacked = torch.cat([values[first:last] for first, last in self.ours])
        return stacked.T if self.transposed else stacked

    def put_back(self, found: Tensor, into: Tensor) -> None:
        """Numbers of theirs where they stand in ours."""
        part = found[self.rows[0] : self.rows[1]]
        part, start = part.T if self.transposed else part, 0
        for first, last in self.ours:
            into[first:last] = part[start : start + last - first]
            start += last - first


def chosen(against: Theirs, spec: Spec) -> str:
    """The name of the layer that is meant. Raises DocumentError where none or several could be, or it cannot be run."""
    layers = {link.layer.name: link for link in spec.links if isinstance(link.layer, Recurrent)}
    name = against.map.layer
    if name is None and len(layers) != 1:
        raise theirs.fault(
            against, (), "expected layer, one of: " + ", ".join(layers) if layers else "no layer is recurrent"
        )
    if name is not None and name not in layers:
        raise theirs.fault(against, ("layer",), f"no recurrent layer is called {name!r}", did_you_mean(name, layers))
    link = layers[name or next(iter(layers))]
    layer = link.layer
    assert isinstance(layer, Recurrent)
    if "N" not in link.signal.axes or link.signal.batch.lengths:
        raise OptionError("--against runs batches of one length (--set input.lengths=null, input.batch_size=2)")
    if against.map.call == "step" and layer.depth * layer.directions > 1:
        raise theirs.fault(against, ("call",), "a step is of one layer in one direction, and this one has more")
    states = layer.cell.states
    if against.map.states is not None and sorted(against.map.states) != sorted(states):
        raise theirs.fault(against, ("states",), f"expected each state once: {', '.join(states)}")
    return layer.name


def hold(against: Theirs, link: Link, module: nn.Module, given: Given) -> Held:
    """Run both. Raises what `theirs` does, and DocumentError where their tensors are others than the map says."""
    layer = link.layer
    assert isinstance(layer, Recurrent)
    their = theirs.load(against)
    facts = {fact.name: fact for fact in layer.weights("float64")}
    parameters = dict(their.named_parameters())
    fixed = {name: value for name, value in against.map.fixed.items() if name in facts}
    places = list(_places(against, facts, parameters))
    ours = exact_values(module)
    ours |= {name: torch.full_like(ours[name], value) for name, value in fixed.items()}
    with torch.no_grad():
        for name, value in against.map.fixed.items():
            if name in parameters:
                parameters[name].fill_(value)
        for place in places:
            place.theirs[place.rows[0] : place.rows[1]] = place.of(ours[place.name])
    twin = reference(layer, module)
    twin.load_state_dict(ours, assign=True)
    twin.requires_grad_()
    found, upstream = _run(against, link, their, given)
    given = given._replace(upstream=upstream)
    expected = passes(link, twin, *given).tensors
    for place in places:
        gradient = found.setdefault(GRADIENT + place.name, torch.zeros_like(ours[place.name]))
        place.put_back(found[_of(place.theirs, parameters)], gradient)
    unit = unit_of("float64", torch.device("cpu"))
    # why ours for what was not compared: all are looked at together.
    tensors = weighed(link, twin, given, expected, expected | found, unit)
    least = ALLOWED / unit.epsilon
    return Held(
        named=printed(against),
        version=theirs.version(against),
        layer=layer.name,
        tensors=tuple(t._replace(allowed=max(t.allowed, least)) for t in tensors if t.name in found),
        fixed=tuple(fixed),
        states=len(layer.cell.states) == sum(f"{state}_n" in found for state in layer.cell.states),
    )


def _of(tensor: Tensor, parameters: Mapping[str, Tensor]) -> str:
    """What the gradient of one of theirs is called on the way."""
    return "their " + next(name for name, other in parameters.items() if other is tensor)


def _run(against: Theirs, link: Link, module: nn.Module, given: Given) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
    """Everything that theirs computes by our names, gradients of its parameters by `_of`; and what went in upstream."""
    layer = link.layer
    assert isinstance(layer, Recurrent)
    alone = isinstance(layer, CellLayer)
    data = data_of(given.flow).detach().requires_grad_()
    states = tuple(state.detach().requires_grad_() for state in given.states)
    by_name = {name: s.unsqueeze(0) if alone else s for name, s in zip(layer.cell.states, states, strict=True)}
    first = link.signal.axes == ("N", "L")
    after = theirs.call(against, module, data.transpose(0, 1) if first else data, by_name, layer.cell.output)
    output, *last = after
    put_out = [output.transpose(0, 1) if first else output, *(s.squeeze(0) if alone else s for s in last)]
    names = [fact.name for fact in layer.outputs(link.signal, "float64")]
    for name, tensor, expected in zip(names, put_out, given.upstream, strict=False):
        if tensor.shape != expected.shape:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(expected.shape)}"
            raise theirs.fault(against, ("call",), f"{against.name} gave {name} as {shapes}")
    upstream = [u if k < len(put_out) else torch.zeros_like(u) for k, u in enumerate(given.upstream)]
    parameters = dict(module.named_parameters())
    leaves = [data, *states, *parameters.values()]
    with theirs.running(against, "could not be differentiated"):
        gradients = torch.autograd.grad(
            put_out, leaves, upstream[: len(put_out)], allow_unused=True, materialize_grads=True
        )
    inputs = [GRADIENT + fact.name for fact in layer.inputs(link.signal, "float64")]
    keys = [*inputs, *(f"their {name}" for name in parameters)]
    return dict(zip(names, put_out, strict=False)) | dict(zip(keys, gradients, strict=True)), tuple(upstream)


# --- whose parameters are whose ----------------------------------------------------------------------------


def _places(against: Theirs, facts: Mapping[str, WeightFact], parameters: Mapping[str, Tensor]) -> Iterator[Place]:
    map = against.map
    for name in (*map.parameters, *map.fixed):
        key = "parameters" if name in map.parameters else "fixed"
        if name not in facts and not (key == "fixed" and name in parameters):
            raise theirs.fault(against, (key, name), f"no parameter is called {name!r}", did_you_mean(name, facts))
    filled = {name: torch.zeros(len(tensor), dtype=torch.bool) for name, tensor in parameters.items() if tensor.dim()}
    for name, fact in facts.items():
        if name in map.fixed:
            continue
        if name not in map.parameters and name not in parameters:
            known = f"{against.name} has {listed(list(parameters), 6) if parameters else 'none'}"
            raise theirs.fault(against, ("parameters",), f"nothing says where {name} is in theirs", known)
        for place in _of_one(against, fact, map.parameters.get(name) or [Piece(name=name)], parameters):
            filled[_of(place.theirs, parameters).removeprefix("their ")][slice(*place.rows)] = True
            yield place
    for name, rows in filled.items():
        if name not in map.fixed and not rows.all():
            part = "" if not rows.any() else f"rows {int((~rows).nonzero()[0])} on of "
            hint = f"map it, or write fixed: {{{printable(name)}: 0}}"
            raise theirs.fault(against, ("parameters",), f"nothing of ours is in {part}their {printable(name)}", hint)


def _of_one(
    against: Theirs, fact: WeightFact, pieces: list[Piece], parameters: Mapping[str, Tensor]
) -> Iterator[Place]:
    where: Path = ("parameters", fact.name)
    spans = {gate.name: gate.rows for gate in fact.gates} or {fact.symbol: (0, fact.shape[0])}
    parts = [piece.blocks or _blocks(k, pieces, list(spans)) for k, piece in enumerate(pieces)]
    if sorted(block for blocks in parts for block in blocks) != sorted(spans):
        raise theirs.fault(against, where, f"expected each block of {fact.name} once: {', '.join(spans)}")
    for piece, blocks in zip(pieces, parts, strict=True):
        if piece.name not in parameters:
            raise theirs.fault(against, where, f"theirs has no {piece.name!r}", did_you_mean(piece.name, parameters))
        target = parameters[piece.name]
        first, last = piece.rows or (0, len(target) if target.dim() else 0)
        if piece.rows and not first < last <= len(target):
            raise theirs.fault(against, where, f"their {piece.name} has {len(target)} rows, not {first} to {last}")
        count = sum(spans[block][1] - spans[block][0] for block in blocks)
        shape = (count, *fact.shape[1:])
        shape = shape[::-1] if piece.transposed else shape
        if tuple(target[first:last].shape) != shape:
            rows = f"rows {first} to {last} of " if piece.rows else ""
            message = f"{rows}their {piece.name} is {tuple(target[first:last].shape)}, ours is {shape}"
            raise theirs.fault(against, where, message)
        yield Place(
            name=fact.name,
            ours=tuple(spans[block] for block in blocks),
            theirs=target,
            rows=(first, last),
            transposed=piece.transposed,
        )


def _blocks(index: int, pieces: list[Piece], blocks: list[str]) -> list[str]:
    """Of a piece that names no blocks: all, where it is the only one, else one of them."""
    if len(pieces) == 1:
        return blocks
    return blocks[index : index + 1] if len(pieces) == len(blocks) else []
