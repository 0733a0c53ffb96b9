"""Merging over HTTP: by name, by id, by identifier; planned, repeated, refused."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from schemas.identifiers import email_identifier
from service.db import Busy, Database
from service.ingest.partition import compare_identities
from tests.support.catalog import changes, contents, make_source, post, rows
from tests.support.harvester import served
from tests.support.http import make_token
from tests.support.identity import (
    about,
    decide,
    find_id,
    groups,
    keys,
    model,
    same,
    settled,
    version,
)

ONE = "mlflow-prod/default"
WHY = {"reason": "tests"}


class Asking:
    """An admin, or another caller, over HTTP."""

    def __init__(self, client: Any, database: Database) -> None:
        """Make the admin's token."""
        self.client, self.database = client, database
        self.admin = make_token(database, "admin")

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Answers status and document."""
        headers = {"Authorization": f"Bearer {headers.pop('token', self.admin)}"} | headers
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body)
        answer = self.client.request(method, f"/api/v1{path}", content=content, headers=headers)
        return answer.status_code, answer.json() if answer.content else None


@pytest.fixture
def ask(database: Database) -> Iterator[Asking]:
    """The whole application, asked by an admin."""
    with served(database) as client:
        yield Asking(client, database)


def test_merge_over_http(database: Database, ask: Asking) -> None:
    """A dry run shows every field and keeps nothing; a repeated key decides once."""
    source = make_source(database)
    post(database, source, model("a"), version(1, "a"), model("b", description="b"),
         version(1, "b"))  # fmt: skip
    body = {"other": "retail/b"} | WHY
    before = contents(database)
    status, planned = ask("POST", "/models/retail/a:merge?dry_run=true", body)
    assert (status, planned["dry_run"], planned["also"]) == (200, True, 1)
    assert "description" in {change["field"] for change in planned["changes"]}
    assert contents(database) == before

    done = ask("POST", "/models/retail/a:merge", body, **{"Idempotency-Key": "one"})
    assert done[0] == 200
    assert done[1]["total"] == planned["total"]
    after = contents(database)
    assert ask("POST", "/models/retail/a:merge", body, **{"Idempotency-Key": "one"}) == done
    assert contents(database) == after
    name = keys(database, "model")[0]
    assert ask("POST", f"/models/{name}:merge", {"other": f"mlflow:{ONE}/b"} | WHY)[0] == 409
    assert ask("POST", f"/models/{name}:unmerge", {"other": f"mlflow:{ONE}/b"} | WHY)[0] == 200
    assert keys(database, "model") == ["retail/a", "retail/b"]
    settled(database)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/models/retail/x:merge", {"other": "retail/a"}, 404, "model_not_found"),
        ("/models/retail/a:merge", {"other": "retail/x"}, 404, "entry_not_found"),
        ("/models/retail/a:merge", {"other": "nonsense:x"}, 404, "entry_not_found"),
        ("/models/retail/a:merge", {"other": "retail/a"}, 409, "same_entry"),
        ("/models/retail/a:merge", {}, 422, "invalid"),
        ("/models/retail/a:merge", {"other": "retail/b", "reason": ""}, 422, "invalid"),
        ("/models/retail/a:unmerge", {}, 409, "nothing_merged"),
        ("/models/retail/a/versions/1:merge", {"other": "retail/a"}, 404, "entry_not_found"),
        ("/datasets/uri:s3%3A%2F%2Flake%2Fx:merge", {"other": "uri:s3://lake/x"}, 409,
         "same_entry"),
    ],
)  # fmt: skip
def test_merge_refused_over_http(
    database: Database, ask: Asking, path: str, body: Any, status: int, code: str
) -> None:
    """Each refusal says what is wrong, and changes nothing."""
    source = make_source(database)
    lake = {"dataset": about("dataset", "s3://lake/x", "uri")}
    post(database, source, model("a", datasets=[lake]), version(1, "a"), model("b"))
    before = contents(database)
    found = ask("POST", path, WHY | body)

    assert (found[0], found[1]["code"]) == (status, code)
    assert contents(database) == before


def test_merge_versions_and_others(database: Database, ask: Asking) -> None:
    """Versions by number, all other kinds by id or identifier; and back."""
    source = make_source(database)
    links = [{"dataset": about("dataset", f"s3://lake/{n}", "uri")} for n in "xy"]
    post(database, source, model("a", datasets=links), version(1, "a"), version(2, "a"))
    x, y = (find_id(database, f"s3://lake/{n}") for n in "xy")

    status, done = ask("POST", f"/datasets/{x}:merge", {"other": "uri:s3://lake/y"} | WHY)
    assert (status, done["stays"], done["other"]) == (200, str(min(x, y)), str(max(x, y)))
    assert ask("POST", f"/datasets/{done['other']}:unmerge", WHY)[0] == 200
    one = {"other": f"mlflow:{ONE}/a/2"} | WHY
    assert ask("POST", "/models/retail/a/versions/1:merge", one)[0] == 200
    assert groups(database, "version") == {frozenset({f"{ONE}/a/1", f"{ONE}/a/2"})}
    left = find_id(database, f"{ONE}/a/1")
    assert (
        ask("POST", f"/models/retail/a/versions/{str(keys(database)[0])[-1]}:unmerge", WHY)[0]
        == 200
    )
    assert keys(database) == ["retail/a/1", "retail/a/2"]
    assert left in {find_id(database, f"{ONE}/a/{n}") for n in "12"}
    settled(database)


def test_merge_while_a_batch_is_recorded(database: Database) -> None:
    """Whoever comes second reads again: nothing is lost, nobody waits in a circle."""
    source = make_source(database)
    post(database, source, model("a"), model("b"))
    a, b = find_id(database, f"{ONE}/a"), find_id(database, f"{ONE}/b")
    failed: list[BaseException] = []

    def write() -> None:
        try:
            for number in range(25):
                at = f"2026-11-21T12:{number:02}:00Z"
                said = [model("a", at=at, description=at), version(number, "a", at=at)]
                post_with_patience(database, source, [*said, version(number, "b", at=at)])
        except BaseException as error:  # noqa: BLE001  # shown by the test's own thread
            failed.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    turns = 0
    while writer.is_alive():
        patiently(database, a, b, lift=True)
        patiently(database, a, b, verb="unmerge")
        turns += 1
    writer.join()

    assert (failed, turns > 0) == ([], True)
    assert keys(database) == sorted(f"retail/{name}/{n}" for name in "ab" for n in range(25))
    settled(database)


def post_with_patience(database: Database, source: Any, batch: list[Any]) -> None:
    """As a harvester would: again while too many others are in the way."""
    for _ in range(40):
        with suppress(Busy):
            assert post(database, source, *batch).refused == ()
            return
    raise AssertionError("never got through")


def patiently(database: Database, one: Any, other: Any, **asked: Any) -> None:
    """As a person would: again while too many others are in the way."""
    for _ in range(40):
        with suppress(Busy):
            decide(database, "model", one, other, **asked)
            return
    raise AssertionError("never got through")


def test_owner_aliases(database: Database, ask: Asking) -> None:
    """What a person knows of an owner is given to it, and taken back; nothing is guessed."""
    source = make_source(database)
    handle = about("owner", "user:anna", "handle")
    post(database, source, model("a", owners=[{"owner": handle}]))
    body = {"identifier": "email:Anna@Example.com"} | WHY
    status, made = ask("POST", "/owners/handle:user%3Aanna/aliases", body)
    assert (status, made["identifier"], made["reason"]) == (201, "email:anna@example.com", "tests")
    assert ask("POST", "/owners/handle:user%3Aanna/aliases", body)[0] == 409
    assert ask("POST", "/owners/handle:user%3Aanna/aliases",
               {"identifier": "email:x"} | WHY)[0] == 404  # fmt: skip
    assert ask("GET", f"/owners/{made['owner']}/aliases") == (200, [made])
    mailed = about("owner", "anna@example.com", "email")
    post(database, source, model("b", owners=[{"owner": mailed}]))
    assert rows(database, "SELECT count(*) FROM owner") == [(1,)]

    gone = "/owners/handle:user%3Aanna/aliases/email:anna@example.com?reason=left"
    assert ask("DELETE", gone)[0] == 204
    assert ask("DELETE", gone)[0] == 404
    assert ask("GET", f"/owners/{made['owner']}/aliases") == (200, [])
    told = [(c["op"], c["reason"]) for c in changes(database) if c["op"] in {"alias", "withdraw"}]
    assert told == [("alias", "tests"), ("withdraw", "left")]
    reader = make_token(database, "reader")
    assert ask("POST", "/owners/handle:user%3Aanna/aliases", body, token=reader)[0] == 403


def test_owners_merge_and_part(database: Database, ask: Asking) -> None:
    """A confirmed alias is a merge; ownership follows both ways."""
    source = make_source(database)
    owners = [about("owner", "user:anna", "handle"), about("owner", "anna@example.com", "email")]
    for name, owner in zip("ab", owners, strict=True):
        post(database, source, model(name, owners=[{"owner": owner, "role": "developer"}]))
    before = rows(database, "SELECT entry_id, target_id FROM link ORDER BY 1")
    merged = {"other": "email:anna@example.com"} | WHY
    assert ask("POST", "/owners/handle:user%3Aanna:merge", merged)[0] == 200
    assert rows(database, "SELECT count(DISTINCT target_id) FROM link") == [(1,)]
    assert ask("POST", "/owners/handle:user%3Aanna:unmerge", WHY)[0] == 200
    assert rows(database, "SELECT entry_id, target_id FROM link ORDER BY 1") == before
    settled(database)


def test_noreply_address_is_the_login() -> None:
    """GitHub's addresses for commits name the account behind them."""
    found = email_identifier("486325+anna@users.noreply.github.com")
    assert (found.scheme, found.value) == ("github", "github.com/anna")


def test_identities_are_compared(database: Database) -> None:
    """What would be one if it came today, and what nothing supports; nothing is changed."""
    source = make_source(database)
    post(database, source, model("a"))
    post(database, source, model("b"))
    post(database, source, same(model("b", at="2026-11-21T00:00:00Z"), model("a")))
    assert list(compare_identities(database)) == []
    post(database, source, model("b", at="2026-11-22T00:00:00Z"))
    assert [one.field for one in compare_identities(database)] == ["unsupported"]
    decide(database, "model", find_id(database, f"{ONE}/a"), None, verb="unmerge")
    post(database, source, same(model("b", at="2026-11-23T00:00:00Z"), model("a")))
    assert list(compare_identities(database)) == []
    with database.writing() as session:
        session.connection().exec_driver_sql(
            "UPDATE identity_decision SET lifted_at = now() WHERE op = 'separated'"
        )
    before = contents(database)
    assert [one.field for one in compare_identities(database)] == ["merge"]
    assert contents(database) == before
