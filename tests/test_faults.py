"""All faults of a document at once, in its order; and how an error looks in a pipe and in a terminal."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from ended import Run

from rnninspect.commands.shared import messages
from rnninspect.document.load import load_spec
from rnninspect.errors import DocumentError, Excerpt, NoSuchDevice
from rnninspect.formats import excerpt

# Faults of every sort, each arrow where a complaint must point; it is taken out before the text is read.
ALL_SORTS = """\
▶nmae: x
input: ▶{seq_len: ▶0, lengths: null}
layers:
  - &a {type: LSTM, input_size: 3, ▶hiden_size: 5, dropout: ▶2, init: {▶weight_hx: eye, bias: ▶ones}}
  - *a
  - {type: ▶LTSM, bias: ▶3}
  - ▶type: Embedding
    ▶foo: 1
    ▶foo: 2
  - {type: Dropout, name: drop}
  - {type: Dropout, name: ▶drop}
cases: [{name: ▶''}]
device: ▶gpu
"""
MISFITS = """\
input: {batch_size: 2, seq_len: 3, lengths: ▶[▶4, 3, ▶9]}
layers:
  - {type: LSTM, input_size: 3, hidden_size: 5}
  - {type: GRU, input_size: ▶9, hidden_size: 5}
  - {type: Linear, in_features: ▶4, out_features: 2}
  - {type: Linear, in_features: ▶7}
  - {type: Linear, in_features: 8, out_features: 2}
budget: {max_output_bytes: 1, max_activation_bytes: ▶1}
"""
# What a layer puts out whose own sizes are in doubt is not held against the next one's.
DOUBT = """\
input: {batch_size: 2, seq_len: 3}
layers:
  - {type: LSTM, input_size: 3, hidden_size: 5, proj_size: ▶5}
  - {type: GRU, input_size: 9, hidden_size: 5}
"""


def places(marked: str) -> list[tuple[int, int]]:
    return [
        (line, at - earlier + 1)
        for line, text in enumerate(marked.splitlines(), 1)
        for earlier, at in enumerate(at for at, char in enumerate(text) if char == "▶")
    ]


def refused(text: str, folder: Path, *settings: str) -> DocumentError:
    (folder / "doc.yaml").write_text(text.replace("▶", ""))
    with pytest.raises(DocumentError) as caught:
        load_spec(str(folder / "doc.yaml"), settings)
    return caught.value


@pytest.mark.parametrize("text", [ALL_SORTS, MISFITS, DOUBT])
def test_every_fault_in_order(text: str, tmp_path: Path) -> None:
    error = refused(text, tmp_path)
    told = [(fault.place.line or 0, fault.place.column or 0) for fault in error.faults]
    assert list(dict.fromkeys(told)) == places(text)
    # Of two keys that are missing the place is the same.
    assert len(told) - len(places(text)) == (text is ALL_SORTS)


def test_a_misspelt_key_is_not_missing_too_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    text = "input: {batch_size: 2, seq_len: 3}\nlayers: [{type: LSTM, hiden_size: 5, hidden_size: 0}]"
    paths = [fault.path for fault in refused(text, tmp_path).faults]
    assert paths == ["layers[0].hiden_size", "layers[0].hidden_size"]


def test_faults_of_options_come_last(tmp_path: Path) -> None:
    text = "input: {batch_size: 2, seq_len: 3}\ndtype: 3\nlayers: [{type: LSTM, hidden_size: 0}]"
    error = refused(text, tmp_path, "input.seq_len=x", "device=3")
    assert [fault.path for fault in error.faults] == ["dtype", "layers[0].hidden_size", "input.seq_len", "device"]
    assert [fault.excerpt is None for fault in error.faults] == [False, False, True, True]


# --- how they are told --------------------------------------------------------------------------------------

ONE, TWO = "input: {batch_size: 2, seq_len: 3}\nlayers: [{type: X}]\n", "layers: [{type: X}]\n"


def test_a_line_each_and_a_count_in_a_pipe(here: Run, tmp_path: Path) -> None:
    for name, text in (("one", ONE), ("two", TWO), ("good", ONE.replace("X", "Dropout, name: d}, {type: X"))):
        (tmp_path / f"{name}.yaml").write_text(text)
    one, two = (str(tmp_path / f"{name}.yaml") for name in ("one", "two"))
    assert here("params", "--plan", one).stderr.count("\n") == 1
    several = here("params", "--plan", two, one)
    assert (several.returncode, several.stdout) == (2, "")
    *lines, count = several.stderr.splitlines()
    where = [f"{two}:1:1", f"{two}:1:17", f"{one}:2:17"]
    assert [line.split(": ")[:2] for line in lines] == [["error", place] for place in where]
    assert count == "3 errors"
    for command in ("bench", "check", "explain"):
        assert here(command, two, one).stderr == several.stderr


def test_no_more_are_told_than_anybody_reads(here: Run, tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text("input: {batch_size: 2, seq_len: 3}\nlayers: [" + "{type: X}, " * 1_060 + "]")
    *lines, more, count = here("params", "--plan", path).stderr.splitlines()
    assert len(lines) == 50
    assert more == f"note: 1,010 more errors in {path} are not told"
    assert count == "1,060 errors"


class Terminal(io.StringIO):
    """A stream that is a terminal, but has no size of its own."""

    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Makes stderr one, 40 columns wide, with colours."""
    # why no fixture: pytest puts streams of its own in place between a fixture and its test.
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    for name in ("NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "40")
    return stream


RED, YELLOW, PLAIN = "\x1b[38;5;160m", "\x1b[38;5;136m", "\x1b[0m"


def test_in_a_terminal_with_the_line_and_a_caret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    error = refused(ONE, tmp_path)
    stderr = terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "600")
    messages.complain(error)
    assert stderr.getvalue().splitlines() == [
        f"{RED}error{PLAIN}: {error}",
        "  |",
        "2 | layers: [{type: X}]",
        f"  |                 {RED}^{PLAIN}",
    ]


def test_a_long_line_is_broken_between_words_in_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/a-folder/{'of-a-long-name/' * 3}doc.yaml:1:1:"
    line = f"error: {path} what is wrong with it, where one line has no room"
    stderr = terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    messages.say(line)
    assert stderr.getvalue().splitlines() == [
        "error:",
        f"  {path}",
        "  what is wrong with it, where one line",
        "  has no room",
    ]
    pipe = io.StringIO()
    monkeypatch.setattr("sys.stderr", pipe)
    messages.say(line)
    assert pipe.getvalue() == f"{line}\n"


@pytest.mark.parametrize(
    ("name", "value", "coloured"),
    [("NO_COLOR", "1", False), ("FORCE_COLOR", "0", False), ("FORCE_COLOR", "1", True), ("TERM", "dumb", False)],
)
def test_the_words_stay_where_there_are_no_colours(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, coloured: bool
) -> None:
    stderr = terminal(monkeypatch)
    monkeypatch.setenv(name, value)
    for line in ("note: a", "warning: error: b", "error: c", "errors: d"):
        messages.say(line)
    told = stderr.getvalue()
    words = "note: a\nwarning: error: b\nerror: c\nerrors: d\n"
    assert told.replace(RED, "").replace(YELLOW, "").replace(PLAIN, "") == words
    assert (told.count(YELLOW), told.count(RED)) == ((2, 1) if coloured else (0, 0))


def test_a_refusal_shows_the_line_too(tmp_path: Path) -> None:
    path = tmp_path / "doc.yaml"
    path.write_text("device: meta\n" + ONE.replace("X", "LSTM, input_size: 2, hidden_size: 3"))
    spec = load_spec(str(path))
    assert spec.refused(NoSuchDevice, "no", ("device",)).excerpt == Excerpt(1, "device: meta", 8, 4)
    assert spec.refused(NoSuchDevice, "no").excerpt is None


@pytest.mark.parametrize(
    ("line", "at", "length", "width", "shown"),
    [
        ("key: value", 5, 5, 80, ["key: value", "     ^^^^^"]),
        ("\tkey: value", 6, 5, 80, ["    key: value", "         ^^^^^"]),
        ("", 0, 1, 80, ["", "^"]),
        ("abc", 3, 1, 80, ["abc", "   ^"]),
        ("a\x1b[31m: \u202e3", 8, 2, 80, [r"a\x1b[31m: \u202e3", "           ^^^^^^^"]),
        ("名前: 日本", 4, 2, 80, ["名前: 日本", "      ^^^^"]),
        ("a" * 30 + " bcd " + "e" * 30, 31, 3, 24, ["...aaaaaaaaaa bcd...", "              ^^^"]),
        ("ab: " + "c" * 90, 4, 90, 24, ["ab: ccccccc...", "    ^^^^^^^^^^"]),
        ("x" * 90, 0, 90, 4, ["x...", "^^^^"]),
    ],
)
def test_a_line_that_is_cut_around_the_caret(line: str, at: int, length: int, width: int, shown: list[str]) -> None:
    text = excerpt.render(Excerpt(7, line, at, length), width, colour=False)
    assert text.splitlines() == ["  |", f"7 | {shown[0]}".rstrip(), f"  | {shown[1]}"]


@pytest.mark.parametrize("width", range(14, 60, 5))
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    from rich.cells import cell_len

    for at in range(0, 120, 7):
        text = excerpt.render(Excerpt(123, "日本 ab\t\x07" * 20, at, 9), width, colour=False)
        assert max(map(cell_len, text.splitlines())) <= width
        assert "^" in text.splitlines()[2]


def test_the_excerpt_is_what_was_read_and_no_more(tmp_path: Path) -> None:
    text = "input: {batch_size: 2, seq_len: 3}\r\nlayers: [{type: X}]" + " " * 5_000 + "\r\n"
    found = refused(text, tmp_path).excerpt
    assert found is not None
    assert (found.line, found.start, found.length) == (2, 16, 1)
    assert found.text.rstrip() == "layers: [{type: X}]"
    assert len(found.text) < 500
