"""The process in which MLflow's client runs: no telemetry, bounded time, no foreign credential."""

import tempfile
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from harvesters.errors import SourceRefused
from harvesters.registry import Secret

# With MLflow's defaults one call blocks for minutes on a refused connection, 20 on a hanging one.
SET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
    "NETRC": "/dev/null",
}
KEPT: Final = {"MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"}  # may be shorter
REMOVED: Final = (
    "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_INSECURE_TLS",
    "MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_WORKSPACE",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY",
    "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip


def check_uri(uri: str, secret: Secret | None) -> str:
    """A tracking URI that can be read without making anything. Raises `SourceRefused`."""
    parts = urlsplit(uri)
    if parts.scheme in {"http", "https"} and parts.hostname:
        if parts.username or parts.password:
            raise SourceRefused("the MLflow address holds a credential; name it in `credential`")
        if secret is not None and parts.hostname != secret.host:
            message = f"the credential is for {secret.host}, not for {parts.hostname}"
            raise SourceRefused(message)
        return uri.rstrip("/")
    if parts.scheme == "sqlite":
        return _sqlite(uri)
    if parts.scheme == "file" and Path(parts.path).is_dir():
        return uri
    raise SourceRefused(
        "settings.uri must be an http(s) address, sqlite:///file:<path>?mode=ro&uri=true of an "
        "existing file, or file:<folder> of an existing folder"
    )


def _sqlite(uri: str) -> str:
    """Only read-only file URIs: a plain URI to a missing file makes an empty registry."""
    path, _, query = uri.removeprefix("sqlite:///").partition("?")
    options = parse_qs(query)
    read_only = options.get("mode") == ["ro"] and options.get("uri") == ["true"]
    if path.startswith("file:") and read_only and Path(path.removeprefix("file:")).is_file():
        return uri
    raise SourceRefused("write sqlite:///file:<path of an existing file>?mode=ro&uri=true")


def prepare(environ: MutableMapping[str, str], secret: Secret | None) -> None:
    """Change the environment before the import of mlflow; only a secret of the source is set."""
    for name in REMOVED:
        environ.pop(name, None)
    for name, value in SET.items():
        if name not in KEPT or not environ.get(name, "").isdigit():
            environ[name] = value
    environ["HOME"] = tempfile.mkdtemp(prefix="model-catalog-")
    if environ.get("MLFLOW_ALLOW_FILE_STORE") is None:
        environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    if secret is not None:
        user, separator, password = secret.text.partition(":")
        if separator:
            environ["MLFLOW_TRACKING_USERNAME"] = user
            environ["MLFLOW_TRACKING_PASSWORD"] = password
        else:
            environ["MLFLOW_TRACKING_TOKEN"] = secret.text
