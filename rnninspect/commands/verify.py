"""`rnninspect verify`: what torch computed against the equations in float64."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rnninspect.commands.shared.messages import complain
from rnninspect.commands.shared.options import TorchOptions
from rnninspect.errors import CheckFailed, printable

if TYPE_CHECKING:
    import torch

    from rnninspect.document.chain import Spec
    from rnninspect.study.two_ways import Proof
    from rnninspect.study.verify import Verified, VerifiedLayer

EXAMPLES = (
    "rnninspect verify model.yaml",
    "rnninspect verify model.yaml --dtype bfloat16",
    "rnninspect verify model.yaml --output verified.json",
)


def run(options: TorchOptions) -> int:
    """Print every tensor's error and what it is held to; 1 where one is beyond it."""
    from rnninspect.commands.shared.built_models import examine_all
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.results.verify import verify_document, verify_tables

    def examine(spec: Spec, device: torch.device, prepared: None) -> Verified:
        from rnninspect.study.verify import verify_layers

        return verify_layers(spec, device, options.seed)

    results, code = examine_all(options, lambda spec: None, examine)
    for result in results:
        if not result.ok:
            code = max(code, complain(_failure(result)))
    if results:
        tables = [table for result in results for table in verify_tables(result)]
        if options.format == "csv":
            # why: what reads CSV takes one table, with one header.
            tables = [table for table in tables if table.title == "verify"]
        print_page(options.format, tables, lambda: verify_document(results), _caption(results), options.output)
    return code


def _failure(result: Verified) -> CheckFailed:
    bad = [(layer, tensor) for layer in result.layers for tensor in layer.tensors if not tensor.ok]
    if not bad:
        return _failed_proof(result)
    layer, worst = max(bad, key=lambda pair: pair[1].relative / pair[1].allowed)
    return CheckFailed(
        f"{printable(result.model.source)}: torch and the equations differ in {len(bad)} tensors, most in layer "
        f"{layer.name!r}, {worst.name}: {worst.relative:,.4g} epsilons, {worst.allowed:,.4g} are allowed"
    )


def _failed_proof(result: Verified) -> CheckFailed:
    layer, proof = next((layer, proof) for layer, proof in _proofs(result.layers) if proof.ok is False)
    differ = "its gradients and central differences" if proof.what == "slope" else "its equations run in two ways"
    about = f", most in {proof.tensor}" if proof.tensor else ""
    return CheckFailed(
        f"{printable(result.model.source)}: layer {layer.name!r}: {differ} differ in float64{about}: by "
        f"{proof.relative:.4g}, {proof.allowed:.4g} is allowed"
    )


def _caption(results: list[Verified]) -> str:
    from rnninspect.results.caption import caption, each_once

    layers = [(layer, layer.name in result.not_in_torch) for result in results for layer in result.layers]
    in_torch = [layer for layer, lacks in layers if not lacks]
    own = [layer for layer, lacks in layers if lacks]
    first, held = results[0], "the equations in float64"
    answers = []
    if in_torch:
        answers.append(f"torch {first.torch} and {held} {_agree(in_torch)}")
    if own:
        twice = " and differentiated in two" if all(proof.ok is not None for _, proof in _proofs(own)) else ""
        types = each_once(layer.type for layer in own)
        answers.append(f"torch has no {types}: its equations, run in two ways{twice}, {_agree(own)}")
    if not layers:
        answers.append(f"torch {first.torch} and {held} were not compared: no layer has any")
    return caption(
        "; ".join(answers),
        each_once(result.device for result in results),
        each_once(result.model.dtype for result in results),
        f"seed {first.seed}",
    )


def _agree(layers: list[VerifiedLayer]) -> str:
    return "agree" if all(layer.ok for layer in layers) else "differ"


def _proofs(layers: Iterable[VerifiedLayer]) -> Iterator[tuple[VerifiedLayer, Proof]]:
    return ((layer, proof) for layer in layers for proof in layer.proofs)
