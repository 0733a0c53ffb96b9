"""Repositories as GitHub lists and finds them, and where their branches stand."""

from typing import Any

import pytest

from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.manifests.github.host import GitHubHost, Whose
from harvesters.manifests.host import RepositoryUnreadable
from schemas.hooks import Hint
from schemas.identifiers import Identifier, Kind
from tests.harvesters.manifests.github.conftest import Hosts, listed
from tests.support.github_answers import Said
from tests.support.github_server import GitHub
from tests.support.github_state import Repo

FILES = {"README.md": b"# churn\n"}
HTML = Said(200, b"<html>Please sign in.</html>", {"Content-Type": "text/html"})


def identity(github: GitHub, repo: Repo) -> Identifier:
    """A repository's identifier."""
    value = github.identity(repo)
    return Identifier(kind=Kind.REPOSITORY, scheme="github", value=value)


def test_repositories_listed(github: GitHub, host: Hosts) -> None:
    """Pages follow each other; facts are what GitHub says, identity is the number."""
    github.a_page = 2
    license_ = {"key": "mit", "spdx_id": "MIT"}
    churn = github.state.create(
        "acme/Churn", FILES, topics=["retail"], description="Who leaves.", license=license_
    )
    for number in range(4):
        github.state.create(f"acme/other-{number}", license={"spdx_id": "NOASSERTION"})
    github.state.create("elsewhere/churn", FILES)

    found = listed(host())

    assert list(found) == ["acme/Churn", *(f"acme/other-{number}" for number in range(4))]
    one = found["acme/Churn"]
    assert one.identity == identity(github, churn)
    assert one.url == f"https://{github.host}/acme/Churn"
    assert one.branch == "main"
    said = {**one.facts} | {"created_at": "", "pushed_at": ""}
    assert said == {
        "name": "acme/Churn", "default_branch": "main", "visibility": "public",
        "archived": False, "topics": ["retail"], "description": "Who leaves.", "license": "MIT",
        "created_at": "", "pushed_at": "",
    }  # fmt: skip
    assert "license" not in found["acme/other-0"].facts
    assert github.asked_by_kind() == {"listing": 3}


def test_repositories_stamped(github: GitHub, host: Hosts) -> None:
    """A push of the last minutes may have a twin in its second: it has no stamp yet."""
    churn = github.state.create("acme/churn", FILES)
    assert listed(host())["acme/churn"].stamp == ""

    github.state.pass_time(minutes=6)
    first = listed(host())["acme/churn"].stamp
    assert first
    github.push(churn, {"a.txt": b"a"})
    github.state.pass_time(minutes=6)
    assert listed(host())["acme/churn"].stamp not in {"", first}


def test_repositories_forks(github: GitHub, ways: Any, host: Hosts) -> None:
    """A fork repeats the manifests of another: it is left out unless wanted, or named."""
    github.state.create("acme/fork", FILES, fork=True)
    assert listed(host()) == {}

    api = ways().to("orgs", "acme").api
    wanted = GitHubHost(api, Whose(owner=("orgs", "acme")), seconds=60, forks=True)
    assert list(listed(wanted)) == ["acme/fork"]
    assert list(listed(host(Whose(single=("acme/fork",))))) == ["acme/fork"]


def test_repositories_odd(github: GitHub, host: Hosts) -> None:
    """A value that no fact can hold is left out alone; the repository stays."""
    github.state.create(
        "acme/churn", FILES, description="a\u202eb", topics="retail", archived="yes", private=True,
        visibility=None, license=7,
    )  # fmt: skip

    facts = listed(host())["acme/churn"].facts

    assert {"description", "topics", "archived"}.isdisjoint(facts)
    assert (facts["visibility"], facts["license"]) == ("private", None)


@pytest.mark.parametrize(
    "says",
    [
        {"id": None},
        {"id": "1/../2"},
        {"id": -1},
        {"full_name": None},
        {"full_name": "acme"},
        {"html_url": "https://github.com/acme/churn"},
        {"html_url": "javascript:alert(1)"},
        {"html_url": None},
    ],
)
def test_repositories_lied_about(github: GitHub, host: Hosts, says: dict[str, Any]) -> None:
    """What is no repository of this host ends the listing: it could speak for another one."""
    github.state.create("acme/churn", FILES, **says)

    with pytest.raises(SourceRefused):
        listed(host())


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (HTML, SourceRefused),
        (Said(200, b""), SourceRefused),
        (Said(200, {}), SourceRefused),
        (Said(200, None), SourceRefused),
        (Said(404, {"message": "Not Found"}), SourceRefused),
        (Said(401, {"message": "Bad credentials"}), SourceRefused),
        (Said(403, {"message": "Resource not accessible"}), SourceRefused),
        (Said(302, b"", {"Location": "/api/v3/user/repos"}), SourceRefused),
        (Said(502, b"<html>"), SourceUnavailable),
        (Said(200, [], {"X-GitHub-SSO": "partial-results; organizations=7"}), SourceRefused),
    ],
)
def test_repositories_second_page(
    github: GitHub, host: Hosts, said: Said, error: type[Exception]
) -> None:
    """A listing whose second page lies or fails is no listing."""
    github.a_page = 1
    for name in ("churn", "fraud"):
        github.state.create(f"acme/{name}", FILES)
    github.before = lambda path: said if "page=2" in path else None

    with pytest.raises(error) as raised:
        listed(host())

    assert github.secret not in str(raised.value)


def test_single_repositories(github: GitHub, host: Hosts) -> None:
    """Named ones are asked for one by one; a renamed one is found behind its old name."""
    churn = github.state.create("acme/churn", FILES)
    github.state.rename(churn, "acme/attrition")
    github.state.create("retail/lost", FILES).hidden = True
    github.state.create("retail/fraud", FILES).refused = 451

    whose = Whose(single=("acme/churn", "retail/lost", "retail/none", "retail/fraud"))
    found = listed(host(whose))

    assert list(found) == ["acme/attrition"]
    assert found["acme/attrition"].identity == identity(github, churn)
    with pytest.raises(SourceRefused, match="check their names"):
        listed(host(Whose(single=("retail/lost", "retail/none"))))


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/repositories/1001",
        "/api/v3/repositories/1001?x=1",
        "/api/v3/user",
        "/repositories/1001",
        "/api/v3/repositories/../user",
    ],
)
def test_redirect_elsewhere(github: GitHub, host: Hosts, to: str) -> None:
    """SSRF-03: a rename leads to a number on the same API, or it is not followed."""
    github.state.create("acme/churn", FILES)
    github.before = lambda path: (
        Said(301, {"message": "Moved Permanently"}, {"Location": to}) if "/repos/" in path else None
    )

    with pytest.raises(SourceRefused, match="leads"):
        listed(host(Whose(single=("acme/churn",))))


def test_find(github: GitHub, host: Hosts) -> None:
    """By number whatever the name; moved to another owner, deleted and hidden are not here."""
    churn = github.state.create("acme/churn", FILES)
    asking = host()
    known = identity(github, churn)

    github.state.rename(churn, "acme/attrition")
    found = asking.find(known, url=None)
    assert found is not None
    assert found.path == "acme/attrition"
    old = asking.find(None, url=f"https://{github.host}/acme/churn")
    assert old is not None
    assert old.identity == known
    assert asking.find(None, url=f"https://{github.host}/acme") is None

    github.state.rename(churn, "retail/attrition")
    assert asking.find(known, url=None) is None
    github.state.rename(churn, "acme/churn")
    churn.hidden = True
    assert asking.find(known, url=None) is None
    github.state.delete(churn)
    assert asking.find(known, url=None) is None


@pytest.mark.parametrize("status", [403, 451])
def test_find_refused(github: GitHub, host: Hosts, status: int) -> None:
    """A refusal by name is a lost right: nothing is concluded from it."""
    churn = github.state.create("acme/churn", FILES)
    churn.refused = status

    with pytest.raises(RepositoryUnreadable, match=f"{status}") as error:
        host().find(identity(github, churn), url=None)

    assert error.value.code == "not_readable"


def test_find_another(github: GitHub, host: Hosts) -> None:
    """An answer about another repository than was asked for is none."""
    churn = github.state.create("acme/churn", FILES, id=4_711)

    with pytest.raises(SourceRefused, match="another repository"):
        host().find(identity(github, churn), url=None)


def test_find_selected(github: GitHub, host: Hosts) -> None:
    """Where an App sees selected repositories only, a 404 may be a lost right."""
    churn = github.state.create("acme/churn", FILES)
    churn.hidden = True
    asking = host(secret=github.app_key(), app_id=29310)

    assert asking.find(identity(github, churn), url=None) is None
    github.selection = "selected"
    again = host(secret=github.app_key(), app_id=29310)
    with pytest.raises(RepositoryUnreadable, match="may not see it any more"):
        again.find(identity(github, churn), url=None)


def test_claims(github: GitHub, host: Hosts) -> None:
    """A hint belongs to the owner in its address; what moved out of sight to everybody."""

    def hint(url: str | None, number: str | None = None) -> Hint:
        repository = (
            Identifier(kind=Kind.REPOSITORY, scheme="github", value=number) if number else None
        )
        at: Any = "2026-11-27T12:00:00Z"
        return Hint(id=1, event="push", repository=repository, url=url, received_at=at)

    others = frozenset({"acme", "retail"})
    asking = host(Whose(owner=("orgs", "Acme"), others=others))
    here = f"https://{github.host}"

    assert asking.claims(hint(f"{here}/ACME/churn"))
    assert not asking.claims(hint(f"{here}/retail/churn"))
    assert asking.claims(hint(f"{here}/sold/churn"))
    assert not asking.claims(hint("https://github.com/acme/churn"))
    assert asking.claims(hint(None, f"{github.host}/1001"))
    assert not asking.claims(hint(None, "github.com/1001"))
