"""The requests that are sent to a cluster's API: lists, watches, the pods of what serves."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import httpx2

from harvesters.answers import read_json
from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.http import PoliteClient, joined
from harvesters.serving.kubernetes.documents import text
from harvesters.serving.kubernetes.kinds import Resource
from schemas.identifiers import Identifier, decode_segment

A_PAGE: Final = 500
MOST_PAGES: Final = 2_000
SOME_PODS: Final = 50
GROUPS: Final = "APIGroupList"
ANSWERED: Final = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE)


class NotServed(Exception):
    """The API has no such kind: its definition is not installed."""


class NotAllowed(Exception):
    """The credential may not read this kind here."""


class Expired(Exception):
    """What the API remembered of an earlier time is forgotten (410): everything is to be listed."""


class Part(NamedTuple):
    """A kind, in one namespace or in all."""

    resource: Resource
    namespace: str | None = None

    @property
    def key(self) -> str:
        """As cursors and recordings call it."""
        return "/".join(filter(None, (self.resource.plural, self.namespace)))

    def __str__(self) -> str:
        """As people read it."""
        where = "in all namespaces" if self.namespace is None else f"in namespace {self.namespace}"
        return f"{self.resource.plural} {where}"


def part_of(subject: Identifier, parts: Sequence[Part]) -> tuple[Part | None, str]:
    """The part that a deployment is read with, and its name in it."""
    segments = subject.value.split("/")
    if len(segments) < 3:  # noqa: PLR2004  # cluster, namespace and name
        return None, ""
    kind = "inferenceservice" if subject.scheme == "kserve" else segments[2]
    space = decode_segment(segments[1])
    found = (
        one for one in parts if one.resource.kind.lower() == kind and one.namespace in {None, space}
    )
    return next(found, None), decode_segment(segments[-1])


class Listed(NamedTuple):
    """A page of a list; `version` is that of the whole list: all pages show one moment."""

    items: Sequence[Any]
    version: str


class Event(NamedTuple):
    """Something that happened: `ADDED`, `MODIFIED`, `DELETED` or `BOOKMARK`."""

    type: str
    object: dict[str, Any]
    version: str | None


class Kubernetes:
    """Asks for what the harvester needs; nothing else is ever requested, and nothing written."""

    def __init__(self, client: PoliteClient) -> None:
        """`client` is bound to the API's address and to a token."""
        self.client = client
        self._served: dict[str, str] = {}  # versions by kind

    def listed(self, part: Part) -> Iterator[Listed]:
        """A list to its end. Raises `NotServed`, `NotAllowed`, `Expired`."""
        following: str | None = None
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            params = {"limit": str(A_PAGE)} | ({"continue": following} if following else {})
            page = self._page(part, params)
            yield page[0]
            following = page[1]
            if following is None:
                return
            if following in seen:
                break
            seen.add(following)
        message = f"{part}: the list never ends ({len(seen)} pages)"
        raise SourceRefused(message)

    def watched(self, part: Part, version: str, *, seconds: int) -> Iterator[Event]:
        """What happened since a version, and happens now, for some seconds. Raises as `listed`."""
        params = {
            "watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }  # fmt: skip
        for served in self._versions(part.resource):
            answer = self.client.get_raw(_path(part, served), params, kind="watch", also=ANSWERED)
            if answer.status_code != HTTPStatus.NOT_FOUND:
                self._served[part.resource.plural] = served
                _check(answer.status_code)
                yield from _events(answer, part)
                return
        raise NotServed

    def object(self, part: Part, name: str) -> Any:
        """One object by name; None where it is not there. Raises `NotAllowed`."""
        for served in self._versions(part.resource):
            path = f"{_path(part, served)}{joined(name)}"
            answer = self.client.get_json(path, kind="object", also=ANSWERED)
            if answer.status == HTTPStatus.OK:
                return answer.json
            _check(answer.status)
        return None

    def identity(self) -> str | None:
        """What tells this cluster from all others; None where that may not be read."""
        path = f"/api/v1{joined('namespaces', 'kube-system')}"
        found = self.client.get_json(path, kind="cluster", also=ANSWERED)
        return text(found.json, "metadata", "uid")

    def check(self) -> None:
        """Is this an API of Kubernetes at all? Raises `SourceRefused`."""
        found = self.client.get_json("/apis", kind="apis", also=ANSWERED)
        if found.status != HTTPStatus.FORBIDDEN and (found.json or {}).get("kind") != GROUPS:
            raise SourceRefused("nothing that is asked for is there: is this a Kubernetes API?")

    def pods(self, namespace: str, selector: str) -> Sequence[Any]:
        """The pods that a selector chooses. Raises `NotAllowed`."""
        path = f"/api/v1{joined('namespaces', namespace, 'pods')}"
        params = {"labelSelector": selector, "limit": str(SOME_PODS)}
        answer = self.client.get_json(path, params, kind="pods", also=ANSWERED)
        if answer.status != HTTPStatus.OK:
            raise NotAllowed
        found = answer.json.get("items")
        return found if isinstance(found, list) else ()

    def _page(self, part: Part, params: dict[str, str]) -> tuple[Listed, str | None]:
        for served in self._versions(part.resource):
            answer = self.client.get_json(
                _path(part, served), params, kind=part.resource.plural, also=ANSWERED
            )
            if answer.status != HTTPStatus.NOT_FOUND:
                self._served[part.resource.plural] = served
                _check(answer.status)
                return _read_list(answer.json, part)
        raise NotServed

    def _versions(self, resource: Resource) -> Sequence[str]:
        """The one that is known to be served, else all that may be."""
        known = self._served.get(resource.plural)
        return resource.versions if known is None else (known,)


def _path(part: Part, version: str) -> str:
    place = () if part.namespace is None else ("namespaces", part.namespace)
    return joined("apis", part.resource.group, version, *place, part.resource.plural)


def _check(status: int) -> None:
    if status == HTTPStatus.FORBIDDEN:
        raise NotAllowed
    if status == HTTPStatus.GONE:
        raise Expired


def _read_list(found: dict[str, Any], part: Part) -> tuple[Listed, str | None]:
    """A 200 can lie: only a list of this kind, with its version, is one."""
    about = found.get("metadata")
    items = found.get("items")
    version = about.get("resourceVersion") if isinstance(about, dict) else None
    told = found.get("kind") == f"{part.resource.kind}List" and isinstance(version, str)
    if not told or not version or not (items is None or isinstance(items, list)):
        message = f"{part}: the answer is no list of them"
        raise SourceRefused(message)
    following = about.get("continue") if isinstance(about, dict) else None
    more = following if isinstance(following, str) and following else None
    return Listed(items or (), version), more


def _events(answer: httpx2.Response, part: Part) -> Iterator[Event]:
    for line in answer.content.splitlines():
        if not line.strip():
            continue
        try:
            said = read_json(
                httpx2.Response(200, headers={"Content-Type": "application/json"}, content=line),
                dict,
            )
        except ValueError:
            message = f"{part}: what was watched breaks off, or is no JSON"
            raise SourceUnavailable(message) from None
        yield _event(said, part)


def _event(said: dict[str, Any], part: Part) -> Event:
    kind, about = said.get("type"), said.get("object")
    if not isinstance(kind, str) or not isinstance(about, dict):
        message = f"{part}: what is watched is no event"
        raise SourceRefused(message)
    if kind == "ERROR":
        if about.get("code") == HTTPStatus.GONE:
            raise Expired
        message = f"{part}: the watch ends with an error"
        raise SourceUnavailable(message)
    metadata = about.get("metadata")
    version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
    return Event(kind, about, version if isinstance(version, str) and version else None)
