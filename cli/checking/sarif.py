"""Findings for the tools of code hosts: SARIF 2.1.0, and GitLab's Code Quality."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

from cli.checking.codes import CODES
from cli.checking.finding import Finding
from cli.checking.report import Report, sentence
from harvesters.manifests.problems import Edit
from schemas.masking import mask_secrets

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
SEVERITIES: Final = {"error": "major", "warning": "minor"}  # of GitLab's five
TOOL: Final = "model-catalog check"


def as_sarif(report: Report) -> str:
    """One run; each code that was found is a rule of it."""
    codes = sorted({one.problem.code for one in report.findings})
    rules = {code: number for number, code in enumerate(codes)}
    driver = {"name": TOOL, "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(finding, rule=rules[finding.problem.code], fingerprint=fingerprint)
            for finding, fingerprint in _fingerprinted(report.findings)
        ],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def as_codequality(report: Report) -> str:
    """What GitLab shows in a merge request."""
    said = [
        {
            "description": sentence(finding),
            "check_name": finding.problem.code,
            "fingerprint": fingerprint,
            "severity": SEVERITIES[finding.problem.severity],
            "location": {"path": finding.file, "lines": {"begin": finding.problem.line}},
        }
        for finding, fingerprint in _fingerprinted(report.findings)
    ]
    return json.dumps(said, indent=2) + "\n"


def _fingerprinted(findings: Iterable[Finding]) -> Iterator[tuple[Finding, str]]:
    """Each with what it is known by from one check to the next.

    Lines above may come and go: the place in the document counts, not the line's number. What is
    equal even then is numbered, since hosts show only one of two with the same fingerprint.
    """
    counted: Counter[str] = Counter()
    for finding in findings:
        problem = finding.problem
        known_by = (finding.file, problem.code, problem.pointer, mask_secrets(finding.text.strip()))
        digest = sha256(json.dumps(known_by).encode()).hexdigest()
        counted[digest] += 1
        number = counted[digest]
        yield finding, digest if number == 1 else sha256(f"{digest}/{number}".encode()).hexdigest()


def _rule(code: str) -> dict[str, Any]:
    about = CODES[code]
    explanation = " ".join(about.explanation.split())
    shown = (("Wrong", about.wrong), ("Right", about.right))
    examples = [_example(name, text) for name, text in shown if text]
    return {
        "id": code,
        "shortDescription": {"text": about.title},
        "fullDescription": {"text": explanation},
        "help": {"text": explanation, "markdown": "\n\n".join((explanation, *examples))},
    }


def _example(name: str, text: str) -> str:
    return f"{name}:\n\n" + "\n".join(f"    {line}" for line in text.splitlines())


def _result(finding: Finding, *, rule: int, fingerprint: str) -> dict[str, Any]:
    problem = finding.problem
    artifact = {"uri": quote(finding.file)}
    region = {"startLine": problem.line, "startColumn": problem.column}
    place = {"physicalLocation": {"artifactLocation": artifact, "region": region}}
    said: dict[str, Any] = {
        "ruleId": problem.code,
        "ruleIndex": rule,
        "level": problem.severity,
        "message": {"text": sentence(finding)},
        "locations": [place],
        "partialFingerprints": {"place/v1": fingerprint},
    }
    if problem.edit is not None and _can_be_shown(problem.edit):
        change = {"artifactLocation": artifact, "replacements": [_replacement(problem.edit)]}
        said["fixes"] = [{"description": {"text": problem.fix}, "artifactChanges": [change]}]
    return said


def _can_be_shown(edit: Edit) -> bool:
    """Does it replace a piece of text, not only the encoding of the whole, and is no key in it?"""
    if mask_secrets(edit.text) != edit.text:
        return False
    return (edit.line, edit.column) != (edit.end_line, edit.end_column) or edit.text != ""


def _replacement(edit: Edit) -> dict[str, Any]:
    region = {
        "startLine": edit.line,
        "startColumn": edit.column,
        "endLine": edit.end_line,
        "endColumn": edit.end_column,
    }
    return {"deletedRegion": region, "insertedContent": {"text": edit.text}}
