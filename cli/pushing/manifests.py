"""The manifests of a checkout, as whoever harvests its repository by git would post them."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cli.checking.files import Unreadable, Wanted, read_file
from cli.difference import Home, read_declared
from cli.pushing.faults import Faults
from cli.working_copy import WorkingCopy, find_working_copy
from harvesters.manifests.model_yaml import read_manifest
from schemas.facts import RepositoryFacts
from schemas.identifiers import Identifier, Kind
from schemas.observation import Evidence, Observation


def read_manifests(
    files: Sequence[Path], source: str, *, known: Collection[str], faults: Faults
) -> Iterator[Observation]:
    """Models, uses, owners and datasets of each; of a faulty one every fault by its line.

    `known`: repositories of which something is said already.
    """
    told_of = set(known)
    for file in files:
        copy = find_working_copy(file.parent)
        if copy is None or copy.url is None:
            why = "lies in no git repository" if copy is None else "has no remote called origin"
            faults.add(str(file), f"{why}: its model could not be named")
            continue
        if _is_right(file, copy, faults=faults):
            url = Identifier(kind=Kind.REPOSITORY, scheme="url", value=copy.url)
            if copy.url not in told_of:
                told_of.add(copy.url)
                yield _repository(url)
            told = read_declared(file, copy, home=Home(source, url, copy.url, known=True))
            yield from told.observations if told else ()


def _repository(url: Identifier) -> Observation:
    return Observation(
        subject=url,
        observed_at=datetime.now(UTC),
        facts=RepositoryFacts(url=url.value),
        evidence=Evidence(url=url.value),
    )


def _is_right(file: Path, copy: WorkingCopy, *, faults: Faults) -> bool:
    try:
        inside = file.resolve().relative_to(copy.root).as_posix()
        raw = read_file(Wanted(file, inside, inside, "manifest"))
    except (Unreadable, ValueError) as refused:
        faults.add(str(file), refused)
        return False
    reading = read_manifest(raw)
    if not reading.ours:
        faults.add(str(file), "is no manifest: it holds no `apiVersion: model-catalog/v1`")
    for one in reading.problems:
        told = faults.add if one.severity == "error" else faults.note
        told(f"{file}:{one.line}:{one.column}", f"{one.code}: {one.message}; {one.fix}")
    return reading.manifest is not None
