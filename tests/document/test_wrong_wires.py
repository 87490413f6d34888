"""Wires that are wrong: each is one line, with its place, what is wrong, and what to try."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from cases import cases
from worlds import spec_of

from rnninspect.errors import DocumentError, Place

ONE = "input: {batch_size: 3, seq_len: 5}"
TWO = "input: {batch_size: 3}\n    inputs: {src: {seq_len: 5}, tgt: {seq_len: 4}}"
LOOP = "what goes round from step to step is a cell of equations, or JordanRNN"
EARLIER = "expected the name of an input or an earlier layer, got"

# What stands before the layers, which is ONE where nothing is said; the layers; the path of the fault ! what is said.
WRONG = cases(
    """
from: a later layer
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6, from: b}
    - {name: b, type: LSTM, hidden_size: 6}
    layers[0].from ! layer 'a': EARLIER 'b', which is not before it (move 'b' up; LOOP)
from: itself
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6, from: a}
    layers[0].from ! layer 'a': EARLIER 'a', the layer itself (LOOP)
from: a misspelt name
    - {name: enc, type: LSTM, input_size: 4, hidden_size: 6}
    - {type: Linear, from: [enc, encc], out_features: 3}
    layers[1].from ! layer 'linear': EARLIER 'encc' (did you mean 'enc'?)
from: a name twice
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6}
    - {type: Linear, from: [a, a], out_features: 3}
    layers[1].from ! layer 'linear': 'a' stands here twice (name each once)
from: no name but a mapping
    - {name: a, type: LSTM, from: {a: 1}, input_size: 4, hidden_size: 6}
    layers[0].from ! expected the name of an input or an earlier layer, or a list of them, got a mapping
from: a misspelt from
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6}
    - {type: Linear, form: a, out_features: 3}
    layers[1].form ! unknown key 'form' (did you mean 'from'?)
from: a misspelt state_from
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6}
    - {type: LSTM, states_from: a, hidden_size: 6}
    layers[1].states_from ! unknown key 'states_from' (did you mean 'state_from'?)
from: repeat beside a type
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6, repeat: 3}
    layers[0].repeat ! unknown key 'repeat' (repeat: 4 stands beside layers:, the list of what is repeated, and not
      beside a type)
from: a layer that nobody reads
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6}
    - {name: b, type: LSTM, from: input, hidden_size: 6}
    layers[0] ! nobody reads what layer 'a' hands on, or takes its states (name it in the `from` or `state_from` of a
      later layer, or in `outputs`)
from: a Linear that nobody reads
    - {name: a, type: Linear, in_features: 4, out_features: 6}
    - {name: b, type: LSTM, from: input, hidden_size: 6}
    layers[0] ! nobody reads what layer 'a' hands on (name it in the `from` of a later layer, or in `outputs`)
inputs: an input that nobody reads
    TWO
    - {name: encoder, type: LSTM, from: src, input_size: 4, hidden_size: 6}
    inputs.tgt ! no layer reads the input 'tgt' (name it in `from`)
inputs: several inputs, and no word of which
    TWO
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6}
    - {name: b, type: LSTM, from: tgt, input_size: 4, hidden_size: 6, state_from: a}
    layers[0].from ! layer 'a': required: there are several inputs, src, tgt (write from: src)
inputs: the input, where there are several
    TWO
    - {name: a, type: LSTM, from: input, input_size: 4, hidden_size: 6}
    layers[0].from ! layer 'a': EARLIER 'input': there are several (they are src, tgt)
inputs: a length for all
    input: {batch_size: 3, seq_len: 4}
    inputs: {src: {seq_len: 5}}
    - {name: encoder, type: LSTM, from: src, input_size: 4, hidden_size: 6}
    input.seq_len ! each of several inputs has its own seq_len (write it there: inputs: {NAME: {seq_len: ...}})
inputs: another N
    input: {batch_size: 3}
    inputs: {src: {lengths: [3, 4]}, tgt: {seq_len: 4}}
    - {name: encoder, type: LSTM, from: src, input_size: 4, hidden_size: 6}
    - {name: decoder, from: tgt, input_size: 4, type: LSTM, hidden_size: 6, state_from: encoder}
    inputs.src.lengths ! expected one length for each sequence, batch_size 3, got 2 (every input has the same number
      of sequences, input.batch_size)
inputs: another N than the first
    inputs: {src: {lengths: [3, 4]}, tgt: {lengths: [2, 2, 1]}}
    - {name: encoder, type: LSTM, from: src, input_size: 4, hidden_size: 6}
    - {name: decoder, from: tgt, input_size: 4, type: LSTM, hidden_size: 6, state_from: encoder}
    inputs.tgt.lengths ! expected one length for each sequence, batch_size 2, got 3 (every input has the same number
      of sequences, input.batch_size)
inputs: a length beyond the longest
    input: {batch_size: 2}
    inputs: {src: {seq_len: 3, lengths: [3, 4]}}
    - {name: encoder, type: LSTM, from: src, input_size: 4, hidden_size: 6}
    inputs.src.lengths[1] ! expected at most seq_len 3, got 4 (seq_len is the longest sequence the batch can hold)
inputs: no length
    input: {batch_size: 3}
    inputs: {src: {}}
    - {name: encoder, type: LSTM, from: src, input_size: 4, hidden_size: 6}
    inputs.src.seq_len ! required key seq_len is missing (write seq_len: 30, or null for one vector of each sequence)
inputs: no N
    inputs: {src: {seq_len: 3}}
    - {name: encoder, type: LSTM, from: src, input_size: 4, hidden_size: 6}
    input ! required key input is missing (write input: {batch_size: 32}: all inputs have its number of sequences)
inputs: no input
    input: {batch_size: 3, seq_len: 5}
    inputs: {}
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6}
    inputs ! expected a mapping of at least one name to an input, such as src: {seq_len: 30}, got a mapping
inputs: an input with a layer's name
    input: {batch_size: 3}
    inputs: {a: {seq_len: 5}}
    - {name: a, type: LSTM, from: a, input_size: 4, hidden_size: 6}
    inputs.a ! the name 'a' is a layer's (call the input otherwise)
inputs: inputs of no known width
    input: {batch_size: 3}
    inputs: {x: {seq_len: 5}, y: {seq_len: 5}}
    - {name: a, type: LSTM, from: [x, y], hidden_size: 6}
    layers[0].from ! layer 'a': expected features, got 'x': nothing says how wide it is (give the input its
      input_size; token indices need an Embedding first)
shape: other steps side by side
    TWO
    - {name: encoder, type: LSTM, from: src, input_size: 4, hidden_size: 6}
    - {name: b, type: LSTM, from: tgt, input_size: 4, hidden_size: 6}
    - {type: Linear, from: [encoder, b], out_features: 3}
    layers[2].from ! layer 'linear': expected sequences of the same steps, got 'encoder' (L, N, H) = (5, 3, 6) and 'b'
      (L, N, H) = (4, 3, 6) (only a vector of each sequence (feeds: last) goes beside another's steps)
shape: other lengths side by side
    inputs: {src: {lengths: [3, 4]}, tgt: {lengths: [4, 3], input_size: 2}}
    - {name: a, type: Linear, from: src, in_features: 2, out_features: 6}
    - {name: b, type: LSTM, from: [a, tgt], hidden_size: 6}
    layers[1].from ! layer 'b': expected sequences of the same steps, got 'a' (T, H) = (7, 6), lengths [3, 4] and 'tgt'
      (T, H) = (7, 2), lengths [4, 3] (only a vector of each sequence (feeds: last) goes beside another's steps)
shape: a width that several do not have
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6}
    - {name: b, type: LSTM, from: [a, input], input_size: 9, hidden_size: 6}
    layers[1].input_size ! layer 'b': expected 10, the width that a + input have together, got 9 (leave input_size
      out, or change what it reads)
shape: a sum of another width
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6, add: input}
    layers[0].add ! layer 'a': expected the shape that layer 'a' hands on, (L, N, H) = (5, 3, 6); its input is (L, N,
      H) = (5, 3, 4) (make the widths equal, or put a Linear between)
shape: a sum with a vector
    - {name: a, type: LSTM, input_size: 6, hidden_size: 6, add: input, feeds: last}
    layers[0].add ! layer 'a': expected the shape that layer 'a' hands on, (N, H) = (3, 6); its input is (L, N, H) =
      (5, 3, 6) (add what has the same steps; a vector of each sequence only to another)
shape: a sum with tokens
    - {name: e, type: Embedding, num_embeddings: 5, embedding_dim: 3, add: input}
    layers[0].add ! layer 'e': expected features to add, got its input: token indices (add what an Embedding makes of
      them)
shape: an Embedding of a layer
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6}
    - {name: e, type: Embedding, from: a, num_embeddings: 5, embedding_dim: 3}
    layers[1].type ! layer 'e': expected features for layer 'a' to feed; an Embedding takes token indices (make it the
      first layer)
shape: an Embedding of numbers
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6}
    - {name: e, type: Embedding, from: input, num_embeddings: 5, embedding_dim: 3}
    - {type: Linear, from: [a, e], out_features: 2}
    layers[1].type ! layer 'e': an Embedding takes token indices; another layer reads this input as features (give it
      an input of its own)
shape: a recurrent layer of tokens
    - {name: e, type: Embedding, num_embeddings: 5, embedding_dim: 3}
    - {name: a, type: LSTM, from: input, input_size: 4, hidden_size: 6}
    - {type: Linear, from: [a, e], out_features: 2}
    layers[1].from ! layer 'a': expected features, got token indices: 'e' reads 'input' as that (read what 'e' makes
      of them)
shape: tokens beside features
    - {name: e, type: Embedding, num_embeddings: 5, embedding_dim: 3}
    - {name: a, type: LSTM, from: [e, input], hidden_size: 6}
    layers[1].from ! layer 'a': expected features, got token indices: 'e' reads 'input' as that (read what 'e' makes
      of them)
shape: a vector, and no sequence
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6, feeds: last}
    - {name: b, type: LSTM, from: [a], hidden_size: 3}
    layers[1].type ! layer 'b': expected a sequence, got the last state of layer 'a' (give 'a' feeds: output)
state_from: two directions into one
    TWO
    - {name: encoder, from: src, input_size: 4, type: LSTM, hidden_size: 6, num_layers: 2, bidirectional: true}
    - {name: decoder, from: tgt, input_size: 4, type: LSTM, hidden_size: 12, num_layers: 2, state_from: encoder}
    layers[1].state_from ! layer 'decoder': 'encoder' ends with h_n (4, 3, 6) = (num_layers*D, N, H_out), 'decoder'
      starts with h_0 (2, 3, 12) (state_from: {layer: encoder, directions: concat}, the two directions side by side)
state_from: two directions that could be added
    TWO
    - {name: encoder, from: src, input_size: 4, type: GRU, hidden_size: 6, bidirectional: true}
    - {name: decoder, from: tgt, input_size: 4, type: GRU, hidden_size: 6, state_from: encoder}
    layers[1].state_from ! layer 'decoder': 'encoder' ends with h_n (2, 3, 6) = (num_layers*D, N, H_out), 'decoder'
      starts with h_0 (1, 3, 6) (state_from: {layer: encoder, directions: sum}, the two directions summed)
state_from: directions into another width
    TWO
    - {name: encoder, from: src, input_size: 4, type: LSTM, hidden_size: 6, bidirectional: true}
    - {name: decoder, from: tgt, input_size: 4, type: LSTM, hidden_size: 11, state_from: {layer: encoder, directions:
      concat}}
    layers[1].state_from ! layer 'decoder': 'encoder' ends with h_n (2, 3, 6) = (num_layers*D, N, H_out), side by side
      (1, 3, 12), 'decoder' starts with h_0 (1, 3, 11) (give both the same num_layers, bidirectional, hidden_size and
      proj_size)
state_from: directions of one
    TWO
    - {name: encoder, type: LSTM, from: src, input_size: 4, hidden_size: 6}
    - {name: decoder, from: tgt, input_size: 4, type: LSTM, hidden_size: 6, state_from: {layer: encoder, directions:
      concat}}
    layers[1].state_from ! layer 'decoder': 'encoder' has one direction, so there is nothing to concat (write
      state_from: encoder)
state_from: directions in another way
    TWO
    - {name: encoder, type: LSTM, from: src, input_size: 4, hidden_size: 6}
    - {name: decoder, from: tgt, input_size: 4, type: LSTM, hidden_size: 6, state_from: {layer: encoder, directions:
      mean}}
    layers[1].state_from.directions ! expected concat or sum, got 'mean'
state_from: another depth
    TWO
    - {name: encoder, from: src, input_size: 4, type: LSTM, hidden_size: 6, num_layers: 2}
    - {name: decoder, from: tgt, input_size: 4, type: LSTM, hidden_size: 6, state_from: encoder}
    layers[1].state_from ! layer 'decoder': 'encoder' ends with h_n (2, 3, 6) = (num_layers*D, N, H_out), 'decoder'
      starts with h_0 (1, 3, 6) (give both the same num_layers, bidirectional, hidden_size and proj_size)
state_from: a narrow state
    TWO
    - {name: encoder, from: src, input_size: 4, type: LSTM, hidden_size: 6, proj_size: 2}
    - {name: decoder, from: tgt, input_size: 4, type: LSTM, hidden_size: 6, state_from: encoder}
    layers[1].state_from ! layer 'decoder': 'encoder' ends with h_n (1, 3, 2) = (num_layers*D, N, H_out), 'decoder'
      starts with h_0 (1, 3, 6) (give both the same num_layers, bidirectional, hidden_size and proj_size)
state_from: a GRU's into an LSTM
    TWO
    - {name: encoder, from: src, input_size: 4, type: GRU, hidden_size: 6}
    - {name: decoder, from: tgt, input_size: 4, type: LSTM, hidden_size: 6, state_from: encoder}
    layers[1].state_from ! layer 'decoder': no c_n to start c_0 of 'decoder' from: 'encoder', GRU, has h_n (make both
      LSTM, or leave state_from out)
state_from: those of a Linear
    TWO
    - {name: encoder, type: Linear, from: src, in_features: 4, out_features: 6}
    - {name: decoder, from: tgt, input_size: 4, type: LSTM, hidden_size: 6, state_from: encoder}
    layers[1].state_from ! layer 'decoder': expected a recurrent layer, got 'encoder', a Linear (only those have
      states)
state_from: into a Linear
    TWO
    - {name: encoder, type: LSTM, from: src, input_size: 4, hidden_size: 6}
    - {name: decoder, type: Linear, from: tgt, in_features: 4, out_features: 6, state_from: encoder}
    layers[1].state_from ! layer 'decoder': a Linear has no states (leave state_from out)
state_from: those of an input
    TWO
    - {name: encoder, type: LSTM, from: src, input_size: 4, hidden_size: 6}
    - {name: decoder, from: tgt, input_size: 4, type: LSTM, hidden_size: 6, state_from: src}
    layers[1].state_from ! layer 'decoder': expected the name of an earlier layer, got 'src' (known: encoder)
same_as: nobody
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6}
    - {name: b, same_as: c}
    layers[1].same_as ! expected the name of an earlier layer, got 'c' (known: a)
same_as: a later layer
    - {name: a, same_as: b}
    - {name: b, type: LSTM, input_size: 6, hidden_size: 6}
    layers[0].same_as ! expected the name of an earlier layer, got 'b', which is not before it (move 'b' up; LOOP)
same_as: another size
    - {name: a, type: LSTM, input_size: 6, hidden_size: 6}
    - {name: b, same_as: a, hidden_size: 7}
    layers[1].hidden_size ! same_as shares the weights of 'a', and its hidden_size is 6, got 7 (leave hidden_size out,
      or same_as)
same_as: another type
    - {name: a, type: LSTM, input_size: 6, hidden_size: 6}
    - {name: b, type: GRU, same_as: a}
    layers[1].type ! same_as shares the weights of 'a', and its type is 'LSTM', got 'GRU' (leave type out, or same_as)
same_as: another width
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6}
    - {name: b, same_as: a}
    layers[1].same_as ! layer 'b': expected 4 features, as 'a' reads, got 6 (a layer and its copy read the same width)
repeat: a copy's name that is taken
    - {name: rnn_1, type: LSTM, input_size: 6, hidden_size: 6}
    - {repeat: 3, layers: [{name: rnn, type: LSTM, input_size: 6, hidden_size: 6}]}
    layers[1].layers[0].name ! copy 1 of 'rnn' is called 'rnn_1', as layers[0] is (call one of them otherwise)
repeat: a name that is taken
    - {name: rnn, type: LSTM, input_size: 6, hidden_size: 6}
    - {repeat: 3, layers: [{name: rnn, type: LSTM, input_size: 6, hidden_size: 6}]}
    layers[1].layers[0].name ! the name 'rnn' is taken by layers[0] (--set and the tables tell layers apart by name)
repeat: not once
    - {repeat: 0, layers: [{name: rnn, type: LSTM, input_size: 6, hidden_size: 6}]}
    layers[0].repeat ! expected an integer from 1 to 10000, got 0
repeat: too often
    - {repeat: 9000, layers: [{name: rnn, type: LSTM, input_size: 6, hidden_size: 6}]}
    - {repeat: 9000, layers: [{name: rn, type: LSTM, input_size: 6, hidden_size: 6}]}
    layers[0].repeat ! with this block repeated the model has 18,000 layers; the most is 10,000
repeat: a block in a block
    - {repeat: 2, layers: [{repeat: 2, layers: [{name: rnn, type: LSTM, input_size: 6, hidden_size: 6}]}]}
    layers[0].layers[0] ! a block that is repeated holds layers, no other block (write one block after the other)
repeat: no list
    - {repeat: 3, layers: {name: rnn}}
    layers[0].layers ! expected a list of at least one layer, got a mapping
repeat: read by the name of all copies
    - {repeat: 3, layers: [{name: rnn, type: LSTM, input_size: 6, hidden_size: 6}]}
    - {type: Linear, from: rnn, out_features: 3}
    layers[1].from ! layer 'linear': EARLIER 'rnn', which is repeated (rnn_2 is the last copy)
repeat: a misspelt key
    - {repeat: 3, layers: [{name: rnn, type: LSTM, input_size: 6, hiden_size: 6}]}
    layers[0].layers[0].hiden_size ! unknown key 'hiden_size' (did you mean 'hidden_size'?)
repeat: what the copy before does not hand on
    - {repeat: 3, layers: [{name: rnn, type: LSTM, input_size: 6, hidden_size: 5}]}
    layers[0].layers[0].input_size ! layer 'rnn_1': expected 5, the width that layer 'rnn_0' puts out, got 6 (leave
      input_size out, or change layer 'rnn_0')
outputs: nobody
    input: {batch_size: 3, seq_len: 5}
    outputs: [a, bb]
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6}
    - {name: b, type: LSTM, hidden_size: 6}
    outputs[1] ! no layer is called 'bb' (did you mean 'b'?)
outputs: one twice
    input: {batch_size: 3, seq_len: 5}
    outputs: [b, b]
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6}
    - {name: b, type: LSTM, hidden_size: 6}
    outputs[1] ! 'b' stands here twice (name each output once)
outputs: not the last
    input: {batch_size: 3, seq_len: 5}
    outputs: [a]
    - {name: a, type: LSTM, input_size: 4, hidden_size: 6}
    - {name: b, type: LSTM, hidden_size: 6}
    layers[1] ! nobody reads what layer 'b' hands on, or takes its states (name it in the `from` or `state_from` of a
      later layer, or in `outputs`)
""",
    TWO=TWO,
    EARLIER=EARLIER,
    LOOP=LOOP,
)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_wires_are_one_line(name: str) -> None:
    *lines, fault = WRONG[name]
    head = "\n".join(line for line in lines if not line.startswith("- ")) or ONE
    layers = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    path, said = fault.split(" ! ")
    text = "\n".join([head, "layers:", *(f"  - {layer}" for layer in layers), ""])
    with pytest.raises(DocumentError) as caught:
        spec_of(text, name="wrong")
    (found,) = caught.value.faults
    assert (found.path, f"{found.message} ({found.hint})" if found.hint else found.message) == (path, said)
    assert caught.value.exit_code == 2
    assert "\n" not in str(found)
    assert_it_stands_there(found.place, path, head, layers)


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
