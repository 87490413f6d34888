"""A page for Python: printed, and at a prompt, it is text, in a notebook HTML, for scripts JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rnninspect.errors import printable
from rnninspect.output import terminal_width
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

        return terminal.render(self.blocks, self.last_line, width=terminal_width(), colour=False).rstrip("\n")

    def __repr__(self) -> str:
        """What Python's prompt shows."""
        return str(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from html import escape

        from rnninspect.formats import html_table

        tables = [block for block in self.blocks if isinstance(block, Table)]
        # why apart: a table that has no columns is its notes.
        texts = [html_table.notebook(table) if table.columns else escape(table.title) for table in tables]
        notes = [note for table in tables if not table.columns for note in table.notes]
        return "\n".join([*texts, *(f"<p>{escape(printable(text))}</p>" for text in (*notes, self.last_line))])

    def json(self) -> str:
        """One JSON object, as the commands print it with `--format json`."""
        from rnninspect.formats import json

        return json.render(self.document())
