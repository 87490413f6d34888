"""What `explain` says of a cell that a document or the library describes: numbers, loops, laws, how it can be run."""

from __future__ import annotations

import re
from typing import Any

import pytest
from worlds import spec_of

from rnninspect.cells.language import parse
from rnninspect.cells.write import name, shapes, write
from rnninspect.document.library import library_names
from rnninspect.formats import latex
from rnninspect.results.cell_pictures import drawings
from rnninspect.results.explain import explain_blocks, sketch_blocks
from rnninspect.results.table import Drawing, Formulas, Picture
from rnninspect.study.code import sketch
from rnninspect.study.explain import Explained, explain_layers

LIBRARY = library_names()


def explained(kind: str, *, steps: int = 100, definition: dict[str, Any] | None = None, **keys: Any) -> Explained:
    """A layer as wide as what it reads, so that every cell takes it."""
    layer = {"name": "a", "type": kind, "input_size": 6, "hidden_size": 6, **keys}
    document = {"input": {"batch_size": 2, "seq_len": steps}, "layers": [layer]}
    if definition:
        document["cells"] = {kind: definition}
    (found,) = explain_layers(spec_of(document))
    return found


def notes(layer: Explained, title: str) -> str:
    (block,) = (block for block in explain_blocks([layer]) if block.title.endswith(f": {title}"))
    return "\n".join(block.notes)


# --- sentences ----------------------------------------------------------------------------------------------


MEMORY = {
    "equations": """
u = tanh(W_ex @ x + W_em @ m + b_u)
m = gain * (W_A @ m + W_B @ u)
y = p * w_y
p = q
q = y
""",
    "output": "y",
    "sizes": {"order": 8},
    "constants": {"gain": 0.25},
    "widths": {"m": "order", "u": 1},
    "fixed": ["W_[AB]"],
    "init": {"W_A": "orthogonal", "w_y": "ones", "b_*": 2.0, "W_B": "zeros", "W_e*": "zeros"},
    "source": "Nobody 2026, nowhere",
}


def test_numbers_source_and_what_was_open() -> None:
    said = notes(explained("Memory", definition=MEMORY), "equations").splitlines()
    assert "From Nobody 2026, nowhere." in said
    assert "gain is 0.25 and order is 8." in said
    open_ones = explained("Open", definition={"equations": "h = tanh(W_hh @ h)\ns = x_2 * s\nx_2 = W_i @ x"})
    assert "The equations leave the widths of x_2 and s open: hidden_size." in notes(open_ones, "equations")


def test_numbers_are_those_of_the_layer() -> None:
    assert "dt is 0.5," in notes(explained("coRNN", dt=0.5), "equations")


def test_what_each_symbol_starts_as_and_what_is_fixed() -> None:
    said = notes(explained("Memory", definition=MEMORY), "besides the equations")
    assert "At first W_ex, W_em and W_B are zeros; W_A is orthogonal; w_y is ones; b_u is constant 2." in said
    assert "W_A and W_B are fixed: counted as parameters, and not trained." in said
    assert "uniform" not in said
    other = notes(explained("Memory", definition=MEMORY, init={"w_y": None, "b_u": "zeros"}), "besides the equations")
    assert "b_u are zeros" in other


def test_what_states_start_as() -> None:
    text = "c = c * h\nh = tanh(W_hh @ h + W_dh @ d)\nd = h * c"
    definition = {"equations": text, "initial": {"h": "learned", "d": 0.5}}
    said = notes(explained("Started", definition=definition), "besides the equations").splitlines()
    assert said[:4] == [
        "d_0 is 0.5 when not given, as in this document.",
        "c_0 is zeros when not given, as in this document.",
        "h_0 is learned: a parameter of each stacked layer and direction, the same for every sequence.",
        "The states go in and come out as a tuple, (c_0, d_0) and (c_n, h_n, d_n); a layer with one state has a "
        "tensor.",
    ]


@pytest.mark.parametrize(
    ("kind", "steps", "said"),
    [
        ("LSTM", 100, "Sequential: L = 100 steps, each of which needs the one before."),
        ("SRU", 100, "Sequential: "),
        ("minGRU", 100, "log2 L = 7 rounds could do (a parallel scan); here it is run in L = 100 steps."),
        ("minGRU", 64, "log2 L = 6 rounds could"),
        ("minGRU", 65, "log2 L = 7 rounds could"),
    ],
)
def test_whether_steps_must_be_run_one_after_the_other(kind: str, steps: int, said: str) -> None:
    assert said in notes(explained(kind, steps=steps), "equations")


def test_a_linear_network_needs_matrix_products_and_a_delay_nothing() -> None:
    linear = explained("Linear_", definition={"equations": "h = W_hh @ h + W_ih @ x"})
    assert "log2 L = 7 rounds of matrix products could do" in notes(linear, "equations")
    delay = explained("Delay", definition={"equations": "y = W_p @ p\np = tanh(W_i @ x)", "output": "y"})
    assert "No state depends on the one before: all 100 steps could be run at once." in notes(delay, "equations")


@pytest.mark.parametrize("kind", LIBRARY)
def test_nothing_is_said_that_holds_of_torchs_kinds_alone(kind: str) -> None:
    layer = explained(kind)
    said = "\n".join("\n".join(block.notes) for block in explain_blocks([layer]))
    for words in ("torch's results", "torch's layer", "textbook's", "cuDNN", "hidden_size, torch"):
        assert words not in said
    assert "holds what is run and trained to them" in said
    assert "torch has no such layer; rnninspect runs these equations itself" in said


# --- vectors --------------------------------------------------------------------------------------------------


def test_a_vector_without_a_meaning_is_told_by_its_equation() -> None:
    meanings = {entry.symbol: entry.meaning for entry in explained("Memory", definition=MEMORY).entries}
    assert meanings["u_t"] == "between -1 and 1"
    assert meanings["m_t"] == "a state: what the next step reads"
    assert meanings["y_t"] == "what the layer puts out"
    assert meanings["w_y"] == "times p_{t-1}, element by element, in y_t"
    one = explained("One", definition={"equations": "h = W_hh @ h"})
    meanings = {entry.symbol: entry.meaning for entry in one.entries}
    assert meanings["h_t"] == "a state: what the next step reads, and what the layer puts out"


def test_a_weight_that_is_used_more_than_once_is_told_at_every_place() -> None:
    """Each where it stands: what w_c multiplies in h is not what it does in f."""
    text = """
f = sigmoid(W_d @ x + w_c)
h = f * h + W_d.T @ f + w_c * f
for k in range(5):
    h = W_r @ h
"""
    meanings = {entry.symbol: entry.meaning for entry in explained("Twice", definition={"equations": text}).entries}
    assert meanings["W_d"] == "from x_t to f_t and transposed from f_t to h^(1)_t"
    assert meanings["w_c"] == "in f_t and times f_t, element by element, in h^(1)_t"
    assert meanings["W_r"].startswith("from h^(1)_t to h^(2)_t, from h^(2)_t to ")
    assert meanings["W_r"].endswith(" and 2 more")


def test_what_is_put_out_and_is_no_state_goes_up_only() -> None:
    layer = explained("SRU")
    assert "h goes up only; c to the next step only." in notes(layer, "data flow")
    (drawing,) = (block for block in explain_blocks([layer]) if isinstance(block, Drawing))
    picture = "\n".join(drawing.lines)
    assert re.search(r"c_0\[0\]─\(6,\)─*→│ c │─*\(6,\)→", picture)
    assert "h_0" not in picture


def test_a_stack_says_what_of_a_layer_the_next_reads() -> None:
    assert "its h_t" in notes(explained("coRNN", num_layers=2), "layer 1")


# --- loops ----------------------------------------------------------------------------------------------------


def test_of_a_long_loop_the_first_two_rounds_and_the_last_are_shown() -> None:
    layer = explained("RHN", depth=40)
    assert "Its loop has 39 rounds, of which the first two and the last are shown." in notes(layer, "equations")
    (equations,) = (block for block in explain_blocks([layer]) if isinstance(block, Formulas))
    assert [item.text.partition(" = ")[0] for item in equations.items] == [
        *("n^(1)_t", "t^(1)_t", "h^(1)_t", "n^(2)_t", "t^(2)_t", "h^(2)_t"),
        *("n^(3)_t", "t^(3)_t", "h^(3)_t", "n_t", "t_t", "h_t"),
    ]
    symbols = {entry.symbol for entry in layer.entries}
    assert {"W_n_0", "W_n_1", "W_n_2", "W_n_39", "h^(39)_t"} <= symbols
    assert "W_n_3" not in symbols
    assert "rounds" not in notes(explained("RHN", depth=5), "equations")


def test_what_is_assigned_often_is_counted() -> None:
    cell = parse("\n".join(["h = h + x"] * 5))
    assert [name(cell, equation.target) for equation in cell.equations] == [
        *("h^(1)_t", "h^(2)_t", "h^(3)_t", "h^(4)_t", "h_t"),
    ]  # fmt: skip
    assert write(cell, lambda symbol: (1,))[1].latex == "h^{(2)}_t = h^{(1)}_t + x_t"


# --- LaTeX ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h = x / (h + w) * b", r"h_t = \frac{x_t}{h_{t-1} + w} \odot b"),
        ("h = 0.5 * max(h, x) ** 2", r"h_t = 0.5 \cdot {\max(h_{t-1}, x_t)}^{2}"),
        ("h = W_n[2].T @ (h + w_ci * x)", r"h_t = {W_{n,2}}^\top (h_{t-1} + w_{ci} \odot x_t)"),
        ("h = gamma * h - dt * epsilon * x", r"h_t = \gamma \cdot h_{t-1} - \mathrm{dt} \cdot \epsilon \cdot x_t"),
        ("h = abs(sqrt(exp(-h))) + w_beta", r"h_t = \left|\sqrt{\exp(-h_{t-1})}\right| + w_{\beta}"),
        ("h = layernorm(h) - min(x, 1)", r"h_t = \mathrm{LN}(h_{t-1}) - \min(x_t, 1)"),
    ],
)
def test_what_the_language_has_in_latex(text: str, expected: str) -> None:
    cell = parse(text, numbers=(("dt", 0.1), ("epsilon", 1.0), ("gamma", 2.0)))
    assert write(cell, lambda symbol: (1,))[0].latex == expected


GREEK = "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"
SIGNS = {f"\\{word}" for word in f"odot cdot sigma tanh exp log sin cos max min {GREEK}".split()}


class Grammar:
    """Reads an equation in LaTeX as TeX does, and asserts that it is one; of commands it has those we write."""

    def __init__(self, latex: str) -> None:
        self.tokens = re.findall(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S", latex)
        self.index = False
        self.group("")

    def ahead(self) -> str:
        return self.tokens[0] if self.tokens else ""

    def group(self, end: str) -> None:
        while self.ahead() != end:
            self.term()
        del self.tokens[:1]

    def term(self) -> None:
        """One thing, and what is raised and lowered beside it: at most one each; a prime is raised."""
        letter = re.fullmatch("[A-Za-z]", self.ahead()) is not None
        self.thing()
        raised, lowered = self.ahead() == "'", False
        while self.ahead() == "'":
            self.tokens.pop(0)
        while self.ahead() in ("^", "_"):
            up = self.tokens.pop(0) == "^"
            assert not (raised if up else lowered)
            raised, lowered = raised or up, lowered or not up
            self.argument(index=True)
        # why: two letters beside each other are two names, of which each has an index.
        assert self.index or lowered or not letter or not re.fullmatch("[A-Za-z]", self.ahead())

    def thing(self) -> None:
        """A letter, a number, a sign, a group, or a command with its arguments."""
        match token := self.tokens.pop(0):
            case "{" | "(":
                self.group({"{": "}", "(": ")"}[token])
            case r"\left":
                assert self.tokens.pop(0) == "|"
                self.group(r"\right")
                assert self.tokens.pop(0) == "|"
            case r"\frac" | r"\underset" | r"\sqrt" | r"\mathrm":
                assert self.ahead() == "{"
                self.argument(index=token in (r"\underset", r"\mathrm"))
                if token in (r"\frac", r"\underset"):
                    assert self.ahead() == "{"
                    self.argument(index=False)
            case _:
                known = token in SIGNS or (self.index and token in (r"\_", r"\top"))
                assert known or re.fullmatch(r"[A-Za-z+,=-]|\d+(\.\d+)?", token)

    def argument(self, *, index: bool) -> None:
        before, self.index = self.index, index
        if self.ahead() == "{":
            self.tokens.pop(0)
            self.group("}")
        else:
            assert self.ahead() not in ("^", "_", "'", "}")
            self.thing()
        self.index = before


@pytest.mark.parametrize(
    "wrong", ["h_t_t = x", "h^{2'", "h'^{2} = x", "(x", r"\foo(x)", "dt", r"\frac{a}b", "{x", "a)", "x}"]
)
def test_the_grammar_refuses_what_is_wrong(wrong: str) -> None:
    with pytest.raises((AssertionError, IndexError)):
        Grammar(wrong)


def test_the_latex_of_every_published_cell_is_sound() -> None:
    layers = [{"type": kind, "hidden_size": 6} for kind in LIBRARY]
    spec = spec_of({"input": {"batch_size": 2, "seq_len": 3}, "layers": [layers[0] | {"input_size": 6}, *layers[1:]]})
    for layer in (link.layer for link in spec.links):
        assert layer.cell is not None
        for equation in write(layer.cell, shapes(layer.cell, layer.declared(0), layer.sizes()), reverse=True):
            Grammar(equation.latex)
            Grammar(equation.latex_sizes)
            assert r"\underset" in equation.latex_sizes


def test_a_page_in_latex_has_its_environments_and_braces_in_pairs() -> None:
    spec = spec_of(
        {"input": {"batch_size": 2, "seq_len": 3}, "layers": [{"type": "RHN", "input_size": 6, "hidden_size": 6}]}
    )
    page = latex.render([*sketch_blocks(sketch(spec)), *explain_blocks(explain_layers(spec))], "a caption")
    assert page.count(r"\begin{") == page.count(r"\end{")
    bare = page.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")


def test_of_layers_that_are_alike_a_page_has_one_picture() -> None:
    spec = spec_of(
        "input: {batch_size: 2, seq_len: 3}\nlayers:\n"
        "  - {name: a, type: GRU, input_size: 4, hidden_size: 4}\n"
        "  - {name: b, type: GRU, hidden_size: 4}\n"
        "  - {name: c, type: GRU, hidden_size: 5}\n"
    )
    shown = drawings(spec, None, "cell")
    assert [isinstance(shown[name], Picture) for name in "abc"] == [True, False, True]
    assert shown["b"].notes == ("The picture of a above is that of this layer too.",)
    assert isinstance(drawings(spec, "b", "cell")["b"], Picture)
