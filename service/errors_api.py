"""The page of each error: `type` in an answer leads here."""

from collections.abc import Iterator

from fastapi import APIRouter

from schemas.strict import Closed, Count, Text
from service.errors import CatalogError, NotFound, as_problem, problems
from service.routing import CatalogRoute, policy

router = APIRouter(tags=["errors"], route_class=CatalogRoute)


class ErrorExplained(Closed):
    """What an error means, and what to do about it."""

    code: Text
    status: Count
    title: Text
    detail: Text


@router.get("/errors/{code}", responses=problems(NotFound))
@policy("public")
def explain_error(code: str) -> ErrorExplained:
    """What an error means, and what to do about it."""
    said = as_problem(find_error(code)(), trace_id="")
    return ErrorExplained(code=said.code, status=said.status, title=said.title, detail=said.detail)


def find_error(code: str) -> type[CatalogError]:
    """The error of a code. Raises `NotFound`."""
    found = next((e for e in known_errors(CatalogError) if e.code() == code), None)
    if found is None:
        raise NotFound
    return found


def known_errors(root: type[CatalogError]) -> Iterator[type[CatalogError]]:
    """An error and everything more precise than it."""
    yield root
    for error in root.__subclasses__():
        yield from known_errors(error)
