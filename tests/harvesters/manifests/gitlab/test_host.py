"""Projects of a GitLab: listed in full, found again by number, missing or only not shown."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from harvesters.errors import SourceRefused
from harvesters.manifests.gitlab.host import GitLabHost
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Head, Repository
from schemas.hooks import Hint
from schemas.identifiers import Identifier, Kind
from tests.harvesters.manifests.gitlab.ways import Ways
from tests.support.gitlab_server import Answered, GitLabServer


def listed(host: GitLabHost) -> list[Repository]:
    """All that a host lists."""
    return [one for page in host.repositories() for one in page]


def heads(host: GitLabHost, some: Sequence[Repository]) -> list[Any]:
    """Commits, or codes of why there is none."""
    return [head.commit if isinstance(head, Head) else head.code for _, head in host.heads(some)]


def make_hint(**told: Any) -> Hint:
    """What a webhook left behind."""
    when = datetime(2026, 11, 27, tzinfo=UTC)
    return Hint.model_validate({"id": 1, "event": "push", "received_at": when} | told)


def hosted(host: str, number: int) -> Identifier:
    """A project by number."""
    return Identifier(kind=Kind.REPOSITORY, scheme="gitlab", value=f"{host}/{number}")


def test_repositories_of_group(server: GitLabServer, ways: Ways) -> None:
    """A project is known by its number; the listing says the rest, subgroups are in it."""
    project = server.state.project(
        "acme/churn", {"README.md": b"hello"}, description="Monthly\nscore.", topics=["ml", "churn"]
    )
    server.state.group("acme/ml")
    below = server.state.project("acme/ml/fraud", {"README.md": b"hello"})
    server.state.project("other/churn", {"README.md": b"hello"})

    first, second = listed(ways.group())

    port = server.url.rpartition(":")[2]
    assert first == Repository(
        identity=hosted(f"127.0.0.1:{port}", project.id),
        url=f"https://127.0.0.1:{port}/acme/churn",
        path="acme/churn",
        facts={
            "name": "acme/churn", "archived": False, "default_branch": "main",
            "visibility": "private", "description": "Monthly\nscore.",
            "created_at": "2026-11-01T08:00:00.000Z", "topics": ["ml", "churn"],
        },
        branch="main",
    )  # fmt: skip
    assert (second.path, second.identity.value) == (
        "acme/ml/fraud",
        ways.site.identity(below.id).value,
    )
    assert [one.path for one in listed(ways.group(include_subgroups=False))] == ["acme/churn"]


def test_repositories_by_pages(server: GitLabServer, ways: Ways) -> None:
    """Pages follow each other in the order of numbers, whatever happens to what was listed."""
    server.a_page = 2
    for number in range(5):
        server.state.project(f"acme/p{number}", {"README.md": b"x"})

    found = listed(ways.group())

    assert [one.path for one in found] == [f"acme/p{number}" for number in range(5)]
    assert all("order_by=id&sort=asc" in path for path in server.asked)
    assert server.kinds() == ["projects"] * 3


def test_repositories_left_out(server: GitLabServer, ways: Ways) -> None:
    """What is no repository, or is not wanted, is counted and never told."""
    server.state.project("acme/issues", repository_access_level="disabled")
    server.state.project("acme/copy", {"a": b"a"}, forked_from_project={"id": 7})
    server.state.project("acme/old", {"a": b"a"}, archived=True)
    server.state.project("acme/odd", {"a": b"a"}, path_with_namespace="acme/../odd")
    server.state.project("acme/churn", {"a": b"a"})

    host = ways.group()

    assert [one.path for one in listed(host)] == ["acme/old", "acme/churn"]
    assert host.counts == {"no_repository": 1, "forks": 1, "unreadable": 1}
    host = ways.group(archived=False, forks=True)
    assert [one.path for one in listed(host)] == ["acme/copy", "acme/churn"]


def test_repositories_shared(server: GitLabServer, ways: Ways) -> None:
    """Projects of others that are shared with the group are read only where that is said."""
    group = next(iter(server.state.groups.values()))
    project = server.state.project("other/churn", {"a": b"a"})
    project.shared_with.append(group.id)

    assert listed(ways.group()) == []
    host = ways.group(shared=True)
    (found,) = listed(host)
    assert host.find(found.identity, url=None) == found
    assert ways.group().find(found.identity, url=None) is None


@pytest.mark.parametrize(
    "answered",
    [
        Answered(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}),
        Answered(200, b"", {"Content-Type": "application/json"}),
        Answered(200, b"{}"),
        Answered(200, b'{"message": "ok"}'),
        Answered(200, b"null"),
        Answered(200, b'[{"login": "acme"}]'),
        Answered(200, b'[{"id": 1, "id": 2}]'),
        Answered(401, b'{"message": "401 Unauthorized"}'),
        Answered(403, b'{"message": "403 Forbidden"}'),
        Answered(404, b'{"message": "404 Group Not Found"}'),
        Answered(302, b"", {"Location": "https://elsewhere.example/"}),
        Answered(200, b"[]", {"Link": '<https://elsewhere.example/api>; rel="next"'} | {
            "Content-Type": "application/json"}),
    ],
    ids=["html", "empty", "object", "message", "null", "others", "twice", "401", "403", "404",
         "redirect", "elsewhere"],
)  # fmt: skip
def test_repositories_lied_to(server: GitLabServer, ways: Ways, answered: Answered) -> None:
    """No answer that is no listing of projects passes for an empty one."""
    server.before = lambda _asked: answered

    with pytest.raises(SourceRefused):
        listed(ways.group())


def test_repositories_without_end(server: GitLabServer, ways: Ways) -> None:
    """A listing that leads back to itself is refused."""
    server.state.project("acme/churn", {"a": b"a"})
    answer = server.answer

    def again(asked: Any) -> Answered:
        there = f'<{server.url}/api/v4/{asked.path}?page=1&per_page=100>; rel="next"'
        return answer(asked)._replace(headers={"Content-Type": "application/json", "Link": there})

    server.before = again

    with pytest.raises(SourceRefused, match="never ends"):
        listed(ways.group())


def test_repositories_elsewhere(server: GitLabServer, ways: Ways) -> None:
    """A GitLab that calls itself otherwise than the settings do would give wrong links."""
    server.state.project("acme/churn", {"a": b"a"}, web_url="https://git.example.com/acme/churn")

    with pytest.raises(SourceRefused, match=r"lies at https://git\.example\.com/acme/churn: its"):
        listed(ways.group())


def test_repository_odd_facts(server: GitLabServer, ways: Ways) -> None:
    """A member that cannot be kept is named; the repository and all others of its facts stay."""
    server.state.project(
        "acme/churn", {"a": b"a"}, description="a\x00b", created_at="yesterday", topics="ml",
        visibility=7,
    )  # fmt: skip
    (found,) = listed(ways.group())

    assert {*found.facts} == {"name", "archived", "default_branch", "warnings"}
    assert [text.split(":")[0] for text in found.facts["warnings"]] == [
        "its visibility cannot be kept", "its description cannot be kept",
        "its created_at cannot be kept", "its topics cannot be kept",
    ]  # fmt: skip


def test_repository_marked_for_deletion(server: GitLabServer, ways: Ways) -> None:
    """It is there until GitLab removes it, whatever it is called by then."""
    project = server.state.project("acme/churn", {"a": b"a"})
    server.state.mark_for_deletion(project)

    (found,) = listed(ways.group())

    assert found.path == f"acme/churn-deletion_scheduled-{project.id}"
    assert found.facts["warnings"] == [
        "marked for deletion since 2026-11-20: GitLab will remove it"
    ]


def test_heads(server: GitLabServer, ways: Ways) -> None:
    """One request each, none for an empty one; why there is none is a value."""
    state = server.state
    churn = state.project("acme/churn", {"a": b"a"})
    state.push(churn, {"b": b"b"}, branch="release/1")
    state.project("acme/empty")
    state.project("acme/unseen", {"a": b"a"}, default_branch=None)
    lost = state.project("acme/lost", {"a": b"a"}, default_branch="gone")
    hidden = state.project("acme/hidden", {"a": b"a"})
    host = ways.group()
    found = listed(host)
    hidden.hidden = True
    server.kinds()

    assert heads(host, found) == [
        churn.branches["main"][-1].id, None, "not_readable", "branch_missing", "not_readable",
    ]  # fmt: skip
    assert server.kinds() == ["branches", "branches", "project", "branches", "project"]
    for odd in ("..", "a\x07"):
        assert heads(host, [found[0]._replace(branch=odd)]) == ["branch_missing"]
    there = found[0]._replace(branch="release/1")
    assert heads(host, [there]) == [churn.branches["release/1"][-1].id]
    assert "release%2F1" in server.asked[-1]
    lost.branches.clear()  # emptied since it was listed
    lost.default_branch = "main"
    assert heads(host, [found[3]]) == [None]


def test_find(server: GitLabServer, ways: Ways) -> None:
    """By number wherever it is called; None once it is deleted, hidden or somebody else's."""
    state = server.state
    project = state.project("acme/churn", {"a": b"a"})
    host = ways.group()
    (known,) = listed(host)

    state.move(project, "acme/ml/attrition")
    renamed = host.find(known.identity, url=None)
    assert renamed is not None
    assert (renamed.identity, renamed.path) == (known.identity, "acme/ml/attrition")
    assert host.find(None, url=known.url) == renamed  # GitLab leads from its old address

    other = state.project("acme/churn", {"a": b"other"})
    taken = host.find(None, url=known.url)
    assert taken is not None
    assert taken.identity == ways.site.identity(other.id)
    assert host.find(known.identity, url=None) == renamed

    state.move(project, "other/attrition")
    assert host.find(known.identity, url=None) is None
    state.move(project, "acme/churn-1")
    project.hidden = True
    assert host.find(known.identity, url=None) is None
    project.hidden = False
    state.delete(project)
    assert host.find(known.identity, url=None) is None
    assert host.find(hosted("gitlab.com", project.id), url=None) is None
    assert host.find(None, url="https://github.com/acme/churn") is None


def test_find_hidden(server: GitLabServer, ways: Ways) -> None:
    """Only who belongs to the group sees all of it: for others, hidden and deleted are alike."""
    project = server.state.project("acme/churn", {"a": b"a"})
    host = ways.group()
    (known,) = listed(host)
    project.hidden, server.is_member = True, False
    server.kinds()

    for _ in range(2):
        with pytest.raises(RepositoryUnreadable, match="no member of the group") as refused:
            host.find(known.identity, url=None)
        assert refused.value.code == "not_readable"
    assert server.kinds() == ["project", "user", "members", "project"]
    assert host.find(None, url=known.url) is None  # a hint says nothing of what it was
    server.is_admin = True
    assert ways.group().find(known.identity, url=None) is None
    ways.gitlab.signed, server.is_admin = False, False
    assert ways.group().find(known.identity, url=None) is None


def test_find_not_readable(server: GitLabServer, ways: Ways) -> None:
    """What answers 403, or has its repository switched off, is not absent; 401 ends all."""
    project = server.state.project("acme/churn", {"a": b"a"})
    host = ways.group()
    (known,) = listed(host)

    project.more["repository_access_level"] = "disabled"
    with pytest.raises(RepositoryUnreadable) as refused:
        host.find(known.identity, url=None)
    assert refused.value.code == "no_repository"
    server.before = lambda _asked: Answered.of({"message": "403 Forbidden"}, 403)
    with pytest.raises(RepositoryUnreadable) as refused:
        host.find(known.identity, url=None)
    assert refused.value.code == "not_readable"
    server.before = lambda _asked: Answered.of({"message": "401 Unauthorized"}, 401)
    with pytest.raises(SourceRefused):
        host.find(known.identity, url=None)
    server.before = lambda _asked: Answered.of({"id": 7, "path_with_namespace": "acme/other"})
    with pytest.raises(SourceRefused, match="another project"):
        host.find(known.identity, url=None)


def test_find_moved_in_circles(server: GitLabServer, ways: Ways) -> None:
    """Only the number in a redirect counts, and it is asked for here, once."""
    there = {"Location": "https://169.254.169.254/api/v4/projects/7?x=1"}
    server.before = lambda _asked: Answered(301, b"", there)
    host = ways.group()

    with pytest.raises(SourceRefused, match="not followed"):
        host.find(None, url=f"{server.url}/acme/churn")
    assert server.asked == ["/api/v4/projects/acme%2Fchurn", "/api/v4/projects/7"]
    server.before = lambda _asked: Answered(301, b"", {"Location": "/users/sign_in"})
    assert host.find(None, url=f"{server.url}/acme/churn") is None


def test_group_by_number(server: GitLabServer, ways: Ways) -> None:
    """A group that is known by its number may be renamed; one that is hidden hides nothing."""
    (group,) = server.state.groups.values()
    project = server.state.project("acme/churn", {"a": b"a"})
    host = ways.group(str(group.id))
    (known,) = listed(host)
    assert host.find(known.identity, url=None) == known

    group.path = "acme-inc"
    server.state.move(project, "acme-inc/churn")
    host = ways.group(str(group.id))
    found = host.find(known.identity, url=None)
    assert found is not None
    assert found.path == "acme-inc/churn"
    group.hidden = True
    with pytest.raises(RepositoryUnreadable):
        ways.group(str(group.id)).find(known.identity, url=None)


def test_single_projects(server: GitLabServer, ways: Ways) -> None:
    """Each is asked for by name; what is not shown is counted, a rename is followed."""
    churn = server.state.project("other/churn", {"a": b"a"})
    fraud = server.state.project("other/fraud", {"a": b"a"}, forked_from_project={"id": 1})
    server.state.move(churn, "other/attrition")
    host = ways.single("other/churn", str(fraud.id), "other/none")

    found = listed(host)

    assert [one.path for one in found] == ["other/attrition", "other/fraud"]
    assert host.counts == {"not_found": 1}
    assert host.find(found[1].identity, url=None) == found[1]
    elsewhere = server.state.project("other/more", {"a": b"a"})
    assert host.find(ways.site.identity(elsewhere.id), url=None) is None


def test_claims(server: GitLabServer, ways: Ways) -> None:
    """A hint belongs to the place that it names; one of no place may be about any of them."""
    acme = ways.group("acme", groups=["acme", "other"])
    url = server.url
    assert acme.claims(make_hint(url=f"{url}/acme/ml/churn.git"))
    assert not acme.claims(make_hint(url=f"{url}/other/churn"))
    assert acme.claims(make_hint(url=f"{url}/somebody/churn"))
    assert not acme.claims(make_hint(url="https://gitlab.com/acme/churn"))
    assert not acme.claims(make_hint(url="no address"))
    assert acme.claims(make_hint(repository=ways.site.identity(7)))
    assert not acme.claims(make_hint(repository=hosted("gitlab.com", 7)))
    assert acme.claims(make_hint(event="group_rename"))
    third = ways.single("third/churn", groups=["acme"])
    assert third.claims(make_hint(url=f"{url}/third/churn"))
    assert not third.claims(make_hint(url=f"{url}/acme/churn"))
