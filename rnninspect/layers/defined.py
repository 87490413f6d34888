"""Layers of cells that a document or the library describes: one class for all, made from the cell's definition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from textwrap import dedent
from typing import Any, ClassVar, Self

from pydantic import BaseModel, PrivateAttr
from typing_extensions import override

from rnninspect.cells.language import Numbers, check_numbers, parse
from rnninspect.cells.packs import Pack, packs
from rnninspect.cells.tree import Cell, CellError, NeedsBiasError
from rnninspect.cells.widths import Declared, declare, widths
from rnninspect.errors import did_you_mean, listed
from rnninspect.facts.weights import Init, WeightFact
from rnninspect.layers.definition import Definition
from rnninspect.layers.families import StackedLayer
from rnninspect.layers.layer import Layer, Misfit
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.weights import first_of, torch_name
from rnninspect.letters import LETTERS, shape_of

_MOST_NEAR = 60
# Widths by the keys of a layer.
_HIDDEN, _INPUT = "hidden_size", "input_size"


class DefinedLayer(StackedLayer):
    """A recurrent layer whose equations a document or the library has; torch has no such layer.

    Its keys are these and the cell's constants and sizes.
    """

    remarks: ClassVar[tuple[str, ...]] = (
        "torch has no such layer; rnninspect runs these equations itself, step by step, with torch.nn.RNN's interface.",
    )

    definition: ClassVar[Definition]
    # What the layer says of the cell's constants and sizes.
    _numbers: dict[str, int | float] = PrivateAttr(default_factory=dict)

    def with_numbers(self, numbers: Mapping[str, int | float]) -> Self:
        """This layer with constants and sizes of its own."""
        layer = self.model_copy()
        layer._numbers = dict(numbers)
        return layer

    @override
    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Of the layer as a whole, so that layers which differ in their cell alone are told apart."""
        yield from super().__repr_args__()
        yield "definition", self.definition
        yield from self._numbers.items()

    @override
    def __reduce__(self) -> tuple[Callable[..., DefinedLayer], tuple[Any, ...]]:
        """How it is sent to another process: its class is made there, from the same definition."""
        definition = self.definition
        return _restored, (type(self).__name__, definition.model_dump_json(), type(definition), self.__getstate__())

    @property
    @override
    def numbers(self) -> dict[str, int | float]:
        return {**self.definition.numbers, **self._numbers}

    def equations(self) -> str:
        """As they are written."""
        return self.definition.equations

    @property
    @override
    def cell(self) -> Cell:
        definition = self.definition
        return parse(
            definition.equations,
            bias=self.bias,
            output=definition.output,
            numbers=self._pairs,
            fixed=tuple(name for name in definition.fixed if self.bias or not name.startswith("b")),
            stacked=definition.packing is None,
        )

    @property
    def _pairs(self) -> Numbers:
        return tuple(self.numbers.items())

    @override
    def vector_widths(self) -> Declared:
        return self.declared(0)[1:]

    @override
    def declared(self, layer: int) -> Declared:
        features = "H_in" if layer == 0 else "D*H_out"
        own = tuple((name, _letter(width, features)) for name, width in self.definition.widths.items())
        return (("x", (features,)), *_declared(self.cell, own))

    @property
    @override
    def source(self) -> str:
        return self.definition.source or ""

    @property
    @override
    def h_out(self) -> int:
        width = self.definition.widths.get(self.cell.output, _HIDDEN)
        if isinstance(width, int):
            return width
        if width == _INPUT:
            return self.width_in
        return self.hidden_size if width == _HIDDEN else int(self.numbers[width])

    @override
    def sizes(self) -> dict[str, int]:
        return {**super().sizes(), **{name: int(self.numbers[name]) for name in self.definition.sizes}}

    @property
    @override
    def first_values(self) -> dict[str, float]:
        return {state: first for state, first in self.definition.initial.items() if first != "learned"}

    @property
    @override
    def learned(self) -> tuple[str, ...]:
        return tuple(state for state in self.cell.states if self.definition.initial.get(state) == "learned")

    @override
    def weights_of(self, layer: int, direction: int, dtype: str, init: Init) -> Iterator[WeightFact]:
        """Those of the equations, then the states that are learned."""
        yield from super().weights_of(layer, direction, dtype, init)
        solved, placed = widths(self.cell, self.declared(layer)), self.placement(layer, direction)
        suffix = placed.pop("suffix")
        for state in self.learned:
            axes = (solved.operand(self.cell.last(state)),)
            yield WeightFact(
                name=first_of(state) + suffix,
                symbol=first_of(state),
                axes=axes,
                shape=shape_of(axes, self.sizes()),
                dtype=dtype,
                init=Init("zeros"),
                trainable=self.trainable,
                in_keras=None,
                directions=self.directions,
                **placed,
            )

    @override
    def fit(self, signal: Any, earlier: Mapping[str, Layer]) -> Self:
        fitted = super().fit(signal, earlier)
        if fitted.depth > 1 and fitted.definition.widths.get(fitted.cell.output) == _INPUT and fitted.directions > 1:
            raise Misfit("num_layers", "an output as wide as the input cannot be stacked in both directions")
        return fitted

    @classmethod
    @override
    def init_block(cls) -> type[BaseModel]:
        """One without keys: what it may hold depends on the cell, see `symbol_laws`."""
        from rnninspect.layers.laws import Block

        return Block

    @property
    @override
    def has_laws(self) -> bool:
        return bool(self.init or self.definition.init or self.learned)

    @override
    def check_laws(self) -> None:
        """Raise Misfit for a law that does not fit the shape of its matrix; for the rest see `wrong_laws`."""
        if self.has_laws:
            from rnninspect.layers import laws

            for fault in laws.matrix_faults(self.first_weights("float32")):
                raise Misfit(*fault)

    @override
    def with_laws(self, weights: tuple[WeightFact, ...]) -> tuple[WeightFact, ...]:
        if not self.has_laws:
            return weights
        from rnninspect.layers.symbol_laws import laws_of, with_laws

        blocks = (self.definition.init or {}, self.init or {})
        return with_laws(weights, laws_of(self.cell, packs(self.cell, self.declared(0)), blocks))

    def wrong_laws(self) -> Iterator[Misfit]:
        """What of the layer's own `init` is about nothing that the cell has."""
        if self.init:
            from rnninspect.layers.symbol_laws import wrong_laws

            yield from wrong_laws(self.cell, packs(self.cell, self.declared(0)), self.init)

    def described(self) -> dict[str, Any]:
        """What the cell is, as settings of the layer: its equations line by line, and whatever else makes a difference.

        `init` is the cell's with the layer's own; numbers are the layer's.
        """
        definition = self.definition
        lines = (line.partition("#")[0].rstrip() for line in dedent(definition.equations).splitlines())
        return {
            "equations": [line for line in lines if line],
            "output": self.cell.output,
            "widths": definition.widths,
            "init": {**(definition.init or {}), **(self.init or {})},
            "initial": definition.initial,
            "fixed": sorted(self.cell.fixed) or None,
            "packing": definition.packing,
            **self.numbers,
        }

    def faults(self) -> Iterator[Misfit | CellError]:
        """What is wrong with the cell as this layer has it: of the equations the first fault, of all else each.

        A Misfit's field is a key of the definition, but for `bias`, which is the layer's.
        """
        wrong = list(_wrong_numbers(self.definition))
        yield from wrong
        if wrong:
            return
        try:
            cell = parse(self.definition.equations, bias=self.bias, numbers=self._pairs)
            if not cell.states:
                raise CellError("nothing is carried from step to step: no vector is read before it is assigned")
            if not cell.weights:
                raise CellError("the cell has no weights", hint="what has none is no layer of a model")
            # why not without biases: names of them are none that the cell lacks.
            wrong = list(_wrong_keys(self.definition, cell)) if self.bias else []
            yield from wrong
            if not wrong:
                tensors, _ = [packs(self.cell, self.declared(layer)) for layer in (0, 1)]
                yield from _half_fixed(self.cell, tensors)
                if self.definition.init:
                    from rnninspect.layers.symbol_laws import wrong_laws

                    # why: laws of biases are none too many where a layer has bias: false.
                    whole = self.model_copy(update={"bias": True})
                    tensors = packs(whole.cell, whole.declared(0))
                    yield from wrong_laws(whole.cell, tensors, self.definition.init)
        except NeedsBiasError as error:
            yield Misfit("bias", f"expected true: {error.message}", "without biases this cell is none")
        except CellError as error:
            yield error


def _wrong_numbers(definition: Definition) -> Iterator[Misfit]:
    for block in ("constants", "sizes"):
        for name, value in getattr(definition, block).items():
            where = f"{block}.{name}"
            if name in DefinedLayer.model_fields or name in Definition.model_fields:
                yield Misfit(where, f"{name} is a key of every layer", "call it otherwise")
            elif block == "sizes" and (name in LETTERS or name in definition.constants):
                taken = "stands under constants too" if name in definition.constants else "is a letter of axes"
                yield Misfit(where, f"{name} {taken}", "call it otherwise")
            else:
                try:
                    check_numbers(((name, value),))
                except CellError as error:
                    yield Misfit(where, error.message, error.hint)


def _wrong_keys(definition: Definition, cell: Cell) -> Iterator[Misfit]:
    """What the keys beside the equations say of names that these do not have."""
    assigned = [equation.target.name for equation in cell.equations]
    if definition.output is not None and definition.output not in assigned:
        yield Misfit("output", f"no equation assigns {definition.output!r}", _near(definition.output, assigned))
    weights = [weight.name for weight in cell.weights]
    for name, width in definition.widths.items():
        if name not in (*assigned, *cell.states, *weights):
            hint = "x is as wide as input_size" if name == "x" else _near(name, [*assigned, *weights])
            yield Misfit(f"widths.{name}", f"the equations have no {name!r} that would have a width", hint)
        known = [*definition.sizes, _HIDDEN, _INPUT]
        if isinstance(width, str) and width not in known:
            yield Misfit(f"widths.{name}", f"expected a whole number or one of {', '.join(known)}, got {width!r}")
    for state in definition.initial:
        if state not in cell.states:
            yield Misfit(f"initial.{state}", f"{state!r} is no state", _near(state, cell.states))
    for i, pattern in enumerate(definition.fixed):
        if not any(fnmatchcase(name, pattern) for name in weights):
            yield Misfit(f"fixed.{i}", f"no weight is called {pattern!r}", _near(pattern, weights))


def _near(word: str, known: Sequence[str]) -> str:
    """What was meant; "" where there are so many that to look for it takes its time."""
    return did_you_mean(word, known) if len(known) <= _MOST_NEAR else ""


def _half_fixed(cell: Cell, tensors: Iterable[Pack]) -> Iterator[Misfit]:
    """What of a parameter is fixed where the rest of it trains: autograd knows whole tensors alone."""
    for tensor in tensors:
        fixed = cell.fixed.intersection(tensor.blocks)
        if fixed and len(fixed) < len(tensor.blocks):
            rest = listed([block for block in tensor.blocks if block not in fixed])
            message = f"{listed(sorted(fixed))} and {rest} are one parameter, {torch_name(tensor.symbol)}"
            yield Misfit("fixed", message, "packing: none takes them apart")


def _letter(width: int | str, features: str) -> str:
    return {_HIDDEN: "H_cell", _INPUT: features}.get(str(width), str(width))


@cache
def _declared(cell: Cell, own: tuple[tuple[str, str], ...]) -> Declared:
    return declare(cell, dict(own))


def kind_from(name: str, definition: Definition) -> type[DefinedLayer]:
    """The class of the layers that a document calls `name`."""
    return _kind_from(name, definition.model_dump_json(), type(definition))


def _restored(name: str, text: str, model: type[Definition], state: dict[Any, Any]) -> DefinedLayer:
    kind = _kind_from(name, text, model)
    layer = kind.__new__(kind)
    layer.__setstate__(state)
    return layer


# why by the text: sweeps read the same document again and again, and a class takes a millisecond.
@lru_cache(maxsize=200)
def _kind_from(name: str, text: str, model: type[Definition]) -> type[DefinedLayer]:
    definition = model.model_validate_json(text)
    meanings = {**{key: Recurrent.meanings[key] for key in "x"}, **definition.meanings}
    return type(name, (DefinedLayer,), {"definition": definition, "meanings": meanings, "__module__": __name__})
