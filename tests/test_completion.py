"""What shells are offered: by the functions, and by the command line as bash, zsh and fish ask it.

Nothing that stands in a document may make them fail, print, or offer what a shell would act on.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from samples import examples
from worlds import CONFIGS

from rnninspect import cli
from rnninspect.commands.shared import completion
from rnninspect.document.blocks import Budget, Input
from rnninspect.document.overrides import override
from rnninspect.document.tree import read_tree
from rnninspect.document.validate import validate
from rnninspect.guard.check import parse_growth
from rnninspect.layers.layer import InitLayer
from rnninspect.layers.registry import TYPES, kind_of

TAGGER = str(CONFIGS / "tagger.yaml")
HEAD = "input: {batch_size: 3, seq_len: 5}\n"
TOP = ["name=", "device=", "dtype=", "outputs="]
SIZES = [f"encoder.{key}" for key in ("input_size", "hidden_size", "num_layers", "proj_size")]


def offered(incomplete: str, *files: str | Path, args: list[str] | None = None, **params: Any) -> list[str]:
    """What `--set` is offered behind a command line that names `files`."""
    context: Any = SimpleNamespace(params={"files": [*map(str, files)] or None, **params}, args=args or [])
    return completion.settings(context, incomplete)


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def keys_of(name: str) -> list[str]:
    """What can be set of a layer of a kind."""
    kind = kind_of(name)
    laws = [f"init.{key}" for key in kind.init_block().model_fields] if issubclass(kind, InitLayer) else []
    return [each for key in kind.model_fields for each in (laws if key == "init" else [key])]


def takes(field: FieldInfo, value: object) -> bool:
    """Whether a value is one that a field may have."""
    try:
        TypeAdapter(Annotated[field.annotation, *field.metadata, "as the kind says"]).validate_python(
            value, strict=True
        )
    except ValidationError:
        return False
    return True


# --- fixed names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "key", "names"),
    [
        (completion.devices, "device", ["auto", "cpu", "cuda", "mps", "meta"]),
        (completion.dtypes, "dtype", ["float32", "float64", "float16", "bfloat16"]),
    ],
)
def test_devices_and_dtypes_are_those_that_a_document_may_name(
    function: Callable[[str], list[str]], key: str, names: list[str]
) -> None:
    assert function("") == names
    for name in names:
        assert name in function(name[:2])
        validate(read_tree(f"{HEAD}{key}: {name}\nlayers: [{{type: Dropout}}]", "doc.yaml"))
    assert function("m") == [name for name in names if name.startswith("m")]
    assert function("float128") == []


def test_what_may_grow_is_offered_once_each() -> None:
    assert completion.growths("") == ["params=", "macs="]
    assert completion.growths("m") == ["macs="]
    assert completion.growths("params=5%,") == ["params=5%,macs="]
    assert completion.growths("macs=5%,params=1k,") == completion.growths("5%") == []
    for offered in ("params=", "params=5%,macs="):
        assert parse_growth(f"{offered}1%")


# --- what can be set -----------------------------------------------------------------------------------------


def test_first_the_owners() -> None:
    assert offered("", TAGGER) == ["embed.", "encoder.", "head.", "input.", *TOP]
    assert offered("e", TAGGER) == ["embed.", "encoder."]
    assert offered("d", TAGGER) == ["device=", "dtype="]
    assert offered("nobody", TAGGER) == []


def test_then_the_keys_of_one() -> None:
    keys = [f"encoder.{key}=" for key in keys_of("LSTM")]
    assert {"encoder.hidden_size=", "encoder.proj_size=", "encoder.type=", "encoder.init.weight_hh="} <= set(keys)
    assert offered("encoder.", TAGGER) == keys
    assert offered("enc", TAGGER) == keys  # a single `encoder.` would get a space behind it
    assert offered("encoder.b", TAGGER) == ["encoder.bias=", "encoder.batch_first=", "encoder.bidirectional="]
    assert offered("dt", TAGGER) == ["dtype="]
    assert offered("input.", TAGGER) == [f"input.{key}=" for key in Input.model_fields]
    assert offered("encoder.nonlinearity", TAGGER) == []


def test_several_inputs_and_the_wires_that_a_layer_has(written: Callable[[str], Path]) -> None:
    text = "input: {batch_size: 2}\ninputs: {src: {seq_len: 3}}\n"
    path = str(written(f"{text}layers: [{{name: a, type: RNN, from: src, input_size: 2, hidden_size: 3}}]\n"))
    assert offered("inputs.", path) == [f"inputs.src.{key}=" for key in ("seq_len", "lengths", "input_size")]
    assert "a.from=" in offered("a.", path)
    assert "a.add=" not in offered("a.", path)


def test_the_laws_of_a_kind() -> None:
    laws = [f"encoder.init.{key}=" for key in ("weight_ih", "weight_hh", "weight_hr", "weight", "bias", "forget_bias")]
    assert offered("encoder.init", TAGGER) == offered("encoder.init.", TAGGER) == laws
    assert offered("encoder.init.f", TAGGER) == ["encoder.init.forget_bias="]
    assert offered("encoder.init.weight_hr", TAGGER, CONFIGS / "gru.yaml") == []
    assert offered("head.init", TAGGER) == ["head.init.weight=", "head.init.bias="]


def test_a_budget_where_there_is_one(written: Callable[[str], Path]) -> None:
    path = written(f"{HEAD}budget: {{max_params: 3}}\nlayers: [{{type: Dropout}}]")
    assert offered("b", path) == [f"budget.{key}=" for key in Budget.model_fields]
    assert offered("b", TAGGER) == []


def test_layers_without_a_name_have_their_types(written: Callable[[str], Path]) -> None:
    path = written(f"{HEAD}layers: [{{type: GRU, name: gru2}}, {{type: GRU}}, {{type: GRU}}]")
    assert offered("", path)[:3] == ["gru2.", "gru.", "gru3."]


@pytest.mark.parametrize("kind", TYPES)
def test_everything_offered_can_be_set(written: Callable[[str], Path], kind: str) -> None:
    text = f"{HEAD}budget: {{}}\nlayers: [{{type: {kind}, name: it}}, {{type: Dropout, name: dtype}}]"
    path = written(text)
    every = [full for short in offered("", path) for full in (offered(short, path) if short[-1] == "." else [short])]
    assert [f"it.{key}=" for key in keys_of(kind)] == [full for full in every if full.startswith("it.")]
    assert {"dtype=", "dtype.p=", "budget.max_params="} <= set(every)
    for full in every:
        override(read_tree(text, "doc.yaml"), [f"{full}1"])


@pytest.mark.parametrize("kind", TYPES)
def test_sizes_are_the_keys_that_take_a_whole_number_and_no_truth(written: Callable[[str], Path], kind: str) -> None:
    path = written(f"{HEAD}layers: [{{type: {kind}, name: it}}, {{type: LSTM, name: $(reboot)}}]")
    whole = [
        key
        for key, field in kind_of(kind).model_fields.items()
        if takes(field, 3) and not takes(field, 3.5) and not takes(field, -3)
    ]
    assert [size for size in completion.sizes_in([str(path)]) if size.startswith("it.")] == [
        f"it.{key}" for key in whole
    ]
    assert "$(reboot).hidden_size" not in completion.sizes_in([str(path)])


def test_of_several_documents_what_all_have() -> None:
    gru = CONFIGS / "gru.yaml"
    assert offered("", TAGGER, gru) == ["encoder.", "input.", *TOP]
    assert "encoder.proj_size=" in offered("encoder.", TAGGER)
    assert "encoder.proj_size=" not in offered("encoder.", TAGGER, gru)
    assert "encoder.hidden_size=" in offered("encoder.", TAGGER, gru)


def test_the_documents_of_diff_and_those_that_were_not_parsed_yet() -> None:
    both = ["encoder.", "input.", *TOP]
    assert offered("", old=TAGGER, new=str(CONFIGS / "gru.yaml")) == both
    assert offered("", args=[TAGGER, str(CONFIGS / "gru.yaml")]) == both
    assert offered("", old=TAGGER, new=None) == offered("", TAGGER)


def test_a_home_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(CONFIGS))
    assert offered("", "~/tagger.yaml") == offered("", TAGGER)


# --- what is no document -------------------------------------------------------------------------------------

NO_DOCUMENT = ["input.", *TOP]


def test_without_a_document_what_every_one_has() -> None:
    assert offered("") == NO_DOCUMENT


@pytest.mark.parametrize(
    "word", ["-", "missing.yaml", "", ".", "/", "/dev/null", "/dev/stdin", "~nobody/x", "x" * 5000, "a\0b", "\udcff"]
)
def test_a_word_that_is_no_file(word: str) -> None:
    assert offered("", word) == NO_DOCUMENT
    assert offered("", TAGGER, word) == offered("", TAGGER)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert offered("", tmp_path / "pipe") == NO_DOCUMENT


@pytest.mark.parametrize(
    "text",
    [
        *("", "[", "a: [1, 2", "\t", "- 1", "3", "layers: 3", "layers: [3, [], null]", "input: 3", "input: null"),
        *("a: 1\na: 2", "&a [*a]", "!!python/x {}", "[" * 100_000, "x" * 300_000, "a: &a [1]\nb: *b"),
    ],
)
def test_a_broken_document_has_no_say(written: Callable[[str], Path], text: str) -> None:
    assert offered("", written(text)) in (NO_DOCUMENT, TOP)
    assert {"encoder.", "dtype="} <= set(offered("", TAGGER, written("[")))


def test_a_document_half_written_has_what_there_is(written: Callable[[str], Path]) -> None:
    path = written(
        "layers:\n  - type: LSTM\n    name: a\n    wat: 3\n  - type: Wat\n    name: b\n  - name: c\n"
        "  - type: [1]\n    name: d\n  - name: a\n    type: GRU\n"
    )
    assert offered("", path) == ["a.", "b.", "c.", "d.", *TOP]
    assert offered("b.", path) == ["b.type=", "b.name=", "b.trainable="]
    assert offered("d.t", path) == ["d.type=", "d.trainable="]


NAMES = [
    "$(touch owned)",
    "`touch owned`",
    "a; touch owned",
    "a b",
    "a\nb",
    "*",
    "~",
    "'",
    '"',
    "\\",
    "<x>",
    "a.b",
    "=",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_a_shell_would_act_on_is_not_offered(written: Callable[[str], Path], name: str) -> None:
    quoted = json.dumps(name)
    path = written(f"{HEAD}layers: [{{type: LSTM, name: {quoted}}}, {{type: {quoted}}}, {{type: GRU, name: fine}}]")
    assert offered("", path) == ["fine.", *NO_DOCUMENT]
    assert [word for word in offered(name, path) if not re.fullmatch(r"[\w.-]+=?", word)] == []


YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(TYPES),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["layers", "input", "budget", "type", "name", "x"]), inner, max_size=5)
    ),
    max_leaves=20,
)


@settings(examples(80), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=200)
    | st.builds(lambda tree: json.dumps({"layers": tree}).encode(), YAML)
    | YAML.map(str).map(str.encode),
    incomplete=st.text(max_size=5),
)
def test_nothing_in_a_file_makes_it_fail_or_print(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], data: bytes, incomplete: str
) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(data)
    for word in (incomplete, ""):
        offers = offered(word, path)
        assert [full for full in offers if not re.fullmatch(r"[\w-]+(=|\.|\.\w+=|\.init\.\w+=)", full)] == []
    assert capfd.readouterr() == ("", "")


# --- real command lines --------------------------------------------------------------------------------------

# As the console script: the variable that asks is named after the program.
PROGRAM = """
import sys
sys.argv[0] = "rnninspect"
from rnninspect.cli import main
try:
    main()
finally:
    if "torch" in sys.modules:
        print("torch was imported")
"""

Ask = Callable[..., list[str]]


def asking(shell: str, *words: str | Path) -> dict[str, str]:
    """The variables by which a shell asks what to offer for the last word."""
    line = " ".join(map(shlex.quote, map(str, words))) if words[-1] else f"{shlex.join(map(str, words[:-1]))} "
    variables = {
        "bash": {"COMP_WORDS": "\n".join(map(str, words)), "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }
    return {"_RNNINSPECT_COMPLETE": f"complete_{shell}", **variables[shell]}


@pytest.fixture
def ask(environment: Callable[..., dict[str, str]]) -> Ask:
    """`ask("bash", "rnninspect", "shapes", "")`: what a shell is offered, by a process of its own."""

    def complete(shell: str, *words: str | Path) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", PROGRAM],
            env=environment(asking(shell, *words)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return re.findall(r'"(.*)"', done.stdout) if shell == "zsh" else done.stdout.split()

    return complete


@pytest.fixture
def ask_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """`ask_here("rnninspect", "shapes", "")`: what bash is offered, by this process."""

    def complete(*words: str | Path) -> list[str]:
        for name, value in asking("bash", *words).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["rnninspect"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        assert (ended.value.code or 0, shown.err) == (0, "")
        return shown.out.split()

    return complete


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_is_offered_settings(ask: Ask, shell: str) -> None:
    offers = ask(shell, "rnninspect", "params", "--plan", TAGGER, "--set", "")
    assert offers == ["embed.", "encoder.", "head.", "input.", *TOP]
    offers = ask(shell, "rnninspect", "params", TAGGER, "--set", "encoder.num_layers=3", "--set", "encoder.bi")
    assert offers == ["encoder.bias=", "encoder.bidirectional="]


@pytest.mark.parametrize("command", ["shapes", "weights", "params", "inspect", "check", "diff", "fit"])
def test_every_command_that_has_settings_offers_them(ask_here: Ask, command: str) -> None:
    both = [TAGGER, CONFIGS / "gru.yaml"]
    assert ask_here("rnninspect", command, *both, "--set", "") == ["encoder.", "input.", *TOP]
    assert ask_here("rnninspect", command, "--set", "x", *both, "--set", "in") == offered("in", *both)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("shapes", TAGGER, "--device", ""), ["auto", "cpu", "cuda", "mps", "meta"]),
        (("shapes", "--device", "c"), ["cpu", "cuda"]),
        (("shapes", TAGGER, "--dtype", "float"), ["float32", "float64", "float16"]),
        (("shapes", TAGGER, "--format", "m"), ["markdown"]),
        (("check", TAGGER, "--max-growth", "p"), ["params="]),
        (("fit", TAGGER, "encoder."), SIZES),
        (("fit", TAGGER, str(CONFIGS / "gru.yaml"), "encoder.h"), ["encoder.hidden_size"]),
        (("fit", TAGGER, "embed.embedding_dim=encoder.h"), ["embed.embedding_dim=encoder.hidden_size"]),
        (("fit", TAGGER, "configs"), []),  # bash names the files
        (("fit", ""), []),
        (("cells", "Peep"), ["PeepholeLSTM"]),
        (("cells", "MGU", "min"), ["minGRU", "minGRULog", "minLSTM"]),
        (("init", "--from", ""), ["lstm", "gru", "rnn", "tagger", "classifier", "seq", "seq2seq", "cell"]),
        (("init", "--from", "MG"), ["MGU", "MGU1", "MGU2", "MGU3"]),
        (("shapes", ""), []),  # bash names the files
        (("shapes", "missing.yaml", "--set", ""), NO_DOCUMENT),
        (("sch",), ["schema"]),
    ],
)
def test_what_is_offered_elsewhere(ask_here: Ask, words: tuple[str, ...], expected: list[str]) -> None:
    assert ask_here("rnninspect", *words) == expected


def test_bash_itself(environment: Callable[..., dict[str, str]], written: Callable[[str], Path]) -> None:
    """Typer's own script in a real bash: what it puts into the line, and that a document runs nothing."""
    document = written(f"{HEAD}layers: [{{type: LSTM, name: 'a$(touch owned)'}}, {{type: GRU}}, {{type: GRU}}]")
    program = document.with_name("rnninspect")
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(PROGRAM)} "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(_RNNINSPECT_COMPLETE=source_bash rnninspect)"
        COMP_WORDS=(rnninspect shapes "$1" --set "$2") COMP_CWORD=4
        _rnninspect_completion rnninspect
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    for incomplete in ("", "gru2.h", "a"):
        done = subprocess.run(
            ["bash", "-c", script, "bash", str(document), incomplete],
            env=environment({"PATH": f"{document.parent}:{os.environ['PATH']}"}),
            cwd=document.parent,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=120,
        )
        assert done.stderr == ""
        assert done.stdout.split() == offered(incomplete, document)
    assert not document.with_name("owned").exists()
