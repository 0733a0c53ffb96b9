"""Pushes of CI jobs: held against what was proved of the job, then recorded like any other."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Identifier, Kind
from schemas.identities import Proved, digest_of_identity, identities_of
from schemas.observation import Receipt
from service.catalog.tables import SubjectRow
from service.errors import CatalogError
from service.ingest.ingest import push_batch
from service.ingest.proof import Job, hold
from service.ingest.sources import SourceFacts
from service.ingest.tables import SightingRow, SourceRow
from service.ledger.change import Cause

declared, subject, sighting = (t.__table__ for t in (SourceRow, SubjectRow, SightingRow))


class ProofDiffers(CatalogError):
    """The batch says something else than what the identity token proved.

    Nothing was changed. `errors` says where. Leave these facts out: what was proved is filled in;
    and let every build, and every repository, push for itself.
    """

    status = 403


class BindingGone(CatalogError):
    """The source does not let this job speak for it any more.

    Nothing was changed. Its `identities` were changed since the token was given: exchange another
    identity token, or let an admin add a binding for the job.
    """

    status = 403


def push_proved(
    session: Session,
    source: SourceFacts,
    *,
    documents: Sequence[Any],
    cause: Cause,
    proved: Proved | None,
) -> Receipt:
    """Record a batch that belongs to no harvest; of a CI job only what was proved of it.

    Records that cannot be read are refused one by one, and not tried again later: nobody would
    hold them against the proof then. Raises `ProofDiffers`, `BindingGone`, and what `push_batch`
    raises.
    """
    if proved is None:
        return push_batch(session, source, documents=documents, cause=cause)
    held = hold(documents, _job(session, source, proved=proved))
    if held.problems:
        raise ProofDiffers(*held.problems, source=source.name, run=proved.run)
    return push_batch(session, source, documents=held.documents, cause=cause, once=held.unread)


def _job(session: Session, source: SourceFacts, *, proved: Proved) -> Job:
    """The job, if its source still lets it speak. Raises `BindingGone`."""
    columns = declared.c["settings", "may_grant_ownership"]
    found = session.execute(sa.select(*columns).where(declared.c.id == source.id)).one()
    bound = {digest_of_identity(one) for one in identities_of(found.settings)}
    if proved.binding not in bound:
        raise BindingGone(source=source.name, run=proved.run)
    return Job(source.name, proved, _referred(session, proved), found.may_grant_ownership)


def _referred(session: Session, proved: Proved) -> Identifier | None:
    """The repository by its number; by its address where some source knows it by that alone."""
    if proved.repository is None or proved.repository_url is None:
        return proved.repository
    url = Identifier(kind=Kind.REPOSITORY, scheme="url", value=proved.repository_url)
    either = [
        sa.and_(subject.c.scheme == one.scheme, subject.c.value == one.value)
        for one in (proved.repository, url)
    ]
    seen = sa.exists().where(sighting.c.subject_id == subject.c.id)
    known = session.execute(
        sa.select(subject.c.scheme).where(
            subject.c.kind == Kind.REPOSITORY.value, sa.or_(*either), seen
        )
    ).scalars()
    return url if set(known) == {url.scheme} else proved.repository
