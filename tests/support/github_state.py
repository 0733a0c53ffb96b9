"""What a scripted GitHub holds: repositories with real git ids, teams, and who may see them."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

BOTS = "[bot]"
Contents = bytes | tuple[str, bytes]  # or a mode and the bytes


def git_id(kind: str, raw: bytes) -> str:
    """What git calls an object."""
    return hashlib.sha1(b"%s %d\0%s" % (kind.encode(), len(raw), raw)).hexdigest()  # noqa: S324


class Tree:
    """One folder of a commit: its id, and rows as `git ls-tree` has them."""

    def __init__(self, files: Mapping[str, Contents], blobs: dict[str, bytes]) -> None:
        """Write the objects of some files; `blobs` keeps their contents."""
        self.id = ""
        self.rows: list[dict[str, Any]] = []
        self.below: dict[str, Tree] = {}
        folders: dict[str, dict[str, Contents]] = {}
        for path, contents in files.items():
            head, slash, rest = path.partition("/")
            if slash:
                folders.setdefault(head, {})[rest] = contents
            else:
                self.rows.append(self._blob(path, contents, blobs))
        for name, inside in folders.items():
            tree = self.below[name] = Tree(inside, blobs)
            self.rows.append({"path": name, "mode": "040000", "type": "tree", "sha": tree.id})
        self.rows.sort(key=lambda row: row["path"] + "/" * (row["type"] == "tree"))
        raw = b"".join(
            f"{row['mode'].lstrip('0')} {row['path']}\0".encode() + bytes.fromhex(row["sha"])
            for row in self.rows
        )
        self.id = git_id("tree", raw)

    def everything(self, above: str = "") -> list[dict[str, Any]]:
        """All rows below, by full path."""
        found: list[dict[str, Any]] = []
        for row in self.rows:
            found.append(row | {"path": above + row["path"]})
            if row["type"] == "tree":
                found += self.below[row["path"]].everything(f"{above}{row['path']}/")
        return found

    def trees(self) -> dict[str, "Tree"]:
        """This one and all below, by id."""
        found = {self.id: self}
        for tree in self.below.values():
            found |= tree.trees()
        return found

    @staticmethod
    def _blob(path: str, contents: Contents, blobs: dict[str, bytes]) -> dict[str, Any]:
        mode, raw = contents if isinstance(contents, tuple) else ("100644", contents)
        if mode == "160000":  # a module: the commit of another repository
            return {"path": path, "mode": mode, "type": "commit", "sha": raw.decode()}
        blobs[git_id("blob", raw)] = raw
        row = {"path": path, "mode": mode, "type": "blob", "sha": git_id("blob", raw)}
        return row | {"size": len(raw)}


@dataclass
class Commit:
    """One commit; `paths` are those it changed."""

    id: str
    tree: Tree
    paths: tuple[str, ...]
    at: datetime
    name: str
    email: str
    login: str | None


@dataclass
class Repo:
    """One repository. Whatever `says` holds is said of it instead of what was recorded."""

    number: int
    owner: str
    name: str
    created_at: datetime
    pushed_at: datetime
    branch: str = "main"
    heads: dict[str, list[Commit]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    trees: dict[str, Tree] = field(default_factory=dict)
    says: dict[str, Any] = field(default_factory=dict)
    hidden: bool = False  # 404: the credential may not see it
    refused: int = 0  # this status instead of contents: 403, 451, 500

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner}/{self.name}"

    @property
    def files(self) -> dict[str, Contents]:
        """Of the newest commit."""
        commits = self.heads.get(self.branch)
        if not commits:
            return {}
        return {
            row["path"]: (row["mode"], self.blobs.get(row["sha"], row["sha"].encode()))
            for row in commits[-1].tree.everything()
            if row["type"] != "tree"
        }

    def push(
        self,
        files: Mapping[str, Contents | None],
        *,
        at: datetime,
        branch: str | None = None,
        force: bool = False,
        login: str | None = "anna",
        email: str = "anna@acme.example",
    ) -> str:
        """Commit some files on top (None removes one), or instead of all that was (`force`)."""
        branch = branch or self.branch
        commits = [] if force else self.heads.setdefault(branch, [])
        before = {} if force or not commits else dict(self.files)
        changed = {path: raw for path, raw in files.items() if raw is not None}
        kept = {path: raw for path, raw in before.items() if path not in files}
        tree = Tree(kept | changed, self.blobs)
        self.trees |= tree.trees()
        parent = commits[-1].id if commits else ""
        said = f"tree {tree.id}\nparent {parent}\n{at.isoformat()} {login} {email}\n"
        commit = Commit(
            git_id("commit", said.encode()), tree, tuple(files), at, str(login), email, login
        )
        self.heads[branch] = [*commits, commit]
        self.trees[commit.id] = tree
        self.pushed_at = at
        return commit.id


@dataclass
class Team:
    """A team and the logins of its members; None: they may not be read."""

    slug: str
    name: str
    members: tuple[str, ...] | None = ()


@dataclass
class State:
    """All that a scripted GitHub holds. Its clock stands still unless told: `pass_time`."""

    now: datetime
    repos: dict[int, Repo] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)  # old names, by `owner/name`
    teams: dict[str, list[Team] | None] = field(default_factory=dict)  # None: 403
    owners: dict[str, str] = field(default_factory=dict)  # login → `orgs` or `users`
    next_number: int = 1_000

    def pass_time(self, **some: float) -> None:
        """Let some time pass, as `timedelta` takes it."""
        self.now += timedelta(**some)

    def create(
        self, full_name: str, files: Mapping[str, Contents] | None = None, /, **says: Any
    ) -> Repo:
        """A new repository, with one commit if it has files. A name that is free again is taken."""
        owner, _, name = full_name.partition("/")
        self.moved.pop(full_name.lower(), None)
        self.owners.setdefault(owner.lower(), "orgs")
        self.next_number += 1
        made = Repo(self.next_number, owner, name, self.now, self.now, says=says)
        self.repos[made.number] = made
        if files:
            made.push(files, at=self.now)
        return made

    def rename(self, repo: Repo, full_name: str) -> None:
        """Rename or transfer; the old name leads here until somebody takes it."""
        self.moved[repo.full_name.lower()] = repo.number
        repo.owner, _, repo.name = full_name.partition("/")
        self.owners.setdefault(repo.owner.lower(), "orgs")

    def delete(self, repo: Repo) -> None:
        """It is gone, and so is what led to it."""
        del self.repos[repo.number]
        self.moved = {name: to for name, to in self.moved.items() if to != repo.number}

    def named(self, full_name: str) -> Repo | None:
        """By its name now."""
        low = full_name.lower()
        return next((one for one in self.repos.values() if one.full_name.lower() == low), None)
