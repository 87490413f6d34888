"""Pictures of a model, and of its layers, as blocks of a page: flowcharts for Markdown, SVG for HTML."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from rnninspect.cells.write import shapes
from rnninspect.document.chain import Link, Spec
from rnninspect.layers.recurrent import Recurrent
from rnninspect.pictures.cell import TooLarge, mermaid_of, svg_of, title_of
from rnninspect.pictures.flow import flow_svg
from rnninspect.pictures.model import model_mermaid, model_svg
from rnninspect.pictures.style import style_sheet
from rnninspect.results.table import Block, Code, Drawing, Picture
from rnninspect.study.unrolled import Unrolled, unrolled_layer

_CLEARER = "explain --picture FILE.svg draws it with each state on a line of its own."
_CLEARER_MODEL = "explain --picture FILE.svg --detail layers draws it with each wire in a place of its own."


def model_flowchart(spec: Spec) -> Iterator[Block]:
    """The model for Markdown; nothing of one that is too large for a flowchart."""
    if lines := model_mermaid(spec):
        yield Code(title="the model", subject=spec.name, lines=lines, notes=(_CLEARER_MODEL,), language="mermaid")


def model_drawing(spec: Spec, prefix: str) -> Iterator[Block]:
    """The model for a page; nothing of one that is too large. prefix: what the ids in its picture begin with."""
    with suppress(TooLarge):
        picture = model_svg(spec, prefix=f"{prefix}-model", alone=False)
        yield Picture(title="the model", subject=spec.name, svg=picture, style=style_sheet())


def flowcharts(spec: Spec) -> dict[str, Block]:
    """By layer its cell for Markdown, which GitHub draws; without those that are too large for it."""
    return {
        layer.name: Code(title=title_of(layer), subject=spec.name, lines=lines, notes=(_CLEARER,), language="mermaid")
        for layer in _layers(spec)
        if (lines := mermaid_of(layer))
    }


def drawings(spec: Spec, prefix: str) -> dict[str, Block]:
    """By layer its cell for a page; without those too large. prefix: what the ids in its pictures begin with."""
    found: dict[str, Block] = {}
    for number, layer in enumerate(_layers(spec)):
        with suppress(TooLarge):
            picture = svg_of(layer, prefix=f"{prefix}-{number}", alone=False)
            found[layer.name] = Picture(title=title_of(layer), subject=spec.name, svg=picture, style=style_sheet())
    return found


def flow(unrolled: Unrolled, drawing: Drawing, prefix: str) -> Block:
    """A data flow for a page. prefix: what the ids in it begin with."""
    return Picture(
        title=drawing.title,
        subject=drawing.subject,
        svg=flow_svg(unrolled, drawing.title, prefix=prefix, alone=False),
        style=style_sheet(),
        notes=drawing.notes,
    )


def unrolled_of(link: Link, layer: Recurrent) -> Unrolled:
    """A recurrent layer of a model as it is unrolled."""
    return unrolled_layer(layer, layer.cell, link.signal, shapes(layer.cell, layer.declared(0), layer.sizes()))


def _layers(spec: Spec) -> Iterator[Recurrent]:
    return (link.layer for link in spec.links if isinstance(link.layer, Recurrent))
