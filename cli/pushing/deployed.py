"""What a build says of a deployment: what serves which version where, and since which build."""

from typing import Any, Final

from cli.pushing.asked import Asked
from cli.pushing.faults import Faults
from cli.pushing.made import DIGEST
from cli.pushing.named import Named
from cli.pushing.running import Running
from harvesters.ci.builds import hosted
from schemas.canonical import canonical_digest, encode_segment
from schemas.identifiers import SCHEMES, Identifier, Kind
from schemas.masking import drop_userinfo

OWN: Final = "ci"
HOSTS: Final = {"github", "gitlab"}  # that have environments of their own


def deployment_of(
    asked: Asked, running: Running | None, *, source: str, named: Named, faults: Faults
) -> Identifier | None:
    """What it is called: as the platform that serves it would, else by where and what it is."""
    environment = asked.deployed or ""
    scheme, colon, value = (asked.target or "").partition(":")
    if colon and scheme in SCHEMES[Kind.DEPLOYMENT] and scheme != OWN:
        with faults.told("--target"):
            return Identifier(kind=Kind.DEPLOYMENT, scheme=scheme, value=value)
        return None
    place = running.repository if running else None
    found = None if asked.target else _in_host(running, place, environment=environment)
    if found is not None:
        return found
    what = asked.target or named.claimed or (named.model.value if named.model else "")
    within = place.value.removeprefix("https://") if place else ""
    called = "/".join(encode_segment(one) for one in (environment, what) if one)
    with faults.told("--deployed"):
        value = f"{source}/{within}#{called}" if within else f"{source}/{called}"
        return Identifier(kind=Kind.DEPLOYMENT, scheme=OWN, value=value)
    return None


def _in_host(
    running: Running | None, place: Identifier | None, *, environment: str
) -> Identifier | None:
    """As the host of the repository calls its environment, where it has some."""
    if running is None or place is None or place.scheme != running.system:
        return None
    if running.system not in HOSTS:
        return None
    host, number = place.value.split("/", 1)
    return hosted(Kind.DEPLOYMENT, running.system, host=host, parts=(number, environment))


def facts_of(
    asked: Asked, running: Running | None, *, named: Named, kind: str | None, faults: Faults
) -> dict[str, Any]:
    """Raw facts: which version it is, the catalog concludes; `kind`: the class of the place."""
    image = _without_user(asked.image) if asked.image else None
    stated: dict[str, Any] = {
        "name": (asked.target or "").rpartition(":")[2] or None,
        "platform": asked.platform,
        "environment": asked.deployed,
        "environment_class": asked.environment_class or kind,
        "role": asked.role,
        "version": named.version,
        "claimed_model": named.claimed,
        "claimed_version": named.number,
        "artifact_uri": drop_userinfo(asked.artifact_uri or asked.model_uri or "") or None,
        "image": image,
        "digest": _digest(asked, image, faults=faults),
        "endpoint": drop_userinfo(asked.endpoint) if asked.endpoint else None,
        "status": asked.state,
        "traffic_percent": asked.traffic,
        "blueprint": asked.blueprint,
    }
    return {name: value for name, value in (stated | _build(running)).items() if value is not None}


def _without_user(image: str) -> str:
    """An image without who signs in at its registry; its digest stands behind an @ too."""
    called, at, digest = image.partition("@sha256:")
    return f"{drop_userinfo(called).rpartition('@')[2]}{at}{digest}"


def _build(running: Running | None) -> dict[str, Any]:
    if running is None:
        return {}
    return {
        "repository": running.repository,
        "commit": running.stated.get("commit"),
        "build": running.build,
        "deployed_by": running.stated.get("actor"),
    }


def _digest(asked: Asked, image: str | None, *, faults: Faults) -> str | None:
    """As it is stated, else that of the image."""
    if asked.digest is not None:
        with faults.told("--digest"):
            return canonical_digest(asked.digest)
        return None
    found = DIGEST.fullmatch(image) if image and "@" in image else None
    return canonical_digest(found[1]) if found and found[1] else None
