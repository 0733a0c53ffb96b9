"""Decides contested claims, each in the ways that make sense for its kind."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.identifiers import Identifier, Kind
from schemas.identity import ClaimDecided, ContestedClaim, DecideClaim
from schemas.problem import FieldProblem
from service.catalog.tables import Entry, SubjectRow
from service.db import Moved
from service.errors import Conflict, Invalid
from service.ingest import quarantine, refuse
from service.ingest.called import Called, Decider, check_may, find_called
from service.ingest.claims import get_claim
from service.ingest.contest import MANIFEST, repository_of
from service.ingest.decisions import Decided, store_decisions
from service.ingest.lock import lock_entries
from service.ingest.merge import merge
from service.ingest.project import project
from service.ingest.retry import retry_displaced, retry_refused
from service.ingest.sources import list_sources
from service.ingest.tables import AbsenceRow, IdentityDecision, ObservationRow, SightingRow
from service.ingest.unmerge import unmerge
from service.ledger.change import Change, record_changes
from service.recordset import among

Tried = Literal["recorded", "refused", "not_tried"]

entry, subject, sighting, observation, absence, decision = (
    table.__table__
    for table in (
        Entry, SubjectRow, SightingRow, ObservationRow, AbsenceRow, IdentityDecision,
    )
)  # fmt: skip


class ClaimDecidedAlready(Conflict):
    """Somebody decided this claim before.

    The claim says what was decided and why; `:merge` and `:unmerge` change it.
    """


def decide_claim(session: Session, claim: str, *, asked: DecideClaim, by: Decider) -> ClaimDecided:
    """Decide one claim. Raises `ClaimNotFound`, `ClaimDecidedAlready`, `Invalid`."""
    found = get_claim(session, claim, caller=by.caller)
    if found.state == "decided":
        raise ClaimDecidedAlready
    if asked.decision not in found.decisions:
        fix = f"Here it is {', '.join(found.decisions)}."
        raise Invalid(FieldProblem(pointer="/decision", message="makes no sense here", fix=fix))
    check_may(by.caller, found.namespace)
    retried = WAYS[found.kind, asked.decision](session, found, by=by)
    _tell(session, found, decided=asked.decision, by=by)
    state = {"state": "decided", "decisions": (), "decision": asked.decision,
             "reason": asked.reason}  # fmt: skip
    decided = found.model_copy(update=state)
    return ClaimDecided(claim=decided, retried=retried or "not_tried", dry_run=False)


def _number(found: ContestedClaim) -> int:
    return int(found.id.rpartition("-")[2])


def _answer(session: Session, found: ContestedClaim, *, decided: str, by: Decider) -> None:
    """Write the answer into the decision that the claim is."""
    said = sa.cast({"decision": decided, "because": by.reason}, JSONB)
    stands = found.kind in {"unsupported", "apart"}  # the merge, or the separation
    ends: dict[str, Any] = {} if stands else {"lifted_at": sa.func.now()}
    row = session.execute(
        sa.update(decision)
        .where(decision.c.id == _number(found), decision.c.lifted_at.is_(None))
        .values(evidence=decision.c.evidence.op("||")(said), **ends)
        .returning(decision.c.id)
    ).one_or_none()
    if row is None:
        raise Moved


def _tell(session: Session, found: ContestedClaim, *, decided: str, by: Decider) -> None:
    kind = _kind(session, found)
    told = {"claim": found.id, "decision": decided, "claimant": found.claimant}
    change = Change("decide", kind, by.caller.actor, entry=found.entry, new=told,
                    reason=by.reason, request=by.request)  # fmt: skip
    record_changes(session, [change])


def _accept(session: Session, found: ContestedClaim, *, by: Decider) -> Tried:
    """Both repositories describe the model."""
    _answer(session, found, decided="same", by=by)
    return _retry(session, found, by=by)


def _transfer(session: Session, found: ContestedClaim, *, by: Decider) -> Tried:
    """The claimant holds the name now; who held it so far becomes the contestant."""
    _answer(session, found, decided="transfer", by=by)
    root = _root(session, found)
    lock_entries(session, [root])
    claimant = repository_of(_claimant(session, found)[1])
    holders = [row for row in _manifests(session, root) if not row.value.startswith(f"{claimant}#")]
    _withdraw(session, root, names=[row.value for row in holders])
    _put_out(session, holders, root=root, by=by)
    tried = _retry(session, found, by=by)
    project(session, [root], sources=list_sources(session), cause=by.cause)
    return tried


def _reject(session: Session, found: ContestedClaim, *, by: Decider) -> None:
    _answer(session, found, decided="reject", by=by)


def _keep(session: Session, found: ContestedClaim, *, by: Decider) -> None:
    _answer(session, found, decided="keep", by=by)


def _reject_proposal(session: Session, found: ContestedClaim, *, by: Decider) -> None:
    """It is not proposed again."""
    _answer(session, found, decided="reject", by=by)
    one, two = _both(session, found, by=by)
    rejected = Decided("rejected", one.kind, one.root, two.root)
    _store(session, rejected, claim=found.kind, by=by)


def _reject_name(session: Session, found: ContestedClaim, *, by: Decider) -> None:
    """Whoever wants the name is told so once."""
    assert found.other is not None  # noqa: S101  # the entry that wants the name
    kind = _kind(session, found)
    _store(session, Decided("claim", kind, found.other), claim=found.kind, by=by)


def _merge(session: Session, found: ContestedClaim, *, by: Decider) -> None:
    """The two are one; what keeps them apart ends."""
    merge(session, _both(session, found, by=by), by=by, lifting=found.kind == "apart")


def _unmerge(session: Session, found: ContestedClaim, *, by: Decider) -> None:
    one, two = _both(session, found, by=by)
    unmerge(session, one, other=two, by=by)


def _both(session: Session, found: ContestedClaim, *, by: Decider) -> tuple[Called, Called]:
    kind = _kind(session, found)
    one, two = (
        find_called(session, kind, given=str(named), caller=by.caller)
        for named in (found.entry, found.other)
    )
    return one, two


def _store(
    session: Session,
    rejected: Decided,
    *,
    claim: str,
    by: Decider,
) -> None:
    """A rejection that is no answer to a decision that stands there."""
    said = {"claim": claim, "decision": "reject", "because": by.reason}
    decided = rejected._replace(evidence=said)
    change = Change("reject", decided.kind, by.caller.actor, entry=decided.other or decided.entry,
                    new=str(decided.entry), reason=by.reason, request=by.request)  # fmt: skip
    store_decisions(session, [decided], changes=[change], reason=by.reason)


def _kind(session: Session, found: ContestedClaim) -> Kind:
    """Of what kind the two are."""
    return Kind(
        session.execute(sa.select(entry.c.kind).where(entry.c.id == found.entry)).scalar_one()
    )


def _root(session: Session, found: ContestedClaim) -> UUID:
    root = sa.func.coalesce(entry.c.merged_into, entry.c.id)
    found_one: UUID = session.execute(sa.select(root).where(entry.c.id == found.entry)).scalar_one()
    return found_one


def _manifests(session: Session, root: UUID) -> list[sa.Row[Any]]:
    """What manifests currently say about the entry."""
    columns = observation.c["facts", "same_as", "observed_at", "evidence", "inferred"]
    rows = session.execute(
        sa.select(*subject.c["id", "value"], sighting.c.source_id, *columns)
        .join_from(subject, sighting, sighting.c.subject_id == subject.c.id)
        .join(observation, observation.c.id == sighting.c.observation_id)
        .where(subject.c.entry_id == root, subject.c.scheme == MANIFEST)
        .order_by(subject.c.id)
    )
    return list(rows)


def _put_out(session: Session, holders: Sequence[sa.Row[Any]], *, root: UUID, by: Decider) -> None:
    """Their records wait in quarantine, as if they came now; what they said stays recorded."""
    sources = list_sources(session)
    for row in holders:
        claimant = Identifier(kind=Kind.MODEL, scheme=MANIFEST, value=row.value)
        document = _document(row, claimant)
        refusal = refuse.contested(claimant)
        quarantine.keep(
            session, sources[row.source_id], refusals=[refusal], documents=[document], opened=None
        )
        said = {"claim": MANIFEST, "subject": document["subject"]}
        claim = Decided("claim", Kind.MODEL, root, evidence=said)
        change = Change("claim", Kind.MODEL, by.caller.actor, entry=root, new=str(claimant),
                        reason=by.reason, request=by.request)  # fmt: skip
        store_decisions(session, [claim], changes=[change], source=row.source_id)
    ids = [row.id for row in holders]
    session.execute(
        sa.update(subject).where(among(subject.c.id, ids)).values(entry_id=None, home_id=None)
    )


def _document(row: sa.Row[Any], claimant: Identifier) -> Mapping[str, Any]:
    said = {
        "subject": claimant.model_dump(mode="json"),
        "observed_at": row.observed_at.isoformat().replace("+00:00", "Z"),
        "facts": row.facts,
    }
    more = {"same_as": row.same_as, "evidence": row.evidence, "inferred": row.inferred}
    return said | {name: value for name, value in more.items() if value}


def _withdraw(session: Session, root: UUID, *, names: Sequence[str]) -> None:
    """Whoever was let in before is a claimant like others again."""
    ended = sa.cast({"decision": "superseded"}, JSONB)
    session.execute(
        sa.update(decision)
        .where(
            decision.c.op == "claim",
            decision.c.entry_id == root,
            among(decision.c.evidence["subject"]["value"].astext, names),
        )
        .values(evidence=decision.c.evidence.op("||")(ended))
    )


def _retry(session: Session, found: ContestedClaim, *, by: Decider) -> Tried:
    """Try the claimant's record again."""
    source_id, claimant = _claimant(session, found)
    source = list_sources(session)[source_id]
    cause = by.cause._replace(source=source.name)
    done = retry_refused(session, source, subjects=[claimant], cause=cause)
    if done.recorded:
        retry_displaced(session, source, cause=cause)
    return "recorded" if done.recorded else "refused" if done.refused else "not_tried"


def _claimant(session: Session, found: ContestedClaim) -> tuple[int, Identifier]:
    """Who claims, and the source that says so."""
    query = sa.select(decision.c.source_id, decision.c.evidence["subject"])
    source, claimant = session.execute(query.where(decision.c.id == _number(found))).one()
    return source, Identifier(**claimant)


Way = Callable[..., Tried | None]
WAYS: Final[Mapping[tuple[str, str], Way]] = {
    ("manifest", "same"): _accept,
    ("manifest", "transfer"): _transfer,
    ("manifest", "reject"): _reject,
    ("collision", "reject"): _reject,
    ("proposal", "merge"): _merge,
    ("proposal", "reject"): _reject_proposal,
    ("name", "merge"): _merge,
    ("name", "reject"): _reject_name,
    ("apart", "merge"): _merge,
    ("apart", "reject"): _reject,
    ("unsupported", "keep"): _keep,
    ("unsupported", "unmerge"): _unmerge,
}
