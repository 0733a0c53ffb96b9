"""What a reviewer is shown of a version, its digest, and how two such contents differ. Pure.

Left out is what changes while nothing else does: when something was seen, how much it is called,
how it feels just now. So an unchanged harvest moves no digest.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas.digest import as_set, canonical_json, sha256
from schemas.facts import FACTS
from schemas.identifiers import Kind
from service.catalog.typed import reference_columns
from service.risk.picture import UNDECLARED, Linked, Part, Picture
from service.risk.tiers.facts import ONE_OF

Content = dict[str, Any]
VOLATILE: Final[Mapping[Kind, frozenset[str]]] = {
    Kind.MODEL: frozenset({"last_monitored_at", "warnings", "tags"}),
    Kind.USE: frozenset(),
    Kind.VERSION: frozenset({"warnings", "status", "tags"}),
    Kind.DATASET: frozenset({"warnings", "records"}),
    Kind.DEPLOYMENT: frozenset({"warnings", "status", "traffic_percent"}),
}
TRAINING: Final = (None, "training")  # of a dataset whose role nobody states, that is assumed
TRAINED_ON: Final = "version.training_datasets"
ALL: Final = "all versions"


Classed = tuple[UUID, str, str]  # version, path and digest of a difference


class Difference(NamedTuple):
    """One fact that is another now: where, from what to what, who says so, how much it matters.

    `unknown`: it would be material, and on one side nobody states it.
    """

    path: str  # use[scoring].purpose
    field: str  # use.purpose, as the policy names it
    old: Any
    new: Any
    source: str | None
    change_class: str  # material, minor, unknown


class Shown(NamedTuple):
    """A content with its digests, and which source says what of it."""

    content: Content
    content_digest: str
    version_digest: str | None
    sources: Mapping[str, str]


def show(picture: Picture, version: Part) -> Shown:
    """What is shown of a version just now."""
    deployments = [one for one in picture.deployments if one.row["version_id"] == str(version.id)]
    links = [
        (scope, link)
        for scope, part in (("", version), (ALL, picture.model))
        for link in part.linked("datasets")
    ]
    content = {
        "model": _facts(Kind.MODEL, picture.model) | _owners(picture.owners),
        "use": {one.value("name") or UNDECLARED: _facts(Kind.USE, one) for one in picture.declared},
        "version": _facts(Kind.VERSION, version),
        "dataset": {_named(scope, link): _dataset(link) for scope, link in links},
        "deployment": {one.name: _facts(Kind.DEPLOYMENT, one) for one in deployments},
        "stated": sorted(_stated(picture, version)),
    }
    digests = version.value("digests") or ()
    return Shown(content, digest_of(content), version_digest(digests), dict(
        _sources(picture, version, deployments=deployments)
    ))  # fmt: skip


def digest_of(content: Mapping[str, Any]) -> str:
    """The digest of a content."""
    return sha256(canonical_json(content))


def version_digest(digests: Sequence[str]) -> str | None:
    """The one digest of a version; of several, that of their list."""
    if len(digests) <= 1:
        return next(iter(digests), None)
    return sha256(canonical_json(sorted(digests)))


def has_digest(now: Sequence[str], about: str | None) -> bool:
    """Is a version still what somebody decided about, as far as sources say?"""
    return about is None or not now or about in {version_digest(now), *now}


def _facts(kind: Kind, part: Part) -> dict[str, Any]:
    """What is stated of a part, narrowed values as such; what links to others stands apart."""
    columns, found = reference_columns(kind), {}
    for field, info in FACTS[kind].model_fields.items():
        name = info.alias or field
        said = None if name in VOLATILE[kind] else part.said(name)
        column = columns.get(name, name)
        if said is None or column not in part.row:
            continue
        found[name] = {ONE_OF: list(said.candidates)} if said.candidates else part.row[column]
        if isinstance(found[name], list):
            found[name] = as_set(found[name])
    return found


def _owners(owners: Iterable[Linked]) -> dict[str, Any]:
    listed = sorted(f"{one.role or 'accountable'}: {one.target.name}" for one in owners)
    return {"owners": listed} if listed else {}


def _named(scope: str, link: Linked) -> str:
    role = link.role or "unstated role"
    return " ".join(part for part in (link.target.name, f"({role})", scope) if part)


def _dataset(link: Linked) -> dict[str, Any]:
    said = {name: link.attributes.get(name) for name in ("version", "data_sensitivity")}
    known = {name: value for name, value in said.items() if value is not None}
    own = {"role": link.role} | ({"digest": link.digest} if link.digest else {})
    return _facts(Kind.DATASET, link.target) | own | known


def _stated(picture: Picture, version: Part) -> Iterator[str]:
    """Lists that somebody states: only then does a missing member mean that there is none."""
    if version.stated("datasets") or picture.model.stated("datasets"):
        yield "dataset"
    if picture.model.stated("owners"):
        yield "model.owners"


def _sources(
    picture: Picture, version: Part, *, deployments: Iterable[Part]
) -> Iterator[tuple[str, str]]:
    """Who says each fact, by its path."""
    parts = [
        ("model", picture.model), ("version", version),
        *((f"use[{one.value('name') or UNDECLARED}]", one) for one in picture.declared),
        *((f"deployment[{one.name}]", one) for one in deployments),
    ]  # fmt: skip
    for place, part in parts:
        for name in part.row["provenance"]:
            if (said := part.said(name)) is not None and said.source:
                yield f"{place}.{name}", said.source


def differences(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    material: Iterable[str],
    sources: Mapping[str, str] | None = None,
) -> list[Difference]:
    """Every fact that differs between two contents, in the order of their paths."""
    rules, told = frozenset(material), sources or {}
    found = [
        *_between("model", old["model"], new=new["model"], rules=rules),
        *_between("version", old["version"], new=new["version"], rules=rules),
        *_trained(old, new, rules=rules),
    ]
    for kind in ("use", "dataset", "deployment"):
        for name in sorted(old[kind].keys() | new[kind].keys()):
            found += _member(kind, name, old=old, new=new, rules=rules)
    return [one._replace(source=told.get(one.path)) for one in found]


def _between(
    place: str, old: Mapping[str, Any], *, new: Mapping[str, Any], rules: frozenset[str]
) -> Iterator[Difference]:
    kind = place.partition("[")[0]
    for name in sorted(old.keys() | new.keys()):
        if (name in old) != (name in new) or old[name] != new[name]:
            field = f"{kind}.{name}"
            both = name in old and name in new
            weight = ("material" if both else "unknown") if field in rules else "minor"
            yield Difference(f"{place}.{name}", field, old.get(name), new.get(name), None, weight)


def _member(
    kind: str, name: str, *, old: Mapping[str, Any], new: Mapping[str, Any], rules: frozenset[str]
) -> Iterator[Difference]:
    """A use, dataset or deployment: changed, or come and gone as a whole."""
    place, before, after = f"{kind}[{name}]", old[kind].get(name), new[kind].get(name)
    if before is not None and after is not None:
        yield from _between(place, before, new=after, rules=rules)
        return
    named = kind == "use" and before is None and any(one.startswith("use.") for one in rules)
    known = any(one != UNDECLARED for one in old[kind])  # the first one answers what it is for
    weight = ("material" if known else "unknown") if named else "minor"
    yield Difference(place, kind, before, after, None, weight)


def _trained(
    old: Mapping[str, Any], new: Mapping[str, Any], *, rules: frozenset[str]
) -> Iterator[Difference]:
    """Other datasets that it was trained on; another state of the same ones is told by itself."""
    before, after = _training(old), _training(new)
    if before == after:
        return
    known = "dataset" in old["stated"] and "dataset" in new["stated"]
    weight = ("material" if known else "unknown") if TRAINED_ON in rules else "minor"
    yield Difference(TRAINED_ON, TRAINED_ON, before, after, None, weight)


def _training(content: Mapping[str, Any]) -> list[str]:
    return sorted(
        name.partition(" (")[0]
        for name, said in content["dataset"].items()
        if said["role"] in TRAINING
    )


def key_of(one: Difference) -> str:
    """The digest of a difference: another value is another difference."""
    return sha256(canonical_json([one.old, one.new]))


def reclassed(
    found: Iterable[Difference], classed: Mapping[Classed, str], *, version: UUID
) -> list[Difference]:
    """The differences as reviewers class them, where they do."""
    return [
        one._replace(change_class=classed.get((version, one.path, key_of(one)), one.change_class))
        for one in found
    ]


def material_changes(found: Iterable[Difference]) -> list[str] | None:
    """Paths of material differences; None: none is known, and something is not stated."""
    listed = list(found)
    known = [one.path for one in listed if one.change_class == "material"]
    if not known and any(one.change_class == "unknown" for one in listed):
        return None
    return known


def triggers_of(found: Sequence[Difference]) -> set[str]:
    """Which triggers of the policy the differences are."""
    told: set[str] = set()
    for one in found:
        if one.change_class == "material":
            told.add("material_change")
        if one.field == "use" and one.old is None and one.change_class == "material":
            told.add("new_use")
        if one.field == "use.jurisdictions" and _gained(one):
            told.add("new_jurisdiction")
        if _of_dataset(one):
            told.add("dataset_change")
        if one.field in {"version.base_model", "version.base_model_version"} and _both(one):
            told.add("base_model_change")
    return told


def _both(one: Difference) -> bool:
    return one.old is not None and one.new is not None


def _of_dataset(one: Difference) -> bool:
    known = one.field == TRAINED_ON and one.change_class == "material"
    return known or (one.field in {"dataset.digest", "dataset.version"} and _both(one))


def _gained(one: Difference) -> bool:
    return _both(one) and bool(set(one.new) - set(one.old))
