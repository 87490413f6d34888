"""`rnninspect verify`: what torch computed against the equations in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnninspect.commands.shared.options import Look
from rnninspect.commands.shared.render import render
from rnninspect.commands.shared.say import complain
from rnninspect.commands.shared.study import study
from rnninspect.document.chain import Spec
from rnninspect.errors import CheckFailed, printable
from rnninspect.output import write_text
from rnninspect.results.verify import verify_document, verify_tables

if TYPE_CHECKING:
    import torch

    from rnninspect.study.verify import Verified


def verify(asked: Look) -> int:
    """Print every tensor's error and what it is held to; 1 where one is beyond it."""

    def examine(spec: Spec, device: torch.device, prepared: None) -> Verified:
        from rnninspect.study.verify import verify

        return verify(spec, device, asked.seed)

    results, code = study(asked, lambda spec: None, examine)
    for result in results:
        if not result.ok:
            code = max(code, complain(_failure(result)))
    if results:
        tables = [table for result in results for table in verify_tables(result)]
        text = render(asked.format, tables, lambda: verify_document(results), _caption(results), asked.output)
        write_text(text, asked.output)
    return code


def _failure(result: Verified) -> CheckFailed:
    bad = [(layer, tensor) for layer in result.layers for tensor in layer.tensors if not tensor.ok]
    layer, worst = max(bad, key=lambda found: found[1].relative / found[1].allowed)
    return CheckFailed(
        f"{printable(result.model.source)}: torch and the equations differ in {len(bad)} tensors, most in layer "
        f"{layer.name!r}, {worst.name}: {worst.relative:,.4g} epsilons, {worst.allowed:,.4g} are allowed"
    )


def _caption(results: list[Verified]) -> str:
    devices = ", ".join(dict.fromkeys(result.device for result in results))
    dtypes = ", ".join(dict.fromkeys(result.model.dtype for result in results))
    said = "agree" if all(result.ok for result in results) else "differ"
    if not any(result.layers for result in results):
        said = "were not compared: no layer has any"
    first = results[0]
    return f"torch {first.torch} and the equations in float64 {said} · {devices} · {dtypes} · seed {first.seed}"
