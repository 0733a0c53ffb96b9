"""Pages of a list: keyset, so that no row is skipped or repeated; tokens are signed and bound."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, TypeVar

import sqlalchemy as sa
from fastapi import Depends, Request, Response
from pydantic import BaseModel
from sqlmodel import Session

from schemas.catalog import Page, Paging
from service.access.policy import Caller
from service.errors import BadRequest

PURPOSE: Final = b"model-catalog page token"
NOW: Final = sa.select(sa.func.now())
Row = TypeVar("Row", bound=BaseModel)


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

    def read_page(  # everything that a page depends on
        self,
        session: Session,
        rows: sa.Select[Any],
        *,
        asked: Paging,
        caller: Caller,
        order: Sequence[sa.ColumnElement[Any]],
        as_row: Callable[[sa.RowMapping], Row],
    ) -> Page[Row]:
        """One page of a list, and the token of the next."""
        bound, size = _bound(asked, caller), int(asked.page_size)
        if asked.page_token is not None:
            after = zip(order, self.pager.read(asked.page_token, bound), strict=True)
            last = [sa.cast(value, column.type) for column, value in after]
            rows = rows.where(sa.tuple_(*order) > sa.tuple_(*last))
        keys = [column.label(f"key_{n}") for n, column in enumerate(order)]
        query = rows.add_columns(*keys, sa.func.now().label("as_of")).limit(size + 1)
        found = session.execute(query).mappings().all()
        token = None
        if len(found) > size:
            reached = [str(found[size - 1][f"key_{n}"]) for n in range(len(keys))]
            token = self.pager.sign(reached, bound)
            self.response.headers["Link"] = f'<{self._address(token)}>; rel="next"'
        return Page[Row](
            as_of=found[0]["as_of"] if found else session.execute(NOW).scalar_one(),
            items=tuple(as_row(row) for row in found[:size]),
            next_page_token=token,
        )

    def _address(self, token: str) -> str:
        """Relative: no host name that a client sent is repeated."""
        there = self.request.url.include_query_params(page_token=token)
        return f"{there.path}?{there.query}"


def _bound(asked: Paging, caller: Caller) -> str:
    """What a token is good for: one list, one set of filters, one caller."""
    stated = asked.model_dump(mode="json", exclude={"page_token", "page_size"}, exclude_none=True)
    text = json.dumps([type(asked).__name__, stated, caller.id], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


Paged = Annotated[Pages, Depends(Pages)]
