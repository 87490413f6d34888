"""Everything known of a layer, and of a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rnninspect.facts.amounts import PLAN_ONLY, Ops, sum_of_known
from rnninspect.facts.tensors import HandedOn, TensorFact, Wires
from rnninspect.facts.weights import Counts, WeightFact, count


@dataclass(frozen=True)
class LayerFacts:
    """Everything known of one layer.

    backward: what autograd runs for a loss after the last layer; kept_for_backward_bytes: what a training step keeps
    from the forward pass for it. Both are None in the real ledger, which runs forward only, and where nobody says how
    large the batch is: then per_token holds, and `forward` is what one token takes. from_file: of one that was found
    in a checkpoint. handed_on: of one that hands on neither its output nor its last states, as they are. buffers:
    tensors of its state_dict that are no parameters, in the order of torch's named_buffers(). wires: of a model
    whose document says any. sources: of a layer that reads several, what each hands it, by its name.
    """

    name: str
    type: str
    inputs: tuple[TensorFact, ...]
    outputs: tuple[TensorFact, ...]
    weights: tuple[WeightFact, ...]
    forward: Ops
    backward: Ops | None = field(metadata=PLAN_ONLY)
    kept_for_backward_bytes: int | None = field(metadata=PLAN_ONLY)
    per_token: bool = False
    from_file: FromFile | None = field(default=None, compare=False)
    handed_on: HandedOn | None = field(default=None, compare=False)
    buffers: tuple[WeightFact, ...] = ()
    wires: Wires | None = field(default=None, compare=False)
    sources: tuple[TensorFact, ...] = field(default=(), compare=False)

    @property
    def counts(self) -> Counts:
        """Parameter counts of this layer."""
        return count(self.weights, self.buffers)

    @property
    def buffer_bytes(self) -> int:
        """Bytes of its buffers; one that is shared is left to its owner."""
        return sum(buffer.nbytes for buffer in self.buffers if buffer.shared_with is None)

    @property
    def output_bytes(self) -> int | None:
        """Bytes of what comes out, the output and the final states; None where nobody says how large the batch is."""
        return sum_of_known([tensor.nbytes for tensor in self.outputs])

    @property
    def training_bytes(self) -> int | None:
        """What a training step with Adam holds: parameters, buffers, gradients, moments, what is kept for backward."""
        return _training_bytes(self)


@dataclass(frozen=True)
class Measured:
    """What only a run on a device can tell.

    finite: no output holds a nan or an infinity; None on `meta`, where there are no values.
    peak_bytes: on CUDA what torch's allocator held at most; on the CPU by how much the process's resident
        memory grew at most (it differs a little from run to run); None where nothing can say.
    """

    device: str
    torch: str
    seed: int
    finite: bool | None
    peak_bytes: int | None


@dataclass(frozen=True)
class ModelFacts:
    """Everything known of one model; `measured` is None in the plan.

    checkpoint: what the file is that its layers were found in, each by itself (`safetensors`); "" of a document.
    printed: what the printed module is called that it is a layer of; "" of all else. apart: its layers are models by
    themselves, of one file, and none reads what another puts out. inputs, outputs: of a model whose document says any
    wires, what it is fed with, by name, and what it returns, by the layers that hand it on.
    """

    name: str
    source: str
    dtype: str
    layers: tuple[LayerFacts, ...]
    measured: Measured | None = field(default=None, compare=False)
    checkpoint: str = ""
    printed: str = ""
    apart: bool = False
    inputs: tuple[TensorFact, ...] = field(default=(), compare=False)
    outputs: tuple[TensorFact, ...] = field(default=(), compare=False)

    @property
    def counts(self) -> Counts:
        """Parameter counts of the whole model; a shared matrix counts once."""
        return sum((layer.counts for layer in self.layers), count(()))

    @property
    def parameters(self) -> int:
        """Number of parameters; a shared matrix counts once."""
        return self.counts.parameters

    @property
    def parameter_bytes(self) -> int:
        """Bytes of all parameters; a shared matrix counts once."""
        return self.counts.nbytes

    @property
    def buffer_bytes(self) -> int:
        """Bytes of all buffers, which are no parameters."""
        return sum(layer.buffer_bytes for layer in self.layers)

    @property
    def per_token(self) -> bool:
        """Whether `forward` is what one token takes, as nobody says how large the batch is."""
        return any(layer.per_token for layer in self.layers)

    @property
    def output_bytes(self) -> int | None:
        """Bytes of every layer's outputs and final states for the document's batch; None where there is none."""
        return sum_of_known([layer.output_bytes for layer in self.layers])

    @property
    def kept_for_backward_bytes(self) -> int | None:
        """Bytes that a training step keeps from the forward pass for the backward pass; None in the real ledger."""
        return sum_of_known([layer.kept_for_backward_bytes for layer in self.layers])

    @property
    def training_bytes(self) -> int | None:
        """What a training step with Adam holds: parameters, buffers, gradients, moments, what is kept for backward."""
        return _training_bytes(self)

    @property
    def forward(self) -> Ops:
        """Operations of one forward pass over the document's batch."""
        return sum((layer.forward for layer in self.layers), Ops(0, 0))

    @property
    def backward(self) -> Ops | None:
        """Operations of the backward pass over the document's batch; None in the real ledger."""
        passes = [layer.backward for layer in self.layers if layer.backward is not None]
        return sum(passes, Ops(0, 0)) if len(passes) == len(self.layers) else None

    @property
    def macs(self) -> int | None:
        """Multiply-accumulates of the forward pass's matrix products; None where nobody says how large the batch is."""
        return None if self.per_token else self.forward.macs


def _training_bytes(facts: LayerFacts | ModelFacts) -> int | None:
    counts, kept = facts.counts, facts.kept_for_backward_bytes
    if kept is None:
        return None
    return counts.nbytes + facts.buffer_bytes + counts.gradient_bytes + counts.adam_bytes + kept


class FromFile(NamedTuple):
    """What of a layer is its file's affair. convention: whose packing its tensors have there (`PyTorch`, `Keras`).

    held_as: the dtypes of its biases (True) and matrices (False). unknown: the options that the file does not say, by
    torch's name, each with what is the case. reverse: it reads the sequence from its end. module: a sentence that says
    why torch's own module is not this layer, "" where it is. remarks: sentences on how it was found.
    merge: how Keras makes one output of two directions where it is not side by side; None where no file says it.
    same_as: the layer before it in the file that has the very same tensors, "" where none has.
    """

    convention: str
    held_as: Mapping[bool, str]
    unknown: Mapping[str, str]
    reverse: bool
    module: str
    remarks: tuple[str, ...]
    merge: str | None = ""
    same_as: str = ""
