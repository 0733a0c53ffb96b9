"""The periodic jobs: each finds what it is there for, and nothing else."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import sqlalchemy as sa

from schemas.harvest import Outcome
from service.db import Database
from service.operation.jobs import JOBS, bound_quarantine, run_jobs
from tests.support.catalog import Sweep, make_source, model, rows, version
from tests.support.http import make_token

NOTHING = dict.fromkeys(
    (
        *JOBS,
        "deliveries_read",
        "pins_expired",
        "deployment_decisions_ended",
        "refolded",
        "rules_begun",
        "rules_previewed",
        "rules_applied",
        "models_evaluated",
    ),
    0,
)


def change(database: Database, statement: str, **values: Any) -> None:
    """Change something behind the catalog's back."""
    with database.writing() as session:
        session.execute(sa.text(statement), values)


def test_jobs_nothing(database: Database) -> None:
    """In a catalog in order there is nothing to do."""
    sweep = Sweep(database, make_source(database))
    sweep.send(model(), version(1))
    sweep.close()
    make_token(database)

    assert run_jobs(database, training_run_days=None) == NOTHING


def test_jobs_expire(database: Database) -> None:
    """A harvest whose lease ended has failed then, and what it kept is thrown away."""
    source = make_source(database)
    left = Sweep(database, source, dry_run=True)
    left.send(model())
    Sweep(database, source, scope="registry/other")
    change(database, "UPDATE harvest SET lease_until = now() - interval '1 min' WHERE dry_run")

    found = run_jobs(database, training_run_days=None)

    assert found == NOTHING | {"harvests_expired": 1}
    outcome = "SELECT dry_run, outcome, closed_at = lease_until FROM harvest ORDER BY dry_run"
    assert rows(database, outcome) == [(False, None, None), (True, Outcome.FAILED.value, True)]
    assert rows(database, "SELECT count(*) FROM plan") == [(0,)]


def test_jobs_tokens(database: Database) -> None:
    """Tokens that ended a month ago go; those that may still be used or looked at stay."""
    for _ in range(3):
        make_token(database)
    first, second, third = (one for (one,) in rows(database, "SELECT public_id FROM token"))
    ended = "UPDATE token SET {} = now() - CAST(:age AS interval) WHERE public_id = :token"
    change(database, ended.format("expires_at"), age="31 days", token=first)
    change(database, ended.format("revoked_at"), age="29 days", token=second)

    found = run_jobs(database, training_run_days=None)

    assert found == NOTHING | {"tokens_dropped": 1}
    assert set(rows(database, "SELECT public_id FROM token")) == {(second,), (third,)}


def test_jobs_quarantine(database: Database) -> None:
    """What was settled long ago goes, and of the rest all but the newest so many of a source."""
    for name in ("one", "two"):
        sweep = Sweep(database, make_source(database, name))
        sweep.send(*({"subject": number} for number in range(5)))
        sweep.close()
    change(database, "UPDATE quarantine SET resolved_at = now() - interval '91 days' WHERE id = 1")

    found = run_jobs(database, training_run_days=None)
    beyond = database.transact(lambda session: bound_quarantine(session, most=3))

    assert (found, beyond) == (NOTHING | {"settled_dropped": 1}, 3)
    counts = "SELECT name, count(*) FROM quarantine JOIN source ON source.id = source_id GROUP BY 1"
    assert sorted(rows(database, counts)) == [("one", 3), ("two", 3)]


def test_jobs_reports(database: Database) -> None:
    """An old report keeps its figures and loses its lists; it is shortened once."""
    sweep = Sweep(database, make_source(database))
    sweep.send(model())
    skipped = ({"code": "not_readable", "message": "no"},)
    report = sweep.close(skipped=skipped)
    change(database, "UPDATE harvest SET closed_at = now() - interval '91 days'")

    found = [run_jobs(database, training_run_days=None) for _ in range(2)]

    assert found == [NOTHING | {"reports_shortened": 1}, NOTHING]
    ((kept,),) = rows(database, "SELECT report FROM harvest")
    assert kept == report.model_dump(mode="json") | {"skipped": []}


def test_jobs_dry_run(database: Database) -> None:
    """A dry run counts and changes nothing."""
    Sweep(database, make_source(database))
    change(database, "UPDATE harvest SET lease_until = now() - interval '1 min'")

    found = [run_jobs(database, training_run_days=1, dry_run=True) for _ in range(2)]

    assert found == [NOTHING | {"harvests_expired": 1, "training_runs": 0}] * 2


def test_jobs_side_by_side(database: Database) -> None:
    """Several workers at once do each job once."""
    Sweep(database, make_source(database))
    change(database, "UPDATE harvest SET lease_until = now() - interval '1 min'")

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: run_jobs(database, training_run_days=None), range(4)))

    assert sum(one["harvests_expired"] for one in found) == 1
