"""Published models with convolutions and a `repeat` or a residual: see `published`."""

from __future__ import annotations

from torch import Tensor, nn
from wires.by_hand import over_steps

# The encoder of Tacotron 2 (Shen et al. 2018), in the sizes of NVIDIA/tacotron2.
TACOTRON = """
input: {batch_size: 3, seq_len: 12}
layers:
  - {name: embed, type: Embedding, num_embeddings: 148, embedding_dim: 512}
  - repeat: 3
    layers:
      - {name: conv, type: Conv1d, out_channels: 512, kernel_size: 5, padding: 2}
      - {name: norm, type: BatchNorm1d}
      - {type: ReLU}
      - {type: Dropout}
  - {name: lstm, type: LSTM, hidden_size: 256, bidirectional: true}
"""


class Tacotron(nn.Module):
    def __init__(self, letters: int, width: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(letters, width)
        self.conv = nn.ModuleList(nn.Conv1d(w, channels, 5, padding=2) for w in (width, channels, channels))
        self.norm = nn.ModuleList(nn.BatchNorm1d(channels) for _ in range(3))
        self.lstm = nn.LSTM(channels, hidden, bidirectional=True)

    def forward(self, letters: Tensor) -> tuple[Tensor, ...]:
        x = self.embed(letters)
        for conv, norm in zip(self.conv, self.norm, strict=True):
            x = norm(over_steps(conv, x)).relu()
        return (self.lstm(x)[0],)


# What comes after Tacotron 2's decoder: five convolutions, whose sum with what they read is the spectrogram.
POSTNET = """
input: {batch_size: 3, seq_len: 12}
layers:
  - {name: mel, type: LSTM, input_size: 40, hidden_size: 80}
  - {name: conv, type: Conv1d, out_channels: 512, kernel_size: 5, padding: 2, bias: false}
  - {name: norm, type: BatchNorm1d}
  - repeat: 3
    layers:
      - {type: Tanh}
      - {name: inner, type: Conv1d, out_channels: 512, kernel_size: 5, padding: 2, bias: false}
      - {name: normed, type: BatchNorm1d}
  - {type: Tanh}
  - {name: last, type: Conv1d, out_channels: 80, kernel_size: 5, padding: 2}
  - {name: last_norm, type: BatchNorm1d, add: mel}
"""


class Postnet(nn.Module):
    def __init__(self, width: int, mels: int, channels: int) -> None:
        super().__init__()
        self.mel = nn.LSTM(width, mels)
        self.conv = nn.Conv1d(mels, channels, 5, padding=2, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        self.inner = nn.ModuleList(nn.Conv1d(channels, channels, 5, padding=2, bias=False) for _ in range(3))
        self.normed = nn.ModuleList(nn.BatchNorm1d(channels) for _ in range(3))
        self.last = nn.Conv1d(channels, mels, 5, padding=2)
        self.last_norm = nn.BatchNorm1d(mels)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        mel, _ = self.mel(x)
        x = self.norm(over_steps(self.conv, mel))
        for conv, norm in zip(self.inner, self.normed, strict=True):
            x = norm(over_steps(conv, x.tanh()))
        return (self.last_norm(over_steps(self.last, x.tanh())) + mel,)


# Contrastive predictive coding (van den Oord et al. 2018) on sound: 160 samples become one step of a GRU.
PREDICTIVE = """
input: {batch_size: 3, seq_len: 500}
outputs: [relu_2, context]
layers:
  - {name: conv1, type: Conv1d, in_channels: 1, out_channels: 512, kernel_size: 10, stride: 5, padding: 3, bias: false}
  - {name: norm1, type: BatchNorm1d}
  - {type: ReLU}
  - {name: conv2, type: Conv1d, out_channels: 512, kernel_size: 8, stride: 4, padding: 2, bias: false}
  - {name: norm2, type: BatchNorm1d}
  - {type: ReLU}
  - repeat: 3
    layers:
      - {name: conv, type: Conv1d, out_channels: 512, kernel_size: 4, stride: 2, padding: 1, bias: false}
      - {name: norm, type: BatchNorm1d}
      - {name: relu, type: ReLU}
  - {name: context, type: GRU, hidden_size: 256}
"""


class Predictive(nn.Module):
    def __init__(self, channels: tuple[int, int, int], hidden: int) -> None:
        super().__init__()
        one, two, three = channels
        self.conv1 = nn.Conv1d(1, one, 10, stride=5, padding=3, bias=False)
        self.norm1 = nn.BatchNorm1d(one)
        self.conv2 = nn.Conv1d(one, two, 8, stride=4, padding=2, bias=False)
        self.norm2 = nn.BatchNorm1d(two)
        widths = (two, three, three)
        self.conv = nn.ModuleList(nn.Conv1d(w, three, 4, stride=2, padding=1, bias=False) for w in widths)
        self.norm = nn.ModuleList(nn.BatchNorm1d(three) for _ in range(3))
        self.context = nn.GRU(three, hidden)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        pairs = [(self.conv1, self.norm1), (self.conv2, self.norm2), *zip(self.conv, self.norm, strict=True)]
        for conv, norm in pairs:
            x = norm(over_steps(conv, x)).relu()
        return x, self.context(x)[0]
