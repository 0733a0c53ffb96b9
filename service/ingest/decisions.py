"""Records what was decided about identity, once, each decision with its ledger row."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.identifiers import Identifier, Kind
from schemas.strict import instant_text
from service.ingest.batch import Item
from service.ingest.contest import new_contests
from service.ingest.placed import Meeting
from service.ingest.resolve import Placement
from service.ingest.sources import SourceFacts
from service.ingest.tables import IdentityDecision, SightingRow
from service.ledger.change import Actor, Change, record_changes
from service.recordset import among, recordset

COLUMNS = {
    "op": sa.Text(),
    "entry_id": sa.Uuid(),
    "other_id": sa.Uuid(),
    "homes": JSONB(),
    "evidence": JSONB(),
    "source_id": sa.BigInteger(),
    "reason": sa.Text(),
    "change_id": sa.BigInteger(),
}
sighting = SightingRow.__table__


class Decided(NamedTuple):
    """One decision, and what the ledger says of it."""

    op: str
    kind: str
    entry: UUID  # the one that stays, or that is numbered
    other: UUID | None = None
    homes: Mapping[str, str] = {}
    evidence: Mapping[str, Any] = {}
    new: str | None = None


def record_decisions(
    session: Session,
    placement: Placement,
    *,
    homes: Mapping[int, UUID],
    subjects: Mapping[Identifier, int],
    sources: Mapping[int, SourceFacts],
    actor: Actor,
) -> None:
    """Record merges, proposals, replacements and who holds a model's numbers."""
    decided = [
        *_merges(placement, homes),
        *(_met(placement, "proposed", meeting=meeting, homes={}) for meeting in placement.proposed),
        *_replacements(session, placement, subjects=subjects),
        *_numberings(placement, sources),
        *_claims(placement),
    ]
    if not decided:
        return
    changes = [_change(one, placement, actor=actor) for one in decided]
    store_decisions(session, decided, changes=changes, source=placement.source.id)


def store_decisions(
    session: Session,
    decided: Sequence[Decided],
    *,
    changes: Sequence[Change],
    source: int | None = None,
    reason: str | None = None,
) -> None:
    """Store decisions, each with its ledger row; of a person with the reason that was given."""
    if not decided:
        return
    ids = record_changes(session, changes)
    rows = [
        {
            "op": one.op,
            "entry_id": one.entry,
            "other_id": one.other,
            "homes": one.homes,
            "evidence": one.evidence,
            "source_id": source,
            "reason": reason,
            "change_id": change,
        }
        for one, change in zip(decided, ids, strict=True)
    ]
    given = recordset(rows, **COLUMNS)
    chosen = sa.select(*(given.c[name] for name in COLUMNS))
    session.execute(sa.insert(IdentityDecision.__table__).from_select(list(COLUMNS), chosen))


def _change(one: Decided, placement: Placement, *, actor: Actor) -> Change:
    said = {name: one.evidence[name] for name in ("subject", "digest") if name in one.evidence}
    return Change(
        {"replaced": "replace", "numbering": "number"}.get(one.op, one.op),
        one.kind,
        actor,
        entry=one.other or one.entry,
        field="numbered_by" if one.op == "numbering" else None,
        new=one.new or str(one.entry),
        source=placement.source.name,
        observation=said or None,
    )


def _merges(placement: Placement, homes: Mapping[int, UUID]) -> Iterator[Decided]:
    """In order: what joined an entry before moves on with it, and comes home to it."""
    at = dict(homes)
    for meeting in placement.merges:
        moved = [subject for subject, home in at.items() if home == meeting.joins]
        at |= dict.fromkeys(moved, meeting.stays)
        left = {str(subject): str(meeting.joins) for subject in sorted(moved)}
        yield _met(placement, "merge", meeting=meeting, homes=left)


def _met(placement: Placement, op: str, *, meeting: Meeting, homes: Mapping[str, str]) -> Decided:
    stays = placement.final(meeting.stays) if op == "proposed" else meeting.stays
    joins = placement.final(meeting.joins) if op == "proposed" else meeting.joins
    kind = placement.placed(placement.final(stays)).kind
    said = meeting.because
    same_as = [claim.model_dump(mode="json") for claim in said.claims]
    named = {side: placement.placed(one).natural_key for side, one in
             (("stays", meeting.stays), ("joins", meeting.joins))}  # fmt: skip
    evidence = _evidence(placement, said) | {"same_as": same_as, "named": named}
    return Decided(op, kind, stays, joins, homes, evidence)


def _evidence(placement: Placement, said: Item) -> dict[str, Any]:
    return {
        "source": placement.source.name,
        "subject": said.subject.model_dump(mode="json"),
        "digest": said.digest,
        "observed_at": instant_text(said.observed_at),
    }


def _replacements(
    session: Session, placement: Placement, *, subjects: Mapping[Identifier, int]
) -> Iterator[Decided]:
    """With the last that was said of the old thing, which stays what it was."""
    replaced = placement.replaced
    last = _last(session, [subjects[one.because.subject] for one in replaced]) if replaced else {}
    for one in replaced:
        said, new = one.because, placement.final(one.new)
        subject = subjects[said.subject]
        evidence = _evidence(placement, said) | {
            "until": instant_text(min(said.observed_at, datetime.now(UTC))),
            "last": last.get(subject, []),
        }
        homes = {str(subject): str(one.old)}
        yield Decided("replaced", said.subject.kind, new, one.old, homes, evidence)


def _last(session: Session, subjects: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
    rows = session.execute(
        sa.select(sighting.c.subject_id, sighting.c.observation_id, sighting.c.effective_at).where(
            among(sighting.c.subject_id, subjects)
        )
    )
    last: dict[int, list[dict[str, Any]]] = {}
    for subject, observation, when in rows:
        said = {"observation_id": observation, "effective_at": instant_text(when)}
        last.setdefault(subject, []).append(said)
    return last


def _claims(placement: Placement) -> Iterator[Decided]:
    """What was refused because something else holds it: listed once, for a person to decide."""
    for one in new_contests(placement.contests, known=placement.claimed):
        said, holder = one.because, placement.final(one.holder)
        evidence = _evidence(placement, said) | {"claim": one.what}
        yield Decided("claim", said.subject.kind, holder, evidence=evidence, new=str(said.subject))


def _numberings(placement: Placement, sources: Mapping[int, SourceFacts]) -> Iterator[Decided]:
    for entry, source in sorted(placement.numbered.items()):
        name = sources[source].name
        evidence = {"source": name, "merged": True} if entry in placement.overtaken else {}
        yield Decided("numbering", Kind.MODEL, entry, evidence={"source": name} | evidence,
                      new=name)  # fmt: skip
