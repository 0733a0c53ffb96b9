"""Makes an observation of what was kept of an object; pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from harvesters.dropped import Dropped
from harvesters.environments import class_of
from harvesters.errors import RecordUnreadable
from harvesters.moments import read_moment
from harvesters.serving.claims import claimed
from harvesters.serving.kubernetes.artifacts import ADDRESS, shown
from harvesters.serving.kubernetes.kinds import BY_KIND, Resource
from harvesters.serving.kubernetes.objects import LeftOut, Served, Unreadable, keep
from harvesters.serving.kubernetes.settings import KubernetesSettings
from harvesters.stating import state
from schemas.canonical import canonical_digest
from schemas.identifiers import Identifier, Kind, encode_segment
from schemas.masking import mask_secrets
from schemas.observation import Observation

PINNED: Final = re.compile(r"@(sha256:[0-9a-f]{64})$", re.ASCII)
NOWHERE: Final = ("${", "$(", "{{")  # of a template that nobody filled in


class Cluster(NamedTuple):
    """What a cluster is called, and what its source is told about it."""

    name: str
    settings: KubernetesSettings
    url: str | None = None  # of its API, where people can follow it


class Running(NamedTuple):
    """What the pods of an object say that they run."""

    image: str | None = None
    digest: str | None = None


class ServingPage(NamedTuple):
    """Some of what serves, what was deleted, and what could not be read."""

    at: datetime  # our time before the request
    objects: tuple[Served, ...] = ()
    running: Mapping[str, Running] = {}  # what pods say, by `<namespace>/<name>`
    gone: tuple[Served, ...] = ()
    unreadable: tuple[str, ...] = ()
    denied: str | None = None
    cursor: str | None = None


Said = Observation | RecordUnreadable | LeftOut


def observe(
    document: Any, cluster: Cluster, *, at: datetime, resource: Resource | None = None
) -> Said:
    """What one object of the API says, whole as it was answered."""
    kind = document.get("kind") if isinstance(document, Mapping) else None
    resource = resource or (BY_KIND.get(kind) if isinstance(kind, str) else None)
    if resource is None:
        return LeftOut("other_kind")
    kept = keep(document, resource, settings=cluster.settings)
    if isinstance(kept, Unreadable):
        return RecordUnreadable("unnamed", kept.why)
    return kept if isinstance(kept, LeftOut) else of_served(kept, cluster, at=at)


def subject_of(served: Served, cluster: Cluster) -> Identifier:
    """What a deployment is known by.

    An LLMInferenceService may have the name of an InferenceService: it is known by its kind too.
    """
    place = f"{encode_segment(cluster.name)}/{encode_segment(served.namespace)}"
    name = encode_segment(served.name)
    if served.kind == "InferenceService":
        return Identifier(kind=Kind.DEPLOYMENT, scheme="kserve", value=f"{place}/{name}")
    value = f"{place}/{served.kind.lower()}/{name}"
    return Identifier(kind=Kind.DEPLOYMENT, scheme="k8s", value=value)


def of_served(
    served: Served, cluster: Cluster, *, at: datetime, running: Running | None = None
) -> Observation | RecordUnreadable:
    """What is said of one deployment."""
    dropped: list[Dropped] = []
    artifact, inferred = _artifact(served, dropped)
    running = running or Running()
    environment = served.environment or served.namespace
    settings = cluster.settings
    stated = {
        "platform": "kserve" if BY_KIND[served.kind].is_kserve else "kubernetes",
        "name": served.name,
        "environment": environment,
        "environment_class": _or_unread(
            class_of(environment, settings.environments)
            or class_of(served.namespace, settings.environments)
            or class_of(cluster.name, settings.environments)
        ),
        "role": "batch" if served.kind == "CronJob" else "canary" if served.canary else "live",
        "traffic_percent": _or_unread(served.traffic),
        "artifact_uri": artifact,
        "image": _or_unread(served.image or running.image),
        "digest": _digest(served, running),
        "status": _or_unread(served.status),
        "endpoint": _or_unread(served.endpoint),
        "deployed_by": _or_unread(served.by),
        "created_at": _or_unread(read_moment(served.created_at)),
    } | claimed(served.claims, dropped)
    if served.canary and served.traffic is not None:
        rest = f"{100 - served.traffic:g} % of the traffic go to an earlier revision"
        dropped.append(Dropped("earlier_revision", f"{rest}, which is not read"))
    return state(
        subject_of(served, cluster), stated, at=at, raw=_evidence(served), dropped=dropped,
        inferred=inferred, url=_url(served, cluster),
    )  # fmt: skip


def _evidence(served: Served) -> dict[str, Any]:
    return {name: value for name, value in served._asdict().items() if value}


def _artifact(served: Served, dropped: list[Dropped]) -> tuple[Any, tuple[str, ...]]:
    """An address, whatever its scheme: of a volume or a template, nothing is ever concluded."""
    addresses = [shown(one) for one in served.storage if ADDRESS.fullmatch(one)]
    if len(addresses) < len(served.storage):
        dropped.append(Dropped("no_address", "where its model lies is stated, and is no address"))
    dropped += [Dropped("several", f"it also loads {mask_secrets(one)}") for one in addresses[1:]]
    if addresses:
        if any(sign in addresses[0] for sign in NOWHERE):
            text = "where its model lies names a variable that nobody filled in"
            dropped.append(Dropped("template", text))
        return addresses[0], ()
    return (f"hf://{served.hub}", ("artifact_uri",)) if served.hub else (..., ())


def _digest(served: Served, running: Running) -> Any:
    """Of the image that the model is, else of the image that serves it."""
    for text in (*served.storage[:1], served.image or ""):
        if found := PINNED.search(text):
            return found[1]
    return _or_unread(running.digest)


def _url(served: Served, cluster: Cluster) -> str | None:
    if cluster.url is None:
        return None
    resource = BY_KIND[served.kind]
    path = f"apis/{resource.group}/{resource.versions[0]}/namespaces/{served.namespace}"
    return f"{cluster.url}/{path}/{resource.plural}/{served.name}"


def running_of(pods: Any, container: str | None) -> Running:
    """What pods run in a container; during a rollout, when they differ, nothing is said."""
    found = {
        (_written(one.get("image")), _of_image_id(one.get("imageID")))
        for pod in pods
        for one in _statuses(pod)
        if container is None or one.get("name") == container
    }
    images = {image for image, _ in found if image}
    digests = {digest for _, digest in found if digest}
    return Running(
        images.pop() if len(images) == 1 else None, digests.pop() if len(digests) == 1 else None
    )


def _statuses(pod: Any) -> list[Mapping[str, Any]]:
    status = pod.get("status") if isinstance(pod, Mapping) else None
    found = status.get("containerStatuses") if isinstance(status, Mapping) else None
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _written(image: Any) -> str | None:
    return image if isinstance(image, str) and image else None


def _of_image_id(text: Any) -> str | None:
    """`docker-pullable://name@sha256:…`; a bare `sha256:…` is the image's id on its node only."""
    found = PINNED.search(text) if isinstance(text, str) else None
    return canonical_digest(found[1]) if found else None


def _or_unread(value: Any) -> Any:
    return ... if value is None else value
