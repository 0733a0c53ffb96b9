"""`push --ci` with the CI's own identity: exchanged, proved, refused, and what then counts."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from service.db import Database
from tests.cli.conftest import Command, Ran
from tests.cli.test_push_ci import SOURCE, only, without_log
from tests.support.catalog import make_source
from tests.support.ci_variables import GITHUB, OURS
from tests.support.http import HOST, Service, opened
from tests.support.identity_provider import (
    AUDIENCE,
    COMMIT,
    LOOPBACK,
    IdentityProvider,
    github_identity,
    provided,
)

HEX: Final = "ab" * 32
THIS: Final = ("--ci", "--model", "retail/churn", "--version", "7", "--audience", AUDIENCE)
Push = Callable[..., Ran]


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    """Where identity tokens come from."""
    with provided() as found:
        yield found


@pytest.fixture
def service(database: Database, provider: IdentityProvider) -> Iterator[Service]:
    """The service; its source is bound to the provider's repository."""
    bound = {"identities": [github_identity(provider)]}
    make_source(database, SOURCE, kind="ci", settings=bound)
    with opened(database, outbound_allow=LOOPBACK) as found:
        yield found


@pytest.fixture
def push(
    service: Service, provider: IdentityProvider, command: Command,
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> Push:  # fmt: skip
    """Runs `push` in a job that may ask for its identity, without a token."""
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    job = GITHUB | {
        "GITHUB_SERVER_URL": f"http://{provider.host}",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://{provider.host}/token?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner",
    }

    def pushed(*words: str, ci: Mapping[str, str] | None = None, **variables: str) -> Ran:
        with monkeypatch.context() as during:
            for name, text in (job | dict(ci or {})).items():
                during.setenv(name, text)
            known = {"URL": f"http://{HOST}:{service.port}"} | variables
            return without_log(command("push", SOURCE, *words, **known))

    return pushed


def test_proved(service: Service, provider: IdentityProvider, push: Push) -> None:
    """Forged variables change nothing: build, commit and repository are those that are proved."""
    forged = {"GITHUB_SHA": "2" * 40, "GITHUB_RUN_ID": "666", "GITHUB_REPOSITORY_ID": "1",
              "GITHUB_EVENT_NAME": "schedule"}  # fmt: skip
    words = ("--artifact", f"model=sha256:{HEX}", "--metric", "auc=0.9", "--deployed", "staging")

    ran = push(*THIS, *words, ci=forged)

    assert (ran.code, ran.err) == (0, "")
    made, version, served = (only(service, one) for one in ("builds", "versions", "deployments"))
    assert made["name"] == f"{provider.host}/486325809/9001"
    said = made["facts"]
    assert (said["commit"], said["ref"], said["event"]) == (COMMIT, "main", "push")
    assert said["repository"] == f"{provider.host}/486325809"
    assert [one["name"] for one in said["artifacts"]] == ["model"]
    assert (version["facts"]["source_commit"], version["facts"]["build"]) == (COMMIT, made["name"])
    assert version["facts"]["metrics"] == [{"name": "auc", "value": 0.9}]
    assert served["name"] == f"{provider.host}/486325809/staging"
    assert (served["facts"]["commit"], served["version"]) == (COMMIT, "retail/churn/7")
    assert only(service, "repositories")["name"] == f"{provider.host}/486325809"


def test_pushed_again(service: Service, push: Push) -> None:
    """A later step or job of the same run adds to what the earlier ones said of the build."""
    first = push(*THIS, "--artifact", f"model=sha256:{HEX}", "--model-uri", "models:/churn/7")
    again = push("--ci", "--audience", AUDIENCE, "--artifact", f"image=sha256:{'cd' * 32}")
    last = push(*THIS, "--deployed", "staging", "--status", "succeeded")

    assert [(one.code, one.err) for one in (first, again, last)] == [(0, "")] * 3
    said = only(service, "builds")["facts"]
    assert sorted(one["name"] for one in said["artifacts"]) == ["image", "model"]
    assert [one["value"] for one in said["versions"]] == ["retail/churn/7"]
    assert (said["model_uris"], said["status"]) == (["models:/churn/7"], "succeeded")
    assert said["commit"] == COMMIT


def test_stated_otherwise(service: Service, push: Push) -> None:
    """What is said otherwise than the proof is refused whole: 4, and where it differs."""
    ran = push(*THIS, "--commit", "2" * 40)
    branch = push(*THIS, ci={"GITHUB_REF_NAME": "evil"})
    deployed = push(*THIS, "--deployed", "staging", "--target", "github:github.com/1/production")

    assert (ran.code, branch.code, deployed.code) == (4, 4, 4)
    assert "/facts/commit: is not what the identity token proved" in ran.err
    assert "/facts/source_branch: is not what the identity token proved" in branch.err
    assert "is no deployment of this job" in deployed.err
    assert service.get("builds")["items"] == []


def test_not_taken(service: Service, provider: IdentityProvider, push: Push) -> None:
    """An identity that is not bound: 4; with a token that one counts, and it is said."""
    make_source(service.database, SOURCE, kind="ci", settings={})
    token = service.token("source", source_name=SOURCE)

    refused = push(*THIS)
    by_token = push(*THIS, TOKEN=token)
    unasked = push(*THIS, "--no-identity", TOKEN=token)
    spared = push(*THIS, "--best-effort")

    assert (refused.code, by_token.code, unasked.code, spared.code) == (4, 0, 0, 0)
    assert "lets nobody speak for this source" in refused.err
    assert "The build's own identity was not taken, so its token is used." in by_token.err
    assert unasked.err == ""
    assert only(service, "builds")["name"] == f"{provider.host}/486325809/9001"
    assert token not in refused.out + refused.err + by_token.err


def test_no_identity(push: Push, provider: IdentityProvider) -> None:
    """A runner that gives none, gives something else, or is asked in the open: said, 6 or 2."""
    nowhere = push(*THIS, ci={"ACTIONS_ID_TOKEN_REQUEST_URL": f"http://{provider.host}/gone"})
    other = push(*THIS, ci={"ACTIONS_ID_TOKEN_REQUEST_URL": f"http://{provider.host}/keys"})
    plain = push(*THIS, ci={"ACTIONS_ID_TOKEN_REQUEST_URL": "http://runner.example.com/token"})
    odd = push(*THIS, ci={"MODEL_CATALOG_ID_TOKEN": "two words"})

    assert (nowhere.code, other.code, plain.code, odd.code) == (6, 6, 2, 2)
    assert "permissions: id-token: write" in nowhere.err
    assert "runner" not in nowhere.err + other.err
    assert "two words" not in odd.err


def test_dry_run(service: Service, push: Push) -> None:
    """An identity only pushes: a dry run shows what would be sent, and nothing is."""
    ran = push(*THIS, "--dry-run")
    as_json = push(*THIS, "--dry-run", "--json")

    assert ran.code == 0
    assert any(line.startswith("version:part:") for line in ran.lines)
    (document,) = map(json.loads, as_json.lines)
    assert {one["subject"]["kind"] for one in document["would_send"]} == {"build", "version"}
    assert service.get("builds")["items"] == []
