"""What torch saves, and what is read of it without torch: the same names, shapes and dtypes."""

from __future__ import annotations

from pathlib import Path

import pytest

from rnninspect.files import torch_zip
from rnninspect.files.held import Held
from rnninspect.files.source import source_of

torch = pytest.importorskip("torch")
nn = torch.nn


def held_of(path: Path) -> Held:
    with source_of(str(path)) as source:
        return torch_zip.read(source, str(path))


def described(state: dict[str, torch.Tensor]) -> dict[str, tuple[tuple[int, ...], str]]:
    return {name: (tuple(each.shape), str(each.dtype).removeprefix("torch.")) for name, each in state.items()}


def shown(held: Held) -> dict[str, tuple[tuple[int, ...], str]]:
    return {name: (each.shape, each.dtype) for name, each in held.tensors.items()}


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(5, 7, 2, batch_first=True, dropout=0.25, bidirectional=True)
        self.cell = nn.GRUCell(3, 4, bias=False)
        self.head = nn.Linear(14, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(x)[0])


def test_a_state_dict(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(Model().state_dict(), path)
    held = held_of(path)
    assert (held.format, held.damage, held.notes, held.layers) == ("torch (zip)", "", (), ())
    assert shown(held) == described(torch.load(path))
