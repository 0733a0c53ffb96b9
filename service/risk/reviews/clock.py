"""Opens, supersedes and cancels reviews, reminds of them, and says where each model stands.

It is a step of every evaluation: what is needed follows from what stands, so doing it again
changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.strict import instant_text
from service.risk.batch import Batch, Standing
from service.risk.findings.opened import WantedFinding, open_findings
from service.risk.reviews.cases import Standpoint, cases_of, look_at, plan_of
from service.risk.reviews.plan import OVERDUE, Needed, needed, overlay_of, reminders
from service.risk.reviews.rows import Row, Stored, read_stored
from service.risk.reviews.state import Case, cover, model_state, version_state
from service.risk.reviews.writes import SOFTWARE, change_reviews, open_reviews

NOTED: Final = "risk.reviews"
GONE: Final = "its cause is gone"
MERGED: Final = "the model was merged with the one of its successor"
NEWER: Final = "a newer version is in production"
SEVERITY: Final = {"NEGLIGIBLE": "low", "LOW": "low", "MEDIUM": "medium", "HIGH": "high"}


class ReviewSide(NamedTuple):
    """Of one model, for the control snapshot."""

    reviews: Sequence[Mapping[str, Any]] = ()
    reviewed: bool = False
    covered_by: Mapping[UUID, str] = {}
    material: Mapping[UUID, Sequence[str] | None] = {}


class Followed(NamedTuple):
    """What becomes of the reviews of a batch."""

    new: dict[UUID, list[dict[str, Any]]]  # by model
    changes: dict[UUID, dict[str, Any]]
    before: dict[UUID, Row]
    reasons: dict[UUID, str]
    findings: list[WantedFinding]


def follow_reviews(batch: Batch) -> None:
    """Let the reviews of each model be those that it needs, and note where it stands."""
    stored, done, sides = _read_stored(batch), Followed(defaultdict(list), {}, {}, {}, []), {}
    for model, standing in batch.standings.items():
        point = look_at(standing, stored, rules=batch.policy.document, now=batch.now)
        _follow(batch, standing, point=point, stored=stored, done=done)
        sides[model] = _conclude(batch, standing, point=point, stored=stored, done=done)
    open_reviews(batch, [one for many in done.new.values() for one in many])
    change_reviews(batch, done.changes, before=done.before, reasons=done.reasons)
    open_findings(batch.session, done.findings, cause=batch.cause, now=batch.now)
    batch.session.info[NOTED] = sides


def view_reviews(batch: Batch) -> None:
    """Where the reviews of each model stand; none is opened or changed, and nobody is told."""
    stored, nothing, sides = _read_stored(batch), Followed(defaultdict(list), {}, {}, {}, []), {}
    for model, standing in batch.standings.items():
        point = look_at(standing, stored, rules=batch.policy.document, now=batch.now)
        sides[model] = _conclude(batch, standing, point=point, stored=stored, done=nothing)
    batch.session.info[NOTED] = sides


def _read_stored(batch: Batch) -> Stored:
    memory = timedelta(days=batch.policy.document.clocks.provisional_memory_days)
    live = [one.id for found in batch.standings.values() for one in found.picture.reviewed]
    return read_stored(
        batch.session, batch.ids, live=live, now=batch.now, memory=memory, granted=batch.granted
    )


def read_review_snapshot(session: Session, models: Iterable[UUID]) -> Mapping[UUID, ReviewSide]:
    """What `follow_reviews` or `view_reviews` has found in this transaction, for every model."""
    noted: Mapping[UUID, ReviewSide] = session.info.get(NOTED, {})
    return {one: noted.get(one, ReviewSide()) for one in models}


def _follow(
    batch: Batch, standing: Standing, *, point: Standpoint, stored: Stored, done: Followed
) -> None:
    """Open what is needed, let go of what is not, and remind of the rest."""
    document = batch.policy.document
    plan = plan_of(standing, point, stored=stored, rules=document, now=batch.now)
    model, gone = standing.picture.id, standing.picture.gone
    wanted = {} if gone else {(one.kind, one.version): one for one in needed(plan)}
    rows = stored.open[model]
    here = {(one["kind"], one["version_id"]): one["id"] for one in reversed(rows)}
    done.new[model] += [
        _new(batch, standing, need=one) for key, one in wanted.items() if key not in here
    ]
    at = here | {(one["kind"], one["version_id"]): one["id"] for one in done.new[model]}
    for row in rows:
        done.before[row["id"]] = row
        first = here[row["kind"], row["version_id"]]
        if row["id"] != first and row["state"] == "REQUIRED":  # of two models that were merged
            _close(row, "SUPERSEDED", now=batch.now, done=done, reason=MERGED)
            done.changes[row["id"]]["successor_id"] = first
            continue
        need, newer = wanted.get((row["kind"], row["version_id"])), _newer(row, point)
        if newer is not None and not gone:
            heir = _heir(batch, standing, row=row, newer=newer, at=at, done=done)
            _supersede(row, heir=heir, now=batch.now, done=done)
        elif need is None and (gone or _ours(row)):
            _close(row, "CANCELLED", now=batch.now, done=done, reason=GONE)
        elif need is not None:
            _move(row, need, done=done)
    _inherit(done, model=model, rows=rows)
    _remind(batch, standing, rows=[*rows, *done.new[model]], done=done)


def _ours(row: Row) -> bool:
    """May the software let go of it? Samples are their cycle's, and what people open is theirs."""
    return bool(row["opened_by"] == SOFTWARE and row["kind"] != "SAMPLE")


def _newer(row: Row, point: Standpoint) -> UUID | None:
    """The newest live version, where production has gone on from the one that is reviewed."""
    producing = [one for one in point.versions if one.live and one.producing_since is not None]
    if not producing or any(one.id == row["version_id"] for one in point.versions):
        return None
    newest = producing[-1]
    return newest.id if newest.number_key > (row["number_key"] or "") else None


def _heir(
    batch: Batch, standing: Standing, *, row: Row, newer: UUID,
    at: dict[tuple[str, UUID], UUID], done: Followed,
) -> UUID | None:  # fmt: skip
    """The same review of the newer version, else the one that it needs; None: it needs none."""
    same = (row["kind"], newer)
    if same in at or _ours(row):
        others = (found for (_, version), found in at.items() if version == newer)
        return at.get(same) or next(others, None)
    need = Needed(row["kind"], newer, row["due_at"], row["cause"])
    new = _new(batch, standing, need=need) | {
        "opened_by": row["opened_by"],
        "use_id": row["use_id"],
    }
    done.new[standing.picture.id].append(new)
    at[same] = new["id"]
    return at[same]


def _supersede(row: Row, *, heir: UUID | None, now: datetime, done: Followed) -> None:
    if heir is None:
        _close(row, "CANCELLED", now=now, done=done, reason=GONE)
        return
    _close(row, "SUPERSEDED", now=now, done=done, reason=NEWER)
    done.changes[row["id"]]["successor_id"] = heir


def _close(row: Row, state: str, *, now: datetime, done: Followed, reason: str) -> None:
    done.changes[row["id"]] = {"state": state, "closed_at": now}
    done.reasons[row["id"]] = reason


def _move(row: Row, need: Needed, *, done: Followed) -> None:
    """Its date follows from what it waits for."""
    if (row["opened_by"] == SOFTWARE or row["kind"] == "PRE") and row["due_at"] != need.due_at:
        done.changes.setdefault(row["id"], {})["due_at"] = need.due_at


def _new(batch: Batch, standing: Standing, *, need: Needed) -> dict[str, Any]:
    return {
        "id": uuid7(), "model_id": standing.picture.id, "version_id": need.version,
        "use_id": None, "kind": need.kind, "state": "REQUIRED", "cause": need.cause,
        "opened_at": batch.now, "opened_by": SOFTWARE, "due_at": need.due_at,
        "workflow_tier": standing.workflow_tier, "identified": {}, "on_hold": False,
        "reminded": 0, "reviewer": None,
    }  # fmt: skip


def _inherit(done: Followed, *, model: UUID, rows: Iterable[Row]) -> None:
    """A successor is due when the one before it was, if that was earlier."""
    new = {one["id"]: one for one in done.new[model]}
    for row in rows:
        inherited = row["due_at"]
        heir = done.changes.get(row["id"], {}).get("successor_id")
        if heir is None or inherited is None:
            continue
        if heir in new:
            new[heir]["due_at"] = min(inherited, new[heir]["due_at"] or inherited)
        elif heir in done.before:
            own = done.changes.get(heir, {}).get("due_at", done.before[heir]["due_at"])
            if own is None or inherited < own:
                done.changes.setdefault(heir, {})["due_at"] = inherited


def _remind(batch: Batch, standing: Standing, *, rows: Iterable[Row], done: Followed) -> None:
    """Tell once of each part of the time that has passed, and look again at the next."""
    overlay = overlay_of(batch.policy.document, standing.workflow_tier)
    weekly = "escalate" in overlay.overdue
    for row in rows:
        changed = done.changes.get(row["id"], {})
        if "closed_at" in changed:
            continue
        now_row = {**row, **changed}
        moments = reminders(now_row, weekly=weekly, now=batch.now)
        level = sum(one <= batch.now for one in moments)
        standing.again_at(*moments)
        if level == now_row["reminded"]:
            continue
        if level > now_row["reminded"]:
            _tell(batch, standing, row=now_row, level=level)
            if level >= OVERDUE > now_row["reminded"] and "finding" in overlay.overdue:
                done.findings.append(_overdue(standing, now_row))
        if row["id"] in done.before:
            done.changes.setdefault(row["id"], {})["reminded"] = level
        else:
            row["reminded"] = level


def _tell(batch: Batch, standing: Standing, *, row: Row, level: int) -> None:
    overdue = level >= OVERDUE
    batch.announce(
        "review.overdue" if overdue else "review.due",
        model=standing.picture.id,
        review=str(row["id"]),
        kind=row["kind"],
        version=_name(standing, row),
        due_at=instant_text(row["due_at"]),
        reviewer=row["reviewer"],
        workflow_tier=standing.workflow_tier,
        to=["reviewer", "approver"] if overdue else ["reviewer"],
        reminder=level,
    )


def _name(standing: Standing, row: Row) -> str:
    named = {one.id: one.name for one in standing.picture.reviewed}
    return named.get(row["version_id"], str(row.get("number") or row["version_id"]))


def _overdue(standing: Standing, row: Row) -> WantedFinding:
    return WantedFinding(
        model=standing.picture.id, version=row["version_id"], source="overdue",
        cause=f"review:{row['id']}", category="review",
        severity=SEVERITY[standing.workflow_tier],
        title=f"The review {row['kind']} of {_name(standing, row)} is overdue",
        description="Decide it, or ask for an exception where there can be one.",
    )  # fmt: skip


def _conclude(
    batch: Batch, standing: Standing, *, point: Standpoint, stored: Stored, done: Followed
) -> ReviewSide:
    """What is said of the model now, and when that may change."""
    model = standing.picture.id
    rows = [{**one, **done.changes.get(one["id"], {})} for one in stored.open[model]]
    open_rows = [one for one in (*rows, *done.new[model]) if one.get("closed_at") is None]
    cases = cases_of(standing, point, stored=stored, rows=open_rows, now=batch.now)
    live = [one.id for one in standing.picture.reviewed]
    standing.after |= {
        "review_state": _state(standing, [cases[one] for one in live], now=batch.now),
        "last_review_at": point.last_at, "next_review_due": point.next_due,
        "review_grace_end": point.grace_end,
    }  # fmt: skip
    standing.again_at(*point.moments)
    decided = stored.decisions[model]
    return ReviewSide(
        reviews=list(_as_read(open_rows, decided)),
        reviewed=bool(decided),
        covered_by={one: cover(cases[one], now=batch.now) for one in live},
        material=point.material,
    )


def _state(standing: Standing, cases: Sequence[Case], *, now: datetime) -> str | None:
    """The worst of its live versions; what has none is unreviewed all the same."""
    after = standing.after
    bare = Case(standing.workflow_tier, after["in_production"], blocked=bool(after["blocked"]))
    return model_state(version_state(one, now=now) for one in cases or [bare])


def _as_read(rows: Iterable[Row], decided: Iterable[Row]) -> Iterator[Mapping[str, Any]]:
    """Reviews as controls read them: open ones, and the last decision of each version."""
    for row in rows:
        yield _read(row, str(row["id"]), decided=False, decider=None)
    for row in decided:
        yield _read(row, str(row["review_id"]), decided=True, decider=row["decider_kind"])


def _read(row: Row, at: str, *, decided: bool, decider: str | None) -> Mapping[str, Any]:
    known = {"PASS": True, "FAIL": False}.get(row.get("independence") or "")
    return {
        "id": at, "kind": row["kind"], "decided": decided, "due_at": row["due_at"],
        "reviewer": row.get("reviewer"), "approver": row.get("approver"),
        "decider_kind": decider, **({} if known is None else {"independent": known}),
    }  # fmt: skip
