"""Where a value of an ONNX graph comes from: the tensor that it is, or what it is computed by."""

from __future__ import annotations

from typing import NamedTuple

from rnninspect.files.readers.onnx_graph import PARTS, SAME, VIEWS, Graph, Node, Scope

# How far a value is followed back, and how far all of a file's are.
_MOST_STEPS = 200
_MOST_IN_ALL = 200_000
# ONNX' own operators, and those of ONNX Runtime that are called the same and do the same.
_DOMAINS = {"", "com.microsoft"}


class At(NamedTuple):
    """A tensor in the graph that holds it."""

    graph: Graph
    name: str


class Origin(NamedTuple):
    """Where a value comes from. at: the tensor that it is; None for what is computed. views: what reshapes it.

    stop: where it stops: the node that makes it, or `given as an input`. made_of: the tensors whose parts it is.
    """

    at: At | None
    views: tuple[str, ...] = ()
    stop: str = ""
    made_of: tuple[At, ...] = ()


class Origins:
    """Follows the values of one file back. why a record: a file of a million names for one tensor has an end too."""

    def __init__(self) -> None:
        self._left = _MOST_IN_ALL

    def of(self, name: str, scope: Scope) -> Origin:
        """Where a value comes from, followed back through what leaves its elements as they are."""
        views: list[str] = []
        where: Scope | None = scope
        for _ in range(_MOST_STEPS):
            found, where = self._defined(name, where)
            if isinstance(found, At):
                return Origin(found, tuple(views))
            if found is None or where is None:
                return Origin(None, stop="given as an input")
            if found.domain not in _DOMAINS or found.op not in SAME | VIEWS or not found.inputs:
                return Origin(None, stop=f"computed by {found.op}", made_of=self._made_of(name, where))
            if found.op in VIEWS:
                views.append(found.op)
            name = found.inputs[0]
            if self._left < 0:
                break
        return Origin(None, stop="computed")

    def _made_of(self, name: str, scope: Scope) -> tuple[At, ...]:
        """The tensors whose parts a value is put together of; () where any of it is computed."""
        found: dict[tuple[int, str], At] = {}
        waiting: list[tuple[str, Scope | None]] = [(name, scope)]
        for _ in range(_MOST_STEPS):
            if not waiting:
                return tuple(found.values())
            source, where = self._defined(*waiting.pop())
            if isinstance(source, At):
                found[id(source.graph), source.name] = source
            elif source is None or source.domain not in _DOMAINS or source.op not in SAME | VIEWS | PARTS:
                return ()
            else:
                taken = source.inputs if source.op == "Concat" else source.inputs[:1]
                waiting.extend((name, where) for name in reversed(taken[:_MOST_STEPS]))
        return ()

    def _defined(self, name: str, scope: Scope | None) -> tuple[At | Node | None, Scope | None]:
        """The tensor or the node that gives a value, and the scope where it was found; None for an input."""
        while scope is not None and self._left >= 0:
            self._left -= 1
            if name in scope.graph.tensors:
                return At(scope.graph, name), scope
            if name in scope.graph.made:
                return scope.graph.made[name], scope
            if scope.caller is not None and name in scope.given:
                name, scope = scope.given[name], scope.caller
            else:
                scope = None if name in scope.graph.given else scope.outer
        return None, None


def is_given(name: str, scope: Scope) -> bool:
    """Whether an input is there: it may be left out, by an empty name or by the call of the function that it is of."""
    while name and scope.caller is not None and name in scope.graph.given:
        if name not in scope.given:
            return False
        name, scope = scope.given[name], scope.caller
    return bool(name)
