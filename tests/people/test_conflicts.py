"""Contested fields: a work list over all kinds, and the three ways to decide one."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from schemas.conflicts import ConflictFilters
from service.db import Database
from service.ingest.rebuild import reconcile_all
from service.people.conflicts import Part, select_conflicts
from tests.support.accounts import make_owner
from tests.support.catalog import (
    OPERATOR,
    make_reader,
    make_source,
    model,
    post,
    rows,
    version,
)
from tests.support.http import Service

ANN = {"kind": "owner", "scheme": "handle", "value": "user:ann"}
BOB = {"kind": "owner", "scheme": "handle", "value": "user:bob"}
LATER = "2026-11-21T00:00:00Z"


def owned(*owners: Any) -> list[Any]:
    """Accountable owners."""
    return [{"owner": one, "role": "accountable"} for one in owners]


@pytest.fixture
def disputed(service: Service) -> Service:
    """Two sources disagree about owner, description and list; a third only concluded."""
    database = service.database
    first = make_source(database, precedence=50)
    other = make_source(database, "mlflow-other")
    guess = make_source(database, "mlflow-guess", precedence=70)
    said: dict[str, Any] = {"description": "a", "owners": owned(ANN), "disclosed": ["x"]}
    post(database, first, model(**said, lifecycle="pilot"), version(1, framework="sklearn"))
    post(database, other, model(source="mlflow-other", at=LATER, description="b",
                                owners=owned(BOB), disclosed=["y"]))  # fmt: skip
    guessed = model(source="mlflow-guess", lifecycle="production", namespace="retail")
    post(database, guess, guessed | {"inferred": ["lifecycle"]})
    return service


def conflicts(service: Service, token: str | None = None, **asked: str) -> list[Any]:
    """The work list."""
    found: list[Any] = service.get("conflicts", token, **asked)["items"]
    return found


def resolve(service: Service, token: str, **asked: Any) -> Any:
    """Decide a contested field."""
    params = {"dry_run": "true"} if asked.pop("dry_run", False) else {}
    headers = asked.pop("headers", {})
    one = conflicts(service, field=asked["field"], settled=asked.pop("settled", "false"))[0]
    body = {"kind": one["kind"], "entry": one["entry"]} | asked
    return service.ask("POST", "conflicts:resolve", token, json=body, params=params,
                       headers=headers)  # fmt: skip


def differences(database: Database) -> list[Any]:
    """What rebuilding finds."""
    return list(reconcile_all(database, actor=OPERATOR, dry_run=True))


def test_conflicts_listed(disputed: Service) -> None:
    """One row a contested field: what holds, who lost, by which rule, since when, who owns it."""
    found = {one["field"]: one for one in conflicts(disputed)}

    assert list(found) == ["description", "disclosed", "lifecycle", "owners"]
    one = found["description"]
    assert (one["name"], one["url"], one["kind"], one["namespace"]) == (
        "retail/churn", "/api/v1/models/retail/churn", "model", "retail",
    )  # fmt: skip
    assert (one["value"], one["source"], one["decided_by"]) == ("a", "mlflow-prod", "precedence")
    assert one["confirmed_at"] == one["observed_at"] == "2026-11-20T12:00:00.000000Z"
    assert [(c["value"], c["source"], c["precedence"]) for c in one["contenders"]] == [
        ("b", "mlflow-other", 40)
    ]
    assert one["owners"] == ["user:ann"]
    assert found["lifecycle"]["decided_by"] == "inferred"
    assert found["owners"]["decided_by"] == "precedence"
    stood = rows(disputed.database, "SELECT valid_from FROM model_history ORDER BY 1")
    assert one["since"] > stood[0][0].isoformat()


def test_conflicts_newest(service: Service) -> None:
    """Sources that count alike: who last changed its mind decides."""
    for name, at, text in (
        ("mlflow-prod", LATER, "new"),
        ("mlflow-other", "2026-11-20T00:00:00Z", "old"),
    ):
        source = make_source(service.database, name)
        post(service.database, source, model(source=name, at=at, description=text))

    (one,) = conflicts(service)

    assert (one["value"], one["decided_by"]) == ("new", "newest")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"field": "owners,description"}, {"owners", "description"}),
        ({"owner": "user:ann"}, {"description", "disclosed", "lifecycle", "owners"}),
        ({"owner": "user:eve"}, set()),
        ({"source": "mlflow-guess"}, {"lifecycle"}),
        ({"kind": "version"}, set()),
        ({"namespace": "retail", "field": "owners"}, {"owners"}),
        ({"settled": "true"}, set()),
    ],
)
def test_conflicts_filtered(disputed: Service, asked: dict[str, str], expected: set[str]) -> None:
    """By owner, source, field, kind and namespace; a source counts where it speaks of the field."""
    assert {one["field"] for one in conflicts(disputed, **asked)} == expected


@pytest.mark.parametrize(
    ("asked", "fix"),
    [
        ({"field": "descriptoin"}, "Did you mean description?"),
        ({"source": "mlflow-prd"}, "Did you mean mlflow-prod?"),
    ],
)
def test_conflicts_unknown_names(disputed: Service, asked: dict[str, str], fix: str) -> None:
    """What cannot match is refused with the nearest."""
    answer = disputed.ask("GET", "conflicts", disputed.reader, params=asked)

    assert (answer.status_code, answer.json()["errors"][0]["fix"]) == (422, fix)
    wrong = disputed.ask("GET", "conflicts", disputed.reader, params={"kind": "modell"})
    assert wrong.status_code == 422


def test_conflicts_visible(disputed: Service) -> None:
    """As entries are."""
    elsewhere = disputed.token("reader", namespaces=["wholesale"])

    assert conflicts(disputed, elsewhere) == []


def test_conflicts_pages_and_files(disputed: Service) -> None:
    """Pages neither skip nor repeat; every file holds the same rows."""
    page, seen = disputed.get("conflicts", page_size="1"), []
    while True:
        seen += page["items"]
        if page["next_page_token"] is None:
            break
        page = disputed.get("conflicts", page_size="1", page_token=page["next_page_token"])
    assert seen == conflicts(disputed)
    text = disputed.ask("GET", "conflicts.csv", disputed.reader).text
    table = list(csv.DictReader(io.StringIO(text)))
    assert [row["field"] for row in table] == [one["field"] for one in seen]
    assert json.loads(table[0]["contenders"])[0]["value"] == "b"
    lines = disputed.ask("GET", "conflicts.jsonl", disputed.reader).text.splitlines()
    assert [json.loads(line) for line in lines] == seen
    assert disputed.ask("GET", "conflicts.xlsx", disputed.reader).status_code == 200


def test_conflicts_as_of(disputed: Service) -> None:
    """The work list as it stood, with what was said and pinned then."""
    before = conflicts(disputed)
    moment = rows(disputed.database, "SELECT clock_timestamp()")[0][0].isoformat()
    admin = disputed.token("admin")
    assert resolve(disputed, admin, field="description", value="c", reason="r").status_code == 200

    then = conflicts(disputed, as_of=moment)

    assert [(one["field"], one["value"], one["since"]) for one in then] == [
        (one["field"], one["value"], one["since"]) for one in before
    ]
    assert "description" not in {one["field"] for one in conflicts(disputed)}


def test_resolve_by_value(disputed: Service) -> None:
    """A pin: the conflict leaves the work list, and stands among the settled ones."""
    admin = disputed.token("admin")
    tried = resolve(disputed, admin, field="owners", value=owned(BOB), reason="asked", dry_run=True)
    assert tried.status_code == 200, tried.text
    assert "owners" in {one["field"] for one in conflicts(disputed)}
    done = resolve(disputed, admin, field="owners", value=owned(BOB), reason="asked")

    assert done.json()["field"]["pin"]["reason"] == "asked"
    assert "owners" not in {one["field"] for one in conflicts(disputed)}
    (one,) = conflicts(disputed, settled="true")
    assert (one["field"], one["decided_by"], one["owners"]) == ("owners", "pin", ["user:bob"])
    assert [c["source"] for c in one["contenders"]] == ["mlflow-prod", "mlflow-other"]
    assert differences(disputed.database) == []


def test_resolve_joined(disputed: Service) -> None:
    """Both are right: nothing is contested any more."""
    done = resolve(disputed, disputed.token("admin"), field="disclosed", joined=True, reason="both")

    assert done.json()["field"]["value"] == ["x", "y"]
    assert "disclosed" not in {one["field"] for one in conflicts(disputed)}
    assert conflicts(disputed, settled="true") == []


def test_resolve_by_rank(disputed: Service) -> None:
    """The source counts more for this field from now on, everywhere; an owner may not do that."""
    ann = make_owner(disputed, "ann", "handle:user:ann")
    rank = {"source": "mlflow-other", "rank": 60, "reason": "it knows"}
    assert resolve(disputed, ann, field="description", rank=rank).status_code == 403
    admin = disputed.token("admin")
    tried = resolve(disputed, admin, field="description", rank=rank, dry_run=True)
    assert tried.json()["source"]["impact"]["entries"] == 1, tried.text
    done = resolve(disputed, admin, field="description", rank=rank)

    assert done.json()["field"]["value"] == "b"
    (one,) = conflicts(disputed, settled="true")
    assert (one["decided_by"], one["value"]) == ("field_precedence", "b")
    assert differences(disputed.database) == []


def test_resolve_refused(disputed: Service) -> None:
    """One way, of what is contested still, by whoever may; the same key decides once."""
    admin = disputed.token("admin")
    entry = conflicts(disputed)[0]["entry"]
    body = {"kind": "model", "entry": entry, "field": "description", "value": "c", "reason": "r"}

    def ask(token: str = admin, key: str = "", **other: Any) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        said = {name: value for name, value in (body | other).items() if value is not ...}
        answer = disputed.ask("POST", "conflicts:resolve", token, json=said, headers=headers)
        return answer.status_code, answer.json().get("code")

    assert ask(joined=True) == (422, "invalid")
    assert ask(reason=...) == (422, "invalid")
    assert ask(field="tags", value=["x"]) == (409, "not_contested")
    assert ask(disputed.reader) == (403, "not_yours")
    assert ask(joined=True, value=...) == (422, "not_a_set")
    assert ask(key="k1") == ask(key="k1") == (200, None)
    assert ask(value="d") == (412, "tag_stale")
    assert ask(key="k1", value="d") == (422, "key_reused")


def test_conflicts_statements_and_plan(
    disputed: Service, owner_database: Database, statements: Any
) -> None:
    """A page is one statement, and reads the contested entries in order, not all of them."""
    database = disputed.database
    with statements() as said:
        conflicts(disputed)
    assert len([one for one in said if "token" not in one]) == 1

    def crowd(session: Any) -> None:
        session.execute(sa.text(
            "INSERT INTO entry (id, kind, stub, by_time, first_seen_at, last_changed_at) "
            "SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'dataset', "
            "false, false, now(), now() FROM generate_series(1, 20000) AS n"
        ))  # fmt: skip
        session.execute(sa.text(
            "INSERT INTO dataset (id, statements, provenance, narrowed, conflicts) SELECT id, "
            "'[{\"source\": \"mlflow-prod\"}]', '{\"license\": [0]}', '{}', '[\"license\"]' "
            "FROM entry WHERE kind = 'dataset'"
        ))  # fmt: skip

    database.transact(crowd)
    owner_database.transact(lambda session: session.execute(sa.text("ANALYZE entry, dataset")))
    with database.reading() as session:
        part = Part(limit=51)
        found = select_conflicts(session, ConflictFilters(), caller=make_reader(), part=part)
        page = found.query.order_by(*(key.ordered for key in found.order)).limit(51)
        plan = explained(session, page)

    reads = [node for node in nodes(plan) if node.get("Index Name") == "ix_dataset_id_contested"]
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in reads) <= 200, plan
    most = max(node["Actual Rows"] * node["Actual Loops"] for node in nodes(plan))
    assert most <= 500, plan


def explained(session: Session, query: Any) -> Any:
    """How PostgreSQL answers it, with what it really read."""
    compiled = query.compile(session.get_bind(), compile_kwargs={"render_postcompile": True})
    asked = f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}"
    return session.connection().exec_driver_sql(asked, compiled.params).scalar_one()[0]["Plan"]


def nodes(plan: Any) -> Iterator[Any]:
    """Each step of a plan."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)
