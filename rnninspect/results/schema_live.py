"""What `rnninspect.inspect(module)` has in JSON beside what the command has of a document."""

from __future__ import annotations

from rnninspect.results.schema_words import Schema, by_name, many, of_any, record, some, text, whole, yes


def live() -> Schema:
    """What was seen of a module of the user's own."""
    return record(
        "Of a module in Python alone: what was seen of it. `models` has its recurrent layers as its one model.",
        ran=yes("It was run once; false of rnninspect.recurrent."),
        agrees=yes("Every layer is what its plan says."),
        parameters=whole("Those of the recurrent layers, by torch, each once."),
        other_parameters=whole("Those of everything else, by torch, each once."),
        other_modules=whole("How many other layers there are."),
        lazy_parameters=whole("How many parameters have no size before a forward pass."),
        not_read=many("What looks recurrent and is not torch's.", text("A sentence for a module.")),
        notes=many("What else is to be told.", text("A sentence.")),
        layers=many("Its recurrent layers, in its order.", _layer()),
    )


def _layer() -> Schema:
    return record(
        "A recurrent layer.",
        name=text("Where the module has it, dotted."),
        names=many("All of its names; empty for the module itself.", text("A name.")),
        type=text("What it is of torch's.", "RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"),
        **{"class": text("Its own class.")},
        arguments=by_name("What its constructor was given, under torch's names.", of_any("The value.")),
        calls=some(whole("How often it ran; null where the module was not run.")),
        calls_with_states=whole("How many calls were given states."),
        lengths=some(many("Of a packed first call: those of its sequences.", whole("A length."))),
        other_inputs=many("Shapes that later calls read, up to four.", many("Of an input.", whole("A size."))),
        parameters=whole("Those of the module, by torch."),
        macs=some(whole("Multiply-accumulates of all calls; null where it did not run, or by a forward of its own.")),
        macs_per_token=whole("Those of one token, or of one step of one sequence."),
        agrees=yes("Its parameters, and what came out, are what the plan says."),
        device=text("Where its parameters are, as torch calls it."),
        dtype=text("Their dtype, as torch calls it."),
        notes=many("What is to be told of it.", text("A sentence.")),
    )
