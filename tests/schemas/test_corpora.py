"""Canonical forms on recorded payloads: everything real is one thing or refused, never a crash."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.canonical import canonical_commit, canonical_dataset_uri, canonical_repository_url
from schemas.strict import Instant

GITHUB = ("html_url", "clone_url", "ssh_url", "git_url", "svn_url")
GITLAB = ("web_url", "homepage", "git_http_url", "git_ssh_url", "http_url", "ssh_url", "url")


def members(document: Any) -> Iterator[tuple[str, Any]]:
    """Every member of every object in a document."""
    if isinstance(document, dict):
        yield from document.items()
    for inner in document.values() if isinstance(document, dict) else document:
        if isinstance(inner, dict | list):
            yield from members(inner)


def payloads(folder: Path) -> list[Any]:
    """Every recorded JSON document of a folder."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in folder.rglob("*.json")]
    assert found
    return found


def sorted_out(values: set[str], canonical: Callable[[str], str]) -> tuple[set[str], int]:
    """The canonical forms, each its own, and how many values were refused."""
    forms, refused = set(), 0
    for value in values:
        try:
            forms.add(canonical(value))
        except ValueError:
            refused += 1
    assert {canonical(form) for form in forms} == forms
    return forms, refused


@pytest.mark.parametrize(
    ("folder", "names", "repositories", "told_apart"),
    [("github_webhooks", GITHUB, 9, 2), ("gitlab_webhooks", GITLAB, 16, 6)],
)
def test_corpora_repository_addresses(
    corpora: Path, folder: str, names: tuple[str, ...], repositories: int, told_apart: int
) -> None:
    """All addresses of a repository in a webhook are one; but for ports that ssh does not name."""
    objects = [
        value
        for payload in payloads(corpora / folder)
        for name, value in members(payload)
        if name in {"repository", "project"} and isinstance(value, dict)
    ]
    addresses = [{one[n] for n in names if isinstance(one.get(n), str)} for one in objects]
    by_object = [sorted_out(found, canonical_repository_url) for found in addresses if found]

    assert sum(refused for _, refused in by_object) == 0
    assert len(set().union(*(forms for forms, _ in by_object))) == repositories
    assert sum(len(forms) > 1 for forms, _ in by_object) == told_apart


def test_corpora_dataset_uris(corpora: Path) -> None:
    """Datasets of lineage events whose namespace is an address have a URI; others are refused."""
    named = {
        f"{dataset['namespace']}/{dataset['name']}"
        for payload in payloads(corpora / "openlineage")
        for name, value in members(payload)
        if name in {"inputs", "outputs"} and isinstance(value, list)
        for dataset in value
        if isinstance(dataset, dict) and dataset.keys() >= {"namespace", "name"}
    }
    forms, refused = sorted_out(named, canonical_dataset_uri)

    assert (len(named), len(forms), refused) == (37, 23, 14)


def test_corpora_every_address(corpora: Path) -> None:
    """No text of any recorded webhook or event breaks a canonical form."""
    texts = {
        value
        for folder in ("github_webhooks", "gitlab_webhooks", "openlineage", "other_webhooks")
        for payload in payloads(corpora / folder)
        for _, value in members(payload)
        if isinstance(value, str)
    }
    repositories, no_repository = sorted_out(texts, canonical_repository_url)
    datasets, no_dataset = sorted_out(texts, canonical_dataset_uri)
    commits = {commit for text in texts if (commit := canonical_commit(text))}

    assert len(texts) == 3_462
    assert (len(repositories), no_repository) == (763, 2_598)
    assert (len(datasets), no_dataset) == (854, 2_600)
    assert len(commits) == 70


def test_corpora_mlmodel_times(corpora: Path) -> None:
    """`utc_time_created` names no zone: it is refused as a time, until its reader adds one."""
    files = [path for path in (corpora / "mlmodel").rglob("*") if path.is_file()]
    line = re.compile(r"^utc_time_created: '?([^'\n]+)'?$", re.MULTILINE)
    written = [found for path in files for found in line.findall(path.read_text(encoding="utf-8"))]
    instant = TypeAdapter[Any](Instant)
    refused = 0
    for moment in written:
        with pytest.raises(ValidationError):
            instant.validate_python(moment)
        refused += instant.validate_python(f"{moment}Z").year >= 2019

    assert refused == 61
