"""Pages of a list: keyset, so that no row is skipped or repeated; tokens are signed and bound."""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import Depends, Request, Response
from sqlmodel import Session

from schemas.catalog import Page
from schemas.queries import ListQuery
from service.catalog.counts import counted
from service.catalog.listings import Listing, Selection
from service.catalog.sorting import after
from service.errors import BadRequest

PURPOSE: Final = b"model-catalog page token"
NOW: Final = sa.select(sa.func.now())


class PageTokenRefused(BadRequest):
    """The page token is not one of this list.

    It belongs to one caller and one set of filters, and cannot be edited; begin without it.
    """


class Pager:
    """Signs and reads page tokens; the key derives from the service's secret."""

    def __init__(self, secret_key: str) -> None:
        """Derive a key for this purpose alone."""
        self._key = hmac.digest(secret_key.encode(), PURPOSE, "sha256")

    def sign(self, last: Sequence[str], bound: str) -> str:
        """The token of the page after a row."""
        body = json.dumps([bound, last]).encode()
        signature = hmac.digest(self._key, body, "sha256")[:16]
        return base64.urlsafe_b64encode(signature + body).decode().rstrip("=")

    def read(self, token: str, bound: str) -> list[str]:
        """The row after which the page begins. Raises `PageTokenRefused`."""
        try:
            body = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))[16:]
            stated, last = json.loads(body)
            signed = self.sign(last, stated)
        except (ValueError, TypeError, RecursionError):
            raise PageTokenRefused from None
        if not hmac.compare_digest(signed, token) or stated != bound:
            raise PageTokenRefused
        return [str(value) for value in last]


class Pages:
    """Reads pages for one request; the next page's address stands in `Link` too."""

    def __init__(self, request: Request, response: Response) -> None:
        """Tokens are signed by the application's pager."""
        self.pager: Pager = request.app.state.pager
        self.request, self.response = request, response

    def read_page(
        self, session: Session, found: Selection, *, asked: ListQuery, listing: Listing
    ) -> Page[Any]:
        """One page of a list, the token of the next, and what is counted of all that matches."""
        bound, size = _bound(asked, found, path=self.request.url.path), int(asked.page_size)
        rows = found.rows
        if asked.page_token is not None:
            rows = rows.where(after(found.keys, self.pager.read(asked.page_token, bound)))
        keys = [key.written.label(f"key_{n}") for n, key in enumerate(found.keys)]
        query = rows.add_columns(*keys, sa.func.now().label("now")).limit(size + 1)
        read = session.execute(query).mappings().all()
        now = read[0]["now"] if read else session.execute(NOW).scalar_one()
        return listing.page(
            as_of=asked.as_of or now,
            items=tuple(listing.as_row(row) for row in read[:size]),
            next_page_token=self._next(read, size, bound=bound, keys=len(keys)),
            **counted(session, found, asked=asked),
        )

    def _next(
        self, read: Sequence[sa.RowMapping], size: int, *, bound: str, keys: int
    ) -> str | None:
        """The token of the next page, if there is one."""
        if len(read) <= size:
            return None
        token = self.pager.sign([read[size - 1][f"key_{n}"] for n in range(keys)], bound)
        self.response.headers["Link"] = f'<{self._address(token)}>; rel="next"'
        return token

    def _address(self, token: str) -> str:
        """Relative: no host name that a client sent is repeated."""
        there = self.request.url.include_query_params(page_token=token)
        return f"{there.path}?{there.query}"


def _bound(asked: ListQuery, found: Selection, *, path: str) -> str:
    """What a token is good for: one list, one set of filters, one order, one caller.

    And one spelling of what is searched: a new word in the catalog may change what it means.
    """
    apart = {"page_token", "page_size", "count", "facet"}
    stated = asked.model_dump(mode="json", exclude=apart, exclude_none=True)
    text = json.dumps([path, stated, found.search, found.view.caller.id], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


Paged = Annotated[Pages, Depends(Pages)]
