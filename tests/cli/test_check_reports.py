"""Reports: each in the form that its reader expects, whatever a file or its name holds."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

from cli.checking.codes import CODES
from cli.checking.files import Wanted
from cli.checking.finding import Finding, find
from cli.checking.report import Report, as_github, as_json, as_text
from cli.checking.sarif import as_codequality, as_sarif
from harvesters.manifests.problems import Edit, Problem

RAW: Final = b"apiVersion: model-catalog/v1\nspec:\n  licence: MIT\n"
PROBLEM: Final = Problem(
    "unknown_key", 3, 3, "spec has no key licence", "write license", "/spec/licence",
    edit=Edit(3, 3, 3, 10, "license"),
)  # fmt: skip
SARIF: Final[dict[str, tuple[set[str], set[str]]]] = {  # members: needed, allowed
    "": ({"version", "runs"}, {"$schema"}),
    "runs": ({"tool"}, {"columnKind", "results"}),
    "tool": ({"driver"}, set()),
    "driver": ({"name"}, {"rules"}),
    "rules": ({"id"}, {"shortDescription", "fullDescription", "help"}),
    "shortDescription": ({"text"}, set()),
    "fullDescription": ({"text"}, set()),
    "help": ({"text"}, {"markdown"}),
    "results": (
        {"message"},
        {"ruleId", "ruleIndex", "level", "locations", "partialFingerprints", "fixes"},
    ),
    "message": ({"text"}, set()),
    "locations": (set(), {"physicalLocation"}),
    "physicalLocation": (set(), {"artifactLocation", "region"}),
    "artifactLocation": (set(), {"uri"}),
    "region": (set(), {"startLine", "startColumn", "endLine", "endColumn"}),
    "partialFingerprints": (set(), {"place/v1"}),
    "fixes": ({"artifactChanges"}, {"description"}),
    "description": ({"text"}, set()),
    "artifactChanges": ({"artifactLocation", "replacements"}, set()),
    "replacements": ({"deletedRegion"}, {"insertedContent"}),
    "deletedRegion": (set(), {"startLine", "startColumn", "endLine", "endColumn"}),
    "insertedContent": (set(), {"text"}),
}


def make_report(*findings: Finding) -> Report:
    """A report on one manifest."""
    return Report([Wanted(Path("model.yaml"), "model.yaml", "model.yaml", "manifest")], findings)


def made(file: str = "model.yaml", raw: bytes = RAW, **members: Any) -> Finding:
    """A finding, unless told otherwise about a misspelt key."""
    return find(file, PROBLEM._replace(**members), raw=raw)


def test_text() -> None:
    """Place, severity, code and reason; the line with a mark below it; what to do."""
    assert as_text(make_report(made())) == (
        "model.yaml:3:3: error unknown_key: spec has no key licence.\n"
        "    3 |   licence: MIT\n"
        "      |   ^\n"
        "  Write license.\n"
    )


def test_text_long_line() -> None:
    """A line is shown around the place, however long it is."""
    raw = b"x: " + b"a" * 10_000 + b"!" + b"b" * 10_000

    _, line, mark, _ = as_text(make_report(made(raw=raw, line=1, column=10_004))).splitlines()

    assert len(line) < 120
    assert line[mark.index("^")] == "!"


def test_text_tab() -> None:
    """A tab is shown as one, and the mark stands below its place all the same."""
    _, line, mark, _ = as_text(make_report(made(raw=b"\tspec:", line=1, column=2))).splitlines()

    assert line == "    1 | \\tspec:"
    assert line[mark.index("^")] == "s"


@pytest.mark.parametrize("hidden", ["\x1b[2J", "\u202e", "\u200b", "\x07", "\u2028"])
def test_text_obeys_nothing(hidden: str) -> None:
    """A file cannot clear the screen of who checks it, nor hide what it says."""
    raw = f"spec: {hidden}x".encode()

    text = as_text(make_report(made(f"a{hidden}/model.yaml", raw, line=1, message=hidden)))

    assert hidden not in text
    assert text.isprintable() or set(text) - {"\n"} == {c for c in text if c.isprintable()}


def test_text_no_command() -> None:
    """A folder cannot be called so that GitHub takes a line of the log for a command."""
    text = as_text(make_report(made("::add-mask::x/model.yaml")))

    assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]


def test_text_no_secret() -> None:
    """What looks like a key is not repeated into the log of a build."""
    raw = b"  url: https://me:hunter2@wiki.example.com"

    text = as_text(make_report(made(raw=raw, line=1, column=8)))

    assert "hunter2" not in text
    assert "[masked credential]" in text


def test_json() -> None:
    """One document on one line, with the members that docs/check.md names."""
    text = as_json(make_report(made(), made(severity="warning", edit=None)))

    assert text.count("\n") == 1
    said = json.loads(text)
    assert {name: said[name] for name in ("checked", "errors", "warnings")} == {
        "checked": ["model.yaml"], "errors": 1, "warnings": 1,
    }  # fmt: skip
    assert said["findings"][0] == {
        "file": "model.yaml", "line": 3, "column": 3, "pointer": "/spec/licence",
        "code": "unknown_key", "severity": "error", "message": "spec has no key licence",
        "fix": "write license", "mendable": True,
    }  # fmt: skip


def test_github() -> None:
    """A workflow command, its text and its properties escaped as the runner reads them."""
    found = made("a,b:c%/model.yaml", message="100 % wrong\r\nand: more, much")

    assert as_github(make_report(found)) == (
        "::error file=a%2Cb%3Ac%25/model.yaml,line=3,col=3,title=unknown_key"
        "::100 %25 wrong%0D%0Aand: more, much. Write license.\n"
    )


def test_github_no_other_command() -> None:
    """A name or a text cannot begin a command of its own."""
    found = made("x\n::add-mask::y", message="\n::stop-commands::z")

    assert [line[:8] for line in as_github(make_report(found)).splitlines()] == ["::error "]


def test_sarif_structure() -> None:
    """Objects have the members that the standard asks of them, and no others."""
    document = json.loads(as_sarif(make_report(made(), made(code="tab", edit=None))))

    assert list(strange(document, "")) == []
    assert (document["version"], document["runs"][0]["columnKind"]) == (
        "2.1.0", "unicodeCodePoints",
    )  # fmt: skip
    assert document["$schema"].endswith("/sarif-schema-2.1.0.json")


def strange(node: Any, name: str) -> list[str]:
    """Places that have too much or too little."""
    if isinstance(node, list):
        return [fault for item in node for fault in strange(item, name)]
    if not isinstance(node, dict):
        return []
    needed, allowed = SARIF[name]
    faults = [f"{name} {member}" for member in needed - node.keys()]
    faults += [f"{name}/{member}" for member in node.keys() - needed - allowed]
    return faults + [fault for member, value in node.items() for fault in strange(value, member)]


def test_sarif_result() -> None:
    """A result names its rule, its place and, where there is one, the edit that mends it."""
    (run,) = json.loads(as_sarif(make_report(made("a b/model.yaml"))))["runs"]
    (rule,), (result,) = run["tool"]["driver"]["rules"], run["results"]

    assert rule["id"] == result["ruleId"] == "unknown_key"
    assert rule["shortDescription"]["text"] == CODES["unknown_key"].title
    assert (result["ruleIndex"], result["level"]) == (0, "error")
    assert result["message"]["text"] == "Spec has no key licence. Write license."
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "a%20b/model.yaml"},
        "region": {"startLine": 3, "startColumn": 3},
    }
    (change,) = result["fixes"][0]["artifactChanges"]
    assert change["replacements"] == [{
        "deletedRegion": {"startLine": 3, "startColumn": 3, "endLine": 3, "endColumn": 10},
        "insertedContent": {"text": "license"},
    }]  # fmt: skip


def test_sarif_no_secret() -> None:
    """A fix that would repeat what looks like a key into the report is left out of it."""
    edit = Edit(3, 1, 3, 3, "  url: https://me:hunter2@wiki.example.com")

    text = as_sarif(make_report(made(edit=edit)))

    assert "hunter2" not in text
    assert "fixes" not in text


def test_sarif_nothing_found() -> None:
    """A run without results says that all is well, and closes what was open before."""
    (run,) = json.loads(as_sarif(make_report()))["runs"]

    assert run["results"] == []


def test_codequality() -> None:
    """The members that GitLab asks for, and a severity of its five."""
    (said,) = json.loads(as_codequality(make_report(made(severity="warning"))))

    fingerprint = said.pop("fingerprint")
    assert re.fullmatch("[0-9a-f]{64}", fingerprint)
    assert said == {
        "description": "Spec has no key licence. Write license.",
        "check_name": "unknown_key",
        "severity": "minor",
        "location": {"path": "model.yaml", "lines": {"begin": 3}},
    }


def test_codequality_fingerprints() -> None:
    """Known again when lines above it change; never the same twice, for one would vanish."""
    moved = made(raw=b"# new\n" + RAW, line=4)
    other, again = made("b/model.yaml"), made()

    def prints(*findings: Finding) -> list[str]:
        said = json.loads(as_codequality(make_report(*findings)))
        return [one["fingerprint"] for one in said]

    assert prints(made()) == prints(moved)
    assert len(set(prints(made(), other, again, made(code="missing")))) == 4
    assert prints(made(), again)[0] == prints(made())[0]
