"""What is said of a layer: sizes and places as the plan has them, options as the changed document has them, and a
picture without a loose end."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import CONFIGS, DOCUMENTS, RECURRENT, least_keys, spec_of, text_of

from rnninspect.document.chain import Spec
from rnninspect.document.load import load_spec
from rnninspect.facts.models import LayerFacts
from rnninspect.formats import terminal
from rnninspect.formats.drawn import in_ascii
from rnninspect.layers.activations import Activation
from rnninspect.layers.registry import TYPES, kind_of
from rnninspect.plan import plan
from rnninspect.results.conventions import conventions
from rnninspect.results.explain import explain_blocks, sketch_blocks
from rnninspect.results.table import Code, Drawing, Formulas, Table
from rnninspect.results.unrolled import draw
from rnninspect.study.code import sketch
from rnninspect.study.explain import Explained, Setting, Unrolled, explain_layers, is_first


def spec_with(kind: str, *settings: str, input: str = "batch_size: 7, seq_len: 11", **options: Any) -> Spec:
    """A document with one layer called `layer`."""
    least = least_keys(kind) | {"input_size": 3, "hidden_size": 5} if kind in RECURRENT else {}
    keys = {"type": kind, "name": "layer", **least, **options}
    texts = {key: str(value).lower() if isinstance(value, bool) else value for key, value in keys.items()}
    body = ", ".join(f"{key}: {text}" for key, text in texts.items())
    return spec_of(text_of(body, head=f"input: {{{input}}}"), *settings)


def explained(kind: str, **options: Any) -> Explained:
    (found,) = explain_layers(spec_with(kind, **options))
    return found


def printed(*layers: Explained, width: int | None = None) -> str:
    return terminal.render(explain_blocks(layers), "", width=width, colour=False)


def block(layer: Explained, title: str) -> Any:
    (found,) = (block for block in explain_blocks([layer]) if block.title.endswith(f": {title}"))
    return found


# Sizes are co-prime, so that none can be mistaken for another.
GRID: list[tuple[str, dict[str, Any]]] = [
    *((kind, {"bias": bias}) for kind in RECURRENT for bias in (True, False)),
    *(
        (kind, {"num_layers": layers, "bidirectional": both})
        for kind in ("RNN", "LSTM", "GRU")
        for layers in (1, 2, 3)
        for both in (False, True)
    ),
    ("LSTM", {"proj_size": 2, "num_layers": 3, "bidirectional": True, "batch_first": True, "dropout": 0.25}),
    ("LSTM", {"proj_size": 4, "bias": False}),
    ("LSTM", {"hidden_size": 1}),
    ("GRU", {"input": "batch_size: null, seq_len: 4"}),
    ("GRU", {"input": "batch_size: 3, seq_len: 9, lengths: [9, 2, 4]", "bidirectional": True, "num_layers": 2}),
    ("RNN", {"input": "batch_size: 3, seq_len: 1", "nonlinearity": "relu"}),
]
in_grid = pytest.mark.parametrize(("kind", "options"), GRID, ids=lambda value: str(value).replace(" ", ""))


# --- symbols -----------------------------------------------------------------------------------------------


@in_grid
def test_every_row_of_every_parameter_is_a_symbols_and_of_its_shape(kind: str, options: dict[str, Any]) -> None:
    layer = explained(kind, **options)
    shapes = {weight.name: weight.shape for weight in layer.facts.weights if is_first(weight)}
    rows: Counter[tuple[str, int]] = Counter()
    for entry in layer.entries:
        if entry.packed is None:
            continue
        match = re.fullmatch(r"(?:rows? (\d+)(?:-(\d+))? of )?(\w+)", entry.packed)
        assert match
        first, last, weight = match.groups()
        start = int(first or 0)
        stop = int(last or start) + 1 if first else shapes[weight][0]
        assert entry.shape == (stop - start, *shapes[weight][1:])
        rows.update((weight, row) for row in range(start, stop))
    assert rows == Counter((weight, row) for weight, shape in shapes.items() for row in range(shape[0]))


@in_grid
def test_states_are_as_wide_as_the_plan_has_them(kind: str, options: dict[str, Any]) -> None:
    layer = explained(kind, **options)
    assert layer.recurrence
    flow = layer.recurrence.unrolled
    finals = {tensor.name: tensor.shape[-1] for tensor in layer.facts.outputs[1:]}
    assert finals == {f"{state}_n": width for state, width in flow.states}
    assert flow.above == layer.facts.outputs[0].shape[-1]
    assert flow.features == layer.facts.inputs[0].shape[-1]
    vectors = {entry.symbol: entry.shape for entry in layer.entries if entry.packed is None}
    assert all(vectors[f"{state}_{{t-1}}"] == vectors[f"{state}_t"] == (width,) for state, width in flow.states)


def test_every_symbol_of_the_equations_is_in_the_legend_and_every_one_is_explained() -> None:
    for kind, options in GRID:
        layer = explained(kind, **options)
        said = {entry.symbol for entry in layer.entries}
        used = {symbol for e in layer.equations for symbol in re.findall(r"[\w']+_(?:\w+|\{t-1\})|\b[Wb]\b", e.text)}
        assert used == said
        assert [entry.symbol for entry in layer.entries if not entry.meaning] == []


def test_a_matrix_is_said_to_lead_where_its_equation_says() -> None:
    meanings = {entry.symbol: entry.meaning for entry in explained("LSTM", proj_size=2).entries}
    assert meanings["W_if"] == "from x_t to forget gate f_t"
    assert meanings["W_ho"] == "from h_{t-1} to output gate o_t"
    assert meanings["W_hr"] == "from h'_t to hidden state h_t"
    assert meanings["b_ho"] == "added to W_ho h_{t-1}, in o_t"
    assert meanings["h'_t"] == "h on its way to h_t"
    assert meanings["c_{t-1}"] == "c of the step before; before t = 0 it is c_0"


def test_a_shared_weight_says_whose_it_is() -> None:
    head = next(explain_layers(load_spec(str(CONFIGS / "language-model.yaml")), "head"))
    assert [entry.packed for entry in head.entries if entry.packed] == ["weight, which is embed.weight", "bias"]


# --- stacked layers, the other direction -------------------------------------------------------------------


def test_a_stacked_layer_shows_the_equations_whose_sizes_differ() -> None:
    layer = explained("LSTM", num_layers=2, bidirectional=True)
    shown = block(layer, "layer 1")
    assert [item.text[:3] for item in shown.items] == ["i_t", "f_t", "g_t", "o_t"]
    assert shown.items[0].sizes == "(5,) = σ((5, 10)·(10,) + (5,) + (5, 5)·(5,) + (5,))"
    assert "both directions side by side, (10,) instead of (3,)" in shown.notes[0]
    assert shown.notes[0].endswith(": features 0-4 forward, 5-9 reverse.")
    assert shown.notes[1].startswith("So weight_ih_l1 is (20, 10), where weight_ih_l0 is (20, 3);")


def test_a_stacked_layer_that_reads_as_much_as_the_first_differs_in_nothing() -> None:
    shown = block(explained("GRU", num_layers=3, input_size=5), "layers 1 to 2")
    assert shown.items == ()
    assert shown.notes[0].endswith("its h_t (5,), as wide as in layer 0, so that every size stays.")
    assert shown.notes[1].endswith("weight_ih_l1, weight_hh_l1, bias_ih_l1, bias_hh_l1, and so on.")


def test_the_reverse_direction_reads_the_step_after_and_ends_at_the_first() -> None:
    shown = block(explained("LSTM", bidirectional=True, num_layers=2), "reverse direction")
    assert [item.text for item in shown.items][-1] == "c_t = f_t ⊙ c_{t+1} + i_t ⊙ g_t"
    assert not any("t-1" in item.text + item.latex for item in shown.items)
    notes = " ".join(shown.notes)
    assert "from t = 10 down to t = 0: with h_{t+1} in place of h_{t-1} and c_{t+1} in place of c_{t-1}." in notes
    assert "weight_ih_l0_reverse" in notes
    assert (
        "output[t] holds the h_t of both, features 0-4 forward, 5-9 reverse; along h_0 and h_n, c_0 and c_n, "
        "index 2k: layer k forward, 2k+1: layer k reverse."
    ) in notes
    assert "h_n[3], is the one at t = 0, which stands in output[0]; output[10] holds its first." in notes


# --- options -----------------------------------------------------------------------------------------------


def facts_of(setting: Setting) -> LayerFacts:
    assert setting.after is not None
    return setting.after


@in_grid
def test_an_option_does_what_the_changed_document_does(kind: str, options: dict[str, Any]) -> None:
    layer = explained(kind, **options)
    assert layer.recurrence
    for setting in layer.recurrence.settings:
        if setting.other is None:
            assert (setting.option, options["hidden_size"]) == ("proj_size", 1)
            continue
        value = str(setting.other).lower()
        (changed,) = plan(spec_with(kind, f"layer.{setting.option}={value}", **options)).layers
        assert facts_of(setting) == changed
        assert facts_of(setting) != layer.facts or setting.option in ("dropout", "batch_first")


@in_grid
def test_of_a_kinds_options_those_are_told_that_the_document_sets(kind: str, options: dict[str, Any]) -> None:
    recurrence = explained(kind, **options).recurrence
    assert recurrence
    stacked = ["num_layers", "bidirectional", "dropout", "batch_first"]
    own = {"RNN": stacked, "LSTM": [*stacked, "proj_size"], "GRU": stacked, "JordanRNN": ["batch_first"]}
    assert [setting.option for setting in recurrence.settings] == [key for key in own.get(kind, ()) if key in options]


def test_what_an_option_does_is_said_in_the_plans_numbers() -> None:
    batch = "batch_size: 32, seq_len: 20"
    as_they_are = {"bidirectional": False, "dropout": 0.0, "batch_first": False, "proj_size": 0}
    layer = explained("LSTM", input_size=300, hidden_size=50, num_layers=2, input=batch, **as_they_are)
    said = dict(note.split(": ", 1) for note in block(layer, "options").notes)
    assert said["num_layers"].startswith("2. ")
    assert said["bidirectional"].endswith(
        "With true instead: output (20, 32, 100), h_n (4, 32, 50), c_n (4, 32, 50); parameters 90,800 → 201,600, "
        "forward MACs 57,600,000 → 128,000,000."
    )
    assert said["dropout"].endswith("With 0.5 instead: the same shapes, parameters and MACs.")
    assert said["batch_first"].endswith(
        "With true instead: input (32, 20, 300), output (32, 20, 50); the same parameters and MACs."
    )
    assert said["proj_size"].endswith(
        "With 25 instead: output (20, 32, 25), h_n (2, 32, 25); parameters 90,800 → 78,300, "
        "forward MACs 57,600,000 → 49,600,000."
    )


def test_where_torch_takes_no_other_value_that_is_said() -> None:
    note = block(explained("LSTM", hidden_size=1, proj_size=0), "options").notes[-1]
    assert note.startswith("proj_size: 0. ")
    assert note.endswith("There is no other value that torch would take here.")


# --- remarks and other words -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
def test_every_remark_of_a_kind_is_filled_in_somewhere(kind: str) -> None:
    if kind in ("Embedding", "Dropout", "LayerNorm", "Conv1d", "MaxPool1d", "AvgPool1d"):
        assert kind_of(kind).summary
        assert kind_of(kind).remarks == ()
        return
    options: dict[str, Any] = {"in_features": 3, "out_features": 2} if kind == "Linear" else {}
    options |= {"proj_size": 2} if kind == "LSTM" else {}
    options |= {"num_features": 3} if kind == "BatchNorm1d" else {}
    options |= {"dropout": 0.5, "num_layers": 2} if "dropout" in kind_of(kind).model_fields else {}
    if issubclass(kind_of(kind), Activation):
        # why: it takes any width, and so comes after something.
        keys = ", ".join(f"{key}: {value}" for key, value in ({"type": kind} | least_keys(kind)).items())
        _, layer = explain_layers(spec_of(text_of("type: Linear, in_features: 3, out_features: 2", keys)))
    else:
        layer = explained(kind, **options)
    assert len(layer.remarks) == len(kind_of(kind).remarks)
    assert not any("$" in remark for remark in layer.remarks)


def test_the_slips_of_copied_notes_are_named_beside_what_proves_them() -> None:
    remarks = "\n".join(explained("LSTM").remarks)
    assert "b_ho (rows 15-19 of bias_hh_l0, in o_t); b_hi (rows 0-4 of bias_hh_l0, in i_t)" in remarks
    for kind in ("RNN", "LSTM", "GRU"):
        assert "dropout" not in "\n".join(explained(kind).remarks)
        remarks = "\n".join(explained(kind, dropout=0.5, num_layers=2).remarks)
        assert "dropout something that RNN lacks: RNN, LSTM and GRU have it." in remarks
        assert "o_t = g(V S_t), is not part of torch's layer: output (11, 7, 5) is every h_t" in remarks


def test_a_remark_about_what_the_layer_does_not_have_is_left_out() -> None:
    without = explained("LSTM", bias=False).remarks
    assert [remark for remark in without if re.search(r"\bb_\w\w|W_hr", remark)] == []
    assert without == explained("LSTM").remarks[2:]


def test_elman_and_jordan_are_told_apart() -> None:
    assert "Jordan's (1986) feeds back the output" in explained("RNN").remarks[0]
    assert "Elman's (1990), which is torch.nn.RNN" in explained("JordanRNN").remarks[0]


def test_a_kind_without_equations_is_one_line_with_its_shapes() -> None:
    embed = next(explain_layers(load_spec(str(CONFIGS / "tagger.yaml"))))
    (only,) = explain_blocks([embed])
    assert only.title == "embed (Embedding): what it does"
    assert only.notes == (
        "y_t = W[x_t]: row x_t of the table W; nothing is multiplied and no bias added. "
        "(20, 32) → (20, 32, 300); weight (1000, 300), at first normal, std 1.",
    )


def test_all_layers_are_explained_in_order_or_the_one_that_is_named() -> None:
    spec = load_spec(str(CONFIGS / "options.yaml"))
    assert [layer.facts.name for layer in explain_layers(spec)] == [link.layer.name for link in spec.links]
    assert [layer.facts.name for layer in explain_layers(spec, "gated")] == ["gated"]


# --- the page ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_page(path: Path, width: int) -> None:
    spec = load_spec(str(path))
    blocks = [*sketch_blocks(sketch(spec)), *explain_blocks(explain_layers(spec))]
    lines = terminal.render(blocks, "", width=width, colour=False).splitlines()
    assert max(map(len, lines)) <= width


def test_a_page_begins_with_the_model_in_a_line_and_its_code() -> None:
    line, code = sketch_blocks(sketch(load_spec(str(CONFIGS / "tagger.yaml"))))
    assert line.notes == ("x (20, 32) → embed 300 → encoder 2×50×2 → head 10",)
    assert isinstance(code, Code)
    assert code.lines[:2] == ("embed = nn.Embedding(1000, 300)", code.lines[1])
    (alone,) = sketch_blocks(sketch(load_spec(str(CONFIGS / "tagger.yaml")), "encoder"))
    assert isinstance(alone, Code)
    assert alone.lines[-1] == "output, (h_n, c_n) = encoder(x, (h_0, c_0))"
    assert alone.notes[0] == "x is (20, 32, 300); h_0 (4, 32, 50), c_0 (4, 32, 50)."


def test_a_page_has_its_parts_in_order() -> None:
    blocks = explain_blocks([explained("LSTM", num_layers=2, bidirectional=True)])
    assert [(type(found), found.title.partition(": ")[2]) for found in blocks] == [
        (Formulas, "equations"),
        (Table, "besides the equations"),
        (Table, "vectors"),
        (Table, "weights"),
        (Formulas, "layer 1"),
        (Formulas, "reverse direction"),
        (Drawing, "data flow"),
        (Table, "options"),
        (Table, "beside textbooks and copied notes"),
    ]


# --- besides the equations ---------------------------------------------------------------------------------


def besides(layer: Explained) -> str:
    return " ".join(conventions(layer))


def test_states_are_zeros_unless_given_and_a_tuple_where_there_are_two() -> None:
    assert besides(explained("GRU")).startswith("h_0 is zeros when not given, as in this document. Weights")
    both = besides(explained("LSTM", input="batch_size: 7, seq_len: 11, state: random"))
    assert both.startswith(
        "h_0 and c_0 are zeros when not given; here they are given, filled at random (state: random)."
    )
    assert "as a tuple, (h_0, c_0) and (h_n, c_n)" in both


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("LSTM", {}, "Weights and biases start uniform on ±1/sqrt(hidden_size)"),
        ("LSTM", {"bias": True}, "uniform on ±1/sqrt(hidden_size): 1/sqrt(50) = 0.1414."),
        ("RNN", {"bias": False}, "Weights start uniform"),
        ("GRU", {"init": "{forget_bias: 1.0}"}, "What has no other law starts uniform"),
        ("LSTM", {"init": "{weight: {uniform: 0.1}}"}, "W_hi, W_hf, W_hg and W_ho are uniform ±0.1."),
        ("RNN", {"init": "{weight: {uniform: 0.1}, bias: zeros}"}, "At first W_ih and W_hh are uniform ±0.1; b_ih and"),
        ("GRU", {"init": "{weight_hh: orthogonal_packed}"}, "At first W_hh is orthogonal_packed, as one matrix."),
        ("Linear", {"init": "{weight: {normal: 0.02}, bias: 1}"}, "At first W is normal, std 0.02; b is constant 1."),
        ("Linear", {}, "uniform on ±1/sqrt(in_features): 1/sqrt(9) = 0.3333."),
    ],
    ids=lambda value: str(value)[:20],
)
def test_the_law_of_first_values_is_a_formula(kind: str, options: dict[str, Any], said: str) -> None:
    sizes = {"in_features": 9, "out_features": 2} if kind == "Linear" else {"hidden_size": 50}
    assert said in besides(explained(kind, **sizes, **options))


def test_nothing_is_said_of_a_law_where_all_are_the_documents() -> None:
    init = "{weight_ih: eye, weight_hh: eye, bias: zeros}"
    assert "uniform" not in besides(explained("RNN", input_size=5, init=init))


def test_axes_and_dropout_are_told_where_they_are_set() -> None:
    said = besides(explained("LSTM", batch_first=True, num_layers=2, dropout=0.2, proj_size=3))
    assert (
        "batch_first puts N first in input and output alone; in h_n (2, 7, 3) and c_n (2, 7, 5) it stays second."
        in said
    )
    assert "While training dropout multiplies what it leaves by 1/(1 - 0.2) = 1.25; in eval() it is off." in said
    assert "dropout leaves nothing" in besides(explained("GRU", num_layers=2, dropout=1.0))
    none = besides(explained("LSTM", batch_first=True, dropout=0.2, input="batch_size: null, seq_len: 3"))
    assert "batch_first" not in none
    assert "dropout" not in none


# --- the picture -------------------------------------------------------------------------------------------


def flow(**changes: Any) -> Unrolled:
    least = Unrolled(20, 2, 1, (("h", 50),), ("h", 50), 300, 50, True, False, False)._replace(**changes)
    output = least.states[0]
    return least._replace(output=output, above=output[1] * least.directions)


def test_one_direction() -> None:
    assert draw(flow(states=(("h", 10), ("c", 50)))) == (
        "            output[0]   output[1]         output[19]",
        "                ↑ (10,)     ↑ (10,)           ↑ (10,)",
        "layer 1       ┌─┴─┐       ┌─┴─┐             ┌─┴─┐",
        " h_0[1]─(10,)→│ h │─(10,)→│ h │─(10,)→ ··· →│ h │─(10,)→h_n[1]",
        " c_0[1]─(50,)→│ c │─(50,)→│ c │─(50,)→ ··· →│ c │─(50,)→c_n[1]",
        "              └─┬─┘       └─┬─┘             └─┬─┘",
        "                ↑ (10,)     ↑ (10,)           ↑ (10,)",
        "layer 0       ┌─┴─┐       ┌─┴─┐             ┌─┴─┐",
        " h_0[0]─(10,)→│ h │─(10,)→│ h │─(10,)→ ··· →│ h │─(10,)→h_n[0]",
        " c_0[0]─(50,)→│ c │─(50,)→│ c │─(50,)→ ··· →│ c │─(50,)→c_n[0]",
        "              └─┬─┘       └─┬─┘             └─┬─┘",
        "                ↑ (300,)    ↑ (300,)          ↑ (300,)",
        "               x_0         x_1               x_19",
    )


def test_both_directions_between_the_first_and_the_last_of_many_layers() -> None:
    assert draw(flow(depth=9, directions=2, steps=2, features=7, dropout=True)) == (
        "               output[0]       output[1]",
        "                   ↑ (100,)        ↑ (100,)",
        "layer 8         ┌──┴──┐         ┌──┴──┐",
        "                │     │ (50,)   │     │ (50,)",
        "reverse         │   ┌─┴─┐       │   ┌─┴─┐",
        "h_n[17]←(50,)───┼───│ h │←(50,)─┼───│ h │←(50,)─h_0[17]",
        "                │   └─┬─┘       │   └─┬─┘",
        "           (50,)│     │    (50,)│     │",
        "forward       ┌─┴─┐   │       ┌─┴─┐   │",
        "h_0[16]─(50,)→│ h │───┼─(50,)→│ h │───┼───(50,)→h_n[16]",
        "              └─┬─┘   │       └─┬─┘   │",
        "                └──┬──┘         └──┬──┘",
        "dropout            ↑ (100,)        ↑ (100,)",
        "7 more alike       ⋮               ⋮",
        "dropout            ↑ (100,)        ↑ (100,)",
        "layer 0         ┌──┴──┐         ┌──┴──┐",
        "                │     │ (50,)   │     │ (50,)",
        "reverse         │   ┌─┴─┐       │   ┌─┴─┐",
        " h_n[1]←(50,)───┼───│ h │←(50,)─┼───│ h │←(50,)─h_0[1]",
        "                │   └─┬─┘       │   └─┬─┘",
        "           (50,)│     │    (50,)│     │",
        "forward       ┌─┴─┐   │       ┌─┴─┐   │",
        " h_0[0]─(50,)→│ h │───┼─(50,)→│ h │───┼───(50,)→h_n[0]",
        "              └─┬─┘   │       └─┬─┘   │",
        "                └──┬──┘         └──┬──┘",
        "                   ↑ (7,)          ↑ (7,)",
        "                  x_0             x_1",
    )


def test_jordans_state_stands_above_what_it_is_made_of_and_goes_back_down() -> None:
    assert draw(flow(depth=1, states=(("y", 5),), features=10, inner=("h", 20))) == (
        "          output[0]     output[1]           output[19]",
        "              ↑ (5,)        ↑ (5,)              ↑ (5,)",
        "            ┌─┴─┐         ┌─┴─┐               ┌─┴─┐",
        "            │ y │─(5,)─┐  │ y │─(5,)─┐        │ y │─(5,)→y_n[0]",
        "            └─┬─┘      │  └─┬─┘      │        └─┬─┘",
        "              ↑ (20,)  │    ↑ (20,)  │          ↑ (20,)",
        "            ┌─┴─┐      │  ┌─┴─┐      │        ┌─┴─┐",
        "y_0[0]─(5,)→│ h │      └─→│ h │      └─→ ··· →│ h │",
        "            └─┬─┘         └─┬─┘               └─┬─┘",
        "              ↑ (10,)       ↑ (10,)             ↑ (10,)",
        "             x_0           x_1                 x_19",
    )


def test_only_a_state_made_of_one_vector_alone_stands_above_it() -> None:
    inner = {}
    for kind in RECURRENT:
        recurrence = explained(kind).recurrence
        assert recurrence
        inner[kind] = recurrence.unrolled.inner
    assert inner == dict.fromkeys(RECURRENT) | {"JordanRNN": ("h", 5)}


@st.composite
def flows(draw: st.DrawFn) -> Unrolled:
    sizes = draw(st.lists(st.integers(1, 10**6), min_size=4, max_size=4, unique=True))
    directions = draw(st.integers(1, 2))
    states = tuple(zip(draw(st.permutations(["h", "c", "yy"])), sizes[:2], strict=False))[: draw(st.integers(1, 2))]
    above = sizes[0] * directions
    return Unrolled(
        steps=draw(st.sampled_from([1, 2, 3, 4, 5, 1000, 10**9])),
        depth=draw(st.sampled_from([1, 2, 3, 4, 5, 10_000])),
        directions=directions,
        states=states,
        output=states[0],
        features=next(size for size in (sizes[2], sizes[3], 3, 7, 9) if size not in (*sizes[:2], above)),
        above=above,
        indexed=draw(st.booleans()),
        batch_first=draw(st.booleans()),
        dropout=draw(st.booleans()),
        inner=("inner", 11) if directions == len(states) == 1 and draw(st.booleans()) else None,
    )


@given(flows())
def test_every_edge_has_its_size(flow: Unrolled) -> None:
    (drawn, gap), columns = (flow.depth, 0) if flow.depth <= 3 else (2, 1), min(flow.steps, 3)
    sizes = Counter(int(size) for line in draw(flow) for size in re.findall(r"\((\d+),\)", line))
    expected: Counter[int] = Counter({flow.features: columns})
    expected[flow.above] += columns * (drawn + gap)
    expected[11] += drawn * columns * (flow.inner is not None)
    for number, (_, width) in enumerate(flow.states):
        expected[width] += drawn * flow.directions * (columns + 1)
        expected[width] += drawn * 2 * columns * (number == 0 and flow.directions == 2)
    assert sizes == expected


@given(flows())
def test_every_state_of_the_document_begins_and_ends_in_the_picture(flow: Unrolled) -> None:
    text = "\n".join(draw(flow))
    layers = range(flow.depth) if flow.depth <= 3 else (0, flow.depth - 1)
    for state, _ in flow.states:
        for layer in layers:
            for direction in range(flow.directions):
                row = f"[{layer * flow.directions + direction}]" if flow.indexed else ""
                for time in "0n":
                    assert f"{state}_{time}{row}" in text
    last = flow.steps - 1
    assert f"x_{last}" in text
    assert (f"output[:, {last}]" if flow.batch_first else f"output[{last}]") in text
    assert ("···" in text) == (flow.steps > 3)


@given(flows())
def test_states_run_with_time_and_against_it(flow: Unrolled) -> None:
    for line in draw(flow):
        starts, ends = (re.search(rf"\w_{time}\b", line) for time in "0n")
        if starts and ends:
            backwards = starts.start() > ends.start()
            assert ("←" in line, "→" in line) == (backwards, not backwards)


SIDES = {
    "─": "LR",
    "│": "UD",
    "┌": "RD",
    "┐": "LD",
    "└": "RU",
    "┘": "LU",
    "┴": "LRU",
    "┬": "LRD",
    "┼": "LRUD",
    "↑": "D",
}
STEPS = {"L": (0, -1, "R"), "R": (0, 1, "L"), "U": (-1, 0, "D"), "D": (1, 0, "U")}


def loose_ends(lines: tuple[str, ...]) -> list[str]:
    """Every place where a line ends in nothing, or passes over another without a crossing."""

    def at(row: int, column: int) -> str:
        return lines[row][column] if 0 <= row < len(lines) and 0 <= column < len(lines[row]) else " "

    found = []
    for row, line in enumerate(lines):
        for column, sign in enumerate(line):
            for side in SIDES.get(sign, ""):
                down, right, opposite = STEPS[side]
                other = at(row + down, column + right)
                into_box = other == "│" and right and at(row, column + 2 * right) == " "
                if other == " " or (
                    other in SIDES and opposite not in SIDES[other] + "U" * (other == "↑") and not into_box
                ):
                    found.append(f"{sign} at {row}, {column} to {side}: {other!r}")
    return found


@given(flows())
def test_no_line_ends_in_nothing(flow: Unrolled) -> None:
    assert loose_ends(draw(flow)) == []


@pytest.mark.parametrize(("sign", "wrong"), ["┼ ", "┼│", "┼─", "┴─", "┬─", "┌ ", "┘ "])
def test_a_loose_end_is_seen(sign: str, wrong: str) -> None:
    lines = draw(flow(directions=2, states=(("h", 10), ("c", 50))))
    row = next(number for number, line in enumerate(lines) if sign in line)
    assert loose_ends((*lines[:row], lines[row].replace(sign, wrong, 1), *lines[row + 1 :]))


@given(flows())
def test_in_ascii_it_has_the_same_shape(flow: Unrolled) -> None:
    lines = draw(flow)
    plain = in_ascii(lines)
    assert all(line.isascii() for line in plain)
    assert [len(line) for line in plain] == [len(line) for line in lines]


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("width", [1, 20, 300, 999])
def test_ordinary_sizes_fit_a_terminal(directions: int, width: int) -> None:
    lines = draw(flow(directions=directions, states=(("h", width), ("c", width)), features=9999))
    assert max(map(len, lines)) <= 80
