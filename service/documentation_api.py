"""The interactive documentation: one page, its script and its style, all from this package."""

from functools import cache
from importlib.resources import files
from typing import Final, Literal

from fastapi import APIRouter, Response

from service.routing import CatalogRoute, policy

router = APIRouter(tags=["documentation"], route_class=CatalogRoute, include_in_schema=False)
STATIC: Final = files("service") / "static"
MEDIA: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
KEPT: Final = {"Cache-Control": "public, max-age=300"}


@router.get("/docs")
@policy("public")
def get_documentation() -> Response:
    """A page that shows the interface and sends requests to it."""
    return asset("html")


@router.get("/docs/page.{kind}")
@policy("public")
def get_documentation_asset(kind: Literal["css", "js", "svg"]) -> Response:
    """The page's script, style and icon: the content policy allows no others."""
    return asset(kind)


def asset(kind: str) -> Response:
    """A part of the page."""
    return Response(read(kind), media_type=MEDIA[kind], headers=KEPT)


@cache
def read(kind: str) -> bytes:
    """A part of the page, as it is installed."""
    return (STATIC / f"docs.{kind}").read_bytes()
