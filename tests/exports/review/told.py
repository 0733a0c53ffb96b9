"""Files of a bundle as they are read: records by the names of their columns."""

from datetime import datetime
from typing import Any, Final

from schemas.identifiers import Kind
from schemas.neutral import taken_off
from schemas.queries import export_model
from service.access.policy import Caller, capabilities
from service.db import Database
from service.exports.review.files import FILES, read_file
from service.exports.review.reading import Moments, Reading
from tests.support.catalog import make_reader

Record = dict[str, str]
SCOPES: Final = frozenset({"entries:read", "exports:read"})
AUDITOR: Final = Caller("person", "token:auditor", "auditor", "auditor",
                        capabilities("auditor", SCOPES), None)  # fmt: skip
READER: Final = make_reader()


def read_records(
    database: Database, name: str, when: str, /, *, by: Caller = AUDITOR, **asked: Any
) -> list[Record]:
    """A file at a moment, by default for somebody who may read notes.

    `since` and `known` are other moments; what else is asked for are filters.
    """
    since, known = (asked.pop(one, None) for one in ("since", "known"))
    at = datetime.fromisoformat(when)
    moments = Moments(at, datetime.fromisoformat(known) if known else at,
                      datetime.fromisoformat(since) if since else None)  # fmt: skip
    file = FILES[name]
    names = [column.name for column in file.columns]
    with database.reading() as session:
        filters = export_model(Kind.MODEL)(**asked)
        reading = Reading(session, filters, caller=by, moments=moments)
        records = [dict(zip(names, one, strict=True)) for one in read_file(reading, file)]
    placed = [tuple(taken_off(one[key]) for key in file.order) for one in records]
    assert placed == sorted(set(placed))  # by code point, each once, as they were before any mark
    return records


def cells(records: list[Record], *names: str) -> list[tuple[str, ...]]:
    """Some columns of records."""
    return [tuple(one[name] for name in names) for one in records]
