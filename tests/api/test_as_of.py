"""The catalog as it stood: the same answer for ever, with the rights of today."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.strict import instant_text
from service.db import Database
from tests.conftest import MakeDatabase
from tests.support.catalog import gone, make_source, model, post, rows, version
from tests.support.http import Service

ADA, BOB = (
    {"owner": {"kind": "owner", "scheme": "email", "value": f"{name}@acme.example"}}
    for name in ("ada", "bob")
)


def moment(service: Service) -> str:
    """Now, by the database's clock, once nothing that is written can be older."""
    time.sleep(0.002)
    now = rows(service.database, "SELECT clock_timestamp()")[0][0]
    while rows(service.database, "SELECT settled_before()")[0][0] <= now:
        time.sleep(0.01)
    return instant_text(now)


def comparable(answer: Any) -> Any:
    """A page without the moment that it shows."""
    return {name: value for name, value in answer.items() if name != "as_of"}


LISTS = (
    "models", "versions", "owners", "models?owner=ada@acme.example", "models?lifecycle=production",
    "models?facet=owner,lifecycle,source,namespace,gone&count=exact", "models?gone=true",
    "models?sort=-updated_at,name", "models/retail/churn/versions", "versions?gone=false",
)  # fmt: skip


def listed(service: Service, token: str | None = None, **asked: str) -> dict[str, Any]:
    """What each list answers."""
    return {path: comparable(service.get(path + ("&" if "?" in path else "?") + "&".join(
        f"{name}={value}" for name, value in asked.items()), token)) for path in LISTS}  # fmt: skip


@pytest.fixture
def changing(service: Service) -> tuple[Service, list[tuple[str, dict[str, Any]]]]:
    """A catalog in three states, each with the moment at which it was read."""
    source = make_source(service.database)
    batches = (
        [model("churn", lifecycle="pilot", owners=[ADA]), version(1), version(2)],
        [model("churn", at="2026-11-21T00:00:00Z", lifecycle="production", owners=[BOB]),
         model("fraud"), gone(version(2), "2026-11-21T00:00:00Z")],
        [gone(model("fraud"), "2026-11-22T00:00:00Z"),
         version(3, at="2026-11-22T00:00:00Z", aliases=["champion"])],
    )  # fmt: skip
    stood = []
    for batch in batches:
        post(service.database, source, *batch)
        stood.append((moment(service), listed(service)))
    return service, stood


def test_as_of(changing: tuple[Service, list[tuple[str, dict[str, Any]]]]) -> None:
    """Each list answers at a past moment what it answered then: links, counts, facets, order."""
    service, stood = changing
    assert len({str(answers) for _, answers in stood}) == 3
    for when, answers in stood:
        assert listed(service, as_of=when) == answers


def test_as_of_names_of_what_has_merged(service: Service) -> None:
    """What had its own identifier then is called by it, however often it was merged since."""
    source = make_source(service.database, "ci", kind="ci")
    run = {"kind": "build", "scheme": "github", "value": "github.com/acme/churn/1"}
    named: list[Any] = [
        {"kind": "repository", "scheme": "url", "value": f"https://github.com/acme/{name}"}
        for name in "abc"
    ]

    def said(subject: Any, at: str, **more: Any) -> Any:
        return {"subject": subject, "observed_at": f"2026-11-{at}T00:00:00Z", "facts": {}} | more

    def shown(as_of: str = "") -> Any:
        asked = f"?as_of={as_of}" if as_of else ""
        found = [service.get(f"{path}{asked}") for path in ("repositories", "builds")]
        found += [
            service.get("builds", repository=one["value"], **({"as_of": as_of} if as_of else {}))
            for one in named
        ]
        files = [
            service.ask("GET", f"{path}.csv{asked}", service.reader).text.replace("\r", "")
            for path in ("repositories", "builds")
        ]
        cells = [[line.split(",")[1:] for line in file.splitlines()] for file in files]
        return [comparable(one) for one in found], cells

    batches = (
        [*(said(one, "20") for one in named), said(run, "20", facts={"repository": named[2]})],
        [said(named[1], "21", same_as=[named[2]])],
        [said(named[0], "22", same_as=[named[1]])],
    )
    stood = []
    for batch in batches:
        assert post(service.database, source, *batch).refused == ()
        stood.append((moment(service), shown()))

    assert [len(then[0][0]["items"]) for _, then in stood] == [3, 2, 1]
    for as_of, then in stood:
        assert shown(as_of) == then


def test_as_of_before_anything(changing: tuple[Service, Any]) -> None:
    """Before the catalog existed there was nothing."""
    service, _ = changing
    found = service.get("models", as_of="2020-01-01T00:00:00Z", count="exact", facet="owner")

    assert (found["items"], found["total"]) == ([], 0)
    assert found["as_of"] == "2020-01-01T00:00:00.000000Z"


def test_as_of_todays_rights(changing: tuple[Service, Any]) -> None:
    """A reader sees of the past what they may see today."""
    service, stood = changing
    token = service.token(namespaces=["wholesale"])

    for when, _ in stood:
        for path in ("models", "versions"):
            assert service.get(path, token, as_of=when)["items"] == []


def test_as_of_pages(changing: tuple[Service, Any]) -> None:
    """Pages of the past go on in the past."""
    service, stood = changing
    when = stood[0][0]
    first = service.get("versions", as_of=when, page_size="1")
    second = service.get("versions", as_of=when, page_size="1", page_token=first["next_page_token"])

    assert [p["items"][0]["number"] for p in (first, second)] == ["1", "2"]
    assert second["next_page_token"] is None


@contextmanager
def writing(database: Database) -> Iterator[sa.Connection]:
    """A transaction that has written and not ended."""
    with database.engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_current_xact_id()"))
        yield connection
        connection.rollback()


def test_as_of_unsettled(changing: tuple[Service, Any]) -> None:
    """While somebody writes, what they write may still become part of now; of before it cannot."""
    service, stood = changing
    with writing(service.database) as connection:
        since = connection.execute(sa.text("SELECT now()")).scalar_one()
        for when in (since, rows(service.database, "SELECT clock_timestamp()")[0][0]):
            answer = service.ask(
                "GET", "models", service.reader, params={"as_of": when.isoformat()}
            )
            said = answer.json()

            assert (answer.status_code, said["code"]) == (409, "moment_unsettled")
            assert instant_text(since) in said["detail"]
        assert listed(service, as_of=stood[-1][0]) == stood[-1][1]


def test_settled_by_others(database: Database, make_database: MakeDatabase) -> None:
    """Who writes in another database of the server holds nothing back."""
    settled = "SELECT settled_before() >= statement_timestamp()"
    with make_database() as other, writing(other):
        assert rows(database, settled) == [(True,)]
    with writing(database):
        assert rows(database, settled) == [(False,)]
