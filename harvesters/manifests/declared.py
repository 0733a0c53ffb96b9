"""What a manifest says, as observations: its model, the model's uses, and datasets. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from harvesters.manifests.model_yaml_beside import SECRET_NAME
from harvesters.manifests.place import Place
from schemas.canonical import encode_segment, natural_name
from schemas.facts import DatasetFacts, Facts, ModelFacts, UseFacts
from schemas.identifiers import Identifier, Kind, email_identifier
from schemas.manifest import Manifest, Spec
from schemas.manifest_parts import Dataset, Owner, Written
from schemas.manifest_use import Use
from schemas.observation import Observation

SAME: Final = (  # fields that are facts of the same name and form
    "asset_kind", "lifecycle", "task", "model_class", "origin", "license", "base_model",
    "update_mode", "explainability", "data_sensitivity", "downstream_dependents", "exposure",
    "limitations", "assumptions", "waivers", "blueprint", "card", "links",
)  # fmt: skip
GROUPS: Final[Mapping[str, Mapping[str, str]]] = {  # facts made of members of groups
    "vendor": {"name": "vendor_name", "contract": "contract_ref", "disclosed": "disclosed"},
    "monitoring": {
        "interval_days": "monitoring_interval_days",
        "url": "monitoring_url",
        "thresholds": "performance_thresholds",
    },
}
FIRST: Final = "proposed"  # the lifecycle of what has said nothing else yet


def declare(manifest: Manifest, place: Place) -> Iterator[Observation]:
    """The model first, then its uses, then what is said of datasets themselves.

    Raises `ValueError` where a name is longer than an identifier may be.
    """
    uses = [_use(use, manifest, place=place) for use in manifest.spec.uses]
    datasets = list(_datasets(manifest.spec, place))
    yield from (_model(manifest, place), *uses, *datasets)  # all, or nothing


def _model(manifest: Manifest, place: Place) -> Observation:
    spec = manifest.spec
    facts = _named(manifest) | {
        name: _plain(getattr(spec, name)) for name in SAME if spec.states(name)
    }
    for group, names in GROUPS.items():
        if spec.states(group):
            facts |= _grouped(getattr(spec, group), names)
    if spec.states("owners"):
        facts["owners"] = [_owned(owner) for owner in spec.owners]
    if spec.states("uses"):
        facts["uses"] = [use.name for use in spec.uses]
    if spec.states("datasets"):
        facts["datasets"] = [_linked(one) for one in spec.datasets]
    if spec.states("depends_on"):
        facts["depends_on"] = [_model_named(path) for path in spec.depends_on]
    facts["repositories"] = [{"repository": place.repository.identity}] + [
        {"repository": _identifier(Kind.REPOSITORY, "url", value=one.url), "role": one.role}
        for one in spec.repositories
    ]
    inferred: tuple[str, ...] = ()
    if facts.get("lifecycle") is None:
        facts["lifecycle"], inferred = FIRST, ("lifecycle",)
    same_as = dict.fromkeys(one.identifier() for one in spec.registered_as)
    return _said(
        place,
        place.manifest,
        facts=ModelFacts.model_validate(facts),
        same_as=tuple(one for one in same_as if one != place.manifest),
        inferred=inferred,
    )


def _model_named(path: str) -> Identifier:
    """A model by the name that the catalog knows it by."""
    namespace, _, name = path.partition("/")
    return _identifier(Kind.MODEL, "name", value=natural_name(namespace, name))


def _named(manifest: Manifest) -> dict[str, Any]:
    """What the model is called; a label that is named like a password keeps its value."""
    metadata = manifest.metadata
    facts: dict[str, Any] = {"namespace": metadata.namespace, "name": metadata.name}
    if metadata.states("title"):
        facts["display_name"] = metadata.title
    if metadata.states("description"):
        facts["description"] = metadata.description
    if metadata.states("labels"):
        facts["tags"] = [_tag(key, value) for key, value in (metadata.labels or {}).items()]
    return facts


def _tag(key: str, value: str | None) -> str:
    if value and SECRET_NAME.search(key):
        return f"{key}=[masked by its name]"
    return f"{key}={value}" if value else key


def _use(use: Use, manifest: Manifest, *, place: Place) -> Observation:
    natural = natural_name(manifest.metadata.namespace, manifest.metadata.name)
    facts = {name: _plain(getattr(use, name)) for name in use.model_fields_set}
    return _said(
        place,
        _identifier(Kind.USE, "name", value=f"{natural}/{encode_segment(use.name)}"),
        facts=UseFacts.model_validate(facts | {"model": place.manifest}),
    )


def _datasets(spec: Spec, place: Place) -> Iterator[Observation]:
    """One for each that something is said of; the same one may be listed in several roles."""
    said: dict[Identifier, dict[str, Any]] = {}
    for one in spec.datasets:
        facts = {
            name: _plain(getattr(one, name))
            for name in ("description", "data_sensitivity")
            if one.states(name)
        }
        if facts:
            uri = _identifier(Kind.DATASET, "uri", value=one.uri)
            said.setdefault(uri, {"uri": uri.value}).update(facts)
    for uri, facts in said.items():
        yield _said(
            place,
            place.filed(Kind.DATASET, "manifest", uri.value),
            facts=DatasetFacts.model_validate(facts),
            same_as=(uri,),
        )


def _said(
    place: Place,
    subject: Identifier,
    *,
    facts: Facts,
    same_as: tuple[Identifier, ...] = (),
    inferred: tuple[str, ...] = (),
) -> Observation:
    return Observation(
        subject=subject,
        observed_at=place.at,
        same_as=same_as,
        facts=facts,
        inferred=inferred,
        evidence=place.evidence,
        marker=place.marked(),
    )


def _owned(owner: Owner) -> dict[str, Any]:
    handle = owner.ref.startswith(("team:", "user:"))
    named = (
        _identifier(Kind.OWNER, "handle", value=owner.ref)
        if handle
        else email_identifier(owner.ref)
    )
    return {"owner": named, "role": owner.role}


def _linked(one: Dataset) -> dict[str, Any]:
    """The link of a dataset; a sensitivity that is one of several stands on the dataset alone."""
    link = {name: getattr(one, name) for name in ("role", "digest", "version", "description")} | {
        "dataset": _identifier(Kind.DATASET, "uri", value=one.uri)
    }
    if isinstance(one.data_sensitivity, str):
        link["data_sensitivity"] = one.data_sensitivity
    return link


def _grouped(group: Written | None, names: Mapping[str, str]) -> dict[str, Any]:
    """A group that is stated empty states all that it could hold empty."""
    if group is None:
        return dict.fromkeys(names.values())
    return {
        fact: _plain(getattr(group, name)) for name, fact in names.items() if group.states(name)
    }


def _plain(value: Any) -> Any:
    """As the facts' own contracts take it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _identifier(kind: Kind, scheme: str, *, value: str) -> Identifier:
    return Identifier(kind=kind, scheme=scheme, value=value)
