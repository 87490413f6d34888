"""What `identify` prints with --format json."""

from __future__ import annotations

from rnninspect.results.schema_words import HEAD, Schema, by_name, many, of_any, record, result, some, text, whole, yes


def identified() -> Schema:
    """What `identify` prints."""
    file = record(
        "What was found in a file.",
        file=text("The file that was read; of a folder, or what several files have in common, the one that leads."),
        format=text("What kind of file it is: torch (zip), safetensors, ONNX and so on."),
        tensors=whole("How many tensors it holds."),
        set_aside=whole("How many of them are an optimizer's or the like."),
        set_aside_as=by_name("The same, by what they are.", whole("How many.")),
        others=whole("How many of them are other layers'."),
        other_elements=whole("Elements of those, a tensor that has two names counted once."),
        parameters=whole("Elements of the recurrent layers' tensors, a tensor of two layers counted once."),
        tensors_of_layers=whole("How many tensors the recurrent layers have, by their plans or the file."),
        tensors_agreeing=whole("How many of these plan and file have alike."),
        layers=many("The recurrent layers.", _layer()),
        undecided=many("What looks recurrent, and no rule reads.", text("A sentence.")),
        notes=many("What else is to be told.", text("A sentence.")),
        damage=some(text("What is missing of the file; null where it is whole.")),
    )
    return result(
        "identify",
        "The recurrent layers that files hold.",
        **{**HEAD, "dtype": some(text("The dtype of all tensors of all layers; null where they differ."))},
        ledger=text("Where the numbers are from.", "file"),
        ok=yes("Plan and file agree everywhere, and no file is damaged."),
        files=many("The files, in the order they were named.", file),
    )


def _layer() -> Schema:
    return record(
        "A recurrent layer.",
        name=text("The prefix of its tensors' names without the last dot; empty where they have none."),
        type=text("Its type, whatever the variant.", "RNN", "LSTM", "GRU"),
        input_size=whole("Features that come in."),
        hidden_size=whole("Units."),
        num_layers=whole("Stacked layers."),
        bidirectional=yes("It reads both ways."),
        reverse=some(yes("It reads from the end, and is no direction of a bidirectional layer; null where unknown.")),
        proj_size=whole("What h is narrowed to; 0 for no projection."),
        biases=text("How many bias vectors each gate has.", "two", "one", "none"),
        reset_after=some(
            yes("The reset gate of a GRU multiplies after the product, as torch's does; null for others, or unknown.")
        ),
        peepholes=yes("Gates read the cell state."),
        convention=text("How its tensors are packed."),
        parameters=whole("Elements of its tensors, as the file has them."),
        known_from=text("What it was recognised by."),
        known=by_name("Options that the file says, under torch's names.", of_any("The value.")),
        unknown=by_name("Options that it does not say.", text("What is the case, and what it can be.")),
        remarks=many("What is to be told of it.", text("A sentence.")),
        agrees=yes("Every tensor is what the plan of such a layer says."),
        differences=many("Where plan and file differ.", _difference()),
        tensors=many("Its tensors.", _tensor()),
    )


def _difference() -> Schema:
    return record(
        "A tensor of which plan and file say different things.",
        tensor=text("Its name in the file, or what it would be called."),
        what=text("What differs, and which of the two lacks it."),
        plan=some(many("Its shape by the plan; null where that has no such tensor.", whole("A size."))),
        held=some(many("Its shape in the file; null where that has no such tensor.", whole("A size."))),
    )


def _tensor() -> Schema:
    return record(
        "A tensor of the layer.",
        name=text("Its name in the file."),
        role=text("What its convention calls it: weight_ih, kernel, R."),
        stacked_layer=whole("Which of the layer's num_layers it is of, from 0; 0 where it is of all."),
        direction=text("forward where it is of both.", "forward", "reverse"),
        shape=many("Its sizes.", whole("A size.")),
        dtype=text("Its dtype, as torch calls it, or as the file does where torch has none."),
    )
