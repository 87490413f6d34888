"""`rnninspect verify`: what torch computed against the equations in float64."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rnninspect.commands.shared.messages import complain
from rnninspect.commands.shared.options import TorchOptions, option
from rnninspect.errors import CheckFailed, OptionError, printable

if TYPE_CHECKING:
    import torch

    from rnninspect.document.chain import Spec
    from rnninspect.study.name_map import Theirs
    from rnninspect.study.two_ways import Proof
    from rnninspect.study.verify import Verified, VerifiedLayer

EXAMPLES = (
    "rnninspect verify model.yaml",
    "rnninspect verify model.yaml --dtype bfloat16",
    "rnninspect verify model.yaml --output verified.json",
)


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(TorchOptions):
    """The options of `verify`."""

    against: Annotated[
        str | None,
        option(
            "MODULE:CLASS",
            "Hold a layer against this class too. This imports and runs its code, in this process; the current "
            "folder is searched last.",
        ),
    ] = None
    map: Annotated[
        Path | None, option("FILE", "A YAML mapping of the layer's parameters to the class's, and how that is called.")
    ] = None


def run(options: VerifyOptions) -> int:
    """Print every tensor's error and what it is held to; 1 where one is beyond it."""
    from rnninspect.commands.shared.built_models import examine_all
    from rnninspect.commands.shared.rendering import print_page
    from rnninspect.results.verify import verify_document, verify_tables

    def examine(spec: Spec, device: torch.device, against: Theirs | None) -> Verified:
        from rnninspect.study.verify import verify_layers

        return verify_layers(spec, device, options.seed, against)

    if options.against is None and options.map is not None:
        raise OptionError("--map is for --against MODULE:CLASS")
    if options.against is not None and len(options.files) > 1:
        raise OptionError(f"--against is for one document, {len(options.files)} are named")
    results, code = examine_all("verify", options, lambda spec: _against(options), examine)
    for result in results:
        if not result.ok:
            code = max(code, complain(_failure(result)))
    if results:
        tables = [table for result in results for table in verify_tables(result)]
        print_page(options.format, tables, lambda: verify_document(results), _caption(results), options.output)
    return code


def _against(options: VerifyOptions) -> Theirs | None:
    if options.against is None:
        return None
    from rnninspect.study.name_map import read_against  # why here: few command lines ask for it

    if options.map is not None:
        from rnninspect.commands.shared.files import refuse_to_replace

        refuse_to_replace(options.map, options.output, "--map's file")
    return read_against(options.against, options.map)


def _failure(result: Verified) -> CheckFailed:
    bad = [(layer, tensor) for layer in result.layers for tensor in layer.tensors if not tensor.ok]
    if not bad:
        return _failed_wire(result) or _failed_proof(result) or _failed_against(result)
    layer, worst = max(bad, key=lambda pair: pair[1].relative / pair[1].allowed)
    return CheckFailed(
        f"{printable(result.model.source)}: torch and the equations differ in {len(bad)} tensors, most in layer "
        f"{layer.name!r}, {worst.name}: {worst.relative:,.4g} epsilons, {worst.allowed:,.4g} are allowed"
    )


def _failed_wire(result: Verified) -> CheckFailed | None:
    wire = next((wire for wire in result.wires if not wire.ok), None)
    if wire is None:
        return None
    first = next(tensor for tensor in wire.tensors if not tensor.ok)
    return CheckFailed(
        f"{printable(result.model.source)}: layer {wire.layer!r}, {wire.wire}: {first.name} is not what it should be: "
        f"{first.relative:,.4g} epsilons off, {first.allowed:,.4g} are allowed"
    )


def _failed_against(result: Verified) -> CheckFailed:
    held = next(layer.theirs for layer in result.layers if layer.theirs is not None)
    bad = [tensor for tensor in held.tensors if not tensor.ok]
    worst = max(bad, key=lambda tensor: tensor.relative)
    return CheckFailed(
        f"{printable(result.model.source)}: layer {held.layer!r} and {held.named} differ in {len(bad)} tensors, most "
        f"in {worst.name}: by {worst.error:.4g}, the largest there is {worst.largest:.4g}"
    )


def _failed_proof(result: Verified) -> CheckFailed | None:
    failed = [(layer, proof) for layer, proof in _proofs(result.layers) if proof.ok is False]
    if not failed:
        return None
    layer, proof = failed[0]
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
    wires = [wire for result in results for wire in result.wires]
    if wires:
        agree = "are" if all(wire.ok for wire in wires) else "are not"
        answers.append(f"what layers read and hand on {agree} what {len(wires)} wires say")
    for theirs in (layer.theirs for layer, _ in layers if layer.theirs is not None):
        agrees = "agrees with" if theirs.ok else "differs from"
        version = f" {theirs.version}" if theirs.version else ""
        answers.append(f"{theirs.named}{version} {agrees} layer {theirs.layer!r}")
    if not layers:
        answers.append(f"torch {first.torch} and {held} were not compared: no layer has any")
    return caption(
        "; ".join(answers),
        each_once(result.device for result in results),
        each_once(result.model.dtype for result in results),
        f"seed {first.seed}",
    )


def _agree(layers: list[VerifiedLayer]) -> str:
    """Whether a layer agrees with its own equations, whatever else it was held against."""
    return "agree" if all(layer._replace(theirs=None).ok for layer in layers) else "differ"


def _proofs(layers: Iterable[VerifiedLayer]) -> Iterator[tuple[VerifiedLayer, Proof]]:
    return ((layer, proof) for layer in layers for proof in layer.proofs)
