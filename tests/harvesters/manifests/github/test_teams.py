"""Teams of an organisation, as owners that CODEOWNERS names."""

from collections.abc import Callable
from datetime import UTC, datetime

from harvesters.errors import RecordUnreadable
from harvesters.manifests.github import Ways
from harvesters.manifests.github.listed import web_host
from harvesters.manifests.github.teams import TeamSweep
from harvesters.manifests.rhythm import cursor_of
from schemas.facts import OwnerFacts
from schemas.harvest import Coverage, KnownSubject
from schemas.hooks import Hint
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from tests.support.github_server import GitHub
from tests.support.github_state import Team

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def owner(github: GitHub, name: str) -> Identifier:
    """A team or person of this host."""
    return Identifier(kind=Kind.OWNER, scheme="github", value=f"{github.host}/{name}")


def make(ways: Callable[..., Ways], organisation: str) -> TeamSweep:
    """A harvester of an organisation's teams."""
    api = ways().to("orgs", "acme").api
    return TeamSweep(api, organisation, host=web_host(api.client.base))


def test_teams(github: GitHub, ways: Callable[..., Ways]) -> None:
    """A team with its members; one whose members are not shown says nothing of them."""
    github.a_page = 1
    github.state.teams["acme"] = [
        Team("retention", "Retention", ("Anna", "bo")),
        Team("secret", "Secret", None),
        Team("empty", "Empty", ()),
    ]
    sweep = make(ways, "Acme")

    told = [one for page in sweep.pages(None) for one in sweep.observe(page)]

    assert sweep.scope == "teams/acme"
    said = {one.subject: one.facts for one in told if isinstance(one, Observation)}
    members = (owner(github, "anna"), owner(github, "bo"))
    assert said == {
        owner(github, "acme/retention"): OwnerFacts(
            kind="team", display_name="Retention", members=members
        ),
        owner(github, "acme/secret"): OwnerFacts(kind="team", display_name="Secret"),
        owner(github, "acme/empty"): OwnerFacts(kind="team", display_name="Empty", members=()),
    }
    assert github.asked_by_kind() == {"teams": 3, "members": 4}


def test_teams_hidden(github: GitHub, ways: Callable[..., Ways]) -> None:
    """Without the right to see teams the harvest says what to do, and none of them is gone."""
    github.state.teams["acme"] = None
    sweep = make(ways, "acme")
    known = KnownSubject(subject=owner(github, "acme/retention"), digest="sha256:" + "0" * 64)

    told = [one for page in sweep.pages(None) for one in sweep.observe(page)]
    told += sweep.ask([known])

    assert [one.code for one in told if isinstance(one, RecordUnreadable)] == ["not_readable"] * 2
    assert [one.subject for one in told] == [None, known.subject]
    assert "members: read" in str(told[0])


def test_teams_unhurried(github: GitHub, ways: Callable[..., Ways]) -> None:
    """A webhook about a repository lets no team be read, until the interval is over."""
    sweep = make(ways, "acme")
    sweep.hint([Hint(id=1, event="push", url="https://github.com/acme/x", received_at=NOON)])

    sweep.choose(cursor_of(sweep.clock()))
    assert (sweep.coverage, list(sweep.pages(None))) == (Coverage.DELTA, [])
    assert not github.asked_by_kind()
    sweep.choose(cursor_of(NOON))
    assert sweep.coverage is Coverage.FULL
