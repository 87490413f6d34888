"""A layer of a live module verified: torch and the equations in float64, both with the module's own weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnninspect.document.chain import INPUT, Spec
from rnninspect.document.tree import Tree
from rnninspect.errors import AskedWrongly, CannotHere, CheckFailed, Place, printable
from rnninspect.facts.amounts import ITEM_BYTES
from rnninspect.layers.signal import ModelInput
from rnninspect.live.page import Page
from rnninspect.live.parameters import values_of
from rnninspect.live.records import LayerRecord
from rnninspect.results.caption import caption, each_once
from rnninspect.results.verify import verify_document, verify_tables
from rnninspect.runtime.device import find_device
from rnninspect.study.verify import Verified, verify_layers

# What a layer is verified on that read nothing, or nothing that is known.
_STEPS, _SEQUENCES = 5, 3


def verify(layers: Sequence[LayerRecord], seed: int) -> Page:
    """The page of `rnninspect verify`; `ok` says whether all tensors are within what rounding explains."""
    results = [_verified(layer, spec, seed) for layer, spec in [(layer, spec_of(layer)) for layer in layers]]
    if not results:
        raise AskedWrongly("expected a recurrent layer, got a module without any: there is nothing to verify")
    ok = all(result.ok for result in results)
    verdict = f"torch {results[0].torch} and the equations in float64 {'agree' if ok else 'differ'}"
    # why said: such a layer computes something else, which nothing here has looked at.
    own = each_once(
        f"torch.nn.{layer.type} with the weights of {layer.name}, not its own forward"
        if layer.own_forward
        else "its own weights"
        for layer in layers
    )
    return Page(
        [table for result in results for table in verify_tables(result)],
        caption(
            verdict,
            own,
            each_once(result.device for result in results),
            each_once(layer.dtype for layer in layers),
            f"seed {seed}",
        ),
        lambda: verify_document(results),
        ok=ok,
    )


def _verified(layer: LayerRecord, spec: Spec, seed: int) -> Verified:
    values = values_of(layer.module, [weight.name for weight in layer.facts.weights])
    return verify_layers(spec, find_device(spec.device, spec), seed, values={layer.name: values})


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
        inputs=(ModelInput(INPUT, link.signal),),
        device=layer.device,
        dtype=layer.dtype,
        links=(link,),
        tree=Tree(source=name, text="", data={}, values={(): place}, keys={}),
    )


def _first(layer: LayerRecord) -> str:
    return next((item.fact for item in layer.differences), "no plan")
