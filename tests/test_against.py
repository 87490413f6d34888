"""`verify --against`: somebody's class held against a layer's equations, and all that can be wrong with it."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from ended import Run
from worlds import CONFIGS

PACKAGE = CONFIGS.parent / "rnninspect"
DOCUMENT = """
input: {batch_size: 2, seq_len: 3, state: random}
layers:
  - type: Cell
    name: enc
    input_size: 3
    hidden_size: 4
    equations: |
      z = sigmoid(W_iz @ x + b_z + W_hz @ h)
      n = tanh(W_in @ x + W_hn @ (z * h) + b_n)
      h = (1 - z) * h + z * n
"""
# As somebody else would write it: one tensor for each gate, one of them the other way round, two in one.
THEIRS = """
import torch
from torch import nn
print("imported")
class Mine(nn.Module):
    def __init__(self, i, h, wrong=1.0):
        super().__init__()
        self.gate = nn.Linear(i, h)
        self.kernel = nn.Parameter(torch.empty(i, h))
        self.recurrent = nn.Parameter(torch.empty(2 * h, h))
        self.gain = nn.Parameter(torch.empty(h))
        self.wrong = wrong
    def step(self, x, h):
        u, v = self.recurrent.chunk(2)
        z = torch.sigmoid(self.gate(x) + h @ v.T)
        return (1 - z) * h + self.wrong * z * torch.tanh(x @ self.kernel + (z * h) @ u.T) * self.gain
class Sequence(Mine):
    def forward(self, x, h):
        outputs, h = [], h[0]
        for step in x:
            h = self.step(step, h)
            outputs.append(h)
        return torch.stack(outputs), h[None]
class Step(Mine):
    def forward(self, x, h):
        return self.step(x, h)
class First(Sequence):
    def forward(self, x, h):
        return super().forward(x.transpose(0, 1), h)[0].transpose(0, 1)
class Raises(Mine):
    def forward(self, x, h):
        raise KeyError("no such thing")
class Leaves(Mine):
    def forward(self, x, h):
        raise SystemExit(0)
class Three(Sequence):
    def forward(self, x, h):
        return x, h, h
class Narrow(Sequence):
    def forward(self, x, h):
        return super().forward(x, h)[0][..., :2]
def function(): pass
"""
MAP = """
arguments: {i: 3, h: 4}
parameters:
  weight_ih_l0: [{name: gate.weight}, {name: kernel, transposed: true}]
  weight_hz_l0: {name: recurrent, rows: [4, 8]}
  weight_hn_l0: {name: recurrent, rows: [0, 4]}
  bias_z_l0: gate.bias
fixed: {bias_n_l0: 0, gain: 1.0}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a document, a module, and a map."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "doc.yaml").write_text(DOCUMENT)
    (tmp_path / "theirs_of_a_test.py").write_text(THEIRS)
    (tmp_path / "map.yaml").write_text(MAP)
    path = list(sys.path)
    yield tmp_path
    assert sys.path == path
    sys.modules.pop("theirs_of_a_test", None)


def run(here: Run, kind: str, *options: str, map: str = "map.yaml") -> tuple[int, str, str]:
    named = kind if ":" in kind else f"theirs_of_a_test:{kind}"
    done = here("verify", "doc.yaml", "--against", named, "--map", map, *options)
    return done.returncode, done.stdout, done.stderr


def changed(folder: Path, *pairs: tuple[str, str]) -> str:
    """Another map."""
    text = MAP
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    (folder / "other.yaml").write_text(text)
    return "other.yaml"


# --- it holds, and sees what is wrong ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Sequence", "Step", "First"])
def test_a_class_agrees(folder: Path, here: Run, kind: str) -> None:
    called = {"Sequence": "", "Step": "call: step\n", "First": "batch_first: true\n"}[kind]
    code, out, err = run(here, kind, "--format", "json", map=changed(folder, ("fixed:", called + "fixed:")))
    assert (code, err) == (0, "imported\n"), "what it prints is no result"
    (layer,) = json.loads(out)["models"][0]["layers"]
    against = layer["against"]
    assert (against["class"], against["ok"], against["version"]) == (f"theirs_of_a_test:{kind}", True, None)
    assert against["fixed"] == ["bias_n_l0"]
    names = [tensor["name"] for tensor in against["tensors"]]
    states = ["h_n"] if kind != "First" else []
    weights = ["weight_ih_l0", "weight_hz_l0", "weight_hn_l0", "bias_z_l0"]
    assert sorted(names) == sorted(["output", *states, *(f"grad {name}" for name in ("input", "h_0", *weights))])
    assert max(tensor["relative_epsilons"] for tensor in against["tensors"]) < 100
    assert min(tensor["largest_magnitude"] for tensor in against["tensors"]) > 0.01


def test_the_page_names_the_class(folder: Path, here: Run) -> None:
    code, out, _ = run(here, "First", map=changed(folder, ("fixed:", "batch_first: true\nfixed:")))
    assert code == 0
    assert "theirs_of_a_test:First agrees with layer 'enc'" in out.splitlines()[-1]
    assert "and their gradients not compared: bias_n_l0." in out
    assert "the class gives no last states, so these were not compared." in out


@pytest.mark.parametrize("document", ["{type: LSTM, bidirectional: true, num_layers: 2, ", "{type: LSTM, "])
def test_a_kind_of_torchs_agrees_with_torchs_own_class(folder: Path, here: Run, document: str) -> None:
    (folder / "doc.yaml").write_text(
        "input: {batch_size: 2, seq_len: 3, state: random}\n"
        f"layers: [{document} input_size: 3, hidden_size: 4, batch_first: true}}]\n"
    )
    options = ", num_layers: 2, bidirectional: true" if "num_layers" in document else ""
    (folder / "map.yaml").write_text(f"arguments: {{input_size: 3, hidden_size: 4{options}}}\nstates: [h, c]\n")
    assert run(here, "torch.nn:LSTM")[0] == 0


def test_another_class_differs(folder: Path, here: Run) -> None:
    code, out, err = run(here, "Sequence", map=changed(folder, ("h: 4", "h: 4, wrong: 1.00001")))
    assert code == 1
    assert "layer 'enc' and theirs_of_a_test:Sequence differ in" in err
    assert "theirs_of_a_test:Sequence differs from layer 'enc'" in out
    assert "DIFFERS" in out


def test_gates_in_the_wrong_order_differ(folder: Path, here: Run) -> None:
    """`blocks` says which is which."""
    (folder / "doc.yaml").write_text(
        "input: {batch_size: 2, seq_len: 3}\nlayers: [{type: GRU, input_size: 3, hidden_size: 4}]\n"
    )
    text = (
        "arguments: {input_size: 3, hidden_size: 4}\nparameters: {weight_ih_l0: {name: weight_ih_l0, blocks: [%s]}}\n"
    )
    codes = []
    for order in ("W_ir, W_iz, W_in", "W_iz, W_ir, W_in"):
        (folder / "map.yaml").write_text(text % order)
        codes.append(run(here, "torch.nn:GRU")[0])
    assert codes == [0, 1]


# --- asked wrongly -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("nowhere_at_all:X", "there is no module nowhere_at_all (looked in what is installed, and then in the current"),
        ("theirs_of_a_test.part:X", "there is no module theirs_of_a_test.part"),
        ("theirs_of_a_test:Sequenc", "has no such class (did you mean 'Sequence'?)"),
        ("theirs_of_a_test:function", "is no torch.nn.Module"),
        ("theirs_of_a_test", "expected package.module:Class"),
        ("../x:Y", "expected package.module:Class"),
        ("os:system('x')", "expected package.module:Class"),
    ],
)
def test_a_class_that_is_none(folder: Path, here: Run, named: str, says: str) -> None:
    done = here("verify", "doc.yaml", "--against", named, "--map", "map.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("i: 3, ", "", "other.yaml:2:12: arguments: Sequence does not take these: missing a required argument: 'i'"),
        ("rows: [4, 8]", "rows: [4, 9]", "parameters.weight_hz_l0: their recurrent has 8 rows, not 4 to 9"),
        ("rows: [4, 8]", "rows: [4, 7]", "rows 4 to 7 of their recurrent is (3, 4), ours is (4, 4)"),
        (", transposed: true", "", "their kernel is (3, 4), ours is (4, 3)"),
        ("gate.bias", "gate.bia", "theirs has no 'gate.bia' (did you mean 'gate.bias'?)"),
        ("bias_z_l0:", "bias_y_l0:", "no parameter is called 'bias_y_l0' (did you mean"),
        (", gain: 1.0", "", "nothing of ours is in their gain (map it, or write fixed: {gain: 0})"),
        ("bias_n_l0: 0, ", "", "nothing says where bias_n_l0 is in theirs (Sequence has"),
        ("{name: gate.weight}, ", "", "their kernel is (3, 4), ours is (3, 8)"),
        ("gate.weight}", "gate.weight, blocks: [W_in]}", "expected each block of weight_ih_l0 once: W_iz, W_in"),
        ("arguments:", "argument:", "unknown key 'argument' (did you mean 'arguments'?)"),
        ("fixed:", "call: often\nfixed:", "call: expected sequence or step, got 'often'"),
        ("fixed:", "states: [c]\nfixed:", "states: expected each state once: h"),
        ("fixed:", "layer: dec\nfixed:", "no recurrent layer is called 'dec'"),
        ("gain: 1.0", "gain: .inf", "fixed.gain: expected a number"),
    ],
)
def test_a_map_that_does_not_fit(folder: Path, here: Run, old: str, new: str, says: str) -> None:
    code, out, err = run(here, "Sequence", map=changed(folder, (old, new)))
    assert (code, out) == (2, "")
    assert says in err


def test_an_empty_map_is_told_what_a_map_has(folder: Path, here: Run) -> None:
    (folder / "map.yaml").write_text("# nothing\n")
    code, out, err = run(here, "Step")
    assert (code, out) == (2, "")
    assert "map.yaml:1:1: the document is empty (for example arguments: " in err


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("Three", "call: Three gave 3 tensors: expected the output and 1 states, h"),
        ("Narrow", "call: Narrow gave output as (3, 2, 2), expected (3, 2, 4)"),
    ],
)
def test_what_it_gives_is_something_else(folder: Path, here: Run, kind: str, says: str) -> None:
    code, out, err = run(here, kind)
    assert (code, out) == (2, "")
    assert says in err


BOTH = ("doc.yaml", "--against", "theirs_of_a_test:Step", "--map", "map.yaml")


def test_options_that_do_not_go_together(folder: Path, here: Run) -> None:
    for args, says in (
        (["doc.yaml", "--map", "map.yaml"], "--map is for --against"),
        (["doc.yaml", "--against", "a:B"], "--against needs --map FILE"),
        (["doc.yaml", "doc.yaml", "--against", "a:B", "--map", "map.yaml"], "--against is for one document"),
        (["doc.yaml", "--against", "a:B", "--map", "nowhere.yaml"], "nowhere.yaml"),
        (["doc.yaml", "--against", "a:B", "--map", "map.yaml", "-o", "map.yaml"], "this is --map's file"),
        (
            ["doc.yaml", "--against", "theirs_of_a_test:Step", "--map", "map.yaml", "--set", "input.lengths=[3, 2]"],
            "of one length",
        ),
    ):
        done = here("verify", *args)
        assert (done.returncode, done.stdout, says in done.stderr) == (2, "", True), done.stderr


# --- their code raises -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Raises", "Leaves"])
def test_what_their_code_raises_is_told_with_its_place(folder: Path, here: Run, kind: str) -> None:
    code, out, err = run(here, kind)
    assert (code, out) == (3, "")
    raised = {"Raises": "KeyError: 'no such thing'", "Leaves": "SystemExit: 0"}[kind]
    assert f"error: theirs_of_a_test:{kind} could not be run: {raised} (" in err
    statement = {"Raises": 'raise KeyError("no such thing")', "Leaves": "raise SystemExit(0)"}[kind]
    line = 1 + [line.strip() for line in THEIRS.splitlines()].index(statement)
    assert f"theirs_of_a_test.py:{line})" in err
    assert "Traceback" not in err


def test_what_it_raises_as_it_is_made_or_imported(folder: Path, here: Run) -> None:
    code, out, err = run(here, "Sequence", map=changed(folder, ("i: 3", "i: -3")))
    assert (code, out) == (3, "")
    assert "could not be made: RuntimeError: Trying to create tensor with negative dimension" in err
    (folder / "theirs_that_breaks.py").write_text("import nowhere_at_all\n")
    code, out, err = run(here, "theirs_that_breaks:X")
    assert (code, out) == (3, "")
    assert "could not be imported: ModuleNotFoundError: No module named 'nowhere_at_all'" in err


# --- the one door ------------------------------------------------------------------------------------------


def test_a_file_of_the_current_folder_stands_in_for_no_library(folder: Path, here: Run) -> None:
    (folder / "colorsys.py").write_text("raise SystemExit('executed')\n")
    sys.modules.pop("colorsys", None)
    code, _, err = run(here, "colorsys:X")
    assert (code, "executed" in err) == (2, False)


# What executes a text or a file. `import_module` is of the registry, the readers and the list of commands too: names
# that are ours.
EXECUTES = {"import_module", "__import__", "exec", "run_path", "run_module", "spec_from_file_location", "exec_module"}


def test_nothing_else_imports_what_a_user_names() -> None:
    users, readers = set(), set()
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        nodes = list(ast.walk(ast.parse(text)))
        names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        names |= {node.id for node in nodes if isinstance(node, ast.Name)}
        users |= {path.stem} if names & EXECUTES else set()
        readers |= {path.stem} if "study.name_map" in text else set()
    assert users == {"theirs", "registry", "read", "cli"}
    assert readers == {"against", "theirs", "verify"}


def test_its_generator_is_left_as_it_was(folder: Path, here: Run) -> None:
    before = torch.get_rng_state()
    run(here, "Sequence")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.more
@pytest.mark.parametrize("depth", [1, 2])
def test_a_class_of_torchrecurrent_agrees(folder: Path, here: Run, depth: int) -> None:
    (folder / "doc.yaml").write_text(
        "input: {batch_size: 2, seq_len: 3, state: random}\n"
        f"layers: [{{type: MGU, input_size: 3, hidden_size: 4, num_layers: {depth}}}]\n"
    )
    parameters: dict[str, Any] = {}
    for k in range(depth):
        rows = {"f": [0, 4], "n": [4, 8]}
        parameters[f"weight_ih_l{k}"] = f"cells.{k}.weight_ih"
        parameters[f"bias_ih_l{k}"] = f"cells.{k}.bias_ih"
        for gate, place in rows.items():
            parameters[f"weight_h{gate}_l{k}"] = {"name": f"cells.{k}.weight_hh", "rows": place}
            parameters[f"bias_h{gate}_l{k}"] = {"name": f"cells.{k}.bias_hh", "rows": place}
    (folder / "map.json").write_text(
        json.dumps({"arguments": {"input_size": 3, "hidden_size": 4, "num_layers": depth}, "parameters": parameters})
    )
    code, out, err = run(here, "torchrecurrent:MGU", map="map.json")
    assert (code, err) == (0, "")
    assert "torchrecurrent:MGU 0.2.5 agrees with layer" in out.replace("\n", " ")
