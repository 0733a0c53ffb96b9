"""Keeps refused records where people see them, until a later one of the same subject is good."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.digest import sha256
from schemas.masking import mask_secrets
from schemas.observation import Refusal
from service.ingest.batch import Item
from service.ingest.sources import SourceFacts
from service.ingest.tables import QuarantineRow
from service.recordset import recordset

LONGEST_PAYLOAD: Final = 65_536
table = QuarantineRow.__table__
COLUMNS: Final = {
    "source_id": sa.BigInteger(), "harvest_id": sa.Uuid(), "what": sa.Text(), "subject": sa.Text(),
    "pointer": sa.Text(), "code": sa.Text(), "message": sa.Text(), "digest": sa.Text(),
    "payload": sa.Text(),
}  # fmt: skip


def keep(
    session: Session,
    source: SourceFacts,
    refusals: Iterable[Refusal],
    documents: Sequence[Any],
    *,
    harvest: UUID | None,
) -> None:
    """Store each refused record once, with its reason; a repeated one is counted."""
    rows: dict[str, dict[str, Any]] = {}
    for refusal in refusals:
        payload = readable(documents[refusal.index])
        digest = sha256(f"{refusal.code} {refusal.pointer} {payload}")
        rows[digest] = {
            "source_id": source.id, "harvest_id": str(harvest) if harvest else None,
            "what": "refused", "subject": subject_text(refusal.subject),
            "pointer": refusal.pointer, "code": refusal.code, "message": refusal.message,
            "digest": digest, "payload": payload,
        }  # fmt: skip
    if not rows:
        return
    given = recordset([rows[digest] for digest in sorted(rows)], **COLUMNS)
    stored = insert(table).from_select(
        [*COLUMNS, "times", "first_at", "last_at"],
        sa.select(given, sa.literal(1), sa.func.now(), sa.func.now()),
    )
    session.execute(
        stored.on_conflict_do_update(
            index_elements=["source_id", "digest"],
            set_={
                "times": table.c.times + 1,
                "last_at": stored.excluded.last_at,
                "harvest_id": stored.excluded.harvest_id,
                "resolved_at": None,
            },
        )
    )


def settle(session: Session, source: SourceFacts, items: Iterable[Item]) -> None:
    """A good observation settles what was refused about the same subject."""
    subjects = sorted({subject_text(item.subject) or "" for item in items})
    if subjects:
        session.execute(
            sa.update(table)
            .where(
                table.c.source_id == source.id,
                table.c.what == "refused",
                table.c.resolved_at.is_(None),
                table.c.subject.in_(subjects),
            )
            .values(resolved_at=sa.func.now())
        )


def subject_text(subject: Any) -> str | None:
    """An identifier on one line, as people read it."""
    return f"{subject.kind}:{subject.scheme}:{subject.value}" if subject else None


def readable(document: Any) -> str:
    """A record as ASCII JSON, which holds any text; secrets masked, cut at 64 KiB."""
    text = json.dumps(document, ensure_ascii=True, allow_nan=True, default=str)
    return mask_secrets(text)[:LONGEST_PAYLOAD]
