"""SARIF 2.1.0, the report that code scanning reads (GitHub's, Azure's, an editor's)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from rnninspect.errors import Place, printable
from rnninspect.formats import json
from rnninspect.guard.findings import Finding, fingerprints, first_of
from rnninspect.guard.rules import RULES

# GitHub shows no more of one run, and takes no file with five times as many.
MOST_RESULTS = 5_000
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def render(rules: Mapping[str, Sequence[str]], findings: Mapping[str, Sequence[Finding]], version: str) -> str:
    """One run of rnninspect: the rules that anything was checked by, and a result for each finding.

    rules, findings: by document. version: rnninspect's.
    """
    listed = first_of([finding for of_document in findings.values() for finding in of_document], MOST_RESULTS)
    checked = dict.fromkeys(rule for of_document in rules.values() for rule in of_document)
    ids = sorted({*checked, *(finding.rule for finding in listed)})
    run = {
        "tool": {"driver": {"name": "rnninspect", "version": version, "rules": [_rule(name) for name in ids]}},
        "invocations": [{"executionSuccessful": all(finding.rule != "document" for finding in listed)}],
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(finding, ids.index(finding.rule), fingerprint)
            for finding, fingerprint in zip(listed, fingerprints(listed), strict=True)
        ],
    }
    return json.render({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(name: str) -> dict[str, object]:
    rule = RULES[name]
    return {
        "id": name,
        "shortDescription": {"text": rule.broken},
        "fullDescription": {"text": rule.held},
        "defaultConfiguration": {"level": "error"},
        "help": {"text": rule.mend.replace("`", ""), "markdown": rule.mend},
    }


def _result(finding: Finding, index: int, fingerprint: str) -> dict[str, object]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": "error",
        "message": {"text": printable(finding.sentence)},
        "locations": [{"physicalLocation": _location(finding.place)}],
        # why this name: GitHub goes by no other, and without it by what is written on the line.
        "partialFingerprints": {"primaryLocationLineHash": fingerprint},
    }


def _location(place: Place) -> dict[str, object]:
    # why a line always: GitHub shows no result without one, so what is wrong with all of a file stands at its top.
    region = {"startLine": place.line or 1, "startColumn": place.column or 1}
    return {"artifactLocation": {"uri": quote(printable(place.source))}, "region": region}
