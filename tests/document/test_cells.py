"""Cells that a document describes itself: read, refused, planned, and built as planned."""

from __future__ import annotations

import pytest
import torch
from worlds import spec_of

from rnninspect.agree import differences
from rnninspect.plan import plan
from rnninspect.runtime.real import measure

HEAD = "input: {batch_size: 3, seq_len: 5}\n"
CORNN = """\
cells:
  wave:
    equations: |
      c = c + dt * tanh(W_ih @ x + W_hh @ h + W_ch @ c + b_h) - dt * gamma * h - dt * epsilon * c
      h = h + dt * c
    output: h
    constants: {dt: 0.1, gamma: 1.0, epsilon: 1.0}
"""
Memory = """\
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


@pytest.mark.torch
@pytest.mark.parametrize("cell", [CORNN, Memory], ids=["wave", "Memory"])
@pytest.mark.parametrize("layer", ["num_layers: 1", "num_layers: 2, bidirectional: true", "bias: false"])
def test_plan_and_torch_agree(cell: str, layer: str) -> None:
    name = cell.split()[1].removesuffix(":")
    layers = f"layers: [{{name: r, type: {name}, input_size: 4, hidden_size: 7, {layer}}}]\n"
    spec = spec_of(HEAD + cell + layers)
    planned = plan(spec)
    assert not list(differences(planned, measure(spec, planned, torch.device("cpu"))))
