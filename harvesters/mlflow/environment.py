"""The process environment that the MLflow client needs before it is imported, and its address."""

import re
import socket
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.registry import Secret
from outbound.addresses import VARIABLE, Allowed, unwrapped

# The client obeys all of these: a `.netrc` entry replaces the token, a proxy answers in the
# server's place, MLFLOW_REGISTRY_URI and MLFLOW_WORKSPACE silently read another registry.
UNWANTED_PREFIXES: Final = (
    "MLFLOW_", "_MLFLOW_", "DATABRICKS_", "XDG_", "MODEL_CATALOG_SECRET_",
)  # fmt: skip
UNWANTED: Final = {"HOME", "NETRC"}
CLIENT: Final[Mapping[str, str]] = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",  # it is believed up to six hours
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",  # another host's `{}` would be an empty registry
    "NETRC": "/dev/null",
}
SQLITE: Final = re.compile(r"sqlite:///file:(?P<path>/[^?#]+)\?(?P<query>[a-z=&]+)")
READ_ONLY: Final = {"mode=ro", "uri=true"}
DATABASES: Final = {"postgresql", "postgres", "mysql", "mssql", "oracle"}


def prepare_environment(
    environ: Mapping[str, str],
    *,
    home: str,
    uri: str,
    secret: Secret | None = None,
    ca_file: str | None = None,
) -> dict[str, str]:
    """The environment to run the client in; pure. `home` is an empty folder.

    A secret is `user:password` or a token, and goes to the host that its operator named only.
    Raises `SourceRefused` for any other.
    """
    prepared = {name: text for name, text in environ.items() if not _is_unwanted(name)}
    prepared |= {**CLIENT, "HOME": home}
    if uri.startswith("file:"):
        # Its store asks for logged models at the default address, else a database made on the spot.
        prepared |= {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_TRACKING_URI": uri}
    if ca_file is not None:
        prepared["MLFLOW_TRACKING_SERVER_CERT_PATH"] = ca_file
    if secret is not None:
        _check_host(uri, secret.host)
        user, colon, password = secret.text.partition(":")
        if colon:
            prepared |= {"MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": password}
        else:
            prepared["MLFLOW_TRACKING_TOKEN"] = secret.text
    return prepared


def check_uri(uri: object) -> str:
    """A tracking server's address in one form. Raises `SourceRefused` for all that is none.

    A database is opened read-only and a folder must exist: the client would create both.
    """
    if not isinstance(uri, str) or not uri.isprintable() or "\\" in uri or " " in uri:
        raise SourceRefused("settings.uri must be the address of an MLflow server")
    scheme = uri.partition(":")[0].lower()
    if scheme in {"http", "https"}:
        return _check_web(uri, scheme)
    if scheme == "sqlite":
        return _check_sqlite(uri)
    if scheme == "file":
        path = uri.removeprefix("file://")
        if not path.startswith("/") or not Path(path).is_dir():
            raise SourceRefused("settings.uri must name an existing folder: file:///absolute/path")
        return uri
    if scheme.startswith("databricks"):
        raise SourceRefused("settings.uri names Databricks, whose registry is not read")
    if scheme.partition("+")[0] in DATABASES:
        raise SourceRefused(
            "settings.uri names a database, which is not opened; give the address of the MLflow "
            "server in front of it"
        )
    raise SourceRefused("settings.uri must be an http, https, sqlite or file address")


def check_plain_http(uri: str, allowed: str) -> None:
    """Plain http goes to addresses that the operator allowed only. Raises `SourceRefused`."""
    parts = urlsplit(uri)
    if parts.scheme != "http":
        return
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM)
    except OSError as error:
        message = f"{parts.hostname} has no address: {error.strerror}"
        raise SourceUnavailable(message) from None
    ranges = Allowed(allowed)
    for address in {unwrapped(ip_address(str(entry[4][0]).split("%", 1)[0])) for entry in found}:
        if address not in ranges:
            message = (
                f"{address} is asked over plain http; use https, or allow the address with "
                f"{VARIABLE}={address}/{address.max_prefixlen}"
            )
            raise SourceRefused(message)


def _is_unwanted(name: str) -> bool:
    upper = name.upper()
    return upper in UNWANTED or upper.startswith(UNWANTED_PREFIXES) or upper.endswith("_PROXY")


def _check_web(uri: str, scheme: str) -> str:
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SourceRefused("settings.uri cannot be read as an address") from None
    if "@" in parts.netloc:
        raise SourceRefused(
            "settings.uri holds a credential, which errors would print; name it in `credential`"
        )
    if not host or parts.query or parts.fragment:
        raise SourceRefused("settings.uri must be a server's address without query and fragment")
    shown = f"[{host}]" if ":" in host else host
    address = f"{shown}:{port}" if port else shown
    return f"{scheme}://{address}{parts.path.rstrip('/')}"


def _check_sqlite(uri: str) -> str:
    found = SQLITE.fullmatch(uri)
    if not found or set(found["query"].split("&")) != READ_ONLY:
        raise SourceRefused(
            "settings.uri must open a database read-only: sqlite:///file:<path>?mode=ro&uri=true"
        )
    if not Path(found["path"]).is_file():
        raise SourceRefused("settings.uri names a database file that does not exist")
    return uri


def _check_host(uri: str, host: str) -> None:
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"}:
        raise SourceRefused("a credential is for servers; this source is a file")
    if host.lower() not in {parts.hostname, parts.netloc.lower()}:
        message = f"the credential may go to {host} only, and the source's server is another"
        raise SourceRefused(message)
