"""A scripted Kubernetes API on a local HTTP server: lists, watches and forgets as real ones do."""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit
from uuid import NAMESPACE_OID, uuid5

from schemas.yaml_walk import read_documents
from tests.outbound.servers import secured

LONG_AGO: Final = datetime(2026, 11, 1, 8, tzinfo=UTC)
KINDS: Final = {
    "inferenceservices": ("serving.kserve.io/v1beta1", "InferenceService"),
    "llminferenceservices": ("serving.kserve.io/v1alpha2", "LLMInferenceService"),
    "deployments": ("apps/v1", "Deployment"),
    "statefulsets": ("apps/v1", "StatefulSet"),
    "cronjobs": ("batch/v1", "CronJob"),
    "pods": ("v1", "Pod"),
}
Key = tuple[str, str, str]  # plural, namespace, name


class Answered(NamedTuple):
    """An answer; `cut`: so many bytes of it are sent, and the connection ends."""

    status: int
    body: bytes
    cut: int | None = None

    @classmethod
    def of(cls, found: Any, status: int = 200) -> "Answered":
        """As JSON."""
        return cls(status, json.dumps(found).encode())


class Asked(NamedTuple):
    """A request: which kind where, or any other path."""

    path: str
    plural: str | None
    namespace: str | None
    name: str | None
    query: Mapping[str, str]

    @property
    def is_watch(self) -> bool:
        """Is it for what changes?"""
        return self.query.get("watch") == "true"


class KubernetesServer:
    """Answers from its objects, which a test changes. `before` may answer in its stead."""

    def __init__(self, *, token: str | None = None, uid: str = "cluster-1") -> None:
        """`token`: the only one that is let in; `uid` tells the cluster from others."""
        self.token, self.uid, self.url = token, uid, ""
        self.objects: dict[Key, dict[str, Any]] = {}
        self.version = 1_000
        self.events: list[tuple[int, Key, str, dict[str, Any]]] = []
        self.forgotten = 0  # versions below are too old to be watched from
        self.missing: set[str] = set()  # kinds whose definition is not installed
        self.denied: set[tuple[str, str | None]] = set()  # kinds and namespaces; None: any
        self.a_page = 500
        self.broken = 0  # so many watches break off
        self.expired = 0  # so many lists are forgotten on the way
        self.asked: list[Asked] = []
        self.before: Callable[[Asked], Answered | None] = lambda _asked: None
        self._lists: dict[str, Sequence[dict[str, Any]]] = {}

    def put(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object, or change it; what is not said of it stays away."""
        made: dict[str, Any] = deepcopy(dict(document))
        plural = next(p for p, (_, kind) in KINDS.items() if kind == made["kind"])
        about = made.setdefault("metadata", {})
        key = plural, about.setdefault("namespace", "default"), about["name"]
        before = self.objects.get(key, {}).get("metadata", {})
        version = self._next()
        created = (LONG_AGO + timedelta(seconds=version)).strftime("%Y-%m-%dT%H:%M:%SZ")
        about["uid"] = before.get("uid") or str(uuid5(NAMESPACE_OID, f"{key} {version}"))
        about["creationTimestamp"] = (
            before.get("creationTimestamp") or about.get("creationTimestamp") or created
        )
        about["resourceVersion"] = str(version)
        self.objects[key] = made
        self.events.append((version, key, "MODIFIED" if before else "ADDED", deepcopy(made)))
        return made

    def delete(self, plural: str, namespace: str, name: str) -> None:
        """Take an object away."""
        key = plural, namespace, name
        gone = self.objects.pop(key)
        version = self._next()
        gone["metadata"]["resourceVersion"] = str(version)
        self.events.append((version, key, "DELETED", gone))

    def load(self, file: Path) -> int:
        """Every object of a YAML file that the API knows the kind of; how many they are."""
        known = {kind for _, kind in KINDS.values()}
        found = [one.value for one in read_documents(file.read_bytes())]
        put = [one for one in found if isinstance(one, dict) and one.get("kind") in known]
        for one in put:
            self.put(one)
        return len(put)

    def forget(self) -> None:
        """Watches from before now are refused, as after a while they are."""
        self.forgotten = self.version

    def kinds(self) -> list[str]:
        """What was asked for, `watch` before what was watched; the list is emptied."""
        asked, self.asked = self.asked, []
        named = [one.plural or one.path.rpartition("/")[2] for one in asked]
        return [
            f"watch {name}" if one.is_watch else f"{name}/{one.name}" if one.name else name
            for one, name in zip(asked, named, strict=True)
        ]

    def asked_for(self, path: str, signed: str) -> Answered:
        """The answer to a request."""
        request = read_path(path)
        self.asked.append(request)
        if self.token is not None and signed != f"Bearer {self.token}":
            return status(401, "Unauthorized")
        return self.before(request) or self.answer(request)

    def answer(self, asked: Asked) -> Answered:
        """As an API server would."""
        if asked.path == "/apis":
            return Answered.of({"kind": "APIGroupList", "groups": []})
        if asked.path == "/api/v1/namespaces/kube-system":
            return Answered.of({"kind": "Namespace", "metadata": {"uid": self.uid}})
        plural, where = asked.plural, {(asked.plural, None), (asked.plural, asked.namespace)}
        if plural is None or plural in self.missing or not self._is_served(asked):
            return status(404, "NotFound")
        if self.denied & where:
            return status(403, "Forbidden")
        if asked.name is not None:
            found = self.objects.get((plural, asked.namespace or "", asked.name))
            return status(404, "NotFound") if found is None else Answered.of(found)
        return self._watch(asked) if asked.is_watch else self._list(asked)

    def _is_served(self, asked: Asked) -> bool:
        group = KINDS[asked.plural or ""][0]
        return f"/{group}/" in asked.path

    def _list(self, asked: Asked) -> Answered:
        """One moment, page by page, whatever happens meanwhile."""
        if following := asked.query.get("continue"):
            named, _, start = base64.b64decode(following).decode().partition("#")
            if self.expired > 0:
                self.expired -= 1
                return status(410, "Expired")
        else:
            named, start = f"{self.version}:{asked.path}:{asked.query}", "0"
            self._lists[named] = [self._as_listed(one) for one in self._chosen(asked)]
        rows, begin, version = self._lists[named], int(start), named.partition(":")[0]
        end = begin + min(int(asked.query.get("limit", "500")), self.a_page)
        about: dict[str, Any] = {"resourceVersion": version}
        if end < len(rows):
            about["continue"] = base64.b64encode(f"{named}#{end}".encode()).decode()
            about["remainingItemCount"] = len(rows) - end
        api, kind = KINDS[asked.plural or ""]
        found = {"kind": f"{kind}List", "apiVersion": api, "metadata": about}
        return Answered.of(found | {"items": list(rows[begin:end])})

    def _watch(self, asked: Asked) -> Answered:
        """What happened since, and a bookmark; it ends at once, as servers may."""
        since = int(asked.query["resourceVersion"])
        if since < self.forgotten:
            gone = json.loads(status(410, "Expired").body)
            return Answered.of({"type": "ERROR", "object": gone})
        api, kind = KINDS[asked.plural or ""]
        said = [
            {"type": happened, "object": found}
            for version, (plural, space, _), happened, found in self.events
            if version > since and plural == asked.plural and asked.namespace in {None, space}
        ]
        mark = {"kind": kind, "apiVersion": api, "metadata": {"resourceVersion": str(self.version)}}
        if asked.query.get("allowWatchBookmarks") == "true":
            said.append({"type": "BOOKMARK", "object": mark})
        body = b"".join(json.dumps(one).encode() + b"\n" for one in said)
        if self.broken > 0:
            self.broken -= 1
            return Answered(200, body, cut=len(body) // 2)
        return Answered(200, body)

    def _chosen(self, asked: Asked) -> Iterator[dict[str, Any]]:
        wanted = dict(
            part.split("=", 1) for part in asked.query.get("labelSelector", "").split(",") if part
        )
        for (plural, space, _), one in sorted(self.objects.items()):
            labels = one["metadata"].get("labels", {})
            if (
                plural == asked.plural
                and asked.namespace in {None, space}
                and (wanted.items() <= labels.items())
            ):
                yield one

    def _as_listed(self, one: dict[str, Any]) -> dict[str, Any]:
        """Items of kinds that are built in say no kind."""
        built_in = one["kind"] not in {"InferenceService", "LLMInferenceService"}
        hidden = {"kind", "apiVersion"} if built_in else set()
        return deepcopy({name: value for name, value in one.items() if name not in hidden})

    def _next(self) -> int:
        self.version += 1
        return self.version


def status(code: int, reason: str) -> Answered:
    """As the API says that something is not as it was asked for."""
    found = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason,
             "message": "canary-in-a-message", "code": code}  # fmt: skip
    return Answered.of(found, code)


def read_path(path: str) -> Asked:
    """`/apis/<group>/<version>[/namespaces/<namespace>]/<plural>[/<name>]`, or `/api/v1/…`."""
    parts = urlsplit(path)
    query = dict(parse_qsl(parts.query))
    rest = [part for part in parts.path.split("/") if part]
    rest = rest[2:] if rest[:1] == ["api"] else rest[3:]
    space = rest[1] if rest[:1] == ["namespaces"] and len(rest) > 2 else None
    rest = rest[2:] if space is not None else rest
    plural = rest[0] if rest and rest[0] in KINDS else None
    return Asked(parts.path, plural, space, rest[1] if plural and len(rest) > 1 else None, query)


@contextmanager
def kubernetes(certificate: Path | None = None, **asked: Any) -> Iterator[KubernetesServer]:
    """An API that answers on loopback, until it is left; behind TLS with a certificate."""
    scripted = KubernetesServer(**asked)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answered = scripted.asked_for(self.path, self.headers["Authorization"] or "")
            self.close_connection = True
            with suppress(OSError):  # the client has left
                self.send_response(answered.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Connection", "close")
                self.send_header("Content-Length", str(len(answered.body)))
                self.end_headers()
                self.wfile.write(answered.body[: answered.cut])

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def finish_request(self, request: Any, client_address: Any) -> None:
            with suppress(OSError), secured(request, certificate) as connection:
                super().finish_request(connection, client_address)

    with Server(("127.0.0.1", 0), Handler) as server:
        scheme = "http" if certificate is None else "https"
        scripted.url = f"{scheme}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield scripted
        finally:
            server.shutdown()
            thread.join()
