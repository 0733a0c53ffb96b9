"""The datasets of the models in scope and of their versions, as they stood."""

from typing import Any, Final

import sqlalchemy as sa

from schemas.identifiers import Kind
from service.catalog.view import View
from service.exports.review.entries import beside_models, labels_of, version_text
from service.exports.review.gathering import together
from service.exports.review.reading import Reading
from service.exports.review.stated import stated
from service.exports.review.values import unmarked
from service.exports.statement import Text, Value, as_text, constant

ALL: Final = "all"  # what the model says holds for all versions
FIELD: Final = "datasets"
SENSITIVITY: Final = "data_sensitivity"


def select_datasets(reading: Reading) -> sa.Select[Any]:
    """A row for each dataset in each role, of versions and of what the model names for all."""
    view = View(Kind.DATASET, reading.caller, as_of=reading.as_of)
    linked, typed = _linked(reading, view), view.typed
    models, labels = reading.models, labels_of(view, Kind.DATASET)
    own, words = reading.known, reading.cells.words
    key = (linked.c.version, labels.c.identifier, linked.c.role)
    rows = (
        reading.rows(
            *map(own, key),
            own(linked.c.digest),
            own(linked.c.dataset_version),
            _either(reading, typed, fact=SENSITIVITY, linked=linked.c[SENSITIVITY]),
            *(stated(typed, one, written=words(typed.c[one])) for one in ("license", "source_url")),
            _either(reading, typed, fact="description", linked=linked.c.description),
        )
        .select_from(linked)
        .join(models, models.c.id == linked.c.home)
        .outerjoin(typed, typed.c.id == linked.c.target)
        .outerjoin(labels, labels.c.of == linked.c.target)
    )  # fmt: skip
    return reading.ordered(rows, *map(unmarked, key), as_text(linked.c.target))


def _linked(reading: Reading, view: View) -> sa.Subquery:
    """What links to which dataset in which role; what several sources say of it, together."""
    link, target, scope = view.link, view.entry.alias("target"), _scope(reading, view)
    of = sa.func.coalesce(target.c.merged_into, target.c.id)
    said = link.c.attributes
    each = {
        "digest": link.c.digest, "dataset_version": said["version"].astext,
        SENSITIVITY: said[SENSITIVITY].astext, "description": said["description"].astext,
    }  # fmt: skip
    by = (scope.c.home, scope.c.version, of, link.c.role)
    return (
        sa.select(
            scope.c.home, scope.c.version, of.label("target"), link.c.role,
            *(_together(value).label(name) for name, value in each.items()),
        )
        .select_from(scope)
        .join(link, sa.and_(link.c.entry_id == scope.c.id, link.c.field == FIELD))
        .join(target, target.c.id == link.c.target_id)
        .group_by(*by)
        .subquery("linked")
    )  # fmt: skip


def _together(value: Value) -> Text:
    """One text as it is, several as items."""
    several = sa.func.count(value.distinct()) > 1
    return sa.case((several, together(value)), else_=sa.func.min(value))


def _scope(reading: Reading, view: View) -> sa.Subquery:
    """The models in scope and their versions: `id`, `home`, and what the file calls them."""
    version, entry, models = view.of(Kind.VERSION), view.entry, reading.models
    labels = labels_of(view, Kind.VERSION)
    rows = entry.join(version, version.c.id == entry.c.id)
    rows = rows.outerjoin(labels, labels.c.of == entry.c.id)
    versions = (
        sa.select(
            entry.c.id, models.c.id.label("home"),
            version_text(entry, version.c.number, label=labels.c.label).label("version"),
        )
        .select_from(beside_models(reading, rows, of=version.c.model_id))
        .where(entry.c.merged_into.is_(None), entry.c.replaced_by.is_(None))
    )  # fmt: skip
    whole = sa.select(models.c.id, models.c.id, constant(ALL))
    return sa.union_all(versions, whole).subquery("of_links")


def _either(reading: Reading, typed: sa.FromClause, *, fact: str, linked: Value) -> Text:
    """What is said of the dataset itself, else of what it is here."""
    value = sa.func.coalesce(typed.c[fact], linked)
    return stated(typed, fact, written=reading.cells.words(value), value=value)
