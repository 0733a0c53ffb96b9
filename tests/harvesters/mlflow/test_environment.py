"""The process environment of the MLflow client, and the addresses that may be read."""

from pathlib import Path

import pytest

from harvesters.errors import SourceRefused
from harvesters.mlflow.environment import check_plain_http, check_uri, prepare_environment
from harvesters.registry import Secret

HTTPS = "https://mlflow.example"


def test_prepare_environment_drops() -> None:
    """What would redirect the client, or replace its token, does not reach it."""
    before = {
        "PATH": "/bin", "HOME": "/home/me", "NETRC": "/home/me/.netrc", "https_proxy": "http://p",
        "ALL_PROXY": "http://p", "MLFLOW_REGISTRY_URI": "http://other", "MLFLOW_WORKSPACE": "x",
        "MLFLOW_TRACKING_INSECURE_TLS": "true", "MLFLOW_TRACKING_TOKEN": "theirs",
        "DATABRICKS_TOKEN": "theirs", "XDG_CONFIG_HOME": "/home/me/.config",
        "MODEL_CATALOG_SECRET_GITHUB": "other", "MODEL_CATALOG_OUTBOUND_ALLOW": "10.0.0.0/8",
    }  # fmt: skip
    assert prepare_environment(before, home="/empty", uri=HTTPS) == {
        "PATH": "/bin", "HOME": "/empty", "NETRC": "/dev/null", "DO_NOT_TRACK": "true",
        "MODEL_CATALOG_OUTBOUND_ALLOW": "10.0.0.0/8", "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1", "MLFLOW_ALLOW_HTTP_REDIRECTS": "false",
        "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("t0ken", {"MLFLOW_TRACKING_TOKEN": "t0ken"}),
        ("ada:pa:ss", {"MLFLOW_TRACKING_USERNAME": "ada", "MLFLOW_TRACKING_PASSWORD": "pa:ss"}),
    ],
)
def test_prepare_environment_secret(text: str, expected: dict[str, str]) -> None:
    """A credential is a token, or a name and a password; never all three."""
    prepared = prepare_environment({}, home="/", uri=HTTPS, secret=Secret(text, "mlflow.example"))
    credentials = {name: value for name, value in prepared.items() if "_TRACKING_" in name}
    assert credentials == expected


@pytest.mark.parametrize("uri", ["https://mlflow.example.evil", "https://evil/", "file:///tmp"])
def test_prepare_environment_other_host(uri: str) -> None:
    """A new address in a source redirects no secret."""
    with pytest.raises(SourceRefused):
        prepare_environment({}, home="/", uri=uri, secret=Secret("t0ken", "mlflow.example"))


def test_prepare_environment_extras() -> None:
    """A certificate belongs to its source; the file store is opened for file sources only."""
    prepared = prepare_environment({}, home="/", uri="file:///srv", ca_file="/etc/ca.pem")
    assert prepared["MLFLOW_TRACKING_SERVER_CERT_PATH"] == "/etc/ca.pem"
    assert prepared["MLFLOW_ALLOW_FILE_STORE"] == "true"
    assert prepared["MLFLOW_TRACKING_URI"] == "file:///srv"


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("HTTPS://MLflow.Example/", "https://mlflow.example"),
        ("http://127.0.0.1:5000/mlflow/", "http://127.0.0.1:5000/mlflow"),
        ("http://[::1]:5000", "http://[::1]:5000"),
    ],
)
def test_check_uri(given: str, canonical: str) -> None:
    """A server's address has one form."""
    assert check_uri(given) == canonical
    assert check_uri(canonical) == canonical


@pytest.mark.parametrize(
    "uri",
    [
        "", None, 7, "https://", "https://ada:pass@mlflow.example", "https://mlflow.example?x=1",
        "https://mlflow.example#x", "https://a\\b", "https://a b", "https://mlflow.example:x",
        "databricks", "postgresql://h/db", "/srv/mlruns", "file:///does/not/exist", "file:mlruns",
        "sqlite:////tmp/x.db", "sqlite:///file:/does/not/exist?mode=ro&uri=true",
        "sqlite:///file:/etc/hostname?mode=rw&uri=true", "sqlite:///file:/etc/hostname?uri=true",
    ],
)  # fmt: skip
def test_check_uri_refused(uri: object) -> None:
    """Neither credentials, nor what the client would create, nor other databases; nothing leaks."""
    with pytest.raises(SourceRefused) as refused:
        check_uri(uri)
    assert "pass" not in str(refused.value)


@pytest.mark.parametrize(
    ("uri", "advice"),
    [
        ("databricks-uc://profile", "Databricks"),
        ("postgresql+psycopg2://ada:pass@h/db", "the MLflow server in front of it"),
        ("mysql://h/db", "the MLflow server in front of it"),
        ("sqlite:////srv/mlflow.db", r"sqlite:///file:<path>\?mode=ro&uri=true"),
        ("sqlite:///file:/does/not/exist?mode=ro&uri=true", "does not exist"),
        ("file:///does/not/exist", "an existing folder"),
        ("https://ada:pass@mlflow.example", "name it in `credential`"),
    ],
)
def test_check_uri_advice(uri: str, advice: str) -> None:
    """A refusal says what to write instead."""
    with pytest.raises(SourceRefused, match=advice):
        check_uri(uri)


def test_check_uri_files(tmp_path: Path) -> None:
    """A database is opened read-only, a folder exists."""
    database = tmp_path / "mlflow.db"
    database.touch()
    for uri in (f"file://{tmp_path}", f"sqlite:///file:{database}?mode=ro&uri=true"):
        assert check_uri(uri) == uri


def test_check_plain_http() -> None:
    """Plain http goes where the operator allows it, and the refusal says how."""
    check_plain_http("https://does-not-resolve.invalid", "")
    check_plain_http("http://127.0.0.1:5000", "127.0.0.0/8")
    with pytest.raises(SourceRefused, match=r"MODEL_CATALOG_OUTBOUND_ALLOW=127\.0\.0\.1/32"):
        check_plain_http("http://127.0.0.1:5000", "10.0.0.0/8")
