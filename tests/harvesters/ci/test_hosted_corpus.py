"""Real answers of GitHub's and GitLab's CI: builds, deployments, and kinds that are passed over."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from harvesters.base import Told
from harvesters.ci.github.deployments import DeploymentTeller as GitHubDeployments
from harvesters.ci.github.runs import RunTeller
from harvesters.ci.gitlab.deployments import DeploymentTeller as GitLabDeployments
from harvesters.ci.gitlab.pipelines import PipelineTeller
from harvesters.ci.pages import CiPage
from schemas.facts import BuildFacts, DeploymentFacts
from schemas.observation import Observation

PAGE: Final = CiPage(datetime(2026, 11, 27, tzinfo=UTC))
GITHUB: Final = {"builds": RunTeller("github.com"), "deployments": GitHubDeployments("github.com")}
GITLAB: Final = {
    "builds": PipelineTeller("gitlab.com"), "deployments": GitLabDeployments("gitlab.com"),
}  # fmt: skip
# Folders whose files are told to one host's tellers, and what comes of them.
OBSERVED: Final = {
    "raw_github_api_runs": ("github", "builds", 5),
    "raw_github_graphql_deployment": ("github", "deployments", 2),
    "raw_gitlab_api_pipeline": ("gitlab", "builds", 6),
    "raw_gitlab_api_pipeline_details": ("gitlab", "builds", 4),
    "raw_gitlab_api_deployments": ("gitlab", "deployments", 5),
}
IGNORED: Final = {  # parts of builds: they say nothing that the build does not
    "raw_github_api_jobs": ("github", 4),
    "raw_gitlab_api_job": ("gitlab", 6),
}
OF_OTHERS: Final = ("raw_jenkins_", "raw_azuredevops_")  # read by harvesters of their own
TELLERS: Final[Mapping[str, Mapping[str, Any]]] = {"github": GITHUB, "gitlab": GITLAB}
CORPUS: Final = "ci_api_json"


@pytest.fixture
def files(corpora: Path) -> dict[str, list[Any]]:
    """Documents by folder."""
    folder = corpora / CORPUS
    if not folder.is_dir():
        pytest.skip(f"{corpora} holds no {CORPUS}: set TEST_CORPORA to the recorded payloads")
    return {
        one.name: [json.loads(path.read_bytes()) for path in sorted(one.iterdir())]
        for one in sorted(folder.iterdir())
    }


def told(host: str, record: Any) -> dict[str, Told]:
    """What each teller of a host says of a record."""
    return {what: teller.tell(record, PAGE) for what, teller in TELLERS[host].items()}


def test_corpus_complete(files: dict[str, list[Any]]) -> None:
    """Observed + ignored + refused = files, and every folder is on a list."""
    counts: Counter[str] = Counter()
    for name, documents in files.items():
        if name.startswith(OF_OTHERS):
            counts["of others"] += len(documents)
            continue
        host = OBSERVED[name][0] if name in OBSERVED else IGNORED[name][0]
        for document in documents:
            said = [what for what, one in told(host, document).items() if is_observed(one)]
            counts[f"{host} {said[0]}" if said else "ignored"] += 1
            assert len(said) == (name in OBSERVED), (name, said)

    assert counts == {
        "github builds": 5, "github deployments": 2, "gitlab builds": 10, "gitlab deployments": 5,
        "ignored": 10, "of others": 43,
    }  # fmt: skip
    assert counts.total() == 75
    assert {one: len(files[one]) for one in OBSERVED} == {o: n for o, (_, _, n) in OBSERVED.items()}
    assert {one: len(files[one]) for one in IGNORED} == {one: n for one, (_, n) in IGNORED.items()}


def test_corpus_of_others(files: dict[str, list[Any]]) -> None:
    """What belongs to other systems is refused by each teller, and breaks none."""
    for name, documents in files.items():
        if name.startswith(OF_OTHERS):
            for document in documents:
                assert not any(map(is_observed, (*told("github", document).values(),
                                                 *told("gitlab", document).values())))  # fmt: skip


def test_corpus_facts(files: dict[str, list[Any]]) -> None:
    """Every build says repository, commit and how it ended; nothing of it was unusable."""
    for name, (host, what, _) in OBSERVED.items():
        for document in files[name]:
            one = told(host, document)[what]
            assert isinstance(one, Observation)
            assert isinstance(one.facts, BuildFacts | DeploymentFacts)
            assert one.facts.repository is not None
            assert one.facts.commit is not None
            assert one.facts.status is not None
            assert one.facts.warnings is None
            assert one.evidence is not None
            assert one.evidence.digest is not None


def test_corpus_superseded(files: dict[str, list[Any]]) -> None:
    """INACTIVE: another deployment has taken its place, and since when."""
    found = [told("github", one)["deployments"] for one in files["raw_github_graphql_deployment"]]
    facts = [one.facts for one in found if isinstance(one, Observation)]
    assert {(one.status, one.ended_at is not None) for one in facts} == {("superseded", True)}  # type: ignore[union-attr]  # of deployments
    assert {one.subject.value for one in found if isinstance(one, Observation)} == {
        "github.com/335709078/github-pages"
    }


def test_tables(corpora: Path) -> None:
    """Rows of DevLake's raw tables: the same answers, some hundred of them."""
    folder = corpora / "devlake_ci_raw"
    if not folder.is_dir():
        pytest.skip(f"{corpora} holds no devlake_ci_raw: set TEST_CORPORA")
    counts = Counter(
        f"{name} {host} {what}"
        for path in sorted(folder.rglob("*.csv"))
        for name, record in rows(path)
        for host in TELLERS
        for what, one in told(host, record).items()
        if is_observed(one)
    )
    assert counts == {
        "_raw_github_graphql_deployment github deployments": 7,
        "_raw_gitlab_api_pipeline gitlab builds": 29,
    }


def test_other_answers(corpora: Path) -> None:
    """What else GitHub and GitLab answer, and files of CI, are no builds and break nothing."""
    seen = 0
    for folder in ("github_api_fixtures", "gitlab_api"):
        for path in sorted((corpora / folder).rglob("*.json")):
            seen += 1
            for record in every_object(json.loads(path.read_bytes())):
                assert not any(map(is_observed, told("github", record).values())), path
    assert seen > 50


def every_object(value: Any) -> Iterator[Any]:
    """A document and all objects in it."""
    yield value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inside:
        yield from every_object(one)


def rows(path: Path) -> Iterator[tuple[str, Any]]:
    """What the API answered, by the table's name; texts that are no JSON are texts."""
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            try:
                yield path.stem, json.loads(row["data"])
            except ValueError:
                yield path.stem, row["data"]


def is_observed(one: Told) -> bool:
    """Is something said?"""
    return isinstance(one, Observation)
