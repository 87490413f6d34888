"""Modules as people paste them: every text of `prints/` is read as `prints/expected` says, or refused as it says."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from rnninspect.document.load import load_models
from rnninspect.document.pasted import is_pasted, read_pasted
from rnninspect.errors import DocumentError

PRINTS = Path(__file__).parent / "prints"


def sections(text: str) -> dict[str, str]:
    """What `expected` says of each text, by its name."""
    parts = (part.partition("]\n") for part in text.split("\n[")[1:])
    return {name: said.strip("\n") for name, _, said in parts}


EXPECTED = sections((PRINTS / "expected").read_text(encoding="utf-8"))


def told(path: Path) -> str:
    """What becomes of a text: its layers, those of a chain indented, what is not described, notes, or the faults."""
    try:
        specs = load_models(str(path))
    except DocumentError as error:
        return "\n".join(f"error{str(fault).removeprefix(str(path))}" for fault in error.faults)
    lines = []
    for spec in specs:
        for link in spec.links:
            keys = link.layer.model_dump(exclude_unset=True, exclude={"name", "type"})
            said = ", ".join(f"{key}={value}" for key, value in keys.items())
            dtype = "" if spec.dtype == "float32" else f" {spec.dtype}"
            lines.append(f"{'  ' * (len(spec.links) > 1)}{link.layer.name} = {link.layer.type}({said}){dtype}")
    lines += [f"not described: {name or '-'} {kind}" for name, kind in specs[0].not_described]
    lines += [
        f"note{note.removeprefix(str(path))}" for spec in specs for note in spec.notes if "not described" not in note
    ]
    return "\n".join(lines)


@pytest.mark.parametrize("name", sorted(path.stem for path in PRINTS.glob("*.txt")))
def test_a_text_is_read_as_expected(name: str) -> None:
    assert told(PRINTS / f"{name}.txt") == EXPECTED[name]


@pytest.mark.parametrize("text", ['"""Train: it."""\nimport net\n', "x: int = 3\nmodel = build()\n", ""])
def test_python_that_makes_no_layer_is_told_what_to_give(tmp_path: Path, text: str) -> None:
    path = tmp_path / "train.py"
    path.write_text(text)
    with pytest.raises(DocumentError, match="it makes no layer that is read") as error:
        load_models(str(path))
    assert "give what print(model) says" in str(error.value)


def test_every_expectation_has_its_text() -> None:
    assert EXPECTED.keys() == {path.stem for path in PRINTS.glob("*.txt")}
    assert len(EXPECTED) >= 40


@pytest.mark.parametrize(
    "text",
    [
        "input: {batch_size: 3, seq_len: 4}\nlayers:\n  - |\n    Net(\n      (a): LSTM(3, 4)\n    )\n",
        "name: x\nself.a = nn.LSTM(3, 4)\n",
        "layer:\n  - LSTM(3, 4)\n",
        '{"layers": [\n  LSTM(3, 4)\n]}',
        "x: f = sigmoid(x)\n",
        "layers:\n- type: Cell\n  equations: |\n    h = tanh(\n      (x): LSTM(\n",
        "",
    ],
)
def test_a_document_stays_one(text: str) -> None:
    assert not is_pasted(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("self.a = nn.LSTM(3, 4)\nself.b = nn.GRU(4, 5)", ["a", "b"]),
        ("a = nn.LSTM(3, 4); b = nn.GRU(4, 5)", ["a", "b"]),
        ("nn.LSTM(3, 4),\nnn.LSTM(4, 4),", ["lstm-1", "lstm-2"]),
        ("rnn = torch.nn.modules.rnn.LSTM(3, \\\n  4).to(device).eval()", ["rnn"]),
        ("(0-1): 2 x LSTM(3, 4)\n(2): LSTM(4, 4)", ["0", "1", "2"]),
        ("Net(\n  (a): LSTM(3, 4)\n  (a): LSTM(4, 4)\n)", ["a", "a-2"]),
        ("print(nn.GRU(3, 4))", ["0"]),
    ],
)
def test_each_of_several_has_a_name(text: str, names: list[str]) -> None:
    from rnninspect.document.from_printed import described

    assert list(described(read_pasted(text, "x").modules).layers) == names


@pytest.mark.parametrize(
    "text",
    ["nn.LSTM(3, 4).double()", "nn.LSTM(3, 4).to(torch.float16)", "nn.LSTM(3, 4)(x)", "a = nn.LSTM(3, 4) if b else c"],
)
def test_what_is_done_to_a_module_is_no_part_of_it(text: str) -> None:
    with pytest.raises(DocumentError, match="expected the end"):
        read_pasted(text, "x")


def test_a_damaged_text_ends_in_models_or_a_fault(tmp_path: Path) -> None:
    draw, path = random.Random(7), tmp_path / "damaged.txt"
    texts = [each.read_text(encoding="utf-8") for each in sorted(PRINTS.glob("*.txt"))]
    pieces = [
        "(",
        ")",
        "[",
        "{",
        ",",
        "=",
        "'",
        "\n",
        "...",
        "nn.LSTM(",
        "(a): ",
        "2 x ",
        "\r",
        "\u2028",
        "->",
        "self.a = ",
    ]
    ends = {"models": 0, "fault": 0}
    for _ in range(120):
        text = draw.choice(texts)
        for _ in range(draw.randrange(1, 5)):
            at = draw.randrange(len(text) + 1)
            text = text[:at] + draw.choice(pieces) * draw.randrange(2) + text[at + draw.randrange(20) :]
        path.write_text(text, encoding="utf-8", newline="")
        try:
            load_models(str(path))
            ends["models"] += 1
        except DocumentError:
            ends["fault"] += 1
    assert min(ends.values()) > 20


@pytest.mark.parametrize(
    "piece",
    [
        "A(\n (a): B()\n)\n",
        "x: A(\nx:  (a): B()\n",
        "nn.LSTM(3, 4)\n",
        "(a): ",
        "a = ",
        "a\n",
        "\x1b[0m",
        "LSTM('",
        "(",
    ],
)
def test_a_long_text_ends_soon(piece: str) -> None:
    text = (piece * (50_000 // len(piece) + 1))[:50_000]
    start = time.process_time()
    try:
        if is_pasted(text):
            read_pasted(text, "x")
    except DocumentError:
        pass
    assert time.process_time() - start < 2
