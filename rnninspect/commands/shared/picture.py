"""`--picture FILE`: the cell of one layer as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rnninspect.commands.shared.layers import recurrent_layers
from rnninspect.document.chain import Spec
from rnninspect.errors import OptionError, printable
from rnninspect.layers.recurrent import Recurrent
from rnninspect.output import write_text
from rnninspect.pictures.cell import TooLarge, svg_of


def check_picture(path: Path) -> None:
    """Raise OptionError for a file name that is not of a picture that can be drawn."""
    if path.suffix.lower() != ".svg":
        raise OptionError(f"--picture {printable(str(path))}: expected an .svg, got {_kind(path)} (name an .svg file)")


def _kind(path: Path) -> str:
    return printable(path.suffix) or "a name without a suffix"


def save_picture(specs: Sequence[Spec], name: str | None, path: Path, *, operations: bool) -> None:
    """Draw the only recurrent layer, or that called `name`.

    Raises OptionError where there are several, none, or one of too many operations.
    """
    if len(specs) > 1:
        raise OptionError(f"--picture: expected one model, got {len(specs)} (a picture is of one layer: --layer NAME)")
    layer = _only(specs[0], name)
    try:
        picture = svg_of(layer, operations=operations)
    except TooLarge as error:
        option, hint = ("--detail operations", " (leave --detail out)") if operations else ("--picture", "")
        raise OptionError(f"{option}: {printable(layer.name)} has {error}{hint}") from None
    write_text(f"{picture}\n", path)


def _only(spec: Spec, name: str | None) -> Recurrent:
    layers = recurrent_layers(spec, name)
    if len(layers) > 1:
        names = ", ".join(layer.name for layer in layers)
        raise OptionError(
            f"--picture: {printable(spec.source)} has {len(layers)} recurrent layers, and a picture is of one "
            f"(--layer NAME, of {printable(names)})"
        )
    return layers[0]
