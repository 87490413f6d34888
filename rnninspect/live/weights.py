"""A layer of a live module verified: torch and the equations in float64, both with the module's own weights."""

from __future__ import annotations

from dataclasses import replace

from rnninspect.document.chain import Spec
from rnninspect.document.tree import Tree
from rnninspect.errors import CannotHere, CheckFailed, Place, printable
from rnninspect.facts import ITEM_BYTES
from rnninspect.live.page import Page
from rnninspect.live.parameters import values_of
from rnninspect.live.records import LayerRecord
from rnninspect.results.caption import caption
from rnninspect.results.verify import verify_document, verify_tables

# What a layer is verified on that read nothing, or nothing that is known.
_STEPS, _SEQUENCES = 5, 3


def verify_layer(layer: LayerRecord, seed: int) -> Page:
    """The page of `rnninspect verify`; `ok` says whether all tensors are within what rounding explains."""
    spec = spec_of(layer)
    from rnninspect.runtime.device import find_device
    from rnninspect.study.verify import verify_layers

    values = values_of(layer.module, [weight.name for weight in layer.facts.weights])
    result = verify_layers(spec, find_device(spec.device, spec), seed, values={layer.name: values})
    verdict = f"torch {result.torch} and the equations in float64 {'agree' if result.ok else 'differ'}"
    own = f"torch.nn.{layer.type} with its weights, not its own forward" if layer.own_forward else "its own weights"
    return Page(
        verify_tables(result),
        caption(verdict, own, result.device, layer.dtype, f"seed {seed}"),
        lambda: verify_document([result]),
        ok=result.ok,
    )


def spec_of(layer: LayerRecord) -> Spec:
    """The layer as a model of its own, on a batch like the one that it read."""
    name = printable(layer.name)
    if layer.link is None or not layer.agrees:
        raise CheckFailed(f"{name}: it is not what its plan says ({_first(layer)}), so there is nothing to run")
    if layer.device == "meta":
        raise CannotHere(f"{name}: it is on meta, where nothing has values (module.to_empty(device='cpu') first)")
    if layer.dtype not in ITEM_BYTES:
        raise CannotHere(f"{name}: its weights are {layer.dtype}, expected one of {', '.join(ITEM_BYTES)}")
    link = layer.link
    if link.signal.batch.is_open:
        batch = replace(link.signal.batch, size=_SEQUENCES, seq_len=_STEPS)
        link = replace(link, signal=replace(link.signal, batch=batch))
    place = Place(name)
    return Spec(
        name=name,
        source=name,
        batch=link.signal.batch,
        device=layer.device,
        dtype=layer.dtype,
        links=(link,),
        tree=Tree(source=name, text="", data={}, values={(): place}, keys={}),
    )


def _first(layer: LayerRecord) -> str:
    return next((item.fact for item in layer.differences), "no plan")
