"""Published models with wires: each as a document, and as a plain torch module for one sequence (see `by_hand`)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from wires.by_hand import beside

# --- two sequences -----------------------------------------------------------------------------------------------

# The first notebook of bentrevett/pytorch-seq2seq, which prints 13,898,501 parameters. Sutskever et al. 2014 have four
# layers of 1000, 160,000 and 80,000 words: 384M parameters.
TRANSLATOR = """
input: {batch_size: 3}
inputs: {src: {seq_len: 30}, tgt: {seq_len: 25}}
layers:
  - {name: read, type: Embedding, from: src, num_embeddings: 7853, embedding_dim: 256}
  - {type: Dropout}
  - {name: encoder, type: LSTM, hidden_size: 512, num_layers: 2, dropout: 0.5}
  - {name: write, type: Embedding, from: tgt, num_embeddings: 5893, embedding_dim: 256}
  - {type: Dropout}
  - {name: decoder, type: LSTM, hidden_size: 512, num_layers: 2, dropout: 0.5, state_from: encoder}
  - {name: head, type: Linear, out_features: 5893}
"""


class Translator(nn.Module):
    def __init__(self, src: int, tgt: int, width: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.read = nn.Embedding(src, width)
        self.encoder = nn.LSTM(width, hidden, depth)
        self.write = nn.Embedding(tgt, width)
        self.decoder = nn.LSTM(width, hidden, depth)
        self.head = nn.Linear(hidden, tgt)

    def forward(self, src: Tensor, tgt: Tensor) -> tuple[Tensor, ...]:
        _, states = self.encoder(self.read(src))
        return (self.head(self.decoder(self.write(tgt), states)[0]),)


# A decoder that starts from both directions of the encoder, as many summarisers do (Nallapati et al. 2016).
SUMMARISER = """
input: {batch_size: 3}
inputs: {src: {seq_len: 40}, tgt: {seq_len: 12}}
layers:
  - {name: words, type: Embedding, from: src, num_embeddings: 15000, embedding_dim: 100}
  - {name: encoder, type: LSTM, hidden_size: 200, bidirectional: true}
  - {name: written, same_as: words, from: tgt}
  - name: decoder
    type: LSTM
    hidden_size: 400
    state_from: {layer: encoder, directions: concat}
  - {name: head, type: Linear, out_features: 15000}
"""


class Summariser(nn.Module):
    def __init__(self, words: int, width: int, hidden: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.encoder = nn.LSTM(width, hidden, bidirectional=True)
        self.decoder = nn.LSTM(width, 2 * hidden)
        self.head = nn.Linear(2 * hidden, words)

    def forward(self, src: Tensor, tgt: Tensor) -> tuple[Tensor, ...]:
        _, states = self.encoder(self.words(src))
        h, c = (torch.cat([state[0], state[1]], -1)[None] for state in states)
        return (self.head(self.decoder(self.words(tgt), (h, c))[0]),)


# MaLSTM (Mueller & Thyagarajan 2016): one LSTM of 50 reads both; exp(-|a - b|) is no layer, and takes what comes out.
SIAMESE = """
input: {batch_size: 3}
inputs: {left: {seq_len: 9}, right: {seq_len: 7}}
outputs: [lstm, again]
layers:
  - {name: words, type: Embedding, from: left, num_embeddings: 4000, embedding_dim: 300, trainable: false}
  - {name: lstm, type: LSTM, hidden_size: 50, feeds: last}
  - {name: words_right, same_as: words, from: right}
  - {name: again, same_as: lstm}
"""


class Siamese(nn.Module):
    def __init__(self, words: int, width: int, hidden: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.words.weight.requires_grad_(False)
        self.lstm = nn.LSTM(width, hidden)

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.lstm(self.words(words))[1][0][0] for words in (left, right))


# A story and a question about it (the bAbI example of Keras): the question's last state at every word of the story.
QUESTION = """
input: {batch_size: 3}
inputs: {story: {seq_len: 11}, question: {seq_len: 4}}
layers:
  - {name: asked, type: Embedding, from: question, num_embeddings: 36, embedding_dim: 50}
  - {name: ask, type: LSTM, hidden_size: 50, feeds: last}
  - {name: told, type: Embedding, from: story, num_embeddings: 36, embedding_dim: 50}
  - {name: answer, type: LSTM, from: [told, ask], hidden_size: 50, feeds: last}
  - {name: head, type: Linear, out_features: 36}
  - {type: Softmax, dim: -1}
"""


class Question(nn.Module):
    def __init__(self, words: int, width: int, asked: int, hidden: int) -> None:
        super().__init__()
        self.asked = nn.Embedding(words, width)
        self.ask = nn.LSTM(width, asked)
        self.told = nn.Embedding(words, width)
        self.answer = nn.LSTM(width + asked, hidden)
        self.head = nn.Linear(hidden, words)

    def forward(self, story: Tensor, question: Tensor) -> tuple[Tensor, ...]:
        _, (asked, _) = self.ask(self.asked(question))
        _, (answer, _) = self.answer(beside(self.told(story), asked[0]))
        return (self.head(answer[0]).softmax(-1),)


# --- vectors beside sequences --------------------------------------------------------------------------------------

# The merge model (Tanti et al. 2017): a picture's 4096 features, and the words so far. Keras counts 5,527,963.
CAPTION = """
input: {batch_size: 3}
inputs: {picture: {seq_len: null}, words: {seq_len: 34}}
layers:
  - {type: Dropout, from: picture}
  - {name: seen, type: Linear, in_features: 4096, out_features: 256}
  - {name: picture_read, type: ReLU}
  - {name: embed, type: Embedding, from: words, num_embeddings: 7579, embedding_dim: 256, padding_idx: 0}
  - {type: Dropout}
  - {name: lstm, type: LSTM, hidden_size: 256, feeds: last, add: picture_read}
  - {name: wide, type: Linear, out_features: 256}
  - {type: ReLU}
  - {name: head, type: Linear, out_features: 7579}
  - {type: Softmax, dim: -1}
"""


class Caption(nn.Module):
    def __init__(self, features: int, words: int, width: int, hidden: int, wide: int) -> None:
        super().__init__()
        self.seen = nn.Linear(features, hidden)
        self.embed = nn.Embedding(words, width, padding_idx=0)
        self.lstm = nn.LSTM(width, hidden)
        self.wide = nn.Linear(hidden, wide)
        self.head = nn.Linear(wide, words)

    def forward(self, picture: Tensor, words: Tensor) -> tuple[Tensor, ...]:
        _, (last, _) = self.lstm(self.embed(words))
        x = self.wide(last[0] + self.seen(picture).relu()).relu()
        return (self.head(x).softmax(-1),)


# The tickets of the guide to Keras' functional API: three inputs, one of them a vector of tags; two heads.
TICKETS = """
input: {batch_size: 3}
inputs: {title: {seq_len: 6}, body: {seq_len: 13}, tags: {seq_len: null, input_size: 12}}
outputs: [priority, department]
layers:
  - {name: title_words, type: Embedding, from: title, num_embeddings: 10000, embedding_dim: 64}
  - {name: title_read, type: LSTM, hidden_size: 128, feeds: last}
  - {name: body_words, type: Embedding, from: body, num_embeddings: 10000, embedding_dim: 64}
  - {name: body_read, type: LSTM, hidden_size: 32, feeds: last}
  - {name: priority, type: Linear, from: [title_read, body_read, tags], out_features: 1}
  - {name: department, type: Linear, from: [title_read, body_read, tags], out_features: 4}
"""


class Tickets(nn.Module):
    def __init__(self, words: int, width: int, hidden: tuple[int, int], tags: int, departments: int) -> None:
        super().__init__()
        self.title_words = nn.Embedding(words, width)
        self.title_read = nn.LSTM(width, hidden[0])
        self.body_words = nn.Embedding(words, width)
        self.body_read = nn.LSTM(width, hidden[1])
        self.priority = nn.Linear(sum(hidden) + tags, 1)
        self.department = nn.Linear(sum(hidden) + tags, departments)

    def forward(self, title: Tensor, body: Tensor, tags: Tensor) -> tuple[Tensor, ...]:
        _, (title, _) = self.title_read(self.title_words(title))
        _, (body, _) = self.body_read(self.body_words(body))
        x = torch.cat([title[0], body[0], tags], -1)
        return self.priority(x), self.department(x)


# --- one sequence, read more than once -----------------------------------------------------------------------------

# The composite model of Srivastava et al. 2015: one encoder, whose states start both decoders.
COMPOSITE = """
input: {batch_size: 3}
inputs: {frames: {seq_len: 10}, backwards: {seq_len: 9}, next: {seq_len: 6}}
outputs: [rebuilt, foretold]
layers:
  - {name: encoder, type: LSTM, from: frames, input_size: 1024, hidden_size: 2048}
  - {name: rebuild, type: LSTM, from: backwards, input_size: 1024, hidden_size: 2048, state_from: encoder}
  - {name: rebuilt, type: Linear, out_features: 1024}
  - {name: foretell, type: LSTM, from: next, input_size: 1024, hidden_size: 2048, state_from: encoder, feeds: step}
  - {name: foretold, type: Linear, out_features: 1024}
"""


class Composite(nn.Module):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.encoder = nn.LSTM(width, hidden)
        self.rebuild = nn.LSTM(width, hidden)
        self.rebuilt = nn.Linear(hidden, width)
        self.foretell = nn.LSTM(width, hidden)
        self.foretold = nn.Linear(hidden, width)

    def forward(self, frames: Tensor, backwards: Tensor, following: Tensor) -> tuple[Tensor, ...]:
        _, states = self.encoder(frames)
        rebuilt, _ = self.rebuild(backwards, states)
        foretold, _ = self.foretell(following, states)
        return self.rebuilt(rebuilt), self.foretold(foretold[-1])


# An actor and a critic with memories of their own, over the same observations (RecurrentPPO of sb3-contrib).
ACTOR_CRITIC = """
input: {batch_size: 3, seq_len: 7}
outputs: [action, value]
layers:
  - {name: actor, type: LSTM, input_size: 8, hidden_size: 256}
  - {name: pi, type: Linear, out_features: 64}
  - {type: Tanh}
  - {name: action, type: Linear, out_features: 4}
  - {name: critic, type: LSTM, from: input, hidden_size: 256}
  - {name: vf, type: Linear, out_features: 64}
  - {type: Tanh}
  - {name: value, type: Linear, out_features: 1}
"""


class ActorCritic(nn.Module):
    def __init__(self, width: int, hidden: tuple[int, int], wide: int, actions: int) -> None:
        super().__init__()
        self.actor = nn.LSTM(width, hidden[0])
        self.pi = nn.Linear(hidden[0], wide)
        self.action = nn.Linear(wide, actions)
        self.critic = nn.LSTM(width, hidden[1])
        self.vf = nn.Linear(hidden[1], wide)
        self.value = nn.Linear(wide, 1)

    def forward(self, seen: Tensor) -> tuple[Tensor, ...]:
        action = self.action(self.pi(self.actor(seen)[0]).tanh())
        return action, self.value(self.vf(self.critic(seen)[0]).tanh())
