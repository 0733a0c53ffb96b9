"""A model keeps its entry and its history through every name that it has."""

from datetime import UTC, datetime
from typing import Any

from schemas.harvest import Outcome
from schemas.strict import instant_text
from service.db import Database
from tests.support.catalog import Sweep, changes, gone, make_source, model, post, rows, version
from tests.support.identity import decide, find_id, groups, keys, same, settled

ONE = "mlflow-prod/default"
BORN = "2026-11-01T00:00:00Z"


def now() -> str:
    """A sweep reads now: what it says comes after what the sweep before confirmed."""
    return instant_text(datetime.now(UTC))


def sweep(database: Database, source: Any, said: list[Any], away: list[Any]) -> None:
    """A complete full harvest that is told what is not there any more."""
    harvest = Sweep(database, source)
    harvest.sweep(*said)
    harvest.send(*away)
    assert harvest.close(Outcome.COMPLETE).retired == 0


def listed(name: str, at: str, *, before: str = "", **facts: Any) -> list[Any]:
    """A model and two versions; `before`: what the sweep found out that they were called."""
    born = {"created_at": BORN}
    said = [model(name, at=at, **born, **facts),
            *(version(n, name, at=at, **born) for n in (1, 2))]  # fmt: skip
    if not before:
        return said
    was = [model(before), version(1, before), version(2, before)]
    return [same(one, other) for one, other in zip(said, was, strict=True)]


def test_renamed_there_and_back(database: Database) -> None:
    """The second rename leads back to the first name; entry, versions and history stay."""
    source = make_source(database)
    sweep(database, source, listed("a", "2026-11-20T00:00:00Z", task="ranking"), [])
    ids = rows(database, "SELECT id FROM entry ORDER BY id")
    entry = find_id(database, f"{ONE}/a")
    at = now()
    sweep(database, source, listed("b", at, before="a", task="ranking"), [gone(model("a"), at)])
    assert keys(database, "model") == ["retail/b"]
    at = now()
    sweep(database, source, listed("a", at, before="b", task="ranking"), [gone(model("b"), at)])

    assert keys(database, "model") == ["retail/a"]
    assert keys(database) == ["retail/a/1", "retail/a/2"]
    assert rows(database, "SELECT id FROM entry ORDER BY id") == ids
    told = [(c["op"], c["field"], c["new"]) for c in changes(database) if c["entry"] == str(entry)]
    assert [one for one in told if one[1] == "name"] == [("update", "name", n) for n in "ba"]
    assert "create" in {one[0] for one in told}
    settled(database)


def test_recreated_keeps_the_old_generation(database: Database) -> None:
    """Deleted and made again under its name: the old one is retired with its facts."""
    source = make_source(database)
    sweep(database, source, listed("a", "2026-11-20T00:00:00Z", task="ranking"), [])
    old = find_id(database, f"{ONE}/a")
    post(database, source, gone(model("a"), now()))
    new = now()
    post(database, source, model("a", at=new, created_at="2026-11-21T12:00:00Z"),
         version(1, "a", at=new, created_at="2026-11-21T13:00:00Z"))  # fmt: skip

    found = rows(
        database,
        "SELECT entry.id = :old, natural_key, replaced_by IS NOT NULL, gone_since IS NOT NULL, "
        "task FROM entry JOIN model USING (id) ORDER BY 1",
        old=old,
    )
    assert found == [
        (False, "retail/a", False, False, None), (True, "retail/a", True, True, "ranking"),
    ]  # fmt: skip
    assert keys(database) == ["retail/a/1", "retail/a/2"]
    assert {c["op"] for c in changes(database) if c["entry"] == str(old)} >= {
        "create", "replace", "retire",
    }  # fmt: skip
    settled(database)


def test_renamed_and_merged_and_parted(database: Database) -> None:
    """A rename while two are merged belongs to the one that was renamed."""
    source = make_source(database)
    start = "2026-11-20T00:00:00Z"
    post(database, source, *listed("a", start), *listed("x", start))
    a, x = find_id(database, f"{ONE}/a"), find_id(database, f"{ONE}/x")
    decide(database, "model", a, x)
    at = "2026-11-21T00:00:00Z"
    post(database, source, *listed("y", at, before="x"))
    post(database, source, gone(model("x"), at))
    assert find_id(database, f"{ONE}/y") == a
    decide(database, "model", a, f"mlflow:{ONE}/x", verb="unmerge")

    assert find_id(database, f"{ONE}/y") == x
    assert groups(database) == {
        frozenset({f"{ONE}/a"}), frozenset({f"{ONE}/x", f"{ONE}/y"}),
    }  # fmt: skip
    assert keys(database, "model") == ["retail/a", "retail/y"]
    assert keys(database) == ["retail/a/1", "retail/a/2", "retail/y/1", "retail/y/2"]
    settled(database)
