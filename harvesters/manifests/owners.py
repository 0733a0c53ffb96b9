"""Who answers for a manifest's model: by CODEOWNERS and by who committed to its folder. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, urlsplit

from harvesters.dropped import reason
from harvesters.errors import RecordUnreadable
from harvesters.manifests.bots import is_bot
from harvesters.manifests.codeowners import Codeowners, CodeownersRefused, read_codeowners
from harvesters.manifests.foreign_said import evidence_of
from harvesters.manifests.pages import Author, File
from harvesters.manifests.place import Place, folder_of
from harvesters.manifests.wanted import OWNERS
from schemas.facts import ModelFacts, OwnerFacts
from schemas.identifiers import Identifier, Kind, email_identifier
from schemas.observation import Evidence, Observation

FEWEST_COMMITS: Final = 3  # within twelve months
MOST_DEVELOPERS: Final = 50
COMMITS: Final = "commits"  # in place of a file's path
HOSTS: Final = {"github": "github.com", "gitlab": "gitlab.com"}
Said = Observation | RecordUnreadable


def add_owners(place: Place, *, files: Sequence[File], authors: Sequence[Author]) -> Iterator[Said]:
    """What both say of the model of one manifest, each as a statement of its own; all concluded."""
    names = OWNERS[place.dialect]
    listed = sorted((one for one in files if one.path in names), key=lambda f: names.index(f.path))
    if listed:  # only the first one counts
        yield from _by_codeowners(place, listed[0])
    folder = folder_of(place.path)
    yield from _by_commits(place, [one for one in authors if one.folder == folder])


def _by_codeowners(place: Place, file: File) -> Iterator[Said]:
    """Accountable are those whom the host would ask about the manifest."""
    said = place.beside(file.path)
    try:
        codeowners = _codeowners(file.raw, place.dialect)
    except CodeownersRefused as refused:
        message = f"{place.repository.url} {file.path}: {refused}"
        yield RecordUnreadable("codeowners_unreadable", message, "", _subject(said, place))
        return
    named = (owner_of(word, place) for word in codeowners.owners_of(place.path))
    owners = dict.fromkeys(owner for owner in named if owner is not None)
    facts: dict[str, Any] = {}
    if owners:
        facts["owners"] = [{"owner": one, "role": "accountable"} for one in owners]
    if codeowners.bad_lines:
        lines = f"{codeowners.bad_lines:,} lines"
        facts["warnings"] = [f"{file.path}: {lines} could not be read and are passed over"]
    if facts:
        yield _stated(said, place, facts=facts, evidence=evidence_of(said))


@lru_cache(maxsize=4)
def _codeowners(raw: bytes, dialect: str) -> Codeowners:
    """One file is asked about many manifests."""
    return read_codeowners(raw, dialect=dialect)


def owner_of(word: str, place: Place) -> Identifier | None:
    """A team, an account or an address, as CODEOWNERS names it; None for roles and machines."""
    name = word.removeprefix("@")
    if name.startswith("@") or is_bot(name):
        return None
    try:
        if not word.startswith("@"):
            return email_identifier(word)
        scheme, host = _host(place)
        return Identifier(kind=Kind.OWNER, scheme=scheme, value=f"{host}/{name}".lower())
    except ValueError:
        return None


def _host(place: Place) -> tuple[str, str]:
    """The scheme of its accounts, and its name."""
    identity = place.repository.identity
    if identity.scheme in HOSTS:
        return identity.scheme, identity.value.partition("/")[0]
    name = urlsplit(place.repository.url).netloc
    known = (scheme for scheme, host in HOSTS.items() if host == name)
    return next(known, place.dialect), name


def _by_commits(place: Place, authors: Iterable[Author]) -> Iterator[Said]:
    """Developers are those who committed often; machines commit too, and develop nothing."""
    often = [one for one in authors if one.commits >= FEWEST_COMMITS and not _is_machine(one)]
    often.sort(key=lambda one: (-one.commits, one.name))
    people = often[:MOST_DEVELOPERS]
    owners = [{"owner": one.identities[0], "role": "developer"} for one in people]
    if owners:
        said = place.beside(COMMITS)
        yield _stated(said, place, facts={"owners": owners}, evidence=_commits(place))
    for one in people:
        yield from _person(place, one)


def _is_machine(author: Author) -> bool:
    names = (one.value.rpartition("/")[2] for one in author.identities)
    return not author.identities or is_bot(author.name) or any(map(is_bot, names))


def _person(place: Place, author: Author) -> Iterator[Said]:
    """Where the host says that a login and an address are one person, they join."""
    logins = [one for one in author.identities if one.scheme in HOSTS]
    others = [one for one in author.identities if one.scheme not in HOSTS]
    if not logins or not others:
        return
    facts = {"display_name": author.name.strip()} if author.name.strip() else {}
    try:
        yield Observation(
            subject=logins[0],
            observed_at=place.at,
            same_as=tuple(sorted({*logins[1:], *others}, key=str)),
            facts=OwnerFacts.model_validate(facts),
            evidence=_commits(place),
            marker=place.marked(),
        )
    except ValueError as error:
        message = f"{place.repository.url} {COMMITS}: {reason(error)}"
        yield RecordUnreadable("invalid", message, "", logins[0])


def _stated(said: Place, place: Place, *, facts: dict[str, Any], evidence: Evidence | None) -> Said:
    subject = _subject(said, place)
    try:
        return Observation(
            subject=said.filed(Kind.MODEL, "foreign", place.path),
            observed_at=place.at,
            same_as=(place.manifest,),
            facts=ModelFacts.model_validate(facts),
            inferred=("owners",) if "owners" in facts else (),
            evidence=evidence,
            marker=place.marked(),
        )
    except ValueError as error:
        message = f"{place.repository.url} {said.path}: {reason(error)}"
        return RecordUnreadable("invalid", message, "", subject)


def _subject(said: Place, place: Place) -> Identifier | None:
    try:
        return said.filed(Kind.MODEL, "foreign", place.path)
    except ValueError:
        return None


def _commits(place: Place) -> Evidence | None:
    """The commits to the folder, as people can look at them."""
    view = "-/commits" if place.dialect == "gitlab" else "commits"
    folder = quote(folder_of(place.path))
    url = f"{place.repository.url}/{view}/{place.commit}/{folder}".rstrip("/")
    try:
        return Evidence(url=url)
    except ValueError:
        return None
