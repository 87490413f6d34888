"""`rnninspect verify`: what torch computed against the equations in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnninspect.commands.shared.messages import complain
from rnninspect.commands.shared.options import TorchOptions
from rnninspect.errors import CheckFailed, printable

if TYPE_CHECKING:
    import torch

    from rnninspect.document.chain import Spec
    from rnninspect.study.verify import Verified

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
        print_page(options.format, tables, lambda: verify_document(results), _caption(results), options.output)
    return code


def _failure(result: Verified) -> CheckFailed:
    bad = [(layer, tensor) for layer in result.layers for tensor in layer.tensors if not tensor.ok]
    layer, worst = max(bad, key=lambda pair: pair[1].relative / pair[1].allowed)
    return CheckFailed(
        f"{printable(result.model.source)}: torch and the equations differ in {len(bad)} tensors, most in layer "
        f"{layer.name!r}, {worst.name}: {worst.relative:,.4g} epsilons, {worst.allowed:,.4g} are allowed"
    )


def _caption(results: list[Verified]) -> str:
    from rnninspect.results.caption import caption, each_once

    verdict = "agree" if all(result.ok for result in results) else "differ"
    if not any(result.layers for result in results):
        verdict = "were not compared: no layer has any"
    first = results[0]
    return caption(
        f"torch {first.torch} and the equations in float64 {verdict}",
        each_once(result.device for result in results),
        each_once(result.model.dtype for result in results),
        f"seed {first.seed}",
    )
