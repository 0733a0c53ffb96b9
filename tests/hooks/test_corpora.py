"""Every recorded payload through its receiver: stored, ignored and refused make all of them."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from service.hooks.process import process_deliveries
from tests.hooks.ignored import IGNORED
from tests.hooks.senders import (
    AZURE,
    GITHUB,
    GITLAB,
    JENKINS,
    MLFLOW,
    basic_headers,
    github_headers,
    given_headers,
    mlflow_headers,
    send,
    token_headers,
)
from tests.support.catalog import rows
from tests.support.http import Service

HINTS: Final = {  # SOURCES counts the first two
    "github_webhooks": {
        "deployment": 2, "deployment_status": 3, "installation": 3, "push": 3, "release": 6,
        "repository": 7, "workflow_run": 1,
    },
    "gitlab_webhooks": {
        "build": 3, "group_rename": 1, "pipeline": 1, "push": 7, "release": 1, "tag_push": 2,
    },
    "github_webhooks_drone": {"deployment": 2, "push": 2, "release": 4},
}  # fmt: skip
FILES: Final = {
    "github_webhooks": 71, "gitlab_webhooks": 35, "github_webhooks_drone": 10,
    "azuredevops_webhooks": 15, "other_webhooks": 30,
}  # fmt: skip
REPEATED: Final = {  # Azure's examples share an id, some of Bitbucket's are the same bytes
    "azuredevops_webhooks": 3, "other_webhooks": 3,
}  # fmt: skip
NAMED: Final = {"push": "push", "deployment": "deployment", "release": "release",
                "branch": "create", "pr": "pull_request"}  # fmt: skip
KEPT: Final = "SELECT event, state, hints, reason FROM hook_delivery ORDER BY id"
Made = Callable[[Path, bytes], Mapping[str, str]]


def files(corpora: Path, folder: str) -> Iterator[tuple[Path, bytes]]:
    """The recorded payloads of a folder."""
    for path in sorted((corpora / folder).glob("**/*.json")):
        yield path, path.read_bytes()


WAYS: Final[Mapping[str, tuple[str, Made]]] = {
    "github_webhooks": (GITHUB, lambda path, body: github_headers(body, path.parent.name)),
    "gitlab_webhooks": (GITLAB, lambda _, __: token_headers()),
    "github_webhooks_drone": (
        GITHUB, lambda path, body: github_headers(body, NAMED[path.stem.split("_")[0]]),
    ),
    "azuredevops_webhooks": (AZURE, lambda _, __: basic_headers()),
    "other_webhooks": (GITHUB, lambda path, body: github_headers(body, path.parent.name)),
}  # fmt: skip


@pytest.mark.parametrize("folder", WAYS)
def test_corpora(everybody: Service, corpora: Path, folder: str) -> None:
    """HOOK-12: never a 5xx; what is ignored is listed; the counts are those of SOURCES."""
    to, made = WAYS[folder]
    answers = Counter[str]()
    for path, body in files(corpora, folder):
        answer = send(everybody, body, made(path, body), to=to)
        assert answer.status_code < 300, (path, answer.text)
        answers[answer.json()["state"]] += 1
    process_deliveries(everybody.database)

    told, ignored = Counter[str](), Counter[str]()
    for event, state, hints, reason in rows(everybody.database, KEPT):
        assert (state, reason) == ("done", None)
        if event != "ping":
            (told if hints else ignored).update([event])
    assert answers.total() == FILES[folder]
    assert answers["stored"] == told.total() + ignored.total()
    assert answers["ping"] == (2 if folder == "github_webhooks" else 0)
    assert answers["duplicate"] == REPEATED.get(folder, 0)
    assert dict(told) == HINTS.get(folder, {})
    assert dict(ignored) == IGNORED[folder]


def test_corpora_elsewhere(everybody: Service, corpora: Path) -> None:
    """What others send, to each kind of source in its own way: taken, then read without a fault."""
    ways: Mapping[str, Callable[[bytes], Mapping[str, str]]] = {
        GITLAB: lambda _: token_headers(), MLFLOW: mlflow_headers, AZURE: lambda _: given_headers(),
        JENKINS: lambda _: basic_headers(),
    }  # fmt: skip
    sent, kept = 0, 0
    for _, body in files(corpora, "other_webhooks"):
        for to, made in ways.items():
            answer = send(everybody, body, made(body), to=to)
            sent, kept = sent + 1, kept + (answer.status_code == 202)
            assert answer.status_code in {200, 202}

    process_deliveries(everybody.database)

    states = "SELECT state, count(*) FROM hook_delivery GROUP BY 1"
    assert rows(everybody.database, states) == [("done", kept)]
    assert (sent, sent - kept) == (30 * 4, 3 * 3)  # what MLflow signs has an id of its own
