"""`rnninspect init`: every starter is sound, proven on torch, and no file is ever replaced."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ended import Run, fine, refused
from jsonschema import Draft202012Validator

from rnninspect.commands import init as module
from rnninspect.commands.init import InitOptions
from rnninspect.commands.shared.new_files import create
from rnninspect.commands.shared.starters import Starter
from rnninspect.document.library import library_names, published
from rnninspect.document.load import load_spec
from rnninspect.document.schema import document_schema
from rnninspect.document.tree import read_tree
from rnninspect.errors import OptionError, OutputFailed
from rnninspect.plan import plan

FOLDER = Path(module.__file__).with_name("starters")
# A key that is commented out; text starts with a capital, and the line for editors has hyphens.
OPTIONAL = re.compile(r"^( *)# (?=[a-z_]+:(?: |$))", re.MULTILINE)


@pytest.fixture
def starters(tmp_path: Path) -> list[Path]:
    """Every starter as `init` writes it, then every one with all that is commented out brought in."""
    plain = [tmp_path / f"{starter}.yaml" for starter in Starter]
    whole = [tmp_path / f"{starter}-whole.yaml" for starter in Starter]
    for starter, path, other in zip(Starter, plain, whole, strict=True):
        assert module.run(InitOptions(path=path, starter=starter)) == 0
        text, count = OPTIONAL.subn(r"\1", path.read_text(encoding="utf-8"))
        assert count >= 4
        other.write_text(text, encoding="utf-8")
    return plain + whole


# --- the starters --------------------------------------------------------------------------------------------


def test_there_is_a_document_for_each_starter() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(f"{starter}.yaml" for starter in Starter)


@pytest.mark.torch
def test_they_agree_on_torch_without_a_note(
    here: Run, capsys: pytest.CaptureFixture[str], starters: list[Path]
) -> None:
    capsys.readouterr()  # why: what writing them said
    done = here("params", *starters, "--device", "cpu")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^plan and torch \S+ agree · cpu · float32, float64 · seed 0$", done.stdout, re.MULTILINE)
    assert done.stdout.count(" · params\n") == len(starters)


def test_they_keep_to_their_budgets(run: Run, starters: list[Path], tmp_path: Path) -> None:
    assert [path.stem for path in starters if bool(load_spec(str(path)).budget) != path.stem.endswith("-whole")] == []
    assert run("check", *starters, cwd=tmp_path).returncode == 0


def test_editors_find_their_schema_and_no_fault(starters: list[Path]) -> None:
    validator = Draft202012Validator(document_schema())
    for path in starters:
        first, second, *_ = path.read_text(encoding="utf-8").splitlines()
        assert first == "# yaml-language-server: $schema=rnninspect.schema.json"
        assert second.endswith(": rnninspect schema --output rnninspect.schema.json")
        validator.validate(read_tree(path.read_text(encoding="utf-8"), str(path)).data)


def test_each_is_what_its_name_says(starters: list[Path]) -> None:
    specs = [load_spec(str(path)) for path in starters[: len(Starter)]]
    assert [" ".join(link.layer.type for link in spec.links) for spec in specs] == [
        "LSTM",
        "GRU",
        "RNN",
        "Embedding LSTM Linear",
        "Embedding GRU Dropout Linear",
        "Embedding LSTM Dropout Linear",
        "Embedding LSTM Embedding LSTM Linear",
        "MyCell",
    ]
    assert [spec.name for spec in specs] == list(Starter)  # the file's: none has one of its own
    *_, head = plan(specs[list(Starter).index(Starter.SEQ)]).layers
    assert [weight.shared_with for weight in head.weights] == ["embed.weight", None]


def test_lines_are_short_and_plain(starters: list[Path]) -> None:
    for path in starters:
        text = path.read_text(encoding="utf-8")
        assert text.isascii()
        assert text.endswith("\n")
        assert [line for line in text.splitlines() if len(line) > 110 or line != line.rstrip()] == []


def test_each_cell_of_the_library_has_a_document(tmp_path: Path) -> None:
    for name in library_names():
        path = tmp_path / f"{name}.yaml"
        assert module.run(InitOptions(path=path, starter=name)) == 0
        text = path.read_text(encoding="utf-8")
        (link,) = load_spec(str(path)).links
        assert (link.layer.type, link.layer.name) == (name, "rnn")
        assert all(f"    # {key}: {value}\n" in text for key, value in published(name).numbers.items())
        path.write_text(OPTIONAL.sub(r"\1", text), encoding="utf-8")
        (whole,) = load_spec(str(path)).links
        assert whole.layer.sizes() == {**link.layer.sizes(), "num_layers": 2}


# --- the command ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("args", "starter"), [((), "lstm"), (("--from", "gru"), "gru"), (("--from", "seq"), "seq")])
def test_it_writes_a_new_file_and_says_what_next(run: Run, tmp_path: Path, args: tuple[str, ...], starter: str) -> None:
    done = run("init", "model.yaml", *args, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "note: wrote model.yaml; try: rnninspect shapes model.yaml\n"
    assert (tmp_path / "model.yaml").read_bytes() == (FOLDER / f"{starter}.yaml").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["model.yaml"]


def test_a_dash_is_stdout(run: Run, tmp_path: Path) -> None:
    shown = fine(run("init", "-", "--from", "tagger", cwd=tmp_path))
    assert shown == (FOLDER / "tagger.yaml").read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == []
    assert run("params", "--plan", "-", stdin=shown).returncode == 0


@pytest.mark.parametrize(("asked", "meant"), [("seqseq", "seq2seq"), ("mgu", "MGU")])
def test_a_misspelt_name_is_answered_with_the_nearest(asked: str, meant: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=rf"got '{asked}' \(did you mean '{meant}'\?\)$"):
        module.run(InitOptions(path=tmp_path / "model.yaml", starter=asked))


# --- what is there already -----------------------------------------------------------------------------------


def test_a_file_is_not_replaced(run: Run, tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text("mine\n")
    line = refused(run("init", "model.yaml", cwd=tmp_path))
    assert line == "model.yaml is there already (init replaces nothing: name another file)"
    assert (tmp_path / "model.yaml").read_text() == "mine\n"


def test_neither_is_anything_else(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "empty").touch()
    for path in (tmp_path / "folder", tmp_path / "nowhere", tmp_path / "empty", Path("/dev/full"), Path()):
        with pytest.raises(OptionError, match="is there already"):
            module.run(InitOptions(path=path))
    assert (tmp_path / "nowhere").is_symlink()
    assert not (tmp_path / "missing").exists()
    assert (tmp_path / "empty").read_bytes() == b""


def test_of_several_at_once_one_wins(environment: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    starters = list(Starter)[:3]
    commands = [[sys.executable, "-m", "rnninspect", "init", str(path), "--from", starter] for starter in starters]
    running = [subprocess.Popen(args, env=environment(), stderr=subprocess.PIPE, text=True) for args in commands]
    said = [process.communicate()[1] for process in running]
    assert sorted(process.returncode for process in running) == [0, 2, 2]
    (winner,) = [starter for starter, text in zip(starters, said, strict=True) if text.startswith("note: wrote ")]
    assert path.read_bytes() == (FOLDER / f"{winner}.yaml").read_bytes()


# --- what cannot be written ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing/model.yaml", "there is no folder .*missing"),
        ("file/model.yaml", "Not a directory"),
        ("x" * 300, "File name too long"),
    ],
)
def test_a_path_that_cannot_be(tmp_path: Path, path: str, reason: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputFailed, match=f"^cannot write .*: {reason}$"):
        module.run(InitOptions(path=tmp_path / path))


def test_a_full_disk_leaves_nothing(shell: Run, tmp_path: Path) -> None:
    line = refused(shell("ulimit -f 0; rnninspect init model.yaml", cwd=tmp_path), 3)
    assert line == "cannot write model.yaml: File too large"
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(io.FileIO):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            super().write(data[:10])
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "fdopen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        create({tmp_path / "model.yaml": "input:\n  batch_size: 3\n"})
    assert list(tmp_path.iterdir()) == []


def test_control_characters_of_a_path_are_escaped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module.run(InitOptions(path=tmp_path / "a\x1b[31m.yaml"))
    assert "\x1b" not in capsys.readouterr().err
    with pytest.raises(OptionError) as caught:
        module.run(InitOptions(path=tmp_path / "a\x1b[31m.yaml"))
    assert "a\\x1b[31m.yaml is there" in str(caught.value)


# --- without torch -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [("init", "-"), ("schema",)])
def test_ends_without_torch(program: Run, args: tuple[str, ...]) -> None:
    source = "import sys\nfrom rnninspect.cli import main\ntry:\n    main()\nexcept SystemExit as ended:\n"
    done = program(source + "    print(ended.code, 'torch' in sys.modules, file=sys.stderr)\n", args=args)
    assert done.stderr == "0 False\n"
