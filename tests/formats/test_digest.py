"""Pages whose answer stands first: what GitHub shows of them, and what it takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rnninspect.commands.shared.annotations import annotate, comment
from rnninspect.formats import github, markdown
from rnninspect.results.digest import Digest, Fold, few
from rnninspect.results.table import Answer, Column, Kind, Table

VERDICTS = Table("check", "all", (Column("model", "model"), Column("n", "parameters", Kind.COUNT)), (("m", 2310144),))
LIMITS = Table("budget", "m", (Column("limit", "limit"),), (("max_params",),), notes=("a note",))
PAGE = Digest(
    Answer("1 of 3 models failed", "FAILED"),
    points=("m.yaml:4:1: m: over by 9", "*no* markup"),
    shown=(VERDICTS,),
    folded=(Fold("m: budget", (LIMITS,)), Fold("2 models <that passed>", (LIMITS, LIMITS))),
    caption="plan",
)


def test_the_answer_is_first_then_the_verdicts_then_what_is_wrong_then_what_is_folded() -> None:
    assert markdown.digest(PAGE, 10_000) == (
        "## 1 of 3 models failed\n"
        "\n"
        "### all: check\n"
        "\n"
        "| model | parameters |\n"
        "| --- | ---: |\n"
        "| m | 2,310,144 |\n"
        "\n"
        "- m.yaml:4:1: m: over by 9\n"
        "- \\*no\\* markup\n"
        "\n"
        "<details><summary>m: budget</summary>\n"
        "\n"
        "### m: budget\n"
        "\n"
        "| limit |\n"
        "| --- |\n"
        "| max_params |\n"
        "\n"
        "a note\n"
        "\n"
        "</details>\n"
        "\n"
        "<details><summary>2 models &lt;that passed&gt;</summary>\n"
        "\n" + 2 * "### m: budget\n\n| limit |\n| --- |\n| max_params |\n\na note\n\n" + "</details>\n"
        "\n"
        "*plan*\n"
    )


def test_a_reader_of_github_s_markdown_sees_headings_and_tables_within_the_folds() -> None:
    """By another implementation of it."""
    html = MarkdownIt("gfm-like", {"linkify": False}).render(markdown.digest(PAGE, 10_000))
    assert html.index("<h2>1 of 3 models failed</h2>") == 0
    assert html.count("<details><summary>") == html.count("</details>") == 2
    first = html.partition("<details><summary>m: budget</summary>")[2].partition("</details>")[0]
    assert re.search(r"<table>.*<td>max_params</td>.*</table>\s*<p>a note</p>", first, re.DOTALL)
    assert "<li>*no* markup</li>" in html
    assert '<td style="text-align:right">2,310,144</td>' in html


def test_what_to_do_about_it_can_be_copied() -> None:
    answer = Answer("1 model failed", "FAILED", "accept with:", "rnninspect check 'a b.yaml' --update")
    text = markdown.digest(Digest(answer), 10_000)
    assert text == "## 1 model failed\n\nAccept with:\n\n```\nrnninspect check 'a b.yaml' --update\n```\n"


def test_without_points_folds_and_caption_the_answer_and_its_table_are_left() -> None:
    text = markdown.digest(Digest(Answer("fine", "ok"), shown=(VERDICTS,)), 10_000)
    assert text == "## fine\n\n### all: check\n\n| model | parameters |\n| --- | ---: |\n| m | 2,310,144 |\n"


@given(st.integers(0, 1200), st.lists(st.text(st.sampled_from("ab<é\U0001f600|"), max_size=9), max_size=8))
def test_a_page_never_takes_more_than_there_is_and_closes_every_fold(room: int, names: list[str]) -> None:
    folds = tuple(Fold(name, (LIMITS._replace(subject=name),)) for name in names)
    whole = markdown.digest(PAGE._replace(folded=folds), 100_000)
    text = markdown.digest(PAGE._replace(folded=folds), room)
    assert len(text.encode()) <= room
    assert (text == whole) is (len(whole.encode()) <= room)
    assert text.count("<details>") == text.count("</details>")
    if "left out" in text:
        left, count = re.search(r"\((\d+) of (\d+) folded parts", text).groups()  # type: ignore[union-attr]
        assert (int(count), int(count) - int(left)) == (len(names), text.count("<details>"))


def test_a_page_that_is_larger_without_its_folds_is_cut_at_a_line_and_says_so() -> None:
    text = markdown.digest(PAGE, 150)
    kept, note, end = text.rpartition("\n\n(cut here: GitHub takes no more text)\n")
    assert (bool(note), end) == (True, "")
    assert markdown.digest(PAGE, 10_000).startswith(kept + "\n")
    assert markdown.digest(PAGE, 10) == ""


def test_a_comment_is_no_longer_than_github_takes() -> None:
    rows = tuple((f"model {number} \N{GRINNING FACE}", number) for number in range(10_000))
    text = comment(Digest(Answer("many", "ok"), shown=(VERDICTS._replace(rows=rows),)))
    assert 65_000 < len(text.encode()) <= 65_536


def test_points_beyond_what_anybody_reads_are_counted() -> None:
    points = [str(number) for number in range(23)]
    assert few(points) == (*points[:20], "and 3 more: the log has each of them")
    assert few(points[:20]) == tuple(points[:20])


def test_the_summary_of_a_job_that_has_written_one_has_the_room_that_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "summary.md"
    file.write_text("x" * (github.MOST_SUMMARY_BYTES - 200) + "\n\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    assert annotate([], PAGE) == ""
    assert file.stat().st_size <= github.MOST_SUMMARY_BYTES == 1024 * 1024
    assert file.read_text().endswith("(cut here: GitHub takes no more text)\n")
