"""Turns selected rows into the rows that lists answer; a CSV is written from the same ones."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from schemas.canonical import path_segment
from schemas.catalog import DeploymentRow, EntryRow, ModelRow, OwnerRow, UseRow, VersionRow
from schemas.identifiers import Kind
from schemas.strict import instant_text
from service.catalog.typed import TYPED, link_facts, value_facts

API: Final = "/api/v1"
PLURALS: Final[Mapping[Kind, str]] = {  # kinds whose entries are read by their id
    Kind.USE: "uses",
    Kind.TRAINING_RUN: "training-runs",
    Kind.DATASET: "datasets",
    Kind.OWNER: "owners",
    Kind.REPOSITORY: "repositories",
    Kind.BUILD: "builds",
    Kind.DEPLOYMENT: "deployments",
}


def model_row(row: sa.RowMapping) -> ModelRow:
    """One model of a list."""
    return ModelRow(
        **_common(Kind.MODEL, row),
        versions=row["versions"],
        newest_version=row["newest_version"],
        **(row["risk"] or {}),
    )


def version_row(row: sa.RowMapping) -> VersionRow:
    """One version of a list."""
    return VersionRow(
        **_common(Kind.VERSION, row),
        model=row["model"],
        model_id=row["model_id"],
        number=row["facts"]["number"],
    )


def use_row(row: sa.RowMapping) -> UseRow:
    """One use of a list."""
    return UseRow(**_by_id(Kind.USE, row), model=row["model"], model_id=row["model_id"])


def deployment_row(row: sa.RowMapping) -> DeploymentRow:
    """One deployment of a list."""
    served = {name: row[name] for name in ("model", "model_id", "version", "version_id")}
    return DeploymentRow(**_by_id(Kind.DEPLOYMENT, row), **served)


def owner_row(row: sa.RowMapping) -> OwnerRow:
    """One owner of a list."""
    return OwnerRow(**_by_id(Kind.OWNER, row), departed=row["departed"])


def entry_row(row: sa.RowMapping) -> EntryRow:
    """One row of a list of any other kind."""
    return EntryRow(**_by_id(Kind(row["kind"]), row))


def _by_id(kind: Kind, row: sa.RowMapping) -> dict[str, Any]:
    """What is read by its id; without a name it is called by its first identifier."""
    name = row["natural_key"] or row["label"]
    return _common(kind, row) | {"name": name, "url": f"{API}/{PLURALS[kind]}/{row['id']}"}


def _common(kind: Kind, row: sa.RowMapping) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["natural_key"],
        "url": None if row["replaced_by"] else entry_url(kind, row["natural_key"]),
        "facts": facts_of(kind, row),
        "sources": sorted({said["source"] for said in row["statements"]}),
        "conflicts": row["conflicts"],
        "stub": row["stub"],
        "first_seen_at": row["first_seen_at"],
        "last_changed_at": row["last_changed_at"],
        "gone_since": row["gone_since"],
        "stale": sorted(set(row.get("stale") or ())),
        "unseen_since": row.get("unseen_since"),
    }


def entry_url(kind: Kind, natural_key: str | None) -> str | None:
    """Where an entry is read; each part percent-encoded once more."""
    if natural_key is None:
        return None
    namespace, name, *rest = (path_segment(part) for part in natural_key.split("/"))
    if kind is Kind.MODEL:
        return f"{API}/models/{namespace}/{name}"
    return f"{API}/models/{namespace}/{name}/versions/{rest[0]}" if rest else None


@cache
def moments(kind: Kind) -> frozenset[str]:
    """Facts that are times."""
    columns = TYPED[kind].c
    return frozenset(n for n in value_facts(kind) if isinstance(columns[n].type, sa.DateTime))


def facts_of(kind: Kind, row: sa.RowMapping) -> dict[str, Any]:
    """The stated facts: left out is not stated, None stated empty."""
    facts: dict[str, Any] = {}
    for name in sorted(row["provenance"]):
        if name in row["narrowed"]:
            facts[name] = {"one_of": row["narrowed"][name]}
        elif name in link_facts(kind):
            facts[name] = [m["item"] for m in row["members"] or () if m["field"] == name]
        elif name in row["facts"]:
            facts[name] = row["facts"][name]
    for name in facts.keys() & moments(kind):
        if isinstance(facts[name], str):  # JSON has no times
            facts[name] = instant_text(datetime.fromisoformat(facts[name]))
    return facts
