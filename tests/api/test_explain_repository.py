"""Why a repository is, or is not, in the catalog: read, left out, hidden, or never listed."""

import pytest

from schemas.harvest import Skipped
from schemas.identifiers import Identifier, Kind
from service.ingest.sources import SourceFacts, get_source
from tests.api.test_stale import sweep
from tests.support.catalog import NOON, make_source
from tests.support.http import Service

READ = "https://github.com/acme/churn"


@pytest.fixture
def asked(service: Service) -> Service:
    """Two sources of repositories, one of which was harvested."""
    database = service.database
    settings = {"organisations": ["acme"], "exclude": ["acme/playground-*"], "include": ["acme/*"]}
    hub = make_source(database, "github-acme", kind="github", settings=settings)
    lab = {"url": "https://gitlab.acme.example", "groups": ["Retail"], "include": ["retail/ds/*"]}
    make_source(database, "gitlab-acme", kind="gitlab", settings=lab)
    listed = {"repositories": ["git@git.acme.example:ds/churn.git"]}
    make_source(database, "git-acme", kind="git", namespace="wholesale", settings=listed)
    url = {"kind": "repository", "scheme": "url", "value": READ}
    read = {
        "subject": {"kind": "repository", "scheme": "github", "value": "github.com/1"},
        "same_as": [url], "observed_at": NOON, "facts": {"url": READ},
    }  # fmt: skip
    hidden = Identifier.model_validate(url | {"value": "https://github.com/acme/secret"})
    skipped = (Skipped(code="not_readable", message="answers 403", subject=hidden),)
    sweep(database, hub, read, scope="repositories/acme", skipped=skipped)
    return service


@pytest.mark.parametrize(
    ("repository", "verdict", "says"),
    [
        (READ, "in_catalog", "last confirmed"),
        ("git@github.com:Acme/Churn.git", "in_catalog", "last confirmed"),
        ("https://github.com/acme/playground-7", "excluded", "exclude acme/playground-*"),
        ("https://github.com/acme/secret", "not_visible", "answers 403"),
        ("https://github.com/acme/never", "never_seen", "github-acme was last read completely"),
        ("https://gitlab.acme.example/retail/web/shop", "excluded", "include retail/ds/*"),
        ("https://git.acme.example/ds/churn", "never_harvested", "git-acme"),
        ("https://github.com/other/churn", "unknown", "No source"),
    ],
)
def test_explain_repository(asked: Service, repository: str, verdict: str, says: str) -> None:
    """By any form of its address."""
    found = asked.get("explain", repository=repository)

    assert (found["verdict"], says in found["summary"]) == (verdict, True), found["summary"]


def test_explain_manifests_in_it(asked: Service) -> None:
    """What was refused of a repository, or could not be read in it, is told with it."""
    database = asked.database
    hub = get_source_of(asked)
    faulty = Identifier(kind=Kind.MODEL, scheme="manifest", value="github.com/1#b/model.yaml")
    skipped = (Skipped(code="wrong_value", message="line 5: lifecycle", subject=faulty),)
    manifest = {
        "subject": {"kind": "model", "scheme": "manifest", "value": "github.com/1#model.yaml"},
        "observed_at": NOON, "facts": {"namespace": "elsewhere", "name": "churn"},
    }  # fmt: skip
    sweep(database, hub, manifest, scope="repositories/acme", skipped=skipped)

    found = asked.get("explain", repository=READ)

    assert found["verdict"] == "in_catalog"
    assert [one["code"] for one in found["refusals"]] == ["namespace_not_allowed"]
    assert [one["code"] for one in found["skipped"]] == ["wrong_value"]


def get_source_of(service: Service) -> SourceFacts:
    """The source that was harvested."""
    return service.database.transact(lambda session: get_source(session, "github-acme"))


def test_explain_repository_of_others(asked: Service) -> None:
    """A source that the caller may not know of is not told of."""
    token = asked.token("reader", namespaces=["retail"])

    found = asked.get("explain", token, repository="https://git.acme.example/ds/churn")

    assert found["verdict"] == "unknown"
    assert "git-acme" not in found["summary"]
