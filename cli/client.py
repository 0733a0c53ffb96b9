"""The commands' way to the service: its address, the token, and errors as exit codes."""

import os
from pathlib import Path
from typing import Any, Final

import httpx2

from cli.exits import Exit, Stop

TIMEOUT: Final = 60.0
CODES: Final = {401: Exit.NOT_ALLOWED, 403: Exit.NOT_ALLOWED, 404: Exit.NOT_FOUND,
                409: Exit.CONFLICT, 412: Exit.CONFLICT, 422: Exit.WRONG_USE,
                400: Exit.WRONG_USE}  # fmt: skip


def service_url() -> str:
    """Where the service is."""
    return os.environ.get("MODEL_CATALOG_URL", "http://127.0.0.1:8010").rstrip("/")


def service_token() -> str:
    """The token, from the environment or a file; never an argument."""
    if path := os.environ.get("MODEL_CATALOG_TOKEN_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    token = os.environ.get("MODEL_CATALOG_TOKEN", "")
    if not token:
        raise Stop(
            "MODEL_CATALOG_TOKEN is not set: put a token there, or its file's path into "
            "MODEL_CATALOG_TOKEN_FILE; `model-catalog token create` makes one.",
            Exit.NOT_ALLOWED,
        )
    return token


class Client:
    """Asks the service; what it refuses ends the command."""

    def __init__(self, url: str, token: str) -> None:
        """Send the token with every request, and follow no redirect."""
        self.http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT,
            trust_env=False,
        )

    @classmethod
    def from_environment(cls) -> "Client":
        """The service and token that the environment names."""
        return cls(service_url(), service_token())

    def get(self, path: str, **params: Any) -> Any:
        """Read JSON."""
        return self._answer("GET", path, params=params).json()

    def post(self, path: str, body: Any) -> Any:
        """Send JSON, read JSON."""
        return self._answer("POST", path, json=body).json()

    def put(self, path: str, body: Any, **params: Any) -> Any:
        """Send JSON, read JSON."""
        return self._answer("PUT", path, json=body, params=params).json()

    def delete(self, path: str) -> None:
        """Delete."""
        self._answer("DELETE", path)

    def download(self, path: str, target: Any, **params: Any) -> None:
        """Copy an answer's bytes to an open file."""
        try:
            with self.http.stream("GET", path, params=params) as answer:
                if answer.is_error:
                    answer.read()
                    raise refusal(answer)
                for chunk in answer.iter_bytes():
                    target.write(chunk)
        except httpx2.TransportError as error:
            raise unreachable(error) from None

    def _answer(self, method: str, path: str, **options: Any) -> httpx2.Response:
        try:
            answer = self.http.request(method, path, **options)
        except httpx2.TransportError as error:
            raise unreachable(error) from None
        if answer.is_error:
            raise refusal(answer)
        return answer


def unreachable(error: Exception) -> Stop:
    """The service did not answer."""
    return Stop(
        f"The catalog at {service_url()} does not answer ({type(error).__name__}); is it running, "
        "and is MODEL_CATALOG_URL right?",
        Exit.UNAVAILABLE,
    )


def refusal(answer: httpx2.Response) -> Stop:
    """What the service said, in its own words."""
    code = CODES.get(answer.status_code, Exit.UNAVAILABLE)
    try:
        problem = answer.json()
        lines = [f"{problem['title']} {problem['detail']}"]
        lines += [f"  {e['pointer']}: {e['message']} {e['fix']}" for e in problem["errors"]]
    except (ValueError, KeyError, TypeError):
        return Stop(f"The catalog answered {answer.status_code}, not in its own form.", code)
    return Stop("\n".join(lines), code)
