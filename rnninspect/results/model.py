"""What a look command found, as scripts get it: one JSON object for every look command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from rnninspect.facts.models import LayerFacts, ModelFacts
from rnninspect.facts.tensors import TensorFact, Wires
from rnninspect.facts.weights import GateFact, Init, WeightFact
from rnninspect.results.head import head, picked

if TYPE_CHECKING:
    from rnninspect.agree import Difference
    from rnninspect.document.chain import Spec


class Report(NamedTuple):
    """Models, all from the plan alone ("plan"), proven on torch ("agreed"), or held against their files ("file").

    Of documents beside checkpoints the ledger is "mixed". differences: the models that torch or a file contradicts,
    with what differs; they are not among `models`. not_described: of printed modules the file, the name and the kind of
    each part that no layer is; None where none is printed.
    """

    models: Sequence[ModelFacts]
    ledger: str
    seed: int | None
    differences: Sequence[tuple[ModelFacts, Sequence[Difference]]]
    not_described: Sequence[Mapping[str, str]] | None = None


def not_described(specs: Iterable[Spec]) -> list[Mapping[str, str]] | None:
    """The parts of printed modules that no layer is: see `Report`."""
    printed = [spec for spec in specs if spec.printed]
    parts = [{"file": spec.source, "name": name, "kind": kind} for spec in printed for name, kind in spec.not_described]
    return [*parts] if printed else None


def document(report: Report) -> dict[str, object]:
    """The report as one object. Keys are only ever added; a changed meaning raises SCHEMA_VERSION."""
    return {
        **head([*report.models, *(model for model, _ in report.differences)], report.ledger, report.seed),
        "models": [_model(model) for model in report.models],
        "differences": [
            {"model": model.name, **picked(item, "layer", "fact"), "plan": str(item.plan), "real": str(item.real)}
            for model, differences in report.differences
            for item in differences
        ],
        **({} if report.not_described is None else {"not_described": report.not_described}),
    }


def _model(model: ModelFacts) -> dict[str, object]:
    return {
        "name": model.name,
        "file": model.source,
        "dtype": model.dtype,
        **counts_of(model),
        "measured": model.measured and asdict(model.measured),
        **({"inputs": [_tensor(tensor) for tensor in model.inputs]} if model.inputs else {}),
        **({"outputs": [_tensor(tensor) for tensor in model.outputs]} if model.outputs else {}),
        "layers": [_layer(layer) for layer in model.layers],
    }


def _layer(layer: LayerFacts) -> dict[str, object]:
    given, handed = layer.from_file, layer.handed_on
    weights = [_weight(weight) for weight in layer.weights]
    return {
        "name": layer.name,
        "type": layer.type,
        **counts_of(layer),
        "inputs": [_tensor(tensor) for tensor in layer.inputs],
        "outputs": [_tensor(tensor) for tensor in layer.outputs],
        "weights": weights if given is None else [_without_training(weight) for weight in weights],
        **({"buffers": [_buffer(buffer) for buffer in layer.buffers]} if layer.buffers else {}),
        **({} if layer.wires is None else {"wires": _wires(layer.wires)}),
        **({"sources": [_tensor(source) for source in layer.sources]} if layer.sources else {}),
        **({} if handed is None else {"handed_on": {"words": handed.words, "tensor": _tensor(handed.tensor)}}),
        **({} if given is None else {"convention": given.convention, "unknown": dict(given.unknown)}),
    }


def _wires(wires: Wires) -> dict[str, object]:
    """Where a layer's input, states and weights come from; None where nowhere in particular."""
    reads, *others = wires
    return {"from": reads, **{key: value or None for key, value in zip(wires._fields[1:], others, strict=True)}}


def _without_training(weight: dict[str, Any]) -> dict[str, object]:
    """A weight without what no file says: whether it trains, and what its first values are drawn from."""
    kept = {key: value for key, value in weight.items() if key not in ("trainable", "init")}
    gates = [{key: value for key, value in gate.items() if key != "init"} for gate in weight["gates"]]
    return kept | {"gates": gates}


def counts_of(facts: LayerFacts | ModelFacts) -> dict[str, int | None]:
    """Counts of a layer or a model, under the names that they have in every command's JSON and CSV.

    Where nobody says how large the batch is, what one token takes stands beside them, and is not there else.
    """
    counts, backward = facts.counts, facts.backward
    of_file = facts.checkpoint if isinstance(facts, ModelFacts) else facts.from_file
    forward = {"macs": facts.forward.macs, "elementwise_ops": facts.forward.elementwise, "flops": facts.forward.flops}
    each = {f"{key}_per_token": value for key, value in forward.items()} if facts.per_token else {}
    return {
        "parameters": counts.parameters,
        # why: what of it trains, no file says.
        "parameters_trainable": None if of_file else counts.trainable,
        "parameters_one_bias": counts.one_bias,
        "parameters_keras": counts.keras,
        "recurrent_weights": counts.recurrent,
        "parameter_bytes": counts.nbytes,
        "output_bytes": facts.output_bytes,
        "kept_for_backward_bytes": facts.kept_for_backward_bytes,
        "gradient_bytes": counts.gradient_bytes,
        "adam_bytes": counts.adam_bytes,
        "training_bytes": facts.training_bytes,
        **(dict.fromkeys(forward) if each else forward),
        "backward_macs": backward.macs if backward else None,
        "backward_elementwise_ops": backward.elementwise if backward else None,
        "backward_flops": backward.flops if backward else None,
        **each,
    }


def _tensor(tensor: TensorFact) -> dict[str, object]:
    return picked(tensor, "name", "axes", "shape", "layout", "unpacked_axes", "unpacked_shape", "dtype")


def _weight(weight: WeightFact) -> dict[str, Any]:
    return {
        **picked(weight, "name", "symbol"),
        "stacked_layer": weight.layer,
        **picked(weight, "direction", "axes", "shape", "layout", "count"),
        "bytes": weight.nbytes,
        **picked(weight, "dtype", "trainable", "shared_with"),
        "init": _init(weight.init),
        "gates": [_gate(gate, weight.init) for gate in weight.gates],
        "observed": weight.observed and asdict(weight.observed),
    }


def _buffer(buffer: WeightFact) -> dict[str, object]:
    """What there is of a tensor that does not train."""
    sizes = {**picked(buffer, "name", "axes", "shape", "count"), "bytes": buffer.nbytes}
    return {**sizes, "dtype": buffer.dtype, "init": _init(buffer.init)}


def _gate(gate: GateFact, init: Init) -> dict[str, object]:
    observed = gate.observed and asdict(gate.observed)
    return {**picked(gate, "name", "rows", "shape"), "init": _init(gate.init or init), "observed": observed}


def _init(init: Init) -> dict[str, object]:
    return {key: value for key, value in asdict(init).items() if value is not None and key != "torchs"}
