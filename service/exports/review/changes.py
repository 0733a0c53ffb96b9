"""What changed about the models in scope since an earlier moment, and because of what."""

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from schemas.identifiers import Kind
from service.catalog.causes import DECIDED, SAID, WRITTEN
from service.catalog.causes import POLICIES as FOLDING
from service.catalog.tables import Entry
from service.catalog.typed import REFERENCES
from service.db import Timestamp
from service.exports.review.behind import OBSERVATION, observation_behind
from service.exports.review.belonging import belonging
from service.exports.review.loose import loose_rows
from service.exports.review.reading import HIDDEN, Reading
from service.exports.review.values import written
from service.exports.statement import EMPTY, Text, Value, as_text, bare, constant
from service.ledger.confidential import CONFIDENTIAL
from service.ledger.feed import change

ENTRY: Final = Entry.__table__
RULES: Final = ("policy", "control_pack")  # they are of no model
IN_FORCE: Final = ("activate", "begin", "supersede", "withdraw")  # what becomes of rules
BY_RULES: Final = (*FOLDING, "revaluation", "activation")  # software that applies new rules
BEGINS: Final = ("create", "describe")
JOINING: Final = ("merge", "unmerge")  # whoever says so
PEOPLE: Final = ("person", "machine", "operator")
NOT_TOLD: Final = ("legal_hold",)
ID: Final = constant("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
SPACE: Final = constant(" ")
NAMESPACE: Final = constant("namespace")


def select_changes(reading: Reading) -> sa.Select[Any]:
    """One row a model and change: an owner's change is one of each model that names it.

    What changes the rules for all stands there once, without a model. A create is one row, with
    the name of what is new. Without an earlier moment there is nothing.
    """
    told = _told(reading)
    secret = sa.and_(told.c.kind.in_(CONFIDENTIAL), ~reading.models.c.told)
    rows = loose_rows(
        reading,
        told,
        as_text(told.c.id),
        reading.when(told.c.recorded_at),
        told.c.kind,
        reading.words(told.c.entry),
        reading.words(told.c.field),
        _unless(secret, _value(reading, told, side="old")),
        _unless(secret, _new(reading, told)),
        told.c.cause_kind,
        _unless(secret, reading.words(told.c.cause)),
        _unless(secret, reading.words(told.c.evidence)),
    )
    return reading.ordered(rows, as_text(told.c.id))


def _unless(secret: sa.ColumnElement[bool], text: Text) -> Text:
    """What only those may read who may read notes, where it is such a change."""
    return sa.case((secret, HIDDEN), else_=text)


def _told(reading: Reading) -> sa.Subquery:
    """The changes of the time, with `home`; those of the rules have none."""
    about = belonging(reading)
    chosen = _chosen(reading, about)
    document = chosen.c.document
    return (
        sa.select(
            about.c.home, *chosen.c["id", "recorded_at", "kind", "document"],
            _entry(chosen).label("entry"), _field(chosen).label("field"),
            _cause_kind(chosen).label("cause_kind"), _cause(chosen).label("cause"),
            chosen.c.evidence, chosen.c.name,
            *(_called(reading, document[side]).label(f"{side}_name") for side in ("old", "new")),
        )
        .select_from(chosen)
        .outerjoin(about, about.c.id == chosen.c.entry_id)
        .subquery("told")
    )  # fmt: skip


def _chosen(reading: Reading, about: sa.CTE) -> sa.CTE:
    """Each change of the time once, with what the ledger keeps of it read once."""
    since, entry = reading.since, reading.at(ENTRY)
    begun = sa.false() if since is None else change.c.recorded_at > sa.literal(since, Timestamp)
    then = sa.and_(begun, reading.past(change.c.recorded_at))
    name = sa.func.coalesce(
        entry.c.natural_key, reading.view.label_of(entry.c.id), _left(reading, entry.c.id),
        as_text(change.c.entry_id),
    )  # fmt: skip
    columns: list[Any] = [
        *change.c["id", "recorded_at", "kind", "entry_id", "field"],
        WRITTEN.label("document"), _evidence().label("evidence"),
    ]  # fmt: skip
    entries = sa.select(about.c.id).distinct().subquery("entries")
    of_models = (
        sa.select(*columns, name.label("name"))
        .select_from(change)
        .join(entries, entries.c.id == change.c.entry_id)
        .outerjoin(entry, entry.c.id == change.c.entry_id)
        .where(then, change.c.kind.not_in((*RULES, *NOT_TOLD)))
    )
    of_rules = sa.select(*columns, sa.cast(sa.null(), sa.Text)).where(
        then, change.c.kind.in_(RULES), WRITTEN["op"].astext.in_(IN_FORCE)
    )
    return sa.union_all(of_models, of_rules).cte("chosen")


def _evidence() -> Value:
    """Where the source shows what it said, until the change was recorded."""
    source = sa.func.coalesce(SAID["source"].astext, WRITTEN["source"].astext)
    behind = observation_behind(SAID, kind=change.c.kind, source=source)
    shown = behind.with_only_columns(OBSERVATION.c.evidence["url"].astext)
    shown = shown.where(OBSERVATION.c.recorded_at <= change.c.recorded_at)
    given = sa.func.jsonb_typeof(SAID) == constant("object")
    return sa.case((given, shown.scalar_subquery()))


def _left(reading: Reading, target: Value) -> Value:
    """What an entry was first called that has joined another one, and brought its names along."""
    subject = reading.view.subject.alias("brought")
    return (
        sa.select(subject.c.value)
        .where(subject.c.home_id == target)
        .order_by(subject.c.id)
        .limit(1)
        .scalar_subquery()
    )


def _entry(chosen: sa.CTE) -> Value:
    """What changed is called; rules by their own name."""
    said = chosen.c.document
    rules = sa.func.coalesce(said["new"]["name"].astext, said["old"]["name"].astext)
    return sa.case((chosen.c.kind.in_(RULES), rules), else_=chosen.c.name)


def _field(chosen: sa.CTE) -> Value:
    """The fact, by its name where the ledger has its column; nothing where an entry began."""
    op = chosen.c.document["op"].astext
    columns = sorted({f"{fact}_id" for _, fact in REFERENCES})
    refers = sa.and_(chosen.c.kind.in_(sorted(Kind)), chosen.c.field.in_(columns))
    return sa.case(
        (op.in_(BEGINS), EMPTY),
        (refers, sa.func.regexp_replace(chosen.c.field, "_id$", "", type_=sa.Text)),
        else_=chosen.c.field,
    )


def _cause_kind(chosen: sa.CTE) -> Text:
    said = chosen.c.document
    op, actor, source = said["op"].astext, said["actor"], said["source"].astext
    kind = actor["kind"].astext
    by_rules = sa.and_(kind == "software", actor["id"].astext.in_(BY_RULES))
    return sa.case(
        (sa.or_(chosen.c.kind.in_(RULES), by_rules), constant("policy")),
        (op.in_(JOINING), constant("merge")),
        (kind.in_(PEOPLE), constant("person")),
        (op.in_([one for one in DECIDED if one != "repair"]), constant("merge")),
        (sa.or_(kind == "source", source.is_not(None)), constant("harvest")),
        else_=constant("clock"),
    )


def _cause(chosen: sa.CTE) -> Value:
    """Who or what: rules by name and version, a source with its harvest, else who did it."""
    said = chosen.c.document
    actor, kind = said["actor"]["id"].astext, said["actor"]["kind"].astext
    version = sa.func.coalesce(said["new"]["version"].astext, said["old"]["version"].astext)
    source = sa.func.coalesce(said["source"].astext, actor)
    by_source = sa.or_(kind == "source", said["source"].astext.is_not(None))
    rated = sa.and_(actor == "revaluation", said["reason"].astext.is_not(None))
    policy = sa.func.regexp_replace(said["reason"].astext, "^policy ", "", type_=sa.Text)
    return sa.case(
        (chosen.c.kind.in_(RULES), _entry(chosen) + SPACE + version),
        (rated, policy),
        (kind.in_(PEOPLE), actor),
        (by_source, sa.func.concat_ws(SPACE, source, said["harvest"].astext)),
        else_=actor,
    )


def _new(reading: Reading, told: sa.Subquery) -> Text:
    """The value after; of what began its name."""
    begins = sa.and_(told.c.kind.in_(sorted(Kind)), told.c.document["op"].astext.in_(BEGINS))
    return sa.case((begins, reading.words(told.c.name)), else_=_value(reading, told, side="new"))


def _value(reading: Reading, told: sa.Subquery, *, side: str) -> Text:
    """A value as the ledger keeps it; an entry by what it is called, if its reader may see it."""
    name, value = told.c[f"{side}_name"], told.c.document[side]
    return sa.case(
        (name.is_not(None), reading.words(name)),
        (sa.or_(*_unseen(reading, told, value=value)), HIDDEN),
        else_=written(reading.cells, value),
    )


def _unseen(reading: Reading, told: sa.Subquery, *, value: Value) -> Iterator[Value]:
    """Is it the id of an entry, or a namespace, that the reader may not see?"""
    yield sa.and_(told.c.kind.in_(sorted(Kind)), _is_id(value))
    seen = reading.caller.namespaces
    if seen is not None:
        yield sa.and_(
            told.c.field == NAMESPACE, sa.func.jsonb_typeof(value) == constant("string"),
            bare(value).not_in(sorted(seen)),
        )  # fmt: skip


def _is_id(value: Value) -> Value:
    return sa.and_(sa.func.jsonb_typeof(value) == constant("string"), bare(value).op("~")(ID))


def _called(reading: Reading, value: Value) -> Value:
    """What the entry is called whose id a value is, if it is one's that the reader may see."""
    entry = reading.at(ENTRY).alias("named")
    label = reading.view.label_of(entry.c.id)
    text = bare(value)
    found = (
        sa.select(sa.func.coalesce(entry.c.natural_key, label))
        .where(entry.c.id == sa.cast(text, sa.Uuid), reading.view.sees(entry))
        .scalar_subquery()
    )
    return sa.case((_is_id(value), found), else_=sa.cast(sa.null(), sa.Text))
