"""The document that controls read of a model, version 1. Pure.

What nobody states is left out. An empty list, or nothing, is a statement only after a complete look
of everything that could show it (`docs/risk.md`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas.sources import REPOSITORIES, SERVING, SourceKind
from service.risk.picture import PRODUCTION, UNDECLARED, Linked, Part, Picture

Document = dict[str, Any]
PUSHED: Final = frozenset({str(SourceKind.CI), str(SourceKind.PERSON)})  # nobody reads these
SEEN_BY: Final = frozenset(str(kind) for kind in SERVING)
REGISTRIES: Final = frozenset({str(SourceKind.MLFLOW), str(SourceKind.PERSON)})
MANIFESTS: Final = frozenset(str(kind) for kind in REPOSITORIES)
HOUR: Final = 3_600
TRAINING: Final = ("training", None)  # without a role, a dataset is what it was trained on
REQUIRED: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {  # from which tier; of which part
    "LOW": {
        "model": ("description", "asset_kind", "lifecycle", "task", "origin", "update_mode"),
        "use": (
            "decision_role", "regulatory_use", "people_affected_per_year",
            "financial_exposure_per_year", "regulated_purposes", "exposure", "line_of_business",
            "jurisdictions",
        ),
        "version": ("model_class", "framework"),
    },
    "MEDIUM": {
        "model": ("explainability", "limitations", "assumptions", "performance_thresholds"),
        "use": ("harm_reversibility", "human_oversight", "operating_boundaries"),
        "version": ("license", "metrics"),
    },
}  # fmt: skip
ELSEWHERE: Final = frozenset({"exposure", "model_class"})  # the model may say it for all its parts


class RiskSide(NamedTuple):
    """What people decided and computed about a model, as controls read it."""

    risk: Mapping[str, Any]  # the members of `risk` that are no lists
    reviews: Sequence[Mapping[str, Any]] = ()
    findings: Sequence[Mapping[str, Any]] = ()
    waivers: Sequence[Mapping[str, Any]] = ()
    covered_by: Mapping[UUID, str] = {}
    material: Mapping[UUID, Sequence[str] | None] = {}  # None: nobody can say


def snapshot(picture: Picture, side: RiskSide, *, now: datetime) -> Document:
    """Everything that a control may read of a model."""
    return {
        "now": now,
        "model": dict(_model(picture, side)),
        "risk": {
            **side.risk,
            "reviews": list(side.reviews),
            "findings": list(side.findings),
            "waivers": list(side.waivers),
        },
    }


def _model(picture: Picture, side: RiskSide) -> Iterator[tuple[str, Any]]:
    model, looks = picture.model, picture.looks
    yield "name", picture.name
    for name in ("asset_kind", "lifecycle"):
        if model.value(name) is not None:
            yield name, model.value(name)
    if picture.in_production is not None:
        yield "in_production", picture.in_production
    yield from _last_seen(picture)
    yield "missing_required", missing_required(picture, side.risk["workflow_tier"])
    yield "uses", list(_uses(picture))
    yield "sources", [_source(one) for one in picture.sources if one.kind not in PUSHED]
    for name, listed, looked in (
        ("accounted_for_by", _accounted(picture), looks.registries),
        ("twins", list(picture.twins), looks.registries),
        ("owners", [_owner(one) for one in picture.owners],
         looks.registries or model.stated("owners")),
        ("versions", [_version(one, picture=picture, side=side) for one in picture.live],
         looks.registries),
        ("deployments", [_deployment(one, picture) for one in picture.deployments],
         looks.deployments),
        ("datasets", list(_datasets(picture)), looks.registries or _says_datasets(picture)),
    ):  # fmt: skip
        if listed or looked:
            yield name, listed


def _last_seen(picture: Picture) -> Iterator[tuple[str, Any]]:
    """When a serving source last confirmed that something of it runs, or said that it ended."""
    confirmed = {one.name: one.last_complete_at for one in picture.sources if one.kind in SEEN_BY}
    seen = [
        when
        for one in picture.deployments
        if one.value("environment_class") == PRODUCTION
        for name in one.sources
        if (when := confirmed.get(name)) is not None
    ]
    seen += [picture.last_gone_at] if picture.last_gone_at is not None else []
    if seen or picture.looks.deployments:
        yield "last_seen_at", max(seen, default=None)


def _accounted(picture: Picture) -> list[str]:
    kinds = {one.kind for one in picture.sources}
    described = {one for part in (picture.model, *picture.live) for one in part.sources}
    speaking = {one.kind for one in picture.sources if one.name in described} & kinds
    found = {
        "registry": not speaking.isdisjoint(REGISTRIES),
        "manifest": not speaking.isdisjoint(MANIFESTS),
        "build": any(one.value("build_id") for one in picture.live),
    }
    return [name for name, holds in sorted(found.items()) if holds]


def missing_required(picture: Picture, tier: str) -> list[str]:
    """Fields that the tier requires and nobody states, those apart that a control looks for."""
    asked = [REQUIRED["LOW"], *([] if tier in {"NEGLIGIBLE", "LOW"} else [REQUIRED["MEDIUM"]])]
    parts = {"model": (picture.model,), "use": picture.declared, "version": picture.live}
    return sorted({
        name
        for fields in asked
        for kind, names in fields.items()
        for name in names
        if _lacks(parts[kind], name, model=picture.model)
    })  # fmt: skip


def _lacks(parts: Iterable[Part], name: str, *, model: Part) -> bool:
    if name in ELSEWHERE and model.stated(name):
        return False
    found = list(parts)
    return not found or any(not one.stated(name) for one in found)


def _uses(picture: Picture) -> Iterator[Document]:
    if not picture.declared:
        yield {"name": UNDECLARED, "implicit": True}
    for one in picture.declared:
        said = {"purpose": one.value("purpose")} if one.stated("purpose") else {}
        name = one.value("name") or UNDECLARED
        yield {"name": name, "implicit": name == UNDECLARED, **said}


def _owner(one: Linked) -> Document:
    of_owner = {name: one.target.value(name) for name in ("kind", "active")}
    known = {name: value for name, value in of_owner.items() if value is not None}
    return {"name": one.target.name, "role": one.role or "accountable", **known}


def _version(one: Part, *, picture: Picture, side: RiskSide) -> Document:
    found: Document = {
        "number": f"v{one.value('number') or one.name}",
        "covered_by": side.covered_by.get(one.id, "nothing"),
    }
    if one.stated("digests"):
        found["digest"] = next(iter(one.value("digests") or ()), None)
    trained = sorted(
        link.target.name
        for part, link in picture.datasets
        if part.id in {one.id, picture.id} and link.role in TRAINING
    )
    if trained or one.stated("datasets") or picture.looks.registries:
        found["training_datasets"] = trained
    if one.value("build_id") or picture.looks.builds:
        built = one.value("build_id")
        found["build"] = {"id": str(built)} if built else None
    if one.stated("source_commit"):
        found["source_commit"] = one.value("source_commit")
    if one.value("source_dirty") is not None:
        found["source_dirty"] = one.value("source_dirty")
    protected = one.value("on_protected_branch")
    protected = one.value("built_protected") if protected is None else protected
    if protected is not None:
        found["on_protected_branch"] = protected
    if (material := side.material.get(one.id)) is not None:
        found["material_changes"] = list(material)
    return found


def _deployment(one: Part, picture: Picture) -> Document:
    served = next((v for v in picture.live if v.id == one.row["version_id"]), None)
    digests = (served.value("digests") or ()) if served else ()
    found = {
        "environment_class": one.value("environment_class"),
        "version": f"v{served.value('number')}" if served else None,
        "digest": one.value("digest"),
        "version_digest": one.value("digest") if one.value("digest") in digests
        else next(iter(digests), None),
    }  # fmt: skip
    known = {name: value for name, value in found.items() if value is not None}
    return {"name": one.name, **known}


def _datasets(picture: Picture) -> Iterator[Document]:
    for part, link in picture.datasets:
        of_version = part.id != picture.id
        found: Document = {
            "version": f"v{part.value('number')}" if of_version else "all",
            "name": link.target.name,
        }
        if link.role is not None:
            found["role"] = link.role
        if link.digest is not None:
            found["digest"] = link.digest
        if (pinned := link.attributes.get("version")) is not None:
            found["dataset_version"] = pinned
        yield found


def _says_datasets(picture: Picture) -> bool:
    """Does somebody say it of the model, or of each live version?"""
    live = picture.live
    said_of_each = bool(live) and all(one.stated("datasets") for one in live)
    return picture.model.stated("datasets") or said_of_each


def _source(one: Any) -> Document:
    last = {} if one.last_complete_at is None else {"last_complete_at": one.last_complete_at}
    return {
        "name": one.name,
        "interval_hours": max(1, -(-one.interval_seconds // HOUR)),
        "consecutive_failures": one.failures,
        **last,
    }
