"""Wires that are wrong: each is one line, with its place, what is wrong, and what to try."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from worlds import spec_of

from rnninspect.errors import DocumentError, Place

ONE = "input: {batch_size: 3, seq_len: 5}"
TWO = "input: {batch_size: 3}\ninputs: {src: {seq_len: 5}, tgt: {seq_len: 4}}"
ENCODER = "{name: encoder, type: LSTM, from: src, input_size: 4, hidden_size: 6}"
A = "{name: a, type: LSTM, input_size: 4, hidden_size: 6}"
LOOP = "what goes round from step to step is a cell of equations, or JordanRNN"
EARLIER = "expected the name of an input or an earlier layer, got"


def decoder(wires: str, **changes: object) -> str:
    """An LSTM over the other input that is wired to the encoder."""
    keys = {"type": "LSTM", "hidden_size": 6, **changes}
    return f"{{name: decoder, from: tgt, input_size: 4, {', '.join(f'{k}: {v}' for k, v in keys.items())}, {wires}}}"


def encoder(**changes: object) -> str:
    """An encoder with other keys."""
    return "{name: encoder, from: src, input_size: 4, " + ", ".join(f"{k}: {v}" for k, v in changes.items()) + "}"


# What stands before the layers, the layers, the path of the fault, and its message with the hint in brackets.
Wrong = tuple[str, tuple[str, ...], str, str]

NAMES: dict[str, Wrong] = {
    "a later layer": (
        ONE,
        ("{name: a, type: LSTM, input_size: 4, hidden_size: 6, from: b}", "{name: b, type: LSTM, hidden_size: 6}"),
        "layers[0].from",
        f"layer 'a': {EARLIER} 'b', which is not before it (move 'b' up; {LOOP})",
    ),
    "a circle": (
        ONE,
        (A, "{name: b, type: LSTM, hidden_size: 6, from: c}", "{name: c, type: LSTM, hidden_size: 6, from: b}"),
        "layers[1].from",
        f"layer 'b': {EARLIER} 'c', which is not before it (move 'c' up; {LOOP})",
    ),
    "itself": (
        ONE,
        ("{name: a, type: LSTM, input_size: 4, hidden_size: 6, from: a}",),
        "layers[0].from",
        f"layer 'a': {EARLIER} 'a', the layer itself ({LOOP})",
    ),
    "a misspelt name": (
        ONE,
        (
            "{name: enc, type: LSTM, input_size: 4, hidden_size: 6}",
            "{type: Linear, from: [enc, encc], out_features: 3}",
        ),
        "layers[1].from",
        f"layer 'linear': {EARLIER} 'encc' (did you mean 'enc'?)",
    ),
    "a name twice": (
        ONE,
        (A, "{type: Linear, from: [a, a], out_features: 3}"),
        "layers[1].from",
        "layer 'linear': 'a' stands here twice (name each once)",
    ),
    "no name but a mapping": (
        ONE,
        ("{name: a, type: LSTM, from: {a: 1}, input_size: 4, hidden_size: 6}",),
        "layers[0].from",
        "expected the name of an input or an earlier layer, or a list of them, got a mapping",
    ),
    "a misspelt from": (
        ONE,
        (A, "{type: Linear, form: a, out_features: 3}"),
        "layers[1].form",
        "unknown key 'form' (did you mean 'from'?)",
    ),
    "a misspelt state_from": (
        ONE,
        (A, "{type: LSTM, states_from: a, hidden_size: 6}"),
        "layers[1].states_from",
        "unknown key 'states_from' (did you mean 'state_from'?)",
    ),
    "repeat beside a type": (
        ONE,
        ("{name: a, type: LSTM, input_size: 4, hidden_size: 6, repeat: 3}",),
        "layers[0].repeat",
        "unknown key 'repeat' (repeat: 4 stands beside layers:, the list of what is repeated, and not beside a type)",
    ),
    "a layer that nobody reads": (
        ONE,
        (A, "{name: b, type: LSTM, from: input, hidden_size: 6}"),
        "layers[0]",
        "nobody reads what layer 'a' hands on, or takes its states "
        "(name it in the `from` or `state_from` of a later layer, or in `outputs`)",
    ),
    "a Linear that nobody reads": (
        ONE,
        (
            "{name: a, type: Linear, in_features: 4, out_features: 6}",
            "{name: b, type: LSTM, from: input, hidden_size: 6}",
        ),
        "layers[0]",
        "nobody reads what layer 'a' hands on (name it in the `from` of a later layer, or in `outputs`)",
    ),
}

INPUTS: dict[str, Wrong] = {
    "an input that nobody reads": (TWO, (ENCODER,), "inputs.tgt", "no layer reads the input 'tgt' (name it in `from`)"),
    "several inputs, and no word of which": (
        TWO,
        (A, "{name: b, type: LSTM, from: tgt, input_size: 4, hidden_size: 6, state_from: a}"),
        "layers[0].from",
        "layer 'a': required: there are several inputs, src, tgt (write from: src)",
    ),
    "the input, where there are several": (
        TWO,
        ("{name: a, type: LSTM, from: input, input_size: 4, hidden_size: 6}",),
        "layers[0].from",
        f"layer 'a': {EARLIER} 'input': there are several (they are src, tgt)",
    ),
    "a length for all": (
        "input: {batch_size: 3, seq_len: 4}\ninputs: {src: {seq_len: 5}}",
        (ENCODER,),
        "input.seq_len",
        "each of several inputs has its own seq_len (write it there: inputs: {NAME: {seq_len: ...}})",
    ),
    "another N": (
        "input: {batch_size: 3}\ninputs: {src: {lengths: [3, 4]}, tgt: {seq_len: 4}}",
        (ENCODER, decoder("state_from: encoder")),
        "inputs.src.lengths",
        "expected one length for each sequence, batch_size 3, got 2 "
        "(every input has the same number of sequences, input.batch_size)",
    ),
    "another N than the first": (
        "inputs: {src: {lengths: [3, 4]}, tgt: {lengths: [2, 2, 1]}}",
        (ENCODER, decoder("state_from: encoder")),
        "inputs.tgt.lengths",
        "expected one length for each sequence, batch_size 2, got 3 "
        "(every input has the same number of sequences, input.batch_size)",
    ),
    "a length beyond the longest": (
        "input: {batch_size: 2}\ninputs: {src: {seq_len: 3, lengths: [3, 4]}}",
        (ENCODER,),
        "inputs.src.lengths[1]",
        "expected at most seq_len 3, got 4 (seq_len is the longest sequence the batch can hold)",
    ),
    "no length": (
        "input: {batch_size: 3}\ninputs: {src: {}}",
        (ENCODER,),
        "inputs.src.seq_len",
        "required key seq_len is missing (write seq_len: 30, or null for one vector of each sequence)",
    ),
    "no N": (
        "inputs: {src: {seq_len: 3}}",
        (ENCODER,),
        "input",
        "required key input is missing (write input: {batch_size: 32}: all inputs have its number of sequences)",
    ),
    "no input": (
        f"{ONE}\ninputs: {{}}",
        (A,),
        "inputs",
        "expected a mapping of at least one name to an input, such as src: {seq_len: 30}, got a mapping",
    ),
    "an input with a layer's name": (
        "input: {batch_size: 3}\ninputs: {a: {seq_len: 5}}",
        ("{name: a, type: LSTM, from: a, input_size: 4, hidden_size: 6}",),
        "inputs.a",
        "the name 'a' is a layer's (call the input otherwise)",
    ),
    "inputs of no known width": (
        "input: {batch_size: 3}\ninputs: {x: {seq_len: 5}, y: {seq_len: 5}}",
        ("{name: a, type: LSTM, from: [x, y], hidden_size: 6}",),
        "layers[0].from",
        "layer 'a': expected features, got 'x': nothing says how wide it is "
        "(give the input its input_size; token indices need an Embedding first)",
    ),
}

SHAPES: dict[str, Wrong] = {
    "other steps side by side": (
        TWO,
        (
            ENCODER,
            "{name: b, type: LSTM, from: tgt, input_size: 4, hidden_size: 6}",
            "{type: Linear, from: [encoder, b], out_features: 3}",
        ),
        "layers[2].from",
        "layer 'linear': expected sequences of the same steps, got 'encoder' (L, N, H) = (5, 3, 6) and "
        "'b' (L, N, H) = (4, 3, 6) (only a vector of each sequence (feeds: last) goes beside another's steps)",
    ),
    "other lengths side by side": (
        "inputs: {src: {lengths: [3, 4]}, tgt: {lengths: [4, 3]}}",
        (
            "{name: a, type: Linear, from: src, in_features: 2, out_features: 6}",
            "{name: b, type: LSTM, from: [a, tgt], hidden_size: 6}",
        ),
        "layers[1].from",
        "layer 'b': expected features, got 'tgt': nothing says how wide it is "
        "(give the input its input_size; token indices need an Embedding first)",
    ),
    "a width that several do not have": (
        ONE,
        (A, "{name: b, type: LSTM, from: [a, input], input_size: 9, hidden_size: 6}"),
        "layers[1].input_size",
        "layer 'b': expected 10, the width that a + input have together, got 9 "
        "(leave input_size out, or change what it reads)",
    ),
    "a sum of another width": (
        ONE,
        ("{name: a, type: LSTM, input_size: 4, hidden_size: 6, add: input}",),
        "layers[0].add",
        "layer 'a': expected the shape that layer 'a' hands on, (L, N, H) = (5, 3, 6); its input is "
        "(L, N, H) = (5, 3, 4) (make the widths equal, or put a Linear between)",
    ),
    "a sum with a vector": (
        ONE,
        ("{name: a, type: LSTM, input_size: 6, hidden_size: 6, add: input, feeds: last}",),
        "layers[0].add",
        "layer 'a': expected the shape that layer 'a' hands on, (N, H) = (3, 6); its input is (L, N, H) = (5, 3, 6) "
        "(add what has the same steps; a vector of each sequence only to another)",
    ),
    "a sum with tokens": (
        ONE,
        ("{name: e, type: Embedding, num_embeddings: 5, embedding_dim: 3, add: input}",),
        "layers[0].add",
        "layer 'e': expected features to add, got its input: token indices (add what an Embedding makes of them)",
    ),
    "an Embedding of a layer": (
        ONE,
        (A, "{name: e, type: Embedding, from: a, num_embeddings: 5, embedding_dim: 3}"),
        "layers[1].type",
        "layer 'e': expected features for layer 'a' to feed; an Embedding takes token indices "
        "(make it the first layer)",
    ),
    "an Embedding of numbers": (
        ONE,
        (
            A,
            "{name: e, type: Embedding, from: input, num_embeddings: 5, embedding_dim: 3}",
            "{type: Linear, from: [a, e], out_features: 2}",
        ),
        "layers[1].type",
        "layer 'e': an Embedding takes token indices; another layer reads this input as features "
        "(give it an input of its own)",
    ),
    "a recurrent layer of tokens": (
        ONE,
        (
            "{name: e, type: Embedding, num_embeddings: 5, embedding_dim: 3}",
            "{name: a, type: LSTM, from: input, input_size: 4, hidden_size: 6}",
            "{type: Linear, from: [a, e], out_features: 2}",
        ),
        "layers[1].from",
        "layer 'a': expected features, got token indices: 'e' reads 'input' as that (read what 'e' makes of them)",
    ),
    "tokens beside features": (
        ONE,
        (
            "{name: e, type: Embedding, num_embeddings: 5, embedding_dim: 3}",
            "{name: a, type: LSTM, from: [e, input], hidden_size: 6}",
        ),
        "layers[1].from",
        "layer 'a': expected features, got token indices: 'e' reads 'input' as that (read what 'e' makes of them)",
    ),
    "a vector, and no sequence": (
        ONE,
        (
            "{name: a, type: LSTM, input_size: 4, hidden_size: 6, feeds: last}",
            "{name: b, type: LSTM, from: [a], hidden_size: 3}",
        ),
        "layers[1].type",
        "layer 'b': expected a sequence, got the last state of layer 'a' (give 'a' feeds: output)",
    ),
}

H_N = "'encoder' ends with h_n"
EQUAL = "(give both the same num_layers, bidirectional, hidden_size and proj_size)"
STATES: dict[str, Wrong] = {
    "two directions into one": (
        TWO,
        (
            encoder(type="LSTM", hidden_size=6, num_layers=2, bidirectional="true"),
            decoder("state_from: encoder", hidden_size=12, num_layers=2),
        ),
        "layers[1].state_from",
        f"layer 'decoder': {H_N} (4, 3, 6) = (num_layers*D, N, H_out), 'decoder' starts with h_0 (2, 3, 12) "
        "(state_from: {layer: encoder, directions: concat}, the two directions side by side)",
    ),
    "two directions that could be added": (
        TWO,
        (encoder(type="GRU", hidden_size=6, bidirectional="true"), decoder("state_from: encoder", type="GRU")),
        "layers[1].state_from",
        f"layer 'decoder': {H_N} (2, 3, 6) = (num_layers*D, N, H_out), 'decoder' starts with h_0 (1, 3, 6) "
        "(state_from: {layer: encoder, directions: sum}, the two directions summed)",
    ),
    "directions into another width": (
        TWO,
        (
            encoder(type="LSTM", hidden_size=6, bidirectional="true"),
            decoder("state_from: {layer: encoder, directions: concat}", hidden_size=11),
        ),
        "layers[1].state_from",
        f"layer 'decoder': {H_N} (2, 3, 6) = (num_layers*D, N, H_out), side by side (1, 3, 12), 'decoder' starts with "
        f"h_0 (1, 3, 11) {EQUAL}",
    ),
    "directions of one": (
        TWO,
        (ENCODER, decoder("state_from: {layer: encoder, directions: concat}")),
        "layers[1].state_from",
        "layer 'decoder': 'encoder' has one direction, so there is nothing to concat (write state_from: encoder)",
    ),
    "directions in another way": (
        TWO,
        (ENCODER, decoder("state_from: {layer: encoder, directions: mean}")),
        "layers[1].state_from.directions",
        "expected concat or sum, got 'mean'",
    ),
    "another depth": (
        TWO,
        (encoder(type="LSTM", hidden_size=6, num_layers=2), decoder("state_from: encoder")),
        "layers[1].state_from",
        f"layer 'decoder': {H_N} (2, 3, 6) = (num_layers*D, N, H_out), 'decoder' starts with h_0 (1, 3, 6) {EQUAL}",
    ),
    "a narrow state": (
        TWO,
        (encoder(type="LSTM", hidden_size=6, proj_size=2), decoder("state_from: encoder")),
        "layers[1].state_from",
        f"layer 'decoder': {H_N} (1, 3, 2) = (num_layers*D, N, H_out), 'decoder' starts with h_0 (1, 3, 6) {EQUAL}",
    ),
    "a GRU's into an LSTM": (
        TWO,
        (encoder(type="GRU", hidden_size=6), decoder("state_from: encoder")),
        "layers[1].state_from",
        "layer 'decoder': no c_n to start c_0 of 'decoder' from: 'encoder', GRU, has h_n "
        "(make both LSTM, or leave state_from out)",
    ),
    "those of a Linear": (
        TWO,
        ("{name: encoder, type: Linear, from: src, in_features: 4, out_features: 6}", decoder("state_from: encoder")),
        "layers[1].state_from",
        "layer 'decoder': expected a recurrent layer, got 'encoder', a Linear (only those have states)",
    ),
    "into a Linear": (
        TWO,
        (ENCODER, "{name: decoder, type: Linear, from: tgt, in_features: 4, out_features: 6, state_from: encoder}"),
        "layers[1].state_from",
        "layer 'decoder': a Linear has no states (leave state_from out)",
    ),
    "those of an input": (
        TWO,
        (ENCODER, decoder("state_from: src")),
        "layers[1].state_from",
        "layer 'decoder': expected the name of an earlier layer, got 'src' (known: encoder)",
    ),
}

SHARED: dict[str, Wrong] = {
    "nobody": (
        ONE,
        (A, "{name: b, same_as: c}"),
        "layers[1].same_as",
        "expected the name of an earlier layer, got 'c' (known: a)",
    ),
    "a later layer": (
        ONE,
        ("{name: a, same_as: b}", "{name: b, type: LSTM, input_size: 6, hidden_size: 6}"),
        "layers[0].same_as",
        f"expected the name of an earlier layer, got 'b', which is not before it (move 'b' up; {LOOP})",
    ),
    "another size": (
        ONE,
        ("{name: a, type: LSTM, input_size: 6, hidden_size: 6}", "{name: b, same_as: a, hidden_size: 7}"),
        "layers[1].hidden_size",
        "same_as shares the weights of 'a', and its hidden_size is 6, got 7 (leave hidden_size out, or same_as)",
    ),
    "another type": (
        ONE,
        ("{name: a, type: LSTM, input_size: 6, hidden_size: 6}", "{name: b, type: GRU, same_as: a}"),
        "layers[1].type",
        "same_as shares the weights of 'a', and its type is 'LSTM', got 'GRU' (leave type out, or same_as)",
    ),
    "another width": (
        ONE,
        (A, "{name: b, same_as: a}"),
        "layers[1].same_as",
        "layer 'b': expected 4 features, as 'a' reads, got 6 (a layer and its copy read the same width)",
    ),
}

RNN = "{name: rnn, type: LSTM, input_size: 6, hidden_size: 6}"
REPEATED: dict[str, Wrong] = {
    "a copy's name that is taken": (
        ONE,
        ("{name: rnn_1, type: LSTM, input_size: 6, hidden_size: 6}", f"{{repeat: 3, layers: [{RNN}]}}"),
        "layers[1].layers[0].name",
        "copy 1 of 'rnn' is called 'rnn_1', as layers[0] is (call one of them otherwise)",
    ),
    "a name that is taken": (
        ONE,
        (RNN, f"{{repeat: 3, layers: [{RNN}]}}"),
        "layers[1].layers[0].name",
        "the name 'rnn' is taken by layers[0] (--set and the tables tell layers apart by name)",
    ),
    "not once": (
        ONE,
        (f"{{repeat: 0, layers: [{RNN}]}}",),
        "layers[0].repeat",
        "expected an integer from 1 to 10000, got 0",
    ),
    "too often": (
        ONE,
        (f"{{repeat: 9000, layers: [{RNN}]}}", f"{{repeat: 9000, layers: [{RNN.replace('rnn', 'rn')}]}}"),
        "layers[0].repeat",
        "with this block repeated the model has 18,000 layers; the most is 10,000",
    ),
    "a block in a block": (
        ONE,
        (f"{{repeat: 2, layers: [{{repeat: 2, layers: [{RNN}]}}]}}",),
        "layers[0].layers[0]",
        "a block that is repeated holds layers, no other block (write one block after the other)",
    ),
    "no list": (
        ONE,
        ("{repeat: 3, layers: {name: rnn}}",),
        "layers[0].layers",
        "expected a list of at least one layer, got a mapping",
    ),
    "read by the name of all copies": (
        ONE,
        (f"{{repeat: 3, layers: [{RNN}]}}", "{type: Linear, from: rnn, out_features: 3}"),
        "layers[1].from",
        f"layer 'linear': {EARLIER} 'rnn', which is repeated (rnn_2 is the last copy)",
    ),
    "a misspelt key": (
        ONE,
        (f"{{repeat: 3, layers: [{RNN.replace('hidden', 'hiden')}]}}",),
        "layers[0].layers[0].hiden_size",
        "unknown key 'hiden_size' (did you mean 'hidden_size'?)",
    ),
    "what the copy before does not hand on": (
        ONE,
        ("{repeat: 3, layers: [{name: rnn, type: LSTM, input_size: 6, hidden_size: 5}]}",),
        "layers[0].layers[0].input_size",
        "layer 'rnn_1': expected 5, the width that layer 'rnn_0' puts out, got 6 "
        "(leave input_size out, or change layer 'rnn_0')",
    ),
}

B = "{name: b, type: LSTM, hidden_size: 6}"
OUTPUTS: dict[str, Wrong] = {
    "nobody": (f"{ONE}\noutputs: [a, bb]", (A, B), "outputs[1]", "no layer is called 'bb' (did you mean 'b'?)"),
    "one twice": (f"{ONE}\noutputs: [b, b]", (A, B), "outputs[1]", "'b' stands here twice (name each output once)"),
    "not the last": (
        f"{ONE}\noutputs: [a]",
        (A, B),
        "layers[1]",
        "nobody reads what layer 'b' hands on, or takes its states "
        "(name it in the `from` or `state_from` of a later layer, or in `outputs`)",
    ),
}

WRONG = {
    f"{what}: {name}": wrong
    for what, table in {
        "from": NAMES,
        "inputs": INPUTS,
        "shape": SHAPES,
        "state_from": STATES,
        "same_as": SHARED,
        "repeat": REPEATED,
        "outputs": OUTPUTS,
    }.items()
    for name, wrong in table.items()
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_wires_are_one_line(name: str) -> None:
    head, layers, path, said = WRONG[name]
    text = "\n".join([head, "layers:", *(f"  - {layer}" for layer in layers), ""])
    with pytest.raises(DocumentError) as caught:
        spec_of(text, name="wrong")
    (fault,) = caught.value.faults
    assert (fault.path, f"{fault.message} ({fault.hint})" if fault.hint else fault.message) == (path, said)
    assert caught.value.exit_code == 2
    assert "\n" not in str(fault)
    assert_it_stands_there(fault.place, path, head, layers)


def assert_it_stands_there(place: Place, path: str, head: str, layers: Sequence[str]) -> None:
    """Hold a place to the text: the value, or the key where that is unknown; the layer where a key is missing."""
    assert place.line is not None
    assert place.column is not None
    before = len(head.splitlines())
    layer = re.match(r"layers\[(\d+)\]", path)
    if layer is None:
        assert place.line <= before
        return
    assert place.line == before + 2 + int(layer[1])
    line = f"  - {layers[int(layer[1])]}"
    key = path.rpartition(".")[2] + ": "
    starts = (
        {line.rindex(key), line.rindex(key) + len(key)} if key in line else {m.start() for m in re.finditer("{", line)}
    )
    assert place.column - 1 in starts
