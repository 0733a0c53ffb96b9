"""Ways to a scripted cluster: a harvester that never waits, run as the runner runs it."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from harvesters.base import Told
from harvesters.errors import RecordUnreadable
from harvesters.http import PoliteClient
from harvesters.manners import Manners
from harvesters.serving.kubernetes.api import Kubernetes
from harvesters.serving.kubernetes.objects import LeftOut
from harvesters.serving.kubernetes.observe import Cluster, observe
from harvesters.serving.kubernetes.settings import KubernetesSettings
from harvesters.serving.kubernetes.sweep import ServingSweep
from schemas.harvest import Coverage, KnownSubject
from schemas.observation import Observation
from tests.support.kubernetes_server import KubernetesServer
from tests.support.scripted import Slept
from tests.support.shelf import NOON

LOOPBACK: Final = "127.0.0.1/32"
SHA: Final = "sha256:" + "ab" * 32


class Ways:
    """Harvests a cluster; remembers cursors and what is live, as the catalog would."""

    def __init__(self, server: KubernetesServer, **settings: Any) -> None:
        """The source is told this."""
        self.server, self.slept = server, Slept()
        self.told = KubernetesSettings.model_validate({"url": server.url} | settings)
        usual = Manners(a_second=10_000.0, clock=self.slept.clock())
        self.client = PoliteClient(server.url, allow=LOOPBACK, manners=usual)
        self.cursors: dict[Coverage, str | None] = dict.fromkeys(Coverage)
        self.known: dict[Any, Observation] = {}  # by subject
        self.sweep = self._make()

    def _make(self) -> ServingSweep:
        kubernetes = Kubernetes(self.client)
        return ServingSweep(kubernetes, Cluster("prod", self.told), seconds=3_600)

    def later(self, seconds: float) -> None:
        """Time goes by."""
        self.slept.seconds.append(seconds)

    def harvest(self) -> "Harvested":
        """Once, to its end."""
        self.sweep = sweep = self._make()
        self.server.asked.clear()
        sweep.choose(self.cursors[Coverage.FULL])
        told: list[Told] = []
        cursor = self.cursors[sweep.coverage]
        for page in sweep.pages(cursor):
            told += sweep.observe(page)
            cursor = sweep.cursor_after(page) or cursor
        seen = {one.subject for one in told if isinstance(one, Observation)}
        unseen = [
            KnownSubject(subject=subject, digest=one.digest())
            for subject, one in self.known.items()
            if subject not in seen
        ]
        if sweep.coverage is Coverage.FULL or sweep.read_all:
            told += sweep.ask(unseen)
        self.cursors[sweep.coverage] = cursor
        for one in told:
            if isinstance(one, Observation) and one.gone:
                self.known.pop(one.subject, None)
            elif isinstance(one, Observation):
                self.known[one.subject] = one
        return Harvested(sweep, told)


class Harvested:
    """What a harvest said."""

    def __init__(self, sweep: ServingSweep, told: Sequence[Told]) -> None:
        """Of this harvester."""
        self.coverage, self.counts = sweep.coverage, dict(sweep.counts)
        self.told = told

    def names(self) -> list[str]:
        """Whom it observed, without the cluster."""
        return [name(one) for one in self._observations() if not one.gone]

    def gone(self) -> list[str]:
        """What it says is not there any more."""
        return [name(one) for one in self._observations() if one.gone]

    def skipped(self) -> list[tuple[str, str | None]]:
        """Codes and what they excuse."""
        return [
            (one.code, one.subject.value if one.subject else None)
            for one in self.told
            if isinstance(one, RecordUnreadable)
        ]

    def facts(self) -> dict[str, dict[str, Any]]:
        """What is said, by name."""
        return {name(one): stated(one) for one in self._observations() if not one.gone}

    def _observations(self) -> Iterator[Observation]:
        return (one for one in self.told if isinstance(one, Observation))


def name(one: Observation) -> str:
    """Of a deployment, without its cluster."""
    return one.subject.value.partition("/")[2]


def stated(one: Observation) -> dict[str, Any]:
    """Facts as JSON."""
    assert one.facts is not None
    return one.facts.model_dump(mode="json", exclude_unset=True)


def isvc(name: str = "churn", space: str = "retail", **more: Any) -> dict[str, Any]:
    """An InferenceService; `spec`, `metadata` and `status` add to it."""
    predictor = {"model": {"modelFormat": {"name": "sklearn"}, "storageUri": "s3://models/churn/7"}}
    return {
        "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
        "metadata": {"name": name, "namespace": space} | more.get("metadata", {}),
        "spec": {"predictor": predictor | more.get("predictor", {})},
        **({"status": more["status"]} if "status" in more else {}),
    }  # fmt: skip


def workload(
    name: str = "scorer", image: str = "acme/scorer:1", *, kind: str = "Deployment", **more: Any
) -> dict[str, Any]:
    """A plain workload with one container; `container`, `metadata`, `spec` and `status` add."""
    container = {"name": "main", "image": image} | more.get("container", {})
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    spec: dict[str, Any] = {"selector": {"matchLabels": {"app": name}}, "template": template}
    if kind == "CronJob":
        spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}
    return {
        "apiVersion": "batch/v1" if kind == "CronJob" else "apps/v1", "kind": kind,
        "metadata": {"name": name, "namespace": "retail"} | more.get("metadata", {}),
        "spec": spec | more.get("spec", {}),
        **({"status": more["status"]} if "status" in more else {}),
    }  # fmt: skip


def pod(name: str, image: str, image_id: str, **labels: str) -> dict[str, Any]:
    """A pod that runs an image in a container, and has a secret in its environment."""
    named = labels.pop("container", "main")
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "retail", "labels": labels},
        "spec": {"containers": [{"name": named, "env": [{"name": "X", "value": "canary-pod"}]}]},
        "status": {
            "containerStatuses": [
                {"name": named, "image": image, "imageID": image_id},
                {"name": "istio-proxy", "image": "istio", "imageID": "x@sha256:" + "e" * 64},
            ]
        },
    }  # fmt: skip


def said(document: Any, cluster: str = "prod", **settings: Any) -> Observation:
    """What a cluster's source says of an object."""
    told = KubernetesSettings.model_validate({"url": "https://k8s.example"} | settings)
    one = observe(document, Cluster(cluster, told), at=NOON)
    assert isinstance(one, Observation), one
    return one


def facts(document: Any, cluster: str = "prod", **settings: Any) -> dict[str, Any]:
    """The facts of it."""
    return stated(said(document, cluster, **settings))


def left(document: Any, **settings: Any) -> str:
    """Why an object is left out."""
    told = KubernetesSettings.model_validate({"url": "https://k8s.example"} | settings)
    one = observe(document, Cluster("prod", told), at=NOON)
    assert isinstance(one, LeftOut), one
    return one.reason
