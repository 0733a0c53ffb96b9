"""Pages of lists that are no entries: changes, harvests, refusals; tokens like everywhere."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from schemas.catalog import Page, Paging
from service.access.policy import Caller
from service.catalog.pages import NOW, Pages
from service.catalog.sorting import Key, after


class Keyset(NamedTuple):
    """What a list selects, in an order that begins anywhere, and how a row is shown."""

    query: sa.Select[Any]
    order: tuple[Key, ...]
    as_row: Callable[[sa.RowMapping], Any]


def read_keyset(
    session: Session, rows: Keyset, *, asked: Paging, caller: Caller, pages: Pages
) -> Page[Any]:
    """One page of what is selected, and the token of the next."""
    query, order, as_row = rows
    bound, size = bound_to(asked, caller, path=pages.request.url.path), int(asked.page_size)
    if asked.page_token is not None:
        query = query.where(after(order, pages.pager.read(asked.page_token, bound)))
    keys = [key.written.label(f"key_{n}") for n, key in enumerate(order)]
    ordered = query.order_by(None).order_by(*(key.ordered for key in order))
    limited = ordered.add_columns(*keys, sa.func.now().label("as_of")).limit(size + 1)
    found = session.execute(limited).mappings().all()
    token = None
    if len(found) > size:
        token = pages.pager.sign([found[size - 1][f"key_{n}"] for n in range(len(keys))], bound)
        link_next(pages, token)
    moment = getattr(asked, "as_of", None)  # not every list has a past
    return Page(
        as_of=moment or (found[0]["as_of"] if found else session.execute(NOW).scalar_one()),
        items=tuple(as_row(row) for row in found[:size]),
        next_page_token=token,
    )


def link_next(pages: Pages, token: str) -> None:
    """Name the next page in the answer's head too."""
    there = pages.request.url.include_query_params(page_token=token)
    pages.response.headers["Link"] = f'<{there.path}?{there.query}>; rel="next"'


def bound_to(asked: Paging, caller: Caller, *, path: str) -> str:
    """What a token is good for: one list, one set of filters, one caller."""
    stated = asked.model_dump(mode="json", exclude={"page_token", "page_size"}, exclude_none=True)
    text = json.dumps([path, stated, caller.id], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
