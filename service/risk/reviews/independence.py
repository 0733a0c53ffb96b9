"""Did somebody build what they are to review? Three answers: no, yes, and nobody can say. Pure.

Builders are known by what sources call them: e-mails, logins, owners. Whose these are, the mappings
say that admins keep; what they do not say, a reviewer may. A name alone proves nobody's innocence:
it counts against who bears it, and not for anybody.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

Result = Literal["PASS", "FAIL", "UNKNOWN"]
RANK: Final[Mapping[str, int]] = {"PASS": 0, "UNKNOWN": 1, "FAIL": 2}
ADDRESS: Final = re.compile(r"<([^<>\s]+@[^<>\s]+)>")  # Anna Lee <anna@acme.example>
BOT: Final = re.compile(r"\[bot\]$|^github-actions$|^web-flow$", re.IGNORECASE)


class Trace(NamedTuple):
    """A name under which somebody had a part in a version, or in the model if that is None."""

    identity: str
    part: str
    version: UUID | None = None
    account: bool = False  # the identity is an account of the catalog


class Known(NamedTuple):
    """What is known of an identity: whose accounts it is, whether that is all, whether a bot's."""

    accounts: frozenset[str] = frozenset()
    resolved: bool = False
    bot: bool = False


class Builder(NamedTuple):
    """Somebody who had a part, as far as that is known."""

    identity: str
    part: str
    accounts: tuple[str, ...]
    resolved: bool
    stated: bool = False


def names_of(identity: str) -> tuple[str, ...]:
    """What an identity may be looked up by: as it stands, and the address in it."""
    found = ADDRESS.search(identity)
    address = found[1] if found else identity
    given = (identity, address, address.lower()) if "@" in address else (identity, address)
    return tuple(dict.fromkeys(given))


def builders_of(
    traces: Iterable[Trace],
    known: Mapping[str, Known],
    *,
    identified: Mapping[str, Mapping[str, Any]],
) -> list[Builder]:
    """Every builder once, with whose accounts it is; a bot stands for whoever set it to work.

    What a reviewer says of an identity holds until a mapping says whose it is, and not where it is
    the reviewer's own name.
    """
    listed = list(dict.fromkeys(traces))
    human = {one.version for one in listed if not _is_bot(one, known) and one.version is not None}
    parts: dict[str, list[Trace]] = {}
    for one in listed:
        parts.setdefault(one.identity, []).append(one)
    found = []
    for identity, its in sorted(parts.items()):
        what = ", ".join(dict.fromkeys(one.part for one in its))
        if any(one.account for one in its):
            found.append(Builder(identity, what, (identity,), resolved=True))
            continue
        about, said = known.get(identity, Known()), identified.get(identity)
        if said is not None and not about.resolved and said["by"] not in names_of(identity):
            accounts = {*about.accounts, *([str(said["account"])] if said.get("account") else [])}
            found.append(
                Builder(identity, what, tuple(sorted(accounts)), resolved=True, stated=True)
            )
            continue
        for_another = _is_bot(its[0], known) and all(one.version in human for one in its)
        resolved = about.resolved or for_another
        found.append(Builder(identity, what, tuple(sorted(about.accounts)), resolved=resolved))
    return found


def _is_bot(one: Trace, known: Mapping[str, Known]) -> bool:
    return known.get(one.identity, Known()).bot or BOT.search(one.identity) is not None


def judge(builders: Sequence[Builder], *, person: str) -> Result:
    """May this person review or approve it?"""
    if any(_is(one, person) for one in builders):
        return "FAIL"
    unknown = not builders or any(not one.resolved for one in builders)
    return "UNKNOWN" if unknown else "PASS"


def told_by_others(
    builders: Iterable[Builder], identified: Mapping[str, Mapping[str, Any]], *, person: str
) -> list[Builder]:
    """The builders for judging somebody: what they said themselves proves nothing for them."""
    return [
        one._replace(resolved=False)
        if one.stated and identified[one.identity]["by"] == person
        else one
        for one in builders
    ]


def part_of(builders: Iterable[Builder], *, person: str) -> str:
    """What a person had a part in, in words."""
    return "; ".join(f"{one.part} as {one.identity}" for one in builders if _is(one, person))


def _is(one: Builder, person: str) -> bool:
    if person in one.accounts:
        return True
    suspect = not one.resolved or not one.accounts
    return suspect and not one.stated and person in {one.identity, *names_of(one.identity)}


def worst(results: Iterable[Result]) -> Result:
    """Of two people the weaker answer counts."""
    return max(results, key=lambda one: RANK[one], default="UNKNOWN")


def unresolved(builders: Iterable[Builder]) -> list[str]:
    """Identities of which nobody says who they are."""
    return [one.identity for one in builders if not one.resolved]
