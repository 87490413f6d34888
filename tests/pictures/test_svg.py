"""The text of a picture: sound XML that fetches and runs nothing, whose numbers are the document's, readable by all."""

from __future__ import annotations

import math
import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from contrast import contrast, linear
from drawn_cells import NAMES, layer_of

from rnninspect.layers.defined import DefinedLayer
from rnninspect.pictures.cell import TooLarge, svg_of
from rnninspect.pictures.style import DARK, LIGHT, style_sheet
from rnninspect.pictures.texts import symbols

SVG = "{http://www.w3.org/2000/svg}"
SCHEMES = {"light": LIGHT, "dark": DARK}


def read(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)


@pytest.mark.parametrize("operations", [False, True], ids=["gates", "operations"])
@pytest.mark.parametrize("name", ["LSTM", "GRU", "JordanRNN", "LayerNormRNN", "SRU", "coRNN", "sLSTM", "UnICORNN"])
def test_it_is_sound_and_fetches_and_runs_nothing(name: str, operations: bool) -> None:
    picture = svg_of(layer_of(name), operations=operations, prefix="p1")
    root = read(picture)
    assert root.tag == f"{SVG}svg"
    assert root.attrib["viewBox"] == f"0 0 {root.attrib['width']} {root.attrib['height']}"
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert title.text == f"a ({name}): one step"
    assert description is not None
    assert re.fullmatch(r"x_t with 300 numbers comes in\. .* is put out\. .*", str(description.text))
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert ids == root.attrib["aria-labelledby"].split() == ["p1-title", "p1-desc"]
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "rect", "path", "circle", "g", "text", "tspan"}
    attributes = {key for element in root.iter() for key in element.attrib}
    assert not {key for key in attributes if key.startswith("on") or key in ("style", "href")}
    assert not re.search(r"url\(|@import|font-face", picture)


def sizes(picture: str) -> dict[str, set[str]]:
    """By weight the sizes that stand beside it, read from the texts: of a line its first weight's."""
    rows: dict[tuple[str, int], dict[str, str]] = {}
    root = read(picture)
    for number, group in enumerate(root.iter(f"{SVG}g")):
        for text in group.iter(f"{SVG}text"):
            row = rows.setdefault((text.attrib["y"], number), {})
            pieces = [piece.text or "" for piece in text]
            size = all(piece.attrib["class"] == "s" for piece in text)
            row["size" if size else "text"] = "".join(pieces)
    found: dict[str, set[str]] = {}
    for row in rows.values():
        text = row.get("text", "")
        match = re.search(r"W\w+", text) or re.search(r"[wb]\w+", text)
        if match and "size" in row:
            found.setdefault(match[0], set()).add(row["size"])
    return found


def expected(layer: object, stacked: int) -> dict[str, str]:
    """By weight, as a picture writes it, its shape in the ledger of weights."""
    found = {}
    for weight in layer.weights("float32"):  # type: ignore[attr-defined]
        if (weight.layer or 0) == stacked and weight.direction in (None, "forward"):
            blocks = [(gate.name, gate.rows) for gate in weight.gates] or [(weight.symbol, (0, weight.shape[0]))]
            for name, (start, stop) in blocks:
                shape = (stop - start, *weight.shape[1:])
                found["".join(piece.text for piece in symbols(name))] = "×".join(map(str, shape))
    return found


@pytest.mark.parametrize(
    ("name", "options", "stacked", "known"),
    [
        ("LSTM", {}, 0, {"Wii": "50×300", "Whf": "50×50", "bio": "50"}),
        ("LSTM", {"proj_size": 25}, 0, {"Whr": "25×50", "Whi": "50×25", "Wii": "50×300"}),
        ("LSTM", {"num_layers": 2, "bidirectional": True}, 1, {"Wii": "50×100", "Whi": "50×50"}),
        ("GRU", {"num_layers": 3}, 2, {"Win": "50×50", "Whn": "50×50", "bhn": "50"}),
        ("JordanRNN", {"output_size": 7}, 0, {"Wyh": "50×7", "Why": "7×50", "bhy": "7"}),
        ("PeepholeLSTM", {}, 0, {"wcf": "50"}),
        ("CfC", {}, 0, {"Wqf": "50×128"}),
        ("LMU", {}, 0, {"WA": "256×256"}),
    ],
)
def test_its_numbers_are_those_of_the_weights(
    name: str, options: dict[str, int], stacked: int, known: dict[str, str]
) -> None:
    layer = layer_of(name, **options)
    shown = sizes(svg_of(layer, stacked=stacked))
    real = expected(layer, stacked)
    assert {weight: {real[weight]} for weight in shown} == shown
    assert {weight: shown.get(weight, {real[weight]}) for weight in known} == {w: {size} for w, size in known.items()}
    # why not all: beside a gate's biases, one after the other, stands the width of both.
    assert {weight for weight in real if weight.startswith("W")} <= {*shown} | {"WA", "WB"}


def test_every_matrix_of_the_library_has_its_size() -> None:
    wrong = {}
    for name in NAMES[::2]:
        layer = layer_of(name)
        shown, real = sizes(svg_of(layer)), expected(layer, 0)
        # why turned ones too: W.T has its columns first.
        wrong[name] = {w: found for w, found in shown.items() if w in real and real[w] not in found}
    assert {name: found for name, found in wrong.items() if found} == {}


def test_it_says_which_of_a_stack_it_is() -> None:
    def said(**options: object) -> str:
        stacked, reverse = options.pop("stacked", 0), options.pop("reverse", False)
        root = read(svg_of(layer_of("LSTM", **options), stacked=stacked, reverse=reverse))  # type: ignore[arg-type]
        texts = ["".join(piece.text or "" for piece in text) for text in root.iter(f"{SVG}text")]
        return " ".join(texts)

    both = said(num_layers=2, bidirectional=True)
    assert "Drawn: layer 0 of 2, forward direction." in both
    assert "The reverse direction is alike, with t+1 for t−1 and weights of its own." in both
    assert "Layer 1 is alike, with weights of its own; xt is 100 wide" in both
    assert "50×100." in both
    upper = said(num_layers=2, bidirectional=True, stacked=1, reverse=True)
    assert "Drawn: layer 1 of 2, reverse direction." in upper
    assert "ht+1" in upper
    assert "ht−1" not in upper
    assert "Drawn" not in said()
    assert "Layers 1 to 2 are alike, with weights of their own." in said(num_layers=3, input_size=50)


def test_a_node_says_what_it_computes_where_a_mouse_rests() -> None:
    def said(name: str) -> list[str | None]:
        groups = read(svg_of(layer_of(name))).iter(f"{SVG}g")
        return [title.text for group in groups for title in group.iter(f"{SVG}title")]

    assert said("LSTM")[0] == "i_t = σ(W_hi h_{t−1} + W_ii x_t + b_ii + b_hi)"
    assert said("LSTM")[4:] == ["product", "product", "c_t = sum", "tanh", "product"]
    assert "n_t = tanh(r_t ⊙ (·) + W_in x_t + b_in)" in said("GRU")


@pytest.mark.parametrize("name", ["LSTM", "GRU", "coRNN", "sLSTM"])
def test_what_follows_an_index_or_a_power_is_level_again(name: str) -> None:
    heights = {"i": 3.5, "p": -5.0}
    for text in read(svg_of(layer_of(name))).iter(f"{SVG}text"):
        height = 0.0
        for piece in text:
            height += float(piece.get("dy", 0))
            assert height == heights.get(str(piece.get("class")), 0)


def test_the_functions_that_have_no_colour_of_their_own_have_the_third() -> None:
    relu = svg_of(layer_of("RNN", nonlinearity="relu"))
    assert 'class="box other"' in relu
    assert 'class="box relu"' not in relu


def test_who_asks_for_a_dark_page_has_dark_colours() -> None:
    light, dark, _ = style_sheet().split("@media")
    for name in LIGHT:
        assert f"--{name}:{LIGHT[name]}" in light
        assert f"--{name}:{DARK[name]}" in dark


def test_a_page_has_the_style_once_and_its_own_ground() -> None:
    layer = layer_of("GRU")
    alone, within = svg_of(layer), svg_of(layer, alone=False)
    assert f"<style>{style_sheet()}</style>" in alone
    ground = re.search(r'<rect class="paper"[^>]*></rect>', alone)
    assert ground is not None
    assert alone.replace(f"<style>{style_sheet()}</style>", "").replace(ground[0], "") == within


def test_what_is_too_large_is_told() -> None:
    with pytest.raises(TooLarge, match=r"\d+ operations, and a picture of each shows at most 30"):
        svg_of(layer_of("NAS"), operations=True)
    solver = layer_of("LTC")
    assert isinstance(solver, DefinedLayer)
    with pytest.raises(TooLarge, match=r"169 boxes, and a picture shows at most 100"):
        svg_of(solver.with_numbers({"unfolds": 24}))


# --- colours, for all eyes --------------------------------------------------------------------------------

# Machado, Oliveira & Fernandes 2009, severity 1: what linear red, green and blue become.
BLINDNESS = {
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
WHITE = (0.95047, 1.0, 1.08883)
TO_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))

Three = tuple[float, float, float]


def times(matrix: tuple[Three, Three, Three], vector: Three) -> Three:
    one, two, three = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return one, two, three


def lab(colour: Three) -> Three:
    def root(share: float) -> float:
        return share ** (1 / 3) if share > 0.008856 else 7.787 * share + 16 / 116

    x, y, z = (root(max(part, 0.0) / white) for part, white in zip(times(TO_XYZ, colour), WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_and_wire_can_be_seen(scheme: str) -> None:
    colours = SCHEMES[scheme]
    texts = [("ink", ground) for ground in ("paper", "frame", "box")]
    texts += [("on", ground) for ground in ("sigmoid", "tanh", "other")]
    texts += [("grey", ground) for ground in ("paper", "frame", "box")]
    assert {pair for pair in texts if contrast(colours[pair[0]], colours[pair[1]]) < 4.5} == set()
    wires = [(wire, ground) for wire in ("old", "x", "wire") for ground in ("paper", "frame")]
    assert {pair for pair in wires if contrast(colours[pair[0]], colours[pair[1]]) < 3} == set()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("eyes", BLINDNESS)
def test_colours_differ_for_whoever_does_not_see_all(scheme: str, eyes: str) -> None:
    seen = {name: lab(times(BLINDNESS[eyes], linear(colour))) for name, colour in SCHEMES[scheme].items()}
    apart = {frozenset(pair): math.dist(seen[pair[0]], seen[pair[1]]) for pair in combinations(seen, 2)}
    assert apart[frozenset(("sigmoid", "tanh"))] >= 20
    assert apart[frozenset(("old", "x"))] >= 20
    assert min(apart[frozenset((name, "other"))] for name in ("sigmoid", "tanh")) >= 10


def test_the_colours_check_can_fail() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#888888") < 2
