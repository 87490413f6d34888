"""Recurrent layers: a cell's equations, run over the time steps, in both directions, stacked.

Everything is derived from the equations, the number of stacked layers and of directions; see `families` for who has
which.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self

from typing_extensions import override

from rnninspect.cells.language import faults_of, parse
from rnninspect.cells.packs import packs
from rnninspect.cells.tree import Cell
from rnninspect.cells.widths import Declared, widths
from rnninspect.facts.amounts import ITEM_BYTES, Ops
from rnninspect.facts.tensors import HandedOn, TensorFact
from rnninspect.facts.weights import Init, WeightFact
from rnninspect.layers import costs
from rnninspect.layers.fields import Feeds, Flag, InitOfMatrices, Size
from rnninspect.layers.layer import InitLayer, Kept, Layer, Misfit, Wants, inferred
from rnninspect.layers.signal import Signal
from rnninspect.layers.weights import cell_weights, first_of, uniform
from rnninspect.letters import open_shape_of, shape_of

# What a document calls the sizes that a cell's equations may need to be equal.
_WORDS = {"H_in": "input_size", "H_cell": "hidden_size", "H_out": "the output's size", "D*H_out": "D times the output"}


class Recurrent(InitLayer):
    """A layer defined by the equations of its cell.

    feeds: what the next layer gets: "output" (every step), "last" (the last state of the last layer, both
    directions side by side: (N, D*H_out)), or what `feeding` says.
    init: laws for first values in place of torch's, by weight; see `laws`, which says what it may hold.
    """

    ours: ClassVar[frozenset[str]] = InitLayer.ours | {"feeds", "init"}
    width_field: ClassVar[str] = "input_size"
    meanings: ClassVar[Mapping[str, str]] = {
        "x": "input: element t of the sequence",
        "h": "hidden state: what the layer remembers at step t, and its output",
    }

    input_size: Size | None = None
    hidden_size: Size
    bias: Flag = True
    feeds: Feeds = "output"
    init: InitOfMatrices = None

    @abstractmethod
    def equations(self) -> str:
        """One step, in the equation language, biases included."""

    # The width of the vectors that enter and leave a step, in letters; `x` is added here.
    @abstractmethod
    def vector_widths(self) -> Declared:
        """Letters of every state, and of any vector that the equations leave open."""

    @property
    def cell(self) -> Cell:
        """The equations as this layer runs them."""
        return parse(self.equations(), bias=self.bias)

    @property
    def output_state(self) -> int:
        """Which of the states is what the layer puts out: 0 is the first. Only with `feeds: last` must one be."""
        return self.cell.states.index(self.cell.output)

    @property
    def numbers(self) -> Mapping[str, int | float]:
        """The constants and sizes that the equations have by name, besides torch's."""
        return {}

    @property
    def source(self) -> str:
        """Where the equations are from; "" where nobody says."""
        return ""

    @property
    def first_values(self) -> Mapping[str, float]:
        """What states start as, of those that neither start as the document's input says nor are learned."""
        return {}

    @property
    def learned(self) -> tuple[str, ...]:
        """The states that start as parameters, the same for all sequences."""
        return ()

    @property
    def given_states(self) -> tuple[str, ...]:
        """The states that the layer is given, by whoever runs it or by another layer: those that are not learned."""
        return tuple(state for state in self.cell.states if state not in self.learned)

    @property
    def trains(self) -> bool:
        """Whether any of the parameters does."""
        cell = self.cell
        return self.trainable and (bool(self.learned) or any(w.name not in cell.fixed for w in cell.weights))

    @property
    def keras_biases(self) -> int | None:
        """How many bias vectors each gate has in Keras; None where Keras has no such layer."""
        return None

    @property
    def h_out(self) -> int:
        """H_out: the width of what one direction puts out at each step."""
        return self.hidden_size

    @property
    def depth(self) -> int:
        """How many layers are stacked."""
        return 1

    @property
    def directions(self) -> int:
        """D: 2 if bidirectional."""
        return 1

    @property
    def width_in(self) -> int:
        """H_in of a fitted layer."""
        return self.fitted(self.input_size)

    @property
    def width_out(self) -> int:
        """D*H_out."""
        return self.directions * self.h_out

    @property
    def merging(self) -> str:
        """What the two directions of the output become for the next layer: "concat" leaves it as it is."""
        return "concat"

    @property
    @override
    def ways_on(self) -> dict[str, str]:
        """Merge and feeds, where they change it."""
        as_it_is = {"merge": "concat", "feeds": "output"}
        said = {"merge": self.merging, "feeds": self.feeds}
        return {option: way for option, way in said.items() if way != as_it_is[option]}

    @property
    def width_on(self) -> int:
        """The width of what the next layer gets."""
        return self.width_out if self.merging == "concat" else self.h_out

    @property
    def works_on(self) -> bool:
        """Whether what the next layer gets is worked out from the output, and neither that nor the last states."""
        return self.feeds not in ("output", "last") or self.merging != "concat"

    @property
    def gates(self) -> int:
        """G: how many gates the largest packed weight holds."""
        return max((len(pack.blocks) for pack in packs(self.cell, self.declared(0))), default=0)

    def declared(self, layer: int) -> Declared:
        """Widths in letters of the cell of stacked layer `layer`: all but the first read D*H_out."""
        return (("x", ("H_in" if layer == 0 else "D*H_out",)), *self.vector_widths())

    def sizes(self) -> dict[str, int]:
        """The sizes of this layer's letters."""
        return {
            "D": self.directions,
            "num_layers": self.depth,
            "H_in": self.width_in,
            "H_cell": self.hidden_size,
            "H_out": self.h_out,
        }

    @override
    def fit(self, signal: Signal, earlier: Mapping[str, Layer]) -> Self:
        if not signal.is_sequence:
            from rnninspect.layers.feeding import no_sequence

            raise no_sequence(signal, earlier)
        if self.feeds == "last" and self.cell.output not in self.cell.states:
            raise Misfit(
                "feeds",
                f"expected output: {self.cell.output} is put out, and is no state that there would be a last one of",
                "leave feeds out",
            )
        fitted = self.model_copy(update={"input_size": inferred("input_size", self.input_size, signal)})
        # why here: every layer of a document is fitted, and what is worked out from its equations comes after.
        with faults_of(self.type):
            packs(fitted.cell, fitted.declared(0))
            fitted.check_widths()
        fitted.check_laws()
        return fitted

    def check_widths(self) -> None:
        """Raise Misfit where the equations need two sizes to be equal that are not."""
        sizes = self.sizes()
        solved = [widths(self.cell, self.declared(layer)) for layer in range(min(self.depth, 2))]
        for layer, found in enumerate(solved):
            for letters in found.conditions:
                values = shape_of(letters, sizes)
                if len(set(values)) > 1:
                    equal = " = ".join(_WORDS.get(letter, letter) for letter in letters)
                    above = " in the layers above the first" if layer else ""
                    got = ", ".join(map(str, values))
                    raise Misfit("hidden_size", f"the equations need {equal}{above}, got {got}", "make them equal")
        for state in self.cell.states:
            first, *upper = shape_of((found.length(self.cell.last(state)) for found in solved), sizes)
            if upper and upper != [first]:
                raise Misfit(
                    "num_layers",
                    f"its state {state} is as wide as what it reads, {first} in the first layer and {upper[0]} above",
                    "use several layers, each with a name, in place of num_layers",
                )

    @override
    def inputs(self, signal: Signal, dtype: str) -> tuple[TensorFact, ...]:
        names = [first_of(state) for state in self.given_states]
        given = (state for state in self.states("0", signal, dtype) if state.name in names)
        return (*super().inputs(signal, dtype), *given)

    @override
    def outputs(self, signal: Signal, dtype: str) -> tuple[TensorFact, ...]:
        output = signal.to(self.width_out, self.name).tensor("output", self.output_letter, dtype, self.directions)
        return (output, *self.states("n", signal, dtype))

    @property
    def output_letter(self) -> str:
        """The letters of the output's feature axis."""
        return "H_out"

    def states(self, time: str, signal: Signal, dtype: str) -> Iterator[TensorFact]:
        """The states before the first step (`time` "0") or after the last ("n")."""
        solved = widths(self.cell, self.declared(0))
        sizes = self.sizes() | signal.batch.letters
        for state in self.cell.states:
            axes = (*self.stack_axes, *signal.batch.states_axes, solved.operand(self.cell.last(state)))
            yield TensorFact(
                name=f"{state}_{time}",
                axes=axes,
                shape=open_shape_of(axes, sizes),
                dtype=dtype,
                directions=self.directions,
            )

    @property
    def stack_axes(self) -> tuple[str, ...]:
        """The leading axis of a state, over stacked layers and directions."""
        return ()

    @override
    def weights(self, dtype: str) -> tuple[WeightFact, ...]:
        return self.weights_below(self.depth, dtype)

    def weights_below(self, layer: int, dtype: str) -> tuple[WeightFact, ...]:
        """The parameters of the stacked layers below `layer`, as far as there are any; those from 1 on are alike."""
        init = uniform(self.hidden_size)
        weights = tuple(
            weight
            for k in range(min(layer, self.depth))
            for direction in range(self.directions)
            for weight in self.weights_of(k, direction, dtype, init)
        )
        return self.with_laws(weights)

    @override
    def first_weights(self, dtype: str) -> tuple[WeightFact, ...]:
        return self.weights_below(2, dtype)

    def weights_of(self, layer: int, direction: int, dtype: str, init: Init) -> Iterator[WeightFact]:
        """The parameters of one stacked layer in one direction (1 is the reverse), all drawn by `init`."""
        yield from cell_weights(
            self.cell,
            self.declared(layer),
            self.sizes(),
            dtype=dtype,
            init=init,
            trainable=self.trainable,
            keras_biases=self.keras_biases,
            **self.placement(layer, direction),
        )

    def placement(self, layer: int, direction: int) -> dict[str, Any]:
        """What `cell_weights` is told of where a weight stands in the stack; nothing where there is none."""
        return {}

    @override
    def forward_ops(self, signal: Signal) -> Ops:
        return costs.forward_ops(self, signal)

    @override
    def backward_ops(self, signal: Signal, weights: Sequence[WeightFact], wants: Wants) -> Ops:
        return costs.backward_ops(self, signal, weights, wants)

    @override
    def kept(self, signal: Signal, dtype: str, weights: Sequence[WeightFact], wants: Wants) -> Kept:
        return costs.kept(self, signal, dtype, wants)

    def kept_between(self, wants: Wants, below: Kept, above: Kept) -> int:
        """How many numbers a stacked layer keeps of each that it is handed, where the one below does not keep it."""
        return above.input and not below.output

    @override
    def emits(self, signal: Signal) -> Signal:
        to = signal.to if self.feeds == "output" else signal.one
        return to(self.width_on, self.name)

    @override
    def hands_on(self, signal: Signal, dtype: str) -> HandedOn | None:
        if not self.works_on:
            return None
        from rnninspect.layers.feeding import words

        return HandedOn(words(self), self.emits(signal).tensor("x", "H_in", dtype))

    @override
    def work_bytes(self, signal: Signal, dtype: str) -> int:
        """Besides its inputs and outputs a layer holds W_ih @ x of every step."""
        products = self.gates * self.hidden_size * signal.tokens * ITEM_BYTES[dtype]
        return max(Layer.work_bytes(self, signal, dtype) + products, self.drawing_bytes(dtype))
