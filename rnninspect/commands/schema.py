"""`rnninspect schema`: the JSON Schema of a document, for editors and validators."""

from __future__ import annotations

from pathlib import Path

from rnninspect.document.schema import document_schema
from rnninspect.formats import json
from rnninspect.output import write_text


def schema(output: Path | None) -> int:
    """Print the schema; returns the exit code."""
    write_text(json.render(document_schema()), output)
    return 0
