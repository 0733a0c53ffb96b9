"""Recorded answers of real Jenkinses: all go through, and each is a build, or ignored by kind."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harvesters.ci.interest import Interest
from harvesters.ci.jenkins.names import Site
from harvesters.ci.jenkins.observe import observe_build
from harvesters.ci.jenkins.payloads import Item, read
from harvesters.ci.jenkins.reading import JobReader
from schemas.observation import Observation

NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
SITE: Final = Site.of("https://ci.example.com")
# What is no build, by folder or file: nothing is read of it.
IGNORED: Final = frozenset({"job", "stage", "job configuration", "Jenkinsfile"})
FOLDERS: Final = ("jenkins", "jenkinsfile")


def of_jenkins(corpora: Path) -> Iterator[Path]:
    """Files that are about Jenkins."""
    for folder in ("ci_api_json", "devlake_ci_raw"):
        for path in sorted((corpora / folder).rglob("*")):
            if path.is_file() and "jenkins" in path.relative_to(corpora).as_posix():
                yield path
    for folder in FOLDERS:
        yield from (path for path in sorted((corpora / folder).rglob("*")) if path.is_file())


def rows(path: Path) -> Iterator[Any]:
    """The records of a file: one of JSON, many of a table, else its text."""
    if path.suffix == ".json":
        yield json.loads(path.read_bytes())
    elif path.suffix == ".csv":
        csv.field_size_limit(sys.maxsize)
        with path.open(encoding="utf-8", newline="") as file:
            yield from (json.loads(row["data"]) for row in csv.DictReader(file))
    else:
        yield path.read_text(encoding="utf-8")


def told(record: Any, *, path: tuple[str, ...] = ("acme", "churn", "main")) -> Any:
    """The build that a record is, else the word for what it is."""
    if isinstance(record, str):
        return "job configuration" if record.startswith("<?xml") else "Jenkinsfile"
    if "execNode" in record:
        return "stage"
    reader = JobReader(None, Interest(["*"]), newest=1)  # type: ignore[arg-type]  # asks nobody
    found = reader.chosen(path, [record])
    if found.wanted:
        return observe_build(found.wanted[0], SITE, path=path, at=NOON)
    return "job" if read(Item, record) else "refused"


def test_corpus_jenkins(corpora: Path) -> None:
    """18 builds, 9 with a commit; the rest is ignored by kind, nothing is refused."""
    files, kinds = Counter[str](), Counter[str]()
    builds: list[Observation] = []
    for path in of_jenkins(corpora):
        said = [told(record) for record in rows(path)]
        builds += (one for one in said if isinstance(one, Observation))
        words = {"build" if isinstance(one, Observation) else one for one in said}
        assert len(words) == 1, path
        files.update(words)
        kinds.update("build" if isinstance(one, Observation) else one for one in said)

    assert files == {"build": 18, "job": 3, "stage": 15, "job configuration": 1, "Jenkinsfile": 1}
    assert files.keys() - {"build"} == IGNORED
    facts = [one.facts.model_dump(exclude_unset=True) for one in builds if one.facts]
    assert len(facts) == 18
    assert sum("commit" in one for one in facts) == 9
    assert [one["warnings"] for one in facts if one.get("warnings")] == []
    assert Counter(one["status"] for one in facts) == {
        "succeeded": 11, "running": 2, "failed": 2, "canceled": 3,
    }  # fmt: skip


def test_corpus_facts(corpora: Path) -> None:
    """A recorded build, field by field."""
    path = corpora / "ci_api_json" / "raw_jenkins_api_builds_multibranch" / "005.json"

    one = told(json.loads(path.read_bytes()), path=("my-org", "devlake-jenkins", "PR-2"))

    assert one.subject.value == "ci.example.com/my-org/devlake-jenkins/PR-2#1"
    assert one.facts.model_dump(mode="json", exclude_unset=True) == {
        "repository": {
            "kind": "repository", "scheme": "url",
            "value": "https://github.com/gustavobini/devlake-jenkins",
        },
        "commit": "aba54481a73573c0587f26fbd4c9788eb2bf2398",
        "ref": "PR-2",
        "event": "Pull request #2 opened",
        "workflow": "my-org/devlake-jenkins/PR-2",
        "status": "canceled",
        "started_at": "2024-03-24T10:51:51.931000Z",
        "finished_at": "2024-03-24T10:51:59.321000Z",
        "url": "https://ci.example.com/job/my-org/job/devlake-jenkins/job/PR-2/1/",
    }  # fmt: skip
    assert one.evidence.digest.startswith("sha256:")
