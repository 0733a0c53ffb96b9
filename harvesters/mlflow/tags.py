"""Tags on models and versions: people's own, and the `catalog.*` ones that state facts."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

from pydantic import TypeAdapter, ValidationError

from harvesters.mlflow.names import identifier
from schemas.facts import Facts, ModelFacts, VersionFacts
from schemas.identifiers import Kind, email_identifier
from schemas.sources import Namespace
from schemas.strict import UNWANTED
from schemas.values import Ownership, RepositoryLink

PREFIX: Final = "catalog."
NOT_TAGS: Final = (PREFIX, "mlflow.")
LONGEST_TAG: Final = 4_096
MOST_TAGS: Final = 1_000


class Dropped(NamedTuple):
    """Something that was read and left out: why, and what."""

    reason: str
    about: str


def read_tags(tags: Mapping[str, str]) -> tuple[tuple[str, ...], list[Dropped]]:
    """People's tags as `key=value`, and those that are too long or hold what no text may hold."""
    read: list[str] = []
    dropped: list[Dropped] = []
    for key, value in sorted(tags.items()):
        written = f"{key}={value}"
        if key.startswith(NOT_TAGS):
            continue
        if len(written) > LONGEST_TAG or len(read) == MOST_TAGS or UNWANTED.search(written):
            dropped.append(Dropped("tag_dropped", key))
        else:
            read.append(written)
    return tuple(read), dropped


def read_catalog_tags(
    tags: Mapping[str, str], facts: type[Facts]
) -> tuple[dict[str, Any], list[Dropped]]:
    """Facts that `catalog.*` tags state; one that cannot be read is dropped alone."""
    known = TAGS[facts]
    stated: dict[str, Any] = {}
    dropped: list[Dropped] = []
    for key, value in sorted(tags.items()):
        if not key.startswith(PREFIX):
            continue
        tag = known.get(key.removeprefix(PREFIX))
        if tag is None:
            dropped.append(_unknown(key, known))
            continue
        try:
            fresh = tag.read(value.strip())
            facts(**fresh)
        except ValueError as error:
            dropped.append(Dropped("catalog_tag_unusable", f"{key}: {_why(error)}"))
        else:
            stated |= fresh
    return stated, dropped


class _Tag(NamedTuple):
    """How a tag's text becomes facts. Raises `ValueError`."""

    read: Callable[[str], dict[str, Any]]


def _text(fact: str) -> _Tag:
    return _Tag(lambda text: {fact: text or None})


def _list(fact: str, item: Callable[[str], Any]) -> _Tag:
    """Comma-separated; an empty tag is stated empty."""
    return _Tag(
        lambda text: {fact: tuple(item(part.strip()) for part in text.split(",") if part.strip())}
    )


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


def _unknown(key: str, known: Mapping[str, _Tag]) -> Dropped:
    name = key.removeprefix(PREFIX)
    if name in NOT_READ_YET or name.startswith("risk."):
        return Dropped("catalog_tag_not_read", key)
    near = get_close_matches(name, known, n=1)
    hint = f"; the nearest is {PREFIX}{near[0]}" if near else ""
    return Dropped("catalog_tag_unknown", f"{key}{hint}")


def _why(error: ValueError) -> str:
    return error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)


NOT_READ_YET: Final = {"use", "build"}
TAGS: Final[Mapping[type[Facts], Mapping[str, _Tag]]] = {
    ModelFacts: {
        "name": _Tag(_name),
        "display_name": _text("display_name"),
        "lifecycle": _text("lifecycle"),
        "task": _text("task"),
        "license": _text("license"),
        "base_model": _text("base_model"),
        "owner": _list("owners", _owner),
        "repository": _list("repositories", _repository),
        "link": _list("links", _link),
    },
    VersionFacts: {
        "commit": _text("source_commit"),
        "digest": _list("digests", str),
        "risk.model_class": _text("model_class"),
    },
}
