"""Documents whose cells are made to cost something, to be executed, or to look like something else: each is refused."""

from __future__ import annotations

from textwrap import indent

LAYER = "{type: Mine, input_size: 4, hidden_size: 4}"


def document(equations: str, rest: str = "", layer: str = LAYER) -> str:
    """One with a cell of these equations; rest: the keys beside them."""
    text = indent(equations, " " * 6)
    cell = f"cells:\n  Mine:\n    equations: |\n{text}\n{indent(rest, ' ' * 4)}"
    return f"{cell}\ninput: {{batch_size: 2, seq_len: 3}}\nlayers: [{layer}]\n"


def loops(count: int, rounds: str, line: str) -> str:
    """Loops inside one another."""
    heads = [f"{'  ' * k}for {'ijklmnop'[k]} in range({rounds}):" for k in range(count)]
    return "\n".join([*heads, f"{'  ' * count}{line}"])


PLAIN = "h = tanh(W_ih @ x + W_hh @ h)"


def balanced(leaves: int) -> str:
    """A sum that is wide, and not deep."""
    return "x" if leaves < 2 else f"({balanced(leaves // 2)} + {balanced(leaves - leaves // 2)})"


WIDE = balanced(180).replace("x", "h" + "x" * 38)

# What is refused, and a part of what is said of it.
HOSTILE: dict[str, tuple[str, str]] = {
    "20,000 signs": (document("h = " + "-" * 20_000 + "h"), "at most 10,000 characters"),
    "9,000 signs": (document("h = " + "-" * 9_000 + "h"), "this long"),
    "20,000 additions": (document("h = h" + " + h" * 4_900), "at most 10,000 characters"),
    "9,000 brackets": (document("h = " + "(" * 4_500 + "h" + ")" * 4_500), "brackets"),
    "deep calls": (document("h = " + "tanh(" * 900 + "h" + ")" * 900), "brackets"),
    "loops of 10^9 rounds": (document(loops(1, "1000000000", PLAIN)), "rounds"),
    "loops in loops": (document(loops(3, "1000", PLAIN)), "rounds"),
    "loops by a size": (document(loops(1, "depth", PLAIN), "sizes: {depth: 1000000000}"), "rounds"),
    "loops by a layer's key": (
        document(
            loops(2, "depth", PLAIN), "sizes: {depth: 2}", "{type: Mine, input_size: 4, hidden_size: 4, depth: 999999}"
        ),
        "rounds",
    ),
    "empty rounds": (document(loops(2, "1000", "for k in range(0):\n        h = h") + "\n" + PLAIN), "rounds"),
    "a wide line, a thousand times": (document(f"for k in range(999):\n    h = {balanced(128)}"), "10,000 names"),
    "a line of 10,000 characters, a thousand times": (
        document(f"for k in range(999):\n    h = {WIDE}"),
        "10,000 names",
    ),
    "powers of powers": (document("h = h * 9 ** 9 ** 9 ** 9 ** 9"), "9 ** 9"),
    "a private name": (document("h = h + x.__class__"), "x.__class__"),
    "a dunder": (document("h = tanh(W_ih @ __class__)"), "__class__"),
    "a call": (document("h = h + __import__('os').system('true')"), "__import__"),
    "an import": (document("import os\n" + PLAIN), "import os"),
    "a walrus": (document("h = (y := h) + x"), ":="),
    "a lambda": (document("h = (lambda: h)()"), "lambda"),
    "a comprehension": (document("h = sum([x for x in h])"), "sum"),
    "a text": (document("h = h + f'{x}'"), "f'{x}'"),
    "a subscript": (document("h = h[2**63]"), ""),
    "2^63": (document("h = 9223372036854775808 * h + x"), "9223372036854775808"),
    "a number of 5,000 digits": (document("h = " + "9" * 5_000 + " * h"), ""),
    "a family of 2^63": (document("h = tanh(W[9223372036854775808] @ h)"), ""),
    "a huge size": (document("m = W_m @ x + m\n" + PLAIN, "sizes: {order: 100000000000000000000}"), "order"),
    "a huge constant": (document("h = dt * h + x", "constants: {dt: 1e300}"), "dt"),
    "no number": (document("h = dt * h + x", "constants: {dt: .nan}"), "dt"),
    "a look-alike": (document("h = tanh(W_ih @ \N{CYRILLIC SMALL LETTER HA} + W_hh @ h)"), "ASCII"),
    "an alphabet of mathematics": (document("h = tanh(\N{MATHEMATICAL BOLD SMALL H} + x)"), "ASCII"),
    "an alias to itself": (
        "cells: &all\n  Mine: {equations: h = tanh(h + x), meanings: *all}\n"
        f"input: {{batch_size: 1, seq_len: 1}}\nlayers: [{LAYER}]\n",
        "all",
    ),
    "aliases of aliases": (
        "cells:\n  C0: &c0 {a: b}\n"
        + "".join(f"  C{k}: &c{k} {{init: {{a: *c{k - 1}, b: *c{k - 1}}}}}\n" for k in range(1, 25))
        + f"input: {{batch_size: 1, seq_len: 1}}\nlayers: [{LAYER}]\n",
        "aliases written out",
    ),
    "1,000 cells": (
        "cells:\n"
        + "".join(f"  C{k}: {{equations: 'h = tanh(W @ h + {k}'}}\n" for k in range(1_000))
        + f"input: {{batch_size: 1, seq_len: 1}}\nlayers: [{LAYER}]\n",
        "more than 100 cells",
    ),
    "equations that are no text": (
        document(PLAIN).replace(f"equations: |\n      {PLAIN}", "equations: {a: b}"),
        "equations",
    ),
    "a cell without equations": ("cells: {Mine: {}}\n" + document(PLAIN).split("\n", 4)[4], "required key equations"),
}
