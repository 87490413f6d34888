"""The words that the schemas of results are written in, and what several results have."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def text(words: str, *values: str) -> Schema:
    """A text; values: all that it can be."""
    return {"description": words, "type": "string"} | ({"enum": list(values)} if values else {})


def whole(words: str) -> Schema:
    """A whole number."""
    return {"description": words, "type": "integer"}


def number(words: str) -> Schema:
    """Any number."""
    return {"description": words, "type": "number"}


def yes(words: str) -> Schema:
    """True or false; words: what it is where it is true."""
    return {"description": words, "type": "boolean"}


def some(schema: Schema) -> Schema:
    """What the schema says, or null."""
    nullable = {**schema, "type": [schema["type"], "null"]}
    return nullable | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})


def many(words: str, item: Schema) -> Schema:
    """A list."""
    return {"description": words, "type": "array", "items": item}


def by_name(words: str, value: Schema) -> Schema:
    """An object whose keys are names, not words of ours."""
    return {"description": words, "type": "object", "additionalProperties": value}


def record(words: str, /, **keys: Schema) -> Schema:
    """An object with these keys and no others."""
    return {
        "description": words,
        "type": "object",
        "properties": keys,
        "required": [*keys],
        "additionalProperties": False,
    }


def without(schema: Schema, *keys: str) -> Schema:
    """A record in which these keys are left out where there is nothing to say."""
    return {**schema, "required": [key for key in schema["required"] if key not in keys]}


def result(command: str, words: str, /, **keys: Schema) -> Schema:
    """The one object that a command prints with --format json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"rnninspect {command} --format json",
        **record(words, **keys),
    }


def of_any(words: str) -> Schema:
    """A value of a document: its key says what it is."""
    return {"description": words}


# A size of what may be a file's layer, whose batch nobody says.
OPEN_SIZE = {"description": "A size, or its letter where nobody says it, as of a file.", "type": ["integer", "string"]}
HEAD = {
    "schema_version": whole("Raised when a key changes its meaning; a key that is added does not raise it."),
    "rnninspect": text("The version of rnninspect that printed this."),
    "torch": some(text("The version of torch it was run on; null where torch took no part, or several did.")),
    "device": some(text("The device it was run on, as torch calls it; null where there is none, or several.")),
    "dtype": some(text("The dtype of all models; null where they differ.")),
    "seed": some(whole("The seed of the first weights and of the random batch; null where nothing is random.")),
}
NAME = text("The model's name: the document's `name`, else the file's.")
FILE = text("The document, as it was named; <stdin> for -.")
LAYER = text("The layer's name.")
TYPE = text("The layer's type, as the document says it.")
STACKED = some(whole("Which of the layer's num_layers, from 0; null for a layer that has none."))
DIRECTION = some(text("null for a layer that has no directions.", "forward", "reverse"))
SHAPE = many("For each axis its size.", whole("A size."))
DTYPE = text("The dtype: float32, float64, float16, bfloat16 or, of tokens, int64.")

COUNTS = {
    "parameters": whole("How many parameters there are; a shared weight counts once, at its owner."),
    "parameters_trainable": some(whole("Those of them that train; null of a file, which does not say it.")),
    "parameters_one_bias": whole("How many there would be with one bias vector for each gate, as most papers count."),
    "parameters_keras": some(whole("How many the same layers have in Keras; null where Keras has no such layer.")),
    "recurrent_weights": whole("Elements of the matrices that multiply what depends on the step before (W_hh)."),
    "parameter_bytes": whole("Bytes of the parameters."),
    "output_bytes": some(whole("Bytes of what comes out for the document's batch: outputs and last states.")),
    "kept_for_backward_bytes": some(whole("Bytes that a training step keeps from forward for backward.")),
    "gradient_bytes": whole("Bytes of the gradients of what trains."),
    "adam_bytes": whole("Bytes of the two moments that Adam keeps for what trains."),
    "training_bytes": some(whole("What training with Adam holds: parameters, gradients, moments, what is kept.")),
    "macs": some(whole("Multiply-accumulates of the matrix products of one forward pass over the batch.")),
    "elementwise_ops": some(whole("Operations of a forward pass on single elements: +, -, *, sigmoid, tanh, relu.")),
    "flops": some(whole("2 x macs + elementwise_ops.")),
    "backward_macs": some(whole("Multiply-accumulates of the backward pass.")),
    "backward_elementwise_ops": some(whole("Operations of the backward pass on single elements.")),
    "backward_flops": some(whole("2 x backward_macs + backward_elementwise_ops.")),
    # These three where nobody says how large the batch is, as of a file, and not elsewhere: see `PER_TOKEN`.
    "macs_per_token": whole("Multiply-accumulates of one token, where a file has no batch."),
    "elementwise_ops_per_token": whole("Operations of one token on single elements, where a file has no batch."),
    "flops_per_token": whole("2 x macs_per_token + elementwise_ops_per_token."),
}
PER_TOKEN = ("macs_per_token", "elementwise_ops_per_token", "flops_per_token")
