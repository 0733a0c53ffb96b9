"""Declaring sources: what an admin sets, kept with who set it."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlmodel import Session

from schemas.refold import Impact, RefoldState
from schemas.sources import ScopeState, SourceChanged, SourceSettings, SourceState
from service.catalog.lateness import first_opened, is_late, last_complete, lasting
from service.ingest.hinted import webhook_states
from service.ingest.refold import Changed, fold_again, foresee
from service.ingest.sources import SourceNotFound
from service.ingest.tables import RefoldRow, ScopeRow, SourceRow
from service.ledger.change import Actor, Cause, Change, record_changes
from service.recordset import among

source, scope, refold = (t.__table__ for t in (SourceRow, ScopeRow, RefoldRow))
RENAMED: Final = {"expected_interval": "expected_interval_seconds"}
ALONE: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:about, 0))")


def declare_source(
    session: Session, asked: SourceSettings, *, actor: Actor, request: str | None
) -> SourceState:
    """Make a source or change it; what is equal writes nothing.

    A change of what entries are folded by folds them again: few at once, many by the job.
    """
    changed = _store(session, asked, cause=Cause(actor, request=request))
    if changed is not None:
        fold_again(session, changed)
    return get_source_state(session, asked.name)


def change_source(
    session: Session,
    asked: SourceSettings,
    *,
    cause: Cause,
    dry_run: bool = False,
) -> SourceChanged:
    """Declare a source, and say which entries that changes; a dry run says so of many, too.

    The caller of a dry run takes everything back.
    """
    changed = _store(session, asked, cause=cause)
    impact: Impact | None = Impact()
    if changed is not None:
        impact = foresee(session, changed) if dry_run else fold_again(session, changed)
    state = get_source_state(session, asked.name)
    return SourceChanged.model_validate(dict(state) | {"impact": impact})


def _store(session: Session, asked: SourceSettings, *, cause: Cause) -> Changed | None:
    """Write what differs; answers what changed of a source that was there before."""
    session.execute(ALONE, {"about": f"source {asked.name}"})
    current = find_source(session, asked.name)
    settings = set(SourceSettings.model_fields)
    old = current.model_dump(mode="json", include=settings) if current else {}
    new = asked.model_dump(mode="json", include=settings)
    if old == new:
        return None
    change = Change(
        "update" if old else "create",
        "source",
        cause.actor,
        old={k: v for k, v in old.items() if new[k] != v} or None,
        new={k: v for k, v in new.items() if old.get(k, ...) != v},
        reason=cause.reason,
        request=cause.request,
        source=asked.name,
    )
    values = {RENAMED.get(name, name): value for name, value in new.items()}
    values["change_id"] = change_id = record_changes(session, [change])[0]
    statement = insert(source).values(**values)
    stored = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={c: statement.excluded[c] for c in values if c != "name"},
    ).returning(source.c.id)
    source_id = session.execute(stored).scalar_one()
    if not old:
        return None
    differing = frozenset(name for name, value in new.items() if old[name] != value)
    return Changed(source_id, differing, cause._replace(source=asked.name), change_id)


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
    refolds = _refolds(session, [row.id for row in rows])
    webhooks = webhook_states(session, [row.id for row in rows if row.webhook_secret])
    return [
        SourceState.model_validate(
            dict(zip(SourceSettings.model_fields, tuple(row)[1:], strict=True))
            | {"scopes": tuple(scopes.get(row.id, ())), "refold": refolds.get(row.id)}
            | {"webhooks": webhooks.get(row.id)}
        )
        for row in rows
    ]


def _refolds(session: Session, sources: Sequence[int]) -> dict[int, RefoldState]:
    """The last time that settings of each source let entries be folded again."""
    columns = refold.c["source_id", *RefoldState.model_fields]
    newest = sa.select(*columns).ext(distinct_on(refold.c.source_id))
    found = session.execute(
        newest.where(among(refold.c.source_id, sources)).order_by(
            refold.c.source_id, refold.c.id.desc()
        )
    )
    return {
        row[0]: RefoldState.model_validate(
            dict(zip(RefoldState.model_fields, row[1:], strict=True))
        )
        for row in found
    }


def standing() -> tuple[sa.ColumnElement[Any], ...]:
    """Of a scope beside its source: the last complete harvest, the next one, whether it is late."""
    last, interval = last_complete(), source.c.expected_interval_seconds
    late = is_late(last, first_opened(), interval=interval, when=sa.func.now())
    return (
        last.label("last_complete_at"),
        (last + lasting(interval)).label("due_at"),
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
