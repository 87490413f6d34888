"""`identify` as it is called: its page, its JSON and CSV, what it refuses, and how it ends.

The files are written by safetensors, by torch where torch is, or by hand as bytes; pages of what they rarely hold are
tried on layers made by hand.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ended import Run, fine, refused
from found_by_hand import identified, safetensors, torch_layer
from jsonschema import Draft202012Validator
from worlds import CONFIGS, SMALL

from rnninspect import cli
from rnninspect.files.agreement import TensorDifference
from rnninspect.files.held import HeldTensor
from rnninspect.files.look import Compared, LookedInto, against_plans
from rnninspect.formats import terminal
from rnninspect.results.identify import failures, identify_answer, identify_blocks, identify_document, identify_tables
from rnninspect.results.schemas import RESULTS
from rnninspect.results.table import Table

GOLDENS = Path(__file__).parent / "goldens"

ENCODER = torch_layer("encoder", "LSTM", (7, 5), 2, both=True)
DECODER = torch_layer("decoder.rnn", "GRU", (10, 3))


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with two recurrent layers and one more tensor, in the current folder."""
    monkeypatch.chdir(tmp_path)
    return safetensors(Path("model.safetensors"), ENCODER, DECODER, more={"head.weight": (2, 3)})


def page(*looked: LookedInto, width: int | None = 80, all_of_it: bool = False) -> str:
    blocks, caption = identify_blocks(looked, all_of_it=all_of_it), identify_answer(looked).caption
    return terminal.render(blocks, caption, width=width, colour=False)


# --- the page -------------------------------------------------------------------------------------------------


def test_the_answer_is_first_and_last(here: Run, model: Path) -> None:
    assert fine(here("identify", model)).splitlines() == [
        "model.safetensors · 2 recurrent layers",
        "layer        type  input size  hidden size  num layers  directions  parameters",
        "──────────────────────────────────────────────────────────────────────────────",
        "encoder      LSTM           7            5           2           2       1,240",
        "decoder.rnn  GRU           10            3           1           1         135",
        "──────────────────────────────────────────────────────────────────────────────",
        "total                                                                    1,375",
        "two bias vectors for each gate · known from names",
        "",
        "not in the file: batch_first; dropout (encoder)",
        "of other layers: 1 tensor of 6 elements",
        "",
        "plan and file agree: 20 of 20 tensors · safetensors · float32",
    ]


def test_a_checkpoint_without_a_command_is_identified(here: Run, model: Path) -> None:
    text = fine(here("identify", model))
    assert fine(here(model)) == text
    assert fine(here("--format", "json", model)) == fine(here("identify", model, "--format", "json"))
    assert "model.safetensors · their tensors" in fine(here(model, "--all"))
    shutil.copy(model, "no_ending")
    assert fine(here("no_ending")).replace("no_ending", model.name) == text


def test_all_is_the_tensors_of_other_layers_too(here: Run, model: Path) -> None:
    page = fine(here("identify", model, "--all"))
    assert page.split("\n\nmodel.safetensors · tensors of other layers\n")[1].splitlines()[2:4] == [
        "head.weight  (2, 3)         6  float32",
        "",
    ]
    table = fine(here("identify", model, "--all", "--format", "csv")).split("\n\n")[2]
    assert table == "file,tensor,shape,elements,dtype\nmodel.safetensors,head.weight,[2 3],6,float32\n"
    (file,) = json.loads(fine(here("identify", model, "--format", "json")))["files"]
    assert (file["others"], file["other_elements"]) == (1, 6)


def test_a_tensor_of_two_names_is_counted_once() -> None:
    table = HeldTensor("embed.weight", (7, 3), "float32")
    assert identified(ENCODER, others=2, rest=(table, table)).other_elements == 21


def of_many() -> LookedInto:
    """Ten layers, some not understood, some set aside, some of whose options the file says."""
    layers = []
    for number in range(10):
        kind = ("LSTM", "GRU", "RNN")[number % 3]
        layer = torch_layer(f"model.encoder_{number}", kind, (300 + number, 50 + number), both=number % 2 == 0)  # type: ignore[arg-type]
        if kind == "RNN":
            layer = layer._replace(unknown={**layer.unknown, "nonlinearity": "not in the file: one of tanh, relu"})
        if number == 9:
            layer = layer._replace(known={"batch_first": True, "dropout": 0.2}, unknown={})
        layers.append(layer)
    layers[4] = layers[4]._replace(remarks=("As a torch.nn.GRU its weights would be the same.",))
    found = identified(
        *layers,
        set_aside={"an optimizer's": 42, "moving averages of weights": 1},
        undecided=("42 tensors look recurrent (lstm_5/...), no rule reads them",),
        others=31,
        notes=("data.pkl calls posix.system; nothing was run",),
    )
    return against_plans(found)


@pytest.mark.parametrize("width", [None, 200, 80, 60])
def test_the_layout_is_as_it_was(width: int | None) -> None:
    golden = (GOLDENS / f"identify_{width or 'pipe'}.txt").read_text(encoding="utf-8")
    text = page(of_many(), differing(), width=width)
    assert text == golden
    assert width is None or max(map(len, text.splitlines())) <= width


def test_ten_layers_are_a_screen_of_80_columns() -> None:
    layers = [layer._replace(remarks=()) for layer in of_many().identified.layers]
    lines = page(against_plans(identified(*layers, others=31))).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_what_layers_are_not_alike_in_has_a_column() -> None:
    one = DECODER._replace(biases="one", known_from="a node GRU", reverse=True, proj_size=2)
    text = page(against_plans(identified(ENCODER, DECODER)))
    assert "two bias vectors for each gate · known from names" in text
    assert "known from  " not in text
    text = page(
        LookedInto(identified(ENCODER, one), tuple(Compared(each, (), 4, 4) for each in (ENCODER, one))), width=200
    )
    heading, _, *rows = text.splitlines()[1:]
    assert [name for name in ("biases", "proj size", "known from") if name in heading] == [
        "biases",
        "proj size",
        "known from",
    ]
    assert [name in row for row, name in zip(rows, ("names", "a node GRU"), strict=False)] == [True, True]
    assert " reverse " in rows[1]
    assert "bias vector" not in text


def test_all_has_every_tensor(here: Run, model: Path) -> None:
    text = fine(here("identify", model, "--all"))
    rows = text.partition("their tensors")[2].splitlines()[3:]
    names = [part.tensor.name for layer in (ENCODER, DECODER) for part in layer.parts]
    assert [name for name in names if not any(name in row.split() for row in rows)] == []
    assert "PyTorch" in text


def test_several_files_stand_one_below_the_other(here: Run, model: Path) -> None:
    safetensors(Path("plain.safetensors"), more={"a": (2,)})
    text = fine(here("identify", model, "plain.safetensors"))
    assert [line for line in text.splitlines() if ".safetensors ·" in line] == [
        "model.safetensors · 2 recurrent layers",
        "plain.safetensors · no recurrent layer",
    ]
    assert text.splitlines()[-1] == "plan and file agree: 20 of 20 tensors · safetensors · float32"
    assert text.count("plan and file agree: 20 of 20 tensors") == 2


def test_nothing_of_a_hostile_name_reaches_the_terminal() -> None:
    name = "a\x1b[31m\n##[error]\u202e"
    layer = torch_layer(name, "GRU", (3, 2))._replace(known={"activation": name}, remarks=(name,), known_from=name)
    found = identified(layer, file=name, undecided=(name,), notes=(name,), damage=name, set_aside={name: 1})
    looked = against_plans(found)
    for text in (page(looked), page(looked, all_of_it=True)):
        assert all(line.isprintable() for line in text.splitlines())
        assert "##[" not in text
        assert r"a\x1b[31m\n#\x23[error]\u202e.weight_ih_l0" in page(looked, width=None, all_of_it=True)


def test_of_very_many_layers_some_are_shown_and_all_are_there() -> None:
    layers = [torch_layer(f"l{number}", "RNN", (3, 2)) for number in range(250)]
    found = identified(*layers, undecided=tuple(f"{number} tensors" for number in range(30)))
    looked = LookedInto(found, tuple(Compared(layer, (), 4, 4) for layer in layers))
    text = page(looked)
    assert "\nl199 " in text
    assert "\nl200 " not in text
    assert "\n50 more layers are not shown (--all shows them)\n" in text
    assert "\nand 22 more like these (--all tells them)\n" in text
    whole, tensors = identify_blocks([looked], all_of_it=True)
    assert isinstance(whole, Table)
    assert isinstance(tensors, Table)
    assert len(whole.for_people().rows) == 250
    assert "undecided: 29 tensors" in whole.notes
    assert len(tensors.rows) == 1000
    (table,) = identify_tables([looked])
    assert isinstance(table, Table)
    assert len(table.for_scripts().rows) == 250


# --- what is and is not said ------------------------------------------------------------------------------------


def test_what_is_not_in_the_file_is_said_once_and_of_whom() -> None:
    rnn = torch_layer("rnn", "RNN", (3, 2))
    rnn = rnn._replace(
        unknown={**rnn.unknown, "nonlinearity": "not in the file: one of tanh, relu", "forget bias": "1, or none"}
    )
    text = page(
        against_plans(identified(ENCODER, rnn._replace(known={"reset_after": True, "activations": ("a", "b")})))
    )
    assert "\nnot in the file: batch_first, dropout; nonlinearity: one of tanh, relu (rnn)\n" in text
    assert "\nforget bias: 1, or none (rnn)\n" in text
    assert "\nin the file: reset_after = true, activations = (a, b) (rnn)\n" in text
    for default in ("false", "0.0", "tanh (rnn)"):
        assert default not in text


def test_what_torch_has_not_is_said() -> None:
    before = torch_layer("before", "GRU", (3, 2))._replace(reset_after=False)
    peeping = torch_layer("peeping", "LSTM", (3, 2))._replace(peepholes=True)
    text = page(against_plans(identified(DECODER, ENCODER, before, peeping)), width=None)
    assert "\nbefore: Its reset gate multiplies before the product with W_hn; that of torch.nn.GRU after it.\n" in text
    assert "\npeeping: Its gates read the cell state (peepholes); those of torch.nn.LSTM do not.\n" in text
    assert "reset gate" not in page(against_plans(identified(DECODER, ENCODER)))


def test_undecided_is_no_failure_and_never_silent(here: Run, model: Path) -> None:
    lost = safetensors(Path("lost.safetensors"), more={"lstm.weird_kernel": (20, 5), "lstm.recurrent_thing": (20, 5)})
    for format in ("table", "csv", "json", "markdown"):
        done = here("identify", lost, "--format", format)
        assert done.returncode == 0
        assert "look recurrent" in done.stdout + done.stderr
    lines = here("identify", lost).stdout.splitlines()
    assert lines[0] == "lost.safetensors · no recurrent layer, something is undecided"
    assert lines[-1] == "something is undecided · no recurrent layer · safetensors"
    text = page(of_many())
    assert text.startswith("model.pt · 10 recurrent layers, more is undecided\n")
    assert "\nmore is undecided · plan and file agree: 60 of 60 tensors · " in text
    coloured = terminal.render(
        identify_blocks([of_many()]), identify_answer([of_many()]).caption, width=80, colour=True
    )
    assert "\x1b[38;5;136mmore is undecided" in coloured
    assert "\x1b[38;5;136mundecided\x1b[0m: 42 tensors" in coloured


# --- plan and file, and how it ends ----------------------------------------------------------------------------


def differing() -> LookedInto:
    """A layer of whose tensors one has another shape, and one is not there, in a file that ends too early."""
    parts = ENCODER.parts
    odd = parts[1]._replace(tensor=parts[1].tensor._replace(shape=(20, 6)))
    layer = ENCODER._replace(parts=(parts[0], odd, *parts[2:-1]))
    damage = "the header promises 800 bytes, the file has 20"
    return against_plans(identified(layer, file="old.pt", damage=damage))


def test_a_difference_is_a_table_and_a_failure() -> None:
    looked = differing()
    assert looked.layers[0].differences == (
        TensorDifference("encoder.weight_hh_l0", "shape", (20, 5), (20, 6)),
        TensorDifference("encoder bias_hh, layer 1, reverse", "not in the file", (20,), None),
    )
    assert list(failures(looked, require=False)) == [
        "the header promises 800 bytes, the file has 20",
        "plan and file differ in 2 tensors",
    ]
    text = page(looked)
    assert text.startswith("old.pt · 1 recurrent layer, plan and file differ, damaged\n")
    rows = [line.split() for line in text.partition("old.pt · plan and file differ\n")[2].splitlines()[2:4]]
    assert rows[0] == ["encoder", "encoder.weight_hh_l0", "shape", "(20,", "5)", "(20,", "6)"]
    assert rows[1][-2:] == ["(20,)", "nothing"]
    assert text.splitlines()[-1] == "plan and file differ: 14 of 16 tensors agree · damaged · torch (zip) · float32"
    assert not identify_document([looked])["ok"]


def test_a_difference_ends_with_1(here: Run, model: Path) -> None:
    wrong = {"encoder.bias_hh_l1": (7,)}
    safetensors(model, ENCODER, more=wrong)
    done = here("identify", model)
    assert done.returncode == 1
    assert done.stderr == "error: model.safetensors: plan and file differ in 1 tensor\n"
    assert "encoder.bias_hh_l1  shape       (20,)      (7,)" in done.stdout
    assert json.loads(here("identify", model, "--format", "json").stdout)["files"][0]["layers"][0]["agrees"] is False


def test_a_file_that_ends_too_early_is_shown_and_ends_with_1(here: Run, model: Path) -> None:
    model.write_bytes(model.read_bytes()[:-100])
    done = here("identify", model)
    assert done.returncode == 1
    assert "\ndamaged: " in done.stdout
    assert done.stderr.startswith("error: model.safetensors: ")
    assert done.stdout.splitlines()[0] == "model.safetensors · 2 recurrent layers, damaged"
    assert done.stdout.splitlines()[-1].startswith("damaged · plan and file agree: 20 of 20 tensors")


def test_no_recurrent_layer_is_fine_unless_one_is_required(here: Run, model: Path) -> None:
    safetensors(Path("plain.safetensors"), more={"a": (2,)})
    assert fine(here("identify", "plain.safetensors")) == (
        "plain.safetensors · no recurrent layer\nof other layers: 1 tensor of 2 elements\n\n"
        "no recurrent layer · safetensors\n"
    )
    fine(here("identify", model, "--require"))
    done = here("identify", model, "plain.safetensors", "--require")
    assert done.returncode == 1
    assert done.stderr == "error: plain.safetensors: no recurrent layer, and --require asks for one\n"
    assert done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("model.yaml",), "model.yaml: this is a document, and no checkpoint (rnninspect model.yaml)"),
        (("modle.safetensors",), "modle.safetensors: no such file (did you mean model.safetensors?)"),
        (("sub/modle.safetensors",), "sub/modle.safetensors: no such file (did you mean sub/model.safetensors?)"),
        (("nothing.like.it.at.all",), "nothing.like.it.at.all: no such file (is the name right?)"),
        (("-",), "<stdin>: a checkpoint is not read from a pipe (name a file)"),
        (("text",), "text: not a checkpoint: it is text (known: "),
        (("sub",), "sub: a folder (name a file in it: 'sub/model.safetensors')"),
        (("model.safetensors", "model.yaml"), "model.yaml: this is a document, and no checkpoint"),
        (
            ("model.safetensors", "-o", "model.safetensors"),
            "--output model.safetensors: this is one of the files to read",
        ),
        (("model.safetensors", "--plan"), "--plan: no such option"),
        (("model.safetensors", "--device", "cpu"), "--device: no such option (see rnninspect identify --help)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_no_checkpoint_is_one_line_and_exit_2(
    here: Run, model: Path, words: tuple[str, ...], said: str
) -> None:
    Path("model.yaml").write_text(SMALL)
    Path("text").write_text("hidden_size: 5\n")
    Path("sub").mkdir()
    shutil.copy(model, "sub/model.safetensors")
    assert refused(here("identify", *words)).startswith(said)


def test_a_word_that_is_nothing_may_be_a_checkpoint_misspelt(here: Run, model: Path) -> None:
    line = refused(here("modle.safetensors"))
    assert line == "modle.safetensors: neither a command nor a file here (did you mean model.safetensors?)"


def test_a_folder_is_a_model_or_names_its_checkpoints(here: Run, model: Path) -> None:
    Path("config.json").write_text("{}")
    assert refused(here(".")) == ".: a folder (name a file in it: 'model.safetensors')"
    Path("model.yaml").write_text(SMALL)
    assert here(".").stderr == "error: .: is a directory (name a YAML file)\n"
    # The files of a TensorFlow checkpoint are named by what they have in common.
    Path("model.ckpt.index").write_bytes(bytes(100))
    assert here("model.ckpt").stderr.startswith("error: model.ckpt: ")
    assert "neither a command" not in here("model.ckpt").stderr


def test_a_document_stays_a_document(here: Run) -> None:
    assert here(CONFIGS / "lstm.yaml", "--plan").stdout.startswith("lstm\n")
    assert [cli._looked_at_with([str(CONFIGS), "x"]), cli._looked_at_with(["--all"])] == ["inspect", "inspect"]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ("model.safetensors", "identify"),
        ("--all model.safetensors", "identify"),
        ("model.safetensors gone.pt", "identify"),
        ("model.safetensors --output out.json", "identify"),
        ("model.safetensors -o out.json --document model.yaml", "identify"),
        ("model.safetensors model.yaml", "inspect"),
        ("model.yaml model.safetensors", "inspect"),
        ("--plan model.yaml", "inspect"),
    ],
)
def test_all_files_must_be_checkpoints_to_be_identified(model: Path, words: str, command: str) -> None:
    Path("model.yaml").write_text(SMALL)
    Path("out.json").write_text("{}")
    assert cli._looked_at_with(words.split()) == command


NOTHING_ELSE = """
import sys
from rnninspect.__main__ import main
try:
    main()
except SystemExit as ended:
    print(ended.code, {"torch", "numpy", "safetensors", "onnx", "h5py"} & set(sys.modules), file=sys.stderr)
"""


def test_a_checkpoint_is_read_without_what_wrote_it(model: Path, program: Run) -> None:
    done = program(NOTHING_ELSE, args=(str(model.resolve()),))
    assert done.stderr == "0 set()\n"
    assert "plan and file agree: 20 of 20 tensors" in done.stdout


# --- for scripts ------------------------------------------------------------------------------------------------


def test_json_has_the_keys_that_were_promised(here: Run, model: Path) -> None:
    found = json.loads(fine(here("identify", model, "--format", "json")))
    Draft202012Validator(RESULTS["identify"]()).validate(found)
    assert (found["ledger"], found["dtype"], found["ok"]) == ("file", "float32", True)
    (file,) = found["files"]
    assert {key: file[key] for key in ("file", "format", "tensors", "set_aside", "undecided")} == {
        "file": "model.safetensors",
        "format": "safetensors",
        "tensors": 21,
        "set_aside": 0,
        "undecided": [],
    }
    encoder, decoder = file["layers"]
    promised = {
        "name": "encoder",
        "type": "LSTM",
        "input_size": 7,
        "hidden_size": 5,
        "num_layers": 2,
        "bidirectional": True,
        "reverse": False,
        "proj_size": 0,
        "biases": "two",
        "reset_after": None,
        "parameters": 1240,
        "known_from": "names",
        "unknown": {"batch_first": "not in the file", "dropout": "not in the file"},
        "agrees": True,
    }
    assert {key: encoder[key] for key in promised} == promised
    assert decoder["reset_after"] is True
    assert encoder["tensors"][-1] == {
        "name": "encoder.bias_hh_l1_reverse",
        "role": "bias_hh",
        "stacked_layer": 1,
        "direction": "reverse",
        "shape": [20],
        "dtype": "float32",
    }


def test_csv_has_a_row_for_each_layer_of_each_file(here: Run, model: Path) -> None:
    shutil.copy(model, "again.safetensors")
    rows = list(csv.DictReader(io.StringIO(fine(here("identify", model, "again.safetensors", "--format", "csv")))))
    found = json.loads(fine(here("identify", model, "again.safetensors", "--format", "json")))
    told = [(file["file"], layer) for file in found["files"] for layer in file["layers"]]
    assert len(rows) == len(told) == 4
    for row, (file, layer) in zip(rows, told, strict=True):
        assert (row["file"], row["layer"]) == (file, layer["name"])
        for key in set(row) - {"file", "layer", "tensors", "dtype", "directions", "reset_after"}:
            assert row[key] == str(layer[key]).lower() or row[key] == layer[key], key
        assert int(row["directions"]) == 1 + layer["bidirectional"]
        assert int(row["tensors"]) == len(layer["tensors"])


def test_the_end_of_the_name_says_the_format(here: Run, model: Path) -> None:
    assert fine(here("identify", model, "--output", "found.json")) == ""
    assert json.loads(Path("found.json").read_text())["ledger"] == "file"


# --- what torch writes -----------------------------------------------------------------------------------------


@pytest.mark.torch
def test_what_torch_saves_is_what_was_built(here: Run, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    built = torch.nn.LSTM(7, 5, num_layers=2, bidirectional=True)
    torch.save(built.state_dict(), tmp_path / "lstm.pt")
    (file,) = json.loads(fine(here("identify", tmp_path / "lstm.pt", "--format", "json")))["files"]
    (layer,) = file["layers"]
    assert (layer["type"], layer["input_size"], layer["hidden_size"], layer["num_layers"]) == ("LSTM", 7, 5, 2)
    assert layer["name"] == ""
    assert layer["parameters"] == sum(each.numel() for each in built.parameters())
    assert "(no prefix)" in fine(here(tmp_path / "lstm.pt"))


class _Evil:
    """What runs a command when it is loaded."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.system, ("touch ran",)


@pytest.mark.torch
def test_what_a_pickle_would_call_is_said_in_every_format_and_not_called(
    here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    torch.save({"model": torch.nn.GRU(5, 3).state_dict(), "more": _Evil()}, "evil.pt")
    for format in ("table", "json", "csv", "markdown"):
        done = here("evil.pt", "--format", format)
        assert "data.pkl calls posix.system; nothing was run" in done.stdout + done.stderr
        assert "GRU" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["evil.pt"]
