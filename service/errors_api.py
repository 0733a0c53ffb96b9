"""The page of each error: `type` in an answer leads here."""

from fastapi import APIRouter

from schemas.strict import Closed, Count, Text
from service.errors import NotFound, explained, find_error, problems
from service.refusals import REFUSALS
from service.routing import CatalogRoute, policy

router = APIRouter(tags=["errors"], route_class=CatalogRoute)


class ErrorExplained(Closed):
    """What a code means, and what to do about it; one of a record has no status of its own."""

    code: Text
    status: Count | None
    title: Text
    detail: Text


@router.get("/errors/{code}", responses=problems(NotFound))
@policy("public")
def explain_error(code: str) -> ErrorExplained:
    """What an error, or the code of a refused record, means, and what to do about it."""
    return explanation(code)


def explanation(code: str) -> ErrorExplained:
    """The page of a code. Raises `NotFound`."""
    if code in REFUSALS:
        title, fix = REFUSALS[code]
        return ErrorExplained(code=code, status=None, title=title, detail=fix)
    said = explained(find_error(code))
    return ErrorExplained(code=said.code, status=said.status, title=said.title, detail=said.detail)
