"""A row of a list as the values of its CSV record: the same members that its JSON has."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from schemas.catalog import ModelRow, VersionRow
from schemas.columns import Column
from service.exports.cells import NotStated


def values(
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
            "model_id": row.id, "model": row.name,
            "versions": row.versions, "newest_version": newest,
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
