"""`rnninspect explain`: layers in words, equations and a picture, with the sizes of this document."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rnninspect.commands.shared.files import load_all
from rnninspect.commands.shared.render import render
from rnninspect.commands.shared.say import say
from rnninspect.document.chain import Spec
from rnninspect.errors import OptionError, did_you_mean, printable
from rnninspect.formats import ExplainFormat
from rnninspect.output import write_text
from rnninspect.results.explain import explain_blocks
from rnninspect.study.explain import explain as explained


class Explain(NamedTuple):
    """What `explain` was asked for. layer: the only one to explain, None for all."""

    files: list[str]
    layer: str | None
    settings: list[str]
    format: ExplainFormat
    output: Path | None


def explain(asked: Explain) -> int:
    """Explain the layers of every document; returns the exit code, 2 where a document is not sound."""
    specs, code = load_all(asked.files, asked.settings, output=asked.output)
    if code:
        return code
    for spec in specs:
        _check_layer(spec, asked.layer)
        for note in spec.notes:
            say(f"note: {note}")
    blocks = [block for spec in specs for block in explain_blocks(explained(spec, asked.layer))]
    dtypes = ", ".join(dict.fromkeys(spec.dtype for spec in specs))
    caption = f"plan: from the equations alone, torch was not asked · {dtypes}"
    write_text(render(asked.format, blocks, dict, caption, asked.output), asked.output)
    return 0


def _check_layer(spec: Spec, layer: str | None) -> None:
    names = [link.layer.name for link in spec.links]
    if layer is not None and layer not in names:
        raise OptionError(
            f"--layer {printable(layer)}: {printable(spec.source)} has no such layer ({did_you_mean(layer, names)})"
        )
