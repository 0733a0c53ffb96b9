"""What a foreign file says of one model, as observations beside those of the model's manifest."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from harvesters.dropped import Dropped, reason, warnings_of
from harvesters.errors import RecordUnreadable
from harvesters.manifests.foreign_targets import Aimed
from harvesters.manifests.formats.datasets import public_address
from harvesters.manifests.formats.found import Found
from harvesters.manifests.formats.held import hold
from harvesters.manifests.place import Place, encoded
from schemas.facts import FACTS
from schemas.identifiers import Identifier, Kind
from schemas.observation import Evidence, Observation

SCHEME: Final = "foreign"
LONGEST_NAME: Final = 300  # bytes of a dataset's name within its identifier
MOST_DATASETS: Final = 200  # of one file
LINK_MEMBERS: Final = ("role", "digest", "version", "description")
Said = Observation | RecordUnreadable


def say(aimed: Aimed, root: Place) -> Iterator[Said]:
    """A statement on the model, then one on each version and dataset."""
    place = root.beside(aimed.path)
    by = aimed.target.path
    links: list[dict[str, Any]] = []
    others: list[Said] = []
    for found in aimed.found:
        if found.kind is Kind.DATASET:
            said = say_dataset(found, place, by=by)
            others.append(said)
            if isinstance(said, Observation):
                links += _dataset_links(found, said.subject)
        elif found.kind is Kind.VERSION:
            others.append(_state(_version(found, aimed), place, by, by=by))
    model = _model(aimed, links)
    if model.facts or model.dropped:
        model = model._replace(same_as=(aimed.target.model, *model.same_as))
        yield _state(model, place, by, by=by)
    yield from others


def say_dataset(found: Found, place: Place, *, by: str) -> Said:
    """A dataset is called by its file and its name there, whichever models use it.

    One that has an address is the same as what is found there.
    """
    return _state(found, place, found.name or Kind.DATASET, by=by)


def distinct(found: Sequence[Found]) -> list[Found]:
    """With a name of its own for each dataset of a file, so short that an identifier holds it."""
    called: set[str] = set()
    kept: list[Found] = []
    for one in found:
        if one.kind is not Kind.DATASET:
            kept.append(one)
        elif len(called) < MOST_DATASETS:
            kept.append(one._replace(name=_unique(one.name or "", called)))
    return kept


def _model(aimed: Aimed, links: Sequence[Mapping[str, Any]]) -> Found:
    """What the file says of the model itself, its datasets and the servers that claim to run it."""
    models = (one for one in aimed.found if one.kind is Kind.MODEL)
    model = next(models, Found(Kind.MODEL, {}))
    served = [link for one in aimed.found for link in _server_links(one)]
    more = {"datasets": list(links), "links": [*model.facts.get("links", ()), *served]}
    facts, dropped = hold(Kind.MODEL, {**model.facts, **more}, dropped=model.dropped)
    return model._replace(facts=facts, dropped=dropped)


def _server_links(found: Found) -> Iterator[dict[str, str]]:
    url = found.facts.get("endpoint")
    if found.kind is Kind.DEPLOYMENT and isinstance(url, str):
        yield {"title": f"Model server {found.name or url}"[:200], "url": url}


def _dataset_links(found: Found, dataset: Identifier) -> Iterator[dict[str, Any]]:
    """By its address where it has one, as manifests name it: one dataset is listed once."""
    dataset = next((one for one in found.same_as if one.scheme == "uri"), dataset)
    for link in found.links:
        kept = {member: link[member] for member in LINK_MEMBERS if link.get(member)}
        yield {"dataset": dataset.model_dump(mode="json"), **kept}


def _version(found: Found, aimed: Aimed) -> Found:
    """A version of the model; its training run where the model's server is known."""
    facts = {**found.facts, "model": aimed.target.model.model_dump(mode="json")}
    run = aimed.target.run(found.run_id) if found.run_id else None
    if run is not None:
        facts["training_run"] = run.model_dump(mode="json")
    return found._replace(facts=facts)


def _state(found: Found, place: Place, *more: str, by: str) -> Said:
    """One statement, called by its file and what else tells it apart; it stands by a manifest."""
    subject: Identifier | None = None
    facts = dict(found.facts)
    if found.dropped:
        about = [Dropped("foreign_value", f"{place.path}: {one}") for one in found.dropped]
        facts["warnings"] = list(warnings_of(about))
    try:
        subject = place.filed(found.kind, SCHEME, *more)
        return Observation(
            subject=subject,
            observed_at=place.at,
            same_as=tuple(sorted(set(found.same_as), key=str)),
            facts=FACTS[found.kind].model_validate(facts),
            inferred=tuple(sorted(found.inferred)),
            evidence=evidence_of(place),
            marker=place.marked(by),
        )
    except ValueError as error:
        message = f"{place.repository.url} {place.path}: {reason(error)}"
        return RecordUnreadable("invalid", message, "", subject)


def holds(place: Place, subject: Identifier) -> bool:
    """Was it called by this file?"""
    if subject.scheme not in {SCHEME, "file"}:
        return False
    try:
        called = place.filed(Kind.MODEL, SCHEME).value
    except ValueError:
        return False
    return subject.value == called or subject.value.startswith(f"{called}#")


def evidence_of(place: Place) -> Evidence | None:
    """The file, unless its address is too long to be shown."""
    try:
        return place.evidence
    except ValueError:
        return None


def _unique(name: str, called: set[str]) -> str:
    """Short enough for an identifier, and another one each time within a file."""
    short = _cut(public_address(name)) or "dataset"
    found, count = short, 1
    while found in called:
        count += 1
        found = f"{short} ({count})"
    called.add(found)
    return found


def _cut(name: str) -> str:
    """As much of it as an identifier has room for, once it is encoded there."""
    room, kept = LONGEST_NAME, 0
    for character in name[:LONGEST_NAME]:
        room -= len(encoded(character).encode(errors="ignore"))
        if room < 0:
            break
        kept += 1
    return name[:kept]
