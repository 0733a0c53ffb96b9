"""The JSON Schema of `model.yaml`; a token adds this installation's teams and namespaces."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.manifest_schema import Draft, manifest_schema
from schemas.operations import NamespaceQuery
from schemas.strict import Closed
from service.access.policy import SELF, Caller
from service.catalog.namespaces import namespaces
from service.catalog.tables import Entry, SubjectRow
from service.catalog.view import visible
from service.db import Database, Store
from service.errors import NotAuthenticated, problems
from service.routing import CatalogRoute, Policy, check, policy

router = APIRouter(tags=["manifests"], route_class=CatalogRoute)
entry, subject = Entry.__table__, SubjectRow.__table__
MOST: Final = 5_000  # of each: an editor reads all of them
PUBLIC: Final = {"Cache-Control": "public, max-age=300", "Vary": "Authorization"}
PRIVATE: Final = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}


class SchemaQuery(Closed):
    """Which of the drafts; editors that know no other take 07."""

    draft: Annotated[Draft, Field(description="The draft of JSON Schema.")] = "2020-12"


async def _reader(request: Request) -> Caller | None:
    """Who asks, if anybody says so. Editors cannot; a token that is wrong is refused all the same.

    Tokens that read no entries see what nobody's sees.
    """
    if "authorization" not in request.headers:
        return None
    caller = await check(request, Policy(SELF))
    return caller if caller is not None and caller.may("entries:read") else None


@router.get("/schemas/model/v1.json", responses=problems(NotAuthenticated))
@policy("public")
def get_manifest_schema(
    query: Annotated[SchemaQuery, Query()],
    caller: Annotated[Caller | None, Depends(_reader)],
    store: Store,
    response: Response,
) -> dict[str, Any]:
    """The JSON Schema of `model.yaml`; a token adds the teams and namespaces that it may see."""
    response.headers.update(PUBLIC if caller is None else PRIVATE)
    return manifest_schema(draft=query.draft, **_known(store, caller))


def _known(store: Database, caller: Caller | None) -> dict[str, Sequence[str]]:
    """What stands in this catalog; nobody in particular is told nothing of it."""
    if caller is None:
        return {}
    with store.reading() as session:
        known = {"namespaces": _namespaces(session, caller)}
        teams = _teams(session, caller)  # while none is described, any will do
        return known | ({"teams": teams} if teams else {})


def _teams(session: Session, caller: Caller) -> Sequence[str]:
    """The handles of teams that some source describes: one only named may be misspelled."""
    handle = (
        subject.c.kind == Kind.OWNER,
        subject.c.scheme == "handle",
        subject.c.value.startswith("team:", autoescape=True),
    )
    found = (
        sa.select(subject.c.value)
        .join(entry, entry.c.id == subject.c.entry_id)
        .where(
            *handle,
            entry.c.gone_since.is_(None),
            sa.not_(entry.c.stub),
            visible(caller, kind=Kind.OWNER),
        )
        .order_by(subject.c.value.collate("C"))
        .limit(MOST)
    )
    return session.scalars(found).all()


def _namespaces(session: Session, caller: Caller) -> Sequence[str]:
    """Where something stands or may stand; of a reader of some, those."""
    if caller.namespaces is not None:
        return sorted(caller.namespaces)
    there = namespaces(session, NamespaceQuery(), caller=caller).query.subquery()
    name = there.c.namespace
    return session.scalars(sa.select(name).order_by(name.collate("C")).limit(MOST)).all()
