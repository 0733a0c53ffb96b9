"""Claims that a person has to decide: who bears a name, what is merged, what is kept apart."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.identity import ClaimQuery, ContestedClaim
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.sorting import Key
from service.catalog.tables import Entry, SubjectRow
from service.catalog.typed import TYPED
from service.catalog.view import visible
from service.errors import NotFound
from service.ingest.supported import is_claimed, is_stated, stands_there, was_stated
from service.ingest.tables import IdentityDecision, SourceRow
from service.ledger.tables import ChangeRow

DECISIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "manifest": ("same", "transfer", "reject"),
    "name": ("merge", "reject"),
    "proposal": ("merge", "reject"),
    "unsupported": ("keep", "unmerge"),
    "apart": ("merge", "reject"),
    "collision": ("reject",),
}
COLUMNS: Final = (
    "id", "kind", "state", "namespace", "entry", "entry_name", "other", "claimant", "source",
    "since", "decision", "reason",
)  # fmt: skip

entry, subject, decision, source, change = (
    table.__table__ for table in (Entry, SubjectRow, IdentityDecision, SourceRow, ChangeRow)
)
Text = sa.ColumnElement[str]


class ClaimNotFound(NotFound):
    """No claim that you may see has this id.

    `GET /api/v1/contested-claims` lists them; a claim that came to nothing is listed no more.
    """


def claims(asked: ClaimQuery, *, caller: Caller) -> Keyset:
    """The claims that match and that the caller may see, the newest first; open ones by default."""
    found = _all().subquery("claim")
    states = asked.state or ("open",)
    query = sa.select(*found.c[*COLUMNS]).where(found.c.state.in_(states))
    for name in ("kind", "namespace", "source"):
        if (wanted := getattr(asked, name)) is not None:
            query = query.where(found.c[name].in_(wanted))
    if caller.namespaces is not None:  # a claim names both: whoever sees one alone sees neither
        query = query.where(_is_seen(found.c.entry, caller))
        query = query.where(sa.or_(found.c.other.is_(None), _is_seen(found.c.other, caller)))
    order = (Key(found.c.since, descending=True), Key(found.c.id, descending=True))
    return Keyset(query, order, as_claim)


def _is_seen(target: sa.ColumnElement[UUID], caller: Caller) -> sa.ColumnElement[bool]:
    """May the caller see what stands for an entry?"""
    own, root = entry.alias(), entry.alias()
    return sa.exists().where(
        own.c.id == target,
        root.c.id == sa.func.coalesce(own.c.merged_into, own.c.id),
        visible(caller, root),
    )


def get_claim(session: Session, claim: str, *, caller: Caller) -> ContestedClaim:
    """One claim, open or decided. Raises `ClaimNotFound`."""
    query, _, _ = claims(ClaimQuery(state=("open", "decided")), caller=caller)
    found = query.where(query.selected_columns.id == claim)
    row = session.execute(found).mappings().one_or_none()
    if row is None:
        raise ClaimNotFound
    return as_claim(row)


def as_claim(row: sa.RowMapping) -> ContestedClaim:
    """A row as it is answered, with what may be decided about it."""
    open_one = row["state"] == "open"
    members = {name: row[name] for name in COLUMNS}
    return ContestedClaim(
        **members, decisions=DECISIONS[row["kind"]] if open_one else (),
    )  # fmt: skip


@cache
def _all() -> sa.CompoundSelect[Any]:
    """Decisions that wait for a person, and entries that want a name which another one bears."""
    return sa.union_all(_decided(), _contested_names())


ONE, TWO = entry.alias("one"), entry.alias("two")
ROOT, OTHER_ROOT = (sa.func.coalesce(side.c.merged_into, side.c.id) for side in (ONE, TWO))
ANSWERED: Final = decision.c.evidence["decision"].astext
LIFTED: Final = decision.c.lifted_at.is_not(None)
KIND: Final = sa.case(
    (decision.c.op == "claim", decision.c.evidence["claim"].astext),
    (decision.c.op == "proposed", "proposal"),
    (decision.c.op == "merge", "unsupported"),
    else_="apart",
)


def _decided() -> sa.Select[Any]:
    """What stands in the decisions: claims, proposals, merges and separations in doubt."""
    is_open = _is_open()
    merged = sa.case((ROOT == OTHER_ROOT, "merge"), else_="reject")
    answer = sa.case(
        (is_open, None),
        (decision.c.op == "proposed", sa.func.coalesce(ANSWERED, merged)),
        else_=ANSWERED,
    )
    first = sa.func.coalesce(ONE.c.natural_key, _first_name(decision.c.entry_id))
    return (
        sa.select(
            sa.func.concat(KIND, "-", decision.c.id).label("id"),
            KIND.label("kind"),
            sa.case((is_open, "open"), else_="decided").label("state"),
            ONE.c.namespace.label("namespace"),
            decision.c.entry_id.label("entry"),
            first.label("entry_name"),
            decision.c.other_id.label("other"),
            _claimant().label("claimant"),
            source.c.name.label("source"),
            change.c.recorded_at.label("since"),
            answer.label("decision"),
            decision.c.evidence["because"].astext.label("reason"),
        )
        .join_from(decision, ONE, ONE.c.id == decision.c.entry_id)
        .join(change, change.c.id == decision.c.change_id)
        .outerjoin(TWO, TWO.c.id == decision.c.other_id)
        .outerjoin(source, source.c.id == decision.c.source_id)
        .where(decision.c.op.in_(("claim", "proposed", "merge", "separated")), _is_doubtful())
    )


def _is_open() -> sa.ColumnElement[bool]:
    """Does it wait for a person?"""
    return sa.case(
        (decision.c.op == "claim", sa.and_(~LIFTED, ~stands_there(ROOT))),
        (decision.c.op == "proposed", sa.and_(~LIFTED, ROOT != OTHER_ROOT)),
        else_=ANSWERED.is_(None),
    )


def _is_doubtful() -> sa.ColumnElement[bool]:
    """Is there something to decide, or to read of what was decided?"""
    listed = decision.c.evidence["claim"].astext.in_(("manifest", "collision"))
    return sa.or_(
        decision.c.op == "proposed",
        sa.and_(decision.c.op == "claim", listed, sa.or_(LIFTED, ~stands_there(ROOT))),
        sa.and_(decision.c.op == "merge", ~LIFTED, was_stated(ONE), ~is_stated(ROOT)),
        sa.and_(decision.c.op == "separated", ~LIFTED, is_claimed(ROOT, OTHER_ROOT)),
    )


def _claimant() -> Text:
    """An identifier, or the other entry."""
    claimant = decision.c.evidence["subject"]
    kind, scheme, value = (claimant[part].astext for part in ("kind", "scheme", "value"))
    written = sa.func.concat(kind, ":", scheme, ":", value)
    return sa.case((claimant.is_not(None), written), else_=_named(TWO))


def _contested_names() -> sa.Select[Any]:
    """Models and versions whose facts give them a name that another entry bears."""
    return sa.union_all(_models(), _versions()).subquery("named").select()


def _models() -> sa.Select[Any]:
    model = TYPED[Kind.MODEL]
    written: sa.ColumnElement[str] = model.c.name
    for character, code in (("%", "%25"), ("/", "%2f"), ("#", "%23")):
        written = sa.func.replace(written, character, code)
    wanted = sa.func.lower(model.c.namespace + "/" + written)
    return _wanting(model, wanted, field="name")


def _versions() -> sa.Select[Any]:
    version, above = TYPED[Kind.VERSION], entry.alias("above")
    key = sa.select(above.c.natural_key).where(above.c.id == version.c.model_id).scalar_subquery()
    return _wanting(version, key + "/" + sa.func.lower(version.c.number), field="number")


BEARER: Final = entry.alias("bearer")
BEARS: Final = sa.and_(
    BEARER.c.kind == entry.c.kind,
    BEARER.c.merged_into.is_(None),
    BEARER.c.replaced_by.is_(None),
    BEARER.c.id != entry.c.id,
)
ANSWER: Final = (
    sa.select(decision.c.evidence)
    .where(
        decision.c.entry_id == entry.c.id,
        decision.c.op == "claim",
        decision.c.evidence["claim"].astext == "name",
    )
    .order_by(decision.c.id.desc())
    .limit(1)
    .correlate(entry)
    .lateral("answer")
)


def _wanting(typed: sa.Table, wanted: Any, *, field: str) -> sa.Select[Any]:
    """Entries that want the name of another one, and what a person said to that."""
    said = sa.type_coerce(ANSWER.c.evidence, JSONB)
    return (
        sa.select(
            sa.func.concat("name-", entry.c.id).label("id"),
            sa.literal("name").label("kind"),
            sa.case((ANSWER.c.evidence.is_(None), "open"), else_="decided").label("state"),
            BEARER.c.namespace.label("namespace"),
            BEARER.c.id.label("entry"),
            BEARER.c.natural_key.label("entry_name"),
            entry.c.id.label("other"),
            _named(entry).label("claimant"),
            sa.null().cast(sa.Text).label("source"),
            entry.c.first_seen_at.label("since"),
            said["decision"].astext.label("decision"),
            said["because"].astext.label("reason"),
        )
        .join_from(typed, entry, entry.c.id == typed.c.id)
        .join(BEARER, sa.and_(BEARS, BEARER.c.natural_key == wanted))
        .outerjoin(ANSWER, sa.true())
        .where(typed.c.conflicts.contains(sa.cast([field], JSONB)))
        .where(entry.c.merged_into.is_(None), entry.c.replaced_by.is_(None))
    )


def _named(of: sa.FromClause) -> Text:
    """What an entry is called: by name, else by the identifier it was first known by."""
    return sa.func.coalesce(of.c.natural_key, _first_name(of.c.id))


def _first_name(target: sa.ColumnElement[UUID]) -> sa.ScalarSelect[str]:
    known = subject.alias("known")
    return (
        sa.select(known.c.scheme + ":" + known.c.value)
        .where(known.c.entry_id == target)
        .order_by(known.c.id)
        .limit(1)
        .scalar_subquery()
    )
