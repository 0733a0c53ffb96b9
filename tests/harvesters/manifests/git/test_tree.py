"""What is read of a tree, and what never is."""

import os
import subprocess
from pathlib import Path

import pytest

from harvesters.manifests.git.tree import FILTER, MOST_CONTENT, MOST_ENTRIES
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import File, Unread
from harvesters.manifests.settings import RepositorySettings
from harvesters.manifests.wanted import LARGEST_MANIFEST, choose
from tests.harvesters.manifests.git.conftest import MakeHost, contents, only, read
from tests.support.git_server import Executable, GitServer, Link, Module

MANIFEST = b"apiVersion: model-catalog/v1\n"


def test_tree_modes(git_server: GitServer, make_host: MakeHost) -> None:
    """GIT-03: links and submodules are told by their mode; nothing is checked out or followed."""
    churn = git_server.create("acme/churn")
    churn.commit(
        {
            "model.yaml": Link("/etc/passwd"),
            "models/a/model.yaml": Module(),
            "models/b/model.yaml": Executable(MANIFEST),
            "models/c/model.yaml": Link("missing"),
            "d": Link("/etc"),
        }
    )
    entries, _ = read(make_host(churn.url))
    chosen = choose(entries, RepositorySettings(), dialect="github")

    assert {entry.path: entry.mode for entry in entries} == {
        "d": "120000",
        "model.yaml": "120000",
        "models/a/model.yaml": "160000",
        "models/b/model.yaml": "100755",
        "models/c/model.yaml": "120000",
    }
    assert [entry.path for entry in chosen.entries] == ["models/b/model.yaml"]
    assert {one.code for one in chosen.unread} == {"not_a_file"}


def test_tree_nothing_executed(
    git_server: GitServer, make_host: MakeHost, work_folders: Path, tmp_path: Path
) -> None:
    """GIT-04: submodules, filters, hooks and LFS pointers of a repository are files like others."""
    trace = tmp_path / "ran"
    churn = git_server.create("acme/churn")
    elsewhere = git_server.create("acme/elsewhere")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
    churn.commit(
        {
            ".gitmodules": (
                f'[submodule "x"]\n\tpath = -x\n\turl = {elsewhere.url}\n'
                f'[submodule "y"]\n\tpath = y\r\n\turl = ext::sh -c touch% {trace}\n'
            ).encode(),
            "-x": Module(),
            ".gitattributes": b"* filter=lfs diff=lfs\n",
            "hooks/post-checkout": Executable(f"#!/bin/sh\ntouch {trace}\n".encode()),
            "model.yaml": pointer,
        }
    )
    _, files = read(make_host(churn.url))

    assert contents(files)["model.yaml"] == pointer
    assert not trace.exists()
    assert git_server.by_repository["acme/elsewhere", "refs"] == 0
    assert list(work_folders.iterdir()) == []


def test_tree_large_blob_stays(git_server: GitServer, make_host: MakeHost) -> None:
    """GIT-06: a large file is not transferred, neither by the clone nor by what asks afterwards."""
    churn = git_server.create("acme/churn")
    churn.commit({"model.yaml": os.urandom(5 * 2**20), "fine/model.yaml": MANIFEST})

    entries, files = read(make_host(churn.url))

    assert contents(files) == {"model.yaml": "too_large", "fine/model.yaml": MANIFEST}
    assert {entry.path: entry.size for entry in entries}["model.yaml"] is None
    assert git_server.sent["acme/churn"] < 10_000
    assert git_server.requests == {"refs": 2, "ls-refs": 2, "fetch": 1}


def test_tree_filter_ignored(git_server: GitServer, make_host: MakeHost) -> None:
    """A server that sends large files all the same fills no more than the disk that is granted."""
    churn = git_server.create("acme/churn", filters=False)
    churn.commit({"model.yaml": bytes(LARGEST_MANIFEST + 1), "fine/model.yaml": MANIFEST})
    entries, _ = read(make_host(churn.url))
    chosen = choose(entries, RepositorySettings(), dialect="github")
    assert [one.code for one in chosen.unread] == ["too_large"]
    assert [entry.path for entry in chosen.entries] == ["fine/model.yaml"]

    churn.commit({"huge.bin": os.urandom(12 * 2**20)})
    with pytest.raises(RepositoryUnreadable) as raised:
        read(make_host(churn.url, most=4 * 2**20))
    assert raised.value.code in {"too_large", "broken_off"}, raised.value.message


def test_tree_filter_size(git_server: GitServer, make_host: MakeHost) -> None:
    """Where the limit lies: what is read of a manifest is never left out."""
    churn = git_server.create("acme/churn")
    churn.commit({"a": bytes(FILTER - 1), "b": bytes(FILTER)})

    _, files = read(make_host(churn.url))

    assert contents(files) == {"a": bytes(FILTER - 1), "b": "too_large"}


def test_tree_together_too_large(git_server: GitServer, make_host: MakeHost) -> None:
    """Many files that are small enough are read until they are too much."""
    churn = git_server.create("acme/churn")
    size = FILTER - 1
    churn.commit({f"{number:03}": bytes(size) for number in range(MOST_CONTENT // size + 2)})

    _, files = read(make_host(churn.url))

    read_of_it = [one for one in files if isinstance(one, File)]
    unread = [one for one in files if isinstance(one, Unread)]
    assert sum(len(one.raw) for one in read_of_it) <= MOST_CONTENT
    assert [one.path for one in unread] == ["256", "257"]


def test_tree_odd_paths(git_server: GitServer, make_host: MakeHost) -> None:
    """GIT-05: what nobody can see or mean is never used; a manifest there is told of."""
    churn = git_server.create("acme/churn")
    good = churn.blob(MANIFEST)
    key = b"ghp_" + b"a" * 36
    names = {
        b"\xff\xfe.model.yaml": r"\xff\xfe.model.yaml",
        b"a\n.model.yaml": "a .model.yaml",
        b"a\x1b[2J.model.yaml": r"a\x1b[2J.model.yaml",
        "a\u202e.model.yaml".encode(): r"a\u202e.model.yaml",
        b"n" * 600 + b".model.yaml": "..." + "n" * 89 + ".model.yaml",
        b"#" * 170 + b".model.yaml": "..." + "#" * 89 + ".model.yaml",
        key + b".model.yaml": "[masked github token].model.yaml",
    }
    below = churn.raw_tree([("100644", b"model.yaml", good)])
    folders = {b"..": "../model.yaml", b".git": ".git/model.yaml", b".GIT": ".GIT/model.yaml"}
    churn.commit_tree(
        churn.raw_tree(
            [("100644", name, good) for name in names]
            + [("100644", b"/etc/model.yaml", good)]
            + [("40000", name, below) for name in folders]
            + [("40000", "modèles".encode(), below), ("40000", b"c:\\x", below)]
            + [("100644", b"other\xff", good)]
        )
    )
    entries, files = read(make_host(churn.url))

    assert [entry.path for entry in entries] == ["modèles/model.yaml", "c:\\x/model.yaml"]
    told = {one.path for one in files if isinstance(one, Unread)}
    assert told == {*names.values(), *folders.values(), "/etc/model.yaml"}
    assert {one.code for one in files if isinstance(one, Unread)} == {"odd_path"}
    assert contents(files)["modèles/model.yaml"] == MANIFEST


def test_tree_deep(git_server: GitServer, make_host: MakeHost) -> None:
    """GIT-06: a tree of 10,000 folders in each other is read past, or refused; nothing crashes."""
    churn = git_server.create("acme/churn")
    path = "/".join(["d"] * 10_000) + "/model.yaml"
    churn.commit({path: MANIFEST, "model.yaml": MANIFEST})

    def outcome() -> list[str] | str:
        try:
            return [entry.path for entry in read(make_host(churn.url))[0]]
        except RepositoryUnreadable as refused:
            return refused.code

    assert outcome() in (["model.yaml"], "git_failed")  # newer ones refuse so deep a tree


def test_tree_many_files(git_server: GitServer, make_host: MakeHost, work_folders: Path) -> None:
    """GIT-06: 200,000 files are too many; as many as are allowed are listed."""
    churn = git_server.create("acme/churn")
    names = [f"{number // 1_000}/{number}" for number in range(200_000)]
    churn.commit(dict.fromkeys(names, b""))
    host = make_host(churn.url)

    with pytest.raises(RepositoryUnreadable) as raised:
        read(host)

    assert (raised.value.code, list(work_folders.iterdir())) == ("too_many_files", [])
    churn.force(dict.fromkeys(names[:MOST_ENTRIES], b""))
    repository, head = only(host)
    with host.open(repository, head) as tree:
        assert sum(1 for _ in tree.entries()) == MOST_ENTRIES


def test_tree_bomb(git_server: GitServer, make_host: MakeHost) -> None:
    """A tree of ten levels, each ten times the next: ten thousand million files in ten objects."""
    churn = git_server.create("acme/churn")
    tree, mode = churn.blob(MANIFEST), "100644"
    for _ in range(10):
        tree = churn.raw_tree([(mode, b"%d" % number, tree) for number in range(10)])
        mode = "40000"
    churn.commit_tree(tree)

    with pytest.raises(RepositoryUnreadable) as raised:
        read(make_host(churn.url))
    assert raised.value.code == "too_many_files"


def test_git_lists_what_is_missing(git_server: GitServer, tmp_path: Path) -> None:
    """Measured, and built upon: a filtered clone without a remote says BAD and `missing`.

    With one, the same commands fetch what the filter left out.
    """
    churn = git_server.create("acme/churn")
    churn.commit({"big.bin": os.urandom(3_000_000), "model.yaml": MANIFEST})
    clone = tmp_path / "clone"
    _git(tmp_path, "clone", "-q", "--bare", "--depth=1", f"--filter=blob:limit={FILTER}",
         "--", churn.url, str(clone))  # fmt: skip
    listing = ("--git-dir", str(clone), "ls-tree", "-rl", "HEAD")

    small = git_server.sent["acme/churn"]
    dead = _git(tmp_path, *listing, lazy=False)
    _git(tmp_path, "--git-dir", str(clone), "remote", "remove", "origin")
    missing = _git(tmp_path, *listing)
    objects = _git(tmp_path, "--git-dir", str(clone), "rev-list", "--objects", "--missing=print",
                   "HEAD")  # fmt: skip
    blob = churn.git("rev-parse", "main:big.bin").decode().strip()

    assert dead.returncode == 128
    assert b"could not fetch" in dead.stderr
    assert (missing.returncode, b"BAD\tbig.bin" in missing.stdout) == (0, True)
    assert f"?{blob}".encode() in objects.stdout
    assert small == git_server.sent["acme/churn"] < 10_000


def _git(home: Path, *words: str, lazy: bool = True) -> subprocess.CompletedProcess[bytes]:
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C",
        "GIT_NO_LAZY_FETCH": "0" if lazy else "1",
    }  # fmt: skip
    return subprocess.run(  # noqa: S603
        ["git", *words],  # noqa: S607
        env=environment,
        capture_output=True,
        check=False,
    )
