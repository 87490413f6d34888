"""The models, and the layers step by step, that tests of pictures draw."""

from __future__ import annotations

from wired_models import MODELS
from worlds import spec_of, text_of

from rnninspect.study.unrolled import Unrolled

RNNOISE = (
    "name: conv1, type: Conv1d, in_channels: 65, out_channels: 128, kernel_size: 3",
    "name: tanh1, type: Tanh",
    "name: conv2, type: Conv1d, out_channels: 256, kernel_size: 3",
    "name: features, type: Tanh",
    *(f"name: gru{k}, type: GRU, hidden_size: 256" for k in (1, 2, 3)),
    *(f"name: {name}, type: Linear, from: [features, gru1, gru2, gru3], out_features: 32" for name in ("gain", "vad")),
)
CHAIN = (
    "type: Embedding, num_embeddings: 7, embedding_dim: 4",
    *(f"name: a{k}, type: GRU, hidden_size: {k}" for k in range(1, 10)),
)
WIRED = {name: spec_of(text_of(*layers, head=head)) for name, (head, layers) in MODELS.items()}
WIRED["rnnoise"] = spec_of(text_of(*RNNOISE, head="outputs: [gain, vad]\ninput: {batch_size: 3, seq_len: 9}"))
WIRED["chain of ten"] = spec_of(text_of(*CHAIN))

LSTM = Unrolled(
    steps=20,
    depth=2,
    directions=2,
    states=(("h", 5), ("c", 7)),
    output=("h", 5),
    features=3,
    above=10,
    indexed=True,
    batch_first=False,
    dropout=True,
)
ONE_WAY = LSTM._replace(directions=1, above=5)
JORDAN = LSTM._replace(
    depth=1, directions=1, states=(("y", 5),), output=("y", 5), inner=("h", 11), above=5, dropout=False
)
WIDE = {"states": (("h", 2048), ("c", 8192)), "output": ("h", 2048), "features": 1024, "above": 4096}
FLOWS = {
    "both ways": LSTM,
    "one way": ONE_WAY,
    "nine layers": LSTM._replace(depth=9),
    "wide": LSTM._replace(**WIDE),
    "one step": ONE_WAY._replace(steps=1),
    "two steps": LSTM._replace(steps=2),
    "three steps": LSTM._replace(steps=3, batch_first=True),
    "no steps": LSTM._replace(steps=None),
    "Jordan": JORDAN,
    "Jordan, wide": JORDAN._replace(states=(("y", 8192),), inner=("h", 4096), steps=20_000),
    "Jordan, two steps": JORDAN._replace(steps=2, indexed=False),
    "a cell": ONE_WAY._replace(depth=1, indexed=False, dropout=False),
}
