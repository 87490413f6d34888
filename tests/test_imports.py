"""What is imported when: torch only where a module is built, and every import down the list of `LEVELS`."""

from __future__ import annotations

import ast
import graphlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from ended import Run

ROOT = Path(__file__).parent.parent
CONFIGS = ROOT / "configs"

# --- without torch, in real processes ----------------------------------------------------------------------

COMMAND_LINE = """
import sys
from rnninspect.__main__ import main
code = None
try:
    main()
except SystemExit as ended:
    code = ended.code
print(code, "torch" in sys.modules, file=sys.stderr)
"""
# One after another in one process, in which what one of them has imported stays to be seen.
COMMAND_LINES = """
import json, sys
from rnninspect import cli
for line in json.loads(sys.argv[1]):
    try:
        cli.app(line)
    except SystemExit as ended:
        print(line, ended.code or 0, "torch" in sys.modules, sep="\\n", end="\\n\\n", file=sys.stderr)
"""
LIBRARY = """
import sys
import rnninspect
plan = rnninspect.load(sys.argv[1]).plan()
print(plan.parameters, "torch" in sys.modules, file=sys.stderr)
"""


LSTM = str(CONFIGS / "lstm.yaml")
EVERY_CONFIG = tuple(str(path) for path in sorted(CONFIGS.glob("*.yaml")))


# What each command line ends with.
ENDS = {
    ("--version",): 0,
    ("--help",): 0,
    ("inspect", "--help"): 0,
    ("params", "--plan", *EVERY_CONFIG): 0,
    ("weights", "--plan", LSTM, "--gates"): 0,
    ("inspect", "--plan", LSTM, "--format", "json"): 0,
    ("explain", LSTM): 0,
    ("fit", LSTM, "encoder.hidden_size", "--max-params", "1M", "--multiple", "8"): 0,
    ("check", LSTM, "--max-params", "1M", "--format", "github"): 0,
    ("check", LSTM, "--max-params", "1", "--format", "junit"): 1,
    ("diff", LSTM, LSTM): 0,
    ("cells",): 0,
    ("cells", "MGU"): 0,
    ("cells", "mgu"): 2,
    ("params", LSTM, "--set", "encoder.hidden_size=big"): 2,
    ("shapes", LSTM, "missing.yaml"): 2,
    ("inspect", "/dev/null"): 2,
    ("inspect", LSTM, "--device", "gpu"): 2,
    ("inspect", LSTM, "--wat"): 2,
    ("trace", LSTM, "--unit", "50"): 2,
    ("trace", LSTM, "--input", "missing.npy"): 2,
    ("gradflow", LSTM, "--step", "20"): 2,
    ("gradflow", LSTM, "missing.yaml"): 2,
}


def test_ends_without_torch(program: Run) -> None:
    done = program(COMMAND_LINES, args=(json.dumps(list(ENDS)),))
    told = [tuple(told.splitlines()[-3:]) for told in done.stderr.split("\n\n") if told]
    assert told == [(str(list(args)), str(code), "False") for args, code in ENDS.items()]


@pytest.mark.parametrize("args", [("params", "--plan", LSTM), ("trace", LSTM, "--unit", "50")])
def test_ends_without_torch_in_a_process_of_its_own(program: Run, args: tuple[str, ...]) -> None:
    done = program(COMMAND_LINE, args=args)
    assert done.stderr.splitlines()[-1] == f"{ENDS.get(args, 0)} False"


def test_the_plan_of_the_library_needs_no_torch(program: Run) -> None:
    assert program(LIBRARY, args=(LSTM,)).stderr == "90800 False\n"


@pytest.mark.torch
def test_the_check_sees_torch_where_it_is_needed(program: Run) -> None:
    done = program(COMMAND_LINE, args=("shapes", str(CONFIGS / "rnn.yaml")))
    assert done.stderr.splitlines()[-1] == "0 True"


# --- one way, read from the source -------------------------------------------------------------------------

# A module may import its own level and those above it here. Every module of the package has its place.
LEVELS = (
    {"errors", "disk", "json_lines", "stop", "letters", "markup", "shares"},
    {"facts"},
    {"cells"},
    {"layers"},
    {"conventions"},
    {"document"},
    {"wired_plan"},
    {"plan", "agree"},
    {"files"},
    {"output"},
    {"runtime"},
    {"study", "guard", "pictures"},
    {"bench"},
    {"results"},
    {"formats"},
    {"live"},
    {"api", "commands"},
    {"ending"},
    {"cli"},
    {"__main__"},
)
LEVEL = {part: level for level, parts in enumerate(LEVELS) for part in parts}
# Libraries that only some options need, so that they may be missing: who imports each, and only in functions.
OPTIONAL = {
    "matplotlib": {"formats.plot"},
    "numpy": {"study.input_npy"},
    "pynvml": {"bench.gpu"},
    "h5py": {"files.readers.hdf5"},
}
WITH_TORCH = {
    "runtime.device",
    "runtime.functions",
    "runtime.precision",
    "runtime.torch_errors",
    "runtime.initial",
    "runtime.recurrence",
    "runtime.ahead",
    "runtime.plain",
    "runtime.feeding",
    "runtime.windows",
    "runtime.wiring",
    "runtime.modules",
    "runtime.real",
    "study.reference",
    "study.rounding",
    "study.against",
    "study.differences",
    "study.passes",
    "study.theirs",
    "study.two_ways",
    "study.held_wires",
    "study.plain_wires",
    "study.verify",
    "study.trace",
    "study.vectors",
    "study.decay",
    "study.gradflow",
    "study.recorded_run",
    "bench.clock",
    "bench.figure",
    "bench.graphs",
    "bench.kernels",
    "bench.machine",
    "bench.peaks",
    "bench.phases",
    "bench.prepare",
    "bench.trial",
    "bench.worker",
    "live.accepted",
    "live.arguments",
    "live.inputs",
    "live.layers",
    "live.parameters",
    "live.look",
    "live.timing",
    "live.watch",
    "live.weights",
}
# What prints takes finished tables, whatever made them.
PRINTERS = {"formats", "output"}
FOR_PRINTERS = {"errors", "disk", "letters", "markup", *PRINTERS}
FOR_PRINTERS |= {"guard.findings", "guard.rules", "results.digest", "results.table"}


@dataclass(frozen=True)
class Import:
    """`importer` names `imported`; names inside the package are without `rnninspect.`, "" is the package itself.

    deferred: not when the importer is loaded: within a function, or for type checkers only.
    """

    importer: str
    imported: str
    line: int
    deferred: bool


def modules_of(package: Path) -> dict[str, Path]:
    """Every module of a package by its dotted name below it; a package's own file has the package's name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(name: str, path: Path, modules: Mapping[str, Path]) -> Iterator[Import]:
    """Every import of a module that names the package, torch or an optional library."""
    for node, deferred in walk(ast.parse(path.read_text(encoding="utf-8")), deferred=False):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        else:
            base = node.module or ""
            if node.level:
                package = ["rnninspect", *name.split(".")] if name else ["rnninspect"]
                kept = package[: len(package) - node.level + (path.name == "__init__.py")]
                base = ".".join([*kept, *filter(None, [base])])
            # `from rnninspect.layers import gru` names a module, `from rnninspect.facts.weights import Init` does not.
            inner = [f"{base}.{alias.name}" for alias in node.names]
            targets = [full if full.removeprefix("rnninspect.") in modules else base for full in inner]
        for target in targets:
            if target.split(".")[0] in ("rnninspect", "torch", *OPTIONAL):
                imported = target.removeprefix("rnninspect").lstrip(".")
                yield Import(name, imported, node.lineno, deferred)


def walk(node: ast.AST, deferred: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node, deferred
    # An expression holds no import, and most of what a module has are expressions.
    for field, value in ast.iter_fields(node):
        inside = deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if isinstance(node, ast.If) and field == "body" and "TYPE_CHECKING" in ast.dump(node.test):
            inside = True
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
                yield from walk(child, inside)


@cache
def imports_in(package: Path) -> list[Import]:
    """Every such import of a package."""
    modules = modules_of(package)
    return [found for name, path in modules.items() for found in imports_of(name, path, modules)]


def violations(package: Path) -> list[str]:
    """Every breach of the rules in a package, a line each."""
    modules, imports = modules_of(package), imports_in(package)
    said = [f"{name} has no level" for name in modules if name and name.split(".")[0] not in LEVEL]
    for found in imports:
        start = f"{found.importer or '__init__'}:{found.line} imports {found.imported or 'the package'}"
        part, target = found.importer.split(".")[0], found.imported.split(".")[0]
        if target == "torch":
            if not found.deferred and found.importer not in WITH_TORCH:
                said.append(start)
        elif target in OPTIONAL:
            if not found.deferred or found.importer not in OPTIONAL[target]:
                said.append(start)
        elif found.importer == "":
            # The package's own file is the front door: it may name what is inside, but not when it is loaded.
            if not found.deferred:
                said.append(start)
        elif found.imported and LEVEL.get(target, -1) > LEVEL.get(part, len(LEVELS)):
            said.append(f"{start}, which is above it")
        elif found.imported and part in PRINTERS and not {target, found.imported} & FOR_PRINTERS:
            said.append(f"{start}, but it prints tables, whatever made them")
    loaded = {name: {found.imported for found in imports if found.importer == name} - {name, ""} for name in modules}
    try:
        graphlib.TopologicalSorter(loaded | {"": set()}).prepare()
    except graphlib.CycleError as cycle:
        said.append(f"a circle: {' <- '.join(cycle.args[1])}")
    return list(dict.fromkeys(said))


def loads_torch(package: Path) -> set[str]:
    """The modules that torch comes with when they are loaded, by themselves or through others."""
    modules = modules_of(package)
    found = [item for item in imports_in(package) if not item.deferred]
    # Loading a module loads the packages around it first.
    edges = {(item.importer, item.imported) for item in found}
    edges |= {(name, name.rpartition(".")[0]) for name in modules if name}
    with_torch = {importer for importer, imported in edges if imported.split(".")[0] == "torch"}
    while more := {importer for importer, imported in edges if imported in with_torch} - with_torch:
        with_torch |= more
    return with_torch


def test_the_house_is_the_list_of_who_imports_whom() -> None:
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[^|]*`) \|", text.partition("| part |")[2].partition("\n\n")[0], re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == list(LEVELS)


def test_imports_run_one_way() -> None:
    assert violations(ROOT / "rnninspect") == []


def test_torch_is_loaded_by_these_modules_alone() -> None:
    assert loads_torch(ROOT / "rnninspect") == WITH_TORCH


def test_the_package_was_read() -> None:
    modules = modules_of(ROOT / "rnninspect")
    assert {"", "cli", "cells", "cells.language", "formats.terminal", "runtime.real"} <= modules.keys()
    found = {(item.imported, item.deferred) for item in imports_of("api", modules["api"], modules)}
    assert {("runtime.modules", True), ("plan", False), ("document.load", False)} <= found


SOUND = {
    "__init__.py": "def __getattr__(name):\n    from rnninspect import api\n    return api\n",
    "errors.py": "import os\n",
    "facts.py": "",
    "plan.py": "from rnninspect.facts import X\n",
    "runtime/__init__.py": "",
    "runtime/real.py": "with open(0):\n    import torch\n    from torch import nn\nfrom rnninspect import facts\n",
    "api.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from rnninspect.runtime.real import Y\n"
    "def build():\n    from rnninspect.runtime import real\n",
    "results/__init__.py": "",
    "results/table.py": "from ..facts import X\n",
    "results/weights.py": "from . import table\nfrom .table import Table\n",
    "formats/__init__.py": "",
    "formats/json.py": "",
    "formats/csv.py": "import csv\nfrom rnninspect.results.table import Table\n",
    "cli.py": "from rnninspect import __version__, errors\nimport torchless\n",
}


@pytest.mark.parametrize(
    ("file", "source", "breach"),
    [
        ("plan.py", "from rnninspect.runtime import real\n", "plan:1 imports runtime.real, which is above it"),
        ("plan.py", "import os\nimport rnninspect.cli as c\n", "plan:2 imports cli, which is above it"),
        ("plan.py", "def f():\n    from .results import table\n", "plan:2 imports results.table, which is above it"),
        ("results/table.py", "from ..formats.json import render\n", "results.table:1 imports formats.json, which"),
        ("results/table.py", "import torch.nn\n", "results.table:1 imports torch.nn"),
        ("cli.py", "try:\n    from torch import nn\nexcept E:\n    pass\n", "cli:2 imports torch"),
        ("cli.py", "class A:\n    import torch\n", "cli:2 imports torch"),
        ("study/input_npy.py", "def f():\n    import numpy\n", None),
        ("study/input_npy.py", "import numpy.lib\n", "study.input_npy:1 imports numpy.lib"),
        ("study/input_npy.py", "def f():\n    from matplotlib import figure\n", "study.input_npy:2 imports matplotlib"),
        ("plan.py", "def f():\n    import numpy\n", "plan:2 imports numpy"),
        ("__init__.py", "from rnninspect.facts import X\n", "__init__:1 imports facts"),
        ("formats/csv.py", "from rnninspect.results import weights\n", "formats.csv:1 imports results.weights, but it"),
        ("formats/csv.py", "import rnninspect.facts\n", "formats.csv:1 imports facts, but it prints"),
        ("facts.py", "from rnninspect import errors\n", None),
        ("extra.py", "from rnninspect import errors\n", "extra has no level"),
        ("results/table.py", "from rnninspect.results.weights import X\n", "a circle: "),
    ],
)
def test_a_breach_is_found(tmp_path: Path, file: str, source: str, breach: str | None) -> None:
    for name, text in {**SOUND, file: source}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = violations(tmp_path)
    assert len(found) == (breach is not None)
    assert [line for line in found if not line.startswith(breach or "")] == []


@pytest.mark.parametrize(
    ("file", "source", "expected"),
    [
        ("facts.py", "", set()),
        ("cli.py", "from rnninspect.api import load\nfrom rnninspect.runtime import real\n", {"cli"}),
        ("formats/__init__.py", "import rnninspect.runtime.real\n", {"formats", "formats.csv", "formats.json"}),
        ("api.py", "if 1:\n    import rnninspect.runtime.real\n", {"api"}),
        ("api.py", "def f():\n    import rnninspect.runtime.real\n", set()),
        ("plan.py", "import torch\n", {"plan"}),
    ],
)
def test_torch_is_seen_through_other_modules(tmp_path: Path, file: str, source: str, expected: set[str]) -> None:
    for name, text in {**SOUND, file: source}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert loads_torch(tmp_path) == {"runtime.real"} | expected
