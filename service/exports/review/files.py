"""The files of a bundle by name, and how each one's rows are read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from schemas.review_columns import COMPANIONS, MAIN, File
from service.exports.review.asking import write_questions
from service.exports.review.changes import select_changes
from service.exports.review.controls import select_controls
from service.exports.review.corrections import select_corrections
from service.exports.review.datasets import select_datasets
from service.exports.review.deployments import select_deployments
from service.exports.review.findings import select_findings
from service.exports.review.models import select_models_file, select_osfi
from service.exports.review.omb import FINISH, select_omb
from service.exports.review.reading import Reading
from service.exports.review.reviews import select_reviews
from service.exports.review.standing import write_review_state
from service.exports.review.unknowns import select_unknowns
from service.exports.review.uses import select_uses
from service.exports.review.versions import select_versions
from service.exports.review.waivers import select_waivers

FETCHED: Final = 500  # rows at once
Record = Sequence[str]


class Source(NamedTuple):
    """How the records of a file are read: a select of texts, and what Python writes into some.

    `finish` makes the cell of a column of what was selected for it, which is JSON or empty.
    """

    select: Callable[[Reading], sa.Select[Any]]
    finish: Mapping[str, Callable[[Reading, str], str]] = {}


SOURCES: Final[Mapping[str, Source]] = {
    "models": Source(select_models_file, {"ask_next": write_questions}),
    "osfi-e23": Source(select_osfi),
    "omb-2025": Source(select_omb, FINISH),
    "uses": Source(select_uses, {"ask_next": write_questions}),
    "versions": Source(select_versions, {"review_state": write_review_state}),
    "deployments": Source(select_deployments),
    "datasets": Source(select_datasets),
    "changes_since": Source(select_changes),
    "controls": Source(select_controls),
    "corrections": Source(select_corrections),
    "findings": Source(select_findings),
    "reviews": Source(select_reviews),
    "unknowns": Source(select_unknowns),
    "waivers": Source(select_waivers),
}
FILES: Final[Mapping[str, File]] = {one.name: one for one in (*MAIN.values(), *COMPANIONS)}


def read_file(reading: Reading, file: File) -> Iterator[Record]:
    """The records of a file in its order, a few hundred in memory."""
    source = SOURCES[file.name]
    names = [column.name for column in file.columns]
    finish = {names.index(name): made for name, made in source.finish.items()}
    options = {"yield_per": FETCHED}
    with reading.session.execute(source.select(reading), execution_options=options) as found:
        for row in found:
            record = list(row)
            for place, made in finish.items():
                record[place] = made(reading, record[place])
            yield record


def count_records(reading: Reading, file: File) -> int:
    """How many records a file has."""
    rows = SOURCES[file.name].select(reading).order_by(None).subquery("every")
    counted = sa.select(sa.func.count()).select_from(rows)
    found: int = reading.session.execute(counted).scalar_one()
    return found
