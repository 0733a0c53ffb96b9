"""How two versions of a model differ: field by field, and member by member where there are sets."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.details import Compared, Comparison, Difference, Replaced, RunDifference
from schemas.identifiers import Kind
from service.access.policy import Caller
from service.catalog import rows
from service.catalog.detail import find_version
from service.catalog.moments import begin_at
from service.catalog.select import select_entries
from service.catalog.view import View

Facts = Mapping[str, Any]


def compare_versions(
    session: Session,
    model: tuple[str, str],
    *,
    labels: tuple[str, str],
    caller: Caller,
    as_of: datetime | None = None,
) -> Comparison:
    """Two versions of one model, each by number or `@alias`.

    Raises `ModelNotFound`, `VersionNotFound`.
    """
    begin_at(session, as_of)
    first, second = (
        find_version(session, model, label=one, caller=caller, as_of=as_of) for one in labels
    )
    old, new = (rows.facts_of(Kind.VERSION, row) for row in (first, second))
    apart = {name: difference(_members(old, name), _members(new, name)) for name in MEMBERWISE}
    run_view = View(Kind.TRAINING_RUN, caller, as_of=as_of)
    runs = _runs(session, run_view, versions=(first["id"], second["id"]))
    return Comparison(
        model=first["model"],
        first=_compared(first, runs[0]),
        second=_compared(second, runs[1]),
        facts=difference(_plain(old), _plain(new)),
        training_runs=_said(session, run_view, runs=runs),
        **apart,
    )


def difference(old: Facts, new: Facts) -> Difference:
    """What both have alike, what changed, and what only one of them has."""
    both = old.keys() & new.keys()
    return Difference(
        same={name: old[name] for name in sorted(both) if old[name] == new[name]},
        changed={
            name: Replaced(old=old[name], new=new[name])
            for name in sorted(both)
            if old[name] != new[name]
        },
        removed={name: old[name] for name in sorted(old.keys() - both)},
        added={name: new[name] for name in sorted(new.keys() - both)},
    )


def _compared(row: sa.RowMapping, training_run: UUID | None) -> Compared:
    shown = rows.version_row(row)
    return Compared(
        id=shown.id, name=shown.name, number=shown.number, url=shown.url,
        training_run=training_run,
    )  # fmt: skip


def _plain(facts: Facts) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in MEMBERWISE}


def _members(facts: Facts, name: str) -> dict[str, Any]:
    """The members of a set by what they are about; nothing stated has none."""
    value = facts.get(name)
    return MEMBERWISE[name](value if isinstance(value, list) else ())


def _tags(tags: Iterable[str]) -> dict[str, Any]:
    """`key=value` by its key; a tag without a value is true."""
    split = (tag.partition("=") for tag in tags)
    return _gathered((key, value if equals else True) for key, equals, value in split)


def _datasets(links: Iterable[Facts]) -> dict[str, Any]:
    """By dataset and role; what else the link says (digest, version) is its value."""
    return _gathered(
        (
            " ".join(filter(None, (link["dataset"]["value"], link.get("role")))),
            {name: value for name, value in link.items() if name not in {"dataset", "role"}},
        )
        for link in links
    )


def _metrics(metrics: Iterable[Facts]) -> dict[str, Any]:
    """By name, dataset and slice."""
    return _gathered(
        (" ".join(filter(None, (m["name"], m.get("dataset"), m.get("slice")))), m["value"])
        for m in metrics
    )


def _gathered(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Members by name; several of one name are a list."""
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: all_[0] if len(all_) == 1 else all_ for name, all_ in found.items()}


MEMBERWISE: Final[Mapping[str, Callable[[Iterable[Any]], dict[str, Any]]]] = {
    "datasets": _datasets, "metrics": _metrics, "tags": _tags,
}  # fmt: skip


def _runs(session: Session, view: View, *, versions: Sequence[UUID]) -> list[UUID | None]:
    """The training run of each version."""
    version = view.of(Kind.VERSION)
    query = sa.select(version.c.id, version.c.training_run_id).where(version.c.id.in_(versions))
    found = {row.id: row.training_run_id for row in session.execute(query)}
    return [found[one] for one in versions]


def _said(session: Session, view: View, *, runs: Sequence[UUID | None]) -> RunDifference | None:
    """How what two training runs said differs; None when they are one, or when there is none."""
    wanted = {one for one in runs if one is not None}
    if len(set(runs)) == 1:
        return None
    query = select_entries(view).where(*view.here(), view.entry.c.id.in_(wanted))
    found = {
        row["id"]: rows.facts_of(Kind.TRAINING_RUN, row)
        for row in session.execute(query).mappings()
    }
    old, new = (found.get(one, {}) if one else {} for one in runs)
    return RunDifference(
        params=difference(old.get("params") or {}, new.get("params") or {}),
        metrics=difference(old.get("metrics") or {}, new.get("metrics") or {}),
        tags=difference(_tags(old.get("tags") or ()), _tags(new.get("tags") or ())),
    )
