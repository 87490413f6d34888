"""What TensorFlow writes: the index of a checkpoint, a graph, or a SavedModel, which is both."""

from __future__ import annotations

from pathlib import Path

from rnninspect import disk
from rnninspect.files.held import Held, HeldLayer, HeldTensor, Unreadable
from rnninspect.files.readers import beside
from rnninspect.files.readers.protobuf import VARINT, Message
from rnninspect.files.readers.tf_checkpoint import Variables, variables_of
from rnninspect.files.readers.tf_graph import Graph, add_graph
from rnninspect.files.readers.tf_table import is_table
from rnninspect.files.source import Source, source_of

# Where the variables of a SavedModel lie beside it.
_VARIABLES = "variables/variables.index"


def read(source: Source, path: str) -> Held:
    """What a file of TensorFlow holds. Raises Unreadable."""
    if is_table(source):
        variables = variables_of(source, path)
        damage = beside.told(variables.faults)
        return Held(path, "TensorFlow checkpoint", variables.tensors, notes=variables.notes, damage=damage)
    message, graph = Message(source), Graph()
    first = next(message.fields(), None)
    if first is None or first.number != 1:
        raise Unreadable("no graph of TensorFlow: it does not begin as one does")
    if first.wire == VARINT:
        return _saved_model(message, path, graph)
    add_graph(message, None, graph)
    notes = _notes(graph)
    if graph.variables:
        notes += (f"{len(graph.variables):,} of its tensors are variables: their values are in a checkpoint",)
    return _held(path, "TensorFlow graph", graph, graph.variables | graph.constants, notes)


def _saved_model(message: Message, path: str, graph: Graph) -> Held:
    """A SavedModel: the graphs in the file, and the variables beside it."""
    for part in message.inside(None, 2):
        for item in message.inside(part, 2):
            add_graph(message, item, graph)
    variables = _variables_beside(path)
    if variables is None:
        damage = f"weights in {_VARIABLES}, which is not there" if graph.variables else ""
        return _held(path, "SavedModel", graph, graph.variables | graph.constants, _notes(graph), damage)
    damage = beside.told(variables.faults)
    return _held(
        path, "SavedModel", graph, graph.constants | variables.tensors, variables.notes + _notes(graph), damage
    )


def _variables_beside(path: str) -> Variables | None:
    """The variables of the SavedModel at a path; None where there are none."""
    index = Path(path).parent / _VARIABLES
    try:
        with source_of(str(index)) as source:
            return variables_of(source, str(index))
    except disk.ABSENT:
        return None


def _notes(graph: Graph) -> tuple[str, ...]:
    notes = []
    if graph.unfollowed:
        notes.append(
            f"{graph.unfollowed:,} recurrent operators in its functions take their weights as inputs: not followed"
        )
    if graph.resources:
        notes.append(f"{graph.resources:,} of its inputs are variables that are not in it")
    return tuple(notes)


def _held(
    path: str, kind: str, graph: Graph, tensors: dict[str, HeldTensor], notes: tuple[str, ...], damage: str = ""
) -> Held:
    """What a graph holds, with the tensors of which its layers are."""
    return Held(
        file=path,
        format=kind,
        tensors=tensors,
        layers=tuple(_of_these(layer, tensors) for layer in graph.layers),
        notes=notes,
        damage=damage,
    )


def _of_these(layer: HeldLayer, tensors: dict[str, HeldTensor]) -> HeldLayer:
    """A layer, its variables said to be elsewhere where the checkpoint calls them something else."""
    there = {role: name for role, name in layer.tensors.items() if name in tensors}
    gone = {role: f"the variable {name}" for role, name in layer.tensors.items() if name not in tensors}
    return layer._replace(said={**layer.said, **gone}, tensors=there)
