"""What is said of one object of a cluster, and what of it is never looked at."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.errors import RecordUnreadable
from harvesters.serving.kubernetes.kinds import RESOURCES
from harvesters.serving.kubernetes.objects import LeftOut, Served, keep
from harvesters.serving.kubernetes.observe import Cluster, observe, running_of
from harvesters.serving.kubernetes.settings import KubernetesSettings
from schemas.observation import Observation
from tests.harvesters.serving.kubernetes.ways import (
    SHA,
    facts,
    isvc,
    pod,
    said,
    stated,
    workload,
)
from tests.support.shelf import NOON

COMMIT = "9f2c" * 10


def make_whole() -> dict[str, Any]:
    """An InferenceService with everything that KServe and its people say of it."""
    return isvc(
        metadata={
            "creationTimestamp": "2026-11-01T08:00:00Z",
            "labels": {"model-catalog/model": "retail.churn", "model-catalog/version": "6"},
            "annotations": {
                "model-catalog/version": "7",
                "model-catalog/commit": COMMIT,
                "model-catalog/repository": "https://github.com/Acme/Churn.git",
                "model-catalog/build": "github:github.com/1/42",
                "model-catalog/blueprint": "serving/v3",
                "model-catalog/unheard-of": "x",
            },
            "managedFields": [
                {"manager": "argocd-controller", "time": "2026-11-02T08:00:00Z",
                 "fieldsV1": {"f:spec": {}}},
                {"manager": "kubectl-edit", "time": "2026-11-01T08:00:00Z",
                 "fieldsV1": {"f:spec": {}}},
                {"manager": "manager", "time": "2026-11-03T08:00:00Z", "subresource": "status",
                 "fieldsV1": {"f:status": {}}},
            ],
        },
        status={
            "url": "https://churn.retail.acme.example",
            "conditions": [{"type": "Ready", "status": "True"}],
            "components": {"predictor": {"traffic": [{"latestRevision": True, "percent": 100}]}},
        },
    )  # fmt: skip


def test_observe_inference_service() -> None:
    """A live one, with everything that KServe and its people say of it."""
    one = said(make_whole(), environments={"retail": "production"})

    assert str(one.subject) == "deployment:kserve:prod/retail/churn"
    assert stated(one) == {
        "platform": "kserve", "name": "churn", "environment": "retail",
        "environment_class": "production", "role": "live", "traffic_percent": 100.0,
        "claimed_model": "retail/churn", "claimed_version": "7", "commit": COMMIT,
        "blueprint": "serving/v3", "artifact_uri": "s3://models/churn/7", "status": "ready",
        "endpoint": "https://churn.retail.acme.example", "deployed_by": "argocd-controller",
        "created_at": "2026-11-01T08:00:00.000000Z",
        "repository": {"kind": "repository", "scheme": "url", "value": "https://github.com/acme/churn"},
        "build": {"kind": "build", "scheme": "github", "value": "github.com/1/42"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("predictor", "uri"),
    [
        ({"model": {"storageUri": "gs://b/m"}}, "gs://b/m"),
        ({"model": None, "sklearn": {"storageUri": "s3://b/m"}}, "s3://b/m"),
        ({"model": None, "newframework": {"storageUri": "az://b/m"}}, "az://b/m"),
        ({"model": {"storageUri": "pvc://claim/models/churn"}}, "pvc://claim/models/churn"),
        ({"model": {"storageUri": "oci://ghcr.io/a/churn:7"}}, "oci://ghcr.io/a/churn:7"),
        ({"model": {"storageUri": "hf://acme/churn:main"}}, "hf://acme/churn:main"),
        ({"model": {"storageUri": "models:/churn@champion"}}, "models:/churn@champion"),
        ({"model": {"storageUri": "mlflow-artifacts:/1/m-1/artifacts"}},
         "mlflow-artifacts:/1/m-1/artifacts"),
        ({"model": {"storageUri": "mlflow-artifacts://h/1/models/m-0/artifacts"}},
         "mlflow-artifacts://h/1/models/m-0/artifacts"),
        ({"model": {"storageUri": "https://acme.example/m?X-Amz-Signature=canary"}},
         "https://acme.example/m"),
        ({"model": {"storageUri": "https://user:canary@acme.example/m"}}, "https://acme.example/m"),
        ({"model": {"storage": {"key": "k", "path": "/churn/7",
                                "parameters": {"type": "s3", "bucket": "b"}}}}, "s3://b/churn/7"),
        ({"model": {"storage": {"key": "k", "path": "churn/7"}}}, None),
        ({"model": {"storageUris": [{"uri": "s3://b/1"}, {"uri": "s3://b/2"}]}}, "s3://b/1"),
        ({"model": {"storageUri": 7}}, None),
        ({"model": ["storageUri"]}, None),
        ({"model": None, "containers": [{"name": "kserve-container", "image": "a/b",
          "env": [{"name": "STORAGE_URI", "value": "s3://b/env"}]}]}, "s3://b/env"),
    ],
)  # fmt: skip
def test_observe_storage(predictor: Any, uri: str | None) -> None:
    """All forms of KServe; credentials and signatures stay out, as does what is no address."""
    found = facts(isvc(predictor=predictor))

    assert found.get("artifact_uri") == uri
    assert "canary" not in json.dumps(found)


def test_observe_templates() -> None:
    """A variable that nobody filled in is shown, and said to be one."""
    found = facts(isvc(predictor={"model": {"storageUri": "s3://${bucket}/churn"}}))
    assert found["artifact_uri"] == "s3://${bucket}/churn"
    assert found["warnings"] == ["where its model lies names a variable that nobody filled in"]
    found = facts(isvc(predictor={"model": {"storageUri": "/mnt/models"}}))
    assert "artifact_uri" not in found
    assert found["warnings"] == ["where its model lies is stated, and is no address"]


def test_observe_canary() -> None:
    """A canary is the newest revision, with its share; the rest goes to an earlier one."""
    traffic = [{"latestRevision": True, "percent": 20}, {"revisionName": "churn-1", "percent": 80}]
    found = facts(
        isvc(
            predictor={"canaryTrafficPercent": 20},
            status={"components": {"predictor": {"traffic": traffic}}},
        )
    )
    assert (found["role"], found["traffic_percent"]) == ("canary", 20.0)
    assert found["warnings"] == ["80 % of the traffic go to an earlier revision, which is not read"]
    whole = facts(isvc(predictor={"canaryTrafficPercent": "100"}))
    assert (whole["role"], whole["traffic_percent"]) == ("live", 100.0)
    assert facts(isvc(predictor={"canaryTrafficPercent": 0}))["role"] == "canary"


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ({"conditions": [{"type": "Ready", "status": "True"}]}, "ready"),
        ({"conditions": [{"type": "Ready", "status": "False"}]}, "failed"),
        ({"conditions": [{"type": "Ready", "status": "Unknown"}]}, "pending"),
        ({"conditions": [{"type": "Ready", "status": "False"}],
          "modelStatus": {"transitionStatus": "InProgress"}}, "pending"),
        ({"conditions": [{"type": "Ready", "status": "Unknown"}],
          "modelStatus": {"transitionStatus": "BlockedByFailedLoad"}}, "failed"),
        ({"conditions": [{"type": "Stopped", "status": "True"}]}, "stopped"),
        ({"conditions": "none"}, "pending"),
        ({}, "pending"),
        ({"conditions": [{"type": "Ready", "status": "Perhaps"}]}, "unknown"),
    ],
)  # fmt: skip
def test_observe_status(status: Any, word: str) -> None:
    """By its conditions; a manifest that no cluster knows has none."""
    assert facts(isvc(status=status))["status"] == word
    assert "status" not in facts(isvc())


def test_observe_llm() -> None:
    """It may be called like an InferenceService beside it, and is known by its kind too."""
    document = {
        "apiVersion": "serving.kserve.io/v1alpha2", "kind": "LLMInferenceService",
        "metadata": {"name": "churn", "namespace": "retail"},
        "spec": {
            "model": {"uri": "hf://acme/llm", "name": "acme/llm"},
            "template": {"containers": [{"name": "side", "image": "x"},
                                        {"name": "main", "image": "vllm/vllm@" + SHA}]},
        },
        "status": {"addresses": [{"url": "https://llm.acme.example"}], "conditions": []},
    }  # fmt: skip
    one = said(document)
    assert one.subject.value == "prod/retail/llminferenceservice/churn"
    assert one.subject.scheme == "k8s"
    found = stated(one)
    assert (found["artifact_uri"], found["digest"]) == ("hf://acme/llm", SHA)
    assert (found["platform"], found["endpoint"]) == ("kserve", "https://llm.acme.example")


def test_observe_digest() -> None:
    """That of an image which is the model outweighs that of the image which serves it."""
    other = "sha256:" + "cd" * 32
    predictor = {
        "model": {"storageUri": f"oci://ghcr.io/acme/churn@{SHA}", "image": f"acme/server@{other}"}
    }
    found = facts(isvc(predictor=predictor))
    assert (found["digest"], found["image"]) == (SHA, f"acme/server@{other}")
    assert facts(workload("churn-model", f"acme/server@{other}"))["digest"] == other
    assert "digest" not in facts(workload("churn-model"))


def test_observe_environment() -> None:
    """By the label that is named, else the namespace; its class by patterns, never by guessing."""
    document = isvc(metadata={"labels": {"stage": "live"}})
    told: Any = {"environment_label": "stage", "environments": {"live": "production"}}
    assert facts(document, **told)["environment"] == "live"
    assert facts(document, **told)["environment_class"] == "production"
    assert facts(isvc(), **told)["environment"] == "retail"
    assert "environment_class" not in facts(isvc(space="production"))
    assert facts(isvc(), environments={"prod": "production"})["environment_class"] == "production"
    assert said(isvc(), "a/b").subject.value == "a%2Fb/retail/churn"


@pytest.mark.parametrize(
    ("annotations", "warning"),
    [
        ({"commit": "9f2c"}, "commit: must be a full commit of 40 or 64 hex digits"),
        ({"build": "42"}, "build: write its scheme and its value, as github:github.com/1/2"),
        ({"repository": "/srv/git/churn"}, "repository: "),
    ],
)
def test_observe_unusable_claims(annotations: Any, warning: str) -> None:
    """One bad claim is told, and costs nothing else."""
    named = {f"model-catalog/{name}": value for name, value in annotations.items()}
    found = facts(isvc(metadata={"annotations": named}))
    assert found["artifact_uri"] == "s3://models/churn/7"
    assert found["warnings"][0].startswith(warning)
    assert not set(annotations) & set(found)


@pytest.mark.parametrize(
    "metadata", [None, {}, {"name": 7}, {"name": "Churn"}, {"name": "a/b"}, {"name": "a\x00"}]
)
def test_observe_unnamed(metadata: Any) -> None:
    """What has no name that Kubernetes gives is told, and ends nothing."""
    told = KubernetesSettings(url="https://k8s.example")
    document = {"kind": "InferenceService", "metadata": metadata}
    one = observe(document, Cluster("prod", told), at=NOON)
    assert isinstance(one, RecordUnreadable)
    assert one.code == "unnamed"


def test_keep_secrets() -> None:
    """Of variables, options, annotations and mounts nothing is kept but what is named."""
    secret = "canary-4711"  # noqa: S105
    document = workload(
        "churn-model",
        metadata={
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": secret},
            "labels": {"token": secret},
        },
        container={
            "env": [{"name": "PASSWORD", "value": secret}, {"name": "HF_TOKEN", "value": secret},
                    {"name": "MODEL_URI", "value": "s3://b/m"}],
            "args": ["--api-key", secret, f"--password={secret}"],
            "volumeMounts": [{"name": secret}],
        },
    )  # fmt: skip
    kept = keep(document, RESOURCES["deployments"], settings=KubernetesSettings(url="https://x.y"))
    assert isinstance(kept, Served)
    assert secret not in repr(kept)
    before = said(document)
    document["metadata"]["annotations"] = {}
    document["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "changed"
    assert said(document) == before  # not even in the digest of the evidence


def test_running_of_pods() -> None:
    """What pods say of the container that serves; where they differ, nothing."""
    one = pod("a", "acme/scorer:1", f"docker-pullable://acme/scorer@{SHA}")
    assert running_of([one], "main") == ("acme/scorer:1", SHA)
    other = pod("b", "acme/scorer:2", "acme/scorer@sha256:" + "cd" * 32)
    assert running_of([one, other], "main") == (None, None)
    assert running_of([pod("c", "acme/scorer:1", SHA)], "main") == ("acme/scorer:1", None)
    odd: list[Any] = [{}, {"status": None}, {"status": {"containerStatuses": [7]}}, "x"]
    assert running_of(odd, "main") == (None, None)
    odd_images: list[Any] = [[], {}, 7, None, ""]
    for image in odd_images:  # what is no text is no image, and stops nothing
        listed = [{"name": "main", "image": image, "imageID": f"acme/scorer@{SHA}"}]
        assert running_of([{"status": {"containerStatuses": listed}}], "main") == (None, SHA)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["model", "containers", "image", "env", "args", "name", "storageUri",
                         "conditions", "template", "spec", "labels", "predictor", "traffic"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.sampled_from(sorted(RESOURCES)), JSON, JSON, JSON)
def test_observe_anything(plural: str, spec: Any, status: Any, more: Any) -> None:
    """Whatever stands in an object: it is said, left out or told, and nothing is raised."""
    metadata = {"name": "a-model", "labels": more, "annotations": more, "managedFields": more}
    document = {"metadata": metadata, "spec": spec, "status": status}
    told = KubernetesSettings(url="https://k8s.example")
    one = observe(document, Cluster("prod", told), at=NOON, resource=RESOURCES[plural])
    assert isinstance(one, Observation | RecordUnreadable | LeftOut)
