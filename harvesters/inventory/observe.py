"""Makes observations of a record: a model with one use, its data, and who answers for it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from pydantic import JsonValue, ValidationError

from harvesters.dropped import reason
from harvesters.errors import RecordUnreadable
from harvesters.inventory.record import Record
from harvesters.stating import evidence_of
from schemas.facts import FACTS, OwnerFacts
from schemas.identifiers import Identifier, Kind, encode_segment, natural_name
from schemas.observation import Observation

SCHEME: Final = "omb"
TIERING: Final = {  # facts that a tier rests on, and whose they are
    "regulated_purposes": "use", "model_class": "model", "data_sensitivity": "model",
    "origin": "model",
}  # fmt: skip


class Moment(NamedTuple):
    """Which year's inventory was read, when, and where it can be looked up."""

    year: int
    at: datetime
    url: str | None


def observe_record(record: Record, moment: Moment) -> Iterator[Observation | RecordUnreadable]:
    """All that a record says; one that nothing can be observed of is passed over alone."""
    try:
        yield from list(_observations(record, moment))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "/".join(str(part) for part in first["loc"])
        yield unreadable(record.row.line, f"{where} {reason(error)}".strip())
    except ValueError as error:
        yield unreadable(record.row.line, str(error))


def observe_owner(owner: Identifier, moment: Moment) -> Observation:
    """The list of people behind an address."""
    facts: dict[str, Any] = {"kind": "list"}
    if owner.scheme == "email":
        facts["email"] = owner.value
    return Observation(subject=owner, observed_at=moment.at, facts=OwnerFacts(**facts))


def tier_facts(record: Record) -> Mapping[str, JsonValue]:
    """What the record states of the facts that a tier rests on: a value, or `one_of` some."""
    kinds = {"use": record.use, "model": record.model}
    return {name: kinds[kind][name] for name, kind in TIERING.items() if name in kinds[kind]}


def unreadable(line: int, why: str, *, code: str = "row_unreadable") -> RecordUnreadable:
    """A record that is passed over."""
    return RecordUnreadable(code, f"line {line}: {why}", f"/{line}")


def _observations(record: Record, moment: Moment) -> Iterator[Observation]:
    row = record.row
    place = f"{moment.year}/{encode_segment(row.agency)}/{encode_segment(row.key)}"
    model = Identifier(kind=Kind.MODEL, scheme=SCHEME, value=place)
    dataset = Identifier(kind=Kind.DATASET, scheme=SCHEME, value=place)
    use = record.use.get("name") or row.key
    natural = natural_name(row.namespace, row.key)
    facts: dict[str, Any] = {
        "namespace": row.namespace, "name": row.key, "asset_kind": "ai_system", "uses": (use,),
    }  # fmt: skip
    if record.dataset:
        facts["datasets"] = ({"dataset": dataset},)
    if record.owner:
        facts["owners"] = ({"owner": record.owner},)
    below = Identifier(kind=Kind.USE, scheme="name", value=f"{natural}/{encode_segment(use)}")
    said = {
        model: {**record.model, **facts},
        below: {**record.use, "model": model, "name": use},
        **({dataset: record.dataset} if record.dataset else {}),
    }
    evidence = evidence_of(dict(row.cells), moment.url)
    for subject, stated in said.items():
        yield Observation(
            subject=subject,
            observed_at=moment.at,
            facts=FACTS[subject.kind].model_validate(stated),
            evidence=evidence,
        )
