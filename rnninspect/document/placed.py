"""A layer of the model before it is fitted to what it reads."""

from __future__ import annotations

from typing import NamedTuple

from rnninspect.document.complaints import fault_at
from rnninspect.document.paths import Path
from rnninspect.document.tree import Tree
from rnninspect.errors import DocumentError
from rnninspect.facts.wires import Wires
from rnninspect.layers.layer import Layer, Misfit
from rnninspect.layers.signal import Signal


class Placed(NamedTuple):
    """A layer, where the document has it, and what it says of its wires, as it is written; None where nothing."""

    layer: Layer
    path: Path
    wires: Wires | None = None


def misfit_at(misfit: Misfit, layer: Layer, path: Path, tree: Tree) -> DocumentError:
    """The fault of a layer, which stands at `path`, that does not fit what it is fed with."""
    message = f"layer {layer.name!r}: {misfit.message}"
    return fault_at((*path, *misfit.field.split(".")), tree, message, misfit.hint)


def without_fit(misfit: Misfit, layer: Layer, signal: Signal) -> Signal | None:
    """What a layer that does not fit would put out; None where its own sizes do not say."""
    if misfit.field in ("type", "proj_size"):
        return None
    try:
        return layer.emits(signal)
    except ValueError:
        return None
