"""A layer of a live module verified with its own weights, and timed at its real input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from ended import Run
from live_models import FORMS, PUBLISHED
from torch import nn

import rnninspect
from rnninspect.errors import AskedWrongly, CannotHere, CheckFailed


@pytest.mark.parametrize("name", ["loop over a cell", "packed", "seq2seq", "shared"])
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_every_layer_agrees_with_its_equations_with_its_own_weights(name: str) -> None:
    torch.manual_seed(0)
    case = {**FORMS, **PUBLISHED}[name]
    module = case.make()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    for layer in rnninspect.inspect(module, *case.args()).layers:
        page = layer.verify()
        assert page.ok
        assert "torch" in page.last_line
        assert page.last_line.split(" · ")[1] == "its own weights"
        (verified,) = json.loads(page.json())["models"]
        assert verified["layers"][0]["layer"] == layer.name
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_all_layers_are_verified_on_one_page() -> None:
    case = PUBLISHED["BiLSTM tagger"]
    page = rnninspect.inspect(case.make(), *case.args()).verify(seed=3)
    assert page.ok
    assert page.last_line.endswith(" · its own weights · cpu · float32 · seed 3")
    assert [model["name"] for model in json.loads(page.json())["models"]] == ["char_lstm", "lstm"]
    assert str(page).splitlines()[-1] == page.last_line
    with pytest.raises(AskedWrongly, match="got a module without any"):
        rnninspect.recurrent(nn.Linear(2, 2)).verify()


def test_it_is_verified_with_its_own_weights_and_at_its_real_input() -> None:
    module = nn.RNN(5, 7, nonlinearity="relu")
    nn.init.constant_(module.bias_ih_l0, 3.0)
    nn.init.zeros_(module.weight_ih_l0)
    nn.init.zeros_(module.weight_hh_l0)
    nn.init.zeros_(module.bias_hh_l0)
    page = rnninspect.inspect(module, (4, 3, 5)).layers[0].verify()
    tensors = {tensor["name"]: tensor for tensor in json.loads(page.json())["models"][0]["layers"][0]["tensors"]}
    assert tensors["output"]["largest_magnitude"] == 3.0
    assert tensors["output"]["shape"] == [4, 3, 7]


def test_what_there_is_nothing_to_run_of() -> None:
    module = nn.GRU(5, 7)
    module.weight_hh_l0 = nn.Parameter(torch.zeros(21, 6))
    (layer,) = rnninspect.recurrent(module).layers
    with pytest.raises(CheckFailed, match=r"gru: it is not what its plan says \(weights weight_hh_l0 shape\)"):
        layer.verify()
    (layer,) = rnninspect.recurrent(nn.GRU(5, 7, device="meta")).layers
    with pytest.raises(CannotHere, match="gru: it is on meta, where nothing has values"):
        layer.verify()
    (layer,) = rnninspect.recurrent(nn.GRU(5, 7)).layers
    assert layer.verify().ok
    with pytest.raises(AskedWrongly, match="gru: expected a layer that ran, got one whose input nobody knows"):
        layer.bench()


# A script that guards nothing: a process that ran it again would print twice, or never end.
SCRIPT = """
import torch, rnninspect
print("once")
cell = torch.nn.GRUCell(5, 7)
class Loop(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = cell
    def forward(self, x):
        for x_t in x:
            state = self.cell(x_t)
        return state
page = rnninspect.inspect(Loop(), (4, 3, 5))["cell"].bench()
print(page)
print(page.ok)
"""


@pytest.mark.more
def test_it_is_timed_from_a_script_that_guards_nothing(tmp_path: Path, program: Run) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    done = program(f"import runpy, sys; sys.argv = [{str(path)!r}]; runpy.run_path({str(path)!r}, run_name='__main__')")
    assert done.stderr == ""
    first, *page, ok = done.stdout.splitlines()
    assert (first, ok) == ("once", "True")
    assert "its input, 4 steps of (3, 5)" in page[-1]
    assert any(line.startswith("step") for line in page)
