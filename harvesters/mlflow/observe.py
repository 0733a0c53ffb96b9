"""What MLflow's registry rows say, as observations. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from pydantic import ValidationError

from harvesters.errors import RecordUnreadable
from schemas.canonical import NOREPLY, canonical_commit
from schemas.facts import ModelFacts, VersionFacts
from schemas.identifiers import Identifier, Kind, email_identifier, encode_segment, natural_name
from schemas.observation import Evidence, Observation

LONGEST_TAG: Final = 4_096
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
PROMPT: Final = "mlflow.prompt.is_prompt"
LOGGED_MODEL: Final = re.compile(r"models:/(m-[0-9a-f]{32})")
PLAIN: Final = ("display_name", "lifecycle", "task", "license", "base_model")
GOVERNANCE: Final = {*PLAIN, "name", "owner", "repository", "link"}
LATER: Final = ("use", "risk.")  # facts of uses: they stand on another entry


class Place(NamedTuple):
    """Where rows come from, and when the sweep began."""

    source: str
    workspace: str
    namespace: str
    uri: str
    observed_at: datetime

    def identifier(self, kind: Kind, *parts: str) -> Identifier:
        """An identifier of this source and workspace."""
        segments = (self.source, *(encode_segment(part) for part in (self.workspace, *parts)))
        return Identifier(kind=kind, scheme="mlflow", value="/".join(segments))

    def evidence(self, *parts: str) -> Evidence | None:
        """The page of MLflow's own interface, where there is one."""
        if not self.uri.startswith("http"):
            return None
        address = "/".join(quote(part, safe="") for part in parts)
        return Evidence(url=f"{self.uri}/#/models/{address}")


def is_prompt(row: Any) -> bool:
    """Prompts stand in the registry too; they are no models."""
    return str((row.tags or {}).get(PROMPT, "")).lower() == "true"


def model_observation(
    row: Any, place: Place, counts: Counter[str], *, same_as: tuple[Identifier, ...] = ()
) -> Observation | RecordUnreadable:
    """One registered model."""

    def build() -> Observation:
        tags = readable_tags(row.tags, counts)
        facts: dict[str, Any] = {
            "namespace": place.namespace,
            "name": tags.get("catalog.name") or row.name,
            "description": row.description or None,
            "tags": tuple(as_tags(tags)),
        }
        facts |= governance(tags, place, counts)
        if created := moment(row.creation_timestamp, counts):
            facts["created_at"] = created
        name = natural_name(place.namespace, facts["name"])
        return Observation(
            subject=place.identifier(Kind.MODEL, row.name),
            observed_at=place.observed_at,
            same_as=(Identifier(kind=Kind.MODEL, scheme="name", value=name), *same_as),
            facts=ModelFacts(**facts),
            evidence=place.evidence(row.name),
            marker=str(row.creation_timestamp),
        )

    return _readable(build, place, row.name)


def version_observation(
    row: Any,
    aliases: tuple[str, ...],
    place: Place,
    counts: Counter[str],
    *,
    same_as: tuple[Identifier, ...] = (),
) -> Observation | RecordUnreadable:
    """One version; its aliases come from its model, since the version's own list is always empty."""

    def build() -> Observation:
        tags = readable_tags(row.tags, counts)
        stage = row.current_stage
        facts: dict[str, Any] = {
            "model": place.identifier(Kind.MODEL, row.name),
            "number": str(row.version),
            "description": row.description or None,
            "aliases": aliases,
            "status": row.status,
            "stage": None if stage in {None, "None", ""} else stage,
            "tags": tuple(as_tags(tags)),
            "training_run": place.identifier(Kind.TRAINING_RUN, row.run_id) if row.run_id else None,
            "source_uri": row.source or None,
            "created_by": row.user_id or None,
        }
        if logged := LOGGED_MODEL.fullmatch(row.source or ""):
            facts["logged_model"] = logged[1]
        if commit := canonical_commit(tags.get("catalog.commit", "")):
            facts["source_commit"] = commit
        if created := moment(row.creation_timestamp, counts):
            facts["created_at"] = created
        return Observation(
            subject=place.identifier(Kind.VERSION, row.name, str(row.version)),
            observed_at=place.observed_at,
            same_as=same_as,
            facts=VersionFacts(**facts),
            evidence=place.evidence(row.name, "versions", str(row.version)),
        )

    return _readable(build, place, f"{row.name}/{row.version}")


def _readable(build: Any, place: Place, name: str) -> Observation | RecordUnreadable:
    """A record that breaks a rule is reported with its place, never raised."""
    try:
        observation: Observation = build()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        pointer = "".join(f"/{part}" for part in first["loc"])
        return RecordUnreadable("invalid", f"{name[:200]!r}: {first['msg']}", pointer)
    except ValueError as error:
        return RecordUnreadable("odd_name", f"{name[:200]!r} in {place.workspace}: {error}", "/name")
    return observation


def readable_tags(tags: Mapping[str, Any] | None, counts: Counter[str]) -> dict[str, str]:
    """Tags that can be kept; the others are dropped and counted."""
    kept = {}
    for key, value in (tags or {}).items():
        text = str(value)
        if len(text) > LONGEST_TAG or "\x00" in text or "\x00" in key:
            counts["tag_dropped"] += 1
        else:
            kept[str(key)] = text
    return kept


def as_tags(tags: Mapping[str, str]) -> Iterator[str]:
    """What is neither MLflow's nor ours, as `key=value`."""
    for key, value in tags.items():
        if not key.startswith(("mlflow.", "catalog.")):
            yield f"{key}={value}" if value else key


def governance(tags: Mapping[str, str], place: Place, counts: Counter[str]) -> dict[str, Any]:
    """Facts that people state in `catalog.*` tags; unknown ones are dropped and counted."""
    facts: dict[str, Any] = {}
    for key, value in tags.items():
        name = key.removeprefix("catalog.")
        if name == key:
            continue
        if name.startswith(LATER):
            counts["catalog_tag_of_a_use"] += 1
        elif name not in GOVERNANCE:
            near = get_close_matches(name, GOVERNANCE, n=1)
            counts[f"catalog_tag_unknown: {key[:60]}, nearest {(near or ['none'])[0]}"] += 1
        elif name in PLAIN:
            facts[name] = value or None
        elif name == "owner":
            facts["owners"] = tuple(_owners(value, place))
        elif name == "repository":
            url = Identifier(kind=Kind.REPOSITORY, scheme="url", value=value)
            facts["repositories"] = ({"repository": url},)
        elif name == "link":
            facts["links"] = ({"title": "link", "url": value},)
    return facts


def _owners(value: str, place: Place) -> Iterator[dict[str, Any]]:
    """`team:x, owner@example.com`: each accountable; an account without either is MLflow's own."""
    for text in (part.strip() for part in value.split(",")):
        if not text:
            continue
        if text.startswith(("team:", "user:")):
            owner = Identifier(kind=Kind.OWNER, scheme="handle", value=text)
        elif "@" in text or NOREPLY.fullmatch(text):
            owner = email_identifier(text)
        else:
            account = f"{place.source}/{encode_segment(text)}"
            owner = Identifier(kind=Kind.OWNER, scheme="mlflow", value=account)
        yield {"owner": owner, "role": "accountable"}


def moment(milliseconds: Any, counts: Counter[str]) -> datetime | None:
    """A time in milliseconds; missing is 0, and what cannot be true is dropped and counted."""
    if not milliseconds:
        return None
    try:
        read = datetime.fromtimestamp(int(milliseconds) / 1_000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        counts["time_dropped"] += 1
        return None
    if not EARLIEST <= read <= datetime.now(UTC) + timedelta(days=1):
        counts["time_dropped"] += 1
        return None
    return read
