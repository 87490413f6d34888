"""Every command ends with the exit codes that the README promises, and with exit code 2 nothing stands on stdout.

What makes a command end so is told where that command is tested; here is what they have in common.
"""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from unittest.mock import Mock

import many_journals
import pytest
from ended import Run
from found_by_hand import safetensors, torch_layer
from test_cli_compare import outcome, put
from test_errors import wrong_equation
from tools import options
from worlds import TIMED

from rnninspect import cli
from rnninspect.runtime import here as found
from rnninspect.stop import Stopped

Ended = Callable[[str], tuple[int, str]]

# A line of each command that is fine.
FINE = {
    **{name: f"{name} m.yaml" for name in ("inspect", "shapes", "explain", "weights", "params", "check")},
    **{name: f"{name} m.yaml" for name in ("trace", "gradflow", "verify")},
    "identify": "identify lstm.safetensors",
    "init": "init new.yaml",
    "cells": "cells MGU",
    "schema": "schema",
    "diff": "diff m.yaml m.yaml",
    "fit": "fit m.yaml encoder.hidden_size --max-params 1M",
    "bench": "bench m.yaml --phase forward",
    "merge": "merge whole",
    "compare": "compare old old",
}
# One that finds something wrong. Those that have none tell, write or measure, and hold nothing against anything.
WRONG = {
    **dict.fromkeys(("inspect", "shapes", "weights", "params", "verify"), "{} m.yaml --device cpu"),
    "explain": "explain odd.safetensors",
    "identify": "identify odd.safetensors",
    "check": "check m.yaml --max-params 1",
    "fit": "fit m.yaml encoder.hidden_size --max-params 1",
    "merge": "merge half",
    "compare": "compare old slower",
}
NEVER_WRONG = {"trace", "gradflow", "init", "cells", "schema", "diff", "bench"}
# One that names what is not sound; of other commands it is a document.
UNSOUND = {
    "identify": "identify bad.yaml",
    "init": "init m.yaml",
    "cells": "cells MGUU",
    "schema": "schema --result wat",
    "merge": "merge bad.yaml",
    "compare": "compare old bad.yaml",
}
# What asks torch, which the others do not need.
OF_TORCH = {
    **{name: FINE[name] for name in ("trace", "gradflow", "verify")},
    "weights": "weights m.yaml --stats",
    "check": "check m.yaml --build",
    **{name: f"{name} m.yaml --device cpu" for name in ("inspect", "shapes", "params")},
}


@pytest.fixture
def ended(here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, timing_nothing: None) -> Ended:
    """`ended(line)`: the exit code of a command line, and its stdout, in a folder with all that the lines name."""
    monkeypatch.chdir(tmp_path)
    Path("m.yaml").write_text(TIMED)
    Path("bad.yaml").write_text("layers: 3\n")
    layer = torch_layer("encoder", "LSTM", (3, 2), 2, both=True)
    safetensors(Path("lstm.safetensors"), layer)
    safetensors(Path("odd.safetensors"), layer, more={"encoder.bias_hh_l1": (3,)})
    put(Path("old"), outcome(0.002))
    put(Path("slower"), outcome(0.003))
    share = many_journals.share_head(1, 1, 2)
    for folder, measured in (("whole", 2), ("half", 1)):
        outcomes = [many_journals.outcome(k + 1) for k in range(measured)]
        many_journals.write(Path(folder), share, many_journals.whole(2), *outcomes)

    def run(line: str) -> tuple[int, str]:
        done = here(*line.split())
        return done.returncode, done.stdout

    return run


def asked_wrongly(command: str) -> list[str]:
    return [f"{FINE[command]} --wat", UNSOUND.get(command, FINE[command].replace("m.yaml", "bad.yaml"))]


def not_possible_here(command: str) -> list[str]:
    """Lines with what this machine has not: a folder, a device."""
    lines = ["init nowhere/new.yaml" if command == "init" else f"{FINE[command]} --output nowhere/out"]
    # why not of bench: here nothing is timed, and so no device is looked for.
    if "--device" in options.shown_by(command) and command != "bench":
        lines.append(f"{'check m.yaml --build' if command == 'check' else FINE[command]} --device cuda:99")
    return lines


def test_the_table_has_every_command() -> None:
    assert set(FINE) == set(WRONG) | NEVER_WRONG == set(cli.COMMANDS)
    assert set(WRONG) & NEVER_WRONG == set()


@pytest.mark.torch
@pytest.mark.parametrize("command", FINE)
def test_a_command_ends_as_promised(ended: Ended, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    assert ended(FINE[command])[0] == 0
    assert [ended(line) for line in asked_wrongly(command)] == [(2, "")] * 2
    assert {ended(line)[0] for line in not_possible_here(command)} == {3}
    if command in OF_TORCH:
        with monkeypatch.context() as without:
            without.setitem(sys.modules, "torch", None)
            without.setattr(found, "find_spec", lambda name: None)
            assert ended(OF_TORCH[command]) == (3, "")
    if command in WRONG:
        if "m.yaml --device cpu" in WRONG[command]:
            wrong_equation(monkeypatch)
        assert ended(WRONG[command].format(command))[0] == 1


@pytest.mark.parametrize("command", FINE)
def test_a_fault_of_our_own_and_what_stops_a_command_end_it_as_promised(
    ended: Ended, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    module = import_module(f"rnninspect.commands.{command}")
    run = module.run
    for raised, code in ((RuntimeError("ours"), 70), (KeyboardInterrupt(), 130), (Stopped(signal.SIGTERM), 143)):
        monkeypatch.setattr(module, "run", functools.wraps(run)(Mock(side_effect=raised)))
        assert ended(FINE[command]) == (code, "")
