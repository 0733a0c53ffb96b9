"""What is large is recorded as what is small: no length of a list breaks a batch."""

import pytest
import sqlalchemy as sa

from service.db import Database, DatabaseUnavailable
from service.errors import CatalogError
from service.ingest.tables import ObservationRow
from service.recordset import among
from tests.support.catalog import make_source, model, post, rows, version

LATER = "2026-11-21T12:00:00Z"


def test_model_with_many_versions_renamed(database: Database) -> None:
    """All of 6,000 versions follow their model's new name, and its batch loses nothing."""
    source = make_source(database)
    post(database, source, model())
    for start in range(0, 6_000, 1_000):
        post(database, source, *(version(number) for number in range(start, start + 1_000)))

    renamed = model(at=LATER)
    renamed["facts"]["name"] = "loyal"
    receipt = post(database, source, renamed, model("innocent", at=LATER))

    assert (receipt.recorded, receipt.refused) == (2, ())
    assert rows(
        database,
        "SELECT kind, regexp_replace(natural_key, '[0-9]+$', ''), count(*) FROM entry "
        "GROUP BY 1, 2 ORDER BY 1, 2",
    ) == [
        ("model", "retail/innocent", 1),
        ("model", "retail/loyal", 1),
        ("version", "retail/loyal/", 6_000),
    ]


def test_among_more_than_a_statement_binds(database: Database) -> None:
    """A list of ids may be longer than the parameters that PostgreSQL takes."""
    column = ObservationRow.__table__.c.id
    with database.reading() as session:
        found = session.execute(sa.select(column).where(among(column, range(70_000))))
        assert found.all() == []


def test_statement_refused_by_the_driver(database: Database) -> None:
    """What the driver cannot send is our fault: nobody is told that the database is away."""
    column = ObservationRow.__table__.c.id
    too_many = sa.select(column).where(column.in_(range(70_000)))
    with pytest.raises(CatalogError) as caught, database.reading() as session:
        session.execute(too_many)

    assert not isinstance(caught.value, DatabaseUnavailable)
    assert type(caught.value) is CatalogError
