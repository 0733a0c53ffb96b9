"""Describes the files of a bundle as a data package: types, values, keys, what cells rest on."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from schemas.bundles import DATA
from schemas.columns import Column
from schemas.filters import filterable
from schemas.identifiers import Kind
from schemas.review_columns import File
from service.exports.cells import LITERALS

TIERS: Final = ("NEGLIGIBLE", "LOW", "MEDIUM", "HIGH")
VALUES: Final[Mapping[str, tuple[str, ...]]] = {  # of columns that show no fact
    **dict.fromkeys(("tier", "tier_low", "tier_high", "workflow_tier", "risk_rating"), TIERS),
    **dict.fromkeys(("tier_status", "risk_rating_status"), ("FIRM", "PROVISIONAL", "OVERRIDDEN")),
    "result": ("PASS", "FAIL", "UNKNOWN", "WAIVED", "NOT_APPLICABLE"),
    "monitoring_status": ("green", "yellow", "red", "stale", "none"),
    "eu_class": ("prohibited", "high_risk", "exempt_6_3", "not_listed", "unknown"),
    "residual_rating": ("low", "medium", "high"),
    "cause_kind": ("harvest", "person", "policy", "clock", "merge"),
}
UNITS: Final = {"_days": "days", "days_overdue": "days", "_percent": "percent"}
WHOLE: Final = "models.jsonl"


def describe(files: Iterable[tuple[File, tuple[str, ...]]]) -> bytes:
    """The package of these files, each with the names of its parts, and of the rows as JSON."""
    resources = [
        _table(file, name) for file, names in files for name in names
    ]  # fmt: skip
    whole = {
        "name": "models-json", "path": f"{DATA}{WHOLE}", "format": "ndjson", "encoding": "utf-8",
        "mediatype": "application/x-ndjson",
        "description": "the rows of the models' list: facts that are left out are not stated",
    }  # fmt: skip
    package = {
        "profile": "data-package",
        "name": "model-catalog",
        "resources": sorted([*resources, whole], key=lambda one: str(one["path"])),
    }
    return f"{json.dumps(package, indent=1, sort_keys=True, ensure_ascii=False)}\n".encode()


def _table(file: File, name: str) -> dict[str, Any]:
    return {
        "name": name.removeprefix(DATA).removesuffix(".csv"),
        "path": name,
        "profile": "tabular-data-resource",
        "encoding": "utf-8",
        "dialect": {"delimiter": ",", "lineTerminator": "\r\n", "quoteChar": '"',
                    "doubleQuote": True, "header": True},
        "schema": {
            "fields": [_field(column) for column in file.columns],
            "primaryKey": list(file.key),
            "missingValues": ["", *sorted(LITERALS)],
        },
    }  # fmt: skip


def _field(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": column.name, "type": column.holds, "description": column.meaning,
    }  # fmt: skip
    if values := _values(column):
        found["x-values"] = list(values)
    if unit := next((unit for end, unit in UNITS.items() if column.name.endswith(end)), None):
        found["x-unit"] = unit
    if column.rests:
        found["x-rests"] = list(column.rests)
    return found


def _values(column: Column) -> tuple[str, ...]:
    kind, _, fact = (column.rests[0] if column.rests else "").partition(".")
    if column.fact and kind in set(Kind):
        field = filterable(Kind(kind)).get(fact)
        return field.choices if field else ()
    return VALUES.get(column.name, ())
