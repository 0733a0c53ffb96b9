"""Says how an object is, by what its controllers wrote into its status."""

from typing import Any, Final

from harvesters.serving.kubernetes.documents import flag, items, member, number, text

FAILED: Final = {"BlockedByFailedLoad", "InvalidSpec"}


def status_of(document: Any, kind: str) -> str | None:
    """One of the words of the catalog; None where nothing is said: a manifest has no status."""
    if kind in {"InferenceService", "LLMInferenceService"}:
        return _of_kserve(document)
    return _of_workload(document, kind)


def _of_kserve(document: Any) -> str | None:
    if flag(document, "metadata", "annotations", "serving.kserve.io/stop"):
        return "stopped"
    if member(document, "status") is None:
        return None
    if condition(document, "Stopped") == "True":
        return "stopped"
    ready = condition(document, "Ready")
    if ready == "True":
        return "ready"
    transition = text(document, "status", "modelStatus", "transitionStatus")
    if ready is None or ready == "Unknown" or (ready == "False" and transition == "InProgress"):
        failed = transition in FAILED
        return "failed" if failed else "pending"
    return "failed" if ready == "False" else "unknown"


def _of_workload(document: Any, kind: str) -> str | None:
    if kind == "CronJob":
        return "stopped" if flag(document, "spec", "suspend") else "ready"
    if number(document, "spec", "replicas") == 0:
        return "stopped"
    if member(document, "status") is None:
        return None
    if kind == "StatefulSet":
        wanted = number(document, "spec", "replicas") or 1
        there = number(document, "status", "readyReplicas") or 0
        return "ready" if there >= wanted else "pending"
    if condition(document, "Available") == "True":
        return "ready"
    return "failed" if condition(document, "Progressing") == "False" else "pending"


def condition(document: Any, name: str) -> str | None:
    """`True`, `False` or `Unknown`; None where the condition is not there."""
    for one in items(document, "status", "conditions"):
        if text(one, "type") == name:
            return text(one, "status")
    return None
