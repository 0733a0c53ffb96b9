"""Documents that a build made: model cards, bills of materials, locks of data, provenance."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from cli.pushing.asked import Asked
from cli.pushing.faults import Faults
from cli.pushing.made import is_lock, read_raw
from cli.working_copy import WorkingCopy
from harvesters.ci.provenance import LARGEST as LARGEST_PROVENANCE
from harvesters.ci.provenance import Statement, read_provenance
from harvesters.ci.provenance_keys import KeyVerifier
from harvesters.manifests.foreign_said import distinct, say_dataset
from harvesters.manifests.formats import cyclonedx, dvc, model_card
from harvesters.manifests.formats.found import FileRefused, Found
from harvesters.manifests.markers import Marker, origin_of
from harvesters.manifests.pages import Repository
from harvesters.manifests.place import Place
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from schemas.sources import SourceSettings
from schemas.values import DatasetLink

READERS: Final = {
    "model_card": ("--model-card", model_card.read),
    "ml_bom": ("--ml-bom", cyclonedx.read),
    "datasets": ("--datasets", dvc.read),
}
LINK: Final = ("role", "digest", "version", "description")


class Document(NamedTuple):
    """A file in a format of others, and what it says."""

    part: str
    path: Path
    found: Sequence[Found]

    def of(self, kind: Kind) -> list[Found]:
        """What it says of things of a kind."""
        return [one for one in self.found if one.kind is kind]


class Where(NamedTuple):
    """What the files lie in: their paths there are a part of what unnamed data are called."""

    source: str
    repository: Identifier | None
    url: str | None
    commit: str | None
    copy: WorkingCopy | None
    at: datetime

    def place(self, file: Path) -> Place | None:
        """Where a file stands, as a harvest of its repository would say; None outside of one."""
        if self.repository is None or self.copy is None:
            return None
        try:
            inside = file.resolve().relative_to(self.copy.root).as_posix()
        except ValueError:
            return None
        settings = {"name": self.source, "kind": "ci", "namespace": "any"}
        dialect = "gitlab" if self.repository.scheme == "gitlab" else "github"
        url = self.url or f"https://{self.repository.value}"
        return Place(
            SourceSettings.model_validate(settings),
            Repository(self.repository, url, url.split("/", 3)[-1]),
            self.commit or "HEAD", inside, self.at,
            Marker("", origin_of(self.repository)), dialect,
        )  # fmt: skip


def documents_of(asked: Asked, faults: Faults) -> list[Document]:
    """Read those that are named."""
    read = []
    for part, (option, reader) in READERS.items():
        file: Path | None = getattr(asked, part)
        if file is None or (part == "datasets" and not is_lock(file)):
            continue
        with faults.told(f"{option} {file}"):
            found = distinct(list(reader(read_raw(file), str(file))))
            if not found:
                faults.note(str(file), "says nothing that the catalog holds")
            read.append(Document(part, file, found))
            for one in found:
                for lost in one.dropped:
                    faults.note(str(file), lost)
    return read


def model_of(document: Document, *, called: str | None, faults: Faults) -> Found | None:
    """The model that a document is about: the one of that name, or the only one."""
    models = document.of(Kind.MODEL)
    named = [one for one in models if called in {one.name, (one.name or "").rpartition("/")[2]}]
    if len(models) > 1 and len(named) != 1:
        faults.add(str(document.path), f"describes {len(models)} models, not one called {called}")
        return None
    return next(iter(named or models), None)


def digests_in(document: Document, model: Found | None) -> Iterator[str]:
    """Digests of the version that a document describes."""
    for one in document.of(Kind.VERSION):
        if not one.of or (model is not None and model.name in one.of):
            yield from one.facts.get("digests", ())


class Data(NamedTuple):
    """Datasets: how they were used, and what is said of them themselves."""

    links: list[DatasetLink]
    said: list[Observation]


def data_in(documents: Iterable[Document], where: Where, *, faults: Faults) -> Data:
    """Those that have an address, and those that their file gives a name to."""
    links: list[DatasetLink] = []
    said: list[Observation] = []
    for document in documents:
        place = where.place(document.path)
        for one in document.of(Kind.DATASET):
            told = say_dataset(one, place, by=place.path) if place else None
            uri = next((name for name in one.same_as if name.scheme == "uri"), None)
            subject = uri or (told.subject if isinstance(told, Observation) else None)
            if subject is None:
                faults.note(str(document.path), f"{one.name} has no address, and is left out")
                continue
            said += [told] if isinstance(told, Observation) else []
            links += [_link(subject, used, part=document.part) for used in one.links]
    return Data(links, said)


def _link(subject: Identifier, used: Mapping[str, Any], *, part: str) -> DatasetLink:
    """Stages of a pipeline read what a model is trained on, as far as anybody says."""
    kept = {name: used[name] for name in LINK if used.get(name)}
    role = {"role": "training"} if part == "datasets" else {}
    return DatasetLink.model_validate({**role, **kept, "dataset": subject})


def provenance_of(asked: Asked, faults: Faults) -> list[Statement]:
    """Statements about what was made; verified where a key is given and has signed them."""
    verifier: KeyVerifier | None = None
    if asked.provenance_key is not None:
        with faults.told(f"--provenance-key {asked.provenance_key}"):
            verifier = KeyVerifier.of_file(asked.provenance_key)
    found: dict[str, Statement] = {}
    for file in asked.provenance or ():
        with faults.told(f"--provenance {file}"):
            raw = read_raw(file, largest=LARGEST_PROVENANCE)
            read = read_provenance(raw, verifier)
            for why in read.unread:
                faults.note(str(file), f"holds {why}")
            if not read.statements:
                raise FileRefused("empty", "holds no in-toto statement")
            found |= {one.digest: one for one in read.statements}
    return list(found.values())
