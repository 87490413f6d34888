"""The JSON Schema of what each command prints with --format json: the book of all keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from rnninspect.results.schema_bench import benched, compared
from rnninspect.results.schema_guard import checked, differing, fitted
from rnninspect.results.schema_identify import identified
from rnninspect.results.schema_merge import merged
from rnninspect.results.schema_models import listed, looked
from rnninspect.results.schema_study import flowing, traced, verified
from rnninspect.results.schema_words import Schema

RESULTS: Mapping[str, Callable[[], Schema]] = {
    **{command: partial(looked, command) for command in ("inspect", "shapes", "weights", "params")},
    "identify": identified,
    "trace": traced,
    "gradflow": flowing,
    "verify": verified,
    "check": checked,
    "diff": differing,
    "fit": fitted,
    "cells": listed,
    "bench": benched,
    "merge": merged,
    "compare": compared,
}
