"""What papers write otherwise than the language does, and what to write in its place."""

from __future__ import annotations

import re

_TIMES = "write *, element by element, or @ after a matrix"
_SIGNS = {
    "\u03c3": "write sigmoid",
    "\u2299": "write *, element by element",
    "\u2218": "write *, element by element",
    "\u2217": "write *, element by element",
    "\u2297": "write *, element by element",
    "\u00b7": _TIMES,
    "\u22c5": _TIMES,
    "\u00d7": _TIMES,
    "\u2212": "write -, the sign of the keyboard",
    "\u2013": "write -, the sign of the keyboard",
    "\u2295": "write +",
    "\u2298": "write /",
    "\u221a": "write sqrt(...)",
    "\u00b2": "write ** 2",
    "\u22a4": "write W.T @ v",
    "\u1d40": "write W.T @ v",
}

_LATEX = r"no LaTeX: z_t = \sigma(W_z x_t + U_z h_{t-1}) is z = sigmoid(W_z @ x + W_hz @ h), and \odot is *"
# Of two vectors, as papers write them: [x; h].
SIDE_BY_SIDE = "of two vectors side by side each has its own matrix: W_x @ x + W_h @ h"
_BLOCK = re.compile(r"\[[^][]*;")
_OTHER_STEP = re.compile(r"([A-Za-z]\w*?)_?(?:tm1|t_1|t|prev|old|last)")
_INDEX = re.compile(r"[A-Za-z]\w*?_?\{")
_PRODUCT = re.compile(r"\b(W\w*(?:\[\w+\]|\.T)?)(?:[ \t]+(\w+)|[ \t]*\()")
_FACTORS = re.compile(r"[\w\]][ \t]+\w|\)[ \t]*[\w(]")
_ASSIGNED = re.compile(r"(?<![<>=!])=(?!=)")
_NO_MATRIX = re.compile(r"(?:^|[-+*/=(,])[ \t]*@")


def sign_hint(sign: str) -> str:
    """What to write for a character that the language does not have."""
    if sign == "\\":
        return _LATEX
    ascii_only = "names and signs are ASCII: sigmoid, alpha, *"
    return f"{_SIGNS[sign]}; {ascii_only}" if sign in _SIGNS else ascii_only


def syntax_hint(line: str) -> str:
    """What to write for a line that cannot be parsed; "" where nobody can say."""
    if len(_ASSIGNED.findall(line)) > 1:
        return "each equation is a line of its own, in a block that `equations: |` begins"
    if _BLOCK.search(line):
        return SIDE_BY_SIDE
    if _INDEX.search(line):
        return "without indices: h, read before it is assigned, is that of the step before"
    if _NO_MATRIX.search(line):
        return "left of @ stands a matrix: W_h @ h"
    if product := _PRODUCT.search(line):
        return f"a matrix multiplies with @: {product[1]} @ {product[2] or '(...)'}"
    if not line.lstrip().startswith(("for ", "if ", "while ")) and _FACTORS.search(line):
        return "between two factors stands *, after a matrix @"
    return ""


def step_hint(name: str) -> str:
    """What to write for a vector with the index of its step, as in h_t, h_tm1 or h_prev; "" for any other."""
    match = _OTHER_STEP.fullmatch(name)
    if match is None or "_" not in name:
        return ""
    if match[1] == "x":
        return "the input of the step is x, without an index"
    return f"without indices: {match[1]}, read before it is assigned, is that of the step before"
