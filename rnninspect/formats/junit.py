"""JUnit XML, the report that most CI servers read: a suite for each document, a case for each rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from rnninspect.errors import printable
from rnninspect.guard.findings import Finding


def render(rules: Mapping[str, Sequence[str]], findings: Mapping[str, Sequence[Finding]]) -> str:
    """One XML document.

    rules: by document, what was checked. findings: by document, what was found; a rule that it names was checked too.
    """
    root = ElementTree.Element("testsuites", name="rnninspect check")
    for source in {**rules, **findings}:
        by_rule: dict[str, list[Finding]] = {}
        for finding in findings.get(source, ()):
            by_rule.setdefault(finding.rule, []).append(finding)
        checked = list(dict.fromkeys([*rules.get(source, ()), *by_rule]))
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=printable(source),
            tests=str(len(checked)),
            failures=str(len(by_rule)),
            errors="0",
            skipped="0",
        )
        for rule in checked:
            case = ElementTree.SubElement(suite, "testcase", classname=printable(source), name=rule)
            if rule in by_rule:
                lines = [f"{finding.place}: {finding.what}" for finding in by_rule[rule]]
                failure = ElementTree.SubElement(case, "failure", message=printable(by_rule[rule][0].what), type=rule)
                failure.text = "\n".join(printable(line) for line in lines)
    ElementTree.indent(root)
    # why in ASCII, with references for the rest: it is right whatever stdout's encoding is.
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root).decode("ascii")}\n'
