"""Tags on models, versions and training runs: people's own, and `catalog.*` that state facts."""

import re
from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from harvesters.dropped import Dropped
from harvesters.mlflow.names import identifier
from schemas.facts import Facts, ModelFacts, TrainingRunFacts, UseFacts, VersionFacts
from schemas.identifiers import Identifier, Kind, email_identifier, encode_segment
from schemas.sources import Namespace
from schemas.strict import UNWANTED
from schemas.values import Ownership, RepositoryLink

PREFIX: Final = "catalog."
NOT_TAGS: Final = (PREFIX, "mlflow.")
LONGEST_TAG: Final = 4_096
MOST_TAGS: Final = 1_000
JENKINS: Final = re.compile(r"https?://(?P<host>[^/?#]+)(?P<jobs>(?:/job/[^/?#]+)+)/(?P<id>\d+)/?")
CHOICE: Final = re.compile("'([^']*)'")

Reader = Callable[[str], dict[str, Any]]  # a tag's text as facts; raises `ValueError`


class Readers(NamedTuple):
    """What `catalog.*` tags may state about a kind of thing, by what follows the dot."""

    facts: type[Facts]
    by_key: Mapping[str, Reader]


def read_tags(tags: Mapping[str, str]) -> tuple[tuple[str, ...], list[Dropped]]:
    """People's tags as `key=value`, and those that are too long or hold what no text may hold."""
    read: list[str] = []
    dropped: list[Dropped] = []
    for key, value in sorted(tags.items()):
        written = f"{key}={value}"
        if key.startswith(NOT_TAGS):
            continue
        why = None
        if len(written) > LONGEST_TAG:
            why = f"the tag is longer than {LONGEST_TAG:,} characters"
        elif UNWANTED.search(written):
            why = "the tag holds a character that no text may hold"
        elif len(read) == MOST_TAGS:
            why = f"there are more than {MOST_TAGS:,} tags"
        if why is None:
            read.append(written)
        else:
            dropped.append(Dropped("tag_dropped", f"{key[:100]}: {why}"))
    return tuple(read), dropped


def read_catalog_tags(
    tags: Mapping[str, str], readers: Readers, *, beside: Collection[str] = ()
) -> tuple[dict[str, Any], list[Dropped]]:
    """Facts that `catalog.*` tags state; one that cannot be read is dropped alone.

    `beside` are keys that others read.
    """
    stated: dict[str, Any] = {}
    dropped: list[Dropped] = []
    for key, value in sorted(tags.items()):
        name = key.removeprefix(PREFIX)
        if not key.startswith(PREFIX) or name in beside:
            continue
        if (read := readers.by_key.get(name)) is None:
            dropped.append(_unknown(key, known={*readers.by_key, *beside}))
            continue
        try:
            fresh = read(value.strip())
            readers.facts(**fresh)
        except ValueError as error:
            why = _why(error, value.strip())
            dropped.append(Dropped("catalog_tag_unusable", f"{key}: {why}"))
        else:
            stated |= fresh
    return stated, dropped


def split_list(text: str) -> list[str]:
    """What is comma-separated in a tag; an empty one lists nothing."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _text(fact: str) -> Reader:
    return lambda text: {fact: text or None}


def _list(fact: str, item: Callable[[str], Any]) -> Reader:
    """An empty tag is stated empty."""
    return lambda text: {fact: tuple(item(part) for part in split_list(text))}


def _number(fact: str) -> Reader:
    """A number, or one of the bands that the contract has."""
    return lambda text: {fact: int(text) if text.isascii() and text.isdecimal() else text or None}


def _flag(fact: str) -> Reader:
    def read(text: str) -> dict[str, Any]:
        if text.lower() not in {"true", "false", ""}:
            raise ValueError("must be true or false")
        return {fact: {"true": True, "false": False}.get(text.lower())}

    return read


def _name(text: str) -> dict[str, Any]:
    """`name` in the source's namespace, or `namespace/name`."""
    namespace, slash, name = text.partition("/")
    if not slash:
        namespace, name = "", text
    if not name or (slash and not namespace):
        raise ValueError("must read name or namespace/name")
    if namespace:
        TypeAdapter(Namespace).validate_python(namespace)
        return {"namespace": namespace, "name": name}
    return {"name": name}


def _owner(text: str) -> Ownership:
    kind, colon, name = text.partition(":")
    if colon and kind in {"team", "user"} and name:
        return Ownership(owner=identifier(Kind.OWNER, "handle", value=text))
    return Ownership(owner=email_identifier(text))


def _repository(text: str) -> RepositoryLink:
    return RepositoryLink(repository=identifier(Kind.REPOSITORY, "url", value=text))


def _link(text: str) -> dict[str, str]:
    scheme, _, rest = text.partition("://")
    if scheme not in {"http", "https"} or not rest:
        raise ValueError("must be an http or https address")
    return {"title": rest[:200], "url": text}


def _build(text: str, *, source: str) -> Identifier:
    """`scheme:value`, or an address: hosts' own numbers of repositories do not stand in those.

    Only Jenkins names a build by what its address says; any other address is a name of the source.
    """
    scheme, colon, value = text.partition(":")
    if scheme not in {"http", "https"}:
        if not colon:
            raise ValueError("must be an address or scheme:value")
        return identifier(Kind.BUILD, scheme, value=value)
    _link(text)
    if found := JENKINS.fullmatch(text):
        jobs = found["jobs"].replace("/job/", "/")
        return identifier(Kind.BUILD, "jenkins", value=f"{found['host']}{jobs}#{found['id']}")
    return identifier(Kind.BUILD, "ci", value=f"{source}/{encode_segment(text)}")


def _unknown(key: str, *, known: Collection[str]) -> Dropped:
    near = get_close_matches(key.removeprefix(PREFIX), sorted(known), n=1, cutoff=0.4)
    hint = f"; the nearest is {PREFIX}{near[0]}" if near else ""
    return Dropped("catalog_tag_unknown", f"{key[:100]}: no such tag states a fact{hint}")


def _why(error: ValueError, value: str) -> str:
    """What the contract expects, and which of its words is the nearest."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    choices = CHOICE.findall(str(first.get("ctx", {}).get("expected", "")))
    near = [choice for choice in choices if value and choice.startswith(value)]
    near = near or get_close_matches(value, choices, n=1, cutoff=0.3)
    hint = f"; the nearest is {near[0]}" if near else ""
    return first["msg"].removeprefix("Value error, ") + hint


MODEL: Final = Readers(
    ModelFacts,
    {
        "name": _name,
        "display_name": _text("display_name"),
        "lifecycle": _text("lifecycle"),
        "task": _text("task"),
        "license": _text("license"),
        "base_model": _text("base_model"),
        "owner": _list("owners", _owner),
        "repository": _list("repositories", _repository),
        "link": _list("links", _link),
        "risk.origin": _text("origin"),
        "risk.update_mode": _text("update_mode"),
        "risk.explainability": _text("explainability"),
        "risk.model_class": _text("model_class"),
        "risk.data_sensitivity": _text("data_sensitivity"),
        "risk.exposure": _text("exposure"),
        "risk.downstream_dependents": _number("downstream_dependents"),
    },
)
USE: Final = Readers(  # on models: a use has no tags of its own
    UseFacts,
    {
        "risk.decision_role": _text("decision_role"),
        "risk.people_affected_per_year": _number("people_affected_per_year"),
        "risk.financial_exposure_per_year": _number("financial_exposure_per_year"),
        "risk.regulatory_use": _text("regulatory_use"),
        "risk.harm_reversibility": _text("harm_reversibility"),
        "risk.regulated_purposes": _list("regulated_purposes", str),
        "risk.eu_role": _text("eu_role"),
        "risk.annex_iii_point": _text("annex_iii_point"),
        "risk.profiling": _flag("profiling"),
        "risk.art6_3_basis": _text("art6_3_basis"),
        "risk.art6_3_ref": _text("art6_3_ref"),
        "risk.writes_system_of_record": _flag("writes_system_of_record"),
        "risk.per_action_approval": _flag("per_action_approval"),
    },
)
TRAINING_RUN: Final = Readers(TrainingRunFacts, {"commit": _text("source_commit")})


@cache
def version_readers(source: str) -> Readers:
    """What tags may state about a version of a source's model."""
    return Readers(
        VersionFacts,
        {
            "build": lambda text: {"build": _build(text, source=source) if text else None},
            "commit": _text("source_commit"),
            "digest": _list("digests", str),
            "risk.model_class": _text("model_class"),
        },
    )
