"""Layers as rules find them in files, made by hand: what pages are tried on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import checkpoint_files

from rnninspect.conventions.packing import Kind
from rnninspect.files.found import FoundLayer, Identified, Part
from rnninspect.files.held import Held, HeldTensor

# An LSTM without its tensors, for tests that change what they are about.
FOUND = FoundLayer(
    name="a.b",
    type="LSTM",
    input_size=5,
    hidden_size=7,
    num_layers=1,
    bidirectional=False,
    reverse=False,
    proj_size=0,
    biases="two",
    reset_after=None,
    peepholes=False,
    convention="PyTorch",
    parts=(),
    known_from="names",
)
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def torch_layer(
    name: str, kind: Kind, sizes: tuple[int, int], num_layers: int = 1, *, both: bool = False, proj_size: int = 0
) -> FoundLayer:
    """A layer of torch's, known from names, with all its tensors. sizes: of the input, and hidden. both: directions."""
    input_size, hidden = sizes
    rows, width = GATES[kind] * hidden, proj_size or hidden
    parts = []
    for layer in range(num_layers):
        shapes = {
            "weight_ih": (rows, (1 + both) * width if layer else input_size),
            "weight_hh": (rows, width),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
            **({"weight_hr": (width, hidden)} if proj_size else {}),
        }
        for direction in range(1 + both):
            for role, shape in shapes.items():
                end = f"{role}_l{layer}{'_reverse' * direction}"
                parts.append(Part(HeldTensor(f"{name}.{end}".lstrip("."), shape, "float32"), role, layer, direction))
    return FoundLayer(
        name=name,
        type=kind,
        input_size=input_size,
        hidden_size=hidden,
        num_layers=num_layers,
        bidirectional=both,
        reverse=False,
        proj_size=proj_size,
        biases="two",
        reset_after=True if kind == "GRU" else None,
        peepholes=False,
        convention="PyTorch",
        parts=tuple(parts),
        known_from="names",
        unknown={"batch_first": "not in the file", "dropout": "not in the file"},
    )


def identified(*layers: FoundLayer, file: str = "model.pt", format: str = "torch (zip)", **more: Any) -> Identified:
    """A file with these layers. more: other fields of Held and of Identified."""
    own = {key: more.pop(key) for key in Identified._fields if key in more}
    held = Held(file, format, {part.tensor.name: part.tensor for layer in layers for part in layer.parts})
    nothing: dict[str, Any] = {"set_aside": {}, "undecided": (), "others": 0}
    return Identified(**{**nothing, **own, "held": replace(held, **more), "layers": layers})


def safetensors(path: Path, *layers: FoundLayer, more: Mapping[str, tuple[int, ...]] | None = None) -> Path:
    """A file of safetensors with the tensors of these layers and `more`."""
    shapes = {part.tensor.name: part.tensor.shape for layer in layers for part in layer.parts} | dict(more or {})
    return checkpoint_files.safetensors(path, {name: (shape, "float32") for name, shape in shapes.items()})
