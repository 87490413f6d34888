"""The recurrent layers of a document that a command is about, `--layer NAME`, and what else is chosen by its number."""

from __future__ import annotations

from rnninspect.document.chain import Spec
from rnninspect.errors import OptionError, did_you_mean, printable
from rnninspect.layers.recurrent import Recurrent


def recurrent_layers(spec: Spec, name: str | None) -> list[Recurrent]:
    """The recurrent layer called `name`, or all. Raises OptionError where there is none."""
    layers = {link.layer.name: link.layer for link in spec.links if isinstance(link.layer, Recurrent)}
    source = printable(spec.source)
    if not layers:
        raise OptionError(f"{source}: none of its layers is recurrent, so there are no steps to look at")
    if name is None:
        return list(layers.values())
    if name not in layers:
        others = {link.layer.name: link.layer.type for link in spec.links}
        what = f"expected a recurrent layer, got {others[name]}" if name in others else "not in the document"
        raise OptionError(f"--layer {printable(name)}: {what} ({did_you_mean(name, layers)})")
    return [layers[name]]


def up_to(count: int, whole: str, part: str) -> str:
    """What may be chosen of something that has so many parts, from 0: `0 to 5, the input has 6 steps`."""
    return f"0 to {count - 1}, {whole} has {count} {part}s" if count > 1 else f"0, {whole} has 1 {part}"
