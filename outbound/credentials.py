"""Credentials of sources: from the environment, each for one host."""

from base64 import b64encode
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx2

from outbound.addresses import OutboundRefused

PREFIX: Final = "MODEL_CATALOG_SECRET_"


class CredentialUnset(LookupError):
    """A credential that a source names is not set, or only half."""


@dataclass(frozen=True)
class Credential(httpx2.Auth):
    """A token or `user:password`, and the one host it goes to, with or without its port."""

    host: str
    secret: str = field(repr=False)

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Sign the request. Refused elsewhere: read anonymously, a source would look emptied."""
        asked = request.url.netloc.decode("ascii")
        if self.host not in {request.url.host, asked}:
            message = f"a credential for {self.host} does not go to {asked}"
            raise OutboundRefused(message)
        request.headers["Authorization"] = self._header()
        yield request

    def _header(self) -> str:
        if ":" in self.secret:
            return f"Basic {b64encode(self.secret.encode()).decode()}"
        return f"Bearer {self.secret}"


def credential(name: str, environ: Mapping[str, str]) -> Credential:
    """Find `MODEL_CATALOG_SECRET_<name>` (or `…_FILE`), whose host an operator set too.

    The host keeps a source from naming what is no source's credential, such as `KEY`.
    Raises `CredentialUnset`.
    """
    variable = PREFIX + name
    host, path = environ.get(f"{variable}_HOST", "").strip(), environ.get(f"{variable}_FILE")
    secret = _read(path, f"{variable}_FILE") if path else environ.get(variable, "")
    if not host or not secret:
        message = f"set {variable} (or {variable}_FILE) and {variable}_HOST, the host it goes to"
        raise CredentialUnset(message)
    if not (secret.isascii() and secret.isprintable()):  # refused later, it would stand in an error
        message = f"{variable} holds a line end or a character that no header carries"
        raise CredentialUnset(message)
    return Credential(host.lower(), secret)


def _read(path: str, variable: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        message = f"{variable} cannot be read"
        raise CredentialUnset(message) from None
