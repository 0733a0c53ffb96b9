"""Makes observations of what a build says. Pure.

What one source says of one thing replaces what it said of that before. A build pushes several times
and from several jobs: so each part of what it says has a subject of its own, which stands for the
same thing, and parts add up. Said again, a part replaces itself.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from cli.pushing.asked import Asked
from cli.pushing.documents import Data, Document
from cli.pushing.faults import Faults
from cli.pushing.named import Named
from cli.pushing.running import Running
from harvesters.ci.provenance import Statement
from harvesters.errors import RecordUnreadable
from harvesters.manifests.formats.found import Found
from harvesters.stating import state
from schemas.identifiers import Identifier, encode_segment, source_of
from schemas.observation import Observation
from schemas.values import Artifact, DatasetLink, Metric

LONGEST_PART: Final = 200  # bytes
SHORT: Final = 32
NAMED: Final = "named"  # what of a version is no word about who built it
Parts = Iterator[tuple[str, Mapping[str, Any]]]


class What(NamedTuple):
    """All that was read and found right."""

    asked: Asked
    named: Named
    artifacts: Sequence[Artifact] = ()
    metrics: Sequence[Metric] = ()
    links: Sequence[DatasetLink] = ()
    data: Data = Data([], [])
    statements: Sequence[Statement] = ()
    documents: Sequence[tuple[Document, Found | None]] = ()
    digests: Sequence[str] = ()  # that bills of materials state

    @property
    def describes(self) -> bool:
        """Is anything said of a version, or is one only named?"""
        said = (self.artifacts, self.metrics, self.links, self.data.links, self.digests)
        return any(said) or self.asked.mlflow_run is not None


class Maker:
    """Makes what one source says at one moment."""

    def __init__(
        self, source: str, running: Running | None, *, at: datetime, faults: Faults, alone: bool
    ) -> None:
        """`running` is the build; None where there is none to speak of.

        `alone`: whoever proved to be this very build speaks of no repository.
        """
        self.source, self.running, self.at, self.faults = source, running, at, faults
        self.alone = alone
        self.url = running.stated.get("url") if running else None

    def make(self, what: What) -> Iterator[Observation]:
        """Repository, build, model, version and data; each before what refers to it."""
        if self.running is not None:
            yield from self._of_build(what, self.running)
        yield from self._models(what)
        version = what.named.version
        if version is not None and (what.describes or not what.asked.deployed):
            yield from self._parts(version, self._of_version(what))
        yield from what.data.said

    def state(
        self, subject: Identifier, stated: Mapping[str, Any], *, same_as: Sequence[Identifier] = ()
    ) -> Iterator[Observation]:
        """One statement; what of it no fact can hold is left out, told, and stands in it."""
        told = state(subject, stated, at=self.at, url=self.url, same_as=same_as)
        if isinstance(told, RecordUnreadable):
            self.faults.add(str(subject.kind), told.message)
            return
        for one in getattr(told.facts, "warnings", None) or ():
            self.faults.note(str(subject.kind), one)
        yield told

    def _repository(self, running: Running) -> Iterator[Observation]:
        """By its number and its address: whoever knows one of them knows it."""
        first, *rest = running.repositories or (None,)
        url = next((one.value for one in running.repositories if one.scheme == "url"), None)
        if first is not None:
            yield from self.state(first, {"url": url or ...}, same_as=[one for one in rest if one])

    def _of_build(self, what: What, running: Running) -> Iterator[Observation]:
        facts = {**running.stated, "repository": running.repository or ...}
        if not self.alone:
            yield from self._repository(running)
        yield from self.state(running.build, facts)
        yield from self._parts(running.build, _made_by_build(what))

    def _models(self, what: What) -> Iterator[Observation]:
        model = what.named.model
        for document, found in what.documents:
            if model is None or found is None:
                continue
            facts = dict(found.facts)
            if document.part == "model_card":
                facts["card"] = document.path.as_posix()
            subject = self._part(model, document.part)
            if subject is not None:
                yield from self.state(subject, facts, same_as=[model])
        if model is not None and what.named.version is None and what.data.links:
            yield from self._parts(model, _datasets(what.data.links))

    def _of_version(self, what: What) -> Parts:
        """What it is and who made it; then each thing that is said of it."""
        named, running = what.named, self.running
        facts: dict[str, Any] = {"model": named.model, "number": named.number}
        here = running is not None and not what.asked.not_built_here
        if running is not None and here:
            facts |= {
                "build": running.build, "repository": running.repository or ...,
                "source_commit": running.stated.get("commit", ...),
                "source_branch": running.branch or ...,
                "on_protected_branch": running.stated.get("on_protected_branch", ...),
            }  # fmt: skip
        if named.run is not None:
            facts["training_run"] = named.run
        digests = {one.digest for one in what.artifacts if one.digest}
        proof = next((s for s in what.statements if digests & {d.digest for d in s.subjects}), None)
        yield ("" if here else NAMED), facts | ({"provenance_ref": proof.digest} if proof else {})
        for artifact in what.artifacts:
            if artifact.digest:
                yield f"artifact={artifact.name}", {"digests": [artifact.digest]}
        if what.digests:
            yield "ml_bom", {"digests": list(what.digests)}
        if what.metrics:
            yield "metrics", {"metrics": list(what.metrics)}
        yield from _datasets([*what.links, *what.data.links])

    def _parts(self, whole: Identifier, parts: Parts) -> Iterator[Observation]:
        for called, facts in parts:
            subject = self._part(whole, called)
            if subject is not None:
                yield from self.state(subject, facts, same_as=[whole])

    def _part(self, whole: Identifier, called: str) -> Identifier | None:
        """A subject of this source's own for a part of what it says of something."""
        own = whole.value if source_of(whole) == self.source else f"{self.source}/{whole.value}"
        part = encode_segment(called)
        if len(part.encode(errors="replace")) > LONGEST_PART:
            part = hashlib.sha256(called.encode(errors="replace")).hexdigest()[:SHORT]
        with self.faults.told(str(whole.kind)):
            value = f"{own}#{part}" if part else own
            return Identifier(kind=whole.kind, scheme="part", value=value)
        return None


def _made_by_build(what: What) -> Parts:
    """What came of the build, each thing a part."""
    for artifact in what.artifacts:
        yield f"artifact={artifact.name}", {"artifacts": [artifact]}
    for statement in what.statements:
        said = {"provenance_statements": [statement.provenance()]}
        yield f"provenance={statement.digest}", {**said, "artifacts": statement.artifacts()}
    named = what.named
    made = (what.describes or not what.asked.deployed) and not what.asked.not_built_here
    if named.version is not None and made:
        yield f"version={named.version.value}", {"versions": [named.version]}
    if named.run is not None:
        yield f"training_run={named.run.value}", {"training_runs": [named.run]}
    for uri in named.uris if not what.asked.deployed else ():
        yield f"model_uri={uri}", {"model_uris": [uri]}
    if named.version is None and named.model is None:
        yield from _datasets([*what.links, *what.data.links])


def _datasets(links: Iterable[DatasetLink]) -> Parts:
    """Each in each of its roles, with all digests that it had there."""
    found: dict[str, list[DatasetLink]] = {}
    for link in links:
        called = f"dataset={link.role}={link.dataset.scheme}:{link.dataset.value}"
        found.setdefault(called, []).append(link)
    for called, several in found.items():
        yield called, {"datasets": several}
