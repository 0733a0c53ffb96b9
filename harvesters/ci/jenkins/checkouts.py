"""Which of the repositories that a build checked out is its job's own. Pure.

A pipeline checks out its shared libraries too, and nothing in a build says which is which.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from pydantic import ValidationError

from harvesters.ci.interest import Interest
from harvesters.ci.jenkins.names import Path, plain
from harvesters.ci.jenkins.payloads import Action, Build
from schemas.canonical import canonical_commit
from schemas.identifiers import Identifier, Kind

REMOTES: Final = "refs/remotes/"
HEADS: Final = "refs/heads/"
ORIGIN: Final = "origin/"
DETACHED: Final = "detached"
MOST_REMOTES: Final = 10


class Checkout(NamedTuple):
    """A commit that was checked out, and from where."""

    commit: str | None
    repositories: tuple[Identifier, ...]
    branch: str | None


def checkouts_of(build: Build) -> list[Checkout]:
    """Each of a build, once, in the order in which Jenkins has them."""
    found = (_checkout(one) for one in build.actions if one.revision or one.remotes)
    return list(dict.fromkeys(found))


def repositories_of(actions: Iterable[Action]) -> set[Identifier]:
    """All repositories that a build says it checked out."""
    return {one for action in actions for one in _repositories(action.remotes)}


def usual_of(builds: Iterable[Build]) -> Counter[Identifier]:
    """In how many builds of a job each repository was checked out."""
    counted: Counter[Identifier] = Counter()
    for build in builds:
        counted.update(repositories_of(build.actions))
    return counted


def own_checkout(
    found: Sequence[Checkout], path: Path, *, interest: Interest, usual: Counter[Identifier]
) -> int | None:
    """Which one is the job's own; None where nothing tells them apart.

    What the catalog knows decides first, then the branch that a multibranch job is called after,
    then what most builds of the job have.
    """
    if not found:
        return None
    branch = plain(path[-1:])

    def strength(one: Checkout) -> tuple[bool, bool, bool, int]:
        return (
            interest.wants(one.commit),
            interest.names(one.repositories),
            one.branch == branch,
            max((usual[repository] for repository in one.repositories), default=0),
        )

    best = max(map(strength, found))
    strongest = [index for index, one in enumerate(found) if strength(one) == best]
    places = {found[index].repositories for index in strongest}
    return strongest[0] if len(places) == 1 else None


def _checkout(action: Action) -> Checkout:
    revision = action.revision
    commit = canonical_commit(revision.commit or "") if revision else None
    names = {_branch(one.name) for one in revision.branches if one.name} if revision else set()
    branch = next(iter(names)) if len(names) == 1 else None
    return Checkout(commit, _repositories(action.remotes), branch)


def _repositories(remotes: Iterable[str]) -> tuple[Identifier, ...]:
    found = []
    for remote in list(remotes)[:MOST_REMOTES]:
        try:
            found.append(Identifier(kind=Kind.REPOSITORY, scheme="url", value=remote))
        except ValidationError:  # a folder of that machine
            continue
    return tuple(dict.fromkeys(found))


def _branch(name: str) -> str | None:
    """`refs/remotes/origin/main` is `main`; a detached head is no branch."""
    if name.startswith(REMOTES):
        name = name.removeprefix(REMOTES).partition("/")[2]
    name = name.removeprefix(HEADS).removeprefix(ORIGIN)
    return None if name in {"", DETACHED} else name
