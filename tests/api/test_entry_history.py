"""What happened to one entry, the newest first: from what to what, and because of what."""

from typing import Any

from service.db import Database
from tests.conftest import Statements
from tests.support.catalog import Sweep, gone, make_source, model, post, version
from tests.support.http import Service

LATER = "2026-11-21T00:00:00Z"
LATEST = "2030-01-01T00:00:00Z"  # by the source's clock: counts as now


def told(found: Any) -> list[Any]:
    """The changes of a page, without ids and times."""
    follows = {"number", "check", "rate", "open"}  # what the catalog concludes by itself
    return [
        (c["op"], c["field"], c["old"], c["new"]) for c in found["items"] if c["op"] not in follows
    ]


def test_history_of_model(service: Service) -> None:
    """Each change says what, old, new and its cause; the first has all first values."""
    source = make_source(service.database)
    post(service.database, source, model(description="A", tags=["x"]))
    sweep = Sweep(service.database, source)
    sweep.sweep(model(at=LATER, description="B", tags=["x"]))
    sweep.close()
    post(service.database, source, gone(model(), LATEST))
    found = service.get("models/retail/churn/history")
    entry = service.get("models/retail/churn")["id"]

    retired, *before = told(found)
    assert retired[:3] == ("retire", "gone_since", None)
    assert before == [
        ("update", "description", "A", "B"),
        ("create", None, None, {"namespace": "retail", "name": "churn", "description": "A",
                                "tags": ["x"]}),
    ]  # fmt: skip
    changed = next(one for one in found["items"] if one["field"] == "description")
    assert changed["harvest"] == str(sweep.id)
    assert changed["source"] == changed["actor"]["id"] == "mlflow-prod"
    assert changed["observation"]["observed_at"] == "2026-11-21T00:00:00.000000Z"
    assert {one["entry"] for one in found["items"]} == {entry}
    assert [one["id"] for one in found["items"]] == sorted(
        (one["id"] for one in found["items"]), reverse=True
    )


def test_history_filtered_and_paged(service: Service) -> None:
    """Pages neither skip nor repeat; a field and a time narrow them; a token is of one history."""
    source = make_source(service.database)
    for hour in range(7):
        post(
            service.database, source, model(at=f"2026-11-20T0{hour}:00:00Z", description=str(hour))
        )
    path = "models/retail/churn/history"
    whole = service.get(path, page_size="1000")["items"]
    page = first = service.get(path, page_size="2")
    pages = list(page["items"])
    while token := page["next_page_token"]:
        page = service.get(path, page_size="2", page_token=token)
        pages += page["items"]
    since = whole[3]["recorded_at"]

    assert pages == whole
    assert len(whole) == 8
    described = service.get(path, field="description")["items"]
    assert [one["new"] for one in described] == ["6", "5", "4", "3", "2", "1"]
    assert service.get(path, since=since)["items"] == whole[:4]
    for odd in (
        f"{path}?field=description&page_token={first['next_page_token']}",
        f"models/retail/churn/versions/1/history?page_token={first['next_page_token']}",
    ):
        assert service.ask("GET", odd, service.reader).status_code in {400, 404}, odd
    for wrong in ("since=yesterday", "page_size=0", "op=create", "field="):
        assert service.ask("GET", f"{path}?{wrong}", service.reader).status_code == 422, wrong


def test_history_of_version_and_others(service: Service) -> None:
    """A version has one, by alias too; so has anything that is found by its identifier."""
    source = make_source(service.database)
    lake = {"kind": "dataset", "scheme": "uri", "value": "s3://lake/churn"}
    said = {"subject": lake, "observed_at": LATER, "facts": {"records": 7}}
    post(service.database, source, model(), version(1, datasets=[{"dataset": lake}]), said)
    post(service.database, source, version(1, at=LATER, aliases=["champion"], stage="Production"))
    by_alias = service.get("models/retail/churn/versions/@champion/history")
    dataset = service.get("datasets/uri:s3:%2F%2Flake%2Fchurn/history")

    assert told(by_alias) == told(service.get("models/retail/churn/versions/1/history"))
    assert [one[:2] for one in told(by_alias)] == [
        ("update", "stage"), ("update", "datasets"), ("update", "aliases"), ("create", None),
    ]  # fmt: skip
    assert told(dataset) == [("create", None, None, {"records": 7})]


def test_history_after_merge(service: Service) -> None:
    """What was merged into an entry brings its own past along."""
    source, other = (make_source(service.database, name) for name in ("mlflow-prod", "mlflow-two"))
    unnamed = model("churn2", source="mlflow-two") | {"facts": {"description": "theirs"}}
    post(service.database, source, model())
    post(service.database, other, unnamed)
    joined = unnamed | {"observed_at": LATER, "same_as": [model()["subject"]]}
    post(service.database, other, joined)
    found = service.get("models/retail/churn/history")["items"]

    assert sorted(one["op"] for one in found if one["op"] in {"create", "merge"}) == [
        "create", "create", "merge",
    ]  # fmt: skip


def test_history_visibility(service: Service) -> None:
    """Whoever may not see the entry is told that it is not there."""
    post(service.database, make_source(service.database), model(), version(1))
    elsewhere = service.token(namespaces=["wholesale"])
    for path in ("models/retail/churn/history", "models/retail/churn/versions/1/history"):
        answer = service.ask("GET", path, elsewhere)
        assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found"), path


def test_history_statements(service: Service, database: Database, statements: Statements) -> None:
    """A page of history costs the same few statements, however much happened."""
    source = make_source(database)
    counted = []
    for hour in range(3):
        post(database, source, model(at=f"2026-11-20T0{hour}:00:00Z", description=str(hour)))
        with statements() as said:
            service.get("models/retail/churn/history")
        counted.append(len([one for one in said if "FROM token" not in one]))

    assert counted[1:] == [2, 2]
