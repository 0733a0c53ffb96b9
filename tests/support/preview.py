"""Previews over HTTP, and the same batches pushed."""

from typing import Any, Final

from tests.support.harvester import make_token
from tests.support.http import Service

LATER: Final = "2026-11-21T12:00:00Z"


def planned(service: Service, source: str, *documents: Any, token: str | None = None) -> Any:
    """The preview of a batch."""
    answer = service.ask(
        "POST", f"sources/{source}/observations:preview", token or service.reader,
        json={"observations": documents},
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return answer.json()


def pushed(service: Service, source: str, *documents: Any) -> Any:
    """The receipt of the same batch, pushed."""
    token = make_token(service.database, source)
    answer = service.ask(
        "POST", f"sources/{source}/observations", token, json={"observations": documents}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def manifest(repository: str, name: str = "churn", **more: Any) -> Any:
    """A model as a manifest states it."""
    value = f"{repository}#model.yaml"
    return {
        "subject": {"kind": "model", "scheme": "manifest", "value": value},
        "observed_at": LATER,
        "facts": {"namespace": "retail", "name": name},
    } | more
