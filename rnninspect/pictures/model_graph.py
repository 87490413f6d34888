"""A model as a graph: its layers are nodes, what they hand on is read by others, last states are handed over.

Sources are numbered as in a cell's graph, and after them what is handed over: the last states of each giver.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rnninspect.document.chain import INPUT, Link, Spec
from rnninspect.facts.models import LayerFacts
from rnninspect.layers.layer import Layer
from rnninspect.layers.recurrent import Recurrent
from rnninspect.layers.signal import Signal
from rnninspect.letters import tuple_text
from rnninspect.pictures.folding import Fold, folds
from rnninspect.pictures.graph import Graph, Line, Node, Pin, Vector
from rnninspect.pictures.texts import Piece, Style, Text
from rnninspect.plan import plan

_MOST_NAME = 20
_MOST_VALUE = 14
# What stands elsewhere in the picture, or is too long for it.
_NOT_SHOWN = frozenset({"type", "name", "trainable", "tied_to", "init"})
_DIRECTIONS = {"concat": "side by side", "sum": "added"}


class ModelGraph(NamedTuple):
    """graph: inputs, layers and additions as nodes, what is returned as ends.

    labels: by source the lines at the beginning of its wire. givers: by source of states the node that hands them over.
    letters: the axes that are named. sentences: of each layer in words.
    """

    graph: Graph
    labels: Mapping[int, tuple[Text, ...]]
    givers: Mapping[int, int]
    letters: tuple[str, ...]
    sentences: tuple[str, ...]


def model_graph(spec: Spec) -> ModelGraph:
    """The graph of a model; layers alike that follow each other are one node."""
    return _Builder(spec).made()


def shortened(name: str) -> str:
    """A name as it stands in a box."""
    return name if len(name) <= _MOST_NAME else f"{name[: _MOST_NAME - 1]}…"


class _Builder:
    def __init__(self, spec: Spec) -> None:
        self.spec, self.folds = spec, folds(spec)
        self.facts = {facts.name: facts for facts in plan(spec).layers}
        self.handed = {each.name: number for number, each in enumerate(spec.inputs)}
        self.signals = {each.name: each.signal for each in spec.inputs}
        self.nodes: list[Node] = []
        self.labels = {number: _shape_of(each.signal) for number, each in enumerate(spec.inputs)}
        self.letters: dict[str, None] = {}
        self.sentences: list[str] = []
        sums = [fold for fold in self.folds if fold.times == 1 and _is_drawn(spec.links[fold.start])]
        first = len(spec.inputs) + len(self.folds) + len(sums)
        givers = dict.fromkeys(link.wires.state_from for link in spec.links if link.wires.state_from)
        self.states = {giver: first + number for number, giver in enumerate(givers)}
        self.givers: dict[int, int] = {}

    def made(self) -> ModelGraph:
        for each in self.spec.inputs:
            self.name_axes(each.signal)
        for fold in self.folds:
            self.add(fold)
        inputs = [
            Vector(text=(Piece(shortened(each.name)),), width=each.signal.width or 0, source=number)
            for number, each in enumerate(self.spec.inputs)
        ]
        returns = self.spec.returns
        ends = [Vector(_output(name, len(returns)), 0, self.handed[name]) for name in returns]
        graph = Graph(
            inputs=tuple(inputs), x=None, nodes=tuple(self.nodes), labels=(), ends=tuple(ends), output=ends[0]
        )
        return ModelGraph(
            graph=graph,
            labels=self.labels,
            givers=self.givers,
            letters=tuple(self.letters),
            sentences=tuple(self.sentences),
        )

    def add(self, fold: Fold) -> None:
        """A node for a layer, or for several alike, and for what is added to what it hands on."""
        links = self.spec.links[fold.start : fold.end]
        first, last = links[0], links[-1]
        if fold.times > 1:
            lines = tuple(_folded_lines(links, fold, self.facts))
            cap = f"{fold.times} × {first.layer.type}" if fold.size == 1 else f"{fold.times} ×"
        else:
            lines, cap = tuple(self.lines(first)), first.layer.type
        said = _sentence(lines, cap)
        reads = [Pin(self.handed[name]) for name in first.wires.reads]
        states = [Pin(self.states[first.wires.state_from])] if first.wires.state_from else []
        function = "sigmoid" if any(isinstance(link.layer, Recurrent) for link in links) else "other"
        source = self.put(
            Node(kind="layer", pins=(*reads, *states), lines=lines, cap=(Piece(cap),), function=function, said=said)
        )
        if last.layer.name in self.states:
            self.give(last, source)
        if fold.times == 1 and _is_drawn(first):
            added = first.wires.reads[0] if first.wires.add == INPUT else first.wires.add
            pins = (Pin(source), Pin(self.handed[added]))
            node = Node(kind="circle", pins=pins, text=(Piece("+"),), said=f"{first.layer.name} plus {added}")
            source = self.put(node)
        self.handed[last.layer.name] = source
        self.signals[last.layer.name] = last.emitted
        self.labels[source] = _shape_of(last.emitted)
        self.name_axes(last.emitted)
        self.sentences.append(_in_words(said, first, last))

    def put(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.spec.inputs) + len(self.nodes) - 1

    def give(self, link: Link, source: int) -> None:
        """The last states of a layer, with the name and the shape of those that are taken."""
        from rnninspect.layers.joining import ends_with  # why here: few models hand states over

        assert isinstance(link.layer, Recurrent)
        takers = [other.layer for other in self.spec.links if other.wires.state_from == link.layer.name]
        taken = {state for taker in takers if isinstance(taker, Recurrent) for state in taker.given_states}
        ends = ends_with(link.layer, link.signal, "")
        shapes = {f"{state}_n": shape for state, shape in ends.items() if state in taken}
        same = len(set(shapes.values())) == 1
        texts = [", ".join(shapes), tuple_text(next(iter(shapes.values())))] if same else []
        texts = texts or [f"{name} {tuple_text(shape)}" for name, shape in shapes.items()]
        number = self.states[link.layer.name]
        self.givers[number] = source
        self.labels[number] = tuple((Piece(text, Style.SIZE),) for text in texts)

    def name_axes(self, signal: Signal) -> None:
        self.letters |= dict.fromkeys(signal.axes)
        if signal.width is not None:
            self.letters["H"] = None

    def lines(self, link: Link) -> Iterator[Line]:
        """What stands in the box of a layer: its name, what it reads, its options, its parameters."""
        layer, wires = link.layer, link.wires
        yield _line((Piece(shortened(layer.name)),))
        if len(wires.reads) > 1:
            parts = [self.signals[name] for name in wires.reads]
            yield _noted("reads", " + ".join(f"{part.features:,}" for part in parts))
            if link.signal.is_sequence:
                vectors = [name for name, part in zip(wires.reads, parts, strict=True) if not part.is_sequence]
                yield from (_noted(shortened(name), "at each step") for name in vectors)
        yield from _options(layer)
        if wires.state_from and wires.directions:
            yield _noted("directions", _DIRECTIONS[wires.directions])
        if wires.add and not _is_drawn(link):
            yield _noted("plus its input")
        yield from _weights(layer, wires.same_as, self.facts[layer.name])


def _is_drawn(link: Link) -> bool:
    """Whether what is added to a layer's output has a wire of its own: what it reads of several has none."""
    return bool(link.wires.add) and (link.wires.add != INPUT or len(link.wires.reads) == 1)


# --- what is written --------------------------------------------------------------------------------------


def _line(text: Text, size: str = "") -> Line:
    return Line(text=text, size=(Piece(size, Style.SIZE),) if size else (), pin=None)


def _noted(words: str, size: str = "") -> Line:
    return _line((Piece(words, Style.NOTE),), size)


def _options(layer: Layer) -> Iterator[Line]:
    """The keys that a document says of a layer, without what only follows from what it reads."""
    fields = type(layer).model_fields
    for key, value in layer:
        if key in _NOT_SHOWN or key in layer.filled_in or value == fields[key].default:
            continue
        text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
        if isinstance(value, bool | int | float | str) and len(text) <= _MOST_VALUE:
            yield _noted(key, "" if value is True else text.lower() if value is False else text)


def _weights(layer: Layer, same_as: str, facts: LayerFacts) -> Iterator[Line]:
    tied = getattr(layer, "tied_to", None)
    if same_as:
        yield _noted("weights of", shortened(same_as))
    elif tied:
        yield _noted("weight of", shortened(tied))
    if facts.counts.parameters:
        yield _noted("parameters", f"{facts.counts.parameters:,}")
        if not facts.counts.trainable:
            yield _noted("frozen")


def _folded_lines(links: Sequence[Link], fold: Fold, facts: Mapping[str, LayerFacts]) -> Iterator[Line]:
    """What stands in the box of layers alike: their names from the first to the last, and what one of them says."""
    if fold.size > 1:
        yield _line((Piece(f"{fold.size} layers"),))
    for k in range(fold.size):
        first, last = links[k], links[k - fold.size]
        names = f"{shortened(first.layer.name)} … {shortened(last.layer.name)}"
        yield _noted(names, first.layer.type) if fold.size > 1 else _line((Piece(names),))
        yield from _options(first.layer)
        if first.wires.add:
            yield _noted("plus its input")
    each = sum(facts[link.layer.name].counts.parameters for link in links[: fold.size])
    if each:
        total = sum(facts[link.layer.name].counts.parameters for link in links)
        yield _noted("parameters of each", f"{each:,}")
        yield _noted("of all", f"{total:,}")


def _shape_of(signal: Signal) -> tuple[Text, ...]:
    """A shape in letters, and below it in numbers."""
    fact = signal.tensor("x", "H", "float32")
    tokens = " tokens" * (signal.width is None)
    return (Piece(tuple_text(fact.axes) + tokens, Style.SIZE),), (Piece(fact.shape_text, Style.SIZE),)


def _output(name: str, number: int) -> Text:
    return (Piece("output" if number == 1 else f"output {shortened(name)}"),)


# --- in words ---------------------------------------------------------------------------------------------


def _sentence(lines: Sequence[Line], cap: str) -> str:
    """`encoder, GRU: hidden_size 512, parameters 1,182,720`."""
    name, *others = (" ".join(piece.text for piece in (*line.text, *line.size)) for line in lines)
    return f"{name}, {cap}{': ' * bool(others)}{', '.join(others)}"


def _in_words(said: str, first: Link, last: Link) -> str:
    wires = first.wires
    parts = [f"{said}. Reads {' and '.join(wires.reads)}"]
    parts += [f"starts from the last states of {wires.state_from}"] * bool(wires.state_from)
    parts += [f"adds {'its input' if wires.add == INPUT else wires.add}"] * bool(wires.add)
    return f"{', '.join(parts)}, hands on {last.emitted.tensor('x', 'H', 'float32').shape_text}."
