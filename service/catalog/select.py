"""The one query behind each list and detail: every row with all that is said about it."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from pydantic_core import from_json
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.departed import departed
from service.catalog.risky import risk_of
from service.catalog.typed import TYPED, reference_columns, value_facts
from service.catalog.view import (
    ENTRY,
    LINK,
    PARENT,
    SUBJECT,
    View,
    bears_name,
    current,
    everyone,
    visible,
)

__all__ = [
    "bears_name", "current", "entry", "link", "model", "one_snapshot", "parent", "select_entries",
    "subject", "version", "visible",
]  # fmt: skip

entry, link, subject = ENTRY, LINK, SUBJECT
model, version = TYPED[Kind.MODEL], TYPED[Kind.VERSION]
parent = PARENT


class Document(sa.types.TypeDecorator[Any]):
    """JSON that is read fast: of a page's rows that is the most expensive part."""

    impl = sa.Text
    cache_ok = True

    def process_result_value(self, value: Any, _dialect: Any) -> Any:
        """Read it."""
        return value if value is None else from_json(value)


DECIDED: Final = ("statements", "provenance", "narrowed", "conflicts")
ENTRY_COLUMNS: Final = (
    "id", "kind", "natural_key", "namespace", "stub", "first_seen_at", "last_changed_at",
    "gone_since", "replaced_by",
)  # fmt: skip


def select_entries(view: View) -> sa.Select[Any]:
    """Select every entry of a kind, in no order; conditions say which, `view.here()` among them.

    Of the present it is made once for each reader's namespaces: that takes longer than to run it.
    """
    if view.as_of is not None:
        return _select(view)
    return _present(view.kind, view.caller.namespaces, by_card=view.card is not None)


@lru_cache(maxsize=256)
def _present(kind: Kind, namespaces: frozenset[str] | None, *, by_card: bool) -> sa.Select[Any]:
    return _select(View(kind, everyone()._replace(namespaces=namespaces), by_card=by_card))


def _select(view: View) -> sa.Select[Any]:
    """Everything that is said about an entry.

    What is gathered from other tables stands in subqueries of its own: with a limit PostgreSQL
    computes them after it, for the rows of one page.
    """
    kind, typed = view.kind, view.typed
    values: dict[str, Any] = {fact: typed.c[fact] for fact in value_facts(kind)}
    values |= {
        fact: view.label_of(typed.c[column]) for fact, column in reference_columns(kind).items()
    }
    named: list[Any] = []
    for fact, value in values.items():
        named += [sa.literal_column(f"'{fact}'"), value]
    of_entry = view.entry
    selected = sa.select(
        *(of_entry.c[name] for name in ENTRY_COLUMNS),
        *(sa.cast(typed.c[name], Document).label(name) for name in DECIDED),
        sa.cast(sa.func.json_build_object(*named), Document).label("facts"),
        sa.cast(_members(view), Document).label("members"),
    ).select_from(view.rows)
    beside = BESIDE.get(kind, _label)
    return beside(selected, view)


def _members(view: View) -> sa.ColumnElement[Any]:
    """Everything that an entry links to, fact by fact."""
    link = view.link
    member = sa.func.jsonb_build_object(
        "field", link.c.field, "role", link.c.role, "item", link.c.attributes
    )
    gathered = sa.func.jsonb_agg(aggregate_order_by(member, link.c.field, link.c.key))
    return sa.select(gathered).where(link.c.entry_id == view.entry.c.id).scalar_subquery()


def _label(selected: sa.Select[Any], view: View) -> sa.Select[Any]:
    """What has no name in the catalog is called by its first identifier."""
    return selected.add_columns(view.label_of(view.entry.c.id).label("label"))


def _versions(selected: sa.Select[Any], view: View) -> sa.Select[Any]:
    """A model's live versions: how many the caller may see, and the one with the highest number."""
    child, below = view.entry.alias("child"), view.of(Kind.VERSION).alias("below")
    # Looked up version by version, and not in the index of names: of tables that were just filled
    # the planner believes that hardly anything bears one, and reads them all for each model.
    here = sa.select(child.c.id).where(
        child.c.id == below.c.id,
        child.c.gone_since.is_(None),
        sa.func.coalesce(child.c.merged_into, child.c.replaced_by).is_(None),
        view.visible(child),
    )
    joined = below.join(here.limit(1).lateral("here"), sa.true())
    of_model = below.c.model_id == view.entry.c.id
    counted = sa.select(sa.func.count()).select_from(joined).where(of_model)
    newest = (
        sa.select(below.c.number)
        .select_from(joined)
        .where(of_model)
        .order_by(below.c.number_key.desc().nulls_last(), below.c.id)
        .limit(1)
    )
    return selected.add_columns(
        counted.correlate(view.entry).scalar_subquery().label("versions"),
        newest.correlate(view.entry).scalar_subquery().label("newest_version"),
        sa.cast(risk_of(view), Document).label("risk"),
    )


def _used(selected: sa.Select[Any], view: View) -> sa.Select[Any]:
    """The model that a use belongs to; the use of a model without a name has none either."""
    return _label(_model(selected, view), view)


def _model(selected: sa.Select[Any], view: View) -> sa.Select[Any]:
    """The model that a version or a use belongs to."""
    above = view.parent
    return selected.outerjoin(above, above.c.id == view.typed.c.model_id).add_columns(
        above.c.natural_key.label("model"), view.typed.c.model_id
    )


def _served(selected: sa.Select[Any], view: View) -> sa.Select[Any]:
    """The version that a deployment serves, and its model."""
    served, of_version = view.of(Kind.VERSION), view.entry.alias("served")
    above = view.parent
    return (
        _label(selected, view)
        .outerjoin(served, served.c.id == view.typed.c.version_id)
        .outerjoin(of_version, of_version.c.id == served.c.id)
        .outerjoin(above, above.c.id == served.c.model_id)
        .add_columns(
            above.c.natural_key.label("model"),
            served.c.model_id,
            of_version.c.natural_key.label("version"),
            view.typed.c.version_id,
        )
    )


def _owner(selected: sa.Select[Any], view: View) -> sa.Select[Any]:
    """Whether an owner has left."""
    return _label(selected, view).add_columns(departed(view, view.typed).label("departed"))


BESIDE: Final[Mapping[Kind, Callable[[sa.Select[Any], View], sa.Select[Any]]]] = {
    Kind.MODEL: _versions,
    Kind.OWNER: _owner,
    Kind.VERSION: _model,
    Kind.USE: _used,
    Kind.DEPLOYMENT: _served,
}


def one_snapshot(session: Session) -> None:
    """Let all statements of a session that has not begun see the same rows."""
    if not session.in_transaction():
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
