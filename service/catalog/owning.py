"""Which entries an account owns: whom a displayed owner stands for, and when that gives rights.

A displayed owner is only a fact. Rights need accountable owners whom nobody disputes, stated by a
source that may grant ownership or by a person's pin, and the mapping that admins keep. Whether two
identifiers are one owner is decided likewise: what any source may say gives no rights.
"""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import SCHEMES, Kind
from schemas.sources import PIN
from service.access.policy import Caller
from service.access.tables import OwnerMappingRow
from service.catalog.tables import Entry, Link, SubjectRow
from service.catalog.typed import TYPED, link_facts
from service.ingest.tables import (
    IdentityDecision,
    ObservationRow,
    PinRow,
    SightingRow,
    SourceRow,
)
from service.reconcile import ACCOUNTABLE

OWNERS: Final = "owners"
OWNED: Final = tuple(kind for kind in TYPED if OWNERS in link_facts(kind))

entry, link, subject, mapping, source, pin, decision, sighting, observation = (
    table.__table__
    for table in (
        Entry, Link, SubjectRow, OwnerMappingRow, SourceRow, PinRow, IdentityDecision, SightingRow,
        ObservationRow,
    )
)  # fmt: skip


def owns(session: Session, caller: Caller, *, entry_id: UUID) -> bool:
    """Does the caller's account own an entry? A version, use or deployment: through its model.

    One statement; none for whoever has no account.
    """
    if caller.account is None:
        return False
    home = sa.select(sa.func.coalesce(entry.c.merged_into, entry.c.id)).where(
        entry.c.id == entry_id
    )
    owned = owned_entries(caller.account).where(link.c.entry_id.in_(_counting(home)))
    return bool(session.execute(sa.select(owned.exists())).scalar_one())


def owned_entries(account: UUID) -> sa.Select[Any]:
    """The ids of entries whose accountable owners stand for an account, and so give it rights."""
    return (
        sa.select(link.c.entry_id)
        .select_from(mapping)
        .join(subject, _mapped(subject))
        .join(link, link.c.target_id == subject.c.entry_id)
        .where(
            mapping.c.account_id == account,
            link.c.field == OWNERS,
            sa.func.coalesce(link.c.role, ACCOUNTABLE) == ACCOUNTABLE,
            _one_owner(),
            sa.or_(*(_granted(kind) for kind in OWNED)),
        )
    )


def own_owners(account: UUID | None, subjects: sa.FromClause) -> sa.Select[Any]:
    """The ids of the owner entries that stand for an account, by any of their identifiers."""
    mapped = sa.and_(_mapped(subjects), mapping.c.account_id == account)
    return sa.select(subjects.c.entry_id).select_from(subjects).join(mapping, mapped)


def _mapped(subjects: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(
        subjects.c.kind == Kind.OWNER,
        subjects.c.scheme == mapping.c.scheme,
        subjects.c.value == mapping.c.value,
    )


def _one_owner() -> sa.ColumnElement[bool]:
    """Is the mapped identifier the one that the deciding statement names, or surely the same?

    Surely: a person merged the two, or a source that may grant ownership says so just now.
    """
    stated = link.c.attributes["owner"]
    named = subject.alias("named")
    same = sa.and_(
        stated["scheme"].astext == subject.c.scheme, stated["value"].astext == subject.c.value
    )
    each_other = sa.or_(_says(named.c.id, _written(subject)), _says(subject.c.id, stated))
    joined = _exists(
        named,
        where=(
            named.c.kind == Kind.OWNER,
            named.c.scheme == stated["scheme"].astext,
            named.c.value == stated["value"].astext,
            sa.or_(_merged_by_hand(named, subject), each_other),
        ),
    )
    return sa.or_(same, joined)


def _merged_by_hand(*subjects: sa.FromClause) -> sa.ColumnElement[bool]:
    """Did people bring the one to the other, or both to a third?"""
    came = [_brought_by_hand(one) for one in subjects]
    surely = (sa.or_(by_hand, _was_there(one)) for by_hand, one in zip(came, subjects, strict=True))
    return sa.and_(sa.or_(*came), *surely)


def _brought_by_hand(one: sa.FromClause) -> sa.ColumnElement[bool]:
    """Did it stand in an entry that a person merged into the one where it stands now?"""
    by_hand = (
        decision.c.op == "merge",
        decision.c.source_id.is_(None),
        decision.c.lifted_at.is_(None),
        decision.c.entry_id == one.c.entry_id,
        decision.c.homes.has_key(sa.cast(one.c.id, sa.Text)),
    )
    return _exists(decision, where=by_hand)


def _was_there(one: sa.FromClause) -> sa.ColumnElement[bool]:
    """Did its entry begin with it, or does a source that may grant ownership say as much?

    What any other source merged or added may be anybody.
    """
    first, earlier = subject.alias(), subject.alias()
    begun = sa.select(sa.func.min(earlier.c.id)).where(
        earlier.c.entry_id == one.c.entry_id, earlier.c.home_id.is_(None)
    )
    says = sa.or_(_says(one.c.id, _written(first)), _says(first.c.id, _written(one)))
    same = sa.or_(first.c.id == one.c.id, says)
    began = first.c.id == begun.correlate_except(earlier).scalar_subquery()
    return sa.and_(one.c.home_id.is_(None), _exists(first, where=(began, same)))


def _exists(*of: sa.FromClause, where: Iterable[sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    """A row of just these tables: all others are those of the statements around it.

    SQLAlchemy finds only the nearest one by itself, and would else mean *any* owner or link.
    """
    return sa.exists(sa.select(1).select_from(*of).where(*where).correlate_except(*of))


def _written(of: sa.FromClause) -> sa.ColumnElement[Any]:
    """An owner's identifier as observations write it."""
    return sa.func.jsonb_build_object(
        "kind", Kind.OWNER.value, "scheme", of.c.scheme, "value", of.c.value
    )


def _says(about: sa.ColumnElement[Any], other: Any) -> sa.ColumnElement[bool]:
    """Does a source that may grant ownership say of a subject that it is also another?"""
    said = (
        sighting.c.subject_id == about,
        observation.c.id == sighting.c.observation_id,
        source.c.id == sighting.c.source_id,
        source.c.may_grant_ownership,
        observation.c.same_as.contains(sa.func.jsonb_build_array(other)),
    )
    return _exists(sighting, observation, source, where=said)


def _granted(kind: Kind) -> sa.ColumnElement[bool]:
    """Did somebody who may grant ownership decide the owners of the link's entry?

    What such a source reads in files of others (CODEOWNERS, who committed) gives no rights.
    """
    typed = TYPED[kind].alias(f"owned_{kind}")
    deciding = typed.c.statements[sa.cast(typed.c.provenance[OWNERS][0].astext, sa.Integer)]
    trusted = sa.exists().where(
        source.c.name == deciding["source"].astext,
        source.c.may_grant_ownership,
        sa.func.split_part(deciding["subject"].astext, ":", 1).not_in(_lower(kind)),
    )
    its_own = sa.or_(entry.c.id == typed.c.id, entry.c.merged_into == typed.c.id)
    pinned = sa.exists().where(  # and not only shown so until its end is noticed
        pin.c.entry_id == entry.c.id,
        its_own,
        pin.c.field == OWNERS,
        sa.or_(pin.c.expires_at.is_(None), pin.c.expires_at > sa.func.now()),
    )
    by_hand = sa.and_(deciding["source"].astext == PIN, pinned)
    uncontested = ~typed.c.conflicts.has_key(OWNERS)
    return sa.exists().where(
        typed.c.id == link.c.entry_id, sa.or_(by_hand, sa.and_(uncontested, trusted))
    )


def _lower(kind: Kind) -> list[str]:
    """Schemes whose statements rank below what else their source says."""
    return sorted(name for name, scheme in SCHEMES[kind].items() if scheme.below)


def _counting(about: sa.Select[Any]) -> sa.CompoundSelect[Any]:
    """An entry itself, and the model that it belongs to."""
    version, use, deployment = (TYPED[k] for k in (Kind.VERSION, Kind.USE, Kind.DEPLOYMENT))
    served = sa.select(deployment.c.version_id).where(deployment.c.id.in_(about))
    return sa.union(
        about,
        sa.select(version.c.model_id).where(
            sa.or_(version.c.id.in_(about), version.c.id.in_(served))
        ),
        sa.select(use.c.model_id).where(use.c.id.in_(about)),
    )
