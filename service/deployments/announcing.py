"""Tells other systems of what runs unaccounted for: once for each reason, as long as it stands."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlmodel import Session

from schemas.events import EventType
from service.catalog.rows import API
from service.catalog.view import everyone
from service.deployments.unregistered import with_state
from service.outgoing.outbox import Event, announce
from service.outgoing.tables import AnnouncedRow
from service.recordset import recordset

TYPE: Final = str(EventType.DEPLOYMENT_UNREGISTERED)
TOLD: Final = (
    "id", "name", "namespace", "model", "model_id", "environment", "environment_class", "causes",
    "sources",
)  # fmt: skip

announced = AnnouncedRow.__table__


def announce_unregistered(session: Session) -> int:
    """Announce what is unregistered and open, if it is so for a reason not announced yet.

    What is accounted for, accepted or gone is forgotten: should it come back, it is announced
    again. Blueprints are the service's to judge, and are no reason here.
    """
    each = with_state(everyone(), approved=())
    is_open = sa.and_(each.c.state == "open", each.c.unregistered)
    before = sa.and_(announced.c.entry_id == each.c.id, announced.c.type == TYPE)
    causes = sa.func.to_jsonb(each.c.causes, type_=JSONB)
    told = sa.func.coalesce(announced.c.causes.contains(causes), sa.false())
    query = (
        sa.select(*each.c[TOLD], told.label("told"), announced.c.causes.label("before"))
        .select_from(each)
        .outerjoin(announced, before)
        .where(is_open)
        .order_by(each.c.id)
    )
    found = session.execute(query).mappings().all()
    _forget(session, standing=[row["id"] for row in found])
    new = [row for row in found if not row["told"]]
    announce(session, [_event(row) for row in new])
    _remember(session, new)
    return len(new)


def _event(row: sa.RowMapping) -> Event:
    data = {
        "deployment": str(row["id"]),
        "url": f"{API}/deployments/{row['id']}",
        **{name: row[name] for name in ("name", "model", "environment", "environment_class")},
        **{name: list(row[name]) for name in ("causes", "sources")},
    }
    return Event(TYPE, row["name"], row["namespace"], row["model_id"], data)


def _forget(session: Session, *, standing: list[Any]) -> None:
    given = recordset([{"id": one} for one in standing], id=sa.Uuid())
    gone = announced.c.entry_id.not_in(sa.select(given.c.id))
    session.execute(sa.delete(announced).where(announced.c.type == TYPE, gone))


def _remember(session: Session, new: list[sa.RowMapping]) -> None:
    """Every reason that was ever given while it stood."""
    if not new:
        return
    rows = [
        {"entry_id": row["id"], "causes": sorted({*row["causes"], *(row["before"] or ())})}
        for row in new
    ]
    given = recordset(rows, entry_id=sa.Uuid(), causes=JSONB())
    named = ["entry_id", "type", "causes", "at"]
    told = sa.select(given.c.entry_id, sa.literal(TYPE), given.c.causes, sa.func.now())
    added = insert(announced).from_select(named, told)
    session.execute(
        added.on_conflict_do_update(
            index_elements=["entry_id", "type"],
            set_={"causes": added.excluded.causes, "at": added.excluded.at},
        )
    )
