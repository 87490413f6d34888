"""A live model as one JSON object: what the commands' have of a model, and under `live` what was seen of it."""

from __future__ import annotations

from rnninspect.facts.models import Measured, ModelFacts
from rnninspect.live.records import LayerRecord, ModelRecord
from rnninspect.results.head import picked
from rnninspect.results.model import Report, document


def live_document(result: ModelRecord) -> dict[str, object]:
    """The object."""
    differing = [item for layer in result.layers for item in layer.differences]
    model = model_facts(result)
    differences = [(model, differing)] if differing else []
    report = Report(models=[model], ledger="plan" if differing else "agreed", seed=0, differences=differences)
    return {
        **document(report),
        "seed": None,
        "live": {
            **picked(result, "ran", "agrees", "parameters", "other_parameters", "other_modules"),
            "lazy_parameters": result.lazy,
            "not_read": list(result.not_read),
            "notes": list(result.notes),
            "layers": [_layer(layer) for layer in result.layers],
        },
    }


def model_facts(result: ModelRecord) -> ModelFacts:
    """The recurrent layers as a model's."""
    from torch import __version__ as version

    devices = {layer.device for layer in result.layers}
    dtypes = [layer.dtype for layer in result.layers]
    run = Measured(device=", ".join(sorted(devices)), torch=version, seed=0, finite=None, peak_bytes=None)
    return ModelFacts(
        name=result.name,
        source="",
        dtype=dtypes[0] if dtypes else "float32",
        layers=tuple(layer.facts for layer in result.layers),
        measured=run if result.layers else None,
    )


def _layer(layer: LayerRecord) -> dict[str, object]:
    run = ("calls", "calls_with_states", "lengths", "other_inputs", "parameters", "macs", "macs_per_token", "agrees")
    named = {**picked(layer, "name", "names", "type"), "class": layer.class_name, "arguments": layer.arguments}
    return {**named, **picked(layer, *run, "device", "dtype", "notes")}
