"""Recorded answers of real Azure DevOps: all go through, as builds or ignored by kind."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from harvesters.ci.azure.names import Site
from harvesters.ci.azure.observe import Place, ProjectPage, observe_page
from harvesters.ci.azure.reading import Reading
from harvesters.ci.interest import Interest
from schemas.observation import Observation

NOON: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
SITE: Final = Site.of("https://dev.azure.com/johndoe")
PROJECT: Final = "0d50ba13-f9ad-49b0-9b21-d29eda50ca33"
IGNORED: Final = frozenset({"timeline record"})  # steps of a build: nothing is read of them


def of_azure(corpora: Path) -> Iterator[Path]:
    """Files that are about Azure Pipelines."""
    for folder in ("ci_api_json", "devlake_ci_raw"):
        for path in sorted((corpora / folder).rglob("*")):
            if path.is_file() and "azure" in path.relative_to(corpora).as_posix():
                yield path


def rows(path: Path) -> Iterator[Any]:
    """The records of a file."""
    if path.suffix == ".json":
        yield json.loads(path.read_bytes())
        return
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8", newline="") as file:
        yield from (json.loads(row["data"]) for row in csv.DictReader(file))


def told(record: Any) -> Any:
    """The build that a record is, else the word for what it is."""
    if isinstance(record, dict) and "parentId" in record:
        return "timeline record"
    found = Reading(SITE, Interest(["*"])).chosen([record])
    place = Place(SITE, PROJECT, "pipelines", {})
    said = list(observe_page(ProjectPage(NOON, found), place))
    return said[0] if said else "refused"


def test_corpus_azure(corpora: Path) -> None:
    """5 builds, all with a commit; the rest is ignored by kind, nothing is refused."""
    files, builds = Counter[str](), list[Observation]()
    records = 0
    for path in of_azure(corpora):
        said = [told(record) for record in rows(path)]
        records += len(said)
        found = [one for one in said if isinstance(one, Observation)]
        if path.suffix == ".json":
            builds += found
        words = {"build" if isinstance(one, Observation) else one for one in said}
        assert len(words) == 1, path
        files.update({f"{word}{path.suffix}" for word in words})

    assert files == {
        "build.json": 5, "timeline record.json": 3, "build.csv": 1, "timeline record.csv": 1,
    }  # fmt: skip
    assert {word.partition(".")[0] for word in files} - {"build"} == IGNORED
    assert records == 20
    facts = [one.facts.model_dump(exclude_unset=True) for one in builds if one.facts]
    assert [len(one["commit"]) for one in facts] == [40] * 5
    assert [one["warnings"] for one in facts if "warnings" in one] == []


def test_corpus_facts(corpora: Path) -> None:
    """A recorded build, field by field."""
    path = corpora / "ci_api_json" / "raw_azuredevops_go_api_builds" / "000.json"

    one = told(json.loads(path.read_bytes()))

    assert one.subject.value == f"dev.azure.com/{PROJECT}/12"
    assert one.facts.model_dump(mode="json", exclude_unset=True) == {
        "repository": {
            "kind": "repository", "scheme": "url",
            "value": "https://github.com/johndoe/test-repo",
        },
        "commit": "40c59264e73fc5e1a6cab192f1622d26b7bd5c2a",
        "ref": "main",
        "event": "manual",
        "workflow": "deploy_to_prod",
        "status": "succeeded",
        "actor": "john.dow@merico.dev",
        "started_at": "2023-02-25T06:22:32.809778Z",
        "finished_at": "2023-02-25T06:23:04.006188Z",
        "url": f"https://dev.azure.com/johndoe/{PROJECT}/_build/results?buildId=12",
    }  # fmt: skip
