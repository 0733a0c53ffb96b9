"""What the catalog learned later about the moment: facts that would have changed a cell."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, distinct_on

from schemas.facts import merge_rules
from schemas.identifiers import Kind
from schemas.sources import PIN
from schemas.values import Merge
from service.catalog.tables import Link, SubjectRow
from service.catalog.typed import TYPED, link_facts, reference_columns
from service.db import Timestamp
from service.exports.record import COMMITS
from service.exports.review.behind import OBSERVATION, observation_behind
from service.exports.review.late import SHOWN, Late, rank
from service.exports.review.loose import loose_rows
from service.exports.review.reading import Reading
from service.exports.review.values import written
from service.exports.statement import EMPTY, NOT_STATED, Cells, Text, Value, bare, constant, moment

LINK, SUBJECT = Link.__table__, SubjectRow.__table__
COMMIT: Final = constant("git:")
Bool = sa.ColumnElement[bool]


def select_corrections(reading: Reading) -> sa.Select[Any]:
    """One row a model and fact: observed by then, learned later, and not outranked then.

    Where it cannot be told whether a fact would have decided, it is listed.
    """
    late = Late(reading)
    each = sa.union_all(*(_facts(late, kind) for kind in SHOWN)).subquery("each")
    key = each.c["home", "digest", "entry", "field"]
    once = (
        sa.select(each).ext(distinct_on(*key)).order_by(*key, each.c.recorded_at, each.c.id)
    ).subquery("once")
    rows = loose_rows(
        reading, once,
        once.c.digest,
        reading.words(once.c.entry),
        once.c.field,
        reading.when(once.c.observed_at),
        reading.when(once.c.recorded_at),
        reading.words(once.c.source),
        once.c.then,
        once.c.learned,
    )  # fmt: skip
    return reading.ordered(rows, once.c.digest, sa.func.coalesce(once.c.entry, EMPTY), once.c.field)


def _facts(late: Late, kind: Kind) -> sa.Select[Any]:
    """The facts of one kind that would have been others."""
    said = _said(late, kind)
    cells = late.reading.cells
    then = sa.case((said.c.stated, _cell(cells, said, name="then")), else_=NOT_STATED)
    learned = _cell(cells, said, name="learned")
    both = sa.select(said, then.label("then_cell"), learned.label("new_cell"))
    compared = both.subquery("compared")
    columns = compared.c["home", "id", "digest", "field", "observed_at", "recorded_at", "source"]
    return sa.select(
        *columns, late.name_of(compared.c.entry_id).label("entry"),
        compared.c.then_cell.label("then"), compared.c.new_cell.label("learned"),
    ).where(compared.c.counts, _differs(compared, kind))  # fmt: skip


def _cell(cells: Cells, said: sa.Subquery, *, name: str) -> Text:
    """As the files' columns write it; a commit says that it is one."""
    text = written(cells, said.c[name])
    commit = sa.and_(said.c.field.in_(sorted(COMMITS)), text != EMPTY)
    return sa.case((commit, COMMIT + text), else_=text)


def _said(late: Late, kind: Kind) -> sa.Subquery:
    """Each late fact beside the same fact of then; `counts`: it ranks no lower."""
    typed, said, source = late.reading.at(TYPED[kind]), late.said, late.speaking
    fact = sa.func.jsonb_each(said.c.facts).table_valued("key", sa.column("value", JSONB))
    fact = fact.render_derived(name="fact")
    deciding = typed.c.statements[sa.cast(typed.c.provenance[fact.c.key][0].astext, sa.Integer)]
    homes, key = late.homes, fact.c.key
    stated = sa.func.coalesce(typed.c.provenance.has_key(key), sa.false())
    columns = said.c["id", "digest", "observed_at", "recorded_at", "entry_id"]
    counts = sa.or_(~stated, _counts(late, kind, said=said, fact=fact, deciding=deciding))
    same_source = typed.c.statements.contains(
        sa.func.jsonb_build_array(sa.func.jsonb_build_object("source", source.c.name))
    )
    return (
        sa.select(
            *columns, homes.c.home, key.label("field"), source.c.name.label("source"),
            stated.label("stated"), _then(late, kind, typed=typed, field=key).label("then"),
            _learned(kind, fact).label("learned"), counts.label("counts"),
            sa.func.coalesce(same_source, sa.false()).label("same_source"),
            _named(late, kind, typed=typed, fact=fact).label("same_entry"),
        )
        .select_from(said)
        .join(homes, homes.c.id == said.c.entry_id)
        .join(source, source.c.id == said.c.source_id)
        .join(fact, key.in_(sorted(SHOWN[kind])))
        .outerjoin(typed, typed.c.id == said.c.entry_id)
        .where(said.c.kind == kind.value)
        .subquery(f"said_{kind}")
    )  # fmt: skip


def _differs(one: sa.Subquery, kind: Kind) -> Bool:
    """Would the cell be another one? A member of a set that is there already adds nothing.

    Unless it is all that the source said now, and it said more before.
    """
    rules, differs = merge_rules(kind), one.c.then_cell != one.c.new_cell
    unions = [name for name in sorted(SHOWN[kind]) if rules[name] is Merge.UNION]
    adds = sa.func.coalesce(~one.c.then.contains(one.c.learned), sa.true())
    more = sa.or_(one.c.field.not_in(unions), ~one.c.stated, adds, one.c.same_source)
    return sa.and_(differs, more, ~one.c.same_entry)


def _learned(kind: Kind, fact: Any) -> Value:
    """The fact as it was said; a time as cells write it."""
    times = [name for name in sorted(SHOWN[kind]) if _is_time(kind, name)]
    text = sa.func.jsonb_typeof(fact.c.value) == constant("string")
    at = sa.func.to_jsonb(moment(sa.cast(bare(fact.c.value), Timestamp)))
    return sa.case((sa.and_(fact.c.key.in_(times), text), at), else_=fact.c.value)


def _is_time(kind: Kind, fact: str) -> bool:
    columns = TYPED[kind].c
    return fact in columns and isinstance(columns[fact].type, sa.DateTime)


def _then(late: Late, kind: Kind, *, typed: sa.FromClause, field: Value) -> Value:
    """The fact as it stood, as observations write it."""
    reading, pairs = late.reading, list[Any]()
    for name in sorted(SHOWN[kind] - link_facts(kind)):
        column = reference_columns(kind).get(name)
        value: Value = typed.c[column or name]
        if column is not None:
            value = reading.view.label_of(value)
        elif _is_time(kind, name):
            value = moment(value)
        pairs += [constant(name), sa.func.to_jsonb(value)]
    values = sa.func.jsonb_build_object(*pairs, type_=JSONB)[field]
    choice = sa.func.jsonb_build_object("one_of", typed.c.narrowed[field])
    cases: list[Any] = [(typed.c.narrowed.has_key(field), choice)]
    if links := sorted(SHOWN[kind] & link_facts(kind)):
        cases.append((field.in_(links), _links(reading, typed=typed, field=field)))
    return sa.type_coerce(sa.case(*cases, else_=values), JSONB)


def _links(reading: Reading, *, typed: sa.FromClause, field: Value) -> Value:
    link = reading.at(LINK)
    members = sa.func.jsonb_agg(link.c.attributes)
    return (
        sa.select(sa.func.coalesce(members, sa.cast([], JSONB)))
        .where(link.c.entry_id == typed.c.id, link.c.field == field)
        .scalar_subquery()
    )


def _named(late: Late, kind: Kind, *, typed: sa.FromClause, fact: Any) -> Bool:
    """Does it name the very entry that was named then, by another of its identifiers?"""
    subject, value = late.reading.at(SUBJECT).alias("named"), fact.c.value
    target: Value = (
        sa.select(subject.c.entry_id)
        .where(*(subject.c[name] == value[name].astext for name in ("kind", "scheme", "value")))
        .scalar_subquery()
    )
    same = [
        (fact.c.key == constant(name), typed.c[column] == target)
        for name, column in sorted(reference_columns(kind).items())
        if name in SHOWN[kind]
    ]
    return sa.func.coalesce(sa.case(*same), sa.false()) if same else sa.false()


def _counts(late: Late, kind: Kind, *, said: sa.CTE, fact: Any, deciding: Value) -> Bool:
    """Does it rank no lower than what decided the field then? A pin outranks all; sets add up."""
    own, other = late.own, late.other
    key, rules = fact.c.key, merge_rules(kind)
    by_rank = [name for name in sorted(SHOWN[kind]) if rules[name] is Merge.TOP]
    scheme = sa.func.split_part(deciding["subject"].astext, ":", 1)
    mine = (
        sa.select(rank(own, key, scheme=said.c.scheme, kind=kind))
        .where(own.c.id == said.c.source_id)
        .scalar_subquery()
    )
    its = (
        sa.select(rank(other, key, scheme=scheme, kind=kind))
        .where(other.c.name == deciding["source"].astext)
        .scalar_subquery()
    )
    guessed, was_guessed = (
        said.c.inferred.has_key(key),
        _was_guessed(kind, field=key, deciding=deciding),
    )
    order = sa.tuple_(sa.not_(guessed), mine) >= sa.tuple_(
        sa.not_(sa.func.coalesce(was_guessed, guessed)), sa.func.coalesce(its, mine)
    )
    pinned = deciding["source"].astext == constant(PIN)
    return sa.and_(~pinned, sa.or_(key.not_in(by_rank), order))


def _was_guessed(kind: Kind, *, field: Value, deciding: Value) -> Value:
    """Was what decided it only inferred?"""
    behind = observation_behind(
        deciding, kind=constant(kind.value), source=deciding["source"].astext
    )
    return behind.with_only_columns(OBSERVATION.c.inferred.has_key(field)).scalar_subquery()
