"""What GitHub says of a repository in its listings. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import httpx2
from pydantic import ValidationError

from harvesters.errors import SourceRefused
from harvesters.manifests.pages import Repository
from outbound.addresses import port_of
from schemas.facts import RepositoryFacts
from schemas.identifiers import Identifier, Kind

NOT_STATED: Final = {"NOASSERTION", "OTHER"}
SETTLED: Final = timedelta(minutes=5)  # two pushes may bear one second, and listings lag behind
FULL_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+", re.ASCII)


class Listed(NamedTuple):
    """A repository, and what only this host needs to know of it."""

    repository: Repository
    owner: str  # in lower case
    fork: bool
    disabled: bool
    empty: bool  # as far as the listing knows


def web_host(api: httpx2.URL) -> str:
    """Where people look at what an API tells of; only its repositories may be told of there."""
    host = api.host.lower()
    if host == "api.github.com" or (host.startswith("api.") and host.endswith(".ghe.com")):
        return host.removeprefix("api.")
    standard = port_of(api) == {"https": 443, "http": 80}.get(api.scheme)
    return host if standard else f"{host}:{port_of(api)}"


def read_listed(row: Any, *, host: str, at: datetime) -> Listed:
    """One row of a listing. `at` is the server's time before it was asked for.

    Raises `SourceRefused` for what is no repository of this host: without its number a repository
    would be missed, with another's it would speak for that one. One whose name no identifier can
    hold has no `url`: it cannot be read, and is not missed.
    """
    said = row if isinstance(row, Mapping) else {}
    name, number, url = said.get("full_name"), said.get("id"), said.get("html_url")
    if not isinstance(name, str) or not FULL_NAME.fullmatch(name):
        raise SourceRefused("a repository is listed without a name")
    try:
        identity = Identifier(kind=Kind.REPOSITORY, scheme="github", value=f"{host}/{number}")
    except ValidationError:
        message = f"{name} is listed without a number"
        raise SourceRefused(message) from None
    if str(url).partition("://")[2].partition("/")[0].lower() != host:
        message = (
            f"{name} is listed with an address that is not on {host}: name the host that GitHub "
            "calls itself by in `url`"
        )
        raise SourceRefused(message)
    branch = said.get("default_branch")
    repository = Repository(
        identity,
        _canonical(str(url)),
        name,
        _facts(said),
        branch if isinstance(branch, str) and branch else None,
        _stamp(said.get("pushed_at"), at=at),
    )
    return Listed(
        repository,
        name.partition("/")[0].lower(),
        fork=said.get("fork") is True,
        disabled=said.get("disabled") is True,
        empty=said.get("size") == 0,
    )


def _canonical(url: str) -> str:
    try:
        return Identifier(kind=Kind.REPOSITORY, scheme="url", value=url).value
    except ValidationError:  # it holds what looks like a key, or is too long
        return ""


def _facts(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is stated; a value that no fact can hold is left out, alone."""
    facts: dict[str, Any] = {
        "name": said.get("full_name"),
        "default_branch": said.get("default_branch"),
        "visibility": said.get("visibility") or _visibility(said.get("private")),
        "created_at": said.get("created_at"),
        "pushed_at": said.get("pushed_at"),
        "archived": said.get("archived"),
        "topics": said.get("topics"),
    }
    facts = {name: value for name, value in facts.items() if value is not None}
    if "description" in said:
        facts["description"] = said["description"] or None
    if "license" in said:
        license_ = said["license"] if isinstance(said["license"], Mapping) else {}
        if license_.get("spdx_id") not in NOT_STATED:  # there is one, and GitHub does not know it
            facts["license"] = license_.get("spdx_id")
    return _valid(facts)


def _visibility(private: object) -> str | None:
    """Older servers only tell private ones apart."""
    return None if private is None else "private" if private else "public"


def _valid(facts: dict[str, Any]) -> dict[str, Any]:
    try:
        RepositoryFacts.model_validate(facts)
    except ValidationError as error:
        wrong = {detail["loc"][0] for detail in error.errors(include_url=False)}
        return {name: value for name, value in facts.items() if name not in wrong}
    return facts


def _stamp(pushed_at: object, *, at: datetime) -> str:
    """When it was pushed to for the last time, once that is old enough to be the last time."""
    try:
        pushed = datetime.fromisoformat(str(pushed_at))
    except ValueError:
        return ""
    if pushed.tzinfo is None or pushed > at - SETTLED:
        return ""
    return str(pushed_at)
