"""The cells that tests of pictures draw: torch's own, and all of the library."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from drawn_geometry import bridges

from rnninspect.cells.notation import Shapes
from rnninspect.cells.write import shapes
from rnninspect.document.library import library_names, published
from rnninspect.layers.defined import kind_from
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.registry import TYPES, kind_of
from rnninspect.pictures.cell import MOST_OPERATIONS, svg_of
from rnninspect.pictures.gates import graph_of
from rnninspect.pictures.graph import Graph
from rnninspect.pictures.layout import layout
from rnninspect.pictures.scene import Picture

GOLDEN = Path(__file__).parent / "goldens" / "pictures.json"
WIDTH, HIDDEN = 300, 50
# Those whose equations add the input to what is hidden.
_AS_WIDE = {"GNMTLSTM", "IntersectionRNN", "RGLRU"}
OF_TORCH = ("RNN", "LSTM", "GRU", "JordanRNN")
NAMES = (*OF_TORCH, *library_names())


def layer_of(name: str, **options: object) -> Recurrent:
    kind = kind_of(name) if name in TYPES else kind_from(name, published(name))
    width = HIDDEN if name in _AS_WIDE else WIDTH
    own = {"output_size": 10} if name == "JordanRNN" else {}
    given = {"name": "a", "type": name, "input_size": width, "hidden_size": HIDDEN, **own, **options}
    layer = kind.model_validate(given)
    assert isinstance(layer, Recurrent)
    return layer


def shape_of(layer: Recurrent, stacked: int = 0) -> Shapes:
    return shapes(layer.cell, layer.declared(stacked), layer.sizes())


@cache
def graph(name: str, operations: bool = False) -> Graph:
    layer = layer_of(name)
    return graph_of(layer.cell, shape_of(layer), operations=operations)


@cache
def picture(name: str, operations: bool = False) -> Picture:
    return layout(graph(name, operations))


@cache
def drawn(operations: bool) -> tuple[str, ...]:
    """The cells that are drawn with a node for each gate: all; or for each operation: those that have few enough."""
    return tuple(name for name in NAMES if not operations or len(graph(name, True).nodes) <= MOST_OPERATIONS)


def figures() -> dict[str, dict[str, tuple[int, int, int]]]:
    """By detail and cell: how many wires cross, and the picture's width and height in pixels."""
    return {
        detail: {
            name: (bridges(drawing), drawing.width, drawing.height)
            for name in drawn(operations)
            for drawing in [picture(name, operations)]
        }
        for detail, operations in (("gates", False), ("operations", True))
    }


def digest() -> str:
    """Of some pictures, all their bytes."""
    texts = [svg_of(layer_of(name)) for name in ("LSTM", "GRU", "PeepholeLSTM", "sLSTM", "RWKV4", "coRNN")]
    return hashlib.sha256("".join(texts).encode()).hexdigest()


if __name__ == "__main__":  # a change that is meant: PYTHONPATH=. python tests/drawn_cells.py
    lines = [
        f' "{detail}": {{\n' + ",\n".join(f'  "{name}": {list(numbers)}' for name, numbers in by_name.items()) + "\n }"
        for detail, by_name in figures().items()
    ]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
