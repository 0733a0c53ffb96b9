"""What a row of a directory says of an owner: pure. Equal identifiers only, nothing is guessed."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from harvesters.directory.table import Row
from harvesters.errors import RecordUnreadable
from schemas.canonical import NOREPLY, canonical_email
from schemas.facts import OwnerFacts
from schemas.identifiers import Identifier, Kind, email_identifier
from schemas.observation import Evidence, Observation

TRUE: Final = frozenset({"true", "yes", "y", "1"})
FALSE: Final = frozenset({"false", "no", "n", "0"})
KINDS: Final = ("person", "team", "bot", "list")
PREFIXES: Final = {"team": "team", "user": "person"}
SCHEMES: Final = ("github", "gitlab", "mlflow")
PUBLIC: Final = {"github": "github.com", "gitlab": "gitlab.com"}
HOST: Final = re.compile(r"(?:^|\.)(github|gitlab)(?:\.|$)")
DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class Told(NamedTuple):
    """What is read of a row, and all that the owner is known by."""

    said: Observation | RecordUnreadable
    known_by: tuple[Identifier, ...] = ()
    members: tuple[Identifier, ...] = ()


def read_owner(row: Row, *, at: datetime, evidence: str | None) -> Told:
    """A row as an observation; whatever is wrong with it refuses it alone, by its line."""
    if row.wrong is not None:
        return Told(unreadable(row.line, row.wrong))
    subject: Identifier | None = None
    try:
        subject = _subject(row.cells)
        known_by = _known_by(row.cells, subject)
        facts = _facts(row.cells, subject)
        observation = Observation(
            subject=subject,
            observed_at=at,
            same_as=known_by[1:],
            facts=OwnerFacts(**facts),
            evidence=Evidence(url=evidence) if evidence else None,
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = "/".join(str(part) for part in first["loc"])
        return Told(unreadable(row.line, f"{where} {first['msg']}", subject=subject))
    except ValueError as error:
        return Told(unreadable(row.line, str(error), subject=subject))
    return Told(observation, known_by, tuple(facts.get("members", ())))


def unreadable(line: int, why: str, *, subject: Identifier | None = None) -> RecordUnreadable:
    """A row that is passed over."""
    return RecordUnreadable("row_unreadable", f"line {line}: {why}", f"/{line}", subject)


def refer(text: str) -> Identifier:
    """Whom a text names: `team:x`, `user:x`, an address, `scheme:value`, `host/login`."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme in PREFIXES and rest:
        return _handle(text)
    if colon and scheme in SCHEMES and rest:
        return _login(scheme, rest)
    if "/" in text:
        return _login(_scheme_of(text.partition("/")[0].lower()), text)
    if "@" in text:
        return email_identifier(text)
    return _handle(f"user:{text}")


def _subject(cells: Mapping[str, Any]) -> Identifier:
    """The handle, else the address: said first, so that a refused row says whom it is about."""
    if handle := cells.get("handle"):
        what = "team" if cells.get("kind") == "team" else "user"
        return _handle(handle if _prefixed(handle) else f"{what}:{handle}")
    subject = email_identifier(cells["email"]) if "email" in cells else None
    if subject is None or subject.scheme in SCHEMES:
        raise ValueError("needs a handle, or an address that is not a no-reply one")
    return subject


def _prefixed(handle: str) -> bool:
    prefix, colon, _ = handle.partition(":")
    return bool(colon) and prefix in PREFIXES


def _known_by(cells: Mapping[str, Any], subject: Identifier) -> tuple[Identifier, ...]:
    """The subject first, then all others, each once; others may write a handle bare."""
    found = [subject]
    if (handle := cells.get("handle")) and not _prefixed(handle):
        found.append(_handle(handle))
    if email := cells.get("email"):
        found.append(email_identifier(email))
    for login in cells.get("logins", ()):
        if "/" not in login and ":" not in login and "@" not in login:
            message = (
                f"write logins as github.com/{login[:60]}, gitlab:host/name or mlflow:source/name"
            )
            raise ValueError(message)
        found.append(refer(login))
    return tuple(dict.fromkeys(found))


def _facts(cells: Mapping[str, Any], subject: Identifier) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if subject.scheme == "handle":
        facts["handle"] = subject.value
    if "display_name" in cells:
        facts["display_name"] = cells["display_name"]
    if "email" in cells and not NOREPLY.fullmatch(address := canonical_email(cells["email"])):
        facts["email"] = address
    if kind := cells.get("kind", "").lower() or PREFIXES.get(subject.value.partition(":")[0]):
        if kind not in KINDS:
            message = f"kind must be {', '.join(KINDS[:-1])} or {KINDS[-1]}"
            raise ValueError(message)
        facts["kind"] = kind
    if "active" in cells:
        facts["active"] = _flag(cells["active"])
    if "left_at" in cells:
        facts["left_at"] = _moment(cells["left_at"])
    if "members" in cells:
        facts["members"] = tuple(refer(member) for member in cells["members"])
        if subject in facts["members"]:
            raise ValueError("is a member of itself")
    return facts


def _handle(text: str) -> Identifier:
    return Identifier(kind=Kind.OWNER, scheme="handle", value=text)


def _login(scheme: str, text: str) -> Identifier:
    """Logins of hosts are compared without case, as the hosts do."""
    if scheme == "mlflow":
        if "/" not in text:
            raise ValueError("an MLflow user reads mlflow:source/name, with the source's name")
        return Identifier(kind=Kind.OWNER, scheme=scheme, value=text)
    value = text if "/" in text else f"{PUBLIC[scheme]}/{text}"
    return Identifier(kind=Kind.OWNER, scheme=scheme, value=value.lower())


def _scheme_of(host: str) -> str:
    found = HOST.search(host)
    if found is None:
        message = f"which kind of host {host[:60]} is is not known: write github:… or gitlab:…"
        raise ValueError(message)
    return found[1]


def _flag(text: str) -> bool:
    word = text.lower()
    if word not in TRUE | FALSE:
        raise ValueError("active must be true or false")
    return word in TRUE


def _moment(text: str) -> datetime:
    """A date is its first moment in UTC; a time needs its zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("left_at must be a date like 2026-09-30") from None
    if DAY.fullmatch(text):
        return moment.replace(tzinfo=UTC)
    if moment.tzinfo is None:
        raise ValueError("left_at must be a date, or a time with its zone")
    return moment
