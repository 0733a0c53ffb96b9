"""Reads one object of a cluster's API into what is kept of it; no other member goes any further."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from harvesters.serving.claims import of_ours
from harvesters.serving.kubernetes.artifacts import Storage, of_container, of_predictor, words
from harvesters.serving.kubernetes.conditions import status_of
from harvesters.serving.kubernetes.documents import items, member, number, pairs, text
from harvesters.serving.kubernetes.kinds import KSERVE, Resource
from harvesters.serving.kubernetes.settings import KubernetesSettings
from harvesters.serving.settings import matches

NAME: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)
KNATIVE: Final = "serving.knative.dev/"
CONTROLLERS: Final = ("manager", "controller", "kube-controller-manager", "kserve", "knative")
TRACKING: Final = {"server", "ui"}  # `mlflow server` serves no model
WHOLE: Final = 100


class Served(NamedTuple):
    """One object that serves a model, as far as it is read. Texts are as they were stated."""

    kind: str
    namespace: str
    name: str
    created_at: str | None = None
    claims: Mapping[str, str] = {}  # labels and annotations of ours, without what stands before /
    environment: str | None = None  # of the label that names one
    storage: tuple[str, ...] = ()
    hub: str | None = None
    image: str | None = None
    container: str | None = None
    status: str | None = None
    traffic: float | None = None
    canary: bool = False
    endpoint: str | None = None
    by: str | None = None
    pods: str | None = None  # the selector of its pods


class LeftOut(NamedTuple):
    """An object that is no deployment; why, as a report counts it."""

    reason: str


class Unreadable(NamedTuple):
    """An object that has no name to be known by."""

    why: str


Kept = Served | LeftOut | Unreadable


def keep(document: Any, resource: Resource, *, settings: KubernetesSettings) -> Kept:
    """What is kept of an object; the rest, values of variables before all, is not looked at."""
    name = text(document, "metadata", "name")
    namespace = text(document, "metadata", "namespace") or "default"
    if name is None or not NAME.fullmatch(name) or not NAME.fullmatch(namespace):
        return Unreadable(f"an object of {resource.plural} has no name that Kubernetes would give")
    if matches(namespace, settings.exclude):
        return LeftOut("excluded")
    if not resource.is_kserve and _is_made(document):
        return LeftOut("made_by_kserve")
    container = _container(document, resource)
    image = text(container, "image")
    storage = _storage(document, container, image=image)
    claims = _claims(document)
    if not resource.is_kserve:
        if image and "mlflow" in image.lower() and _tracks(container):
            return LeftOut("tracking_server")
        called = matches(name, settings.serving_names)
        serves = image is not None and matches(_bare(image), settings.serving_images)
        if not (serves or called or storage.stated or "model" in claims):
            return LeftOut("serves_no_model")
    traffic, canary = _traffic(document)
    label = settings.environment_label
    return Served(
        resource.kind, namespace, name, text(document, "metadata", "creationTimestamp"), claims,
        dict(pairs(document, "metadata", "labels")).get(label) if label else None,
        storage.stated, storage.hub, image, text(container, "name") or resource.container,
        status_of(document, resource.kind), traffic, canary, _endpoint(document),
        _by(document), _selector(document, resource, name=name),
    )  # fmt: skip


def _container(document: Any, resource: Resource) -> Mapping[str, Any]:
    """The container that serves: by the name that is agreed on, else the first."""
    if resource.kind == "InferenceService":
        return _of_predictor(member(document, "spec", "predictor"), resource.container)
    spec = member(document, "spec")
    if resource.kind == "CronJob":
        spec = member(spec, "jobTemplate", "spec")
    template = member(spec, "template")
    if resource.kind != "LLMInferenceService":  # there the template is the pod's specification
        template = member(template, "spec")
    return _first(template, resource.container)


def _of_predictor(predictor: Any, name: str | None) -> Mapping[str, Any]:
    """A container of its own, or the one of its framework, of which an image may be stated."""
    named = _first(predictor, name)
    if named.get("image"):
        return named
    holders = predictor.values() if isinstance(predictor, Mapping) else ()
    with_image = (one for one in holders if isinstance(one, Mapping) and text(one, "image"))
    return next(with_image, named)


def _first(holder: Any, name: str | None) -> Mapping[str, Any]:
    found = list(items(holder, "containers"))
    chosen = next((one for one in found if one.get("name") == name), None)
    return chosen or (found[0] if found else {})


def _storage(document: Any, container: Mapping[str, Any], *, image: str | None) -> Storage:
    stated = [*of_predictor(member(document, "spec", "predictor"))]
    if uri := text(document, "spec", "model", "uri"):
        stated.append(uri)
    if stated:
        return Storage(tuple(dict.fromkeys(stated)))
    found = of_container(container, image=image)
    return found._replace(stated=tuple(dict.fromkeys(found.stated)))


def _claims(document: Any) -> dict[str, str]:
    """Annotations say more than labels can: they come last. A template's labels count too."""
    above, below = ("metadata",), ("spec", "template", "metadata")
    found: dict[str, str] = {}
    for place in ((*w, name) for name in ("labels", "annotations") for w in (below, above)):
        found |= of_ours(pairs(document, *place))
    return found


def _is_made(document: Any) -> bool:
    """Does it belong to an object of KServe or Knative, which is read itself?"""
    owners = items(document, "metadata", "ownerReferences")
    if any((text(one, "apiVersion") or "").startswith((KSERVE, KNATIVE)) for one in owners):
        return True
    names = (name for name, _ in pairs(document, "metadata", "labels"))
    return any(name == f"{KSERVE}/inferenceservice" or name.startswith(KNATIVE) for name in names)


def _tracks(container: Mapping[str, Any]) -> bool:
    said = [word.rpartition("/")[2] for word in words(container)]
    if not said:
        return False
    after = said[said.index("mlflow") + 1 :] if "mlflow" in said else said
    return bool(after) and after[0] in TRACKING


def _bare(image: str) -> str:
    """An image without its tag and its digest."""
    name = image.partition("@")[0]
    before, slash, last = name.rpartition("/")
    return f"{before}{slash}{last.partition(':')[0]}"


def _traffic(document: Any) -> tuple[float | None, bool]:
    """The share of the newest revision, and whether it is less than all on purpose."""
    asked = number(document, "spec", "predictor", "canaryTrafficPercent")
    shares = list(items(document, "status", "components", "predictor", "traffic"))
    newest = [number(one, "percent") or 0.0 for one in shares if one.get("latestRevision") is True]
    share = sum(newest) if newest else asked
    return share, asked is not None and asked < WHOLE


def _endpoint(document: Any) -> str | None:
    found = text(document, "status", "url") or text(document, "status", "address", "url")
    if found is None:
        found = next((text(one, "url") for one in items(document, "status", "addresses")), None)
    return found


def _by(document: Any) -> str | None:
    """Who last wrote what it shall be, as the API server names managers of fields."""
    writers = [
        (text(one, "time") or "", manager)
        for one in items(document, "metadata", "managedFields")
        if (manager := text(one, "manager")) and not text(one, "subresource")
        and member(one, "fieldsV1", "f:spec") is not None
        and not manager.lower().startswith(CONTROLLERS)
    ]  # fmt: skip
    return max(writers)[1] if writers else None


def _selector(document: Any, resource: Resource, *, name: str) -> str | None:
    if resource.owned is not None:
        return f"{resource.owned}={name},component=predictor"
    if resource.kind == "LLMInferenceService":
        return f"app.kubernetes.io/part-of=llminferenceservice,app.kubernetes.io/name={name}"
    if resource.kind == "CronJob":
        return None
    return ",".join(_terms(document)) or None


def _terms(document: Any) -> Iterator[str]:
    for name, value in sorted(pairs(document, "spec", "selector", "matchLabels")):
        yield f"{name}={value}"
