"""A layer of torch's in another framework: its tensors there, where each gate stands, and whether that is exact."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rnninspect.conventions.packing import ORDER, Biases, Convention, Kind, Stored
from rnninspect.conventions.places import order, places
from rnninspect.conventions.target import Framework
from rnninspect.conventions.torch_layer import TorchLayer, torch_layer
from rnninspect.layers.layer import Layer
from rnninspect.letters import DIRECTIONS, Shape

NOT_TORCH = "no convention: it is not torch's"


class Block(NamedTuple):
    """A gate's matrix or vector in a tensor. value: what it is of torch's: `b_if + b_hf`. at: numpy's index of it."""

    value: str
    at: str
    shape: Shape


class There(NamedTuple):
    """A tensor of another framework.

    layer, direction: None for a cell, and for a tensor that holds both directions. source: torch's parameters that it
    is made of; "" where nothing makes it. order: its gates as they stand there, in words.
    """

    name: str
    layer: int | None
    direction: str | None
    source: str
    order: str
    shape: Shape
    blocks: tuple[Block, ...]

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


class Translation(NamedTuple):
    """A layer elsewhere. made: the layer there. tensors: empty where there is no such layer.

    torch: what is translated, None where nothing is. refusal: why it is no exact translation, "" where it is.
    changes: what else is to be known of an exact one.
    """

    name: str
    type: str
    torch: TorchLayer | None
    refusal: str
    made: str = ""
    tensors: tuple[There, ...] = ()
    changes: tuple[str, ...] = ()

    @property
    def parameters(self) -> int | None:
        """Number of elements there; None where there is no such layer."""
        return sum(tensor.elements for tensor in self.tensors) if self.tensors else None

    @property
    def verdict(self) -> str:
        """`exact`, `exact: b = b_ih + b_hh`, `none: ...`."""
        if self.refusal:
            return f"none: {self.refusal}"
        return f"exact: {', '.join(self.changes)}" if self.changes else "exact"


def translated(layer: Layer, framework: Framework, *, knows_function: bool = True) -> Translation:
    """A recurrent layer in another framework. knows_function: whether anybody says which an RNN's is."""
    torch = torch_layer(layer, knows_function=knows_function)
    if torch is None:
        return Translation(name=layer.name, type=layer.type, torch=None, refusal=NOT_TORCH)
    convention = framework.convention
    refusal = refused(torch, framework)
    if torch.kind not in convention.matrices or (torch.proj_size and convention.projection is None):
        return Translation(name=torch.name, type=torch.type, torch=None, refusal=refusal)
    tensors = tuple(_tensors(torch, framework, exact=not refusal))
    changes = () if refusal else (*_changes(torch, convention), *filter(None, [framework.limit(torch)]))
    return Translation(
        name=torch.name,
        type=torch.type,
        torch=torch,
        refusal=refusal,
        made=framework.made(torch),
        tensors=tensors,
        changes=changes,
    )


class _Layer(NamedTuple):
    """The framework's layer, as `Convention.stored` asks for it."""

    type: Kind
    biases: Biases
    proj_size: int
    peepholes: bool = False


def stored(torch: TorchLayer, convention: Convention) -> tuple[Stored, ...]:
    """The tensors of each stacked layer and direction that the framework's layer has."""
    layer = _Layer(type=torch.kind, biases=_biases(torch, convention), proj_size=torch.proj_size)
    return convention.stored(layer)


def of_torch(symbol: str, symbols: frozenset[str]) -> str:
    """Which parameter of torch's a symbol there is of; `bias` for the sum of both. symbols: all there are there."""
    start, gate = symbol[:-1], symbol[-1]
    if symbol.startswith("W"):
        return {"W_i": "weight_ih", "W_h": "weight_hh"}[start]
    other = {"b_i": "b_h", "b_h": "b_i"}.get(start)
    if other is None or other + gate not in symbols:
        return "bias"
    return {"b_i": "bias_ih", "b_h": "bias_hh"}[start]


def symbols_of(torch: TorchLayer, convention: Convention) -> frozenset[str]:
    """Every symbol of the framework's layer."""
    return frozenset(symbol for tensor in stored(torch, convention) for symbol in tensor.symbols)


def refused(torch: TorchLayer, framework: Framework) -> str:
    """Why there is no exact translation; "" where there is one."""
    convention = framework.convention
    if torch.kind not in convention.matrices:
        return f"{framework.title} has no {torch.kind}"
    if torch.proj_size and convention.projection is None:
        return f"an LSTM of {framework.title} has no projection"
    if torch.kind == "GRU" and convention.reset == "before":
        return (
            f"the reset gate of {framework.title}'s GRU multiplies before the product with W_hn, torch's after it: "
            "no weights of the one compute the other"
        )
    if torch.kind == "RNN" and torch.function not in ("", *convention.functions):
        return f"an RNN of {framework.title} computes {convention.functions[0]}, this one {torch.function}"
    return ""


def summed(torch: TorchLayer, convention: Convention) -> str:
    """The gates whose two biases become one there."""
    symbols = symbols_of(torch, convention)
    if not torch.bias:
        return ""
    return "".join(s[-1] for s in sorted(symbols) if s.startswith("b") and of_torch(s, symbols) == "bias")


def _changes(torch: TorchLayer, convention: Convention) -> Iterator[str]:
    sums = summed(torch, convention)
    every = len(sums) == len(ORDER[torch.kind])
    if sums and every:
        yield "b = b_ih + b_hh"
    elif sums:
        yield " and ".join(f"b_{gate} = b_i{gate} + b_h{gate}" for gate in sums)
    if not torch.bias and convention.has_biases:
        yield "its biases are zeros"
    if torch.kind == "RNN" and not torch.function:
        yield f"if its function is {convention.functions[0]}, which the file does not say"
    for symbol, amount in added(torch, convention).items():
        yield f"{symbol} less the {amount:g} that is added to it when the layer runs"


def added(torch: TorchLayer, convention: Convention) -> Mapping[str, float]:
    """What is added to biases of this layer when it runs there."""
    return convention.added if torch.kind == "LSTM" else {}


def _biases(torch: TorchLayer, convention: Convention) -> Biases:
    if not torch.bias and not convention.has_biases:
        return "none"
    return max(convention.bias_vectors(torch.kind), key=["none", "one", "two"].index, default="none")


def _tensors(torch: TorchLayer, framework: Framework, *, exact: bool) -> Iterator[There]:
    """In the framework's order: by stacked layer and direction."""
    for layer in range(torch.depth):
        for direction in range(torch.directions):
            for tensor in stored(torch, framework.convention):
                if not (tensor.over_directions and direction):
                    yield _there(torch, framework, tensor, (layer, direction), exact=exact)


def _there(torch: TorchLayer, framework: Framework, tensor: Stored, place: tuple[int, int], *, exact: bool) -> There:
    layer, direction = place
    both = tensor.over_directions
    sizes = torch.sizes[layer]
    shape = tensor.shape(sizes, torch.directions)
    if shape is None:
        raise ValueError(f"{framework.title}: {tensor.role} has a symbol that torch's layer lacks")
    values = _Values(torch, framework.convention, exact)
    directions = range(torch.directions) if both else (direction,)
    blocks = tuple(block for each in directions for block in _blocks(tensor, sizes, each, values))
    source = ", ".join(values.source(tensor, torch.suffix(layer, each)) for each in directions) if exact else ""
    return There(
        name=framework.start(torch, layer, direction) + tensor.role,
        layer=None if torch.is_cell else layer,
        direction=None if torch.is_cell or both else DIRECTIONS[direction],
        source=source,
        order=order(tensor, torch.kind),
        shape=shape,
        blocks=blocks if len(blocks) > 1 else (),
    )


class _Values(NamedTuple):
    """What stands in tensors there, in torch's words. exact: in its own words where that is not what torch has."""

    torch: TorchLayer
    convention: Convention
    exact: bool

    def of(self, symbol: str) -> str:
        """`b_if + b_hf - 1`."""
        gate = symbol[-1]
        if symbol.startswith("W") or not self.exact:
            return symbol
        more = added(self.torch, self.convention).get(symbol, 0)
        less = f" - {more:g}" if more else ""
        if not self.torch.bias:
            return less.replace(" ", "") or "0"
        if of_torch(symbol, symbols_of(self.torch, self.convention)) == "bias":
            return f"b_i{gate} + b_h{gate}{less}"
        return symbol + less

    def source(self, tensor: Stored, suffix: str) -> str:
        """`weight_ih_l0`, `bias_ih_l0 + bias_hh_l0`, `weight_ih_l0, weight_hh_l0`."""
        if not tensor.is_matrix and not self.torch.bias:
            return ""
        symbols = symbols_of(self.torch, self.convention)
        if tensor.grid == (("W_hr",),) and self.torch.kind == "LSTM":
            return f"weight_hr{suffix}"
        names = dict.fromkeys(of_torch(symbol, symbols) for row in tensor.grid for symbol in row)
        both = f"bias_ih{suffix} + bias_hh{suffix}"
        return ", ".join(both if name == "bias" else name + suffix for name in names)


def _blocks(tensor: Stored, sizes: Mapping[str, Shape], direction: int, values: _Values) -> Iterator[Block]:
    """Every symbol of a tensor, with where it stands."""
    lead = [str(direction)] if tensor.over_directions else []
    for symbol, index in places(tensor, sizes):
        shape = sizes[symbol]
        if tensor.is_matrix and tensor.transposed:
            shape = shape[::-1]
        parts = (["0", *lead] if tensor.axes else lead) + index
        while parts and parts[-1] == ":":
            parts.pop()
        yield Block(values.of(symbol), f"[{', '.join(parts)}]", shape)
