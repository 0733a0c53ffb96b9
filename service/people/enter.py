"""What a person states about one model: entered, read, replaced and withdrawn."""

from typing import Any

from sqlmodel import Session

from schemas.canonical import natural_name
from schemas.facts import Facts
from schemas.identifiers import Kind
from schemas.imports import Entered, EnterModel, ReplaceEntered
from schemas.problem import FieldProblem
from service.access.policy import Caller
from service.errors import Conflict, Invalid, NotFound
from service.etag import check_match
from service.ingest.ingest import record_batch
from service.ingest.sources import SourceFacts
from service.ledger.change import Cause
from service.people.entered import (
    began,
    entered_subject,
    find_entered,
    spoken_at,
    use_subject,
)
from service.people.source import Speaker, hold, speaking


class EnteredNotFound(NotFound):
    """Nobody has entered this model in the name of this source.

    `POST /api/v1/models` enters it; `source` names another source than `people`.
    """


class AlreadyEntered(Conflict):
    """People state something else about this model already.

    Read it with `GET /api/v1/models/{namespace}/{name}/entered`, and change it with `PUT` there:
    send the `ETag` that you read as `If-Match`.
    """


def get_entered(session: Session, source_name: str, *, named: str, caller: Caller) -> Entered:
    """What is stated about a model. Raises `EnteredNotFound`, also where one may not look."""
    visible = caller.namespaces is None or named.partition("/")[0] in caller.namespaces
    found = find_entered(session, source_name, named=named) if visible else None
    if found is None:
        raise EnteredNotFound(source=source_name)
    return found


def enter_model(session: Session, *, speaker: Speaker, asked: EnterModel) -> tuple[Entered, bool]:
    """State something about a model, and whether that is new; the same again changes nothing."""
    named = natural_name(asked.namespace, asked.name)
    own = _own(session, speaker, named=named)
    current = _held(session, speaker, named=named)
    if current is not None:
        if (current.namespace, current.name) != (asked.namespace, asked.name) or not _says(
            current, asked
        ):
            raise AlreadyEntered(entered=named)
        return current, False
    naming = {"namespace": asked.namespace, "name": asked.name}
    said = _said(own, named, asked=asked, naming=naming)
    _record(session, own, said=said, cause=speaker.cause(asked.reason))
    return get_entered(session, speaker.source, named=named, caller=speaker.caller), True


def replace_entered(
    session: Session, *, speaker: Speaker, named: str, asked: ReplaceEntered
) -> Entered:
    """State something else. Raises `EnteredNotFound`, `TagNeeded`, `TagStale`."""
    own, current = _present(session, speaker, named=named)
    if _says(current, asked):
        return current
    naming = {"namespace": current.namespace, "name": current.name}
    said = _said(own, named, asked=asked, naming=naming)
    kept = {use["subject"]["value"] for use in said}
    said += [use for use in _uses_gone(current, named) if use["subject"]["value"] not in kept]
    _record(session, own, said=said, cause=speaker.cause(asked.reason))
    return get_entered(session, speaker.source, named=named, caller=speaker.caller)


def withdraw_entered(session: Session, *, speaker: Speaker, named: str, reason: str) -> None:
    """Take everything back; what other sources say stays. Raises like `replace_entered`."""
    own, current = _present(session, speaker, named=named)
    gone = began(entered_subject(own.name, named)) | {"gone": True}
    _record(session, own, said=[gone, *_uses_gone(current, named)], cause=speaker.cause(reason))


def _own(session: Session, speaker: Speaker, *, named: str) -> SourceFacts:
    return speaking(session, speaker, within=[named.partition("/")[0]])


def _present(session: Session, speaker: Speaker, *, named: str) -> tuple[SourceFacts, Entered]:
    """What is to be changed, if it still is what the caller has read."""
    _held(session, speaker, named=named)
    current = get_entered(session, speaker.source, named=named, caller=speaker.caller)
    check_match(speaker.match, current)
    return _own(session, speaker, named=named), current


def _held(session: Session, speaker: Speaker, *, named: str) -> Entered | None:
    """What is stated now; nobody else changes it before the transaction ends."""
    hold(session, f"{speaker.source}/{named}")
    return find_entered(session, speaker.source, named=named)


def _says(current: Entered, asked: EnterModel | ReplaceEntered) -> bool:
    """Is just this stated already?"""
    uses = {use["name"]: use for use in map(_stated, asked.uses)}
    return current.facts == _stated(asked.facts) and uses == {u["name"]: u for u in current.uses}


def _said(
    own: SourceFacts, named: str, *, asked: EnterModel | ReplaceEntered, naming: dict[str, str]
) -> list[dict[str, Any]]:
    """The statement about the model, and one about each use."""
    about = entered_subject(own.name, named)
    model = {"model": {"kind": Kind.MODEL, "scheme": "name", "value": named}}
    uses = [
        began(use_subject(named, use.name or "")) | {"facts": model | _stated(use)}
        for use in asked.uses
    ]
    return [began(about) | {"facts": naming | _stated(asked.facts)}, *uses]


def _uses_gone(current: Entered, named: str) -> list[dict[str, Any]]:
    return [began(use_subject(named, str(use["name"]))) | {"gone": True} for use in current.uses]


def _record(
    session: Session, source: SourceFacts, *, said: list[dict[str, Any]], cause: Cause
) -> None:
    """By the route of all observations; what that refuses is an error here."""
    at = {"observed_at": spoken_at(session)}
    recorded = record_batch(session, [one | at for one in said], source=source, cause=cause)
    if refused := recorded.receipt.refused:
        problems = (
            FieldProblem(pointer=_place(one.index, one.pointer), message=one.message)
            for one in refused
        )
        raise Invalid(*problems)


def _place(index: int, pointer: str) -> str:
    """Where in the request a statement stands: the first is about the model."""
    return pointer if index == 0 else f"/uses/{index - 1}{pointer.removeprefix('/facts')}"


def _stated(facts: Facts) -> dict[str, Any]:
    return facts.model_dump(mode="json", exclude_unset=True)
