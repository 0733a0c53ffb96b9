"""A retired source: what it showed ends with it, step by step, and comes back when it does."""

from typing import Any

import pytest

from schemas.strict import instant_text
from service.db import Database
from service.ingest import ending
from tests.ingest.test_held_back import get_source_of, now, sweep
from tests.support.catalog import Sweep, changes, gone, last_change, make_source, model, post, rows
from tests.support.harvester import Harvester

MODELS = [model(f"m{number:02}") for number in range(25)]
GONE = "SELECT natural_key FROM entry WHERE gone_since IS NOT NULL ORDER BY 1"


def ask(admin: Harvester, source: str = "mlflow-prod", query: str = "") -> tuple[int, Any]:
    """Retire a source, a step of it."""
    return admin.post(f"/sources/{source}:retire{query}", {"reason": "switched off"})


def test_retire(
    harvester: Harvester,
    admin: Harvester,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ends in steps; what another source shows stays; a plan and a harvest of it end too."""
    monkeypatch.setattr(ending, "STEP", 10)
    sweep(database, *MODELS)
    other = make_source(database, "mlflow-other")
    post(database, other, model("m00", other.name))
    sweep(database, MODELS[0], gone_ones=MODELS[1:])
    running = Sweep(database, get_source_of(database))
    after = last_change(database)
    tried = ask(admin, query="?dry_run=true")[1]
    assert (tried["ended"], tried["left"], last_change(database)) == (10, 15, after)
    steps = [ask(admin)[1] for _ in range(4)]

    assert [(one["ended"], one["retired"], one["left"]) for one in steps] == [
        (10, 9, 15), (10, 10, 5), (5, 5, 0), (0, 0, 0),
    ]  # fmt: skip
    assert rows(database, GONE) == [(f"retail/m{number:02}",) for number in range(1, 25)]
    told = [c for c in changes(database, after) if c["kind"] == "source"]
    assert [(c["op"], c["old"]["enabled"], c["reason"]) for c in told] == [
        ("retire", True, "switched off"), *[("retire", False, "switched off")] * 2,
    ]  # fmt: skip
    assert harvester.beat(running.id)[1]["code"] == "harvest_over"
    assert harvester.push(MODELS[0])[1]["code"] == "source_disabled"
    (item,) = admin.get("/quarantine?state=resolved")[1]["items"]
    assert (item["resolution"], item["reason"]) == ("superseded", "the source was retired")
    status, refused = admin.post(f"/quarantine/{item['id']}:release", {"reason": "late"})
    assert (status, refused["code"]) == (409, "already_resolved")

    make_source(database)
    sweep(database, *(one | {"observed_at": now()} for one in MODELS))
    assert rows(database, GONE) == []


def test_retire_badly(admin: Harvester, database: Database) -> None:
    """Nobody's name, no reason, what showed nothing: refused, or nothing to do."""
    assert ask(admin, "nobody")[1]["code"] == "source_not_found"
    assert admin.post("/sources/mlflow-prod:retire", {})[1]["code"] == "invalid"
    post(database, get_source_of(database), gone(model(), instant_text(ending_time(database))))
    assert ask(admin)[1] == {
        "source": "mlflow-prod", "dry_run": False, "ended": 0, "retired": 0, "left": 0,
    }  # fmt: skip
    assert rows(database, "SELECT enabled FROM source") == [(False,)]


def ending_time(database: Database) -> Any:
    """The database's clock."""
    return rows(database, "SELECT now()")[0][0]
