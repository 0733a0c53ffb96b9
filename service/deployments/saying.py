"""Says in words what is wrong with a deployment, and what would mend it. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from schemas.deployments import Cause, LookedFor, Matched, Stated, Step

Row = Mapping[str, Any]

TOLD: Final = (  # facts that tell what a deployment serves, and how it came there
    "version", "digest", "image", "artifact_uri", "claimed_model", "claimed_version", "build",
    "commit", "repository", "blueprint", "deployed_by", "environment",
)  # fmt: skip
TODO: Final[Mapping[str, str]] = {
    "unknown_model": "Register the model where versions are registered, or describe it with a "
    "manifest; or resolve it here: register or link it, or accept it until a day.",
    "unknown_version": "Register the version with the digest or address of what runs, or resolve "
    "it here: link it to the version that it is, or accept it until a day.",
    "digest_differs": "Deploy what is registered, or register what runs as a version of its own.",
    "retired_but_running": "Stop it, or bring the model back: its lifecycle says that it is over.",
    "no_build": "Build it in CI and let the build name the version, or its digest.",
    "no_owner": "Name an accountable owner in the manifest or registry, or pin `owners`.",
    "not_by_pipeline": "Deploy it by a pipeline that the catalog reads, or let the deploy script "
    "push (`model-catalog push`).",
    "blueprint_not_approved": "Deploy it by an approved blueprint, or let an admin approve this "
    "one (`MODEL_CATALOG_APPROVED_BLUEPRINTS`).",
}


def causes_of(row: Row) -> tuple[Cause, ...]:
    """What is wrong, in the order of the codes."""
    return tuple(Cause(code=code, why=WHY[code](row), todo=TODO[code]) for code in row["causes"])


def matched_of(row: Row) -> dict[str, Matched]:
    """How references came about that were concluded."""
    return {fact: Matched.model_validate(one) for fact, one in sorted(row["matched"].items())}


def stated_by(row: Row) -> tuple[Stated, ...]:
    """What is said of it, and by whom."""
    return tuple(
        Stated(fact=fact, value=value, source=_speaker(row, fact))
        for fact in TOLD
        if fact in row["provenance"] and (value := row["values"].get(fact)) is not None
    )


def looked_for(row: Row) -> tuple[LookedFor, ...]:
    """Each step of "Which version?", in order, as far as it came."""
    return tuple(_looked(row))


def _looked(row: Row) -> Iterator[LookedFor]:
    match = row["matched"].get("version", {})
    decided = match.get("by")
    reached = True
    for step, value in _sought(row):
        if step == decided:
            outcome = "several" if match.get("several") else "found"
        elif not reached:
            outcome = "not_needed"
        else:
            outcome = "not_stated" if value is None else "nothing"
        shown = value if value is None or step != decided else match.get("value") or value
        yield LookedFor.model_validate({"step": step, "value": shown, "outcome": outcome})
        reached = reached and step != decided


def _sought(row: Row) -> Iterator[tuple[Step, str | None]]:
    values = row["values"]
    pinned = row["matched"].get("version", {}).get("by") == "pinned"
    label = "/".join(part for part in (values["claimed_model"], values["claimed_version"]) if part)
    yield "pinned", values["version"] if pinned else None
    yield "digest", values["digest"]
    yield "artifact", values["artifact_uri"]
    yield "build", values["build"]
    yield "stated", None if pinned else values["version"]
    yield "commit", values["commit"]
    yield "label", label or None


def _speaker(row: Row, fact: str) -> str:
    """The strongest statement's source."""
    first = row["provenance"][fact][0]
    name: str = row["statements"][first]["source"]
    return name


def _unknown_model(row: Row) -> str:
    values = row["values"]
    if claimed := values["claimed_model"]:
        return f"It says that it serves {claimed}, which nothing in the catalog describes."
    if values["version"]:
        return f"It names {values['version']}, which no registry, manifest or build describes."
    match = row["matched"].get("version", {})
    if several := match.get("several"):
        return f"{several} versions fit by {match['by']}, and nothing tells which of them it is."
    found = [name for name in ("digest", "artifact_uri", "image") if values[name]]
    if not found:
        return "It names no model, and neither a digest, an address nor an image of what it serves."
    told = " and ".join(f"{name} {values[name]}" for name in found)
    return f"Nothing that the catalog knows was made as {told}, and it names no model."


def _unknown_version(row: Row) -> str:
    values, match = row["values"], row["matched"].get("version", {})
    model = row["model"] or "its model"
    if several := match.get("several"):
        return f"{several} versions fit by {match['by']}, and nothing tells which of them it is."
    named = values["claimed_version"] or values["version"]
    if named:
        return f"{model} is known, its version {named} is not described by anybody."
    return f"{model} is known, but nothing tells which of its versions this is."


def _digest_differs(row: Row) -> str:
    match, values = row["matched"].get("version", {}), row["values"]
    if match.get("by") == "digest":
        claimed = "/".join(p for p in (values["claimed_model"], values["claimed_version"]) if p)
        said = claimed or values["version"] or "another version"
        return f"Its digest is that of {row['version']}; it is said to be {said}."
    registered = ", ".join(row["registered"][:3])
    by = {"pinned": "a person's link", "stated": "what is stated", "label": "its label"}
    way = by.get(match.get("by", "stated"), f"its {match.get('by')}")
    return (
        f"By {way} it serves {row['version']}, of which {registered} is registered; "
        f"what runs is {values['digest']}."
    )


def _retired(row: Row) -> str:
    if row["version_gone"] is not None:
        return f"{row['version'] or 'Its version'} is gone from where it was registered."
    if row["model_gone"] is not None:
        return f"{row['model'] or 'Its model'} is gone from where it was registered."
    if row["lifecycle"] in {"suspended", "decommissioned"}:
        return f"{row['model']} is {row['lifecycle']}."
    return f"{row['version']} is archived in its registry."


def _no_build(row: Row) -> str:
    if row["build_id"] is not None:
        return f"It names the build {row['values']['build']}, which no source describes."
    return "Neither it nor its version is known to come from a build."


def _no_owner(row: Row) -> str:
    if row["model"] is None:
        return "Its model is not known, so nobody is known to answer for it."
    return f"Nobody is accountable for {row['model']}."


def _not_by_pipeline(row: Row) -> str:
    by = f" {row['deployed_by']} is named as who did." if row["deployed_by"] else ""
    return "No CI reports that it deployed this, here or by its digest or version." + by


def _blueprint(row: Row) -> str:
    return f"Its blueprint {row['stated_blueprint']} is not among the approved ones."


WHY: Final[Mapping[str, Callable[[Row], str]]] = {
    "unknown_model": _unknown_model,
    "unknown_version": _unknown_version,
    "digest_differs": _digest_differs,
    "retired_but_running": _retired,
    "no_build": _no_build,
    "no_owner": _no_owner,
    "not_by_pipeline": _not_by_pipeline,
    "blueprint_not_approved": _blueprint,
}
