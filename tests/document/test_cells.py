"""Cells that a document describes itself: read, refused, planned, and built as planned."""

from __future__ import annotations

import json
import math
import pickle
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml
from worlds import spec_of, written

from rnninspect.commands.shared.completion import sizes_in
from rnninspect.document.chain import Spec
from rnninspect.document.load import load_spec
from rnninspect.errors import DocumentError
from rnninspect.facts.weights import Init
from rnninspect.guard.changes import differences
from rnninspect.guard.locked import locked_model
from rnninspect.plan import plan

HEAD = "input: {batch_size: 3, seq_len: 5}\n"
WAVE = """\
cells:
  Wave:
    equations: |
      c = c + dt * tanh(W_ih @ x + W_hh @ h + W_ch @ c + b_h) - dt * gamma * h - dt * epsilon * c
      h = h + dt * c
    output: h
    constants: {dt: 0.1, gamma: 1.0, epsilon: 1.0}
"""
MEMORY = """\
cells:
  Memory:
    equations: |
      u = W_ex @ x + W_eh @ h + W_em @ m
      m = W_A @ m + W_B @ u
      h = tanh(W_ih @ x + W_hh @ h + W_mh @ m)
    output: h
    sizes: {order: 13}
    widths: {m: order, u: 1}
    fixed: [W_A, W_B]
"""
PEEPHOLE = """\
cells:
  Peephole:
    equations: |
      i = sigmoid(W_ii @ x + W_hi @ h + w_ci * c + b_i)
      f = sigmoid(W_if @ x + W_hf @ h + w_cf * c + b_f)
      c = f * c + i * tanh(W_ig @ x + W_hg @ h + b_g)
      h = sigmoid(W_io @ x + W_ho @ h + w_co * c + b_o) * tanh(c)
    init: {b_f: 1.0, w_*: ones, W_h*: orthogonal, weight_ih: xavier_uniform, W_ii: zeros}
    initial: {h: learned, c: 0.5}
"""
NARROW = """\
cells:
  Narrow:
    equations: "c = tanh(W_ih @ x + W_hh @ h + b_h); h = W_p @ c"
    output: h
    sizes: {narrow: 3}
    widths: {h: narrow}
"""
CELLS = {"Wave": WAVE, "Memory": MEMORY, "Peephole": PEEPHOLE, "Narrow": NARROW}


def of(name: str, keys: str = "", head: str = HEAD) -> Spec:
    return spec_of(f"{head}{CELLS[name]}layers: [{{name: r, type: {name}, input_size: 4, hidden_size: 7{keys}}}]\n")


def faults_of(cell: str, layer: str = "type: Mine, input_size: 3, hidden_size: 3") -> list[str]:
    """What is wrong with a document of one cell, `Mine`, each as `line:column: path: message`."""
    with pytest.raises(DocumentError) as caught:
        spec_of(f"{HEAD}cells:\n  Mine: {cell}\nlayers:\n  - {{{layer}}}\n")
    return [str(fault).removeprefix("doc.yaml:") for fault in caught.value.faults]


# --- plan and torch --------------------------------------------------------------------------------------------

BATCHES = {
    "padded": HEAD,
    "batch first": HEAD,
    "packed": "input: {lengths: [2, 6, 3]}\n",
    "unbatched": "input: {batch_size: null, seq_len: 5}\n",
    "random states": "input: {batch_size: 3, seq_len: 5, state: random}\n",
}
STACKS = ("", ", num_layers: 3", ", num_layers: 2, bidirectional: true")


@pytest.mark.torch
@pytest.mark.parametrize(("name", "stack", "batch"), list(product(CELLS, STACKS, BATCHES)))
def test_plan_and_torch_agree(name: str, stack: str, batch: str) -> None:
    import torch

    from rnninspect.agree import differences as disagreements
    from rnninspect.runtime.real import measure

    keys = stack + ", batch_first: true" * (batch == "batch first")
    for more in ("", ", feeds: last", ", trainable: false, bias: false"):
        spec = of(name, keys + more, BATCHES[batch])
        planned = plan(spec)
        real = measure(spec, planned, torch.device("cpu"))
        assert list(disagreements(planned, real)) == []
        assert real.measured is not None
        assert real.measured.finite


def test_counts_by_hand() -> None:
    (layer,) = plan(of("Memory", ", order: 11, num_layers: 2, bidirectional: true")).layers
    h, order = 7, 11
    below = {
        features: (features + h + order) + order * order + order + h * (features + h + order) for features in (4, 14)
    }
    assert layer.counts.parameters == 2 * sum(below.values())
    fixed = 4 * (order * order + order)
    assert layer.counts.trainable == layer.counts.parameters - fixed
    assert [state.shape for state in layer.outputs] == [(5, 3, 14), (4, 3, h), (4, 3, order)]


def test_a_state_that_is_learned_is_a_parameter_of_each_direction_and_stacked_layer() -> None:
    (layer,) = plan(of("Peephole", ", num_layers: 2, bidirectional: true")).layers
    learned = [weight for weight in layer.weights if weight.symbol == "h_0"]
    assert [weight.name for weight in learned] == ["h_0_l0", "h_0_l0_reverse", "h_0_l1", "h_0_l1_reverse"]
    assert {(weight.shape, weight.init.law, weight.trainable) for weight in learned} == {((7,), "zeros", True)}
    assert [tensor.name for tensor in layer.inputs] == ["input", "c_0"]
    assert [tensor.name for tensor in layer.outputs] == ["output", "h_n", "c_n"]


@pytest.mark.torch
@pytest.mark.parametrize("batch", BATCHES)
def test_what_states_start_as(batch: str) -> None:
    """A learned state is given to every sequence; a number is one for all; neither is what `input.state` says."""
    import torch

    from rnninspect.runtime.modules import build, make_feed

    text = "cells: {Keep: {equations: 'h = h + W @ x; m = m + 0 * h', initial: {h: learned, m: 2.5}}}\n"
    layer = "layers: [{type: Keep, input_size: 1, hidden_size: 1, bidirectional: true}]\n"
    spec = spec_of(BATCHES[batch] + text + layer)
    model = build(spec, "cpu")
    with torch.no_grad():
        for number, (name, parameter) in enumerate(model.layers[0].named_parameters(), start=1):
            parameter.fill_(number if name.startswith("h_0") else 0.0)
        (given,) = make_feed(spec, torch.device("cpu")).states
        assert [state.unique().tolist() for state in given] == [[2.5]]
        _, (h, m) = model.layers[0](make_feed(spec, torch.device("cpu")).input, given[0])
    assert [h[direction].unique().tolist() for direction in range(2)] == [[2.0], [4.0]]
    assert m.unique().tolist() == [2.5]
    output, _ = model.layers[0](make_feed(spec, torch.device("cpu")).input, given[0])
    sum_of = output.data if hasattr(output, "data") and not isinstance(output, torch.Tensor) else output
    sum_of.sum().backward()
    tokens = sum_of.numel() // 2
    grads = {name: float(p.grad) for name, p in model.layers[0].named_parameters() if name.startswith("h_0")}
    assert grads == {"h_0_l0": tokens, "h_0_l0_reverse": tokens}


def test_laws_by_symbol_win_over_those_by_parameter_and_the_layers_over_the_cells() -> None:
    (layer,) = plan(of("Peephole", ", init: {weight_hh: zeros, W_hf: eye, b_*: 2}")).layers
    laws = {gate.name: (gate.init or weight.init) for weight in layer.weights for gate in weight.gates}
    laws |= {weight.symbol: weight.init for weight in layer.weights if not weight.gates}
    assert {name: laws[name].law for name in ("W_ii", "W_if", "W_hi", "W_hf", "w_ci")} == {
        "W_ii": "zeros",
        "W_if": "xavier_uniform",
        "W_hi": "zeros",
        "W_hf": "eye",
        "w_ci": "ones",
    }
    assert [laws[name].constant for name in ("b_i", "b_f")] == [2.0, 2.0]


def test_laws_with_a_number_and_laws_of_all_weights() -> None:
    """`weight` and `bias` give way to whatever is named; a vector has no law of matrices, and may have a number's."""
    keys = ", init: {weight: {uniform: 0.1}, weight_hh: orthogonal_packed, b_*: {normal: 2}, W_if: zeros}"
    (layer,) = plan(of("Peephole", keys)).layers
    laws = {name: law for weight in layer.weights for name, law in weight.laws.items()}
    assert {name: laws[name] for name in ("W_ii", "W_if", "W_hh", "w_ci", "b_f")} == {
        # zeros by the cell's, over which the layer's wins
        "W_ii": Init("uniform", bound=0.1),
        "W_if": Init("zeros"),
        "W_hh": Init("orthogonal_packed", std=1 / math.sqrt(28)),
        "w_ci": Init("uniform", bound=0.1),
        "b_f": Init("normal", std=2.0),
    }
    with pytest.raises(DocumentError, match="orthogonal_packed is a law of all of weight_hh_l0, and a part of it has"):
        of("Peephole", ", init: {weight_hh: orthogonal_packed, W_hf: eye}")


def test_a_layer_goes_to_another_process_and_back() -> None:
    (link,) = of("Wave", ", dt: 0.5").links
    back = pickle.loads(pickle.dumps(link))
    assert back.layer == link.layer.model_copy()
    assert type(back.layer) is type(link.layer)
    assert back.layer.numbers["dt"] == 0.5


# --- numbers of a cell -----------------------------------------------------------------------------------------


def test_constants_and_sizes_are_keys_of_the_layer(tmp_path: Path) -> None:
    text = f"{HEAD}{MEMORY}layers: [{{name: r, type: Memory, input_size: 4, hidden_size: 7}}]\n"
    path = str(written(tmp_path, text))
    by_layer, by_cell = (load_spec(path, [setting]) for setting in ("r.order=5", "cells.Memory.sizes.order=5"))
    assert plan(by_layer) == plan(by_cell) != plan(load_spec(path))
    assert sizes_in([path]) == [
        "r.input_size",
        "r.hidden_size",
        "r.num_layers",
        "r.order",
        "input.batch_size",
        "input.seq_len",
    ]


def test_equations_can_be_set() -> None:
    text = f"{HEAD}layers: [{{name: r, type: Cell, input_size: 4, hidden_size: 7, equations: 'h = tanh(W @ x + h)'}}]\n"
    (layer,) = plan(spec_of(text, "r.equations=u = W_1 @ x; h = tanh(u + W_2 @ h)")).layers
    assert [weight.shape for weight in layer.weights] == [(7, 4), (7, 7)]


# --- what is wrong ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written_as", "place"),
    [
        ("equations: |\n      h = tanh(W @ x)\n\n      g = h * wat + h", "7:15"),
        ("equations: |3 # note\n       h = tanh(W @ x)\n       g = h * wat + h", "6:16"),
        ("equations: &anchor |-\n      h = tanh(W @ x)\n      g = h * wat + h", "6:15"),
        ('equations: "h = h * wat + W @ x"', "4:25"),
        ("equations: 'h = h * wat + W @ x'", "4:25"),
        ("equations: h = h * wat + W @ x", "4:24"),
        ("equations: >\n      h = tanh(W @ x +\n      h * wat)", "6:11"),
        ('equations: "h = tanh(W @ x) \\\n      + h * wat"', "4:16"),
    ],
)
def test_a_fault_has_its_line_and_column_inside_the_text(written_as: str, place: str) -> None:
    (fault,) = faults_of(f"\n    {written_as}")
    # why not always: of a text with escapes only its beginning is known, and the text's own line is told.
    assert fault.startswith(f"{place}: cells.Mine.equations: "), fault
    assert "'wat' is read but never assigned" in fault


@pytest.mark.parametrize("text", ["h = x\n  c = x\r  h = x", "a = x\r\rh = x +", "h = x\r\n  h = x"])
def test_a_carriage_return_ends_a_line_as_in_python(text: str) -> None:
    cell = {"type": "Cell", "input_size": 2, "hidden_size": 2, "equations": text}
    document = yaml.safe_dump({"input": {"batch_size": 1, "seq_len": 1}, "layers": [cell]})
    with pytest.raises(DocumentError, match="not in Python's syntax"):
        spec_of(document)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("{equations: 'h = wat(x)'}", "cells.Mine.equations: not in the equation language: 'wat(x)'"),
        ("{equations: 'h = tanh(W @ x)'}", "cells.Mine.equations: nothing is carried from step to step"),
        ("{equations: 'h = x + h'}", "cells.Mine.equations: the cell has no weights"),
        ("{equations: 3}", "cells.Mine.equations: expected equations"),
        ("{equation: 'h = h'}", "cells.Mine.equation: unknown key 'equation' (did you mean 'equations'?)"),
        ("3", "cells.Mine: expected a mapping with equations, got 3"),
        ("{equations: h = W @ x + h, output: y}", "cells.Mine.output: no equation assigns 'y'"),
        ("{equations: h = W @ x + h, widths: {z: 3}}", "cells.Mine.widths.z: the equations have no 'z'"),
        ("{equations: h = W @ x + h, widths: {x: 3}}", "cells.Mine.widths.x: the equations have no 'x'"),
        ("{equations: h = W @ x + h, widths: {h: wide}}", "cells.Mine.widths.h: expected a whole number or one of"),
        ("{equations: h = W @ x + h, initial: {z: learned}}", "cells.Mine.initial.z: 'z' is no state"),
        ("{equations: h = W @ x + h, fixed: [V]}", "cells.Mine.fixed[0]: no weight is called 'V'"),
        ("{equations: 'h = V @ x + h', fixed: [W]}", "cells.Mine.equations: not in the equation language"),
        (
            "{equations: 'h = W_a @ x + h; g = W_b @ x', fixed: [W_a]}",
            "cells.Mine.fixed: W_a and W_b are one parameter, weight_ih (packing: none takes them apart)",
        ),
        ("{equations: h = W @ x + h, constants: {bias: 1}}", "cells.Mine.constants.bias: bias is a key of every layer"),
        (
            "{equations: h = W @ x + h, constants: {fixed: 1}}",
            "cells.Mine.constants.fixed: fixed is a key of every layer",
        ),
        ("{equations: h = W @ x + h, sizes: {N: 1}}", "cells.Mine.sizes.N: N is a letter of axes"),
        (
            "{equations: h = W @ x + h, sizes: {n: 1}, constants: {n: 1}}",
            "cells.Mine.sizes.n: n stands under constants",
        ),
        ("{equations: h = W @ x + h, constants: {w_a: 1}}", "cells.Mine.constants.w_a: a number cannot be called"),
        ("{equations: h = W @ x + h, constants: {__class__: 1}}", "cells.Mine.constants.__class__: a number cannot"),
        ("{equations: h = W @ x + h, constants: {a: true}}", "cells.Mine.constants.a: expected a number, got true"),
        ("{equations: h = W @ x + h, sizes: {a: 9223372036854775808}}", "cells.Mine.sizes.a: expected an integer >= 1"),
        (
            "{equations: h = W @ x + h, init: {V: zeros}}",
            "cells.Mine.init.V: no weight is called so (known: W, weight)",
        ),
        ("{equations: h = W @ x + h, init: {W: orthogonl}}", "cells.Mine.init.W: expected a number, or one of"),
        ("{equations: h = W @ x + h, init: {W: {uniform: 0}}}", "cells.Mine.init.W: expected a number, or one of"),
        ("{equations: h = W @ x + h, init: {W: {normal: true}}}", "cells.Mine.init.W: expected a number, or one of"),
        ("{equations: h = W @ x + h, init: {bias: zeros}}", "cells.Mine.init.bias: no weight is called so"),
        ("{equations: h = W_a @ x + h * w_b, init: {weight: eye}}", "cells.Mine.init.weight: eye is a law of matrices"),
        ("{equations: h = W @ x + h * w_a, init: {w_a: eye}}", "cells.Mine.init.w_a: eye is a law of matrices"),
        ("{equations: h = W @ x + h, init: {forget_bias: 1}}", "cells.Mine.init.forget_bias: no gate carries"),
        ("{equations: h = W @ x + h, init: {W: 100.5}}", "cells.Mine.init.W: expected a number from -100 to 100"),
    ],
)
def test_what_is_refused_of_a_cell(cell: str, expected: str) -> None:
    (fault,) = faults_of(cell)
    assert fault.partition(": ")[2].startswith(expected)


FINE = "{equations: 'h = tanh(W_a @ x + W_h @ h + b_a); h = u * x + h', constants: {u: 1}}"


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("type: Mien, hidden_size: 3", "layers[0].type: expected a layer type, got 'Mien' (did you mean 'Mine'?)"),
        ("type: Mine", "layers[0].hidden_size: required key hidden_size is missing"),
        ("type: Mine, hidden_size: 3, input_size: 3, u: x", "layers[0].u: expected a number, got 'x'"),
        ("type: Mine, hidden_size: 3, input_size: 3, uu: 3", "layers[0].uu: unknown key 'uu'"),
        ("type: coRNN, hidden_size: 3, input_size: 3, Dt: 3", "layers[0].Dt: unknown key 'Dt' (did you mean 'dt'?)"),
        (
            "type: LMU, hidden_size: 3, input_size: 3, ordre: 3",
            "layers[0].ordre: unknown key 'ordre' (did you mean 'ord",
        ),
        (
            "type: Mine, hidden_size: 3, input_size: 4",
            "layers[0].hidden_size: layer 'mine': the equations need input_size = hidden_size = the output's size, got",
        ),
        ("type: Mine, hidden_size: 3, input_size: 3, init: {V: ones}", "layers[0].init.V: no weight is called so"),
        ("type: Mine, hidden_size: 3, input_size: 3, equations: h = h", "layers[0].equations: unknown key 'equations'"),
        (
            "type: Cell, hidden_size: 3, equatons: h = h",
            "layers[0].equatons: unknown key 'equatons' (did you mean 'equ",
        ),
    ],
)
def test_what_is_refused_of_a_layer(layer: str, expected: str) -> None:
    (fault,) = faults_of(FINE, layer)
    assert fault.partition(": ")[2].startswith(expected)


def test_without_biases_some_cells_are_none() -> None:
    (fault,) = faults_of("{equations: h = W @ x + h * b}", "type: Mine, hidden_size: 3, input_size: 3, bias: false")
    assert fault.startswith("5:55: layers[0].bias: expected true: a bias may only be added, not stand beside '*'")


def test_a_number_that_only_the_layer_has_is_told_at_the_layer() -> None:
    loop = '{equations: "h = W @ x + h\\nfor k in range(n):\\n    h = tanh(h)", constants: {n: 2}}'
    (fault,) = faults_of(loop, "type: Mine, input_size: 3, hidden_size: 3, n: 1.5")
    assert fault.startswith("5:52: layers[0].n: with n 1.5 the equations are wrong: expected a whole number")


def test_all_faults_of_all_cells_are_told_at_once() -> None:
    text = f"{HEAD}cells:\n  LSTM: {FINE}\n  MGU: {FINE}\n  a.b: {FINE}\n  A: {{equations: h = g}}\nlayers:\n"
    text += "  - {type: A, hidden_size: 3}\n  - {type: Cell, hidden_size: 3, equations: h = V @ h, feeds: lst}\n"
    with pytest.raises(DocumentError) as caught:
        spec_of(text)
    places = [(fault.path, fault.place.line) for fault in caught.value.faults]
    assert places == [
        ("cells.LSTM", 3),
        ("cells.MGU", 4),
        ("cells.'a.b'", 5),
        ("cells.A.equations", 6),
        ("layers[1].equations", 9),
        ("layers[1].feeds", 9),
    ]


# --- the lock --------------------------------------------------------------------------------------------------


def test_the_lock_has_the_equations_and_a_changed_one_is_told() -> None:
    old = of("Wave")
    text = f"{HEAD}{WAVE}layers: [{{name: r, type: Wave, input_size: 4, hidden_size: 7, gamma: 0.5}}]\n"
    new = spec_of(text.replace("h = h + dt * c", "h = h - dt * c  # a sign"))
    was, is_now = (locked_model(spec, plan(spec)) for spec in (old, new))
    found: list[Any] = [(change.field, change.locked, change.now) for change in differences(was, is_now)]
    assert found == [("r.equations", "h = h + dt * c", "h = h - dt * c"), ("r.gamma", 1.0, 0.5)]
    assert json.dumps(was.layers["r"].settings)
    commented = spec_of(text.replace("h = h + dt * c", "h = h + dt * c # the same\n\n").replace(", gamma: 0.5", ""))
    assert differences(was, locked_model(commented, plan(commented))) == ()
