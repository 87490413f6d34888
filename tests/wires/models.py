"""Every model that is held, by name: its document, and the module by hand with sizes that fit."""

from __future__ import annotations

from cases import cases
from wires import by_hand, published, published_convolutions
from wires.held import Model
from worlds import CONFIGS


def config(name: str) -> str:
    text: str = (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8")
    return text


# Keras has one bias in each gate of its LSTM of 256, torch two.
KERAS_HAS_LESS = 4 * 256

# What makes each small, with sizes that differ.
SMALL = cases(
    """
seq2seq
    src_embed.num_embeddings=11 src_embed.embedding_dim=4 encoder.hidden_size=5 tgt_embed.num_embeddings=13
      tgt_embed.embedding_dim=3 decoder.hidden_size=5 head.out_features=13
residual
    embed.num_embeddings=7 embed.embedding_dim=3 both.hidden_size=4 first.hidden_size=5 stacked.hidden_size=5
rnnoise
    conv1.in_channels=3 conv1.out_channels=4 conv2.out_channels=5 gru1.hidden_size=6 gru2.hidden_size=7
      gru3.hidden_size=8 bands.out_features=2
two-towers
    embed.num_embeddings=9 embed.embedding_dim=4 projection.out_features=5 encoder.hidden_size=3
      hidden1.out_features=7 hidden2.out_features=7 hidden3.out_features=7 head.out_features=2
deepspeech2
    rnn.input_size=5 rnn.hidden_size=3 stacked.hidden_size=4 head.out_features=6
convolution
    front.in_channels=3 front.out_channels=4 depthwise.out_channels=4 depthwise.groups=4 mixed.out_channels=5
      encoder.hidden_size=2 head.out_features=6
policy
    memory.input_size=5 memory.hidden_size=7 actor.out_features=3
handed over
translator
    read.num_embeddings=9 read.embedding_dim=4 encoder.hidden_size=5 write.num_embeddings=8 write.embedding_dim=4
      decoder.hidden_size=5 head.out_features=8
summariser
    words.num_embeddings=9 words.embedding_dim=4 encoder.hidden_size=3 decoder.hidden_size=6 head.out_features=9
siamese
    words.num_embeddings=9 words.embedding_dim=4 lstm.hidden_size=3
question
    asked.num_embeddings=9 asked.embedding_dim=4 ask.hidden_size=3 told.num_embeddings=9 told.embedding_dim=4
      answer.hidden_size=5 head.out_features=9
caption
    seen.in_features=6 seen.out_features=5 embed.num_embeddings=9 embed.embedding_dim=4 lstm.hidden_size=5
      wide.out_features=3 head.out_features=9
tickets
    title_words.num_embeddings=9 title_words.embedding_dim=4 title_read.hidden_size=5 body_words.num_embeddings=9
      body_words.embedding_dim=4 body_read.hidden_size=3 department.out_features=2 inputs.tags.input_size=7
composite
    encoder.input_size=4 encoder.hidden_size=5 rebuild.input_size=4 rebuild.hidden_size=5 rebuilt.out_features=4
      foretell.input_size=4 foretell.hidden_size=5 foretold.out_features=4
actor and critic
    actor.input_size=4 actor.hidden_size=5 pi.out_features=3 action.out_features=2 critic.hidden_size=6
      vf.out_features=3
tacotron
    embed.num_embeddings=9 embed.embedding_dim=4 conv.out_channels=4 lstm.hidden_size=3
postnet
    mel.input_size=3 mel.hidden_size=4 conv.out_channels=5 inner.out_channels=5 last.out_channels=4
predictive
    conv1.out_channels=3 conv2.out_channels=4 conv.out_channels=5 context.hidden_size=6
"""
)
MODELS = {
    "seq2seq": Model(
        config("seq2seq"), by_hand.Seq2Seq, (7853, 5893, (256, 256), 512), (11, 13, (4, 3), 5), 14_219_781
    ),
    "residual": Model(config("residual"), by_hand.Residual, (1000, 32, 48, 48), (7, 3, 4, 5)),
    "rnnoise": Model(
        config("rnnoise"), by_hand.RNNoise, (65, 128, 256, (256, 256, 256), 32), (3, 4, 5, (6, 7, 8), 2), 1_341_729
    ),
    "two-towers": Model(config("two-towers"), by_hand.TwoTowers, (35000, 100, 300, 300, 600, 3), (9, 4, 5, 3, 7, 2)),
    "deepspeech2": Model(config("deepspeech2"), by_hand.DeepSpeech2, (41, 32, 32, 29), (5, 3, 4, 6)),
    "convolution": Model(config("convolution"), by_hand.Convolution, (40, 64, 96, 32, 29), (3, 4, 5, 2, 6)),
    "policy": Model(config("policy"), by_hand.Policy, (288, 256, 6), (5, 7, 3)),
    "handed over": Model(by_hand.HANDED, by_hand.HandedOver, (), ()),
    "translator": Model(
        published.TRANSLATOR, published.Translator, (7853, 5893, 256, 512, 2), (9, 8, 4, 5, 2), 13_898_501
    ),
    "summariser": Model(published.SUMMARISER, published.Summariser, (15000, 100, 200), (9, 4, 3)),
    "siamese": Model(published.SIAMESE, published.Siamese, (4000, 300, 50), (9, 4, 3)),
    "question": Model(published.QUESTION, published.Question, (36, 50, 50, 50), (9, 4, 3, 5)),
    "caption": Model(
        published.CAPTION, published.Caption, (4096, 7579, 256, 256, 256), (6, 9, 4, 5, 3), 5_527_963 + KERAS_HAS_LESS
    ),
    "tickets": Model(published.TICKETS, published.Tickets, (10000, 64, (128, 32), 12, 4), (9, 4, (5, 3), 7, 2)),
    "composite": Model(published.COMPOSITE, published.Composite, (1024, 2048), (4, 5)),
    "actor and critic": Model(published.ACTOR_CRITIC, published.ActorCritic, (8, (256, 256), 64, 4), (4, (5, 6), 3, 2)),
    "tacotron": Model(
        published_convolutions.TACOTRON, published_convolutions.Tacotron, (148, 512, 512, 256), (9, 4, 4, 3)
    ),
    "postnet": Model(published_convolutions.POSTNET, published_convolutions.Postnet, (40, 80, 512), (3, 4, 5)),
    "predictive": Model(
        published_convolutions.PREDICTIVE,
        published_convolutions.Predictive,
        ((512, 512, 512), 256),
        ((3, 4, 5), 6),
        most=500,
    ),
}
MODELS = {name: model._replace(small=" ".join(SMALL[name])) for name, model in MODELS.items()}
