"""The same weights in another framework: a table for each model, its object, and the script that makes them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import NamedTuple

from rnninspect.conventions.python import script
from rnninspect.conventions.target import Framework
from rnninspect.conventions.translate import Block, There, Translation, translated
from rnninspect.document.chain import Link, Spec
from rnninspect.errors import listed
from rnninspect.layers.recurrent import Recurrent
from rnninspect.results.table import MOST_NAMED, Cell, Column, Kind, Table, total_row

_COLUMNS = (
    Column("layer", "layer", repeats=True),
    Column("type", "type", repeats=True),
    Column("stacked_layer", "stacked layer", Kind.COUNT, for_scripts=True),
    Column("direction", "direction", for_scripts=True),
    Column("parameter", "parameter", for_scripts=True),
    Column("seen", "parameter", for_eyes=True),
    Column("from", "from"),
    Column("order", "order of gates"),
    Column("shape", "shape", Kind.SHAPE),
    Column("count", "count", Kind.COUNT),
    Column("verdict", "verdict", for_scripts=True),
)


class ModelElsewhere(NamedTuple):
    """The recurrent layers of a model, or of a file, in another framework. left: layers that are not recurrent."""

    name: str
    file: str
    layers: tuple[Translation, ...]
    left: tuple[str, ...]


def elsewhere(specs: Sequence[Spec], framework: Framework) -> list[ModelElsewhere]:
    """Every model; those of one checkpoint are one."""
    models: list[ModelElsewhere] = []
    before = ""
    for spec in specs:
        links = [link for link in spec.links if isinstance(link.layer, Recurrent)]
        layers = tuple(_translated(spec, link, framework) for link in links)
        if spec.checkpoint and models and before == spec.source:
            models[-1] = models[-1]._replace(layers=(*models[-1].layers, *layers))
        else:
            left = tuple(link.layer.name for link in spec.links if not isinstance(link.layer, Recurrent))
            name = PurePath(spec.source).stem if spec.checkpoint else spec.name
            models.append(ModelElsewhere(name=name, file=spec.source, layers=layers, left=left))
        before = spec.source if spec.checkpoint else ""
    return models


def _translated(spec: Spec, link: Link, framework: Framework) -> Translation:
    found, layer = spec.from_file, link.layer
    if found is not None and found.convention != "PyTorch":
        why = f"the file packs it as {found.convention} does, and only torch's packing is translated"
        return Translation(name=layer.name, type=layer.type, torch=None, refusal=why)
    return translated(layer, framework, knows_function=found is None or "nonlinearity" not in found.unknown)


def elsewhere_table(model: ModelElsewhere, framework: Framework, *, gates: bool) -> Table:
    """One row for each tensor there; with `gates` where each gate stands in it below it."""
    rows: list[tuple[Cell, ...]] = []
    for layer in model.layers:
        if not layer.tensors:
            rows.append((layer.name, layer.type, *[None] * (len(_COLUMNS) - 3), layer.verdict))
        for tensor in layer.tensors:
            about = (layer.name, layer.type, tensor.layer, tensor.direction)
            rows.append((*about, *_tensor(tensor), layer.verdict))
            if gates:
                rows += [(*about, *_block(tensor, block), layer.verdict) for block in tensor.blocks]
    counts = [layer.parameters for layer in model.layers if layer.parameters is not None]
    return Table(
        title=f"weights in {framework.title}",
        subject=model.name,
        columns=_COLUMNS if rows else (),
        rows=tuple(rows),
        total=total_row(_COLUMNS, layer="total", count=sum(counts)) if counts else None,
        notes=tuple(_notes(model, framework)),
    )


def _tensor(tensor: There) -> tuple[Cell, ...]:
    return (tensor.name, tensor.name, tensor.source or None, tensor.order or None, tensor.shape, tensor.elements)


def _block(tensor: There, block: Block) -> tuple[Cell, ...]:
    """A gate as a part of its tensor; people see its index alone: it stands below its tensor."""
    return (f"{tensor.name}{block.at}", f"  {block.at}", block.value, None, block.shape, math.prod(block.shape))


def _notes(model: ModelElsewhere, framework: Framework) -> Iterator[str]:
    made: dict[str, list[str]] = {}
    verdicts: dict[str, list[str]] = {}
    for layer in model.layers:
        if layer.made:
            made.setdefault(layer.made, []).append(layer.name)
        verdicts.setdefault(layer.verdict, []).append(layer.name)
    for there, names in made.items():
        yield f"{listed(names, MOST_NAMED)} there: {there}."
    kinds = dict.fromkeys(layer.torch.kind for layer in model.layers if layer.torch is not None)
    letters = [f"of {kind} {framework.letters[kind]}" for kind in kinds if kind in framework.letters]
    if letters:
        yield f"letters are torch's; {framework.title} has others: {'; '.join(letters)}."
    if model.left:
        yield f"{listed(model.left, MOST_NAMED)}: not recurrent, and left out."
    if exact := [layer for layer in model.layers if not layer.refusal]:
        yield _held_by(exact, framework)
    for verdict, names in verdicts.items():
        yield verdict if len(model.layers) == 1 else f"{listed(names, MOST_NAMED)}: {verdict}"
    if not model.layers:
        yield "none: there is no recurrent layer"


def _held_by(layers: Sequence[Translation], framework: Framework) -> str:
    """What says that the weights compute the same there."""
    if not framework.is_run:
        return f"by the record of {framework.title}'s packing alone: no test runs it."
    but = "" if all(is_run(layer, framework) for layer in layers) else "; those of relu by its record alone"
    return f"held by tests that run {framework.title} on such weights, and torch beside it{but}."


def is_run(layer: Translation, framework: Framework) -> bool:
    """Whether tests run the framework on such weights."""
    relu = layer.torch is not None and layer.torch.function == "relu"
    return framework.is_run and not layer.refusal and (framework.runs_relu or not relu)


def elsewhere_document(models: Sequence[ModelElsewhere], framework: Framework) -> dict[str, object]:
    """The same as an object."""
    return {
        "framework": framework.title,
        "layers": [
            {
                "model": model.name,
                "file": model.file,
                "name": layer.name,
                "type": layer.type,
                "made": layer.made or None,
                "exact": not layer.refusal,
                "run_by_tests": is_run(layer, framework),
                "verdict": layer.verdict,
                "parameters": layer.parameters,
                "tensors": [_tensor_object(tensor) for tensor in layer.tensors],
            }
            for model in models
            for layer in model.layers
        ],
    }


def _tensor_object(tensor: There) -> dict[str, object]:
    return {
        "name": tensor.name,
        "stacked_layer": tensor.layer,
        "direction": tensor.direction,
        "from": tensor.source or None,
        "order": tensor.order or None,
        "shape": tensor.shape,
        "count": tensor.elements,
        "gates": [{"is": block.value, "index": block.at, "shape": block.shape} for block in tensor.blocks],
    }


def elsewhere_script(models: Sequence[ModelElsewhere], framework: Framework) -> str:
    """The functions of all layers, as Python."""
    return "\n".join(script([layer for model in models for layer in model.layers], framework)) + "\n"
