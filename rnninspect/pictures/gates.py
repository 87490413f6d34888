"""From the equations of a cell to the graph of its picture.

Of gates, a node is one function of one sum, with a line for each term: what people draw as a box. Such a block is a sum
in which a term holds a matrix product; its terms of one vector are lines, any other term is a wire that comes in. Of
operations, each matrix product, sum, product and function is a node. Weights, biases and numbers stand in the node that
uses them, so that only vectors are wires.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnninspect.cells.functions import FUNCTIONS
from rnninspect.cells.notation import Shapes
from rnninspect.cells.tree import (
    Apply,
    Bias,
    Binary,
    Cell,
    Expr,
    Matrix,
    Negative,
    Product,
    Value,
    WeightVector,
    is_number,
    walk,
)
from rnninspect.cells.write import name
from rnninspect.pictures.graph import Graph, Line, Node, Pin, Vector
from rnninspect.pictures.terms import (
    MINUS,
    OVER,
    PLUS,
    TIMES,
    Part,
    factors,
    has_matrix,
    is_product,
    is_sum,
    terms,
    vectors,
)
from rnninspect.pictures.texts import Piece, Text, plain, size, symbols

# The longest text of a line; what is longer is a wire from nodes of its own.
_LONGEST = 34
_DOT = "·"


def graph_of(cell: Cell, shape: Shapes, *, operations: bool = False, reverse: bool = False) -> Graph:
    """The graph of one step. operations: a node for each operation, else for each gate.

    reverse: the step before is t+1.
    """
    return _Builder(cell, shape, operations, reverse).graph()


class _Builder:
    def __init__(self, cell: Cell, shape: Shapes, operations: bool, reverse: bool) -> None:
        self.cell, self.shape, self.operations, self.reverse = cell, shape, operations, reverse
        states = [Value(state, 0) for state in cell.states]
        self.given = [*states, *[Value("x", 0)] * (Value("x", 0) in cell.nodes)]
        self.sources: dict[Value, int] = {value: number for number, value in enumerate(self.given)}
        self.nodes: list[Node] = []

    def graph(self) -> Graph:
        for equation in self.cell.equations:
            self.sources[equation.target] = self.source(equation.expression)
        labels = [equation.target for equation in self.cell.equations]
        return Graph(
            inputs=tuple(map(self.vector, self.given)),
            x=self.sources.get(Value("x", 0)),
            nodes=tuple(self.nodes),
            labels=tuple(self.vector(value) for value in labels if self.sources[value] >= len(self.given)),
            ends=tuple(self.vector(self.cell.last(state)) for state in self.cell.states),
            output=self.vector(self.cell.result),
        )

    def vector(self, value: Value) -> Vector:
        return Vector(self.named(value), self.shape(value)[0], self.sources[value])

    def named(self, part: Expr | Matrix) -> Text:
        return symbols(name(self.cell, part, reverse=self.reverse))

    def alone(self, part: Expr) -> Text:
        """An expression that stands alone, or between the signs of a sum: without brackets around all of it."""
        written = name(self.cell, part, reverse=self.reverse)
        return symbols(written[1:-1] if is_product(part) else written)

    def weight(self, product: Product) -> Text:
        """The matrix of a product."""
        return symbols(product.matrix.name + "ᵀ" * product.transposed)

    # --- what computes an expression ----------------------------------------------------------------------

    def source(self, expression: Expr) -> int:
        """What puts out an expression: a node, which is made where it is not there."""
        if isinstance(expression, Negative) and isinstance(expression.operand, Negative):
            return self.source(expression.operand.operand)
        if isinstance(expression, Value):
            return self.sources[expression]
        self.nodes.append(self.node(expression))
        return len(self.given) + len(self.nodes) - 1

    def node(self, expression: Expr) -> Node:
        if not vectors(expression):
            return Node("pill", (), text=self.alone(expression))
        if isinstance(expression, Apply):
            if self.is_block(expression.argument, capped=True):
                return self.block(expression.argument, expression.function)
            return self.function(expression)
        if self.is_block(expression):
            return self.block(expression)
        match expression:
            case Product(operand=operand):
                return self.matrix(expression, self.source(operand))
            case Binary(op="max" | "min" | "**"):
                return self.of_two(expression)
        if is_sum(expression):
            parts = list(terms(expression))
            if len(parts) > 1 or not is_product(parts[0].expression):
                return self.sum(parts)
            return self.product(list(factors(parts[0].expression)), parts[0].sign)
        return self.product(list(factors(expression)))

    def function(self, expression: Apply) -> Node:
        pin = Pin(self.source(expression.argument))
        return Node("function", (pin,), text=_function(expression.function), function=expression.function)

    def matrix(self, product: Product, source: int) -> Node:
        """A matrix alone, as a node of operations."""
        text = self.weight(product)
        return Node("block", (Pin(source),), lines=(Line(text, self.size(product), 0),))

    def of_two(self, expression: Binary) -> Node:
        """What is written as a function of two: the larger, the smaller, a power."""
        parts = expression.left, expression.right
        pins = tuple(Pin(self.source(part)) for part in parts if vectors(part))
        if expression.op == "**":
            base, exponent = (self.named(part) if not vectors(part) else (Piece(f"({_DOT})"),) for part in parts)
            return Node("pill", pins, text=(*base, Piece("^"), *exponent))
        if len(pins) == 2:
            return Node("pill", pins, text=(Piece(expression.op),), is_pointwise=True)
        base, other = (self.named(part) if not vectors(part) else (Piece(_DOT),) for part in parts)
        return Node("pill", pins, text=(Piece(f"{expression.op}("), *base, Piece(", "), *other, Piece(")")))

    def sum(self, parts: Sequence[Part]) -> Node:
        pins = tuple(Pin(self.source(part.expression), part.sign) for part in parts if vectors(part.expression))
        leaves = [part for part in parts if not vectors(part.expression)]
        if len(pins) == 1:
            return Node("pill", (Pin(pins[0].source),), text=self.beside(parts), is_pointwise=True)
        return _several(pins, PLUS, self.added(leaves))

    def product(self, parts: Sequence[Part], sign: str = PLUS) -> Node:
        pins = tuple(Pin(self.source(part.expression), part.sign) for part in parts if vectors(part.expression))
        leaves = [part for part in parts if not vectors(part.expression)]
        if len(pins) == 1:
            text = self.times(parts)
            text = (Piece(f"{MINUS} "), *text) if sign == MINUS else text
            return Node("pill", (Pin(pins[0].source),), text=text, is_pointwise=True)
        text = tuple(piece for part in leaves for piece in (Piece(f" {_times(part)} "), *self.named(part.expression)))
        return _several(pins, TIMES, _trimmed((*[Piece(f"{MINUS} ")] * (sign == MINUS), *text)))

    def beside(self, parts: Sequence[Part]) -> Text:
        """A sum of one vector and numbers, without the vector: `1 −`, `+ b_hn`."""
        leaves = self.added([part for part in parts if not vectors(part.expression)])
        if not leaves:
            return (Piece(MINUS),)
        vector = next(part for part in parts if vectors(part.expression))
        if vector.sign == PLUS and parts[0] is vector:
            return leaves
        return _trimmed((*_without_plus(leaves), Piece(f" {vector.sign}")))

    def added(self, leaves: Sequence[Part]) -> Text:
        """Biases and numbers with their signs: `+ b_if + b_hf`."""
        return _trimmed(
            tuple(piece for part in leaves for piece in (Piece(f" {part.sign} "), *self.named(part.expression)))
        )

    def times(self, parts: Sequence[Part]) -> Text:
        """A product of one vector and of weights or numbers, without the vector: `Δt ×`, `w_cf ⊙`, `÷ 2`."""
        leaves = [part for part in parts if not vectors(part.expression)]
        before = [part.expression for part in leaves if part.sign == TIMES]
        text = [piece for part in before for piece in (*self.named(part), Piece(" "))]
        if next(part.sign for part in parts if vectors(part.expression)) == OVER:
            text += [*[Piece("1 ")] * (not before), Piece(f"{OVER} ")]
        elif before:
            text += [Piece("× " if all(map(is_number, before)) else "⊙ ")]
        for part in leaves:
            text += [Piece(f"{OVER} "), *self.named(part.expression), Piece(" ")] if part.sign == OVER else []
        return _trimmed(tuple(text))

    # --- blocks -------------------------------------------------------------------------------------------

    def is_block(self, expression: Expr, *, capped: bool = False) -> bool:
        """Whether it is drawn as one block. capped: it is what a function is taken of."""
        if self.operations:
            return False
        if isinstance(expression, Product):
            return True
        parts = [part.expression for part in terms(expression)]
        if len(parts) == 1:
            return self.is_line(expression) and has_matrix(expression)
        kinds = (Product, WeightVector) if capped else Product
        return any(self.is_line(part) and any(isinstance(node, kinds) for node in walk(part)) for part in parts)

    def is_line(self, term: Expr) -> bool:
        """Whether a term is a line of its block's text: a matrix product, or what is made of one vector alone."""
        if isinstance(term, Product):
            return True
        return len(vectors(term)) == 1 and len(plain(self.named(term))) <= _LONGEST

    def block(self, expression: Expr, function: str = "") -> Node:
        pins: list[Pin] = []
        lines: list[Line] = []
        leaves: list[Part] = []
        for part in terms(expression):
            if not vectors(part.expression):
                leaves.append(part)
                continue
            line, source = self.line(part, len(pins))
            lines.append(line)
            pins.append(Pin(source))
        # why x last: it comes from below, so that its wires cross fewer others.
        lines.sort(key=lambda line: line.pin is not None and self.is_x(pins[line.pin].source))
        pins, lines = [pins[line.pin or 0] for line in lines], [line._replace(pin=k) for k, line in enumerate(lines)]
        if leaves:
            lines.append(Line(_without_plus(self.added(leaves)), self.size(leaves[0].expression), None))
        return Node(
            "block", tuple(pins), lines=tuple(lines), cap=_function(function) if function else (), function=function
        )

    def is_x(self, source: int) -> bool:
        return source == self.sources.get(Value("x", 0))

    def line(self, part: Part, pin: int) -> tuple[Line, int]:
        """The line of a term, and where its wire comes from."""
        term, text = part.expression, self.alone(part.expression)
        found, is_short = vectors(term), len(plain(text)) <= _LONGEST
        before = (Piece(f"{MINUS} "),) if part.sign == MINUS else ()
        if isinstance(term, Product):
            text = text if is_short else (*self.weight(term), Piece(f" ({_DOT})"))
            source = self.sources[found[0]] if is_short and len(found) == 1 else self.source(term.operand)
            return Line((*before, *text), self.size(term), pin), source
        if len(found) == 1 and is_short:
            return Line((*before, *text), self.size(term), pin), self.sources[found[0]]
        return Line((Piece(f"{part.sign} "), *self.outlined(term)), (), pin), self.source(term)

    def outlined(self, term: Expr) -> Text:
        """A term that comes in as a wire: its factors that have a name, and dots for the others."""
        pieces: list[Piece] = []
        for place, part in enumerate(factors(term)):
            is_named = isinstance(part.expression, Value) or not vectors(part.expression)
            text = self.named(part.expression) if is_named else (Piece(f"({_DOT})"),)
            pieces += [*[Piece(f" {OVER if part.sign == OVER else '⊙'} ")] * bool(place), *text]
        return tuple(pieces)

    def size(self, expression: Expr) -> Text:
        """The shape of the weight that a line is about."""
        symbol: WeightVector | Bias | None = None
        for node in walk(expression):
            if isinstance(node, Product):
                rows, columns = self.shape(node.matrix)
                return size((columns, rows) if node.transposed else (rows, columns))
            if symbol is None and isinstance(node, WeightVector | Bias):
                symbol = node
        return () if symbol is None else size(self.shape(symbol))


def _several(pins: tuple[Pin, ...], sign: str, text: Text) -> Node:
    """A sum or a product of several vectors; a circle where it is of two, and says all by its sign."""
    if len(pins) == 2 and not text and all(pin.sign == sign for pin in pins):
        plain_pins = tuple(Pin(pin.source) for pin in pins)
        return Node("circle", plain_pins, text=(Piece(sign),), is_pointwise=True)
    return Node("column", pins, text=text, is_pointwise=True)


def _function(function: str) -> Text:
    """How a function is written: σ; |·| where its argument stands in the midst."""
    written = FUNCTIONS[function].text
    return (Piece(written.removesuffix("({})") if written.endswith("({})") else written.format(_DOT)),)


def _times(part: Part) -> str:
    if part.sign == OVER:
        return OVER
    return "×" if is_number(part.expression) else "⊙"


def _without_plus(text: Text) -> Text:
    """A sum's text as it begins: without a plus before its first term."""
    return _trimmed((text[0]._replace(text=text[0].text.removeprefix(PLUS)), *text[1:]))


def _trimmed(text: Text) -> Text:
    """Without a space at its ends."""
    if not text:
        return ()
    first = (text[0]._replace(text=text[0].text.lstrip()), *text[1:])
    return (*first[:-1], first[-1]._replace(text=first[-1].text.rstrip()))
