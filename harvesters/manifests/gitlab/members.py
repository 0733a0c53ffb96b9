"""Groups of a GitLab as owners, with who belongs to them: whom CODEOWNERS means by `@acme/ml`."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from pydantic import ValidationError

from harvesters.base import Told
from harvesters.errors import RecordUnreadable, SourceRefused, shown
from harvesters.manifests.bots import is_bot
from harvesters.manifests.gitlab.api import GitLab, all_of
from harvesters.manifests.gitlab.payloads import Group, Member
from harvesters.manifests.gitlab.site import Site
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.rhythm import USUAL, Unhurried, cursor_of
from schemas.facts import OwnerFacts
from schemas.harvest import Coverage, KnownSubject
from schemas.identifiers import Identifier, email_identifier
from schemas.observation import Evidence, Observation
from schemas.values import MOST_ITEMS

VERSION: Final = "gitlab-groups/1"
BOT: Final = re.compile(r"(?:group|project)_\d+_bot(?:_.*)?|ghost\d*", re.ASCII)  # tokens have them


class Person(NamedTuple):
    """Somebody as GitLab names them."""

    login: str
    name: str
    email: str | None = None


class GroupPage(NamedTuple):
    """One group; `members` is None where they are not shown."""

    at: datetime
    path: str
    name: str
    members: tuple[Person, ...] | None


class GroupSweep(Unhurried):
    """One group with all below it is one scope."""

    version = VERSION

    def __init__(
        self,
        gitlab: GitLab | None,
        site: Site,
        *,
        group: str,
        seconds: int = USUAL,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Nothing is asked before the first page, and nothing at all without `gitlab`."""
        self.gitlab, self.site, self.group, self.clock = gitlab, site, group, clock
        self.scope, self.seconds = f"groups/{group}", seconds
        self._counts: Counter[str] = Counter()
        self.counts: Mapping[str, int] = self._counts
        self._told: set[Identifier] = set()

    def pages(self, cursor: str | None) -> Iterator[GroupPage]:
        """The group first, then those below it, by number."""
        del cursor
        if self.gitlab is None:
            raise SourceRefused("a replay asks no server")
        if self.coverage is Coverage.DELTA:
            return
        try:
            first = self.gitlab.group(self.group)
        except RepositoryUnreadable as error:
            raise SourceRefused(error.message) from None
        if first is None:
            message = f"the group {self.group} is not there, or the token may not see it"
            raise SourceRefused(message)
        yield self._page(first, gitlab=self.gitlab)
        for page in self.gitlab.subgroups(self.group):
            for group in all_of(Group, page):
                if group is None:
                    self._counts["unreadable"] += 1
                else:
                    yield self._page(group, gitlab=self.gitlab)

    def observe(self, page: GroupPage) -> Iterator[Told]:
        """The group, and each person once."""
        group = self.site.login(page.path)
        if page.members is None:
            message = f"the members of {page.path} are not shown to this token"
            yield RecordUnreadable("not_readable", message, "", group)
            return
        people = [self.site.login(one.login) for one in page.members]
        facts: dict[str, object] = {"display_name": page.name[:200], "kind": "team"}
        if len(people) <= MOST_ITEMS:
            facts["members"] = people
        else:
            message = f"{page.path} has more than {MOST_ITEMS:,} members: they are not kept"
            yield RecordUnreadable("too_many_members", message)
        url = f"{self.site.url}/groups/{page.path}"
        yield from self._tell(group, facts, page=page, evidence=url)
        for one, who in zip(page.members, people, strict=True):
            if who not in self._told:
                kind = "bot" if BOT.fullmatch(one.login) or is_bot(one.login) else "person"
                said = {"kind": kind} | ({"display_name": one.name[:200]} if one.name else {})
                url = f"{self.site.url}/{one.login}"
                yield from self._tell(who, said, page=page, evidence=url, email=one.email)

    def cursor_after(self, page: GroupPage) -> str | None:
        """When they were read in full."""
        return cursor_of(page.at)

    def ask(self, unseen: Sequence[KnownSubject]) -> Iterator[Told]:
        """Nothing: who is in none of the groups was not seen, and is let go after some times."""
        del unseen
        return iter(())

    def _page(self, group: Group, *, gitlab: GitLab) -> GroupPage:
        at = self.clock()
        pages = gitlab.members(group.id)
        members: list[Person] | None = None if pages is None else []
        for page in pages or ():
            for one in all_of(Member, page):
                if one is None:
                    self._counts["unreadable"] += 1
                elif members is not None and one.state in {None, "active"}:  # or blocked
                    members.append(Person(one.username, (one.name or "").strip(), one.email))
        name = (group.full_name or group.full_path).strip()
        return GroupPage(at, group.full_path, name, None if members is None else tuple(members))

    def _tell(
        self,
        who: Identifier,
        facts: Mapping[str, object],
        *,
        page: GroupPage,
        evidence: str,
        email: str | None = None,
    ) -> Iterator[Told]:
        self._told.add(who)
        try:
            yield Observation(
                subject=who,
                observed_at=page.at,
                same_as=(email_identifier(email),) if email else (),
                facts=OwnerFacts.model_validate(facts),
                evidence=Evidence(url=evidence),
            )
        except (ValidationError, ValueError) as error:
            yield RecordUnreadable("invalid", f"{who.value}: {shown(error)}", "", who)
