"""Reads CloudEvents 1.0 as HTTP carries them: structured, in batches, or in headers. Pure."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from schemas.problem import FieldProblem
from service.errors import BadRequest, CatalogError, Invalid
from service.lineage.stating import EventRefused, is_text, members
from service.loader import load_json

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
BODIES: Final = frozenset({"application/json", "application/cdevents+json"})
MEDIA: Final = BODIES | {STRUCTURED, BATCH}
PREFIX: Final = "ce-"
NEEDED: Final = ("id", "source", "type")
SPEC: Final = "1.0"


class Envelope(NamedTuple):
    """One event as it came, with what it carries."""

    attributes: Mapping[str, Any]
    data: Any


def read_request(body: bytes, *, media: str, headers: Mapping[str, str]) -> list[Any]:
    """The events of a request, each still to be opened. Raises `BadRequest`, `Invalid`."""
    document = load_json(body)
    if media == BATCH:
        if not isinstance(document, list):
            problem = FieldProblem(pointer="", message="must be a list of CloudEvents", fix="")
            raise Invalid(problem)
        return document
    if media == STRUCTURED:
        return [document]
    stated = {
        name[len(PREFIX) :]: unquote(value)
        for name, value in headers.items()
        if name.startswith(PREFIX)
    }
    return [stated | {"data": document}] if stated else [_bare(document)]


def _bare(document: Any) -> Any:
    """A CDEvent without an envelope: its context says all that one would."""
    context = members(members(document).get("context"))
    if not context:
        raise BadRequest(
            detail=f"It is no CloudEvent: send {STRUCTURED}, {BATCH}, or `{PREFIX}…` headers."
        )
    told = {name: context.get(name) for name in NEEDED}
    return told | {"specversion": SPEC, "time": context.get("timestamp"), "data": document}


def open_envelope(event: Any) -> Envelope:
    """The attributes and the data of one event. Raises `EventRefused`."""
    if not isinstance(event, Mapping):
        raise EventRefused("", "must be an object")
    if event.get("specversion") != SPEC:
        raise EventRefused("/specversion", f"must be {SPEC}")
    for name in NEEDED:
        if not is_text(event.get(name)):
            raise EventRefused(f"/{name}", "must be a text that is not empty")
    return Envelope(event, _data(event))


def _data(event: Mapping[str, Any]) -> Any:
    """What it carries; as base64 where a sender took it for bytes."""
    encoded = event.get("data_base64")
    if encoded is None:
        return event.get("data")
    try:
        return load_json(base64.b64decode(encoded, validate=True))
    except (TypeError, ValueError, binascii.Error, CatalogError):
        raise EventRefused("/data_base64", "must be JSON in base64") from None
