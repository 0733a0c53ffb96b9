"""What a list's JSON rows say, as the cells that its files have to hold: written a second time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from schemas.columns import TABLES, Column
from service.exports.cells import NotStated, cell

ROLES: Final = {"owner": "accountable", "developers": "developer"}
COMMITS: Final = {"source_commit", "head_commit", "commit"}
LINKED: Final = {
    "owners": ("owner",), "repositories": ("repository", "role"),
    "datasets": ("dataset", "role", "digest"), "members": (),
}  # fmt: skip
MAY_MISS: Final = (
    "model", "model_id", "version", "version_id", "departed", "tier", "tier_status", "tier_low",
    "tier_high", "workflow_tier", "review_state",
)  # fmt: skip


def cells(name: str, row: Mapping[str, Any], as_of: str, *, raw: bool = False) -> list[str]:
    """The record of a row of a list."""
    own = name.removesuffix("s").replace("-", "_").replace("repositorie", "repository")
    return [cell(_value(c, row, as_of=as_of, own=own), raw=raw) for c in TABLES[name]]


def _value(column: Column, row: Mapping[str, Any], *, as_of: str, own: str) -> Any:
    if column.fact:
        return _fact(column, row["facts"].get(column.fact, NotStated))
    known = dict(row) | {"as_of": as_of, f"{own}_id": row["id"]}
    if own != "version":
        known[own] = row["name"]
    elif row["number"]:
        known[own] = f"v{row['number']}"
    if known.get("newest_version"):
        known["newest_version"] = f"v{row['newest_version']}"
    value = known.get(column.name)
    if column.name in TIMES and value:
        return datetime.fromisoformat(value)
    return NotStated if value is None and column.name in {own, *MAY_MISS} else value


TIMES: Final = {
    "as_of", "first_seen_at", "last_changed_at", "gone_since", "unseen_since",
    "next_review_due",
}  # fmt: skip


def _fact(column: Column, value: Any) -> Any:
    if column.fact in LINKED and isinstance(value, list):
        wanted = ROLES.get(column.name)
        return [
            _linked(LINKED[column.fact], item)
            for item in value
            if wanted in {None, item.get("role")}
        ]
    if column.fact in COMMITS and isinstance(value, str):
        return f"git:{value}"
    if column.fact.endswith("_at") and isinstance(value, str):
        return datetime.fromisoformat(value)
    return value


def _linked(parts: tuple[str, ...], item: Any) -> str:
    first, *more = parts or (None,)
    value = item[first]["value"] if first else item["value"]
    return " ".join(filter(None, (value, *(item.get(part) for part in more))))
