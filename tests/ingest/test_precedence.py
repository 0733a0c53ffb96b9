"""Precedence is data: changing it folds again what it changes, at once or as a job."""

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.sources import SourceSettings
from service.db import Database
from service.ingest import refold
from service.ingest.rebuild import reconcile_all
from service.ingest.refold import continue_refolds
from tests.support.catalog import (
    OPERATOR,
    changes,
    last_change,
    make_source,
    model,
    post,
    rows,
)
from tests.support.http import Service, opened

OTHER = "sources/mlflow-other/precedence/description"


@pytest.fixture
def service(database: Database) -> Iterator[Service]:
    """The whole service on the test's database."""
    with opened(database) as found:
        yield found


@pytest.fixture
def disputed(service: Service) -> Service:
    """Five models that two sources describe, each in its own words."""
    service.admin = service.token("admin")  # type: ignore[attr-defined]  # before what is counted
    for name, rank in (("mlflow-prod", 50), ("mlflow-other", 40)):
        source = make_source(service.database, name, precedence=rank)
        told = [model(f"m{n}", source=name, description=name, task="other") for n in range(5)]
        post(service.database, source, *told)
    post(
        service.database,
        make_source(service.database, precedence=50),
        model("alone", task="action"),
    )
    return service


def ask(service: Service, method: str, path: str, *, dry_run: bool = False, **body: Any) -> Any:
    """Change a precedence as an admin."""
    params = {"dry_run": "true"} if dry_run else {}
    given = {"json": body} if method == "PUT" else {}
    return service.ask(method, path, service.admin, params=params, **given)  # type: ignore[attr-defined]


def described(database: Database) -> set[str]:
    """Whose words hold."""
    found = rows(database, "SELECT DISTINCT description FROM model WHERE description IS NOT NULL")
    return {text for (text,) in found}


def settle(database: Database) -> int:
    """Let all that waits be done: other databases' transactions may hold it up for a moment."""
    folded = 0
    while rows(database, "SELECT 1 FROM refold WHERE done_at IS NULL"):
        folded += continue_refolds(database)
    return folded


def differences(database: Database) -> list[Any]:
    """What rebuilding finds."""
    return list(reconcile_all(database, actor=OPERATOR, dry_run=True))


def test_rank_dry_run_says_which_entries(disputed: Service) -> None:
    """Which would change and how, and nothing is kept."""
    after = last_change(disputed.database)
    tried = ask(disputed, "PUT", OTHER, rank=60, reason="knows", dry_run=True)

    impact = tried.json()["impact"]
    assert (tried.status_code, impact["entries"], impact["complete"]) == (200, 5, True)
    assert {(c["field"], c["old"], c["new"]) for c in impact["changes"]} == {
        ("description", "mlflow-prod", "mlflow-other")
    }
    assert tried.json()["field_precedence"] == {"description": 60}
    assert changes(disputed.database, after) == []
    assert described(disputed.database) == {"mlflow-prod"}
    assert rows(disputed.database, "SELECT * FROM refold") == []


def test_rank_folds_at_once(disputed: Service) -> None:
    """Few entries change with the precedence itself; the ledger says who and why."""
    after = last_change(disputed.database)
    done = ask(disputed, "PUT", OTHER, rank=60, reason="knows")

    assert done.json()["impact"]["entries"] == 5, done.text
    assert described(disputed.database) == {"mlflow-other"}
    told = changes(disputed.database, after)
    assert (told[0]["kind"], told[0]["reason"]) == ("source", "knows")
    assert {(c["op"], c["field"], c["reason"], c["source"]) for c in told[1:]} == {
        ("update", "description", "knows", "mlflow-other")
    }
    settle(disputed.database)
    assert differences(disputed.database) == []

    back = ask(disputed, "DELETE", OTHER)
    assert back.json()["impact"]["entries"] == 5
    assert described(disputed.database) == {"mlflow-prod"}
    gone = ask(disputed, "DELETE", OTHER)
    assert (gone.status_code, gone.json()["code"]) == (404, "rank_not_found")
    settle(disputed.database)
    assert disputed.get("sources/mlflow-other", disputed.token("admin"))["refold"]["done_at"]


def test_rank_of_what_is_never_stated(disputed: Service) -> None:
    """It would decide nothing; the nearest field that the source states is named."""
    answer = ask(disputed, "PUT", "sources/mlflow-other/precedence/descripton", rank=1, reason="r")

    assert (answer.status_code, answer.json()["code"]) == (422, "field_never_stated")
    assert answer.json()["errors"][0]["fix"] == "Did you mean description?"
    owners = ask(disputed, "PUT", "sources/mlflow-other/precedence/owners", rank=1, reason="r")
    assert owners.status_code == 422
    wrong = ask(disputed, "PUT", OTHER, rank=100, reason="r")
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/rank")
    nobody = ask(disputed, "PUT", "sources/nobody/precedence/description", rank=1, reason="r")
    assert nobody.status_code == 404


def test_precedence_changed_as_a_job(disputed: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many entries are folded step by step, from where it was interrupted."""
    monkeypatch.setattr(refold, "AT_ONCE", 3)
    database = disputed.database
    done = ask(disputed, "PUT", OTHER, rank=60, reason="knows")
    assert (done.json()["impact"], done.json()["refold"]["done_at"]) == (None, None), done.text
    assert described(database) == {"mlflow-prod"}
    while rows(database, "SELECT 1 FROM refold WHERE folded = 0"):
        refold_id = rows(database, "SELECT id FROM refold")[0][0]
        step = partial(refold._step, refold_id=refold_id, step=2)  # noqa: SLF001  # one of them
        database.transact(step)
    assert described(database) == {"mlflow-prod", "mlflow-other"}

    assert settle(database) >= 3

    assert described(database) == {"mlflow-other"}
    state = disputed.get("sources/mlflow-other", disputed.token("admin"))["refold"]
    assert (state["folded"], state["changed"]) == (5, 5)
    assert differences(database) == []


def test_refold_waits_for_those_who_began_before(
    disputed: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that is written meanwhile by the old settings is folded again, too."""
    monkeypatch.setattr(refold, "AT_ONCE", 0)
    database = disputed.database
    with database.writing() as early:
        early.execute(sa.text("UPDATE model SET description = 'early' WHERE name = 'm1'"))
        ask(disputed, "PUT", OTHER, rank=60, reason="knows")
        assert [continue_refolds(database) for _ in range(3)] == [0, 0, 0]
    assert settle(database) >= 5

    assert described(database) == {"mlflow-other"}
    assert differences(database) == []


def test_precedence_changed_while_batches_run(disputed: Service) -> None:
    """Whoever comes first, in the end all stands as the new precedence says."""
    database = disputed.database
    source = make_source(database, precedence=50)
    stop = threading.Event()

    def batches() -> None:
        hour = 0
        while not stop.is_set():
            at = f"2026-11-{21 + hour // 24:02}T{hour % 24:02}:00:00Z"
            post(database, source, *(
                model(f"m{n}", at=at, description="mlflow-prod", task="other", tags=[str(hour)])
                for n in range(6)
            ))  # fmt: skip
            hour = (hour + 1) % 200

    running = threading.Thread(target=batches)
    running.start()
    try:
        for rank in (60, 30, 60):
            assert ask(disputed, "PUT", OTHER, rank=rank, reason="r").status_code == 200
    finally:
        stop.set()
        running.join()
    settle(database)

    assert differences(database) == []


def test_namespace_changed(disputed: Service) -> None:
    """What the source's own things are seen through follows its namespace."""
    database = disputed.database
    subject = {"kind": "training_run", "scheme": "mlflow", "value": "mlflow-other/default/r"}
    run = {"subject": subject, "observed_at": "2026-11-20T12:00:00Z", "facts": {"name": "r"}}
    source = make_source(database, "mlflow-other", precedence=40)
    post(database, source, run)
    admin = disputed.token("admin")
    state = disputed.get("sources/mlflow-other", admin)
    body = {name: state[name] for name in SourceSettings.model_fields}
    body |= {"namespace": "wholesale", "may_name": ["retail", "wholesale"]}
    answer = disputed.ask("PUT", "sources/mlflow-other", admin, json=body)
    assert answer.status_code == 200, answer.text
    settle(database)

    seen = rows(database, "SELECT DISTINCT namespace FROM entry_namespace n JOIN training_run r "
                "ON r.id = n.entry_id")  # fmt: skip
    assert seen == [("wholesale",)]
    assert differences(database) == []
