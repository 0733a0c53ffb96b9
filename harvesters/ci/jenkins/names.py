"""One Jenkins: what its jobs and builds are called, in addresses and in identifiers. Pure."""

import re
from typing import Final, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from pydantic import ValidationError

from harvesters.errors import SourceRefused
from outbound.addresses import OutboundRefused, read_url
from schemas.identifiers import Identifier, Kind, encode_segment

STRAY: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
NUMBERED: Final = re.compile(r"(?P<path>[^#]+)#(?P<number>[1-9]\d{0,17})", re.ASCII)
NUMBER: Final = re.compile(r"[1-9]\d{0,17}", re.ASCII)
JOB, VIEW = "job", "view"

Path = tuple[str, ...]  # names of folders and the job, as Jenkins has them


class Place(NamedTuple):
    """A build: its job and its number there."""

    path: Path
    number: int


class Site(NamedTuple):
    """`url` as people open it, without a slash at its end; `where` as it stands in identifiers."""

    url: str
    where: str

    @classmethod
    def of(cls, url: str) -> "Site":
        """Raises `SourceRefused` for what is no address."""
        try:
            asked = read_url(url.rstrip("/"))
        except (OutboundRefused, ValueError) as error:
            message = f"settings.url: {error}"
            raise SourceRefused(message) from None
        plain = str(asked).rstrip("/")
        host = asked.netloc.decode("ascii").lower()
        return cls(plain, f"{host}{asked.path.rstrip('/')}")

    def build(self, path: Path, number: int) -> Identifier | None:
        """The identifier of a build; None where its job's name is none."""
        try:
            value = f"{self.where}/{written(path)}#{number}"
            return Identifier(kind=Kind.BUILD, scheme="jenkins", value=value)
        except ValidationError:
            return None

    def link(self, place: Place, *, said: str | None = None) -> str:
        """Where people look at a build: as Jenkins says it, if that is the same place."""
        tail = f"{below(place.path)}/{place.number}/"
        if said is not None and said.endswith(tail) and _is_web(said):
            return said
        return f"{self.url}{tail}"

    def place_of(self, identifier: Identifier) -> Place | None:
        """The build of this Jenkins that an identifier names."""
        before = f"{self.where}/"
        if identifier.scheme != "jenkins" or not identifier.value.startswith(before):
            return None
        found = NUMBERED.fullmatch(identifier.value.removeprefix(before))
        return Place(read(found["path"]), int(found["number"])) if found else None


def written(path: Path) -> str:
    """A full name as it stands in identifiers.

    Jenkins calls the job of a branch `feature/x` by itself `feature%2Fx`: that stays as it is.
    """
    return "/".join(_segment(name) for name in path)


def read(text: str) -> Path:
    """The names in a full name that was written so."""
    return tuple(text.split("/"))


def full_name(path: Path) -> str:
    """A full name as Jenkins has it: `shop/churn/feature%2Fx`."""
    return "/".join(path)


def plain(path: Path) -> str:
    """A full name as people know it: `shop/churn/feature/x`."""
    return "/".join(unquote(name) for name in path)


def below(path: Path) -> str:
    """Where a job lies below the address of its Jenkins."""
    return "".join(f"/{JOB}/{quote(name, safe='')}" for name in path)


def linked(url: str) -> Place | None:
    """The build that a web address shows, whatever host it is on: only its path is looked at."""
    steps = [unquote(step) for step in urlsplit(url).path.split("/") if step]
    names, at = [], next((i for i, step in enumerate(steps) if step in {JOB, VIEW}), len(steps))
    while at + 1 < len(steps) and steps[at] in {JOB, VIEW}:
        if steps[at] == JOB:
            names.append(steps[at + 1])
        at += 2
    if not names or at >= len(steps) or not NUMBER.fullmatch(steps[at]):
        return None
    return Place(tuple(names), int(steps[at]))


def _segment(name: str) -> str:
    if name in {".", ".."}:
        return encode_segment(name)
    return STRAY.sub("%25", name).replace("/", "%2F").replace("#", "%23")


def _is_web(url: str) -> bool:
    scheme, _, rest = url.partition("://")
    return scheme in {"http", "https"} and "@" not in rest.partition("/")[0] and url.isprintable()
