"""Equations in MathML: read back from the elements, they are the text that a terminal shows."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from worlds import spec_of

from rnninspect.cells.language import parse
from rnninspect.cells.tree import Cell
from rnninspect.cells.write import Written, write
from rnninspect.document.library import library_names
from rnninspect.letters import GREEK

LETTERS = {letter: name for name, letter in GREEK.items() if name != "sigma"}  # σ is the function
CORE = {
    *("mtr", "mtd", "mrow", "mi", "mn", "mo", "mspace", "mtext"),
    *("msub", "msup", "msubsup", "munder", "mfrac", "msqrt"),
}


def read(node: ElementTree.Element) -> str:
    """An element as text, written from what it means and not as `cells.notation` does."""
    assert node.tag in CORE
    parts = [read(child) for child in node]
    match node.tag, parts:
        case "msub", [base, below]:
            return f"{base}_{below}"
        case "msup", [base, above]:
            return base + raised(above)
        case "msubsup", [base, below, above]:
            return f"{base}{raised(above)}_{below}"
        case "mfrac", [over, under]:
            return f"{over} / {under}"
        case "msqrt", _:
            return f"√({''.join(parts)})"
        case "munder", [_, size]:
            return size
    if node.tag == "mtr":
        return "".join(parts)
    text = node.text or ""
    if node.tag == "mo":
        return {"\u2062": "", "\u2061": "", "⊤": "ᵀ"}.get(text, text)
    return LETTERS.get(text, text) + "".join(parts)


def raised(above: str) -> str:
    return "'" * len(above) if set(above) == {"′"} else above if above == "ᵀ" else f"^{above}"


def bare(text: str) -> str:
    """Without what is no term: brackets, spaces, the braces of an index; a minus is a hyphen."""
    return re.sub(r"[ (){},_]", "", text.replace("−", "-"))


def cell_of(kind: str) -> Cell:
    """Of a layer as wide as what it reads, so that every cell takes it."""
    layer = {"name": "a", "type": kind, "input_size": 6, "hidden_size": 6}
    spec = spec_of({"input": {"batch_size": 2, "seq_len": 3}, "layers": [layer]})
    cell = spec.links[0].layer.cell
    assert cell is not None
    return cell


def written(text: str) -> Written:
    """The last equation of a text, its matrices (5, 3) and its vectors (5,)."""
    return write(parse(text), lambda symbol: (5, 3) if symbol.kind == "matrix" else (5,))[-1]


@pytest.mark.parametrize(
    ("kind", "reverse"), [("LSTM", False), ("GRU", True), *((name, False) for name in library_names())]
)
def test_it_says_what_the_text_says(kind: str, reverse: bool) -> None:
    for equation in write(cell_of(kind), lambda symbol: (7,), reverse=reverse):
        assert bare(read(ElementTree.fromstring(equation.mathml))) == bare(equation.text)
        sizes = read(ElementTree.fromstring(equation.mathml_sizes))
        assert re.sub(r"[·⊙]", "", bare(sizes)) == re.sub(r"[·⊙]", "", bare(equation.sizes))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h = W_ih @ (x * h)", "h_t=W_ih(x_t⊙h_t-1)"),
        ("h = x - (h - x)", "h_t=x_t-(h_t-1-x_t)"),
        ("h = (1 - x) * h", "h_t=(1-x_t)⊙h_t-1"),
        ("h = tanh(-(x + h))", "h_t=tanh(-(x_t+h_t-1))"),
        ("h = max(x, h) * 2", "h_t=max(x_t,h_t-1)·2"),
        ("h = h * -0.5", "h_t=h_t-1·(-0.5)"),
        ("h = (x / h) ** 2", "h_t=(x_t / h_t-1)^2"),
        ("h = x / (h + 1)", "h_t=x_t / h_t-1+1"),
        ("h = sqrt(abs(x)) + 0 * h", "h_t=√(|x_t|)+0·h_t-1"),
    ],
)
def test_brackets_stand_where_they_are_needed(text: str, expected: str) -> None:
    assert read(ElementTree.fromstring(written(text).mathml)).replace("−", "-") == expected


def test_it_is_core_and_its_letters_are_as_print_has_them() -> None:
    made = written("h = sigmoid(W_ii @ x + b_ii) * h")
    assert made.mathml == (
        "<mtr><mtd><msub><mi>h</mi><mi>t</mi></msub></mtd><mtd><mo>=</mo></mtd><mtd><mrow><mrow><mi>σ</mi>"
        '<mo>&#x2061;</mo><mrow><mo stretchy="false">(</mo><mrow><mrow><msub><mi>W</mi><mi>ii</mi></msub>'
        '<mo>&#x2062;</mo><mspace width="0.12em"></mspace><msub><mi>x</mi><mi>t</mi></msub></mrow><mo>+</mo><msub>'
        '<mi>b</mi><mi>ii</mi></msub></mrow><mo stretchy="false">)</mo></mrow></mrow><mo>⊙</mo><msub><mi>h</mi>'
        "<mrow><mi>t</mi><mo>−</mo><mn>1</mn></mrow></msub></mrow></mtd></mtr>"
    )
    under = re.findall(r"<munder><msub><mi>(\w+)</mi>.*?<mtext>(.*?)</mtext>", made.mathml_sizes)
    assert under == [("h", "5"), ("W", "5×3"), ("x", "5"), ("b", "5"), ("h", "5")]
