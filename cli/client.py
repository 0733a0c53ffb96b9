"""The commands' way to the service: its address, the token, and errors as exit codes."""

import os
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx2

from cli.exits import Exit, Stop

TIMEOUT: Final = 60.0
LONG: Final = 900.0
URL: Final = "MODEL_CATALOG_URL"
TOKEN: Final = "MODEL_CATALOG_TOKEN"  # noqa: S105  # a variable's name
CODES: Final = {401: Exit.NOT_ALLOWED, 403: Exit.NOT_ALLOWED, 404: Exit.NOT_FOUND,
                409: Exit.CONFLICT, 412: Exit.CONFLICT, 422: Exit.WRONG_USE,
                400: Exit.WRONG_USE, 413: Exit.WRONG_USE}  # fmt: skip


def service_url() -> str:
    """Where the service is."""
    url = os.environ.get(URL) or "http://127.0.0.1:8010"
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        parsed = httpx2.URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        message = f"{URL} must be an http or https address without user or password."
        raise Stop(message, Exit.WRONG_USE)
    return url.rstrip("/")


def service_token() -> str:
    """The token, from a file or the environment; never an argument."""
    token, place = os.environ.get(TOKEN, "").strip(), TOKEN
    if path := os.environ.get(f"{TOKEN}_FILE"):
        token, place = _read(path), path
    if not token:
        raise Stop(
            f"{place} holds no token: put one there, or its file's path into {TOKEN}_FILE; "
            "`model-catalog token create` makes one.",
            Exit.NOT_ALLOWED,
        )
    if not (token.isascii() and token.isprintable() and " " not in token):
        message = f"{place} holds something else than one token: mcat…, on a line of its own."
        raise Stop(message, Exit.NOT_ALLOWED)
    return token


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        message = f"The token file {path} cannot be read: {why}."
        raise Stop(message, Exit.WRONG_USE) from None


class Client:
    """Asks the service; what it refuses ends the command."""

    def __init__(self, url: str, token: str | None) -> None:
        """Send the token, if there is one, with every request, and follow no redirect."""
        self.http = httpx2.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=TIMEOUT,
            trust_env=False,
            verify=url.startswith("https:"),  # certificates take 20 ms to load
        )
        weakref.finalize(self, self.http.close)

    @classmethod
    def from_environment(cls) -> "Client":
        """The service and token that the environment names."""
        return cls(service_url(), service_token())

    def get(self, path: str, **params: Any) -> Any:
        """Read JSON."""
        return self._json("GET", path, params=params)

    def pages(self, path: str, **params: Any) -> Iterator[Any]:
        """Read a list's items, page by page, to its end."""
        paging = {"page_size": "1000"}
        while True:
            page = self.get(path, **(paging | params))
            yield from page["items"]
            if page["next_page_token"] is None:
                return
            paging["page_token"] = page["next_page_token"]

    def post(self, path: str, body: Any) -> Any:
        """Send JSON, read JSON."""
        return self._json("POST", path, json=body)

    def send(self, path: str, content: bytes, *, media: str, **params: Any) -> Any:
        """Send a file as it is, read JSON; it may take minutes."""
        told = {"headers": {"Content-Type": media}, "params": params, "timeout": LONG}
        return self._json("POST", path, content=content, **told)

    def put(self, path: str, body: Any, **params: Any) -> Any:
        """Send JSON, read JSON."""
        return self._json("PUT", path, json=body, params=params)

    def tag(self, path: str) -> str:
        """The tag of what stands there, which a change of it needs."""
        return str(self._answer("GET", path).headers.get("ETag", ""))

    def change(
        self, method: str, path: str, *, body: Any = None, match: str | None = "", **params: Any
    ) -> Any:
        """Change what was read if it still has this tag (None: if it is not there); reads JSON."""
        headers = {"If-Match": match} if match else {}
        headers |= {"If-None-Match": "*"} if match is None else {}
        return self._json(method, path, json=body, params=params, headers=headers)

    def delete(self, path: str) -> None:
        """Delete."""
        self._answer("DELETE", path)

    def download(
        self, path: str, target: Any, *, advance: Callable[[int], None], **params: Any
    ) -> None:
        """Copy an answer's bytes to an open file; says how many came."""
        begun = False
        try:
            with self.http.stream("GET", path, params=params) as answer:
                if not answer.is_success:
                    answer.read()
                    raise refusal(answer)
                for chunk in answer.iter_bytes():
                    begun = True
                    target.write(chunk)
                    advance(len(chunk))
        except httpx2.TransportError as error:
            raise (broken_off if begun else unreachable)(error) from None

    def _json(self, method: str, path: str, **options: Any) -> Any:
        answer = self._answer(method, path, **options)
        try:
            return answer.json()
        except ValueError:
            raise refusal(answer) from None

    def _answer(self, method: str, path: str, **options: Any) -> httpx2.Response:
        try:
            answer = self.http.request(method, path, **options)
        except httpx2.TransportError as error:
            raise unreachable(error) from None
        if not answer.is_success:
            raise refusal(answer)
        return answer


def unreachable(error: Exception) -> Stop:
    """The service did not answer."""
    return Stop(
        f"The catalog at {service_url()} does not answer ({type(error).__name__}); is it running, "
        f"and is {URL} right?",
        Exit.UNAVAILABLE,
    )


def broken_off(error: Exception) -> Stop:
    """The service began to answer and did not come to the end."""
    return Stop(
        f"The catalog at {service_url()} broke off in the middle ({type(error).__name__}): what "
        "came is not the whole. Try again.",
        Exit.UNAVAILABLE,
    )


def refusal(answer: httpx2.Response) -> Stop:
    """What the service said, in its own words."""
    code = CODES.get(answer.status_code, Exit.UNAVAILABLE)
    try:
        problem = answer.json()
        lines = [f"{problem['title']} {problem['detail']}", *map(_place, problem["errors"])]
        if code is Exit.UNAVAILABLE:
            lines.append(f"trace id: {problem['trace_id']}")
    except (ValueError, KeyError, TypeError):
        return Stop(
            f"{service_url()} answered {answer.status_code}, but not as the catalog does: is "
            f"{URL} right?",
            Exit.UNAVAILABLE,
        )
    return Stop("\n".join(lines), code)


def _place(error: Any) -> str:
    message = str(error["message"]).rstrip(".")
    return f"  {error['pointer']}: {message}. {error['fix']}".rstrip()
