"""Waivers that a model's manifest asks for: each wording is one request, which people decide.

An edit is another request. A removal ends nothing: it is only shown beside what was asked for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from schemas.digest import canonical_json, sha256
from schemas.strict import instant_text
from service.catalog.tables import SubjectRow
from service.db import Timestamp
from service.ingest.tables import ObservationRow, SourceRow
from service.recordset import among, recordset
from service.risk.acting import SOFTWARE
from service.risk.batch import Batch
from service.risk.decided_tables import WaiverRow
from service.risk.picture import Part

waiver, subject, source, observation = (
    table.__table__ for table in (WaiverRow, SubjectRow, SourceRow, ObservationRow)
)
KIND: Final = "waiver"
FACT: Final = "waivers"
LONGEST: Final = timedelta(days=366)
MANIFEST: Final = "manifest of"
SAID: Final = ("control", "reason", "expires_on", "compensating")
COLUMNS: Final[Mapping[str, Any]] = {
    "id": sa.Uuid(), "model_id": sa.Uuid(), "state": sa.Text(), "reason": sa.Text(),
    "evidence": waiver.c.evidence.type, "requested_by": sa.Text(), "requested_at": Timestamp,
    "expires_at": Timestamp, "renewals": sa.Integer(), "renews": sa.Uuid(),
    "ended_by": sa.Text(), "ended_at": Timestamp, "end_reason": sa.Text(), "control": sa.Text(),
    "compensating": sa.Text(), "stated_in": sa.Text(),
}  # fmt: skip


class Known(NamedTuple):
    """Of a model: wordings that were asked for, and the latest waiver of each control."""

    wordings: frozenset[str]
    latest: Mapping[str, UUID]


class Speaker(NamedTuple):
    """Who asks for something, and where that can be read."""

    name: str
    evidence: list[Any]


def digest_of(said: Mapping[str, Any]) -> str:
    """What one request of a manifest says, however it is laid out."""
    return sha256(canonical_json({name: said.get(name) for name in SAID}))


NOBODY: Final = Speaker(MANIFEST, [])


def follow_manifest_waivers(batch: Batch) -> None:
    """Keep a request for each wording that is new. Three statements; none where nothing is asked.

    One that nobody could grant, because of its end or its control, is refused at once and says why.
    """
    asking = {
        model: list(_wordings(standing.picture.model))
        for model, standing in batch.standings.items()
        if standing.picture.model.value(FACT)
    }
    if not asking:
        return
    known = _read_known(batch, asking)
    new = {
        (model, digest): said
        for model in sorted(asking)
        for digest, said in asking[model]
        if digest not in known[model].wordings
    }
    speakers = _read_speakers(batch, {model for model, _ in new})
    controls = {one.text.id for one in batch.pack.loaded.controls}
    rows = []
    for (model, digest), said in new.items():
        row = _row(said, known=known[model], by=speakers.get((model, digest), NOBODY), batch=batch)
        rows.append(row | _refusal(said, controls=controls, now=batch.now) | {
            "model_id": str(model), "stated_in": digest,
        })  # fmt: skip
    if rows:
        _keep(batch, rows)


def _keep(batch: Batch, rows: Sequence[Mapping[str, Any]]) -> None:
    given = recordset(rows, **COLUMNS)
    columns = {name: given.c[name] for name in COLUMNS} | {"valid_from": sa.func.now()}
    batch.session.execute(sa.insert(waiver).from_select([*columns], sa.select(*columns.values())))
    for row in rows:
        new = {name: row[name] for name in ("state", "control", "expires_at", "requested_by")}
        batch.tell("ask", KIND, model=UUID(row["model_id"]), field=row["id"], new=new,
                   reason=row["end_reason"] or row["reason"])  # fmt: skip


def _wordings(model: Part) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What is asked for, once each, in a steady order."""
    said = {digest_of(one): one for one in model.value(FACT)}
    yield from sorted(said.items())


def _read_known(batch: Batch, models: Mapping[UUID, Any]) -> dict[UUID, Known]:
    rows = batch.session.execute(
        sa.select(*waiver.c["model_id", "id", "control", "item", "stated_in", "granted_at"])
        .where(among(waiver.c.model_id, models))
        .order_by(waiver.c.id)
    ).all()
    return {
        model: Known(
            frozenset(row.stated_in for row in rows if row.model_id == model and row.stated_in),
            {
                row.control: row.id
                for row in rows
                if row.model_id == model and row.item is None and row.granted_at
            },
        )
        for model in models
    }


def last_moment(day: str) -> datetime | None:
    """When the day is over; None for what is no day."""
    try:
        last = min(date.fromisoformat(day), date.max - timedelta(days=1))
    except ValueError:
        return None
    return datetime.combine(last + timedelta(days=1), time(), UTC)


def _refused(said: Mapping[str, Any], *, controls: set[str], now: datetime) -> str | None:
    """Why nobody could grant it."""
    if said["control"] not in controls:
        return "control_in_force: the pack has no such control"
    until = last_moment(said["expires_on"])
    if until is None:
        return "ends_in_the_future: its last day is no day of the calendar"
    if until <= now:
        return "ends_in_the_future: its last day is over"
    if until > now + LONGEST:
        return "too_long: must end within 366 days"
    return None


def _refusal(
    said: Mapping[str, Any], *, controls: set[str], now: datetime
) -> dict[str, str | None]:
    """The state that a request begins in."""
    why = _refused(said, controls=controls, now=now)
    return {
        "state": "REJECTED" if why else "REQUESTED",
        "ended_by": SOFTWARE if why else None,
        "ended_at": instant_text(now) if why else None,
        "end_reason": why,
    }


def _row(said: Mapping[str, Any], *, known: Known, by: Speaker, batch: Batch) -> dict[str, Any]:
    until = min(last_moment(said["expires_on"]) or batch.now, batch.now + LONGEST)
    before = known.latest.get(said["control"])
    return {
        "id": str(uuid7()), "reason": said["reason"], "evidence": by.evidence,
        "requested_by": by.name, "requested_at": instant_text(batch.now),
        "expires_at": instant_text(until), "renewals": 0, "renews": str(before) if before else None,
        "control": said["control"], "compensating": said.get("compensating") or "",
    }  # fmt: skip


def _read_speakers(batch: Batch, models: Iterable[UUID]) -> dict[tuple[UUID, str], Speaker]:
    """Who asks for each wording: a person by a pin, or a source, with where it can be read."""
    found: dict[tuple[UUID, str], Speaker] = {}
    given = []
    for model in models:
        part = batch.standings[model].picture.model
        for place in part.row["provenance"].get(FACT) or ():
            told = part.row["statements"][place]
            scheme, _, value = told["subject"].partition(":")
            if "by" in told:
                for one in part.value(FACT):
                    found.setdefault((model, digest_of(one)), Speaker(told["by"], []))
            else:
                given.append({"model_id": str(model), "source": told["source"], "scheme": scheme,
                              "value": value, "digest": told["digest"]})  # fmt: skip
    for row in _observed(batch, given) if given else ():
        shown = [row.evidence] if row.evidence else []
        for one in row.asked or ():
            speaker = Speaker(f"{MANIFEST} {row.source}", shown)
            found.setdefault((row.model_id, digest_of(one)), speaker)
    return found


def _observed(batch: Batch, given: Sequence[Mapping[str, Any]]) -> Sequence[Any]:
    """What these statements say of waivers, and their evidence."""
    said = recordset(given, model_id=sa.Uuid(), source=sa.Text(), scheme=sa.Text(),
                     value=sa.Text(), digest=sa.Text())  # fmt: skip
    return batch.session.execute(
        sa.select(said.c.model_id, said.c.source, observation.c.evidence,
                  observation.c.facts[FACT].label("asked"))
        .join_from(said, subject, sa.and_(
            subject.c.kind == "model", subject.c.scheme == said.c.scheme,
            subject.c.value == said.c.value,
        ))
        .join(source, source.c.name == said.c.source)
        .join(observation, sa.and_(
            observation.c.source_id == source.c.id, observation.c.subject_id == subject.c.id,
            observation.c.digest == said.c.digest,
        ))
        .order_by(observation.c.id)
    ).all()  # fmt: skip
