"""`/schemas/model/v1.json`: the same for everybody, and with a token what its holder may see."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from schemas.manifest_schema import manifest_schema
from service.db import Database
from tests.support.catalog import NOON, make_source, model, post
from tests.support.http import Service, opened

PATH: Final = "/schemas/model/v1.json"


@pytest.fixture
def service(database: Database) -> Iterator[Service]:
    """A catalog with models in two namespaces, and owners.

    Two teams are described, one is gone, and one is only named: by a slip.
    """
    source = make_source(database, namespaces={"team-b": "lending"})
    owners = [named("team:retention-ds"), named("team:retentoin-ds"), named("user:anna")]
    receipt = post(
        database,
        source,
        model(owners=owners),
        model("score", namespace="lending", owners=[named("team:risk")]),
        *(
            {"subject": named(f"team:{name}")["owner"], "observed_at": NOON, "facts": {}}
            for name in ("retention-ds", "risk", "old")
        ),
        {
            "subject": named("team:old")["owner"],
            "observed_at": "2026-11-21T12:00:00Z",
            "gone": True,
        },
    )
    assert receipt.refused == ()
    with opened(database) as running:
        yield running


def named(handle: str) -> Any:
    """An owner by handle."""
    return {"owner": {"kind": "owner", "scheme": "handle", "value": handle}}


def test_schema_anonymous(service: Service) -> None:
    """Editors cannot send tokens: nobody is told the schema, and nothing of this catalog."""
    answer = service.ask("GET", PATH)

    assert answer.status_code == 200
    assert answer.json() == manifest_schema()
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert service.ask("GET", PATH, params={"draft": "07"}).json() == manifest_schema(draft="07")


def test_schema_of_reader(service: Service) -> None:
    """A reader's schema knows the teams and namespaces that it may see."""
    answer = service.ask("GET", PATH, service.reader, params={"draft": "07"})

    assert answer.json() == manifest_schema(
        draft="07", teams=["team:retention-ds", "team:risk"], namespaces=["lending", "retail"]
    )
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"] == "Authorization"


def test_schema_without_teams(database: Database) -> None:
    """While no source describes a team, any that is written will do."""
    post(database, make_source(database), model(owners=[named("team:retention-ds")]))
    with opened(database) as running:
        assert running.get(PATH, running.reader) == manifest_schema(namespaces=["retail"])


def test_schema_of_some_namespaces(service: Service) -> None:
    """A reader of one namespace is told of that alone."""
    answer = service.get(PATH, service.token(namespaces=["lending"]))
    assert answer["properties"]["metadata"]["properties"]["namespace"]["enum"] == ["lending"]


def test_schema_of_harvester(service: Service) -> None:
    """A token that reads no entries is told what nobody is told."""
    token = service.token("source", source_name="mlflow-prod")
    assert service.ask("GET", PATH, token).json() == manifest_schema()


@pytest.mark.parametrize("token", ["mcatp_nonsense", "x"])
def test_schema_wrong_token(service: Service, token: str) -> None:
    """A token that is none is refused, not taken for nobody's."""
    assert service.ask("GET", PATH, token).status_code == 401


def test_schema_unknown_draft(service: Service) -> None:
    """Only the two drafts that are published."""
    assert service.ask("GET", PATH, params={"draft": "04"}).status_code == 422
