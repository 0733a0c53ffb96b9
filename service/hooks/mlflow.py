"""What deliveries of an MLflow server hint at: a model of its registry, or a version. Pure.

https://mlflow.org/docs/latest/ml/webhooks/; nothing is sent of a rename, a deletion, a stage, a
description or a model's own tags.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.identifiers import Kind
from service.hooks.told import PayloadUnreadable, Told, text, thing

SCHEME: Final = "mlflow"
DEFAULT: Final = "default"  # the workspace of servers without workspaces
OF_VERSIONS: Final = frozenset({"model_version", "model_version_tag", "model_version_alias"})
ENTITIES: Final = OF_VERSIONS | {"registered_model"}


def event_of(_headers: Mapping[str, str], payload: Any) -> str | None:
    """`model_version.created`: what, and what happened to it; both are signed."""
    entity, action = text(payload, "entity"), text(payload, "action")
    return f"{entity}.{action}" if entity and action else entity


def hints_of(event: str, payload: Any, *, host: str) -> Sequence[Told]:
    """Which model may have changed; nothing for prompts and budgets. Raises `PayloadUnreadable`.

    `host` is the source's name: a server does not say what it is called.
    """
    entity = event.partition(".")[0]
    if entity not in ENTITIES:
        return ()
    name = text(payload, "data", "name")
    if name is None:
        raise PayloadUnreadable("does not say which model")
    workspace = text(payload, "workspace") or DEFAULT
    number = text(payload, "data", "version") if entity in OF_VERSIONS else None
    if number is None:  # who deleted an alias does not say of which version
        found = thing(Kind.MODEL, SCHEME, workspace, name, within=host)
    else:
        found = thing(Kind.VERSION, SCHEME, workspace, name, number, within=host)
    return (Told("model", event, thing=found),)
