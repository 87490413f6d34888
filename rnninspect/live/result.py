"""What comes back of a live module: its recurrent layers, to be printed, verified and timed."""

from __future__ import annotations

from dataclasses import dataclass

from rnninspect.live.page import Page
from rnninspect.live.records import LayerRecord, ModelRecord


@dataclass(frozen=True)
class LiveLayer(LayerRecord):
    """One recurrent layer of a live module, which can be verified and timed; what it holds, `LayerRecord` says."""

    def __repr__(self) -> str:
        """What Python's prompt shows: its fields are too many to read."""
        return f"LiveLayer({self.name!r}, {self.module_text})"

    def verify(self, seed: int = 0) -> Page:
        """Its equations in float64 against torch, with its own weights, on a random batch like the one that it read.

        The module itself is neither run nor changed. `.ok` says whether they agree; printed it is the page of
        `rnninspect verify`.
        """
        from rnninspect.live.weights import verify

        return verify([self], seed)

    def bench(self) -> Page:
        """Forward and backward timed on a batch like the one that it read, in a process of its own: some 20 s.

        Printed it is the page of `rnninspect bench --quick`.
        """
        from rnninspect.live.timing import bench

        return bench([self])


@dataclass(frozen=True)
class Inspected(ModelRecord):
    """The recurrent layers of a live module; printed, and in a notebook, a table. `ModelRecord` says what it holds."""

    layers: tuple[LiveLayer, ...]

    def __str__(self) -> str:
        return str(self._page())

    def __repr__(self) -> str:
        """What Python's prompt shows."""
        return str(self)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return self._page()._repr_html_()

    def __getitem__(self, name: str) -> LiveLayer:
        """The layer of that name."""
        for layer in self.layers:
            if name == layer.name or name in layer.names:
                return layer
        known = ", ".join(layer.name for layer in self.layers) or "none"
        raise KeyError(f"no recurrent layer {name!r} (known: {known})")

    def json(self) -> str:
        """One JSON object, as the commands print it with `--format json`, and under `live` what was seen."""
        return self._page().json()

    def verify(self, seed: int = 0) -> Page:
        """Every layer as `LiveLayer.verify` does it, on one page."""
        from rnninspect.live.weights import verify

        return verify(self.layers, seed)

    def bench(self) -> Page:
        """Every layer that ran as `LiveLayer.bench` does it, on one page."""
        from rnninspect.live.timing import bench

        return bench(self.layers)

    def _page(self) -> Page:
        from rnninspect.live.tables import last_line, live_document, tables

        return Page(tuple(tables(self)), last_line(self), lambda: live_document(self), ok=self.agrees)
