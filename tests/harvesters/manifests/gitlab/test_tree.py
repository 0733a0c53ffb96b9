"""Files of a GitLab project: by their ids, bounded, and never believed before they are checked."""

import hashlib
from collections.abc import Sequence
from typing import Any

import pytest

from harvesters.errors import SourceRefused
from harvesters.manifests.gitlab.api import LARGEST_ANSWER, object_id
from harvesters.manifests.gitlab.host import GitLabHost
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Author, Entry, File, Head, Unread
from schemas.identifiers import Identifier, Kind
from tests.harvesters.manifests.gitlab.ways import Time, Ways
from tests.support.gitlab_server import Answered, Asked, GitLabServer
from tests.support.gitlab_state import Project, blob_id

MANIFEST = b"apiVersion: model-catalog/v1\n"


def opened(host: GitLabHost) -> Any:
    """The tree of the only project."""
    ((one,),) = host.repositories()
    ((_, head),) = host.heads([one])
    assert isinstance(head, Head)
    return host.open(one, head)


def read(host: GitLabHost, wanted: Sequence[Entry]) -> list[File | Unread]:
    """The contents of some files."""
    with opened(host) as tree:
        return list(tree.files(wanted))


def make_project(server: GitLabServer, **files: Any) -> Project:
    """A project with a manifest."""
    return server.state.project("acme/churn", {"models/model.yaml": MANIFEST} | files)


def test_entries(server: GitLabServer, ways: Ways) -> None:
    """All of them in pages, each with its mode; folders and links are no files."""
    server.a_page = 2
    project = make_project(server)
    server.state.push(
        project,
        {"README.md": b"hello", "link": ("120000", b"/etc/passwd"), "sub": ("160000", b"x")},
    )
    with opened(ways.group()) as tree:
        found = list(tree.entries())

    assert [(one.path, one.mode) for one in found] == [
        ("README.md", "100644"), ("link", "120000"), ("models", "040000"),
        ("models/model.yaml", "100644"), ("sub", "160000"),
    ]  # fmt: skip
    assert found[3].blob == blob_id(MANIFEST)
    commit = project.branches["main"][-1].id
    assert all(f"ref={commit}" in path for path in server.asked if "/tree" in path)
    assert server.kinds()[2:] == ["tree"] * 3


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"id": "../../x"}, "invalid"), ({"path": 7}, "invalid"), ({"mode": None}, "invalid")],
)
def test_entries_unreadable(
    server: GitLabServer, ways: Ways, changed: dict[str, Any], code: str
) -> None:
    """An entry that is none says that the tree is none: nothing of it counts as absent."""
    make_project(server)
    row = {"id": "a" * 40, "path": "model.yaml", "mode": "100644"} | changed
    with opened(ways.group()) as tree:
        server.before = lambda _asked: Answered.of([row])
        with pytest.raises(RepositoryUnreadable) as refused:
            list(tree.entries())
    assert refused.value.code == code


@pytest.mark.parametrize("path", ["../model.yaml", "/model.yaml", "a//model.yaml"])
def test_entries_odd_paths(server: GitLabServer, ways: Ways, path: str) -> None:
    """A path that git would not write is no plain file."""
    make_project(server)
    row = {"id": "a" * 40, "path": path, "mode": "100644"}
    with opened(ways.group()) as tree:
        server.before = lambda _asked: Answered.of([row])
        assert list(tree.entries()) == [Entry(path, "", "a" * 40)]


@pytest.mark.parametrize(
    "path", ["a/\x1b/model.yaml", "a\u202e/model.yaml", f"{'x' * 900}/model.yaml"]
)
def test_entries_unnameable(server: GitLabServer, ways: Ways, path: str) -> None:
    """A path that no identifier can hold is passed over: nothing could be said of it."""
    make_project(server)
    rows = [{"id": "a" * 40, "path": one, "mode": "100644"} for one in (path, "model.yaml")]
    with opened(ways.group()) as tree:
        server.before = lambda _asked: Answered.of(rows)
        assert list(tree.entries()) == [Entry("model.yaml", "100644", "a" * 40)]


def test_entries_too_many(
    server: GitLabServer, ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading stops at the first page beyond the most."""
    monkeypatch.setattr("harvesters.manifests.gitlab.tree.MOST_ENTRIES", 3)
    server.a_page = 2
    make_project(server, a=b"a", b=b"b", c=b"c", d=b"d")
    with opened(ways.group()) as tree, pytest.raises(RepositoryUnreadable) as refused:
        list(tree.entries())
    assert refused.value.code == "too_many_entries"
    assert server.kinds()[2:] == ["tree"] * 2


def test_entries_pushed_over(server: GitLabServer, ways: Ways) -> None:
    """A commit that is not there any more is no empty tree."""
    project = make_project(server)
    with opened(ways.group()) as tree:
        server.state.push(project, {"README.md": b"new"}, forced=True)
        with pytest.raises(RepositoryUnreadable) as refused:
            list(tree.entries())
    assert refused.value.code == "commit_missing"


def test_too_slow(server: GitLabServer, ways: Ways, time: Time) -> None:
    """One repository does not hold up all others."""
    make_project(server)
    with opened(ways.group(seconds=60)) as tree:
        time.passed += 61
        for asked in (tree.entries, lambda: tree.files([Entry("a", "100644", "a" * 40)])):
            with pytest.raises(RepositoryUnreadable) as refused:
                list(asked())
            assert refused.value.code == "too_slow"


def test_files(server: GitLabServer, ways: Ways) -> None:
    """Bytes as they are; what is too large or gone is told, and the others are read."""
    large, huge = b"x" * (256 * 1024 + 1), b"x" * (LARGEST_ANSWER + 1)
    project = make_project(server)
    files = {"a.model.yaml": large, "b.model.yaml": huge, "MLmodel": large, "model.yaml": b"\x00"}
    server.state.push(project, files)
    wanted = [Entry(path, "100644", blob_id(contents)) for path, contents in files.items()]
    too_large = f"is larger than {LARGEST_ANSWER:,} bytes, or packed as nothing else is"
    gone = Entry("gone.model.yaml", "100644", "b" * 40)

    assert read(ways.group(), [*wanted, gone]) == [
        Unread("a.model.yaml", "too_large", "is larger than 262,144 bytes"),
        Unread("b.model.yaml", "too_large", too_large),
        File("MLmodel", blob_id(large), large),
        File("model.yaml", blob_id(b"\x00"), b"\x00"),
        Unread("gone.model.yaml", "not_found", "is not shown any more"),
    ]  # fmt: skip
    assert all("/blobs/" in path for path in server.asked if "raw" in path)


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", MANIFEST[:-1], b""])
def test_files_lied_to(server: GitLabServer, ways: Ways, body: bytes) -> None:
    """What is not the file, by its id, ends the harvest."""
    make_project(server)

    def lie(asked: Asked) -> Answered | None:
        return (
            Answered(200, body, {"Content-Type": "text/plain"}) if "blobs" in asked.path else None
        )

    server.before = lie
    with pytest.raises(SourceRefused, match="something else than the file"):
        read(ways.group(), [Entry("model.yaml", "100644", blob_id(MANIFEST))])


def test_files_beyond_memory(
    server: GitLabServer, ways: Ways, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All files of a project together have a limit: what comes after it is not asked for."""
    monkeypatch.setattr("harvesters.manifests.gitlab.tree.MOST_CONTENT", 10)
    make_project(server, a=b"123456", b=b"12345", c=b"1")
    entries = [Entry(path, "100644", blob_id(raw)) for path, raw in
               (("a", b"123456"), ("b", b"12345"), ("c", b"1"))]  # fmt: skip

    found = read(ways.group(), entries)

    assert [one.path for one in found if isinstance(one, File)] == ["a", "b"]
    assert [one.code for one in found if isinstance(one, Unread)] == ["too_large"]
    assert server.kinds().count("blobs") == 2


def test_object_id_sha256() -> None:
    """Repositories may name their objects by longer digests."""
    digest = hashlib.sha256(b"blob 5\x00hello").hexdigest()
    assert object_id(b"hello", like=digest) == digest
    assert object_id(b"hello", like="a" * 40) == "b6fc4c620b67d95f953a5c1c1230aaab5db5a1b0"


def test_authors(server: GitLabServer, ways: Ways) -> None:
    """Who committed to a folder, by address; hidden addresses name the login on their own host."""
    host = ways.site.host
    state = server.state
    project = make_project(server)
    for contents in (b"1", b"2"):
        state.push(project, {"models/a.py": contents}, author=("Bo", " Bo@Example.com "))
    hidden = f"17-cy.x@users.noreply.{host.partition(':')[0]}"
    state.push(project, {"models/a.py": b"3"}, author=("Cy", hidden))
    state.push(project, {"models/a.py": b"4"}, author=("Di", "9+di@users.noreply.github.com"))
    state.push(project, {"models/a.py": b"5"}, author=("Nobody", "no address"))
    state.push(project, {"other/a.py": b"6"}, author=("Ed", "ed@example.com"))

    with opened(ways.group()) as tree:
        found, everywhere = tree.authors("models"), tree.authors("")

    def owner(scheme: str, value: str) -> tuple[Identifier]:
        return (Identifier(kind=Kind.OWNER, scheme=scheme, value=value),)

    assert sorted(found, key=lambda one: one.name) == [
        Author("models", owner("email", "ada@example.com"), "Ada Example", 1),
        Author("models", owner("email", "bo@example.com"), "Bo", 2),
        Author("models", owner("gitlab", f"{host}/cy.x"), "Cy", 1),
        Author("models", owner("github", "github.com/di"), "Di", 1),
    ]
    assert {one.name for one in everywhere} == {"Ada Example", "Bo", "Cy", "Di", "Ed"}
    asked = [path for path in server.asked if path.partition("?")[0].endswith("/commits")]
    assert "since=2025-11-27T00%3A00%3A00Z" in asked[0]
    assert "path=models" in asked[0]
    assert "path=" not in asked[1]


def test_authors_bounded(server: GitLabServer, ways: Ways) -> None:
    """A few pages at most; nobody where commits are not shown."""
    server.a_page = 2
    project = make_project(server)
    for number in range(20):
        server.state.push(project, {"models/a.py": b"%d" % number})
    with opened(ways.group()) as tree:
        (author,) = tree.authors("models")
        assert author.commits == 6
        server.before = lambda _asked: Answered.of({"message": "403 Forbidden"}, 403)
        assert tree.authors("models") == []
