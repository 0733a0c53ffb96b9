"""docs/serving.md and the rights that it hands out are what the harvesters have and ask for."""

from typing import Any

from harvesters.serving.claims import AS_STATED
from harvesters.serving.kubernetes.kinds import RESOURCES
from harvesters.serving.kubernetes.settings import SERVING_NAMES, KubernetesSettings
from harvesters.serving.sagemaker.settings import SageMakerSettings
from schemas.yaml_walk import read_documents
from tests.architecture.source import ROOT
from tests.docs.tables import documented, section

RIGHTS = ROOT / "deploy" / "kubernetes" / "reader-rbac.yaml"


def rules() -> list[dict[str, Any]]:
    """The rules of the role."""
    found = [one.value for one in read_documents(RIGHTS.read_bytes())]
    (role,) = [one for one in found if one["kind"] == "ClusterRole"]
    rules: list[dict[str, Any]] = role["rules"]
    return rules


def test_settings_documented() -> None:
    """Each setting has its row, in the order of its class, and so has each claim."""
    kubernetes = section("serving.md", "Kubernetes")
    named = documented(kubernetes)
    settings = list(KubernetesSettings.model_fields)
    claims = {f"model-catalog/{name}" for name in (*AS_STATED, "model", "repository", "build")}

    start = named.index(settings[0])
    assert named[start : start + len(settings)] == settings
    assert {name for name in named if name.startswith("model-catalog/")} == claims
    assert documented(section("serving.md", "SageMaker")) == list(SageMakerSettings.model_fields)
    assert all(f"`{glob}`" in kubernetes for glob in SERVING_NAMES)


def test_rights() -> None:
    """Read-only, for every kind that is asked for, and never for secrets."""
    granted = {
        (group, resource): {*one["verbs"]}
        for one in rules()
        for group in one["apiGroups"]
        for resource in one["resources"]
    }

    for resource in RESOURCES.values():
        assert granted.pop((resource.group, resource.plural)) == {"get", "list", "watch"}
    assert granted == {("", "pods"): {"list"}, ("", "namespaces"): {"get"}}
    assert [one.get("resourceNames") for one in rules()][-1] == ["kube-system"]
