"""Absence: what retires, what is only missed, and what is held back as too much to believe."""

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.harvest import Coverage, Outcome, Skipped
from schemas.identifiers import Identifier
from schemas.strict import instant_text
from service.db import Database
from service.ingest.sources import SourceFacts
from tests.support.catalog import (
    Sweep,
    changes,
    gone,
    last_change,
    make_source,
    model,
    post,
    rows,
    version,
    written,
)

LAKE = {"kind": "dataset", "scheme": "uri", "value": "s3://lake/churn"}


def now() -> str:
    """This moment, as a harvester writes it."""
    return instant_text(datetime.now(UTC))


def swept(database: Database, source: SourceFacts, *documents: Any, **options: Any) -> Any:
    """Close a complete harvest that saw just this; answers its report."""
    sweep = Sweep(database, source, **options)
    sweep.sweep(*documents)
    return sweep.close()


def retired(database: Database) -> list[str]:
    """Natural keys of what is retired."""
    found = rows(database, "SELECT natural_key FROM entry WHERE gone_since IS NOT NULL ORDER BY 1")
    return [key for (key,) in found]


def age(database: Database, hours: int = 25) -> None:
    """Let time pass since the first absence."""
    with database.writing() as session:
        session.execute(
            sa.text("UPDATE absence SET unseen_since = unseen_since - make_interval(hours => :h)"),
            {"h": hours},
        )


def forget_seen(owner: Database) -> None:
    """What a crash of the database does to an unlogged table."""
    with owner.writing() as session:
        session.execute(sa.text("TRUNCATE seen"))


def models(count: int) -> list[Any]:
    """Observations of many models."""
    return [model(f"m{number:02}") for number in range(count)]


@pytest.mark.parametrize("coverage", list(Coverage))
def test_close_seen_lost(database: Database, owner_database: Database, coverage: Coverage) -> None:
    """A database restart in mid-harvest fails it: nothing retires, the next harvest repairs."""
    source = make_source(database, absences=1)
    swept(database, source, model(), model("fraud"))
    sweep = Sweep(database, source, coverage=coverage)
    sweep.sweep(model())
    sweep.send(gone(model("fraud"), now()))
    forget_seen(owner_database)
    report = sweep.close(cursor="c2")

    assert (report.outcome, report.retired, report.unseen) == (Outcome.FAILED, 0, 0)
    assert (report.error or "").startswith("seen_lost: ")
    assert retired(database) == []
    assert rows(database, "SELECT full_cursor, delta_cursor FROM scope") == [(None, None)]

    again = Sweep(database, source, coverage=coverage)
    again.sweep(model())
    again.send(gone(model("fraud"), now()))
    assert (again.close().retired, retired(database)) == (1, ["retail/fraud"])


def test_close_seen_lost_midway(database: Database, owner_database: Database) -> None:
    """What was seen after the loss does not hide it, also when it is seen a second time."""
    source = make_source(database)
    swept(database, source, *models(3))
    sweep = Sweep(database, source)
    sweep.sweep(*models(3))
    forget_seen(owner_database)
    sweep.sweep(*models(3))

    assert sweep.close().outcome is Outcome.FAILED


@pytest.mark.parametrize(
    ("live", "gone_ones", "settings", "held"),
    [
        (12, 10, {}, 0),  # not more than ten
        (12, 11, {}, 11),
        (55, 11, {}, 0),  # not more than a fifth
        (55, 12, {}, 12),
        (12, 11, {"held_back_count": 11}, 0),
        (12, 11, {"held_back_share": 0.95}, 0),
        (5, 2, {"held_back_count": 1}, 2),
        (55, 11, {"held_back_share": 0.1}, 11),
    ],
)
@pytest.mark.parametrize("how", ["gone", "missed"])
def test_close_plausible(
    database: Database, live: int, gone_ones: int, settings: Any, held: int, how: str
) -> None:
    """Held back is more than a share *and* more than a number of live subjects; HARV-07."""
    source = make_source(database, absences=1, **settings)
    everything = models(live)
    swept(database, source, *everything)
    if how == "missed":
        swept(database, source, *everything[gone_ones:])
        age(database)
    sweep = Sweep(database, source)
    sweep.sweep(*everything[gone_ones:])
    if how == "gone":
        sweep.send(*(gone(one, now()) for one in everything[:gone_ones]))
    report = sweep.close()

    assert (report.outcome, report.held_back) == (Outcome.COMPLETE, held)
    assert report.retired == len(retired(database)) == (0 if held else gone_ones)


def test_close_versions_of_gone_models_are_counted(database: Database) -> None:
    """A model that is gone takes its versions: they count for what can be believed."""
    source = make_source(database)
    everything = [model(), *(version(number) for number in range(20)), model("fraud")]
    swept(database, source, *everything)
    sweep = Sweep(database, source)
    sweep.sweep(model("fraud"))
    sweep.send(gone(model(), now()))

    assert (sweep.close().held_back, retired(database)) == (21, [])


def test_close_gone_model_takes_its_versions(database: Database) -> None:
    """The versions of a model that is gone retire with it, though nobody asked for them."""
    source = make_source(database)
    swept(database, source, model(), version(1), version(2), model("fraud"), version(1, "fraud"))
    after = last_change(database)
    sweep = Sweep(database, source)
    sweep.sweep(model("fraud"), version(1, "fraud"))
    sweep.send(gone(model(), now()))
    report = sweep.close()

    assert (report.retired, report.unseen) == (3, 0)
    assert retired(database) == ["retail/churn", "retail/churn/1", "retail/churn/2"]
    told = [(c["op"], c["kind"], c["field"], c["old"]) for c in changes(database, after)]
    assert sorted(told) == [
        ("retire", "model", "gone_since", None),
        *[("retire", "version", "gone_since", None)] * 2,
    ]
    before = written(database)
    swept(database, source, model("fraud"), version(1, "fraud"))
    assert written(database) == before


def test_close_held_back_is_one_plan(database: Database) -> None:
    """The same picture again is the same plan, another replaces it; a believable one ends it."""
    source = make_source(database, absences=1)
    everything = models(40)
    swept(database, source, *everything)
    for _ in range(3):
        report = swept(database, source, *everything[:20])
        age(database)
    plans = "SELECT times, resolution, plan->'gone', plan->'missed' FROM quarantine ORDER BY id"
    assert rows(database, plans) == [(2, None, 0, 20)]
    sweep = Sweep(database, source)
    sweep.sweep(*everything[:19])
    sweep.send(gone(everything[19], now()))
    assert (report.held_back, sweep.close().held_back) == (20, 21)
    assert rows(database, plans) == [(2, "superseded", 0, 20), (1, None, 1, 20)]
    assert retired(database) == []

    swept(database, source, *everything[:3], coverage=Coverage.DELTA)  # it says nothing of these
    assert rows(database, plans)[1][1] is None
    swept(database, source, *everything)
    assert rows(database, plans)[1][1] == "settled"
    assert rows(database, "SELECT count(*) FROM absence") == [(0,)]
    assert rows(database, "SELECT count(*) FROM held_subject, held_entry") == [(0,)]


def test_close_held_back_confirms_nothing(database: Database) -> None:
    """What was held back was not seen: a late statement about it still counts."""
    source = make_source(database)
    everything = [model(f"m{number:02}", at="2026-11-01T00:00:00Z") for number in range(12)]
    swept(database, source, *everything)
    with database.writing() as session:
        session.execute(sa.text("UPDATE scope SET full_opened_at = '2026-11-02T00:00:00Z'"))
    sweep = Sweep(database, source)
    sweep.sweep(everything[0])
    sweep.send(*(gone(one, now()) for one in everything[1:]))
    assert sweep.close().held_back == 11

    post(database, source, model("m05", at="2026-11-03T00:00:00Z", description="late"))
    post(database, source, model("m00", at="2026-11-03T00:00:00Z", description="late"))
    assert rows(database, "SELECT name FROM model WHERE description = 'late'") == [("m05",)]


def test_close_skipped_is_not_missed(database: Database) -> None:
    """What could not be read was there: neither it nor the versions of such a model are missed."""
    source = make_source(database, absences=1)
    swept(database, source, model(), version(1), version(2), model("fraud"), version(1, "fraud"))
    reports = []
    for _ in range(3):
        sweep = Sweep(database, source)
        sweep.sweep(version(1))
        skipped = [
            Skipped(code="x", message="y", subject=Identifier.model_validate(one["subject"]))
            for one in (model(), version(2), model("fraud"))
        ]
        reports.append(sweep.close(skipped=skipped))
        age(database)

    assert [report.unseen for report in reports] == [0, 0, 0]
    assert rows(database, "SELECT count(*) FROM absence") == [(0,)]


def test_close_absence_needs_a_day(database: Database) -> None:
    """However often it is harvested, nothing retires by absence within 24 hours; HARV-08."""
    source = make_source(database, absences=2)
    swept(database, source, model(), model("fraud"))
    reports = [swept(database, source, model()) for _ in range(4)]
    assert [(report.unseen, report.retired) for report in reports] == [(1, 0)] * 4
    assert rows(database, "SELECT harvests FROM absence") == [(4,)]

    age(database)
    assert swept(database, source, model()).retired == 1
    assert swept(database, source, model()).unseen == 0


def test_close_revival(database: Database) -> None:
    """What comes back is no longer retired: facts, ledger and history tell both; HARV-08."""
    source = make_source(database, absences=1)
    swept(database, source, model(), model("fraud", description="kept"))
    swept(database, source, model())
    age(database)
    swept(database, source, model())
    assert retired(database) == ["retail/fraud"]
    assert rows(database, "SELECT description FROM model WHERE name = 'fraud'") == [("kept",)]
    after = last_change(database)
    swept(database, source, model(), model("fraud", description="kept"))

    assert retired(database) == []
    (restored,) = changes(database, after)
    assert (restored["op"], restored["field"], restored["new"]) == ("restore", "gone_since", None)
    history = "SELECT count(*) FROM {} WHERE gone_since IS NOT NULL AND valid_from < valid_to"
    assert rows(database, history.format("entry_history")) == [(1,)]
    assert rows(database, history.format("absence_history")) == [(1,)]


def test_close_missed_is_told_once(database: Database) -> None:
    """The ledger tells of the first miss and of its end, and of nothing between; RULES 3.7."""
    source = make_source(database)
    swept(database, source, model(), model("fraud"), version(1, "fraud"))
    after = last_change(database)
    for _ in range(3):
        swept(database, source, model())
    opened = rows(database, "SELECT DISTINCT unseen_since FROM absence")[0][0]
    missed = changes(database, after)
    since = instant_text(opened)
    assert sorted((c["op"], c["kind"], c["field"], c["new"]) for c in missed) == [
        ("miss", "model", "unseen_since", since), ("miss", "version", "unseen_since", since),
    ]  # fmt: skip
    assert {c["harvest"] for c in missed} == {
        str(rows(database, "SELECT id FROM harvest ORDER BY opened_at")[1][0])
    }
    after = last_change(database)
    post(database, source, model("fraud", at=now()))  # pushed meanwhile
    swept(database, source, model(), model("fraud"), version(1, "fraud"))
    assert sorted((c["op"], c["kind"], c["old"]) for c in changes(database, after)) == [
        ("see", "model", since), ("see", "version", since),
    ]  # fmt: skip
    before = written(database)
    swept(database, source, model(), model("fraud"), version(1, "fraud"))
    assert written(database) == before


def test_delta_never_retires_by_absence(database: Database) -> None:
    """A delta harvest says what changed; what it does not mention is as it was."""
    source = make_source(database, absences=1)
    swept(database, source, model(), model("fraud"))
    for _ in range(3):
        report = swept(database, source, model(), coverage=Coverage.DELTA)
        assert (report.unseen, report.retired) == (0, 0)
    sweep = Sweep(database, source, coverage=Coverage.DELTA)
    sweep.send(gone(model("fraud"), now()))

    assert retired(database) == []  # not before it closes
    assert (sweep.close().retired, retired(database)) == (1, ["retail/fraud"])


def test_scopes_do_not_miss_each_other(database: Database) -> None:
    """A full harvest of one scope counts nothing of another as absent."""
    source = make_source(database, absences=1)
    swept(database, source, model(), scope="registry/a")
    swept(database, source, model("fraud"), scope="registry/b")
    for _ in range(2):
        assert swept(database, source, model(), scope="registry/a").unseen == 0
        assert swept(database, source, model("fraud"), scope="registry/b").unseen == 0

    swept(database, source, model("fraud"), model(), scope="registry/b")  # it moved
    assert swept(database, source, model("other"), scope="registry/a").unseen == 0


@pytest.mark.parametrize("count", [1, 3])
def test_close_empty(database: Database, count: int) -> None:
    """An empty listing empties nothing, though the source says so of each by name; HARV-07."""
    source = make_source(database, absences=1)
    swept(database, source, *models(count))
    sweep = Sweep(database, source)
    assert len(sweep.unseen()) == count
    sweep.send(*(gone(one, now()) for one in models(count)))
    report = sweep.close(cursor="c2")

    assert (report.outcome, retired(database)) == (Outcome.FAILED, [])
    assert (report.error or "").startswith("empty: ")
    assert rows(database, "SELECT full_cursor FROM scope") == [(None,)]
    first = Sweep(database, source, scope="nothing yet")
    assert first.close().outcome is Outcome.COMPLETE


def test_gone_of_one_source_only(database: Database) -> None:
    """What one source no longer has stays as long as another shows it; HARV-12."""
    one, other = make_source(database), make_source(database, "mlflow-other", held_back_count=0)
    lake = {"subject": LAKE, "observed_at": "2026-11-20T12:00:00Z", "facts": {"name": "churn"}}
    swept(database, one, lake)
    sweep = Sweep(database, other)
    sweep.sweep(model(source="mlflow-other"))
    sweep.send(gone(lake, now()))
    report = sweep.close()

    assert (report.outcome, report.held_back, report.retired) == (Outcome.COMPLETE, 0, 0)
    assert retired(database) == []


def test_gone_repeated(database: Database) -> None:
    """Said again that it is gone: what was stated between the two words is the older one."""
    source = make_source(database)
    post(database, source, model(at="2026-11-20T01:00:00Z"))
    for hour in ("03", "05"):
        post(database, source, gone(model(), f"2026-11-20T{hour}:00:00Z"))
    post(database, source, model(at="2026-11-20T04:00:00Z", description="late"))
    assert retired(database) == ["retail/churn"]

    post(database, source, model(at="2026-11-20T06:00:00Z"))
    assert retired(database) == []
