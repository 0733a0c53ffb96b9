"""Which remotes git is told of, by which way, and who sees the credential."""

import os
import shlex
import subprocess
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outbound.addresses import Allowed, OutboundRefused
from outbound.credentials import Credential
from outbound.git import (
    Ssh,
    addresses_of,
    asking,
    check_branch,
    identity_of,
    read_remote,
)

PUBLIC = ip_address("140.82.121.4")
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://github.com/acme/churn", ("https", "github.com", 443, "acme/churn")),
        ("https://GitHub.com:8443/a/b.git", ("https", "github.com", 8443, "a/b.git")),
        ("http://127.0.0.1:80/a/b", ("http", "127.0.0.1", 80, "a/b")),
        (
            "https://dev.azure.com/o/My%20P/_git/r",
            ("https", "dev.azure.com", 443, "o/My%20P/_git/r"),
        ),
        (
            "ssh://git@git.example.com/acme/churn.git",
            ("ssh", "git.example.com", 22, "acme/churn.git"),
        ),
        ("ssh://git.example.com:2222/~x/churn", ("ssh", "git.example.com", 2222, "~x/churn")),
        ("git@git.example.com:acme/churn.git", ("ssh", "git.example.com", 22, "acme/churn.git")),
        ("git.example.com:/srv/churn.git", ("ssh", "git.example.com", 22, "srv/churn.git")),
    ],
)
def test_remote(text: str, expected: tuple[str, str, int, str]) -> None:
    """https, ssh in both forms, and http where it is allowed."""
    remote = read_remote(text)

    assert (remote.scheme, remote.host, remote.port, remote.path) == expected
    assert remote.url == text


@pytest.mark.parametrize(
    "text",
    [
        "ext::sh -c touch% /tmp/x", "EXT::sh", "ext::/bin/sh", "fd::17", "fd::17/x", "https::x/y",
        "file:///etc", "FILE:///etc", "/etc/passwd", "./x", "../x", "x/y", "C:\\x", "c:/x", "",
        "git://git.example.com/a/b", "ftp://git.example.com/a", "HTTPS://git.example.com/a/b",
        "Https://git.example.com/a/b", "SSH://git.example.com/a/b", "gopher://x.example/a",
        "--upload-pack=touch /tmp/x", "-oProxyCommand=x:y", "--upload-pack=x@git.example.com:a",
        "ssh://-oProxyCommand=touch/x", "ssh://-x@git.example.com/a", "-x@git.example.com:a/b",
        "git@-oProxyCommand=x.example.com:a/b", "git.example.com:-x/y/../z",
        "git@git.example.com:--upload-pack=x y", "https://x:tok@git.example.com/a/b",
        "https://tok@git.example.com/a/b", "ssh://x:tok@git.example.com/a/b",
        "https://git.example.com/a/../b", "https://git.example.com/%2e%2e/b",
        "https://git.example.com/a?x=y", "https://git.example.com/a#b", "https://git.example.com",
        "https://git.example.com/", "https://git.example.com:0/a", "https://git.example.com:99999/a",
        "https://127.1/a", "https://0x7f000001/a", "https://2130706433/a", "https://0177.0.0.1/a",
        "https://git.example.com./a", "https://git..example.com/a", "https://[::1]/a",
        "https://git.example.com/a b", "https://git.example.com/a\nb", "https://git.example.com/a\0",
        "https://git.example.com/a\r", "https://git.example.com\\@evil.example/a",
        "https://git.example.com/" + "a" * 2_000, "https://gít.example.com/a", "host:path",
        " https://git.example.com/a", "[git.example.com]:a",
    ],
)  # fmt: skip
def test_remote_refused(text: str) -> None:
    """GIT-02, GIT-10: nothing that runs a command, reads a disk or carries a secret."""
    with pytest.raises(OutboundRefused) as refused:
        read_remote(text)
    assert "tok" not in str(refused.value)


@given(st.text(max_size=60))
def test_remote_any(text: str) -> None:
    """Whatever is written: a remote, or a refusal."""
    try:
        remote = read_remote(text)
    except OutboundRefused:
        return
    assert remote.url.isascii()
    assert not remote.url.startswith("-")
    assert "::" not in remote.url.partition("/")[0]


@pytest.mark.parametrize(
    "name",
    ["", "-x", "--upload-pack=x", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "[a", "a\\b",
     "a\n", "/a", "a/", "a//b", "a.lock", "a@{1}", ".a", "a/.b", "a.",
     "\x7f", "a\u202eb", "x" * 300],
)  # fmt: skip
def test_branch_refused(name: str) -> None:
    """What is no branch, or could be taken for a pattern or an option."""
    with pytest.raises(OutboundRefused):
        check_branch(name)


@pytest.mark.parametrize("name", ["main", "release/1.2", "größe", "a-b", "feature/#12", "a@b"])
def test_branch(name: str) -> None:
    """What git takes for a branch too."""
    assert check_branch(name) == name
    asked = ["git", "check-ref-format", f"refs/heads/{name}"]
    assert subprocess.run(asked, check=False).returncode == 0  # noqa: S603


@pytest.mark.parametrize(
    ("url", "found", "allow", "refused"),
    [
        ("https://git.example.com/a/b", "140.82.121.4", "", None),
        ("ssh://git.example.com/a/b", "140.82.121.4", "", None),
        ("ssh://git.example.com:2222/a/b", "140.82.121.4", "", "port 2222"),
        ("https://git.example.com:8443/a/b", "140.82.121.4", "", "port 8443"),
        ("http://git.example.com/a/b", "140.82.121.4", "", "plain http"),
        ("http://git.example.com/a/b", "10.1.2.3", "", "MODEL_CATALOG_OUTBOUND_ALLOW=10.1.2.3/32"),
        ("http://git.example.com/a/b", "10.1.2.3", "10.0.0.0/8", None),
        ("https://git.example.com/a/b", "169.254.169.254", "0.0.0.0/0", "never"),
        ("ssh://git.example.com/a/b", "169.254.169.254", "0.0.0.0/0", "never"),
        ("ssh://git.example.com/a/b", "127.0.0.1", "", "private"),
        ("https://git.example.com/a/b", "::ffff:169.254.169.254", "", "never"),
        ("https://git.example.com/a/b", "64:ff9b::a9fe:a9fe", "", "never"),
    ],
)
def test_addresses(url: str, found: str, allow: str, refused: str | None) -> None:
    """SSRF-01, SSRF-02: every address is checked, whatever the way."""

    def resolver(_host: str, _port: int) -> Iterable[str]:
        return ["140.82.121.5" if not refused else "140.82.121.4", found]

    remote, allowed = read_remote(url), Allowed(allow)
    if refused is None and allow:
        addresses = addresses_of(remote, allowed=allowed, resolver=lambda *_: [found])
        assert [str(one) for one in addresses] == [found]
    elif refused is None:
        assert len(addresses_of(remote, allowed=allowed, resolver=resolver)) == 2
    else:
        with pytest.raises(OutboundRefused, match=refused):
            addresses_of(remote, allowed=allowed, resolver=lambda *_: [found])


@pytest.mark.parametrize(
    ("secret", "host", "header"),
    [
        ("t0ken", "git.example.com", "Authorization: Bearer t0ken"),
        ("anna:t0ken", "git.example.com", "Authorization: Basic YW5uYTp0MGtlbg=="),
        ("t0ken", "git.example.com:443", None),
        ("t0ken", "example.com", None),
        ("t0ken", "git.example.com.evil.example", None),
        (KEY, "git.example.com", None),
    ],
)
def test_asking_credential(secret: str, host: str, header: str | None) -> None:
    """SSRF-07: a credential goes to its own host, by no argument that others can read."""
    remote = read_remote("https://git.example.com/acme/churn.git")

    asks = asking(
        remote, [PUBLIC], credential=Credential(host, secret), ca_file="/etc/ca.pem", ssh=None
    )

    assert asks.environment.get("GIT_CONFIG_VALUE_0") == header
    assert asks.environment["GIT_ALLOW_PROTOCOL"] == "https"
    if header is not None:
        named = asks.environment["GIT_CONFIG_KEY_0"]
        assert named == "http.https://git.example.com/.extraHeader"
    assert "t0ken" not in " ".join(asks.options)
    options = dict(option.split("=", 1) for option in asks.options[1::2])
    assert options["http.curloptResolve"] == "git.example.com:443:140.82.121.4"
    assert options["http.followRedirects"] == "false"
    assert options["core.hooksPath"] == "/dev/null"
    assert options["http.proxy"] == ""
    assert options["http.sslCAInfo"] == "/etc/ca.pem"


def test_asking_addresses() -> None:
    """All of a host's addresses may be dialled, and no other."""
    remote = read_remote("https://git.example.com:8443/acme/churn.git")
    addresses = [PUBLIC, ip_address("2606:50c0::1")]

    asks = asking(remote, addresses, credential=None, ca_file=None, ssh=None)

    assert "http.curloptResolve=git.example.com:8443:140.82.121.4,[2606:50c0::1]" in asks.options


@pytest.mark.parametrize(
    ("url", "alias"),
    [
        ("ssh://git@git.example.com/acme/churn", "git.example.com"),
        ("git@git.example.com:acme/churn", "git.example.com"),
        ("ssh://git@git.example.com:2222/acme/churn", "[git.example.com]:2222"),
    ],
)
def test_asking_ssh(tmp_path: Path, url: str, alias: str) -> None:
    """Measured by `ssh -G`: the address is dialled, the name is checked, nothing else is read."""
    known, identity = tmp_path / "known", tmp_path / "a key"
    remote = read_remote(url)
    ssh = Ssh(known, identity)

    asks = asking(remote, [PUBLIC], credential=None, ca_file=None, ssh=ssh)

    command = [*shlex.split(asks.environment["GIT_SSH_COMMAND"]), "-G", "git.example.com"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(  # noqa: S603
        command, check=True, capture_output=True, text=True, env=environment
    )
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    assert said["hostname"] == str(PUBLIC)
    assert said["hostkeyalias"] == alias
    assert said["stricthostkeychecking"] == "true"
    assert said["userknownhostsfile"] == str(known)
    assert said["globalknownhostsfile"] == "/dev/null"
    assert said["identityfile"] == str(identity)
    assert said["batchmode"] == "yes"
    assert said["identitiesonly"] == "yes"
    assert said["passwordauthentication"] == "no"
    assert said["updatehostkeys"] == "false"
    assert asks.environment["GIT_ALLOW_PROTOCOL"] == "ssh"
    with pytest.raises(OutboundRefused, match="known"):
        asking(remote, [PUBLIC], credential=None, ca_file=None, ssh=None)


def test_identity() -> None:
    """SSRF-07: a private key is for its host, and ends as OpenSSH wants it."""
    remote = read_remote("git@git.example.com:acme/churn")

    assert identity_of(remote, Credential("git.example.com", KEY)) == KEY + "\n"
    assert identity_of(remote, Credential("git.example.com:22", KEY)) == KEY + "\n"
    assert identity_of(remote, Credential("other.example.com", KEY)) is None
    assert identity_of(remote, Credential("git.example.com", "t0ken")) is None
    assert identity_of(remote, None) is None
