"""Shows what merging manifests would change in the catalog: for pull requests."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import sleep
from typing import Any, Final, NamedTuple

import typer

from cli.checking.files import Unreadable, Wanted, read_file
from cli.client import Client
from cli.exits import Exit, Stop
from cli.kinds import plain
from cli.output import print_json, print_rows, say
from cli.working_copy import WorkingCopy, find_working_copy
from harvesters.manifests.declared import declare
from harvesters.manifests.markers import Marker, origin_of
from harvesters.manifests.model_yaml import read_manifest
from harvesters.manifests.owners import add_owners
from harvesters.manifests.pages import File, Repository
from harvesters.manifests.place import Place
from harvesters.manifests.wanted import OWNERS
from schemas.canonical import path_segment
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from schemas.sources import SourceSettings

PAUSES: Final = (0.5, 1, 2, 4)  # seconds
MOST: Final = 100  # observations that one preview takes
COLUMNS: Final = ("entry", "field", "before", "after")
OF_REPOSITORY: Final = re.compile(r"repository:(github|gitlab|azure|url):(.+)")
UNSTATED: Final = "-"
NOT_PREVIEWED: Final = "not_visible"  # the token reads some namespaces only


class Home(NamedTuple):
    """The repository as the catalog knows it, and the source that harvests it."""

    source: str
    repository: Identifier
    url: str
    known: bool


class Declared(NamedTuple):
    """A manifest, and what a harvest would post because of it."""

    path: str
    observations: tuple[Observation, ...]


def show_difference(paths: Sequence[Path], *, as_json: bool, source: str | None = None) -> None:
    """Ask the service what it would make of these manifests, and print it; nothing is kept.

    `source` is the one that harvests the repository, where the catalog cannot tell. Ends with
    `Exit.FINDINGS` when something would be refused.
    """
    client = Client.from_environment()
    found: dict[str, Any] = {"repositories": []}
    for copy, files in _by_repository(paths):
        home = find_home(client, copy, source=source)
        declared = [one for path in files if (one := read_declared(path, copy, home=home))]
        answer = _ask(client, home, declared=declared)
        found["repositories"].append(answer)
        if not as_json:
            _print(answer)
    if as_json:
        print_json(found)
    if refused := sum(len(one["refused"]) for one in found["repositories"]):
        said = "would be refused: the catalog would go on without what it says"
        raise Stop(f"{refused} {said}.", Exit.FINDINGS)


def _by_repository(paths: Iterable[Path]) -> Iterator[tuple[WorkingCopy, list[Path]]]:
    """The files of each repository. What lies in none is nobody's manifest."""
    copies: dict[Path, tuple[WorkingCopy, list[Path]]] = {}
    for path in paths:
        copy = find_working_copy(path if path.is_dir() else path.parent)
        if copy is None or copy.url is None:
            why = "lies in no git repository" if copy is None else "has no remote called origin"
            message = f"{path} {why}: the catalog could not tell whose manifest it is."
            raise Stop(message, Exit.WRONG_USE)
        copies.setdefault(copy.root, (copy, []))[1].append(path)
    yield from copies.values()


def find_home(client: Client, copy: WorkingCopy, *, source: str | None) -> Home:
    """Who harvests the repository, and what it is called there. Raises `Stop`."""
    url = copy.url or ""
    told = client.get("/api/v1/explain", repository=url)
    shown = {
        one["source"]: Identifier(kind=Kind.REPOSITORY, scheme=found[1], value=found[2])
        for one in told["sightings"]
        if (found := OF_REPOSITORY.fullmatch(one["identifier"])) and one["gone_since"] is None
    }
    if source is not None:
        identity = shown.get(source) or next(iter(shown.values()), None)
        by_url = Identifier(kind=Kind.REPOSITORY, scheme="url", value=url)
        return Home(source, identity or by_url, url, known=identity is not None)
    if len(shown) != 1:
        names = f" {', '.join(sorted(shown))}" if shown else ""
        how = "several sources show" if shown else "no source that you may see has shown"
        code = Exit.WRONG_USE if shown else Exit.NOT_FOUND
        message = f"{how.capitalize()} {url}{':' if names else ''}{names}. Name one with --source."
        raise Stop(message, code)
    ((name, identity),) = shown.items()
    return Home(name, identity, url, known=True)


def read_declared(path: Path, copy: WorkingCopy, *, home: Home) -> Declared | None:
    """What a harvest would post of a manifest; nothing of what it would leave alone or refuse."""
    inside = path.resolve().relative_to(copy.root).as_posix()
    reading = read_manifest(_raw(path, inside))
    if reading.manifest is None:
        return None
    dialect = "gitlab" if home.repository.scheme == "gitlab" else "github"
    place = Place(
        SourceSettings.model_validate({"name": home.source, "kind": "git", "namespace": "any"}),
        Repository(home.repository, home.url, home.url.split("/", 3)[-1]),
        copy.head or "HEAD", inside, datetime.now(UTC),
        Marker("", origin_of(home.repository)), dialect,
    )  # fmt: skip
    files = [
        File(name, "", _raw(copy.root / name, name))
        for name in OWNERS[dialect]
        if (copy.root / name).is_file() and not (copy.root / name).is_symlink()
    ]
    said = [*declare(reading.manifest, place), *add_owners(place, files=files, authors=())]
    return Declared(inside, tuple(one for one in said if isinstance(one, Observation)))


def _raw(path: Path, inside: str) -> bytes:
    try:
        return read_file(Wanted(path, inside, inside, "manifest"))
    except Unreadable as refused:
        message = f"{inside} {refused}"
        raise Stop(message, Exit.WRONG_USE) from None


def _ask(client: Client, home: Home, *, declared: Iterable[Declared]) -> dict[str, Any]:
    """The answers for all manifests, as one."""
    answer: dict[str, Any] = {
        "source": home.source, "repository": home.url, "known": home.known, "manifests": [],
        "entries": [], "refused": [], "not_previewed": [], "more": False,
        "undeclared": [],
    }  # fmt: skip
    path = f"/api/v1/sources/{path_segment(home.source)}/observations:preview"
    for batch in _batches(declared):
        said = [
            (one.path, observation.model_dump(mode="json", exclude_unset=True))
            for one in batch
            for observation in one.observations
        ]
        found = _posted(client, path, body={"observations": [document for _, document in said]})
        answer["manifests"] += [one.path for one in batch]
        answer["entries"] += found["entries"]
        answer["more"] = answer["more"] or found["more"]
        answer["undeclared"] = sorted({*answer["undeclared"], *found["undeclared"]})
        for one in found["receipt"]["refused"]:
            part = "not_previewed" if one["code"] == NOT_PREVIEWED else "refused"
            answer[part].append({"manifest": said[one["index"]][0]} | one)
    return answer


def _posted(client: Client, path: str, *, body: Any) -> Any:
    """Few previews are made at once, and pipelines come in crowds: whoever is sent away waits."""
    for pause in PAUSES:
        try:
            return client.post(path, body)
        except Stop as refused:
            if refused.code is not Exit.UNAVAILABLE:
                raise
        sleep(pause)
    return client.post(path, body)


def _batches(declared: Iterable[Declared]) -> Iterator[list[Declared]]:
    """As many manifests as one preview takes: what one of them says stays together."""
    batch: list[Declared] = []
    size = 0
    for one in declared:
        if len(one.observations) > MOST:
            message = f"{one.path} declares more than a preview takes: at most {MOST - 2} uses."
            raise Stop(message, Exit.WRONG_USE)
        if batch and size + len(one.observations) > MOST:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += len(one.observations)
    if batch:
        yield batch


def _print(answer: Mapping[str, Any]) -> None:
    """Fields before and after as a table; what stays unknown, and what is refused, beside it."""
    entries = answer["entries"]
    print_rows(COLUMNS, (row for entry in entries for row in _rows(entry)))
    for line in (line for entry in entries for line in _beside(entry)):
        say(line)
    if answer["more"]:
        say("More entries would change; only the first 1,000 are shown.")
    if not answer["known"]:
        say(f"{answer['repository']} is not in the catalog yet: source {answer['source']} has "
            "not shown it.")  # fmt: skip
    for name in answer["undeclared"]:
        say(f"No source is called {name}: what `registered_as` names there comes together with the "
            "model once a source of that name is declared. Is it spelled right?")  # fmt: skip
    for one in (*answer["not_previewed"], *answer["refused"]):
        say(f"{one['manifest']}: {one['code']}: {one['message']}")
    told = (answer["refused"], answer["not_previewed"], *(_rows(entry) for entry in entries))
    if not any(told):
        typer.echo("Merging would change nothing in the catalog.", err=True)


def _rows(entry: Mapping[str, Any]) -> list[list[Any]]:
    called = _called(entry)
    rows = [[called, "(new)", UNSTATED, "begins"]] if entry["created"] else []
    if entry["retired"]:
        rows.append([called, "(retired)", UNSTATED, "ends"])
    rows += [[called, "(joined)", name, "becomes one with it"] for name in entry["joined"]]
    model = entry["model"] or {}
    if (now := _tier(model, "_before")) != (then := _tier(model, "")):
        rows.append([called, "(tier)", now, then])
    return rows + [
        [called, field["field"], _value(field["before"]), _value(field["after"])]
        for field in entry["fields"]
    ]


def _beside(entry: Mapping[str, Any]) -> Iterator[str]:
    called = _called(entry)
    for name in entry["conflicts"]:
        yield f"{called}: sources would disagree about {name}."
    model = entry["model"]
    if model is None:
        return
    if not model["owner_known"]:
        yield (
            f"{called}: nobody would be known to answer for it: no accountable owner is "
            "named, or no source says more of who is."
        )
    for one in model["missing"]:
        about = one["name"] or ("a use of it: none is declared" if one["kind"] == "use" else called)
        yield f"{called}: its tier would lack, of {about}: {', '.join(one['facts'])}."


def _tier(model: Mapping[str, Any], when: str) -> str:
    """As it stands in a line: `LOW FIRM`."""
    said = (model.get(f"tier{when}"), model.get(f"tier_status{when}"))
    return " ".join(one for one in said if one) or UNSTATED


def _called(entry: Mapping[str, Any]) -> str:
    return f"{entry['kind']} {entry['name'] or entry['subject'] or '?'}"


def _value(known: Mapping[str, Any] | None) -> Any:
    return UNSTATED if known is None else plain(known["value"])
