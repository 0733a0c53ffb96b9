"""Attestations: owners confirm statements about their models, one by one or many at once."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.attestations import (
    Answer,
    Attest,
    AttestationRow,
    Attested,
    Contradiction,
    Statements,
)
from schemas.identifiers import Kind
from schemas.problem import FieldProblem
from schemas.strict import instant_text
from service.access.policy import Caller
from service.catalog.detail import ModelNotFound
from service.catalog.owning import owned_entries
from service.errors import Conflict
from service.ledger.change import Change, record_changes
from service.recordset import among, recordset
from service.risk.acting import Acting, RoleMissing, RuleBroken, clock, home, seen_by
from service.risk.attestations.due import select_due
from service.risk.attestations.signals import read_signals
from service.risk.attestations.statements import (
    NO,
    contradictions,
    current_statements,
    faults_of,
    result_of,
)
from service.risk.decided_tables import AttestationRow as Stored
from service.risk.findings.lists import model_keys
from service.risk.findings.opened import WantedFinding, open_findings
from service.risk.tables import ModelRiskRow
from service.risk.touch import touch

attestation, standing = Stored.__table__, ModelRiskRow.__table__
KIND: Final = "attestation"
MOST: Final = 1_000
MOST_PROBLEMS: Final = 50  # that one answer names
STORED: Final = {
    "id", "model_id", "statements", "answers", "contradictions", "result", "attested_by",
    "attested_at",
}  # fmt: skip
SEVERITY: Final = {"HIGH": "high", "MEDIUM": "medium"}  # of a finding, by workflow tier; else low


class StatementsChanged(Conflict):
    """The statements are others than those that you read.

    `GET /api/v1/attestations:statements` has those in force.
    """


class NothingDue(Conflict):
    """None of the models that you own is due to be attested.

    Name the models that you want to attest all the same.
    """


class Chosen(NamedTuple):
    """A model that is attested: how its owner answers, and what speaks against that."""

    id: UUID
    model: str
    namespace: str | None
    tier: str
    answers: Mapping[str, Answer]
    against: tuple[Contradiction, ...]


def attest(session: Session, *, asked: Attest, by: Acting, dry_run: bool) -> Attested:
    """Keep one attestation a model, all or none. A constant number of statements.

    Raises `StatementsChanged`, `ModelNotFound`, `RoleMissing`, `NothingDue`, `RuleBroken`.
    """
    said = current_statements()
    if asked.statements != said.version:
        raise StatementsChanged
    chosen = _choose(session, asked, said=said, by=by)
    _check(said, chosen)
    now = clock(session)
    rows = _keep(session, said, chosen=chosen, by=by, now=now)
    findings = _open(session, said, chosen=chosen, by=by, now=now)
    return Attested(items=tuple(rows), findings=findings, dry_run=dry_run)


def _choose(session: Session, asked: Attest, *, said: Statements, by: Acting) -> list[Chosen]:
    """The models that are meant, with their answers. Each is the caller's own, or none counts."""
    if asked.models is None:
        wanted = _own_due(session, caller=by.caller)
    else:
        wanted = _named(session, asked.models, caller=by.caller)
        _check_owned(session, wanted, by=by)
    left = {key: one for key, one in wanted.items() if key not in set(model_keys(asked.exclude))}
    beside = [*asked.exclude, *(one.model for one in asked.apart)]
    if strange := set(model_keys(beside)) - set(wanted):
        says = f"model_meant: {len(strange)} of them are not among the models that are attested"
        raise RuleBroken(FieldProblem(pointer="/exclude", message=says))
    if not left:
        raise NothingDue
    signals = read_signals(session, [one.id for one in left.values()])
    apart = {model_keys([one.model])[0]: one.answers for one in asked.apart}
    return [
        Chosen(
            one.id, key, one.namespace, one.workflow_tier or "",
            {**asked.answers, **apart.get(key, {})}, contradictions(said, signals.get(one.id, {})),
        )
        for key, one in sorted(left.items())
    ]  # fmt: skip


def _named(session: Session, names: Sequence[str], *, caller: Caller) -> dict[str, Any]:
    keys = model_keys(names)
    rows = session.execute(
        sa.select(home.c.id, home.c.natural_key, home.c.namespace, standing.c.workflow_tier)
        .select_from(home)
        .outerjoin(standing, standing.c.model_id == home.c.id)
        .where(home.c.kind == Kind.MODEL.value, among(home.c.natural_key, keys),
               home.c.merged_into.is_(None), home.c.replaced_by.is_(None), seen_by(caller))
    )  # fmt: skip
    found = {row.natural_key: row for row in rows}
    for key in keys:
        if key not in found:
            raise ModelNotFound(name=key)
    return found


def _own_due(session: Session, *, caller: Caller) -> dict[str, Any]:
    """What the caller owns and has to attest."""
    due = select_due(session, caller=caller).subquery("due")
    rows = session.execute(
        sa.select(due.c.model_id.label("id"), due.c.model, due.c.namespace, due.c.workflow_tier)
        .where(due.c.owned, due.c.past_due)
        .order_by(due.c.model_id)
        .limit(MOST)
    )
    return {row.model: row for row in rows}


def _check_owned(session: Session, wanted: Mapping[str, Any], *, by: Acting) -> None:
    """Only owners attest. Raises `RoleMissing`, which names a model."""
    owned: set[UUID] = set()
    if by.caller.account is not None:
        mine = owned_entries(by.caller.account).subquery("mine")
        ids = [one.id for one in wanted.values()]
        owned = set(session.execute(sa.select(mine).where(among(mine.c.entry_id, ids))).scalars())
    for key, one in sorted(wanted.items()):
        if one.id not in owned:
            raise RoleMissing(detail=f"It takes the owner of {key}.")


def _check(said: Statements, chosen: Sequence[Chosen]) -> None:
    """Every model's answers are whole. Raises `RuleBroken`, which says where they are not."""
    problems = list(_problems(said, chosen))
    if problems:
        raise RuleBroken(*problems[:MOST_PROBLEMS])


def _problems(said: Statements, chosen: Sequence[Chosen]) -> Iterator[FieldProblem]:
    fix = "Comment on it, answer it apart for this model, or exclude the model."
    for one in chosen:
        for name, says in faults_of(said, one.answers, against=one.against):
            yield FieldProblem(pointer=f"/answers/{name}", message=f"{one.model}: {says}", fix=fix)


def _keep(
    session: Session, said: Statements, *, chosen: Sequence[Chosen], by: Acting, now: datetime
) -> list[AttestationRow]:
    rows = [_row(one, said=said, by=by, now=now) for one in chosen]
    ids = record_changes(session, [_told(row, by=by) for row in rows])
    written = [
        row.model_dump(mode="json", include=STORED) | {"change_id": change}
        for row, change in zip(rows, ids, strict=True)
    ]
    columns = {column.name: column.type for column in attestation.columns}
    given = recordset(written, **columns)
    session.execute(sa.insert(attestation).from_select([*columns], sa.select(given)))
    return rows


def _row(one: Chosen, *, said: Statements, by: Acting, now: datetime) -> AttestationRow:
    return AttestationRow.model_validate({
        "id": uuid7(), "model": one.model, "model_id": one.id, "namespace": one.namespace,
        "statements": said.version, "attested_at": now, "result": result_of(one.answers),
        "answers": dict(one.answers), "contradictions": one.against, "attested_by": by.name,
    })  # fmt: skip


def _told(row: AttestationRow, *, by: Acting) -> Change:
    new = {
        "statements": row.statements,
        "result": row.result,
        "no": sorted(name for name, one in row.answers.items() if one.answer == NO),
        "against": [one.code for one in row.contradictions],
        "at": instant_text(row.attested_at),
    }
    return by.change("attest", KIND, model=row.model_id, about=row.id, new=new)


def _open(
    session: Session, said: Statements, *, chosen: Sequence[Chosen], by: Acting, now: datetime
) -> tuple[UUID, ...]:
    """A finding for each no to a statement that opens one."""
    wanted = [
        WantedFinding(
            model=model.id, version=None, source="attestation",
            cause=f"attestation:{statement.id}", category=statement.no_opens or "",
            severity=SEVERITY.get(model.tier, "low"),
            title=f"Its owner does not attest: {statement.text}",
            description=model.answers[statement.id].comment or "",
        )
        for model in chosen
        for statement in said.statements
        if statement.no_opens is not None and model.answers[statement.id].answer == NO
    ]  # fmt: skip
    opened = open_findings(session, wanted, cause=by.cause, now=now)
    touch(session, {one.wanted.model for one in opened}, cause=by.cause)
    return tuple(one.id for one in opened)
