"""The lock: its text and back, every way it can be broken, merges by git, and several processes at once."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import examples
from worlds import Git

from rnninspect.errors import DocumentError
from rnninspect.guard.lock import find_lock, read_lock, update_lock
from rnninspect.guard.lock_lines import VERSION, render_lock
from rnninspect.guard.locked import Locked, LockedLayer, LockedModel

HEADER = '{"rnninspect_lock": 2}\n'
COUNTS = {"parameters": 8, "macs": 9, "weights": {"w": [2, 4]}}
ENTRY: dict[str, object] = {"file": "a.yaml", "layer": "x", "type": "LSTM", **COUNTS, "settings": {"hidden_size": 2}}
HINT = "(restore it, or delete it and run check --update)"
EXPECTED = '{"rnninspect_lock": 2}'
NO_LOCK = f"this is no lock of rnninspect's: expected {EXPECTED} in its first line (name another file with --lock)"


def entry(**fields: object) -> str:
    """A line of a lock."""
    return json.dumps({**ENTRY, **fields}) + "\n"


def layer(size: int) -> LockedLayer:
    return LockedLayer("Linear", size * size, size, {"weight": (size, size), "bias": (size,)}, {"out_features": size})


def model(**layers: LockedLayer) -> LockedModel:
    return LockedModel({"input.seq_len": 7}, layers)


def refused(path: Path) -> str:
    """The one line that is said of a broken lock, without its path."""
    with pytest.raises(DocumentError) as caught:
        read_lock(path)
    assert caught.value.exit_code == 2
    line = str(caught.value)
    assert line.isprintable()
    assert line.startswith(f"{path}:")
    return line.removeprefix(f"{path}:")


def read_or_refuse(path: Path) -> Locked | None:
    """A lock, or None where it is refused in one line."""
    try:
        return read_lock(path)
    except DocumentError:
        refused(path)
        return None


# --- its text ----------------------------------------------------------------------------------------------

# Names as they come: files of any name, layers and weights of any text.
names = st.text(max_size=8)
single = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | names | st.floats(allow_nan=False, allow_infinity=False)
)
settings_of_any = st.dictionaries(names, single | st.lists(st.integers() | names, max_size=3).map(tuple), max_size=3)
layers = st.builds(
    LockedLayer,
    names,
    st.integers(0, 2**70),
    st.integers(0, 2**70),
    st.dictionaries(names, st.lists(st.integers(0, 2**63), max_size=3).map(tuple), max_size=3),
    st.none() | settings_of_any,
)
models_of_any = st.builds(
    LockedModel, st.none() | settings_of_any, st.dictionaries(names, layers, min_size=1, max_size=3)
)
locks = st.dictionaries(names, models_of_any, max_size=3)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lock") / "rnninspect.lock"


@examples(30)
@given(models=locks)
def test_what_is_written_is_what_is_read(scratch: Path, models: Locked) -> None:
    scratch.write_text(render_lock(models), encoding="utf-8", errors="backslashreplace", newline="")
    read = read_lock(scratch)
    assert read == models
    # dictionaries are the same in any order
    assert [list(read[file].layers) for file in models] == [list(model.layers) for model in models.values()]


@examples(30)
@given(models=locks, order=st.randoms(use_true_random=False))
def test_the_same_models_are_the_same_bytes_whatever_their_order(models: Locked, order: random.Random) -> None:
    def shuffled(mapping: Mapping[str, object]) -> dict[str, object]:
        keys = list(mapping)
        order.shuffle(keys)
        return {key: mapping[key] for key in keys}

    assert render_lock(shuffled(models)) == render_lock(models)  # type: ignore[arg-type]


@examples(30)
@given(models=locks)
def test_a_model_and_a_layer_are_a_line_of_json_each_in_the_order_of_files_and_of_layers(models: Locked) -> None:
    header, *lines = (json.loads(line) for line in render_lock(models).split("\n") if line)
    assert header == {"rnninspect_lock": VERSION}
    keys = [(line["file"], line.get("layer")) for line in lines]
    assert keys == [
        (file, name)
        for file, model in sorted(models.items())
        for name in (*([] if model.settings is None else [None]), *model.layers)
    ]


def test_the_text_of_a_lock() -> None:
    old = LockedModel(None, {"x": LockedLayer("LSTM", 8, 9, {"w": (2, 4), "b": (1,)})})
    models = {"b.yaml": old, "a/é.yaml": model(x=layer(2))}
    assert [line for line in render_lock(models).split("\n") if line] == [
        '{"rnninspect_lock": 2}',
        '{"file": "a/é.yaml", "settings": {"input.seq_len": 7}}',
        '{"file": "a/é.yaml", "layer": "x", "type": "Linear", "settings": {"out_features": 2}, '
        '"parameters": 4, "macs": 2, "weights": {"weight": [2, 2], "bias": [2]}}',
        '{"file": "b.yaml", "layer": "x", "type": "LSTM", "parameters": 8, "macs": 9, '
        '"weights": {"w": [2, 4], "b": [1]}}',
    ]
    assert render_lock(models).endswith("\n")


def test_a_lock_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(HEADER)
    assert read_lock(tmp_path / "lock") == {}
    assert render_lock({}) == HEADER


def test_line_ends_of_windows_and_keys_of_later_versions_are_read(tmp_path: Path) -> None:
    text = HEADER + entry(layer="x", later=[1]) + entry(layer="y")
    (tmp_path / "lock").write_text(text.replace("\n", "\r\n"), newline="")
    assert list(read_lock(tmp_path / "lock")["a.yaml"].layers) == ["x", "y"]


# --- broken ------------------------------------------------------------------------------------------------

NO_HEADER = 'the lock is broken: expected {"rnninspect_lock": 2}'
NOT_JSON = "the lock is broken: expected one JSON object a line"
CONFLICT = "the lock is broken: a merge conflict stands here"

BROKEN: list[tuple[str, str, int, str]] = [
    ("a version in words", '{"rnninspect_lock": "1"}\n', 1, NO_HEADER),
    ("a version that is true", '{"rnninspect_lock": true}\n', 1, NO_HEADER),
    ("a version that is 1.0", '{"rnninspect_lock": 1.0}\n', 1, NO_HEADER),
    ("version 0", '{"rnninspect_lock": 0}\n', 1, NO_HEADER),
    ("a list for an entry", f"{HEADER}[1]\n", 2, f"{NOT_JSON}, got a list"),
    ("no JSON", f"{HEADER}{entry()}{{'file'}}\n", 3, NOT_JSON),
    ("two objects on a line", HEADER + entry().strip() + entry(), 2, NOT_JSON),
    ("deep brackets", f"{HEADER}{'[' * 100_000}\n", 2, NOT_JSON),
    ("an endless number", f"{HEADER}{'9' * 5_000}\n", 2, NOT_JSON),
    ("half a last line", HEADER + entry() + entry(layer="y")[:40], 3, "the lock is broken: the last line is only half"),
    ("no newline at the end", HEADER + entry().strip(), 2, "the lock is broken: the last line is only half there"),
    ("a header without a newline", HEADER.strip(), 1, "the lock is broken: the last line is only half there"),
    ("merge, the start of it", f"{HEADER}{entry()}<<<<<<< HEAD\n{entry(macs=1)}=======\n", 3, CONFLICT),
    ("merge, within another", f"{HEADER}<<<<<<< HEAD\n{entry()}<<<<<<< HEAD\n=======\n>>>>>>> other\n", 4, CONFLICT),
    ("merge, mended in part", f"{HEADER}{entry()}=======\n", 3, CONFLICT),
    ("merge, the end of it", f"{HEADER}{entry()}>>>>>>> other\n", 3, CONFLICT),
    ("merge, diff3", f"{HEADER}{entry()}||||||| base\n", 3, CONFLICT),
    ("merge of the header", f"<<<<<<< HEAD\n{HEADER}", 1, CONFLICT),
    ("twice the same layer", HEADER + entry() + entry(layer="y") + entry(macs=1), 4, "a.yaml layer 'x' stands twice"),
    (
        "a shape of no list",
        HEADER + entry(weights={"w": 4}),
        2,
        "expected the shape of 'w' as a list of integers, got 4",
    ),
    ("a shape of text", HEADER + entry(weights={"w": ["4"]}), 2, "expected the shape of 'w' as a list of integers"),
    ("a shape of true", HEADER + entry(weights={"w": [True]}), 2, "expected the shape of 'w' as a list of integers"),
    ("a shape of floats", HEADER + entry(weights={"w": [2.0]}), 2, "expected the shape of 'w' as a list of integers"),
    ("escapes", HEADER + entry(file="\x1b[31m", layer=1), 2, "expected layer to be str, got 1"),
    ("escapes, shown", HEADER + entry(layer="\x1b\n") * 2, 3, r"layer '\x1b\n' stands twice"),
]


@pytest.mark.parametrize(("text", "line", "message"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_a_broken_lock_is_one_line_that_names_the_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "rnninspect.lock"
    path.write_text(text)
    shown = refused(path)
    assert shown.startswith(f"{line}: ")
    assert message in shown
    assert shown.endswith(HINT)
    with pytest.raises(DocumentError):
        update_lock(path, lambda before: before)
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "text",
    [
        *("", "\n", "input: {}\n", '{"rnninspect_lo', entry(), '{"lock": 1}\n', "[1]\n", "7\n", "[" * 100_000),
        *(HEADER.encode(encoding) for encoding in ("utf-16", "utf-32", "utf-8-sig")),
        b"\x89PNG\r\n\x1a\n\0",
    ],
)
def test_a_file_that_is_no_lock_is_told_so_and_nobody_is_to_delete_it(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "tagger.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert refused(path) == f"1: {NO_LOCK}"
    with pytest.raises(DocumentError, match="this is no lock"):
        update_lock(path, lambda before: before)
    assert path.read_bytes() == (text if isinstance(text, bytes) else text.encode())


VALUES = (None, True, 1.5, "7", 7, [], {})


@pytest.mark.parametrize(("key", "value"), [(k, v) for k in ENTRY for v in VALUES if type(v) is not type(ENTRY[k])])
def test_a_field_of_the_wrong_type(tmp_path: Path, key: str, value: object) -> None:
    (tmp_path / "lock").write_text(HEADER + entry(layer="y") + entry(**{key: value}))
    assert refused(tmp_path / "lock").startswith(f"3: the lock is broken: expected {key} to be ")


@pytest.mark.parametrize("key", [key for key in ENTRY if key != "settings"])
def test_a_field_that_is_missing(tmp_path: Path, key: str) -> None:
    line = json.dumps({name: value for name, value in ENTRY.items() if name != key})
    (tmp_path / "lock").write_text(f"{HEADER}{line}\n")
    assert refused(tmp_path / "lock").startswith(f"2: the lock is broken: expected {key} to be ")


@pytest.mark.parametrize("rest", ["", "half a li", '{"of": "another form"}\n'])
def test_a_newer_version_is_said_to_be_one_whatever_follows(tmp_path: Path, rest: str) -> None:
    (tmp_path / "lock").write_text(f'{{"rnninspect_lock": {VERSION + 1}, "more": []}}\n{rest}')
    assert refused(tmp_path / "lock") == (
        f"1: this lock is of version {VERSION + 1}, and this rnninspect knows {VERSION} "
        "(use the newer rnninspect that wrote it)"
    )


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "lock").write_bytes(HEADER.encode() + entry().encode() + b"\xff\xfe\n")
    assert refused(tmp_path / "lock").startswith("3: the lock is broken: ")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """An update is advised where it would help, and nowhere else."""
    assert refused(tmp_path) == " cannot read the lock: Is a directory"
    assert refused(tmp_path / "none") == " cannot read the lock: No such file or directory (--update writes one)"
    assert refused(tmp_path / "none" / "lock") == " cannot read the lock: No such file or directory"
    (tmp_path / "loop").symlink_to("loop")
    assert refused(tmp_path / "loop") == " cannot read the lock: Too many levels of symbolic links"
    assert refused(tmp_path / ("a" * 300)) == " cannot read the lock: File name too long"
    os.mkfifo(tmp_path / "fifo")
    assert refused(tmp_path / "fifo") == " cannot read the lock: is a named pipe"
    with (tmp_path / "vast").open("wb") as file:
        file.truncate(2**30)
    assert refused(tmp_path / "vast") == " cannot read the lock: larger than 65,536 KiB"


@examples(30)
@given(cut=st.integers(0, 10_000), models=locks)
def test_the_start_of_a_lock_is_never_taken_for_all_of_it(scratch: Path, cut: int, models: Locked) -> None:
    data = render_lock(models).encode("utf-8", "backslashreplace")
    kept = data[: cut % len(data)]
    scratch.write_bytes(kept)
    locked = read_or_refuse(scratch)
    if locked is not None:
        # Cut between two lines nothing is half there; what is left is what was written.
        assert kept.endswith(b"\n")
        for file, kept_model in locked.items():
            assert kept_model.settings == models[file].settings
            assert all(models[file].layers[name] == found for name, found in kept_model.layers.items())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_lock_or_one_line(scratch: Path, data: bytes) -> None:
    for text in (data, HEADER.encode() + data, HEADER.encode() + data + b"\n"):
        scratch.write_bytes(text)
        read_or_refuse(scratch)


# --- updates -----------------------------------------------------------------------------------------------


def test_an_update_sees_what_there_is_and_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / "rnninspect.lock"
    befores: list[Locked] = []

    def change(before: Locked) -> Locked:
        befores.append(before)
        return {**before, f"{len(before)}.yaml": model(x=layer(len(before) + 1))}

    update_lock(path, change)
    update_lock(path, change)
    assert befores == [{}, {"0.yaml": model(x=layer(1))}]
    assert read_lock(path) == {"0.yaml": model(x=layer(1)), "1.yaml": model(x=layer(2))}
    assert list(tmp_path.iterdir()) == [path]


def test_an_update_through_a_link_keeps_the_link_and_holds_its_folder(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(Path("there") / "lock")

    def change(before: Locked) -> Locked:
        # Whoever updates it under its own name has to wait.
        folder = os.open(tmp_path / "there", os.O_RDONLY)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(folder)
        return {"a": model(x=layer(2))}

    update_lock(tmp_path / "link", change)
    assert (tmp_path / "link").is_symlink()
    assert read_lock(tmp_path / "there" / "lock") == {"a": model(x=layer(2))}


def test_a_change_that_fails_leaves_the_lock_and_frees_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "rnninspect.lock"
    update_lock(path, lambda before: {"a": model(x=layer(2))})
    before = path.read_bytes()

    def fail(models: Locked) -> Locked:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        update_lock(path, fail)
    assert path.read_bytes() == before
    update_lock(path, lambda models: {})
    assert path.read_text() == HEADER


# Adds one entry; what it prints first says that it is running.
WRITER = """
import sys
from pathlib import Path
from rnninspect.guard.lock import update_lock
from rnninspect.guard.locked import LockedLayer, LockedModel
path, name, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("running", flush=True)
for number in range(times):
    model = LockedModel({}, {"x": LockedLayer("LSTM", number, 0, {"weight": (number,)}, {})})
    update_lock(path, lambda before: {**before, f"{name}-{number:05}.yaml": model})
"""


def writer(environment: Callable[..., dict[str, str]], path: Path, name: str, times: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-W", "error", "-c", WRITER, str(path), name, str(times)]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_four_processes_at_once_lose_nothing(environment: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    path = tmp_path / "rnninspect.lock"
    processes = [writer(environment, path, name, 30) for name in "abcd"]
    streams = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0], streams
    expected = {f"{name}-{number:05}.yaml" for name in "abcd" for number in range(30)}
    locked = read_lock(path)
    assert set(locked) == expected
    assert {file: model.layers["x"].parameters for file, model in locked.items()} == {
        file: int(file[2:7]) for file in expected
    }
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("turns", [6, pytest.param(40, marks=pytest.mark.more)])
def test_a_killed_writer_leaves_a_whole_lock_and_holds_nobody_off(
    environment: Callable[..., dict[str, str]], tmp_path: Path, turns: int
) -> None:
    path = tmp_path / "rnninspect.lock"
    update_lock(path, lambda before: {"kept.yaml": model(x=layer(9))})
    moments = random.Random(0)
    counts = []
    for turn in range(turns):
        with writer(environment, path, f"{turn:02}", 1_000_000) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"running\n"
            time.sleep(moments.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
            process.wait()
        locked = read_lock(path)
        assert locked["kept.yaml"] == model(x=layer(9))
        counts.append(len(locked))
        # What is there of each writer is its first entries, none left out.
        numbers = [int(file[3:8]) for file in locked if file.startswith(f"{turn:02}-")]
        assert sorted(numbers) == list(range(len(numbers)))
    assert counts == sorted(counts)
    assert counts[-1] > 1, "no writer ever came to write"
    update_lock(path, lambda before: {**before, "after.yaml": model(x=layer(1))})
    assert len(read_lock(path)) == counts[-1] + 1
    # Killed between writing and renaming, a writer cannot clean up; it leaves nothing but hidden files.
    left = [file.name for file in tmp_path.iterdir() if file != path]
    assert [name for name in left if not re.fullmatch(r"\.rnninspect\.lock\.[0-9a-f]+\.tmp", name)] == []


# --- git ---------------------------------------------------------------------------------------------------


def merged(folder: Path, base: Locked, ours: Locked, theirs: Locked) -> Path:
    """The lock after the branch `theirs` was merged into `ours`, both from `base`, in an empty folder."""
    git, path = Git(folder), folder / "rnninspect.lock"

    def commit(models: Locked) -> None:
        path.write_text(render_lock(models))
        git.commit("a change")

    commit(base)
    git("checkout", "--quiet", "-b", "theirs")
    commit(theirs)
    git("checkout", "--quiet", "main")
    commit(ours)
    with suppress(subprocess.CalledProcessError):
        git("merge", "--quiet", "--no-edit", "theirs")
    return path


BASE = {f"{name}.yaml": model(a=layer(5), b=layer(5), c=layer(5)) for name in ("one", "two")}


def test_branches_that_change_different_layers_merge(tmp_path: Path) -> None:
    """Neighbours too."""
    ours = {**BASE, "one.yaml": model(a=layer(5), b=layer(6), c=layer(5))}
    two = model(a=layer(5), b=layer(5), new=layer(8), c=layer(7))
    path = merged(tmp_path, BASE, ours, {"one.yaml": model(a=layer(5), b=layer(5), c=layer(7)), "two.yaml": two})
    assert read_lock(path) == {"one.yaml": model(a=layer(5), b=layer(6), c=layer(7)), "two.yaml": two}


def test_branches_that_remove_and_add_models_merge(tmp_path: Path) -> None:
    ours = {"two.yaml": BASE["two.yaml"]}
    theirs = {**BASE, "zero.yaml": model(a=layer(3))}
    assert set(read_lock(merged(tmp_path, BASE, ours, theirs))) == {"two.yaml", "zero.yaml"}


# --- conflicts ---------------------------------------------------------------------------------------------


def torn(folder: Path, ours: str, theirs: str, *, before: str = HEADER, after: str = "") -> Path:
    """A lock as git leaves it where two branches do not agree."""
    path = folder / "rnninspect.lock"
    path.write_text(f"{before}<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> other\n{after}")
    return path


def test_branches_that_change_the_same_layer_are_a_conflict_that_an_update_ends(tmp_path: Path) -> None:
    one, two, other = (model(a=layer(size), b=layer(5)) for size in (6, 7, 8))
    ours, theirs = {"one.yaml": one, "two.yaml": other}, {"one.yaml": two, "two.yaml": BASE["two.yaml"]}
    path = merged(tmp_path, BASE, ours, theirs)
    message = refused(path)
    assert re.match(r"\d+: the lock is broken: a merge conflict stands here \(check .*one.yaml --update ", message)
    before = path.read_bytes()
    with pytest.raises(
        DocumentError, match=r"stands here, and one.yaml in it would be lost \(check .*one.yaml --update"
    ):
        update_lock(path, lambda models: {**models, "two.yaml": two}, ["two.yaml"])
    assert path.read_bytes() == before
    assert find_lock(path, mend=True) == {"two.yaml": other}
    assert update_lock(path, lambda models: {**models, "one.yaml": two}, ["one.yaml"])
    # what stood outside of the conflict is kept: ours, which theirs had not touched
    assert read_lock(path) == {"one.yaml": two, "two.yaml": other}


@pytest.mark.parametrize("version", [1, 2])
def test_a_conflict_of_the_header_ends_too(tmp_path: Path, version: int) -> None:
    old = f'{{"rnninspect_lock": {version}}}\n'
    path = torn(tmp_path, old + entry(), HEADER + entry(macs=1), before="", after=entry(file="b.yaml"))
    assert refused(path).startswith("1: the lock is broken: a merge conflict stands here (check ")
    assert update_lock(path, lambda models: {**models, "a.yaml": model(x=layer(2))}, ["a.yaml"])
    assert list(read_lock(path)) == ["a.yaml", "b.yaml"]


def test_a_conflict_with_the_base_beside_both_sides_ends_too(tmp_path: Path) -> None:
    path = torn(tmp_path, f"{entry()}||||||| base\n{entry(file='gone.yaml')}", entry(macs=1))
    seen: list[Locked] = []

    def drop(models: Locked) -> Locked:
        seen.append(models)
        return {"a.yaml": model(x=layer(2))}

    assert update_lock(path, drop, ["a.yaml"])
    assert set(seen[0]) == {"a.yaml", "gone.yaml"}
    assert list(read_lock(path)) == ["a.yaml"]


def test_models_of_a_conflict_that_nobody_gave_are_named_and_not_lost(tmp_path: Path) -> None:
    files = [f"{name} {number}.yaml" for number, name in enumerate("abcde")]
    both = ["".join(entry(file=file, macs=macs) for file in files) for macs in (1, 2)]
    path = torn(tmp_path, *both)
    assert "(check --update of its 5 models writes it anew: " in refused(path)
    with pytest.raises(DocumentError, match=re.escape("and b 1.yaml and d 3.yaml in it would be lost")):
        update_lock(path, lambda models: models, {*files} - {"b 1.yaml", "d 3.yaml"})
    path = torn(tmp_path, entry(file="a b.yaml"), "")
    assert refused(path).endswith(f"(check '{tmp_path}/a b.yaml' --update writes it anew)")


def test_what_cannot_be_read_of_a_conflict_is_not_written_anew(tmp_path: Path) -> None:
    newer = f'{{"rnninspect_lock": {VERSION + 1}}}\n'
    for ours, message in (("{half\n", "expected one JSON object a line"), (newer, "this lock is of version 3")):
        path = torn(tmp_path, ours, entry())
        before = path.read_bytes()
        with pytest.raises(DocumentError, match=message):
            update_lock(path, lambda models: {}, ["a.yaml"])
        assert path.read_bytes() == before


# --- versions ----------------------------------------------------------------------------------------------


def test_a_lock_of_version_1_is_read_and_becomes_version_2(tmp_path: Path) -> None:
    path = tmp_path / "rnninspect.lock"
    old = {key: value for key, value in ENTRY.items() if key != "settings"}
    path.write_text('{"rnninspect_lock": 1}\n' + "".join(json.dumps({**old, "layer": name}) + "\n" for name in "xy"))
    locked = read_lock(path)
    unknown = LockedLayer("LSTM", 8, 9, {"w": (2, 4)}, None)
    assert locked == {"a.yaml": LockedModel(None, {"x": unknown, "y": unknown})}
    assert update_lock(path, lambda models: models)
    assert path.read_text().startswith(HEADER)
    assert read_lock(path) == locked


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_an_update_that_changes_nothing_leaves_the_file_untouched(tmp_path: Path, ends: str) -> None:
    path = tmp_path / "rnninspect.lock"
    path.write_text(render_lock(BASE), newline=ends)
    before = path.read_bytes(), path.stat()
    assert not update_lock(path, lambda models: {**models, "one.yaml": BASE["one.yaml"]})
    assert (path.read_bytes(), path.stat()) == before
    turned = model(b=layer(5), a=layer(5), c=layer(5))
    assert update_lock(path, lambda models: {**models, "one.yaml": turned})
    assert list(read_lock(path)["one.yaml"].layers) == ["b", "a", "c"]
