"""Recorded answers and deliveries of real GitLabs: all that they say of what is read is read."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from harvesters.manifests.gitlab.payloads import (
    OBJECT_ID,
    Branch,
    Commit,
    Member,
    Payload,
    Project,
    read,
)
from harvesters.manifests.gitlab.site import facts_of
from schemas.facts import RepositoryFacts
from tests.support.gitlab_server import GitLabServer, recorded

FOLDERS: Final = ("gitlab_api", "gitlab_webhooks")


def nodes(found: Any) -> Iterator[dict[str, Any]]:
    """Every object anywhere in a document."""
    if isinstance(found, dict):
        yield found
    inner = found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()
    for one in inner:
        yield from nodes(one)


def kinds_of(node: dict[str, Any]) -> Iterator[type[Payload]]:
    """What an object is one of, by the members that tell."""
    if {"id", "path_with_namespace", "web_url"} <= node.keys():
        yield Project
    if {"name", "commit", "protected"} <= node.keys() and isinstance(node["commit"], dict):
        yield Branch
    if {"author_email", "committer_email"} <= node.keys() and OBJECT_ID.fullmatch(node["id"]):
        yield Commit
    if {"id", "username", "name", "state"} <= node.keys():
        yield Member


def documents(corpora: Path) -> Iterator[Any]:
    """All of them that are JSON; some were recorded with what is none."""
    for folder in FOLDERS:
        for path in sorted((corpora / folder).rglob("*.json")):
            try:
                yield json.loads(path.read_bytes())
            except ValueError:
                continue


def test_recorded_payloads(corpora: Path) -> None:
    """Each project, branch, commit and person parses, and what is said of projects is kept."""
    found, refused, warned = Counter[str](), list[Any](), list[Any]()
    for document in documents(corpora):
        for node in nodes(document):
            for kind in kinds_of(node):
                one = read(kind, node)
                found[kind.__name__] += 1
                if one is None:
                    refused.append(node)
                elif isinstance(one, Project):
                    facts = facts_of(one)
                    RepositoryFacts.model_validate(facts)
                    warned += facts.get("warnings", [])

    assert (refused, warned) == ([], [])
    assert found == {"Project": 25, "Branch": 1, "Commit": 2, "Member": 9}


def test_server_as_recorded(corpora: Path) -> None:
    """The scripted server leaves out nothing that real answers hold, and types it alike."""
    del corpora
    server = GitLabServer()
    project = server.state.project("acme/churn", {"a": b"a"})
    commit = project.branches["main"][-1]
    said = {
        "branch": server._as_branch(project, "main", commit),  # noqa: SLF001
        "commit": server._as_commit(commit),  # noqa: SLF001
        "member": server._as_member(1, ("ada", "Ada")),  # noqa: SLF001
        "project": server._as_project(project),  # noqa: SLF001
    }
    for name, real in recorded().items():
        assert real, name
        types = {key: type(value) for key, value in real.items()}
        assert {key: type(said[name][key]) for key in types} == types, name
