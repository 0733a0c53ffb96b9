"""Takes a delivery in: proved on its raw bytes, read, stored once, acted on later."""

import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final, NamedTuple

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.deliveries import Taken
from schemas.masking import mask_secrets
from service.db import Database
from service.errors import CatalogError, UnsupportedMedia
from service.hooks.admission import Admission
from service.hooks.masking import masked
from service.hooks.proofs import Delivery, Headers, Proof
from service.hooks.reading import read_form, read_json
from service.hooks.receivers import PROOFS, RECEIVERS, Receiver
from service.hooks.secrets import hook_secrets
from service.hooks.tables import HookDeliveryRow
from service.ingest.tables import SourceRow

FORM: Final = "application/x-www-form-urlencoded"
MEDIA: Final = frozenset({"application/json", FORM})
REPEATED_WITHIN: Final = timedelta(hours=24)  # the same body, where no id is signed
PLAIN: Final = re.compile(r"[!-~]{1,200}")
EVENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.: -]{0,99}")
UNKNOWN: Final = "unknown"
MOST_SECRETS: Final = 2  # the current one and, for a while, the previous one
# Compared with where there is nothing to compare with, so that it takes as long.
NOBODYS: Final = secrets.token_hex(32)
ALONE: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:about, 0))")

log = structlog.get_logger()
delivery, source = HookDeliveryRow.__table__, SourceRow.__table__


class DeliveryNotProved(CatalogError):
    """The delivery is not proved to come from this source.

    Its secret may be missing at either end, or differ, or the clock is wrong by more than five
    minutes, or no such source is declared: docs/webhooks.md goes through it step by step.
    """

    status = 401
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Signature realm="model-catalog"'}


class Sender(NamedTuple):
    """A source that may send, and how its deliveries are taken."""

    id: int
    name: str
    receiver: Receiver
    secret: str  # the name of its variable


class Proved(NamedTuple):
    """A delivery whose sender is certain, and what of it was signed."""

    sender: Sender
    proof: Proof


def take_delivery(database: Database, given: Delivery, *, name: str, admission: Admission) -> Taken:
    """Prove it, read it, store it; answers what became of it.

    Raises `DeliveryNotProved`, `TooManyDeliveries`, `BadRequest`, `UnsupportedMedia`.
    """
    with database.reading() as session:
        sender = find_sender(session, name)
    proved = prove(sender, given, environ=os.environ, now=datetime.now(UTC))
    admission.admit(proved.sender.id)
    payload = read_payload(proved, given)
    state = database.transact(partial(store, proved=proved, given=given, payload=payload))
    log.info("delivery_taken", source=name, state=state)
    return state


def find_sender(session: Session, name: str) -> Sender | None:
    """The enabled source of this name, if it is of a kind that sends webhooks and has a secret."""
    query = sa.select(source.c.id, source.c.kind, source.c.webhook_secret)
    found = session.execute(query.where(source.c.name == name, source.c.enabled)).one_or_none()
    receiver = RECEIVERS.get(found.kind) if found else None
    if found is None or receiver is None or found.webhook_secret is None:
        return None
    return Sender(found.id, name, receiver, found.webhook_secret)


def prove(
    sender: Sender | None, given: Delivery, *, environ: Mapping[str, str], now: datetime
) -> Proved:
    """Who sent it. Raises the one `DeliveryNotProved`, whatever is missing or wrong.

    What is computed follows from the headers alone, so that no answer takes longer for a source
    that exists.
    """
    known = hook_secrets(sender.secret, environ) if sender else ()
    keys = [*(one.get_secret_value() for one in known), NOBODYS, NOBODYS][:MOST_SECRETS]
    tried = [proof for proof in PROOFS if proof.header in given.headers]
    held = [proof for proof in tried for key in keys if proof.holds(given, secret=key, now=now)]
    own = [proof for proof in held if sender and proof in sender.receiver.proofs]
    if sender is None or not known or not own:
        raise DeliveryNotProved
    return Proved(sender, own[0])


def read_payload(proved: Proved, given: Delivery) -> Any:
    """The JSON, also where a form carries it. Raises `BadRequest`, `UnsupportedMedia`."""
    media = given.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != FORM:
        return read_json(given.body)
    if not proved.sender.receiver.forms:
        raise UnsupportedMedia(detail="Here it is application/json.")
    return read_form(given.body)


def store(session: Session, proved: Proved, *, given: Delivery, payload: Any) -> Taken:
    """Keep it, unless it came before; answers what became of it."""
    sender, digest = proved.sender, hashlib.sha256(given.body).hexdigest()
    signed = proved.proof.signed_id
    if not signed:
        session.execute(ALONE, {"about": f"hook {sender.id} {digest}"})
        if session.execute(sa.select(_came_lately(sender.id, digest))).scalar_one():
            return "duplicate"
    event = event_of(sender.receiver, given.headers, payload=payload)
    ping = event == sender.receiver.ping
    now = sa.func.clock_timestamp()
    values = {
        "source_id": sender.id, "event": event, "digest": digest, "received_at": now,
        "delivery_id": id_of(given.headers, (signed,) if signed else sender.receiver.ids)
        or kept_id(sender.receiver.own_id(payload)),
        "body": None if ping else masked(payload), "state": "done" if ping else "waiting",
        "next_try_at": now, "processed_at": now if ping else None,
    }  # fmt: skip
    stored = insert(delivery).values(values).on_conflict_do_nothing()
    if session.execute(stored.returning(delivery.c.id)).scalar_one_or_none() is None:
        return "duplicate"
    return "ping" if ping else "stored"


def id_of(headers: Headers, names: tuple[str, ...]) -> str | None:
    """What tells the delivery apart; what cannot be kept as it is, by its digest."""
    return kept_id(next((headers[name] for name in names if headers.get(name)), None))


def kept_id(found: str | None) -> str | None:
    """An id as it is kept."""
    if found is None or (PLAIN.fullmatch(found) and mask_secrets(found) == found):
        return found
    return f"sha256:{hashlib.sha256(found.encode('utf-8', 'surrogatepass')).hexdigest()}"


def event_of(receiver: Receiver, headers: Headers, *, payload: Any) -> str:
    """What happened, in the sender's word."""
    found = receiver.event(headers, payload) or ""
    return mask_secrets(found) if EVENT.fullmatch(found) else UNKNOWN


def _came_lately(source_id: int, digest: str) -> sa.Exists:
    return sa.exists().where(
        delivery.c.source_id == source_id,
        delivery.c.digest == digest,
        delivery.c.received_at > sa.func.clock_timestamp() - REPEATED_WITHIN,
    )
