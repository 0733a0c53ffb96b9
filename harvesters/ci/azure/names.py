"""One Azure DevOps: what its projects, repositories and builds are called everywhere. Pure."""

import re
from collections.abc import Collection
from typing import Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import ValidationError

from harvesters.ci.azure.payloads import Repository
from harvesters.errors import SourceRefused
from outbound.addresses import OutboundRefused, read_url
from schemas.identifiers import Identifier, Kind

SERVICES: Final = "dev.azure.com"
FORMERLY: Final = ".visualstudio.com"
FORMER: Final = re.compile(
    r"https?://(?:[^/@]*@)?([a-z0-9-]+)\.visualstudio\.com/(?:DefaultCollection/)?(.+)",
    re.IGNORECASE,
)
UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NUMBER: Final = re.compile(r"[1-9]\d{0,17}", re.ASCII)
PATHS: Final = {"github": "https://github.com/", "bitbucket": "https://bitbucket.org/"}


class Site(NamedTuple):
    """`url` as people open it, without a slash at its end; `host` as it stands in identifiers."""

    url: str
    host: str

    @classmethod
    def of(cls, url: str) -> "Site":
        """Raises `SourceRefused` for what is no address."""
        try:
            asked = read_url(url.rstrip("/"))
        except (OutboundRefused, ValueError) as error:
            message = f"settings.url: {error}"
            raise SourceRefused(message) from None
        host = asked.netloc.decode("ascii").lower()
        return cls(str(asked).rstrip("/"), SERVICES if host.endswith(FORMERLY) else host)

    def build(self, project: str, number: int) -> Identifier:
        """A build, by its project's id: neither ever changes."""
        value = f"{self.host}/{project}/{number}"
        return Identifier(kind=Kind.BUILD, scheme="azure", value=value)

    def link(self, project: str, number: int) -> str:
        """Where people look at a build."""
        return f"{self.url}/{project}/_build/results?buildId={number}"

    def number_of(self, thing: Identifier, project: str) -> int | None:
        """The number of a build of a project here."""
        before = f"{self.host}/{project}/"
        number = thing.value.removeprefix(before)
        here = thing.scheme == "azure" and thing.value.startswith(before)
        return int(number) if here and NUMBER.fullmatch(number) else None

    def holds(self, repository: Identifier, *, projects: Collection[str]) -> bool:
        """Does a repository lie in a project, by its address? `projects`: its name and its id."""
        below = f"{formerly(self.url)}/".lower()
        path = unquote(repository.value).lower()
        if repository.scheme != "url" or not path.startswith(below):
            return False
        return path.removeprefix(below).partition("/")[0] in projects

    def numbered(self, repository: Repository) -> Identifier | None:
        """A repository of Azure's own, by the id that no rename changes."""
        found = (repository.id or "").lower()
        if repository.kind != "tfsgit" or not UUID.fullmatch(found):
            return None
        return Identifier(kind=Kind.REPOSITORY, scheme="azure", value=f"{self.host}/{found}")


def address_of(repository: Repository) -> Identifier | None:
    """A repository by its address, where it is told, or follows from whose host it is on."""
    url = repository.url
    if repository.kind in PATHS and repository.id and repository.id.count("/") == 1:
        url = f"{PATHS[repository.kind]}{repository.id}"
    try:
        return Identifier(kind=Kind.REPOSITORY, scheme="url", value=formerly(url or ""))
    except ValidationError:
        return None


def formerly(url: str) -> str:
    """`https://acme.visualstudio.com/…` is `https://dev.azure.com/acme/…` now."""
    found = FORMER.fullmatch(url)
    if found is None:
        alone = re.fullmatch(r"https?://([a-z0-9-]+)\.visualstudio\.com/?", url, re.IGNORECASE)
        return f"https://{SERVICES}/{alone[1]}" if alone else url
    return f"https://{SERVICES}/{found[1]}/{found[2]}"


def linked(url: str) -> tuple[str, int] | None:
    """Project, by name or id, and number of the build that an address shows."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    steps = [step for step in parts.path.split("/") if step]
    asked = parse_qs(parts.query).get("buildId", [""])[0]
    if "_build" in steps[1:] and NUMBER.fullmatch(asked):
        return steps[steps.index("_build") - 1].lower(), int(asked)
    lower = [step.lower() for step in steps]
    if lower[-4:-1] == ["_apis", "build", "builds"] and NUMBER.fullmatch(steps[-1]):
        return (lower[-5], int(steps[-1])) if len(lower) > 4 else None  # noqa: PLR2004
    return None
