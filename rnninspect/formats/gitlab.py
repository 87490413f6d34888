"""GitLab's code quality report: what a merge request shows of each finding, and beside which line."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rnninspect.errors import printable
from rnninspect.guard.findings import Finding, fingerprints
from rnninspect.guard.rules import RULES


def render(findings: Sequence[Finding]) -> str:
    """A JSON array with an object for each finding; GitLab tells what is new from what was there by `fingerprint`."""
    report = [
        {
            "description": printable(finding.sentence),
            "check_name": finding.rule,
            "fingerprint": fingerprint,
            "severity": RULES[finding.rule].severity,
            "location": {"path": printable(finding.place.source), "lines": {"begin": finding.place.line or 1}},
        }
        for finding, fingerprint in zip(findings, fingerprints(findings), strict=True)
    ]
    return json.dumps(report, indent=2) + "\n"
