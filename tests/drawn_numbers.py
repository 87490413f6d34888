"""A picture read back as a person reads it, and worked out: from the texts of its nodes and from who reads whom."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from rnninspect.cells.evaluate import step
from rnninspect.cells.functions import FUNCTIONS
from rnninspect.cells.tree import Cell, Constant, Matrix, Value
from rnninspect.pictures.graph import Graph, Line, Node
from rnninspect.pictures.texts import plain, symbols


class Number(float):
    """A matrix of one row and one column."""

    def __matmul__(self, other: float) -> float:
        return float(self) * other

    @property
    def T(self) -> Number:  # noqa: N802
        return self


def _function(name: str) -> Callable[[float], float]:
    """Of what takes a vector anything that is no other function."""
    return FUNCTIONS[name].number or (lambda a: math.sin(a + len(name)))


FUNCTION: Mapping[str, Callable[..., float]] = {name: _function(name) for name in FUNCTIONS} | {"max": max, "min": min}
_SIGNS = str.maketrans({"⊙": "*", "×": "*", "÷": "/", "−": "-", "^": "§", "√": "sqrt", "σ": "sigmoid"})
_WRITTEN = {"ReLU": "relu", "LN": "layernorm", "RMSNorm": "rmsnorm", "GELU": "gelu", "SiLU": "silu"}
_WRITTEN |= {"hardsigmoid": "hardsigmoid", "log softmax": "logsoftmax"}


def given_of(cell: Cell) -> dict[str, Any]:
    """A number for x, for each state before and for each weight, all different and none near zero."""
    names = ["x", *cell.states, *(weight.name for weight in cell.weights)]
    return {name: Number(0.3 + 0.07 * place + 0.011 * (place * place % 13)) for place, name in enumerate(names)}


def computed(cell: Cell) -> dict[str, float]:
    """What the equations come to: every vector by its name, the last of each."""
    return step(cell, given_of(cell), FUNCTION)


def read_back(cell: Cell, graph: Graph) -> list[float]:
    """What each source of a picture comes to."""
    return _Reader(cell, graph).values()


class _Reader:
    def __init__(self, cell: Cell, graph: Graph) -> None:
        self.graph = graph
        given = given_of(cell)
        self.known: dict[str, float] = {plain(symbols(weight.name)): given[weight.name] for weight in cell.weights}
        self.known |= {plain(symbols(f"{w.name}ᵀ")): given[w.name] for w in cell.weights if isinstance(w, Matrix)}
        self.known |= {plain(symbols(node.name)): node.value for node in cell.nodes if isinstance(node, Constant)}
        before = [Value(state, 0) for state in cell.states]
        order = [*before, *[Value("x", 0)] * (graph.x is not None)]
        self.sources = [float(given[value.name]) for value in order]
        self.known |= {plain(vector.text): self.sources[vector.source] for vector in graph.inputs}

    def values(self) -> list[float]:
        for source, node in enumerate(self.graph.nodes, start=len(self.sources)):
            for end in self.graph.ends:
                if end.source < source:  # a state that is handed on may be read by its new name
                    self.known.setdefault(plain(end.text), self.sources[end.source])
            self.sources.append(self.node(node))
            for label in self.graph.labels:
                if label.source == source:
                    self.known[plain(label.text)] = self.sources[source]
        return self.sources

    def node(self, node: Node) -> float:
        pins = [self.sources[pin.source] for pin in node.pins]
        signs = [pin.sign for pin in node.pins]
        text = plain(node.text)
        match node.kind:
            case "block":
                total = sum(self.line(line, pins) for line in node.lines)
                return FUNCTION[node.function](total) if node.function else total
            case "function":
                assert text == FUNCTIONS[node.function].text.replace("({})", "").replace("{}", "·")
                return FUNCTION[node.function](*pins)
            case "circle":
                return sum(pins) if text == "+" else math.prod(pins)
            case "column" if {*signs} <= {"+", "−"}:
                total = sum(value if sign == "+" else -value for value, sign in zip(pins, signs, strict=True))
                return total + (self.worked_out(text) if text else 0.0)
            case "column":
                total = math.prod(value if sign == "•" else 1 / value for value, sign in zip(pins, signs, strict=True))
                negative, text = text.startswith("−"), text.removeprefix("−").strip()
                return (-total if negative else total) * (self.worked_out(f"1 {text}") if text else 1.0)
        return self.pill(text, pins)

    def pill(self, text: str, pins: list[float]) -> float:
        if text in ("max", "min"):
            return FUNCTION[text](*pins)
        if not pins:
            return self.worked_out(text)
        if ("·" in text and "(·)" in text) or text.startswith(("max(", "min(")):
            for value in pins:
                text = re.sub(r"(?<=[(^ ])·(?=[,)])", f"({value!r})", text, count=1)
            return self.worked_out(text)
        (value,) = pins
        before, after = text[:1] in "+−÷", text[-1:] in "+−×⊙÷"
        if before and text != "−" and not after:
            return self.worked_out(f"({value!r}) {text}")
        if after:
            return self.worked_out(f"{text} ({value!r})")
        return self.worked_out(re.sub(r"([×⊙÷]) ÷", rf"\1 ({value!r}) ÷", text))

    def line(self, line: Line, pins: list[float]) -> float:
        text = plain(line.text)
        if line.pin is None:
            return self.worked_out(text)
        if "(·)" not in text:
            return self.named(text, pins[line.pin])
        if line.size:  # a matrix, and what is too long to be written
            return self.worked_out(text.replace("(·)", f"({pins[line.pin]!r})"))
        return pins[line.pin] if text.startswith("+") else -pins[line.pin]

    def named(self, text: str, value: float) -> float:
        """A line that says all: what its wire brings is what it names, or what its matrix is multiplied with."""
        bare = text.removeprefix("− ")
        if isinstance(self.known.get(bare), Number):
            return self.known[bare] * value
        parts = [part.removeprefix("−") for part in re.split(r"[ ()|,]", bare)]
        named = [self.known[part] for part in parts if part in self.known]
        if not any(math.isclose(value, part) for part in named):
            assert math.isclose(value, self.worked_out(bare.partition(" ")[2])), text
        return self.worked_out(text)

    def worked_out(self, text: str) -> float:
        """What a text comes to: names beside each other are multiplied."""
        names = sorted(self.known, key=len, reverse=True)
        found: list[float] = []

        def place(match: re.Match[str]) -> str:
            found.append(self.known[match[0]])
            return f"E[{len(found) - 1}]"

        pattern = "|".join(map(re.escape, names))
        text = re.sub(rf"(?<![^\W\d_])(?:{pattern})(?![\w(])", place, text)
        text = text.replace(" · ", " * ").translate(_SIGNS).replace("§", "**")
        for written, function in _WRITTEN.items():
            text = re.sub(rf"\b{written}\(", f"{function}(", text)
        text = re.sub(r"(^|(?<=[ (]))\|+", lambda bars: "abs(" * len(bars[0]), text).replace("|", ")")
        text = re.sub(r"(?<=[\])]) (?=[E(a-z])", " * ", text)
        try:
            return float(eval(text, {"__builtins__": {}}, {**FUNCTION, "E": found}))
        except SyntaxError as error:
            raise ValueError(text) from error
