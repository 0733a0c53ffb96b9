"""Reads what a folder and its repository hold that a first manifest can be made from."""

import os
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from cli.checking.files import Unreadable, Wanted, find_files, read_file, shown
from cli.checking.finding import Finding
from cli.init_draft import Named, Read, Said
from cli.working_copy import find_working_copy
from harvesters.manifests.codeowners import CodeownersRefused, read_codeowners
from harvesters.manifests.formats import FORMATS
from harvesters.manifests.formats.found import FileRefused, Format
from harvesters.manifests.wanted import LARGEST, OWNERS
from schemas.identifiers import Kind

PROJECT: Final = "pyproject.toml"
BELOW: Final = {PROJECT, "CITATION.cff"}  # these speak for all folders below them
DEEP: Final = "mlmodel"  # lies where a pipeline wrote it; all others stand beside the manifest
DEEPEST: Final = 4
STORES: Final = {"mlruns", "mlartifacts", "outputs"}  # of an experiment tracker: many models
MODELS: Final = {"mlmodel", "mlproject", "model_card", "backstage", "cyclonedx"}  # describe one
MOST_BELOW: Final = 20
TRACKING: Final = "MLFLOW_TRACKING_URI"
EXPERIMENT: Final = "MLFLOW_EXPERIMENT_NAME"


class Folder(NamedTuple):
    """All that was found; `passed_over` says which files could not be read, and why."""

    named: Named
    files: tuple[Read, ...]
    owners: tuple[tuple[str, str], ...]
    passed_over: tuple[str, ...]
    tracking: str | None  # a server's address, without a credential
    elsewhere: Mapping[str, str]  # folders below that hold what looks like a model, and what


def read_folder(folder: Path, *, manifest: str) -> Folder:
    """What is there, for a manifest of this file name."""
    copy = find_working_copy(folder)
    root = copy.root if copy else folder.resolve()
    inside = os.path.relpath(folder.resolve(), root).replace(os.sep, "/")
    path = manifest if inside == "." else f"{inside}/{manifest}"
    files: list[Read] = []
    why: list[str] = []
    for wanted, form in _wanted(folder, root):
        try:
            raw = _bounded(wanted)
            found = form.read(raw, wanted.inside)
            about = _description(raw) if wanted.path.name == PROJECT else None
        except (FileRefused, Unreadable) as refused:
            why.append(f"{wanted.shown} {refused}")
            continue
        files.append(Read(form.name, wanted.shown, found, wanted.inside, about))
    url = copy.url if copy else None
    owners = tuple(_owners(root, path, url=url))
    named = Named(url=url, folder=folder.resolve().name)
    beyond = models_below(folder, root, read={one.inside for one in files})
    return Folder(named, tuple(files), owners, tuple(why), tracking_server(), beyond)


def tracking_server() -> str | None:
    """The MLflow server that the environment names; local stores are none."""
    try:
        parts = urlsplit(os.environ.get(TRACKING, "").strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return None
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"


def _wanted(folder: Path, root: Path) -> Iterator[tuple[Wanted, Format]]:
    """Files that speak of what is in this folder, each with how it is read."""
    here = len(Path(os.path.relpath(folder.resolve(), root)).parts)
    for one in find_files([folder]):
        if isinstance(one, Finding) or one.sort != "foreign" or one.passed_over is not None:
            continue
        deep = len(Path(one.inside).parts) - here - 1
        form = next(form for form in FORMATS if form.matches(one.inside))
        allowed = DEEPEST if form.name == DEEP else 0
        if deep <= allowed and STORES.isdisjoint(Path(one.inside).parts):
            yield one, form
    for above in folder.resolve().parents if folder.resolve() != root else ():
        for name in sorted(BELOW):
            if (path := above / name).exists():
                inside = os.path.relpath(path, root).replace(os.sep, "/")
                form = next(form for form in FORMATS if form.matches(inside))
                yield Wanted(path, shown(path), inside, "foreign"), form
        if above == root:
            return


def models_below(folder: Path, root: Path, *, read: Collection[str]) -> dict[str, str]:
    """Folders below this one with what looks like another model, and the file that says so.

    A single one that was read for this folder is its own.
    """
    here = os.path.relpath(folder.resolve(), root).replace(os.sep, "/")
    found: dict[str, tuple[str, bool]] = {}
    for one in find_files([folder]):
        if isinstance(one, Finding) or one.sort != "foreign" or one.passed_over is not None:
            continue
        place = one.inside.rpartition("/")[0]
        if place == ("" if here == "." else here) or not STORES.isdisjoint(place.split("/")):
            continue
        if len(found) < MOST_BELOW and place not in found and _is_model(one):
            found[place] = (one.shown, one.inside in read)
    if len(found) == 1 and next(iter(found.values()))[1]:
        return {}
    return {str(Path(path).parent): Path(path).name for path, _ in sorted(found.values())}


def _is_model(wanted: Wanted) -> bool:
    form = next(form for form in FORMATS if form.matches(wanted.inside))
    if form.name not in MODELS:
        return False
    try:
        found = form.read(_bounded(wanted), wanted.inside)
    except (FileRefused, Unreadable):
        return False
    return any(one.kind in {Kind.MODEL, Kind.VERSION} for one in found)


def _bounded(wanted: Wanted) -> bytes:
    raw = read_file(wanted)
    if len(raw) > LARGEST:
        raise FileRefused("too_large", f"is larger than {LARGEST:,} bytes")
    return raw


def _description(raw: bytes) -> str | None:
    """What a Python project says of itself, in a file that was read before."""
    project = tomllib.loads(raw.decode("utf-8-sig")).get("project")
    said = project.get("description") if isinstance(project, dict) else None
    return " ".join(said.split()) if isinstance(said, str) else None


def _owners(root: Path, path: str, *, url: str | None) -> Iterator[tuple[str, str]]:
    """Whom CODEOWNERS names for the manifest, as manifests write them."""
    gitlab = "gitlab" in (url or "") or (root / ".gitlab-ci.yml").exists()
    dialect = "gitlab" if gitlab else "github"
    place = next((one for one in OWNERS[dialect] if (root / one).is_file()), None)
    if place is None or (root / place).parent.is_symlink():
        return
    try:
        raw = _bounded(Wanted(root / place, place, place, "foreign"))
        named = read_codeowners(raw, dialect=dialect).owners_of(path)
    except (Unreadable, FileRefused, CodeownersRefused):
        return
    for one in named:
        if not one.startswith("@"):
            yield one.lower(), f"from {place}"
        elif not one.startswith("@@"):  # GitLab's roles name nobody in particular
            kind = "team" if "/" in one else "user"
            called = one.rpartition("/")[2].removeprefix("@")
            known = f"{urlsplit(url or '').netloc or 'its host'}/{one.removeprefix('@')}"
            told = (
                f"proposed from {place}: the harvest knows {one} as {known}, which no ref can "
                "name; correct it to the handle in your directory"
            )
            yield f"{kind}:{called}", told


def in_namespace(named: Named, namespace: str, *, told: str) -> Named:
    """The same place, in a namespace that is known."""
    return named._replace(namespace=Said(namespace, told))
