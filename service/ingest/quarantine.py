"""Keeps what was refused or held back where people see it, until it is settled."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.digest import sha256
from schemas.identifiers import Identifier
from schemas.masking import mask_named, mask_secrets
from schemas.observation import Refusal
from service.catalog.tables import SubjectRow
from service.ingest.batch import Item
from service.ingest.harvests import OpenedHarvest
from service.ingest.sources import SourceFacts
from service.ingest.tables import QuarantineRow
from service.recordset import among, recordset

LONGEST_PAYLOAD: Final = 65_536
MOMENTARY: Final = {"observed_at", "evidence", "marker"}  # another each time it is harvested
table = QuarantineRow.__table__
COLUMNS: Final = {
    "source_id": sa.BigInteger(), "harvest_id": sa.Uuid(), "what": sa.Text(), "subject": sa.Text(),
    "pointer": sa.Text(), "code": sa.Text(), "message": sa.Text(), "digest": sa.Text(),
    "payload": sa.Text(),
}  # fmt: skip
LATEST: Final = ("harvest_id", "message", "payload", "last_at")


def keep(
    session: Session,
    source: SourceFacts,
    *,
    refusals: Iterable[Refusal],
    documents: Sequence[Any],
    harvest: UUID | None,
) -> None:
    """Store each refused record once, with its reason; a repeated one is counted."""
    rows: dict[str, dict[str, Any]] = {}
    for refusal in refusals:
        document = documents[refusal.index]
        digest = _fault(refusal, document)
        rows[digest] = {
            "source_id": source.id, "harvest_id": str(harvest) if harvest else None,
            "what": "refused", "subject": subject_text(refusal.subject),
            "pointer": refusal.pointer, "code": refusal.code, "message": refusal.message,
            "digest": digest, "payload": readable(document)[:LONGEST_PAYLOAD],
        }  # fmt: skip
    _store(session, [rows[digest] for digest in sorted(rows)])


def settle(session: Session, source: SourceFacts, *, items: Iterable[Item]) -> None:
    """A good observation settles what was refused about the same subject."""
    subjects = {subject_text(item.subject) or "" for item in items}
    if subjects:
        session.execute(_settled(source).where(among(table.c.subject, subjects)))


def hold_back(
    session: Session, opened: OpenedHarvest, *, gone: Iterable[int], missed: Iterable[int]
) -> None:
    """Keep what a harvest would have retired; the newest plan of a scope replaces the older."""
    plan = {"gone": _named(session, gone), "missed": _named(session, missed)}
    count = len(plan["gone"]) + len(plan["missed"])
    row = {
        "source_id": opened.source.id, "harvest_id": str(opened.id), "what": "held_back",
        "subject": None, "pointer": "", "code": "implausible",
        "message": f"harvest of {opened.scope} would retire {count} subjects at once",
        "digest": _held(opened),
        "payload": readable({"scope": opened.scope, "opened_at": opened.opened_at, **plan}),
    }  # fmt: skip
    _store(session, [row])


def settle_held_back(session: Session, opened: OpenedHarvest) -> None:
    """A later harvest of the scope that can be believed settles the plan."""
    held = _settled(opened.source, what="held_back").where(table.c.digest == _held(opened))
    session.execute(held)


def subject_text(subject: Any) -> str | None:
    """An identifier on one line, as people read it."""
    return f"{subject.kind}:{subject.scheme}:{subject.value}" if subject else None


def readable(document: Any) -> str:
    """A record as ASCII JSON, which holds any text; secrets are masked."""
    text = json.dumps(document, ensure_ascii=True, allow_nan=True, default=str)
    return mask_secrets(mask_named(text))


def _store(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    stored = insert(table).from_select(
        [*COLUMNS, "times", "first_at", "last_at"],
        sa.select(recordset(rows, **COLUMNS), sa.literal(1), sa.func.now(), sa.func.now()),
    )
    again = {name: stored.excluded[name] for name in LATEST}
    session.execute(
        stored.on_conflict_do_update(
            index_elements=["source_id", "digest"],
            set_=again | {"times": table.c.times + 1, "resolved_at": None},
        )
    )


def _fault(refusal: Refusal, document: Any) -> str:
    """What makes two refusals the same: the subject and what is wrong with it, not when."""
    about = subject_text(refusal.subject)
    if about is None:
        lasting = document
        if isinstance(document, dict):
            lasting = {name: value for name, value in document.items() if name not in MOMENTARY}
        about = readable(lasting)
    return sha256(f"{refusal.code} {refusal.pointer} {about}")


def _held(opened: OpenedHarvest) -> str:
    return sha256(f"held_back {opened.scope}")


def _settled(source: SourceFacts, what: str = "refused") -> sa.Update:
    return (
        sa.update(table)
        .where(table.c.source_id == source.id, table.c.what == what, table.c.resolved_at.is_(None))
        .values(resolved_at=sa.func.now())
    )


def _named(session: Session, subjects: Iterable[int]) -> list[Any]:
    """Subjects by their identifiers, in the order in which they became known."""
    subject = SubjectRow.__table__
    rows = session.execute(
        sa.select(subject.c.kind, subject.c.scheme, subject.c.value)
        .where(subject.c.id.in_(sorted(subjects)))
        .order_by(subject.c.id)
    )
    return [Identifier(kind=k, scheme=s, value=v).model_dump(mode="json") for k, s, v in rows]
