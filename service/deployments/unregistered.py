"""The list of deployments that are not accounted for, or are and are wrong; and one of them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Session

from schemas.deployments import (
    DeploymentDecision,
    UnregisteredFilters,
    UnregisteredLine,
    UnregisteredRow,
)
from schemas.digest import canonical_json, sha256
from schemas.identifiers import Kind, fold_name
from service.access.policy import Caller
from service.catalog.conditions import called
from service.catalog.entries import find_entry
from service.catalog.keyset import Keyset
from service.catalog.named import check_names
from service.catalog.rows import API
from service.catalog.sorting import Key
from service.catalog.tables import LAST
from service.catalog.view import LINK, View, everyone, label_of
from service.deployments.judging import NO_TEXTS, judged
from service.deployments.saying import causes_of, looked_for, matched_of, stated_by
from service.errors import NotFound
from service.reconcile import ACCOUNTABLE

Bool = sa.ColumnElement[bool]
VALUES: Final = (
    "digest", "image", "artifact_uri", "claimed_model", "claimed_version", "commit", "blueprint",
    "deployed_by", "environment",
)  # fmt: skip


class DeploymentNotFound(NotFound):
    """No deployment that runs and that you may see has this id.

    One that is gone, stopped or superseded is judged no more; `GET /api/v1/deployments` lists all.
    """


def unregistered(
    session: Session, asked: UnregisteredFilters, *, caller: Caller, approved: Sequence[str]
) -> Keyset:
    """What matches, the newest first unless asked otherwise. Raises `Invalid`."""
    check_names(session, asked, caller=caller)
    found = with_state(caller, approved=approved)
    states = asked.state or ("open",)
    query = sa.select(found).where(found.c.state.in_(states), *_asked(found, asked, caller=caller))
    if asked.unproved is None and "resolved" not in states:
        query = query.where(found.c.causes != NO_TEXTS)
    return Keyset(query, _order(found, asked.sort), unregistered_row)


def find_judged(
    session: Session, given: str, *, caller: Caller, approved: Sequence[str]
) -> sa.RowMapping:
    """One live deployment, wrong or not, by id or identifier. Raises `DeploymentNotFound`."""
    found = read_judged(session, _id_of(session, given, caller=caller), caller=caller,
                        approved=approved)  # fmt: skip
    if found is None:
        raise DeploymentNotFound
    return found


def read_judged(
    session: Session, entry_id: UUID, *, caller: Caller, approved: Sequence[str]
) -> sa.RowMapping | None:
    """The same by its id; None where it does not run any more."""
    found = with_state(caller, approved=approved)
    query = sa.select(found).where(found.c.id == entry_id)
    return session.execute(query).mappings().one_or_none()


def _id_of(session: Session, given: str, *, caller: Caller) -> UUID:
    try:
        return find_entry(session, Kind.DEPLOYMENT, given=given, caller=caller)
    except NotFound as error:
        raise DeploymentNotFound(detail=error.detail) from None


def with_state(caller: Caller, *, approved: Sequence[str]) -> sa.Subquery:
    """Every live deployment with what is wrong, what was decided, and what is called how."""
    return _with_state(caller.namespaces, tuple(approved))


@lru_cache(maxsize=256)
def _with_state(namespaces: frozenset[str] | None, approved: tuple[str, ...]) -> sa.Subquery:
    """Made once for each reader's namespaces: that takes longer than to read a page."""
    caller = everyone()._replace(namespaces=namespaces)
    each = judged(caller, approved=approved).subquery("judged")
    named = {
        "name": label_of(each.c.id),
        "stated_version": label_of(each.c.version_id),
        "stated_build": label_of(each.c.build_id),
        "stated_repository": label_of(each.c.repository_id),
    }
    state = sa.case(
        (sa.and_(each.c.causes == NO_TEXTS, each.c.decision_id.is_(None)), None),
        (each.c.causes == NO_TEXTS, "resolved"),
        (accepted(each), "accepted"),
        else_="open",
    )
    columns = [value.label(name) for name, value in named.items()]
    unproved = sa.case((sa.and_(state.is_(None), each.c.unproved), "open"), else_=state)
    return sa.select(each, *columns, unproved.label("state")).subquery("found")


def accepted(each: sa.FromClause) -> Bool:
    """Does an acceptance hold: in time, of what still runs, for no more than is still wrong?"""
    is_accepted = sa.and_(
        each.c.decision_decision == "accept",
        each.c.decision_ended_at.is_(None),
        each.c.decision_expires_at > sa.func.now(),
        each.c.decision_running == each.c.running,
        each.c.decision_version_id.is_not_distinct_from(each.c.version_id),
        each.c.decision_grounds.contains(each.c.grounds),
    )
    return sa.func.coalesce(is_accepted, sa.false())


def _asked(found: sa.FromClause, asked: UnregisteredFilters, *, caller: Caller) -> list[Bool]:
    """What the filters say."""
    ways: list[Bool] = []
    if asked.namespace is not None:
        ways.append(found.c.namespace.in_([fold_name(one) for one in asked.namespace]))
    if asked.source is not None:
        ways.append(found.c.sources.overlap(_texts(asked.source)))
    if asked.environment_class is not None:
        ways.append(found.c.environment_class.in_(asked.environment_class))
    if asked.cause is not None:
        ways.append(found.c.causes.overlap(_texts(asked.cause)))
    if asked.unregistered is not None:
        ways.append(found.c.unregistered.is_(asked.unregistered == "true"))
    if asked.unproved is not None:
        ways.append(found.c.unproved.is_(asked.unproved == "true"))
    if asked.owner is not None:
        wanted = called(View(Kind.MODEL, caller), Kind.OWNER, values=asked.owner)
        owned = sa.select(LINK.c.entry_id).where(
            LINK.c.field == "owners",
            sa.func.coalesce(LINK.c.role, ACCOUNTABLE) == ACCOUNTABLE,
            LINK.c.target_id.in_(wanted),
        )
        ways.append(found.c.model_id.in_(owned))
    return ways


def _texts(values: Sequence[str]) -> sa.ColumnElement[Any]:
    return sa.cast(list(values), ARRAY(sa.Text))


def _order(found: sa.FromClause, asked: Sequence[str] | None) -> tuple[Key, ...]:
    """Ids follow the time at which things were first heard of."""
    chosen = dict.fromkeys(asked or ("-first_seen_at",))
    keys = []
    for one in chosen:
        name, descending = one.removeprefix("-"), one.startswith("-")
        if name != "first_seen_at":
            last = "" if descending else LAST
            value = sa.func.coalesce(found.c[name], last, type_=sa.Text).collate("C")
            keys.append(Key(value, descending))
    down = "first_seen_at" not in chosen
    return (*keys, Key(found.c.id, descending=down))


def unregistered_row(row: sa.RowMapping) -> UnregisteredRow:
    """A deployment as readers see it."""
    members = {name: row[name] for name in SAME}
    return UnregisteredRow(
        **members,
        **judgement(row),
        url=f"{API}/deployments/{row['id']}",
        sources=tuple(row["sources"]),
    )


def unregistered_line(row: sa.RowMapping) -> UnregisteredLine:
    """The same in a file."""
    shown = unregistered_row(row)
    decided = (
        dict(shown.decision) if shown.decision else dict.fromkeys(DeploymentDecision.model_fields)
    )
    flat = {
        "causes": tuple(one.code for one in shown.causes),
        "why": tuple(one.why for one in shown.causes),
        "todo": tuple(one.todo for one in shown.causes),
        "matched": {fact: f"by {one.by}" for fact, one in shown.matched.items()},
        "stated": tuple(f"{one.fact}={one.value} ({one.source})" for one in shown.stated),
        "looked_for": tuple(
            f"{place} {one.step}: {one.value or '-'}: {one.outcome}"
            for place, one in enumerate(shown.looked_for, start=1)
        ),
    }
    members = dict(shown) | flat | decided
    return UnregisteredLine.model_validate(members)


SAME: Final = (
    "id", "name", "namespace", "platform", "environment", "environment_class", "status",
    "endpoint", "deployed_by", "model", "version", "first_seen_at",
)  # fmt: skip


def judgement(row: sa.RowMapping) -> dict[str, Any]:
    """What is wrong with it, and on what that rests."""
    values = {name: row[name] for name in VALUES}
    values |= {name: row[f"stated_{name}"] for name in ("version", "build", "repository")}
    told: Mapping[str, Any] = dict(row) | {"values": values}
    return {
        "unregistered": row["unregistered"],
        "unproved": row["unproved"],
        "causes": causes_of(told),
        "matched": matched_of(told),
        "stated": stated_by(told),
        "looked_for": looked_for(told),
        "evidence": evidence_of(row),
        "state": row["state"],
        "decision": _decision(row),
    }


def evidence_of(row: sa.RowMapping) -> str:
    """The digest of what a decision rests on."""
    version = str(row["version_id"]) if row["version_id"] else None
    rests = {"running": row["running"], "version": version, "grounds": sorted(row["grounds"])}
    return sha256(canonical_json(rests))


def _decision(row: sa.RowMapping) -> DeploymentDecision | None:
    if row["decision_id"] is None:
        return None
    return DeploymentDecision(**{n: row[f"decision_{n}"] for n in DeploymentDecision.model_fields})
