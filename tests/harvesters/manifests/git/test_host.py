"""What a git server answers about its repositories, and what it costs to ask."""

import os
from typing import Any

import pytest

from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.manifests.git.host import check_version, spread
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Head
from schemas.hooks import Hint
from tests.harvesters.manifests.git.conftest import MakeHost, code_of, contents, listed, only, read
from tests.support.git_server import (
    GitServer,
    HalfPack,
    Redirect,
    Status,
)

MANIFEST = b"apiVersion: model-catalog/v1\n"


def test_head_one_request(git_server: GitServer, make_host: MakeHost) -> None:
    """A head costs one `ls-remote`: for git of today two HTTP requests, and no object."""
    churn = git_server.create("acme/churn")
    commit = churn.commit({"model.yaml": MANIFEST})

    repository, head = only(make_host(churn.url))

    assert head == Head(commit, "main")
    assert repository.identity.value == churn.url.replace("http:", "https:").removesuffix(".git")
    assert (repository.url, repository.path) == (repository.identity.value, "acme/churn")
    assert git_server.requests == {"refs": 1, "ls-refs": 1}


def test_head_branch(git_server: GitServer, make_host: MakeHost) -> None:
    """The branch that stands for a repository may be another one; a missing one is no emptiness."""
    churn = git_server.create("acme/churn")
    churn.commit({"model.yaml": MANIFEST})
    other = churn.commit({"model.yaml": b"other"}, branch="released/1")
    host = make_host(churn.url)
    (repository,) = listed(host)

    for branch, expected in (("released/1", Head(other, "released/1")), ("gone", "branch_missing")):
        ((_, head),) = host.heads([repository._replace(branch=branch)])
        assert getattr(head, "code", head) == expected
    ((_, head),) = host.heads([repository._replace(branch="--upload-pack=id")])
    assert code_of(head) == "branch_missing"
    with host.open(repository._replace(branch="released/1"), Head(other)) as tree:
        assert contents(list(tree.files(list(tree.entries())))) == {"model.yaml": b"other"}


def test_head_empty(git_server: GitServer, make_host: MakeHost) -> None:
    """An empty repository answers nothing; a default branch that is gone is something else."""
    churn = git_server.create("acme/churn")
    host = make_host(churn.url)

    assert only(host)[1] == Head(None)
    churn.commit({"model.yaml": MANIFEST}, branch="elsewhere")
    assert only(host)[1].code == "branch_missing"
    churn.empty()
    assert only(host)[1] == Head(None)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, b"<html>Sign in</html>", "not_git"),
        (200, b"", "not_git"),
        (200, b'{"error": "maintenance"}', "not_git"),
        (204, b"", "not_git"),
        (404, b"no\n", "not_found_or_hidden"),
        (410, b"no\n", "not_found_or_hidden"),
    ],
)
def test_head_lying(
    git_server: GitServer, make_host: MakeHost, status: int, body: bytes, code: str
) -> None:
    """Git takes any page for an empty repository, exit 0; here it is a failure."""
    churn = git_server.create("acme/churn")
    git_server.behave("acme/churn", Status(status, body))

    assert only(make_host(churn.url))[1].code == code


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_head_away(git_server: GitServer, make_host: MakeHost, status: int) -> None:
    """One that is broken is passed over; when all are, the harvest is tried again later."""
    churn, fraud = (git_server.create(f"acme/{name}") for name in ("churn", "fraud"))
    fraud.commit({"model.yaml": MANIFEST})
    git_server.behave("acme/churn", Status(status, b"remote: Authentication failed\n"))
    host = make_host(churn.url, fraud.url)

    heads = {one.path: head for one, head in host.heads(listed(host))}

    assert code_of(heads["acme/churn"]) == "server_error"
    assert isinstance(heads["acme/fraud"], Head)
    with pytest.raises(SourceUnavailable, match=str(status)):
        only(make_host(churn.url))


@pytest.mark.parametrize("status", [401, 403])
def test_head_not_let_in(git_server: GitServer, make_host: MakeHost, status: int) -> None:
    """Where nobody lets us in, the source is refused; where one does not, that one is."""
    churn, fraud = (git_server.create(f"acme/{name}") for name in ("churn", "fraud"))
    git_server.behave("acme/churn", Status(status))
    host = make_host(churn.url, fraud.url)

    heads = {one.path: getattr(head, "code", head) for one, head in host.heads(listed(host))}

    expected = "authentication_refused" if status == 401 else "access_denied"
    assert heads == {"acme/churn": expected, "acme/fraud": Head(None)}
    git_server.behave("acme/fraud", Status(status))
    with pytest.raises(SourceRefused, match="no repository of the source lets us in"):
        list(host.heads(listed(host)))
    (alone,) = host.heads(listed(host)[:1])  # as a hint asks
    assert code_of(alone[1]) == expected


def test_head_elsewhere(git_server: GitServer, make_host: MakeHost) -> None:
    """What is renamed or gone says so, and is not taken for emptied."""
    churn = git_server.create("acme/churn")
    churn.commit({"model.yaml": MANIFEST})
    host = make_host(churn.url)
    churn.rename("acme/retention")
    assert only(host)[1].code == "not_found_or_hidden"

    git_server.behave("acme/churn", Redirect(f"{git_server.url}/acme/retention.git/info/refs"))
    assert only(host)[1].code == "redirected"


def test_find(git_server: GitServer, make_host: MakeHost) -> None:
    """What is listed is this source's, in whatever form a hint writes its URL."""
    churn = git_server.create("acme/churn")
    host = make_host(churn.url, "https://git.example.com/acme/other.git")
    first, other = listed(host)
    hint: Any = {"id": 1, "event": "push", "received_at": "2026-11-20T00:00:00Z"}

    assert host.find(first.identity, url=None) == first
    assert host.find(None, url="git@git.example.com:acme/other.git") == other
    assert host.find(None, url="https://git.example.com/acme/unlisted") is None
    assert host.find(None, url="no url") is None
    assert host.claims(Hint(url="ssh://git@git.example.com/acme/other", **hint))
    assert not host.claims(Hint(url="https://git.example.com/acme/unlisted", **hint))
    assert not host.claims(Hint(**hint))


def test_read_force_pushed_meanwhile(git_server: GitServer, make_host: MakeHost) -> None:
    """What was said of a head is what is read, also when the branch moved on in between."""
    churn = git_server.create("acme/churn")
    churn.commit({"model.yaml": b"old", "big.bin": os.urandom(600_000)})
    host = make_host(churn.url)
    repository, head = only(host)
    churn.force({"model.yaml": b"new"})
    git_server.forget()

    with host.open(repository, head) as tree:
        files = contents(list(tree.files(list(tree.entries()))))

    assert files == {"model.yaml": b"old", "big.bin": "too_large"}
    assert git_server.sent["acme/churn"] < 10_000
    churn.git("gc", "--quiet", "--prune=now")
    with (
        pytest.raises(RepositoryUnreadable) as gone,
        host.open(repository, head),
    ):
        pytest.fail("the commit does not exist")
    assert gone.value.code == "changed_meanwhile"


def test_read_deleted_meanwhile(git_server: GitServer, make_host: MakeHost) -> None:
    """What goes between the head and the clone is not readable, and nothing more."""
    churn = git_server.create("acme/churn")
    churn.commit({"model.yaml": MANIFEST})
    host = make_host(churn.url)
    repository, head = only(host)
    churn.delete()
    for how, code in (
        (HalfPack(40), "not_found_or_hidden"),
        (Status(503), "server_error"),
        (Status(403), "access_denied"),
        (Status(200, b"<html>"), "not_git"),
        (None, "not_found_or_hidden"),
    ):
        git_server.behave("acme/churn", how)
        with pytest.raises(RepositoryUnreadable) as raised, host.open(repository, head):
            pytest.fail("it is not there")
        assert raised.value.code == code, raised.value.message


@pytest.mark.parametrize("broken", [HalfPack(300), HalfPack(4_000)])
def test_read_half_pack(git_server: GitServer, make_host: MakeHost, broken: HalfPack) -> None:
    """Half an answer is no answer."""
    churn = git_server.create("acme/churn")
    churn.commit({f"{number}.bin": os.urandom(1_000) for number in range(20)})
    git_server.behave("acme/churn", broken)

    with pytest.raises(RepositoryUnreadable) as raised:
        read(make_host(churn.url))
    assert raised.value.code == "broken_off"


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_read_unchanged_format(
    git_server: GitServer, make_host: MakeHost, object_format: str
) -> None:
    """GIT-11: ids may be longer; forged dates of commits are nobody's business."""
    churn = git_server.create("acme/churn", object_format=object_format)
    author = "Eve <eve@example.com> 99999999999 +0000"
    commit = churn.commit({"model.yaml": MANIFEST, "big.bin": os.urandom(300_000)}, author=author)

    host = make_host(churn.url)
    _, files = read(host)

    assert len(commit) == {"sha1": 40, "sha256": 64}[object_format]
    assert contents(files) == {"model.yaml": MANIFEST, "big.bin": "too_large"}


def test_spread() -> None:
    """Answers come of all, and what fails is raised where it is awaited."""
    assert dict(spread(str, range(100), threads=4)) == {one: str(one) for one in range(100)}
    assert list(spread(str, [], threads=4)) == []
    with pytest.raises(ZeroDivisionError):
        list(spread(lambda one: 1 // one, [0], threads=4))


@pytest.mark.parametrize("told", ["git version 2.36.9", "git version 1.8", "", "nonsense"])
def test_check_version(told: str) -> None:
    """A git that would look the host up itself is refused."""
    with pytest.raises(SourceRefused, match=r"git 2\.37 or newer is needed"):
        check_version(told)
    check_version("git version 2.39.5 (Apple Git-154)")
    check_version("git version 3.0.0")
