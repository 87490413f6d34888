"""`--picture FILE`: the cell of one layer, its steps, or the whole model as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rnninspect.commands.shared.layers import recurrent_layers
from rnninspect.document.chain import Spec
from rnninspect.errors import OptionError, printable
from rnninspect.formats import Detail
from rnninspect.layers.recurrent import Recurrent
from rnninspect.markup import Markup
from rnninspect.output import write_text
from rnninspect.pictures.cell import TooLarge, svg_of
from rnninspect.pictures.flow import flow_svg
from rnninspect.pictures.model import model_svg
from rnninspect.results.cell_pictures import unrolled_of


def check_picture(path: Path, layer: str | None, detail: Detail | None) -> None:
    """Raise OptionError for a file name that is not of a picture that can be drawn, or a layer that is not all."""
    if path.suffix.lower() != ".svg":
        raise OptionError(f"--picture {printable(str(path))}: expected an .svg, got {_kind(path)} (name an .svg file)")
    if detail is Detail.LAYERS and layer is not None:
        raise OptionError("--detail layers: that draws the whole model (leave --layer out)")


def _kind(path: Path) -> str:
    return printable(path.suffix) or "a name without a suffix"


def save_picture(specs: Sequence[Spec], name: str | None, path: Path, detail: Detail) -> None:
    """Draw the only recurrent layer, or that called `name`, or the model.

    Raises OptionError where there are several, none, or one of too many operations or layers.
    """
    if len(specs) > 1:
        hint = "a picture is of one model" if detail is Detail.LAYERS else "a picture is of one layer: --layer NAME"
        raise OptionError(f"--picture: expected one model, got {len(specs)} ({hint})")
    write_text(f"{_drawn(specs[0], name, detail)}\n", path)


def _drawn(spec: Spec, name: str | None, detail: Detail) -> Markup:
    if detail is Detail.LAYERS:
        what, draw = spec.name, partial(model_svg, spec)
    else:
        layer = _only(spec, name)
        what, draw = layer.name, partial(svg_of, layer, operations=detail is Detail.OPERATIONS)
        if detail is Detail.STEPS:
            link = next(link for link in spec.links if link.layer is layer)
            return flow_svg(unrolled_of(link, layer), f"{layer.name} ({layer.type}): data flow")
    try:
        return draw()
    except TooLarge as error:
        option = "--picture" if detail is Detail.GATES else f"--detail {detail.value}"
        hint = " (leave --detail out)" if detail is Detail.OPERATIONS else ""
        raise OptionError(f"{option}: {printable(what)} has {error}{hint}") from None


def _only(spec: Spec, name: str | None) -> Recurrent:
    layers = recurrent_layers(spec, name)
    if len(layers) > 1:
        names = ", ".join(layer.name for layer in layers)
        raise OptionError(
            f"--picture: {printable(spec.source)} has {len(layers)} recurrent layers, and a picture is of one "
            f"(--layer NAME, of {printable(names)}; or --detail layers, the model)"
        )
    return layers[0]
