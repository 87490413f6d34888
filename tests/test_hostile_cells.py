"""Hostile cells in documents end as the document's fault, in lines that can be printed; the cost is measured apart.

`make bench-hostile` holds each to a second and 100 MB.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from ended import Run
from hostile import HOSTILE, PLAIN, document

from rnninspect.errors import MOST_TOLD


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_in_lines_that_can_be_printed(
    here: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    text, says = HOSTILE[name]
    Path("doc.yaml").write_text(text, encoding="utf-8")
    done = here("params", "doc.yaml", "--plan")
    assert (done.returncode, done.stdout) == (2, ""), done.stderr[:300]
    lines = done.stderr.splitlines()
    assert 0 < len(lines) <= MOST_TOLD + 2
    assert all(line.startswith(("error: doc.yaml:", "note: ")) or " errors" in line for line in lines)
    assert [line for line in lines if not line.isprintable() or len(line) > 500] == []
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_document_that_means_no_harm_is_read(here: Run, tmp_path: Path) -> None:
    """So that none of the others is refused for what they all have."""
    path = tmp_path / "doc.yaml"
    path.write_text(document(PLAIN))
    assert here("params", path, "--plan").returncode == 0
