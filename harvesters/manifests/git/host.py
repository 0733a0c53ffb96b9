"""Repositories at any git server, one by one, by the `git` command."""

import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.manifests.git.failures import AWAY, NOT_LET_IN, secrets_of
from harvesters.manifests.git.process import Work
from harvesters.manifests.git.tree import FILTER, GitTree
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Head, Repository
from outbound.addresses import Allowed, OutboundRefused, Resolver
from outbound.credentials import Credential
from outbound.git import (
    Asking,
    Remote,
    Ssh,
    addresses_of,
    asking,
    check_branch,
    identity_of,
)
from schemas.hooks import Hint
from schemas.identifiers import Identifier, Kind

VERSION: Final = "git/1"
THREADS: Final = 4
OLDEST: Final = (2, 37)  # the first that connects to the address it is told to
COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
TRACE: Final = "packets"
SPARING: Final = ("--depth=1", "--no-tags", f"--filter=blob:limit={FILTER}")
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Told(NamedTuple):
    """What a host of this kind goes by."""

    remotes: Mapping[Identifier, Remote]  # by the URL that identifies a repository
    allowed: Allowed
    seconds: float
    most: int  # bytes on disk for one repository
    dialect: str = "github"
    credential: Credential | None = None
    ca_file: str | None = None
    known_hosts: Path | None = None
    resolver: Resolver | None = None


class GitHost:
    """The repositories that a source lists, wherever they are."""

    version = VERSION

    def __init__(self, told: Told) -> None:
        """Nothing is asked yet."""
        self.told, self.dialect = told, told.dialect
        self.secrets = secrets_of(told.credential)

    def repositories(self) -> Iterator[Sequence[Repository]]:
        """Those in the source's settings, all at once. Raises `SourceRefused`."""
        with self._work() as work:
            check_version(work.run(["--version"]).decode("utf-8", "replace"))
        yield [_repository(identity, remote) for identity, remote in self.told.remotes.items()]

    def claims(self, hint: Hint) -> bool:
        """Is it about one of the list?"""
        return self._listed(hint.repository, hint.url) is not None

    def find(self, identity: Identifier | None, *, url: str | None) -> Repository | None:
        """One of the list; nothing else is this source's."""
        return self._listed(identity, url)

    def heads(
        self, repositories: Sequence[Repository]
    ) -> Iterator[tuple[Repository, Head | RepositoryUnreadable]]:
        """One `ls-remote` each, four at a time. Where nobody lets us in, raises `SourceRefused`."""
        failed: list[RepositoryUnreadable] = []
        for one, head in spread(self._head, repositories, threads=THREADS):
            if isinstance(head, RepositoryUnreadable):
                failed.append(head)
            yield one, head
        several = len(repositories) > 1 or len(self.told.remotes) == 1
        if not several or not failed or len(failed) < len(repositories):
            return
        codes, why = {one.code for one in failed}, failed[-1].message
        if codes <= NOT_LET_IN:
            message = f"no repository of the source lets us in: {why}"
            raise SourceRefused(message)
        if codes <= AWAY:
            message = f"no repository of the source answers: {why}"
            raise SourceUnavailable(message)

    @contextmanager
    def open(self, repository: Repository, head: Head) -> Iterator[GitTree]:
        """A bare clone of one commit without its large files. Raises `RepositoryUnreadable`."""
        remote = self.told.remotes[repository.identity]
        commit = head.commit or ""
        with self._work() as work:
            asks = self._asks(remote, work)
            clone = str(work.folder / "clone")
            branch = [f"--branch={_checked(repository.branch)}"] if repository.branch else []
            work.run(
                [
                    *asks.options, "clone", "--quiet", "--bare", "--single-branch", "--template=",
                    *SPARING, *branch, "--", remote.url, clone,
                ],
                asks.environment,
            )  # fmt: skip
            _forget_remotes(Path(clone))
            refs = work.run(["--git-dir", clone, "for-each-ref", "--format=%(objectname)"])
            if commit not in refs.decode().split():  # it moved: what was said is what is read
                work.run(
                    [
                        "--git-dir", clone, *asks.options, "fetch", "--quiet", *SPARING,
                        "--no-write-fetch-head", "--", remote.url, commit,
                    ],
                    asks.environment,
                )  # fmt: skip
                _forget_remotes(Path(clone))
            yield GitTree(work, clone, commit=commit)

    def _listed(self, identity: Identifier | None, url: str | None) -> Repository | None:
        for one in (identity, _identity(url)):
            if one is not None and (remote := self.told.remotes.get(one)) is not None:
                return _repository(one, remote)
        return None

    def _head(self, repository: Repository) -> Head | RepositoryUnreadable:
        remote = self.told.remotes[repository.identity]
        try:
            with self._work() as work:
                return self._ask_head(work, remote, branch=repository.branch)
        except RepositoryUnreadable as error:
            return error

    def _ask_head(self, work: Work, remote: Remote, *, branch: str | None) -> Head:
        wanted = f"refs/heads/{_checked(branch)}" if branch else "HEAD"
        asked = ["HEAD"] if branch is None else ["HEAD", wanted]
        refs = self._references(work, remote, "--symref", "--", remote.url, *asked)
        if wanted in refs:
            named = refs.get("ref", "").removeprefix("refs/heads/")
            return Head(refs[wanted], branch or _named(named))
        if refs:
            message = f"it has no branch {branch}"
            raise RepositoryUnreadable("branch_missing", message)
        if self._references(work, remote, "--heads", "--", remote.url):
            message = "its default branch does not exist: name one in `branches`"
            raise RepositoryUnreadable("branch_missing", message)
        return Head(None)

    def _references(self, work: Work, remote: Remote, *words: str) -> dict[str, str]:
        """Commits by reference; `ref` is where HEAD points.

        Git takes a page of HTML for a repository without references: only who spoke its protocol
        has said that there are none.
        """
        asks = self._asks(remote, work)
        trace = work.folder / TRACE
        environment = asks.environment | {"GIT_TRACE_PACKET": str(trace)}
        told = work.run([*asks.options, "ls-remote", *words], environment).decode(
            "utf-8", "replace"
        )
        if not trace.exists():
            raise RepositoryUnreadable("not_git", "the server does not speak the git protocol")
        trace.unlink()
        refs: dict[str, str] = {}
        for line in told.splitlines():
            first, _, name = line.partition("\t")
            if first.startswith("ref: ") and name == "HEAD":
                refs["ref"] = first.removeprefix("ref: ")
            elif COMMIT.fullmatch(first):
                refs[name] = first
        return refs

    def _asks(self, remote: Remote, work: Work) -> Asking:
        told = self.told
        try:
            addresses = addresses_of(remote, allowed=told.allowed, resolver=told.resolver)
            return asking(
                remote,
                addresses,
                credential=told.credential,
                ca_file=told.ca_file,
                ssh=self._ssh(remote, work) if remote.scheme == "ssh" else None,
            )
        except OutboundRefused as error:
            raise RepositoryUnreadable("refused_address", str(error)) from None
        except OSError as error:
            raise RepositoryUnreadable("unreachable", str(error)) from None

    def _ssh(self, remote: Remote, work: Work) -> Ssh:
        """Copies: their paths hold no letter that means something to ssh."""
        if self.told.known_hosts is None:
            raise OutboundRefused("ssh needs `ssh_known_hosts`, the file of the hosts it may meet")
        known, identity = work.folder / "known_hosts", None
        try:
            known.write_bytes(self.told.known_hosts.read_bytes())
        except OSError as error:
            message = f"the file `ssh_known_hosts` cannot be read: {error.strerror}"
            raise SourceRefused(message) from None
        if (key := identity_of(remote, self.told.credential)) is not None:
            identity = work.folder / "identity"
            identity.touch(mode=0o600)
            identity.write_text(key)
        return Ssh(known, identity)

    def _work(self) -> Work:
        return Work(seconds=self.told.seconds, most=self.told.most, secrets=self.secrets)


def spread(
    work: Callable[[Asked], Answer], asked: Sequence[Asked], *, threads: int
) -> Iterator[tuple[Asked, Answer]]:
    """Answers as they come, of threads that neither a way out nor the interpreter's end waits for.

    A failure is raised here.
    """
    left, waiting = threading.Event(), queue.SimpleQueue[Asked]()
    answers: queue.SimpleQueue[tuple[Asked, Future[Answer]]] = queue.SimpleQueue()
    for one in asked:
        waiting.put(one)

    def run() -> None:
        while not left.is_set():
            try:
                one = waiting.get_nowait()
            except queue.Empty:
                return
            answer: Future[Answer] = Future()
            try:
                answer.set_result(work(one))
            except BaseException as error:  # noqa: BLE001  # raised where it is awaited
                answer.set_exception(error)
            answers.put((one, answer))

    for _ in range(min(threads, len(asked))):
        threading.Thread(target=run, daemon=True).start()
    try:
        for _ in asked:
            one, answer = answers.get()
            yield one, answer.result()
    finally:
        left.set()


def check_version(told: str) -> None:
    """Older ones would look up hosts once more. Raises `SourceRefused`."""
    found = re.search(r"(\d+)\.(\d+)", told)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        message = f"git {'.'.join(map(str, OLDEST))} or newer is needed, not {told.strip()[:60]!r}"
        raise SourceRefused(message)


def _repository(identity: Identifier, remote: Remote) -> Repository:
    return Repository(identity, identity.value, remote.path.strip("/").removesuffix(".git"))


def _identity(url: str | None) -> Identifier | None:
    with suppress(ValueError):
        return Identifier(kind=Kind.REPOSITORY, scheme="url", value=url) if url else None
    return None


def _checked(branch: str) -> str:
    try:
        return check_branch(branch)
    except OutboundRefused as error:
        raise RepositoryUnreadable("branch_missing", str(error)) from None


def _named(branch: str) -> str | None:
    with suppress(OutboundRefused):
        return check_branch(branch)
    return None


def _forget_remotes(clone: Path) -> None:
    """Git fetches what a filter left out as soon as anything asks for it, while it knows where."""
    config, kept, inside = clone / "config", list[str](), False
    for line in config.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("["):
            inside = line.lower().startswith("[remote ")
        if not inside and "partialclone" not in line.lower():
            kept.append(line)
    config.write_text("".join(kept), encoding="utf-8")
