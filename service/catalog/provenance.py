"""Where each field of an entry comes from: who said it, when, on what evidence, who lost."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from schemas.details import Contender, FieldProvenance
from schemas.facts import merge_rules
from schemas.identifiers import Kind, how_far_below
from schemas.sources import PIN
from service.catalog import rows
from service.catalog.beneath import as_shown, read_beneath
from service.catalog.pinned import RANK, Pinned, read_pins
from service.catalog.told import Told, read_said


def read_provenance(
    session: Session, kind: Kind, *, row: sa.RowMapping, as_of: datetime | None = None
) -> dict[str, FieldProvenance]:
    """Every field with who said it; whoever may see the entry may see all that is said of it.

    Of a row of the past: as it was said until then, with the pins and the precedence of that time.
    """
    told: Told = row["statements"]
    said: dict[int, Any] = {**read_said(session, kind, told=told, as_of=as_of)}
    pins = {}
    if any("by" in one for one in told):
        found = read_pins(session, [row["id"]], as_of=as_of).get(row["id"], [])
        shown = read_beneath(session, kind, entry=row["id"], pins=found, as_of=as_of)
        pins = {name: pin for name, (pin, _) in shown.items()}
        said |= _pinned(told, {(pin.subject, pin.field): pin for pin in found})
    facts = rows.facts_of(kind, row)
    fields = {}
    for name, ranked in row["provenance"].items():
        winner, *others = (
            _claim(kind, name, said=said[index]) | {"stale": index in row.get("stale_places", ())}
            for index in ranked
        )
        fields[name] = FieldProvenance.model_validate(
            winner
            | {
                "value": facts[name],
                "confirmed_at": said[ranked[0]]["confirmed_at"],
                "conflict": name in row["conflicts"],
                "rule": merge_rules(kind)[name],
                "contenders": tuple(Contender.model_validate(other) for other in others),
                "pin": pins.get(name),
            }
        )
    return fields


def _claim(kind: Kind, name: str, *, said: Mapping[str, Any]) -> dict[str, Any]:
    """One statement about one field."""
    shown = {name: said[name] for name in ("source", "subject", "observed_at", "evidence")}
    return shown | {
        "value": as_shown(kind, name, value=said["facts"].get(name)),
        "inferred": name in said["inferred"],
        "precedence": max(
            said["field_precedence"].get(name, said["precedence"])
            - how_far_below(kind, said["subject"]),
            0,
        ),
    }


def _pinned(told: Told, pins: Mapping[tuple[str, str], Pinned]) -> dict[int, Mapping[str, Any]]:
    """What pins say, as statements beside those of sources."""
    return {
        place: {
            "source": PIN,
            "subject": one["subject"],
            "observed_at": one["observed_at"],
            "confirmed_at": one["observed_at"],
            "evidence": None,
            "facts": {one["field"]: pin.value},
            "inferred": (),
            "precedence": RANK,
            "field_precedence": {},
        }
        for place, one in enumerate(told)
        if "by" in one and (pin := pins.get((one["subject"], one["field"]))) is not None
    }
