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
from rnninspect.results.explain import Flows
from rnninspect.results.table import Block, Code, Drawing, Picture, Table
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


def flowcharts(spec: Spec, only: str | None) -> dict[str, Block]:
    """By layer its cell for Markdown, which GitHub draws; without those that are too large for it.

    only: of the layer of that name alone, None of all.
    """
    return {
        layer.name: Code(title=title_of(layer), subject=spec.name, lines=lines, notes=(_CLEARER,), language="mermaid")
        for layer in _layers(spec, only)
        if (lines := mermaid_of(layer))
    }


def drawings(spec: Spec, only: str | None, prefix: str) -> dict[str, Block]:
    """By layer its cell for a page, drawn once of layers alike; without those too large.

    only: see `flowcharts`. prefix: what the ids in its pictures begin with.
    """
    found: dict[str, Block] = {}
    drawn: list[tuple[Recurrent, str]] = []
    for number, layer in enumerate(_layers(spec, only)):
        title, cell = title_of(layer), layer.model_copy(update={"name": "", "init": None})
        # why no dict: a cell of a document's own cannot be hashed.
        first = next((name for other, name in drawn if other == cell), None)
        if first is not None:
            found[layer.name] = _as_above(title, spec.name, first)
            continue
        with suppress(TooLarge):
            picture = svg_of(layer, prefix=f"{prefix}-{number}", alone=False)
            found[layer.name] = Picture(title=title, subject=spec.name, svg=picture, style=style_sheet())
            drawn.append((cell, layer.name))
    return found


def flows(prefix: str) -> Flows:
    """What draws the data flows of a model for a page, each once. prefix: what the ids in them begin with."""
    drawn: dict[Unrolled, str] = {}

    def flow(unrolled: Unrolled, drawing: Drawing, layer: str) -> Block:
        first = drawn.setdefault(unrolled, layer)
        if first != layer:
            return _as_above(drawing.title, drawing.subject, first, *drawing.notes)
        return Picture(
            title=drawing.title,
            subject=drawing.subject,
            svg=flow_svg(unrolled, drawing.title, prefix=f"{prefix}-{layer}-steps", alone=False),
            style=style_sheet(),
            notes=drawing.notes,
        )

    return flow


def _as_above(title: str, subject: str, first: str, *notes: str) -> Block:
    """In place of a picture that differs from that of the layer `first` in nothing but the name."""
    told = f"The picture of {first} above is that of this layer too."
    return Table(title=title, subject=subject, columns=(), rows=(), notes=(told, *notes))


def unrolled_of(link: Link, layer: Recurrent) -> Unrolled:
    """A recurrent layer of a model as it is unrolled."""
    return unrolled_layer(layer, layer.cell, link.signal, shapes(layer.cell, layer.declared(0), layer.sizes()))


def _layers(spec: Spec, only: str | None) -> Iterator[Recurrent]:
    layers = (link.layer for link in spec.links if isinstance(link.layer, Recurrent))
    return (layer for layer in layers if only in (None, layer.name))
