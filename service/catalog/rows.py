"""Turns selected rows into what lists answer; JSON rows and CSV cells come from the same members."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from schemas.canonical import path_segment
from schemas.catalog import ModelRow, VersionRow
from schemas.columns import Column
from schemas.identifiers import Kind
from schemas.strict import instant_text
from service.catalog.typed import link_facts, reference_columns, value_facts
from service.exports.cells import NotStated

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
        "url": entry_url(kind, row["natural_key"]),
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


def facts_of(kind: Kind, row: Mapping[str, Any]) -> dict[str, Any]:
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


def cells(
    columns: tuple[Column, ...], row: ModelRow | VersionRow, *, as_of: datetime
) -> Iterator[Any]:
    """A list's row as the values of its columns."""
    beside = _beside(row) | {"as_of": as_of}
    facts = row.facts | _owners(row.facts)
    for column in columns:
        if column.fact:
            yield _shown(column.name, facts.get(column.name, NotStated))
        else:
            yield beside[column.name]


def _beside(row: ModelRow | VersionRow) -> dict[str, Any]:
    shared = {
        "sources": row.sources,
        "conflicts": row.conflicts,
        "stub": row.stub,
        "first_seen_at": row.first_seen_at,
        "last_changed_at": row.last_changed_at,
        "gone_since": row.gone_since,
    }
    if isinstance(row, ModelRow):
        newest = f"v{row.newest_version}" if row.newest_version else None
        return shared | {
            "model_id": row.id, "model": row.name, "versions": row.versions, "newest_version": newest,
        }  # fmt: skip
    number = f"v{row.number}" if row.number else NotStated
    return shared | {
        "model_id": row.model_id, "model": row.model, "version": number, "version_id": row.id,
    }  # fmt: skip


def _owners(facts: Mapping[str, Any]) -> dict[str, Any]:
    if "owners" not in facts:
        return {}
    by_role: dict[str, list[str]] = {"accountable": [], "developer": []}
    for owner in facts["owners"] or ():
        by_role.setdefault(owner.get("role", "accountable"), []).append(owner["owner"]["value"])
    return {"owner": by_role["accountable"], "developers": by_role["developer"]}


def _shown(name: str, value: Any) -> Any:
    if name == "datasets" and isinstance(value, list):
        return [
            " ".join(
                str(part)
                for part in (link["dataset"]["value"], link.get("role"), link.get("digest"))
                if part
            )
            for link in value
        ]
    if name == "source_commit" and isinstance(value, str):
        return f"git:{value}"
    if name.endswith("_at") and isinstance(value, str):
        return datetime.fromisoformat(value)
    return value
