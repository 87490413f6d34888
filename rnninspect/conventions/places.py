"""Where each symbol stands in a stored tensor: as an index, and as an order in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate

from rnninspect.conventions.packing import Kind, Stored
from rnninspect.letters import Shape


def order(tensor: Stored, kind: Kind) -> str:
    """The gates of a tensor as they stand there: `i f g o in columns`; "" for what has none."""
    # why LSTM: a GRU calls the reset gate's matrix so.
    if kind == "RNN" or (kind == "LSTM" and tensor.grid == (("W_hr",),)):
        return ""
    if tensor.is_matrix:
        letters = " ".join(row[0][-1] for row in tensor.grid)
        where = "" if len(tensor.grid) == 1 or tensor.axes else " in columns" if tensor.transposed else " in rows"
        return f"{letters}{where}{', x above h' * (len(tensor.grid[0]) > 1)}"
    gates = [symbol[-1] for symbol in tensor.grid[0]]
    half = len(gates) // 2
    if len(tensor.grid) > 1:
        return f"{' '.join(gates)}, of x and of h in rows"
    if half and gates[:half] == gates[half:]:
        return f"{' '.join(gates[:half])} of x, then of h"
    return " ".join(gates)


def places(tensor: Stored, sizes: Mapping[str, Shape]) -> Iterator[tuple[str, list[str]]]:
    """Every symbol of one direction's part of a tensor, and its index there."""
    if tensor.axes:
        symbols = [row[0] for row in tensor.grid] if tensor.is_matrix else list(tensor.grid[0])
        for number, symbol in enumerate(symbols):
            gate = [] if "g" not in tensor.axes else [str(number)]
            yield symbol, [":", *gate] if tensor.is_matrix else gate
        return
    if not tensor.is_matrix:
        for number, row in enumerate(tensor.grid):
            lead = [str(number)] if len(tensor.grid) > 1 else []
            for symbol, part in zip(row, _slices([sizes[symbol][0] for symbol in row]), strict=True):
                yield symbol, [*lead, part]
        return
    rows = _slices([sizes[row[0]][0] for row in tensor.grid])
    columns = _slices([sizes[symbol][1] for symbol in tensor.grid[0]])
    for row, at_row in zip(tensor.grid, rows, strict=True):
        for symbol, at_column in zip(row, columns, strict=True):
            index = [at_row, at_column]
            yield symbol, index[::-1] if tensor.transposed else index


def _slices(lengths: list[int]) -> list[str]:
    """Parts of an axis one after another; the whole of it where there is one."""
    if len(lengths) == 1:
        return [":"]
    ends = list(accumulate(lengths))
    return [f"{end - length}:{end}" for length, end in zip(lengths, ends, strict=True)]
