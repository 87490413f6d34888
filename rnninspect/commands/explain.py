"""`rnninspect explain`: a document as Python, its layers in words, equations and a picture, with their sizes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from rnninspect.commands.shared.messages import say_notes
from rnninspect.commands.shared.options import HOW_TO_PRINT, Files, LayerName, Output, Settings
from rnninspect.errors import OptionError, did_you_mean, printable
from rnninspect.formats import ExplainFormat

if TYPE_CHECKING:
    from rnninspect.document.chain import Spec

EXAMPLES = (
    "rnninspect explain model.yaml",
    "rnninspect explain model.yaml --layer encoder",
    "rnninspect explain model.yaml --code --output model.py",
)


@dataclass(frozen=True, kw_only=True)
class ExplainOptions:
    """What `explain` takes."""

    files: Files
    layer: LayerName = None
    code: Annotated[
        bool, typer.Option("--code", help="Print only a Python script: the document as a torch.nn.Module.")
    ] = False
    settings: Settings = field(default_factory=list)
    format: Annotated[ExplainFormat, HOW_TO_PRINT] = ExplainFormat.TABLE
    output: Output = None


def run(options: ExplainOptions) -> int:
    """Explain the layers of every document; returns the exit code, 2 where a document is not sound."""
    from rnninspect.commands.shared.files import load_all
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.output import write_text
    from rnninspect.results.caption import PLAN, caption, each_once
    from rnninspect.results.explain import explain_blocks, sketch_blocks
    from rnninspect.study.code import code as script
    from rnninspect.study.code import sketch
    from rnninspect.study.explain import explain_layers

    if options.code:
        _check_alone(options)
    specs, code = load_all(options.files, options.settings, output=options.output)
    if code:
        return code
    for spec in specs:
        _check_layer(spec, options.layer)
        say_notes(spec.notes)
    if options.code:
        write_text(script(specs[0]), options.output)
        return 0
    blocks = [
        block
        for spec in specs
        for block in (
            *sketch_blocks(sketch(spec, options.layer)),
            *explain_blocks(explain_layers(spec, options.layer)),
        )
    ]
    source = caption(PLAN, each_once(spec.dtype for spec in specs))
    print_page(options.format, blocks, dict, source, options.output)
    return 0


def _check_alone(options: ExplainOptions) -> None:
    """Raise OptionError for what does not go with --code: it is one model, whole, in Python."""
    if len(options.files) > 1:
        raise OptionError(f"--code: expected one document, got {len(options.files)} (a script is one model)")
    if options.layer is not None:
        raise OptionError("--code: the script is the whole model (leave --layer out)")
    if options.format is not ExplainFormat.TABLE:
        raise OptionError(
            f"--code: the script is Python, not {options.format.value} (leave --format out, and name a .py)"
        )


def _check_layer(spec: Spec, layer: str | None) -> None:
    names = [link.layer.name for link in spec.links]
    if layer is not None and layer not in names:
        raise OptionError(
            f"--layer {printable(layer)}: {printable(spec.source)} has no such layer ({did_you_mean(layer, names)})"
        )
