"""A second sweep: what did not change writes nothing, one alias is one changed field."""

from datetime import UTC, datetime

from schemas.strict import instant_text
from service.db import Database
from tests.support.catalog import (
    Sweep,
    changes,
    last_change,
    make_source,
    model,
    version,
    written,
)


def _now() -> str:
    return instant_text(datetime.now(UTC))


def test_unchanged_sweep_writes_nothing(database: Database) -> None:
    """A second harvest of an unchanged source inserts, updates and deletes nothing."""
    source = make_source(database)
    everything = [model(), version(1, aliases=["champion"]), version(2)]
    first = Sweep(database, source)
    first.sweep(*everything)
    first.close()
    before = written(database)

    second = Sweep(database, source)
    later = [one | {"observed_at": _now()} for one in everything]
    assert second.sweep(*later) == 0
    report = second.close()

    assert written(database) == before
    assert (report.seen, report.unchanged, report.changed) == (3, 3, 0)


def test_alias_added_and_moved(database: Database) -> None:
    """Adding an alias is one changed field, moving one is two; each with one ledger row."""
    source = make_source(database)
    first = Sweep(database, source)
    first.sweep(model(), version(1, aliases=[]), version(2, aliases=[]))
    first.close()
    after = last_change(database)
    second = Sweep(database, source)
    second.sweep(model(), version(1, at=_now(), aliases=["champion"]), version(2, aliases=[]))
    second.close()
    assert [(c["field"], c["new"]) for c in changes(database, after)] == [("aliases", ["champion"])]

    after = last_change(database)
    third = Sweep(database, source)
    third.sweep(
        model(),
        version(1, at=_now(), aliases=[]),
        version(2, at=_now(), aliases=["champion"]),
    )
    third.close()
    assert [(c["field"], c["new"]) for c in changes(database, after)] == [
        ("aliases", []),
        ("aliases", ["champion"]),
    ]
