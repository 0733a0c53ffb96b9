"""Groups of a GitLab and who belongs to them, as owners."""

from collections.abc import Iterator
from typing import Any

import pytest

from harvesters.errors import RecordUnreadable, SourceRefused
from harvesters.manifests.gitlab.members import GroupSweep
from harvesters.manifests.rhythm import is_fresh
from schemas.facts import OwnerFacts
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from tests.harvesters.manifests.gitlab.ways import Ways
from tests.support.gitlab_server import Answered, GitLabServer


def told(ways: Ways, group: str = "acme") -> Iterator[Any]:
    """All that a sweep says."""
    sweep = GroupSweep(ways.gitlab, ways.site, group=group)
    assert (sweep.scope, sweep.coverage) == (f"groups/{group}", "full")
    for page in sweep.pages(None):
        yield from sweep.observe(page)


def login(ways: Ways, name: str) -> Identifier:
    """A person or group."""
    return Identifier(kind=Kind.OWNER, scheme="gitlab", value=f"{ways.site.host}/{name}")


def test_groups(server: GitLabServer, ways: Ways) -> None:
    """Every group with its direct members; each person once, tokens' accounts as bots."""
    state, bot = server.state, "group_101_bot_8f3a"
    state.group("acme/ml", **{"ada": "Ada Example", "Bo.X": "Bo", bot: "deploy"})
    state.group("other", eve="Eve")

    found = [one for one in told(ways) if isinstance(one, Observation)]

    assert {one.subject: one.facts for one in found} == {
        login(ways, "acme"): OwnerFacts(
            display_name="acme", kind="team", members=(login(ways, "ada"),)
        ),
        login(ways, "acme/ml"): OwnerFacts(
            display_name="acme / ml", kind="team",
            members=(login(ways, "ada"), login(ways, "bo.x"), login(ways, bot)),
        ),
        login(ways, "ada"): OwnerFacts(display_name="Ada Example", kind="person"),
        login(ways, "bo.x"): OwnerFacts(display_name="Bo", kind="person"),
        login(ways, bot): OwnerFacts(display_name="deploy", kind="bot"),
    }  # fmt: skip
    assert len(found) == 5
    assert found[0].evidence is not None
    assert found[0].evidence.url == f"{server.url}/groups/acme"


def test_groups_email(server: GitLabServer, ways: Ways) -> None:
    """An address that GitLab shows is a name of the same person."""
    server.before = lambda asked: (
        Answered.of([{"id": 1, "username": "ada", "email": "Ada@example.com"}])
        if "/members" in asked.path
        else None
    )
    person = list(told(ways))[-1]
    assert person.same_as == (Identifier(kind=Kind.OWNER, scheme="email", value="ada@example.com"),)
    assert person.facts == OwnerFacts(kind="person")


def test_groups_large(server: GitLabServer, ways: Ways, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group with more members than a fact holds is kept without them, and says so."""
    monkeypatch.setattr("harvesters.manifests.gitlab.members.MOST_ITEMS", 1)
    next(iter(server.state.groups.values())).members["bo"] = "Bo"
    odd, group, *people = told(ways)
    assert odd.code == "too_many_members"
    assert group.facts == OwnerFacts(display_name="acme", kind="team")
    assert len(people) == 2


def test_groups_members_hidden(server: GitLabServer, ways: Ways) -> None:
    """Members that are not shown are no empty team."""
    server.before = lambda asked: (
        Answered.of({"message": "403 Forbidden"}, 403) if "/members" in asked.path else None
    )
    (found,) = told(ways)
    assert isinstance(found, RecordUnreadable)
    assert (found.code, found.subject) == ("not_readable", login(ways, "acme"))


def test_groups_members_broken_off(server: GitLabServer, ways: Ways) -> None:
    """Members whose listing breaks off are no smaller team."""
    people = [{"id": 1, "username": "ada"}]
    answers = iter((Answered.of(people, headers={"X-Next-Page": "2"}), Answered.of({}, 403)))
    server.before = lambda asked: next(answers) if "/members" in asked.path else None

    with pytest.raises(SourceRefused, match="403 in the middle"):
        list(told(ways))


def test_groups_not_shown(server: GitLabServer, ways: Ways) -> None:
    """A group that is not shown has not lost its members."""
    del server
    with pytest.raises(SourceRefused, match="may not see it"):
        list(told(ways, "none"))


def test_groups_odd(server: GitLabServer, ways: Ways) -> None:
    """A record that is none is counted; a page of nothing else is refused."""
    people = [{"id": 1, "username": "ada", "name": "Ada"}, {"id": 2, "username": "a/b"},
              {"id": 3, "username": "eve", "state": "blocked"}]  # fmt: skip
    server.before = lambda asked: Answered.of(people) if "/members" in asked.path else None
    sweep = GroupSweep(ways.gitlab, ways.site, group="acme")
    (page,) = sweep.pages(None)
    assert [one.login for one in page.members or ()] == ["ada"]
    assert sweep.counts == {"unreadable": 1}
    assert list(sweep.ask([])) == []
    assert is_fresh(sweep.cursor_after(page), now=page.at, seconds=1)
    del people[0], people[1]
    with pytest.raises(SourceRefused, match="something else where a member is due"):
        list(sweep.pages(None))
