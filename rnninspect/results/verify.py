"""What torch computed against the equations: one row for each output, final state and gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rnninspect.results.head import head, picked
from rnninspect.results.table import Cell, Column, Kind, Table

if TYPE_CHECKING:
    from rnninspect.study.against import Held
    from rnninspect.study.held_wires import HeldWire
    from rnninspect.study.rounding import Deviation
    from rnninspect.study.two_ways import Proof
    from rnninspect.study.verify import Verified, VerifiedLayer

_COLUMNS = (
    Column("layer", "layer", repeats=True),
    Column("type", "type", repeats=True),
    Column("tensor", "tensor"),
    Column("shape", "shape", Kind.SHAPE),
    Column("largest_magnitude", "largest magnitude", Kind.NUMBER),
    Column("largest_error", "largest error", Kind.NUMBER),
    Column("relative_epsilons", "relative, epsilons", Kind.NUMBER),
    Column("allowed_epsilons", "allowed", Kind.NUMBER),
    Column("verdict", "verdict", verdict=True),
)
_PROOF_COLUMNS = (
    Column("layer", "layer", repeats=True),
    Column("type", "type", for_scripts=True),
    Column("held", "held"),
    Column("against", "against"),
    Column("tensor", "farthest off"),
    Column("relative_error", "relative error", Kind.NUMBER),
    Column("allowed_error", "allowed", Kind.NUMBER),
    Column("verdict", "verdict", verdict=True),
)
_WIRES = (
    "What a layer reads, starts from and hands on, against the same put together step by step in float64; its "
    "gradients in float64 on numbers that are drawn. In epsilons of {}, of gradients those of float64; allowed are 4 "
    "times the root of how many numbers are added up."
)
# What was held against what.
_HELD = {
    "states": ("states", "as written"),
    "gradients": ("gradients", "as written"),
    "slope": ("slope", "differences"),
}
_VERDICTS = {True: "ok", False: "DIFFERS", None: "not told"}


def verify_tables(result: Verified) -> list[Table]:
    """A row for each tensor, and why it is held to what it is; then the proofs of layers that torch lacks."""
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (layer.name, layer.type, *_tensor_row(tensor)) for layer in result.layers for tensor in layer.tensors
    )
    notes = tuple(_notes(result))
    table = Table(title="verify", subject=result.model.name, columns=_COLUMNS, rows=rows, notes=notes)
    tables = [table, _wires_table(result)] if result.wires else [table]
    tables += [_proofs_table(result)] if result.not_in_torch else []
    return tables + [_theirs_table(result, layer.theirs) for layer in result.layers if layer.theirs is not None]


def _wires_table(result: Verified) -> Table:
    """What layers read, hand on and hand over, by itself."""
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (wire.layer, wire.wire, *_tensor_row(tensor)) for wire in result.wires for tensor in wire.tensors
    )
    columns = (_COLUMNS[0], Column("wire", "wire", repeats=True), *_COLUMNS[2:])
    return Table(
        title="wires", subject=result.model.name, columns=columns, rows=rows, notes=(_WIRES.format(result.model.dtype),)
    )


def _theirs_table(result: Verified, held: Held) -> Table:
    """A layer against somebody's class."""
    return Table(
        title="against",
        subject=result.model.name,
        columns=_COLUMNS[2:],
        rows=tuple(_tensor_row(tensor) for tensor in held.tensors),
        notes=tuple(_theirs_notes(held)),
    )


def _theirs_notes(held: Held) -> Iterator[str]:
    yield (
        f"layer {held.layer!r} as its equations are written, and {held.named}, both in float64 on the CPU. Allowed is "
        "1e-9 of the largest magnitude, or what rounding explains."
    )
    if held.fixed:
        yield f"set to a number, as the class lacks them, and their gradients not compared: {', '.join(held.fixed)}."
    if not held.states:
        yield "the class gives no last states, so these were not compared."


def _tensor_row(tensor: Deviation) -> tuple[Cell, ...]:
    return (tensor.name, *_measures(tensor).values(), _VERDICTS[tensor.ok])


def _proofs_table(result: Verified) -> Table:
    """What else is held against what of the layers that torch lacks."""
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (layer.name, layer.type, *_HELD[proof.what], proof.tensor, *_far(proof), _VERDICTS[proof.ok])
        for layer in result.layers
        for proof in layer.proofs
    )
    return Table(
        title="what torch lacks",
        subject=result.model.name,
        columns=_PROOF_COLUMNS,
        rows=rows,
        notes=tuple(_proof_notes(result)),
    )


def _proof_notes(result: Verified) -> Iterator[str]:
    names = ", ".join(result.not_in_torch)
    yield (
        f"torch has no such layer ({names}): in float64 on the CPU, its equations as they are trained with are held "
        "against the same evaluated as they are written, each tensor relative to its largest magnitude; and its "
        "gradients against how the output changes along one random direction of input, states and weights."
    )
    for layer in result.layers:
        for proof in layer.proofs:
            if proof.kinks:
                yield (
                    f"{layer.name}: {proof.kinks:,} times a kink (of relu, max, min, abs, hardsigmoid) lay within the "
                    "step of the differences, and was not crossed: each stays on the side where it is."
                )
            if proof.ok is None:
                yield (
                    f"{layer.name}: differences are not sure enough here to tell anything of the gradients: an output "
                    "that changes as fast as this, or that is not finite, has none."
                )


def _far(proof: Proof) -> tuple[Cell, ...]:
    return (None, None) if proof.ok is None else (proof.relative, proof.allowed)


def _measures(tensor: Deviation) -> dict[str, Cell]:
    return {
        "shape": tensor.shape,
        "largest_magnitude": tensor.largest,
        "largest_error": tensor.error,
        "relative_epsilons": tensor.relative,
        "allowed_epsilons": tensor.allowed,
    }


def _notes(result: Verified) -> Iterator[str]:
    unit = result.unit
    if result.layers:
        sums = (
            "sums are kept in float32, so only what is stored is rounded"
            if unit.wide
            else "K is how many numbers are added up in one at the most"
        )
        allowed = "4 sqrt(L)" if unit.wide else "4 sqrt(K L)"
        known = "; ".join(
            f"{layer.name}: " + (f"L = {layer.steps}" if unit.wide else f"K = {layer.terms:,}, L = {layer.steps}")
            for layer in result.layers
        )
        yield (
            f"relative: the largest error over the largest magnitude, in epsilons of {unit.name} ({unit.epsilon:.4g}). "
            f"Allowed are {allowed}: rounding errors, random in sign, add up as a square root, and a state carries "
            f"them over L steps; {sums}. {known}."
        )
    if any(tensor.allowed != layer.tensors[0].allowed for layer in result.layers for tensor in layer.tensors):
        yield (
            "Where a sum cancels, a tanh or sigmoid saturates, or a relu's argument is next to 0, rounding moves a "
            "result further: such a tensor is besides allowed the most that it moved when the equations were evaluated "
            "16 times, with every number off at random by up to what is allowed for L = 1."
        )
    if unit.name not in (result.model.dtype, "float32"):
        yield (
            f"{unit.name} is on: the factors of a float32 product are rounded to 10 bits on this GPU "
            "(NVIDIA_TF32_OVERRIDE=0 turns it off)."
        )
    if result.dropout:
        yield f"dropout is left out, as if 0: torch does not hand out its mask ({', '.join(result.dropout)})."
    if result.drawn:
        yield (
            f"drawn at random, for fresh ones change nothing: running statistics, weight and bias of "
            f"{', '.join(result.drawn)}; without `in training` their tensors are those of eval mode."
        )
    if result.eval_alone:
        yield f"in eval mode alone, as training mode needs more than one row: {', '.join(result.eval_alone)}."
    if result.skipped:
        yield f"not in the equation language, so only run: {', '.join(result.skipped)}."


def verify_document(results: Sequence[Verified]) -> dict[str, object]:
    """What `verify` found, as one object: for each tensor its error and what that is held to, in epsilons."""
    return {
        **head([result.model for result in results], "equations", results[0].seed, results),
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
                "not_in_torch": result.not_in_torch,
                **({"drawn": result.drawn} if result.drawn else {}),
                **({"eval_alone": result.eval_alone} if result.eval_alone else {}),
                **({"wires": [*map(_wire, result.wires)]} if result.wires else {}),
            }
            for result in results
        ],
    }


def _verified_layer(layer: VerifiedLayer) -> dict[str, object]:
    theirs = layer.theirs
    return {
        "layer": layer.name,
        **picked(layer, "type", "ok", "terms", "steps"),
        "tensors": [*map(_tensor, layer.tensors)],
        "proofs": [
            {
                "what": proof.what,
                "against": "differences" if proof.what == "slope" else "equations",
                "tensor": proof.tensor or None,
                "relative_error": proof.relative,
                "allowed_error": proof.allowed,
                **picked(proof, "kinks", "ok"),
            }
            for proof in layer.proofs
        ],
        "against": theirs
        and {
            "class": theirs.named,
            "version": theirs.version or None,
            "ok": theirs.ok,
            "tensors": [*map(_tensor, theirs.tensors)],
            "fixed": theirs.fixed,
        },
    }


def _wire(wire: HeldWire) -> dict[str, object]:
    return {"layer": wire.layer, "wire": wire.wire, "ok": wire.ok, "tensors": [*map(_tensor, wire.tensors)]}


def _tensor(tensor: Deviation) -> dict[str, object]:
    return {"name": tensor.name, **_measures(tensor), "ok": tensor.ok}
