"""The library of published cells: what each file says, what each cell computes, and who else computes the same."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path

import pytest
import torch
from cells_by_hand import BY_HAND
from cells_in_torchrecurrent import COUNTERPARTS
from ended import Run
from library_runs import (
    AS_WIDE,
    SEQUENCES,
    SIGNAL,
    STEPS,
    computed,
    golden,
    input_of,
    layer_of,
    module_of,
    outputs_of,
    recorded,
    states_of,
)
from test_ahead import check
from torch import Tensor
from worlds import spec_of

from rnninspect.agree import differences
from rnninspect.cells.scan import Reads, scannable
from rnninspect.cells.tree import NeedsBiasError, Product
from rnninspect.cells.widths import widths
from rnninspect.document import library
from rnninspect.document.library import library_names, published
from rnninspect.layers.defined import DefinedLayer
from rnninspect.layers.layer import Misfit
from rnninspect.layers.registry import TYPES
from rnninspect.layers.signal import Batch, Signal
from rnninspect.plan import plan
from rnninspect.runtime.real import measure
from rnninspect.study.library import facts_of, names_asked

NAMES = library_names()
SCANNABLE = {"GILR", "QRNN", "RGLRU", "RWKV4", "TGRU", "TLSTM", "TRNN", "minGRU", "minGRULog", "minLSTM"}
# Those in which a bias is more than a term of a sum.
NEEDS_BIAS = {"MGU3", "GRU3"}

# Those with a state that is the input before, and so as wide as it.
HOLDS_THE_INPUT = {"RWKV4", "TGRU", "TLSTM"}

every_cell = pytest.mark.parametrize("name", NAMES)


def states_given(layer: DefinedLayer) -> Tensor | tuple[Tensor, ...]:
    states = states_of(layer)
    return states if len(states) > 1 else states[0]


# --- what a file says --------------------------------------------------------------------------------------


def test_there_are_more_than_seventy_and_none_has_the_name_of_a_kind() -> None:
    assert len(NAMES) > 70
    assert set(NAMES) & set(TYPES) == set()
    assert all(re.fullmatch("[A-Za-z][A-Za-z0-9]*", name) for name in NAMES)
    assert len({name.lower() for name in NAMES}) == len(NAMES)


def test_no_two_files_say_the_same() -> None:
    assert len({published(name).name for name in NAMES}) == len(NAMES)
    texts = [(cell.equations, cell.output, tuple(cell.fixed), str(cell.init)) for cell in map(published, NAMES)]
    assert len(set(texts)) == len(NAMES)


@every_cell
def test_a_file_is_about_what_the_cell_has(name: str) -> None:
    cell, layer = published(name), layer_of(name)
    assert list(layer.faults()) == []
    assert str(cell.year) in cell.source
    assert set(cell.meanings) == {equation.target.name for equation in layer.cell.equations}
    used = set(re.findall("[A-Za-z]+", cell.equations + " ".join(map(str, cell.widths.values()))))
    assert cell.numbers.keys() <= used


@every_cell
def test_what_must_be_as_wide_as_what(name: str) -> None:
    layer = layer_of(name)
    conditions = widths(layer.cell, layer.declared(0)).conditions
    assert conditions == ((("H_in", "H_cell", "H_out"),) if name in AS_WIDE else ())
    if name in AS_WIDE:
        assert "needs input_size = hidden_size" in published(name).name
        with pytest.raises(Misfit, match=r"the equations need input_size = hidden_size = .*, got 3, 5, 5"):
            layer_of(name, input_size=3).fit(Signal(Batch(SEQUENCES, STEPS), ("L", "N"), 3), {})


@every_cell
def test_the_macs_are_the_elements_of_the_matrices_once_for_each_product(name: str) -> None:
    layer = layer_of(name)
    products = [node for node in layer.cell.nodes if isinstance(node, Product)]
    shapes = {gate.name: gate.shape for weight in layer.weights("float32") for gate in weight.gates}
    shapes |= {weight.symbol: weight.shape for weight in layer.weights("float32") if not weight.gates}
    macs = sum(math.prod(shapes[product.matrix.name]) for product in products)
    assert layer.forward_ops(SIGNAL).macs == STEPS * SEQUENCES * macs


@every_cell
def test_those_that_are_known_for_it_can_be_scanned(name: str) -> None:
    assert (scannable(layer_of(name).cell) is not Reads.BOUND) is (name in SCANNABLE)


@every_cell
def test_without_biases_what_can_be_is_left(name: str) -> None:
    layer = layer_of(name, bias=False)
    if name in NEEDS_BIAS:
        with pytest.raises(NeedsBiasError):
            _ = layer.cell
    else:
        assert all(weight.kind != "bias" for weight in layer.cell.weights)


# --- what a cell computes ----------------------------------------------------------------------------------


def chained(names: tuple[str, ...]) -> str:
    """A document with all these cells, each fed with what the one before puts out."""
    layers = []
    for name in names:
        sizes = "".join(f", {size}: 3" for size in published(name).sizes)
        first = "" if layers else ", input_size: 4"
        layers.append(f"  - {{name: {name}, type: {name}, hidden_size: 4{first}{sizes}}}\n")
    return f"input: {{batch_size: 2, seq_len: 3}}\nlayers:\n{''.join(layers)}"


def test_what_is_planned_is_what_is_built() -> None:
    """All cells in one chain: every weight, law, shape, state and count."""
    spec = spec_of(chained(NAMES))
    planned = plan(spec)
    assert [layer.type for layer in planned.layers] == [*NAMES]
    assert not differences(planned, measure(spec, planned, torch.device("cpu")))


@every_cell
def test_it_is_run_as_the_plain_loop_runs_it(name: str) -> None:
    torch.manual_seed(0)
    layer = layer_of(name)
    check(layer, torch.randn(STEPS, SEQUENCES, layer.width_in, dtype=torch.float64))


@every_cell
def test_it_is_run_alike_stacked_in_both_directions(name: str) -> None:
    torch.manual_seed(0)
    layer = layer_of(name, num_layers=2, bidirectional=name not in AS_WIDE)
    if name in HOLDS_THE_INPUT:
        with pytest.raises(Misfit, match="its state p is as wide as what it reads, 3 in the first layer and 10 above"):
            layer.fit(Signal(Batch(SEQUENCES, STEPS), ("L", "N"), 3), {})
        layer = layer_of(name, bidirectional=True)
    check(layer, torch.randn(STEPS, SEQUENCES, layer.width_in, dtype=torch.float64))


@every_cell
def test_its_gradients_are_finite_differences(name: str) -> None:
    """Along one direction through all weights and the input at once."""
    layer = layer_of(name)
    module, x = module_of(layer), input_of(layer).requires_grad_()
    leaves = [x, *module.parameters()]
    torch.manual_seed(1)
    direction = [torch.randn_like(leaf) for leaf in leaves]

    def loss() -> Tensor:
        output, _ = module(x, states_given(layer))
        return (output * torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view(output.shape)).sum()

    def moved(by: float) -> float:
        with torch.no_grad():
            for leaf, along in zip(leaves, direction, strict=True):
                leaf += by * along
            return loss().item()

    gradients = torch.autograd.grad(loss(), leaves, allow_unused=True)
    slope = sum((g * along).sum() for g, along in zip(gradients, direction, strict=True) if g is not None)
    step = 1e-6
    up, down = moved(step), moved(-2 * step)
    assert (up - down) / (2 * step) == pytest.approx(float(slope), rel=1e-6, abs=1e-7)


# --- who else computes the same ----------------------------------------------------------------------------


def test_every_cell_has_an_oracle_and_its_text_names_it() -> None:
    assert {*COUNTERPARTS, *BY_HAND} == set(NAMES)
    assert COUNTERPARTS.keys() & BY_HAND.keys() == set()
    for name in NAMES:
        text = published(name).oracle
        if name in COUNTERPARTS:
            assert text.startswith(f"torchrecurrent 0.2.5, {COUNTERPARTS[name].kind}")
        else:
            assert re.match("torch.nn|written out|the (sum|average) ", text)


@pytest.mark.parametrize("name", BY_HAND)
def test_it_computes_what_its_paper_says(name: str) -> None:
    layer = layer_of(name)
    torch.testing.assert_close(outputs_of(module_of(layer), layer), computed(name).outputs, rtol=1e-11, atol=1e-12)


@every_cell
def test_it_computes_what_was_recorded_of_its_oracle(name: str) -> None:
    layer = layer_of(name)
    module, expected = module_of(layer), golden(name)
    outputs = outputs_of(module, layer)
    assert outputs[-1, 0].tolist() == pytest.approx(expected["last"], rel=1e-9, abs=1e-12)
    assert outputs.mean().item() == pytest.approx(expected["mean"], rel=1e-9, abs=1e-12)
    assert outputs.abs().max() > 1e-3
    if name in COUNTERPARTS:
        assert sum(parameter.numel() for parameter in module.parameters()) == expected["parameters"]


@pytest.mark.more
@pytest.mark.parametrize("name", COUNTERPARTS)
def test_it_computes_what_torchrecurrent_computes(name: str) -> None:
    layer, found = layer_of(name), computed(name)
    torch.testing.assert_close(outputs_of(module_of(layer), layer), found.outputs, rtol=1e-9, atol=1e-12)
    assert recorded(found)["parameters"] == golden(name)["parameters"]
    assert recorded(found)["last"] == pytest.approx(golden(name)["last"], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("MGU", ("f * n", "f * f")), ("minGRU", ("(1 - z) * h", "z * h")), ("LEM", ("W_zn @ z", "W_zn @ h"))],
)
def test_another_text_gives_other_numbers(name: str, wrong: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    cell = published(name)
    assert wrong[0] in cell.equations
    other = cell.model_copy(update={"equations": cell.equations.replace(*wrong)})
    monkeypatch.setattr("library_runs.published", lambda _: other)
    layer = layer_of(name)
    assert outputs_of(module_of(layer), layer)[-1, 0].tolist() != pytest.approx(golden(name)["last"], rel=1e-3)


@pytest.mark.more
@pytest.mark.parametrize(
    "words",
    ["inspect", "verify", "trace", "gradflow", "explain", "explain --format latex", "explain --code", "weights --plan"],
)
def test_every_command_knows_every_cell(words: str, here: Run, tmp_path: Path) -> None:
    """All cells in one chain, from random states but for those that say what they start as."""
    path = tmp_path / "all.yaml"
    path.write_text(chained(NAMES).replace("seq_len: 3", "seq_len: 3, state: random"))
    command, *options = words.split()
    done = here(command, path, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(name in done.stdout for name in NAMES)
    if "--code" in options:
        exec(compile(done.stdout, "all.py", "exec"), {"__name__": "__main__"})


# --- a cell of somebody else's -----------------------------------------------------------------------------


def test_a_new_cell_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "library"
    shutil.copytree(Path(library.__file__).parents[1] / "cells" / "library", folder)
    text = (folder / "MGU.yaml").read_text().replace("name: minimal gated unit", "name: another unit")
    (folder / "Another.yaml").write_text(text)
    monkeypatch.setattr(library, "_FOLDER", folder)
    library_names.cache_clear()
    try:
        spec = spec_of(
            "input: {batch_size: 2, seq_len: 3}\nlayers: [{name: a, type: Another, input_size: 3, hidden_size: 5}]\n"
        )
        planned = plan(spec)
        assert not differences(planned, measure(spec, planned, torch.device("cpu")))
        assert set(names_asked([])) - {*NAMES} == {"Another"}
        assert facts_of("Another")._replace(name="MGU", cell=published("MGU")) == facts_of("MGU")
        assert planned.parameters == sum(p.numel() for p in module_of(layer_of("MGU")).parameters())
    finally:
        library_names.cache_clear()
