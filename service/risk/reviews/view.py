"""One review as its reader may see it, and what is other than it was."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.reviews import (
    Builder,
    Changed,
    Condition,
    Digests,
    Evidence,
    ReviewDetail,
    ReviewDiff,
    ReviewNotes,
    Taken,
)
from service.catalog.tables import Entry
from service.catalog.typed import TYPED
from service.catalog.view import label_of
from service.risk.acting import Acting
from service.risk.decided_tables import DecisionRow
from service.risk.reviews.content import Difference
from service.risk.reviews.machine import CLOSED, Action, State, Step, take
from service.risk.reviews.reading import Written, members_of, read_written
from service.risk.reviews.turn import ModelGone, Turn, begin

decision, entry = DecisionRow.__table__, Entry.__table__
version: Final = TYPED[Kind.VERSION]


def show_review(turn: Turn) -> ReviewDetail:
    """A review: in full for those who may read its notes."""
    row = turn.row
    detail = members_of(row) | {
        "actions": _actions(turn), "two_people": turn.two_people,
        "content_digest": row["content_digest"], "now": _now(turn),
    }  # fmt: skip
    if not row["told"]:
        return ReviewDetail(**detail)
    written = read_written(turn.session, row)
    decided = written.decision or {}
    said = row["recommended"] or {}
    return ReviewNotes(
        **detail,
        content=decided.get("content") or row["content"],
        recommended=row["recommended"],
        comment=decided.get("comment") or said.get("comment"),
        evidence=_evidence(decided.get("evidence") or said.get("evidence") or ()),
        condition_list=tuple(as_condition(one) for one in written.conditions),
        builders=_builders(turn, written),
        hold_reason=row["hold_reason"],
        steps=tuple(Taken.model_validate(one) for one in written.steps),
    )


def _actions(turn: Turn) -> tuple[str, ...]:
    """The steps that the caller may take now."""
    found = (
        (one, take(one, State(turn.row["state"]), parts=turn.parts, two_people=turn.two_people,
                   on_hold=turn.row["on_hold"]))
        for one in Action
    )  # fmt: skip
    return tuple(one.value for one, step in found if isinstance(step, Step))


def _now(turn: Turn) -> Digests | None:
    """By what a decision says what it is about; None once it is closed."""
    if State(turn.row["state"]) in CLOSED:
        return None
    try:
        shown = turn.shown
    except ModelGone:
        return None
    return Digests(version_digest=shown.version_digest, content_digest=shown.content_digest)


def _builders(turn: Turn, written: Written) -> tuple[Builder, ...]:
    if written.decision is not None:
        return tuple(Builder.model_validate(one) for one in written.decision["builders"])
    return tuple(Builder.model_validate(one._asdict()) for one in turn.builders)


def _evidence(given: Sequence[Mapping[str, Any]]) -> tuple[Evidence, ...]:
    return tuple(Evidence.model_validate(one) for one in given)


def as_condition(row: Mapping[str, Any]) -> Condition:
    """A condition as readers of notes see it."""
    shown = {name: row[name] for name in Condition.model_fields} | {
        "evidence": _evidence(row["evidence"])
    }
    return Condition(**shown)


def show_diff(session: Session, given: UUID, *, by: Acting) -> ReviewDiff:
    """What is other now than what was reviewed last, and than what was frozen.

    Raises `ReviewNotFound`, `ModelGone`.
    """
    turn = begin(session, given, by=by, lock=False)
    basis = _basis(turn)
    shown = turn.shown
    return ReviewDiff(
        review=given,
        basis=basis["id"] if basis else None,
        basis_version=basis["name"] if basis else None,
        since_decision=_changed(turn.differences(basis["content"] if basis else None)),
        since_start=_changed(turn.differences(turn.row["content"])),
        commits=_commits(turn, basis),
        now=Digests(version_digest=shown.version_digest, content_digest=shown.content_digest),
    )


def _basis(turn: Turn) -> dict[str, Any] | None:
    """The last decision about the model, before this review's own."""
    commit = version.c.source_commit
    query = (
        sa.select(
            decision.c.id, decision.c.content, commit,
            sa.func.coalesce(entry.c.natural_key, label_of(entry.c.id)).label("name"),
        )
        .join(entry, entry.c.id == decision.c.version_id)
        .outerjoin(version, version.c.id == decision.c.version_id)
        .where(decision.c.model_id == turn.model, decision.c.review_id != turn.row["id"])
        .order_by(decision.c.decided_at.desc())
        .limit(1)
    )  # fmt: skip
    if turn.row["decided_at"] is not None:
        query = query.where(decision.c.decided_at < turn.row["decided_at"])
    found = turn.session.execute(query).mappings().first()
    return dict(found) if found else None


def _commits(turn: Turn, basis: Mapping[str, Any] | None) -> tuple[str, ...]:
    """From which commit to which, as far as both are known."""
    now = turn.shown.content["version"].get("source_commit")
    before = basis["source_commit"] if basis else None
    return tuple(one for one in (before, now) if one)


def _changed(found: Sequence[Difference]) -> tuple[Changed, ...]:
    return tuple(
        Changed.model_validate({name: getattr(one, name) for name in Changed.model_fields})
        for one in found
    )
