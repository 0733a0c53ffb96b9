"""Credentials: where they are found, and where they go."""

from pathlib import Path

import httpx2
import pytest

from outbound.addresses import OutboundRefused
from outbound.credentials import Credential, CredentialUnset, credential


def signed(found: Credential, url: str) -> str:
    """The Authorization of a request to a URL."""
    return str(next(found.auth_flow(httpx2.Request("GET", url))).headers["Authorization"])


def test_credential_of_a_variable() -> None:
    """A token goes as Bearer, a `user:password` as Basic."""
    environ = {"MODEL_CATALOG_SECRET_A": "token", "MODEL_CATALOG_SECRET_A_HOST": "A.example"}

    assert credential("A", environ) == Credential("a.example", "token")
    assert signed(credential("A", environ), "https://a.example/") == "Bearer token"
    assert (
        signed(Credential("a.example", "user:word"), "https://a.example/") == "Basic dXNlcjp3b3Jk"
    )


def test_credential_of_a_file(tmp_path: Path) -> None:
    """A file's line end is not part of the secret."""
    (tmp_path / "secret").write_text("token\n")
    environ = {
        "MODEL_CATALOG_SECRET_A_FILE": str(tmp_path / "secret"),
        "MODEL_CATALOG_SECRET_A_HOST": "a.example",
    }

    assert credential("A", environ) == Credential("a.example", "token")


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"MODEL_CATALOG_SECRET_KEY": "the-service's-own-key"},
        {"MODEL_CATALOG_SECRET_KEY_HOST": "a.example"},
        {"MODEL_CATALOG_SECRET_KEY": "s3cret", "MODEL_CATALOG_SECRET_KEY_HOST": " "},
        {"MODEL_CATALOG_SECRET_KEY_FILE": "/nowhere", "MODEL_CATALOG_SECRET_KEY_HOST": "a.example"},
        {"MODEL_CATALOG_SECRET_KEY": "s3cret\nX: y", "MODEL_CATALOG_SECRET_KEY_HOST": "a.example"},
        {"MODEL_CATALOG_SECRET_KEY": "s3cret…", "MODEL_CATALOG_SECRET_KEY_HOST": "a.example"},
    ],
)
def test_credential_unset(environ: dict[str, str]) -> None:
    """Half a credential is none: a source that names `KEY` does not get the service's own key."""
    with pytest.raises(CredentialUnset, match="MODEL_CATALOG_SECRET_KEY") as unset:
        credential("KEY", environ)

    assert "s3cret" not in str(unset.value)


@pytest.mark.parametrize(
    "url",
    ["https://b.example/", "https://a.example.b.example/", "https://sub.a.example/", "https://xa.example/"],
)  # fmt: skip
def test_credential_elsewhere(url: str) -> None:
    """A new URL redirects no secret, and its source is not read anonymously instead."""
    with pytest.raises(OutboundRefused, match="does not go to"):
        signed(Credential("a.example", "token"), url)


def test_credential_host_with_port() -> None:
    """A host with a port means that port alone; one without means any."""
    narrow = Credential("a.example:8443", "token")

    assert signed(narrow, "https://a.example:8443/") == "Bearer token"
    assert signed(Credential("a.example", "token"), "https://a.example:8443/") == "Bearer token"
    with pytest.raises(OutboundRefused):
        signed(narrow, "https://a.example/")


def test_credential_shown() -> None:
    """A secret does not stand in a traceback."""
    assert "s3cret" not in repr(Credential("a.example", "s3cret"))
