"""The page that `bench` prints."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.bench.records import Environment, Outcome
from rnninspect.commands.shared.rendering import alone, render
from rnninspect.results.bench import bench_blocks, bench_tables
from rnninspect.results.bench_json import bench_document
from rnninspect.results.caption import caption, each_once


def page_of(
    outcomes: Sequence[Outcome], *, format: str, seed: int, only: str | None, details: bool, partial: bool
) -> str:
    """What stdout gets.

    only: the one table of it, None for the whole page; details: whether it has all; partial: whether some are missing.
    """
    if not outcomes:
        return ""
    # why all of it there: what is not read takes no room above what is.
    details = details or format == "html"
    if only is None:
        blocks = bench_blocks(outcomes, partial=partial, details=details)
    else:
        blocks = alone(bench_tables(outcomes, partial=partial), only)

    def document() -> dict[str, object]:
        return bench_document(outcomes, partial=partial)

    return render(format, blocks, document, _caption(outcomes, seed, details or only is not None), None)


def _caption(outcomes: Sequence[Outcome], seed: int, details: bool) -> str:
    """Where it was measured. details: with what else times depend on."""
    places = [outcome.environment for outcome in outcomes if outcome.environment is not None]
    if not places:
        return ""
    first = places[0]
    counts = list(dict.fromkeys(place.threads for place in places))
    threads = f"{', '.join(map(str, counts))} thread{'s' * (counts != [1])}"
    most = max((place.beside or 0 for place in places), default=0)
    loads = [place.load for place in places if details and place.load is not None]
    return caption(
        f"torch {first.torch}",
        *(libraries(first) if details else ()),
        each_once(f"{place.device} ({place.device_name})" for place in places),
        f"{threads} of {first.cpus} CPUs" if details else threads,
        f"at most {most + 1} at once" if most else "",
        f"load {max(loads):.2g}" if loads else "",
        each_once(outcome.dtype for outcome in outcomes),
        f"seed {seed}",
    )


def libraries(place: Environment) -> list[str]:
    """What a GPU's times depend on besides torch; nothing of a CPU."""
    cuda = place.cuda and (place.cuda if place.cuda.startswith("ROCm") else f"CUDA {place.cuda}")
    cudnn = place.cudnn and f"cuDNN {place.cudnn}"
    driver = place.driver and f"driver {place.driver}"
    clock = place.clock_mhz and f"{place.clock_mhz} MHz"
    return [library for library in (cuda, cudnn, driver, clock) if library]
