"""Lets `Accept` choose what a suffix chooses: a list's own address answers its files too."""

from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from functools import cached_property
from re import Pattern
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers
from starlette.routing import compile_path

from service.exports.export import MEDIA, Form

SUFFIX: Final = ".{form}"
JSON: Final = "application/json"
OFFERED: Final = {  # the first of equals wins
    JSON: None, "application/*": None, "*/*": None,
    **{media.partition(";")[0]: form for form, media in MEDIA.items()},
    "application/jsonl": Form.JSONL, "text/*": Form.CSV,
}  # fmt: skip

Scope = MutableMapping[str, Any]
App = Callable[..., Awaitable[None]]


class Negotiated:
    """Rewrites the address of a list to that of the representation that is asked for."""

    def __init__(self, app: App, *, of: FastAPI) -> None:
        """Knows the lists by the routes that end in a form."""
        self.app, self.of = app, of

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:  # noqa: PLR0917  # ASGI
        """Hand on, under the address that says it."""
        if scope["type"] == "http" and scope["method"] == "GET":
            form = accepted(Headers(scope=scope).getlist("accept"))
            if form is not None and any(p.match(scope["path"]) for p in self.lists):
                scope = {**scope, "path": f"{scope['path']}.{form}"}
        await self.app(scope, receive, send)

    @cached_property
    def lists(self) -> tuple[Pattern[str], ...]:
        """The addresses of lists that have other representations."""
        paths = {context.path for context in iter_route_contexts(self.of.routes) if context.path}
        plain = (path.removesuffix(SUFFIX) for path in paths if path.endswith(SUFFIX))
        return tuple(compile_path(path)[0] for path in sorted(plain))


def accepted(headers: list[str]) -> Form | None:
    """The representation that is liked best; None is JSON, also when none of ours is liked."""
    liked = [one for header in headers for one in _weighed(header)]
    best = max((weight for _, weight in liked), default=0.0)
    if not best:
        return None
    names = {media for media, weight in liked if weight == best}
    return next((form for media, form in OFFERED.items() if media in names), None)


def _weighed(header: str) -> Iterator[tuple[str, float]]:
    for part in header.split(","):
        media, *parameters = (text.strip().lower() for text in part.split(";"))
        stated = (p.removeprefix("q=") for p in parameters if p.startswith("q="))
        try:
            weight = float(next(stated, "1"))
        except ValueError:
            weight = 0.0
        if media in OFFERED:
            yield media, weight
