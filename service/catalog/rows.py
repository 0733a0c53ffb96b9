"""Turns selected rows into the rows that lists answer; a CSV is written from the same ones."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.canonical import path_segment
from schemas.catalog import ModelRow, VersionRow
from schemas.identifiers import Kind
from schemas.strict import instant_text
from service.catalog.typed import link_facts, reference_columns, value_facts

API = "/api/v1"


def model_row(row: sa.RowMapping) -> ModelRow:
    """One model of a list."""
    return ModelRow(
        **_common(Kind.MODEL, row),
        versions=row["versions"],
        newest_version=row["newest_version"],
    )


def version_row(row: sa.RowMapping) -> VersionRow:
    """One version of a list."""
    return VersionRow(
        **_common(Kind.VERSION, row),
        model=row["model"],
        model_id=row["model_id"],
        number=row["fact_number"],
    )


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
    }


def entry_url(kind: Kind, natural_key: str | None) -> str | None:
    """Where an entry is read; each part percent-encoded once more."""
    if natural_key is None:
        return None
    namespace, name, *rest = (path_segment(part) for part in natural_key.split("/"))
    if kind is Kind.MODEL:
        return f"{API}/models/{namespace}/{name}"
    return f"{API}/models/{namespace}/{name}/versions/{rest[0]}" if rest else None


def facts_of(kind: Kind, row: sa.RowMapping) -> dict[str, Any]:
    """The stated facts: left out is not stated, None stated empty."""
    facts: dict[str, Any] = {}
    for name in sorted(row["provenance"]):
        if name in row["narrowed"]:
            facts[name] = {"one_of": row["narrowed"][name]}
        elif name in reference_columns(kind):
            facts[name] = row[f"ref_{name}"]
        elif name in link_facts(kind):
            facts[name] = [m["item"] for m in row["members"] or () if m["field"] == name]
        elif name in value_facts(kind):
            value = row[f"fact_{name}"]
            facts[name] = instant_text(value) if isinstance(value, datetime) else value
    return facts
