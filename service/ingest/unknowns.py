"""What no source could tell, and what would tell it: entries, owners, sources and their scopes."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, get_args

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.harvest import Outcome
from schemas.identifiers import Kind, fold_name
from schemas.reports import Unknown, UnknownFilters, UnknownPage, UnknownQuery, UnknownRow
from service.access.policy import Caller
from service.catalog.entries import entry_address
from service.catalog.freshness import Freshness
from service.catalog.keyset import bound_to, link_next
from service.catalog.lateness import read_freshness
from service.catalog.named import check_names
from service.catalog.pages import NOW, Pages
from service.catalog.select import one_snapshot
from service.catalog.sorting import Key, after
from service.catalog.view import View
from service.ingest.coverage import select_coverage
from service.ingest.unknown_things import CONDITIONS, Part, left, row, stubs, without

BETWEEN: Final = "\x1f"  # between the parts of a place
UNREADABLE: Final = ("not_readable", "not_allowed", "permission_denied", "forbidden")
REFUSED: Final = r"^NotAllowed:|PERMISSION_DENIED|\m(401|403)\M"  # in what a harvest failed with
UNMAPPED: Final = "namespace_unmapped"

SAID: Final[Mapping[str, tuple[str, str]]] = {  # what → (why, what to do)
    "model_without_owner": (
        "No source names an accountable owner.",
        "Name one in the manifest or registry, or pin `owners`.",
    ),
    "model_without_data": (
        "Neither it, nor a version, nor a training run names a dataset.",
        "Log the datasets with the training run, or name them in the manifest.",
    ),
    "model_without_build": (
        "No version names a build or commit, and no repository is known.",
        "Train from a repository, so that the tracker notes the commit, or name the repository.",
    ),
    "version_without_training_run": (
        "No source says which training run made it.",
        "Register versions from a run of the tracker.",
    ),
    "version_without_data": (
        "Neither it nor its training run names a dataset.",
        "Log the datasets with the training run.",
    ),
    "version_without_build": (
        "Neither a build nor a commit is known of it or of its training run.",
        "Build it in CI, or train from a clean commit.",
    ),
    "deployment_without_version": (
        "No source says which version it serves, or that version is in no registry.",
        "Let the deployment name the registry's version, or its digest.",
    ),
    "repository_without_manifest": (
        "Its source is declared to hold models, and it holds no manifest that could be read.",
        "Run `model-catalog init` in it, or take it out of the source's `holds_models`.",
    ),
    "stub": (
        "Others refer to it, and no source describes it.",
        "Harvest the source that knows it; `model-catalog explain` says who refers to it.",
    ),
    "owner_left": (
        "Its accountable owner has left.",
        "Name another owner; succession proposals rank who could be.",
    ),
    "source_not_permitted": (
        "The source's credential may not read all of it.",
        "Give the credential the right to read, then harvest again.",
    ),
    "source_never_harvested": (
        "It is declared, and was never read.",
        "`model-catalog harvest SOURCE`, or run a worker.",
    ),
    "source_disabled": (
        "It is disabled: what it said grows old.",
        "Enable it again, or retire it.",
    ),
    "scope_never_complete": (
        "No harvest of it got to its end.",
        "`model-catalog harvest SOURCE --full` says why.",
    ),
    "scope_late": (
        "Two of its intervals have passed without a complete harvest: its facts are stale.",
        "`model-catalog harvest SOURCE` says why.",
    ),
    "namespace_unmapped": (
        "The source has a workspace that no namespace is named for.",
        "Name one in the source's `namespaces`, or exclude the workspace.",
    ),
}
ORDER: Final[tuple[str, ...]] = get_args(Unknown)


class Report(NamedTuple):
    """The parts of the report that are asked for, in order."""

    parts: Mapping[str, Part]


def unknowns(session: Session, asked: UnknownFilters, *, caller: Caller) -> Report:
    """What is asked for of the report, and the caller may see. Raises `Invalid`."""
    one_snapshot(session)
    check_names(session, asked, caller=caller)
    folded = None if asked.namespace is None else tuple(map(fold_name, asked.namespace))
    asked = asked.model_copy(update={"namespace": folded})
    fresh = read_freshness(session)
    wanted = [what for what in ORDER if asked.what is None or what in asked.what]
    return Report({what: _part(what, asked, caller=caller, fresh=fresh) for what in wanted})


def _part(what: str, asked: UnknownFilters, *, caller: Caller, fresh: Freshness) -> Part:
    if what in CONDITIONS:
        kind, _ = CONDITIONS[what]
        return without(what, View(kind, caller, freshness=fresh), asked=asked)
    models = View(Kind.MODEL, caller, freshness=fresh)
    if what == "stub":
        return stubs(models, asked=asked)
    if what == "owner_left":
        return left(models, asked=asked)
    return _of_sources(what, asked, caller=caller)


def _of_sources(what: str, asked: UnknownFilters, *, caller: Caller) -> Part:
    """Sources and scopes, as coverage sees them."""
    seen = select_coverage(caller).order_by(None).subquery("seen")
    failed = seen.c.last_outcome == Outcome.FAILED.value
    report, skipped = (sa.type_coerce(seen.c[name], JSONB) for name in ("report", "skipped"))
    error = sa.func.coalesce(report["error"].astext, "")
    never = sa.and_(seen.c.state == "never", seen.c.source_kind.is_not(None))
    conditions: Mapping[str, sa.ColumnElement[bool]] = {
        "source_not_permitted": sa.or_(
            *(skipped.has_key(code) for code in UNREADABLE),
            sa.and_(failed, error.regexp_match(REFUSED)),
        ),
        "source_never_harvested": sa.and_(never, seen.c.scope.is_(None)),
        "source_disabled": seen.c.state == "disabled",
        "scope_never_complete": sa.and_(never, seen.c.scope.is_not(None)),
        "scope_late": seen.c.state == "late",
        "namespace_unmapped": sa.and_(failed, error.contains(UNMAPPED)),
    }
    rows = sa.select(
        *row(
            namespace=seen.c.namespace, source=seen.c.source, scope=seen.c.scope,
            since=sa.func.coalesce(seen.c.last_complete_at, seen.c.last_closed_at),
        )
    ).where(conditions[what])  # fmt: skip
    if what != "source_disabled":
        rows = rows.where(seen.c.state != "disabled")
    if asked.namespace is not None:
        rows = rows.where(seen.c.namespace.in_(asked.namespace))
    if asked.source is not None:
        rows = rows.where(seen.c.source.in_(asked.source))
    if asked.owner is not None:
        rows = rows.where(sa.false())
    places = (seen.c.source, sa.func.coalesce(seen.c.scope, ""))
    return Part(rows, tuple(Key(place.collate("C")) for place in places))


def select_unknowns(
    report: Report, *, last: Sequence[str] | None = None, limit: int | None = None
) -> sa.Select[Any]:
    """The rows in order, behind a row, as many as are wanted.

    A part is read no further than the parts before it leave room for: whatever the size of the
    catalog, a page ends as soon as it is full.
    """
    parts: list[Any] = []
    for what, part in report.parts.items():
        found = _placed(what, part)
        if last is not None and ORDER.index(what) < ORDER.index(last[0]):
            continue
        if last is not None and what == last[0]:
            found = found.where(after(part.keys, last[1].split(BETWEEN)))
        if limit is not None:
            counts = [sa.select(sa.func.count()).select_from(one).scalar_subquery()
                      for one in parts]  # fmt: skip
            room = sum(counts, sa.literal(0))
            found = found.order_by(*(key.ordered for key in part.keys))
            found = found.limit(sa.func.greatest(0, sa.literal(limit) - room))
            parts.append(found.cte(what).prefix_with("MATERIALIZED"))
        else:
            parts.append(found.subquery(what))
    if not parts:
        return sa.select(*row()).where(sa.false())
    every = sa.union_all(*(sa.select(one) for one in parts)).subquery("unknowns")
    return sa.select(every).order_by(every.c.rank, every.c.number)


def _placed(what: str, part: Part) -> sa.Select[Any]:
    """The rows of a part with where they stand."""
    place = sa.func.concat_ws(BETWEEN, *(key.written for key in part.keys), type_=sa.Text)
    number = sa.func.row_number().over(order_by=[key.ordered for key in part.keys])
    return part.rows.add_columns(
        sa.literal(what, sa.Text).label("what"),
        sa.literal(ORDER.index(what)).label("rank"),
        number.label("number"),
        place.label("place"),
    )


def read_unknowns(
    session: Session, report: Report, *, asked: UnknownQuery, caller: Caller, pages: Pages
) -> UnknownPage:
    """One page of the report, and the token of the next."""
    bound, size = bound_to(asked, caller, path=pages.request.url.path), int(asked.page_size)
    last = None if asked.page_token is None else pages.pager.read(asked.page_token, bound)
    found = session.execute(select_unknowns(report, last=last, limit=size + 1)).mappings().all()
    token = None
    if len(found) > size:
        token = pages.pager.sign([found[size - 1][name] for name in ("what", "place")], bound)
        link_next(pages, token)
    totals = None if asked.count is None else _totals(session, report)
    return UnknownPage(
        as_of=session.execute(NOW).scalar_one(),
        items=tuple(unknown_row(one) for one in found[:size]),
        next_page_token=token,
        total=None if totals is None else sum(totals.values()),
        totals=totals,
    )


def _totals(session: Session, report: Report) -> dict[Any, int]:
    """How much there is of each kind of unknown; of what is not there, zero."""
    counted = [
        sa.select(sa.literal(what, sa.Text), sa.func.count()).select_from(part.rows.subquery(what))
        for what, part in report.parts.items()
    ]
    if not counted:
        return {}
    return dict(session.execute(sa.union_all(*counted)).all())


def unknown_row(found: sa.RowMapping) -> UnknownRow:
    """An unknown as readers see it."""
    why, todo = SAID[found["what"]]
    kind = None if found["kind"] is None else Kind(found["kind"])
    url = None
    if kind is not None:
        url = entry_address(kind, found["natural_key"], entry_id=found["entry"])
    members = {name: found[name] for name in UnknownRow.model_fields if name in found}
    return UnknownRow.model_validate(members | {"url": url, "why": why, "todo": todo})
