"""What SLSA predicates say of where artifacts come from: v0.2 and v1, tolerantly. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from harvesters.manifests.formats.held import mapping, mappings, text_of
from schemas.canonical import canonical_commit, canonical_repository_url
from schemas.masking import drop_userinfo, mask_secrets
from schemas.strict import UNWANTED

SLSA: Final = "https://slsa.dev/provenance/v"
LONGEST: Final = 1_000
MOST_DEPENDENCIES: Final = 1_000
NAMES: Final = ("gitCommit", "sha1")  # of digests that are commits


class Origin(NamedTuple):
    """Who built something, from which commit of which repository, in which run."""

    builder: str | None = None
    commit: str | None = None
    repository: str | None = None  # canonical
    run: str | None = None  # as the builder calls it, mostly its address


class Material(NamedTuple):
    """Something at a commit that went into a build."""

    repository: str | None
    commit: str


def origin_of(predicate_type: str, predicate: Mapping[str, Any]) -> Origin:
    """Nothing of it is stated where the predicate is no provenance, or does not say it."""
    if not predicate_type.startswith(SLSA):
        return Origin()
    if predicate_type.startswith(f"{SLSA}0."):
        return _old(predicate)
    definition = mapping(predicate.get("buildDefinition"))
    details = mapping(predicate.get("runDetails"))
    materials = list(_materials(definition.get("resolvedDependencies")))
    chosen = _source(materials, _stated_source(mapping(definition.get("externalParameters"))))
    run = mapping(details.get("metadata")).get("invocationId")
    return _origin(details.get("builder"), chosen, run=run)


def _old(predicate: Mapping[str, Any]) -> Origin:
    configured = mapping(mapping(predicate.get("invocation")).get("configSource"))
    materials = list(_materials(predicate.get("materials")))
    chosen = _source(materials, _repository(configured.get("uri")))
    if chosen is None:
        chosen = next(_materials([configured]), None)
    run = mapping(predicate.get("metadata")).get("buildInvocationID")
    return _origin(predicate.get("builder"), chosen, run=run)


def _origin(builder: Any, chosen: Material | None, *, run: Any) -> Origin:
    named = _public(mapping(builder).get("id"))
    if chosen is None:
        return Origin(named, run=_public(run))
    return Origin(named, chosen.commit, chosen.repository, _public(run))


def _source(materials: list[Material], stated: str | None) -> Material | None:
    """The one from the repository that was to be built; tools stand beside it."""
    fitting = (one for one in materials if stated is not None and one.repository == stated)
    return next(fitting, materials[0] if materials else None)


def _stated_source(parameters: Mapping[str, Any]) -> str | None:
    """GitHub says which workflow of which repository, others name the source itself."""
    workflow = mapping(parameters.get("workflow"))
    source = parameters.get("source")
    named = source if isinstance(source, str) else mapping(source).get("uri")
    return _repository(workflow.get("repository")) or _repository(named)


def _materials(listed: Any) -> Iterator[Material]:
    """Those with a full commit."""
    for one in mappings(listed)[:MOST_DEPENDENCIES]:
        digests = mapping(one.get("digest"))
        texts = (text_of(digests.get(name)) for name in NAMES)
        commit = next((found for text in texts if text and (found := canonical_commit(text))), None)
        if commit is not None:
            yield Material(_repository(one.get("uri")), commit)


def _repository(uri: Any) -> str | None:
    text = text_of(uri)
    if text is None or len(text) > LONGEST:
        return None
    try:
        return canonical_repository_url(text)
    except ValueError:
        return None


def _public(value: Any) -> str | None:
    """A name or address on one line, without what signs in there."""
    text = text_of(value)
    if text is None or len(text) > LONGEST or UNWANTED.search(text):
        return None
    return mask_secrets(drop_userinfo(" ".join(text.split()))) or None
