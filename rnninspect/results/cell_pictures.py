"""Pictures of cells as blocks of a page: flowcharts for Markdown, SVG for HTML."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from rnninspect.document.chain import Spec
from rnninspect.layers.recurrent import Recurrent
from rnninspect.pictures.cell import TooLarge, mermaid_of, svg_of, title_of
from rnninspect.pictures.style import style_sheet
from rnninspect.results.flow_picture import flow_picture
from rnninspect.results.table import Block, Code, Drawing, Picture
from rnninspect.study.unrolled import Unrolled

_CLEARER = "explain --picture FILE.svg draws it with each state on a line of its own."


def flowcharts(spec: Spec) -> dict[str, Block]:
    """By layer its cell for Markdown, which GitHub draws; without those that are too large for it."""
    drawn = {layer: mermaid_of(layer) for layer in _layers(spec)}
    return {
        layer.name: Code(title=title_of(layer), subject=spec.name, lines=lines, notes=(_CLEARER,), language="mermaid")
        for layer, lines in drawn.items()
        if lines
    }


def drawings(spec: Spec, prefix: str) -> dict[str, Block]:
    """By layer its cell for a page; without those too large. prefix: what the ids in its pictures begin with."""
    found: dict[str, Block] = {}
    for number, layer in enumerate(_layers(spec)):
        with suppress(TooLarge):
            picture = svg_of(layer, prefix=f"{prefix}-{number}", alone=False)
            found[layer.name] = Picture(title=title_of(layer), subject=spec.name, svg=picture, style=style_sheet())
    return found


def flow(unrolled: Unrolled, drawing: Drawing) -> Block:
    """A data flow for a page."""
    return Picture(
        title=drawing.title,
        subject=drawing.subject,
        svg=flow_picture(unrolled, drawing.title, " ".join(drawing.notes)),
        style=style_sheet(),
        notes=drawing.notes,
    )


def _layers(spec: Spec) -> Iterator[Recurrent]:
    return (link.layer for link in spec.links if isinstance(link.layer, Recurrent))
