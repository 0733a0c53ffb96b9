"""How a cluster is reached: with a service account's token, one that is set, or a kubeconfig's."""

import base64
import binascii
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx2

from harvesters.errors import SourceRefused
from harvesters.registry import Secret
from harvesters.serving.kubernetes.documents import flag, items, member, text
from harvesters.serving.kubernetes.settings import KubernetesSettings
from outbound.addresses import OutboundRefused, read_url
from outbound.credentials import Credential
from schemas.yaml_walk import LARGEST, YamlRefused, read_yaml

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
NOT_READ: Final = {  # of a user; each would run a program, or is none of what is read here
    "exec": "a program that makes tokens, which is not run",
    "auth-provider": "a provider of tokens, which is not asked",
    "client-certificate": "a client certificate, which is not used",
    "client-certificate-data": "a client certificate, which is not used",
    "username": "a user name and password, which are not used",
}
ODD: Final = {  # of a cluster
    "proxy-url": "goes through a proxy, which is not used",
    "tls-server-name": "has a certificate for another name",
}


class Access(NamedTuple):
    """The API's address, who asks there, and whose certificates are believed."""

    url: str
    auth: httpx2.Auth | None
    ca_file: str | None = None


@dataclass(frozen=True)
class TokenFile(httpx2.Auth):
    """A token that its file's owner replaces now and then; it is read for each request."""

    host: str
    path: Path

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Sign the request, on the host it belongs to."""
        try:
            token = self.path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise OutboundRefused("the file of the token cannot be read") from None
        if not _is_token(token):
            raise OutboundRefused("the file of the token holds no token")
        yield from Credential(self.host, token).auth_flow(request)


def find_access(
    settings: KubernetesSettings,
    secret: Secret | None,
    *,
    environ: Mapping[str, str],
    folder: Path,
    account: Path = SERVICE_ACCOUNT,
) -> Access:
    """The way in that the settings choose; `folder` is for a certificate that is no file yet.

    Raises `SourceRefused`; nothing of a secret stands in it.
    """
    if settings.in_cluster:
        _without(secret)
        return _in_cluster(environ, account)
    if settings.kubeconfig is not None:
        _without(secret)
        return _of_kubeconfig(Path(settings.kubeconfig), settings.context, folder=folder)
    auth: httpx2.Auth | None = None
    if secret is not None:
        if not _is_token(secret.text):
            raise SourceRefused("the secret of the source is no token of a service account")
        auth = Credential(secret.host.lower(), secret.text)
    return Access(settings.url or "", auth, settings.ca_file)


def _in_cluster(environ: Mapping[str, str], account: Path) -> Access:
    host, port = (environ.get(f"KUBERNETES_SERVICE_{one}", "") for one in ("HOST", "PORT"))
    if not host or not (account / "token").is_file():
        raise SourceRefused(
            "settings.in_cluster: there is no service account here; it holds in a pod only"
        )
    shown = f"[{host}]" if ":" in host else host
    url = _url(f"https://{shown}:{port or 443}")
    return Access(str(url), TokenFile(_netloc(url), account / "token"), str(account / "ca.crt"))


def _of_kubeconfig(path: Path, context: str | None, *, folder: Path) -> Access:
    document = _read(path)
    name = context or text(document, "current-context")
    chosen = _named(document, "context", name=name)
    cluster = _named(document, "cluster", name=text(chosen, "cluster"))
    user = _named(document, "user", name=text(chosen, "user"))
    for member_name, why in ODD.items():
        if member(cluster, member_name) is not None:
            message = f"the cluster of the kubeconfig {why}"
            raise SourceRefused(message)
    if flag(cluster, "insecure-skip-tls-verify"):
        raise SourceRefused("the kubeconfig skips the check of certificates, which is always made")
    url = _url(text(cluster, "server") or "")
    auth = _user(user, _netloc(url), path=path)
    return Access(str(url), auth, _authority(cluster, path, folder=folder))


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return read_yaml(file.read(LARGEST + 1)).value
    except OSError as error:
        message = f"settings.kubeconfig cannot be read: {error.strerror}"
    except YamlRefused as error:
        message = f"settings.kubeconfig cannot be read: {error.mark or ''}{error.code}"
    raise SourceRefused(message)


def _named(document: Any, one: str, *, name: str | None) -> Any:
    found = [entry.get(one) for entry in items(document, f"{one}s") if entry.get("name") == name]
    if name is None or not isinstance(found[0] if found else None, Mapping):
        message = f"the kubeconfig has no {one} of the name that is asked for"
        raise SourceRefused(message)
    return found[0]


def _user(user: Any, host: str, *, path: Path) -> httpx2.Auth:
    for name, what in NOT_READ.items():
        if member(user, name) is not None:
            message = (
                f"the user of the kubeconfig has {what}: give it the `token` or `tokenFile` of a "
                "service account"
            )
            raise SourceRefused(message)
    if file := text(user, "tokenFile"):  # it outweighs `token`, as for kubectl
        return TokenFile(host, path.parent / file)
    token = text(user, "token")
    if token is None or not _is_token(token):
        raise SourceRefused("the user of the kubeconfig has neither `token` nor `tokenFile`")
    return Credential(host, token)


def _authority(cluster: Any, path: Path, *, folder: Path) -> str | None:
    """A file, or what a file would hold, which outweighs it."""
    written = member(cluster, "certificate-authority-data")
    if not isinstance(written, str):
        file = text(cluster, "certificate-authority")
        return None if file is None else str(path.parent / file)
    try:
        raw = base64.b64decode(written, validate=True)
    except (ValueError, binascii.Error):
        raise SourceRefused("the kubeconfig's certificate-authority-data is no base64") from None
    (folder / "ca.crt").write_bytes(raw)
    return str(folder / "ca.crt")


def _url(written: str) -> httpx2.URL:
    try:
        return read_url(written.rstrip("/"))
    except OutboundRefused as error:
        message = f"the address of the cluster: {error}"
        raise SourceRefused(message) from None


def _netloc(url: httpx2.URL) -> str:
    return url.netloc.decode("ascii")


def _is_token(found: str) -> bool:
    return bool(found) and found.isascii() and found.isprintable() and not {*": "} & {*found}


def _without(secret: Secret | None) -> None:
    if secret is not None:
        raise SourceRefused("the source names a `credential`, and its settings another way in")
