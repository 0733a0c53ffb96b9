"""Policies and packs of controls as versions: how they are read, stored, found and shown."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from schemas.policies import policy_digest
from schemas.rule_sets import (
    PreviewState,
    RevaluationQuery,
    RevaluationState,
    RuleSetQuery,
    RuleSetRow,
    RuleSetShown,
    RulesKind,
    Transition,
)
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.sorting import Key
from service.errors import Conflict, InsufficientScope, Invalid, NotFound
from service.ledger.change import Change, record_changes
from service.loader import load_json
from service.risk.controls.packs import load_pack, pack_json, parse_pack, read_pack
from service.risk.rules.active import read_policy as policy_in_force
from service.risk.rules.policy_text import parse_policy, policy_json, read_policy_text
from service.risk.tables import (
    ControlPackRow,
    PackPreviewLine,
    PackPreviewRow,
    PolicyPreviewLine,
    PolicyPreviewRow,
    PolicyRow,
    RevaluationRow,
)

API: Final = "/api/v1"
AT: Final = "@"  # between a name and its version
ROW: Final = tuple(name for name in RuleSetRow.model_fields if name != "url")
revaluation = RevaluationRow.__table__


class RulesNotFound(NotFound):
    """There are no rules of this version.

    List the versions; write `name@version` where several rules are numbered alike.
    """


class VersionAmbiguous(Invalid):
    """Several rules have this version.

    Write `name@version`.
    """


class VersionTaken(Conflict):
    """These rules exist in this version, and say something else.

    What a version says never changes: number yours anew.
    """


class Written(NamedTuple):
    """Rules as they were uploaded, tried and found usable."""

    name: str
    version: str
    digest: str
    document: dict[str, Any]


class By(NamedTuple):
    """Who asks, and in which request."""

    caller: Caller
    request: str

    def change(self, op: str, kind: str, **more: Any) -> Change:
        """A row of the ledger."""
        return Change(op, kind, self.caller.actor, request=self.request, **more)


class Rules(NamedTuple):
    """A kind of rules: where it is kept, and how it is read."""

    word: RulesKind
    plural: str
    table: sa.Table
    previews: sa.Table
    lines: sa.Table  # of previews
    of: str  # the preview's column that names the rules
    read: Callable[[bytes, bool], Written]
    effective: Callable[[Mapping[str, Any]], datetime | None]  # as the document says

    def __hash__(self) -> int:
        return hash(self.word)


def _read_policy(raw: bytes, is_yaml: bool) -> Written:  # noqa: FBT001  # of one shape
    document = read_policy_text(raw) if is_yaml else parse_policy(load_json(raw))
    digest = policy_digest(document)
    return Written(document.policy, document.version, digest, policy_json(document))


def _read_pack(raw: bytes, is_yaml: bool) -> Written:  # noqa: FBT001  # of one shape
    document = read_pack(raw) if is_yaml else parse_pack(load_json(raw))
    digest = load_pack(document).digest
    return Written(document.pack, document.version, digest, pack_json(document))


def _effective(document: Mapping[str, Any]) -> datetime | None:
    """A day begins at its first moment, in UTC."""
    said = document.get("effective_from")
    if said is None:
        return None
    moment = datetime.fromisoformat(said)
    return moment if moment.tzinfo else datetime.combine(moment.date(), time(), tzinfo=UTC)


POLICIES: Final = Rules(
    "policy", "policies", PolicyRow.__table__, PolicyPreviewRow.__table__,
    PolicyPreviewLine.__table__, "policy_id", _read_policy, _effective,
)  # fmt: skip
PACKS: Final = Rules(
    "control_pack", "control-packs", ControlPackRow.__table__, PackPreviewRow.__table__,
    PackPreviewLine.__table__, "pack_id", _read_pack, _effective,
)  # fmt: skip


def check_author(caller: Caller) -> None:
    """Rules are for the whole catalog: its reviewers and approvers write them.

    Raises `InsufficientScope`.
    """
    if all(caller.within(one) is not None for one in ("reviews:work", "approvals:grant")):
        raise InsufficientScope(detail="A reviewer or approver of all namespaces writes rules.")


def store_rules(
    session: Session, rules: Rules, *, sent: Written, by: By
) -> tuple[RuleSetShown, bool]:
    """Keep a new version as a draft; the same again changes nothing. Answers whether it is new.

    Raises `VersionTaken`, `InsufficientScope`.
    """
    check_author(by.caller)
    table, given = rules.table, f"{sent.name}{AT}{sent.version}"
    same = sa.and_(table.c.name == sent.name, table.c.version == sent.version)
    found = session.execute(sa.select(table.c.digest).where(same)).scalar_one_or_none()
    if found is not None:
        if found != sent.digest:
            raise VersionTaken(version=given)
        return show_rules(session, rules, given=given), False
    told = {"name": sent.name, "version": sent.version, "digest": sent.digest}
    record_changes(session, [by.change("create", rules.word, new=told)])
    session.execute(sa.insert(table).values(
        **sent._asdict(), state="DRAFT", author=by.caller.id, created_at=sa.func.now()
    ))  # fmt: skip
    return show_rules(session, rules, given=given), True


def find_rules(session: Session, rules: Rules, *, given: str, lock: bool = False) -> sa.Row[Any]:
    """A version by `version` or `name@version`. Raises `RulesNotFound`, `VersionAmbiguous`."""
    name, _, version = given.rpartition(AT)
    table = rules.table
    query = sa.select(table).where(table.c.version == version).order_by(table.c.id)
    if name:
        query = query.where(table.c.name == name)
    found = session.execute(query.with_for_update() if lock else query).all()
    if not found:
        raise RulesNotFound
    if len(found) > 1:
        raise VersionAmbiguous(detail=f"They are {', '.join(one.name for one in found)}.")
    return found[0]


def show_rules(session: Session, rules: Rules, *, given: str) -> RuleSetShown:
    """A version, its newest preview, and how far it is applied. Raises as `find_rules` does."""
    row = find_rules(session, rules, given=given)
    applied = sa.select(revaluation).where(
        revaluation.c.what == rules.word, revaluation.c.rules_id == row.id
    ).order_by(revaluation.c.id.desc())  # fmt: skip
    last = session.execute(applied.limit(1)).one_or_none()
    preview = newest_preview(session, rules, rules_id=row.id)
    return RuleSetShown(
        **_shown(rules, row._mapping),
        document=row.document,
        preview=None if preview is None else preview_state(session, rules, preview=preview),
        revaluation=None
        if last is None
        else RevaluationState(**_applied(last._mapping, row._mapping)),
    )


def newest_preview(session: Session, rules: Rules, *, rules_id: int) -> sa.Row[Any] | None:
    """The preview that was asked for last."""
    previews = rules.previews
    asked = sa.select(previews).where(previews.c[rules.of] == rules_id)
    newest = asked.order_by(previews.c.asked_at.desc(), previews.c.id.desc()).limit(1)
    return session.execute(newest).one_or_none()


def preview_state(session: Session, rules: Rules, *, preview: sa.Row[Any]) -> PreviewState:
    """How far a preview is, and until when it lets its rules come into force."""
    table = rules.table
    base = session.execute(
        sa.select(table.c.name, table.c.version).where(table.c.id == preview.base_id)
    ).one()
    days = policy_in_force(session).document.clocks.preview_valid_days
    until = preview.done_at + timedelta(days=days) if preview.done_at else None
    members = ("id", "digest", "asked_by", "asked_at", "total", "rated", "changed", "done_at")
    return PreviewState(
        **{name: getattr(preview, name) for name in members},
        base=f"{base.name}{AT}{base.version}",
        transitions=transitions_of(preview.counts),
        valid_until=until,
    )


def transitions_of(counts: Mapping[str, int]) -> tuple[Transition, ...]:
    """What a preview has counted: from which state to which, the commonest first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Transition(before=before, after=after, count=count)
        for (before, after), count in ((json.loads(pair), count) for pair, count in ordered)
    )


def list_rules(rules: Rules, query: RuleSetQuery) -> Keyset:
    """Every version, the newest first."""
    found = sa.select(*rules.table.c["id", *ROW])
    if query.state is not None:
        found = found.where(rules.table.c.state.in_(query.state))

    def as_row(row: sa.RowMapping) -> RuleSetRow:
        return RuleSetRow(**_shown(rules, row))

    return Keyset(found, (Key(rules.table.c.id, descending=True),), as_row)


def list_revaluations(query: RevaluationQuery) -> Keyset:
    """Every evaluation of everything by new rules, the newest first."""
    policy, pack = POLICIES.table, PACKS.table
    of_policy = revaluation.c.what == POLICIES.word
    found = (
        sa.select(
            revaluation,
            sa.func.coalesce(policy.c.name, pack.c.name).label("name"),
            sa.func.coalesce(policy.c.version, pack.c.version).label("version"),
        )
        .outerjoin(policy, sa.and_(of_policy, policy.c.id == revaluation.c.rules_id))
        .outerjoin(pack, sa.and_(~of_policy, pack.c.id == revaluation.c.rules_id))
    )
    if query.what is not None:
        found = found.where(revaluation.c.what.in_(query.what))

    def as_row(row: sa.RowMapping) -> RevaluationState:
        return RevaluationState(**_applied(row, row))

    return Keyset(found, (Key(revaluation.c.id, descending=True),), as_row)


def _shown(rules: Rules, row: sa.RowMapping) -> dict[str, Any]:
    address = f"{API}/{rules.plural}/{row['name']}{AT}{row['version']}"
    return {name: row[name] for name in ROW} | {"url": address}


def _applied(row: sa.RowMapping, of: sa.RowMapping) -> dict[str, Any]:
    members = {name: row[name] for name in RevaluationState.model_fields if name != "rules"}
    return members | {"rules": f"{of['name']}{AT}{of['version']}"}
