"""The source in whose name a person speaks, and the namespaces where it may do so."""

from collections.abc import Iterable
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from schemas.canonical import fold_name
from schemas.imports import PEOPLE
from schemas.sources import SourceKind, SourceSettings
from service.access.policy import Caller
from service.errors import CatalogError, Invalid
from service.ingest.declare import declare_source, find_source
from service.ingest.harvests import SourceDisabled
from service.ingest.sources import SourceFacts, SourceNotFound, get_source
from service.ledger.change import Cause

ALONE: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:about, 0))")


class MachineSource(Invalid):
    """People do not speak in the name of this source.

    Name one of kind `person`, or leave `source` out.
    """


class NamespaceNotYours(CatalogError):
    """The token does not hold for this namespace.

    Ask an admin for a token whose namespaces include it; a source's `may_name` may exclude it too.
    """

    status = 403


class Speaker(NamedTuple):
    """Who enters something, in whose name, and what the ledger is told."""

    caller: Caller
    source: str
    trace: str
    match: tuple[str, ...] = ()  # tags of what it has read and wants to change

    def cause(self, reason: str) -> Cause:
        """Why entries change."""
        return Cause(self.caller.actor, self.source, request=self.trace, reason=reason)


def hold(session: Session, about: str) -> None:
    """Let nobody else enter the same thing until the transaction ends."""
    session.execute(ALONE, {"about": about})


def persons_source(session: Session, name: str) -> SourceFacts | None:
    """A source of kind `person` that accepts statements; None: the built-in one has none yet.

    Raises `SourceNotFound`, `SourceDisabled`, `MachineSource`.
    """
    try:
        source = get_source(session, name)
    except SourceNotFound:
        if name != PEOPLE:
            raise
        return None
    if source.kind != SourceKind.PERSON:
        raise MachineSource(source=name)
    if not source.enabled:
        raise SourceDisabled(source=name)
    return source


def namespaces_of(
    speaker: Speaker, source: SourceFacts | None, *, within: Iterable[str]
) -> frozenset[str]:
    """Where the speaker may name things, of these namespaces.

    The built-in source is limited by its speakers alone; another one by its `may_name` as well.
    """
    named = {fold_name(namespace) for namespace in within}
    allowed = frozenset(one for one in named if speaker.caller.may_in("models:enter", one))
    if source is not None and source.name != PEOPLE:
        allowed &= source.may_name
    return allowed


def speaking(session: Session, speaker: Speaker, *, within: Iterable[str]) -> SourceFacts:
    """The source, as far as its speaker may name things in these namespaces.

    The built-in one begins with its first statement, and notes each namespace that it speaks in:
    so readers find it. Raises `NamespaceNotYours` where there is none.
    """
    source = persons_source(session, speaker.source)
    allowed = namespaces_of(speaker, source, within=within)
    if not allowed:
        raise NamespaceNotYours
    if speaker.source == PEOPLE:
        return speaking_in(session, speaker, namespaces=allowed)
    return get_source(session, speaker.source)._replace(may_name=allowed)


def speaking_in(session: Session, speaker: Speaker, *, namespaces: frozenset[str]) -> SourceFacts:
    """The built-in source, in namespaces in which the caller was found to have the right."""
    source = persons_source(session, PEOPLE)
    if source is None or not namespaces <= source.may_name:
        _widen(session, speaker, allowed=namespaces)
    return get_source(session, PEOPLE)._replace(may_name=namespaces)


def _widen(session: Session, speaker: Speaker, *, allowed: frozenset[str]) -> None:
    hold(session, f"source {PEOPLE}")
    state = find_source(session, PEOPLE)
    said = state.model_dump(include=set(SourceSettings.model_fields)) if state else {
        "name": PEOPLE, "kind": SourceKind.PERSON, "namespace": min(allowed), "may_name": (),
    }  # fmt: skip
    asked = SourceSettings.model_validate(
        said | {"may_name": sorted(allowed.union(said["may_name"]))}
    )
    declare_source(session, asked, actor=speaker.caller.actor, request=speaker.trace)
