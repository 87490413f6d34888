"""What people type who know the thing by another name: of Keras, of papers, of torch's examples.

Asked before likeness is, which would take `units` for nothing and `BiLSTM` for `LSTM`. All words are in lower case.
"""

from __future__ import annotations

import re

from rnninspect.document.paths import dotted
from rnninspect.errors import show
from rnninspect.layers.registry import TYPES


def _meanings(table: dict[str, str]) -> dict[str, list[str]]:
    """The table from what is typed to what it stands for."""
    meant: dict[str, list[str]] = {}
    for name, words in table.items():
        for word in words.split():
            meant.setdefault(word, []).append(name)
    return meant


# By the key that is meant; of several that a kind has, the first.
_KEYS = _meanings(
    {
        "output_size": "output_dim out_dim out_size",
        "num_embeddings": "vocab_size vocab n_vocab vocabulary_size ntoken ntokens num_tokens input_dim input_size",
        "embedding_dim": "embed_dim emb_dim embed_size emb_size embedding_size ninp d_model hidden_size dim output_dim",
        "hidden_size": "units nhid n_hid n_hidden num_hidden hidden hidden_dim hidden_units hidden_features num_units "
        "rnn_size state_size cell_size d_model dim output_dim",
        "num_layers": "n_layers nlayers nlayer n_layer layers depth",
        "input_size": "input_dim in_dim n_input n_inputs ninp in_size in_features input_features num_features "
        "embedding_dim",
        "in_features": "input_dim in_dim n_input n_inputs in_size input_size input_features",
        "out_features": "units output_dim out_dim out_size output_size num_classes n_classes hidden_size hidden_dim",
        "out_channels": "filters num_filters n_filters channels num_channels n_channels units hidden_size hidden_dim",
        "in_channels": "in_features input_size input_dim in_dim n_mels n_features num_features",
        "kernel_size": "kernel kernel_width pool_size filter_size window_size window width ksize",
        "stride": "strides step",
        "padding": "pad",
        "dilation": "dilation_rate dilations",
        "normalized_shape": "hidden_size num_features normalized_dim dim shape",
        "bidirectional": "bi bidir is_bidirectional num_directions directions",
        "merge": "merge_mode merge_type merge_op combine",
        "feeds": "pool pooling pool_type aggregate aggregation readout",
        "nonlinearity": "activation act act_fn activation_function non_linearity",
        "proj_size": "projection projection_size proj_dim num_proj",
        "p": "dropout rate prob probability drop_rate drop_prob dropout_rate dropout_p",
        "dropout": "p rate drop_rate drop_prob dropout_rate dropout_p",
        "bias": "use_bias has_bias",
        "eps": "epsilon",
        "negative_slope": "alpha slope leak",
        "dim": "axis",
        "num_parameters": "num_features channels",
        "min_val": "min min_value",
        "max_val": "max max_value",
        "elementwise_affine": "affine",
        "padding_idx": "pad_idx padding_index pad_index",
        "tied_to": "tie tied tied_weights tie_weights weight_tying",
        "trainable": "requires_grad",
        "weight_ih": "kernel kernel_initializer",
        "weight_hh": "recurrent_kernel recurrent_initializer",
        "forget_bias": "unit_forget_bias",
        "batch_size": "batch bs n n_batch",
        "seq_len": "seq_length sequence_length timesteps time_steps n_steps steps bptt t l",
        "lengths": "seq_lens seq_lengths sequence_lengths packed",
        "name": "title",
        "input": "inputs",
        "from": "source sources inputs reads from_",
        "add": "residual skip skip_from add_from",
        "same_as": "shared shared_with share share_with weights_from copy_of",
        "state_from": "initial_state initial_states init_state h0 h_0 hx states_of",
        "layers": "model modules network",
    }
)

# Keys that no key of ours stands for, and what to do.
REMARKS = {
    "return_sequences": "feeds: last hands on the last state alone; feeds: output, the default, every step",
    "return_state": "h_n, and c_n, are always put out",
    "go_backwards": "bidirectional: true reads both ways; torch has no layer that only reads backwards",
    "time_major": "batch_first: true puts N before L; torch's default is L first",
    "recurrent_dropout": "torch has none; dropout stands between stacked layers",
    "stateful": "input has state: zeros or random, for h_0 and c_0",
    **dict.fromkeys(
        ("repeat", "repeats", "times"),
        "repeat: 4 stands beside layers:, the list of what is repeated, and not beside a type",
    ),
    "freeze": "trainable: false freezes a layer",
    "frozen": "trainable: false freezes a layer",
}

_VALUES = _meanings(
    {
        "cuda": "gpu nvidia",
        "mps": "metal",
        "float16": "fp16 half f16",
        "bfloat16": "bf16 bfloat",
        "float32": "fp32 float single f32",
        "float64": "fp64 double f64",
        "concat": "cat concatenate concatenation",
        "sum": "add added",
        "mean": "ave avg average",
        "mul": "multiply product prod",
        "max": "maximum",
    }
)

_TYPES = _meanings(
    {
        "RNN": "simplernn vanillarnn elman elmanrnn",
        "LSTM": "cudnnlstm",
        "GRU": "cudnngru",
        "JordanRNN": "jordan",
        "Embedding": "embed lookup lookuptable lazyembedding",
        "Linear": "dense fc fullyconnected lazylinear",
        "LayerNorm": "ln layernormalization",
        "BatchNorm1d": "bn batchnorm batchnormalization lazybatchnorm1d syncbatchnorm",
        "Conv1d": "convolution1d lazyconv1d conv cnn tdnn",
        "MaxPool1d": "maxpooling1d maxpool",
        "AvgPool1d": "averagepooling1d avgpooling1d avgpool",
        "SiLU": "swish",
        "LeakyReLU": "lrelu leaky",
        "Hardtanh": "clip clamp",
        "Sigmoid": "logistic",
    }
)

_NO_WEIGHTS = "it has no weights and keeps the shape: leave it out"
_BY_ITSELF = (
    "it is not described: leave it out, and make what it puts out an input, as wide as its input_size says, "
    "or see all of it from Python, rnninspect.inspect(module, inputs)"
)
# Layers of torch that are not described, and what to do instead; the first that fits.
_OTHERS = (
    (r"dropout[123]d|.*alphadropout", "Dropout counts the same"),
    (r".*(loss|similarity|distance)(2d)?", "a loss is no layer of a model: leave it out"),
    (
        r".*(batch|instance|group|rms|response)norm(alization)?([123]d)?|crossmaplrn2d",
        "the norms that are described are LayerNorm and BatchNorm1d: put one in its place, or leave it out",
    ),
    (r"relu6", "write Hardtanh with min_val: 0.0 and max_val: 6.0"),
    (
        r"[cs]elu|mish|rrelu|hard\w+|logsigmoid|tanhshrink|soft(max2d|min|shrink|sign)|threshold|identity|activation",
        _NO_WEIGHTS,
    ),
    (r"sequential|module|container|(module|parameter)(list|dict)|dataparallel", "write its layers under layers: each"),
    (r"rnn(cell)?base", "write RNN, LSTM or GRU"),
    (r"input(layer)?", "write inputs at the top of the document, such as inputs: {src: {seq_len: 30}}"),
    (r"concat(enate)?|cat|stack", "write from: [a, b] in the layer that reads them side by side"),
    (r"add|sum|residual|skip(connection)?", "write add: input, or add: a, in the layer that hands the sum on"),
    (r"repeatvector", "a vector beside a sequence is given to every step: from: [words, encoder]"),
    (r"bidirectional", "write bidirectional: true in the recurrent layer"),
    (r"timedistributed", "write the layer that is in it, which is given every step"),
    (r"globalmaxpool(ing)?(1d)?", "write feeds: max in the recurrent layer before"),
    (r"global(avg|average)pool(ing)?(1d)?", "write feeds: mean in the recurrent layer before"),
    (r"masking|.*pack\w*sequence", "write lengths in the input block: the batch is packed, and unpacked, by itself"),
    (r"reshape|view|permute|transpose|(un)?squeeze|rearrange", "what only moves axes about is no layer: leave it out"),
    (r"loop|feedback", "what goes round from step to step is a cell of equations, or JordanRNN"),
    (r"repeat", "write repeat: 4, and layers: with the block, without a type"),
    (r"(attn)?(en|de)coder(rnn)?|seq2seq", "write the layers of it; from and state_from connect them"),
    (
        r"(lazy)?(conv|convtranspose)[123]d|.*pool[123]d|.*pad[123]d|(un)?(fold|flatten)|pixel\w+|upsampl\w+|glu|"
        r"channelshuffle|bilinear|embeddingbag|transformer\w*|.*attention|convlstm(2d)?|adaptivelogsoftmaxwithloss|"
        r"while(loop)?|scan|beamsearch|resnet\w*|vgg\w*|highway|crf",
        _BY_ITSELF,
    ),
)


def fields_meant(key: str) -> list[str]:
    """The keys that an unknown one may stand for, the likeliest first."""
    return _KEYS.get(key.lower(), [])


def value_meant(text: str) -> str:
    """The device, dtype or other choice that a text may stand for."""
    word = text.lower().removeprefix("torch.")
    device = re.fullmatch(r"gpu:?([0-9]{1,2})", word)
    return f"cuda:{device[1]}" if device else next(iter(_VALUES.get(word, [])), word)


def in_place_of_type(name: str) -> str:
    """A hint for a layer type that is none; "" where there is none but likeness."""
    word = re.sub(r"^.*\.|[ _-]", "", name).lower()
    meant = {kind.lower(): kind for kind in TYPES}.get(word) or next(iter(_TYPES.get(word, [])), "")
    if meant:
        return f"did you mean {meant!r}?"
    both = re.fullmatch(r"bi(?:directional)?(rnn|lstm|gru)", word)
    if both:
        return f"write type: {both[1].upper()} and bidirectional: true"
    return next((advice for pattern, advice in _OTHERS if re.fullmatch(pattern, word)), "")


def in_place_of_layer(data: object) -> str:
    """A hint for what stands where a layer with a type should; "" where nothing is known of it."""
    kinds = [kind for kind in TYPES if data == kind or (isinstance(data, dict) and kind in data)]
    if len(kinds) != 1:
        return ""
    inner = data[kinds[0]] if isinstance(data, dict) else None
    keys = list(inner.items())[:4] if isinstance(inner, dict) else [("hidden_size", 50)]
    written = "".join(f", {dotted((key,))}: {show(value)}" for key, value in keys)
    return f"write - {{type: {kinds[0]}{written}}}"


def in_place_of_layers(data: object) -> str:
    """A hint for what stands under `layers` and is no list."""
    if not isinstance(data, dict):
        return ""
    if "type" in data:
        return "write - before the layer's first key"
    name, layer = next(iter(data.items()), ("encoder", None))
    kinds = [kind for kind in TYPES if kind == name or (isinstance(layer, dict) and layer.get("type") == kind)]
    return f"write a list, - {{name: {dotted((name,))}, type: {(kinds or ['LSTM'])[0]}, ...}} for each layer"
