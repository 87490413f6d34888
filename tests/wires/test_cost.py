"""What wires cost: nothing where a document has none, and twice as much for twice as many layers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from types import FrameType

import pytest
from worlds import CONFIGS, spec_of

from rnninspect.errors import DocumentError
from rnninspect.plan import plan

HEAD = "input: {batch_size: 2, seq_len: 3}\nlayers:\n  - {name: l0, type: GRU, input_size: 4, hidden_size: 4}\n"
# By what layers do: each of them in the text, from its number.
LAYERS: dict[str, Callable[[int], str]] = {
    "join and add": lambda i: (
        f"{{name: l{i}, type: Linear, from: [l{i - 1}, l{i // 2}, l0], out_features: 4, add: l0}}"
        if i > 2
        else f"{{name: l{i}, type: Linear, out_features: 4}}"
    ),
    "hand over": lambda i: f"{{name: l{i}, type: GRU, hidden_size: 4, state_from: l{i - 1}, add: input}}",
    "share": lambda i: f"{{name: l{i}, same_as: l{i - 1}}}",
    "name nobody": lambda i: f"{{name: l{i}, type: GRU, hidden_size: 4, from: x{i}x}}",
    "share nobody's": lambda i: f"{{name: l{i}, same_as: x{i}x}}",
    "are read by nobody": lambda i: f"{{name: l{i}, type: GRU, hidden_size: 4, from: input}}",
}


def calls(work: Callable[[], object]) -> int:
    """How many functions in Python are called."""
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def planned(text: str) -> None:
    try:
        plan(spec_of(text))
    except DocumentError:
        return


def text_of(layers: str, number: int) -> str:
    return HEAD + "".join(f"  - {LAYERS[layers](i)}\n" for i in range(1, number))


def grown(text: Callable[[int], str], few: int) -> float:
    """How many times as many calls twice as many layers take."""
    planned(text(few))  # what is made once is made
    once, twice = (calls(lambda number=number: planned(text(number))) for number in (few, 2 * few))  # type: ignore[misc]
    return twice / once


@pytest.mark.parametrize("layers", ["join and add", "hand over", "share"])
def test_twice_as_many_layers_take_twice_as_many_calls(layers: str) -> None:
    assert grown(lambda number: text_of(layers, number), 30) < 2.1


@pytest.mark.more
@pytest.mark.parametrize("layers", ["name nobody", "share nobody's", "are read by nobody"])
def test_twice_as_many_faults_take_twice_as_many_calls(layers: str) -> None:
    """From so many on for which hints are guessed."""
    assert grown(lambda number: text_of(layers, number), 200) < 2.1


def test_copies_of_a_block_take_as_many_calls_as_there_are() -> None:
    block = "  - repeat: {}\n    layers: [{{name: r, type: GRU, hidden_size: 4, add: input, state_from: l0}}]\n"
    assert grown(lambda number: HEAD + block.format(number), 20) < 2.1


def test_each_may_share_with_the_one_before() -> None:
    """More of them than functions may call each other."""
    spec = spec_of(text_of("share", 1500))
    assert {link.layer.type for link in spec.links} == {"GRU"}


def test_a_document_without_wires_loads_nothing_of_them() -> None:
    """And nothing of pages and buffers, of which its parameters have nothing."""
    source = """
import sys
from rnninspect.__main__ import main
try:
    main()
except SystemExit:
    print([name for name in NAMES if f"rnninspect.{name}" in sys.modules])
"""
    parts = "document.wires document.wiring document.repeats layers.joining results.amounts results.wires"
    modules = ["markup", "wired_plan", *parts.split()]
    assert all(find_spec(f"rnninspect.{name}") for name in modules)
    done = subprocess.run(
        [sys.executable, "-c", source.replace("NAMES", repr(modules)), "params", "--plan", "tagger.yaml"],
        cwd=CONFIGS,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
