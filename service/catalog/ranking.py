"""Ranks who might answer for a model next, from what they did: pure, nothing is guessed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas.identifiers import Identifier, Kind, email_identifier, encode_segment
from schemas.succession import Candidate, Did, LeftOut
from service.catalog.acts import Act, OwnerInfo
from service.catalog.rows import API

MOST_SHOWN: Final = 50
HOSTS: Final = ("github", "gitlab")
PUBLIC: Final = {"github.com": "github", "gitlab.com": "gitlab"}
PREFIXES: Final = ("user:", "team:")
BOTS: Final = frozenset(  # accounts of machines: nobody who could answer for anything
    {"root", "jovyan", "runner", "ubuntu", "ec2-user", "sagemaker-user", "azureuser", "airflow",
     "jenkins", "nobody", "vsts", "github-actions", "gitlab-ci", "dependabot", "renovate"}
)  # fmt: skip
MACHINES: Final = frozenset({"bot", "list"})  # kinds of owners
ORDER: Final = ("training_run", "version", "build", "deployment")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Key = UUID | str
Named = Sequence[tuple[str, OwnerInfo]]  # role and who


class _Person(NamedTuple):
    """One candidate while it is gathered."""

    name: str
    owner: OwnerInfo | None
    by: set[Identifier]
    roles: set[str]
    acts: list[Act]


def identifiers_of(act: Act) -> tuple[Identifier, ...]:
    """What an account is known by: as its source or host names it, else as it names itself."""
    found = [_of_place(act), _of_text(act.actor)]
    return tuple(dict.fromkeys(one for one in found if one is not None))


def _of_place(act: Act) -> Identifier | None:
    if act.scheme == "mlflow" and act.host:
        return _owner("mlflow", f"{act.host}/{encode_segment(act.actor)}")
    if act.scheme in HOSTS and act.host:
        return _owner(act.scheme, f"{act.host}/{act.actor}".lower())
    return None


def _of_text(text: str) -> Identifier | None:
    """An address, a handle, or a login with its host."""
    host, slash, login = text.partition("/")
    if slash and host.lower() in PUBLIC and login:
        return _owner(PUBLIC[host.lower()], text.lower())
    if text.startswith(PREFIXES):
        return _owner("handle", text)
    try:
        return email_identifier(text) if "@" in text else None
    except ValueError:
        return None


def _owner(scheme: str, value: str) -> Identifier | None:
    try:
        return Identifier(kind=Kind.OWNER, scheme=scheme, value=value)
    except ValueError:  # no identifier can hold it
        return None


def rank(
    acts: Iterable[Act], named: Named, *, known: Mapping[Identifier, OwnerInfo]
) -> tuple[tuple[Candidate, ...], LeftOut]:
    """The candidates of one model, the strongest first, and how many could not be proposed.

    Who is named as a delegate comes first; then who did most; then who is named as a developer;
    then who did something last. Equal ones stand by name.
    """
    gathered = _gathered(acts, named, known=known)
    answering = {info.id for role, info in named if role == "accountable" and not info.departed}
    left_out = dict.fromkeys(("departed", "bots", "owners"), 0)
    people: list[_Person] = []
    for person in gathered:
        reason = _why_not(person, answering)
        if reason is None:
            people.append(person)
        else:
            left_out[reason] += 1
    people.sort(key=_strength)
    shown = tuple(_candidate(place, p) for place, p in enumerate(people[:MOST_SHOWN], start=1))
    return shown, LeftOut(**left_out, beyond=len(people) - len(shown))


def _gathered(
    acts: Iterable[Act], named: Named, *, known: Mapping[Identifier, OwnerInfo]
) -> list[_Person]:
    people: dict[Key, _Person] = {}

    def person(key: Key, name: str, *, owner: OwnerInfo | None = None) -> _Person:
        return people.setdefault(key, _Person(name, owner, set(), set(), []))

    for role, info in named:
        person(info.id, info.name, owner=info).roles.add(role)
    for act in sorted(acts, key=_spelt):  # of two spellings the first names them
        by = identifiers_of(act)
        found = next(((one, known[one]) for one in by if one in known), None)
        if found is not None:
            one = person(found[1].id, found[1].name, owner=found[1])
            one.by.add(found[0])
        else:
            name = act.actor
            one = person(str(by[0]) if by else f"{act.scheme}/{act.host}/{name}", name)
            one.by.update(by)
        one.acts.append(act)
    return [one for one in people.values() if one.acts or one.roles - {"accountable"}]


def _spelt(act: Act) -> tuple[str, ...]:
    return act.actor, act.scheme, act.host, act.what


def _why_not(person: _Person, answering: set[UUID]) -> str | None:
    owner = person.owner
    if owner is None:
        return "bots" if _is_bot(person.name) else None
    if owner.departed:
        return "departed"
    if owner.id in answering:
        return "owners"
    if owner.kind in MACHINES or (owner.kind is None and _is_bot(owner.name)):
        return "bots"
    return None


def _is_bot(name: str) -> bool:
    """By the whole name, never by a part that looks like one; hosts mark their own bots."""
    login = name.rpartition("/")[2].lower()
    return login in BOTS or login.endswith("[bot]")


def _strength(person: _Person) -> tuple[Any, ...]:
    total = sum(act.times for act in person.acts)
    latest = _latest(person.acts)
    return (
        "delegate" not in person.roles,
        -total,
        "developer" not in person.roles,
        -(latest or EPOCH).timestamp(),
        person.name,
        str(person.owner.id if person.owner else sorted(map(str, person.by))),
    )


def _latest(acts: Iterable[Act]) -> datetime | None:
    return max((act.last_at for act in acts if act.last_at is not None), default=None)


def _candidate(place: int, person: _Person) -> Candidate:
    owner = person.owner
    did = [_did(what, [a for a in person.acts if a.what == what]) for what in ORDER]
    return Candidate(
        rank=place,
        name=person.name,
        display_name=owner.display_name if owner else None,
        kind=owner.kind if owner else None,
        owner=owner.id if owner else None,
        url=f"{API}/owners/{owner.id}" if owner else None,
        recognised_by=tuple(sorted(f"{one.scheme}:{one.value}" for one in person.by)),
        named=tuple(sorted(person.roles)),  # type: ignore[arg-type]  # roles, as links hold them
        did=tuple(one for one in did if one is not None),
        total=sum(act.times for act in person.acts),
        last_active_at=_latest(person.acts),
    )


def _did(what: str, acts: Sequence[Act]) -> Did | None:
    if not acts:
        return None
    newest = max(acts, key=lambda act: (act.last_at or EPOCH, act.url))
    return Did(
        what=what,  # type: ignore[arg-type]  # one of ORDER
        count=sum(act.times for act in acts),
        last_at=_latest(acts),
        url=newest.url,
    )
