"""`rnninspect schema`: the JSON Schema of a document, for editors and validators."""

from __future__ import annotations

from dataclasses import dataclass

from rnninspect.commands.shared.options import Output

EXAMPLES = (
    "rnninspect schema",
    "rnninspect schema --output rnninspect.schema.json",
    "rnninspect schema -o document.json",
)


@dataclass(frozen=True, kw_only=True)
class SchemaOptions:
    """What `schema` takes."""

    output: Output = None


def run(options: SchemaOptions) -> int:
    """Print the schema; returns the exit code."""
    from rnninspect.document.schema import document_schema
    from rnninspect.formats import json
    from rnninspect.output import write_text

    write_text(json.render(document_schema()), options.output)
    return 0
