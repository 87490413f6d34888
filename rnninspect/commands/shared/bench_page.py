"""The page that `bench` prints."""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.bench.records import Environment, Outcome
from rnninspect.commands.shared.rendering import alone, render
from rnninspect.results.bench import bench_blocks, bench_tables
from rnninspect.results.bench_json import bench_document
from rnninspect.results.caption import caption, each_once


def page_of(
    outcomes: Sequence[Outcome], *, format: str, seed: int, only: str | None, all_of_it: bool, partial: bool
) -> str:
    """What stdout gets.

    only: the one table of it, None for the whole page. all_of_it: it has all. partial: some outcomes are missing.
    """
    if not outcomes:
        return ""
    # why all of it there: what is not read takes no room above what is.
    all_of_it = all_of_it or format == "html"
    if only is None:
        blocks = bench_blocks(outcomes, partial=partial, all_of_it=all_of_it)
    else:
        blocks = alone(bench_tables(outcomes, partial=partial), only)
    where = _caption(outcomes, seed, all_of_it or only is not None)
    return render(format, blocks, lambda: bench_document(outcomes, partial=partial), where, None)


def _caption(outcomes: Sequence[Outcome], seed: int, all_of_it: bool) -> str:
    """Where it was measured. all_of_it: with what else times depend on."""
    places = [outcome.environment for outcome in outcomes if outcome.environment is not None]
    if not places:
        return ""
    first = places[0]
    counts = list(dict.fromkeys(place.threads for place in places))
    threads = f"{', '.join(map(str, counts))} thread{'s' * (counts != [1])}"
    most = max((place.beside or 0 for place in places), default=0)
    loads = [place.load for place in places if all_of_it and place.load is not None]
    return caption(
        f"torch {first.torch}",
        *(libraries(first) if all_of_it else ()),
        each_once(f"{place.device} ({place.device_name})" for place in places),
        f"{threads} of {first.cpus} CPUs" if all_of_it else threads,
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
