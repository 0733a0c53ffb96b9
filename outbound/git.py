"""The way out for the `git` command: which remotes, at which addresses, with which credential."""

import re
import shlex
from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote

import httpx2

from outbound.addresses import (
    HIGHEST_PORT,
    HTTPS,
    Address,
    Allowed,
    OutboundRefused,
    Resolver,
    resolve,
)
from outbound.credentials import Credential

PORTS: Final = {"https": HTTPS, "http": 80, "ssh": 22}
LONGEST: Final = 500  # with a path below it, an identifier
HOST: Final = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"
USER: Final = r"(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]*)"
PATH: Final = r"(?P<path>[A-Za-z0-9._~+@(),=-](?:[A-Za-z0-9._~+@(),=:/-]|%[0-9A-Fa-f]{2})*)"
URL: Final = re.compile(
    rf"(?P<scheme>https?|ssh)://(?:{USER}@)?{HOST}(?::(?P<port>\d{{1,5}}))?/{PATH}", re.ASCII
)
SCP: Final = re.compile(rf"(?:{USER}@)?{HOST}:/?{PATH}", re.ASCII)
NUMBER: Final = re.compile(r"(?:\d+|0[xX][0-9A-Fa-f]*)", re.ASCII)
BRANCH: Final = re.compile(r"[^\x00-\x20\x7f~^:?*\[\\-][^\x00-\x20\x7f~^:?*\[\\]{0,199}")
KEY: Final = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")

ENVIRONMENT: Final = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",  # what it prints is read
}
OPTIONS: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.bigFileThreshold=1m",  # larger ones are streamed, not held in memory
    "credential.helper=",
    "gc.auto=0",
    "maintenance.auto=false",
    "pack.threads=1",
    "protocol.allow=never",
    "submodule.recurse=false",
    "http.followRedirects=false",  # the credential would follow to another host
    "http.proxy=",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=20",
)
SSH: Final = (
    "BatchMode=yes", "CanonicalizeHostname=no", "CheckHostIP=no", "ClearAllForwardings=yes",
    "ConnectTimeout=10", "ControlPath=none", "ForwardAgent=no", "ForwardX11=no",
    "GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "IdentityAgent=none",
    "KbdInteractiveAuthentication=no", "PasswordAuthentication=no", "PermitLocalCommand=no",
    "PreferredAuthentications=publickey", "ProxyCommand=none", "RequestTTY=no",
    "ServerAliveCountMax=2", "ServerAliveInterval=10", "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
)  # fmt: skip


class Remote(NamedTuple):
    """A repository as git is told of it."""

    url: str
    scheme: str  # https, http or ssh
    host: str
    port: int
    path: str  # without a leading slash

    @property
    def origin(self) -> str:
        """What a credential for it is configured at."""
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


class Ssh(NamedTuple):
    """Files for ssh: which hosts are known, and who asks."""

    known_hosts: Path
    identity: Path | None = None


class Asking(NamedTuple):
    """What stands before a git command that asks a remote, and its environment."""

    options: Sequence[str]
    environment: dict[str, str]


def read_remote(text: str) -> Remote:
    """A remote by https, ssh, or http inside what is allowed; git takes much more for one.

    Raises `OutboundRefused`; the text, which may hold a secret, is not repeated.
    """
    if len(text) > LONGEST:
        raise OutboundRefused("a remote is longer than any URL")
    found = URL.fullmatch(text) or SCP.fullmatch(text)
    if found is None:
        raise OutboundRefused(
            "a remote is none of https://host/path, ssh://user@host/path and user@host.name:path, "
            "in plain letters and without a password"
        )
    parts = found.groupdict()
    scheme = parts.get("scheme") or "ssh"
    host, path = parts["host"].lower(), parts["path"]
    if scheme != "ssh" and parts["user"]:
        raise OutboundRefused("a remote holds a credential; name it in the source's settings")
    if "scheme" not in parts and "." not in host:
        raise OutboundRefused("a remote names no host: local paths are not read")
    if any(step in {".", ".."} for step in unquote(path).split("/")):
        raise OutboundRefused("a remote steps through . or ..")
    port = int(parts.get("port") or PORTS[scheme])
    if not 1 <= port <= HIGHEST_PORT:
        raise OutboundRefused("a remote has a port that does not exist")
    _check_host(host)
    return Remote(text, scheme, host, port, path)


def check_branch(name: str) -> str:
    """A branch that git takes for nothing else. Raises `OutboundRefused`."""
    odd = ("..", "//", "@{", "/.", ".lock/")
    if (
        not BRANCH.fullmatch(name)
        or not name.isprintable()
        or any(part in name for part in odd)
        or name.startswith((".", "/"))
        or name.endswith((".", "/", ".lock"))
    ):
        raise OutboundRefused("a branch has a name that git refuses")
    return name


def addresses_of(
    remote: Remote, *, allowed: Allowed, resolver: Resolver | None = None
) -> tuple[Address, ...]:
    """Where a remote is, checked. Raises `OutboundRefused`, or another `OSError`.

    ssh at its own port is as good as https at its own: it proves the host before it says anything.
    """
    plain = remote.scheme == "http"
    port = HTTPS if (remote.scheme, remote.port) == ("ssh", PORTS["ssh"]) else remote.port
    return resolve(remote.host, port, allowed=allowed, plain=plain, resolver=resolver)


def asking(
    remote: Remote,
    addresses: Sequence[Address],
    *,
    credential: Credential | None,
    ca_file: str | None,
    ssh: Ssh | None,
) -> Asking:
    """Only these addresses are dialled, and a credential goes to its own host alone."""
    environment = {"GIT_ALLOW_PROTOCOL": remote.scheme}
    options = list(OPTIONS)
    if remote.scheme == "ssh":
        if ssh is None:
            raise OutboundRefused("ssh needs the file of the hosts that are known")
        environment["GIT_SSH_COMMAND"] = _ssh_command(remote, addresses[0], ssh=ssh)
        environment["GIT_SSH_VARIANT"] = "ssh"
    else:
        dialled = ",".join(_bracketed(address) for address in addresses)
        options.append(f"http.curloptResolve={remote.host}:{remote.port}:{dialled}")
        if ca_file is not None:
            options.append(f"http.sslCAInfo={ca_file}")
        if (header := _header(remote, credential)) is not None:
            environment |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": f"http.{remote.origin}/.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: {header}",
            }
    return Asking([part for option in options for part in ("-c", option)], environment)


def identity_of(remote: Remote, credential: Credential | None) -> str | None:
    """The private key for a remote, if the credential is one and this is its host."""
    if credential is None or not KEY.match(credential.secret):
        return None
    if credential.host not in {remote.host, f"{remote.host}:{remote.port}"}:
        return None
    return credential.secret.strip() + "\n"  # OpenSSH wants the end of the last line


def _header(remote: Remote, credential: Credential | None) -> str | None:
    if credential is None or KEY.match(credential.secret):
        return None
    request = httpx2.Request("GET", f"{remote.origin}/")
    try:
        next(credential.auth_flow(request))
    except OutboundRefused:
        return None  # another host: it is asked as anybody would ask
    return request.headers["Authorization"]


def _ssh_command(remote: Remote, address: Address, *, ssh: Ssh) -> str:
    """Git hands it to a shell; the name stays what is known of the host, not the address."""
    alias = remote.host if remote.port == PORTS["ssh"] else f"[{remote.host}]:{remote.port}"
    options = [
        *SSH,
        f"HostName={address}",
        f"HostKeyAlias={alias}",
        f'UserKnownHostsFile="{ssh.known_hosts}"',
    ]
    identity = "none" if ssh.identity is None else f'"{ssh.identity}"'
    options.append(f"IdentityFile={identity}")
    words = ["ssh", "-F", "none", *(part for option in options for part in ("-o", option))]
    return shlex.join(words)


def _bracketed(address: Address) -> str:
    return f"[{address}]" if isinstance(address, IPv6Address) else str(address)


def _check_host(host: str) -> None:
    """A host by its name or plain address: `127.1` and `0x7f000001` are read in many ways."""
    if len(host) > 253 or ".." in host:  # noqa: PLR2004  # what DNS takes
        raise OutboundRefused("a remote names no host")
    if NUMBER.fullmatch(host.rpartition(".")[2]):
        try:
            ip_address(host)
        except ValueError:
            raise OutboundRefused("a remote has an address in an odd notation") from None
