"""A page for Python: printed it is text, in a notebook HTML, for scripts JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rnninspect.results.table import Block, Table


@dataclass(frozen=True)
class Page:
    """What something came to. ok: whether nothing is wrong."""

    blocks: Sequence[Block]
    last_line: str
    document: Callable[[], Mapping[str, object]] = field(repr=False)
    ok: bool

    def __str__(self) -> str:
        from rnninspect.formats import terminal

        return terminal.render(self.blocks, self.last_line, width=None, colour=False).rstrip("\n")

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from html import escape

        from rnninspect.formats import html

        tables = [html.table(block) for block in self.blocks if isinstance(block, Table)]
        return "\n".join([*tables, f"<p>{escape(self.last_line)}</p>"])

    def json(self) -> str:
        """One JSON object, as the commands print it with `--format json`."""
        from rnninspect.formats import json

        return json.render(self.document())
