"""Files of a commit, by git's own ids, and who committed them."""

import base64
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest

from harvesters.errors import SourceRefused
from harvesters.manifests.github.host import GitHubHost
from harvesters.manifests.github.tree import GitHubTree, blob_id
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Author, Entry, File, Head, Unread
from schemas.identifiers import Identifier, Kind
from tests.harvesters.manifests.github.conftest import Hosts, Slept
from tests.support.github_answers import Said
from tests.support.github_server import GitHub
from tests.support.github_state import Contents, Repo

FILES: dict[str, Contents] = {
    "model.yaml": b"kind: Model\n",
    "models/fraud/model.yaml": b"kind: Model\n# fraud\n",
    "models/fraud/deep/er/notes.md": b"n",
    "run.sh": ("100755", b"#!/bin/sh\n"),
    "link": ("120000", b"/etc/passwd"),
    "module": ("160000", b"1" * 40),
}


def opened(host: GitHubHost, repo: Repo) -> AbstractContextManager[GitHubTree]:
    """The tree of a repository's newest commit."""
    (one,) = (one for page in host.repositories() for one in page if one.path == repo.full_name)
    return host.open(one, Head(repo.heads[repo.branch][-1].id, repo.branch))


def read(host: GitHubHost, repo: Repo, *paths: str) -> Sequence[File | Unread]:
    """Some files."""
    with opened(host, repo) as tree:
        return list(tree.files([one for one in tree.entries() if one.path in paths]))


def test_entries(github: GitHub, host: Hosts) -> None:
    """Everything but folders, with mode, id and size, in one answer."""
    churn = github.state.create("acme/churn", FILES)

    with opened(host(), churn) as tree:
        found = {one.path: one for one in tree.entries()}

    assert found.keys() == FILES.keys()
    like = "0" * 40
    assert found["model.yaml"] == Entry(
        "model.yaml", "100644", blob_id(b"kind: Model\n", like=like), 12
    )
    assert {path: one.mode for path, one in found.items() if one.mode != "100644"} == {
        "run.sh": "100755", "link": "120000", "module": "160000",
    }  # fmt: skip
    assert github.asked_by_kind() == {"listing": 1, "tree": 1}


def test_entries_truncated(github: GitHub, host: Hosts) -> None:
    """What is too large for one answer is walked folder by folder."""
    churn = github.state.create("acme/churn", FILES)
    github.most_rows = 5

    with opened(host(), churn) as tree:
        found = [one.path for one in tree.entries()]

    assert sorted(found) == sorted(FILES)
    assert github.asked_by_kind()["tree"] == 3  # the whole, its root, models


def test_entries_too_many(github: GitHub, host: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that no answer holds, too many folders and too many files: not read, not gone."""
    churn = github.state.create("acme/churn", FILES)
    for name, most in (("MOST_ENTRIES", 3), ("MOST_TREES", 2)):
        monkeypatch.setattr(f"harvesters.manifests.github.tree.{name}", most)
        github.most_rows = 5
        with opened(host(), churn) as tree, pytest.raises(RepositoryUnreadable) as error:
            list(tree.entries())
        assert error.value.code == "too_many_files"
        monkeypatch.undo()
    github.most_rows = 2
    with opened(host(), churn) as tree, pytest.raises(RepositoryUnreadable, match="too large"):
        list(tree.entries())


@pytest.mark.parametrize(
    "said",
    [
        {"sha": "1", "tree": {}, "truncated": False},
        {"sha": "1", "tree": [], "truncated": "no"},
        {"sha": "1", "tree": [{"path": 7, "mode": "100644", "sha": "1"}], "truncated": False},
        {"sha": "1", "truncated": False},
    ],
)
def test_entries_lied_about(github: GitHub, host: Hosts, said: Any) -> None:
    """A tree that is none is not an empty one."""
    churn = github.state.create("acme/churn", FILES)
    github.before = lambda path: Said(200, said) if "/git/trees/" in path else None

    with opened(host(), churn) as tree, pytest.raises(SourceRefused, match="a tree that is none"):
        list(tree.entries())


def test_entries_gone(github: GitHub, host: Hosts) -> None:
    """A commit that a force-push took away meanwhile is not an empty repository."""
    churn = github.state.create("acme/churn", FILES)
    asking = host()
    with opened(asking, churn) as tree:
        churn.trees.clear()
        with pytest.raises(RepositoryUnreadable) as error:
            list(tree.entries())

    assert error.value.code == "not_readable"


def test_files(github: GitHub, host: Hosts) -> None:
    """Contents by the blob's id, one request each."""
    raw = bytes(range(256)) * 40
    churn = github.state.create("acme/churn", FILES | {"data.bin": raw, "empty": b""})

    found = read(host(), churn, "model.yaml", "data.bin", "empty")

    assert {one.path: one.raw for one in found if isinstance(one, File)} == {
        "model.yaml": b"kind: Model\n", "data.bin": raw, "empty": b"",
    }  # fmt: skip
    assert github.asked_by_kind()["blob"] == 3


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"content": base64.b64encode(b"other").decode(), "encoding": "base64"}, "other contents"),
        ({"content": "", "encoding": "none", "size": 1}, "other contents"),
        ({"content": "!!!", "encoding": "base64"}, "no known encoding"),
        ({"content": "kind: Model\n", "encoding": "utf-8"}, "no known encoding"),
        ({"sha": "1"}, "other contents"),
    ],
)
def test_files_lied_about(github: GitHub, host: Hosts, said: Any, why: str) -> None:
    """Contents that do not bear the blob's id are not that file's."""
    churn = github.state.create("acme/churn", FILES)
    github.before = lambda path: Said(200, said) if "/git/blobs/" in path else None

    (one,) = read(host(), churn, "model.yaml")

    assert isinstance(one, Unread)
    assert (one.path, one.code) == ("model.yaml", "not_readable")
    assert why in one.message


def test_files_not_asked_for(github: GitHub, host: Hosts) -> None:
    """What is too large or of unknown size is never fetched; one that went is reported."""
    churn = github.state.create("acme/churn", FILES)
    asking = host()
    with opened(asking, churn) as tree:
        github.asked.clear()
        entries = [
            Entry("a", "100644", "1" * 40, 2**31), Entry("b", "100644", "1" * 40, None),
            Entry("c", "100644", "../../user", 7), Entry("d", "100644", "1" * 40, 7),
        ]  # fmt: skip
        codes = [one.code for one in tree.files(entries) if isinstance(one, Unread)]

    assert codes == ["too_large", "too_large", "not_readable", "not_readable"]
    assert github.asked_by_kind() == {"blob": 1}


def test_files_beyond_memory(github: GitHub, host: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    """All files of a repository together have a limit; a smaller one may still fit."""
    monkeypatch.setattr("harvesters.manifests.github.tree.MOST_CONTENT", 10)
    churn = github.state.create("acme/churn", FILES | {"a": b"123456", "b": b"12345", "c": b"1"})

    found = read(host(), churn, "a", "b", "c")

    assert [one.path for one in found if isinstance(one, File)] == ["a", "c"]
    assert [one.code for one in found if isinstance(one, Unread)] == ["too_large"]
    assert github.asked_by_kind()["blob"] == 2


def test_time_is_up(github: GitHub, host: Hosts, slept: Slept) -> None:
    """A repository has its seconds; what GitHub asked to wait does not count."""
    churn = github.state.create("acme/churn", FILES)
    answers = iter((Said(429, {}, {"Retry-After": "200"}), None))
    github.before = lambda path: next(answers) if "/git/" in path else None
    with opened(host(), churn) as tree:
        assert len(list(tree.entries())) == len(FILES)
    assert slept.seconds == [200]

    github.before = lambda _path: None
    with opened(host(), churn) as tree:
        slept.seconds.append(61)
        with pytest.raises(RepositoryUnreadable, match="longer than 60 seconds") as error:
            list(tree.entries())
    assert error.value.code == "timeout"


def test_blob_id() -> None:
    """As `git hash-object` says, in both kinds of repositories."""
    assert blob_id(b"Test content", like="0" * 40) == "3f3f005b29247e51a4f4d6b8ce07b67646cd6074"
    assert blob_id(b"", like="0" * 64) == (
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"
    )


def owner(scheme: str, value: str) -> Identifier:
    """An owner's identifier."""
    return Identifier(kind=Kind.OWNER, scheme=scheme, value=value)


def test_authors(github: GitHub, host: Hosts) -> None:
    """Accounts by login, others by address, one person once; bots and guests are left out."""
    churn = github.state.create("acme/churn")
    path = "models/churn/model.yaml"

    def pushes(count: int, **by: Any) -> None:
        for number in range(count):
            github.state.pass_time(minutes=1)
            github.push(churn, {path: f"{by} {number}".encode()}, **by)

    pushes(4, login="Anna", email="anna@acme.example")
    pushes(1, login="Anna", email="31+anna@users.noreply.github.com")
    pushes(3, login=None, email="Bo@acme.example")
    pushes(2, login="guest", email="guest@acme.example")
    pushes(9, login="renovate[bot]", email="29139614+renovate[bot]@users.noreply.github.com")
    pushes(3, login=None, email="not an address")
    github.push(churn, {"other/x": b"x"}, login="zoe", email="zoe@acme.example")

    with opened(host(), churn) as tree:
        found = tree.authors("models/churn")
        assert tree.authors("nowhere") == []

    anna = (
        owner("github", f"{github.host}/anna"), owner("email", "anna@acme.example"),
    )  # fmt: skip
    assert [(one.folder, one.commits) for one in found] == [
        ("models/churn", 5),
        ("models/churn", 3),
    ]
    assert found[0].identities == anna
    assert found[1] == Author("models/churn", (owner("email", "bo@acme.example"),), "None", 3)


def test_authors_bounded(github: GitHub, host: Hosts) -> None:
    """The newest commits of a year, three pages at most; without the right to see them nobody."""
    churn = github.state.create("acme/churn")
    github.state.pass_time(days=-400)
    for number in range(3):
        github.push(churn, {"m.yaml": str(number).encode()}, login="old", email="old@a.example")
    github.state.pass_time(days=400)
    for number in range(350):
        github.push(churn, {"m.yaml": str(number).encode()}, login="new", email="new@a.example")
    with opened(host(), churn) as tree:
        github.asked.clear()
        assert [(one.name, one.commits) for one in tree.authors("")] == [("new", 300)]
        assert github.asked_by_kind() == {"authors": 3}
        github.before = lambda _path: Said(403, {"message": "Resource not accessible"})
        assert tree.authors("") == []
