"""Kinds of sources: who reads each. Others add kinds by entry points."""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final, NamedTuple

from harvesters.base import Harvester
from harvesters.codec import Codec
from harvesters.errors import SourceRefused
from schemas.sources import SourceSettings

GROUP: Final = "model_catalog.harvesters"
BUILT_IN: Final = {
    "mlflow": "harvesters.mlflow:harvesters",
    "directory": "harvesters.directory:harvesters",
    "omb-inventory": "harvesters.inventory:harvesters",
    "git": "harvesters.manifests.git:harvesters",
    "gitlab": "harvesters.manifests.gitlab:harvesters",
    "github": "harvesters.manifests.github:harvesters",
    "jenkins": "harvesters.ci.jenkins:harvesters",
    "azure": "harvesters.ci.azure:harvesters",
    "kubernetes": "harvesters.serving.kubernetes:harvesters",
    "sagemaker": "harvesters.serving.sagemaker:harvesters",
}
REPLAYS: Final = "model_catalog.replays"
REPLAYED: Final = {
    "mlflow": "harvesters.mlflow.replay:REPLAYS",
    "directory": "harvesters.directory.harvest:REPLAYS",
    "omb-inventory": "harvesters.inventory.harvest:REPLAYS",
    "git": "harvesters.manifests.replays:REPLAYS",
    "github": "harvesters.manifests.replays:REPLAYS",
    "gitlab": "harvesters.manifests.replays:REPLAYS",
    "kubernetes": "harvesters.serving.kubernetes.replay:REPLAYS",
    "sagemaker": "harvesters.serving.sagemaker.replay:REPLAYS",
    "jenkins": "harvesters.ci.jenkins.replay:REPLAYS",
    "azure": "harvesters.ci.azure.replay:REPLAYS",
}


class Secret(NamedTuple):
    """A source's credential and the one host it may go to."""

    text: str
    host: str


class Replays(NamedTuple):
    """How the harvests of a kind are recorded and replayed."""

    codec: Codec  # of its pages
    harvester: Callable[[SourceSettings, str], Harvester[Any]]  # of a scope; asks nothing


Factory = Callable[..., Iterator[Harvester[Any]]]


def find_factory(kind: str) -> Factory:
    """Who makes the harvesters of a kind, one a scope."""
    places = BUILT_IN | {entry.name: entry.value for entry in entry_points(group=GROUP)}
    if kind not in places:
        known = ", ".join(sorted(places))
        message = f"no harvester reads sources of kind {kind}; installed are: {known}"
        raise SourceRefused(message)
    factory: Factory = _load(places[kind])
    return factory


def find_replays(kind: str) -> Replays | None:
    """How harvests of a kind are recorded, if they can be."""
    places = REPLAYED | {entry.name: entry.value for entry in entry_points(group=REPLAYS)}
    found: Replays | None = _load(places[kind]) if kind in places else None
    return found


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def find_secret(source: SourceSettings, environ: Mapping[str, str]) -> Secret | None:
    """The credential that the source names, from the environment alone."""
    if source.credential is None:
        return None
    name = f"MODEL_CATALOG_SECRET_{source.credential}"
    text, host = environ.get(name), environ.get(f"{name}_HOST")
    if path := environ.get(f"{name}_FILE"):
        text = _read(path, name)
    if not text or not host:
        message = f"source {source.name} needs {name} (or {name}_FILE) and {name}_HOST"
        raise SourceRefused(message)
    return Secret(text, host)


def _read(path: str, name: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  # a path that an operator set
            return file.read().strip()
    except UnicodeDecodeError:
        message = f"{name}_FILE is no text"
        raise SourceRefused(message) from None
    except OSError as error:
        message = f"{name}_FILE cannot be read: {error.strerror}"
        raise SourceRefused(message) from None
