"""A layer kind from outside: added by CONTRIBUTING's recipe to a copy of the package, every command knows it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
CONFIG = """\
name: mgu
input: {batch_size: 2, seq_len: 6}
layers:
  - {name: mgu, type: MGU, input_size: 3, hidden_size: 4}
  - {name: head, type: Linear, out_features: 2}
"""
LINE = '    "JordanRNN": "jordan",\n'
LINES = (
    "shapes mgu.yaml",
    "weights mgu.yaml --gates",
    "params mgu.yaml",
    "inspect mgu.yaml",
    "verify mgu.yaml",
    "trace mgu.yaml",
    "gradflow mgu.yaml",
    "explain mgu.yaml",
    "explain mgu.yaml --format latex",
    "bench mgu.yaml --quick --phase forward --peak-tflops 1 --bandwidth 10 --output journal",
    "compare journal journal",
    "check mgu.yaml --update",
    "check mgu.yaml",
    "diff mgu.yaml mgu.yaml --set mgu.hidden_size=5",
    "schema",
)
# Runs every line of its arguments in one process, and prints for each its exit code, stdout and stderr.
RUNS_ALL = """
import contextlib, io, json, sys
from rnninspect import cli

for line in sys.argv[1:]:
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.app(line.split())
        except SystemExit as ended:
            code = ended.code or 0
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""
Start = Callable[..., list[tuple[int, str, str]]]


@pytest.fixture
def with_mgu(tmp_path: Path, environment: Callable[..., dict[str, str]]) -> Start:
    """Runs command lines in a copy of the package that has one more kind; `change` edits its file."""
    package = tmp_path / "rnninspect"
    # why with __pycache__: Python takes what is compiled there, and would else compile all of the package.
    shutil.copytree(ROOT / "rnninspect", package)
    registry = package / "layers" / "registry.py"
    text = registry.read_text()
    assert LINE in text
    registry.write_text(text.replace(LINE, LINE + '    "MGU": "mgu",\n'))
    (tmp_path / "mgu.yaml").write_text(CONFIG)

    def start(*lines: str, change: tuple[str, str] = ("", "")) -> list[tuple[int, str, str]]:
        (package / "layers" / "mgu.py").write_text((ROOT / "tests" / "mgu.py").read_text().replace(*change))
        python = environment({"PYTHONPATH": str(tmp_path)})
        done = subprocess.run(
            [sys.executable, "-c", RUNS_ALL, *lines],
            cwd=tmp_path,
            env=python,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=True,
            timeout=120,
        )
        return [tuple(json.loads(line)) for line in done.stdout.splitlines()]

    return start


@pytest.mark.torch
@pytest.mark.slow
def test_every_command_knows_it(with_mgu: Start) -> None:
    results: dict[str, Any] = dict(zip(LINES, with_mgu(*LINES), strict=True))
    codes = {line: (code, err) for line, (code, _, err) in results.items() if code}
    # Ends with 1 for models that differ.
    codes.pop("diff mgu.yaml mgu.yaml --set mgu.hidden_size=5", None)
    assert codes == {}
    printed = {line: out for line, (_, out, _) in results.items()}
    # 2 gates of 4 rows: W_ih (8, 3), W_hf (4, 4), W_rn (4, 4), b of both gates, b_hf.
    assert "W_rn" in printed["weights mgu.yaml --gates"]
    assert re.search(r"mgu\b.*\b68\b", printed["params mgu.yaml"])
    assert "minimal" not in printed["explain mgu.yaml"]
    assert "forget gate" in printed["explain mgu.yaml"]
    assert "MGUInit" in json.loads(printed["schema"])["$defs"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("f * h\n", "f % h\n"),
            "layer type MGU: line 3, column 5: not in the equation language: 'f % h' (it has + - * / ** @, max, min",
        ),
        (
            ("W_rn @ r", "x * r"),
            "layer type MGU: the equations make vectors as wide as H_cell and H_in and H_out at once",
        ),
        (("f * h\n", "f * g\n"), "layer type MGU: line 3, column 9: 'g' is read but never assigned"),
    ],
    ids=["language", "widths", "states"],
)
def test_a_fault_in_its_equations_is_told_with_kind_line_and_rule(
    with_mgu: Start, change: tuple[str, str], message: str
) -> None:
    [(code, out, err)] = with_mgu("params mgu.yaml --plan", change=change)
    assert (code, out) == (70, "")
    assert f"has a fault: CellError: {message}" in err
    assert err.count("\n") == 1
