"""The three families of recurrent layers, as a kind differs from the next only in its equations.

`CellLayer` (one step, looped over L), `SequenceLayer` (over L), `StackedLayer` (num_layers, bidirectional, dropout).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from typing_extensions import override

from rnninspect.layers.fields import Depth, Flag, Merge, Probability
from rnninspect.layers.layer import Kept, Layer, Misfit, Option, Wants
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Signal
from rnninspect.letters import DIRECTIONS

_STEP_IS_NOT_LAST = (
    "step is the output at the last step, where the reverse direction has read one token only; feeds: last has its "
    "last state, which has read them all"
)


class CellLayer(Recurrent):
    """A torch.nn cell, which is one step; the tool loops it over the L steps of its input."""

    remarks: ClassVar[tuple[str, ...]] = (
        "torch's cell is a single step, without the textbook's output layer o_t = g(V S_t), which is a Linear after "
        "it; rnninspect runs it over the sequence. $output is its h_t at every step, $h_n the last of them.",
    )


class SequenceLayer(Recurrent):
    """A layer that runs over its whole input. Shapes as torch.nn.RNN's, with one layer and one direction."""

    options: ClassVar[Mapping[str, Option]] = {
        "batch_first": Option(
            "Whether N stands before L in input and output; unbatched and packed input have no two such axes.",
            lambda layer: True,
        )
    }

    batch_first: Flag = False

    @property
    @override
    def stack_axes(self) -> tuple[str, ...]:
        return ("1",)

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        """A layer that would read N as L is refused."""
        expected = ("N", "L") if self.batch_first else ("L", "N")
        # why only these: torch ignores batch_first for unbatched and packed input.
        if set(signal.axes) == {"L", "N"} and signal.axes != expected:
            raise Misfit(
                "batch_first",
                f"expected {str(not self.batch_first).lower()}: its input is ({', '.join(signal.axes)}, H_in)",
                "give every recurrent layer the same batch_first; torch would silently read one axis as the other",
            )
        return super().fit(signal, earlier)

    @override
    def placement(self, layer: int, direction: int) -> dict[str, Any]:
        suffix = f"_l{layer}" + "_reverse" * direction
        return {"suffix": suffix, "layer": layer, "direction": DIRECTIONS[direction]}


class StackedLayer(SequenceLayer):
    """torch.nn.RNN, LSTM and GRU: `num_layers` stacked, `dropout` between them, perhaps in both directions.

    merge: what the next layer gets of two directions: "concat", side by side as torch has them, or their "sum", "mean"
    or product ("mul"), as Keras merges them. Between stacked layers they stand side by side all the same.
    """

    ours: ClassVar[frozenset[str]] = SequenceLayer.ours | {"merge"}
    options: ClassVar[Mapping[str, Option]] = {
        "num_layers": Option(
            "So many layers stand above each other at every step, each reading what the one below puts out; the number "
            "of steps is the input's affair.",
            lambda layer: 2,
        ),
        "bidirectional": Option("A second set of weights reads the sequence from its end.", lambda layer: True),
        "dropout": Option(
            "While training, each element of the output is zeroed with this probability between stacked layers, never "
            "after the last.",
            lambda layer: 0.5,
        ),
        **SequenceLayer.options,
    }
    remarks: ClassVar[tuple[str, ...]] = (
        "The textbook's output layer, o_t = g(V S_t), is not part of torch's layer: $output is every h_t of the last "
        "layer, $h_n the last h_t of every layer and direction. A Linear after it is the V.",
        "Copied notes call dropout something that RNN lacks: $has_dropout have it.",
    )

    num_layers: Depth = 1
    dropout: Probability = 0.0
    bidirectional: Flag = False
    merge: Merge = "concat"

    @property
    @override
    def depth(self) -> int:
        return self.num_layers

    @property
    @override
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    @override
    def merging(self) -> str:
        return self.merge if self.bidirectional else "concat"

    @property
    @override
    def stack_axes(self) -> tuple[str, ...]:
        return ("num_layers*D",)

    @property
    @override
    def output_letter(self) -> str:
        return "D*H_out"

    @override
    def kept_between(self, wants: Wants, below: Kept, above: Kept) -> int:
        # The mask of dropout; and what it lets through is no longer what the layer below has put out.
        return wants.input + above.input if self.dropout > 0 else super().kept_between(wants, below, above)

    @override
    def notes(self) -> tuple[tuple[str, str], ...]:
        notes = []
        if self.dropout > 0 and self.num_layers == 1:
            notes.append(("dropout", "dropout acts between stacked layers: with num_layers 1 it does nothing"))
        if self.merge != "concat" and not self.bidirectional:
            notes.append(("merge", "merge is of two directions: with bidirectional false it does nothing"))
        if self.feeds == "step" and self.bidirectional:
            notes.append(("feeds", _STEP_IS_NOT_LAST))
        return tuple(notes)
