"""The rules that a finding can name, in words for those who see only its report."""

from __future__ import annotations

from typing import NamedTuple


class Rule(NamedTuple):
    """What is broken, what it is held against, and what to do; severity: as GitLab calls it."""

    broken: str
    held: str
    mend: str
    severity: str = "major"


def _limit(counted: str) -> Rule:
    return Rule(
        broken=f"More {counted} than are allowed",
        held=f"The {counted} of a model are held against its document's budget, or against what the command line "
        "allows.",
        mend="Make a layer smaller, or raise the limit where it is written: `budget` in the document, or an option "
        "of `rnninspect check`.",
    )


RULES = {
    "document": Rule(
        broken="Not a sound model",
        held="A document that cannot be read as a model, or that contradicts itself, is held against nothing.",
        mend="Mend what the message names. `rnninspect inspect FILE` tells every fault with its line.",
        severity="blocker",
    ),
    "build": Rule(
        broken="Not proven on torch",
        held="With `--build` the real torch modules are built and run, and must have what the equations say.",
        mend="Run `rnninspect inspect FILE` where torch is installed: it shows where the two differ, or why they "
        "cannot be compared.",
        severity="critical",
    ),
    "lock": Rule(
        broken="Not as agreed on",
        held="`rnninspect.lock` remembers every layer of a model, and the model is held against that.",
        mend="Undo the change, or accept it: `rnninspect check FILE --update` writes the lock anew; commit both "
        "together.",
    ),
    "locked": Rule(
        broken="The lock and the documents do not match",
        held="With `--locked` there must be a lock, and every model in it must have its document.",
        mend="Write or mend the lock: `rnninspect check FILE --update`, and commit it with the documents.",
    ),
    "base": Rule(
        broken="Not as at the base",
        held="With `--base` a model is held against its own document as it is at a branch, a tag or a commit of git.",
        mend="Undo the change, or let models grow: `--max-growth 10%`. `rnninspect diff REF:FILE FILE` shows all of "
        "it.",
    ),
    "budget": Rule(
        broken="A budget without a limit",
        held="With `--locked` a document's `budget` must limit something.",
        mend="Write a limit, such as `max_params: 20M`, or remove `budget`.",
    ),
    "weights": Rule(
        broken="A checkpoint that does not fit",
        held="With `--weights` a checkpoint must have every tensor of the document's model by its name, with its "
        "shape, and no other, as torch's `load_state_dict` wants it.",
        mend="Change the document as the message says, or the names in the file: `rnninspect identify FILE` shows what "
        "layers it holds.",
    ),
    "max_params": _limit("parameters"),
    "max_total_params": Rule(
        broken="More parameters than all models together are allowed",
        held="The parameters of all models of a command line are added up, and held against `--max-total-params`.",
        mend="Make a layer of one of them smaller, or raise the limit.",
    ),
    "max_param_bytes": _limit("bytes of parameters"),
    "max_macs": _limit("multiply-accumulates (MACs)"),
    "max_output_bytes": _limit("bytes of what all layers put out"),
    "max_training_bytes": _limit("bytes of memory that training takes"),
    # The name that max_output_bytes had.
    "max_activation_bytes": _limit("bytes of what all layers put out"),
}
