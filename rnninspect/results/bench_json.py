"""What was timed, as the one object that `bench --format json` prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rnninspect import __version__
from rnninspect.bench.records import Bound, Figure, Outcome, Peaks, Warned
from rnninspect.bench.results import Pooled, peaks_of, pool, ratios, steady_speed
from rnninspect.bench.statistics import percentile
from rnninspect.results.head import SCHEMA_VERSION, common
from rnninspect.shares import percent


def bench_document(outcomes: Sequence[Outcome], *, partial: bool = False) -> dict[str, object]:
    """What `bench` found, as one object: a flat object for each phase, pooled over processes.

    processes: each process's by itself; ratios: of variants to the first of their point; not_measured: the runs that
    have no figures. partial: the run was interrupted, so that there would be more.
    """
    pooled = pool(outcomes)
    speed = steady_speed(pooled)
    environments = [outcome.environment for outcome in outcomes if outcome.environment is not None]
    return {
        "schema_version": SCHEMA_VERSION,
        "rnninspect": __version__,
        "torch": common([place.torch for place in environments]),
        "device": common([place.device for place in environments]),
        "device_name": common([place.device_name for place in environments]),
        "dtype": common([outcome.dtype for outcome in outcomes]),
        "ledger": "bench",
        "partial": partial,
        "results": [_pooled(row) for row in pooled],
        "processes": [_process(outcome, figure) for outcome in outcomes for figure in outcome.figures],
        "peaks": [{"dtype": each.dtype, "threads": each.threads, **_speeds(each.peaks)} for each in peaks_of(outcomes)],
        "steady_cpu_speed_percent": speed and {"low": percent(speed[0]), "high": percent(speed[1])},
        "ratios": [ratio._asdict() for ratio in ratios(pooled)],
        "not_measured": [
            {**_about(outcome), "status": outcome.status, "reason": outcome.reason}
            for outcome in outcomes
            if not outcome.ok
        ],
    }


def _pooled(row: Pooled) -> dict[str, object]:
    plain = {name: value for name, value in row._asdict().items() if name != "timed"}
    return {**plain, "warnings": _warnings(row.warnings)}


def _warnings(warnings: Iterable[Warned]) -> list[dict[str, str]]:
    return [{"what": warning.what, "try": warning.try_} for warning in warnings]


def _bound(bound: Bound) -> dict[str, object]:
    return {
        "seconds": bound.seconds,
        "compute_seconds": bound.compute,
        "traffic_seconds": bound.traffic,
        "latency_seconds": bound.latency,
        "regime": bound.regime,
        "calibrated": bound.calibrated,
    }


def _speeds(peaks: Peaks) -> dict[str, object]:
    return {
        "flops_per_second": peaks.flops,
        "bytes_per_second": peaks.bandwidth,
        "chip_bytes_per_second": peaks.chip_bandwidth,
        "step_seconds": peaks.step_seconds,
        "calibrated": peaks.calibrated,
        "disturbed": peaks.disturbed,
    }


def _about(outcome: Outcome) -> dict[str, object]:
    return {
        "model": outcome.model,
        "file": outcome.file,
        "case": outcome.case,
        "point": outcome.point,
        "settings": outcome.settings,
        "variant": outcome.variant,
        "process": outcome.process,
    }


def _process(outcome: Outcome, figure: Figure) -> dict[str, object]:
    environment, peaks = outcome.environment, outcome.peaks
    return {
        **_about(outcome),
        "dtype": outcome.dtype,
        "threads": environment and environment.threads,
        "environment": environment and environment._asdict(),
        "subject": figure.subject,
        "phase": figure.phase,
        "status": outcome.status,
        **_times(figure),
        **_meaning(figure),
        "peaks": peaks and _speeds(peaks),
        "kernels": figure.kernels and figure.kernels._asdict(),
        "peak_bytes": figure.peak_bytes,
        "planned_bytes": figure.planned_bytes,
        "page_faults": figure.page_faults,
        "p90_seconds": percentile(figure.seconds, 90),
        "p99_seconds": percentile(figure.seconds, 99),
        "warnings": _warnings(figure.warnings),
    }


def _times(figure: Figure) -> dict[str, object]:
    """What was timed, and what stood beside it."""
    return {
        "median_seconds": figure.median,
        "ci95_seconds": figure.interval,
        "best_seconds": figure.best,
        "first_call_seconds": figure.first_call,
        "samples": figure.samples,
        "rounds_seconds": figure.rounds,
        "rounds_kept": figure.kept,
        "passes": figure.passes,
        "calls_per_sample": figure.block,
        "stopped": figure.stopped,
        "verdict": figure.verdict,
        "cpu_speed_percent": None if figure.speed is None else percent(figure.speed),
        "probe_seconds": figure.probes,
        "best_probe_seconds": figure.best_probe,
        "overhead_percent": percent(figure.overhead),
        "host_seconds": figure.host,
        "drift_percent": None if figure.drift is None else percent(figure.drift - 1),
    }


def _meaning(figure: Figure) -> dict[str, object]:
    """What the time means: rates, and the bound it is held against."""
    bound = figure.bound
    return {
        "tokens_per_second": figure.tokens / figure.median,
        "sequences_per_second": figure.sequences / figure.median,
        "matmul_flops": figure.flops,
        "recurrent_flops": figure.recurrent_flops,
        "matmul_flops_per_second": None if figure.flops is None else figure.flops / figure.median,
        "bound_seconds": bound and bound.seconds,
        "regime": bound and bound.regime,
        "bound": bound and _bound(bound),
    }
