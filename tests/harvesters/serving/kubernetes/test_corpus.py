"""Real manifests of serving platforms: each is read, left out by its kind, or no YAML."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harvesters.serving.kubernetes.objects import LeftOut
from harvesters.serving.kubernetes.observe import Cluster, observe
from harvesters.serving.kubernetes.settings import KubernetesSettings
from schemas.observation import Observation, parse_observation
from schemas.yaml_walk import YamlRefused, read_documents
from tests.harvesters.serving.kubernetes.ways import Ways, stated
from tests.support.kubernetes_server import KINDS, KubernetesServer
from tests.support.shelf import NOON

CLUSTER = Cluster("prod", KubernetesSettings(url="https://kubernetes.example"))


def documents(corpora: Path) -> Iterator[tuple[Path, list[Any] | None]]:
    """What each file holds; None for those that are refused."""
    for path in sorted((corpora / "k8s_serving").rglob("*")):
        if path.is_file():
            try:
                yield path, [one.value for one in read_documents(path.read_bytes())]
            except YamlRefused:
                yield path, None


def test_corpus_counts(corpora: Path) -> None:
    """58 files: 54 accepted with 83 documents, 4 templates refused; 33 deployments."""
    files, kinds, left = Counter[bool](), Counter[tuple[str, str]](), Counter[str]()
    count = 0
    for _, found in documents(corpora):
        files[found is not None] += 1
        for document in found or ():
            count += 1
            said = observe(document, CLUSTER, at=NOON)
            if isinstance(said, LeftOut):
                left[said.reason] += 1
                continue
            assert isinstance(said, Observation), said
            parse_observation(said.model_dump(mode="json", exclude_unset=True))
            facts = stated(said)
            how = next((name for name in ("artifact_uri", "image") if name in facts), "neither")
            kinds[document["kind"], how] += 1

    assert (files, count) == ({True: 54, False: 4}, 83)
    assert kinds == {
        ("InferenceService", "artifact_uri"): 15,
        ("InferenceService", "image"): 4,
        ("InferenceService", "neither"): 2,
        ("LLMInferenceService", "artifact_uri"): 11,
        ("Deployment", "image"): 1,
    }
    assert left == {"other_kind": 50}


def test_corpus_served(corpora: Path, server: KubernetesServer, ways: Ways) -> None:
    """The same through the API: what several files call by one name is one thing."""
    count = 0
    for path, found in documents(corpora):
        count += server.load(path) if found is not None else 0
    harvested = ways.harvest()

    assert count == 33
    assert len(harvested.names()) == len(server.objects) == 28
    assert harvested.skipped() == []
    known = {kind for _, kind in KINDS.values()}
    assert {one["kind"] for one in server.objects.values()} <= known
