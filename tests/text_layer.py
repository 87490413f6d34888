"""A layer of any text, as a kind would be: for tests of what is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from typing_extensions import override

from rnninspect.cells.language import parse
from rnninspect.cells.tree import Cell
from rnninspect.cells.widths import Declared, declare
from rnninspect.layers.families import StackedLayer


class TextLayer(StackedLayer):
    """`entry` holds what a library's file does."""

    entry: ClassVar[Mapping[str, Any]]

    type: str

    @override
    def equations(self) -> str:
        return str(self.entry["equations"])

    @property
    @override
    def cell(self) -> Cell:
        return cell_of(self.entry, bias=self.bias)

    @override
    def vector_widths(self) -> Declared:
        return declared_of(self.entry)

    @property
    @override
    def h_out(self) -> int:
        own = self.entry.get("widths", {}).get(self.cell.output, "hidden_size")
        return int(self.entry.get("sizes", {}).get(own, self.hidden_size))

    @override
    def sizes(self) -> dict[str, int]:
        return super().sizes() | dict(self.entry.get("sizes", {}))


def cell_of(entry: Mapping[str, Any], *, bias: bool = True) -> Cell:
    """The cell of a library's file."""
    return parse(
        entry["equations"],
        bias=bias,
        output=entry.get("output"),
        numbers=tuple({**entry.get("constants", {}), **entry.get("sizes", {})}.items()),
        fixed=tuple(entry.get("fixed", ())),
    )


def declared_of(entry: Mapping[str, Any]) -> Declared:
    """The widths that it says."""
    words = {"hidden_size": "H_cell", "input_size": "H_in"}
    own = {name: words.get(str(width), str(width)) for name, width in entry.get("widths", {}).items()}
    return declare(cell_of(entry), own)


def layer_of(entry: Mapping[str, Any], **options: Any) -> TextLayer:
    """A layer that has its sizes."""

    class Made(TextLayer):
        pass

    Made.entry = entry
    return Made(type="Text", name="text", **options)
