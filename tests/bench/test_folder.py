"""A folder of journals: what counts, what is missing, whose it was; and that nothing is lost of what is damaged."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from many_journals import PATH, head, outcome, share_head, whole, write

from rnninspect import __version__
from rnninspect.bench.controls import controls_of
from rnninspect.bench.folder import Survey, survey
from rnninspect.bench.journal import read_journal
from rnninspect.bench.journal_writer import line_of, start
from rnninspect.bench.merging import (
    MISSING,
    controls_in,
    may_be_replaced,
    merged_lines,
    outcomes_of,
    read_missing,
    read_of,
    write_missing,
)
from rnninspect.bench.progress import missing_points, progress_text, shares_seen
from rnninspect.bench.records import Outcome
from rnninspect.bench.share_heads import digest_of, name_of
from rnninspect.errors import DocumentError
from rnninspect.results.merge import merge_blocks, merge_tables
from rnninspect.results.table import Table

POINTS, SHARES = 12, 3
WHOLE = whole(POINTS)


def later(outcome: Outcome, hours: int = 1) -> Outcome:
    return outcome._replace(began=f"2026-01-01T{hours:02}:00:00+00:00")


def failed(size: int) -> Outcome:
    return outcome(size)._replace(status="memory", reason="no room", environment=None, figures=(), began="")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three shares of twelve points, all of them measured."""
    for number in range(1, SHARES + 1):
        share = share_head(number, SHARES, POINTS)
        write(tmp_path / "results", share, WHOLE, *(outcome(k + 1) for k in share.members))
    return tmp_path / "results"


def journal(folder: Path, number: int) -> Path:
    (path,) = folder.glob(f"*-{number}-of-{SHARES}.jsonl")
    return path


def looked_at(*paths: Path, **how: Any) -> Survey:
    found = survey(paths, **how)
    assert found is not None
    return found


def sizes(outcomes: Any) -> list[int]:
    return [one.settings[PATH] for one in outcomes]


def refused(*paths: Path, **how: Any) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        survey(paths, **how)
    return [str(fault) for fault in caught.value.faults]


# --- what counts -----------------------------------------------------------------------------------------------


def test_all_of_it_in_the_order_of_the_points_whatever_the_files_are_called(folder: Path) -> None:
    for path in list(folder.iterdir()):
        path.rename(folder / f"{random.random()}.txt")
    (folder / "notes.txt").write_text("mine")
    (folder / "log").mkdir()
    found = looked_at(folder)
    assert (progress_text(found), found.missing, found.again) == ("12 of 12 points", (), 0)
    assert sizes(outcomes_of(found)) == list(range(1, POINTS + 1))
    assert [share.is_whole for share in shares_seen(found)] == [True] * SHARES


def test_merging_copies_each_line_and_what_is_merged_is_read_as_a_journal(folder: Path, tmp_path: Path) -> None:
    lines = {line for path in folder.iterdir() for line in path.read_bytes().splitlines()[1:]}
    merged = tmp_path / "all.jsonl"
    merged.write_bytes(b"".join(merged_lines(looked_at(folder))))
    first, *others = merged.read_bytes().splitlines()
    assert set(others) == lines
    assert len(others) == len(lines) == POINTS
    read = read_journal(merged)
    assert read.outcomes == read_of(looked_at(folder)).outcomes
    assert read.head.asked["merged"] == SHARES
    assert {"points", "share", "again"} & read.head.asked.keys() == set()
    assert json.loads(first)["asked"]["budget"] == 3.0
    # What was merged has nothing that is not there already, unless it is asked for by name.
    merged.rename(folder / "all.jsonl")
    assert looked_at(folder).again == 0
    alone = looked_at(folder / "all.jsonl")
    assert (alone.whole, len(alone.points), alone.missing) == (None, POINTS, ())
    assert progress_text(alone) == "12 of 12 points"


def test_the_document_may_lie_elsewhere_on_another_host(folder: Path) -> None:
    share = share_head(2, SHARES, POINTS, attempt=1)
    elsewhere = [outcome(k + 1)._replace(file="/home/me/m.yaml") for k in share.members]
    write(folder, share, WHOLE, *map(later, elsewhere), files=["/home/me/m.yaml"])
    found = looked_at(folder)
    assert (found.missing, found.again) == ((), len(share.members))
    assert {one.file for one in outcomes_of(found)} == {"m.yaml"}
    assert {json.loads(line).get("file") for line in merged_lines(found)} == {None, "m.yaml"}


@pytest.mark.parametrize("order", [1, -1])
def test_of_what_was_measured_twice_one_counts(folder: Path, order: int) -> None:
    twice = [later(outcome(1, host="new"), 2), later(outcome(1, host="old"), 1), failed(1), failed(99)]
    write(folder, share_head(3, SHARES, POINTS, attempt=1), WHOLE, *twice[::order])
    found = looked_at(folder)
    assert found.again == 3
    assert next(outcomes_of(found)).environment.host == "new"  # type: ignore[union-attr]


def test_times_of_two_zones_are_compared_as_times(folder: Path) -> None:
    west = outcome(1, host="west")._replace(began="2026-01-01T01:00:00-08:00")
    east = outcome(1, host="east")._replace(began="2026-01-01T08:00:00+01:00")
    write(folder, share_head(3, SHARES, POINTS, attempt=1), WHOLE, west, east)
    assert next(outcomes_of(looked_at(folder))).environment.host == "west"  # type: ignore[union-attr]


def test_variants_and_processes_are_all_part_of_a_point(tmp_path: Path) -> None:
    variants = ({"dtype": "float32"}, {"dtype": "float16"})
    all_points = whole(2, variants=variants, processes=2)
    runs = [
        outcome(1)._replace(variant=variant, process=process) for process in (0, 1) for variant in reversed(variants)
    ]
    write(tmp_path / "r", share_head(1, 1, 2), all_points, *runs[:3])
    found = looked_at(tmp_path / "r")
    assert [point.reason for point in missing_points(found)] == ["3 of 4 measured", "not measured"]
    write(tmp_path / "r", share_head(1, 1, 2, attempt=1), all_points, runs[3])
    found = looked_at(tmp_path / "r")
    assert found.missing == (1,)
    assert [(one.process, one.variant) for one in outcomes_of(found)] == [
        (process, variant) for process in (0, 1) for variant in variants
    ]


# --- what is missing, and what is damaged ----------------------------------------------------------------------


def test_a_share_without_a_journal_has_none(folder: Path) -> None:
    journal(folder, 2).unlink()
    found = looked_at(folder)
    assert progress_text(found) == "8 of 12 points; share 2/3 has none"
    assert [point.settings[PATH] - 1 for point in missing_points(found)] == list(found.missing)
    assert set(found.missing) == set(share_head(2, SHARES, POINTS).members)


@pytest.mark.parametrize("text", ["", '{"schema', '{"schema_version": 2, "kind": "rnninspect bench", "rnn'])
def test_half_a_head_is_named_and_is_no_error(folder: Path, text: str) -> None:
    journal(folder, 2).write_text(text)
    found = looked_at(folder)
    assert progress_text(found) == "8 of 12 points; share 2/3 has none"
    assert [one.path for one in found.journals if one.head is None] == [journal(folder, 2)]


def test_a_head_alone_says_who_has_begun(folder: Path) -> None:
    path = journal(folder, 2)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert progress_text(looked_at(folder)) == "8 of 12 points; share 2/3 has none, but has begun"


@pytest.mark.parametrize("cut", [1, 2, 40, 400])
def test_half_a_line_is_left_out_and_its_share_is_named(folder: Path, cut: int) -> None:
    path = journal(folder, 2)
    path.write_bytes(path.read_bytes()[:-cut])
    found = looked_at(folder)
    if cut == 1:  # its newline alone is missing
        assert found.missing == ()
        return
    assert len(found.missing) == 1
    assert progress_text(found) == (
        "11 of 12 points; share 2/3 has 3 of 4 and half a line: it is being written, or was cut off"
    )
    assert shares_seen(found)[1].half == f"{path.name}:5"
    assert len(sizes(outcomes_of(found))) == 11


def test_no_cut_of_a_journal_loses_a_line_before_it(folder: Path) -> None:
    path = journal(folder, 2)
    data = path.read_bytes()
    for end in random.Random(0).sample(range(len(data)), 40):
        path.write_bytes(data[:end])
        whole_lines = data[:end].count(b"\n") - 1
        # why one more: where it ends at a newline, the line is whole without it.
        expected = max(whole_lines, 0) + (end > 0 and data[end : end + 1] == b"\n" and whole_lines >= 0)
        assert POINTS - len(looked_at(folder).missing) == 8 + expected


@pytest.mark.parametrize("where", [0.1, 0.5, 0.9])
def test_a_journal_that_is_broken_in_the_middle_is_refused_with_its_line(folder: Path, where: float) -> None:
    path = journal(folder, 2)
    lines = path.read_bytes().splitlines(keepends=True)
    at = int(where * 300)  # within what is read of a line
    lines[2] = lines[2][:at] + b"\0" + lines[2][at:]
    path.write_bytes(b"".join(lines))
    (said,) = refused(folder)
    assert said.startswith(f"{path}:3: the results are broken: ")
    # Others of the same sweep go on with what is before it.
    digest = looked_at(journal(folder, 1)).digest
    assert len(looked_at(folder, digest=digest).best) == 9


def test_a_line_whose_samples_are_broken_is_refused_when_they_are_read(folder: Path) -> None:
    path = journal(folder, 2)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"rounds": [[', b'"rounds": [[null, ')
    path.write_bytes(b"".join(lines))
    with pytest.raises(DocumentError, match=r":3: the results are broken: figures\[0\]\.rounds"):
        list(outcomes_of(looked_at(folder)))


def test_a_point_that_failed_is_missing_with_its_reason(folder: Path) -> None:
    path = journal(folder, 2)
    size = share_head(2, SHARES, POINTS).members[-1] + 1
    path.write_bytes(b"".join([*path.read_bytes().splitlines(keepends=True)[:-1], line_of(failed(size))]))
    (point,) = missing_points(looked_at(folder))
    assert (point.settings, point.reason) == ({PATH: size}, "memory: no room")
    assert len(sizes(outcomes_of(looked_at(folder)))) == POINTS  # it is there, and says so


# --- other measurements ----------------------------------------------------------------------------------------


def test_other_models_and_settings_are_refused_by_name(folder: Path) -> None:
    share = share_head(1, SHARES, POINTS)
    other = write(folder, share, WHOLE, outcome(1), **{"documents and points": "another"})
    quick = write(folder, share, WHOLE, outcome(1), budget=1.0)
    said = sorted(refused(folder))
    assert [line.partition(": ")[0] for line in said] == sorted([str(other), str(quick)])
    assert sum("documents and points '0123456789abcdef', now 'another'" in line for line in said) == 1
    assert sum("budget 3.0, now 1.0" in line for line in said) == 1
    hint = digest_of(read_journal(journal(folder, 2)).head)
    assert all(f"name the files of one measurement: {hint}* are those of" in line for line in said)
    # A task of the first looks at its own alone, and merge at those that are named.
    assert looked_at(folder, digest=hint).missing == ()
    assert looked_at(*folder.glob(f"{hint}*")).missing == ()


def test_a_head_without_an_end_is_not_read_without_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnninspect.bench.line_heads._MOST_HEAD", 500)
    assert all("its first line is larger than" in line for line in refused(journal(folder, 1)))


@pytest.mark.parametrize("first", ['{"schema_version": 2, "kind": "rnninspect bench"}', "now"])
def test_what_one_task_left_broken_ends_no_other(folder: Path, first: str) -> None:
    digest = looked_at(folder).digest
    path = journal(folder, 2)
    text = path.read_text()
    newer = text.replace('"schema_version": 2', '"schema_version": 99', 1)
    path.write_text(newer if first == "now" else f"{first}\n")
    assert len(looked_at(folder, digest=digest).best) == 8
    assert len(refused(folder)) == 1


def test_other_versions_are_refused_unless_they_are_asked_for(folder: Path) -> None:
    path = journal(folder, 2)
    first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first.replace(b'"rnninspect": "', b'"rnninspect": "9.'), *others]))
    (said,) = refused(folder)
    assert f"rnninspect '{__version__}', now '9.{__version__}' (--mixed takes both)" in said
    assert looked_at(folder, mixed=True).missing == ()
    path.write_bytes(b"".join([first.replace(b'"python": "3', b'"python": "9'), *others]))
    assert looked_at(folder).missing == ()


def test_a_file_that_is_named_and_no_journal_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n')
    (said,) = refused(tmp_path / "x.jsonl")
    assert "these are no results of rnninspect bench" in said
    (said,) = refused(tmp_path / "gone")
    assert said.startswith(f"{tmp_path / 'gone'}: ")
    (tmp_path / "x.jsonl").rename(folder / "x.jsonl")
    assert looked_at(folder).missing == ()


def test_what_was_measured_on_a_cpu_among_gpus_is_left_out_and_named(folder: Path) -> None:
    path = journal(folder, 2)
    members = share_head(2, SHARES, POINTS).members
    first = path.read_bytes().splitlines(keepends=True)[0]
    lines = [line_of(outcome(k + 1, device="cpu", device_name="a CPU", host="n7")) for k in members]
    path.write_bytes(b"".join([first, *lines]))
    found = looked_at(folder)
    assert found.missing == tuple(sorted(members))
    assert {(line.host, line.device) for line in found.other_device} == {("n7", "cpu")}
    assert len(found.other_device) == len(members)
    # Where a device is named each is right: the document asks for both, or torch refuses what is not there.
    for number in range(1, SHARES + 1):
        path = journal(folder, number)
        path.write_bytes(path.read_bytes().replace(b'"devices": ["auto"]', b'"devices": ["cpu", "cuda"]'))
    assert looked_at(folder).missing == ()


# --- sharing out anew ------------------------------------------------------------------------------------------


def test_what_is_missing_is_written_down_and_kept_until_all_its_shares_have_begun(folder: Path) -> None:
    journal(folder, 2).unlink()
    found = looked_at(folder)
    assert write_missing(folder, found) == ""
    missing = read_missing(folder / MISSING)
    assert (missing.digest, missing.points) == (found.digest, found.missing)
    first, *others = missing.points
    fields = {"members": (first,), "missing": missing.name}
    write(folder, share_head(1, 2, POINTS, **fields), WHOLE, outcome(first + 1))
    assert "and 2/2 of it has not: it is kept" in write_missing(folder, looked_at(folder))
    assert read_missing(folder / MISSING) == missing
    assert "share 2/2 has none" in progress_text(looked_at(folder))
    write(folder, share_head(2, 2, POINTS, members=tuple(others), missing=missing.name), WHOLE)
    assert write_missing(folder, looked_at(folder)) == ""
    assert read_missing(folder / MISSING).points == tuple(others)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "other", "digest": "", "points": []}', '{"points": 1}'])
def test_a_damaged_list_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MISSING).write_text(text)
    with pytest.raises(DocumentError, match="this is no list of missing points"):
        read_missing(tmp_path / MISSING)
    with pytest.raises(DocumentError, match="rnninspect merge FOLDER writes it"):
        read_missing(tmp_path / "gone.json")


def test_only_what_was_merged_may_be_replaced(folder: Path, tmp_path: Path) -> None:
    assert may_be_replaced(tmp_path / "gone.jsonl")
    assert not may_be_replaced(journal(folder, 1))
    (tmp_path / "notes").write_text("mine")
    assert not may_be_replaced(tmp_path / "notes")
    (tmp_path / "all.jsonl").write_bytes(b"".join(merged_lines(looked_at(folder))))
    assert may_be_replaced(tmp_path / "all.jsonl")


def test_a_share_that_measured_nothing_keeps_its_head(tmp_path: Path) -> None:
    share = share_head(1, 1, POINTS)
    first = head(share, WHOLE)
    path = tmp_path / name_of(first, share)
    start(path, first, keep=True).close()
    assert progress_text(looked_at(tmp_path)) == "0 of 12 points; share 1/1 has none, but has begun"


def test_of_many_shares_those_are_shown_that_are_not_whole(tmp_path: Path) -> None:
    for number in range(1, 31):
        share = share_head(number, 30, 30)
        write(tmp_path, share, whole(30), *(outcome(k + 1) for k in share.members))
    assert merge_blocks(looked_at(tmp_path), []) == []
    next(tmp_path.glob("*-7-of-30.jsonl")).unlink()
    shares, missing = merge_blocks(looked_at(tmp_path), [])
    assert isinstance(shares, Table)
    assert isinstance(missing, Table)
    assert [row[0] for row in shares.for_people().rows] == ["7/30"]
    assert len(shares.rows) == 30
    assert len(missing.rows) == 1


# --- controls --------------------------------------------------------------------------------------------------


def controls(folder: Path, took: dict[str, float], measure: Callable[..., Outcome] = outcome) -> Survey:
    for number, (host, seconds) in enumerate(took.items(), 1):
        share = share_head(number, len(took), POINTS, control=True, host=host)
        write(folder, share, WHOLE, measure(1, seconds=seconds, host=host, gpu_uuid=f"GPU-{host}"))
    return looked_at(folder)


@pytest.mark.parametrize(
    ("took", "off"),
    [
        ({"a": 1.0, "b": 1.01, "c": 0.99, "d": 1.12}, {"d": 0.114}),
        ({"a": 1.0, "b": 1.01, "c": 0.99, "d": 1.04}, {}),
        ({"a": 1.0, "b": 1.01, "c": 0.5}, {"c": -0.5}),
        ({"a": 1.0, "b": 2.0}, {}),  # which of the two is off?
        ({"a": 1.0}, {}),
    ],
)
def test_a_gpu_that_is_off_from_the_median_of_all_is_named(
    tmp_path: Path, took: dict[str, float], off: dict[str, float]
) -> None:
    found = controls(tmp_path / "r", took)
    assert found.best == {}  # a control is no result of a point
    held = controls_of(controls_in(found))
    assert {one.host: round(one.off, 3) for one in held if one.is_off} == off
    assert len(held) == len(took)
    assert all(one.gpu == f"GPU-{one.host}" for one in held)
    told = "\n".join(merge_tables(found, held)["shares"].notes)
    assert told.count(" than the median of ") == len(off)
    for host, share in off.items():
        assert f"{host} GPU-{host} is {abs(100 * share):.2g} % {'slower' if share > 0 else 'faster'} than" in told


def test_a_gpu_that_is_off_by_less_than_its_interval_is_not_named(tmp_path: Path) -> None:
    def unsure(size: int, *, seconds: float, **place: Any) -> Outcome:
        one = outcome(size, seconds=seconds, **place)
        (figure,) = one.figures
        wide = figure.interval._replace(low=0.8 * seconds, high=1.2 * seconds)  # type: ignore[union-attr]
        return one._replace(figures=(figure._replace(interval=wide),))

    took = {"a": 1.0, "b": 1.01, "c": 0.99, "d": 1.12}
    assert not any(one.is_off for one in controls_of(controls_in(controls(tmp_path / "r", took, unsure))))


def test_of_two_controls_of_one_gpu_the_later_counts(tmp_path: Path) -> None:
    took = {"a": 1.0, "b": 1.01, "c": 2.0}
    controls(tmp_path / "r", took)
    share = share_head(3, 3, POINTS, control=True, attempt=1)
    write(tmp_path / "r", share, WHOLE, later(outcome(1, seconds=1.0, host="c", gpu_uuid="GPU-c")))
    assert not any(one.is_off for one in controls_of(controls_in(looked_at(tmp_path / "r"))))
