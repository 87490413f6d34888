"""The recurrent layers of a document that a command is about, `--layer NAME`, and what else is chosen by its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnninspect.document.chain import Spec
from rnninspect.errors import OptionError, did_you_mean, printable
from rnninspect.layers.layer import Layer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Batch


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


def batch_of(spec: Spec, layer: Layer) -> Batch:
    """The batch that a layer of the model reads: behind a convolution its sequences have other lengths."""
    return next(link.signal.batch for link in spec.links if link.layer is layer)


def whose_steps(spec: Spec, layer: Layer, sequence: str = "") -> str:
    """What has the steps that a layer runs over: the input, or a sequence; or what it reads, where that has others."""
    if batch_of(spec, layer) == spec.batch:
        return sequence or "the input"
    return f"{sequence} of what layer {layer.name!r} reads".removeprefix(" of ")


def with_steps(specs: Sequence[Spec], name: str | None) -> list[Spec]:
    """The models but for those of a printed module that lack the layer called `name`, or any recurrent one.

    why of that alone: there each layer is a model by itself. Where none of its layers is one, all are kept, to be told.
    """
    chosen = [[link for link in spec.links if name in (None, link.layer.name)] for spec in specs]
    has = [any(isinstance(link.layer, Recurrent) for link in links) for links in chosen]
    some = {spec.source for spec, steps in zip(specs, has, strict=True) if steps}
    kept: list[Spec] = []
    notes: list[str] = []
    for spec, steps in zip(specs, has, strict=True):
        if spec.printed and not steps and spec.source in some:
            notes += spec.notes
            continue
        kept.append(replace(spec, notes=(*notes, *spec.notes)))
        notes = []
    return [*kept[:-1], replace(kept[-1], notes=(*kept[-1].notes, *notes))] if kept else kept


def up_to(count: int, whole: str, part: str) -> str:
    """What may be chosen of something that has so many parts, from 0: `0 to 5, the input has 6 steps`."""
    return f"0 to {count - 1}, {whole} has {count} {part}s" if count > 1 else f"0, {whole} has 1 {part}"
