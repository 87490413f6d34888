"""Models that recurrent layers stand in, each with an input: seven forms, and five from papers, small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class Case(NamedTuple):
    """A model and what it is called with. make: draws it."""

    make: Callable[[], nn.Module]
    args: Callable[[], tuple[Any, ...]]


class Chain(nn.Sequential):
    """Tokens, an LSTM, its output alone, a Linear."""

    def __init__(self) -> None:
        super().__init__(nn.Embedding(11, 5), nn.LSTM(5, 7, batch_first=True, num_layers=2), _First(), nn.Linear(7, 3))


class _First(nn.Module):
    def forward(self, given: tuple[Tensor, Any]) -> Tensor:
        return given[0]


class EncoderDecoder(nn.Module):
    """The encoder's last state is the decoder's first; tokens are read one by one, so the decoder runs often."""

    def __init__(self) -> None:
        super().__init__()
        self.source, self.target = nn.Embedding(11, 5), nn.Embedding(13, 4)
        self.encoder, self.decoder = nn.GRU(5, 7), nn.GRU(4, 7)
        self.head = nn.Linear(7, 13)

    def forward(self, source: Tensor, length: int) -> Tensor:
        _, state = self.encoder(self.source(source))
        token = source.new_zeros(1, source.shape[1])
        tokens = []
        for _ in range(length):
            output, state = self.decoder(self.target(token), hx=state)
            token = self.head(output).argmax(-1)
            tokens.append(token)
        return torch.cat(tokens)


class CellLoop(nn.Module):
    """An LSTMCell over every step, its states written out."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.LSTMCell(5, 7)

    def forward(self, x: Tensor) -> Tensor:
        states, outputs = None, []
        for x_t in x:
            states = self.step(x_t, states)
            outputs.append(states[0])
        return torch.stack(outputs)


class Residual(nn.Module):
    """A list of layers, each added to what it read."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.RNN(6, 6, nonlinearity="relu") for _ in range(3)])
        self.norms = nn.ModuleList([nn.LayerNorm(6) for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        for block, norm in zip(self.blocks, self.norms, strict=True):
            x = norm(x + block(x)[0])
        return x


class Packed(nn.Module):
    """Sequences of several lengths, packed on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.LSTM(5, 7, bidirectional=True, batch_first=True, proj_size=3)

    def forward(self, x: Tensor, lengths: Tensor) -> Any:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        output, states = self.encoder(packed)
        return pad_packed_sequence(output, batch_first=True)[0], states


class Siamese(nn.Module):
    """One layer that reads both sides, which differ in length, and stands under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.left = self.right = nn.GRU(5, 7)
        self.unused = nn.GRUCell(5, 7)

    def forward(self, left: Tensor, right: Tensor) -> dict[str, Tensor]:
        return {"like": (self.left(left)[1] * self.right(right)[1]).sum(-1)}


class Attentive(nn.Module):
    """Two directions, and attention over what they put out."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.LSTM(5, 4, num_layers=2, bidirectional=True, dropout=0.5)
        self.attention = nn.MultiheadAttention(8, 2)
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.encoder(x)
        return self.head(self.drop(self.attention(y, y, y)[0]).mean(0))


class BiLSTMTagger(nn.Module):
    """Huang et al. 2015, with the characters of each word read by a layer of their own (Lample et al. 2016)."""

    def __init__(self) -> None:
        super().__init__()
        self.chars, self.words = nn.Embedding(17, 3), nn.Embedding(19, 5)
        self.char_lstm = nn.LSTM(3, 4, bidirectional=True, batch_first=True)
        self.lstm = nn.LSTM(13, 6, bidirectional=True, batch_first=True)
        self.emit = nn.Linear(12, 5)

    def forward(self, words: Tensor, chars: Tensor) -> Tensor:
        batch, length, letters = chars.shape
        _, (last, _) = self.char_lstm(self.chars(chars.reshape(batch * length, letters)))
        spelt = last.transpose(0, 1).reshape(batch, length, 8)
        return self.emit(self.lstm(torch.cat([self.words(words), spelt], -1))[0])


class Seq2Seq(nn.Module):
    """Bahdanau et al. 2015: a bidirectional encoder, and a GRUCell that attends to it at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 5)
        self.encoder = nn.GRU(5, 6, bidirectional=True)
        self.bridge, self.query, self.key = nn.Linear(6, 7), nn.Linear(7, 4), nn.Linear(12, 4)
        self.score = nn.Linear(4, 1)
        self.cell = nn.GRUCell(5 + 12, 7)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, last = self.encoder(self.embed(source))
        state = torch.tanh(self.bridge(last[1]))
        states = []
        for token in self.embed(target):
            weights = self.score(torch.tanh(self.query(state) + self.key(memory))).softmax(0)
            state = self.cell(torch.cat([token, (weights * memory).sum(0)], -1), state)
            states.append(state)
        return torch.stack(states)


class TacotronEncoder(nn.Module):
    """Wang et al. 2017: a prenet, convolutions, a highway, and a GRU in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.prenet = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Dropout(0.5))
        self.bank = nn.ModuleList([nn.Conv1d(6, 4, k, padding="same") for k in (1, 3, 5)])
        self.norm = nn.BatchNorm1d(12)
        self.gate, self.change = nn.Linear(12, 12), nn.Linear(12, 12)
        self.gru = nn.GRU(12, 4, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.prenet(x).transpose(1, 2)
        x = self.norm(torch.cat([bank(x) for bank in self.bank], 1)).transpose(1, 2)
        gate = torch.sigmoid(self.gate(x))
        return self.gru(gate * torch.relu(self.change(x)) + (1 - gate) * x)[0]


class CRNN(nn.Module):
    """Shi et al. 2017: columns of a picture as steps, two stacked LSTMs that each read both ways."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d((8, 2)))
        self.rnn = nn.Sequential(_Both(4, 6), _Both(6, 5))

    def forward(self, picture: Tensor) -> Tensor:
        return self.rnn(self.cnn(picture).squeeze(2).permute(2, 0, 1))


class _Both(nn.Module):
    def __init__(self, size: int, out: int) -> None:
        super().__init__()
        self.rnn, self.embedding = nn.LSTM(size, 7, bidirectional=True), nn.Linear(14, out)

    def forward(self, x: Tensor) -> Tensor:
        return self.embedding(self.rnn(x)[0])


class DeepSpeech2(nn.Module):
    """Amodei et al. 2016: packed RNNs whose two directions are summed, a batch norm before each but the first."""

    def __init__(self) -> None:
        super().__init__()
        self.rnns = nn.ModuleList([nn.RNN(s, 6, bidirectional=True, bias=False) for s in (5, 6, 6)])
        self.norms = nn.ModuleList([nn.BatchNorm1d(6) for _ in range(2)])

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        for k, rnn in enumerate(self.rnns):
            if k:
                x = self.norms[k - 1](x.transpose(1, 2).transpose(0, 2)).transpose(0, 2).transpose(1, 2)
            packed = rnn(pack_padded_sequence(x, lengths))[0]
            x = pad_packed_sequence(packed)[0].unflatten(2, (2, 6)).sum(2)
        return x


def tokens(*shape: int) -> Tensor:
    return torch.arange(torch.Size(shape).numel()).reshape(shape) % 11


FORMS: dict[str, Case] = {
    "chain": Case(Chain, lambda: (tokens(3, 4),)),
    "encoder and decoder": Case(EncoderDecoder, lambda: (tokens(4, 3), 6)),
    "loop over a cell": Case(CellLoop, lambda: (torch.randn(4, 3, 5),)),
    "residuals": Case(Residual, lambda: (torch.randn(4, 3, 6),)),
    "packed": Case(Packed, lambda: (torch.randn(3, 5, 5), torch.tensor([2, 5, 4]))),
    "shared": Case(Siamese, lambda: (torch.randn(4, 3, 5), torch.randn(6, 3, 5))),
    "attention": Case(Attentive, lambda: (torch.randn(4, 3, 5),)),
}
PUBLISHED: dict[str, Case] = {
    "BiLSTM tagger": Case(BiLSTMTagger, lambda: (tokens(2, 3), tokens(2, 3, 4))),
    "seq2seq": Case(Seq2Seq, lambda: (tokens(4, 3), tokens(6, 3))),
    "Tacotron": Case(TacotronEncoder, lambda: (torch.randn(2, 9, 5),)),
    "CRNN": Case(CRNN, lambda: (torch.randn(2, 1, 8, 12),)),
    "DeepSpeech2": Case(DeepSpeech2, lambda: (torch.randn(6, 3, 5), torch.tensor([6, 4, 3]))),
}
