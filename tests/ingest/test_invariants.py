"""The invariants of the catalog, each by name: breaking one makes its test fail."""

import itertools
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.details import DetailQuery
from schemas.harvest import Outcome
from schemas.strict import instant_text
from service.catalog.detail import get_model
from service.db import Database
from service.ingest.rebuild import reconcile_all
from service.ingest.sources import get_source
from service.routing import CatalogRoute
from tests.conftest import created
from tests.support.catalog import (
    OPERATOR,
    Sweep,
    changes,
    entries,
    gone,
    last_change,
    make_reader,
    make_source,
    model,
    post,
    rows,
    version,
)
from tests.support.world import KINDS, SOURCES, facts, first_words
from tests.support.world import said as said_of
from tests.support.world import statements as stated

BASE = datetime(2026, 11, 20, tzinfo=UTC)


def at(hours: int) -> str:
    """A moment of the tests' days."""
    return instant_text(BASE + timedelta(hours=hours))


def test_invariant_1_entries_are_a_projection(database: Database) -> None:
    """Entries are rebuilt from observations; nothing changes when nothing was lost."""
    source = make_source(database)
    link = {"dataset": {"kind": "dataset", "scheme": "uri", "value": "s3://lake/churn"}}
    post(database, source, model(tags=["a=1"]), version(1, datasets=[link]), version(2))
    before = entries(database)

    assert list(reconcile_all(database, actor=OPERATOR, dry_run=False)) == []
    assert entries(database) == before

    with database.writing() as session:
        session.execute(sa.text("UPDATE model SET description = 'forged', tags = '[]'"))
        session.execute(sa.text("DELETE FROM link"))
    listed = list(reconcile_all(database, actor=OPERATOR, dry_run=True))
    assert sorted(str(change.field) for change in listed) == ["datasets", "description", "tags"]
    assert len(list(reconcile_all(database, actor=OPERATOR, dry_run=False))) == len(listed)
    assert entries(database) == before
    assert list(reconcile_all(database, actor=OPERATOR, dry_run=False)) == []


WORLDS = (f"w{number}-" for number in itertools.count())  # each example has things of its own


@pytest.fixture(scope="module")
def two_catalogs(server: str, template: str) -> Iterator[tuple[Database, Database]]:
    """Two databases for all examples of a test: making them takes longer than filling them."""
    with created(server, template) as first, created(server, template) as second:
        catalogs = Database(first), Database(second)
        for catalog in catalogs:
            for source, rank in zip(SOURCES, (40, 60), strict=True):
                make_source(catalog, source, precedence=rank, field_precedence={"status": 50})
        yield catalogs
        for catalog in catalogs:
            catalog.dispose()


def post_all(catalog: Database, said: Sequence[tuple[str, Any]]) -> None:
    """Push statements in this order, in as few batches as there are changes of the source."""
    for source, batch in itertools.groupby(said, key=lambda one: one[0]):
        facts = catalog.transact(partial(get_source, name=source))
        receipt = post(catalog, facts, *(document for _, document in batch))
        assert receipt.refused == ()


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    said=st.lists(stated(), min_size=2, max_size=12),
    shuffled=st.randoms(use_true_random=False),
    repeated=st.integers(0, 4),
    batches=st.integers(1, 5),
)
def test_invariant_2_order_changes_nothing(
    two_catalogs: tuple[Database, Database],
    said: list[Any],
    shuffled: random.Random,
    repeated: int,
    batches: int,
) -> None:
    """Same observations and identity decisions, any order, any splitting, any repetition.

    All nine kinds, two sources, references and gone: the same entries, links and grants. P-03,
    HARV-02.
    """
    one, other = two_catalogs
    world = next(WORLDS)
    told = [said_of(statement, world) for statement in said]
    again = [*told, *(shuffled.choice(told) for _ in range(repeated))]
    shuffled.shuffle(again)
    post_all(one, [*first_words(world), *sorted(told, key=itemgetter(0))])
    post_all(other, first_words(world))
    for batch in range(batches):
        post_all(other, sorted(again[batch::batches], key=itemgetter(0)))

    assert entries(other, world) == entries(one, world)


def test_invariant_3_a_b_a_ends_at_a(database: Database) -> None:
    """A batch is compared with the current digest, never with "seen before"."""
    source = make_source(database)
    for hour, text in enumerate(("A", "B", "A")):
        post(database, source, model(at=at(hour), description=text))
    late = post(database, source, model(at=at(1), description="late"))

    assert rows(database, "SELECT description FROM model") == [("A",)]
    assert (late.recorded, late.unchanged) == (0, 1)
    assert rows(database, "SELECT count(*) FROM observation") == [(4,)]


def test_invariant_3_full_harvest_confirms(database: Database) -> None:
    """A complete full harvest confirms, as of its opening, every subject that it saw."""
    source = make_source(database)
    post(database, source, model(at="2026-11-01T00:00:00Z", description="A"))
    first = Sweep(database, source)
    first.sweep(model(at="2026-11-01T00:00:00Z", description="A"))
    first.close()

    post(database, source, model(at="2026-11-02T00:00:00Z", description="B"))

    assert rows(database, "SELECT description FROM model") == [("A",)]


def test_invariant_5_bad_record_blocks_nobody(database: Database) -> None:
    """An unreadable record is refused with index, pointer and reason, and kept in quarantine."""
    source = make_source(database)
    bad = model("bad") | {"facts": {"namespace": "retail", "name": "bad", "descripton": "typo"}}
    receipt = post(database, source, model(), bad, 7, version(1))

    assert receipt.recorded == 2
    assert [(r.index, r.pointer, r.code) for r in receipt.refused] == [
        (1, "/facts/descripton", "unknown_fact"),
        (2, "", "invalid"),
    ]
    kept = rows(
        database, "SELECT code, subject FROM quarantine WHERE resolved_at IS NULL ORDER BY id"
    )
    assert sorted(code for code, _ in kept) == ["invalid", "unknown_fact"]

    post(database, source, model("bad"))
    assert len(rows(database, "SELECT 1 FROM quarantine WHERE resolved_at IS NULL")) == 1


@pytest.mark.parametrize("how", ["failed", "empty", "expired"])
def test_invariant_6_only_complete_full_harvests_retire(database: Database, how: str) -> None:
    """What is not complete, full, filled and plausible leaves the entries as they are."""
    source = make_source(database, absences=1)
    first = Sweep(database, source)
    first.sweep(model(), version(1))
    first.close()
    for _ in range(3):
        _age_absences(database)
        broken = Sweep(database, source)
        if how == "failed":
            broken.sweep(model())
            broken.close(Outcome.FAILED)
        elif how == "empty":
            assert broken.close().outcome is Outcome.FAILED
        else:
            broken.sweep(model())
            with database.writing() as session:
                session.execute(
                    sa.text("UPDATE harvest SET lease_until = now() WHERE closed_at IS NULL")
                )

    assert rows(database, "SELECT count(*) FROM entry WHERE gone_since IS NOT NULL") == [(0,)]
    assert rows(database, "SELECT count(*) FROM absence") == [(0,)]


def test_invariant_6_absence_retires_after_its_number(database: Database) -> None:
    """Missed by one complete full harvest: "not seen since". By three over a day: retired."""
    source = make_source(database)
    first = Sweep(database, source)
    first.sweep(model(), version(1), version(2))
    first.close()
    reports = []
    for _ in range(3):
        sweep = Sweep(database, source)
        sweep.sweep(model(), version(1))
        reports.append(sweep.close())
        _age_absences(database)

    assert [(r.unseen, r.retired) for r in reports] == [(1, 0), (1, 0), (1, 1)]
    gone_ones = rows(database, "SELECT natural_key FROM entry WHERE gone_since IS NOT NULL")
    assert gone_ones == [("retail/churn/2",)]

    again = Sweep(database, source)
    again.sweep(model(), version(1), version(2))
    again.close()
    assert rows(database, "SELECT count(*) FROM entry WHERE gone_since IS NOT NULL") == [(0,)]


def _age_absences(database: Database) -> None:
    with database.writing() as session:
        session.execute(
            sa.text("UPDATE absence SET unseen_since = unseen_since - interval '13 hours'")
        )


def test_invariant_6_gone_retires_at_once_unless_implausible(database: Database) -> None:
    """One `gone` retires; more than a fifth and more than ten at once are held back."""
    source = make_source(database)
    everything = [model(), *(version(number) for number in range(1, 21))]
    first = Sweep(database, source)
    first.sweep(*everything)
    first.close()

    one = Sweep(database, source)
    one.sweep(*everything[:-1])
    assert [i.value for i in one.unseen()] == ["mlflow-prod/default/churn/20"]
    one.send(gone(everything[-1], _now()))
    assert one.close().retired == 1

    many = Sweep(database, source)
    many.sweep(model(), version(1))
    many.send(*(gone(version(number), _now()) for number in range(2, 20)))
    report = many.close()
    assert (report.retired, report.held_back) == (0, 18)
    assert rows(database, "SELECT count(*) FROM entry WHERE gone_since IS NOT NULL") == [(1,)]
    assert rows(database, "SELECT what FROM quarantine") == [("held_back",)]


def _now() -> str:
    return instant_text(datetime.now(UTC))


def test_invariant_8_missing_is_not_empty(database: Database) -> None:
    """A fact is stated, narrowed, stated empty or not stated, and readers keep them apart."""
    source = make_source(database)
    post(
        database,
        source,
        model(description=None, tags=[], model_class={"one_of": ["generative", "agentic"]}),
    )
    with database.reading() as session:
        found = get_model(
            session, "retail", name="churn", caller=make_reader(), asked=DetailQuery()
        )

    assert found.facts["description"] is None
    assert found.facts["tags"] == []
    assert found.facts["model_class"] == {"one_of": ["agentic", "generative"]}
    assert "license" not in found.facts


def test_invariant_9_a_harvester_speaks_for_its_source(database: Database) -> None:
    """The service refuses a subject of another source, and names outside `may_name`."""
    source = make_source(database)
    make_source(database, "mlflow-other")
    foreign = model() | {"facts": {"namespace": "wholesale", "name": "churn"}}
    receipt = post(database, source, model(source="mlflow-other"), foreign)

    assert [r.code for r in receipt.refused] == ["foreign_source", "namespace_not_allowed"]
    assert rows(database, "SELECT count(*) FROM entry") == [(0,)]


def test_invariant_10_every_change_has_a_ledger_row(database: Database) -> None:
    """A created entry is one row with all its values, then one row a changed field."""
    source = make_source(database)
    post(database, source, model(description="A"), version(1))
    created = changes(database)
    assert sorted((c["op"], c["kind"]) for c in created if c["kind"] != "source") == [
        ("create", "model"),
        ("create", "version"),
        ("number", "model"),  # whose version numbers stand without a suffix is a decision
    ]
    after = last_change(database)
    post(database, source, model(at=at(30), description="B"))
    assert [
        (c["op"], c["field"], c["old"], c["new"], c["actor"]["id"], c["source"])
        for c in changes(database, after)
    ] == [("update", "description", "A", "B", "mlflow-prod", "mlflow-prod")]


def test_invariant_11_no_route_without_policy() -> None:
    """A route that declares no policy cannot even be defined."""

    def unguarded() -> None:
        """Nothing."""

    with pytest.raises(ValueError, match="declares no policy"):
        CatalogRoute("/x", unguarded)


@pytest.mark.parametrize("size", [1, 10, 200])
def test_invariant_12_statements_are_constant(
    database: Database, statements: Any, size: int
) -> None:
    """A batch costs a constant number of statements, whatever its size."""
    source = make_source(database)
    post(database, source, model())
    with statements() as counted:
        post(database, source, *(version(number) for number in range(1, size + 1)))
    first = len(counted)
    with statements() as counted:
        post(
            database,
            source,
            *(version(number, at=at(40), status="READY") for number in range(1, size + 1)),
        )

    assert (first, len(counted)) == (FIRST_STATEMENTS, CHANGED_STATEMENTS)


FIRST_STATEMENTS, CHANGED_STATEMENTS = 53, 50


@pytest.mark.parametrize("worlds", [1, 10, 55])
def test_invariant_12_statements_are_constant_for_all_kinds(
    database: Database, statements: Any, worlds: int
) -> None:
    """Statements per batch are constant, with all nine kinds in it, references and links."""
    (source, _) = (make_source(database, name) for name in SOURCES)
    told = [
        said_of((source.name, hour, kind, gone, dict.fromkeys(facts(kind, "w", source.name), -1),
                 False), f"w{number}")
        for hour, gone in ((1, False), (2, True))
        for number in range(worlds) for kind in KINDS
    ]  # fmt: skip
    sent = []
    for batch in (told[: len(told) // 2], told[len(told) // 2 :]):
        with statements() as counted:
            assert post(database, source, *(document for _, document in batch)).refused == ()
        sent.append(len(counted))

    assert sent == ALL_KINDS_STATEMENTS


ALL_KINDS_STATEMENTS = [98, 77]
