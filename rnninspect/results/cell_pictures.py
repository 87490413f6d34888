"""Pictures of cells as blocks of a page."""

from __future__ import annotations

from rnninspect.document.chain import Spec
from rnninspect.layers.recurrent import Recurrent
from rnninspect.pictures.cell import mermaid_of, title_of
from rnninspect.results.table import Block, Code

_CLEARER = "explain --picture FILE.svg draws it with each state on a line of its own."


def flowcharts(spec: Spec) -> dict[str, Block]:
    """By layer its cell for Markdown, which GitHub draws; without those that are too large for it."""
    drawn = {link.layer: mermaid_of(link.layer) for link in spec.links if isinstance(link.layer, Recurrent)}
    return {
        layer.name: Code(title=title_of(layer), subject=spec.name, lines=lines, notes=(_CLEARER,), language="mermaid")
        for layer, lines in drawn.items()
        if lines
    }
