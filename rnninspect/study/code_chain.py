"""A document in a line, from layer to layer."""

from __future__ import annotations

from rnninspect.document.chain import Spec
from rnninspect.layers.recurrent import Recurrent
from rnninspect.letters import open_shape_of, tuple_text


def chain(spec: Spec) -> str:
    """`x (20, 32) -> embed 300 -> encoder 2x50x2 -> head 10`, with the signs for arrows and times."""
    letters = spec.batch.letters | {"H_in": spec.links[0].signal.width or 0}
    parts = [f"x {tuple_text(open_shape_of(spec.inputs[0].axes, letters))}"]
    for link in spec.links:
        layer = link.layer
        if isinstance(layer, Recurrent):
            # What becomes of the output, where it is not handed on as it is: ` (sum, last)`.
            ways = f" ({', '.join(layer.ways_on.values())})" if layer.ways_on else ""
            sizes = [layer.depth] * (layer.depth > 1) + [layer.h_out] + [layer.directions] * (layer.directions > 1)
            parts.append(f"{layer.name} {'×'.join(map(str, sizes))}{ways}")
        else:
            after = layer.emits(link.signal)
            changed = [] if after.features == link.signal.width else [str(after.features)]
            if after.batch != link.signal.batch:
                changed.append(f"L {after.batch.letters['L']}")
            parts.append(f"{layer.name} {', '.join(changed)}".strip())
    return " → ".join(parts)
