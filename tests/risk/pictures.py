"""Pictures of models as tests need them, made without a database."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid5

from service.risk.picture import Linked, Looks, Part, Picture
from service.risk.rules.active import ActivePolicy, RuleRow, as_policy
from service.risk.rules.first import first_policy

NOON: Final = "2026-11-20T12:00:00Z"
SEEN: Final = Looks(
    deployments=True, consumers=True, registries=True, builds=True, observed=True
)  # everything was looked for completely
SPACE: Final = UUID(int=7)


def make_policy(asked_since: Mapping[str, str] | None = None) -> ActivePolicy:
    """The policy that ships with the software, in force."""
    first = first_policy()
    row = RuleRow(1, first.name, first.version, first.digest, first.document)
    return as_policy(row)._replace(asked_since=asked_since or {})


def make_part(name: str, /, *links: Linked, source: str = "mlflow-prod", **facts: Any) -> Part:
    """An entry of which one source states these facts; `{"one_of": …}` is narrowed."""
    narrowed = {n: v["one_of"] for n, v in facts.items() if isinstance(v, dict) and "one_of" in v}
    row = {
        "provenance": {fact: [0] for fact in facts},
        "narrowed": narrowed,
        "statements": [{"source": source, "observed_at": NOON}] if facts else [],
        "version_id": None,
        **{n: None if n in narrowed else v for n, v in facts.items()},
    }
    return Part(uuid5(SPACE, name), name, row, links)


def with_columns(part: Part, **columns: Any) -> Part:
    """The same entry with columns that no source states as facts."""
    return Part(part.id, part.name, {**part.row, **columns}, part.links)


def dataset(name: str, role: str | None = "training", digest: str | None = None,
            attributes: Mapping[str, Any] | None = None, **facts: Any) -> Linked:  # fmt: skip
    """A dataset that something was made of."""
    return Linked("datasets", role, digest, attributes or {}, make_part(name, **facts))


def owner(name: str, role: str | None = None, **facts: Any) -> Linked:
    """Somebody who answers for something."""
    return Linked("owners", role, None, {}, make_part(name, **facts))


def make_picture(model: Part | None = None, **parts: Any) -> Picture:
    """A model, `retail/churn`."""
    whole = model or make_part("retail/churn")
    return Picture(whole, "retail", gone=False, **parts)
