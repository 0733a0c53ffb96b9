"""Runs the controls of a batch, and writes the results that differ from what stood there."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from schemas.strict import instant_text
from service.recordset import among, recordset
from service.risk.batch import Batch, Standing
from service.risk.concessions.summary import read_waiver_snapshot
from service.risk.controls.judging import ControlResult, evaluate
from service.risk.controls.snapshot import Document, RiskSide, snapshot
from service.risk.findings.opened import Opened, WantedFinding, open_findings, read_finding_snapshot
from service.risk.reviews.clock import read_review_snapshot
from service.risk.tables import ControlResultRow

result = ControlResultRow.__table__
FAILED, OPENS = "FAIL", "high"
TOLD: Final = frozenset({"FAIL", "WAIVED"})
Results = Mapping[tuple[UUID, str], sa.RowMapping]  # by model and control
UNCOMPARED: Final = frozenset({"recheck_at"})  # it moves with every harvest: no change by itself
OF_RISK: Final = (
    "tier", "status", "tier_low", "tier_high", "workflow_tier", "grace_end", "facts_digest",
    "next_review_due", "review_grace_end",
)  # fmt: skip


def run_controls(batch: Batch) -> None:
    """Evaluate every control of every model; a FAIL at high severity opens a finding.

    Controls read findings too: where some were opened, they are evaluated once more. A model that
    has ended has nothing to be mended.
    """
    before = _read(batch)
    found = dict(documents(batch))
    rows: dict[UUID, list[dict[str, Any]]] = {}
    asked: set[tuple[UUID, str]] = set()
    again = set(found)
    while again:
        for model in again:
            rows[model] = _evaluated(batch, found[model], model=model, before=before)
        here = sorted(one for one in again if not batch.standings[one].picture.gone)
        failed = _wanted((rows[model] for model in here), before=before)
        wanted = [one for one in failed if (one.model, one.cause) not in asked]
        asked |= {(one.model, one.cause) for one in wanted}
        opened = open_findings(batch.session, wanted, cause=batch.cause, now=batch.now)
        for one in opened:
            found[one.wanted.model]["risk"]["findings"].append(_as_read(one))
        again = {one.wanted.model for one in opened}
    changed = [row for model in sorted(rows) for row in rows[model]]
    for row in changed:
        _tell(batch, row, before=before.get((row["model_id"], row["control"])))
    _write(batch, changed, before=before)


def _as_read(one: Opened) -> dict[str, Any]:
    """A finding that was opened now, as controls read it."""
    return {"id": str(one.id), "closed": False, "due_at": one.due_at, "extensions": 0}


def _evaluated(
    batch: Batch, document: Document, *, model: UUID, before: Results
) -> list[dict[str, Any]]:
    """The results of a model that differ from what stands; when to look again is noted."""
    changed = []
    for one in evaluate(batch.pack.loaded, document):
        batch.standings[model].again_at(one.recheck_at, one.waived_until)
        row = _as_row(batch, one, model=model, before=before.get((model, one.control)))
        if row is not None:
            changed.append(row)
    return changed


def _wanted(rows: Iterable[Sequence[Mapping[str, Any]]], *, before: Results) -> list[WantedFinding]:
    """A finding for each control that has failed now, or that matters so much now."""
    return [
        WantedFinding(
            model=row["model_id"], version=None, source="control",
            cause=f"control:{row['control']}", category="control", severity=row["severity"],
            title=row["message"], description=row["fix"],
        )
        for many in rows
        for row in many
        if _opens(row, before.get((row["model_id"], row["control"])))
    ]  # fmt: skip


def _opens(row: Mapping[str, Any], before: sa.RowMapping | None) -> bool:
    if row["result"] != FAILED or row["severity"] != OPENS:
        return False
    return before is None or (before["result"], before["severity"]) != (FAILED, OPENS)


def _newly_failed(row: Mapping[str, Any], before: sa.RowMapping | None) -> bool:
    return row["result"] == FAILED and (before is None or before["result"] != FAILED)


def documents(batch: Batch) -> Iterator[tuple[UUID, Document]]:
    """What controls read of each model. Three statements."""
    session, ids = batch.session, batch.ids
    reviews = read_review_snapshot(session, ids)
    findings = read_finding_snapshot(session, ids)
    waivers = read_waiver_snapshot(session, ids)
    for model, standing in batch.standings.items():
        side = RiskSide(
            risk=_risk(
                standing, reviewed=reviews[model].reviewed, override=waivers[model].override
            ),
            reviews=reviews[model].reviews,
            findings=findings.get(model, ()),
            waivers=waivers[model].waivers,
            covered_by=reviews[model].covered_by,
            material=reviews[model].material,
        )
        yield model, snapshot(standing.picture, side, now=batch.now)


def _risk(standing: Standing, *, reviewed: bool, override: Mapping[str, Any] | None) -> Any:
    after = standing.after
    return {
        **{name: after[name] for name in OF_RISK},
        "confirmed_facts_digest": after["confirmed_digest"],
        "override": override,
        "reviewed": reviewed,
    }


def _read(batch: Batch) -> Results:
    found = batch.session.execute(sa.select(result).where(among(result.c.model_id, batch.ids)))
    return {(row["model_id"], row["control"]): row for row in found.mappings()}


def _as_row(
    batch: Batch, found: ControlResult, *, model: UUID, before: sa.RowMapping | None
) -> dict[str, Any] | None:
    """The row of a result, if it differs from the one that stands."""
    row = {
        "model_id": model,
        "control": found.control,
        "pack_id": batch.pack.id,
        "severity": found.severity,
        "result": found.result,
        "items": list(found.items),
        "missing": [one._asdict() for one in found.missing],
        "message": found.message,
        "fix": found.fix,
        "pack_defect": found.pack_defect,
        "waiver_id": UUID(found.waiver) if found.waiver else None,
        "waived_until": found.waived_until,
        "recheck_at": found.recheck_at,
    }
    said = row.keys() - UNCOMPARED
    if before is not None and all(before[name] == row[name] for name in said):
        return None
    same = before is not None and before["result"] == row["result"]
    row["since"] = before["since"] if before is not None and same else batch.now
    return row | {"evaluated_at": batch.now}


def _tell(batch: Batch, row: Mapping[str, Any], *, before: sa.RowMapping | None) -> None:
    """What is told of a changed result: the ledger of failures, their ends and their waivers.

    Everything else that a result becomes stands in its history alone.
    """
    model = row["model_id"]
    old = before["result"] if before is not None else None
    if before is not None and old != row["result"] and not TOLD.isdisjoint({old, row["result"]}):
        batch.tell("check", "control", model=model, field=row["control"], old=before["result"],
                   new=row["result"])  # fmt: skip
    if _newly_failed(row, before):
        batch.announce("control.failed", model=model, control=row["control"],
                       severity=row["severity"], message=row["message"], fix=row["fix"],
                       items=row["items"], since=instant_text(row["since"]))  # fmt: skip


def _write(batch: Batch, rows: Sequence[Mapping[str, Any]], *, before: Results) -> None:
    """Controls that the pack no longer has go; history keeps what they found."""
    session = batch.session
    names = {one.text.id for one in batch.pack.loaded.controls}
    if dropped := {control for _, control in before} - names:
        session.execute(
            sa.delete(result).where(
                among(result.c.model_id, batch.ids), among(result.c.control, dropped)
            )
        )
    if not rows:
        return
    columns = {c.name: c.type for c in result.columns if c.name in rows[0]}
    given = recordset(
        sorted(rows, key=lambda row: (str(row["model_id"]), row["control"])), **columns
    )
    new = insert(result).from_select([*columns], sa.select(given))
    key = ("model_id", "control")
    changed = {name: new.excluded[name] for name in columns if name not in key}
    session.execute(new.on_conflict_do_update(index_elements=key, set_=changed))
