"""Keeps refused records where people see them, until they are settled."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.digest import sha256
from schemas.masking import mask_named, mask_secrets
from schemas.observation import Refusal, contract_version
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
    "payload": sa.Text(), "retriable": sa.Boolean(), "harvester_version": sa.Text(),
    "facts_version": sa.Integer(),
}  # fmt: skip
LATEST: Final = (
    "harvest_id", "message", "payload", "retriable", "harvester_version", "facts_version",
    "last_at",
)  # fmt: skip
UNRESOLVED: Final = dict.fromkeys(("resolved_at", "resolution", "resolved_by", "reason"))


def keep(
    session: Session,
    source: SourceFacts,
    *,
    refusals: Iterable[Refusal],
    documents: Sequence[Any],
    opened: OpenedHarvest | None,
    once: Collection[int] = (),
) -> None:
    """Store each refused record once, with its reason; a repeated one is counted.

    With the versions of who read it and of what may be stated: when one of them changes, it is
    tried again; those at `once` are not, for what was proved when they came is not kept.
    """
    by = {
        "harvest_id": str(opened.id) if opened else None,
        "harvester_version": opened.harvester_version if opened else None,
    }
    rows: dict[str, dict[str, Any]] = {}
    for refusal in refusals:
        document = documents[refusal.index]
        digest = fault(refusal, document)
        rows[digest] = by | as_row(refusal, document) | {
            "source_id": source.id, "what": "refused", "digest": digest,
        }  # fmt: skip
        rows[digest]["retriable"] &= refusal.index not in once
    _store(session, [rows[digest] for digest in sorted(rows)])


def settle(session: Session, source: SourceFacts, *, items: Iterable[Item]) -> None:
    """A good observation settles what was refused about the same subject."""
    subjects = {subject_text(item.subject) or "" for item in items}
    if subjects:
        open_ones = (table.c.source_id == source.id, table.c.resolved_at.is_(None))
        about = (table.c.what == "refused", among(table.c.subject, subjects))
        over = {"resolved_at": sa.func.now(), "resolution": "settled"}
        session.execute(sa.update(table).where(*open_ones, *about).values(over))


def as_row(refusal: Refusal, document: Any) -> dict[str, Any]:
    """What is kept of one refused record, and whether it can be tried again.

    Not if it was cut or masked; nor if it says gone: the next harvest asks anew, and weighs it.
    """
    sent = json.dumps(document, ensure_ascii=True, allow_nan=True, default=str)
    payload = readable(document)
    whole = payload == sent and len(payload) <= LONGEST_PAYLOAD
    return {
        "subject": subject_text(refusal.subject), "pointer": refusal.pointer, "code": refusal.code,
        "message": refusal.message, "payload": payload[:LONGEST_PAYLOAD],
        "facts_version": contract_version(),
        "retriable": whole and isinstance(document, dict) and document.get("gone") is not True,
    }  # fmt: skip


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
            set_=again | {"times": table.c.times + 1} | UNRESOLVED,
        )
    )


def fault(refusal: Refusal, document: Any) -> str:
    """What makes two refusals the same: the subject and what is wrong with it, not when."""
    about = subject_text(refusal.subject)
    if about is None:
        lasting = document
        if isinstance(document, dict):
            lasting = {name: value for name, value in document.items() if name not in MOMENTARY}
        about = readable(lasting)
    return sha256(f"{refusal.code} {refusal.pointer} {about}")
