"""The sweep of all hosts over git: what it reads again, and what hints make it read."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from harvesters.base import Told as Said
from harvesters.errors import RecordUnreadable, SourceRefused
from harvesters.manifests.git import harvesters
from harvesters.manifests.sweep import RepositorySweep
from harvesters.registry import Secret
from outbound.addresses import VARIABLE
from schemas.harvest import Coverage, KnownSubject
from schemas.hooks import Hint
from schemas.observation import Observation
from schemas.sources import SourceSettings
from tests.harvesters.manifests.git.conftest import LOOPBACK
from tests.support.git_server import GitServer, Repository, Status

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MANIFEST = b"""\
apiVersion: model-catalog/v1
kind: Model
metadata: {namespace: retail, name: churn}
spec: {owners: [{ref: "team:retention-ds"}]}
"""


def make_sweep(
    *repositories: Repository, secret: Secret | None = None, allow: str = LOOPBACK, **settings: Any
) -> RepositorySweep:
    """The sweep that the factory makes for a source."""
    urls = [one.url for one in repositories]
    source = SourceSettings.model_validate(
        {"name": "git-prod", "kind": "git", "namespace": "retail",
         "settings": {"repositories": urls} | settings}
    )  # fmt: skip
    (sweep,) = harvesters(source, secret, {VARIABLE: allow})
    assert isinstance(sweep, RepositorySweep)
    return sweep


def told(sweep: RepositorySweep) -> list[Said]:
    """All that a sweep says."""
    said = [one for page in sweep.pages(None) for one in sweep.observe(page)]
    return [*said, *sweep.vouch(())]


def remembered(said: Sequence[Said]) -> list[KnownSubject]:
    """What the catalog would keep of it."""
    last = {one.subject: one for one in said if isinstance(one, Observation)}
    return [
        KnownSubject(subject=one.subject, digest=one.digest(), marker=one.marker)
        for one in last.values()
    ]


def subjects(said: Sequence[Said]) -> set[str]:
    """What observations are about."""
    return {str(one.subject) for one in said if isinstance(one, Observation)}


def test_sweep_unchanged(git_server: GitServer) -> None:
    """What is known is said as known: one `ls-remote`, no observation."""
    churn = git_server.create("acme/churn")
    churn.commit({"model.yaml": MANIFEST})
    first = told(make_sweep(churn))
    assert any("model:manifest:" in one for one in subjects(first))
    git_server.forget()
    sweep = make_sweep(churn)
    sweep.remember(remembered(first))

    again = told(sweep)

    assert all(isinstance(one, KnownSubject) for one in again)
    assert len(again) == len(remembered(first))
    assert git_server.requests == {"refs": 1, "ls-refs": 1}


def test_sweep_other_settings(git_server: GitServer) -> None:
    """What was read by other settings is read again."""
    churn = git_server.create("acme/churn")
    churn.commit({"model.yaml": MANIFEST})
    first = told(make_sweep(churn))
    sweep = make_sweep(churn, holds_models=["acme/*"])
    sweep.remember(remembered(first))

    assert subjects(told(sweep)) == subjects(first)


def test_sweep_hinted(git_server: GitServer) -> None:
    """A hint about one repository of the list reads that one alone; failing, it fails no other."""
    churn, fraud, docs = (git_server.create(f"acme/{name}") for name in ("churn", "fraud", "docs"))
    churn.commit({"model.yaml": MANIFEST})
    git_server.behave("acme/fraud", Status(401))
    sweep = make_sweep(churn, fraud, docs)
    cursor = sweep.cursor_after(next(sweep.pages(None)))
    git_server.forget()
    hints = [
        Hint(id=number, event="push", url=url, received_at=NOW)
        for number, url in enumerate([fraud.url, churn.url, "https://git.example.com/not/listed"])
    ]
    sweep.hint(hints)
    sweep.choose(cursor)

    said = told(sweep)

    assert sweep.coverage is Coverage.DELTA
    assert tuple(sweep.settled) == (0, 1)
    assert any("acme/churn#model.yaml" in one for one in subjects(said))
    (failed,) = (one for one in said if isinstance(one, RecordUnreadable))
    assert failed.code == "authentication_refused"
    assert {name for name, _ in git_server.by_repository} == {"acme/churn", "acme/fraud"}


def test_sweep_branch(git_server: GitServer) -> None:
    """The branch that a pattern names stands for the repository."""
    churn = git_server.create("acme/churn")
    churn.commit({"README.md": b""})
    churn.commit({"model.yaml": MANIFEST}, branch="released")

    said = told(make_sweep(churn, branches={"ACME/*": "released"}))

    assert any("acme/churn#model.yaml" in one for one in subjects(said))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"repositories": []}, "settings.repositories"),
        ({"repositories": ["file:///etc"]}, "settings.repositories.0"),
        ({"repositories": ["https://x:tok@git.example.com/a/b"]}, "settings"),
        ({"repositories": ["git@git.example.com:a/b"]}, "ssh_known_hosts"),
        ({"repositories": ["git@git.example.com:a/b"], "ssh_known_hosts": "x"}, "ssh_known_hosts"),
        (
            {
                "repositories": ["git@git.example.com:a/b", "https://git.example.com/a/b.git"],
                "ssh_known_hosts": "/etc/ssh/known",
            },
            "listed twice",
        ),
        ({"repositories": ["https://git.example.com/a/b"], "seconds": 0}, "settings.seconds"),
        ({"repositories": ["https://git.example.com/a/b"], "typo": 0}, "settings.typo"),
    ],
)
def test_settings_refused(settings: dict[str, Any], named: str) -> None:
    """What cannot be read says where, and repeats no secret."""
    asked = {"name": "git-prod", "kind": "git", "namespace": "retail", "settings": settings}
    with pytest.raises((SourceRefused, ValueError)) as refused:
        next(harvesters(SourceSettings.model_validate(asked), None, {}))
    assert named in str(refused.value)
    if isinstance(refused.value, SourceRefused):
        assert "tok" not in str(refused.value).replace("token", "")


@pytest.mark.parametrize("text", ["two\nlines", "tök", "a\x00b"])
def test_secret_refused(git_server: GitServer, text: str) -> None:
    """A secret that no header carries is refused before it is sent, and not repeated."""
    churn = git_server.create("acme/churn")
    with pytest.raises(SourceRefused, match="neither a private key nor text") as refused:
        make_sweep(churn, secret=Secret(text, "127.0.0.1"))
    assert text not in str(refused.value)
    with pytest.raises(SourceRefused, match=VARIABLE):
        make_sweep(churn, allow="nonsense")
