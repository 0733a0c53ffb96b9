"""Declaring sources: what an admin sets, kept with who set it."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.sources import ScopeState, SourceSettings, SourceState
from service.ingest.sources import SourceNotFound
from service.ingest.tables import ScopeRow, SourceRow
from service.ledger.change import Actor, Change, record_changes

source, scope = SourceRow.__table__, ScopeRow.__table__
RENAMED: Final = {"expected_interval": "expected_interval_seconds"}


def declare_source(
    session: Session, asked: SourceSettings, *, actor: Actor, request: str | None
) -> SourceState:
    """Make a source or change it; what is equal writes nothing."""
    current = find_source(session, asked.name)
    old = current.model_dump(mode="json", exclude={"scopes"}) if current else {}
    new = asked.model_dump(mode="json")
    if old != new:
        change = Change(
            "update" if old else "create",
            "source",
            actor,
            old={k: v for k, v in old.items() if new[k] != v} or None,
            new={k: v for k, v in new.items() if old.get(k, ...) != v},
            request=request,
            source=asked.name,
        )
        values = {RENAMED.get(name, name): value for name, value in new.items()}
        values["change_id"] = record_changes(session, [change])[0]
        statement = insert(source).values(**values)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["name"],
                set_={c: statement.excluded[c] for c in values if c != "name"},
            )
        )
    return get_source_state(session, asked.name)


def get_source_state(session: Session, name: str) -> SourceState:
    """A source with the state of its scopes."""
    found = find_source(session, name)
    if found is None:
        raise SourceNotFound(source=name)
    return found


def find_source(session: Session, name: str) -> SourceState | None:
    """A source by name, or None."""
    return next(iter(_read(session, source.c.name == name)), None)


def list_source_states(session: Session) -> list[SourceState]:
    """Every source, by name."""
    return _read(session, sa.true())


def _read(session: Session, chosen: sa.ColumnElement[bool]) -> list[SourceState]:
    columns = [source.c[RENAMED.get(name, name)] for name in SourceSettings.model_fields]
    rows = session.execute(
        sa.select(source.c.id, *columns).where(chosen).order_by(source.c.name)
    ).all()
    scopes: dict[int, list[ScopeState]] = {}
    found = session.execute(
        sa.select(scope, *standing())
        .join(source, source.c.id == scope.c.source_id)
        .where(scope.c.source_id.in_([row.id for row in rows]))
        .order_by(scope.c.name)
    )
    for row in found.mappings():
        scopes.setdefault(row["source_id"], []).append(_scope(row))
    return [
        SourceState.model_validate(
            dict(zip(SourceSettings.model_fields, tuple(row)[1:], strict=True))
            | {"scopes": tuple(scopes.get(row.id, ()))}
        )
        for row in rows
    ]


def standing() -> tuple[sa.ColumnElement[Any], ...]:
    """Of a scope beside its source: the last complete harvest, the next one, whether it is late."""
    last = sa.func.greatest(scope.c.full_closed_at, scope.c.delta_closed_at)
    interval = sa.func.make_interval(0, 0, 0, 0, 0, 0, source.c.expected_interval_seconds)
    late = sa.func.coalesce(last + 2 * interval < sa.func.now(), sa.false())
    return (
        last.label("last_complete_at"),
        (last + interval).label("due_at"),
        sa.and_(source.c.enabled, late).label("late"),
    )


def _scope(row: Any) -> ScopeState:
    return ScopeState(
        scope=row["name"],
        full_cursor=row["full_cursor"],
        delta_cursor=row["delta_cursor"],
        last_complete_at=row["last_complete_at"],
        last_full_at=row["full_closed_at"],
        due_at=row["due_at"],
        late=row["late"],
    )
