"""The Python that `explain --code` prints of a model with wires is the model, whatever is joined, added and shared."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import pytest
import torch
from printed_code import compare, padded
from torch import nn
from worlds import spec_of

from rnninspect.document.chain import Spec
from rnninspect.runtime.modules import make_feed
from rnninspect.study.code import code, sketch
from rnninspect.study.code_lines import WIDTH

CPU = torch.device("cpu")
# Two inputs with unequal steps, so that none can stand for the other by mistake.
BATCHES: dict[str, dict[str, Any]] = {
    "batch": {"input": {"batch_size": 3}, "inputs": {"src": {"seq_len": 5}, "tgt": {"seq_len": 4}}},
    "unbatched": {"input": {"batch_size": None}, "inputs": {"src": {"seq_len": 5}, "tgt": {"seq_len": 4}}},
    "packed": {"input": {"batch_size": 3}, "inputs": {"src": {"lengths": [3, 5, 3]}, "tgt": {"lengths": [2, 2, 4]}}},
    "half packed": {"input": {"batch_size": 3}, "inputs": {"src": {"lengths": [3, 5, 3]}, "tgt": {"seq_len": 4}}},
}
SEQ2SEQ: list[dict[str, Any]] = [
    {"name": "src_embed", "type": "Embedding", "from": "src", "num_embeddings": 11, "embedding_dim": 3},
    {"name": "encoder", "type": "GRU", "hidden_size": 4, "num_layers": 2, "bidirectional": True, "feeds": "last"},
    {"name": "embed", "type": "Embedding", "from": "tgt", "num_embeddings": 9, "embedding_dim": 3},
    {
        "name": "decoder",
        "type": "GRU",
        "from": ["encoder", "embed"],
        "hidden_size": 8,
        "num_layers": 2,
        "state_from": {"layer": "encoder", "directions": "concat"},
    },
    {"name": "head", "type": "Linear", "from": ["embed", "decoder", "encoder"], "out_features": 9},
]
# Two towers with the same weights, of which one has an output that nobody reads.
TOWERS: list[dict[str, Any]] = [
    {"name": "tuple", "type": "LSTM", "from": "src", "input_size": 3, "hidden_size": 4, "bidirectional": True},
    {"name": "right", "same_as": "tuple", "from": "tgt", "feeds": "last", "merge": "sum"},
    {"type": "LSTM", "name": "top", "from": "tgt", "hidden_size": 4, "add": "decoded", "feeds": "max"},
    {"name": "both", "type": "Linear", "from": ["right", "top"], "out_features": 2},
]
TOWERS[2:2] = [
    {
        "name": "decoded",
        "type": "GRU",
        "from": "tgt",
        "hidden_size": 4,
        "feeds": "mean",
        "state_from": {"layer": "tuple", "directions": "sum"},
    }
]
# Cells that are looped, one of equations, and states handed from a layer to a cell and back.
CELLS: list[dict[str, Any]] = [
    {"name": "a", "type": "LSTM", "from": "src", "input_size": 3, "hidden_size": 3, "add": "input"},
    {"name": "b", "type": "LSTMCell", "hidden_size": 3, "add": "input", "state_from": "a"},
    {"name": "c", "type": "LSTM", "from": "tgt", "input_size": 2, "hidden_size": 3, "state_from": "b", "feeds": "step"},
    {"name": "d", "type": "MGU", "from": ["a", "c"], "hidden_size": 3, "state_from": "a"},
    {"name": "e", "type": "GRUCell", "from": "b", "hidden_size": 3, "state_from": "d", "feeds": "last", "add": "c"},
    {"name": "f", "type": "JordanRNN", "from": "d", "hidden_size": 2, "output_size": 3, "add": "b"},
    {"name": "g", "same_as": "b", "from": "f", "add": "d"},
]
# A residual stack of convolutions and norms, several outputs.
STACK: list[dict[str, Any]] = [
    {"name": "same", "type": "Conv1d", "from": "src", "in_channels": 4, "out_channels": 4, "kernel_size": 3},
    {
        "repeat": 2,
        "layers": [
            {"name": "norm", "type": "BatchNorm1d"},
            {"name": "act", "type": "ReLU", "add": "norm"},
            {"name": "rnn", "type": "GRU", "hidden_size": 4, "add": "input"},
        ],
    },
    {"name": "x", "type": "MaxPool1d", "kernel_size": 2},
    {"name": "tgt_out", "type": "GRU", "from": "tgt", "input_size": 2, "hidden_size": 2, "feeds": "last"},
    {"name": "gain", "type": "Linear", "from": ["rnn_0", "tgt_out", "rnn_1"], "out_features": 2, "trainable": False},
]
STACK[0]["padding"] = "same"
OUTPUTS: dict[str, list[str]] = {"stack": ["gain", "x", "tgt_out"], "cells": ["e", "g"]}
MODELS = {"seq2seq": SEQ2SEQ, "towers": TOWERS, "cells": CELLS, "stack": STACK}


def ways(model: str, batch: str) -> Iterator[Spec]:
    """A model with each kind of first states and, where that means anything, with the batch first."""
    firsts = (False, True) if batch != "unbatched" else (False,)
    for state, first in itertools.product(("zeros", "random"), firsts):
        document = deepcopy(BATCHES[batch]) | {"layers": deepcopy(MODELS[model])}
        document["input"]["state"] = state
        if model in OUTPUTS:
            document["outputs"] = OUTPUTS[model]
        for layer in inside(document["layers"]):
            if first and layer.get("type") in ("GRU", "LSTM", "MGU", "JordanRNN"):
                layer["batch_first"] = True
        yield spec_of(document)


def inside(layers: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for layer in layers:
        yield from layer["layers"] if "repeat" in layer else [layer]


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("model", MODELS)
def test_the_code_of_a_wired_model_is_the_model(model: str, batch: str) -> None:
    for spec in ways(model, batch):
        text = code(spec)
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= WIDTH
        compare(spec)


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("model", MODELS)
def test_the_script_and_the_lines_of_a_page_run(model: str, batch: str, capsys: pytest.CaptureFixture[str]) -> None:
    for spec in ways(model, batch):
        names: dict[str, Any] = {"__name__": "__main__"}
        exec(compile_(code(spec)), names)
        told = capsys.readouterr().out.splitlines()
        layers = {link.layer.name: link for link in spec.links}
        shapes = [layers[name].emitted.tensor("output", "H_out", spec.dtype) for name in spec.returns]
        expected = [f" {tensor.unpacked_shape or tensor.shape}" for tensor in shapes]
        assert [line[-len(shape) :] for line, shape in zip(told, expected, strict=False)] == expected
        feed = make_feed(spec, CPU)
        for (name, flow), given in zip(feed.inputs.items(), spec.inputs, strict=True):
            names[name] = padded(flow, spec)
            names[f"{name}_lengths"] = given.signal.batch.lengths
        exec(compile_("\n".join(sketch(spec).code)), names)


def compile_(text: str) -> Any:
    return compile(text, "printed", "exec")


RESIDUAL: dict[str, Any] = {
    "input": {"batch_size": 2, "seq_len": 3},
    "layers": [
        {"name": "in", "type": "GRU", "input_size": 4, "hidden_size": 4, "add": "input"},
        {"name": "h_n", "type": "Linear", "out_features": 4, "add": "input"},
        {"name": "head", "type": "Linear", "from": ["h_n", "input"], "out_features": 2},
    ],
}


def test_one_input_that_is_read_again_has_its_name() -> None:
    document = deepcopy(RESIDUAL)
    text = code(spec_of(document))
    assert "def forward(self, input):" in text
    assert "x = torch.cat([x, input], dim=-1)" in text
    compare(spec_of(document))
    del document["layers"][2]
    text = code(spec_of(document))
    assert "def forward(self, x):" in text
    assert "        y, h_n_ = self.layer_0(x)  # (3, 2, 4), (1, 2, 4)\n        x = y + x\n" in text
    compare(spec_of(document))


def test_inputs_are_called_as_python_lets_them_be() -> None:
    inputs = {"in": {"seq_len": 2}, "lengths": {"seq_len": 2}, "a-b": {"seq_len": None}, "print": {"seq_len": 2}}
    layers = [
        {"name": f"l{k}", "type": "Linear", "from": name, "in_features": 3, "out_features": 2 + k}
        for k, name in enumerate(inputs)
    ]
    layers.append({"name": "a_b", "type": "Linear", "from": ["l0", "l1", "l2", "l3"], "out_features": 1})
    spec = spec_of({"input": {"batch_size": 3}, "inputs": inputs, "layers": layers})
    assert "def forward(self, input_0, input_1, a_b_, print_):" in code(spec)
    compare(spec)


def test_a_shared_layer_is_one_module() -> None:
    spec = next(ways("towers", "batch"))
    assert "self.right = self.tuple\n" in code(spec)
    names: dict[str, Any] = {"__name__": "printed"}
    exec(compile_(code(spec)), names)
    model: nn.Module = names["Model"]()
    assert model.get_submodule("right") is model.get_submodule("tuple")
    alone = sketch(spec, "right").code
    assert alone[0] == "right = nn.LSTM(3, 4, bidirectional=True)"


def test_equal_lengths_of_two_inputs_are_packed_alike() -> None:
    """Whatever order torch sorts them in, a sequence stands beside itself."""
    lengths = [2, 4, 2, 4, 1, 2, 4, 4, 2, 1] * 4
    inputs: Mapping[str, Any] = {"a": {"lengths": lengths, "input_size": 2}, "b": {"lengths": lengths, "input_size": 3}}
    layers = [
        {"name": "shift", "type": "Conv1d", "from": "b", "in_channels": 3, "out_channels": 3, "kernel_size": 1},
        {"name": "rnn", "type": "GRU", "from": ["a", "shift"], "hidden_size": 3, "add": "b"},
    ]
    compare(spec_of({"input": {"batch_size": len(lengths)}, "inputs": inputs, "layers": layers}))


def test_meta_has_no_values(capsys: pytest.CaptureFixture[str]) -> None:
    for model in ("towers", "stack"):
        document = deepcopy(BATCHES["packed"]) | {"device": "meta", "layers": deepcopy(MODELS[model])}
        document |= {"outputs": OUTPUTS[model]} if model in OUTPUTS else {}
        exec(compile_(code(spec_of(document))), {"__name__": "__main__"})
        assert capsys.readouterr().out
