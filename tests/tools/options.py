"""Which command has which option, where two say it differently, and why one lacks what others have: `make options`.

A hole is an option that a command lacks and another has, unless that one has it alone; each hole, and each difference,
is explained here, and a test holds that nothing else is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import EnumMeta
from itertools import combinations
from typing import Any, NamedTuple

from typer.core import TyperArgument

from rnninspect import cli

# An option, and what of it, and a command.
Case = tuple[str, str]
# Of commands: those that read no document, those that run models, and those that work models out alone.
NO_DOCUMENT = "identify init cells schema merge compare"
RUN = "trace gradflow verify bench"
PLANNED = "explain check diff fit"
LOOK = "inspect shapes weights params"

# Options, commands that lack them, and why.
HOLES = (
    (
        "--set, --device, --dtype, --seed, --plan, --layer, --step, --input-grad, --max-params, --max-macs",
        NO_DOCUMENT,
        "no document is read",
    ),
    ("--plan", RUN, "they are about what torch computes"),
    ("--plan", PLANNED, "nothing is run, but with check --build"),
    ("--device, --dtype, --seed", "explain diff", "nothing is run; --set dtype=float64 sets what the document says"),
    ("--device, --seed", "fit", "nothing is run"),
    ("--seed", "check", "what --build proves, shapes and counts, depends on no value"),
    ("--layer, --step", f"{LOOK} check diff fit", "every row says which layer it is of, and none is of a step"),
    ("--layer", "verify bench", "the layers are run as one model (bench --layers times each too)"),
    ("--step", "verify bench explain", "every step is run, and explained, alike"),
    ("--max-params, --max-macs", f"explain {LOOK} {RUN} diff", "check holds models to limits, fit finds sizes within"),
    ("--input-grad", "shapes weights explain", "no operation is counted"),
    ("--input-grad", "trace gradflow verify", "they run each gradient that they are about"),
    ("--input-grad", "check diff fit", "what training takes is held, which needs no gradient of the input"),
    ("--table", f"{LOOK} {PLANNED} trace gradflow verify identify cells", "csv has every table, a blank line between"),
    ("--table, --all, --format", "init schema", "one text is written: a document, a JSON Schema"),
    ("--all", f"{PLANNED} shapes weights trace gradflow verify cells merge", "the page is all of it"),
    ("--plot", f"{LOOK} {NO_DOCUMENT.replace(' merge', '')} {PLANNED} verify", "nothing there is a curve"),
    ("--output", "init", "FILE is what it writes"),
)

# Options and what of them, the commands that say another thing than the first that has them, and why.
DIFFERENCES = (
    ("--output help", "bench merge", "a journal is kept beside the page"),
    ("--layer help, --step help", "gradflow", "every gradient is of the output of one layer, at one step"),
    ("--format values", "weights explain check compare", "Python, LaTeX, and what CI servers read; no JSON of a text"),
    ("--table values", "merge compare", "each has tables of its own"),
)


class Said(NamedTuple):
    """What a command says of an option; place: under which title, and by its number among all options there."""

    help: str
    default: str
    metavar: str | None
    title: str | None
    values: str


Options = dict[str, dict[str, Said]]


def options() -> Options:
    """By option what each command says that has it, as Typer makes it of the commands."""
    found: Options = {}
    for command in cli.COMMANDS:
        for each in cli._whole(cli._Command(command)).params:
            if not isinstance(each, TyperArgument):
                found.setdefault(each.opts[0], {})[command] = _said(each)
    return found


def _said(option: Any) -> Said:
    # why cut: what stands behind is what the option means to this command.
    begins = re.split("[:;]", option.help)[0].removesuffix(".")
    values = option.type_descriptor.annotation
    shown = ", ".join(values) if isinstance(values, EnumMeta) else str(values)
    return Said(begins, str(option.default), option.metavar, option.rich_help_panel, shown)


def holes(found: Options) -> set[Case]:
    """What some command lacks of the options that several have."""
    shared = [name for name, has in found.items() if len(has) > 1]
    return {(name, command) for name in shared for command in cli.COMMANDS if command not in found[name]}


def differences(found: Options) -> set[Case]:
    """Where a command says another thing of an option than the first that has it, or has it in another order."""
    differing = {
        (f"{name} {what}", command)
        for name, has in found.items()
        for command, said in has.items()
        for what, one, other in zip(Said._fields, said, next(iter(has.values())), strict=True)
        if one != other
    }
    return differing | set(_out_of_order(found))


def _out_of_order(found: Options) -> Iterator[Case]:
    """Pairs of options of one title that a command has the other way round than the first that has both."""
    first: dict[tuple[str, str], str] = {}
    for command in cli.COMMANDS:
        names = [name for name in shown_by(command) if command in found[name]]
        for one, other in combinations(names, 2):
            if found[one][command].title == found[other][command].title:
                first.setdefault((one, other), command)
                if (other, one) in first:
                    yield f"{other} before {one}", command


def shown_by(command: str) -> list[str]:
    """A command's options in the order of its help."""
    return [each.opts[0] for each in cli._whole(cli._Command(command)).params if not isinstance(each, TyperArgument)]


def explained(reasons: Sequence[tuple[str, str, str]]) -> list[Case]:
    """Each option and command that reasons are given for."""
    return [
        (name, command) for names, commands, _ in reasons for name in names.split(", ") for command in commands.split()
    ]


def main() -> None:
    """Print the table, what each command has alone, and the reasons."""
    found = options()
    shared = [name for name, has in found.items() if len(has) > 1]
    odd = {(name.split()[0], command) for name, command in differences(found)}
    height = max(map(len, cli.COMMANDS))
    for row in zip(*(command.rjust(height) for command in cli.COMMANDS), strict=True):
        print(" " * 14 + "  ".join(row).rstrip())
    for name in shared:
        marks = ("~" if (name, c) in odd else "x" if c in found[name] else "." for c in cli.COMMANDS)
        print(f"{name:14}{'  '.join(marks)}")
    print("x has it, ~ has it and says another thing of it, . lacks it")
    print()
    for command in cli.COMMANDS:
        alone = [name for name, has in found.items() if list(has) == [command]]
        if alone:
            print(f"{command} alone: {' '.join(alone)}")
    for title, there, reasons in (("no", holes(found), HOLES), ("other", differences(found), DIFFERENCES)):
        print()
        for names, commands, why in reasons:
            print(f"{title} {names}: {commands.replace(' ', ', ')}: {why}")
        for name, command in sorted(there - set(explained(reasons))):
            print(f"{title} {name}: {command}: NOT EXPLAINED")


if __name__ == "__main__":
    main()
