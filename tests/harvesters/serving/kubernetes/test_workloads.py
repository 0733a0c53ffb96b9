"""Which plain workloads serve models, and what is said of them."""

from typing import Any

import pytest

from tests.harvesters.serving.kubernetes.ways import SHA, facts, isvc, left, said, stated, workload


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (workload("churn-model", spec={"replicas": 0}), "stopped"),
        (workload("churn-model"), None),
        (workload("churn-model", status={"conditions": [
            {"type": "Available", "status": "True"}]}), "ready"),
        (workload("churn-model", status={"conditions": [
            {"type": "Available", "status": "False"}]}), "pending"),
        (workload("churn-model", status={"conditions": [
            {"type": "Progressing", "status": "False"}]}), "failed"),
        (workload("churn-model", kind="StatefulSet", spec={"replicas": 2},
                  status={"readyReplicas": 1}), "pending"),
        (workload("churn-model", kind="StatefulSet", spec={"replicas": 2},
                  status={"readyReplicas": 2}), "ready"),
        (workload("churn-model", kind="CronJob", spec={"suspend": True}), "stopped"),
        (workload("churn-model", kind="CronJob"), "ready"),
    ],
)  # fmt: skip
def test_observe_workload_status(document: Any, word: str | None) -> None:
    """Deployments, stateful sets and cron jobs say it in other words."""
    assert facts(document).get("status") == word


@pytest.mark.parametrize(
    ("container", "uri"),
    [
        ({"env": [{"name": "MODEL_URI", "value": "models:/churn/7"}]}, "models:/churn/7"),
        ({"env": [{"name": "STORAGE_URI", "value": " s3://b/m "}]}, "s3://b/m"),
        ({"args": ["--model", "s3://b/m", "--port", "80"]}, "s3://b/m"),
        ({"args": ["--model=s3://b/m"]}, "s3://b/m"),
        ({"args": ["--model-path=gs://b/m"]}, "gs://b/m"),
        ({"command": ["sh", "-c"], "args": ["exec server --model 's3://b/m' --x"]}, "s3://b/m"),
        ({"command": ["mlflow", "models", "serve", "--model-uri", "runs:/0a1b/model"]},
         "runs:/0a1b/model"),
    ],
)  # fmt: skip
def test_observe_workload_artifact(container: Any, uri: str) -> None:
    """A workload that names an artifact is a deployment, whatever it is called."""
    one = said(workload(container=container))
    assert one.subject.value == "prod/retail/deployment/scorer"
    assert stated(one)["artifact_uri"] == uri
    assert (stated(one)["platform"], stated(one)["role"]) == ("kubernetes", "live")


@pytest.mark.parametrize(
    "container",
    [
        {"args": ["--model", "gpt-4"]},
        {"args": ["--model"]},
        {"args": ["--model", "--port"]},
        {"args": "--model=s3://b/m"},
        {"env": [{"name": "MODEL_URI", "valueFrom": {"secretKeyRef": {"name": "x"}}}]},
        {"env": [{"name": "OTHER_URI", "value": "s3://b/m"}]},
        {"env": {"MODEL_URI": "s3://b/m"}},
        {"env": [{"name": "MODEL_URI", "value": "/mnt/models"}]},
    ],
)
def test_observe_workload_without(container: Any) -> None:
    """A client of somebody's model, and what says nothing, is none."""
    assert left(workload(container=container)) == "serves_no_model"


def test_observe_hub_name() -> None:
    """A bare name is one of the Hub where the server takes it for that: a conclusion."""
    one = said(workload(image="vllm/vllm-openai:v1", container={"args": ["--model", "acme/llm"]}))
    assert stated(one)["artifact_uri"] == "hf://acme/llm"
    assert one.inferred == ("artifact_uri",)
    assert left(workload(container={"args": ["--model", "acme/llm"]})) == "serves_no_model"


@pytest.mark.parametrize("image", ["acme/web:vllm", "nginx", "acme/web@sha256:" + "ab" * 32])
def test_observe_other_images(image: str) -> None:
    """A tag makes no server of models."""
    assert left(workload(image=image)) == "serves_no_model"


@pytest.mark.parametrize(
    "image",
    [
        "vllm/vllm-openai:v0.8",
        "nvcr.io/nvidia/tritonserver:25.01-py3",
        "registry.local:5000/Acme/MLflow-pyfunc@" + SHA,
        "tensorflow/serving",
        "pytorch/torchserve:latest",
    ],
)
def test_observe_serving_images(image: str) -> None:
    """By the image's name; which ones serve models, a source may say itself."""
    assert facts(workload(image=image))["image"] == image
    assert left(workload(image=image), serving_images=[]) == "serves_no_model"


def test_observe_chosen() -> None:
    """By a label of its own, of its template, or by its name; what KServe made is KServe's."""
    claim = {"model-catalog/model": "retail.churn"}
    assert facts(workload(metadata={"labels": claim}))["claimed_model"] == "retail/churn"
    labelled = workload()
    labelled["spec"]["template"]["metadata"]["labels"] |= claim
    assert facts(labelled)["claimed_model"] == "retail/churn"
    assert facts(workload("churn-model"))["name"] == "churn-model"
    assert left(workload("churn-model"), serving_names=[]) == "serves_no_model"
    owner = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService"}
    assert left(workload("a-predictor", metadata={"ownerReferences": [owner]})) == "made_by_kserve"
    label = {"serving.kserve.io/inferenceservice": "a"}
    assert left(workload("a-predictor", metadata={"labels": label})) == "made_by_kserve"
    tracking = workload(image="ghcr.io/mlflow/mlflow:v3", container={"args": ["mlflow", "server"]})
    assert left(tracking) == "tracking_server"
    assert left(isvc(space="kube-system")) == "excluded"


def test_observe_batch() -> None:
    """A cron job serves in batches."""
    found = facts(workload("nightly-model", kind="CronJob", container={"image": "acme/nightly:2"}))
    assert (found["role"], found["image"]) == ("batch", "acme/nightly:2")
