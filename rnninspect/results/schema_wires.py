"""What the commands that look into models print of wires with --format json."""

from __future__ import annotations

from rnninspect.results.schema_words import Schema, many, record, some, text

_FROM = many("What it is fed with, by the names of inputs and earlier layers.", text("A name."))


def of_layer(tensor: Schema) -> dict[str, Schema]:
    """The keys of a layer that has any. tensor: what goes in or comes out."""
    return {
        "wires": record(
            "Of a model whose document says any wires: where the layer's input, states and weights come from.",
            **{"from": _FROM},
            add=some(text("What is added to what it hands on: input, which is its own, or a name.")),
            same_as=some(text("The layer whose weights it has too.")),
            state_from=some(text("The layer whose last states are its first ones.")),
            directions=some(text("How that layer's two directions become one.", "concat", "sum")),
        ),
        "sources": many("Of a layer that reads several: what each hands it, by its name.", tensor),
        "handed_on": record(
            "Of a layer that hands on neither its output nor its last states as they are: what it hands on.",
            words=text("How that is worked out."),
            tensor=tensor,
        ),
    }


def of_model(tensor: Schema) -> dict[str, Schema]:
    """The keys of a model whose document says any wires."""
    return {
        "inputs": many("Of a model with wires: its inputs, by their names.", tensor),
        "outputs": many("Of a model with wires: what it returns, by the layers that hand it on.", tensor),
    }
