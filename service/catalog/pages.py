"""Pages of a list: keyset, so that no row is skipped or repeated; tokens are signed and bound."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from pydantic import BaseModel
from sqlmodel import Session

from schemas.catalog import Page
from service.access.policy import Caller
from service.errors import BadRequest

PURPOSE: Final = b"model-catalog page token"
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

    def read_page(  # noqa: PLR0913  # everything that a page depends on
        self,
        session: Session,
        rows: sa.Select[Any],
        *,
        asked: BaseModel,
        caller: Caller,
        order: Sequence[sa.ColumnElement[Any]],
        as_row: Callable[[sa.RowMapping], Row],
    ) -> Page[Row]:
        """One page of a list, and the token of the next."""
        bound = self._bound(asked, caller)
        token, size = getattr(asked, "page_token", None), int(getattr(asked, "page_size", "100"))
        if token is not None:
            rows = rows.where(sa.tuple_(*order) > sa.tuple_(*self._read(token, bound, order)))
        keys = [column.label(f"key_{n}") for n, column in enumerate(order)]
        query = rows.add_columns(*keys, sa.func.now().label("as_of")).limit(size + 1)
        found = session.execute(query).mappings().all()
        shown, more = found[:size], len(found) > size
        last = [str(shown[-1][f"key_{n}"]) for n in range(len(keys))] if more else None
        as_of = found[0]["as_of"] if found else session.execute(sa.select(sa.func.now())).scalar()
        return Page[Row](
            as_of=as_of,
            items=tuple(as_row(row) for row in shown),
            next_page_token=self._sign(last, bound) if last else None,
        )

    def _bound(self, asked: BaseModel, caller: Caller) -> str:
        stated = asked.model_dump(mode="json", exclude={"page_token", "page_size"}, exclude_none=True)
        text = json.dumps([type(asked).__name__, stated, caller.id], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _sign(self, last: Sequence[str], bound: str) -> str:
        body = json.dumps([bound, last]).encode()
        signature = hmac.digest(self._key, body, "sha256")[:16]
        return base64.urlsafe_b64encode(signature + body).decode().rstrip("=")

    def _read(
        self, token: str, bound: str, order: Sequence[sa.ColumnElement[Any]]
    ) -> list[sa.ColumnElement[Any]]:
        try:
            raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise PageTokenRefused from None
        signature, body = raw[:16], raw[16:]
        if not hmac.compare_digest(signature, hmac.digest(self._key, body, "sha256")[:16]):
            raise PageTokenRefused
        stated, last = json.loads(body)
        if stated != bound:
            raise PageTokenRefused
        return [sa.cast(value, column.type) for value, column in zip(last, order, strict=True)]
