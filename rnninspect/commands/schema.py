"""`rnninspect schema`: the JSON Schema of a document, or of what a command prints, for editors and validators."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from rnninspect.commands.shared.options import Output, option

EXAMPLES = (
    "rnninspect schema",
    "rnninspect schema --output rnninspect.schema.json",
    "rnninspect schema --result bench",
)


class Result(StrEnum):
    """What `--result` accepts: the commands that print JSON."""

    INSPECT = "inspect"
    IDENTIFY = "identify"
    SHAPES = "shapes"
    WEIGHTS = "weights"
    PARAMS = "params"
    TRACE = "trace"
    GRADFLOW = "gradflow"
    VERIFY = "verify"
    CHECK = "check"
    DIFF = "diff"
    FIT = "fit"
    CELLS = "cells"
    BENCH = "bench"
    MERGE = "merge"
    COMPARE = "compare"


@dataclass(frozen=True, kw_only=True)
class SchemaOptions:
    """What `schema` takes."""

    result: Annotated[
        Result | None, option("COMMAND", "The schema of what this command prints with --format json instead.")
    ] = None
    output: Output = None


def run(options: SchemaOptions) -> int:
    """Print the schema; returns the exit code."""
    from rnninspect.formats import json
    from rnninspect.output import write_text

    if options.result is None:
        from rnninspect.document.schema import document_schema

        schema = document_schema()
    else:
        from rnninspect.results.schemas import RESULTS

        schema = RESULTS[options.result]()
    write_text(json.render(schema), options.output)
    return 0
