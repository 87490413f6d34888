"""The models of `configs/` that have wires as plain torch modules, each written for one sequence, (L, H).

Modules are called as the document's layers are; those of a `repeat` stand in a list of that name. What is returned is a
tuple of what the document's `outputs` are. The sizes are those of the document where none are given.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def beside(*tensors: Tensor) -> Tensor:
    """Features side by side; a vector (H,) is given to every step."""
    steps = max(tensor.shape[0] if tensor.dim() > 1 else 0 for tensor in tensors)
    return torch.cat([tensor if tensor.dim() > 1 or not steps else tensor.expand(steps, -1) for tensor in tensors], -1)


def summed(output: Tensor) -> Tensor:
    """The sum of two directions (L, 2*H)."""
    forward, reverse = output.chunk(2, -1)
    return forward + reverse


def over_steps(module: nn.Module, x: Tensor) -> Tensor:
    """What a convolution or a pool makes of (L, H)."""
    made: Tensor = module(x.T)
    return made.T


class Seq2Seq(nn.Module):
    """Cho et al. 2014: the decoder has the encoder's last state as its first one, and at every step."""

    def __init__(self, src: int, tgt: int, widths: tuple[int, int], hidden: int) -> None:
        super().__init__()
        self.src_embed = nn.Embedding(src, widths[0])
        self.encoder = nn.GRU(widths[0], hidden)
        self.tgt_embed = nn.Embedding(tgt, widths[1])
        self.decoder = nn.GRU(widths[1] + hidden, hidden)
        self.head = nn.Linear(widths[1] + 2 * hidden, tgt)

    def forward(self, src: Tensor, tgt: Tensor) -> tuple[Tensor, ...]:
        _, last = self.encoder(self.src_embed(src))
        words = self.tgt_embed(tgt)
        output, _ = self.decoder(beside(words, last[0]), last)
        return (self.head(beside(words, output, last[0])),)


class Residual(nn.Module):
    """Wu et al. 2016: what six of the layers read is added to what they hand on."""

    def __init__(self, words: int, width: int, both: int, hidden: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.both = nn.LSTM(width, both, bidirectional=True)
        self.first = nn.LSTM(2 * both, hidden)
        self.stacked = nn.ModuleList(nn.LSTM(hidden, hidden) for _ in range(6))

    def forward(self, words: Tensor) -> tuple[Tensor, ...]:
        x, _ = self.first(self.both(self.embed(words))[0])
        for lstm in self.stacked:
            x = lstm(x)[0] + x
        return (x,)


class RNNoise(nn.Module):
    """Valin 2018, in version 0.2: the heads read the features and all GRUs."""

    def __init__(self, bands_in: int, narrow: int, wide: int, hidden: tuple[int, int, int], bands: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(bands_in, narrow, 3)
        self.conv2 = nn.Conv1d(narrow, wide, 3)
        self.gru1 = nn.GRU(wide, hidden[0])
        self.gru2 = nn.GRU(hidden[0], hidden[1])
        self.gru3 = nn.GRU(hidden[1], hidden[2])
        self.bands = nn.Linear(wide + sum(hidden), bands)
        self.voice = nn.Linear(wide + sum(hidden), 1)

    def forward(self, sound: Tensor) -> tuple[Tensor, ...]:
        features = over_steps(self.conv2, over_steps(self.conv1, sound).tanh()).tanh()
        one, _ = self.gru1(features)
        two, _ = self.gru2(one)
        three, _ = self.gru3(two)
        read = torch.cat([features, one, two, three], -1)
        return self.bands(read).sigmoid(), self.voice(read).sigmoid()


class TwoTowers(nn.Module):
    """Two sentences, read by the same layers; the last states side by side."""

    def __init__(self, words: int, width: int, projected: int, hidden: int, wide: int, classes: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.projection = nn.Linear(width, projected)
        self.encoder = nn.LSTM(projected, hidden)
        self.hidden1 = nn.Linear(2 * hidden, wide)
        self.hidden2 = nn.Linear(wide, wide)
        self.hidden3 = nn.Linear(wide, wide)
        self.head = nn.Linear(wide, classes)

    def _read(self, words: Tensor) -> Tensor:
        _, (last, _) = self.encoder(self.projection(self.embed(words)).relu())
        vector: Tensor = last[0]
        return vector

    def forward(self, premise: Tensor, hypothesis: Tensor) -> tuple[Tensor, ...]:
        x = torch.cat([self._read(premise), self._read(hypothesis)], -1)
        for linear in (self.hidden1, self.hidden2, self.hidden3):
            x = linear(x).relu()
        return (self.head(x),)


class DeepSpeech2(nn.Module):
    """Amodei et al. 2016, from its recurrent part on."""

    def __init__(self, width: int, hidden: int, stacked: int, letters: int) -> None:
        super().__init__()
        widths = [hidden, stacked, stacked, stacked]
        self.rnn = nn.LSTM(width, hidden, bidirectional=True)
        self.norm = nn.ModuleList(nn.BatchNorm1d(width) for width in widths)
        self.stacked = nn.ModuleList(nn.LSTM(width, stacked, bidirectional=True) for width in widths)
        self.last_norm = nn.BatchNorm1d(stacked)
        self.head = nn.Linear(stacked, letters, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = summed(self.rnn(x)[0])
        for norm, lstm in zip(self.norm, self.stacked, strict=True):
            x = summed(lstm(norm(x))[0])
        return (self.head(self.last_norm(x)),)


class Convolution(nn.Module):
    """A convolutional front end that halves the steps twice."""

    def __init__(self, channels: int, front: int, mixed: int, hidden: int, letters: int) -> None:
        super().__init__()
        self.front = nn.Conv1d(channels, front, 5, stride=2, padding=2)
        self.depthwise = nn.Conv1d(front, front, 3, padding="same", dilation=2, groups=front, bias=False)
        self.mixed = nn.Conv1d(front, mixed, 1)
        self.encoder = nn.LSTM(mixed, hidden, bidirectional=True)
        self.head = nn.Linear(2 * hidden, letters)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = over_steps(self.depthwise, over_steps(self.front, x).relu())
        x = functional.max_pool1d(over_steps(self.mixed, x).T, 2).T.tanh()
        x, _ = self.encoder(x)
        return (self.head(functional.avg_pool1d(x.T, 3, 1, 1, count_include_pad=False).T),)


class Policy(nn.Module):
    """Mnih et al. 2016: one memory, two heads."""

    def __init__(self, width: int, hidden: int, actions: int) -> None:
        super().__init__()
        self.memory = nn.LSTMCell(width, hidden)
        self.actor = nn.Linear(hidden, actions)
        self.critic = nn.Linear(hidden, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        states = None
        steps = []
        for step in x:
            states = self.memory(step, states)
            steps.append(states[0])
        memory = torch.stack(steps)
        return self.actor(memory), self.critic(memory)


# Last states to first ones in every way, of stacked layers and of a cell.
HANDED = """
input: {batch_size: 3}
inputs: {src: {seq_len: 9}, tgt: {seq_len: 7}}
layers:
  - {name: stack, type: LSTM, from: src, input_size: 4, hidden_size: 3, num_layers: 2, bidirectional: true}
  - {name: one, type: GRU, from: src, hidden_size: 6}
  - name: summed
    type: GRU
    from: tgt
    input_size: 5
    hidden_size: 3
    num_layers: 2
    state_from: {layer: stack, directions: sum}
  - name: wide
    type: LSTM
    from: tgt
    hidden_size: 6
    num_layers: 2
    state_from: {layer: stack, directions: concat}
  - name: both
    type: LSTM
    from: [summed, wide]
    hidden_size: 3
    num_layers: 2
    bidirectional: true
    state_from: stack
    add: wide
  - {name: cell, type: GRUCell, hidden_size: 6, state_from: one, add: input}
  - {name: last, type: RNN, from: [both, tgt], hidden_size: 6, feeds: max, state_from: cell}
  - {name: head, type: Linear, from: [cell, last, summed], out_features: 2}
"""


class HandedOver(nn.Module):
    """`HANDED`; of an LSTM a GRU takes h."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.LSTM(4, 3, 2, bidirectional=True)
        self.one = nn.GRU(4, 6)
        self.summed = nn.GRU(5, 3, 2)
        self.wide = nn.LSTM(5, 6, 2)
        self.both = nn.LSTM(9, 3, 2, bidirectional=True)
        self.cell = nn.GRUCell(6, 6)
        self.last = nn.RNN(11, 6)
        self.head = nn.Linear(15, 2)

    def forward(self, src: Tensor, tgt: Tensor) -> tuple[Tensor, ...]:
        _, (h, c) = self.stack(src)
        summed, _ = self.summed(tgt, torch.stack([h[0] + h[1], h[2] + h[3]]))
        side = [torch.stack([torch.cat([s[0], s[1]], -1), torch.cat([s[2], s[3]], -1)]) for s in (h, c)]
        wide, _ = self.wide(tgt, tuple(side))
        both = self.both(beside(summed, wide), (h, c))[0] + wide
        state = self.one(src)[1][0]
        steps = []
        for step in both:
            state = self.cell(step, state)
            steps.append(state)
        last, _ = self.last(beside(both, tgt), state[None])
        return (self.head(beside(torch.stack(steps) + both, last.max(0).values, summed)),)
