"""Where git may go, what it may take, and who hears the secret."""

import os
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harvesters.errors import SourceRefused
from harvesters.manifests.git.failures import scrubbed, secrets_of, why_failed
from harvesters.manifests.git.process import Work
from harvesters.manifests.host import RepositoryUnreadable
from outbound.credentials import Credential
from outbound.git import OPTIONS
from tests.harvesters.manifests.git.conftest import MakeHost, code_of, contents, listed, only, read
from tests.support.git_server import Drip, GitServer, Hang, Redirect, Status, run_git_server

MANIFEST = b"apiVersion: model-catalog/v1\n"
TOKEN = "t0ken-that-nobody-may-see"  # noqa: S105


@pytest.fixture
def trap() -> Iterator[socket.socket]:
    """An address that nobody may reach; whoever does would wait in its queue."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        yield listener


def reached(trap: socket.socket) -> bool:
    """Did anybody connect?"""
    try:
        trap.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize("name", ["internal.example", "127.0.0.1", "localhost"])
def test_inner_address(make_host: MakeHost, trap: socket.socket, name: str) -> None:
    """SSRF-01: an inner address is refused before anything is sent, with how to allow it."""
    url = f"https://{name}:{trap.getsockname()[1]}/acme/churn"
    host = make_host(url, allow="", resolver=lambda *_: ["127.0.0.1"])

    _, head = only(host)

    assert head.code == "refused_address"
    assert "MODEL_CATALOG_OUTBOUND_ALLOW=127.0.0.1/32" in head.message
    assert not reached(trap)


@pytest.mark.parametrize("name", ["no-such-host.invalid", "No-Such-Host.Invalid"])
def test_rebinding(git_server: GitServer, make_host: MakeHost, name: str) -> None:
    """SSRF-02: git connects to the address that was checked; it looks no name up itself."""
    churn = git_server.create("acme/churn")
    commit = churn.commit({"model.yaml": MANIFEST})
    url = churn.url.replace("127.0.0.1", name)

    _, head = only(make_host(url, resolver=lambda *_: ["127.0.0.1"]))

    assert head.commit == commit
    assert {one["host"].lower() for one in git_server.headers} == {
        f"{name.lower()}:{git_server.port}"
    }


def test_mixed_addresses(make_host: MakeHost) -> None:
    """SSRF-02: one address that is refused refuses the host."""
    host = make_host(
        "http://git.example.com/a/b", resolver=lambda *_: ["127.0.0.1", "169.254.169.254"]
    )

    assert only(host)[1].code == "refused_address"


def test_unknown_host(make_host: MakeHost) -> None:
    """A host that has no address is away, like one that does not answer."""

    def nothing(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    host = make_host("https://a.example/a/b", "https://b.example/a/b", resolver=nothing)
    (first, _) = listed(host)

    assert [code_of(head) for _, head in host.heads([first])] == ["unreachable"]


@pytest.mark.parametrize("where", ["info/refs", "after"])
def test_redirect_to_inner(
    git_server: GitServer, make_host: MakeHost, trap: socket.socket, where: str
) -> None:
    """SSRF-03: no redirect is followed, so no credential either."""
    churn = git_server.create("acme/churn")
    churn.commit({"model.yaml": MANIFEST})
    inner = f"http://127.0.0.1:{trap.getsockname()[1]}/*"
    host = make_host(churn.url, credential=Credential("127.0.0.1", TOKEN))
    repository, head = only(host)
    git_server.behave("acme/churn", Redirect(inner))

    if where == "info/refs":
        assert only(host)[1].code == "redirected"
    else:
        with pytest.raises(RepositoryUnreadable) as raised, host.open(repository, head):
            pytest.fail("it was redirected")
        assert raised.value.code == "redirected"
    assert not reached(trap)


@pytest.mark.parametrize("secret", [TOKEN, f"anna:{TOKEN}"])
def test_credential(
    git_server: GitServer, make_host: MakeHost, secret: str, tmp_path: Path
) -> None:
    """A token or user and password open the server; SSRF-07: no other host hears of them."""
    encoded = b64encode(secret.encode()).decode()
    git_server.require(f"Basic {encoded}" if ":" in secret else f"Bearer {secret}")
    churn = git_server.create("acme/churn")
    churn.commit({"model.yaml": MANIFEST})
    with run_git_server(tmp_path / "other") as other:
        elsewhere = other.create("acme/public")
        commit = elsewhere.commit({"model.yaml": MANIFEST})
        bound = Credential(f"127.0.0.1:{git_server.port}", secret)
        host = make_host(churn.url, elsewhere.url, credential=bound)

        heads = {one.path: head for one, head in host.heads(listed(host))}

        assert {getattr(one, "commit", one) for one in heads.values()} >= {commit}
        assert all("authorization" not in one for one in other.headers)
    _, files = read(make_host(churn.url, credential=bound))
    assert contents(files) == {"model.yaml": MANIFEST}


@pytest.mark.parametrize("secret", [TOKEN, f"anna:{TOKEN}"])
def test_leak_echoed(
    git_server: GitServer, make_host: MakeHost, secret: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """LEAK-01: what a server repeats of the header stands in no error and no output."""
    encoded = b64encode(secret.encode()).decode()
    churn, fraud = (git_server.create(f"acme/{name}") for name in ("churn", "fraud"))
    host = make_host(churn.url, fraud.url, credential=Credential("127.0.0.1", secret))
    body = f"fatal: bad token {secret} {encoded} {TOKEN}\nerror: {secret}\n".encode()

    for status in (401, 403, 404, 500, 200):
        git_server.behave("acme/churn", Status(status, body))
        (first, _) = listed(host)
        ((_, head),) = host.heads([first])
        assert isinstance(head, RepositoryUnreadable)
        assert TOKEN not in head.message
        assert encoded not in head.message
    git_server.require("Bearer another")
    with pytest.raises(SourceRefused) as refused:
        list(host.heads(listed(host)))
    assert TOKEN not in str(refused.value)
    out, err = capfd.readouterr()
    assert TOKEN not in out + err
    assert encoded not in out + err


def test_leak_in_arguments(git_server: GitServer, make_host: MakeHost) -> None:
    """LEAK: while git runs, no argument of any process holds the secret."""
    churn = git_server.create("acme/churn")
    git_server.behave("acme/churn", Hang(3))
    host = make_host(churn.url, credential=Credential("127.0.0.1", TOKEN), seconds=2.0)
    seen: list[bytes] = []

    def look() -> None:
        while not any(b"ls-remote" in one for one in seen):
            for one in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.append(one.read_bytes())
                except OSError:
                    continue

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    with pytest.raises(Exception, match="no repository of the source answers"):
        only(host)
    looking.join(timeout=30)

    assert any(b"ls-remote" in one for one in seen)
    assert not any(TOKEN.encode() in one for one in seen if b"ls-remote" in one)
    assert git_server.headers[0]["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("how", [Hang(), Drip(0.2)])
def test_slow_server(
    git_server: GitServer, make_host: MakeHost, work_folders: Path, how: Hang | Drip
) -> None:
    """GIT-07: a server that hangs or drips ends with its time; no process, no file is left."""
    churn, fraud = (git_server.create(f"acme/{name}") for name in ("churn", "fraud"))
    churn.commit({"model.yaml": MANIFEST})
    commit = fraud.commit({"model.yaml": MANIFEST})
    git_server.behave("acme/churn", how)
    host = make_host(churn.url, fraud.url, seconds=1.5)

    heads = {one.path: head for one, head in host.heads(listed(host))}

    assert getattr(heads["acme/churn"], "code", None) == "timeout"
    assert getattr(heads["acme/fraud"], "commit", None) == commit
    assert list(work_folders.iterdir()) == []
    assert running(churn.url) == []


def test_work_quota(work_folders: Path) -> None:
    """GIT-06: what fills the folder is ended, in whatever file it writes."""

    def fill() -> None:
        endless = ["hash-object", "--stdin-paths"]
        with (
            Work(seconds=60, most=1_000_000) as work,
            work.reading(endless, stdin=b"/dev/zero\n") as told,
        ):
            (work.folder / "filler").write_bytes(bytes(1_000_001))
            told.read()

    with pytest.raises(RepositoryUnreadable) as raised:
        fill()
    assert raised.value.code == "too_large"
    assert list(work_folders.iterdir()) == []


def test_work_time(work_folders: Path) -> None:
    """What reads too slowly is ended too, with its whole group."""
    with (
        pytest.raises(RepositoryUnreadable) as raised,
        Work(seconds=0.5, most=1_000_000) as work,
        work.reading(["-c", "alias.wait=!sleep 4711 & sleep 4711", "wait"]) as told,
    ):
        told.read()
    assert raised.value.code == "timeout"
    assert list(work_folders.iterdir()) == []
    assert running("sleep 4711") == []


def test_work_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SSRF-10, GIT-04: nothing of this process's environment or home reaches git."""
    for name, value in {
        "GIT_SSH_COMMAND": "false", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "x.y",
        "GIT_CONFIG_VALUE_0": "z", "https_proxy": "http://127.0.0.1:1", "HOME": str(tmp_path),
        "GIT_DIR": str(tmp_path), "GIT_EXEC_PATH": str(tmp_path), "GIT_TRACE": "1",
        "LD_PRELOAD": "",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    (tmp_path / ".gitconfig").write_text("[x]\n\ty = home\n")
    with Work(seconds=30, most=1_000_000) as work:
        told = work.run(["-c", "alias.shown=!env", "shown"]).decode()
        known = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
        configured = work.run(["-c", "a.b=c", "config", "--list", "--show-origin"]).decode()
        home = str(work.folder / "home")

    assert known["HOME"] == home
    assert known["GIT_ALLOW_PROTOCOL"] == "none"
    assert not {"https_proxy", "GIT_SSH_COMMAND", "GIT_TRACE", "LD_PRELOAD"} & known.keys()
    assert configured == "command line:\ta.b=c\n"


@pytest.mark.parametrize("url", ["ext::sh -c 'touch ran'", "file://{here}", "{here}"])
def test_work_protocols(tmp_path: Path, url: str) -> None:
    """GIT-02: even if such a URL came by, this git would not go that way."""
    options = [part for option in OPTIONS for part in ("-c", option)]
    with Work(seconds=30, most=1_000_000) as work:
        with pytest.raises(RepositoryUnreadable):
            work.run([*options, "ls-remote", "--", url.format(here=tmp_path)])
        assert not (work.folder / "home" / "ran").exists()


def test_git_runs_options_as_commands(tmp_path: Path) -> None:
    """Measured: without `--`, a URL that is an option runs a command; with it, it is a path."""
    ran = tmp_path / "ran"
    url = f"--upload-pack=touch {ran};"
    with Work(seconds=30, most=1_000_000) as work:
        for words, runs in (([url, str(tmp_path)], True), (["--", url, str(tmp_path)], False)):
            ran.unlink(missing_ok=True)
            with pytest.raises(RepositoryUnreadable):
                work.run(["ls-remote", *words], {"GIT_ALLOW_PROTOCOL": "file"})
            assert ran.exists() is runs


def test_git_header_follows_redirects(git_server: GitServer) -> None:
    """Measured: unless redirects are off, the credential follows one to another host."""
    churn = git_server.create("acme/churn")
    churn.commit({"model.yaml": MANIFEST})
    header = f"http.http://127.0.0.1:{git_server.port}/.extraHeader=X-Secret: {TOKEN}"
    with listening() as (port, heard):
        git_server.behave("acme/churn", Redirect(f"http://localhost:{port}/*"))
        for follow, leaks in (("true", True), ("false", False)):
            heard.clear()
            words = ["-c", f"http.followRedirects={follow}", "-c", header, "ls-remote", churn.url]
            with Work(seconds=30, most=1_000_000) as work, pytest.raises(RepositoryUnreadable):
                work.run(words, {"GIT_ALLOW_PROTOCOL": "http"})
            assert any(TOKEN in one for one in heard) is leaks


@contextmanager
def listening() -> Iterator[tuple[int, list[str]]]:
    """A server that hears, and answers 404."""
    heard: list[str] = []
    with socket.create_server(("localhost", 0)) as listener:

        def listen() -> None:
            while True:
                try:
                    asking, _ = listener.accept()
                except OSError:
                    return
                with asking:
                    heard.append(asking.recv(65_536).decode())
                    asking.sendall(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=listen, daemon=True).start()
        yield listener.getsockname()[1], heard
        with socket.create_connection(listener.getsockname()[:2]):  # wakes it up
            listener.shutdown(socket.SHUT_RDWR)


def test_failures() -> None:
    """The last words of git itself count; what the server writes decides nothing."""
    said = "remote: fatal: Authentication failed\nfatal: repository 'https://x/' not found\n"
    assert why_failed(128, said).code == "not_found_or_hidden"
    assert why_failed(128, "remote: Permission denied (\nfatal: what?\n").code == "git_failed"
    assert why_failed(-9, "").message == "git ended with -9"
    assert "\x1b" not in why_failed(128, "fatal: \x1b[2Jwhat\n").message
    assert secrets_of(None) == []
    forms = secrets_of(Credential("x", "anna:pass"))
    assert scrubbed("anna:pass YW5uYTpwYXNz pass", forms) == "[secret] [secret] [secret]"


def test_git_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git the source is refused, in words."""
    monkeypatch.setenv("PATH", "/nonexistent")
    with (
        Work(seconds=30, most=1_000_000) as work,
        pytest.raises(SourceRefused, match="not installed"),
    ):
        work.run(["--version"])


def running(words: str) -> list[int]:
    """Those that a kill has reached may take a moment; others run until the end of the wait."""
    found = _running(words)
    for _ in range(200):
        if not found:
            break
        time.sleep(0.05)
        found = _running(words)
    return found


def _running(words: str) -> list[int]:
    """Processes that run with these words in their command line."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            command = (one / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            state = (one / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if words in command and state != "Z" and int(one.name) != os.getpid():
            found.append(int(one.name))
    return found
