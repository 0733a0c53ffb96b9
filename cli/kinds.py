"""The kinds of things that can be listed, and what a person is shown of each."""

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from cli.exits import Exit, Stop

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {  # as in the addresses of the API
    "models": ("name", "newest_version", "owners", "lifecycle", "gone_since"),
    "versions": ("name", "aliases", "status", "framework", "gone_since"),
    "training-runs": ("facts.name", "experiment", "status", "started_at", "id"),
    "datasets": ("name", "source_type", "id"),
    "owners": ("name", "kind", "id"),
    "repositories": ("name", "id"),
    "builds": ("name", "repository", "commit", "status", "id"),
    "deployments": ("name", "environment", "model", "version", "status", "id"),
    "uses": ("name", "purpose"),
}
ASIDE: Final[Mapping[str, tuple[str, ...]]] = {  # lists of other things, without export
    "namespaces": ("namespace", "models", "versions", "sources"),
    "coverage": ("source", "scope", "state", "last_complete_at", "seen"),
}
FACTS: Final = "facts."  # before a fact that is called like a member of the row
NAMING: Final = ("owner", "dataset", "repository")  # what a link is a link to


def known_kind(kind: str, known: Iterable[str] = COLUMNS) -> str:
    """A kind by its name in the plural; another word is answered with the nearest."""
    names = list(known)
    if kind not in names:
        near = get_close_matches(kind, names, n=1, cutoff=0)
        message = f"There are no {kind}. Did you mean {near[0]}? Known are {', '.join(names)}."
        raise Stop(message, Exit.WRONG_USE)
    return kind


def cells(item: Mapping[str, Any], columns: tuple[str, ...]) -> list[Any]:
    """What stands in these columns: members of a row, else its facts."""
    facts = item.get("facts", {})
    members = {f"{FACTS}{name}": value for name, value in facts.items()}
    members |= facts | {name: value for name, value in item.items() if value is not None}
    return [plain(members.get(column)) for column in columns]


def titles(columns: tuple[str, ...]) -> list[str]:
    """What stands above columns."""
    return [column.removeprefix(FACTS) for column in columns]


def plain(value: Any) -> Any:
    """A value as a person reads it: a link by what it names, several with commas between."""
    if isinstance(value, list):
        return ", ".join(str(plain(one)) for one in value)
    return _plain(value) if isinstance(value, Mapping) else value


def _plain(value: Mapping[str, Any]) -> Any:
    """A value with members: narrowed, a link, an identifier, a figure, or any other."""
    if "one_of" in value:
        return f"one of {plain(value['one_of'])}"
    named = next((value[name] for name in NAMING if name in value), None)
    if isinstance(named, Mapping):
        role = value.get("role")
        return f"{named['value']} ({role})" if role not in {None, "accountable"} else named["value"]
    if value.keys() == {"kind", "scheme", "value"}:
        return value["value"]
    if {"name", "value"} <= value.keys():
        return f"{value['name']}={value['value']}"
    return json.dumps(value, ensure_ascii=False)
