"""The library of published cells: a row for each, where each is from, or all that the text of some says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnninspect.results.head import head, picked
from rnninspect.results.table import Block, Cell, Column, Drawing, Kind, Table
from rnninspect.shares import percent
from rnninspect.study.library import SIZE, PublishedFacts

_NAME = Column("name", "cell")
_YEAR = Column("year", "year", Kind.TEXT)
_COUNTS = (
    _NAME,
    _YEAR,
    Column("gates", "gates", Kind.COUNT),
    Column("weights", "weights", Kind.COUNT),
    Column("parameters", "parameters", Kind.COUNT),
    Column("parameters_lstm", "LSTM's", Kind.COUNT, for_scripts=True),
    Column("percent", "% of LSTM's", Kind.SHARE, for_eyes=True),
    Column("steps", "steps", for_eyes=True),
    Column("scannable", "scannable", for_scripts=True),
    Column("title", "what it is called", for_scripts=True),
    Column("source", "source", for_scripts=True),
)
_SOURCES = (_NAME, _YEAR, Column("source", "source"))
_VECTORS = (Column("symbol", "vector", Kind.SYMBOL), Column("meaning", "what it is"))
_NUMBERS = (Column("key", "key"), Column("default", "default"), Column("kind", "what it is"))


def cells_table(cells: Sequence[PublishedFacts], lstm: int) -> Table:
    """A row for each cell. lstm: the parameters of torch.nn.LSTM at the same size."""
    rows = tuple(_row(each, lstm) for each in cells)
    notes = (
        f"{len(cells)} cells; parameters at input_size = hidden_size = {SIZE}, where an LSTM has {lstm:,}",
        "steps: L, one after the other; log2 L, where each is linear in the state before, so that they can be scanned",
        "rnninspect cells NAME shows one, --sources who published each; a name is a layer's type: type: MGU",
    )
    return Table(title="cells", subject="library", columns=_COUNTS, rows=rows, notes=notes)


def _row(each: PublishedFacts, lstm: int) -> tuple[Cell, ...]:
    counts = (each.gates, each.weights, each.parameters, lstm, percent(each.parameters / lstm))
    scannable = str(each.scannable).lower()
    steps = "log2 L" if each.scannable else "L"
    return (each.name, str(each.cell.year), *counts, steps, scannable, each.cell.name, each.cell.source)


def sources_table(cells: Sequence[PublishedFacts]) -> Table:
    """Where each cell is from."""
    rows = tuple((each.name, str(each.cell.year), each.cell.source) for each in cells)
    return Table(title="sources", subject="library", columns=_SOURCES, rows=rows)


def text_blocks(each: PublishedFacts, lstm: int) -> Iterator[Block]:
    """All that the library says of a cell, and how a document has it."""
    cell, name = each.cell, each.name
    notes = tuple(_in_words(each, lstm))
    yield Table(title=cell.name, subject=name, columns=(), rows=(), notes=notes)
    yield Drawing(title="equations", subject=name, lines=tuple(cell.equations.rstrip().splitlines()))
    yield Table(title="vectors", subject=name, columns=_VECTORS, rows=tuple(cell.meanings.items()))
    numbers = [(key, str(value), _kind_of(each, key)) for key, value in cell.numbers.items()]
    if numbers:
        yield Table(title="keys of its own", subject=name, columns=_NUMBERS, rows=tuple(numbers))
    yield Drawing(title="in a document", subject=name, lines=tuple(_in_a_document(each)))


def _in_words(each: PublishedFacts, lstm: int) -> Iterator[str]:
    cell = each.cell
    yield f"from: {cell.source}"
    share = percent(each.parameters / lstm)
    yield f"{each.parameters:,} parameters at input_size = hidden_size = {SIZE}, {share:.1f} % of an LSTM's {lstm:,}"
    yield (
        "linear in the state before: it can be scanned in log2 L rounds"
        if each.scannable
        else "sequential: L steps, one after the other"
    )
    if cell.output is not None:
        yield f"output: {cell.output}"
    for words, block in (("starts as", cell.initial), ("width", cell.widths), ("first values", cell.init)):
        if block:
            yield f"{words}: {', '.join(f'{key} {value}' for key, value in block.items())}"
    if cell.fixed:
        yield f"not trained: {', '.join(cell.fixed)}"
    yield f"checked against: {cell.oracle}"


def _kind_of(each: PublishedFacts, key: str) -> str:
    widths = [name for name, width in each.cell.widths.items() if width == key]
    return f"width of {', '.join(widths)}" if key in each.cell.sizes else "a number in the equations"


def _in_a_document(each: PublishedFacts) -> Iterator[str]:
    own = "".join(f", {key}: {value}" for key, value in each.cell.numbers.items())
    yield "layers:"
    yield f"  - {{name: rnn, type: {each.name}, input_size: {SIZE}, hidden_size: {SIZE}{own}}}"


def cells_document(cells: Sequence[PublishedFacts], lstm: int) -> dict[str, object]:
    """The cells as one object, texts and all."""
    return {**head([], "plan", None), "cells": [_cell(each, lstm) for each in cells]}


def _cell(each: PublishedFacts, lstm: int) -> dict[str, object]:
    text = each.cell.model_dump(exclude={"name", "packing"})
    facts = {
        "name": each.name,
        "title": each.cell.name,
        **picked(each, "gates", "weights", "parameters"),
        "parameters_lstm": lstm,
        "scannable": each.scannable,
    }
    return {**facts, **text}
