"""What a policy would change: every use rated by it and by the one in force, from the same facts.

Few at once, many step by step. Nothing of it counts anywhere.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session
from uuid_utils.compat import uuid7

from service.db import Database
from service.errors import Conflict
from service.ledger.change import record_changes
from service.recordset import recordset
from service.risk.rules.active import as_policy
from service.risk.rules.rater import Outcome, Rater, StoredUse
from service.risk.rules.rule_sets import POLICIES, By, Rules, check_author, find_rules
from service.risk.rules.stored_uses import (
    FIRST,
    Profiles,
    count_uses,
    next_span,
    read_supply,
    read_uses,
)
from service.risk.tables import PolicyPreviewLine, PolicyPreviewRow
from service.risk.tiering import Change as Differing
from service.risk.tiering import compare
from service.risk.tiers.assess import TOLD, Terms

AT_ONCE: Final = 2_000  # uses that are rated in the request
STEP: Final = 10_000  # models of one transaction later
COUNTED: Final = ("tier", "status", "workflow_tier")  # what transitions are counted by
LISTED: Final = (*TOLD, "blocked")  # a use that differs in one of these is listed
LONGER: Final = sa.text("SET LOCAL statement_timeout = '10min'")
OPEN: Final = frozenset({"DRAFT", "PREVIEWED"})

preview, line, policies = PolicyPreviewRow.__table__, PolicyPreviewLine.__table__, POLICIES.table
Advance = Callable[[int], None]
States = tuple[str, ...]  # as COUNTED names them


class NothingToPreview(Conflict):
    """These rules are, or were, in force.

    Upload them under a new version to bring them back.
    """


class Stepped(NamedTuple):
    """What one step of a preview found."""

    last: UUID
    rated: int
    changed: int
    counts: Mapping[str, int]


def ask_preview(session: Session, rules: Rules, *, given: str, by: By, total: int) -> UUID:
    """Begin a preview of a version that is not in force yet. Raises `NothingToPreview`."""
    check_author(by.caller)
    row = find_rules(session, rules, given=given, lock=True)
    if row.state not in OPEN:
        raise NothingToPreview(state=row.state)
    _forget(session, rules, rules_id=row.id)
    table, found = rules.table, uuid7()
    base = session.execute(sa.select(table.c.id).where(table.c.state == "ACTIVE")).scalar_one()
    told = {"name": row.name, "version": row.version, "digest": row.digest, "preview": str(found)}
    record_changes(session, [by.change("preview", rules.word, new=told)])
    session.execute(
        sa.insert(rules.previews).values({
            "id": found, rules.of: row.id, "base_id": base, "digest": row.digest,
            "asked_by": by.caller.id, "asked_at": sa.func.clock_timestamp(), "total": total,
            "rated": 0, "changed": 0, "counts": {},
        })
    )  # fmt: skip
    return found


def _forget(session: Session, rules: Rules, *, rules_id: int) -> None:
    """Lines of earlier previews of a version go, and those that were not finished."""
    of, lines = rules.previews, rules.lines
    earlier = sa.select(of.c.id).where(of.c[rules.of] == rules_id)
    session.execute(sa.delete(lines).where(lines.c.preview_id.in_(earlier)))
    session.execute(sa.delete(of).where(of.c[rules.of] == rules_id, of.c.done_at.is_(None)))


def preview_policy(session: Session, *, given: str, by: By) -> UUID:
    """What a policy would change: found at once where few uses are, else left to the job."""
    total = count_uses(session)
    found = ask_preview(session, POLICIES, given=given, by=by, total=total)
    if total <= AT_ONCE:
        session.execute(LONGER)
        comparing = Comparing(AT_ONCE)
        while comparing.step(session, found) is not None:
            pass
    return found


def continue_previews(
    database: Database, *, dry_run: bool = False, advance: Advance | None = None, step: int = STEP
) -> int:
    """Go on with all previews of policies; how many uses were rated."""
    with database.reading() as session:
        waiting = sa.select(preview.c.id).where(preview.c.done_at.is_(None)).order_by(preview.c.id)
        ids = session.execute(waiting).scalars().all()
    if dry_run:
        return 0
    return sum(_continue(database, one, step=step, advance=advance) for one in ids)


def _continue(database: Database, one: UUID, *, step: int, advance: Advance | None) -> int:
    rated, comparing = 0, Comparing(step)
    while True:
        some = database.transact(lambda session: comparing.step(session, one))
        if some is None:
            return rated
        rated += some
        if advance is not None:
            advance(some)


class Comparing:
    """The steps of one preview in one process: it remembers profiles and what they are rated."""

    def __init__(self, models: int) -> None:
        """Nothing is known yet."""
        self.models, self.profiles = models, Profiles()
        self.raters: tuple[Rater, Rater] | None = None  # by the policy in force, and by the new one
        self.differences: dict[tuple[int, int], list[dict[str, Any]]] = {}

    def step(self, session: Session, one: UUID) -> int | None:
        """Rate some more; None when it is done, or somebody else does it."""
        session.execute(LONGER)
        row = session.execute(
            sa.select(preview)
            .where(preview.c.id == one, preview.c.done_at.is_(None))
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if row is None:
            return None
        found = self._compare(session, row)
        if found is None:
            finish_preview(session, POLICIES, preview=row)
            return None
        counts = Counter(row.counts) + Counter(found.counts)
        session.execute(
            sa.update(preview)
            .where(preview.c.id == one)
            .values(after_id=found.last, rated=row.rated + found.rated,
                    changed=row.changed + found.changed, counts=dict(counts))
        )  # fmt: skip
        return found.rated

    def _compare(self, session: Session, row: sa.Row[Any]) -> Stepped | None:
        span = next_span(session, row.after_id or FIRST, models=self.models, lock=False)
        if span is None:
            return None
        raters = self.raters = self.raters or self._make(session, row, now=span.now)
        if True in {rater.at(span.now) for rater in raters}:  # of both, not of the first alone
            self.profiles, self.differences = Profiles(), {}
        uses, profiles = read_uses(session, span), self.profiles
        profiles.learn(session, ((use.profile, use.use_id) for use in uses))
        supply = read_supply(session, span, profiles=profiles)
        counts: Counter[tuple[States, States]] = Counter()
        lines = []
        for use in uses:
            before, after = (
                rater.rate(
                    use, profiles=profiles, fed=supply.fed(use, rater=rater, profiles=profiles)
                )[0]
                for rater in raters
            )
            counts[_states(before), _states(after)] += 1
            if any(before.row[name] != after.row[name] for name in LISTED):
                lines.append(self._line(row.id, use, before=before, after=after))
        _write(session, lines)
        named = {transition(*map(_named, pair)): count for pair, count in counts.items()}
        return Stepped(span.last, len(uses), len(lines), named)

    def _make(self, session: Session, row: sa.Row[Any], *, now: Any) -> tuple[Rater, Rater]:
        found = session.execute(
            sa.select(policies).where(policies.c.id.in_([row.base_id, row.policy_id]))
        ).all()
        compiled = {one.id: as_policy(one) for one in found}
        of = (compiled[row.base_id], compiled[row.policy_id])
        base, new = (Rater(Terms(one.compiled, one.document, now)) for one in of)
        return base, new

    def _line(
        self, preview_id: UUID, use: StoredUse, *, before: Outcome, after: Outcome
    ) -> dict[str, Any]:
        pair = (before.number, after.number)
        if pair not in self.differences and self.raters is not None:
            base, new = self.raters
            different = compare(base.grounds(before), new.grounds(after))
            self.differences[pair] = list(_differences(different))
        return {
            "preview_id": preview_id,
            "use_id": use.use_id,
            "model_id": use.model_id,
            "before": {name: before.row[name] for name in LISTED},
            "after": {name: after.row[name] for name in LISTED},
            "differences": self.differences[pair],
        }


def finish_preview(session: Session, rules: Rules, *, preview: sa.Row[Any]) -> None:
    """Done: a draft has been previewed."""
    table, of = rules.table, rules.previews
    session.execute(
        sa.update(of).where(of.c.id == preview.id).values(done_at=sa.func.clock_timestamp())
    )
    session.execute(
        sa.update(table)
        .where(table.c.id == getattr(preview, rules.of), table.c.state == "DRAFT")
        .values(state="PREVIEWED")
    )


def transition(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """As it is counted: from what to what."""
    return json.dumps([before, after], sort_keys=True, separators=(",", ":"))


def _states(outcome: Outcome) -> States:
    return tuple(outcome.row[name] for name in COUNTED)


def _named(states: States) -> dict[str, str]:
    return dict(zip(COUNTED, states, strict=True))


def _differences(found: Any) -> Iterator[dict[str, Any]]:
    for what, changes in (
        ("factor", found.factors), ("band", found.bands), ("floor", found.floors),
    ):  # fmt: skip
        for change in changes:
            yield {"what": what, "name": change.name, **_sides(change)}


def _sides(change: Differing) -> dict[str, list[str] | None]:
    return {
        side: None if parts is None else [str(part) for part in parts]
        for side, parts in (("before", change.before), ("after", change.after))
    }


def _write(session: Session, lines: Sequence[Mapping[str, Any]]) -> None:
    if not lines:
        return
    given = recordset(lines, **{column.name: column.type for column in line.columns})
    session.execute(sa.insert(line).from_select([*given.c.keys()], sa.select(given)))
