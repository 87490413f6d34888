"""From a cell's packs to the parameters of a module: names, shapes, gate rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from rnninspect.cells.expressions import is_vector
from rnninspect.cells.packs import Pack, packs
from rnninspect.cells.tree import Cell
from rnninspect.cells.widths import Declared
from rnninspect.facts.weights import GateFact, Init, WeightFact
from rnninspect.letters import shape_of


def uniform(fan: int) -> Init:
    """U(-1/sqrt(fan), 1/sqrt(fan)): torch's law for every recurrent weight (fan = hidden_size) and for Linear."""
    return Init("uniform", bound=1 / math.sqrt(fan), torchs=True)


def cell_weights(
    cell: Cell,
    declared: Declared,
    sizes: Mapping[str, int],
    *,
    dtype: str,
    init: Init,
    trainable: bool,
    keras_biases: int | None = 1,
    suffix: str = "",
    layer: int | None = None,
    direction: str | None = None,
) -> Iterator[WeightFact]:
    """The parameters of one cell in torch's order; `suffix` is `_l0`, `_l1_reverse` or nothing.

    keras_biases: how many bias vectors a gate has in Keras, None where Keras has no such layer.
    """
    for pack in packs(cell, declared):
        gates = len(pack.blocks)
        columns = () if pack.columns is None else (pack.columns,)
        axes = (f"G*{pack.rows}" if gates > 1 else pack.rows, *columns)
        rows, *rest = shape_of((pack.rows, *columns), sizes)
        yield WeightFact(
            name=torch_name(pack.symbol) + suffix,
            symbol=pack.symbol,
            layer=layer,
            direction=direction,
            axes=axes,
            shape=(gates * rows, *rest),
            dtype=dtype,
            init=init,
            gates=_gates(pack, rows, tuple(rest)),
            trainable=trainable and not cell.fixed.issuperset(pack.blocks),
            recurrent=pack.recurrent,
            second_bias=pack.second,
            in_keras=None if keras_biases is None else keras_biases > 1 or not pack.second,
            directions=sizes.get("D", 1),
        )


def first_of(state: str) -> str:
    """What a state is called before the first step."""
    return f"{state}_0"


def torch_name(symbol: str) -> str:
    """`W_ih` -> `weight_ih`, `w_ci` -> `weight_ci`, `b_ih` -> `bias_ih`, `W` -> `weight`; `h_0` is as it is."""
    if is_vector(symbol):
        return symbol
    return {"W": "weight", "w": "weight", "b": "bias"}[symbol[0]] + symbol[1:]


def _gates(pack: Pack, rows: int, rest: tuple[int, ...]) -> tuple[GateFact, ...]:
    if len(pack.blocks) == 1:
        return ()
    return tuple(GateFact(name, (k * rows, (k + 1) * rows), (rows, *rest)) for k, name in enumerate(pack.blocks))
