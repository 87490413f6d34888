"""`check --weights` of a model whose layers share their weights, on the state_dict of the module that is printed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ended import Run
from printed_code import model_of
from worlds import spec_of

pytestmark = pytest.mark.torch

SHARED = """\
input: {batch_size: 2, seq_len: 3}
layers:
  - {name: first, type: GRU, input_size: 4, hidden_size: 4}
  - {name: again, same_as: first}
  - {name: head, type: Linear, out_features: 3}
"""


def test_a_shared_layer_is_in_the_file_under_both_names_or_once(here: Run, tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(SHARED)
    state = dict(model_of(spec_of(SHARED)).state_dict())
    once = {name: tensor for name, tensor in state.items() if not name.startswith("again.")}
    less = {name: tensor for name, tensor in state.items() if name != "again.bias_hh_l0"}
    other = {**state, "more.weight": torch.zeros(3)}
    assert (len(state), len(once)) == (10, 6)
    ends = {"both": (state, 0, "10 of 10"), "once": (once, 0, "6 of 6")}
    ends |= {"less": (less, 1, "9 of 10"), "other": (other, 1, "10 of 10")}
    for name, (tensors, code, fitting) in ends.items():
        torch.save(tensors, tmp_path / f"{name}.pt")
        done = here("check", "model.yaml", "--weights", f"{name}.pt", cwd=tmp_path)
        assert (done.returncode, f"{fitting} tensors" in done.stdout + done.stderr) == (code, True), done
