"""A model with several inputs that is called with a caller's own batch, through the Python interface."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import rnninspect

pytestmark = pytest.mark.torch

TWO = """\
input: {batch_size: 4}
inputs: {a: {lengths: [6, 4, 4, 3]}, b: {lengths: [6, 4, 4, 3]}}
layers:
  - {name: x, type: GRU, from: a, input_size: 2, hidden_size: 3, feeds: last}
  - {name: y, type: GRU, from: b, input_size: 2, hidden_size: 3, state_from: x}
  - {name: h, type: Linear, from: [a, y, x], out_features: 2}
"""
WHO = """\
input: {batch_size: 4}
inputs: {src: {seq_len: 7}, who: {seq_len: null, input_size: 4}}
layers:
  - {type: GRU, from: src, input_size: 3, hidden_size: 5, feeds: last}
  - {type: Linear, from: [gru, who], out_features: 2}
"""


@pytest.fixture
def two(tmp_path: Path) -> nn.Module:
    path = tmp_path / "two.yaml"
    path.write_text(TWO)
    return rnninspect.load(path).build(device="cpu")


def in_order(x: Tensor, lengths: list[int], order: list[int] | None) -> PackedSequence:
    """A batch packed in an order that a caller chose, the longest first; None: one that came sorted."""
    if order is None:
        return pack_padded_sequence(x, torch.tensor(lengths))
    chosen = torch.tensor(order)
    packed = pack_padded_sequence(x[:, chosen], torch.tensor(lengths)[chosen])
    return PackedSequence(packed.data, packed.batch_sizes, chosen, chosen.argsort())


# Of [6, 4, 4, 3]: sorted as it came, and both orders of the two that are as long.
ORDERS = (None, [0, 1, 2, 3], [0, 2, 1, 3])


@pytest.mark.parametrize("orders", list(product(ORDERS, repeat=2)), ids=str)
def test_two_packed_inputs_may_be_in_any_order(two: nn.Module, orders: tuple[list[int] | None, ...]) -> None:
    lengths = [6, 4, 4, 3]
    inputs = torch.randn(2, 6, 4, 2)
    put_out, after = pad_packed_sequence(
        two(*(in_order(x, lengths, order) for x, order in zip(inputs, orders, strict=True)))
    )
    assert after.tolist() == lengths
    for n, length in enumerate(lengths):
        alone = [in_order(x[:length, n : n + 1], [length], None) for x in inputs]
        torch.testing.assert_close(put_out[:length, n], two(*alone).data, rtol=0, atol=1e-6)


@pytest.mark.parametrize("lengths", [[6, 5, 3, 3], [4, 6, 4, 3], [6, 6, 4, 3]], ids=str)
def test_sequences_of_other_lengths_do_not_stand_side_by_side(two: nn.Module, lengths: list[int]) -> None:
    x = torch.randn(6, 4, 2)
    a = pack_padded_sequence(x, torch.tensor([6, 4, 4, 3]), enforce_sorted=False)
    b = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    with pytest.raises(ValueError, match="expected packed sequences of the same lengths, got") as raised:
        two(a, b)
    assert str(raised.value).endswith(f"got [6, 4, 4, 3] and {lengths}")


def test_another_number_of_inputs_is_said(two: nn.Module) -> None:
    with pytest.raises(TypeError, match="expected 2 inputs, a, b; got 1"):
        two(torch.zeros(6, 4, 2))


def test_a_model_of_several_inputs_of_other_lengths_can_be_built(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(WHO)
    model = rnninspect.load(path).build(device="cpu")
    assert model(torch.zeros(7, 4, 3), torch.zeros(4, 4)).shape == (4, 2)
