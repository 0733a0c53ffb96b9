"""Makes observations of endpoints: one of each variant that takes requests, or a copy of them."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from harvesters.dropped import Dropped
from harvesters.environments import class_of
from harvesters.errors import RecordUnreadable
from harvesters.serving.claims import claimed, of_ours
from harvesters.serving.sagemaker.settings import SageMakerSettings
from harvesters.stating import state
from schemas.identifiers import Identifier, Kind, encode_segment
from schemas.observation import Observation

ARN: Final = re.compile(
    r"arn:aws[a-z-]{0,20}:sagemaker:([a-z0-9-]{1,30}):([0-9]{12}):endpoint/.{1,200}", re.ASCII
)
DIGEST: Final = re.compile(r"@(sha256:[0-9a-f]{64})$", re.ASCII)
STATUS: Final = {
    "InService": "ready", "Updating": "ready", "SystemUpdating": "ready", "RollingBack": "ready",
    "Creating": "pending", "OutOfService": "stopped", "Deleting": "stopped", "Failed": "failed",
    "UpdateRollbackFailed": "failed",
}  # fmt: skip
PERCENT: Final = 100.0


class Variant(NamedTuple):
    """One variant of an endpoint, as far as it is read."""

    arn: str
    endpoint: str
    name: str
    shadow: bool = False
    share: float | None = None  # percent of the requests
    status: str | None = None
    created_at: datetime | None = None
    artifact: str | None = None
    image: str | None = None
    resolved: str | None = None
    tags: Mapping[str, str] = {}  # those of ours
    environment: str | None = None
    several: int = 0  # further containers, each with a model of its own


def variants_of(
    endpoint: Mapping[str, Any],
    *,
    models: Mapping[str, Any],
    tags: Mapping[str, str],
    label: str | None,
) -> Iterator[Variant]:
    """What is kept of an endpoint; `models` are the models of its variants, by their names.

    Variables of containers, where keys stand, are not looked at.
    """
    for member, shadow in (("ProductionVariants", False), ("ShadowProductionVariants", True)):
        found = [one for one in _list(endpoint, member) if isinstance(one.get("VariantName"), str)]
        whole = sum(_weight(one) for one in found)
        for one in found:
            containers = _containers(models.get(one["VariantName"], {}))
            first = containers[0] if containers else {}
            deployed = next(iter(_list(one, "DeployedImages")), {})
            yield Variant(
                _text(endpoint, "EndpointArn") or "", _text(endpoint, "EndpointName") or "",
                one["VariantName"], shadow,
                PERCENT * _weight(one) / whole if whole else None,
                _text(endpoint, "EndpointStatus"), _moment(endpoint.get("CreationTime")),
                _artifact(first),
                _text(first, "Image") or _text(deployed, "SpecifiedImage"),
                _text(deployed, "ResolvedImage"), of_ours(tags.items()),
                tags.get(label) if label else None, max(len(containers) - 1, 0),
            )  # fmt: skip


def subject_of(variant: Variant) -> Identifier | None:
    """`<account>/<region>/<endpoint>/<variant>`; None where the address is none of an endpoint."""
    found = ARN.fullmatch(variant.arn)
    if found is None or not variant.endpoint:
        return None
    region, account = found.groups()
    named = (encode_segment(one) for one in (account, region, variant.endpoint, variant.name))
    return Identifier(kind=Kind.DEPLOYMENT, scheme="sagemaker", value="/".join(named))


def observe(
    variant: Variant, settings: SageMakerSettings, *, at: datetime
) -> Observation | RecordUnreadable:
    """What is said of one variant."""
    subject = subject_of(variant)
    if subject is None:
        return RecordUnreadable("unnamed", "an endpoint has no address that AWS would give")
    dropped: list[Dropped] = []
    if variant.several:
        text = f"{variant.several} more containers of it, each with a model, are not read"
        dropped.append(Dropped("several", text))
    account = subject.value.partition("/")[0]
    environment = variant.environment or account
    patterns = settings.environments
    digest = DIGEST.search(variant.resolved or variant.image or "")
    stated = {
        "platform": "sagemaker",
        "name": f"{variant.endpoint}/{variant.name}",
        "environment": environment,
        "environment_class": _unless_none(
            class_of(environment, patterns)
            or class_of(account, patterns)
            or class_of(variant.endpoint, patterns)
        ),
        "role": "shadow" if variant.shadow else "live",
        "traffic_percent": _unless_none(variant.share),
        "artifact_uri": _unless_none(variant.artifact),
        "image": _unless_none(variant.image),
        "digest": digest[1] if digest else ...,
        "status": STATUS.get(variant.status or "", "unknown"),
        "endpoint": variant.arn,
        "created_at": _unless_none(variant.created_at),
    } | claimed(variant.tags, dropped)
    raw = {name: str(value) for name, value in variant._asdict().items() if value}
    return state(subject, stated, at=at, raw=raw, dropped=dropped)


def _containers(model: Any) -> list[Mapping[str, Any]]:
    """The first is the one that answers, or the first step of several."""
    if not isinstance(model, Mapping):
        return []
    first = model.get("PrimaryContainer")
    return [first] if isinstance(first, Mapping) else _list(model, "Containers")


def _artifact(container: Mapping[str, Any]) -> str | None:
    if found := _text(container, "ModelDataUrl"):
        return found
    source = container.get("ModelDataSource")
    of_s3 = source.get("S3DataSource") if isinstance(source, Mapping) else None
    return _text(of_s3, "S3Uri") if isinstance(of_s3, Mapping) else None


def _list(holder: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = holder.get(name)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _text(holder: Mapping[str, Any], name: str) -> str | None:
    found = holder.get(name)
    return found if isinstance(found, str) and found else None


def _weight(variant: Mapping[str, Any]) -> float:
    found = variant.get("CurrentWeight")
    usable = isinstance(found, int | float) and not isinstance(found, bool)
    return max(float(found), 0.0) if usable else 0.0  # type: ignore[arg-type]  # it is a number


def _moment(found: Any) -> datetime | None:
    return found.astimezone(UTC) if isinstance(found, datetime) and found.tzinfo else None


def _unless_none(value: Any) -> Any:
    return ... if value is None else value
