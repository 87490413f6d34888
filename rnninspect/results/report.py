"""What a look command found, and how scripts get it: the JSON object whose keys are a contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rnninspect import __version__
from rnninspect.facts import GateFact, Init, LayerFacts, ModelFacts, TensorFact, WeightFact, memory

if TYPE_CHECKING:
    from rnninspect.agree import Difference
    from rnninspect.bench.compare import Compared, Comparison, Side
    from rnninspect.bench.records import Figure, Outcome
    from rnninspect.guard.check import Change, Verdict
    from rnninspect.study.gradflow import Gradflow
    from rnninspect.study.trace import Level, Trace, VectorStats
    from rnninspect.study.verify import Verified, VerifiedLayer

SCHEMA_VERSION = 2


class Report(NamedTuple):
    """Models, all from the plan alone ("plan") or all proven on torch ("agreed").

    differences: the models that torch contradicts, with what differs; they are not among `models`.
    """

    models: Sequence[ModelFacts]
    ledger: str
    seed: int
    differences: Sequence[tuple[ModelFacts, Sequence[Difference]]]


def document(report: Report) -> dict[str, object]:
    """The report as one object. Keys are only ever added; a changed meaning raises SCHEMA_VERSION."""
    return {
        **_head([*report.models, *(model for model, _ in report.differences)], report.ledger, report.seed),
        "models": [_model(model) for model in report.models],
        "differences": [
            {
                "model": model.name,
                "layer": item.layer,
                "fact": item.fact,
                "plan": str(item.plan),
                "real": str(item.real),
            }
            for model, found in report.differences
            for item in found
        ],
    }


def check_document(verdicts: Sequence[Verdict]) -> dict[str, object]:
    """What `check` found, as one object: counts, limits and changes by model; changes is null without a lock."""
    return {
        **_head([verdict.model for verdict in verdicts], _ledger(verdicts), None),
        "ok": all(verdict.ok for verdict in verdicts),
        "models": [_verdict(verdict) for verdict in verdicts],
    }


def _ledger(verdicts: Sequence[Verdict]) -> str:
    return "agreed" if all(verdict.built for verdict in verdicts) else "plan"


def diff_document(old: ModelFacts, verdict: Verdict) -> dict[str, object]:
    """What `diff` found, as one object: both models' counts, and every change."""
    return {
        **_head([old, verdict.model], "plan", None),
        "models": [{"name": model.name, "file": model.source, **_counts(model)} for model in (old, verdict.model)],
        "changes": [_change(change, "old", "new") for change in verdict.changes or ()],
    }


def verify_document(results: Sequence[Verified]) -> dict[str, object]:
    """What `verify` found, as one object: for each tensor its error and what that is held to, in epsilons."""
    return {
        **_head([result.model for result in results], "equations", results[0].seed, results),
        "ok": all(result.ok for result in results),
        "models": [
            {
                "name": result.model.name,
                "file": result.model.source,
                "ok": result.ok,
                "epsilon": result.unit.epsilon,
                "epsilon_of": result.unit.name,
                "layers": [_verified_layer(layer) for layer in result.layers],
                "skipped": result.skipped,
                "without_dropout": result.dropout,
                "not_in_torch": result.untold,
            }
            for result in results
        ],
    }


def _verified_layer(layer: VerifiedLayer) -> dict[str, object]:
    tensors = [
        {
            "name": tensor.name,
            "shape": tensor.shape,
            "largest_magnitude": tensor.largest,
            "largest_error": tensor.error,
            "relative_epsilons": tensor.relative,
            "allowed_epsilons": tensor.allowed,
            "ok": tensor.ok,
        }
        for tensor in layer.tensors
    ]
    return {
        "name": layer.name,
        "type": layer.type,
        "ok": layer.ok,
        "terms": layer.terms,
        "steps": layer.steps,
        "tensors": tensors,
    }


def trace_document(results: Sequence[Trace]) -> dict[str, object]:
    """What `trace` found, as one object: for each layer and direction every vector at every step."""
    return {
        **_head([result.model for result in results], "equations", results[0].seed, results),
        "models": [
            {
                "name": result.model.name,
                "file": result.model.source,
                "layers": [_level(level, result) for level in result.levels],
            }
            for result in results
        ],
    }


def _level(level: Level, result: Trace) -> dict[str, object]:
    names = [vector.name for vector in level.vectors]
    compared = result.outputs[level.layer]
    return {
        "layer": level.layer,
        "type": level.type,
        "stacked_layer": level.stacked,
        "direction": level.direction,
        "output_relative_epsilons": compared.relative,
        "output_allowed_epsilons": compared.allowed,
        "vectors": [vector._asdict() for vector in level.vectors],
        "memory": [memory._asdict() for memory in level.memory],
        "steps": [
            {
                "t": step.t,
                "sequences": step.running,
                "vectors": {name: _stats(stats) for name, stats in zip(names, step.stats, strict=True)},
            }
            for step in level.steps
        ],
        "values": [
            {"t": row.t, "unit": row.unit, "vectors": dict(zip(names, row.values, strict=True))} for row in level.units
        ],
    }


def _stats(stats: VectorStats) -> dict[str, object]:
    share = stats.saturated
    return {
        "mean": stats.mean,
        "std": stats.std,
        "minimum": stats.minimum,
        "maximum": stats.maximum,
        "norm": stats.norm,
        "saturated_percent": None if share is None else 100 * share,
        "half_life": stats.half_life,
    }


def gradflow_document(results: Sequence[Gradflow]) -> dict[str, object]:
    """What `gradflow` found, as one object: for each gradient its norm at every lag and its decay; weights."""
    return {
        **_head([result.model for result in results], "equations", results[0].seed, results),
        "models": [
            {
                "name": result.model.name,
                "file": result.model.source,
                "target": result.target,
                "layer": result.layer,
                "position": result.position,
                "sequences": result.sequences,
                "gradients": [
                    {
                        "layer": curve.layer,
                        "of": curve.of,
                        "stacked_layer": curve.stacked,
                        "direction": curve.direction,
                        "side": curve.side,
                        "first_lag": curve.first,
                        "norms": curve.norms,
                        "decay": curve.decay and curve.decay._asdict(),
                    }
                    for curve in result.curves
                ],
                "weights": [weight._asdict() for weight in result.weights],
            }
            for result in results
        ],
    }


def compare_document(comparison: Comparison, outcomes: Sequence[Outcome]) -> dict[str, object]:
    """What `compare` found, as one object: seconds, ratios with their intervals, verdicts.

    outcomes: of both sides.
    """
    runs = [outcome.environment for outcome in outcomes if outcome.environment is not None]
    return {
        **_head([], "measured", None, runs),
        "dtype": _common([outcome.dtype for outcome in outcomes]),
        "ok": comparison.count("SLOWER") == 0,
        "threshold_percent": 100 * comparison.threshold,
        "compared": [_compared(item) for item in comparison.compared],
        "not_compared": [item._asdict() for item in comparison.unmatched],
        "differing": [item._asdict() for item in comparison.differing],
    }


def _compared(item: Compared) -> dict[str, object]:
    return {
        "model": item.model,
        "file": item.file,
        "point": item.point,
        "settings": item.settings,
        "variant": item.variant,
        "subject": item.subject,
        "phase": item.phase,
        "old": _side(item.old),
        "new": _side(item.new),
        "ratio": item.ratio,
        "low": item.low,
        "high": item.high,
        "noise_percent": 100 * item.noise,
        "verdict": item.verdict,
        "reason": item.reason,
    }


def _side(side: Side) -> dict[str, object]:
    return {
        "median_seconds": side.median,
        "processes": side.processes,
        "processes_set_aside": side.unsteady,
        "rounds": side.rounds,
        "spread": side.spread,
        "verdict": side.verdict,
    }


def bench_document(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """What `bench` found, as one object: a flat object for each phase of a process, and the runs that have none.

    pooled: the same over all processes; ratios: of variants to the first of their point.
    """
    # why here: most commands need no statistics.
    from rnninspect.bench.results import pool, ratios

    pooled = pool(outcomes)
    environments = [outcome.environment for outcome in outcomes if outcome.environment is not None]
    return {
        "schema_version": SCHEMA_VERSION,
        "rnninspect": __version__,
        "torch": _common([place.torch for place in environments]),
        "device": _common([place.device for place in environments]),
        "device_name": _common([place.device_name for place in environments]),
        "dtype": _common([outcome.dtype for outcome in outcomes]),
        "ledger": "bench",
        "results": [_result(outcome, figure) for outcome in outcomes for figure in outcome.figures],
        "pooled": [{name: value for name, value in row._asdict().items() if name != "timed"} for row in pooled],
        "ratios": [ratio._asdict() for ratio in ratios(pooled)],
        "not_measured": [
            {
                "model": outcome.model,
                "file": outcome.file,
                "case": outcome.case,
                "point": outcome.point,
                "settings": outcome.settings,
                "variant": outcome.variant,
                "process": outcome.process,
                "status": outcome.status,
                "reason": outcome.reason,
            }
            for outcome in outcomes
            if outcome.status != "ok"
        ],
    }


def _result(outcome: Outcome, figure: Figure) -> dict[str, object]:
    # why here: most commands need no statistics.
    from rnninspect.bench.statistics import percentile

    interval, bound, kernels = figure.interval, figure.bound, figure.kernels
    environment = outcome.environment
    return {
        "model": outcome.model,
        "file": outcome.file,
        "case": outcome.case,
        "point": outcome.point,
        "settings": outcome.settings,
        "variant": outcome.variant,
        "process": outcome.process,
        "dtype": outcome.dtype,
        "threads": environment and environment.threads,
        "environment": environment and environment._asdict(),
        "subject": figure.subject,
        "phase": figure.phase,
        "status": outcome.status,
        "median_seconds": figure.median,
        "ci95_seconds": interval,
        "best_seconds": figure.best,
        "first_call_seconds": figure.first_call,
        "samples": figure.samples,
        "rounds_seconds": figure.rounds,
        "rounds_kept": figure.kept,
        "passes": figure.passes,
        "calls_per_sample": figure.block,
        "stopped": figure.stopped,
        "verdict": figure.verdict,
        "cpu_speed_percent": None if figure.speed is None else 100 * figure.speed,
        "probe_seconds": figure.probes,
        "best_probe_seconds": figure.best_probe,
        "overhead_percent": 100 * figure.overhead,
        "host_seconds": figure.host,
        "drift": figure.drift,
        "tokens_per_second": figure.tokens / figure.median,
        "sequences_per_second": figure.sequences / figure.median,
        "flops": figure.flops,
        "recurrent_flops": figure.recurrent_flops,
        "flops_per_second": None if figure.flops is None else figure.flops / figure.median,
        "bound_seconds": bound and bound.seconds,
        "regime": bound and bound.regime,
        "bound": bound and bound._asdict(),
        "peaks": outcome.peaks and outcome.peaks._asdict(),
        "kernels": kernels and kernels._asdict(),
        "peak_bytes": figure.peak_bytes,
        "planned_bytes": figure.planned_bytes,
        "page_faults": figure.page_faults,
        "p90_seconds": percentile(figure.seconds, 90),
        "p99_seconds": percentile(figure.seconds, 99),
        "warnings": [{"what": warning.what, "try": warning.try_} for warning in figure.warnings],
    }


class _Run(Protocol):
    """Where something was run: `facts.Measured`, and what the studies of a built model return."""

    @property
    def torch(self) -> str: ...
    @property
    def device(self) -> str: ...


def _head(
    models: Sequence[ModelFacts], ledger: str, seed: int | None, runs: Sequence[_Run] | None = None
) -> dict[str, object]:
    """runs: where not told, what the models say of their own."""
    told = [model.measured for model in models if model.measured is not None] if runs is None else runs
    return {
        "schema_version": SCHEMA_VERSION,
        "rnninspect": __version__,
        "torch": _common([run.torch for run in told]),
        "device": _common([run.device for run in told]),
        "dtype": _common([model.dtype for model in models]),
        "seed": seed,
        "ledger": ledger,
    }


def _verdict(verdict: Verdict) -> dict[str, object]:
    changes = verdict.changes
    return {
        "name": verdict.model.name,
        "file": verdict.model.source,
        "dtype": verdict.model.dtype,
        **_counts(verdict.model),
        "ok": verdict.ok,
        "built": verdict.built,
        "limits": [{**limit._asdict(), "ok": limit.ok} for limit in verdict.limits],
        "allowed_growth": _growth(verdict),
        "changes": None if changes is None else [_change(change, "locked", "now") for change in changes],
    }


def _growth(verdict: Verdict) -> list[dict[str, object]] | None:
    if verdict.allowed_growth is None:
        return None
    outgrown = [growth for _, growth in verdict.outgrown]
    return [
        {
            "field": growth.field,
            "allowed_percent": None if growth.share is None else 100 * growth.share,
            "allowed_change": growth.amount,
            "ok": growth not in outgrown,
        }
        for growth in verdict.allowed_growth
    ]


def _change(change: Change, before: str, after: str) -> dict[str, object]:
    return {
        "layer": change.layer or None,
        "field": change.field,
        before: change.locked,
        after: change.now,
        "change": change.difference,
        "percent": change.per_cent,
    }


def _common(values: list[str]) -> str | None:
    """The value that all models share; None where they differ or there is none."""
    return values[0] if len(set(values)) == 1 else None


def _model(model: ModelFacts) -> dict[str, object]:
    return {
        "name": model.name,
        "file": model.source,
        "dtype": model.dtype,
        **_counts(model),
        "measured": model.measured and asdict(model.measured),
        "layers": [_layer(layer) for layer in model.layers],
    }


def _layer(layer: LayerFacts) -> dict[str, object]:
    return {
        "name": layer.name,
        "type": layer.type,
        **_counts(layer),
        "inputs": [_tensor(tensor) for tensor in layer.inputs],
        "outputs": [_tensor(tensor) for tensor in layer.outputs],
        "weights": [_weight(weight) for weight in layer.weights],
    }


def _counts(facts: LayerFacts | ModelFacts) -> dict[str, object]:
    counts, backward = facts.counts, facts.backward
    return {
        "parameters": counts.parameters,
        "parameters_trainable": counts.trainable,
        "parameters_one_bias": counts.one_bias,
        "parameters_keras": counts.keras,
        "recurrent_weights": counts.recurrent,
        "parameter_bytes": counts.nbytes,
        **memory(facts),
        "macs": facts.forward.macs,
        "elementwise_ops": facts.forward.elementwise,
        "flops": facts.forward.flops,
        "backward_macs": backward and backward.macs,
        "backward_elementwise_ops": backward and backward.elementwise,
        "backward_flops": backward and backward.flops,
    }


def _tensor(tensor: TensorFact) -> dict[str, object]:
    return {
        "name": tensor.name,
        "axes": tensor.axes,
        "shape": tensor.shape,
        "layout": tensor.layout,
        "unpacked_axes": tensor.unpacked_axes,
        "unpacked_shape": tensor.unpacked_shape,
        "dtype": tensor.dtype,
    }


def _weight(weight: WeightFact) -> dict[str, object]:
    return {
        "name": weight.name,
        "symbol": weight.symbol,
        "stacked_layer": weight.layer,
        "direction": weight.direction,
        "axes": weight.axes,
        "shape": weight.shape,
        "layout": weight.layout,
        "count": weight.count,
        "bytes": weight.nbytes,
        "dtype": weight.dtype,
        "trainable": weight.trainable,
        "shared_with": weight.shared_with,
        "init": _init(weight.init),
        "gates": [_gate(gate, weight.init) for gate in weight.gates],
        "observed": weight.observed and asdict(weight.observed),
    }


def _gate(gate: GateFact, init: Init) -> dict[str, object]:
    return {
        "name": gate.name,
        "rows": gate.rows,
        "shape": gate.shape,
        "init": _init(gate.init or init),
        "observed": gate.observed and asdict(gate.observed),
    }


def _init(init: Init) -> dict[str, object]:
    return {key: value for key, value in asdict(init).items() if key == "law" or value is not None}
