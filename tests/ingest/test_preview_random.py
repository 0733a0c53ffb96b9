"""Previews of any batch, after any history, say what the push then does."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.identifiers import Kind
from service.catalog.rows import facts_of
from service.catalog.select import select_entries
from service.catalog.view import View
from service.db import Database
from service.ingest.preview import preview
from tests.conftest import MakeDatabase
from tests.support.catalog import make_reader, make_source, post
from tests.support.world import SOURCES, first_words, said, statements


def entries(database: Database) -> dict[tuple[str, str], tuple[Any, tuple[str, ...]]]:
    """Facts and conflicts of all that readers see, by kind and name."""
    found = {}
    with database.reading() as session:
        for kind in Kind:
            view = View(kind, make_reader())
            for row in session.execute(select_entries(view).where(*view.here())).mappings():
                name = row["natural_key"] or row["label"]
                found[kind.value, name] = facts_of(kind, row), tuple(row["conflicts"])
    return found


def told(answer: Any) -> dict[Any, Any]:
    """What a preview says would begin, change or be contested."""
    return {
        (one.kind.value, one.name): (
            one.created,
            {field.field: (field.before, field.after) for field in one.fields},
            one.conflicts,
        )
        for one in answer.entries
        if one.created or one.fields or one.conflicts
    }


def differing(before: Any, after: Any) -> dict[Any, Any]:
    """The same, of two readings."""
    found = {}
    for key, (facts, conflicts) in after.items():
        old, contested = before.get(key, ({}, ()))
        fields = {name for name in old.keys() | facts.keys() if old.get(name) != facts.get(name)}
        fields |= old.keys() ^ facts.keys()
        new = tuple(sorted(set(conflicts) - set(contested)))
        if key not in before or fields or new:
            found[key] = key not in before, fields, new
    return found


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    history=st.lists(statements(), max_size=8),
    batch=st.lists(statements(), min_size=1, max_size=8),
)
def test_preview_of_anything(make_database: MakeDatabase, history: Any, batch: Any) -> None:
    """Field by field, whatever was said before: what is told is what happens."""
    with make_database() as database:
        sources = {name: make_source(database, name) for name in SOURCES}
        for of, document in first_words("w"):
            post(database, sources[of], document)
        for of, document in (said(statement, "w") for statement in history):
            post(database, sources[of], document)
        own = [d for of, d in (said(statement, "w") for statement in batch) if of == SOURCES[0]]
        before = entries(database)

        answer = preview(
            database, make_reader(), source=SOURCES[0], documents=own, trace="tests"
        )  # fmt: skip
        assert entries(database) == before
        receipt = post(database, sources[SOURCES[0]], *own)

        after = entries(database)
        assert answer.receipt == receipt
        changed = told(answer)
        expected = differing(before, after)
        assert {key: (new, set(fields), more) for key, (new, fields, more) in changed.items()} == (
            expected
        )
        for key, (_, fields, _) in changed.items():
            for name, (was, now) in fields.items():
                held = before.get(key, ({}, ()))[0], after[key][0]
                for known, of in ((was, held[0]), (now, held[1])):
                    assert (known is None) is (name not in of)
                    assert known is None or known.value == of[name]
