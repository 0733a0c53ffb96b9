"""Dry runs: the same answers and the same report, with a plan, and nothing kept."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.harvest import Coverage, HarvestReport, Outcome
from schemas.strict import instant_text
from service.db import Database
from tests.support.catalog import Sweep, contents, gone, make_source, model, rows, version
from tests.support.world import SOURCES, first_words

SECRET = "ghp_" + "a1B2" * 9


def figures(report: HarvestReport) -> Any:
    """A report without what differs between any two harvests."""
    apart = {"harvest", "opened_at", "closed_at", "seconds", "plan", "dry_run"}
    return report.model_dump(exclude=apart)


def later() -> str:
    """A moment after all that was said before."""
    return instant_text(datetime.now(UTC))


def changed(database: Database, *, dry_run: bool, coverage: Coverage) -> tuple[Any, HarvestReport]:
    """A harvest that finds new, changed, unchanged, gone and bad ones; answers every answer."""
    (source,) = (make_source(database, name) for name in SOURCES[:1])
    sweep = Sweep(database, source, dry_run=dry_run, coverage=coverage)
    bad = model("bad") | {"facts": {"nmae": "x"}}
    answers = [
        sweep.sight(model(), version(1)),
        sweep.send(model(at=later(), description=f"B {SECRET}"), model("new"), bad),
        sweep.send(version(1, "new"), version(2, at=later(), aliases=["champion"])),
        sweep.sight(model("new")),
        sweep.send(gone(version(3), later()), gone(model("fraud"), later())),
    ]
    return answers, sweep.close(cursor="c2")


@pytest.mark.parametrize("coverage", list(Coverage))
def test_dry_run_answers_alike(database: Database, coverage: Coverage) -> None:
    """A dry run answers and reports what the harvest then does, field by field, and keeps nothing.

    Every table that a harvest writes is row by row as it was before.
    """
    first = Sweep(database, make_source(database))
    first.sweep(model(description="A"), version(1), version(2), version(3), model("fraud"),
                version(1, "fraud"))  # fmt: skip
    first.close(cursor="c1")
    before = contents(database)
    planned, plan = changed(database, dry_run=True, coverage=coverage)

    assert contents(database) == before
    assert rows(database, "SELECT count(*) FROM quarantine") == [(0,)]
    assert rows(database, "SELECT (SELECT count(*) FROM plan) + (SELECT count(*) FROM seen)") == [
        (0,)
    ]
    assert SECRET not in plan.model_dump_json()
    fields = {(change.kind, change.field) for change in plan.plan}
    assert {("model", "description"), ("version", "aliases"), ("model", "create"),
            ("version", "gone_since"), ("model", "gone_since")} <= fields  # fmt: skip

    done, report = changed(database, dry_run=False, coverage=coverage)
    assert planned == done
    assert (figures(plan), plan.dry_run) == (figures(report), True)
    assert (report.retired, report.refused) == (3, 1)


def test_dry_run_all_kinds(database: Database) -> None:
    """Batches that build on each other are planned on what was planned before."""
    (source, _) = (make_source(database, name) for name in SOURCES)
    told = [document for of, document in first_words("w") if of == source.name]
    reports = []
    for dry_run in (True, False):
        sweep = Sweep(database, source, dry_run=dry_run)
        for document in told:
            sweep.send(document)
        reports.append(figures(sweep.close()))

    assert reports[0] == reports[1]


def test_dry_run_nothing_seen(database: Database) -> None:
    """A listing that shows nothing fails in a dry run as it would fail then; a new one does not."""
    source = make_source(database)
    first = Sweep(database, source)
    first.sweep(model())
    first.close()

    assert Sweep(database, source, dry_run=True).close().outcome is Outcome.FAILED
    other = Sweep(database, source, dry_run=True)
    other.send(model("new"))
    assert other.close().outcome is Outcome.COMPLETE
