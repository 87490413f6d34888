"""A layer of torch's, as a translation needs it: what it is, and the shape of every symbol of its equations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rnninspect.conventions.packing import Kind
from rnninspect.layers.gru import GRU, GRUCell
from rnninspect.layers.layer import Layer
from rnninspect.layers.lstm import LSTM, LSTMCell
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.rnn import RNN, RNNCell
from rnninspect.letters import DIRECTIONS, Shape

_KINDS: Mapping[type[Layer], Kind] = {
    RNN: "RNN",
    RNNCell: "RNN",
    LSTM: "LSTM",
    LSTMCell: "LSTM",
    GRU: "GRU",
    GRUCell: "GRU",
}


class TorchLayer(NamedTuple):
    """torch.nn.RNN, LSTM, GRU or a cell of one. is_cell: it is a cell. depth: how many are stacked.

    function: of an RNN, tanh or relu, "" where nobody says which. sizes: by stacked layer the shape of every symbol.
    """

    name: str
    type: str
    kind: Kind
    is_cell: bool
    input_size: int
    hidden_size: int
    proj_size: int
    depth: int
    directions: int
    bias: bool
    function: str
    sizes: tuple[Mapping[str, Shape], ...]

    @property
    def made(self) -> str:
        """The call that makes it."""
        parts = [str(self.input_size), str(self.hidden_size)]
        parts += [f"num_layers={self.depth}"] if self.depth > 1 else []
        parts += [] if self.bias else ["bias=False"]
        parts += ["bidirectional=True"] if self.directions > 1 else []
        parts += [f"proj_size={self.proj_size}"] if self.proj_size else []
        parts += [f'nonlinearity="{self.function}"'] if self.function == "relu" else []
        return f"torch.nn.{self.type}({', '.join(parts)})"

    def suffix(self, layer: int, direction: int) -> str:
        """What torch's names end with: `_l0_reverse`, nothing for a cell."""
        return "" if self.is_cell else f"_l{layer}" + "_reverse" * direction


def torch_layer(layer: Layer, *, knows_function: bool = True) -> TorchLayer | None:
    """A fitted layer of torch's; None for one with other equations. knows_function: an RNN's is said somewhere.

    why not by isinstance: a layer that was found in a file may have equations of its own in a class that derives.
    """
    kind = _KINDS.get(type(layer))
    if kind is None or not isinstance(layer, Recurrent):
        return None
    return TorchLayer(
        name=layer.name,
        type=layer.type,
        kind=kind,
        is_cell=layer.type.endswith("Cell"),
        input_size=layer.width_in,
        hidden_size=layer.hidden_size,
        proj_size=layer.proj_size if isinstance(layer, LSTM) else 0,
        depth=layer.depth,
        directions=layer.directions,
        bias=layer.bias,
        function=layer.nonlinearity if isinstance(layer, RNN | RNNCell) and knows_function else "",
        sizes=tuple(_with_biases(sizes) for (_, direction), sizes in symbol_sizes(layer).items() if direction == 0),
    )


def symbol_sizes(layer: Recurrent) -> dict[tuple[int, int], dict[str, Shape]]:
    """The shape of every symbol of the equations, by stacked layer and direction."""
    found: dict[tuple[int, int], dict[str, Shape]] = {}
    for weight in layer.weights("float32"):
        place = (weight.layer or 0, DIRECTIONS.index(weight.direction) if weight.direction else 0)
        of = found.setdefault(place, {})
        of |= {gate.name: gate.shape for gate in weight.gates} or {weight.symbol: weight.shape}
    return found


def _with_biases(sizes: Mapping[str, Shape]) -> dict[str, Shape]:
    """With every bias vector that another framework may have: each gate's is as long as its matrix has rows."""
    gates = {symbol[-1]: shape[:1] for symbol, shape in sizes.items() if symbol.startswith("W_i")}
    return {**sizes, **{start + gate: shape for gate, shape in gates.items() for start in ("b_", "b_i", "b_h")}}
