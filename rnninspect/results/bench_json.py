"""What was timed, as the one object that `bench --format json` prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rnninspect import __version__
from rnninspect.bench.records import POINT_FIELDS, Bound, Outcome, Peaks, Warned
from rnninspect.bench.results import Pooled, peaks_of, pool, ratios, steady_speed
from rnninspect.results.head import SCHEMA_VERSION, common, picked
from rnninspect.shares import percent

# What is for all processes of a variant together.
_OF_SEVERAL = {
    "half_width_percent",
    "over_bound",
    "processes",
    "recurrent_flops_per_second",
    "rounds",
    "step_seconds",
    "timed",
}


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
        "processes": [_process(row) for outcome in outcomes for row in pool([outcome])],
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
    return picked(outcome, *POINT_FIELDS, "process")


def _process(row: Pooled) -> dict[str, object]:
    """What one process has of a phase; row: of this process alone."""
    outcome, figure = row.timed[0]
    bound = figure.bound
    return {
        **_about(outcome),
        **{name: value for name, value in row._asdict().items() if name not in _OF_SEVERAL},
        "environment": outcome.environment and outcome.environment._asdict(),
        "status": outcome.status,
        "ci95_seconds": figure.interval,
        "rounds_seconds": figure.rounds,
        "rounds_kept": figure.kept,
        "passes": figure.passes,
        "calls_per_sample": figure.block,
        "probe_seconds": figure.probes,
        "best_probe_seconds": figure.best_probe,
        "drift_percent": None if figure.drift is None else percent(figure.drift - 1),
        "recurrent_flops": figure.recurrent_flops,
        "bound": bound and _bound(bound),
        "peaks": outcome.peaks and _speeds(outcome.peaks),
        "kernels": figure.kernels and figure.kernels._asdict(),
        "warnings": _warnings(figure.warnings),
    }
